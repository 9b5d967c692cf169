"""Right and wrong solutions of notebook 2's exercises."""

import torch
import torch.nn.functional as F
from torch import nn

from facegan import GAN, TrainConfig
from facegan.models import dcgan

RIGHT, BUT, WRONG = {}, {}, {}


RIGHT["output_size"] = [
    dcgan.output_size,
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
    (lambda n, k, s, p: n * 2, "for size 1, kernel 4, stride 1, padding 0, it gives 2"),
    (lambda n, k, s, p: (n - 1) * k - 2 * p + s, "but the layer's output has side"),
    (lambda n, k, s, p: 4 if n == 1 else n * s, "but the layer's output has side"),
    (lambda n, k, s, p: str((n - 1) * s - 2 * p + k), r"it returns a string \(str\), expected one whole"),
    (lambda n, k, s, p: print(n), "returns nothing"),
    (lambda n, k, s: n, "it is called with size, kernel, stride,"),
]


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
    dcgan.generator_block,
    block,
    lambda a, b: block(a, b, kernel=2, padding=0, bias=True),
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
        "normalization over the batch is missing",
    ),
    (
        lambda a, b: nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b)),
        "mean 0 and standard deviation 1",
    ),
    (
        lambda a, b: nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU(), nn.BatchNorm2d(b)),
        "mean 0 and standard deviation 1",
    ),
    (lambda a, b: block(a, b, act=nn.Identity), "mean 0 and standard deviation 1"),
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


def library_generator(latent_dim, width):
    return GAN(TrainConfig(latent_dim=latent_dim, width=width), device="cpu").generator


def library_discriminator(width):
    return GAN(TrainConfig(width=width), device="cpu").discriminator


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
    library_generator,
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
    (lambda d, w: FreeGenerator(100, 64), "works only for latents of 100"),
    (lambda d, w: FreeGenerator(d, w, act=nn.Identity), "before its last layer it is linear"),
    (lambda d, w: FreeGenerator, "the class FreeGenerator"),
]


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
    library_discriminator,
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


RIGHT["init_weights"] = [dcgan.init_weights, init, init_by_name, init_by_data, init_without_grad]
WRONG["init_weights"] = [
    (lambda m: init(m, norm_mean=0.0), "a scale of 0 erases"),
    (lambda m: init(m, std=0.02**0.5), "0.02 is not the variance"),
    (lambda m: init(m, std=0.2), r"standard deviation 0\.2"),
    (lambda m: init(m, conv=nn.Conv2d), "weights of ConvTranspose2d are not changed"),
    (lambda m: init(m, conv=nn.ConvTranspose2d), "weights of Conv2d are not changed"),
    (lambda m: init(m, norm=False), "weights of BatchNorm2d are not changed"),
    (lambda m: init(m, bias=None), r"the bias of BatchNorm2d is 0\.700"),
    (lambda m: init(m, mean=1.0), r"mean 1\.000, expected 0"),
    (init_uniform, "have no tails"),
    (init_dropped, "weights of Conv2d are not changed"),
    (lambda m: init(m, norm_std=0.0), r"the weights of BatchNorm2d are all 1\.00:"),
    (init_bias_always, "AttributeError"),
]


def output_size_by_recursion(size, kernel, stride, padding):
    return (
        kernel - 2 * padding
        if size == 1
        else output_size_by_recursion(size - 1, kernel, stride, padding) + stride
    )


def weights_init(m):
    """PyTorch's DCGAN tutorial."""
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


class Noisy(FreeGenerator):
    def forward(self, z):
        return super().forward(torch.randn_like(z) + 0 * z)


class Absolute(FreeDiscriminator):
    def forward(self, x):
        return super().forward(x).abs()


class Blind(FreeDiscriminator):
    def forward(self, x):
        return super().forward(x.detach())


RIGHT["output_size"] += [output_size_by_recursion]
RIGHT["init_weights"] += [weights_init]
WRONG["output_size"] += [
    (lambda n, k, s, p: (n - 1) * s + k - p, "both ends"),
    (lambda n, k, s, p: (n - 1) * s + k + 2 * p, "smaller"),
    (lambda n, k, s, p: n * s + k - 2 * p, "size - 1 moves"),
    (lambda n, k, s, p: (n - 1) * s + k, "not taken into account"),
]
WRONG["generator"] += [
    (lambda d, w: Noisy(d, w), "different image each time"),
    (lambda d, w: FreeGenerator(d, 8), "`width` has no effect"),
]
WRONG["discriminator"] += [
    (lambda w: Absolute(w), "same sign"),
    (lambda w: Blind(w), "no gradient reaches the images"),
    (lambda w: FreeDiscriminator(8), "`width` has no effect"),
]


BUT["generator_block"] = [
    (BlockClass, r"it uses leaky_relu\. The text's block ends"),
    (block_by_upsampling, "it has no transposed convolution, which the"),
    (lambda a, b: block(a, b, act=nn.ELU), r"it uses elu\. The text's block ends in ReLU\."),
    (
        lambda a, b: nn.Sequential(
            nn.Conv2d(a, 4 * b, 3, padding=1), nn.PixelShuffle(2), nn.BatchNorm2d(b), nn.SiLU()
        ),
        r"it uses silu\. The text's block ends in",
    ),
]


BUT["generator"] = [
    (FreeGenerator, "for width 4 it has channels 4 at side 4, 4"),
    (generator_by_linear, "for width 4 it has channels 4 at side 8, 4"),
    (generator_by_upsampling, "for width 4 it has channels 4 at side 4, 4"),
    (
        lambda d, w: FreeGenerator(d, w, act=lambda: nn.LeakyReLU(0.2)),
        "for width 4 it has channels 4 at side 4, 4",
    ),
    (lambda d, w: FreeGenerator(d, w, last=Hardtanh), "for width 4 it has channels 4 at side 4, 4"),
]


BUT["discriminator"] = [
    (FreeDiscriminator, "for width 8 it has channels 8 at side 32, 8"),
    (discriminator_by_linear, "it has no convolutions: a linear layer must"),
    (discriminator_by_pooling, "it has pooling; the text halves the side"),
    (lambda w: FreeDiscriminator(w, bn=False), "for width 8 it has channels 8 at side 32, 8"),
    (lambda w: FreeDiscriminator(w, act=nn.GELU), "for width 8 it has channels 8 at side 32, 8"),
]
