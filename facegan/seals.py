"""A seal says that a file is whole: its digest, and how it looked on disk when that was last computed.

Reading the digest of a big file takes a second, comparing its looks nothing. So a sealed file is read
again only when its size, its dates or its place on disk changed, or after a day; a change of a single bit
is noticed then, and at once if it was written the ordinary way.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

_DAY = 24 * 3600


def digest(path: Path, kind: str = "sha256") -> str:
    """The hex digest of a file's bytes; `kind` as `hashlib` names it."""
    found = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


def seal(path: Path, notes: Any = None, *, sha256: str | None = None) -> None:
    """Vouch for `path` as it is now, and keep `notes` (anything JSON holds) with it, in `.NAME.seal`.

    Where that cannot be written, nothing is; the file is then simply read again next time.
    """
    record = {"sha256": sha256 or digest(path), "notes": notes, **_looks(path)}
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.sealing")
    with contextlib.suppress(OSError):
        with temporary.open("x") as file:
            json.dump(record, file)
        os.replace(temporary, _seal_of(path))


def is_whole(path: Path, *, thorough: bool = False) -> bool:
    """Whether `path` is there, sealed, and still what was sealed; `thorough` reads it all in any case."""
    record = _record(path)
    if record is None or not path.exists():
        return False
    now = _looks(path)
    fresh = abs(now["time"] - record.get("time", 0)) < _DAY
    trusted = fresh or not os.access(path.parent, os.W_OK)  # where no seal can be renewed, looks must do
    if trusted and not thorough and record.get("file") == now["file"]:
        return True
    if digest(path) != record.get("sha256"):
        if _record(path) == record:  # and not a new one, of a file made in the meantime
            break_seal(path)
        return False
    seal(path, record.get("notes"), sha256=record["sha256"])
    return True


def notes_of(path: Path) -> Any:
    """What was noted when `path` was sealed; None without a seal."""
    return (_record(path) or {}).get("notes")


def break_seal(path: Path) -> None:
    """Stop vouching for `path`."""
    with contextlib.suppress(OSError):
        _seal_of(path).unlink(missing_ok=True)


def _seal_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.seal")


def _record(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(_seal_of(path).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _looks(path: Path) -> dict[str, Any]:
    status = path.stat()
    file = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    return {"file": file, "time": time.time()}
