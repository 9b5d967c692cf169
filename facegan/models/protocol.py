"""The interface of generators and discriminators, and functions for any such module.

A generator maps latents (B, latent_dim) to images (B, 3, S, S). A discriminator maps images to logits, (B,) or (B, 1).
Any two modules with matching shapes can be trained. A generator also has these attributes:

    latent_dim     length of z
    image_size     S in pixels
    output_range   (-1, 1) or (0, 1)
    latent_distribution   distribution of z: "normal", or "uniform" on [-1, 1]

A discriminator has `image_size`. `GAN` sets attributes that your own modules lack. Networks for samples other than
images, such as points in the plane, have `sample_shape` instead of `image_size`: (D,), the shape of one sample.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from facegan.config import TrainConfig
from facegan.errors import CheckpointError, ConfigError, expect, first_line
from facegan.images import unit_to_signed
from facegan.latent import draw_latents, truncate
from facegan.runtime.memory import check_fits
from facegan.runtime.random import restored
from facegan.runtime.settings import usual_settings


@usual_settings()
@torch.no_grad()
def generate(generator: nn.Module, z: Tensor, *, batch_size: int = 128) -> Tensor:
    """Generate images from latents with any generator, in eval mode and without gradients.

    Args:
        generator: a module with the attributes of `facegan.models.protocol`.
        z: latents (N, latent_dim), on any device.
        batch_size: images per forward pass; this limits memory.

    Returns:
        Images (N, 3, S, S) in [-1, 1], or samples (N, *sample_shape), on the generator's device.

    Raises:
        ConfigError: the latents have another shape, or the images do not fit into memory.
    """
    latent_dim = attribute(generator, "latent_dim")
    expect(z, Tensor, "z", f"latents (N, {latent_dim}) as a tensor")
    if z.ndim != 2 or z.shape[1] != latent_dim:
        raise ConfigError(f"latents are {tuple(z.shape)}, but this generator takes (N, {latent_dim}).")
    device = device_of(generator)
    _check_memory(generator, len(z))
    with evaluating(generator):
        parts = [generator(part.to(device, dtype_of(generator))).float() for part in z.split(batch_size)]
        images = torch.cat(parts).contiguous()
    return unit_to_signed(images) if tuple(getattr(generator, "output_range", (-1, 1))) == (0, 1) else images


@usual_settings()
def sample(
    generator: nn.Module, n: int, *, seed: int | None = None, truncation: float | None = None
) -> Tensor:
    """Generate random images with any generator. The same seed gives the same images.

    Args:
        generator: a module with the attributes of `facegan.models.protocol`.
        n: number of images.
        seed: seed of the latents; by default, they are different in each call.
        truncation: limit of the latents in standard deviations. With a limit, images are closer to the average face,
            and worse if the generator was not trained with truncation (`facegan.latent.truncate`).

    Returns:
        Images (n, 3, S, S) in [-1, 1], or samples (n, *sample_shape), on the generator's device.

    Raises:
        ConfigError: an argument is out of range, or the images do not fit into memory.
    """
    if isinstance(n, int):  # other types are checked when latents are drawn
        _check_memory(generator, n)
    return generate(generator, latents_for(generator, n, seed=seed, truncation=truncation))


@usual_settings()
def latents_for(
    generator: nn.Module, n: int, *, seed: int | None = None, truncation: float | None = None
) -> Tensor:
    """Draw n latents (n, latent_dim) from the generator's distribution; arguments and errors are as for `sample`."""
    latent = distribution_of(generator)
    z = draw_latents(n, attribute(generator, "latent_dim"), seed=seed, latent=latent)
    return z if truncation is None else truncate(z, truncation, latent=latent)


def _check_memory(generator: nn.Module, count: int) -> None:
    """Raise `ConfigError` if the samples need more memory than is available; skipped if their size is unknown."""
    shape = sample_shape(generator)
    if None not in shape:
        advice = "Draw fewer at a time, or write pictures to a folder in parts with facegan sample --n."
        what = f"drawing {count:,} samples at once"
        check_fits(4 * count * math.prod(shape), device_of(generator), what, advice)


def sample_shape(network: nn.Module) -> tuple[int, ...]:
    """The shape of a network's samples: (3, S, S), or the network's own `sample_shape` (D,).

    Raises `ConfigError` if the network's `sample_shape` is anything else.
    """
    shape: Any = _own(network, "sample_shape")
    if shape is None:
        size: Any = _own(network, "image_size")
        return (3, size, size)
    if (
        not isinstance(shape, tuple | list)
        or len(shape) != 1
        or not isinstance(shape[0], int)
        or shape[0] < 1
    ):
        raise ConfigError(
            f"the sample_shape of {type(network).__name__} is {shape!r}, expected (D,) for samples of D numbers, such "
            "as (2,) for points. Networks of images have `image_size` instead."
        )
    return tuple(shape)


def _own(network: nn.Module, name: str) -> Any:
    """An attribute of a network, or of the network in a wrapper; None if neither has it."""
    return getattr(network, name, getattr(unwrapped(network), name, None))


def distribution_of(generator: nn.Module) -> str:
    """The distribution of a generator's z; "normal" if it has no such attribute."""
    return getattr(generator, "latent_distribution", "normal")


def attribute(module: nn.Module, name: str) -> Any:
    """The module's attribute `name`. Raises `ConfigError` if it is missing."""
    try:
        return getattr(module, name)
    except AttributeError:
        raise ConfigError(
            f"{type(module).__name__} has no attribute {name!r}, which facegan needs. "
            f"Set it, for example {_EXAMPLES[name]}, or pass the module to fg.GAN(config, ...) first."
        ) from None


RANGES = {"tanh": (-1, 1), "sigmoid": (0, 1)}  # range of the images, by the config's `output`
_SETTINGS = {  # attributes that have another name in a config
    "output_range": "; in a config, output='tanh' means (-1, 1), and output='sigmoid' means (0, 1)",
    "latent_distribution": "; in a config, it is the setting `latent`",
}
_EXAMPLES = {"latent_dim": "module.latent_dim = 100", "image_size": "module.image_size = 64"}


def device_of(module: nn.Module) -> torch.device:
    """The device of a module's first tensor; the CPU if it has none."""
    first = next(chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def dtype_of(module: nn.Module) -> torch.dtype:
    """The dtype of a module's weights, such as float16 after `.half()`; float32 if it has none."""
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """A context in which the whole module is in eval mode; the mode of each submodule is restored at the end."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """A context in which the module's weights get no gradients; gradients still flow through the module."""
    learned = [weight for weight in module.parameters() if weight.requires_grad]
    try:
        for weight in learned:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in learned:
            weight.requires_grad_(True)


def copied(network: nn.Module) -> nn.Module:
    """Make a deep copy. Tensors that layers keep from a forward pass, such as those of `spectral_norm`, are detached.

    Raises:
        ConfigError: the network cannot be copied.
    """
    kept = [t for m in network.modules() for t in vars(m).values() if isinstance(t, Tensor) and not t.is_leaf]
    try:
        return copy.deepcopy(network, {id(t): t.detach().clone() for t in kept})
    except Exception as error:
        raise ConfigError(
            f"{type(network).__name__} cannot be copied ({first_line(error)}). Run lazy layers once before, and "
            "do not store tensors from a forward pass in the network."
        ) from error


def set_default_attributes(generator: nn.Module, config: TrainConfig) -> nn.Module:
    """Set missing attributes of a generator from `config`; returns the generator itself.

    Raises:
        ConfigError: an attribute has a value that differs from the config's.
    """
    wanted = {
        "latent_dim": config.latent_dim,
        "output_range": RANGES[config.output],
        "latent_distribution": config.latent,
    }
    if not hasattr(generator, "sample_shape"):
        wanted["image_size"] = config.image_size
    return set_missing(generator, wanted, "config")


def set_missing(generator: nn.Module, wanted: dict[str, Any], source: str) -> nn.Module:
    """Set missing attributes from `wanted`; returns the generator itself.

    Raises `ConfigError` if an attribute has another value; the message names `source`, such as "config".
    """
    for name, value in wanted.items():
        own, value = (
            tuple(v) if isinstance(v, list) else v
            for v in (getattr(unwrapped(generator), name, value), value)
        )
        if own != value:
            raise ConfigError(
                f"the generator's {name} is {own!r}, the {source}'s {value!r}. Change one of them"
                f"{_SETTINGS.get(name, '')}."
            )
        for module in (unwrapped(generator), generator):
            if not hasattr(module, name):
                setattr(module, name, value)
    return generator


def set_attribute(network: nn.Module, name: str, value: Any) -> None:
    """Set an attribute of a network; if it is a wrapper, also of the network inside."""
    for module in {unwrapped(network), network}:
        setattr(module, name, value)


def unwrapped(network: nn.Module) -> nn.Module:
    """The network inside `torch.compile` or `DataParallel`, whose state dict has the network's own names."""
    network = getattr(network, "_orig_mod", network)
    return network.module if isinstance(network, nn.DataParallel) else network


def move(network: nn.Module, device: torch.device, memory_format: torch.memory_format) -> None:
    """Move a network to a device in place, and convert its filters to a memory format."""
    network.to(device)
    for tensor in chain(network.parameters(), network.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.contiguous(memory_format=memory_format)


def check_networks(
    generator: nn.Module, discriminator: nn.Module, config: TrainConfig, *, contiguous: bool = False
) -> None:
    """Try both networks on a batch of two, in their current mode and precision.

    Args:
        generator, discriminator: the networks.
        config: settings of the run.
        contiguous: whether images have the contiguous memory format in training.

    Raises:
        ConfigError: a network fails or returns NaN, or shapes do not match each other or the config; the message has
            both shapes.
    """
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if any(tensor.is_meta for tensor in chain(network.parameters(), network.buffers())):
            raise ConfigError(
                f"the weights of the {name} are on the device 'meta', which has no data. Build it without a device; "
                "facegan moves it to the training device."
            )
        if any(weight.is_inference() for weight in network.parameters()):
            raise ConfigError(
                f"the weights of the {name} were created in torch.inference_mode, so they cannot be trained. Build it "
                "outside of this mode."
            )
    shape = sample_shape(generator)
    if sample_shape(discriminator) != shape:
        raise ConfigError(
            f"the generator makes samples {shape}, but the discriminator takes {sample_shape(discriminator)}. Use two "
            "networks for the same samples; for points, both need `sample_shape = (2,)`."
        )
    z = torch.zeros(2, config.latent_dim, device=device_of(generator))
    images = _output("generator", generator, z)
    if images.shape != (2, *shape):
        raise ConfigError(
            f"the generator maps latents {tuple(z.shape)} to {tuple(images.shape)}, expected {(2, *shape)}. Change "
            "it, or set image_size in the config."
        )
    _check_finite("generator", images)
    images = images.to(device_of(discriminator))
    images = images.contiguous() if contiguous else images
    for batch in (images, images.float()):  # fakes have the precision of training; real images are float32
        logits = _output("discriminator", discriminator, batch)
        if logits.numel() != 2 or logits.shape[0] != 2:
            raise ConfigError(
                f"the discriminator maps the generator's images {tuple(batch.shape)} to {tuple(logits.shape)}, "
                "expected one logit per image, (2,) or (2, 1)."
            )
        _check_finite("discriminator", logits)


def is_finite(network: nn.Module) -> bool:
    """Whether all weights are finite and no buffer is NaN. Buffers, such as an attention mask, may be infinite."""
    return _not_finite(network) is None


def check_finite_weights(network: nn.Module) -> None:
    """Raise `CheckpointError` if a weight is not finite; the message names the first one."""
    if name := _not_finite(network):
        raise CheckpointError(
            f"its weight {name!r} is not finite: training diverged. Use the generator of an earlier step: "
            "load_generator(run, step=...)."
        )


def _not_finite(network: nn.Module) -> str | None:
    for name, weight in network.named_parameters():
        if not weight.isfinite().all():
            return name
    return next((name for name, buffer in network.named_buffers() if buffer.isnan().any()), None)


def _check_finite(name: str, output: Tensor) -> None:
    if not output.isfinite().all():
        raise ConfigError(
            f"the {name} returns NaN or infinity before any training, expected finite numbers. Check its "
            "weights and their initialization."
        )


def _output(name: str, module: nn.Module, inputs: Tensor) -> Tensor:
    try:
        with torch.no_grad(), restored():
            output = module(inputs)
    except Exception as error:
        mixed = torch.is_autocast_enabled(inputs.device.type)
        hint = " If it only works in float32, set precision='fp32' in the config." if mixed else ""
        if (dtype := dtype_of(module)) != torch.float32:
            hint = f" Its weights are {str(dtype).removeprefix('torch.')}; training expects float32: call .float()."
        raise ConfigError(
            f"the {name} fails on a batch {tuple(inputs.shape)}: {first_line(error)}. A generator must take latents "
            f"(B, latent_dim), and a discriminator must take images (B, 3, S, S).{hint}"
        ) from error
    if not isinstance(output, Tensor):
        mode = "train" if module.training else "eval"
        raise ConfigError(
            f"the {name} returns a {type(output).__name__} in {mode} mode, expected a tensor. Return a tensor."
        )
    return output
