"""Checks of notebook 5: R1 and the modes that fakes cover."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facegan.course.checks.tools import CheckFailed, call, called_with, check, close, kind_of, refuse, usable


@called_with("discriminator", "real")
def r1_penalty(function: Callable) -> None:
    """Check for half the mean squared gradient norm, differentiable with respect to D's weights."""
    for shape in ((3, 8, 8), (2,)):
        numbers = math.prod(shape)
        judge = nn.Sequential(nn.Flatten(), nn.Linear(numbers, 6), nn.Tanh(), nn.Linear(6, 1), nn.Flatten(0))
        _check_penalty(function, judge, torch.randn(7, *shape))
    column = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))  # logits (B, 1)
    _check_penalty(function, column, torch.randn(7, 2))


def _check_penalty(function: Callable, discriminator: nn.Module, real: Tensor) -> None:
    weights = list(discriminator.parameters())
    for weight in weights:
        weight.grad = torch.ones_like(weight)  # of D's loss
    got = _one_number(call(partial(function, discriminator), real))
    (gradient,) = torch.autograd.grad(
        discriminator(x := real.clone().requires_grad_()).sum(), x, create_graph=True
    )
    right = gradient.square().flatten(1).sum(1).mean() / 2
    if not close(got, right):
        refuse(got.detach(), _wrong_penalties(discriminator, real, gradient.detach().flatten(1)))
        _explain_penalty(function, discriminator, real, got.detach())
    kept = all(weight.grad is not None and bool((weight.grad == 1).all()) for weight in weights)
    check(kept, "it changes the gradients in D's weights, which D's loss needs. Use torch.autograd.grad.")
    check(discriminator.training, "it leaves D in eval mode.")
    learns = got.requires_grad and all(weight.requires_grad for weight in weights)
    check(learns, "it has no gradient for D's weights: keep the graph of the first derivative.")
    options: dict[str, Any] = {"materialize_grads": True, "allow_unused": True}
    wanted, found = (torch.autograd.grad(value, weights, **options) for value in (right, got))
    same = all(map(close, found, wanted))
    check(same, "its value is right, but its gradient for D's weights is not: part of the graph is cut.")


def _explain_penalty(function: Callable, discriminator: nn.Module, real: Tensor, got: Tensor) -> None:
    """Raise `CheckFailed` with the mistake in a penalty that has no known value."""

    def tried(judge: nn.Module, samples: Tensor) -> Tensor:
        return _one_number(call(partial(function, judge), samples)).detach()

    def right(samples: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(discriminator(x := samples.clone().requires_grad_()).sum(), x)
        return gradient.square().flatten(1).sum(1).mean() / 2

    check(
        close(tried(discriminator, real), got),
        "it gives a different number for the same samples each time: what is random in it?",
    )
    double = (tried(nn.Sequential(discriminator, _Double()), real) / got).item()
    check(
        abs(double - 4) < 0.01,
        f"a D with gradients twice as large makes it {double:.3g} times as large. What is squared, and is it the gradient?",
    )
    one, other, both = (
        (tried(discriminator, part) / right(part)).item() for part in (real[:1], real[1:2], real)
    )
    check(
        abs(one - 1) + abs(other - 1) > 0.01,
        "it is right for one sample and wrong for several: average last.",
    )
    check(abs(one - both) + abs(other - both) > 0.01 * abs(both), f"it is {both:.3g} times R1.")
    raise CheckFailed(
        f"it gives {got.item():.4f}, expected {right(real).item():.4f} for samples {tuple(real.shape)}. Is the gradient "
        "squared directly, and summed per sample?"
    )


class _Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def _wrong_penalties(discriminator: nn.Module, real: Tensor, gradient: Tensor) -> dict[str, Any]:
    """Values of known mistakes, for gradients (B, values per sample)."""
    norms, (count, numbers) = gradient.square().sum(1), gradient.shape
    roots, inside = norms.sqrt(), "it averages over the values of a sample; add up their squares"
    with torch.no_grad():
        logits = discriminator(real).flatten()
    dull = logits.sigmoid() * (-logits).sigmoid()
    return {
        "it is twice as large as R1, which is half the mean squared norm.": norms.mean(),
        "its sign is wrong: a penalty is not negative.": -norms.mean() / 2,
        "that is the sum over the batch; it should be the mean.": norms.sum() / 2,
        "that is the sum over the batch, without the half.": norms.sum(),
        "it uses the norm, not its square.": roots.mean() / 2,
        "it uses the norm, not its square, and no half.": roots.mean(),
        "that is the norm of the whole batch's gradient; every sample has its own.": norms.sum().sqrt(),
        "that is half the norm of the whole batch's gradient; every sample has its own.": norms.sum().sqrt()
        / 2,
        **_unsquared(discriminator, gradient),
        **({"it is half of R1: it is halved twice.": norms.mean() / 4} if numbers > 2 else {}),
        **(
            {f"{inside}: of images, over colors, rows, and columns.": norms.mean() / 2 / (numbers // 3)}
            if numbers > 2
            else {}
        ),
        f"{inside}, and average over samples only.": norms.mean() / 2 / numbers,
        f"{inside}. The half is missing, too.": norms.mean() / numbers,
        "that is WGAN-GP's penalty, which pulls the norm to 1; R1 pulls it to 0.": (roots - 1)
        .square()
        .mean(),
        "that is half of WGAN-GP's penalty, which pulls the norm to 1; R1 pulls it to 0.": (
            (roots - 1).square().mean() / 2
        ),
        "that is the gradient of D's mean over the batch; every sample has its own gradient.": (
            norms.mean() / 2 / count**2
        ),
        "it averages the gradients' norms before squaring them.": roots.mean().square() / 2,
        "that is the gradient of sigmoid(D); R1 takes the logit.": (norms * dull.square()).mean() / 2,
        "that is the gradient of D's loss; R1 takes the logit.": (norms * (-logits).sigmoid().square()).mean()
        / 2,
        "that is D's output squared; R1 takes its gradient.": logits.square().mean() / 2,
    }


def _unsquared(discriminator: nn.Module, gradient: Tensor) -> dict[str, Any]:
    """Values of known mistakes in squaring."""
    return {
        "it adds up the gradient's values before squaring them; square first.": gradient.sum(1)
        .square()
        .mean()
        / 2,
        "it adds up the gradient's values before squaring them, and the half is missing.": (
            gradient.sum(1).square().mean()
        ),
        "it adds up the gradient's values without squaring them.": gradient.sum(1).mean() / 2,
        "it uses one sample only.": gradient.square().sum(1)[0] / 2,
        "it uses the largest gradient only; take the mean over the samples.": gradient.square().sum(1).max()
        / 2,
        "it adds up absolute values, not squares.": gradient.abs().sum(1).mean() / 2,
        "it averages the gradients before squaring them.": gradient.mean(0).square().sum() / 2,
        "that is a penalty on D's weights; R1 is a penalty on the gradient with respect to the samples.": (
            torch.cat([p.detach().flatten() for p in discriminator.parameters()]).square().sum() / 2
        ),
    }


def _one_number(result: Any) -> Tensor:
    check(isinstance(result, Tensor), f"it returns {kind_of(result)}, expected a tensor with one number.")
    result = usable(result, "its result")
    check(result.numel() == 1, f"it returns shape {tuple(result.shape)}, expected one number.")
    check(result.is_floating_point(), f"it returns {result.dtype}, expected a float.")
    return result.reshape(())


_COUNTS = (12, 5, 4, 1, 0)  # fakes near each of the first centers
_RULES: dict[
    str, Callable[[Tensor, float, int], Any]
] = {  # of known mistakes: distances (N, M), radius, least
    "it counts the fakes that are near a center; count the centers.": lambda d, r, n: (d <= r).sum(),
    "it counts all centers; only those with enough fakes nearby count.": lambda d, r, n: d.shape[1],
    "it ignores `least`: a stray fake covers nothing.": lambda d, r, n: (d <= r).any(0).sum(),
    "a center with exactly `least` fakes near it counts, too: `least` is a minimum.": lambda d, r, n: (
        (d <= r).sum(0) > n
    ).sum(),
    "it counts centers with exactly `least` fakes; centers with more count, too.": lambda d, r, n: (
        (d <= r).sum(0) == n
    ).sum(),
    "it counts the centers that are not covered.": lambda d, r, n: ((d <= r).sum(0) < n).sum(),
    "it counts fakes outside the radius.": lambda d, r, n: ((d >= r).sum(0) >= n).sum(),
    "it ignores the radius: each fake counts for its nearest center, however far.": lambda d, r, n: (
        torch.bincount(d.argmin(1), minlength=d.shape[1]) >= n
    ).sum(),
    "it ignores the radius and `least`: each fake counts for its nearest center.": lambda d, r, n: len(
        d.argmin(1).unique()
    ),
    "the squared distance is compared with the radius. Is one of the two squared?": lambda d, r, n: (
        (d.square() <= r).sum(0) >= n
    ).sum(),
    "the distance is compared with the squared radius. Is one of the two squared?": lambda d, r, n: (
        (d <= r * r).sum(0) >= n
    ).sum(),
    "it takes half the radius. Is the radius treated as a diameter?": lambda d, r, n: (
        (d <= r / 2).sum(0) >= n
    ).sum(),
    "it takes twice the radius.": lambda d, r, n: ((d <= 2 * r).sum(0) >= n).sum(),
    "it adds up over the centers, which counts fakes that are near many centers. Add up over the fakes.": lambda d, r, n: (
        ((d <= r).sum(1) >= n).sum()
    ),
    "it stops at the first center that is not covered; count all centers.": lambda d, r, n: (
        ((d <= r).sum(0) >= n).int().cumprod(0).sum()
    ),
    "its count of fakes is not reset to 0 for the next center.": lambda d, r, n: (
        (d <= r).sum(0).cumsum(0) >= n
    ).sum(),
    "it counts one center too many.": lambda d, r, n: ((d <= r).sum(0) >= n).sum() + 1,
    "it counts one center too few.": lambda d, r, n: ((d <= r).sum(0) >= n).sum() - 1,
    "radius and least are exchanged.": lambda d, r, n: ((d <= n).sum(0) >= r).sum(),
    "it returns whether the best center is covered; count the centers.": lambda d, r, n: int(
        (d <= r).sum(0).max() >= n
    ),
    "it compares with an equal share of the fakes; compare with `least`.": lambda d, r, n: (
        (d <= r).sum(0) >= len(d) / d.shape[1]
    ).sum(),
    "it returns whether enough fakes are near any center; count the centers.": lambda d, r, n: int(
        (d.amin(1) <= r).sum() >= n
    ),
    "it adds up distances; count the fakes within the radius.": lambda d, r, n: (d.sum(0) >= n).sum(),
}


@called_with("fakes", "centers", "radius", "least")
def modes_covered(function: Callable) -> None:
    """Check for the number of centers with enough fakes nearby."""
    centers = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0], [8.0, 8.0]])
    circle = F.normalize(torch.randn(30, 2), dim=1)
    near = torch.cat([c + 0.45 * circle[:count] for c, count in zip(centers, _COUNTS, strict=True)])
    corners = centers[4] + 0.42 * torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]).repeat(2, 1)
    fakes = torch.cat([near, torch.full((9, 2), 2.0), centers[3] + 0.6 * circle[:8]])
    fakes = fakes[torch.randperm(len(fakes))]
    _check_counts(function, fakes, centers)
    diamond = torch.tensor([[0.4, 0.2], [-0.4, 0.2], [0.2, -0.4]])  # inside the circle, outside the diamond
    inside = _count(call(function, diamond, centers[:1], 0.5, 3))
    boxes = _count(call(function, corners, centers, 0.5, 1))
    said = "take the Euclidean distance."
    check(boxes == 0, f"fakes in the corners of a square are outside the circle: {said}")
    check(inside == 1, f"some fakes within the radius are not counted: {said}")
    _check_scales(function, centers)
    _check_crowds(function)
    _check_overlaps(function)


def _check_counts(function: Callable, fakes: Tensor, centers: Tensor) -> None:
    cases = [(0.5, least) for least in (5, 6, 1, 13)] + [(0.7, 9), (0.5, 2), (1.0, 9)]
    distances = torch.cdist(fakes, centers)
    right = [int(((distances <= radius).sum(0) >= least).sum()) for radius, least in cases]
    got = [_count(call(function, fakes, centers, radius, least)) for radius, least in cases]
    if got == right:
        return
    check(
        any(got),
        "it finds no covered center. Is the radius used, and is the distance taken over both coordinates?",
    )
    for said, rule in _RULES.items():
        check([int(rule(distances, *case)) for case in cases] != got, said)
    for order in (1, math.inf):
        other = torch.cdist(fakes, centers, p=order)
        same = got == [int(((other <= radius).sum(0) >= least).sum()) for radius, least in cases]
        check(
            not same,
            "its distance is not the Euclidean one: add up the squares of both coordinates and take the root.",
        )
    at = [a == b for a, b in zip(got, right, strict=True)].index(False)
    counts = (distances <= cases[at][0]).sum(0).tolist()
    raise CheckFailed(
        f"five centers have {', '.join(map(str, counts))} fakes within the radius; with least = {cases[at][1]} it counts "
        f"{got[at]}, expected {right[at]}."
    )


def _check_scales(function: Callable, centers: Tensor) -> None:
    small = _count(call(function, centers * 0.05, centers * 0.05, 0.1, 1))
    check(small == 5, f"with a fake on each of five centers and radius 0.1 it counts {small}, expected 5.")
    for radius, shift in ((2.0, 1.5), (0.3, 0.2)):
        inside = _count(call(function, centers[:1] + torch.tensor([shift, 0.0]), centers[:1], radius, 1))
        check(
            inside == 1,
            f"a fake at a distance of {shift} is within a radius of {radius}. Is one of the two squared?",
        )
    outside = _count(call(function, centers[:1] + torch.tensor([0.4, 0.0]), centers[:1], 0.3, 1))
    check(outside == 0, "a fake at a distance of 0.4 is outside a radius of 0.3.")


def _check_crowds(function: Callable) -> None:
    """Check many centers and fakes, and equal fakes."""
    centers = torch.stack([torch.arange(30.0), torch.zeros(30)], 1)
    fakes = centers.repeat_interleave(10, 0)
    many = _count(call(function, fakes, centers, 0.2, 10))
    check(many == 30, f"with ten equal fakes on each of 30 centers it counts {many}, expected 30.")


def _check_overlaps(function: Callable) -> None:
    """Check that fakes near two centers count for both."""
    centers = torch.tensor([[0.0, 0.0], [1.0, 0.0], [9.0, 9.0]])
    between = torch.tensor([[0.4, 0.1], [0.4, -0.1], [0.45, 0.0]])
    both = _count(call(function, between, centers, 1.0, 3))
    check(
        both == 2,
        f"three fakes within the radius of two centers count for both of them, so 2 are covered; it counts {both}.",
    )
    spread = torch.tensor([[0.1, 0.0], [0.0, 0.1], [-1.3, 0.0]])
    few = _count(call(function, spread, centers[::2], 1.0, 3))
    check(
        few == 0,
        "a center with two fakes within the radius counts where least = 3: compare each distance, not their mean.",
    )


def _count(result: Any) -> int:
    if isinstance(result, Tensor) and not result.is_nested and result.numel() == 1:
        result = usable(result, "its result").item()
    number = isinstance(result, Real) and not isinstance(result, bool)
    whole = number and math.isfinite(result) and result == int(result)
    check(whole, f"it returns {result if number else kind_of(result)}, expected one whole number.")
    return int(result)
