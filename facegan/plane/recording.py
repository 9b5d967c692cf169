"""The recording of a run in two dimensions, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from facegan.config import TrainConfig

LIMIT = 600_000  # maximum bytes of a page per recording


@dataclass(frozen=True, eq=False)
class Recording:
    """A run in two dimensions, with F frames. Values that were not finite are NaN.

    Attributes:
        title: the data set, and the settings that differ from `plane.CONFIG`.
        config: the settings of the run.
        data: the name of the data set.
        seed: the seed of the run.
        extent: the window is [-extent, extent] in x and y.
        steps: (F,), the step of each frame.
        real: (R, 2), real points.
        centers: (M, 2), the centers of the modes; (0, 2) for data without modes.
        fakes: (F, N, 2), fakes from the same latents.
        output: (F, S, S), D's output at the centers of the window's cells, with row 0 at the bottom: D(x), or the logit
            for losses other than "bce" and "minimax", including your own.
        arrows: (F, A, 2), the direction in which moving each of the first A fakes lowers G's loss: -N dL_G/dx.
        manifold: (F, K, K, 2), G's outputs for a grid of latents; (F, 0, 0, 2) if latent_dim is not 2.
        curves: columns (F,): the means since the previous frame of `loss_d`, `loss_g`, `d_real`, `d_fake`,
            `grad_norm_d`, and `grad_norm_g`; and at each frame, `modes`, the number of modes covered, and `quality`,
            the fraction of fakes near a mode.
        probabilities: whether `output` is D(x), from 0 to 1.
    """

    title: str
    config: TrainConfig
    data: str
    seed: int
    extent: float
    steps: np.ndarray
    real: np.ndarray
    centers: np.ndarray
    fakes: np.ndarray
    output: np.ndarray
    arrows: np.ndarray
    manifold: np.ndarray
    curves: dict[str, np.ndarray]
    probabilities: bool

    @property
    def output_range(self) -> tuple[float, float]:
        """The range of the color map of `output`: 0 to 1 for D(x); for logits, the range of 95% of the values."""
        if self.probabilities:
            return 0.0, 1.0
        finite = np.abs(self.output[np.isfinite(self.output)])
        high = _next_nice(float(np.quantile(finite, 0.95)) if finite.size else 1.0)
        return -high, high

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"Recording({self.title}: {len(self)} frames, steps {self.steps[0]} to {self.steps[-1]:,})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        player = import_module(
            "facegan.plane.player"
        )  # by name, because the player itself imports recordings
        return player.play(self)._repr_mimebundle_()


def _next_nice(value: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... that is at least `value`; 1 for 0."""
    power = 10.0 ** np.floor(np.log10(value or 1.0))
    return float(next(f for f in (1, 2, 5, 10) if f * power >= value * 0.999) * power)
