"""GANs in two dimensions, with the trainer, losses, and optimizers that are used for faces.

>>> from facegan import plane
>>> recording = plane.record(data="ring", steps=2000)  # doctest: +SKIP
>>> plane.play(recording).save("ring.html")  # doctest: +SKIP

GAN Lab (Kahng et al. 2019, arXiv 1809.01587) trains such GANs in a browser; this package uses the trainer for faces.
"""

from facegan.plane.data import NAMES as DATA
from facegan.plane.dirac_page import dirac
from facegan.plane.player import play
from facegan.plane.record import CONFIG, gan, record
from facegan.plane.recording import Recording

__all__ = ["CONFIG", "DATA", "Recording", "dirac", "gan", "play", "record"]
