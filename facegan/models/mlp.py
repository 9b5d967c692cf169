"""Small networks of linear layers for points instead of images."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from facegan.config import TrainConfig


class PointGenerator(nn.Module):
    """A generator that maps latents (B, latent_dim) to points (B, dimensions); the output is unbounded.

    Args:
        latent_dim: length of z.
        width: units of each hidden layer.
        depth: number of hidden layers.
        dimensions: coordinates of a point.
        leak: negative slope of the hidden layers' leaky ReLU.

    >>> import torch
    >>> PointGenerator()(torch.zeros(5, 2)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self, latent_dim: int = 2, width: int = 64, *, depth: int = 2, dimensions: int = 2, leak: float = 0.2
    ) -> None:
        super().__init__()
        self.latent_dim, self.sample_shape = latent_dim, (dimensions,)
        self.layers = _layers(latent_dim, width, depth, dimensions, leak)

    @classmethod
    def from_config(cls, config: TrainConfig) -> PointGenerator:
        """Build the generator from a config's `latent_dim`, `width`, and `leak`; other settings apply to images."""
        return cls(config.latent_dim, config.width, leak=config.leak)

    def forward(self, z: Tensor) -> Tensor:
        """Map latents to points."""
        return self.layers(z)


class PointDiscriminator(nn.Module):
    """A discriminator that maps points (B, dimensions) to logits (B,).

    Args:
        width: units of each hidden layer.
        depth: number of hidden layers.
        dimensions: coordinates of a point.
        leak: negative slope of the hidden layers' leaky ReLU.

    >>> import torch
    >>> PointDiscriminator()(torch.zeros(5, 2)).shape
    torch.Size([5])
    """

    def __init__(self, width: int = 64, *, depth: int = 2, dimensions: int = 2, leak: float = 0.2) -> None:
        super().__init__()
        self.sample_shape = (dimensions,)
        self.layers = _layers(dimensions, width, depth, 1, leak)

    @classmethod
    def from_config(cls, config: TrainConfig) -> PointDiscriminator:
        """Build the discriminator from a config's `width_d` (or `width`) and `leak`; other settings apply to images."""
        return cls(config.discriminator_width, leak=config.leak)

    def forward(self, points: Tensor) -> Tensor:
        """Map points to logits."""
        return self.layers(points).flatten()


def _layers(inputs: int, width: int, depth: int, outputs: int, leak: float) -> nn.Sequential:
    sizes = [inputs, *[width] * depth]
    hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.LeakyReLU(leak))]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))
