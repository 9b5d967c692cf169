"""Image files in a folder or zip, read safely and decoded to square uint8 RGB.

How a picture becomes RGB: EXIF rotation is applied; transparency is laid over white; grey, CMYK and
palette images are converted; of an animation the first frame counts; 16-bit grey is scaled to 8 bits.
Archives are read member by member in memory; nothing in them can write a file. Leaves out caching
(`facegan.cache`) and data sets by name (`facegan.download`).
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from facegan.errors import DataError, first_line

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
MAX_PIXELS = 100_000_000  # of one image
MAX_RATIO = 100  # of a whole archive, unpacked : packed
MAX_MEMBER = 10_000_000  # bytes of one unpacked member that is compressed beyond that
MAX_BAD_SHARE = 0.01  # unreadable images that are skipped; more are an error
_CHUNK = 64  # images decoded by a thread at a time
_PORTION = 4_000_000  # bytes of an archive that wait for a thread, at most

Crop = Callable[..., tuple[int, int, int, int]]  # PIL RGB image -> left, top, right, bottom


class Unreadable(Exception):
    """One image that cannot be used; the message is the reason."""


class NoFace(Unreadable):
    """A sound image in which no face was found."""


class Photos:
    """The image files of a folder or a zip: `names` in order, and `read(name)` for their bytes.

    Use as a context manager. Raises `DataError` when the archive is damaged or looks hostile, or
    when there are no images.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = None if path.is_dir() else _open_zip(path)
        self.names = sorted(filter(_is_image, self._zip.namelist() if self._zip else _files(path)))
        if not self.names:
            self.close()
            raise DataError(
                f"no image found in {path.name!r}; looked for {', '.join(sorted(SUFFIXES))} at any depth."
            )

    def read(self, name: str) -> bytes:
        return _read_member(self._zip, name) if self._zip else _read_file(self.path / name)

    def close(self) -> None:
        if self._zip:
            self._zip.close()

    def __enter__(self) -> Photos:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def fingerprint(path: Path) -> str:
    """Twelve hex digits that change when a file does, or an image in a folder: of names, sizes, dates."""
    digest = hashlib.sha256()
    for name in sorted(filter(_is_image, _files(path))) if path.is_dir() else [""]:
        status = (path / name).stat()
        digest.update(f"{name or path.name}/{status.st_size}/{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]


def decode_all(
    photos: Photos, size: int, skipped: list[str], *, crop: Crop | None = None
) -> Iterator[np.ndarray]:
    """Chunks (k, 3, size, size) of all usable images, in order, decoded in parallel.

    Fills `skipped` with "name: reason" for the others; raises `DataError` when more than 1 % cannot
    be read. `crop` picks the part of each image to keep; the central square when left out.
    """
    skipped.clear()
    broken = 0
    title = f"reading {photos.path.name}"
    for names, results in _in_parallel(photos, lambda data: decode(data, size, crop=crop), title):
        bad = [(n, r) for n, r in zip(names, results, strict=True) if isinstance(r, Unreadable)]
        skipped += [f"{name}: {reason}" for name, reason in bad]
        broken += sum(not isinstance(reason, NoFace) for _, reason in bad)
        _check_share(photos, broken, skipped)
        good = [r for r in results if not isinstance(r, Unreadable)]
        if good:
            yield np.stack(good)


@dataclass
class Survey:
    """What a folder or archive holds: images by (width, height), and "name: reason" for the unreadable."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Images that can be read."""
        return self.sizes.total()


def survey(photos: Photos, *, title: str) -> Survey:
    """Read and decode every image, keeping only their sizes. Raises `DataError` on a damaged archive.

    `title` stands beside the progress bar.
    """
    found = Survey()
    for names, results in _in_parallel(photos, _decoded_size, title):
        for name, result in zip(names, results, strict=True):
            if isinstance(result, Unreadable):
                found.skipped.append(f"{name}: {result}")
            else:
                found.sizes[result] += 1
    return found


def _in_parallel(
    photos: Photos, work: Callable[[bytes], object], title: str
) -> Iterator[tuple[Sequence[str], list]]:
    """Chunks of names with `work(bytes)` of each, or the `Unreadable` that it raised, in order.

    An archive is read in this thread, ahead of the workers: they would only wait for each other there.
    """
    from tqdm.auto import tqdm

    workers = min(os.cpu_count() or 1, 16)
    waiting: deque[tuple[Sequence[str], Future]] = deque()
    bar = tqdm(total=len(photos.names), desc=title, unit="img", delay=1)
    with bar, ThreadPoolExecutor(workers) as pool:
        for names, data in _portions(photos):
            waiting.append((names, pool.submit(_each, work, data)))
            if len(waiting) > 2 * workers:
                yield _next(waiting, bar)
        while waiting:
            yield _next(waiting, bar)


def _portions(photos: Photos) -> Iterator[tuple[list[str], list]]:
    """Names with what gives their bytes: up to 64 images, or 4 MB of an archive."""
    in_memory = not photos.path.is_dir()
    names, data, size = [], [], 0
    for name in photos.names:
        item = photos.read(name) if in_memory else partial(photos.read, name)
        size += len(item) if in_memory else 0
        names.append(name)
        data.append(item)
        if len(names) == _CHUNK or size > _PORTION:
            yield names, data
            names, data, size = [], [], 0
    if names:
        yield names, data


def _each(work: Callable[[bytes], object], data: list) -> list:
    return [_attempt(work, item) for item in data]


def _next(waiting: deque, bar) -> tuple[Sequence[str], list]:
    names, future = waiting.popleft()
    results = future.result()
    bar.update(len(names))
    return names, results


def _attempt(work: Callable[[bytes], object], data: bytes | Callable[[], bytes]) -> object:
    try:
        return work(data() if callable(data) else data)
    except Unreadable as reason:
        return reason


def decode(data: bytes, size: int, *, crop: Crop | None = None) -> np.ndarray:
    """One image file's bytes as uint8 (3, size, size). Raises `Unreadable` with the reason."""
    image = _plain_jpeg(data, size) or _open_rgb(data, size)
    try:
        return to_square(image, size, crop=crop)
    except (ValueError, MemoryError) as error:
        raise Unreadable(f"cannot be cropped ({first_line(error)})") from None


def _decoded_size(data: bytes) -> tuple[int, int]:
    return (_plain_jpeg(data, MAX_PIXELS) or _open_rgb(data, MAX_PIXELS)).size


def _open_rgb(data: bytes, size: int):
    """Any image file as a PIL RGB image, of `size` or more pixels a side where it has them."""
    from PIL import Image

    if not data:
        raise Unreadable("empty file")
    if data[:512].lstrip().startswith(b"<"):
        raise Unreadable("a web page, not an image")
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_pixels(*image.size)
            image.draft(None, (2 * size, 2 * size))
            return _to_rgb(image)
    except Unreadable:
        raise
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # decoders raise many kinds on damaged bytes
        raise Unreadable(f"cannot be decoded ({type(error).__name__})") from None


def _plain_jpeg(data: bytes, size: int):
    """A small colour JPEG as a PIL image, twice as fast as by `Image.open`; None for all other files.

    Only for images too small to gain from being decoded at a fraction of their size. What is wrong with a
    damaged file is left to `Image.open` to say.
    """
    from PIL import Image

    shape = _jpeg_size(data)
    if shape is None or not 0 < min(shape) <= max(shape) <= min(4 * size, 1024):
        return None
    try:
        return Image.frombytes("RGB", shape, data, "jpeg", "RGB", "")
    except ValueError:
        return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of an 8-bit colour JPEG without EXIF or Adobe segments; None for other files."""
    position = 2 if data[:2] == b"\xff\xd8" else len(data)
    while position + 10 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in (0xE1, 0xEE):
            return None
        if marker in (0xC0, 0xC2):
            bits, height, width, channels = struct.unpack_from(">BHHB", data, position + 4)
            return (width, height) if (bits, channels) == (8, 3) else None
        position += 2 + length
    return None


def to_square(image, size: int, *, crop: Crop | None = None) -> np.ndarray:
    """A square part of a PIL RGB image, resized with antialiasing, as uint8 (3, size, size)."""
    from PIL import Image

    if crop or image.size != (size, size):
        image = image.crop((crop or _central_square)(image))
        image = image.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image).transpose(2, 0, 1)


def _central_square(image) -> tuple[int, int, int, int]:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _to_rgb(image):
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        return _sixteen_bits(image)
    if image.mode == "F":
        raise Unreadable("floating-point pixels; save it with 8 bits a channel")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _sixteen_bits(image):
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("32-bit pixels; save it with 8 bits a channel")
    return Image.fromarray((values // 257).astype(np.uint8)).convert("RGB")


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{width} x {height} pixels, more than {MAX_PIXELS:,}")


def _check_share(photos: Photos, broken: int, skipped: Sequence[str]) -> None:
    total = len(photos.names)
    if broken > MAX_BAD_SHARE * total:
        shown = "; ".join(skipped[:3]) + ("; ..." if len(skipped) > 3 else "")
        raise DataError(
            f"{broken} or more of {total} images in {photos.path.name!r} cannot be read, "
            f"over the {MAX_BAD_SHARE:.0%} that is passed over: {shown}. Remove or replace them."
        )


# ---- folders and archives ------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[str]:
    return (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _is_image(name: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)
    return not hidden and PurePosixPath(name).suffix.lower() in SUFFIXES


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except Exception as error:  # zipfile and its decompressors raise many kinds on damaged bytes
        raise _damaged(Path(archive.filename), f"{name}: {first_line(error)}") from None


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror or error}.") from None
    except Exception as error:  # zipfile raises many kinds on damaged bytes
        if path.open("rb").read(512).lstrip().startswith(b"<"):
            raise DataError(f"{path.name} is a web page, not a zip. Fetch it again.") from None
        raise _damaged(path, first_line(error)) from None
    try:
        for check in (_refuse_bomb, _refuse_encrypted, _refuse_duplicates, _refuse_overlap):
            check(path, archive.infolist())
    except DataError:
        archive.close()
        raise
    return archive


def _refuse_bomb(path: Path, members: list[zipfile.ZipInfo]) -> None:
    unpacked, packed = sum(m.file_size for m in members), path.stat().st_size
    if unpacked > MAX_RATIO * packed:
        raise DataError(
            f"{path.name} was refused: it claims to unpack to {unpacked / 1e6:,.0f} MB, "
            f"{unpacked / packed:,.0f} times its size; the limit is {MAX_RATIO}. "
            "Pack the images again as JPEG or PNG."
        )
    for m in members:
        if m.file_size > max(MAX_MEMBER, MAX_RATIO * m.compress_size):
            raise DataError(
                f"{path.name} was refused: {m.filename!r} claims to unpack to {m.file_size / 1e6:,.0f} MB; "
                f"the limit is {MAX_MEMBER / 1e6:.0f} MB, or {MAX_RATIO} times its size. "
                "Pack it as JPEG or PNG."
            )


def _refuse_encrypted(path: Path, members: list[zipfile.ZipInfo]) -> None:
    locked = [m.filename for m in members if m.flag_bits & 0x1]
    if locked:
        raise DataError(f"{path.name} was refused: {locked[0]!r} is encrypted. Pack it without a password.")


def _refuse_duplicates(path: Path, members: list[zipfile.ZipInfo]) -> None:
    (twice, count), *_ = Counter(m.filename for m in members).most_common(1) or [("", 0)]
    if count > 1:
        raise DataError(f"{path.name} was refused: {twice!r} is in it more than once. Pack it again.")


def _refuse_overlap(path: Path, members: list[zipfile.ZipInfo]) -> None:
    members = sorted(members, key=lambda m: m.header_offset)
    for a, b in pairwise(members):
        name = a.orig_filename.encode("utf-8" if a.flag_bits & 0x800 else "cp437")
        if a.header_offset + 30 + len(name) + a.compress_size > b.header_offset:
            raise DataError(
                f"{path.name} was refused: {a.filename!r} and {b.filename!r} overlap, as in a zip bomb. "
                "Pack it again."
            )


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path.name} is damaged or cut short ({reason}). Fetch or copy it again.")
