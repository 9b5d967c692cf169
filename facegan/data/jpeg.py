"""Decodes small JPEGs quickly, and detects JPEGs with missing parts.

A program that is interrupted may truncate a JPEG and still write the end marker. libjpeg then issues a warning, which
Pillow ignores, and fills the rest with gray. A cut exactly between two scans, or before a restart marker, is not
detected.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in a scan, where a value of 0xFF is followed by 0
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
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
    ends_gray = {127, 128} >= set(corner if isinstance(corner, tuple) else (corner,))
    refined = "progressive" in image.info if image.info else data.count(_SCAN) > 1  # a thumbnail also has one
    if not ends_gray and not refined:
        return False
    end = _end(data)
    if end is None:
        return False
    other = decode_again(data[:end] + _MORE + data[end:])
    return other is None or image.tobytes() != other.tobytes()


def _end(data: bytes) -> int | None:
    """The position of the end marker of the first image in a file."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position : position + 2]
        length = 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _SCAN:
            found = _MARKER.search(data, position + length)
            if not found:
                return None
            position = found.start()
        else:
            position += 1 if marker == b"\xff\xff" else length  # 0xFF may be repeated
        if data[position : position + 2] == _END:
            return position
    return None


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height of an 8-bit color JPEG without EXIF or Adobe segments; None for other files."""
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
