"""Rules on generated pictures: mode collapse, noise, checkerboards, and standstill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from facegan.doctor.verdicts import Verdict
from facegan.errors import ConfigError
from facegan.images import to_float

COUNT = 64  # pictures of each kind
_HIGH = 0.35  # frequency in cycles per pixel above which it is high
_STATIC = 0.4  # fraction of high frequencies in pictures that are mostly noise; random pixels have 0.6
_CHECKERED = 0.012  # fraction of alternating patterns; if none are visible, it is below 0.008
_STILL = 0.02  # mean difference of pixels in [-1, 1] up to which two snapshots are alike


@dataclass(frozen=True)
class Looks:
    """Measurements of a set of pictures.

    Attributes:
        diversity: the mean distance of two pictures, per pixel, divided by the mean contrast within a picture.
        nearest: the median distance of a picture to the nearest other one, in the same unit.
        noise: the fraction of the power at high spatial frequencies.
        checkerboard: the power of patterns that alternate from pixel to pixel, minus that of the next lower frequency,
            as a fraction of all power.
    """

    diversity: float
    nearest: float
    noise: float
    checkerboard: float

    @classmethod
    def of(cls, images: Tensor) -> Looks:
        """Measure images (N, 3, S, S), floats in [-1, 1], N >= 2. Raises `ConfigError` for other shapes."""
        if images.ndim != 4 or images.shape[1] != 3 or len(images) < 2:
            raise ConfigError(f"got {tuple(images.shape)}, expected two or more images (N, 3, S, S).")
        images = images.float().cpu()
        contrast = images.flatten(2).std(2).mean().clamp_min(1e-6)
        distances = torch.pdist(images.flatten(1)) / images[0].numel() ** 0.5 / contrast
        power = _power(images)
        return cls(
            float(distances.mean()), _nearest(distances, len(images)), _high_share(power), _alternating(power)
        )


def examine(shown: Mapping[int, Tensor], real: Tensor, *, settling: bool = False) -> list[Verdict]:
    """Find the verdicts on a run's last pictures.

    If nothing is wrong with the last snapshot, the previous one is examined, and its verdicts are not sure.

    Args:
        shown: fakes from the same latents (N, 3, S, S), by step, ascending.
        real: real faces (N, 3, S, S).
        settling: whether learning rates decay to 0, so that the last pictures may be alike.
    """
    wanted = Looks.of(_floats(real))
    seen = {step: dict(_symptoms(Looks.of(_floats(fakes)), wanted)) for step, fakes in shown.items()}
    steps = list(seen)
    if not seen[steps[-1]] and len(steps) > 1:
        steps.pop()  # verdicts only on the previous snapshot are not sure
    found = [
        Verdict(
            name,
            evidence,
            _begin([name in seen[step] for step in steps], steps),
            sure=len(steps) == len(seen),
        )
        for name, evidence in seen[steps[-1]].items()
    ]
    return [*found, *_standstill(shown, settling=settling)]


def _symptoms(seen: Looks, wanted: Looks) -> Iterator[tuple[str, str]]:
    """Yield verdicts with their evidence. Noise excludes the others, because it is diverse at all frequencies."""
    if seen.noise >= 10 * wanted.noise or seen.noise > _STATIC > 2 * wanted.noise:
        yield (
            "noise",
            f"{seen.noise:.0%} of the fakes' power is at high frequencies (real faces: {wanted.noise:.1%})",
        )
        return
    if seen.diversity < 0.6 * wanted.diversity or seen.nearest < 0.5 * wanted.nearest:
        yield (
            "mode collapse",
            f"two fakes differ {seen.diversity / wanted.diversity:.2f} times as much as two real faces; the most "
            f"similar fakes differ {seen.nearest / wanted.nearest:.2f} times as much as the most similar real faces",
        )
    if seen.checkerboard > _CHECKERED:
        yield (
            "checkerboard",
            f"{seen.checkerboard:.1%} of the fakes' power is in patterns that alternate from pixel to pixel "
            f"(real faces: {max(wanted.checkerboard, 0):.1%})",
        )


def _standstill(shown: Mapping[int, Tensor], *, settling: bool) -> list[Verdict]:
    """A verdict if the last three snapshots are alike; if learning rates decay, only if all snapshots are alike."""
    steps = list(shown)
    changes = [float((_floats(shown[a]) - _floats(shown[b])).abs().mean()) for a, b in pairwise(steps)]
    still = [change <= _STILL for change in changes]
    if not (changes and (all(still) or (all(still[-2:]) and len(changes) > 1 and not settling))):
        return []
    evidence = f"pixels differ by {max(changes[-2:]) / 2:.1%} of their range between the last snapshots"
    return [Verdict("nothing changes", evidence, _begin(still, steps), sure=len(changes) > 1)]


def _begin(held: list[bool], steps: list[int]) -> int:
    """The step from which on all values in `held` are true."""
    first = len(held)
    while first and held[first - 1]:
        first -= 1
    return steps[first]


def _floats(images: Tensor) -> Tensor:
    return to_float(images) if images.dtype == torch.uint8 else images.float().cpu()


def _nearest(distances: Tensor, count: int) -> float:
    """The median distance of a picture to the nearest other one, from distances in the order of `pdist`."""
    square = torch.full((count, count), torch.inf)
    rows, columns = torch.triu_indices(count, count, 1)
    square[rows, columns] = square[columns, rows] = distances
    return float(square.amin(1).median())


def _power(images: Tensor) -> Tensor:
    gray = images.mean(1)
    return torch.fft.fft2(gray - gray.mean((1, 2), keepdim=True)).abs().square().mean(0)


def _high_share(power: Tensor) -> float:
    line = torch.fft.fftfreq(power.shape[-1])
    high = (line[:, None].square() + line.square()).sqrt() > _HIGH
    return float(power[high].sum() / power.sum().clamp_min(1e-12))


def _alternating(power: Tensor) -> float:
    middle = power.shape[-1] // 2
    rows = power[middle] - power[middle - 1]
    columns = power[:, middle] - power[:, middle - 1]
    return float((rows.sum() + columns.sum()) / power.sum().clamp_min(1e-12))
