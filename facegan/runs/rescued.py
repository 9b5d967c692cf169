"""Records where files were saved if a run folder became unavailable.

There is one small file per run folder, in the user's cache, because the run folder itself cannot be written.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from facegan import files
from facegan.errors import CheckpointError, DiskFullError
from facegan.runs.checkpoint import numbered


def remember(run_dir: Path, saved_to: Path) -> None:
    """Record that the run in `run_dir` is now saved to another folder."""
    note = _note(run_dir)
    with suppress(OSError, DiskFullError):
        note.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomic(note, json.dumps({"run_dir": str(run_dir), "saved_to": str(saved_to)}).encode())


def forget(run_dir: Path) -> Path | None:
    """Remove the record of `remember`; returns the other folder if it still exists."""
    saved_to = _saved_to(run_dir)
    with suppress(OSError):
        _note(run_dir).unlink(missing_ok=True)
    return saved_to if saved_to and saved_to.is_dir() else None


def check_newest(run_dir: Path, step: int | None) -> None:
    """Raise `CheckpointError` if the run was saved elsewhere at a later step.

    Args:
        run_dir: the run folder.
        step: step of its newest checkpoint; None if there is none.
    """
    saved_to = _saved_to(run_dir)
    if saved_to is None:
        return
    newest = max(numbered(saved_to / "checkpoints", ".pt"), default=-1)
    if newest > (-1 if step is None else step):
        here = "has no checkpoint" if step is None else f"is at step {step}"
        raise CheckpointError(
            f"{run_dir} {here}, but {saved_to} has step {newest} of the same run, saved while {run_dir} was not "
            f"available. To continue from step {newest}, copy the contents of {saved_to} into {run_dir}, or use "
            f"run_dir={str(saved_to)!r}. To discard them, delete {saved_to}."
        )


def _saved_to(run_dir: Path) -> Path | None:
    try:
        return Path(json.loads(_note(run_dir).read_text())["saved_to"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(run_dir: Path) -> Path:
    key = hashlib.sha256(os.fsencode(run_dir.absolute())).hexdigest()[:16]
    return files.user_cache() / f"rescued-{key}.json"
