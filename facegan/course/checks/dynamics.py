"""Checks of notebook 5: R1, and the modes that fakes cover."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facegan.course.checks.tools import CheckFailed, call, check, close, kind_of, refuse


def r1_penalty(function: Callable) -> None:
    """Half the mean squared gradient norm, differentiable in D's weights."""
    for shape in ((2,), (3, 8, 8)):
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
        raise CheckFailed(
            f"it gives {got.item():.4f}, expected {right.item():.4f} for samples {tuple(real.shape)}."
        )
    kept = all(weight.grad is not None and bool((weight.grad == 1).all()) for weight in weights)
    check(kept, "it changes the gradients in D's weights, which D's loss needs. Use torch.autograd.grad.")
    check(discriminator.training, "it leaves D in eval mode.")
    learns = got.requires_grad and all(weight.requires_grad for weight in weights)
    check(learns, "it has no gradient for D's weights: keep the graph of the first derivative.")
    options: dict[str, Any] = {"materialize_grads": True, "allow_unused": True}
    wanted, found = (torch.autograd.grad(value, weights, **options) for value in (right, got))
    same = all(map(close, found, wanted))
    check(same, "its value is right, but its gradient for D's weights is not: part of the graph is cut.")


def _wrong_penalties(discriminator: nn.Module, real: Tensor, gradient: Tensor) -> dict[str, Any]:
    """Values of known mistakes, for gradients (B, numbers of a sample)."""
    norms, (count, numbers) = gradient.square().sum(1), gradient.shape
    roots, inside = norms.sqrt(), "it averages over the numbers of a sample; add up their squares"
    with torch.no_grad():
        logits = discriminator(real).flatten()
    dull = logits.sigmoid() * (-logits).sigmoid()
    return {
        "it is twice too large: R1 is half the mean squared norm.": norms.mean(),
        "its sign is wrong: a penalty is not negative.": -norms.mean() / 2,
        "that is the sum over the batch; it should be the mean.": norms.sum() / 2,
        "that is the sum over the batch, without the half.": norms.sum(),
        "it uses the norm, not its square.": roots.mean() / 2,
        "it uses the norm, not its square, and no half.": roots.mean(),
        "that is the norm of the whole batch's gradient; every sample has its own.": norms.sum().sqrt(),
        f"{inside}, and average over samples only.": norms.mean() / 2 / numbers,
        f"{inside}. The half is missing, too.": norms.mean() / numbers,
        "that is WGAN-GP's penalty, which pulls the norm to 1; R1 pulls it to 0.": (roots - 1)
        .square()
        .mean(),
        "that is half of WGAN-GP's penalty, which pulls the norm to 1; R1 pulls it to 0.": (
            (roots - 1).square().mean() / 2
        ),
        "that is the gradient of D's mean over the batch; every sample has a gradient of its own.": (
            norms.mean() / 2 / count**2
        ),
        "it averages the gradients' norms before it squares them.": roots.mean().square() / 2,
        "it averages the gradients before it squares them.": gradient.mean(0).square().sum() / 2,
        "it uses one sample only.": norms[0] / 2,
        "it adds up absolute values, not squares.": gradient.abs().sum(1).mean() / 2,
        "that is the gradient of sigmoid(D); R1 takes the logit.": (norms * dull.square()).mean() / 2,
        "that is the gradient of D's loss; R1 takes the logit.": (norms * (-logits).sigmoid().square()).mean()
        / 2,
        "that is D's output squared; R1 takes its gradient.": logits.square().mean() / 2,
    }


def _one_number(result: Any) -> Tensor:
    check(
        isinstance(result, Tensor),
        f"it returns a {type(result).__name__}, expected a tensor with one number.",
    )
    check(result.numel() == 1, f"it returns shape {tuple(result.shape)}, expected one number.")
    return result.reshape(())


_COUNTS = (12, 5, 4, 1, 0)  # fakes near each of the first centers


def modes_covered(function: Callable) -> None:
    """Centers with enough fakes nearby."""
    centers = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0], [8.0, 8.0]])
    circle = F.normalize(torch.randn(30, 2), dim=1)
    near = torch.cat([c + 0.45 * circle[:count] for c, count in zip(centers, _COUNTS, strict=True)])
    corners = centers[4] + 0.42 * torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]).repeat(2, 1)
    fakes = torch.cat([near, torch.full((9, 2), 2.0), centers[3] + 0.6 * circle[:8]])
    fakes = fakes[torch.randperm(len(fakes))]
    for least in (5, 6, 1, 13):
        _check_count(function, fakes, centers, least)
    boxes = _count(call(function, corners, centers, 0.5, 1))
    check(boxes == 0, "fakes in the corners of a square are outside the circle: take the Euclidean distance.")
    _check_scales(function, centers)
    _check_crowds(function)


def _check_count(function: Callable, fakes: Tensor, centers: Tensor, least: int) -> None:
    got, right = _count(call(function, fakes, centers, 0.5, least)), sum(n >= least for n in _COUNTS)
    if got == right:
        return
    exactly = f"a center with exactly {least} near it counts, too: at least {least}."
    wrong = {
        "it counts the fakes that are near a center; count the centers.": sum(_COUNTS),
        "it counts all centers; only those with enough fakes nearby count.": len(_COUNTS),
    }
    for message, value in wrong.items():
        check(got != value, message)
    check(
        least == 1 or got != sum(n >= 1 for n in _COUNTS), "it ignores `least`: a stray fake covers nothing."
    )
    check(least not in _COUNTS or got != sum(n > least for n in _COUNTS), exactly)
    raise CheckFailed(
        f"five centers have {', '.join(map(str, _COUNTS))} fakes within the radius; with least = {least} it counts {got}, "
        f"expected {right}."
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
    """Many centers and fakes, and equal fakes."""
    centers = torch.stack([torch.arange(30.0), torch.zeros(30)], 1)
    fakes = centers.repeat_interleave(10, 0)
    many = _count(call(function, fakes, centers, 0.2, 10))
    check(many == 30, f"with ten equal fakes on each of 30 centers it counts {many}, expected 30.")


def _count(result: Any) -> int:
    if isinstance(result, Tensor) and result.numel() == 1:
        result = result.item()
    number = isinstance(result, Real) and not isinstance(result, bool)
    whole = number and math.isfinite(result) and result == int(result)
    check(whole, f"it returns {result if number else kind_of(result)}, expected one whole number.")
    return int(result)
