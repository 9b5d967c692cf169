"""Distances between sets of faces, from their features (`facegan.evaluation.features`).

The Frechet distance (Heusel 2017, arXiv 1706.08500), recall (Kynkaanniemi 2019, arXiv 1904.06991), and the share of
distinct faces. Values are only comparable for the same real faces and the same n.

Does not cover precision, the counterpart of recall: in the space of eigenfaces, blurred or blank images are near the
mean of all faces and are neighbors of most of them, so gray images would score 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facegan.errors import ConfigError
from facegan.evaluation.features import SMALLEST_SET

NEIGHBORS = 5  # k of recall; its paper uses 3
_ROWS = 1000  # faces whose distances to all others are in memory at once
_SAME = 1e-6  # distance below which two faces are the same


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Frechet distance between Gaussians fitted to features (N, F) and (M, F); 0 if they are equal.

    |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)): equation 6 of Heusel 2017 (arXiv 1706.08500).
    It is biased: smaller sets give larger values. Raises `ConfigError` if a set is too small.
    """
    _check_sets(a, b)
    (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(0), torch.atleast_2d(x.T.cov())) for x in (a, b))
    root = _root(cov_a)
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()  # tr (C_a C_b)^(1/2)
    return float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross)


def recall(real: Tensor, fake: Tensor) -> float:
    """Share of real faces that are covered by fakes, from features (N, F) and (M, F); low if kinds are missing.

    A real face is covered if it is closer to a fake than that fake's fifth neighbor among the fakes (Kynkaanniemi 2019,
    arXiv 1904.06991, equation 1). Widely scattered fakes cover large regions, so also check the distance.
    """
    _check_sets(real, fake)
    radius = _radius(fake)
    among = [(torch.cdist(part, fake) < radius).any(1) for part in real.split(_ROWS)]
    return float(torch.cat(among).double().mean())


def distinct(real: Tensor, fake: Tensor) -> float:
    """Share of fakes that are not near-copies of another fake; low if G collapses.

    A near-copy is closer to another fake than the closest hundredth of real faces are to their nearest real face,
    excluding copies of one photograph. Pale or blurred faces are closer to each other, and more often count as copies.
    """
    _check_sets(real, fake)
    apart = (torch.cdist(part, real) for part in real.split(_ROWS))
    nearest = torch.cat([x.masked_fill(x <= _SAME, torch.inf).amin(1) for x in apart])
    return float((_radius(fake, 1) > nearest.quantile(0.01)).double().mean())


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _radius(x: Tensor, k: int = NEIGHBORS) -> Tensor:
    """Distance to the k-th neighbor, not counting the face itself."""
    return torch.cat([torch.cdist(part, x).kthvalue(k + 1, dim=1).values for part in x.split(_ROWS)])


def _check_sets(*sets: Tensor) -> None:
    for x in sets:
        if x.ndim != 2 or len(x) < SMALLEST_SET or x.shape[1] != sets[0].shape[1]:
            raise ConfigError(
                f"got features {tuple(x.shape)}, expected (N, F) of {SMALLEST_SET} faces or more each, "
                "all from the same `Eigenfaces`; fewer give no meaningful value."
            )
        if not x.isfinite().all():
            raise ConfigError("got features with infinities or NaN: the generator that drew them broke down.")
