"""Latent vectors: drawing, interpolating, adding and truncating them.

Latents are float tensors (..., latent_dim), drawn from N(0, 1). In many dimensions such vectors
lie near a sphere of radius sqrt(latent_dim); a straight line between two of them leaves it, a
great arc does not (White 2016, arXiv 1609.04468).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral

import torch
from torch import Tensor

from facegan.errors import ConfigError, expect


def draw_latents(n: int, latent_dim: int, *, seed: int | None = None) -> Tensor:
    """n latents (n, latent_dim) from N(0, 1) on the CPU: the same for the same seed, on any device."""
    expect(n, Integral, "the number of latents", "a whole number of 1 or more")
    if n < 1:
        raise ConfigError(f"cannot draw {n} latents; ask for 1 or more.")
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return torch.randn(n, latent_dim, generator=generator)


def lerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """The straight line from a (t = 0) to b (t = 1)."""
    _check_same_shape(a, b)
    return a + (b - a) * t


def slerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """The great arc from a (t = 0) to b (t = 1): Shoemake 1985, with norms interpolated alike.

    a and b are (..., latent_dim); t is a number or broadcasts against (..., 1). Parallel vectors
    fall back to the straight line, which is the arc's limit there.
    """
    _check_same_shape(a, b)
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).unsqueeze(-1).clamp(-1, 1)
    angle = cosine.acos()
    sine = angle.sin()
    arc = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / sine.clamp_min(1e-12)
    return torch.where(sine.abs() < 1e-4, lerp(a, b, t), arc)


def walk(anchors: Tensor, frames: int, *, path: Callable = slerp, closed: bool = True) -> Tensor:
    """Latents (frames, latent_dim) along the anchors (k, latent_dim), evenly spaced.

    A closed walk comes back to its first anchor and makes a seamless loop: the frame after the last
    would be the first. `path` is `slerp` or `lerp`.
    """
    expect(anchors, Tensor, "anchors", "latents (k, latent_dim) as a tensor, such as draw_latents(4, 100)")
    if anchors.ndim != 2 or len(anchors) < 2 or frames < 2:
        raise ConfigError(
            f"a walk needs anchors (k, latent_dim) with k >= 2 and 2 or more frames, "
            f"got anchors {tuple(anchors.shape)} and {frames} frames."
        )
    legs = len(anchors) if closed else len(anchors) - 1
    position = torch.arange(frames) * (legs / (frames if closed else frames - 1))
    start = position.floor().clamp(max=legs - 1).long()
    t = (position - start).unsqueeze(-1).to(anchors)
    return path(anchors[start], anchors[(start + 1) % len(anchors)], t)


def arithmetic(plus: Tensor, minus: Tensor, base: Tensor) -> Tensor:
    """mean(plus) - mean(minus) + mean(base): DCGAN 2015, figure 7. Each is (k, latent_dim).

    The paper averages three latents per concept, since single ones were unstable. Returns (latent_dim,).
    """
    return plus.mean(0) - minus.mean(0) + base.mean(0)


def attribute_direction(z: Tensor, has: Tensor) -> Tensor:
    """mean(z with) - mean(z without): the way from faces without an attribute to faces with it.

    z is (N, latent_dim), `has` bool (N,) with both kinds in it. Returns (latent_dim,), to be added to any
    latent; it is DCGAN's vector arithmetic (2015, figure 7) with whole groups. Raises `ConfigError`.
    """
    has = torch.as_tensor(has, dtype=torch.bool)
    if has.shape != z.shape[:1] or has.all() or not has.any():
        raise ConfigError(
            f"need one bool for each of {len(z)} latents, some true and some false; got {tuple(has.shape)}, "
            f"{int(has.sum())} of them true."
        )
    return z[has].mean(0) - z[~has].mean(0)


def truncate(z: Tensor, limit: float) -> Tensor:
    """Latents from N(0, 1) cut off at +-limit: the truncation trick (Brock 2018, arXiv 1809.11096).

    Instead of drawing again, each number moves to the same quantile of the truncated normal, so the
    same z changes smoothly as `limit` (in standard deviations) falls: more typical, less varied faces.
    """
    if not limit > 0:
        raise ConfigError(f"truncation limit is {limit}, expected a positive number, such as 1.5.")
    z = z.double()
    tail = math.erf(limit / math.sqrt(2))
    inside = tail * torch.erf(z / math.sqrt(2))
    return (torch.erfinv(inside) * math.sqrt(2)).clamp(-limit, limit).float()


def _check_same_shape(a: Tensor, b: Tensor) -> None:
    for latents in (a, b):
        expect(
            latents,
            Tensor,
            "an end of the path",
            "latents (..., latent_dim) as a tensor, such as draw_latents(2, 100)",
        )
    if a.shape[-1] != b.shape[-1]:
        raise ConfigError(f"latents of length {a.shape[-1]} and {b.shape[-1]} cannot be mixed.")
