"""Checkpoint files, written atomically and verified when read.

A checkpoint is a `torch.save` file of a dict of tensors and plain values. `torch.load(weights_only=True)` can open it
without facegan. Unlike torch, this module verifies every CRC when it reads a file.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from facegan.errors import CheckpointError, DamagedCheckpoint, first_line
from facegan.files import write_atomic
from facegan.runs.upgrade import upgrade_state

SCHEMA = 4  # 1: of 0.1, without data and structure; 2: of 0.2, without epoch; 3: of 0.3, without adaptive augmentation
_GIANT = 2**28  # numbers in a tensor; tensors up to this size may be views of fewer numbers
KEEP = 3  # checkpoints kept in a folder


def save(state: dict[str, Any], path: str | Path) -> Path:
    """Write a state to a file atomically.

    Args:
        state: tensors, numbers, strings, lists, and dicts by name.
        path: the file.

    Returns:
        The path.

    Raises:
        DiskFullError: the disk is full.
        OSError: any other failure to write.
    """
    buffer = io.BytesIO()
    torch.save({"schema": SCHEMA, **state}, buffer)
    return write_atomic(path, buffer.getbuffer())


def load(path: str | Path) -> dict[str, Any]:
    """Load the verified state from a file, in the current format, with tensors on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, not a checkpoint, unsafe (it contains code, which is never
            run), or from a newer facegan.
    """
    path = Path(path)
    _verify(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} was refused: it contains Python code or objects, not only tensors and numbers. "
            "Use checkpoints written by facegan."
        ) from None
    except (RuntimeError, ValueError, KeyError, EOFError, TypeError, AttributeError) as error:
        raise DamagedCheckpoint(f"{path} is damaged ({first_line(error)}).") from None
    _check_sizes(state, path)
    if not isinstance(state, dict) or not isinstance(state.get("schema"), int):
        raise CheckpointError(f"{path} is not a facegan checkpoint: it has no schema number.")
    if state["schema"] > SCHEMA:
        raise CheckpointError(
            f"{path} was written by a newer facegan (schema {state['schema']}, but this version reads up to "
            f"{SCHEMA}). Upgrade facegan: pip install -U facegan."
        )
    return upgrade_state(state)


def save_step(state: dict[str, Any], folder: str | Path, step: int) -> Path:
    """Write `folder/step_000060.pt` for step 60. Of the earlier checkpoints, the last two are kept, or all.

    All are kept if the state's config has `keep_checkpoints="all"`. Returns the path; errors are those of `save`.
    """
    path = save(state, Path(folder) / f"step_{step:06d}.pt")
    if state.get("config", {}).get("keep_checkpoints") != "all":
        for old in list(numbered(folder, ".pt").values())[:-KEEP]:
            old.unlink(missing_ok=True)
    return path


def load_latest(folder: str | Path, *, set_aside: bool = False) -> dict[str, Any] | None:
    """Load the newest intact checkpoint (by step, not by date).

    A damaged checkpoint is skipped with a warning.

    Args:
        folder: folder of the checkpoints.
        set_aside: whether to rename damaged checkpoints, to `step_000060.pt.damaged`, so that a run that resumes from
            an earlier checkpoint does not overwrite them.

    Returns:
        The state; None if there is no checkpoint.

    Raises:
        CheckpointError: all are damaged, or the newest is intact but refused (unsafe, or from a newer facegan).
    """
    failures: dict[Path, DamagedCheckpoint] = {}
    for path in reversed(numbered(folder, ".pt").values()):
        try:
            state = load(path)
        except DamagedCheckpoint as error:
            failures[path] = error
            if not set_aside:
                warnings.warn(f"{error} Using the checkpoint before it.", stacklevel=2)
            continue
        for damaged, failure in failures.items() if set_aside else ():
            warnings.warn(f"{failure}{_set_aside(damaged)} Using the checkpoint before it.", stacklevel=2)
        return state
    if failures:
        raise DamagedCheckpoint(
            f"no checkpoint in {folder} can be read; the newest: {next(iter(failures.values()))}"
        )
    return None


def _set_aside(path: Path) -> str:
    """Rename a damaged file to the next free name; returns a sentence for the warning."""
    names = (path.with_name(f"{path.name}.damaged{f'-{k}' * (k > 0)}") for k in range(10_000))
    try:
        return f" It is now {path.rename(next(new for new in names if not new.exists())).name}."
    except OSError:
        return ""


@contextmanager
def contents_of_a_run() -> Iterator[None]:
    """A context that raises `CheckpointError` if an entry of a checkpoint is missing or wrong."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"this is not a checkpoint of a facegan run ({error}).") from None


def on_cpu(tree: Any) -> Any:
    """Copy a state dict's tensors to the CPU, so that any machine can load the file."""
    if isinstance(tree, dict):
        return {key: on_cpu(branch) for key, branch in tree.items()}
    if isinstance(tree, list):
        return [on_cpu(branch) for branch in tree]
    return tree.cpu() if isinstance(tree, torch.Tensor) else tree


def numbered(folder: str | Path, suffix: str) -> dict[int, Path]:
    """The files `step_000060.pt` (or with another suffix) in a folder, by step, ascending. Other files are ignored."""
    paths = {p.stem.removeprefix("step_"): p for p in Path(folder).glob(f"step_*{suffix}")}
    return dict(sorted((int(step), path) for step, path in paths.items() if step.isdigit()))


def _verify(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            exported = any(name.endswith("/constants.pkl") for name in archive.namelist())
            unpacked = sum(member.file_size for member in archive.infolist())
            larger = unpacked > path.stat().st_size  # torch.save compresses nothing
            damaged = None if exported or larger else archive.testzip()
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}. Check the path.") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from None
    except Exception as error:  # zipfile raises many kinds of errors on damaged bytes
        raise DamagedCheckpoint(f"{path} {_what_it_is(path, error)}.") from None
    if exported:
        raise CheckpointError(f"{path} is a TorchScript network; load it with torch.jit.load.")
    if larger:
        raise DamagedCheckpoint(
            f"{path} is damaged, or was not written by facegan: it has {path.stat().st_size:,} bytes and unpacks to "
            f"{unpacked:,}."
        )
    if damaged:
        raise DamagedCheckpoint(f"{path} is damaged (wrong checksum in {damaged}).")


def _check_sizes(tree: Any, path: Path) -> None:
    """Raise `CheckpointError` if a very large tensor is larger than the file, such as an expanded single number."""
    if isinstance(tree, torch.Tensor) and tree.numel() > max(path.stat().st_size, _GIANT):
        raise CheckpointError(
            f"{path} was refused: it has {path.stat().st_size:,} bytes and a tensor of {tree.numel():,} numbers. Use "
            "checkpoints written by facegan."
        )
    for branch in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list | tuple) else ():
        _check_sizes(branch, path)


def _what_it_is(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return "is empty"
    if head.lstrip().startswith(b"<"):
        return "is a web page, not a checkpoint; the download failed"
    if head.startswith(b"PK"):
        return f"is damaged or truncated ({first_line(error)})"
    return "is not a facegan checkpoint"
