"""Checks of notebook 5: the best D, the Dirac-GAN, R1, and modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from facegan.course.checks.tools import CheckFailed, call, check, close, tensor


def _refuse(got: Tensor, wrong: dict[str, Tensor]) -> None:
    """Raise `CheckFailed` with the first message whose value is what we got."""
    for message, value in wrong.items():
        check(got.shape != value.shape or not close(got, value), message)


def optimal_discriminator(function: Callable) -> None:
    """The share of the data's density."""
    p, q = torch.rand(40) + 0.1, torch.rand(40) * 3 + 0.1
    got = tensor(function, p, q, shape=(40,))
    check(got.isfinite().all(), "some of its numbers are not finite.")
    _refuse(
        got,
        {
            "that is the probability that x is a fake; D gives the one that it is real.": q / (p + q),
            "that is the logit of the best D; D(x) is a probability.": (p / q).log(),
            "that is the ratio of the densities, which can be above 1; D(x) is a probability.": p / q,
            "it is 1/2 everywhere: that is the best D only where the two densities agree.": torch.full(
                (40,), 0.5
            ),
            "that is twice the best D(x): at the end of the game, D(x) is 1/2.": 2 * p / (p + q),
            "that is half the best D(x): where only data are, D(x) is 1.": p / (2 * (p + q)),
        },
    )
    outside = got[(got < 0) | (got > 1)]
    if len(outside):
        raise CheckFailed(f"it gives {outside[0]:.2f}, but D(x) lies between 0 and 1.")
    near_miss = (got - p / (p + q)).abs().max() < 0.05 and not close(got, p / (p + q))
    check(not near_miss, "it is nearly right: nothing may be added to the densities, or cut off.")
    same = tensor(function, p, p.clone())
    check(
        close(same, torch.full((40,), 0.5), 0.02),
        "where both densities are the same, the best D cannot tell: 1/2.",
    )
    share = p / (p + q)
    worst = (got - share).abs().argmax()
    check(
        close(got, share),
        f"for p = {p[worst]:.2f} and q = {q[worst]:.2f} it gives {got[worst]:.2f}. Set the derivative of "
        "p log D + q log(1 - D) to 0.",
    )
    rare = tensor(function, torch.tensor([[0.0, 1e-6]]), torch.tensor([[2.0, 1e-6]]), shape=(1, 2))
    check(
        close(rare, [[0.0, 0.5]]),
        "where the densities are 0 or tiny, it is wrong: nothing may be added to them, or cut off.",
    )


def dirac_gradients(function: Callable) -> None:
    """Minus the slope of each player's own loss, in the minimax game."""
    theta, psi = torch.randn(2, 30).mul(1.5).unbind()
    d_theta, d_psi = _pair(function, theta, psi)
    fooled, trusted = torch.sigmoid(psi * theta), torch.sigmoid(-psi * theta)
    g, d = psi * fooled, -theta * fooled
    if close(d_theta, d) and close(d_psi, g):
        raise CheckFailed("the two are in the wrong order: theta's comes first.")
    if close(d_theta, -g) and close(d_psi, -d):
        raise CheckFailed("both have the wrong sign: a player moves down its loss, against the gradient.")
    _refuse(
        d_theta,
        {
            "theta moves the wrong way: G wants D(theta) to grow.": -g,
            "theta's is that of the non-saturating loss -log D; here G minimizes log(1 - D).": psi * trusted,
            "theta's has the slope that belongs to psi: the logit psi * theta changes by psi with theta.": -d,
            "theta's is the slope in the logit only; the logit psi * theta changes with theta, too.": fooled,
        },
    )
    check(
        close(d_theta, g),
        f"theta's is wrong: {_example(theta, psi, d_theta)}. G minimizes log(1 - D(theta)).",
    )
    _refuse(
        d_psi,
        {
            "psi moves the wrong way: D wants the logit of theta, psi * theta, to fall.": -d,
            "psi's is that of -log D; D minimizes -log(1 - D(theta)) on the fake.": -theta * trusted,
            "psi's is the slope in the logit only; the logit psi * theta changes with psi, too.": -fooled,
            "psi's is half of what it should be; the two halves of D's loss are added, not averaged.": d / 2,
        },
    )
    said = _example(theta, psi, d_psi)
    check(close(d_psi, d), f"psi's is wrong: {said}. The real point x = 0 adds nothing to it.")


def _pair(function: Callable, *inputs: Any) -> tuple[Tensor, Tensor]:
    result = call(function, *inputs)
    pair = isinstance(result, tuple | list | Tensor) and len(result) == 2
    check(pair, f"it returns {_kind(result)}, expected two: those of theta and of psi.")
    first, second = (torch.as_tensor(part).detach() for part in result)
    shape = tuple(torch.as_tensor(inputs[0]).shape)
    for part in (first, second):
        check(tuple(part.shape) == shape, f"it returns a tensor {tuple(part.shape)}, expected {shape}.")
        check(part.isfinite().all(), "some of its numbers are not finite.")
    return first, second


def _kind(result: Any) -> str:
    if isinstance(result, Tensor):
        return f"a tensor {tuple(result.shape)}"
    return f"{len(result)} values" if isinstance(result, tuple | list) else f"a {type(result).__name__}"


def _example(theta: Tensor, psi: Tensor, got: Tensor) -> str:
    return f"at theta = {theta[0]:.2f}, psi = {psi[0]:.2f} it is {got[0]:.3f}"


def alternating_step(function: Callable) -> None:
    """D first, then G through the new D."""

    def circle(theta, psi):
        return psi, -theta

    def bent(theta, psi):
        return psi * theta.cos() + 0.3, psi.sin() - theta.square()

    start = torch.tensor([0.7, -1.2]), torch.tensor([0.4, 0.9])
    for field in (circle, bent):
        for rate in (0.1, 0.35):
            _check_round(function, field, *start, rate)


def _check_round(function: Callable, field: Callable, theta: Tensor, psi: Tensor, rate: float) -> None:
    got = torch.stack(_pair(lambda a, b: function(field, a, b, rate), theta, psi))
    d_theta, d_psi = field(theta, psi)
    new_psi = psi + rate * d_psi
    new_theta = theta + rate * d_theta
    right = torch.stack([theta + rate * field(theta, new_psi)[0], new_psi])
    wrong = {
        "the two are returned in the wrong order: theta first.": right.flip(0),
        "that is the simultaneous step: theta must move with the new psi.": torch.stack([new_theta, new_psi]),
        "G moves first; here D moves first, and G then meets the new D.": torch.stack(
            [new_theta, psi + rate * field(new_theta, psi)[1]]
        ),
        "it walks backwards: the field already points where the players move.": torch.stack(
            [theta - rate * field(theta, psi - rate * d_psi)[0], psi - rate * d_psi]
        ),
        "psi does not move.": torch.stack([new_theta, psi]),
        "theta does not move.": torch.stack([theta, new_psi]),
        "it ignores the rate.": torch.stack([theta + field(theta, psi + d_psi)[0], psi + d_psi]),
        "it returns the moves, not the new positions.": right - torch.stack([theta, psi]),
    }
    if not close(got, right):
        _refuse(got, wrong)
        raise CheckFailed(
            f"from theta = {theta[0]:.2f}, psi = {psi[0]:.2f} it comes to {got[0, 0]:.3f}, {got[1, 0]:.3f}; expected "
            f"{right[0, 0]:.3f}, {right[1, 0]:.3f}. First psi, then theta with the new psi."
        )


def r1_penalty(function: Callable) -> None:
    """Half the mean squared gradient norm, differentiable in D's weights."""
    for shape in ((2,), (3, 8, 8)):
        discriminator = nn.Sequential(
            nn.Flatten(), nn.Linear(torch.Size(shape).numel(), 6), nn.Tanh(), nn.Linear(6, 1)
        )
        _check_penalty(function, discriminator, torch.randn(5, *shape))
    flat = nn.Sequential(
        nn.Flatten(0), nn.Unflatten(0, (-1, 2)), nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0)
    )
    _check_penalty(function, flat, torch.randn(7, 2))


def _check_penalty(function: Callable, discriminator: nn.Module, real: Tensor) -> None:
    weights = list(discriminator.parameters())
    got = _one_number(call(lambda x: function(discriminator, x), real))
    x = real.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    norms = gradient.square().flatten(1).sum(1)
    right = norms.mean() / 2
    if not close(got, right):
        _refuse(got.detach(), _wrong_penalties(norms.detach(), real[0].numel()))
        raise CheckFailed(
            f"it gives {got.item():.4f}, expected {right.item():.4f} for samples {tuple(real.shape)}."
        )
    left = [weight for weight in weights if weight.grad is not None]
    check(
        not left, "it leaves gradients in D's weights, which the next step adds to. Use torch.autograd.grad."
    )
    check(got.requires_grad, "it has no gradient for D's weights: keep the graph of the first derivative.")
    wanted, found = (
        torch.autograd.grad(value, weights, materialize_grads=True, allow_unused=True)
        for value in (right, got)
    )
    same = all(map(close, found, wanted))
    check(same, "its value is right, but its gradient for D's weights is not: part of the graph is cut.")


def _wrong_penalties(norms: Tensor, numbers: int) -> dict[str, Tensor]:
    """Values of known mistakes, from the squared norms (B,) of gradients of so many numbers each."""
    inside = (
        "it averages over the numbers of a sample; their squares are added, and only the samples averaged."
    )
    roots = norms.sqrt()
    return {
        "it is twice too large: R1 is half the mean squared norm.": norms.mean(),
        "that is the sum over the batch; it should be the mean.": norms.sum() / 2,
        "that is the sum over the batch, without the half.": norms.sum(),
        "it uses the norm, not its square.": roots.mean() / 2,
        "it uses the norm, not its square, and no half.": roots.mean(),
        inside: norms.mean() / 2 / numbers,
        f"{inside} The half is missing, too.": norms.mean() / numbers,
        "that is WGAN-GP's penalty, which pulls the norm to 1; R1 pulls it to 0.": (roots - 1)
        .square()
        .mean(),
        "that is the gradient of D's mean over the batch; every sample has a gradient of its own.": (
            norms.mean() / 2 / len(norms) ** 2
        ),
        "it averages the gradients' norms before it squares them.": roots.mean().square() / 2,
    }


def _one_number(result: Any) -> Tensor:
    check(
        isinstance(result, Tensor),
        f"it returns a {type(result).__name__}, expected a tensor with one number.",
    )
    check(result.numel() == 1, f"it returns shape {tuple(result.shape)}, expected one number.")
    return result.reshape(())


def modes_covered(function: Callable) -> None:
    """Centers with enough fakes nearby."""
    centers = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0], [8.0, 8.0]])
    counts, radius = (12, 5, 4, 1, 0), 0.5
    offsets = torch.randn(30, 2)
    offsets = offsets / offsets.norm(dim=1, keepdim=True) * 0.45
    near = torch.cat([center + offsets[:count] for center, count in zip(centers, counts, strict=True)])
    fakes = torch.cat([near, torch.tensor([[2.0, 2.0]] * 9), centers[3] + offsets[:8] * 0.6 / 0.45])
    fakes = fakes[torch.randperm(len(fakes))]
    for least, right in ((1, 4), (5, 2), (6, 1), (13, 0)):
        got = _count(call(function, fakes, centers, radius, least))
        if got == right:
            continue
        if got == sum(counts):
            raise CheckFailed("it counts the fakes that are near a center; count the centers.")
        if got == sum(count > least for count in counts):
            raise CheckFailed(f"a center with exactly {least} fakes counts, too: at least {least}.")
        if got == sum(count >= 1 for count in counts):
            raise CheckFailed(f"it ignores `least`: a single stray fake covers nothing if least is {least}.")
        raise CheckFailed(
            f"with {', '.join(map(str, counts))} fakes near five centers and least = {least} it counts {got}, expected "
            f"{right}. Fakes outside the radius do not count."
        )
    squares = _count(call(function, centers * 0.05, centers * 0.05, 0.1, 1))
    check(
        squares == 5, f"with a fake on each of five centers and radius 0.1 it counts {squares}, expected 5."
    )
    wide = _count(call(function, centers[:1] + torch.tensor([1.5, 0.0]), centers[:1], 2.0, 1))
    check(
        wide == 1,
        "a fake at a distance of 1.5 is within a radius of 2. Is the distance squared, but not the radius?",
    )


def _count(result: Any) -> int:
    if isinstance(result, Tensor) and result.numel() == 1:
        result = result.item()
    whole = isinstance(result, int | float) and not isinstance(result, bool) and result == int(result)
    check(whole, f"it returns {_kind(result)}, expected one whole number.")
    return int(result)
