"""Solutions as students write them: right ones, all of which must pass, and wrong ones with what must be said.

`RIGHT[name]` is a list of functions, `WRONG[name]` a list of (function, pattern in the feedback).
"""

import copy
import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from facegan import images, latent, losses
from facegan.course import checks
from facegan.models import dcgan as models

RIGHT, WRONG = {}, {}

# ---- 01 scale -------------------------------------------------------------------------------------

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
    (lambda x: (x * 2 - 255).float() / 255, "its range is 0 to 1|became|straight line"),
    (lambda x: (x.float() - x.float().mean()) / x.float().std(), "darkest pixel, 0, became"),
    (lambda x: 2 * (x.float() - x.min()) / (x.max() - x.min()).clamp(1) - 1, "depend on the image's own"),
    (lambda x: 1 - x / 127.5, r"0, became 1\.000"),
    (lambda x: print(x.shape), "returns nothing"),
    (lambda x: x.numpy() / 127.5 - 1, "returns a ndarray, not a tensor"),
    (lambda x: (x / 127.5 - 1)[0], "returns shape"),
    (lambda x: x.flaot(), "AttributeError"),
    (scale_in_place, "changes its input in place|straight line"),
]

# ---- 01 unscale -----------------------------------------------------------------------------------

RIGHT["unscale"] = [
    images.to_uint8,
    lambda x: ((x + 1) * 127.5).round().clamp(0, 255).byte(),
    lambda x: ((x + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8),
    lambda x: torch.from_numpy(np.clip(np.rint((x.numpy() + 1) * 127.5), 0, 255).astype(np.uint8)),
    lambda x: (x.clamp(-1, 1) / 2 + 0.5).mul(255).round().to(torch.uint8),
    lambda x: torch.round(255 * (x.clip(-1, 1) + 1) / 2).type(torch.uint8),
]
WRONG["unscale"] = [
    (lambda x: ((x + 1) * 127.5).clamp(0, 255).to(torch.uint8), "256 levels do not come back"),
    (lambda x: ((x + 1) * 127.5).round().to(torch.int32).to(torch.uint8), "outside the range"),
    (lambda x: ((x + 1) * 127.5).round().clamp(0, 255), "torch.float32, expected torch.uint8"),
    (lambda x: (x * 255).round().clamp(0, 255).to(torch.uint8), "-1, 0 and 1 became"),
    (lambda x: ((x + 1) * 128).round().clamp(0, 255).to(torch.uint8), "levels do not come back"),
    (lambda x: ((x + 1) * 127).round().clamp(0, 255).to(torch.uint8), "levels do not come back"),
    (lambda x: ((1 - x) * 127.5).round().clamp(0, 255).to(torch.uint8), "-1, 0 and 1 became"),
    (lambda x: x.add_(1).mul_(127.5).round().clamp(0, 255).to(torch.uint8), "changes its input in place"),
    (lambda x: x.to(torch.uint8), "-1, 0 and 1 became|levels"),
    (lambda x: print(x.shape), "returns nothing"),
]

# ---- 01 center_crop -------------------------------------------------------------------------------


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
    (lambda x, s: x[:, -s:, -s:], "as much should be left over"),
    (crop_one_offset, "as much should be left over|expected"),
    (lambda x, s: x, "expected \\(3, 4, 4\\)"),
    (lambda x, s: F.interpolate(x[None].float(), (s, s))[0], "as much should be left over|keeps a square"),
    (lambda x, s: x[:, (x.shape[1] - s) // 2 :, (x.shape[2] - s) // 2 :], "expected \\(3, 4, 4\\)"),
    (lambda x, s: images.center_crop(x, s).transpose(1, 2), "as much should be left over"),
    (lambda x, s: x[:, x.shape[1] // 2 :, x.shape[2] // 2 :][:, :s, :s], "expected|as much"),
    (lambda x, s: x[:, (x.shape[1] - s) / 2 : (x.shape[1] + s) / 2], "TypeError"),
]

# ---- 01 contact_sheet -----------------------------------------------------------------------------


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
    sheet_by_cat,
    sheet_by_permute,
    sheet_by_numpy,
    lambda x, c: images.make_grid(x, columns=c, padding=0),
]
WRONG["contact_sheet"] = [
    (sheet_by_columns, "image 1 should be in row 0, column 1"),
    (lambda x, c: images.make_grid(x, columns=c), r"make \(3, 14, 26\), expected \(3, 8, 18\)"),
    (lambda x, c: sheet_by_hand(x[: len(x) // c * c], c), "expected \\(3, 8, 18\\)"),
    (lambda x, c: sheet_by_hand(x.flip(0), c), "image 5 is there instead"),
    (lambda x, c: sheet_by_hand(x, c).float(), "torch.float32; the images are uint8"),
    (lambda x, c: torch.cat(list(x), dim=2), "expected \\(3, 8, 18\\)"),
    (
        lambda x, c: x.reshape(3, -1, c * x.shape[3])[:, : 4 * math.ceil(len(x) / c)],
        "is no whole image|expected",
    ),
    (lambda x, c: sheet_by_hand(x, c).transpose(1, 2), "expected \\(3, 8, 18\\)"),
    (lambda x, c: sheet_by_hand(x.transpose(2, 3), c), "expected \\(3, 8, 18\\)"),
    (lambda x, c: sheet_by_hand(x.flip(2), c), "is no whole image"),
]

# ---- 02 output_size -------------------------------------------------------------------------------

RIGHT["output_size"] = [
    models.output_size,
    lambda n, k, s, p: (n - 1) * s - 2 * p + k,
    lambda n, k, s, p: n * s + k - s - 2 * p,
    lambda n, k, s, p: nn.ConvTranspose2d(1, 1, k, s, p)(torch.zeros(1, 1, n, n)).shape[2],
    lambda n, k, s, p: sum([s] * (n - 1)) + k - p - p,
    lambda n, k, s, p: float((n - 1) * s + k - 2 * p),
]
WRONG["output_size"] = [
    (lambda n, k, s, p: (n + 2 * p - k) // s + 1, "formula of an ordinary convolution"),
    (lambda n, k, s, p: n * s - 2 * p + k, "but the layer's output has side"),
    (lambda n, k, s, p: (n - 1) * s + 2 * p + k, "but the layer's output has side"),
    (lambda n, k, s, p: (n - 1) * s - p + k, "but the layer's output has side"),
    (lambda n, k, s, p: n * 2, "for size 1, kernel 4, stride 1, padding 0 it gives 2"),
    (lambda n, k, s, p: (n - 1) * k - 2 * p + s, "but the layer's output has side"),
    (lambda n, k, s, p: 4 if n == 1 else n * s, "but the layer's output has side"),
    (lambda n, k, s, p: str((n - 1) * s - 2 * p + k), "returns a str, not a number"),
    (lambda n, k, s, p: print(n), "returns nothing"),
    (lambda n, k, s: n, "TypeError"),
]

# ---- 02 generator_block ---------------------------------------------------------------------------


def block(a, b, *, kernel=4, stride=2, padding=1, act=nn.ReLU, norm=nn.BatchNorm2d, bias=False):
    return nn.Sequential(nn.ConvTranspose2d(a, b, kernel, stride, padding, bias=bias), norm(b), act())


def block_by_upsampling(a, b):
    return nn.Sequential(
        nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()
    )


class BlockClass(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.up, self.norm = nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b)

    def forward(self, x):
        return F.leaky_relu(self.norm(self.up(x)), 0.2)


SHARED = block(6, 4)
RIGHT["generator_block"] = [
    models.generator_block,
    block,
    BlockClass,
    block_by_upsampling,
    lambda a, b: block(a, b, kernel=2, padding=0, bias=True),
    lambda a, b: block(a, b, act=nn.ELU),
    lambda a, b: nn.Sequential(
        nn.Conv2d(a, 4 * b, 3, padding=1), nn.PixelShuffle(2), nn.BatchNorm2d(b), nn.SiLU()
    ),
]
WRONG["generator_block"] = [
    (
        lambda a, b: nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU()),
        "a side of 4 becomes 2",
    ),
    (lambda a, b: block(a, b, kernel=3), "a side of 4 becomes 7, expected 8"),
    (lambda a, b: block(a, b, padding=0), "a side of 4 becomes 10"),
    (
        lambda a, b: nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU()),
        "nothing normalises over the batch",
    ),
    (lambda a, b: nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b)), "mean 0 and spread 1"),
    (
        lambda a, b: nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU(), nn.BatchNorm2d(b)),
        "mean 0 and spread 1",
    ),
    (lambda a, b: block(a, b, act=nn.Identity), "mean 0 and spread 1"),
    (lambda a, b: block(b, a), "RuntimeError"),
    (
        lambda a, b: nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(a), nn.ReLU()),
        "RuntimeError",
    ),
    (lambda a, b: block(a, a), "makes 6 channels, expected 4"),
    (lambda a, b: BlockClass, "the class BlockClass, expected a module"),
    (lambda a, b: [nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU()], "returns a list"),
    (lambda a, b: SHARED, "share the same weights"),
    (
        lambda a, b: block(a, b, norm=nn.InstanceNorm2d, kernel=4, stride=1, padding=0),
        "a side of 4 becomes 7",
    ),
]

# ---- 02 generator ---------------------------------------------------------------------------------


class FreeGenerator(nn.Module):
    """A generator with everything that can be right or wrong as an option."""

    def __init__(self, latent_dim, width, *, last=nn.Tanh, act=nn.ReLU, channels=3, blocks=3, ignore=False,
                 hidden_list=False, four_d=False, detach=False, idle=False, batch_mean=False):  # fmt: skip
        super().__init__()
        self.latent_dim, self.ignore, self.four_d, self.detach = latent_dim, ignore, four_d, detach
        self.batch_mean = batch_mean
        layers = [nn.Sequential(nn.ConvTranspose2d(latent_dim, width, 4), nn.BatchNorm2d(width), act())]
        layers += [block(width, width, act=act) for _ in range(blocks)]
        layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1), last()]
        self.layers = layers if hidden_list else nn.ModuleList(layers)
        self.idle = nn.Linear(3, 3) if idle else None

    def forward(self, z):
        x = torch.ones_like(z) if self.ignore else z
        if not self.four_d:
            x = x.reshape(len(z), self.latent_dim, 1, 1)
        if self.batch_mean:
            x = x.mean(0, keepdim=True).expand_as(x)
        for layer in self.layers:
            x = layer(x)
        return x.detach() if self.detach else x


def generator_by_linear(latent_dim, width):
    return nn.Sequential(
        nn.Linear(latent_dim, width * 16), nn.Unflatten(1, (width, 4, 4)), nn.BatchNorm2d(width), nn.ReLU(),
        *[block(width, width) for _ in range(3)], nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def generator_by_upsampling(latent_dim, width):
    return nn.Sequential(
        nn.Unflatten(1, (latent_dim, 1, 1)), nn.ConvTranspose2d(latent_dim, width, 4), nn.BatchNorm2d(width), nn.ReLU(),
        *[block_by_upsampling(width, width) for _ in range(4)], nn.Conv2d(width, 3, 3, padding=1), nn.Tanh(),
    )  # fmt: skip


class Hardtanh(nn.Module):
    def forward(self, x):
        return x.clamp(-1, 1)


RIGHT["generator"] = [
    models.build_generator,
    FreeGenerator,
    generator_by_linear,
    generator_by_upsampling,
    lambda d, w: FreeGenerator(d, w, act=lambda: nn.LeakyReLU(0.2)),
    lambda d, w: FreeGenerator(d, w, last=Hardtanh),
]
WRONG["generator"] = [
    (lambda d, w: FreeGenerator(d, w, last=nn.Identity), r"leave \[-1, 1\]"),
    (lambda d, w: FreeGenerator(d, w, last=nn.Sigmoid), "where are the values below 0"),
    (lambda d, w: FreeGenerator(d, w, channels=1), r"\(4, 1, 64, 64\), expected \(4, 3, 64, 64\)"),
    (lambda d, w: FreeGenerator(d, w, blocks=2), r"\(4, 3, 32, 32\), expected"),
    (lambda d, w: FreeGenerator(d, w, blocks=4), r"\(4, 3, 128, 128\), expected"),
    (lambda d, w: FreeGenerator(d, w, ignore=True), "different latents give the same image"),
    (lambda d, w: FreeGenerator(d, w, batch_mean=True), "different latents give the same image"),
    (lambda d, w: FreeGenerator(d, w, hidden_list=True), "no parameters"),
    (lambda d, w: FreeGenerator(d, w, four_d=True), "RuntimeError"),
    (lambda d, w: FreeGenerator(d, w, detach=True), "no gradient reaches"),
    (lambda d, w: FreeGenerator(d, w, idle=True), "get no gradient"),
    (lambda d, w: FreeGenerator(100, 64), "RuntimeError"),
    (lambda d, w: FreeGenerator(d, w, act=nn.Identity), "before its last layer it is linear"),
    (lambda d, w: FreeGenerator, "the class FreeGenerator"),
]

# ---- 02 discriminator -----------------------------------------------------------------------------


class FreeDiscriminator(nn.Module):
    def __init__(self, width, *, act=lambda: nn.LeakyReLU(0.2), last=nn.Identity, flat=True, mean=False, bn=True,
                 blocks=3, channels=3, constant=False, batch=False, out=1, detach=False):  # fmt: skip
        super().__init__()
        self.flat, self.mean, self.constant, self.batch, self.detach = flat, mean, constant, batch, detach
        layers = [nn.Conv2d(channels, width, 4, 2, 1), act()]
        for _ in range(blocks):
            layers += [nn.Conv2d(width, width, 4, 2, 1), *([nn.BatchNorm2d(width)] if bn else []), act()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, out, 4), last())

    def forward(self, x):
        x = self.layers(torch.zeros_like(x) if self.constant else x)
        if self.batch:
            x = x - x.mean(0)
        if self.mean:
            return x.mean()
        x = x.flatten() if self.flat else x
        return x.detach() if self.detach else x


def discriminator_by_linear(width):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 64 * 64, width), nn.LeakyReLU(0.2), nn.Linear(width, 1), nn.Flatten(0)
    )


def discriminator_by_pooling(width):
    return nn.Sequential(
        nn.Conv2d(3, width, 5, 3), nn.ReLU(), nn.Conv2d(width, 1, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(0)
    )


RIGHT["discriminator"] = [
    models.build_discriminator,
    FreeDiscriminator,
    discriminator_by_linear,
    discriminator_by_pooling,
    lambda w: FreeDiscriminator(w, bn=False),
    lambda w: FreeDiscriminator(w, act=nn.GELU),
]
WRONG["discriminator"] = [
    (lambda w: FreeDiscriminator(w, last=nn.Sigmoid), "stay between 0 and 1"),
    (lambda w: FreeDiscriminator(w, last=nn.Tanh), "stay between -1 and 1"),
    (lambda w: FreeDiscriminator(w, flat=False), r"\(6, 1, 1, 1\), expected \(6,\)"),
    (lambda w: FreeDiscriminator(w, mean=True), r"become \(\), expected \(6,\)"),
    (lambda w: FreeDiscriminator(w, blocks=2), r"expected \(6,\)"),
    (lambda w: FreeDiscriminator(w, blocks=4), "RuntimeError"),
    (lambda w: FreeDiscriminator(w, channels=1), "RuntimeError"),
    (lambda w: FreeDiscriminator(w, constant=True), "same logit|between -1 and 1"),
    (lambda w: FreeDiscriminator(w, batch=True), "depends on the other images"),
    (lambda w: FreeDiscriminator(w, out=2), r"\(12,\), expected \(6,\)"),
    (lambda w: FreeDiscriminator(w, act=nn.Identity, bn=False), "it is linear"),
    (lambda w: FreeDiscriminator(w, detach=True), "no gradient reaches"),
    (lambda w: nn.Flatten(), "no parameters"),
]

# ---- 02 init_weights ------------------------------------------------------------------------------

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def init(m, *, conv=CONVOLUTIONS, mean=0.0, std=0.02, norm_mean=1.0, norm_std=0.02, bias=0.0, norm=True):
    if isinstance(m, conv):
        nn.init.normal_(m.weight, mean, std)
    if isinstance(m, nn.BatchNorm2d) and norm:
        nn.init.normal_(m.weight, norm_mean, norm_std)
    if getattr(m, "bias", None) is not None and bias is not None:
        nn.init.constant_(m.bias, bias)


def init_by_name(m):
    name = type(m).__name__
    if "Conv" in name:
        m.weight.data.normal_(0.0, 0.02)
        if m.bias is not None:
            m.bias.data.fill_(0)
    elif "BatchNorm" in name:
        m.weight.data.normal_(1.0, 0.02)
        m.bias.data.fill_(0)


def init_by_data(m):
    if hasattr(m, "weight"):
        centre = 1.0 if isinstance(m, nn.BatchNorm2d) else 0.0
        m.weight.data = centre + 0.02 * torch.randn_like(m.weight)
    if getattr(m, "bias", None) is not None:
        m.bias.data.zero_()


def init_without_grad(m):
    with torch.no_grad():
        init(m)


def init_dropped(m):
    if isinstance(m, CONVOLUTIONS):
        torch.normal(0.0, 0.02, m.weight.shape)
    if getattr(m, "bias", None) is not None:
        nn.init.zeros_(m.bias)


def init_uniform(m):
    init(m)
    if isinstance(m, CONVOLUTIONS):
        nn.init.uniform_(m.weight, -0.0346, 0.0346)


def init_bias_always(m):
    init(m)
    m.bias.data.zero_()


RIGHT["init_weights"] = [models.init_weights, init, init_by_name, init_by_data, init_without_grad]
WRONG["init_weights"] = [
    (lambda m: init(m, norm_mean=0.0), "a scale of 0 erases"),
    (lambda m: init(m, std=0.02**0.5), "0.02 is not the variance"),
    (lambda m: init(m, std=0.2), r"standard deviation 0\.2"),
    (lambda m: init(m, conv=nn.Conv2d), "weights of ConvTranspose2d are not touched"),
    (lambda m: init(m, conv=nn.ConvTranspose2d), "weights of Conv2d are not touched"),
    (lambda m: init(m, norm=False), "weights of BatchNorm2d are not touched"),
    (lambda m: init(m, bias=None), "bias of Conv2d is not 0"),
    (lambda m: init(m, mean=1.0), r"mean 1\.000, expected 0"),
    (init_uniform, "have no tails"),
    (init_dropped, "weights of Conv2d are not touched"),
    (lambda m: init(m, norm_std=0.0), r"BatchNorm2d have standard deviation 0\.000"),
    (init_bias_always, "AttributeError"),
]

# ---- 03 discriminator_loss ------------------------------------------------------------------------

bce = F.binary_cross_entropy_with_logits


def sigmoid_twice(real, fake):
    r, f = real.sigmoid(), fake.sigmoid()
    return bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))


def naive_log(real, fake):
    return -(torch.log(torch.sigmoid(real)) + torch.log(1 - torch.sigmoid(fake))).mean()


def by_probabilities(real, fake):
    probabilities = torch.cat([real, fake]).sigmoid()
    labels = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    return F.binary_cross_entropy(probabilities, labels)


RIGHT["discriminator_loss"] = [
    losses.bce_discriminator,
    lambda r, f: bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f)),
    lambda r, f: (F.softplus(-r).mean() + F.softplus(f).mean()) / 2,
    lambda r, f: nn.BCEWithLogitsLoss()(
        torch.cat([r, f]), torch.cat([torch.ones_like(r), torch.zeros_like(f)])
    ),
    lambda r, f: -(F.logsigmoid(r) + F.logsigmoid(-f)).mean(),
    lambda r, f: (
        torch.logaddexp(torch.zeros_like(r), -r).mean() + torch.logaddexp(torch.zeros_like(f), f).mean()
    ),
]
WRONG["discriminator_loss"] = [
    (lambda r, f: bce(r, torch.zeros_like(r)) + bce(f, torch.ones_like(f)), "wrong way round"),
    (lambda r, f: bce(r, torch.ones_like(r)), "real images only"),
    (lambda r, f: bce(f, torch.zeros_like(f)), "fakes only"),
    (sigmoid_twice, "sigmoid is applied twice"),
    (naive_log, "logarithm of a sigmoid underflows|clipped"),
    (by_probabilities, "clipped on the way"),
    (lambda r, f: F.softplus(-r) + F.softplus(f), "returns 7 numbers"),
    (lambda r, f: (F.softplus(-r) + F.softplus(f)).sum(), "grows with the batch"),
    (
        lambda r, f: (bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))).item(),
        "returns a float, not a tensor",
    ),
    (lambda r, f: losses.bce_discriminator(r.detach(), f), "no gradient flows back"),
    (lambda r, f: losses.bce_discriminator(r, f).detach(), "no gradient flows back"),
    (lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean(), "it gives .* expected"),
    (lambda r, f: f.mean() - r.mean(), "it gives .* expected"),
    (lambda r, f: losses.bce_discriminator(r.clamp(-20, 20), f.clamp(-20, 20)), "clipped on the way"),
]

# ---- 03 generator_loss ----------------------------------------------------------------------------

RIGHT["generator_loss"] = [
    losses.bce_generator,
    lambda f: bce(f, torch.ones_like(f)),
    lambda f: F.softplus(-f).mean(),
    lambda f: -F.logsigmoid(f).mean(),
    lambda f: nn.BCEWithLogitsLoss()(f, torch.full_like(f, 1.0)),
    lambda f: torch.logaddexp(torch.zeros_like(f), -f).sum() / len(f),
]
WRONG["generator_loss"] = [
    (losses.minimax_generator, "the saturating loss"),
    (lambda f: bce(f, torch.zeros_like(f)), "that is what D wants"),
    (lambda f: F.logsigmoid(f).mean(), "its sign is wrong"),
    (lambda f: bce(f.sigmoid(), torch.ones_like(f)), "applied twice"),
    (lambda f: F.softplus(-f), "returns 9 numbers"),
    (lambda f: F.softplus(-f).sum(), "grows with the batch"),
    (lambda f: -torch.log(torch.sigmoid(f)).mean(), "underflows"),
    (lambda f: F.binary_cross_entropy(f.sigmoid(), torch.ones_like(f)), "clipped on the way|expected"),
    (lambda f: F.softplus(-f.detach()).mean(), "no gradient flows back"),
    (lambda f: -f.mean(), "it gives .* expected"),
    (lambda f: float(F.softplus(-f).mean()), "returns a float"),
    (lambda f: F.softplus(-f).mean() / 2, "it gives .* expected"),
]

# ---- 03 train_step --------------------------------------------------------------------------------


def step(g, d, og, od, real, z, *, detach=True, zero_d=True, zero_g=True, old_d=False, swap=False,
         fake_label=0.0, real_part=True, fake_part=True, reduce="mean", extra_d=False, g_label=1.0,
         saturating=False, g_first=False, result="tuple", step_d=True, step_g=True, backward_g=True, half=1.0):  # fmt: skip
    def generator_part():
        if zero_g:
            og.zero_grad()
        logits = d_old(g(z)) if old_d else d(fake)
        loss = -F.softplus(logits).mean() if saturating else bce(logits, torch.full_like(logits, g_label))
        if backward_g:
            loss.backward()
        if step_g:
            og.step()
        if extra_d:
            od.step()
        return loss

    fake = g(z)
    d_old = copy.deepcopy(d)
    loss_g = generator_part() if g_first else None
    if g_first:
        fake = g(z)
    if zero_d:
        od.zero_grad()
    seen = fake.detach() if detach else fake
    real_label, other = (0.0, 1.0) if swap else (1.0, fake_label)
    real_logits, fake_logits = d(real), d(seen)
    loss_d = 0
    if real_part:
        loss_d = loss_d + bce(real_logits, torch.full_like(real_logits, real_label), reduction=reduce)
    if fake_part:
        loss_d = loss_d + bce(fake_logits, torch.full_like(fake_logits, other), reduction=reduce)
    loss_d = half * loss_d
    loss_d.backward(retain_graph=not detach)
    if step_d:
        od.step()
    if not g_first:
        loss_g = generator_part()
    if result == "graph":
        return loss_d, loss_g
    return {"tuple": (loss_d.item(), loss_g.item()), "none": None, "one": loss_d.item()}[result]


def with_options(**options):
    return lambda *arguments: step(*arguments, **options)


def step_with_new_fakes(g, d, og, od, real, z):
    od.zero_grad(set_to_none=True)
    with torch.no_grad():
        fake = g(z)
    loss_d = F.softplus(-d(real)).mean() + F.softplus(d(fake)).mean()
    loss_d.backward()
    od.step()
    g.zero_grad()
    d.requires_grad_(False)
    loss_g = F.softplus(-d(g(z))).mean()
    loss_g.backward()
    d.requires_grad_(True)
    og.step()
    return [loss_d.detach(), loss_g.detach()]


def step_with_two_backwards(g, d, og, od, real, z):
    d.zero_grad()
    fake = g(z)
    loss_real = bce(d(real), torch.ones(len(real)))
    loss_real.backward()
    loss_fake = bce(d(fake.detach()), torch.zeros(len(real)))
    loss_fake.backward()
    od.step()
    g.zero_grad()
    loss_g = bce(d(fake), torch.ones(len(real)))
    loss_g.backward()
    og.step()
    return (loss_real + loss_fake).item(), loss_g.item()


def step_in_one_batch(g, d, og, od, real, z):
    fake = g(z)
    labels = torch.cat([torch.ones(len(real)), torch.zeros(len(z))])
    loss_d = bce(d(torch.cat([real, fake.detach()])), labels)
    for optimizer, loss in ((od, loss_d),):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss_g = losses.bce_generator(d(fake))
    og.zero_grad()
    loss_g.backward()
    og.step()
    return loss_d.detach(), loss_g.detach()


def step_through_d_grad(g, d, og, od, real, z):
    """One optimizer steps both networks' gradients by hand."""
    result = checks.reference_step(g, d, og, od, real, z)
    with torch.no_grad():
        for p in d.parameters():
            p -= 0.1 * p.grad
    return result


def step_with_fresh_noise(g, d, og, od, real, z):
    return checks.reference_step(g, d, og, od, real, torch.randn_like(z))


RIGHT["train_step"] = [
    checks.reference_step,
    step,
    step_with_new_fakes,
    step_with_two_backwards,
    step_in_one_batch,
    with_options(detach=False),  # wasteful, but G's gradients are cleared before its own backward
    with_options(half=0.5),
]
WRONG["train_step"] = [
    (with_options(detach=False, zero_g=False), "discriminator loss also sent gradients into the generator"),
    (with_options(zero_d=False), "zero_grad is missing"),
    (with_options(zero_g=False), "G steps with gradients of the round before"),
    (with_options(swap=True), "labels are swapped"),
    (with_options(fake_label=1.0), "fakes are real"),
    (with_options(fake_part=False), "real images only"),
    (with_options(real_part=False), "fakes only"),
    (with_options(reduce="sum"), "sum over the batch"),
    (with_options(extra_d=True), "optimizer_d steps 2 times"),
    (with_options(g_label=0.0), "its label is the wrong way round"),
    (with_options(saturating=True), "the saturating loss"),
    (with_options(old_d=True), "judged by the D of before its step"),
    (with_options(g_first=True), "G steps before D"),
    (with_options(step_d=False), "optimizer_d never steps"),
    (with_options(step_g=False), "optimizer_g never steps"),
    (with_options(backward_g=False), "G steps|gradient that G steps with|backward"),
    (with_options(result="none"), "returns NoneType, expected both losses"),
    (with_options(result="one"), "returns float, expected both losses"),
    (with_options(result="graph"), "still hold their graphs"),
    (step_through_d_grad, "also moved the discriminator"),
    (step_with_fresh_noise, "G's fakes from z"),
]

# ---- 03 update_average ----------------------------------------------------------------------------


@torch.no_grad()
def average_by_parts(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_(m, alpha=1 - decay)
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(m)


def average_by_state(average, model, decay):
    new = model.state_dict()
    mixed = {
        k: (decay * v + (1 - decay) * new[k]) if v.is_floating_point() else new[k]
        for k, v in average.state_dict().items()
    }
    average.load_state_dict(mixed)


def average_by_data(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.data = decay * a.data + (1 - decay) * m.data
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.data.copy_(m.data)


def average_by_foreach(average, model, decay):
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        for a, m in zip(average.buffers(), model.buffers(), strict=True):
            a.lerp_(m, 1 - decay) if a.is_floating_point() else a.copy_(m)


@torch.no_grad()
def average_parameters_only(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(m, 1 - decay)


def average_with_graph(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_(m, alpha=1 - decay)


@torch.no_grad()
def average_buffers_only(average, model, decay):
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(m)


def average_the_model(average, model, decay):
    average_by_parts(model, average, decay)


def average_rebound(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a = decay * a + (1 - decay) * m


def average_shared(average, model, decay):
    average_by_parts(average, model, decay)
    average[0].weight.data = model[0].weight.data


def average_both_in_sum(average, model, decay):
    with torch.no_grad():
        for a, m in zip(average.parameters(), model.parameters(), strict=True):
            a.add_(m)
    average_buffers_only(average, model, decay)


RIGHT["update_average"] = [
    checks.reference_average,
    average_by_parts,
    average_by_state,
    average_by_data,
    average_by_foreach,
]
WRONG["update_average"] = [
    (average_parameters_only, "buffers are no parameters"),
    (lambda a, m, d: average_by_parts(a, m, 1 - d), "keeps nine tenths of the average"),
    (lambda a, m, d: a.load_state_dict(m.state_dict()), "copied from the model at once"),
    (average_with_graph, "RuntimeError"),
    (average_buffers_only, "the parameters of the average do not move"),
    (average_the_model, "changes the model"),
    (average_rebound, "do not move"),
    (average_shared, "copied from the model|shares its memory|do not become"),
    (average_both_in_sum, "do not become decay"),
    (lambda a, m, d: copy.deepcopy(a), "do not move"),
    (lambda a, m, d: average_by_parts(a, m, d / 2), "do not become decay"),
]

# ---- 04 slerp -------------------------------------------------------------------------------------


def slerp_by_norms(a, b, t):
    cosine = torch.dot(a / a.norm(), b / b.norm()).clamp(-1, 1)
    omega = torch.acos(cosine)
    if omega.abs() < 1e-3:
        return a + (b - a) * t
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


def slerp_by_basis(a, b, t):
    u, v = a / a.norm(), b / b.norm()
    side = v - (u @ v) * u
    if side.norm() < 1e-5:
        return (1 - t) * a + t * b
    angle = torch.atan2(side.norm(), u @ v) * t
    return a.norm() ** (1 - t) * b.norm() ** t * (angle.cos() * u + angle.sin() * side / side.norm())


def slerp_by_numpy(a, b, t):
    x, y = a.numpy(), b.numpy()
    omega = np.arccos(np.clip(x @ y / np.linalg.norm(x) / np.linalg.norm(y), -1, 1))
    so = np.sin(omega)
    if so < 1e-3:
        return torch.from_numpy((1 - t) * x + t * y)
    return torch.from_numpy(np.sin((1 - t) * omega) / so * x + np.sin(t * omega) / so * y)


def slerp_by_halving(a, b, t):
    """Halve the arc again and again: slow, but an arc."""
    low, high, left, right = 0.0, 1.0, a, b
    if t in (0, 1):
        return a if t == 0 else b
    for _ in range(20):
        middle = left + right
        middle = middle / middle.norm() * a.norm()
        if t < (low + high) / 2:
            high, right = (low + high) / 2, middle
        else:
            low, left = (low + high) / 2, middle
    return left


def slerp_unsafe(a, b, t):
    omega = torch.acos((a @ b) / (a.norm() * b.norm()))
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


def slerp_unnormalised(a, b, t):
    omega = torch.acos(torch.dot(a, b).clamp(-1, 1))
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


def nlerp(a, b, t):
    middle = (1 - t) ** 2 * a + t**2 * b
    return middle / middle.norm() * a.norm()


def unit_slerp(a, b, t):
    return slerp_by_norms(a / a.norm(), b / b.norm(), t)


def slerp_without_division(a, b, t):
    omega = torch.acos((a @ b / a.norm() / b.norm()).clamp(-1, 1))
    return torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b


RIGHT["slerp"] = [latent.slerp, slerp_by_norms, slerp_by_basis, slerp_by_numpy, slerp_by_halving]
WRONG["slerp"] = [
    (lambda a, b, t: (1 - t) * a + t * b, "this is the straight line"),
    (lambda a, b, t: latent.slerp(b, a, t), "at the other end"),
    (slerp_unsafe, "between two equal vectors"),
    (slerp_unnormalised, "not at a|not a number|its length is|between two equal|other end|not at b"),
    (nlerp, "has turned by"),
    (unit_slerp, "not at a"),
    (slerp_without_division, "not at a|its length|not at b"),
    (lambda a, b, t: latent.slerp(a, b, t**2), "expected a quarter|its length"),
    (lambda a, b, t: a.norm(), "returns shape"),
    (lambda a, b, t: a, "at the other end|not at b"),
    (
        lambda a, b, t: math.sqrt(1 - t) * a + math.sqrt(t) * b,
        "its length|a quarter|between two equal|straight",
    ),
]

# ---- 04 latent_walk -------------------------------------------------------------------------------


def walk_by(path, *, closed=False, legs=None):
    def make(anchors, frames):
        if closed:
            anchors = torch.cat([anchors, anchors[:1]])
        anchors = anchors[:legs]
        places = torch.linspace(0, len(anchors) - 1, frames).tolist()
        out = []
        for place in places:
            leg = min(int(place), len(anchors) - 2)
            out.append(path(anchors[leg], anchors[leg + 1], place - leg))
        return torch.stack(out)

    return make


def walk_by_interpolate(anchors, frames):
    return F.interpolate(anchors.T[None], frames, mode="linear", align_corners=True)[0].T


def walk_by_numpy(anchors, frames):
    places = np.linspace(0, len(anchors) - 1, frames)
    columns = [np.interp(places, np.arange(len(anchors)), c) for c in anchors.T.numpy()]
    return torch.from_numpy(np.stack(columns, 1))


def walk_in_legs(anchors, frames):
    per = frames // (len(anchors) - 1)
    parts = [latent.lerp(a, b, torch.linspace(0, 1, per)[:, None]) for a, b in pairwise(anchors)]
    return torch.cat([*parts, anchors[-1:].expand(frames - per * (len(anchors) - 1), -1)])


def walk_that_stops_short(anchors, frames):
    places = torch.arange(frames) * (len(anchors) - 1) / frames
    legs = places.long()
    return latent.lerp(anchors[legs], anchors[legs + 1], (places - legs)[:, None])


RIGHT["latent_walk"] = [
    checks.reference_walk,
    walk_by(latent.slerp),
    walk_by(latent.lerp),
    walk_by_interpolate,
    walk_by_numpy,
    lambda a, n: latent.walk(a, n, path=latent.lerp, closed=False),
]
WRONG["latent_walk"] = [
    (lambda a, n: latent.walk(a, n), "does not end at the last anchor"),
    (walk_by(latent.slerp, closed=True), "comes back to the first"),
    (walk_by(latent.slerp, legs=2), "does not end at the last"),
    (lambda a, n: walk_by(latent.slerp)(a[[0, -1]], n), "passes anchor 1 at a distance"),
    (lambda a, n: a[torch.linspace(0, len(a) - 1, n).round().long()], "stands still|uneven"),
    (walk_in_legs, "stands still"),
    (walk_that_stops_short, "does not end at the last"),
    (lambda a, n: walk_by(latent.slerp)(a, n - 1), r"\(30, 30\), expected"),
    (lambda a, n: walk_by(latent.slerp)(a, n).T, "expected|passes|\\(30, 31\\)"),
    (lambda a, n: walk_by(latent.slerp)(a, n).flip(0), "does not begin at the first"),
    (walk_by(lambda a, b, t: latent.slerp(a, b, t**3)), "pace is uneven|stands still"),
    (lambda a, n: list(walk_by(latent.slerp)(a, n)), "returns a list"),
]

# ---- 04 attribute_direction -----------------------------------------------------------------------


def direction_by_regression(z, has):
    centred = z - z.mean(0)
    labels = has.float() - has.float().mean()
    return torch.linalg.lstsq(centred, labels[:, None]).solution[:, 0]


def direction_by_loop(z, has):
    yes = [v for v, h in zip(z, has, strict=True) if h]
    no = [v for v, h in zip(z, has, strict=True) if not h]
    return sum(yes) / len(yes) - sum(no) / len(no)


def direction_by_covariance(z, has):
    return ((z - z.mean(0)) * (has.float() - has.float().mean())[:, None]).mean(0)


RIGHT["attribute_direction"] = [
    latent.attribute_direction,
    lambda z, h: z[h].mean(0) - z[~h].mean(0),
    lambda z, h: F.normalize(z[h].mean(0) - z[~h].mean(0), dim=0),
    lambda z, h: z[h].mean(0) - z.mean(0),
    direction_by_regression,
    direction_by_loop,
    direction_by_covariance,
]
WRONG["attribute_direction"] = [
    (lambda z, h: z[~h].mean(0) - z[h].mean(0), "points the wrong way"),
    (lambda z, h: z[h].mean(0), "what they share with all others"),
    (lambda z, h: z[h].sum(0) - z[~h].sum(0), "agrees with the true direction only|wrong way"),
    (lambda z, h: z[h].mean() - z[~h].mean(), "expected one number per latent dimension"),
    (lambda z, h: z[h].mean(1), "expected one number per latent dimension"),
    (lambda z, h: z[h][0] - z[~h][0], "agrees with the true direction only"),
    (lambda z, h: z.mean(0), "agrees with the true direction only"),
    (lambda z, h: torch.zeros(z.shape[1]), "zero everywhere"),
    (lambda z, h: z[h] - z[~h], "RuntimeError"),
    (lambda z, h: z[h.long()].mean(0) - z[(~h).long()].mean(0), "agrees with|zero everywhere|wrong way"),
    (lambda z, h: z[h].std(0), "agrees with the true direction only"),
    (lambda z, h: z[h].mean(0) / 0 * 0, "not finite"),
]
