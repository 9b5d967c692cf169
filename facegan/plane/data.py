"""Data sets of points in the window [-2, 2]^2, the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from facegan.data.points import PointDataset, read_points
from facegan.errors import ConfigError, DataError

EXTENT = 2.0  # the window is [-EXTENT, EXTENT] in x and y
_COUNT = 4096  # number of points in each data set
_REACH = 1.5  # half the longer side of your own points after scaling


class Modes(NamedTuple):
    """The modes of a data set.

    Attributes:
        centers: the centers of the modes, (M, 2).
        std: standard deviation of each mode, in x and in y.
    """

    centers: np.ndarray
    std: float


NO_MODES = Modes(np.zeros((0, 2), np.float32), 0.0)


def load(data: Any) -> tuple[PointDataset, Modes]:
    """Load the points of a named data set, or your own points, shifted and scaled into the window.

    Args:
        data: a name in `NAMES`, or points (N, 2) as an array, a tensor, or a list. A small number of points is repeated
            to fill a batch.

    Returns:
        The points, and their modes, if known.

    Raises:
        ConfigError: there is no set of that name.
        DataError: the points are not (N, 2), not finite, or all the same.
    """
    if isinstance(data, str):
        if data not in _SETS:
            raise ConfigError(
                f"no data set of the plane is named {data!r}; choose one of {', '.join(NAMES)}, or pass points (N, 2)."
            )
        points, modes = _SETS[data](np.random.default_rng(0))
        return PointDataset(points.astype(np.float32), data), modes
    given = data.points if isinstance(data, PointDataset) else data
    name = data.name if isinstance(data, PointDataset) else "your points"
    points = _fitted(read_points(given, (2,)))
    return PointDataset(np.tile(points, (-(-_COUNT // max(len(points), 1)), 1)), name), NO_MODES


def covered(points: Tensor, modes: Modes) -> tuple[int, float]:
    """Count the modes that fakes cover.

    A fake is near a mode if its distance is at most three of the mode's standard deviations, as in VEEGAN (Srivastava
    et al. 2017, arXiv 1705.07761). A mode is covered if it has a fifth or more of its fair share of the fakes, so that
    a few fakes between modes do not count.

    Args:
        points: fakes (N, 2).
        modes: modes of the data.

    Returns:
        The number of modes covered, and the fraction of fakes near a mode; (0, NaN) for data without modes.
    """
    if not len(modes.centers):
        return 0, math.nan
    near = torch.cdist(points.float(), torch.from_numpy(modes.centers)) <= 3 * modes.std
    fair = len(points) / len(modes.centers)
    return int((near.sum(0) >= max(1, fair / 5)).sum()), near.any(1).float().mean().item()


def _fitted(points: np.ndarray) -> np.ndarray:
    PointDataset(points.astype(np.float32), "your points")  # raises for infinite and for single points
    low, high = points.min(0), points.max(0)
    side = float((high - low).max())
    if side == 0:
        raise DataError(
            f"all points are {points[0].tolist()}, expected different points. Pass at least two different ones."
        )
    return ((points - (low + high) / 2) * (2 * _REACH / side)).astype(np.float32)


def _around(centers: np.ndarray, std: float, rng: np.random.Generator) -> tuple[np.ndarray, Modes]:
    chosen = centers[np.arange(_COUNT) % len(centers)]
    return chosen + rng.normal(0, std, (_COUNT, 2)), Modes(centers.astype(np.float32), std)


def _line(rng: np.random.Generator) -> tuple[np.ndarray, Modes]:
    along = rng.uniform(-1.4, 1.4, (_COUNT, 1))
    return along * [1.0, 0.6] + rng.normal(0, 0.03, (_COUNT, 2)), NO_MODES


def _gaussian(rng: np.random.Generator) -> tuple[np.ndarray, Modes]:
    return _around(np.array([[0.6, 0.4]]), 0.35, rng)


def _ring(rng: np.random.Generator) -> tuple[np.ndarray, Modes]:
    angles = np.arange(8) * math.pi / 4
    return _around(1.4 * np.stack([np.cos(angles), np.sin(angles)], 1), 0.05, rng)


def _grid(rng: np.random.Generator) -> tuple[np.ndarray, Modes]:
    side = np.linspace(-1.4, 1.4, 5)
    return _around(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2), 0.05, rng)


def _moons(rng: np.random.Generator) -> tuple[np.ndarray, Modes]:
    angle = rng.uniform(0, math.pi, _COUNT)
    upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], 1)
    points = np.where(np.arange(_COUNT)[:, None] % 2, upper, -upper)
    return points + rng.normal(0, 0.06, (_COUNT, 2)), NO_MODES


def _spiral(rng: np.random.Generator) -> tuple[np.ndarray, Modes]:
    turn = 3.5 * math.pi * np.sqrt(rng.uniform(0.01, 1, _COUNT))
    points = np.stack([np.cos(turn), np.sin(turn)], 1) * (1.6 * turn / (3.5 * math.pi))[:, None]
    return points + rng.normal(0, 0.03, (_COUNT, 2)), NO_MODES


_SETS: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, Modes]]] = {
    "line": _line,
    "gaussian": _gaussian,
    "ring": _ring,
    "grid": _grid,
    "moons": _moons,
    "spiral": _spiral,
}
NAMES = tuple(_SETS)
