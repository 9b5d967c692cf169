"""Checks of notebook 4: paths and directions in latent space."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from facegan.course.checks.tools import CheckFailed, called_with, check, close, refuse, remark, tensor

floats = partial(tensor, floats=True)


@called_with("a", "b", "t")
def slerp(function: Callable) -> None:
    """Check for constant speed along the arc between vectors of equal length."""
    a, b = torch.randn(100), torch.randn(100)
    b = b / b.norm() * a.norm()
    for t, end, name in ((0.0, a, "a"), (1.0, b, "b")):
        _check_end(
            floats(function, a, b, t, shape=(100,), finite=False), end, b if name == "a" else a, t, name
        )
    middle = floats(function, a, b, 0.5)
    curved = not close(middle, (a + b) / 2, 1e-3)
    check(curved, "this is the straight line: halfway, it is inside the sphere.")
    degrees = torch.rad2deg(torch.tensor(_angle(a, b)))
    unscaled = (a @ b).clamp(-1, 1).acos()
    refuse(middle, {
        "the angle is in degrees; sin takes radians.": (a + b) * (degrees / 2).sin() / degrees.sin(),
        "its angle is computed from a @ b alone: divide by both lengths.": (a + b) * (unscaled / 2).sin() / unscaled.sin(),
    })  # fmt: skip
    check(
        close(middle.norm(), a.norm(), 1e-2),
        f"halfway, its length is {middle.norm():.2f}, while a and b have {a.norm():.2f}: it leaves the sphere.",
    )
    angle = _angle(a, b)
    for t, name in ((0.25, "a quarter"), (0.9, "nine tenths")):
        point = floats(function, a, b, t)
        share = _angle(a, point) / angle
        check(
            abs(share - t) * angle < 1e-2,
            f"at t = {t} it has turned by {share:.2f} of the angle, expected {name}: turn by t times the angle.",
        )
        check(
            close(point.norm(), a.norm(), 1e-2),
            f"at t = {t} its length is {point.norm() / a.norm():.2f} of a's.",
        )
    _check_near(function, a, b)
    _check_lengths(function, a, b)


def _check_end(got: Tensor, end: Tensor, other: Tensor, t: float, name: str) -> None:
    check(
        got.isfinite().all(),
        f"at t = {t:.0f} it is not a number. Is the cosine outside -1 to 1, or is something divided by 0?",
    )
    check(not close(got, other), f"at t = {t:.0f} it is at the other end: expected {name}.")
    unit = close(got, end / end.norm(), 1e-3)
    check(not unit, f"at t = {t:.0f} its length is 1, not {name}'s: it must end at {name} itself.")
    sine = torch.tensor(_angle(end, other)).sin().item()
    ratio = (got @ end.to(got.dtype) / (end @ end)).item()
    along = close(got, ratio * end, 1e-3) and abs(ratio) > 1e-3
    why = "The point is multiplied or divided once too often."
    if abs(ratio + 1) < 1e-2:
        why = "A sign is wrong: is the vector reversed?"
    elif abs(ratio - sine) < 1e-3:
        why = "Is a division missing?"
    elif abs(ratio * sine - 1) < 1e-3:
        why = "It is divided once too often."
    elif abs(got.norm() - got.norm().round()) < 1e-3:
        why = f"Its length is {got.norm():.0f}: is a length hard-coded?"
    check(close(got, end, 1e-3) or not along, f"at t = {t:.0f} it is {ratio:.3f} times {name}. {why}")
    check(
        close(got, end, 1e-3),
        f"at t = {t:.0f} it is not at {name}: the other vector's weight is not 0, or the angle is wrong.",
    )


def _check_near(function: Callable, a: Tensor, b: Tensor) -> None:
    """Check vectors that are 11 degrees apart, and equal ones."""
    half = floats(function, a, _turned(a, b, 0.2), 0.5, shape=(100,))
    check(
        abs(half.norm() / a.norm() - 1) < 2e-3,
        "between vectors 11 degrees apart, it uses the straight line, which is for equal vectors only.",
    )
    for same in (a, 10 * F.normalize(torch.ones(100), dim=0), F.normalize(b, dim=0)):
        still = floats(function, same, same.clone(), 0.5, finite=False)
        check(still.isfinite().all(), "between two equal vectors it is not a number: the angle is 0 there.")
        check(
            tuple(still.shape) == (100,), f"between two equal vectors it returns shape {tuple(still.shape)}."
        )
        check(not close(still, 0, 1e-2), "between two equal vectors it is 0; it should be the point itself.")
        check(close(still, same, 1e-2), "between two equal vectors it should stay where it is.")


def _check_lengths(function: Callable, a: Tensor, b: Tensor) -> None:
    """Check that the path between latents of different lengths starts and ends at them."""
    a, b = 0.8 * a, 1.3 * _turned(a, b, 0.5)  # so close that a cosine with only one of the lengths exceeds 1
    for t, end, name in ((0.0, a, "a"), (1.0, b, "b")):
        got = floats(function, a, b, t, shape=(100,))
        check(
            close(got, end, 1e-2),
            f"where a and b differ in length it does not {'begin at a' if name == 'a' else 'end at b'}: its length "
            f"there is {got.norm():.2f}, expected {end.norm():.2f}.",
        )


def _turned(a: Tensor, b: Tensor, angle: float) -> Tensor:
    """The vector a, turned toward b by an angle."""
    rest = b - (b @ a) / (a @ a) * a
    return math.cos(angle) * a + math.sin(angle) * rest / rest.norm() * a.norm()


def _angle(a: Tensor, b: Tensor) -> float:
    a, b = a.double(), b.double()
    return torch.dot(a / a.norm(), b / b.norm()).clamp(-1, 1).acos().item()


@called_with("anchors", "frames")
def latent_walk(function: Callable) -> None:
    """Check for arcs from the first anchor through all others to the last, with equally many frames on each leg."""
    anchors = F.normalize(torch.randn(4, 30), dim=1) * 5
    frames = 31
    path = floats(function, anchors, frames).float()
    _check_frames(path, 4, frames)
    check(close(path[0], anchors[0], 1e-2), "it does not begin at the first anchor.")
    if not close(path[-1], anchors[-1], 1e-2):
        closed = (path[-1] - anchors[0]).norm() < (anchors[1] - anchors[0]).norm() / 2
        more = ": it returns to the first." if closed else ". Does the last frame have t = 1 on the last leg?"
        raise CheckFailed(f"it does not end at the last anchor{more}")
    steps = path.diff(dim=0).norm(dim=1)
    typical = steps.median()
    for index, anchor in enumerate(anchors):
        nearest = (path - anchor).norm(dim=1).min()
        passes = nearest < max(0.2, 0.6 * float(typical))
        check(passes, f"it passes anchor {index} at a distance of {nearest:.1f}; it should go through it.")
    check(
        steps.min() > 1e-3,
        "it stops somewhere: two frames are the same. Is the end of a leg also the start of the next?",
    )
    even = steps.max() < 2.5 * typical and steps.min() > typical / 2.5
    check(even, f"its pace is uneven: its longest step is {steps.max() / typical:.1f} times the median step.")
    for count, frames in ((2, 5), (4, 28), (4, 30), (3, 10), (5, 21), (4, 32), (6, 13), (6, 20)):
        _check_count(function, F.normalize(torch.randn(count, 30), dim=1) * 5, frames)
    _check_legs(function)
    lengths = path.norm(dim=1)
    remark(
        lengths.min() < 0.9 * lengths.max(),
        "it goes along straight lines; the text asks for arcs. Use your slerp.",
    )


def _check_frames(path: Tensor, count: int, frames: int) -> None:
    shape = tuple(path.shape)
    expected = f"expected (frames, latent_dim): ({frames}, 30)"
    why = {
        (30, frames): "Its dimensions are exchanged.",
        (frames * (count - 1), 30): "`frames` is the number for the whole walk, not for each leg.",
        (frames - 1, 30): "One is missing: the last anchor counts, too.",
        (frames + 1, 30): "One is too many: is an anchor counted twice?",
        (frames, 1, 30): "There is one dimension too many.",
    }.get(shape, "All legs together must have `frames` frames.")
    check(shape == (frames, 30), f"{count} anchors and {frames} frames give {shape}, {expected}. {why}")


def _check_count(function: Callable, anchors: Tensor, frames: int) -> None:
    """Check other numbers of anchors and frames, including numbers that do not divide evenly."""
    path, count = floats(function, anchors, frames).float(), len(anchors)
    _check_frames(path, count, frames)
    check(close(path[0], anchors[0], 1e-2), f"with {count} anchors it does not begin at the first.")
    check(
        close(path[-1], anchors[-1], 1e-2),
        f"the last of {frames} frames is not the last anchor: frames are lost if their number is not divisible.",
    )
    steps = path.diff(dim=0).norm(dim=1)
    legs = (
        anchors.diff(dim=0).norm(dim=1).max() * (count - 1) / (frames - 1)
    )  # the usual step on the longest leg
    check(
        steps.max() < 3 * legs,
        f"with {count} anchors and {frames} frames its longest step is {steps.max() / legs:.1f} times the usual one: "
        "the remaining frames are spread unevenly.",
    )
    nearest = torch.cdist(anchors, path).min(1).values
    missed = int(nearest.argmax())
    check(
        steps.min() > 1e-3,
        f"with {count} anchors and {frames} frames it stops somewhere: the remaining frames are padded.",
    )
    places = torch.cdist(anchors, path).argmin(1).diff()
    check(
        nearest[missed] < 0.75 * legs,
        f"with {count} anchors and {frames} frames it skips anchor {missed}.",
    )
    remark(
        places.max() - places.min() > 2,
        f"with {count} anchors and {frames} frames its legs have {places.tolist()} steps; the text asks for the same number of frames on each.",
    )


def _check_legs(function: Callable) -> None:
    """Check that legs of different lengths have the same number of frames."""
    basis = torch.eye(30)[:3] * 5
    close_by = F.normalize(basis[0] + 0.5 * basis[1], dim=0) * 5
    path = floats(function, torch.stack([basis[0], close_by, basis[2]]), 21).float()
    at = int((path - close_by).norm(dim=1).argmin())
    remark(
        abs(at - 10) > 1,
        f"a short leg has {at} steps and a long one {20 - at}; the text asks for the same number of frames on each.",
    )


@called_with("z", "has")
def attribute_direction(function: Callable) -> None:
    """Check that a known direction is found, for any offset and for a rare attribute."""
    planted = F.normalize(torch.randn(40), dim=0)
    z = torch.randn(3000, 40) + 3 * F.normalize(torch.randn(40), dim=0)
    along = z @ planted
    has = along > along.mean() + 1
    direction = floats(function, z, has)
    right = tuple(direction.shape) == (40,)
    why = (
        "The mean is over the latents, dimension 0."
        if direction.ndim == 1
        else "Average each dimension over the latents."
    )
    check(
        right, f"it returns {tuple(direction.shape)}, expected one number per latent dimension, (40,). {why}"
    )
    direction = direction.detach().float()
    check(direction.norm() > 1e-6, "it is zero everywhere.")
    agreement = F.cosine_similarity(direction, planted, dim=0).item()
    if agreement < 0.9:
        _explain_direction(direction, z, has)
        check(agreement > -0.5, "it points the wrong way: adding it removes the attribute.")
        raise CheckFailed(
            f"its cosine with the true direction is only {agreement:.2f} (1 is perfect). Are all latents used, "
            "each in its group?"
        )
    few = has & (torch.arange(3000) % 8 == 0)
    rare = floats(function, torch.cat([z[~has], z[few]]), torch.cat([has[~has], has[few]]), shape=(40,))
    agreement = F.cosine_similarity(rare.detach().float(), planted, dim=0).item()
    check(
        agreement > 0.6,
        f"where only {int(few.sum())} latents have the attribute, its cosine with the true direction is only {agreement:.2f}.",
    )


def _explain_direction(direction: Tensor, z: Tensor, has: Tensor) -> None:
    """Directions of known mistakes."""
    yes, no = z[has].mean(0), z[~has].mean(0)
    wrong = {
        "it points the wrong way: adding it removes the attribute.": no - yes,
        "it is the mean of the latents with the attribute, which includes what all latents have in common.": yes,
        "it is the mean of the latents without the attribute.": no,
        "it adds the two means; the direction is their difference.": yes + no,
        "it is the mean of all latents: it ignores which of them have the attribute.": z.mean(0),
        "it takes sums, so the larger group counts more; take means.": z[has].sum(0) - z[~has].sum(0),
        "both means are over all latents: multiplying by the mask leaves zeros, which are averaged, too.": (
            (z * has[:, None]).mean(0) - (z * ~has[:, None]).mean(0)
        ),
        "the mask is used as indices 0 and 1. A mask of bools picks rows.": z[has.long()].mean(0) - z[(~has).long()].mean(0),
        "it compares single latents; take the means of the two groups.": z[has][0] - z[~has][0],
        "those are standard deviations; the direction is a difference of means.": z[has].std(0),
        "those are standard deviations, too; the direction is a difference of means.": z[has].std(0) - z[~has].std(0),
        "it takes absolute values, so all signs are lost.": (yes - no).abs(),
        "it squares the difference, so all signs are lost.": (yes - no).square(),
        "it is the sum of the latents with the attribute, without the others.": z[has].sum(0),
        "it keeps only the signs of the difference; the size of its numbers matters, too.": (yes - no).sign(),
        "it keeps only the largest numbers of the difference; keep them all.": _largest(yes - no, 10),
        "it uses the first 50 latents only; take all.": z[:50][has[:50]].mean(0) - z[:50][~has[:50]].mean(0),
        "it uses the first 100 latents only; take all.": z[:100][has[:100]].mean(0) - z[:100][~has[:100]].mean(0),
        "it takes as many of the first rows as have the attribute; a mask of bools picks the right rows.": (
            z[: int(has.sum())].mean(0) - z[int(has.sum()) :].mean(0)
        ),
        "it multiplies the two means; take their difference.": yes * no,
        "it divides the two means; take their difference.": yes / no,
    }  # fmt: skip
    refuse(direction, wrong)  # first, as some differ in length only
    refuse(F.normalize(direction, dim=0), {said: F.normalize(value, dim=0) for said, value in wrong.items()})


def _largest(direction: Tensor, count: int) -> Tensor:
    """The direction with all but its largest numbers set to 0."""
    return direction * (direction.abs() >= direction.abs().topk(count).values[-1])
