"""A run that is refused before its first step leaves no new folder behind."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from facegan.training.gan import GAN


class NewFolder:
    """A context that removes the run folder if the run creates it, and then raises before a first step has succeeded.

    A folder that was there before is left as it is.

    Args:
        run_dir: the run folder.
        gan: in training; one that has taken steps is worth keeping.
    """

    def __init__(self, run_dir: Path, gan: GAN) -> None:
        self._run_dir, self._gan, self._is_ours = run_dir, gan, False
        self._missing = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]

    def locked(self) -> None:
        """To be called when no other process can write to the folder, in case that one has created it meanwhile."""
        with suppress(OSError):
            others = [path for path in self._run_dir.iterdir() if path.suffix != ".lock"]
            self._is_ours = self._run_dir in self._missing and not others

    def __enter__(self) -> NewFolder:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, Exception) and self._is_ours and self._gan.step == 0:
            shutil.rmtree(self._run_dir, ignore_errors=True)
            with suppress(OSError):
                for folder in self._missing[1:]:
                    folder.rmdir()
