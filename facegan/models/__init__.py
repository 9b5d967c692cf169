"""DCGAN's generator and discriminator, and the interface for other networks."""

from facegan.models.dcgan import Discriminator, Generator
from facegan.models.inspect import feature_maps, summary
from facegan.models.mlp import PointDiscriminator, PointGenerator
from facegan.models.protocol import generate, latents_for, sample

__all__ = [
    "Discriminator",
    "Generator",
    "PointDiscriminator",
    "PointGenerator",
    "feature_maps",
    "generate",
    "latents_for",
    "sample",
    "summary",
]
