"""Checks of notebook 1: bytes to floats and back, crops, and contact sheets."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from facegan.course.checks.tools import CheckFailed, called_with, check, close, refuse, remark, tensor

_SHAPES = ((7,), (3, 5, 4), (1, 3, 6, 6), (2, 3, 4, 8))  # both functions accept them


@called_with("images")
def scale(function: Callable) -> None:
    """Check for a linear map from uint8 0..255 to float32 -1..1."""
    ramp = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(2, 3, 1, 1)
    out = tensor(function, ramp, shape=ramp.shape)
    said = f"it returns {out.dtype}, expected torch.float32, the type of a network's weights."
    check(out.dtype == torch.float32, said)
    _check_line(out[0, 0].flatten())
    gray = tensor(function, torch.full((1, 3, 4, 4), 51, dtype=torch.uint8), finite=False)
    check(
        close(gray, -0.6, 1e-3),
        "the same pixel value became another number in another image: the formula must not depend on the "
        "image's own minimum, maximum, or mean.",
    )
    for shape in _SHAPES:
        images = torch.randint(0, 256, shape, dtype=torch.uint8)
        same = close(tensor(function, images, shape=shape), images.double() / 127.5 - 1, 1e-5)
        check(same, f"it is right for a batch and wrong for a tensor of shape {shape}; handle every shape.")


def _check_line(got: Tensor) -> None:
    """Check the values of the bytes 0 to 255."""
    byte = torch.arange(256.0)
    right = torch.linspace(-1, 1, 256)
    if close(got, right, 1e-5):
        return
    _explain_wrap(got)
    near = (got - right).abs().max().item()
    check(
        near > 2.5e-3,
        f"its values are off by up to {near:.1g}: does it use half precision (16 bits)?",
    )
    standard = abs(got.mean()) < 0.01 and abs(got.std() - 1) < 0.01
    check(
        not standard,
        "it makes each image's mean 0 and its standard deviation 1; the range should be -1 to 1 for every image.",
    )
    refuse(got, {
        "its range is 0 to 1; the darkest pixel, 0, should become -1.": byte / 255,
        "its range is 0 to 2; one subtraction is missing.": byte / 127.5,
        "its range is -0.5 to 0.5, half as wide as it should be.": byte / 255 - 0.5,
        "its range is -1 to 0: dividing by 255 gives 0 to 1, half of the range from -1 to 1.": byte / 255 - 1,
        "its range is as wide as that of bytes; a division is missing.": byte - 127.5,
        "dark and bright are exchanged: 0 should become -1, and 255 should become 1.": -right,
        "it divides by 126.5, half the range minus 1: are parentheses missing?": byte / 126.5,
        "1 is subtracted before the division; are parentheses missing, or in the wrong place?": (byte - 1) / 127.5,
        "it rounds: there should be many values between -1, 0, and 1.": right.round(),
        "it rounds down: there should be many values between -1, 0, and 1.": (byte / 127.5).floor() - 1,
        "bytes are divided with //, which cuts off decimals.": (byte / 127).floor() - 1,
        "it returns the bytes themselves as floats; their range should be -1 to 1.": byte,
    })  # fmt: skip
    _explain_line(got)


def _explain_wrap(got: Tensor) -> None:
    """Raise `CheckFailed` if the values rise evenly and drop once, as bytes do when they wrap around."""
    steps = got.diff()
    usual = steps.median().item()
    falls = [index for index, step in enumerate(steps.tolist()) if step < -50 * usual < 0]
    even = (steps - usual).abs() < 0.01 * abs(usual)
    if len(falls) == 1 and int(even.sum()) >= 254:
        at = falls[0]
        raise CheckFailed(
            f"from byte {at} to {at + 1} it falls from {got[at]:.3f} to {got[at + 1]:.3f}: 8-bit integers wrap around "
            "beyond their range. Change the type to float first."
        )


def _explain_line(got: Tensor) -> None:
    """Raise `CheckFailed` with the mistake in the values of the bytes 0 to 255."""
    first, last = got[0].item(), got[-1].item()
    straight = close(got, torch.linspace(first, last, 256), 1e-3)
    shifted = straight and abs(last - first - 2) < 1e-3
    check(
        not shifted,
        f"its range has the correct width, but runs from {first:.3g} to {last:.3g}: it is shifted.",
    )
    check(
        not straight or abs(last - first) > 1.9,
        f"its range, {first:.3g} to {last:.3g}, is {abs(last - first):.3g} wide; the range from -1 to 1 is 2 wide.",
    )
    inside = not straight and last > first
    check(
        not inside or abs(first + 1) < 1e-3,
        f"it is not a straight line: 0 became {first:.3f} and 255 became {last:.3f}.",
    )
    more = " Is half of the range exact?" if 0.5 < last < 1.5 else ""
    check(abs(first + 1) < 1e-3, f"the darkest pixel, 0, became {first:.3f}; it should become -1.{more}")
    check(
        abs(last - 1) < 1e-3,
        f"the brightest pixel, 255, became {last:.3f}; it should become exactly 1.{more}",
    )
    raise CheckFailed(
        "0 and 255 are right, but the values between them are not on a straight line. Does uint8 arithmetic wrap around?"
    )


@called_with("images")
def unscale(function: Callable) -> None:
    """Check for a map from float -1..1 to uint8, rounded and clipped; the inverse of scale."""
    levels = torch.arange(256, dtype=torch.float32)
    floats = levels / 127.5 - 1
    out = tensor(function, floats, shape=(256,))
    check(out.dtype == torch.uint8, f"it returns {out.dtype}, expected torch.uint8.")
    _check_levels(out.int(), levels, floats)
    between = tensor(function, (torch.tensor([10.3, 10.7, 200.4, 200.6]) / 127.5 - 1), shape=(4,))
    refuse(between, {
        "it rounds up; 10.3 should become 10, the nearest byte.": [11, 11, 201, 201],
        "it truncates decimals; 10.7 should become 11, the nearest byte.": [10, 10, 200, 200],
    })  # fmt: skip
    check(
        int(between.max()) - int(between.min()) != 255,
        "it stretches its input to the range 0 to 255 by the input's minimum and maximum; clip instead.",
    )
    check(
        between.tolist() == [10, 11, 200, 201],
        f"10.3, 10.7, 200.4, and 200.6 became {between.tolist()}; round each to the nearest byte.",
    )
    _check_beyond(function)
    for shape in _SHAPES:
        bytes_ = torch.randint(0, 256, shape, dtype=torch.uint8)
        same = torch.equal(tensor(function, bytes_ / 127.5 - 1, shape=shape), bytes_)
        check(
            same,
            f"it is right for a row of values and wrong for a tensor of shape {shape}; handle every shape.",
        )


def _check_levels(out: Tensor, levels: Tensor, floats: Tensor) -> None:
    refuse(out, {
        "dark and bright are exchanged: -1 should become 0, and 1 should become 255.": 255 - levels,
        "everything below 0 became 0: move the range from -1 to 1 to 0 to 2 before clipping.": (
            (floats * 255).round().clamp(0, 255)
        ),
        "negative values are lost: clip to [-1, 1], not to [0, 1].": (floats.clamp(0, 1) + 1).mul(127.5).round(),
        "it is rounded too early: only 0, 128 (or 127), and 255 are left. Round after the multiplication.": (
            (floats.round() + 1).mul(127.5).floor()
        ),
        "it is rounded too early: only 0, 128, and 255 are left. Round after the multiplication.": (
            (floats.round() + 1).mul(127.5).round()
        ),
        "decimals are truncated before the multiplication: use .int() at the end.": ((floats.int() + 1) * 127.5).floor(),
        "its range is 0 to 2; a multiplication is missing.": (floats + 1).round(),
        "its range is 0 to 2; a multiplication is missing, and decimals are truncated.": (floats + 1).floor(),
        "half of the range is lost: all values above 0 became 255. The range from -1 to 1 is 2 wide.": (
            (floats + 1).mul(255).round().clamp(0, 255)
        ),
        "it is clipped to 1 after the multiplication, where the range is 0 to 255.": (
            (floats + 1).mul(127.5).clamp(0, 1).round()
        ),
        "it is clipped to 1 after the multiplication, where the range is 0 to 255, and it is not rounded.": (
            (floats + 1).mul(127.5).clamp(0, 1).floor()
        ),
        "its range is 0 to 1; bytes range from 0 to 255.": ((floats + 1) / 2).round(),
    })  # fmt: skip
    _explain_levels(out, levels)


def _explain_levels(out: Tensor, levels: Tensor) -> None:
    """Raise `CheckFailed` if some levels do not come back."""
    off = (out - levels.int()).abs()
    near = off.max() < 100
    check(near, f"-1, 0, and 1 became {out[0]}, {out[128]}, and {out[255]}; expected 0, about 128, and 255.")
    if off.max() > 0:
        few = f"{int((off > 0).sum())} of 256 levels are not restored"
        steps = out.diff().double()
        bent = steps.max() - steps.min() > 2 or bool((steps < 0).any())
        check(
            not bent,
            f"{few}: they are not on a straight line. Is the formula nonlinear, or does a sum wrap around?",
        )
        above = out - levels.int()
        twice = above.min() >= 0 and above.max() == 1 and bool(above[:128].any())
        check(not twice, f"{few}, but 1 brighter: it rounds up, or adds a half and then rounds.")
        factor = "is the factor half of 255?" if out[255] != 255 or off[128:].float().mean() > 0.6 else ""
        raise CheckFailed(f"{few}; {factor or 'converting to uint8 truncates decimals.'}")


def _check_beyond(function: Callable) -> None:
    wanted = {-1.5: 0, -1.01: 0, 1.5: 255, 1.01: 255, 9.0: 255}
    got = tensor(function, torch.tensor([*wanted]), shape=(5,)).int().tolist()
    wrong = {x: f"{x:g} became {y}" for (x, end), y in zip(wanted.items(), got, strict=True) if y != end}
    below, above = (next((wrong[x] for x in wrong if (x < 0) == negative), "") for negative in (True, False))
    check(above or not below, f"1.5 stops at 255, but {below}: values below -1 wrap around to the other end.")
    check(below or not above, f"-1.5 stops at 0, but {above}: values above 1 wrap around to the other end.")
    check(
        not wrong,
        f"outside the range, {below}, and {above}; they should stop at 0 and 255. Without clipping, they wrap around "
        "to the other end.",
    )


@called_with("image", "size")
def center_crop(function: Callable) -> None:
    """Check for the central square; if the rest is odd, either side may have the extra pixel."""
    for height, width, size in ((12, 8, 4), (8, 12, 6), (9, 9, 9), (11, 8, 4), (20, 10, 10), (7, 7, 1)):
        image = torch.arange(3 * height * width).reshape(3, height, width)
        out = tensor(function, image, size)
        said = f"for an image {tuple(image.shape)} and size {size}, it returns {tuple(out.shape)}, expected (3, {size}, {size})"
        if tuple(out.shape) != (3, size, size):
            raise CheckFailed(f"{said}{_fixed_side(function, size) or _why(out, size, height, width)}")
        tops, lefts = ({(side - size) // 2, -((size - side) // 2)} for side in (height, width))
        wanted = [image[:, t : t + size, s : s + size] for t in tops for s in lefts]
        if any(torch.equal(out, w) for w in wanted):
            check(
                out.dtype == image.dtype,
                f"the image is {image.dtype} and its crop {out.dtype}: keep the type.",
            )
            continue
        check(
            torch.equal(tensor(function, image, size), out),
            "it crops a different part each time: keep the middle.",
        )
        _explain_crop(out, image, tops, lefts)


def _fixed_side(function: Callable, size: int) -> str:
    """The feedback for a function that is correct only for images of one size."""
    for side in (64, 32, 128, 218, 178):
        image, first = torch.arange(3 * side * side).reshape(3, side, side), (side - size) // 2
        with suppress(CheckFailed):
            if torch.equal(tensor(function, image, size), image[:, first:, first:][:, :size, :size]):
                return f". It works only for a side of {side}: the side is hard-coded."
    return ""


def _why(out: Tensor, size: int, height: int, width: int) -> str:
    """Why a crop has the wrong shape."""
    sides = tuple(out.shape[1:])
    if sides in ((size - 1, size - 1), (size + 1, size + 1)):
        return ": off by one. The end of a slice is exclusive."
    if sides == (height, width):
        return ". Nothing is cut off."
    if 0 in sides:
        return ". The slice is empty: is the end before the start, or is it -0?"
    if out.ndim == 3 and sides[:1] != (3,) and out.shape[0] != 3:
        return ". Channels come first and are not cut."
    if sides == (size, width):
        return ". Only the rows are cut; the columns must be, too."
    if sides == (height, size):
        return ". Only the columns are cut; the rows must be, too."
    return ". The end of a slice is its start plus size."


def _explain_crop(out: Tensor, image: Tensor, tops: set[int], lefts: set[int]) -> None:
    height, width, size = *image.shape[1:], out.shape[1]
    wanted = [image[:, t : t + size, s : s + size] for t in tops for s in lefts]
    check(
        not any(torch.equal(out.transpose(1, 2), w) for w in wanted),
        "it is the right square, with rows and columns exchanged.",
    )
    corner = int(out[0, 0, 0])
    row, column = corner // width, corner % width
    patch = image[:, row : row + size, column : column + size] if 0 <= row < height else out[:, :0]
    check(
        torch.equal(patch, out),
        "its result is not a square of the image: pixels are changed, skipped, or resized.",
    )
    exchanged = row in lefts and column in tops
    why = "Are the first row and the first column exchanged?" if exchanged else ""
    if row == column and not exchanged and row in tops:
        why = "The first row and the first column must be computed separately: an image need not be square."
    elif column in lefts and row not in tops:
        why = "The columns are right; of the rows left over, half should be above."
    elif row in tops and column not in lefts:
        why = "The rows are right; of the columns left over, half should be on the left."
    if (row, column) == (0, 0):
        why = "That is the upper left corner."
    if (row, column) == (height - size, width - size):
        why = "That is the lower right corner."
    if (row, column) == (height // 2, width // 2):
        why = "The middle of the image should be the middle of the square, not its corner."
    raise CheckFailed(
        f"of an image of {height} rows and {width} columns, it keeps a square of {size} that begins at row {row}, column "
        f"{column}; the same number should be left over on each side. {why}".rstrip()
    )


@called_with("images", "columns")
def contact_sheet(function: Callable) -> None:
    """Check for (N, 3, H, W) to (3, rows * H, columns * W), row by row, with white empty places."""
    for count, columns in ((6, 3), (4, 2), (5, 3), (3, 1), (7, 3), (2, 4)):
        images = torch.arange(count, dtype=torch.uint8).add(1)[:, None, None, None] * torch.ones(
            1, 3, 4, 5, dtype=torch.uint8
        )
        images[:, 0, 0, :] = 200  # distinguishes up from down
        images[:, 1, :, 0] = 100  # distinguishes left from right
        images[:, 2, 2, 2:4] = 0
        rows = math.ceil(count / columns)
        sheet = tensor(function, images, columns)
        expected = (3, rows * 4, columns * 5)
        narrow = tuple(sheet.shape) == (3, 4, count * 5) and count < columns
        remark(
            narrow,
            f"{count} images in {columns} columns make a sheet that is {count} columns wide; the text asks for {columns}.",
        )
        said = f"{count} images of 4 x 5 in {columns} columns make {tuple(sheet.shape)}, expected {expected}"
        check(tuple(sheet.shape) == expected or narrow, f"{said}{_misshapen(sheet, count, columns)}")
        check(sheet.dtype == torch.uint8, f"it returns {sheet.dtype}; the images are uint8.")
        _check_places(sheet, images, columns)


def _misshapen(sheet: Tensor, count: int, columns: int) -> str:
    rows = math.ceil(count / columns)
    shape = tuple(sheet.shape)
    known = {
        (3, (rows + 1) * 4, columns * 5): "There is one row too many when the last row is full: round up, do not add 1.",
        (3, (count // columns) * 4, columns * 5): "The last row is lost: round the number of rows up.",
        (3, columns * 4, rows * 5): "Rows and columns are exchanged.",
        (3, rows * 5, columns * 4): "Height and width of the images are exchanged.",
        (3, count * 4, 5): "All images are in one column.",
        (3, 4, count * 5): "All images are in one row.",
        (rows * 4, columns * 5, 3): "Channels come first here.",
        (1, 3, rows * 4, columns * 5): "There is one dimension too many.",
        (3, columns * 5, rows * 4): "Height and width of the sheet are exchanged.",
    }  # fmt: skip
    return f". {known.get(shape, 'The sheet is rows * H high and columns * W wide.')}"


def _check_places(sheet: Tensor, images: Tensor, columns: int) -> None:
    height, width = images.shape[2:]
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        place = sheet[:, row * height : (row + 1) * height, column * width : (column + 1) * width]
        if torch.equal(place, image):
            continue
        other = place != image
        whitened = bool((image[other] == 0).all() and (place[other] == 255).all())
        check(not whitened, "black pixels of the images become white, too; only empty places should.")
        there = [k for k, other in enumerate(images) if torch.equal(place, other)]
        turned = any(torch.equal(place.flip(*dims), image) for dims in ((1,), (2,), (1, 2)))
        same = bool((place == place.flatten()[0]).all())
        what = "there is no complete image there. Does a reshape mix the rows of pixels?"
        if turned:
            what = "it is mirrored there."
        elif there:
            what = f"image {there[0]} is there instead. Is the order right?"
        elif same:
            what = "that place is empty. Is every image written into the right rows and columns?"
        raise CheckFailed(f"image {index} should be in row {row}, column {column} (from 0), but {what}")
    rows = sheet.shape[1] // height
    empty = [divmod(index, columns) for index in range(len(images), rows * columns)]
    for row, column in empty:
        place = sheet[:, row * height : (row + 1) * height, column * width : (column + 1) * width]
        value = int(place.flatten()[0]) if place.numel() else 255
        remark(
            not (place == 255).all(), f"empty places have the value {value}; the text asks for white, 255."
        )
