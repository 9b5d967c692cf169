"""Caches decoded faces as a verified, memory-mapped `.npy` file.

A cache is one uint8 array (N, 3, size, size). Caches are in `facegan.data.DATA_FOLDER`, or, if that cannot be written,
in the user's cache folder, but never in the folder of the photographs. A cache is written chunk by chunk, so it is
never in memory as a whole, and is then renamed atomically. One process builds it, and other processes wait. A corrupt
cache is detected and rebuilt.

A cache's name is LABEL-SIZEpx-CROP-KEY.npy. Caches whose names differ only in KEY have the same source; all but the
newest are outdated.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from facegan import data, files
from facegan.errors import printable

_TEMPORARY = ".building-"
_KEY = "[0-9a-f]{12}"


def folders() -> list[Path]:
    """The folders for caches, in the order in which they are tried."""
    return [Path(data.DATA_FOLDER), files.user_cache()]


def label_of(path: str | Path) -> str:
    """The beginning of the names of a path's caches; equal names in different folders have different labels."""
    place = os.path.abspath(path)
    name = os.fsencode(os.path.basename(place))[:60].decode(errors="ignore")
    return f"{name}@{hashlib.sha256(os.fsencode(place)).hexdigest()[:8]}"


def caches_of(source: str | Path) -> list[Path]:
    """The caches, of all sizes and crops, of a data set (by name), or of a folder or file (by path)."""
    from facegan.data.registry import SOURCES

    label = source if source in (*SOURCES, "synthetic") else label_of(Path(source).expanduser())
    name = re.compile(rf"{re.escape(label)}(-\d+|-cut)?-\d+px-[a-z0-9-]+-{_KEY}\.npy")
    found = (place.iterdir() for place in folders() if place.is_dir())
    return sorted(path for paths in found for path in paths if name.fullmatch(path.name))


def has_sizes_of(name: str) -> bool:
    """Whether there is a cache with this name for any image size."""
    pattern = re.compile(re.sub(r"-\d+px-", r"-\\d+px-", re.escape(name).replace("\\-", "-"), count=1))
    return any(
        pattern.fullmatch(path.name) for place in folders() if place.is_dir() for path in place.iterdir()
    )


def find(name: str) -> tuple[np.ndarray, dict] | None:
    """The cache `name`, as a memory-mapped array and its notes; None if it is missing or damaged."""
    return next(filter(None, (_open(place / name) for place in folders())), None)


def build(name: str, chunks: Callable[[dict], Iterator[np.ndarray]]) -> tuple[np.ndarray, dict]:
    """Build the cache `name`. If no folder can be written, warn and keep it in memory.

    Args:
        name: file name that ends in "-KEY.npy". Caches with another key are removed.
        chunks: function that fills a dict of notes (JSON values), which are stored next to the array, and yields the
            array's chunks, uint8 (k, 3, size, size).

    Returns:
        The array, memory-mapped, and its notes.
    """
    for place in folders():
        try:
            place.mkdir(parents=True, exist_ok=True)
            return _build(place / name, chunks)
        except OSError as error:
            reason = f"{place}: {error.strerror or error}"
    warnings.warn(
        f"images were decoded into memory, because no cache could be written ({reason}).", stacklevel=4
    )
    notes: dict = {}
    return np.concatenate(list(chunks(notes))), notes


def discard(name: str) -> None:
    """Delete a cache, so that it is rebuilt."""
    for path in (place / name for place in folders()):
        with contextlib.suppress(OSError):
            path.unlink()
            files.invalidate(path)


def _open(path: Path) -> tuple[np.ndarray, dict] | None:
    with contextlib.suppress(ValueError, OSError, EOFError):
        if files.is_verified(path) and (notes := files.notes_of(path)) is not None:
            return np.load(path, mmap_mode="c", allow_pickle=False), notes
    return None


def _build(path: Path, chunks: Callable[[dict], Iterator[np.ndarray]]) -> tuple[np.ndarray, dict]:
    with files.locked(_family(path)):
        _remove(path, rf"{_TEMPORARY}[0-9a-f]{{16}}-")  # of a killed process; requires the lock
        found = _open(path)
        if found is not None:  # another process was faster
            return found
        if path.exists():
            warnings.warn(f"the cache {printable(path.name)} is corrupt; building it again.", stacklevel=5)
        notes: dict = {}
        _write(path, chunks(notes))
        files.mark_verified(path, notes)
        _remove(path)
        return np.load(path, mmap_mode="c", allow_pickle=False), notes


def _write(path: Path, chunks: Iterator[np.ndarray]) -> None:
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


def _write_header(file, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _family(path: Path) -> Path:
    """The cache's path without the key."""
    return path.with_name(path.name.rpartition("-")[0])


def _remove(path: Path, prefix: str = "") -> None:
    """Delete the other caches of the family of `path`; with `prefix`, delete its temporary files."""
    name = re.compile(f"{prefix}{re.escape(_family(path).name)}-{_KEY}" + r"\.npy")
    for other in path.parent.iterdir():
        if other != path and name.fullmatch(other.name):
            with contextlib.suppress(OSError):  # fails on Windows if another process maps it
                other.unlink()
                files.invalidate(other)
