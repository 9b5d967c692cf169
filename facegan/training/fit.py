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
    """Train until `steps` steps, or `epochs` passes over the faces, in total: also when resuming.

    Ctrl-C ends after the step in progress and saves; the same call then resumes. In a notebook, the kernel's interrupt
    and the dashboard's Stop do so too, and end the cell with `TrainingStopped`, so that "Run all" stops there. SIGTERM
    and SIGHUP save, too, and then end the process with `SystemExit`, unless the caller handles or ignores them.
    With several processes, the first one writes and runs the callbacks.

    Args:
        gan: trained in place.
        faces: a `FaceDataset`, images (N, 3, S, S) or (N, S, S, 3) as a uint8 or float array or tensor, or a
            torch `Dataset` of images. Each item is read once, so random transforms belong in the config, as `flip`
            and `augment`; otherwise every call trains on other data, and a run is not resumed. For networks of points
            (`sample_shape`), a `PointDataset` or floats (N, *sample_shape).
        epochs: passes over the faces in total; by default those of the GAN's config.
        steps: instead of `epochs`.
        run_dir: the run folder; if it has a checkpoint of this run, training resumes from there.
        snapshot_every: steps between snapshots; by default that of the GAN's config.
        held_out: other faces of the same kind, as `faces`; see `FaceDataset.split`. At each snapshot D is asked about
            up to 64 of them, and the history gets r_t and r_v, which show when D overfits
            (`facegan.training.held_out`). Does not change the training.
        callbacks: functions (gan, grid), or objects as in `facegan.training.callbacks`.
        resume: "auto" refuses a checkpoint that was trained with another loss, penalty or data set; "anyway"
            continues it with the new ones.
        fresh: start over at step 0: a run in `run_dir` is moved aside, to `first-1` or the next free number, and a GAN
            that has taken steps gets its first weights again. A cell that keeps `fresh=True` starts over whenever it
            runs.

    Returns:
        The GAN's history.

    Raises:
        ConfigError: an argument is invalid, or a batch needs more memory than there is.
        DataError: the faces are not images of the GAN's size, or fewer than a batch.
        CheckpointError: the folder has another run, or cannot be written or, with `fresh`, moved; or `fresh` cannot
            restore the first weights of networks of your own.
        TrainingError: a metric or weight is no longer finite, or memory ran out.
        TrainingStopped: the user stopped it in a notebook's cell; not in scripts, and not after `gan.request_stop()`.
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
    """The next `count` batches as one, as `train_step` takes them for that many steps of D."""
    taken = [next(batches) for _ in range(count)]
    return torch.cat(taken) if count > 1 else taken[0]


def dataset_of(gan: GAN, given: Any) -> FaceDataset | PointDataset:
    """What `fit` takes, as faces or points. Raises `DataError` if they are not what the GAN makes."""
    if len(gan.sample_shape) == 3:
        return as_dataset(given, gan.config.image_size)
    return as_points(given, gan.sample_shape)


def batches_of(gan: GAN, faces: FaceDataset | PointDataset) -> Batches:
    """The batches that the GAN trains on, in the order that its random numbers give."""
    config, mine = gan.config, distributed.local_slice(gan.config.batch_size)
    return faces.batches(config.batch_size, generator=gan.rng, device=gan.device, flip=config.flip, part=mine)


def total_steps(config: TrainConfig, faces: int, *, epochs: int | None, steps: int | None) -> int:
    """The step at which a run on that many faces ends; arguments as for `fit`."""
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
