"""Decodes image files to square uint8 RGB arrays, on several threads.

Images are converted to RGB as follows: EXIF rotation is applied; transparent images are composited onto white; gray,
CMYK, and palette images are converted; the first frame of an animation is used; 16-bit gray is scaled to 8 bits.

Threads are used instead of a `DataLoader`, because Pillow decodes without the GIL, and threads need no pickling.
"""

from __future__ import annotations

import io
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

import numpy as np

from facegan.data import formats, jpeg
from facegan.data.archives import Photos
from facegan.data.crops import CENTER, Crop
from facegan.errors import DataError, first_line, printable

MAX_PIXELS = 100_000_000  # per image
DECODING_VERSION = 1  # increase it if the same photographs give different pixels, so that caches are rebuilt
MAX_BAD_SHARE = 0.01  # maximum fraction of unreadable images; see `most_bad`
FEW_BAD = 5  # number of unreadable images that is allowed in a small folder
_MOST_BAD_SHARE = 1 / 3  # maximum fraction of unreadable images in a small folder
_CUT = "cut off: a part of the picture is missing"
_GIANT = 25_000_000  # pixels of images that are decoded one at a time
_CHUNK = 64  # images decoded by a thread at a time
_PORTION = 4_000_000  # maximum bytes of an archive that are queued for a thread


class _Budget:
    """Limits the number of pixels in memory at once; a single image is always allowed."""

    def __init__(self, most: int) -> None:
        self._free = self._most = most
        self._changed = threading.Condition()

    @contextmanager
    def take(self, amount: int) -> Iterator[None]:
        amount = min(amount, self._most)
        with self._changed:
            self._changed.wait_for(lambda: amount <= self._free)
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()


_IN_MEMORY = _Budget(MAX_PIXELS)
_thread = threading.local()


class Unreadable(Exception):
    """An image cannot be used; the message is the reason."""


class _Giant(Exception):
    """A very large image. It is decoded outside of the pool, because each thread would keep memory for it."""


class NoFace(Unreadable):
    """An image is readable, but no face was found."""


def decode_all(
    photos: Photos, size: int, crop: Crop, skipped: dict[str, str], broken: dict[str, str] | None = None
) -> Iterator[np.ndarray]:
    """Decode all usable images, in order and in parallel.

    Args:
        photos: the image files.
        size: pixels a side of the results.
        crop: crop of each image.
        skipped: dict to fill with name -> reason for every image that cannot be used.
        broken: dict to fill with the entries of `skipped` that cannot be read; in the others, no face was found.

    Yields:
        Chunks, uint8 (k, 3, size, size).

    Raises:
        DataError: more images cannot be read than `most_bad` allows, or the archive is corrupt.
    """
    broken = {} if broken is None else broken
    title = printable(f"reading {photos.path.name}")
    for names, results in _in_parallel(photos, lambda data: decode(data, size, crop), title):
        bad = {n: r for n, r in zip(names, results, strict=True) if isinstance(r, Unreadable)}
        skipped.update((name, str(reason)) for name, reason in bad.items())
        broken |= {name: str(reason) for name, reason in bad.items() if not isinstance(reason, NoFace)}
        _check_share(photos, broken, len(skipped) - len(broken))
        good = [r for r in results if not isinstance(r, Unreadable)]
        if good:
            yield np.stack(good)


@dataclass
class Survey:
    """The contents of a folder or archive.

    Attributes:
        sizes: number of readable images by (width, height).
        skipped: "name: reason" for every unreadable image.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of readable images."""
        return self.sizes.total()


def survey(photos: Photos, *, title: str) -> Survey:
    """Read and decode every image, and keep only the sizes.

    Args:
        photos: the image files.
        title: text next to the progress bar.

    Raises:
        DataError: the archive is corrupt.
    """
    found = Survey()
    for names, results in _in_parallel(photos, _decoded_size, title):
        for name, result in zip(names, results, strict=True):
            if isinstance(result, Unreadable):
                found.skipped.append(printable(f"{name}: {result}"))
            else:
                found.sizes[result] += 1
    return found


def _in_parallel(
    photos: Photos, work: Callable[[bytes], object], title: str
) -> Iterator[tuple[Sequence[str], list]]:
    """Yield chunks of names with the results of `work(bytes)`, or the `Unreadable` that it raised, in order.

    An archive is read in this thread, ahead of the workers, because the workers would block each other.
    """
    from tqdm.auto import tqdm

    workers = min(os.cpu_count() or 1, 16)
    waiting: deque[tuple[Sequence[str], list, Future]] = deque()
    bar = tqdm(total=len(photos.names), desc=title, unit="img", delay=1)
    with bar, _strict(), ThreadPoolExecutor(workers, initializer=_be_worker) as pool:
        for names, data in _portions(photos):
            waiting.append((names, data, pool.submit(_each, work, data)))
            if len(waiting) > 2 * workers:
                yield _next(waiting, work, bar)
        while waiting:
            yield _next(waiting, work, bar)


@contextmanager
def _strict() -> Iterator[None]:
    """A context in which Pillow refuses truncated files, even if another library has configured it to accept them."""
    from PIL import ImageFile

    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _portions(photos: Photos) -> Iterator[tuple[list[str], list]]:
    """Yield names with their bytes, or with functions that read them: up to 64 images, or 4 MB of an archive."""
    names: list[str] = []
    data: list[Any] = []
    size = 0
    for name in photos.names:
        names.append(name)
        data.append(partial(photos.read, name) if photos.in_folder else photos.read(name))
        size += 0 if photos.in_folder else len(data[-1])
        if len(names) == _CHUNK or size > _PORTION:
            yield names, data
            names, data, size = [], [], 0
    if names:
        yield names, data


def _each(work: Callable[[bytes], object], data: list) -> list:
    return [_attempt(work, item) for item in data]


def _be_worker() -> None:
    _thread.is_worker = True


def _next(waiting: deque, work: Callable[[bytes], object], bar) -> tuple[Sequence[str], list]:
    names, data, future = waiting.popleft()
    results = [
        _attempt(work, item) if isinstance(result, _Giant) else result
        for item, result in zip(data, future.result(), strict=True)
    ]
    bar.update(len(names))
    return names, results


def _attempt(work: Callable[[bytes], object], data: bytes | Callable[[], bytes]) -> object:
    try:
        return work(data() if callable(data) else data)
    except (Unreadable, _Giant) as reason:
        return reason
    except OSError as error:  # from reading; errors of decoders are `Unreadable`
        return Unreadable(error.strerror or str(error))


def decode(data: bytes, size: int, crop: Crop = CENTER) -> np.ndarray:
    """Decode the bytes of an image file, with this crop, to uint8 (3, size, size).

    Raises:
        Unreadable: the image cannot be used; the message is the reason.
    """
    least = ceil(size / crop.share) if crop.share else MAX_PIXELS
    with ExitStack() as stack:
        image = _open(data, least, stack)
        try:
            return to_square(image, size, crop)
        except (ValueError, MemoryError) as error:
            raise Unreadable(f"cannot be cropped ({first_line(error)})") from None


def _decoded_size(data: bytes) -> tuple[int, int]:
    with ExitStack() as stack:
        return _open(data, MAX_PIXELS, stack).size


def _open(data: bytes, size: int, stack: ExitStack):
    """Open any image file as a PIL RGB image. A JPEG may be reduced, to at least 2 x `size` a side.

    While large images are in memory, others wait until their `stack` is closed.
    """
    image = jpeg.decode_small(data, size)
    if image is None:
        return _open_any(data, size, stack)
    if jpeg.is_cut(data, image, lambda other: jpeg.decode_small(other, size)):
        raise Unreadable(_CUT)
    return image


def _open_any(data: bytes, size: int, stack: ExitStack):
    from PIL import Image

    if not data:
        raise Unreadable("empty file")
    if data[:512].lstrip().startswith(b"<"):
        raise Unreadable("a web page, not an image")
    if formats.is_heic(data):
        _register_heic()
    try:
        with _reduced(data, size) as image:
            pixels = image.width * image.height
            if pixels > _GIANT and getattr(_thread, "is_worker", False):
                raise _Giant
            stack.enter_context(_IN_MEMORY.take(pixels))
            image.load()
            if image.format in ("JPEG", "MPO") and jpeg.is_cut(
                data, image, lambda other: _reduced(other, size)
            ):
                raise Unreadable(_CUT)
            return to_rgb(image)
    except (Unreadable, _Giant):
        raise
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # decoders raise many kinds of errors on corrupt bytes
        raise Unreadable(f"cannot be decoded ({type(error).__name__})") from None


def _reduced(data: bytes, size: int):
    from PIL import Image

    image = Image.open(io.BytesIO(data), formats=formats.of_pillow())
    _check_pixels(*image.size)
    image.draft(None, (2 * size, 2 * size))
    return image


def _register_heic() -> None:
    if not formats.find_heic():
        raise Unreadable(f"a HEIC image, despite its name; {formats.NEEDS_HEIC}")
    import pillow_heif

    pillow_heif.register_heif_opener()


def to_square(image, size: int, crop: Crop = CENTER) -> np.ndarray:
    """Crop a PIL RGB image to a square and resize it with antialiasing; returns uint8 (3, size, size)."""
    from PIL import Image

    square = crop.cut(image, size)
    if square.size != (size, size):
        square = square.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(square).transpose(2, 0, 1)


def to_rgb(image):
    """Convert a PIL image of any mode to RGB, upright. Raises `Unreadable` for float and 32-bit pixels."""
    from PIL import ExifTags, Image, ImageOps

    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # transposing copies
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        return _sixteen_bits(image)
    if image.mode == "F":
        raise Unreadable("floating-point pixels; save it with 8 bits a channel")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _sixteen_bits(image):
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("32-bit pixels; save it with 8 bits a channel")
    return Image.fromarray((values // 257).astype(np.uint8)).convert("RGB")


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{width} x {height} pixels, more than {MAX_PIXELS:,}")


def most_bad(total: int) -> int:
    """The maximum number of unreadable images among `total`: 5 or 1%, whichever is more, but at most a third."""
    return int(min(max(FEW_BAD, MAX_BAD_SHARE * total), _MOST_BAD_SHARE * total))


def _check_share(photos: Photos, broken: dict[str, str], faceless: int) -> None:
    total = len(photos.names)
    if len(broken) > most_bad(total):
        besides = f" In {faceless:,} of the others, no face was found." if faceless else ""
        raise DataError(
            f"{len(broken)} or more of {total} images in {photos.path.name!r} cannot be used; at most "
            f"{most_bad(total)} are skipped: {listed(broken, 3)}. Repair, replace or remove them.{besides}"
        )


def listed(skipped: dict[str, str], most: int) -> str:
    """The first `most` skipped images with their reasons, on one line."""
    shown = [printable(f"{name}: {reason}") for name, reason in list(skipped.items())[:most]]
    return "; ".join(shown) + ("; ..." if len(skipped) > most else "")


def counted(reasons: Iterable[str]) -> str:
    """Reasons with their counts, the most frequent first, such as "12 no face found, 1 empty file"."""
    return ", ".join(f"{count:,} {reason}" for reason, count in Counter(reasons).most_common())
