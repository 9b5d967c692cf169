"""Random numbers for a training step, drawn on the host before the step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facegan.augment import steps_of
from facegan.config import TrainConfig
from facegan.latent import DISTRIBUTIONS
from facegan.runtime import distributed
from facegan.runtime.device import to_device


class Noise(NamedTuple):
    """The random numbers of one step, for K = n_critic batches, each of this process's B images."""

    z: Tensor  # (K, B, latent_dim)
    flip: Tensor  # (K, B) from [0, 1]: which pairs of labels are flipped
    # (K, B, 1, 1, 1), or (K, B, 1) for points, from [0, 1]: weight of real in the mix where the penalty is computed
    mix: Tensor
    # (K, 3, S, 3, B, 1, 1, 1) from [0, 1]: S augmentations of real, of fake, and of fake in G's update. With adaptive
    # augmentation, (K, 3, S, 4, B, 1, 1, 1); the fourth number decides whether an augmentation is applied.
    augment: Tensor
    # (K, 3, B, *sample_shape) from N(0, 1): noise added to each; (K, 3) without instance noise
    instance: Tensor


def draw_noise(
    config: TrainConfig, shape: tuple[int, ...], batch_size: int, rng: torch.Generator, device: torch.device
) -> Noise:
    """Draw the random numbers of a step.

    They are drawn for the global batch, so results do not depend on the number of processes.

    Args:
        config: settings of the run.
        shape: shape of one sample.
        batch_size: samples per batch in this process.
        rng: CPU generator.
        device: device of the result.

    Returns:
        This process's slice of the random numbers.
    """
    joint, augmentations = batch_size * distributed.world_size(), len(steps_of(config.augment))
    numbers = 4 if config.augment_target else 3
    k, mine = config.n_critic, distributed.local_slice(joint)
    z = DISTRIBUTIONS[config.latent](k, joint, config.latent_dim, generator=rng)
    uniform = torch.rand(k, 2 + 3 * numbers * augmentations, joint, generator=rng)
    z, uniform = (to_device(numbers, device) for numbers in (z[:, mine], uniform[:, :, mine]))
    augment = uniform[:, 2:].reshape(k, 3, augmentations, numbers, batch_size, 1, 1, 1)
    mix = uniform[:, 1].reshape(k, -1, *[1] * len(shape))
    instance = torch.zeros(k, 3, device=device)
    if config.instance_noise:
        instance = to_device(torch.randn(k, 3, joint, *shape, generator=rng)[:, :, mine], device)
    return Noise(z, uniform[:, 0], mix, augment, instance)
