"""Right and wrong solutions of notebook 1's exercises."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from facegan import images

RIGHT, BUT, WRONG = {}, {}, {}


RIGHT["scale"] = [
    images.to_float,
    lambda x: x.float() / 127.5 - 1,
    lambda x: (x / 255 - 0.5) / 0.5,
    lambda x: 2 * (x.to(torch.float32) / 255) - 1,
    lambda x: torch.from_numpy(x.numpy().astype(np.float32) / 127.5 - 1),
    lambda x: (torch.arange(256) / 127.5 - 1)[x.long()],
    lambda x: torch.lerp(torch.tensor(-1.0), torch.tensor(1.0), x / 255),
]


def scale_in_place(x):
    x //= 2
    return x.float() / 63.75 - 1


WRONG["scale"] = [
    (lambda x: x / 255, "its range is 0 to 1"),
    (lambda x: x.float() / 128 - 1, r"255, became 0\.992"),
    (lambda x: x / 127 - 1, r"255, became 1\.008"),
    (lambda x: x.double() / 127.5 - 1, "torch.float64, expected torch.float32"),
    (lambda x: (x / 127.5 - 1).round().to(torch.int8), "torch.int8, expected"),
    (lambda x: (x * 2 - 255).float() / 255, "8-bit integers wrap around"),
    (lambda x: (x.float() - x.float().mean()) / x.float().std(), "mean 0 and its standard deviation 1"),
    (lambda x: 2 * (x.float() - x.min()) / (x.max() - x.min()).clamp(1) - 1, "depend on the image's own"),
    (lambda x: 1 - x / 127.5, "dark and bright are exchanged: 0 should"),
    (lambda x: print(x.shape), "returns nothing"),
    (lambda x: x.numpy() / 127.5 - 1, "it returns a NumPy array, expected a"),
    (lambda x: (x / 127.5 - 1)[0], "returns shape"),
    (lambda x: x.flaot(), "AttributeError"),
    (scale_in_place, "modifies its input in place|straight line"),
]


RIGHT["unscale"] = [
    images.to_uint8,
    lambda x: ((x + 1) * 127.5).round().clamp(0, 255).byte(),
    lambda x: ((x + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8),
    lambda x: torch.from_numpy(np.clip(np.rint((x.numpy() + 1) * 127.5), 0, 255).astype(np.uint8)),
    lambda x: (x.clamp(-1, 1) / 2 + 0.5).mul(255).round().to(torch.uint8),
    lambda x: torch.round(255 * (x.clip(-1, 1) + 1) / 2).type(torch.uint8),
]
WRONG["unscale"] = [
    (lambda x: ((x + 1) * 127.5).clamp(0, 255).to(torch.uint8), "256 levels are not restored"),
    (lambda x: ((x + 1) * 127.5).round().to(torch.int32).to(torch.uint8), "outside the range"),
    (lambda x: ((x + 1) * 127.5).round().clamp(0, 255), "torch.float32, expected torch.uint8"),
    (
        lambda x: (x * 255).round().clamp(0, 255).to(torch.uint8),
        "everything below 0 became 0: move the range",
    ),
    (lambda x: ((x + 1) * 128).round().clamp(0, 255).to(torch.uint8), "levels are not restored"),
    (lambda x: ((x + 1) * 127).round().clamp(0, 255).to(torch.uint8), "levels are not restored"),
    (
        lambda x: ((1 - x) * 127.5).round().clamp(0, 255).to(torch.uint8),
        "dark and bright are exchanged: -1 should",
    ),
    (lambda x: x.add_(1).mul_(127.5).round().clamp(0, 255).to(torch.uint8), "modifies its input in place"),
    (lambda x: x.to(torch.uint8), "-1, 0, and 1 became|levels"),
    (lambda x: print(x.shape), "returns nothing"),
]


def crop_with_torchvision(image, size):
    from torchvision.transforms.functional import center_crop

    return center_crop(image, [size, size])


def crop_other_side(image, size):
    top, left = -((size - image.shape[1]) // 2), -((size - image.shape[2]) // 2)
    return image[:, top : top + size, left : left + size]


def crop_negative_ends(image, size):
    top, left = (image.shape[1] - size) // 2, (image.shape[2] - size) // 2
    return image[:, top : -top or None, left : -left or None][:, :size, :size].clone()


def crop_one_offset(image, size):
    start = (image.shape[1] - size) // 2
    return image[:, start : start + size, start : start + size]


RIGHT["center_crop"] = [
    images.center_crop,
    crop_with_torchvision,
    crop_other_side,
    crop_negative_ends,
    lambda x, s: x.narrow(1, (x.shape[1] - s) // 2, s).narrow(2, (x.shape[2] - s) // 2, s),
    lambda x, s: torch.stack([images.center_crop(c, s) for c in x]),
]
WRONG["center_crop"] = [
    (lambda x, s: x[:, :s, :s], "begins at row 0, column 0"),
    (lambda x, s: x[:, -s:, -s:], "the same number should be left over"),
    (crop_one_offset, "same number should be left over|expected"),
    (lambda x, s: x, "expected \\(3, 4, 4\\)"),
    (
        lambda x, s: F.interpolate(x[None].float(), (s, s))[0],
        "its result is not a square of the image: pixels",
    ),
    (lambda x, s: x[:, (x.shape[1] - s) // 2 :, (x.shape[2] - s) // 2 :], "expected \\(3, 4, 4\\)"),
    (lambda x, s: images.center_crop(x, s).transpose(1, 2), "it is the right square, with rows and"),
    (lambda x, s: x[:, x.shape[1] // 2 :, x.shape[2] // 2 :][:, :s, :s], "expected|same number"),
    (lambda x, s: x[:, (x.shape[1] - s) / 2 : (x.shape[1] + s) / 2], "TypeError"),
]


def sheet_by_hand(faces, columns):
    n, c, h, w = faces.shape
    rows = math.ceil(n / columns)
    sheet = torch.full((c, rows * h, columns * w), 255, dtype=faces.dtype)
    for i, face in enumerate(faces):
        row, column = divmod(i, columns)
        sheet[:, row * h : (row + 1) * h, column * w : (column + 1) * w] = face
    return sheet


def sheet_by_cat(faces, columns):
    missing = -len(faces) % columns
    faces = torch.cat([faces, torch.zeros_like(faces[:1]).expand(missing, -1, -1, -1)])
    return torch.cat([torch.cat(list(row), dim=2) for row in faces.split(columns)], dim=1)


def sheet_by_permute(faces, columns):
    faces = torch.cat([faces, torch.full_like(faces[:1], 9).repeat(-len(faces) % columns, 1, 1, 1)])
    n, c, h, w = faces.shape
    return faces.reshape(n // columns, columns, c, h, w).permute(2, 0, 3, 1, 4).reshape(c, -1, columns * w)


def sheet_by_numpy(faces, columns):
    return torch.from_numpy(sheet_by_hand(faces, columns).numpy().copy())


def sheet_by_columns(faces, columns):
    n, c, h, w = faces.shape
    rows = math.ceil(n / columns)
    sheet = torch.full((c, rows * h, columns * w), 255, dtype=faces.dtype)
    for i, face in enumerate(faces):
        column, row = divmod(i, rows)
        sheet[:, row * h : (row + 1) * h, column * w : (column + 1) * w] = face
    return sheet


RIGHT["contact_sheet"] = [
    sheet_by_hand,
    sheet_by_numpy,
]
WRONG["contact_sheet"] = [
    (sheet_by_columns, "image 1 should be in row 0, column 1"),
    (lambda x, c: images.make_grid(x, columns=c), r"make \(3, 14, 23\), expected \(3, 8, 15\)"),
    (lambda x, c: sheet_by_hand(x[: len(x) // c * c], c), "expected \\(3, 8, 15\\)"),
    (lambda x, c: sheet_by_hand(x.flip(0), c), "image 5 is there instead"),
    (lambda x, c: sheet_by_hand(x, c).float(), "torch.float32; the images are uint8"),
    (lambda x, c: torch.cat(list(x), dim=2), "expected \\(3, 8, 15\\)"),
    (
        lambda x, c: x.reshape(3, -1, c * x.shape[3])[:, : 4 * math.ceil(len(x) / c)],
        "is no complete image|expected",
    ),
    (lambda x, c: sheet_by_hand(x, c).transpose(1, 2), "expected \\(3, 8, 15\\)"),
    (lambda x, c: sheet_by_hand(x.transpose(2, 3), c), "expected \\(3, 8, 15\\)"),
    (lambda x, c: sheet_by_hand(x.flip(2), c), r"image 0 should be in row 0, column 0 \(from"),
]


WRONG["unscale"] += [
    (lambda x: ((x + 1) * 127.5).ceil().clamp(0, 255).to(torch.uint8), "rounds up|levels are not restored"),
    (lambda x: ((x + 1) * 127.5 + 1e-3).floor().clamp(0, 255).to(torch.uint8), "truncates decimals"),
]


BUT["contact_sheet"] = [
    (sheet_by_cat, "empty places have the value 0; the text"),
    (sheet_by_permute, "empty places have the value 9; the text"),
    (lambda x, c: images.make_grid(x, columns=c, padding=0), "2 images in 4 columns make a sheet that is"),
]
