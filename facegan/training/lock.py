"""Prevents two processes from training in one run folder at the same time."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from facegan import files
from facegan.errors import CheckpointError, DiskFullError


@contextmanager
def only_training(run_dir: Path) -> Iterator[None]:
    """A context in which no other process, and no other `fit` of this process, trains in a run folder.

    The lock is released even if the process is killed. Host and process are recorded in `.run.owner`.

    Raises:
        CheckpointError: the folder is in use; the message names host and process.
    """
    note = run_dir / ".run.owner"
    with ExitStack() as stack:
        try:
            stack.enter_context(files.locked(run_dir / "run", wait=False))
        except BlockingIOError:
            raise CheckpointError(
                f"{_owner(note)} is still training in {run_dir}. Stop it, wait until it ends, or use another run_dir."
            ) from None
        with suppress(OSError, DiskFullError):
            files.write_atomic(note, json.dumps({"host": platform.node(), "pid": os.getpid()}).encode())
        try:
            yield
        finally:
            with suppress(OSError):
                note.unlink(missing_ok=True)


def _owner(note: Path) -> str:
    try:
        found = json.loads(note.read_text())
        host, pid = str(found["host"])[:80], int(found["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
    if (host, pid) == (platform.node(), os.getpid()):
        return f"this process ({pid} on {host})"
    return f"process {pid} on {host}"
