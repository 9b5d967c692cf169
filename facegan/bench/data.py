"""Measures how fast this machine loads batches from an archive of faces.

The alternative is to unzip the archive for torchvision's ImageFolder and a DataLoader with two workers, as in PyTorch's
DCGAN example. The two are measured alternately. Times are in seconds. Noise only increases times, so ratios compare the
best of several rounds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from facegan import files
from facegan.bench.dcgan_example import image_folder
from facegan.bench.table import aligned
from facegan.data import cache
from facegan.data.load import load_faces
from facegan.data.synthetic import synthetic_faces
from facegan.errors import DataError
from facegan.images import png_bytes

BATCH_SIZE = 128
_SYNTHETIC = 3_000  # number of faces in the archive that is created if none is given
Times = dict[str, float]


def bench_data(archive: Path | None = None, *, size: int = 64, rounds: int = 3) -> dict[str, Any]:
    """Measure the time from an archive to batches of 128, with facegan and with ImageFolder.

    Args:
        archive: a .zip of faces; drawn faces if None.
        size: side of the images in pixels.
        rounds: number of measurements of each method.

    Returns:
        `what`, a description; `rounds`; `seconds` (row -> method -> one time per round); and `memory` (bytes by name).

    Raises:
        DataError: there is no such zip, or it has fewer than 128 faces.
    """
    with temporary_archive(archive, size) as place:
        ways = {"facegan": lambda: _ours(place, size), "ImageFolder": lambda: _peer(place, size)}
        seconds = _interleaved(ways, rounds)
        count = len(load_faces(place, size))
        memory = _memory(place, size)
    return {
        "what": f"{count:,} faces at {size} px, batches of {BATCH_SIZE}",
        "rounds": rounds,
        "seconds": seconds,
        "memory": memory,
    }


@contextmanager
def temporary_archive(archive: Path | None, size: int) -> Iterator[Path]:
    """A context with a copy of the archive, or an archive of drawn faces, in a temporary folder.

    The copy and its caches are deleted at the end.

    Raises:
        DataError: the archive is not a zip.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "faces.zip"
        _copy(archive, place) if archive else _pack_synthetic(place, size)
        try:
            yield place
        finally:
            remove_caches(place)
            for caches in cache.folders():
                for lock in caches.glob(f".{cache.label_of(place)}-*.lock"):
                    lock.unlink()


def remove_caches(source: Path) -> None:
    """Delete the decoded faces of a zip or `.npy`, so that the next load decodes it again."""
    for path in cache.caches_of(source):
        path.unlink()
        files.invalidate(path)


def _interleaved(ways: dict[str, Callable[[], Times]], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Run every method once per round; returns times by row and method."""
    from tqdm.auto import trange

    seconds: dict[str, dict[str, list[float]]] = {}
    for _ in trange(rounds, desc="rounds", unit="round"):
        for way, measure in ways.items():
            for row, value in measure().items():
                seconds.setdefault(row, {}).setdefault(way, []).append(value)
    return seconds


def table(result: dict[str, Any]) -> list[str]:
    """Format the result of `bench_data` as lines: best and median time per method, and the ratio of the best times."""
    seconds = result["seconds"]
    ways = list(next(iter(seconds.values())))
    rows = [["seconds, best (median)", *ways, "ratio"]]
    for row, times in seconds.items():
        told = {way: f"{min(t):.3f} ({statistics.median(t):.3f})" for way, t in times.items()}
        ratio = f"{min(times[ways[1]]) / min(times[ways[0]]):.1f} x" if len(times) == 2 else ""
        rows.append([row, *(told.get(way, "") for way in ways), ratio])
    lines = [result["what"], *aligned(rows)]
    if memory := result["memory"]:
        array, growth = (f"{value / 1e6:,.0f} MB" for value in memory.values())
        lines.append(f"memory: the array takes {array}; decoding it into its cache took {growth}")
    return lines


def _ours(archive: Path, size: int) -> Times:
    remove_caches(archive)
    return _times(*[lambda: load_faces(archive, size).batches(BATCH_SIZE)] * 2)


def _peer(archive: Path, size: int) -> Times:
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:

        def unpack_and_open() -> Iterable:
            with zipfile.ZipFile(archive) as file:
                file.extractall(Path(folder) / "faces")
            return open_again()

        def open_again() -> Iterable:
            return image_folder(folder, size=size, batch_size=BATCH_SIZE)

        return _times(unpack_and_open, open_again)


def _times(open_first: Callable[[], Iterable], open_again: Callable[[], Iterable]) -> Times:
    """Measure the seconds until batches are available, when data are opened for the first time and again."""
    start = time.perf_counter()
    first = iter(open_first())
    next(first)
    begun = time.perf_counter()
    _use_up(first)
    ended = time.perf_counter()
    again = open_again()
    opened = time.perf_counter()
    second = iter(again)
    next(second)
    served = time.perf_counter()
    del second  # ends the loader's processes
    epoch = time.perf_counter()
    _use_up(again)
    return {
        "archive to first batch": begun - start,
        "archive to the end of an epoch": ended - start,
        "opening it again": opened - ended,
        "opened again, to first batch": served - ended,
        "a further epoch": time.perf_counter() - epoch,
    }


def _use_up(batches) -> None:
    for _ in batches:
        pass


def _copy(archive: Path, place: Path) -> None:
    if archive.suffix != ".zip" or not archive.is_file():
        raise DataError(f"{archive} is not a .zip file. Pass an archive of faces, or none for drawn faces.")
    place.write_bytes(archive.read_bytes())


def _pack_synthetic(place: Path, size: int) -> None:
    images, _ = synthetic_faces(_SYNTHETIC, size=size, seed=0)
    with zipfile.ZipFile(place, "w") as archive:
        for index, image in enumerate(images):
            archive.writestr(f"{index:06d}.png", png_bytes(torch.from_numpy(image)))


def _memory(archive: Path, size: int) -> dict[str, int] | None:
    """Bytes of the decoded array, and memory growth of a new process that decodes it; None if this is not Linux."""
    code = (
        "import sys, tqdm.auto, PIL.Image; from pathlib import Path\n"
        "from facegan.data import load_faces\n"
        "def peak():\n"
        "    line = next(x for x in open('/proc/self/status') if x.startswith('VmHWM'))\n"
        "    return int(line.split()[1]) * 1024\n"
        "Path('/proc/self/clear_refs').write_text('5')\n"
        "before = peak(); faces = load_faces(sys.argv[1], int(sys.argv[2]))\n"
        "print(faces.images.nbytes, peak() - before)"
    )
    if not sys.platform.startswith("linux"):
        return None
    remove_caches(archive)
    command = [sys.executable, "-c", code, str(archive), str(size)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:  # no such counters in this container
        return None
    array, growth = map(int, done.stdout.split())
    return {"array": array, "growth while decoding": growth}
