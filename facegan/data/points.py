"""A data set of points instead of images, with batches like those of `FaceDataset`."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan.data.dataset import Batches, fingerprint_of
from facegan.errors import DataError, first_line

_WHOLE = slice(None)


class PointDataset:
    """A data set of points in memory. Arguments are also attributes.

    Args:
        points: float32 (N, D), at least two.
        name: name of the data set.

    Raises:
        DataError: the points have another type or shape, are not finite, or there are fewer than two.
    """

    def __init__(self, points: np.ndarray, name: str) -> None:
        if not isinstance(points, np.ndarray) or points.dtype != np.float32 or points.ndim != 2:
            kind = f"{getattr(points, 'dtype', type(points).__name__)} {tuple(getattr(points, 'shape', ()))}"
            raise DataError(f"points are {kind}, expected a float32 array (N, D). as_points converts others.")
        if len(points) < 2:
            raise DataError(f"{name!r} has {len(points)} point; training needs 2 or more. Add some.")
        if not np.isfinite(points).all():
            bad = int(np.flatnonzero(~np.isfinite(points).all(1))[0])
            raise DataError(
                f"point {bad} of {name!r} is {points[bad].tolist()}, expected finite numbers. Remove it."
            )
        self.points, self.name = points, name

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: Any) -> Tensor:
        """Copy points: float32 (D,) for an index, (k, D) for a slice or a list of indices."""
        return torch.from_numpy(np.array(self.points[index]))

    def __repr__(self) -> str:
        return f"PointDataset({self.name!r}, {len(self):,} points, {self.points.shape[1]} numbers each)"

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample, (D,)."""
        return self.points.shape[1:]

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that identify the points."""
        return fingerprint_of(self.points)

    def record(self) -> dict[str, Any]:
        """The values that identify the data set in checkpoints: name, count, sample shape, and fingerprint."""
        known = {"name": self.name, "crop": None, "fingerprint": self.fingerprint}
        return {"count": len(self), "sample_shape": list(self.sample_shape), **known}

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        device: str | torch.device = "cpu",
        flip: bool = False,
        part: slice = _WHOLE,
    ) -> Batches:
        """Shuffled batches (B, D); arguments are as for `FaceDataset.batches`.

        Raises:
            DataError: the data set is smaller than a batch, or `flip` is true.
        """
        if flip:
            raise DataError("flip is True, but only images can be mirrored, not points. Set flip=False.")
        generator, device = generator or torch.default_generator, torch.device(device)
        return Batches(
            self.points, batch_size, name=self.name, generator=generator, device=device, flip=False, part=part
        )


def as_points(given: Any, shape: tuple[int, ...]) -> PointDataset:
    """Convert the argument `faces` of `fit` to a `PointDataset`.

    Args:
        given: a `PointDataset`, which is returned; or an array, a tensor, or a list of rows (N, D), which is copied.
        shape: (D,), the sample shape of the networks.

    Raises:
        DataError: the input is anything else, or has another shape.
    """
    if isinstance(given, PointDataset):
        points = given
    else:
        points = PointDataset(read_points(given, shape).astype(np.float32), "points")
    if points.sample_shape != shape:
        raise DataError(
            f"the points have {points.sample_shape[0]} numbers each, expected {shape[0]}. Use points of that dimension."
        )
    return points


def read_points(given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Copy an array, a tensor, or a list of rows to a float64 array (N, D).

    Raises:
        DataError: the input is anything else, or has another shape.
    """
    expected = f"expected points (N, {shape[0]}) as an array, a tensor or a list of rows"
    if isinstance(given, str):
        raise DataError(
            f"the data are {given!r}, {expected}. Use names of data sets only with plane.record(data=...)."
        )
    try:
        points = np.array(given.detach().cpu().numpy() if isinstance(given, Tensor) else given)
        if points.dtype.kind not in "fiub":
            raise TypeError(f"of type {points.dtype}")
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"the data are a {type(given).__name__} ({first_line(error)}), {expected}.") from None
    if points.shape[1:] != shape:
        raise DataError(f"the data are {points.dtype} {points.shape}, {expected}.")
    return points.astype(np.float64)
