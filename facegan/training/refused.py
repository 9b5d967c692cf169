"""Removes a new run folder if an error ends the run before its first step."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from facegan.runs.folder import RunFolder
from facegan.training.gan import GAN


class NewFolder:
    """A context that removes the run folder on an error, if this run created it and no step has succeeded.

    A folder that existed before is not changed.

    Args:
        run_dir: the run folder.
        gan: GAN in training; if it has taken steps, the folder is kept.

    Attributes:
        folder: the `RunFolder`, once it exists; it also knows of steps that were undone.
    """

    folder: RunFolder | None = None

    def __init__(self, run_dir: Path, gan: GAN) -> None:
        self._run_dir, self._gan, self._is_ours = run_dir, gan, False
        self._missing = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]

    def locked(self) -> None:
        """Check that the folder is new. Call this with the lock held: another process may have created the folder."""
        with suppress(OSError):
            others = [path for path in self._run_dir.iterdir() if not path.name.startswith(".run.")]
            self._is_ours = self._run_dir in self._missing and not others

    def __enter__(self) -> NewFolder:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        trained = self._gan.step > 0 or (self.folder is not None and self.folder.has_steps)
        if isinstance(error, Exception) and self._is_ours and not trained:
            shutil.rmtree(self._run_dir, ignore_errors=True)
            with suppress(OSError):
                for folder in self._missing[1:]:
                    folder.rmdir()
