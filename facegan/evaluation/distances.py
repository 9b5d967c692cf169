"""How far generated faces are from real ones, measured without a pretrained network.

Faces are compared by their coordinates in the space of eigenfaces (Turk & Pentland 1991): the principal
components of real faces, each scaled to variance 1, so that a mouth counts as much as a background.
Distances are between sets of such coordinates: Frechet's (Heusel 2017, arXiv 1706.08500) and recall
(Kynkaanniemi 2019, arXiv 1904.06991). They compare like with like only: the same real faces, the same n.

Left out: networks such as Inception, which would have to be downloaded; these figures are no FIDs, nor
comparable to them. And recall's companion, precision: in this space what is blurred or blank lies near the
mean of all faces, where most of them have it among their neighbours, so that grey images would score 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facegan.errors import ConfigError
from facegan.images import to_float, to_uint8

NEIGHBOURS = 5  # k of recall; its paper takes 3
SMALLEST_SET = 100  # faces, below which figures would mean nothing
_SIDE = 32  # pixels to which faces are reduced before they are compared
_ROWS = 1000  # faces whose distances to all others are held at once
_SAME = 1e-6  # distance below which two faces are one


class Eigenfaces:
    """The space in which faces are compared, made of real faces (N, 3, H, W), uint8 or floats in [-1, 1].

    Call it with images (M, 3, H, W) for their coordinates (M, count or fewer), float64, on the CPU; those of
    the real faces have mean 0 and variance 1. Raises `ConfigError` for fewer than 100 real faces, or when
    they are all the same.
    """

    def __init__(self, real: Tensor, count: int = 64) -> None:
        pixels = _pixels(real)
        if len(pixels) < SMALLEST_SET:
            raise ConfigError(f"got {len(pixels)} real faces, expected {SMALLEST_SET} or more.")
        self.mean = pixels.mean(0)
        variances, scaled = _principal(pixels - self.mean)
        kept = variances[:count] > max(1e-6 * float(variances[0]), 1e-9)  # repeated faces span fewer
        if not kept.any():
            raise ConfigError(f"got {len(pixels)} real faces that are all the same, expected different ones.")
        self.components = scaled[:, :count][:, kept]  # (pixels, count)

    def __call__(self, images: Tensor) -> Tensor:
        return (_pixels(images) - self.mean) @ self.components


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Frechet distance between Gaussians fitted to features (N, F) and (M, F); 0 when they are equal.

    |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)): equation 6 of Heusel 2017 (arXiv 1706.08500).
    It is biased: smaller sets give larger figures. Raises `ConfigError` for sets that are too small.
    """
    _check_sets(a, b)
    (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(0), torch.atleast_2d(x.T.cov())) for x in (a, b))
    root = _root(cov_a)
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()  # tr (C_a C_b)^(1/2)
    return float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross)


def recall(real: Tensor, fake: Tensor) -> float:
    """Share of real faces that lie among fakes, from features (N, F) and (M, F); low: kinds are missing.

    "Among" is: closer to one of the fakes than its fifth neighbour among the fakes (Kynkaanniemi 2019, arXiv
    1904.06991, equation 1). Fakes that scatter widely reach far, so look at the distance too.
    """
    _check_sets(real, fake)
    radius = _radius(fake)
    among = [(torch.cdist(part, fake) < radius).any(1) for part in real.split(_ROWS)]
    return float(torch.cat(among).double().mean())


def distinct(real: Tensor, fake: Tensor) -> float:
    """Share of fakes that are no near-copy of another fake; it falls when G collapses.

    A near-copy is nearer than the closest hundredth of real faces are to their nearest real face, copies of
    one photograph aside. Pale or blurred faces are nearer to each other, and count as copies sooner.
    """
    _check_sets(real, fake)
    apart = (torch.cdist(part, real) for part in real.split(_ROWS))
    nearest = torch.cat([x.masked_fill(x <= _SAME, torch.inf).amin(1) for x in apart])
    return float((_radius(fake, 1) > nearest.quantile(0.01)).double().mean())


def _pixels(images: Tensor) -> Tensor:
    """(N, 3 side side), from images that a GIF or PNG would show."""
    small = [F.adaptive_avg_pool2d(to_float(to_uint8(part)), _SIDE) for part in images.split(500)]
    return torch.cat(small).flatten(1).cpu().double()


def _principal(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Variances of centred rows along their principal directions, large first, and these over deviations."""
    n, wide = len(centred), len(centred) < centred.shape[1]
    powers, vectors = torch.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    powers, vectors = powers.flip(0).clamp(min=1e-12), vectors.flip(1)
    directions = centred.T @ vectors / powers.sqrt() if wide else vectors
    return powers / (n - 1), directions / (powers / (n - 1)).sqrt()


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _radius(x: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """Distance to the k-th neighbour; the nearest is the face itself."""
    return torch.cat([torch.cdist(part, x).kthvalue(k + 1, dim=1).values for part in x.split(_ROWS)])


def _check_sets(*sets: Tensor) -> None:
    for x in sets:
        if x.ndim != 2 or len(x) < SMALLEST_SET or x.shape[1] != sets[0].shape[1]:
            raise ConfigError(
                f"got features {tuple(x.shape)}, expected (N, F) of {SMALLEST_SET} faces or more each, "
                "all from the same `Eigenfaces`; fewer give no meaningful figure."
            )
        if not x.isfinite().all():
            raise ConfigError("got features with infinities or NaN: the generator that drew them broke down.")
