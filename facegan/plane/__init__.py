"""GANs in two dimensions: points instead of faces, with the same trainer, losses and optimizers."""

from facegan.plane.dirac_page import dirac

__all__ = ["dirac"]
