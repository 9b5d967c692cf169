"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facegan.config import TrainConfig
from facegan.data.dataset import Batches, FaceDataset, as_dataset
from facegan.data.points import PointDataset, as_points
from facegan.errors import ConfigError
from facegan.runs.history import History
from facegan.runtime import distributed
from facegan.runtime.cpu import fitting_threads
from facegan.runtime.distributed import log_rank0
from facegan.runtime.output import forgiving
from facegan.runtime.settings import usual_settings
from facegan.training.callbacks import as_callbacks
from facegan.training.gan import GAN
from facegan.training.held_out import HeldOut
from facegan.training.memory import check_batch_fits
from facegan.training.monitor import Monitor
from facegan.training.optimizers import decay_rates
from facegan.training.resume import open_folder
from facegan.training.step import train_step


@usual_settings()
def fit(
    gan: GAN,
    faces: Any,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    run_dir: str | Path | None = None,
    snapshot_every: int | None = None,
    held_out: Any = None,
    callbacks: Sequence[Any] = (),
    resume: str = "auto",
    fresh: bool = False,
) -> History:
    """Train a GAN for `steps` steps or `epochs` passes over the faces. Both are totals, also when a run is resumed.

    Ctrl-C ends training after the current step and saves the run; the same call then resumes it. In a notebook, the
    kernel's interrupt and the dashboard's Stop button do the same, and end the cell with `TrainingStopped`, so that
    "Run all" stops there. SIGTERM and SIGHUP also save the run, and then end the process with `SystemExit`, unless the
    caller handles or ignores them. With several processes, the first one writes files and calls the callbacks.

    Args:
        gan: GAN to train in place.
        faces: a `FaceDataset`, images (N, 3, S, S) or (N, S, S, 3) as a uint8 or float array or tensor, or a
            torch `Dataset` of images. Each item is read once. Set random transforms with `flip` and `augment` in the
            config, not in the `Dataset`; otherwise, every call trains on different data, and a run cannot be resumed.
            For networks of points (`sample_shape`), a `PointDataset` or floats (N, *sample_shape).
        epochs: total passes over the faces; by default, those of the GAN's config.
        steps: total steps, instead of `epochs`.
        run_dir: the run folder; if it has a checkpoint of this run, training resumes from there.
        snapshot_every: steps between snapshots; by default, those of the GAN's config.
        held_out: faces of the same kind that are not trained on, in the same forms as `faces`; see
            `FaceDataset.split`. At each snapshot, D classifies up to 64 of them, and r_t and r_v, which show when D
            overfits (`facegan.training.held_out`), are added to the history. Training does not change.
        callbacks: functions (gan, grid) or objects; see `facegan.training.callbacks`.
        resume: "auto" refuses a checkpoint that was trained with another loss, penalty, or data set; "anyway"
            continues with the new ones.
        fresh: start over at step 0. A run in `run_dir` is moved aside, to `first-1` or the next free number, and a GAN
            that has taken steps is reset to its initial weights. A cell with `fresh=True` starts over each time it
            runs.

    Returns:
        The GAN's history.

    Raises:
        ConfigError: an argument is invalid, or a batch needs more memory than is available.
        DataError: the faces are not images of the GAN's size, or there is less than one batch.
        CheckpointError: the folder has another run, or cannot be written; or, with `fresh`, the folder cannot be
            moved, or the initial weights of your own networks cannot be restored.
        TrainingError: a metric or weight is no longer finite, or memory ran out.
        TrainingStopped: the user stopped training in a notebook; not raised in scripts or after `gan.request_stop()`.
    """
    _check_gan(gan)
    faces = dataset_of(gan, faces)
    batches = batches_of(gan, faces)
    watched = [] if held_out is None else [HeldOut(faces, dataset_of(gan, held_out))]
    total = total_steps(gan.config, len(faces), epochs=epochs, steps=steps)
    every = _steps_between(gan.config, snapshot_every)
    callbacks = as_callbacks(callbacks)
    check_batch_fits(gan)
    with (
        forgiving(),
        open_folder(gan, run_dir, faces.record(), resume=resume, fresh=fresh, total=total) as folder,
        fitting_threads(gan.device, total - gan.step),
    ):
        _tell_if_done(gan, total)
        batches.remaining, batches.epoch = gan.remaining, gan.epoch
        stream = chain.from_iterable(repeat(batches))
        monitor = Monitor(gan, folder, callbacks, measures=watched, total=total, every=every)
        with monitor, gan.engine.capturing():
            while gan.step < total and not monitor.stopped:
                decay_rates(gan.optimizer_d, gan.optimizer_g, gan.config, gan.step / total)
                metrics = train_step(gan, next_images(stream, gan.config.n_critic))
                gan.remaining, gan.epoch = batches.remaining, batches.epoch
                monitor.step_end(metrics)
                if gan.step % every == 0:
                    monitor.snapshot()
    monitor.end_cell()
    return gan.history


def _check_gan(gan: Any) -> None:
    if not isinstance(gan, GAN):
        raise ConfigError(
            f"the first argument is a {type(gan).__name__}, expected a GAN: fit(fg.GAN('tiny'), faces)."
        )


def _tell_if_done(gan: GAN, total: int) -> None:
    if gan.step >= total:
        log_rank0(f"already at step {gan.step} (requested: {total}); increase steps or epochs to continue.")


def next_images(batches: Iterator[Tensor], count: int) -> Tensor:
    """The next `count` batches as one tensor, the input of `train_step` for `count` steps of D."""
    taken = [next(batches) for _ in range(count)]
    return torch.cat(taken) if count > 1 else taken[0]


def dataset_of(gan: GAN, given: Any) -> FaceDataset | PointDataset:
    """Convert the argument `faces` of `fit`. Raises `DataError` if it does not match the GAN's samples."""
    if len(gan.sample_shape) == 3:
        return as_dataset(given, gan.config.image_size)
    return as_points(given, gan.sample_shape)


def batches_of(gan: GAN, faces: FaceDataset | PointDataset) -> Batches:
    """The GAN's training batches, in the order given by its random numbers.

    Raises:
        DataError: there is less than one batch.
    """
    config, mine = gan.config, distributed.local_slice(gan.config.batch_size)
    return faces.batches(config.batch_size, generator=gan.rng, device=gan.device, flip=config.flip, part=mine)


def total_steps(config: TrainConfig, faces: int, *, epochs: int | None, steps: int | None) -> int:
    """The step at which a run on this number of faces ends.

    Args:
        config: settings of the run.
        faces: number of faces.
        epochs, steps: as for `fit`.

    Raises:
        ConfigError: both `epochs` and `steps` are given, or one is not a positive whole number.
    """
    if epochs is not None and steps is not None:
        raise ConfigError(f"got both epochs={epochs} and steps={steps}; give one of them.")
    if steps is not None:
        return _positive("steps", steps)
    batches = _positive("epochs", config.epochs if epochs is None else epochs) * (faces // config.batch_size)
    return math.ceil(batches / config.n_critic)


def _steps_between(config: TrainConfig, snapshots: int | None) -> int:
    return _positive("snapshot_every", config.snapshot_every if snapshots is None else snapshots)


def _positive(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} is {value!r}, expected a whole number of 1 or more.")
    return value
