"""Checks of notebook 1: from bytes to floats and back, crops and contact sheets."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from facegan.course.checks.tools import CheckFailed, check, close, refuse, tensor


def scale(function: Callable) -> None:
    """uint8 0..255 to float32 -1..1, by a straight line."""
    ramp = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(2, 3, 1, 1)
    out = tensor(function, ramp, shape=ramp.shape)
    floats = out.dtype == torch.float32
    check(floats, f"it returns {out.dtype}, expected torch.float32, the type of a network's weights.")
    low, high = out.min().item(), out.max().item()
    signed = abs(low) > 0.01 or abs(high - 1) > 0.01
    check(signed, "its range is 0 to 1; the darkest pixel, 0, should become -1.")
    first, last = out[0, 0, 0, 0].item(), out[0, 0, -1, -1].item()
    check(abs(first + 1) < 1e-3, f"the darkest pixel, 0, became {first:.3f}; it should become -1.")
    check(abs(last - 1) < 1e-3, f"the brightest pixel, 255, became {last:.3f}; it should become exactly 1.")
    line = torch.linspace(-1, 1, 256)
    check(
        close(out[0, 0].flatten(), line, 1e-3),
        "0 and 255 are right, but what lies between is not on a straight line. Does uint8 arithmetic wrap around?",
    )
    gray = torch.full((1, 3, 4, 4), 51, dtype=torch.uint8)
    check(
        close(tensor(function, gray), -0.6, 1e-3),
        "the same pixel value became another number in another image: the formula must not depend on the "
        "image's own minimum, maximum or mean.",
    )


def unscale(function: Callable) -> None:
    """float -1..1 to uint8, rounded and clipped; the inverse of scale."""
    levels = torch.arange(256, dtype=torch.float32)
    out = tensor(function, levels / 127.5 - 1, shape=(256,))
    check(out.dtype == torch.uint8, f"it returns {out.dtype}, expected torch.uint8.")
    off = (out.int() - levels.int()).abs()
    near = off.max() < 100
    check(near, f"-1, 0 and 1 became {out[0]}, {out[128]} and {out[255]}; expected 0, about 128 and 255.")
    check(
        off.max() == 0,
        f"{int((off > 0).sum())} of 256 levels do not come back as they were; changing to uint8 cuts decimals off.",
    )
    between = tensor(function, (torch.tensor([10.3, 10.7, 200.4, 200.6]) / 127.5 - 1))
    refuse(between, {
        "it rounds up; 10.3 should become 10, the nearest byte.": [11, 11, 201, 201],
        "it cuts decimals off; 10.7 should become 11, the nearest byte.": [10, 10, 200, 200],
    })  # fmt: skip
    check(
        between.tolist() == [10, 11, 200, 201],
        f"10.3, 10.7, 200.4 and 200.6 became {between.tolist()}; round them.",
    )
    beyond = tensor(function, torch.tensor([-1.5, -1.01, 1.01, 1.5]))
    check(
        beyond.tolist() == [0, 0, 255, 255],
        f"-1.5 and 1.5, outside the range, became {beyond[0]} and {beyond[3]}; they should stop at 0 and 255, "
        "or they wrap around to the other end.",
    )


def center_crop(function: Callable) -> None:
    """The middle square; where the rest is odd, either side may have the extra pixel."""
    for height, width, size in ((12, 8, 4), (8, 12, 6), (9, 9, 9), (11, 8, 4), (20, 10, 10)):
        image = torch.arange(3 * height * width).reshape(3, height, width)
        out = tensor(function, image, size)
        check(
            tuple(out.shape) == (3, size, size),
            f"for an image {tuple(image.shape)} and size {size} it returns {tuple(out.shape)}, "
            f"expected (3, {size}, {size}).",
        )
        tops, lefts = ({(side - size) // 2, -((size - side) // 2)} for side in (height, width))
        wanted = [image[:, t : t + size, s : s + size] for t in tops for s in lefts]
        corner = int(out[0, 0, 0])
        check(
            any(torch.equal(out, w) for w in wanted),
            f"of an image of {height} rows and {width} columns it keeps a square that begins at row "
            f"{corner // width}, column {corner % width}; as much should be left over on each side.",
        )


def contact_sheet(function: Callable) -> None:
    """(N, 3, H, W) row by row to (3, rows * H, columns * W); empty places may have any one color."""
    for count, columns in ((6, 3), (4, 2), (5, 3), (3, 1), (2, 4)):
        images = torch.arange(count, dtype=torch.uint8).add(1)[:, None, None, None] * torch.ones(
            1, 3, 4, 6, dtype=torch.uint8
        )
        images[:, 0, 0, :] = 200  # tells up from down
        images[:, 1, :, 0] = 100  # and left from right
        rows = math.ceil(count / columns)
        sheet = tensor(function, images, columns)
        expected = (3, rows * 4, columns * 6)
        narrow = (3, 4, count * 6) if count < columns else expected  # one row may end with its last image
        check(
            tuple(sheet.shape) in {expected, narrow},
            f"{count} images of 4 x 6 in {columns} columns make {tuple(sheet.shape)}, expected {expected}.",
        )
        check(sheet.dtype == torch.uint8, f"it returns {sheet.dtype}; the images are uint8.")
        _check_places(sheet, images, columns)


def _check_places(sheet: Tensor, images: Tensor, columns: int) -> None:
    height, width = images.shape[2:]
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        place = sheet[:, row * height : (row + 1) * height, column * width : (column + 1) * width]
        if torch.equal(place, image):
            continue
        there = [k for k, other in enumerate(images) if torch.equal(place, other)]
        what = f"image {there[0]} is there instead" if there else "what is there is no whole image"
        raise CheckFailed(
            f"image {index} should be in row {row}, column {column} (from 0), but {what}. Is the order right?"
        )
