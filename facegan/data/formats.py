"""Image formats, and advice for files that cannot be read here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import PurePosixPath

SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm",
}  # fmt: skip
HEIC = {".heic", ".heif", ".hif"}
NEEDS_HEIC = "pip install 'facegan[heic]', then load them again"
_CONVERT = "convert them to JPEG or PNG"
_ADVICE = (
    (HEIC, NEEDS_HEIC),
    ({".avif"}, "pip install --upgrade pillow, to 11.3 or newer, then load them again"),
    ({".jxl", ".jp2", ".psd", ".svg", ".tga"}, _CONVERT),
    ({".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".raw"}, _CONVERT),
    (
        {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".3gp"},
        "they are videos; save frames of them as JPEG",
    ),
)
_PILLOW = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "HEIF")
# Other files, such as .txt or .json, are ignored.
_KNOWN = set().union(*(suffixes for suffixes, _ in _ADVICE))


def readable() -> set[str]:
    """The suffixes of image files that can be read with the installed packages."""
    from PIL import features

    return SUFFIXES | (HEIC if find_heic() else set()) | ({".avif"} if features.check("avif") else set())


def of_pillow() -> list[str]:
    """Pillow's names of the allowed formats. Other formats are not allowed, because some start other programs."""
    from PIL import Image

    Image.init()
    return [name for name in _PILLOW if name in Image.OPEN]


def find_heic() -> bool:
    """Whether the package for HEIC images is installed."""
    return find_spec("pillow_heif") is not None


def is_heic(data: bytes) -> bool:
    """Whether a file's bytes are a HEIC image. The suffix does not tell, because some phones use .jpg."""
    return data[4:8] == b"ftyp" and any(brand in data[8:40] for brand in (b"heic", b"heix", b"heim", b"heis"))


def suffix_of(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def count_unread(names: Iterable[str]) -> Counter[str]:
    """The number of picture and video files that cannot be read here, by suffix."""
    unread = _KNOWN - readable()
    return Counter(suffix for suffix in map(suffix_of, names) if suffix in unread)


def advice_on(unread: dict[str, int]) -> str:
    """Describe the files that were not read, with advice: "3 .heic files: pip install ...; 1 .mov file: ..."."""
    parts = []
    for suffixes, advice in _ADVICE:
        found = [f"{n:,} {s} file{'s' * (n > 1)}" for s, n in sorted(unread.items()) if s in suffixes]
        parts += [f"{', '.join(found)}: {advice}"] if found else []
    return "; ".join(parts)
