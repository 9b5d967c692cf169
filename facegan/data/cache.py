"""Decoded faces on disk: one uint8 array (N, 3, size, size) in a `.npy`, sealed and memory-mapped.

A cache is written as its chunks come, so that it never stands in memory whole, and gets its name in one
step. One process builds it while others wait. A damaged cache is noticed by its seal and built again.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from facegan import files
from facegan.files import locked

_TEMPORARY = ".building-"


def cached(
    name: str, folders: Iterable[Path], chunks: Callable[[], Iterator[np.ndarray]], notes: list[str]
) -> np.ndarray:
    """The array cached under `name` in one of `folders`, made from `chunks()` when it is in none.

    `name` ends in "-FINGERPRINT.npy"; caches with another fingerprint are outdated and removed. `notes`
    are kept beside the array: what `chunks()` added to them, or what it did when the cache was made.
    Without a folder that can be written the array is made in memory, with a warning.
    """
    folders = list(dict.fromkeys(folders))
    for place in folders:
        found = find(place / name, notes)
        if found is not None:
            return found
    for place in folders:
        try:
            place.mkdir(exist_ok=True)
            return _build(place / name, chunks, notes)
        except OSError as error:
            reason = f"{place}: {error.strerror or error}"
    warnings.warn(f"decoded into memory, since no cache could be written ({reason}).", stacklevel=4)
    return np.concatenate(list(chunks()))


def find(path: Path, notes: list[str]) -> np.ndarray | None:
    """The cached array when it is there and whole, with its notes."""
    with contextlib.suppress(ValueError, OSError, EOFError):
        if files.is_verified(path):
            images = np.load(path, mmap_mode="c", allow_pickle=False)
            notes[:] = files.notes_of(path) or []
            return images
    return None


def _build(path: Path, chunks: Callable[[], Iterator[np.ndarray]], notes: list[str]) -> np.ndarray:
    with locked(_family(path)):
        _remove_temporaries(path)
        found = find(path, notes)
        if found is not None:  # another process was faster
            return found
        if path.exists():
            warnings.warn(f"the cache {path.name} is damaged or unfinished; building it again.", stacklevel=5)
        _write(path, chunks(), notes)
        _remove_outdated(path)
        return np.load(path, mmap_mode="c", allow_pickle=False)


def _write(path: Path, chunks: Iterator[np.ndarray], notes: list[str]) -> None:
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}-{path.name}")
    count, shape = 0, (3, 0, 0)
    try:
        with temporary.open("xb") as file:
            _write_header(file, (count, *shape))
            for chunk in chunks:
                file.write(np.ascontiguousarray(chunk).data)
                count, shape = count + len(chunk), chunk.shape[1:]
            file.seek(0)
            _write_header(file, (count, *shape))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    files.mark_verified(path, notes)


def _write_header(file, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _family(path: Path) -> Path:
    """The cache's path up to its fingerprint: what caches of the same source and size share."""
    return path.with_name(path.name.rpartition("-")[0])


def _remove_temporaries(path: Path) -> None:
    """What a killed process left of this cache; only the holder of its lock may."""
    name = re.compile(rf"{_TEMPORARY}[0-9a-f]{{16}}-{re.escape(_family(path).name)}-[0-9a-f]{{8,12}}\.npy")
    for other in path.parent.iterdir():
        if name.fullmatch(other.name):
            other.unlink(missing_ok=True)


def _remove_outdated(path: Path) -> None:
    name = re.compile(re.escape(_family(path).name) + r"-[0-9a-f]{8,12}\.npy")
    for other in path.parent.iterdir():
        if other != path and name.fullmatch(other.name):
            with contextlib.suppress(OSError):  # still mapped by someone, on Windows
                other.unlink()
                files.invalidate(other)
