"""facegan: learn GANs by training face generators.

>>> import facegan as fg
>>> faces = fg.load_faces("synthetic")                                # doctest: +SKIP
>>> gan = fg.GAN(fg.RECIPES["tiny"])                                  # doctest: +SKIP
>>> history = fg.fit(gan, faces, epochs=5, run_dir="runs/first")      # doctest: +SKIP
>>> fg.show_images(gan.sample(16, seed=0))                            # doctest: +SKIP
"""

from facegan.runtime import openmp as _openmp  # noqa: F401, I001 - must be imported before torch
import typing as _typing
from importlib import import_module as _import_module

from facegan.config import RECIPES, TrainConfig, register_recipe
from facegan.course.exercise import exercise, hint, progress, reveal
from facegan.course.individual import student as student  # not in `__all__`
from facegan.course.written import answer as answer  # not in `__all__`
from facegan.data.dataset import FaceDataset
from facegan.data.load import load_faces
from facegan.data.registry import register_dataset
from facegan.data.synthetic import synthetic_faces
from facegan.doctor import diagnose
from facegan.errors import FaceganError
from facegan.images import save_animation, save_images
from facegan.latent import slerp, walk
from facegan.losses import LOSSES, Loss, register_loss
from facegan.models import Discriminator, Generator, summary
from facegan.plots import plot_curves, show_images
from facegan.plots import plot_features as plot_features  # not in `__all__`
from facegan.runs.history import History
from facegan.runs.run import Run, load_generator
from facegan.training.callbacks import Callback
from facegan.training.fit import fit
from facegan.training.gan import GAN
from facegan.training.step import train_step
from facegan.version import __version__ as __version__

if _typing.TYPE_CHECKING:  # attributes that type checkers should know, besides `__all__`
    from facegan import bench as bench
    from facegan import cli as cli
    from facegan import config as config
    from facegan import course as course
    from facegan import data as data
    from facegan import doctor as doctor
    from facegan import errors as errors
    from facegan import evaluation as evaluation
    from facegan import explore as explore
    from facegan import export as export
    from facegan import images as images
    from facegan import latent as latent
    from facegan import losses as losses
    from facegan import models as models
    from facegan import plane as plane
    from facegan import plots as plots
    from facegan import runs as runs
    from facegan import training as training
    from facegan import widgets as widgets
    from facegan.course import notebook as notebook
    from facegan.runs import pretrained as pretrained

_LAZY = {
    "bench": "facegan.bench",
    "cli": "facegan.cli",
    "course": "facegan.course",
    "evaluation": "facegan.evaluation",
    "explore": "facegan.explore",
    "export": "facegan.export",
    "notebook": "facegan.course.notebook",
    "plane": "facegan.plane",
    "pretrained": "facegan.runs.pretrained",
    "widgets": "facegan.widgets",
}  # imported on first use

__all__ = [
    "GAN",
    "LOSSES",
    "RECIPES",
    "Callback",
    "Discriminator",
    "FaceDataset",
    "FaceganError",
    "Generator",
    "History",
    "Loss",
    "Run",
    "TrainConfig",
    "diagnose",
    "exercise",
    "fit",
    "hint",
    "load_faces",
    "load_generator",
    "plot_curves",
    "progress",
    "register_dataset",
    "register_loss",
    "register_recipe",
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
    if name in _LAZY:
        return _import_module(_LAZY[name])
    raise AttributeError(f"module 'facegan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*_LAZY, *(name for name in globals() if name[0] != "_"), "__version__"})
