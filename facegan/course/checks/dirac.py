"""Checks of notebook 5: the best D, and the Dirac-GAN by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from facegan.course.checks.tools import (
    CheckFailed,
    call,
    called_with,
    check,
    close,
    kind_of,
    refuse,
    tensor,
    usable,
)


@called_with("p", "q")
def optimal_discriminator(function: Callable) -> None:
    """Check for the data's fraction of the total density."""
    p, q = torch.rand(40) + 0.1, torch.rand(40) * 3 + 0.1
    got = tensor(function, p, q, shape=(40,), floats=True).float()
    share = p / (p + q)
    if not close(got, share):
        refuse(got, _wrong_shares(p, q))
        outside = got[(got < 0) | (got > 1)]
        if len(outside):
            raise CheckFailed(f"it gives {outside[0]:.2f}, but D(x) must be between 0 and 1.")
        _check_properties(function, p, q, got)
        near = (got - share).abs().max() < 0.05
        check(not near, "it is nearly right: do not add to the densities, round, or clip.")
        worst = (got - share).abs().argmax()
        raise CheckFailed(
            f"for p = {p[worst]:.2f} and q = {q[worst]:.2f} it gives {got[worst]:.2f}. Set the derivative of "
            "p log D + q log(1 - D) to 0."
        )
    rare = tensor(function, torch.tensor([[0.0, 1e-3]]), torch.tensor([[2.0, 1e-3]]), shape=(1, 2))
    clipped = close(rare[0, 1], 0.5) and rare[0, 0] > 1e-4
    check(not clipped, f"where p is 0 it gives {rare[0, 0]:.2g}, expected 0: is it clipped?")
    check(close(rare, [[0.0, 0.5]]), "it is wrong for small densities: do not add to them.")


def _check_properties(function: Callable, p: Tensor, q: Tensor, got: Tensor) -> None:
    """Check the properties of any optimal D."""
    alone = tensor(function, p[:3], q[:3], shape=(3,)).float()
    check(
        close(alone, got[:3], 1e-3),
        "its value at a point depends on the other points; only p(x) and q(x) count.",
    )
    equal = tensor(function, p, p.clone(), shape=(40,), finite=False).float()
    check(
        close(equal, 0.5, 0.02),
        f"where p = q it gives {equal[0]:.2f}; D cannot distinguish real from fake there, so its best answer is 1/2.",
    )
    more = tensor(function, p, p / 3, shape=(40,)).float()
    check((more > 0.5).all(), "where the density of the data is larger, D(x) must be above 1/2.")


def _wrong_shares(p: Tensor, q: Tensor) -> dict[str, Any]:
    total = p + q
    return {
        "that is the probability that x is a fake; D gives the probability that x is real.": q / total,
        "that is the logit of the best D; D(x) is a probability.": (p / q).log(),
        "that is minus the logit of the best D; D(x) is a probability.": (q / p).log(),
        "that is the ratio of the densities, which can be above 1; D(x) is a probability.": p / q,
        "that is the reciprocal of the ratio of the densities; D(x) is a probability.": q / p,
        "it is 1/2 everywhere: that is the best D only where the two densities are equal.": torch.full_like(
            p, 0.5
        ),
        "that is twice the best D(x): at the end of the game, D(x) is 1/2.": 2 * p / total,
        "that is half the best D(x): where only data occur, D(x) is 1.": p / (2 * total),
        "that shows only which density is larger; the best D also shows by how much.": (p > q).float(),
        "the densities are not probabilities: at one point they need not add up to 1.": p / (1 + q),
        "each point is independent: do not sum over all points.": p / total.sum(),
        "that is the reciprocal: the density of the data belongs in the numerator.": total / p,
        "the sigmoid of the ratio is wrong: sigmoid takes a logit, and the ratio is not a logit.": (
            p / q
        ).sigmoid(),
        "the sigmoid of the difference is wrong: the logit of the best D is not p - q.": (p - q).sigmoid(),
        "that is the mean of the two densities; D(x) is the data's share of their sum.": total / 2,
        "that is a product of the densities over their sum; D(x) is a share.": p * q / total,
        "that is the density of the data; it also depends on q.": p,
        "that is the density of the fakes; it also depends on p.": q,
        "that is the difference of the densities, which can be below 0.": p - q,
        "parentheses are missing around the sum.": p / p + q,
        "the densities are squared: solve the equation for D once more.": p.square()
        / (p.square() + q.square()),
        "it takes roots of the densities: solve the equation for D once more.": p.sqrt()
        / (p.sqrt() + q.sqrt()),
        "a minus is wrong: solving p (1 - D) = q D gives a sum.": p / (p - q),
        "each density is divided by its own sum first; at one point only p(x) and q(x) count.": (
            p / p.sum() / (p / p.sum() + q / q.sum())
        ),
    }


@called_with("theta", "psi")
def dirac_gradients(function: Callable) -> None:
    """Check for minus the slope of each player's own loss in the minimax game."""
    theta, psi = torch.randn(2, 30).mul(1.5).unbind()
    d_theta, d_psi = _pair(function, theta, psi)
    g, d = _minimax(theta, psi)
    swapped = close(d_theta, d) and close(d_psi, g)
    check(not swapped, "the two are in the wrong order: theta's comes first.")
    wrong_way = close(d_theta, -g) and close(d_psi, -d)
    check(not wrong_way, "both have the wrong sign: a player moves down its loss, against the gradient.")
    wgan = close(d_theta, psi) and close(d_psi, -theta)
    check(not wgan, "that is the game without sigmoid; D(theta) is sigmoid(psi * theta).")
    moved = close(d_theta, theta + g) and close(d_psi, psi + d)
    check(not moved, "it returns new positions; return the directions alone.")
    if not close(d_theta, g):
        refuse(d_theta, _wrong_thetas(theta, psi))
        raise CheckFailed(
            f"theta's update is wrong: {_example(theta, psi, d_theta, g)}. G minimizes log(1 - D(theta))."
        )
    if not close(d_psi, d):
        refuse(d_psi, _wrong_psis(theta, psi))
        raise CheckFailed(
            f"psi's update is wrong: {_example(theta, psi, d_psi, d)}. D minimizes -log(1 - D(theta)); the real point x = 0 "
            "adds nothing."
        )
    for shape in ((1,), (3, 4)):
        theta, psi = torch.randn(2, *shape).unbind()
        found = _pair(function, theta, psi)
        same = all(map(close, found, _minimax(theta, psi)))
        check(same, f"it is right for tensors (30,) and wrong for {shape}; handle every shape.")


def _minimax(theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
    fooled = torch.sigmoid(psi * theta)
    return psi * fooled, -theta * fooled


def _wrong_thetas(theta: Tensor, psi: Tensor) -> dict[str, Any]:
    fooled, trusted = torch.sigmoid(psi * theta), torch.sigmoid(-psi * theta)
    return {
        "theta moves the wrong way: G wants D(theta) to grow.": -psi * fooled,
        "theta's update is that of the non-saturating loss -log D; here G minimizes log(1 - D).": psi
        * trusted,
        "theta's update is that of the non-saturating loss -log D, and with the wrong sign.": -psi * trusted,
        "theta's update has the slope that belongs to psi: the logit psi * theta changes by psi with theta.": theta
        * fooled,
        "theta's update is the slope in the logit only; the logit psi * theta changes with theta, too.": fooled,
        "theta's update is that of D itself, not of log(1 - D).": psi * fooled * trusted,
        "theta's update is a mean over all points; each point is a separate game.": psi * fooled / len(theta),
        "theta's update has a factor 2 too much.": 2 * psi * fooled,
        "theta's update is G's loss itself, not its slope.": trusted.log(),
        "theta's update divides by 1 - D, and the derivative of sigmoid is missing: use the chain rule.": -psi
        / trusted,
        "theta's update divides by 1 - D, the derivative of sigmoid is missing, and the sign is wrong: use the chain rule.": (
            psi / trusted
        ),
        "theta's update has no sigmoid.": psi,
        "theta's update takes sigmoid of psi alone; the logit is psi * theta.": psi * torch.sigmoid(psi),
        "theta's update takes sigmoid of theta alone; the logit is psi * theta.": psi * torch.sigmoid(theta),
        "theta's update has tanh instead of sigmoid.": psi * torch.tanh(psi * theta),
        "theta's update has the sigmoid squared.": psi * fooled.square(),
        "theta's update adds psi and theta; the logit is their product.": psi * torch.sigmoid(psi + theta),
        "theta's update has log(sigmoid), a loss, instead of a slope.": psi * fooled.log(),
        "theta's update is that of D itself, not of log(1 - D), and with the wrong sign.": -psi
        * fooled
        * trusted,
        "theta's update has exp instead of sigmoid.": psi * torch.exp(psi * theta),
    }


def _wrong_psis(theta: Tensor, psi: Tensor) -> dict[str, Any]:
    fooled, trusted = torch.sigmoid(psi * theta), torch.sigmoid(-psi * theta)
    return {
        "psi moves the wrong way: D wants the logit of theta, psi * theta, to fall.": theta * fooled,
        "psi's update is that of -log D, as if the fake were real: D minimizes -log(1 - D(theta)).": theta
        * trusted,
        "psi's update takes sigmoid of minus the logit: the slope of -log(1 - D) is sigmoid of the logit.": -theta
        * trusted,
        "psi's update has the slope that belongs to theta: the logit psi * theta changes by theta with psi.": -psi
        * fooled,
        "psi's update is the slope in the logit only; the logit psi * theta changes with psi, too.": -fooled,
        "psi's update is that of D itself, not of -log(1 - D).": -theta * fooled * trusted,
        "psi's update is a mean over all points; each point is a separate game.": -theta
        * fooled
        / len(theta),
        "psi's update has a factor 1/2 too much.": -theta * fooled / 2,
        "psi's update is the same as theta's; each player has its own slope.": psi * fooled,
        "psi's update has the sigmoid squared.": -theta * fooled.square(),
        "psi's update has no sigmoid.": -theta,
        "psi's update is D's loss itself, not its slope.": -trusted.log(),
        "psi's update is G's loss, not D's slope.": trusted.log(),
        "psi's update takes sigmoid of theta alone; the logit is psi * theta.": -theta * torch.sigmoid(theta),
        "psi's update takes sigmoid of psi alone; the logit is psi * theta.": -theta * torch.sigmoid(psi),
        "psi's update divides by 1 - D, and the derivative of sigmoid is missing: use the chain rule.": theta
        / trusted,
        "psi's update has 1/2 from the real point; that point adds nothing, because D(0) does not change.": 0.5
        - theta * fooled,
    }


def _pair(function: Callable, *inputs: Any) -> tuple[Tensor, Tensor]:
    result = call(function, *inputs)
    (shape,) = {tuple(value.shape) for value in inputs if isinstance(value, Tensor)}
    pair = isinstance(result, tuple | list) or (
        isinstance(result, Tensor) and not result.is_nested and result.shape[:1] == (2,)
    )
    check(
        pair and len(result) == 2,
        f"it returns {kind_of(result)}, expected two: one for theta and one for psi.",
    )
    found = []
    for part in result:
        number = isinstance(part, Tensor | int | float) and not isinstance(part, bool)
        check(number, f"it returns a pair that contains {kind_of(part)}, expected two tensors.")
        found.append(usable(torch.as_tensor(part).detach(), "its result").float())
        check(
            tuple(found[-1].shape) == shape,
            f"it returns a tensor {tuple(found[-1].shape)}, expected {shape}.",
        )
    return found[0], found[1]


def _example(theta: Tensor, psi: Tensor, got: Tensor, right: Tensor) -> str:
    at = (got - right).abs().argmax()
    return f"at theta = {theta[at]:.2f}, psi = {psi[at]:.2f} it is {got[at]:.3f}"


@called_with("field", "theta", "psi", "rate")
def alternating_step(function: Callable) -> None:
    """Check for a step of D, then a step of G with the new D."""

    def circle(theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
        return psi, -theta

    def bent(theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
        return psi * theta.cos() + 0.3, psi.sin() - theta.square()

    for theta, psi in (([0.7, -1.2, 2.9], [0.4, 0.9, -2.5]), ([0.7], [0.4])):
        for field in (circle, bent):
            for rate in (0.15, 0.35):
                _check_round(function, field, torch.tensor(theta), torch.tensor(psi), rate)


def _check_round(function: Callable, field: Callable, theta: Tensor, psi: Tensor, rate: float) -> None:
    got = torch.stack(_pair(function, field, theta, psi, rate))
    new = psi + rate * field(theta, psi)[1]
    right = torch.stack([theta + rate * field(theta, new)[0], new])
    if close(got, right):
        return
    refuse(got, _wrong_rounds(field, theta, psi, rate))
    limit = got.abs().max()
    clipped = (right.abs() > limit + 1e-4).any() and close(got, right.clamp(-limit, limit), 1e-3)
    check(not clipped, f"its result never exceeds {limit:.3g}: do not clip.")
    still = torch.stack(_pair(function, lambda a, b: (0 * a, 0 * b), theta, psi, rate))
    check(
        not close(still, got) or close(got, torch.stack([theta, psi])),
        "with another field, it moves in the same way: a field is hard-coded. Call `field`.",
    )
    at = int((got - right).abs().flatten().argmax())
    name, order = (
        ("theta", "It moves with the new psi.") if at < theta.numel() else ("psi", "It moves first.")
    )
    raise CheckFailed(
        f"{name} becomes {got.flatten()[at]:.3f}, expected {right.flatten()[at]:.3f} with rate {rate}. {order}"
    )


def _wrong_rounds(field: Callable, theta: Tensor, psi: Tensor, rate: float) -> dict[str, Any]:
    d_theta, d_psi = field(theta, psi)
    new_theta, new_psi = theta + rate * d_theta, psi + rate * d_psi
    answer = field(theta, new_psi)[0]
    end, back = theta + rate * answer, psi - rate * d_psi
    twice_psi = new_psi + rate * field(end, new_psi)[1]
    crossed = psi + rate * d_theta
    rounds = {
        "the two are returned in the wrong order: theta first.": (new_psi, end),
        "that is the simultaneous step: theta must move with the new psi.": (new_theta, new_psi),
        "that is the simultaneous step, and in the wrong order.": (new_psi, new_theta),
        "G moves first; here D moves first, and then G moves with the new D.": (
            new_theta,
            psi + rate * field(new_theta, psi)[1],
        ),
        "it moves backward: the field already gives the direction of the players.": (
            theta - rate * field(theta, back)[0],
            back,
        ),
        "psi moves backward: the field already gives the direction of the players.": (
            theta + rate * field(theta, back)[0],
            back,
        ),
        "theta moves backward: the field already gives the direction of the players.": (
            theta - rate * answer,
            new_psi,
        ),
        "psi does not move.": (new_theta, psi),
        "theta does not move.": (theta, new_psi),
        "it ignores the rate.": (theta + field(theta, psi + d_psi)[0], psi + d_psi),
        "it returns the moves, not the new positions.": (rate * answer, rate * d_psi),
        "it returns the directions, not the new positions.": (answer, d_psi),
        "those are two rounds; take one.": (end + rate * field(end, twice_psi)[0], twice_psi),
        "each player moves in the other's direction: the field's first value is theta's, its second is psi's.": (
            theta + rate * field(theta, crossed)[1],
            crossed,
        ),
    }
    rounds |= _wrong_parts(field, theta, psi, rate)
    return {message: torch.stack(pair) for message, pair in rounds.items()}


def _wrong_parts(field: Callable, theta: Tensor, psi: Tensor, rate: float) -> dict[str, Any]:
    """Steps with one wrong part."""
    d_theta, d_psi = field(theta, psi)
    new_psi, crossed, asked = psi + rate * d_psi, psi + rate * d_theta, psi + rate * field(psi, theta)[1]
    answer = field(theta, new_psi)[0]
    return {
        "the returned psi is the old one.": (theta + rate * answer, psi),
        **_wrong_rates(field, theta, psi, rate),
        "the rate is halved.": (
            theta + rate / 2 * field(theta, psi + rate / 2 * d_psi)[0],
            psi + rate / 2 * d_psi,
        ),
        "theta and psi are exchanged in the call of field.": (
            theta + rate * field(asked, theta)[0],
            asked,
        ),
        "psi moves in theta's direction: the field's second value is psi's.": (
            theta + rate * field(theta, crossed)[0],
            crossed,
        ),
        "theta moves in psi's direction: the field's first value is theta's.": (
            theta + rate * field(theta, new_psi)[1],
            new_psi,
        ),
        "the returned psi is the move alone, not the new position.": (
            theta + rate * field(theta, rate * d_psi)[0],
            rate * d_psi,
        ),
        "the returned theta is the move alone, not the new position.": (rate * answer, new_psi),
        "a rate is hard-coded.": (
            theta + 0.2 * field(theta, psi + 0.2 * d_psi)[0],
            psi + 0.2 * d_psi,
        ),
    }


def _wrong_rates(field: Callable, theta: Tensor, psi: Tensor, rate: float) -> dict[str, Any]:
    """Steps with a wrong rate."""
    d_psi = field(theta, psi)[1]
    new_psi = psi + rate * d_psi
    answer = field(theta, new_psi)[0]
    end = theta + rate * answer
    return {
        "D's step ignores the rate.": (theta + rate * field(theta, psi + d_psi)[0], psi + d_psi),
        "G's step ignores the rate.": (theta + answer, new_psi),
        "G's step is multiplied by the rate twice.": (theta + rate * rate * answer, new_psi),
        "D's step is multiplied by the rate twice.": (
            theta + rate * field(theta, psi + rate * rate * d_psi)[0],
            psi + rate * rate * d_psi,
        ),
        "psi moves twice.": (end, new_psi + rate * field(end, new_psi)[1]),
        "theta moves with a psi that took a step without the rate.": (
            theta + rate * field(theta, psi + d_psi)[0],
            new_psi,
        ),
    }
