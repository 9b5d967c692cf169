"""Trains a GAN on points, and records the run for playback."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facegan.config import TrainConfig, differing
from facegan.data.points import PointDataset
from facegan.errors import ConfigError, TrainingError, first_line, shown
from facegan.latent import draw_latents
from facegan.losses import LOSSES, find_loss
from facegan.models.mlp import PointDiscriminator, PointGenerator
from facegan.models.protocol import evaluating, generate
from facegan.plane.data import EXTENT, Modes, covered, load
from facegan.plane.recording import LIMIT, Recording
from facegan.runs.history import History
from facegan.runtime.cpu import threads
from facegan.runtime.random import seeded
from facegan.runtime.settings import usual_settings
from facegan.training.callbacks import Callback, ProgressBar, as_callbacks
from facegan.training.compatibility import loss_name
from facegan.training.fit import fit
from facegan.training.gan import GAN

# Small networks, and learning rates that work for every data set of the plane. There is no penalty, so that one can be
# added.
CONFIG = TrainConfig(
    latent_dim=2, width=64, norm="none", batch_size=128, lr_d=1e-3, lr_g=1e-3, precision="fp32", epochs=63
)
_CELLS = 40  # cells per side in the map of D's output
_ARROWS = 60  # number of fakes with an arrow
_LINES = 13  # lines in each direction of the grid of latents
_SPAN = 2.0  # extent of this grid: z from -2 to 2
_PATIENCE = 3.0  # seconds before a progress bar is shown
_FAKE_BYTES, _FRAME_BYTES = (
    2.6,
    1300,
)  # bytes of a page per fake in a frame, and for the rest of a frame
_CURVES = ("loss_d", "loss_g", "d_real", "d_fake", "grad_norm_d", "grad_norm_g")
_WITH_PROBABILITIES = (LOSSES["bce"], LOSSES["minimax"])  # losses for which the sigmoid of a logit is D(x)
# Settings that have no effect on points, and settings that do not change the game.
_NOT_IN_TITLES = {
    "image_size", "activation", "upsampling", "modulation", "norm", "epochs", "snapshot_every", "precision",
    "keep_checkpoints", "keep_generators", "tensorboard",
}  # fmt: skip


def gan(
    config: TrainConfig | None = None,
    *,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    loss: Any = None,
    device: str | torch.device = "cpu",
) -> GAN:
    """Create a GAN of points with small networks. Train it with `fit`, like any other GAN.

    Args:
        config: settings; by default, `CONFIG`. Settings of images have no effect.
        generator, discriminator, loss, device: as for `GAN`; networks need `sample_shape = (2,)`.

    Raises:
        ConfigError: as for `GAN`.

    >>> gan().sample(3, seed=0).shape
    torch.Size([3, 2])
    """
    config = checked_config(config)
    with seeded(config.seed):
        generator = generator if generator is not None else PointGenerator.from_config(config)
        discriminator = discriminator if discriminator is not None else PointDiscriminator.from_config(config)
    return GAN(config, generator=generator, discriminator=discriminator, loss=loss, device=device)


def checked_config(config: TrainConfig | None) -> TrainConfig:
    """Return the config, or `CONFIG` for None. Raises `ConfigError` for anything else."""
    if config is not None and not isinstance(config, TrainConfig):
        hint = f" To choose a data set, use data={config!r}." if isinstance(config, str) else ""
        raise ConfigError(
            f"config is {shown(config)}, expected a TrainConfig, such as plane.CONFIG.replace(r1=1.0).{hint}"
        )
    return config or CONFIG


@usual_settings()
def record(
    config: TrainConfig | None = None,
    data: Any = "ring",
    *,
    steps: int = 2000,
    every: int = 10,
    seed: int = 0,
    fakes: int = 500,
    callbacks: Sequence[Any] = (),
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    loss: Any = None,
    device: str | torch.device = "cpu",
) -> Recording:
    """Train a GAN on points from scratch, and record the run.

    Args:
        config: settings; by default, `plane.CONFIG`.
        data: a name in `plane.DATA`, or your own points (N, 2), which are shifted and scaled into the window.
        steps: number of training steps.
        every: steps between two frames.
        seed: seed of weights, batches, and latents; it replaces the config's seed.
        fakes: number of fakes in each frame.
        callbacks: as for `fit`.
        generator, discriminator, loss, device: as for `GAN`. Your own networks are trained in place.

    Returns:
        A `Recording`; a notebook plays it if it is a cell's last value. If training diverges, later frames are NaN. If
        training is stopped, the recording ends there.

    Raises:
        ConfigError: an argument is invalid, or the recording would be too large to play.
        DataError: the data are not points.

    >>> record(steps=4, every=2, callbacks=[])
    Recording(ring: 3 frames, steps 0 to 4)
    """
    numbers = {"steps": steps, "every": every, "fakes": fakes}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ConfigError(f"{name} is {shown(value)}, expected a whole number of 1 or more.")
    steps, every, fakes = map(int, numbers.values())
    config = checked_config(config).replace(seed=int(seed) if isinstance(seed, Integral) else seed)
    points, modes = load(data)
    _check_size(steps, every, fakes)
    player = gan(config, generator=generator, discriminator=discriminator, loss=loss, device=device)
    frames = Frames(points[:fakes], modes, every=every, fakes=fakes)
    end = _train(player, points, steps, frames, as_callbacks(callbacks))
    return frames.recording(player, data=points.name, steps=end)


def _train(player: GAN, points: PointDataset, steps: int, frames: Frames, callbacks: list[Any]) -> int:
    """Train, and return the step at which the recording ends."""
    try:
        with threads(1):  # for such small matrices, one thread is fastest
            late = _LateBar(callbacks, delay=_PATIENCE)
            fit(player, points, steps=steps, snapshot_every=steps, callbacks=[frames, *callbacks, late])
    except TrainingError as error:
        warnings.warn(
            f"{first_line(error)} Values that are not finite are shown as gaps in the recording.",
            stacklevel=3,
        )
        return steps
    if player.step < steps:
        warnings.warn(
            f"stopped at step {player.step:,} of {steps:,}; the recording ends there.", stacklevel=3
        )
    return frames.reached


def _check_size(steps: int, every: int, fakes: int) -> None:
    """Raise `ConfigError` before training if the page of `play` would be too large; see `docs/experiments.md`."""
    frames, frame = steps // every + 1, _FRAME_BYTES + _FAKE_BYTES * fakes
    if frames * frame <= LIMIT:
        return
    most = int(LIMIT / frame) - 2
    advice = "Use fewer fakes"
    if most > 0:
        advice = f"Use every={-(-steps // most)} or more, or fewer steps or fakes"
    raise ConfigError(
        f"steps={steps:,} with every={every:,} and fakes={fakes:,} would be a page of about "
        f"{frames * frame / 1000:,.0f} kB, expected at most {LIMIT / 1000:.0f} kB. {advice}."
    )


class _LateBar(ProgressBar):
    shows_progress = True


class Frames(Callback):
    """A callback that records a frame at step 0, every `every` steps, and at the last step.

    Args:
        real: real points to show, (R, 2).
        modes: modes of the data.
        every: steps between frames.
        fakes: number of fakes in each frame.
    """

    def __init__(self, real: Tensor, modes: Modes, *, every: int, fakes: int) -> None:
        self._real, self._modes = real.numpy(), modes
        self._every, self._fakes = every, fakes
        self._frames: list[dict[str, Any]] = []

    def on_train_begin(self, gan: GAN, total: int) -> None:
        config, self._total = gan.config, total
        self._z = draw_latents(self._fakes, config.latent_dim, seed=config.seed, latent=config.latent)
        self._grid = _lattice(_SPAN, _LINES if config.latent_dim == 2 else 0)
        self._cells = _lattice(EXTENT * (1 - 1 / _CELLS), _CELLS)
        self._probabilities = gan.loss in _WITH_PROBABILITIES
        self._add(gan)

    def on_step_end(self, gan: GAN, metrics: dict[str, Tensor]) -> None:
        if gan.step % self._every == 0 or gan.step == self._total:
            self._add(gan)

    @property
    def reached(self) -> int:
        """The step of the last frame."""
        return self._frames[-1]["step"]

    def _add(self, gan: GAN) -> None:
        fakes = generate(gan.ema, self._z, batch_size=len(self._z))
        with evaluating(gan.discriminator), torch.no_grad():
            logits = gan.discriminator(self._cells.to(fakes.device)).float()
        finite = bool(fakes.isfinite().all())
        modes, quality = covered(fakes.cpu(), self._modes) if finite else (math.nan, math.nan)
        frame = {
            "step": gan.step,
            "fakes": fakes.cpu(),
            "output": (logits.sigmoid() if self._probabilities else logits).reshape(_CELLS, _CELLS).cpu(),
            "arrows": _arrows(gan, fakes[:_ARROWS]).cpu(),
            "manifold": self._warped(gan),
            "modes": torch.tensor(float(modes)),
            "quality": torch.tensor(quality),
        }
        self._frames.append(frame)

    def _warped(self, gan: GAN) -> Tensor:
        side = math.isqrt(len(self._grid))
        points = generate(gan.ema, self._grid) if side else self._grid
        return points.reshape(side, side, 2).cpu()

    def recording(self, gan: GAN, *, data: str, steps: int) -> Recording:
        """Create the recording. Values that are not finite, and frames up to `steps` that were not reached, are NaN.

        Args:
            gan: the trained GAN.
            data: name of the data set.
            steps: the step at which the recording ends.
        """
        at = sorted({*range(0, steps + 1, self._every), steps})
        kept = {
            name: _filled([frame[name] for frame in self._frames], len(at))
            for name in ("fakes", "output", "arrows", "manifold", "modes", "quality")
        }
        curves = {name: _means(gan.history, name, at) for name in _CURVES}
        return Recording(
            title=_title(gan, data),
            config=gan.config,
            data=data,
            seed=gan.config.seed,
            extent=EXTENT,
            steps=np.array(at),
            real=self._real,
            centers=self._modes.centers,
            curves=curves | {name: kept.pop(name) for name in ("modes", "quality")},
            probabilities=self._probabilities,
            **kept,
        )


def _arrows(gan: GAN, fakes: Tensor) -> Tensor:
    """The direction in which moving each fake lowers G's loss, scaled as for a single fake: -N dL_G/dx."""
    with evaluating(gan.discriminator), torch.enable_grad():
        fakes = fakes.detach().requires_grad_(True)
        loss = gan.loss.generator(gan.discriminator(fakes).float().flatten())
        (gradient,) = torch.autograd.grad(loss, fakes)
    return -len(fakes) * gradient


def _lattice(half: float, count: int) -> Tensor:
    """A lattice of points (count^2, 2) from -half to half; x varies first, and row 0 is at the bottom."""
    line = torch.linspace(-half, half, count)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


def _filled(frames: list[Tensor], count: int) -> np.ndarray:
    """Stack frames to one array of length `count`; infinities and missing frames are NaN."""
    found = torch.stack(frames).float()
    missing = torch.full((count - len(found), *found.shape[1:]), math.nan)
    found = torch.cat([found, missing])
    return torch.where(found.isfinite(), found, math.nan).numpy()


def _means(history: History, name: str, at: list[int]) -> np.ndarray:
    """A column's mean over the steps since the previous frame; NaN at step 0, and if a step is not finite."""
    column = np.array(history[name], np.float64)
    column[~np.isfinite(column)] = math.nan
    parts = [column[a:b] for a, b in pairwise([0, *at])]
    return np.array([part.mean() if len(part) else math.nan for part in parts], np.float32)


def _title(gan: GAN, data: str) -> str:
    """The data set, and the settings that differ from `CONFIG`: "ring, lr_g 0.01, seed 3"."""
    found = differing(CONFIG, gan.config)
    changed = {name: new for name, (_, new) in found.items() if name not in _NOT_IN_TITLES}
    loss = {} if gan.loss == find_loss(gan.config.loss) else {"loss": loss_name(gan)}
    return ", ".join([data, *(f"{name} {value}" for name, value in (changed | loss).items())])
