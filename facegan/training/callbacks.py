"""Callbacks that `fit` calls during training.

A callback is any object with one or more of the methods of `Callback`; a plain function is called as `on_snapshot`. The
progress bar, saving, and TensorBoard are callbacks, too. For Weights & Biases:

    class WeightsAndBiases:
        def on_train_begin(self, gan, total): wandb.init(config=gan.config.to_dict())
        def on_step_end(self, gan, metrics): wandb.log(metrics, step=gan.step)
        def on_snapshot(self, gan, grid): wandb.log({"faces": wandb.Image(grid.permute(1, 2, 0).numpy())})
        def on_train_end(self, gan): wandb.finish()
    fit(gan, faces, callbacks=[WeightsAndBiases()])
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from facegan.errors import ConfigError, TrainingError
from facegan.images import captioned
from facegan.models.protocol import is_finite
from facegan.runs.folder import RunFolder
from facegan.runs.history import METRICS
from facegan.runtime import distributed
from facegan.runtime.output import Lines, writes_lines
from facegan.training.gan import GAN

_MIN_SCALE = 1e-6  # loss scale in float16; it starts at 65,536 and falls below this after 36 overflows
_LINE_EVERY = 5.0  # seconds between lines of progress in a log file
_READ_EVERY = 1.0  # seconds between copies of the metrics to the host


class Callback:
    """Base class of callbacks, whose methods do nothing. `fit` calls them in process 0."""

    shows_progress = False  # if true after `on_train_begin`, `fit` shows no progress bar

    def on_train_begin(self, gan: GAN, total: int) -> None:
        """Called before the first step.

        Args:
            gan: GAN to train.
            total: the step at which the run will end.
        """

    def on_step_end(self, gan: GAN, metrics: dict[str, Tensor]) -> None:
        """Called after every step, including the last.

        Args:
            gan: GAN in training.
            metrics: scalars by name, as from `train_step`. Reading a value waits for the device.
        """

    def on_snapshot(self, gan: GAN, grid: Tensor) -> None:
        """Called at every snapshot.

        Args:
            gan: GAN in training.
            grid: the images of the preview latents, uint8 (3, H, W).
        """

    def on_train_end(self, gan: GAN) -> None:
        """Called when training ends, including after an error. If there was no error, the run folder is complete."""


METHODS = ("on_train_begin", "on_step_end", "on_snapshot", "on_train_end")


def as_callbacks(given: Sequence[Any]) -> list[Any]:
    """Return the callbacks, with plain functions wrapped. Raises `ConfigError` if one is neither a callback."""
    if isinstance(given, Callback) or callable(given) or not isinstance(given, Sequence):
        raise ConfigError(f"callbacks is {given!r}, expected a list; write callbacks=[...].")
    found = []
    for index, one in enumerate(given):
        if any(callable(getattr(one, name, None)) for name in METHODS) and not isinstance(one, type):
            found.append(one)
        elif callable(one) and not isinstance(one, type):
            found.append(SimpleNamespace(on_snapshot=one))
        else:
            raise ConfigError(
                f"callbacks[{index}] is {one!r}, expected a function (gan, grid) or an object with one of the "
                f"methods {', '.join(METHODS)}."
            )
    return found


class FiniteCheck(Callback):
    """Raise `TrainingError` if a metric or a weight is not finite."""

    def __init__(self, folder: RunFolder | None) -> None:
        self._folder, self._checked, self._read_at = folder, 0, time.monotonic()

    def on_train_begin(self, gan: GAN, total: int) -> None:
        self._checked = len(gan.history["step"])

    def on_step_end(self, gan: GAN, metrics: dict[str, Tensor]) -> None:
        if time.monotonic() - self._read_at > _READ_EVERY and distributed.world_size() == 1:
            self._check_metrics(gan)  # with several processes, only at snapshots

    def on_snapshot(self, gan: GAN, grid: Tensor) -> None:
        self._check_metrics(gan)
        if distributed.any_of(not all(map(is_finite, (gan.generator, gan.discriminator, gan.ema)))):
            raise self._diverged(gan, gan.step, "a weight is no longer finite")
        if gan.engine.scaler.is_enabled() and gan.engine.scaler.get_scale() < _MIN_SCALE:
            raise self._diverged(gan, gan.step, "every step overflows float16 and is skipped")

    def _check_metrics(self, gan: GAN) -> None:
        columns = {name: gan.history[name] for name in ("step", *METRICS)}
        for row in range(self._checked, len(columns["step"])):
            for name in METRICS:
                if not math.isfinite(value := columns[name][row]):
                    raise self._diverged(gan, int(columns["step"][row]), f"{name} is {value}")
        self._checked, self._read_at = len(columns["step"]), time.monotonic()

    def _diverged(self, gan: GAN, step: int, what: str) -> TrainingError:
        saved = self._folder.saved_step if self._folder else None
        kept = "" if saved is None else f" The checkpoint of step {saved} is kept."
        return TrainingError(
            f"training diverged at step {step}: {what}.{kept} Try a lower learning rate "
            f"(lr_d={gan.config.lr_d:g}, lr_g={gan.config.lr_g:g} now) or precision='fp32'."
        )


class SaveRun(Callback):
    """Save a run: everything at snapshots, and the animation and the full-precision generator at the end.

    Args:
        folder: where to save.
        every: steps between frames; a final snapshot between these steps adds no frame.
    """

    def __init__(self, folder: RunFolder, every: int) -> None:
        self._folder, self._every = folder, every

    def on_snapshot(self, gan: GAN, grid: Tensor) -> None:
        frame = generator = None
        if gan.step % self._every == 0 or not self._folder.frames():
            frame = _captioned(gan, grid)
            generator = gan.generator_bytes(half=True) if gan.config.keep_generators else None
        self._folder.save(gan.state_dict(), gan.history, grid, frame=frame, generator=generator)

    def finish(self, gan: GAN) -> None:
        """Write the animation and the generator. Called before `on_train_end`, unless the GAN's state was lost."""
        self._folder.finish(_captioned(gan, gan.preview_grid()), gan.generator_bytes())


def _captioned(gan: GAN, grid: Tensor) -> Tensor:
    return captioned(grid, f"step {gan.step:,}" + (f", epoch {gan.epoch}" if gan.epoch else ""))


class ProgressBar(Callback):
    """Show a progress bar with rate and time left; in log files, write periodic lines instead.

    Args:
        others: the other callbacks; if one of them shows progress, there is no bar.
        delay: seconds before the bar appears.
    """

    def __init__(self, others: Sequence[Any], *, delay: float = 0.0) -> None:
        self._others, self._delay = others, delay
        self._bar: Any = None

    def on_train_begin(self, gan: GAN, total: int) -> None:
        from tqdm.auto import tqdm

        if not any(getattr(one, "shows_progress", False) for one in self._others):
            options: dict[str, Any] = {"delay": self._delay}
            if writes_lines():
                options |= {"file": Lines(sys.stderr), "mininterval": _LINE_EVERY}
            self._bar = tqdm(total=total, initial=gan.step, unit="step", dynamic_ncols=True, **options)

    def on_step_end(self, gan: GAN, metrics: dict[str, Tensor]) -> None:
        if self._bar is None:
            return
        self._show(gan)
        self._bar.update()

    def on_train_end(self, gan: GAN) -> None:
        if self._bar is not None:
            self._show(gan)
            self._bar.close()

    def _show(self, gan: GAN) -> None:
        texts = [f"epoch {gan.epoch}"] if gan.epoch else []
        if last := gan.history.last():
            unit = "img" if len(gan.sample_shape) == 3 else "samples"
            texts.append(
                "D {loss_d:.2f}, G {loss_g:.2f}, {images_per_second:.0f}".format(**last) + f" {unit}/s"
            )
        self._bar.set_postfix_str(", ".join(texts), refresh=False)


def tensorboard_callbacks(log_dir: str | Path) -> list[Callback]:
    """Return a list with a `TensorBoard`; if tensorboard is not installed, warn and return an empty list."""
    try:
        return [TensorBoard(log_dir)]
    except ImportError:
        warnings.warn(
            "tensorboard is not installed, so no TensorBoard files are written; curves.png and history.csv have "
            "the same curves. To write them: pip install tensorboard; to hide this warning: tensorboard=False.",
            stacklevel=4,
        )
        return []


class TensorBoard(Callback):
    """Write the metrics of every step and the grid of every snapshot for TensorBoard.

    Args:
        log_dir: folder of the TensorBoard files.

    Raises:
        ImportError: tensorboard is not installed.
    """

    def __init__(self, log_dir: str | Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._open = lambda start: SummaryWriter(str(log_dir), purge_step=start + 1)

    def on_train_begin(self, gan: GAN, total: int) -> None:
        self._writer, self._written = self._open(gan.step), gan.step

    def on_snapshot(self, gan: GAN, grid: Tensor) -> None:
        columns = dict(gan.history)
        for row, step in enumerate(columns.pop("step")):
            if step > self._written:
                for name, column in columns.items():
                    self._writer.add_scalar(name, column[row], step)
        self._writer.add_image("faces", grid, gan.step)
        self._writer.flush()
        self._written = gan.step

    def on_train_end(self, gan: GAN) -> None:
        self._writer.close()
