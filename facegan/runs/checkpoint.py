"""Checkpoints: one dict of tensors and plain values, written atomically, verified when read.

A checkpoint is a `torch.save` file that `torch.load(weights_only=True)` opens anywhere. Writing
goes to a fresh temporary and is renamed over the name only when it is on the disk; reading checks
every CRC, which torch itself does not. Knows nothing of networks or training.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from facegan.errors import CheckpointError, DamagedCheckpoint, first_line
from facegan.files import write_atomic

SCHEMA = 1
KEEP = 3  # checkpoints kept in a folder


def save(state: dict[str, Any], path: str | Path) -> Path:
    """Write `state` (tensors, numbers, strings, lists, dicts) to `path`; all of it or nothing.

    Raises `CheckpointError` when the disk is full; other I/O errors pass as `OSError`.
    """
    buffer = io.BytesIO()
    torch.save({"schema": SCHEMA, **state}, buffer)
    return write_atomic(path, buffer.getbuffer())


def load(path: str | Path) -> dict[str, Any]:
    """The verified state of one file, its tensors on the CPU, in this version's schema.

    Raises `CheckpointError` when the file is missing, damaged, not a checkpoint, hostile (code in
    it is refused, never run), or of a newer facegan.
    """
    path = Path(path)
    _verify(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} was refused: it holds Python code or objects, not only tensors and numbers. "
            "Use checkpoints from facegan, from people you trust."
        ) from None
    except (RuntimeError, ValueError, KeyError, EOFError, TypeError, AttributeError) as error:
        raise DamagedCheckpoint(f"{path} is damaged ({first_line(error)}).") from None
    if not isinstance(state, dict) or not isinstance(state.get("schema"), int):
        raise CheckpointError(f"{path} is no facegan checkpoint: it has no schema number.")
    return _check_schema(state, path)


def save_step(state: dict[str, Any], folder: str | Path, step: int) -> Path:
    """Write `folder/step_000060.pt` for step 60 and keep the last three."""
    path = save(state, Path(folder) / f"step_{step:06d}.pt")
    for old in list(numbered(folder, ".pt").values())[:-KEEP]:
        old.unlink(missing_ok=True)
    return path


def load_latest(folder: str | Path) -> dict[str, Any] | None:
    """The newest checkpoint (by step, not by date) that verifies; None when there is none.

    A damaged one is passed over with a warning. Raises `CheckpointError` when all are damaged, or when
    the newest is sound but refused (hostile, or of a newer facegan).
    """
    failures = []
    for path in reversed(numbered(folder, ".pt").values()):
        try:
            return load(path)
        except DamagedCheckpoint as error:
            failures.append(error)
            warnings.warn(f"{error} Going back to the checkpoint before it.", stacklevel=2)
    if failures:
        raise CheckpointError(f"no checkpoint in {folder} can be read; the newest: {failures[0]}")
    return None


def numbered(folder: str | Path, suffix: str) -> dict[int, Path]:
    """The files `step_000060.pt` (or another suffix) of a folder, by step, ascending; others are ignored."""
    paths = {p.stem.removeprefix("step_"): p for p in Path(folder).glob(f"step_*{suffix}")}
    return dict(sorted((int(step), path) for step, path in paths.items() if step.isdigit()))


def steps(folder: str | Path) -> list[int]:
    """Steps of the checkpoints in a folder, ascending."""
    return list(numbered(folder, ".pt"))


def _verify(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}.") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from None
    except Exception as error:  # zipfile raises many kinds on damaged bytes
        _refuse_foreign(path, error)
    if damaged:
        raise DamagedCheckpoint(f"{path} is damaged (wrong checksum in {damaged}).")


def _refuse_foreign(path: Path, error: Exception) -> None:
    head = path.open("rb").read(64)
    if not head:
        what = "is empty"
    elif head.lstrip().startswith(b"<"):
        what = "is a web page, not a checkpoint; the download went wrong"
    elif head.startswith(b"PK"):
        what = f"is damaged or cut short ({first_line(error)})"
    else:
        what = "is not a facegan checkpoint"
    raise DamagedCheckpoint(f"{path} {what}.") from None


def _check_schema(state: dict[str, Any], path: Path) -> dict[str, Any]:
    if state["schema"] > SCHEMA:
        raise CheckpointError(
            f"{path} was written by a newer facegan (schema {state['schema']}, this one reads up to "
            f"{SCHEMA}). Upgrade facegan: pip install -U facegan."
        )
    return state
