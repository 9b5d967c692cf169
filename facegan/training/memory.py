"""Checks that training fits into memory, and explains out-of-memory errors."""

from __future__ import annotations

from typing import Any

import torch

from facegan.config import TrainConfig
from facegan.models.dcgan import least_weights
from facegan.models.inspect import feature_maps
from facegan.models.protocol import latents_for, sample, unwrapped
from facegan.runtime import distributed
from facegan.runtime.memory import check_fits
from facegan.runtime.random import restored

_OF_G, _OF_D = 5, 4  # multiples of the weights: gradients, Adam's two moments, and, for G, the average


def check_networks_fit(config: TrainConfig, device: torch.device) -> None:
    """Raise `ConfigError` if facegan's networks with these settings need more memory in training than is available."""
    numbers = _OF_G * least_weights(
        config.image_size, config.width, config.latent_dim, modulation=config.modulation
    )
    numbers += _OF_D * least_weights(config.image_size, config.discriminator_width)
    what = f"training with image_size={config.image_size} and width={config.width}"
    check_fits(4 * numbers, device, what, "Use a smaller width.")


def check_batch_fits(gan: Any) -> None:
    """Raise `ConfigError` if the activations of a batch need more memory than is available."""
    g, d, ema = map(unwrapped, (gan.generator, gan.discriminator, gan.ema))  # avoids compilation
    with restored():
        images = sample(ema, 2, seed=0)
        images = images.to(memory_format=gan.memory_format) if images.ndim == 4 else images
        outputs = [*feature_maps(g, latents_for(ema, 2, seed=0)), *feature_maps(d, images)]
    numbers = sum(output.numel() for _, output in outputs) // 4  # for one of two images, half of the outputs
    batch = gan.config.batch_size // distributed.world_size()
    needed, advised = batch * numbers * gan.precision.itemsize, _advised(batch)
    check_fits(needed, gan.device, f"a batch of {batch:,}", f"Use batch_size={advised} or a smaller width.")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error means that memory ran out."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in words)


def advice(gan: Any) -> str:
    """The error message if a step runs out of memory."""
    size = gan.config.batch_size
    widths = f"{gan.config.width}" + (f", width_d {gan.config.width_d}" if gan.config.width_d else "")
    return (
        f"out of memory on {gan.device} at step {gan.step + 1} with batch_size={size}. "
        f"Try batch_size={_advised(size)} or a smaller width (now {widths})."
    )


def _advised(batch_size: int) -> int:
    return max(batch_size // 2, 2)
