"""Chooses a recipe and a number of steps for the device, and estimates the time."""

from __future__ import annotations

import statistics
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from itertools import chain, repeat
from typing import Any

import torch

from facegan.config import RECIPES, TrainConfig
from facegan.data.dataset import FaceDataset
from facegan.errors import ConfigError
from facegan.runtime.cpu import fitting_threads
from facegan.runtime.device import pick_device
from facegan.training.fit import next_images, total_steps
from facegan.training.gan import GAN
from facegan.training.step import train_step

CPU_STEPS = 3000  # steps of `tiny`: about three minutes on two cores
_WARM_UP, _TIMED = 3, 12  # steps of a temporary GAN


@dataclass(frozen=True)
class Plan:
    """A training plan: a recipe's name, its settings, and a number of steps."""

    recipe: str
    config: TrainConfig
    steps: int


def plan(
    faces: FaceDataset, *, recipe: str = "auto", steps: int | str = "auto", device: str = "auto"
) -> Plan:
    """Choose a recipe and a number of steps for the device; print them, the reason, and the estimated time.

    On a CUDA GPU, the recipe is `modern` at its full length; on other devices, it is `tiny` with `CPU_STEPS` steps. The
    time is measured with a few steps of a temporary GAN.

    Args:
        faces: training faces.
        recipe: name of a recipe; "auto" chooses by device.
        steps: number of steps; "auto" chooses by device.
        device: as for `GAN`.

    Returns:
        The recipe's name, its settings, and the number of steps.

    Raises:
        ConfigError: there is no such recipe, or steps is neither "auto" nor a whole number of 1 or more.
    """
    where = pick_device(device)
    fast = where.type == "cuda"
    name = ("modern" if fast else "tiny") if recipe == "auto" else recipe
    if name not in RECIPES:
        raise ConfigError(f"no recipe is called {name!r}, expected 'auto' or one of {', '.join(RECIPES)}.")
    config = RECIPES[name]
    wanted: Any = steps
    if steps == "auto":
        wanted = None if fast else CPU_STEPS
    chosen = total_steps(config, len(faces), epochs=None, steps=wanted)
    why = (
        "you chose it" if recipe != "auto" else "there is a GPU here" if fast else "there is no CUDA GPU here"
    )
    seconds = chosen * seconds_per_step(config, faces, where)
    print(
        f"Recipe {name} for {chosen:,} steps, because {why}: about {_spoken(seconds)}, estimated from a few steps."
    )
    return Plan(name, config, chosen)


def seconds_per_step(config: TrainConfig, faces: FaceDataset, device: torch.device) -> float:
    """Return the time of a training step in seconds: the median of a few steps of a temporary GAN."""
    times = []
    with redirect_stdout(StringIO()), fitting_threads(device, CPU_STEPS):
        gan = GAN(config, device=device)
        size = min(config.batch_size, len(faces))
        stream = chain.from_iterable(repeat(faces.batches(size, generator=gan.rng, device=device)))
        for _ in range(_WARM_UP + _TIMED):
            began = time.perf_counter()
            train_step(gan, next_images(stream, config.n_critic))
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - began)
    return statistics.median(times[_WARM_UP:])


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds)} seconds" if seconds > 1.5 else "a second"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
