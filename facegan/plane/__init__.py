"""GANs in two dimensions: points instead of faces, with the same trainer, losses and optimizers."""

from facegan.plane.player import play

__all__ = ["play"]
