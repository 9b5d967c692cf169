"""Checks of notebook 4: paths and directions in latent space."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from facegan.course.checks.tools import CheckFailed, check, close, tensor


def slerp(function: Callable) -> None:
    """Constant speed along the arc between vectors of one length."""
    a, b = torch.randn(50), torch.randn(50)
    b = b / b.norm() * a.norm()
    for t, end, name in ((0.0, a, "a"), (1.0, b, "b")):
        got = tensor(function, a, b, t, shape=(50,))
        other = b if name == "a" else a
        check(not close(got, other), f"at t = {t:.0f} it is at the other end: expected {name}.")
        check(close(got, end, 1e-3), f"at t = {t:.0f} it is not at {name}.")
    middle = tensor(function, a, b, 0.5)
    curved = not close(middle, (a + b) / 2, 1e-3)
    check(curved, "this is the straight line: halfway it cuts through the sphere's inside.")
    check(
        close(middle.norm(), a.norm(), 1e-2),
        f"halfway its length is {middle.norm():.2f}, while a and b have {a.norm():.2f}: it leaves the sphere.",
    )
    quarter = tensor(function, a, b, 0.25)
    angle = _angle(a, b)
    check(
        abs(_angle(a, quarter) - angle / 4) < 1e-2,
        f"at t = 0.25 it has turned by {_angle(a, quarter) / angle:.2f} of the angle, expected a quarter.",
    )
    near = torch.cos(torch.tensor(0.2)) * a + torch.sin(torch.tensor(0.2)) * _across(a, b)
    half = tensor(function, a, near, 0.5)
    check(
        abs(half.norm() / a.norm() - 1) < 2e-3,
        "between vectors 11 degrees apart it goes along the straight line. The straight line is for equal vectors only.",
    )
    same = tensor(function, a, a.clone(), 0.5)
    check(same.isfinite().all(), "between two equal vectors it is not a number: the angle is 0 there.")
    check(close(same, a, 1e-2), "between two equal vectors it should stay where it is.")


def _across(a: Tensor, b: Tensor) -> Tensor:
    """A vector of a's length, at a right angle to it."""
    rest = b - (b @ a) / (a @ a) * a
    return rest / rest.norm() * a.norm()


def _angle(a: Tensor, b: Tensor) -> float:
    return torch.dot(a / a.norm(), b / b.norm()).clamp(-1, 1).acos().item()


def latent_walk(function: Callable) -> None:
    """From the first anchor through all others to the last, evenly."""
    anchors = F.normalize(torch.randn(4, 30), dim=1) * 5
    frames = 31
    path = tensor(function, anchors, frames)
    right = tuple(path.shape) == (frames, 30)
    check(right, f"it returns {tuple(path.shape)}, expected (frames, latent_dim): ({frames}, 30).")
    check(path.isfinite().all(), "some of its numbers are not finite.")
    check(close(path[0], anchors[0], 1e-2), "it does not begin at the first anchor.")
    if not close(path[-1], anchors[-1], 1e-2):
        closed = (path[-1] - anchors[0]).norm() < (anchors[1] - anchors[0]).norm() / 2
        more = ": it comes back to the first." if closed else "."
        raise CheckFailed(f"it does not end at the last anchor{more}")
    for index, anchor in enumerate(anchors):
        nearest = (path - anchor).norm(dim=1).min()
        passes = nearest < 0.2
        check(passes, f"it passes anchor {index} at a distance of {nearest:.1f}; it should go through it.")
    steps = path.diff(dim=0).norm(dim=1)
    check(steps.min() > 1e-3, "it stands still somewhere: two frames are the same.")
    typical = steps.median()
    even = steps.max() < 2.5 * typical and steps.min() > typical / 2.5
    check(even, f"its pace is uneven: its longest step is {steps.max() / typical:.1f} times the usual one.")
    for count, frames in ((2, 5), (4, 28), (4, 30), (3, 10)):
        path = tensor(function, anchors[:count], frames)
        said = f"{count} anchors and {frames} frames give {tuple(path.shape)}, expected ({frames}, 30)."
        check(tuple(path.shape) == (frames, 30), said)
        ends = close(path[0], anchors[0], 1e-2) and close(path[-1], anchors[count - 1], 1e-2)
        check(
            ends,
            f"of {frames} frames the last is not the last anchor: where it does not divide, the rest is lost.",
        )


def attribute_direction(function: Callable) -> None:
    """A planted direction is found, whatever the offset and however rare the attribute."""
    planted = F.normalize(torch.randn(40), dim=0)
    z = torch.randn(3000, 40) + 3 * F.normalize(torch.randn(40), dim=0)
    along = z @ planted
    has = along > along.mean() + 1
    direction = tensor(function, z, has)
    right = tuple(direction.shape) == (40,)
    check(right, f"it returns {tuple(direction.shape)}, expected one number per latent dimension, (40,).")
    check(direction.isfinite().all(), "some of its numbers are not finite.")
    check(direction.norm() > 1e-6, "it is zero everywhere.")
    agreement = F.cosine_similarity(direction.float(), planted, dim=0).item()
    check(agreement > -0.5, "it points the wrong way: adding it takes the attribute away.")
    alone = F.normalize(z[has].mean(0), dim=0)
    only = F.cosine_similarity(direction.float(), alone, dim=0).item()
    check(
        agreement > 0.9 or only < 0.999,
        "it is the mean of the latents with the attribute; what they share with all others is not the attribute.",
    )
    check(
        agreement > 0.9, f"it agrees with the true direction only by {agreement:.2f} (cosine; 1 is perfect)."
    )
