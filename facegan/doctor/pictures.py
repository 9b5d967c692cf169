"""What generated pictures say: mode collapse, noise and checkerboards, by three numbers of 64 of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from facegan.errors import ConfigError

COUNT = 64  # pictures of each kind
_HIGH = 0.35  # cycles per pixel, from which a frequency is high


@dataclass(frozen=True)
class Looks:
    """Numbers of a set of pictures.

    Attributes:
        diversity: the mean distance of two pictures, per pixel, over the mean contrast within one.
        noise: the share of the power at high spatial frequencies.
        checkerboard: the power of patterns that alternate from pixel to pixel, over that of nearly the same.
    """

    diversity: float
    noise: float
    checkerboard: float

    @classmethod
    def of(cls, images: Tensor) -> Looks:
        """The looks of images (N, 3, S, S) in [-1, 1], N >= 2. Raises `ConfigError` for other shapes."""
        if images.ndim != 4 or images.shape[1] != 3 or len(images) < 2:
            raise ConfigError(f"got {tuple(images.shape)}, expected two or more images (N, 3, S, S).")
        images = images.float().cpu()
        flat = images.flatten(1)
        pairs = torch.cdist(flat, flat).sum() / (len(flat) * (len(flat) - 1)) / flat.shape[1] ** 0.5
        contrast = images.flatten(2).std(2).mean().clamp_min(1e-6)
        power = _power(images)
        return cls(float(pairs / contrast), _high_share(power), _alternating(power))


def examine(fakes: Tensor, real: Tensor) -> dict[str, str]:
    """The verdicts that fakes earn beside real faces, both (N, 3, S, S) in [-1, 1]: name to evidence."""
    seen, wanted = Looks.of(fakes), Looks.of(real)
    found = {}
    if seen.noise >= 10 * wanted.noise:
        found["noise"] = (
            f"{seen.noise:.0%} of the fakes' power is at high frequencies, {wanted.noise:.1%} of the data's"
        )
    elif seen.diversity < 0.6 * wanted.diversity:
        found["mode collapse"] = (
            f"fakes differ {seen.diversity / wanted.diversity:.2f} times as much as real faces"
        )
    if seen.checkerboard > 1.5 and "noise" not in found:
        found["checkerboard"] = (
            f"patterns that alternate from pixel to pixel have {seen.checkerboard:.1f} times the power of their "
            f"neighbors; in the data, {wanted.checkerboard:.1f} times"
        )
    return found


def _power(images: Tensor) -> Tensor:
    gray = images.mean(1)
    return torch.fft.fft2(gray - gray.mean((1, 2), keepdim=True)).abs().square().mean(0)


def _high_share(power: Tensor) -> float:
    line = torch.fft.fftfreq(power.shape[-1])
    high = (line[:, None].square() + line.square()).sqrt() > _HIGH
    return float(power[high].sum() / power.sum().clamp_min(1e-12))


def _alternating(power: Tensor) -> float:
    middle = power.shape[-1] // 2
    at = power[middle].mean() + power[:, middle].mean()
    beside = power[middle - 2 : middle].mean() + power[:, middle - 2 : middle].mean()
    return float(at / beside.clamp_min(1e-12))
