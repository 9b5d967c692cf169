"""Latent vectors: drawing, interpolation, arithmetic, and truncation.

Latents are float tensors (..., latent_dim), drawn from N(0, 1), or uniformly from [-1, 1] as in the code of DCGAN's
authors. In high dimensions, such vectors are close to a sphere. A straight line between two of them leaves the sphere;
a great arc does not (White 2016, arXiv 1609.04468).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Integral, Real

import torch
from torch import Tensor

from facegan.errors import ConfigError, expect, shown

DISTRIBUTIONS: dict[str, Callable[..., Tensor]] = {
    "normal": torch.randn,
    "uniform": lambda *shape, generator=None: torch.rand(*shape, generator=generator) * 2 - 1,
}  # distributions of z: N(0, 1), and uniform on [-1, 1]
_UNIFORM_DEVIATION = 3**-0.5
_OPPOSITE = math.cos(
    math.pi - 0.1
)  # at larger angles, Shoemake's formula gives vectors that are much too long if a and b differ in length


def draw_latents(n: int, latent_dim: int, *, seed: int | None = None, latent: str = "normal") -> Tensor:
    """Draw n latents on the CPU, so that a seed gives the same latents for every device.

    Args:
        n: number of latents, 1 or more.
        latent_dim: length of each latent.
        seed: seed of the random numbers; by default, torch's global generator is used.
        latent: distribution of the numbers: "normal" for N(0, 1) or "uniform" on [-1, 1].

    Returns:
        Floats (n, latent_dim).

    Raises:
        ConfigError: `n` is below 1, `seed` is not a whole number, or there is no such distribution.
    """
    expect(n, Integral, "the number of latents", "a whole number of 1 or more")
    if n < 1 or isinstance(n, bool):
        raise ConfigError(f"cannot draw {n} latents; ask for 1 or more.")
    try:
        generator = None if seed is None else torch.Generator().manual_seed(operator.index(seed))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ConfigError(f"seed is {shown(seed)}, expected a whole number, such as 0.") from None
    return distribution(latent)(n, latent_dim, generator=generator)


def distribution(name: str) -> Callable[..., Tensor]:
    """The function that draws from "normal" or "uniform". Raises `ConfigError` for any other name."""
    if not isinstance(name, str) or name not in DISTRIBUTIONS:
        raise ConfigError(f"latent is {shown(name)}; choose one of {', '.join(map(repr, DISTRIBUTIONS))}.")
    return DISTRIBUTIONS[name]


def lerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """Interpolate on the straight line from a (t = 0) to b (t = 1). Arguments and errors are as for `slerp`."""
    _check_same_shape(a, b)
    t = _position(t, a)
    return a + (b - a) * t


def slerp(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """Interpolate on the great arc from a (t = 0) to b (t = 1), with the formula of Shoemake 1985.

    Between parallel vectors, the result is on the straight line, which is the limit of the arc. Between nearly opposite
    vectors, the length changes linearly. Between exactly opposite vectors, such as z and -z, there are many great arcs.
    The one chosen turns toward the coordinate axis in which a is smallest in magnitude, after the axis's component
    along a is removed.

    Args:
        a, b: latents (..., latent_dim), as floats.
        t: position on the path, 0 to 1; a number, or a tensor that broadcasts against (..., 1).

    Returns:
        Latents (..., latent_dim).

    Raises:
        ConfigError: a or b is not a float tensor, their lengths differ, or t does not broadcast.
    """
    _check_same_shape(a, b)
    t = _position(t, a)
    if a.dtype.itemsize < 4:  # half precision has too few digits to distinguish directions
        return slerp(a.float(), b.float(), t).to(a.dtype)
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).unsqueeze(-1).clamp(-1, 1)
    angle = cosine.acos()
    sine = angle.sin()
    arc = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / sine.clamp_min(1e-12)
    arc = torch.where(sine.abs() < 1e-4, lerp(a, b, t), arc)
    return torch.where(cosine < _OPPOSITE, _half_circle(a, b, t), arc)


def walk(anchors: Tensor, frames: int, *, path: Callable = slerp, closed: bool = True) -> Tensor:
    """Interpolate evenly along a path through several latents.

    Args:
        anchors: latents (k, latent_dim) that the path passes through, k >= 2.
        frames: number of latents to return, 2 or more.
        path: interpolation between two anchors, `slerp` or `lerp`.
        closed: whether the path returns to its first anchor, so that the frames are a seamless loop.

    Returns:
        Latents (frames, latent_dim).

    Raises:
        ConfigError: there are fewer than two anchors or frames, or `anchors` is not a tensor (k, latent_dim).
    """
    expect(anchors, Tensor, "anchors", "latents (k, latent_dim) as a tensor, such as draw_latents(4, 100)")
    expect(frames, Real, "frames", "a whole number of 2 or more")
    if anchors.ndim != 2 or len(anchors) < 2 or frames < 2:
        raise ConfigError(
            f"a walk needs anchors (k, latent_dim) with k >= 2 and 2 or more frames, "
            f"got anchors {tuple(anchors.shape)} and {frames} frames."
        )
    legs = len(anchors) if closed else len(anchors) - 1
    numbers = torch.arange(frames, dtype=torch.float32, device=anchors.device)
    position = numbers * (legs / (frames if closed else frames - 1))
    start = position.floor().clamp(max=legs - 1).long()
    t = (position - start).unsqueeze(-1).to(anchors)
    return path(anchors[start], anchors[(start + 1) % len(anchors)], t)


def arithmetic(plus: Tensor, minus: Tensor, base: Tensor) -> Tensor:
    """Compute mean(plus) - mean(minus) + mean(base), as in figure 7 of DCGAN (2015).

    The paper averages three latents per concept, because results with single latents were unstable.

    Args:
        plus, minus, base: latents (k, latent_dim) of each concept; k may differ.

    Returns:
        One latent (latent_dim,).
    """
    return plus.mean(0) - minus.mean(0) + base.mean(0)


def attribute_direction(z: Tensor, has: Tensor) -> Tensor:
    """The direction from faces without an attribute to faces with it: mean(z with) - mean(z without).

    This is DCGAN's vector arithmetic (2015, figure 7) with whole groups. The direction can be added to any latent.

    Args:
        z: latents (N, latent_dim).
        has: bool (N,), whether each face has the attribute; some must be true and some false.

    Returns:
        The direction (latent_dim,).

    Raises:
        ConfigError: `has` has another shape, or all its values are equal.
    """
    has = torch.as_tensor(has, dtype=torch.bool)
    if has.shape != z.shape[:1] or has.all() or not has.any():
        raise ConfigError(
            f"expected one bool for each of {len(z)} latents, some true and some false; got {tuple(has.shape)}, "
            f"{int(has.sum())} of them true."
        )
    return z[has].mean(0) - z[~has].mean(0)


def truncate(z: Tensor, limit: float, *, latent: str = "normal") -> Tensor:
    """Truncate latents at `limit` standard deviations: the truncation trick (Brock 2018, arXiv 1809.11096).

    Numbers beyond the limit are not drawn again. Instead, each number is mapped to the same quantile of the truncated
    distribution, so that z changes smoothly with `limit`. A lower limit makes faces more similar and closer to the
    average, but not better: BigGAN was trained for this trick, with orthogonal regularization, and the generators of
    this package are not. A G with 100 latent dimensions was trained on lengths near 10. At a limit of 0.3, the length
    is 1.7, and the bundled `faces` generates dark squares. Truncation changes lengths; a great arc (`slerp`) does not.

    Args:
        z: latents (..., latent_dim).
        limit: limit in standard deviations, such as 1.5.
        latent: distribution of z, as in `draw_latents`.

    Returns:
        Truncated latents, of the shape of z.

    Raises:
        ConfigError: the limit is not positive, or there is no such distribution.
    """
    if not isinstance(limit, Real) or not limit > 0:
        raise ConfigError(f"truncation limit is {shown(limit)}, expected a positive number, such as 1.5.")
    if distribution(latent) is DISTRIBUTIONS["uniform"]:
        return z * min(limit * _UNIFORM_DEVIATION, 1.0)
    exact = z.cpu().double()  # Apple's MPS has no float64
    tail = math.erf(limit / math.sqrt(2))
    inside = tail * torch.erf(exact / math.sqrt(2))
    moved = (torch.erfinv(inside) * math.sqrt(2)).abs()  # infinite in the far tail, where erf rounds to 1
    return moved.minimum(exact.abs()).clamp(max=limit).copysign(exact).float().to(z.device)


def _half_circle(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """The arc between opposite vectors: the direction turns evenly, by up to pi, and the length changes linearly."""
    start, end = (v / v.norm(dim=-1, keepdim=True).clamp_min(1e-12) for v in torch.broadcast_tensors(a, b))
    along = (end * start).sum(-1, keepdim=True)
    across = end - along * start
    exact = across.norm(dim=-1, keepdim=True) < 1e-4
    across = torch.where(exact, _orthogonal_axis(start), across)
    angle = torch.where(exact, math.pi, torch.atan2(across.norm(dim=-1, keepdim=True), along))
    side = across / across.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    length = lerp(a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True), t)
    return length * ((t * angle).cos() * start + (t * angle).sin() * side)


def _orthogonal_axis(unit: Tensor) -> Tensor:
    """The axis in which unit vectors (..., n) have their smallest number, minus its component along them."""
    smallest = unit.abs().argmin(-1, keepdim=True)
    axis = torch.zeros_like(unit).scatter(-1, smallest, 1.0)
    return axis - unit.gather(-1, smallest) * unit


def _position(t: float | Tensor, latents: Tensor) -> float | Tensor:
    """Return t if it is a number or broadcasts against (..., 1). Raises `ConfigError` otherwise."""
    if isinstance(t, Real):
        return t
    if not isinstance(t, Tensor) or (t.ndim and t.shape[-1] not in {1, latents.shape[-1]}):
        given = f"a tensor {tuple(t.shape)}" if isinstance(t, Tensor) else shown(t)
        raise ConfigError(
            f"t is {given}, expected a number, or a tensor (..., 1), such as torch.linspace(0, 1, 9)[:, None]."
        )
    return t


def _check_same_shape(a: Tensor, b: Tensor) -> None:
    for latents in (a, b):
        expect(
            latents,
            Tensor,
            "an end of the path",
            "latents (..., latent_dim) as a tensor, such as draw_latents(2, 100)",
        )
        if not latents.is_floating_point() or not latents.ndim:
            raise ConfigError(
                f"an end of the path is {latents.dtype} {tuple(latents.shape)}, expected floats (..., latent_dim), "
                "such as draw_latents(2, 100)."
            )
    if a.shape[-1] != b.shape[-1]:
        raise ConfigError(
            f"latents of length {a.shape[-1]} and {b.shape[-1]} cannot be mixed; use latents of one length."
        )
