"""facegan: learn GANs by growing human faces out of noise.

>>> import facegan as fg
>>> faces = fg.load_faces("synthetic")                                # doctest: +SKIP
>>> gan = fg.GAN(fg.RECIPES["tiny"])                                  # doctest: +SKIP
>>> history = fg.fit(gan, faces, epochs=5, run_dir="runs/first")      # doctest: +SKIP
>>> fg.show_images(gan.sample(16, seed=0))                            # doctest: +SKIP
"""

from facegan.config import RECIPES, TrainConfig
from facegan.data import FaceDataset, load_faces
from facegan.errors import FaceganError
from facegan.exercises import exercise, hint, progress, reveal
from facegan.images import save_animation, save_images
from facegan.latent import slerp, walk
from facegan.losses import LOSSES
from facegan.models import Discriminator, Generator, load_generator, summary
from facegan.plots import plot_curves, plot_features, show_images
from facegan.synthetic import synthetic_faces
from facegan.training import GAN, fit, train_step

__version__ = "0.1.0"
_LATER = (
    "bench",
    "grading",
    "lab",
    "metrics",
    "notebook",
    "results",
    "widgets",
)  # modules that load when they are first used

__all__ = [
    "GAN",
    "LOSSES",
    "RECIPES",
    "Discriminator",
    "FaceDataset",
    "FaceganError",
    "Generator",
    "TrainConfig",
    "exercise",
    "fit",
    "hint",
    "load_faces",
    "load_generator",
    "plot_curves",
    "plot_features",
    "progress",
    "reveal",
    "save_animation",
    "save_images",
    "show_images",
    "slerp",
    "summary",
    "synthetic_faces",
    "train_step",
    "walk",
]


def __getattr__(name: str):
    if name in _LATER:
        from importlib import import_module

        return import_module(f"facegan.{name}")
    raise AttributeError(f"module 'facegan' has no attribute {name!r}")
