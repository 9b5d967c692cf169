"""How far generated faces are from real ones, measured without a pretrained network.

Faces are compared by their coordinates in the space of eigenfaces (Turk & Pentland 1991): the principal
components of real faces, each scaled to variance 1, so that a mouth counts as much as a background.
Distances are between sets of such coordinates: Frechet's (Heusel 2017, arXiv 1706.08500), precision and
recall (Kynkaanniemi 2019, arXiv 1904.06991). They compare like with like only: the same real faces, the same
n; and they see no pixel noise, which no large component holds. Left out: networks such as Inception, which
would have to be downloaded; these figures are no FIDs, nor comparable to them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facegan.errors import ConfigError
from facegan.images import to_float, to_uint8

NEIGHBOURS = 5  # k of precision and recall; their paper takes 3
SMALLEST_SET = 100  # faces, below which figures would mean nothing
_SIDE = 32  # pixels to which faces are reduced before they are compared


class Eigenfaces:
    """The space in which faces are compared, made of real faces (N, 3, H, W), uint8 or floats in [-1, 1].

    Call it with images (M, 3, H, W) for their coordinates (M, count or fewer), float64, on the CPU; those of
    the real faces have mean 0 and variance 1. Raises `ConfigError` for fewer than 100 real faces.
    """

    def __init__(self, real: Tensor, count: int = 64) -> None:
        pixels = _pixels(real)
        _check_sets(pixels)
        self.mean = pixels.mean(0)
        _, strength, components = torch.linalg.svd(pixels - self.mean, full_matrices=False)
        kept = strength[:count] > 1e-3 * strength[0]  # repeated faces span fewer directions
        deviations = strength[:count][kept] / (len(real) - 1) ** 0.5
        self.components = (components[:count][kept] / deviations[:, None]).T  # (pixels, count)

    def __call__(self, images: Tensor) -> Tensor:
        return (_pixels(images) - self.mean) @ self.components


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Frechet distance between Gaussians fitted to features (N, F) and (M, F); 0 when they are equal.

    |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)): equation 6 of Heusel 2017 (arXiv 1706.08500).
    It is biased: smaller sets give larger figures. Raises `ConfigError` for sets that are too small.
    """
    _check_sets(a, b)
    (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(0), x.T.cov()) for x in (a, b))
    root = _root(cov_a)
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()  # tr (C_a C_b)^(1/2)
    return float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross)


def precision_recall(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """Share of fakes among real faces, and of real faces among fakes, from features (N, F) and (M, F).

    "Among" is: closer to one of them than its fifth neighbour of its own kind (Kynkaanniemi 2019, arXiv
    1904.06991, equation 1). Low precision: fakes that look like nothing real; low recall: kinds of faces are
    missing.
    """
    _check_sets(real, fake)
    between = torch.cdist(real, fake)
    among_real = (between < _radius(real)[:, None]).any(0)
    among_fake = (between < _radius(fake)[None]).any(1)
    return float(among_real.double().mean()), float(among_fake.double().mean())


def distinct(real: Tensor, fake: Tensor) -> float:
    """Share of fakes that are no near-copy of another fake; it falls when G collapses.

    A near-copy is nearer than the closest hundredth of real faces are to their nearest real face.
    """
    _check_sets(real, fake)
    return float((_radius(fake, 1) > _radius(real, 1).quantile(0.01).clamp(min=1e-6)).double().mean())


def _pixels(images: Tensor) -> Tensor:
    """(N, 3 side side), from images that a GIF or PNG would show."""
    small = [F.adaptive_avg_pool2d(to_float(to_uint8(part)), _SIDE) for part in images.split(500)]
    return torch.cat(small).flatten(1).cpu().double()


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _radius(x: Tensor, k: int = NEIGHBOURS) -> Tensor:
    return torch.cdist(x, x).kthvalue(k + 1, dim=1).values


def _check_sets(*sets: Tensor) -> None:
    for x in sets:
        if x.ndim != 2 or len(x) < SMALLEST_SET or x.shape[1] != sets[0].shape[1]:
            raise ConfigError(
                f"got features {tuple(x.shape)}, expected (N, F) of {SMALLEST_SET} faces or more each, "
                "all from the same `Eigenfaces`; fewer give no meaningful figure."
            )
