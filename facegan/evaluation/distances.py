"""Distances between sets of faces, from their features (`facegan.evaluation.features`).

These are the Frechet distance (Heusel 2017, arXiv 1706.08500), recall (Kynkaanniemi 2019, arXiv 1904.06991), and the
fraction of distinct faces. Values are comparable only for the same real faces and the same n.

Precision, the counterpart of recall, is not included: in the space of eigenfaces, blurred or blank images are near the
mean of all faces and are neighbors of most of them, so gray images would score 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facegan.errors import ConfigError
from facegan.evaluation.features import SMALLEST_SET

NEIGHBORS = 5  # k of recall; its paper uses 3
_ROWS = 1000  # number of faces whose distances to all others are in memory at once
_SAME = 1e-6  # distance below which two faces are the same


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The Frechet distance between Gaussians fitted to two sets of features; 0 if they are equal.

    It is |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), equation 6 of Heusel 2017 (arXiv 1706.08500).
    The estimate is biased: smaller sets give larger values.

    Args:
        a, b: features (N, F) and (M, F) of the same `Eigenfaces`.

    Raises:
        ConfigError: a set has fewer than 100 faces, features differ in number, or a value is not finite.
    """
    _check_sets(a, b)
    (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(0), torch.atleast_2d(x.T.cov())) for x in (a, b))
    root = _root(cov_a)
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()  # tr (C_a C_b)^(1/2)
    return float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross)


def recall(real: Tensor, fake: Tensor) -> float:
    """The fraction of real faces that are covered by fakes; it is low if kinds of faces are missing.

    A real face is covered if it is closer to a fake than that fake's fifth neighbor among the fakes (Kynkaanniemi 2019,
    arXiv 1904.06991, equation 1). Widely scattered fakes cover large regions, so also check the distance.

    Args:
        real, fake: features (N, F) and (M, F) of the same `Eigenfaces`.

    Raises:
        ConfigError: as for `frechet_distance`.
    """
    _check_sets(real, fake)
    radius = _radius(fake)
    among = [(torch.cdist(part, fake) < radius).any(1) for part in real.split(_ROWS)]
    return float(torch.cat(among).double().mean())


def distinct(real: Tensor, fake: Tensor) -> float:
    """The fraction of fakes that are not near-copies of another fake; it is low if G collapses.

    A fake is a near-copy if its distance to the nearest other fake is below the first percentile of the distances of
    real faces to the nearest other real face (copies of one photograph are ignored). Pale or blurred faces are closer
    to each other, and count as copies more often.

    Args:
        real, fake: features (N, F) and (M, F) of the same `Eigenfaces`.

    Raises:
        ConfigError: as for `frechet_distance`.
    """
    _check_sets(real, fake)
    apart = (torch.cdist(part, real) for part in real.split(_ROWS))
    nearest = torch.cat([x.masked_fill(x <= _SAME, torch.inf).amin(1) for x in apart])
    return float((_radius(fake, 1) > nearest.quantile(0.01)).double().mean())


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _radius(x: Tensor, k: int = NEIGHBORS) -> Tensor:
    """The distance of each face to its k-th neighbor, not counting the face itself."""
    return torch.cat([torch.cdist(part, x).kthvalue(k + 1, dim=1).values for part in x.split(_ROWS)])


def _check_sets(*sets: Tensor) -> None:
    for x in sets:
        if x.ndim != 2 or len(x) < SMALLEST_SET or x.shape[1] != sets[0].shape[1]:
            raise ConfigError(
                f"got features {tuple(x.shape)}, expected (N, F) of {SMALLEST_SET} faces or more each, "
                "all from the same `Eigenfaces`; fewer give no meaningful value."
            )
        if not x.isfinite().all():
            raise ConfigError(
                "got features with infinities or NaN: the generator diverged. Use an earlier step."
            )
