"""Decodes small JPEGs quickly, and detects JPEGs with missing parts.

A program that is interrupted may truncate a JPEG and still write the end marker. libjpeg then issues a warning, which
Pillow ignores, and fills the rest with gray. A cut exactly between two scans is not detected.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in a scan, where a value of 0xFF is followed by 0
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_SCAN, _END, _INTERVAL = 0xDA, 0xD9, 0xDD
_SIZES = 0xC0, 0xC1, 0xC2  # markers of the sizes of sequential and progressive images
_MORE = b"\x5a" * 256  # changes the picture only if a part is missing


def decode_small(data: bytes, size: int):
    """Decode a small color JPEG to a PIL image, twice as fast as `Image.open`; returns None for all other files.

    This is for images that are too small to be decoded at a reduced size. For corrupt files, the result is also None;
    `Image.open` then gives the reason.
    """
    from PIL import Image

    shape = _size(data)
    if shape is None or not 0 < min(shape) <= max(shape) <= min(4 * size, 1024):
        return None
    try:
        return Image.frombytes("RGB", shape, data, "jpeg", "RGB", "")
    except ValueError:
        return None


def is_cut(data: bytes, image, decode_again: Callable) -> bool:
    """Whether a part of a JPEG's picture is missing, although it can be decoded.

    Such a picture ends in gray or is progressive, and its pixels depend on the bytes that follow its last scan.

    Args:
        data: the file's bytes.
        image: the decoded image.
        decode_again: decodes other bytes in the same way.
    """
    corner = image.getpixel((image.width - 1, image.height - 1))
    ends_gray = {*range(126, 131)} >= set(corner if isinstance(corner, tuple) else (corner,))
    refined = (
        "progressive" in image.info if image.info else data.count(b"\xff\xda") > 1
    )  # a thumbnail also has one
    if not ends_gray and not refined:
        return False
    end = next((start for marker, start, _ in _segments(data) if marker == _END), None)
    if end is None:
        return False
    if ends_gray and _lacks_restarts(data):
        return True
    other = decode_again(data[:end] + _MORE + data[end:])
    return other is None or image.tobytes() != other.tobytes()


def _lacks_restarts(data: bytes) -> bool:
    """Whether the first scan, if it contains all channels, has fewer restart markers than its header announces."""
    interval = units = channels = 0
    for marker, start, end in _segments(data):
        if marker == _INTERVAL:
            interval = int.from_bytes(data[start + 4 : start + 6], "big")
        elif marker in _SIZES:
            _, height, width, channels = struct.unpack_from(">BHHB", data, start + 4)
            factors = (
                data[start + 11 : end : 3] if channels > 1 else b"\x11"
            )  # horizontal, vertical: four bits each
            across, down = (8 * max(f >> shift & 15 for f in factors) for shift in (4, 0))
            units = -(-width // across) * -(-height // down)
        elif marker == _SCAN:
            complete = interval and data[start + 4] == channels
            return bool(complete) and len(_RESTART.findall(data, start, end)) < (units - 1) // interval
    return False


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height of an 8-bit color JPEG without EXIF or Adobe segments; None for other files."""
    for marker, start, _ in _segments(data):
        if marker in (0xE1, 0xEE, _SCAN):
            return None
        if marker in (0xC0, 0xC2) and start + 10 <= len(data):
            bits, height, width, channels = struct.unpack_from(">BHHB", data, start + 4)
            return (width, height) if (bits, channels) == (8, 3) else None
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The marker, start, and end of each segment of the first image; a scan ends with its data."""
    position = 2 if data[:2] == b"\xff\xd8" else len(data)
    while position + 2 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # may be repeated
            position += 1
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        end = position + 2 + (0 if marker == _END else length)
        if marker == _SCAN:
            found = _MARKER.search(data, end)
            if not found:
                return
            end = found.start()
        yield marker, position, end
        if marker == _END:
            return
        position = end
