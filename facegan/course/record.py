"""The record of a student's work: results, hints, reveals, and written answers.

    runs/answers/record.json

Without a folder of answers (`facegan.course.kept`), the record is kept in memory. Several open notebooks may write the
file, so it is read again before every change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from facegan.course import kept
from facegan.files import write_atomic

_memory: dict[str, dict[str, Any]] = {}


def section(name: str) -> dict[str, Any]:
    """Return a copy of one part of the record, such as 'results', 'hints', 'reveals', or 'written'; may be empty."""
    return dict(_read().get(name, {}))


def whole() -> dict[str, dict[str, Any]]:
    """Return a copy of the record."""
    return {name: dict(entries) for name, entries in _read().items() if isinstance(entries, dict)}


def put(name: str, key: str, value: Any) -> None:
    """Set `key` to `value`, any JSON value, in the part called `name`."""
    whole = _read()
    whole.setdefault(name, {})[key] = value
    if kept.folder is None:
        return
    try:
        kept.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(kept.folder / "record.json", json.dumps(whole, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        print(
            f"cannot write {kept.folder / 'record.json'}: {error.strerror}. Your answers stay in this session."
        )


def count(name: str, key: str) -> None:
    """Add 1 to the number `key` in the part called `name`."""
    put(name, key, section(name).get(key, 0) + 1)


def _read() -> dict[str, dict[str, Any]]:
    if kept.folder is None:
        return _memory
    try:
        found = json.loads((Path(kept.folder) / "record.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
