"""DCGAN's generator and discriminator (Radford et al. 2015, arXiv 1511.06434).

At 64 px and width 64, their layers are those of PyTorch's DCGAN tutorial. Networks for the other image sizes (16, 32,
128, and 256) differ only in the number of blocks. The networks do not use labels: these GANs are unconditional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from facegan.config import DISCRIMINATOR_SETTINGS, GENERATOR_SETTINGS, TrainConfig
from facegan.errors import CheckpointError, ConfigError, shown
from facegan.latent import DISTRIBUTIONS
from facegan.models import protocol
from facegan.models.conv import Conv2d, ConvTranspose2d, NearestConvTranspose2d
from facegan.runtime.memory import check_fits

SIZES = (16, 32, 64, 128, 256)
OUTPUTS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
ACTIVATIONS = {"relu": 0.0, "leaky_relu": 1.0}  # negative slope, as a multiple of `leak`
UPSAMPLINGS = {"transposed": lambda layer: layer, "nearest": NearestConvTranspose2d}
NORMS: dict[str, Callable[[int], list[nn.Module]]] = {
    "none": lambda channels: [],
    "spectral": lambda channels: [],
    "batch": lambda channels: [nn.BatchNorm2d(channels)],
    "instance": lambda channels: [nn.InstanceNorm2d(channels, affine=True)],
}


class Generator(nn.Module):
    """DCGAN's generator: a projection of z to 4 x 4, then blocks that double the side.

    `forward` takes z (B, latent_dim), or (B, latent_dim, 1, 1) as in the tutorial, and returns images
    (B, 3, image_size, image_size), in [-1, 1] for output "tanh" and in [0, 1] for "sigmoid".

    Args:
        image_size: side of the images in pixels: 16, 32, 64, 128, or 256.
        width: feature maps in the highest-resolution hidden layer; each earlier layer has twice as many, up to
            8 x width.
        latent_dim: length of z.
        latent: distribution of z, from which `sample` draws: "normal" for N(0, 1) or "uniform" on [-1, 1].
        output: last activation, "tanh" or "sigmoid".
        activation: hidden activation, "relu" or "leaky_relu".
        leak: negative slope of "leaky_relu".
        upsampling: "transposed" convolutions, or "nearest" (`facegan.models.conv.NearestConvTranspose2d`).
        modulation: hidden units in each `SelfModulatedBatchNorm2d`; 0 means plain BatchNorm.

    Raises:
        ConfigError: a setting is invalid, or the weights do not fit into memory.

    >>> Generator(image_size=16, width=8).sample(4, seed=0).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(
        self,
        image_size: int = 64,
        width: int = 64,
        latent_dim: int = 100,
        *,
        latent: str = "normal",
        output: str = "tanh",
        activation: str = "relu",
        leak: float = 0.2,
        upsampling: str = "transposed",
        modulation: int = 0,
    ) -> None:
        super().__init__()
        self.image_size, self.width, self.latent_dim = image_size, width, latent_dim
        self.latent, self.output, self.upsampling = latent, output, upsampling
        self.activation, self.leak, self.modulation = activation, leak, modulation
        self.latent_distribution = latent  # its name in facegan.models.protocol
        _check_memory(self, least_weights(image_size, width, latent_dim, modulation=modulation))
        widths = hidden_widths(image_size, width)[::-1]
        _check_leak(leak)
        slope = leak * _choose(ACTIVATIONS, "activation", activation)
        _choose(DISTRIBUTIONS, "latent", latent)
        squash = _choose(OUTPUTS, "output", output)()
        blocks = [generator_block(latent_dim, widths[0], stride=1, padding=0, leak=slope)]
        blocks += [generator_block(a, b, leak=slope) for a, b in pairwise(widths)]
        to_image = nn.Sequential(ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False), squash)
        self.blocks = nn.Sequential(*blocks, to_image)
        self.apply(init_weights)
        upsample = _choose(UPSAMPLINGS, "upsampling", upsampling)
        for block in [*blocks[1:], to_image]:
            block[0] = upsample(block[0])
        if modulation:
            modulated = [
                ModulatedBlock(block, channels, latent_dim, modulation)
                for block, channels in zip(blocks, widths, strict=True)
            ]
            self.blocks = nn.Sequential(*modulated, to_image)

    @classmethod
    def from_config(cls, config: TrainConfig) -> Generator:
        """Build the generator for a training run's settings."""
        return cls(**{name: getattr(config, name) for name in GENERATOR_SETTINGS})

    @property
    def output_range(self) -> tuple[int, int]:
        """The range of pixel values that `forward` returns: (-1, 1) or (0, 1)."""
        return protocol.RANGES[self.output]

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that rebuild this network."""
        return {name: getattr(self, name) for name in GENERATOR_SETTINGS}

    def forward(self, z: Tensor) -> Tensor:
        z = z.flatten(1)
        images = z[:, :, None, None]
        for block in self.blocks:
            images = block(images, z) if isinstance(block, ModulatedBlock) else block(images)
        return images

    def generate(self, z: Tensor, *, batch_size: int = 128) -> Tensor:
        """Generate images (N, 3, H, W) in [-1, 1] from latents z (N, latent_dim); see `facegan.models.generate`."""
        return protocol.generate(self, z, batch_size=batch_size)

    def sample(self, n: int, *, seed: int | None = None, truncation: float | None = None) -> Tensor:
        """Generate n random images (n, 3, H, W) in [-1, 1]; see `facegan.models.sample`."""
        return protocol.sample(self, n, seed=seed, truncation=truncation)


class Discriminator(nn.Module):
    """DCGAN's discriminator: blocks that halve the side down to 4 x 4, then one number per image.

    `forward` takes images (B, 3, image_size, image_size), in the generator's range, and returns logits (B,). A logit
    above 0 means "real". There is no sigmoid, because losses take logits.

    Args:
        image_size: side of the images in pixels: 16, 32, 64, 128, or 256.
        width: feature maps in the highest-resolution hidden layer; each later layer has twice as many, up to
            8 x width.
        norm: normalization: "batch", "instance", "spectral", or "none".
        leak: negative slope of the leaky ReLUs (0.2 in DCGAN, section 4).

    Raises:
        ConfigError: a setting is invalid, the weights do not fit into memory, or images have another size.
    """

    def __init__(
        self, image_size: int = 64, width: int = 64, *, norm: str = "batch", leak: float = 0.2
    ) -> None:
        super().__init__()
        self.image_size, self.width, self.norm, self.leak = image_size, width, norm, leak
        _check_memory(self, least_weights(image_size, width))
        _check_leak(leak)
        widths = hidden_widths(image_size, width)
        layers = _choose(NORMS, "norm", norm)
        bias = norm in {"none", "spectral"}
        blocks = [discriminator_block(3, widths[0], bias=bias, leak=leak)]
        blocks += [discriminator_block(a, b, layers(b), bias=bias, leak=leak) for a, b in pairwise(widths)]
        self.blocks = nn.Sequential(*blocks, Conv2d(widths[-1], 1, 4, 1, 0, bias=bias))
        self.apply(init_weights)
        if norm == "spectral":
            for module in [m for m in self.modules() if isinstance(m, nn.Conv2d)]:
                spectral_norm(module)

    @classmethod
    def from_config(cls, config: TrainConfig) -> Discriminator:
        """Build the discriminator for a training run's settings."""
        image_size, width, norm, leak = (getattr(config, name) for name in DISCRIMINATOR_SETTINGS)
        return cls(image_size, width, norm=norm, leak=leak)

    def forward(self, images: Tensor) -> Tensor:
        size = self.image_size
        if images.shape[1:] != (3, size, size):
            raise ConfigError(
                f"images are {tuple(images.shape)}, but this discriminator takes (B, 3, {size}, {size})."
            )
        return self.blocks(images).flatten()


def treats_images_independently(network: nn.Module) -> bool:
    """Whether a network is a `Discriminator` whose logits do not depend on the other images in a batch.

    It is also False with spectral normalization, whose weights change in each forward pass.
    """
    parts = {Discriminator, nn.Sequential, Conv2d, nn.InstanceNorm2d, nn.LeakyReLU}
    return isinstance(network, Discriminator) and all(type(part) in parts for part in network.modules())


class SelfModulatedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm whose scale and shift are functions of the latent z: Chen et al. 2019 (arXiv 1810.01365), equation 4.

    `forward` takes images (B, channels, H, W) and z (B, latent_dim). A network with one hidden layer computes scale and
    shift, which are 1 and 0 at initialization.

    Args:
        channels: number of channels of the images.
        latent_dim: length of z.
        hidden: number of hidden units (32 in the paper).
    """

    def __init__(self, channels: int, latent_dim: int, hidden: int) -> None:
        super().__init__(channels, affine=False)
        last = nn.Linear(hidden, 2 * channels)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.modulate = nn.Sequential(nn.Linear(latent_dim, hidden), nn.ReLU(True), last)

    def forward(self, images: Tensor, z: Tensor) -> Tensor:  # type: ignore[override]
        scale, shift = self.modulate(z)[:, :, None, None].chunk(2, dim=1)
        return super().forward(images) * (1 + scale) + shift


class ModulatedBlock(nn.Sequential):
    """A `generator_block` whose BatchNorm is modulated by z; `forward` also takes z (B, latent_dim)."""

    def __init__(self, block: nn.Sequential, channels: int, latent_dim: int, hidden: int) -> None:
        conv, _, activation = block
        super().__init__(conv, SelfModulatedBatchNorm2d(channels, latent_dim, hidden), activation)

    def forward(self, images: Tensor, z: Tensor) -> Tensor:  # type: ignore[override]
        conv, norm, activation = self
        return activation(norm(conv(images), z))


def generator_block(
    in_channels: int, out_channels: int, *, stride: int = 2, padding: int = 1, leak: float = 0.0
) -> nn.Sequential:
    """Build a hidden block of the generator: transposed convolution, BatchNorm, activation (DCGAN, section 3).

    With the defaults, it maps (B, in_channels, H, W) to (B, out_channels, 2 H, 2 W).

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        stride: stride of the transposed convolution.
        padding: padding of the transposed convolution.
        leak: negative slope of the activation; 0 means ReLU.
    """
    return nn.Sequential(
        ConvTranspose2d(in_channels, out_channels, 4, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(leak, True) if leak else nn.ReLU(True),
    )


def discriminator_block(
    in_channels: int,
    out_channels: int,
    norm: list[nn.Module] | None = None,
    *,
    bias: bool = False,
    leak: float = 0.2,
) -> nn.Sequential:
    """Build a hidden block of the discriminator: convolution that halves the side, norm, leaky ReLU (DCGAN, section 3).

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        norm: layers between the convolution and the activation; None for none.
        bias: whether the convolution has a bias.
        leak: negative slope of the activation.
    """
    conv = Conv2d(in_channels, out_channels, 4, 2, 1, bias=bias)
    return nn.Sequential(conv, *(norm or []), nn.LeakyReLU(leak, True))


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """The side of a transposed convolution's output: (size - 1) stride - 2 padding + kernel.

    See Dumoulin & Visin 2016 (arXiv 1603.07285), relationship 13, without dilation and output padding.

    Args:
        size: side of the input in pixels.
        kernel: side of the kernel.
        stride: stride of the layer.
        padding: padding of the layer.
    """
    return (size - 1) * stride - 2 * padding + kernel


def hidden_widths(image_size: int, width: int) -> list[int]:
    """Feature maps per hidden layer, from the highest resolution to 4 x 4: they double, up to 8 x width.

    Raises:
        ConfigError: `image_size` or `width` is invalid.
    """
    if not isinstance(image_size, int) or image_size not in SIZES:
        hint = " from_config(config) builds the network of a config." * isinstance(image_size, TrainConfig)
        raise ConfigError(
            f"image_size is {shown(image_size)}, these networks take {', '.join(map(str, SIZES))}. Choose one of "
            "these. In Python, your own networks can have any size: fg.GAN(config, generator=..., discriminator=...)."
            f"{hint}"
        )
    _check_whole(width=width)
    count = image_size.bit_length() - 3
    return [width * min(2**i, 8) for i in range(count)]


def least_weights(image_size: int, width: int, latent_dim: int = 1, *, modulation: int = 0) -> int:
    """A lower bound on the number of parameters of a `Generator` or a `Discriminator`, without building it."""
    _check_whole(latent_dim=latent_dim, **({"modulation": modulation} if modulation else {}))
    widths = hidden_widths(image_size, width)
    inner = 9 * (3 * widths[0] + sum(a * b for a, b in pairwise(widths)))
    modulating = modulation * sum(latent_dim + 2 * channels for channels in widths)
    return 16 * latent_dim * widths[-1] + inner + modulating


def check_holds(weights: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
    """Raise `CheckpointError` if a network with these settings has more parameters than the file.

    Args:
        weights: weights from a file.
        settings: settings of a `Generator` or a `Discriminator` from the same file.
    """
    given = {name: settings[name] for name in ("latent_dim", "modulation") if name in settings}
    needed = least_weights(settings["image_size"], settings["width"], **given)
    held = sum(weight.numel() for weight in weights.values())
    if needed > held:
        raise CheckpointError(
            f"its settings need at least {needed:,} weights, but it has {held:,}. Download or export it again."
        )


def _check_memory(network: Generator | Discriminator, numbers: int) -> None:
    what = f"a {type(network).__name__} with image_size={network.image_size} and width={network.width}"
    check_fits(4 * numbers, torch.device("cpu"), what, "Use a smaller width.")


def init_weights(module: nn.Module) -> None:
    """Initialize convolutions with N(0, 0.02), norm scales with N(1, 0.02), and biases with 0 (DCGAN, section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if isinstance(bias := getattr(module, "bias", None), Tensor):
        nn.init.zeros_(bias)


def _check_whole(**sizes: Any) -> None:
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name} is {shown(value)}, expected a whole number of 1 or more.")


def _check_leak(leak: float) -> None:
    if not isinstance(leak, int | float) or not 0 <= leak < 1:
        raise ConfigError(f"leak is {shown(leak)}, expected a number of at least 0 and below 1, such as 0.2.")


def _choose(table: dict[str, Any], setting: str, value: str) -> Any:
    if not isinstance(value, str) or value not in table:
        raise ConfigError(f"{setting} is {value!r}; choose one of {', '.join(map(repr, table))}.")
    return table[value]
