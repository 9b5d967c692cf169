"""Checks of notebook 3: the training step.

The student's step runs on two small networks whose optimizers record gradients and steps, so that the feedback can
name what is wrong with a gradient.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from numbers import Real
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facegan.course.checks.tools import CheckFailed, call, called_with, check, close, kind_of, remark


class _Watch:
    """Two small networks and their optimizers, with a record of a student's step."""

    def __init__(self, certainty: float = 0.0) -> None:
        """If `certainty` is not 0, D is trained first: above 0 its loss is small, below 0 it is large."""
        torch.manual_seed(3)
        self.generator = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 6))
        self.discriminator = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))
        self.real, self.z = torch.randn(16, 6) + 1, torch.randn(16, 4)
        if certainty:
            self._teach(certainty)
        self.events: list[str] = []
        self.gradients: dict[str, list[Tensor]] = {}
        self.modes: list[tuple[str, bool]] = []
        for name, network in (("G", self.generator), ("D", self.discriminator)):
            network.register_forward_pre_hook(self._note_mode(name))
        self.optimizer_g = self._optimizer("G", self.generator)
        self.optimizer_d = self._optimizer("D", self.discriminator)

    def _teach(self, certainty: float) -> None:
        fake = self.generator(self.z).detach()
        optimizer = torch.optim.Adam(self.discriminator.parameters(), 0.03)
        for _ in range(40):
            optimizer.zero_grad()
            loss = F.softplus(-self.discriminator(self.real)) + F.softplus(self.discriminator(fake))
            loss.mean().backward()
            optimizer.step()
        for p in self.discriminator[2].parameters():
            p.data.mul_(certainty)

    def _note_mode(self, name: str) -> Callable:
        return lambda network, inputs: self.modes.append((name, network.training))

    def _optimizer(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        step = optimizer.step

        def watched(*arguments: Any, **options: Any) -> Any:
            self.events.append(name)
            found = [p.grad for p in network.parameters()]
            check(all(g is not None for g in found), self._unready(name))
            self.gradients.setdefault(name, [g.clone() for g in found if g is not None])
            return step(*arguments, **options)

        vars(optimizer)["step"] = watched
        return optimizer

    def _unready(self, name: str) -> str:
        """A reason why a network has no gradient when its optimizer steps."""
        said = f"optimizer_{name.lower()} steps before any gradient has reached {name}"
        other = all(p.grad is not None for p in self.discriminator.parameters())
        if name == "G" and "D" not in self.events and other:
            return f"{said}, and D has one: are the two optimizers exchanged?"
        if name == "D":
            return f"{said}: is backward() missing, or does zero_grad come after it?"
        return f"{said}: is backward() missing, does zero_grad come after it, or are the fakes detached?"

    def run(self, function: Callable) -> Any:
        parts = self.generator, self.discriminator, self.optimizer_g, self.optimizer_d, self.real, self.z
        return call(function, *parts, changes=True)


@called_with("generator", "discriminator", "optimizer_g", "optimizer_d", "real", "z")
def train_step(function: Callable) -> None:
    """Check for D's gradient, then G's gradient through the new D, each applied once by its own optimizer."""
    watch = _check_round(function, 0.0)
    watch.events.clear()
    watch.run(function)  # the state after one round must not break the next
    _check_events(watch.events, watch.gradients)
    for certainty, where in ((1.0, "small"), (-2.0, "large")):
        try:
            _check_round(function, certainty)
        except CheckFailed as failure:
            raise CheckFailed(f"where D's loss is {where}, {failure}") from None


def _check_round(function: Callable, certainty: float) -> _Watch:
    watch, before = _Watch(certainty), _Watch(certainty)
    _soil(watch)
    losses = watch.run(function)
    _check_events(watch.events, watch.gradients)
    _diagnose_d(watch, before)
    moved = copy.deepcopy(before.discriminator)
    for p, g in zip(moved.parameters(), watch.gradients["D"], strict=True):
        p.data -= 0.1 * g
    for p, q in zip(watch.discriminator.parameters(), moved.parameters(), strict=True):
        check(close(p, q), "your generator step also changed the discriminator: use only optimizer_g there.")
    _diagnose_g(watch, before, moved)
    _check_losses(losses, before, moved)
    _check_left(watch)
    return watch


def _check_left(watch: _Watch) -> None:
    """Check that the networks' modes and weights are usable in the next step."""
    for name, network in (("G", watch.generator), ("D", watch.discriminator)):
        evaluated = (name, False) in watch.modes
        check(not evaluated, f"{name} runs in eval mode; in training both networks stay in train mode.")
        check(network.training, f"it leaves {name} in eval mode; the next step needs train mode.")
        frozen = not all(p.requires_grad for p in network.parameters())
        check(
            not frozen,
            f"it leaves {name} frozen (requires_grad=False), so {name} cannot be trained afterward.",
        )


def _soil(watch: _Watch) -> None:
    """Set gradients as if from an earlier step, which the function must clear."""
    for network in (watch.generator, watch.discriminator):
        for p in network.parameters():
            p.grad = torch.full_like(p, 0.5)


def _check_events(events: list[str], gradients: dict[str, list[Tensor]]) -> None:
    check(
        "D" in events,
        "the discriminator does not change: optimizer_d never steps."
        if "G" in events
        else "neither network changes: no optimizer steps.",
    )
    check("G" in events, "the generator does not change: optimizer_g never steps.")
    for name, part in gradients.items():
        player = f"optimizer_{name.lower()}"
        old = all(bool((g == 0.5).all()) for g in part)
        gone = all(not g.any() for g in part)
        exchanged = events[:2] == ["G", "D"] and (old or gone)
        check(
            not exchanged,
            f"{player} steps before its network has a gradient: are the two optimizers exchanged?",
        )
        check(
            not old,
            f"{player} steps with old gradients only: is backward() missing, or on another network's loss?",
        )
        check(
            not gone,
            f"{player} steps with gradients of 0: does zero_grad come between backward() and step()?",
        )
    twice = "before G's step: add its two losses, then step once."
    later = "in one step; in G's half of the step, it also changes the discriminator."
    count = events.count("D")
    check(count == 1, f"optimizer_d steps {count} times {twice if events[:2] == ['D', 'D'] else later}")
    check(events.count("G") == 1, f"optimizer_g steps {events.count('G')} times in one step, expected once.")
    check(events == ["D", "G"], "G steps before D; here, D is updated first and G uses the new D.")


def _loss_d(watch: _Watch, network: nn.Module, *, sign: int = 1) -> Tensor:
    with torch.no_grad():
        fake = watch.generator(watch.z)
    return F.softplus(-sign * network(watch.real)).mean() + F.softplus(sign * network(fake)).mean()


def _gradients(network: nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(network.parameters())))


def _ratio(got: list[Tensor], expected: list[Tensor]) -> float | None:
    """c if got = c * expected in every tensor, otherwise None."""
    a, b = (torch.cat([g.flatten() for g in part]) for part in (got, expected))
    c = (a @ b / (b @ b)).item()
    return c if (a - c * b).norm() < 1e-3 * a.norm().clamp_min(1e-9) else None


def _same(got: list[Tensor], expected: list[Tensor], *factors: float) -> bool:
    """Whether got = factor * expected for one of the factors (1 if none is given)."""
    ratio = _ratio(got, expected)
    return ratio is not None and any(abs(ratio - factor) < 0.01 for factor in factors or (1,))


def _diagnose_d(watch: _Watch, before: _Watch) -> None:
    got, network = watch.gradients["D"], before.discriminator
    expected = _gradients(network, _loss_d(before, network))
    if _same(got, expected, 1, 0.5):
        half = not _same(got, expected)
        remark(
            half,
            "D learns from half of its loss; the text adds the means of the two halves, as your loss does.",
        )
        return
    with torch.no_grad():
        fake = before.generator(before.z)
    on_real, on_fake = network(before.real), network(fake)
    for loss, message in (
        (_loss_d(before, network, sign=-1), "D's labels are swapped: real images have the label fake."),
        (F.softplus(-on_real).mean(), "D is trained on real images only; its loss omits the fakes."),
        (F.softplus(on_fake).mean(), "D is trained on fakes only; its loss omits the real images."),
        (F.softplus(-on_real).mean() + F.softplus(-on_fake).mean(),
         "D learns that fakes are real: the label of the fakes is wrong in D's loss."),
    ):  # fmt: skip
        wrong = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        check(not _same(got, list(wrong), 1, 0.5), message)
    ratio = _ratio(got, expected)
    check(ratio is None, _scaled("D", ratio or 0, len(before.real)))
    check(
        not _same(_clean(got), expected, 1, 0.5),
        "D steps with gradients of the previous step: zero_grad is missing before its backward().",
    )
    raise CheckFailed(
        "D's gradient differs from that of its loss on these real images and on G(z). Are the fakes from the given z?"
    )


def _scaled(name: str, ratio: float, batch: int) -> str:
    """A reason why a network's gradient is a multiple of the correct one."""
    summed = any(abs(ratio - factor * batch) < 0.01 * batch for factor in (0.5, 1, 2))
    why = "is the loss multiplied by something?" if ratio > 0 else "is a sign wrong?"
    if 0 < ratio < 1:
        why = "is it clipped, or is the loss divided by something?"
    why = "is the loss a sum over the batch?" if summed else why
    return f"{name}'s gradient is {ratio:.2g} times what it should be: {why}"


def _clean(gradients: list[Tensor]) -> list[Tensor]:
    """The gradients without those of `_soil`."""
    return [g - 0.5 for g in gradients]


def _diagnose_g(watch: _Watch, before: _Watch, moved: nn.Module) -> None:
    got, network = watch.gradients["G"], before.generator

    def expected(judge: nn.Module, sign: int = 1) -> list[Tensor]:
        return _gradients(network, F.softplus(-sign * judge(network(before.z))).mean())

    right, fooled = expected(moved), expected(moved, -1)
    if _same(got, right):
        return
    for wrong, message in (
        (expected(before.discriminator), "G's loss uses D from before its step: apply the new D to the fakes."),
        ([-g for g in fooled], "G minimizes log(1 - D(G(z))), the saturating loss."),
        (fooled, "G is trained to make D certain that its images are fake: its label is wrong."),
    ):  # fmt: skip
        check(not _same(got, wrong), message)
    leaked = _gradients(network, F.softplus(before.discriminator(network(before.z))).mean())
    for factor in (1, 0.5):
        rest = [g - factor * leak for g, leak in zip(got, leaked, strict=True)]
        if _same(rest, right) or _same(_clean(rest), right):
            raise CheckFailed(
                "your discriminator loss also sent gradients into the generator, which then stepped with them: "
                "is detach missing?"
            )
    check(
        not _same(_clean(got), right),
        "G steps with gradients of the previous step: call zero_grad before its backward().",
    )
    ratio = _ratio(got, right)
    check(ratio is None, _scaled("G", ratio or 0, len(before.real)))
    raise CheckFailed(
        "G's gradient differs from that of its loss on G(z) with the updated D. Are the fakes from the given z?"
    )


def _check_losses(losses: Any, before: _Watch, moved: nn.Module) -> None:
    expected = "expected both losses: loss_d, loss_g"
    both = isinstance(losses, tuple | list) and len(losses) == 2
    check(both, f"it returns {kind_of(losses)}, {expected}.")
    loss_d, loss_g = (_float(x, expected) for x in losses)
    right_d = _loss_d(before, before.discriminator).item()
    right_g = F.softplus(-moved(before.generator(before.z))).mean().item()
    d_halves = right_d, right_d / 2
    near = [min(abs(x - d) for d in d_halves) < 1e-3 for x in (loss_d, loss_g)]
    swapped = near[1] and abs(loss_d - right_g) < 1e-3
    check(not swapped, "it returns the losses in the wrong order: loss_d first.")
    check(
        near[0],
        f"loss_d is returned as {loss_d:.3f}, expected {right_d:.3f}: the sum of both parts, before D's step.",
    )
    check(
        abs(loss_g - right_g) < 1e-3,
        f"loss_g is returned as {loss_g:.3f}, expected {right_g:.3f}: the loss that G stepped with.",
    )
    attached = [x for x in losses if isinstance(x, Tensor) and x.requires_grad]
    check(
        not attached,
        "the losses it returns still hold their graphs, so memory grows with every step: detach them.",
    )


def _float(loss: Any, expected: str) -> float:
    single = (
        isinstance(loss, Tensor) and loss.numel() == 1 and not loss.is_complex() and loss.device.type == "cpu"
    )
    if single:
        loss = loss.detach().reshape(()).item()
    number = isinstance(loss, Real) and not isinstance(loss, bool)
    check(number, f"it returns a pair that contains {kind_of(loss)}, {expected}, one number each.")
    return float(loss)
