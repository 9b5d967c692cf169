"""The two networks of DCGAN (Radford et al. 2015, arXiv 1511.06434), for any power-of-two size.

At 64 px and width 64 they are, layer for layer, those of PyTorch's DCGAN tutorial. What differs by
size is only the number of blocks. Left out: labels (these GANs are unconditional).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import register_parametrization

from facegan.config import TrainConfig
from facegan.errors import ConfigError
from facegan.images import unit_to_signed
from facegan.latent import draw_latents, truncate
from facegan.models.conv import Conv2d, ConvTranspose2d, NearestKernel

GENERATOR_FIELDS = ("image_size", "width", "latent_dim", "output", "activation", "upsampling")
DISCRIMINATOR_FIELDS = ("image_size", "width", "width_d", "norm")
LEAK = 0.2  # slope of every leaky ReLU (DCGAN, section 4)


class Generator(nn.Module):
    """z to faces: a 4 x 4 projection, then blocks that double the side.

    `forward` takes z (B, latent_dim), or (B, latent_dim, 1, 1) as the tutorial has it, and returns
    (B, 3, image_size, image_size) in [-1, 1] for output 'tanh', [0, 1] for 'sigmoid'.
    """

    def __init__(self, config: TrainConfig | None = None) -> None:
        super().__init__()
        self.config = config or TrainConfig()
        widths = hidden_widths(self.config.image_size, self.config.width)[::-1]
        leak = LEAK if self.config.activation == "leaky_relu" else 0.0
        blocks = [generator_block(self.config.latent_dim, widths[0], stride=1, padding=0, leak=leak)]
        blocks += [generator_block(a, b, leak=leak) for a, b in pairwise(widths)]
        self.blocks = nn.Sequential(*blocks, self._to_image(widths[-1]))
        self.apply(init_weights)
        if self.config.upsampling == "nearest":
            for block in self.blocks[1:]:
                register_parametrization(block[0], "weight", NearestKernel())

    def forward(self, z: Tensor) -> Tensor:
        return self.blocks(z.flatten(1)[:, :, None, None])

    @torch.no_grad()
    def images(self, z: Tensor, *, batch_size: int = 128) -> Tensor:
        """Faces (N, 3, H, W) in [-1, 1] for latents (N, latent_dim), always in eval mode, no gradients."""
        if z.ndim != 2 or z.shape[1] != self.config.latent_dim:
            raise ConfigError(
                f"latents are {tuple(z.shape)}, this generator takes (N, {self.config.latent_dim})."
            )
        was_training, device = self.training, next(self.parameters()).device
        self.eval()
        try:
            faces = torch.cat([self(part.to(device)).float() for part in z.split(batch_size)])
        finally:
            self.train(was_training)
        return unit_to_signed(faces) if self.config.output == "sigmoid" else faces

    def sample(self, n: int, *, seed: int | None = None, truncation: float | None = None) -> Tensor:
        """n faces (n, 3, H, W) in [-1, 1]; the same faces for the same seed.

        `truncation` cuts latents off at that many standard deviations (`facegan.latent.truncate`).
        """
        z = draw_latents(n, self.config.latent_dim, seed=seed)
        return self.images(z if truncation is None else truncate(z, truncation))

    def export(self, path: str | Path, *, half: bool = False) -> Path:
        """Write weights and settings to one `.safetensors` file, for `load_generator`.

        `half` stores filters in float16, in half the bytes; colours change by about one of 255 levels.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.to_safetensors(half=half))
        return path

    def to_safetensors(self, *, half: bool = False) -> bytes:
        """The bytes that `export` writes."""
        from safetensors.torch import save

        settings = {name: getattr(self.config, name) for name in GENERATOR_FIELDS}
        weights = {k: v.detach().cpu().contiguous() for k, v in self.state_dict().items()}
        if half:  # of BatchNorm's vectors, which are few, small variances would lose digits
            weights = {k: v.half() if v.ndim == 4 else v for k, v in weights.items()}
        return save(weights, metadata={"facegan": json.dumps(settings)})

    def _to_image(self, in_channels: int) -> nn.Sequential:
        squash = nn.Tanh() if self.config.output == "tanh" else nn.Sigmoid()
        return nn.Sequential(ConvTranspose2d(in_channels, 3, 4, 2, 1, bias=False), squash)


class Discriminator(nn.Module):
    """Faces to logits: blocks that halve the side down to 4 x 4, then one number.

    `forward` takes (B, 3, image_size, image_size), in the generator's range, and returns logits (B,):
    above 0 means "real". There is no sigmoid; losses take logits.
    """

    def __init__(self, config: TrainConfig | None = None) -> None:
        super().__init__()
        self.config = config or TrainConfig()
        widths = hidden_widths(self.config.image_size, self.config.discriminator_width)
        blocks = [nn.Sequential(self._conv(3, widths[0]), nn.LeakyReLU(LEAK, True))]
        blocks += [self._block(a, b) for a, b in pairwise(widths)]
        self.blocks = nn.Sequential(*blocks, self._conv(widths[-1], 1, stride=1, padding=0))
        self.apply(init_weights)
        if self.config.norm == "spectral":
            for module in [m for m in self.modules() if isinstance(m, nn.Conv2d)]:
                spectral_norm(module)

    def forward(self, images: Tensor) -> Tensor:
        size = self.config.image_size
        if images.shape[1:] != (3, size, size):
            raise ConfigError(
                f"images are {tuple(images.shape)}, this discriminator takes (B, 3, {size}, {size})."
            )
        return self.blocks(images).flatten()

    def _conv(self, in_channels: int, out_channels: int, *, stride: int = 2, padding: int = 1) -> nn.Conv2d:
        bias = self.config.norm in {"none", "spectral"}
        return Conv2d(in_channels, out_channels, 4, stride, padding, bias=bias)

    def _block(self, in_channels: int, out_channels: int) -> nn.Sequential:
        norm = NORMS[self.config.norm](out_channels)
        return nn.Sequential(self._conv(in_channels, out_channels), *norm, nn.LeakyReLU(LEAK, True))


def generator_block(
    in_channels: int, out_channels: int, *, stride: int = 2, padding: int = 1, leak: float = 0.0
) -> nn.Sequential:
    """One hidden block of the generator: doubles the side, normalises, activates (DCGAN, section 3).

    (B, in_channels, H, W) to (B, out_channels, 2 H, 2 W); `leak` is the slope below 0 (0 is ReLU).
    """
    return nn.Sequential(
        ConvTranspose2d(in_channels, out_channels, 4, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(leak, True) if leak else nn.ReLU(True),
    )


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """The side of a transposed convolution's output: (size - 1) stride - 2 padding + kernel.

    Dumoulin & Visin 2016 (arXiv 1603.07285), relationship 13, without dilation and output padding.
    """
    return (size - 1) * stride - 2 * padding + kernel


def build_generator(latent_dim: int = 100, width: int = 64) -> Generator:
    """The tutorial's generator for 64 px: latents (B, latent_dim) to images (B, 3, 64, 64) in [-1, 1]."""
    return Generator(TrainConfig(latent_dim=latent_dim, width=width))


def build_discriminator(width: int = 64) -> Discriminator:
    """The tutorial's discriminator for 64 px: images (B, 3, 64, 64) to logits (B,)."""
    return Discriminator(TrainConfig(width=width))


NORMS = {
    "none": lambda channels: [],
    "spectral": lambda channels: [],
    "batch": lambda channels: [nn.BatchNorm2d(channels)],
    "instance": lambda channels: [nn.InstanceNorm2d(channels, affine=True)],
}


def hidden_widths(image_size: int, width: int) -> list[int]:
    """Feature maps from the finest hidden layer to 4 x 4: doubling, at most 8 x width."""
    count = image_size.bit_length() - 3
    return [width * min(2**i, 8) for i in range(count)]


def init_weights(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for norm scales, 0 for every bias (DCGAN, section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)


def load_tutorial_weights(module: Generator | Discriminator, state: Mapping[str, Tensor]) -> None:
    """Load a state dict of `netG` or `netD` from PyTorch's DCGAN tutorial, in place.

    The layers agree one by one, so tensors are matched in order; names may carry DataParallel's
    `module.`. Raises `ConfigError`, and changes nothing, when number or shapes differ.
    """
    ours = module.state_dict()
    given = [tuple(v.shape) for v in state.values()]
    wanted = [tuple(v.shape) for v in ours.values()]
    if given != wanted:
        raise ConfigError(
            f"these weights do not fit {type(module).__name__}: got shapes {given}, expected {wanted}. "
            "Build it with the tutorial's image_size=64, width=64, latent_dim=100 and norm='batch'."
        )
    module.load_state_dict(dict(zip(ours, state.values(), strict=True)))


def feature_maps(module: Generator | Discriminator, inputs: Tensor) -> list[tuple[str, Tensor]]:
    """(name, output) of every layer, in order, for latents or images `inputs`; eval mode, no gradients."""
    seen: list[tuple[str, Tensor]] = []

    def record(layer: nn.Module, _, output: Tensor) -> None:
        seen.append((type(layer).__name__.removeprefix("Parametrized"), output.clone()))

    hooks = [layer.register_forward_hook(record) for layer in _layers(module)]
    was_training = module.training
    try:
        with torch.no_grad():
            module.eval()(inputs.to(next(module.parameters()).device))
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()
    return seen


def summary(module: Generator | Discriminator) -> None:
    """Print a table of layers, output shapes (channels, height, width) and trainable parameters."""
    config = module.config
    is_generator = isinstance(module, Generator)
    shape = (config.latent_dim,) if is_generator else (3, config.image_size, config.image_size)
    outputs = feature_maps(module, torch.zeros(1, *shape))
    rows = [("input", shape, 0)]
    rows += [
        (name, tuple(out.shape[1:]), count_parameters(layer))
        for (name, out), layer in zip(outputs, _layers(module), strict=True)
    ]
    lines = [f"{type(module).__name__}", f"{'layer':<18}{'output shape':<18}{'parameters':>12}", "-" * 48]
    lines += [f"{name:<18}{' x '.join(map(str, s)):<18}{count:>12,}" for name, s, count in rows]
    print("\n".join([*lines, "-" * 48, f"{'total':<36}{count_parameters(module):>12,}"]))


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers in a module."""
    return sum(p.numel() for p in module.parameters())


def _layers(module: Generator | Discriminator) -> list[nn.Module]:
    return [m for b in module.blocks for m in (b if isinstance(b, nn.Sequential) else [b])]
