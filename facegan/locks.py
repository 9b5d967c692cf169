"""One process at a time: a lock beside the file that is being made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold `.NAME.lock` beside `target`; waits, and says so, while another process holds it.

    The lock ends with its process, however that dies. Where a file system knows no locks the body runs
    without one, so what it makes must still appear under its name in one step.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        hint = f"if there is none, delete {lock.lock_file}"
        print(f"another process is making {target.name}; waiting for it ({hint}).", file=sys.stderr)
        lock.acquire()
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        lock.release()
