"""What notebooks call: the first cell, the student's own answers, and a training that suits the device."""

from __future__ import annotations

import os
from pathlib import Path

from facegan.course import kept
from facegan.course.answers import answer as answer
from facegan.course.answers import authors as authors
from facegan.course.attributes import smiles as smiles
from facegan.course.plan import plan as plan
from facegan.course.player import player as player
from facegan.runtime.device import pick_device
from facegan.runtime.openmp import STATE, is_unlimited
from facegan.version import __version__


def start(*, keep_on_drive: bool = False) -> Path:
    """Print which device there is and what to do about it; return the folder for runs.

    `keep_on_drive` mounts Google Drive in Colab and returns a folder there, so that runs and answers survive the
    session; elsewhere, and by default, it is `runs`. Right answers are kept in `answers` inside it. Safe to call
    again.
    """
    device = pick_device()
    print(f"facegan {__version__} is ready, on {_named(device)}.")
    if device.type == "cpu":
        print(_without_gpu())
        if is_unlimited(STATE):
            print(
                "torch was imported before facegan, so training may be slow while other programs run. Restart the "
                "kernel and run this cell first."
            )
    runs = _drive_folder() if keep_on_drive and in_colab() else Path("runs")
    kept.folder = Path(runs).absolute() / "answers"
    return runs


def in_colab() -> bool:
    """Whether this is Google Colab."""
    return "COLAB_RELEASE_TAG" in os.environ or Path("/content/sample_data").is_dir()


def _named(device) -> str:
    if device.type == "cuda":
        import torch

        return f"a GPU ({torch.cuda.get_device_name(device)})"
    return {"mps": "Apple's GPU (MPS)"}.get(device.type, "the CPU")


def _without_gpu() -> str:
    if in_colab():
        return (
            "There is no GPU in this session. Runtime > Change runtime type > T4 GPU gives one, unless Colab "
            "has none left today. Everything here also works without: training takes minutes, with smaller "
            "networks."
        )
    return "Everything here works without a GPU: training then takes minutes, with smaller networks."


def _drive_folder() -> Path:
    from google.colab import drive

    drive.mount("/content/drive")
    return Path("/content/drive/MyDrive/facegan/runs")
