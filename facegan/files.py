"""Atomic writes, digests, integrity records, and locks.

An integrity record has a file's SHA-256, and its size, dates, and inode at the last check. It is saved as
`.NAME.verified` next to the file. Computing the digest of a large file takes seconds; comparing the other values is
instant. A file is therefore read again only if its size, dates, or inode changed, or after a day.

`joblib` and `pooch` also store digests, but read the whole file at every check.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from facegan.errors import DiskFullError, printable

_DAY = 24 * 3600  # seconds for which an integrity record is trusted without reading the file
_TEMPORARY = ".writing-"


def write_atomic(path: str | Path, data: bytes | memoryview) -> Path:
    """Write `data` atomically: `path` has either its old contents or all of the new ones, even after a crash.

    The temporary file has a random name, so that an existing link is not followed.

    Args:
        path: the file to write.
        data: its new contents.

    Returns:
        The path.

    Raises:
        DiskFullError: the disk is full; the old contents are intact.
        OSError: `path` is a pipe or a device, or writing fails for another reason.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():  # for example, /dev/null
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(
                f"disk full: could not write {path} ({len(data) / 1e6:.1f} MB). Its previous contents are "
                "intact. Free some space, then run the same command again."
            ) from None
        if isinstance(error, OSError) and error.filename:
            error.filename = str(path)  # instead of the temporary file
        raise
    return path


@contextmanager
def continued(path: Path, offset: int) -> Iterator[IO[bytes]]:
    """Open a file for writing after its first `offset` bytes; with 0, create a new file. Links are not followed.

    Use this for temporary files with predictable names.

    Raises:
        OSError: the file is a link, a pipe, or a device, or has several hard links.
    """
    new = os.O_CREAT | os.O_EXCL if offset == 0 else 0
    flags = os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | new
    if new:
        path.unlink(missing_ok=True)
    with open(path, "wb", opener=lambda *_: _without_waiting(path, flags)) as file:
        if not _is_plain(os.fstat(file.fileno())):
            raise OSError(errno.EINVAL, "not a regular file with a single name", str(path))
        file.truncate(offset)
        file.seek(offset)
        yield file


def is_plain(path: Path) -> bool:
    """Whether `path` is a regular file with a single name, not a link, pipe, or device."""
    with contextlib.suppress(OSError):
        return _is_plain(path.lstat())
    return False


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _without_waiting(path: str | Path, flags: int) -> int:
    """An opener that does not wait for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def user_cache() -> Path:
    """The path of the folder `facegan` in the user's cache folder; it may not exist yet."""
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return Path(base or os.path.expanduser("~/.cache")) / "facegan"


def remove_temporaries(folder: str | Path) -> None:
    """Remove temporary files of `write_atomic` that a killed process left behind."""
    for path in Path(folder).glob(f"{_TEMPORARY}*"):
        path.unlink(missing_ok=True)


def digest(path: Path, kind: str = "sha256") -> str:
    """The hex digest of a file; `kind` is an algorithm of `hashlib`. Raises `OSError` if the file cannot be read."""
    found = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


def mark_verified(path: Path, notes: Any = None, *, sha256: str | None = None) -> None:
    """Record `path` as verified. If the record cannot be written, the file is read again at the next check.

    Args:
        path: the file.
        notes: any JSON value to keep in the record; see `notes_of`.
        sha256: the file's digest, if it is already known.
    """
    record = {"sha256": sha256 or digest(path), "notes": notes, **_stat_signature(path)}
    with contextlib.suppress(OSError, DiskFullError):
        write_atomic(_record_path(path), json.dumps(record).encode())


def is_verified(path: Path, *, thorough: bool = False) -> bool:
    """Whether `path` exists and matches its integrity record; if `thorough` is true, the file is always read."""
    record = _record(path)
    if record is None or not path.exists():
        return False
    now = _stat_signature(path)
    fresh = abs(now["time"] - record.get("time", 0)) < _DAY
    trusted = fresh or not os.access(path.parent, os.W_OK)  # a record in a read-only folder never expires
    if trusted and not thorough and record.get("file") == now["file"]:
        return True
    if digest(path) != record.get("sha256"):
        if _record(path) == record:  # another process may have replaced file and record
            invalidate(path)
        return False
    mark_verified(path, record.get("notes"), sha256=record["sha256"])
    return True


def notes_of(path: Path) -> Any:
    """The notes passed to `mark_verified`; None if there is no record."""
    return (_record(path) or {}).get("notes")


def invalidate(path: Path) -> None:
    """Delete the integrity record of `path`."""
    with contextlib.suppress(OSError):
        _record_path(path).unlink(missing_ok=True)


@contextmanager
def locked(target: Path, *, wait: bool = True) -> Iterator[None]:
    """A context that holds the lock `.NAME.lock` next to `target`; prints a message if it waits for another process.

    The lock is released when its process ends, even after a crash. Some file systems do not support locks. The body
    then runs without a lock, so it must create `target` atomically.

    Args:
        target: the file that the lock protects.
        wait: whether to wait if another process has the lock.

    Raises:
        BlockingIOError: another process has the lock, and `wait` is False.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise BlockingIOError(f"{lock.lock_file} is locked by another process") from None
        hint = f"if no other process is running, delete {lock.lock_file}"
        print(
            printable(f"waiting for another process that is writing {target.name} ({hint})."), file=sys.stderr
        )
        lock.acquire()
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a drive that was disconnected
            lock.release()


def _record_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _record(path: Path) -> dict[str, Any] | None:
    try:
        with open(_record_path(path), "rb", opener=_without_waiting) as file:
            record = json.load(file)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _stat_signature(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {
        "file": [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino],
        "time": time.time(),
    }
