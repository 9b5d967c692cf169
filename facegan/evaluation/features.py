"""Features of faces: coordinates along eigenfaces, without a pretrained network.

Eigenfaces (Turk & Pentland 1991) are the principal components of real faces. Each coordinate is scaled to variance 1,
so that a mouth has as much weight as a background. Networks such as Inception, which would have to be downloaded, are
not used. Distances between these features are therefore not FIDs, and are not comparable with FIDs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facegan.errors import ConfigError
from facegan.images import to_float, to_uint8

SMALLEST_SET = 100  # minimum number of faces; metrics of fewer are meaningless
_SIDE = 32  # side in pixels to which faces are reduced


class Eigenfaces:
    """Features of faces, fitted to real faces.

    A call with images (M, 3, H, W) returns their coordinates (M, count or fewer), float64, on the CPU. The coordinates
    of the real faces have mean 0 and variance 1.

    Args:
        real: real faces (N, 3, H, W), uint8 or floats in [-1, 1].
        count: maximum number of coordinates.

    Raises:
        ConfigError: there are fewer than 100 real faces, or they are all the same.
    """

    def __init__(self, real: Tensor, count: int = 64) -> None:
        pixels = _pixels(real)
        if len(pixels) < SMALLEST_SET:
            raise ConfigError(f"got {len(pixels)} real faces, expected {SMALLEST_SET} or more. Add faces.")
        self.mean = pixels.mean(0)
        variances, scaled = _principal(pixels - self.mean)
        kept = variances[:count] > max(1e-6 * float(variances[0]), 1e-9)  # repeated faces span fewer
        if not kept.any():
            raise ConfigError(f"got {len(pixels)} real faces that are all the same, expected different ones.")
        self.components = scaled[:, :count][:, kept]  # (pixels, count)

    def __call__(self, images: Tensor) -> Tensor:
        return (_pixels(images) - self.mean) @ self.components


def _pixels(images: Tensor) -> Tensor:
    """The pixels (N, 3 * side * side) of images, after rounding to 8 bits and reduction to `_SIDE`."""
    small = [F.adaptive_avg_pool2d(to_float(to_uint8(part)), _SIDE) for part in images.split(500)]
    return torch.cat(small).flatten(1).cpu().double()


def _principal(centered: Tensor) -> tuple[Tensor, Tensor]:
    """The variances of centered rows along their principal directions, descending, and the scaled directions.

    The directions are divided by the standard deviations.
    """
    n, wide = len(centered), len(centered) < centered.shape[1]
    powers, vectors = torch.linalg.eigh(centered @ centered.T if wide else centered.T @ centered)
    powers, vectors = powers.flip(0).clamp(min=1e-12), vectors.flip(1)
    directions = centered.T @ vectors / powers.sqrt() if wide else vectors
    return powers / (n - 1), directions / (powers / (n - 1)).sqrt()
