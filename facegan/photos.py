"""Image files in a folder or zip, read safely and decoded to square uint8 RGB.

How a picture becomes RGB: EXIF rotation is applied; transparency is laid over white; grey, CMYK and
palette images are converted; of an animation the first frame counts; 16-bit grey is scaled to 8 bits.
Archives are read member by member in memory; nothing in them can write a file. Leaves out caching
and data sets by name (`facegan.data`).
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
_CHUNK = 512  # images decoded between two results


class Unreadable(Exception):
    """One image that cannot be used; the message is the reason."""


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

    def fingerprint(self) -> str:
        """Twelve hex digits that change when the source does."""
        return fingerprint([self.path] if self._zip else [self.path / name for name in self.names])

    def close(self) -> None:
        if self._zip:
            self._zip.close()

    def __enter__(self) -> Photos:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def fingerprint(files: Iterable[Path]) -> str:
    """Twelve hex digits of names, sizes and dates."""
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.name}/{status.st_size}/{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]


def decode_all(photos: Photos, size: int, skipped: list[str]) -> Iterator[np.ndarray]:
    """Chunks (k, 3, size, size) of all readable images, in order, decoded in parallel.

    Fills `skipped` with "name: reason" for the others; raises `DataError` above 1 % of them.
    """
    from tqdm.auto import tqdm

    skipped.clear()
    work = partial(_try_decode, photos, size)
    bar = tqdm(total=len(photos.names), desc=f"reading {photos.path.name}", unit="img", delay=1)
    with bar, ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
        for start in range(0, len(photos.names), _CHUNK):
            names = photos.names[start : start + _CHUNK]
            results = list(pool.map(work, names))
            bar.update(len(names))
            skipped += [f"{n}: {r}" for n, r in zip(names, results, strict=True) if isinstance(r, str)]
            _check_share(photos, skipped)
            good = [r for r in results if not isinstance(r, str)]
            if good:
                yield np.stack(good)


def decode(data: bytes, size: int) -> np.ndarray:
    """One image file's bytes as uint8 (3, size, size). Raises `Unreadable` with the reason."""
    from PIL import Image

    if not data:
        raise Unreadable("empty file")
    if data[:512].lstrip().startswith(b"<"):
        raise Unreadable("a web page, not an image")
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_pixels(*image.size)
            image.draft(None, (2 * size, 2 * size))
            return to_square(_to_rgb(image), size)
    except Unreadable:
        raise
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # decoders raise many kinds on damaged bytes
        raise Unreadable(f"cannot be decoded ({type(error).__name__})") from None


def to_square(image, size: int) -> np.ndarray:
    """The central square of a PIL RGB image, resized with antialiasing, as uint8 (3, size, size)."""
    from PIL import Image

    if image.size != (size, size):
        width, height = image.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
        image = image.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(image).transpose(2, 0, 1)


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


def _try_decode(photos: Photos, size: int, name: str) -> np.ndarray | str:
    try:
        return decode(photos.read(name), size)
    except Unreadable as error:
        return str(error)


def _check_share(photos: Photos, skipped: Sequence[str]) -> None:
    total = len(photos.names)
    if len(skipped) > MAX_BAD_SHARE * total:
        shown = "; ".join(skipped[:3]) + ("; ..." if len(skipped) > 3 else "")
        raise DataError(
            f"{len(skipped)} or more of {total} images in {photos.path.name!r} cannot be read, "
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
    names = [m.filename for m in members]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
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
