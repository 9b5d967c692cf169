"""More solutions of notebook 1's exercises, in other styles: loops, lookups, NumPy, in-place work on copies."""

import functools
import math
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F

RIGHT, BUT, WRONG = {}, {}, {}


def scale_with_defaults(images, low=-1.0, high=1.0):
    span: float = high - low
    return low + span * images.to(torch.float32) / 255


def scale_by_table(images):
    table = torch.linspace(-1, 1, 256)
    return F.embedding(images.long(), table[:, None]).squeeze(-1)


@torch.no_grad()
def scale_by_steps(pictures):
    out = pictures.clone().float()
    out /= 255
    out *= 2
    out -= 1
    return out


def scale_each(images):
    return torch.stack([image.float() / 127.5 - 1 for image in images])


def scale_recursively(images):
    if images.ndim > 1:
        return torch.stack([scale_recursively(part) for part in images])
    return (images.float() - 127.5) / 127.5


def scale_in_halves(images):
    return torch.where(images > 127, (images.float() - 127.5) / 127.5, -(127.5 - images.float()) / 127.5)


RIGHT["scale"] = [
    scale_with_defaults,
    scale_by_table,
    scale_by_steps,
    scale_each,
    scale_recursively,
    scale_in_halves,
    lambda x: torch.from_numpy(np.interp(x.numpy(), [0, 255], [-1, 1]).astype("float32")),
    functools.partial(lambda x, half: x.float() / half - 1, half=127.5),
    lambda x: x.type(torch.FloatTensor).sub_(127.5).div_(127.5),
    lambda x: torch.true_divide(x, 127.5).add(-1),
    lambda x: torch.einsum("..., -> ...", x.float(), torch.tensor(2 / 255)) - 1,
]
WRONG["scale"] = [
    (lambda x: x.float() / 127.5, "subtraction is missing"),
    (lambda x: (x.float() - 128) / 128, r"255, became 0\.99"),
    (lambda x: (x / 127.5 - 1).half(), "torch.float16, expected"),
    (lambda x: x.float() - 127.5, "division is missing"),
    (lambda x: x.float() / (127.5 - 1), "parentheses missing"),
    (lambda x: (x.float() - 1) / 127.5, "before the division"),
    (lambda x: x.float() / 255 - 0.5, "half as wide as it should be"),
    (lambda x: x.float() / 255 - 1, r"-1 to 0"),
    (lambda x: (x // 127.5 - 1).float(), "rounds down|decimals"),
    (lambda x: (x.float() / 127.5 - 1).round(), "it rounds"),
    (lambda x: torch.tanh(x.float() / 127.5 - 1), r"became -0\.762"),
    (
        lambda x: (x.float() / 127.5 - 1).reshape(-1, 3, 16, 16),
        "wrong for a tensor of shape|invalid|do not fill",
    ),
    (lambda x: F.normalize(x.float(), dim=0), "not a straight line"),
    (lambda x: 2 * x.float() / x.amax((-2, -1), keepdim=True) - 1, "image's own"),
    (lambda x: x.float().div(127.5).sub(1).squeeze(0), "wrong for a tensor of shape|returns shape"),
    (lambda x: [v / 127.5 - 1 for v in x], "a list"),
    (lambda x: lambda: x / 127.5 - 1, "not called"),
    (lambda x: (x.float() / 127.5 - 1).clamp(0, 1), "not a straight line"),
    (lambda x: (x.float() / 127.5 - 1).permute(0, 2, 3, 1), "returns shape"),
    (lambda x: torch.from_numpy(x.numpy() / 127.5 - 1), "float64, expected"),
    (lambda x: (x.to(torch.int8) / 127.5) - 1, "wrap|became"),
    (lambda x, low, high: x, "called with images"),
    (lambda: 1, "called with images"),
]


def unscale_by_index(images):
    levels = torch.arange(256) / 127.5 - 1
    flat = images.reshape(-1, 1)
    return (flat - levels).abs().argmin(1).to(torch.uint8).reshape(images.shape)


def unscale_by_masks(images):
    out = ((images + 1) * 127.5).round()
    out[out < 0] = 0
    out[out > 255] = 255
    return out.byte()


def unscale_with_types(images: torch.Tensor) -> torch.Tensor:
    wide = images.detach().double()
    return (
        torch.minimum(torch.maximum((wide + 1) / 2 * 255, torch.tensor(0.0)), torch.tensor(255.0))
        .round()
        .type(torch.uint8)
    )


def unscale_loop(images):
    flat = [min(255, max(0, math.floor((v + 1) * 127.5 + 0.5))) for v in images.flatten().tolist()]
    return torch.tensor(flat, dtype=torch.uint8).view(images.shape)


RIGHT["unscale"] = [
    unscale_by_index,
    unscale_by_masks,
    unscale_with_types,
    unscale_loop,
    lambda x: torch.clamp(torch.round(torch.add(x, 1).mul(127.5)), min=0, max=255).to(dtype=torch.uint8),
    lambda x: F.hardtanh(x).add(1).mul(127.5).round().byte(),
    lambda x: torch.tensor(((x.numpy().clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)),
    lambda x: torch.where(x > 1, 255, torch.where(x < -1, 0, (x + 1) * 127.5 + 0.5)).to(torch.uint8),
    lambda x: (
        torch.lerp(torch.zeros_like(x), torch.full_like(x, 255.0), (x + 1) / 2).round_().clamp_(0, 255).byte()
    ),
]
WRONG["unscale"] = [
    (lambda x: x.mul(127.5).round().clamp(0, 255).byte(), "became"),
    (lambda x: ((x + 1) * 127.5).clamp(0, 255).round(), "expected torch.uint8"),
    (lambda x: ((x.clamp(0, 1)) * 255).round().byte(), "negative values are lost|below 0"),
    (lambda x: (x.round() + 1).mul(127.5).byte(), "rounded too early"),
    (lambda x: (x + 1).mul(255).round().clamp(0, 255).byte(), "-1 to 1 is 2 wide"),
    (lambda x: (x + 1).round().byte(), "multiplication is missing"),
    (lambda x: ((x + 1) * 127.5).round().byte().clamp(0, 255), "wrap around"),
    (lambda x: ((x + 1) * 127.5).round().clamp(max=255).int().byte(), "below -1"),
    (lambda x: ((x + 1) * 127.5).round().clamp(min=0).int().byte(), "above 1"),
    (lambda x: ((x + 1) * 127.5).clamp(0, 255).round().to(torch.int8), "int8, expected"),
    (lambda x: ((x + 1) * 127.5).clamp(0, 255).floor().byte(), "truncates decimals"),
    (lambda x: (255 * (x - x.min()) / (x.max() - x.min())).round().byte(), "minimum and maximum"),
    (lambda x: ((x + 1) / 2).round().byte(), "0 to 1"),
    (lambda x: ((x + 1 * 127.5).round().clamp(0, 255)).byte(), "became"),
    (lambda x: ((x + 1) * 127.5).clamp(0, 255).round().byte().flatten(), r"tensor of shape|returns shape"),
    (lambda x: ((x + 1) * 127.5).round().clamp(0, 256).byte(), "255|above 1"),
    (lambda x: ((x + 1) * 127.5).numpy().round().clip(0, 255).astype("uint8"), "NumPy array"),
    (lambda x: (-x.sub(1).mul(127.5)).round().clamp(0, 255).byte(), "exchanged"),
    (lambda x: ((x.int() + 1) * 127.5).byte(), "before the multiplication"),
    (lambda x: ((x + 1) * 127.5).round_().clamp_(1, 254).byte(), "levels|became"),
]


def crop_by_index(image, size):
    rows = torch.arange(size) + (image.shape[1] - size) // 2
    columns = torch.arange(size) + (image.shape[2] - size) // 2
    return image[:, rows][:, :, columns]


def crop_by_loop(image, size):
    while image.shape[1] > size:
        image = image[:, 1:] if (image.shape[1] - size) % 2 else image[:, 1:-1]
    while image.shape[2] > size:
        image = image[:, :, 1:] if (image.shape[2] - size) % 2 else image[:, :, 1:-1]
    return image


def crop_recursively(image, size):
    _, h, w = image.shape
    if h == w == size:
        return image
    dy, dx = min(1, (h - size) // 2), min(1, (w - size) // 2)
    if dy == dx == 0:
        return image[:, :size, :size]
    return crop_recursively(image[:, dy : h - dy, dx : w - dx], size)


def crop_by_pad(image, size):
    _, h, w = image.shape
    top, left = (h - size) // 2, (w - size) // 2
    return F.pad(image, (-left, -(w - size - left), -top, -(h - size - top)))


RIGHT["center_crop"] = [
    crop_by_index,
    crop_by_loop,
    crop_recursively,
    crop_by_pad,
    lambda image, size: image[
        (slice(None), *(slice((n - size + 1) // 2, (n + size + 1) // 2) for n in image.shape[1:]))
    ].clone(),
    lambda im, s: torch.from_numpy(
        im.numpy()[..., (im.shape[-2] - s) // 2 :, (im.shape[-1] - s) // 2 :][..., :s, :s].copy()
    ),
    lambda image, size: image.unfold(1, size, 1).unfold(2, size, 1)[
        :, (image.shape[1] - size) // 2, (image.shape[2] - size) // 2
    ],
    lambda x, s: x[:, int(x.shape[1] / 2 - s / 2) :, int(x.shape[2] / 2 - s / 2) :][:, :s, :s],
    lambda x, s: x[:, round((x.shape[1] - s) / 2) :, round((x.shape[2] - s) / 2) :][:, :s, :s].contiguous(),
]


def crop_from(top, left, extra=0):
    def crop(image, size):
        h, w = image.shape[1:]
        t, s = top(h, w, size), left(h, w, size)
        return image[:, t : t + size + extra, s : s + size + extra]

    return crop


def middle(h, w, s):
    return (h - s) // 2


def middle_of_columns(h, w, s):
    return (w - s) // 2


WRONG["center_crop"] = [
    (crop_from(middle_of_columns, middle), "exchanged|expected"),
    (crop_from(middle, middle_of_columns, extra=-1), "off by one"),
    (crop_from(middle, middle_of_columns, extra=1), "off by one"),
    (
        crop_from(lambda h, w, s: (h - s) // 2 + 1, middle_of_columns),
        "same number should be left over|expected",
    ),
    (crop_from(lambda h, w, s: h // 2, lambda h, w, s: w // 2), "expected|not its corner"),
    (crop_from(lambda h, w, s: h - s, lambda h, w, s: w - s), "lower right"),
    (crop_from(lambda h, w, s: 0, lambda h, w, s: 0), "upper left"),
    (crop_from(lambda h, w, s: (h - s) // 2, lambda h, w, s: 0), "the same number should be left over"),
    (
        lambda x, s: x[
            :, x.shape[1] // 2 - s : x.shape[1] // 2 + s, x.shape[2] // 2 - s : x.shape[2] // 2 + s
        ],
        "expected",
    ),
    (lambda x, s: x[(x.shape[0] - s) // 2 :, (x.shape[1] - s) // 2 :, :s], "expected"),
    (
        lambda x, s: x[
            :, (x.shape[1] - s) // 2 : -(x.shape[1] - s) // 2, (x.shape[2] - s) // 2 : -(x.shape[2] - s) // 2
        ],
        "empty|expected",
    ),
    (lambda x, s: F.adaptive_avg_pool2d(x.float(), s), "resized"),
    (lambda x, s: x[:, :: x.shape[1] // s, :: x.shape[2] // s][:, :s, :s], "skipped|expected"),
    (lambda x, s: x[:, 20:60, 20:60], "expected"),
    (lambda x, s: x.reshape(3, -1)[:, : s * s].reshape(3, s, s), "not a square"),
    (lambda x, s: x.permute(1, 2, 0)[(x.shape[1] - s) // 2 :][:s], "expected"),
    (
        lambda x, s: x[
            :, x.shape[1] - s // 2 : x.shape[1] + s // 2, x.shape[2] - s // 2 : x.shape[2] + s // 2
        ],
        "expected",
    ),
    (lambda x, s: x[:, (x.shape[1] - s) / 2 :], "whole numbers"),
    (lambda x: x, "called with image, size"),
    (lambda x, s: crop_by_index(x, s).flip(2), "not a square"),
]


def sheet_by_places(images, columns):
    n, c, h, w = images.shape
    rows = (n + columns - 1) // columns
    sheet = torch.full((c, rows * h, columns * w), 255, dtype=torch.uint8)
    for (r, k), image in zip(product(range(rows), range(columns)), images, strict=False):
        sheet[:, r * h :, k * w :][:, :h, :w] = image
    return sheet


def sheet_by_padding(images, columns):
    n = len(images)
    padded = F.pad(images, (0, 0, 0, 0, 0, 0, 0, -n % columns), value=255)
    rows = torch.split(padded, columns)
    return torch.cat([torch.cat(tuple(row), -1) for row in rows], -2)


def sheet_by_einsum(images, columns):
    n, c, h, w = images.shape
    white = images.new_full((-n % columns, c, h, w), 255)
    grid = torch.cat([images, white]).unflatten(0, (-1, columns))
    return torch.einsum("rkchw->crhkw", grid).reshape(c, -1, columns * w)


def sheet_by_fold(images, columns):
    n, c, h, w = images.shape
    rows = math.ceil(n / columns)
    filled = torch.full((rows * columns, c * h * w), 255.0)
    filled[:n] = images.flatten(1).float()
    return F.fold(filled.T[None], (rows * h, columns * w), (h, w), stride=(h, w))[0].to(torch.uint8)


def sheet_by_pixels(images, columns):
    n, c, h, w = images.shape
    rows = -(-n // columns)
    sheet = np.full((c, rows * h, columns * w), 255, np.uint8)
    for i in range(n):
        for y in range(h):
            sheet[:, i // columns * h + y, i % columns * w : (i % columns + 1) * w] = images[i, :, y].numpy()
    return torch.tensor(sheet)


def sheet_recursively(images, columns):
    n, c, h, w = images.shape
    row = torch.cat(
        [*images[:columns], torch.full((c, h, max(0, columns - n) * w), 255, dtype=images.dtype)], 2
    )
    return row if n <= columns else torch.cat([row, sheet_recursively(images[columns:], columns)], 1)


def sheet_with_state(images, columns):
    sheet, x, y = None, 0, 0
    n, _, h, w = images.shape
    sheet = torch.ones(3, math.ceil(n / columns) * h, columns * w, dtype=torch.uint8) * 255
    for image in images:
        sheet[:, y : y + h, x : x + w] = image
        x += w
        if x == columns * w:
            x, y = 0, y + h
    return sheet


def sheet_by_chunks(images, columns):
    rows = []
    for row in (
        images.chunk(math.ceil(len(images) / columns))
        if len(images) % columns == 0
        else images.split(columns)
    ):
        row = torch.cat([row, 255 * torch.ones(columns - len(row), *row.shape[1:], dtype=torch.uint8)])
        rows.append(row.permute(1, 2, 0, 3).flatten(2))
    return torch.cat(rows, dim=1)


RIGHT["contact_sheet"] = [
    sheet_by_places, sheet_by_padding, sheet_by_einsum, sheet_by_fold, sheet_by_pixels, sheet_recursively,
    sheet_with_state, sheet_by_chunks,
]  # fmt: skip


def sheet(
    fill=255,
    rows=lambda n, c: -(-n // c),
    place=lambda i, c, r: divmod(i, c),
    kind=torch.uint8,
    size=None,
    skip=0,
):
    """A contact sheet with everything that can be wrong as an option."""

    def make(images, columns):
        n, c, h, w = images.shape
        h, w = size or (h, w)
        count = rows(n, columns)
        out = torch.full((c, count * h, columns * w), fill, dtype=kind)
        for i in range(skip, n):
            row, column = place(i, columns, count)
            out[:, row * h : (row + 1) * h, column * w : (column + 1) * w] = images[i]
        return out

    return make


BUT["contact_sheet"] = [
    (sheet(fill=0), "value 0; the text asks for white"),
    (sheet(fill=1), "value 1; the text asks for white"),
    (sheet(fill=128), "asks for white"),
    (lambda x, c: sheet_by_einsum(x, min(c, len(x))), "sheet that is 2 columns wide"),
]
WRONG["contact_sheet"] = [
    (sheet(rows=lambda n, c: n // c + 1), "one row too many"),
    (sheet(rows=lambda n, c: n // c), "last row is lost|error|do not fit into"),
    (sheet(place=lambda i, c, r: (i % r, i // r)), "order|empty"),
    (sheet(place=lambda i, c, r: (i % c, i // c)), "do not fit into|place is empty|instead"),
    (sheet(kind=torch.float32), "float32; the images are uint8"),
    (sheet(kind=torch.int64), "int64; the images are uint8"),
    (sheet(size=(64, 64)), "do not fit into|expected"),
    (sheet(place=lambda i, c, r: (i // c, c - 1 - i % c)), "is there instead"),
    (sheet(place=lambda i, c, r: (r - 1 - i // c, i % c)), "is there instead|empty"),
    (sheet(skip=1), "that place is empty"),
    (sheet(place=lambda i, c, r: ((i + 1) // c % r, (i + 1) % c)), "order|empty"),
    (lambda x, c: torch.cat(list(x), dim=1), "in one column"),
    (lambda x, c: torch.cat(list(x), dim=2), "in one row"),
    (lambda x, c: sheet_by_places(x, c)[None], "one dimension too many"),
    (lambda x, c: sheet_by_places(x, c).permute(1, 2, 0), "Channels come first"),
    (lambda x, c: torch.cat([torch.cat(list(r), 2) for r in x.split(c)], 1), "different sizes"),
    (
        lambda x, c: x.reshape(len(x) // c, c, *x.shape[1:]).permute(2, 0, 3, 1, 4).flatten(1, 2).flatten(2),
        "do not fill|invalid",
    ),
    (lambda x, c: sheet_by_places(x.flip(3), c), "mirrored"),
    (lambda x, c: sheet_by_places(x, c) / 255, "float32"),
    (
        lambda x, c: sheet_by_padding(x, c).reshape(3, -1, len(x) // c * x.shape[3]),
        "do not fill|invalid|expected",
    ),
]
