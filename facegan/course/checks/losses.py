"""Checks of notebook 3: the two losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from facegan.course.checks.tools import CheckFailed, call, called_with, check, close, refuse, remark, tensor

floats = partial(tensor, floats=True)

_CLIPPED = "an intermediate value is clipped"


@called_with("real_logits", "fake_logits")
def discriminator_loss(function: Callable) -> None:
    """Check for the sum of the binary cross-entropies of both halves; a stable number with a gradient."""
    real, fake = torch.randn(7) * 2, torch.randn(7) * 2 - 1
    loss = _one_number(floats(function, real, fake))
    right = (F.softplus(-real) + F.softplus(fake)).mean()
    wrong = _wrong_d(real, fake)
    if close(loss, right / 2):
        remark(
            True,
            "it averages the two halves. The text adds them, and a later cell compares the sum with 2 log 2.",
        )
    elif not close(loss, right):
        halves = {f"{said} (It is also halved.)": value / 2 for said, value in list(wrong.items())[:5]}
        refuse(loss, wrong | halves)
        _explain(loss, right, (real, fake), function)
    _remark_on_shape(function, real, fake)
    extreme = torch.tensor([300.0, -300.0])
    _check_stable(function, extreme, -extreme, value=300.0)
    _check_gradient(function, lambda r, f: (F.softplus(-r) + F.softplus(f)).mean(), real, fake)


def _wrong_d(real: Tensor, fake: Tensor) -> dict[str, Any]:
    """Losses of known mistakes."""
    p, q = real.sigmoid(), fake.sigmoid()
    on_real, on_fake = F.softplus(-real).mean(), F.softplus(fake).mean()
    smooth = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9))
    return {
        "the labels are swapped: it decreases if D classifies real images as fake.": (
            F.softplus(real) + F.softplus(-fake)
        ).mean(),
        "it uses real images only; D must also be trained on fakes.": on_real,
        "it uses fakes only; D must also be trained on real images.": on_fake,
        "a sigmoid is applied twice: pass logits to a function of logits, or probabilities to one of probabilities.": (
            F.softplus(-p).mean() + F.softplus(q).mean()
        ),
        "it gives fakes the label 1, as real images; D should learn to distinguish them.": (
            on_real + F.softplus(-fake).mean()
        ),
        "it gives real images the label 0, as fakes; D should learn to distinguish them.": (
            F.softplus(real).mean() + on_fake
        ),
        "its sign is wrong: D minimizes it, so the logarithms need a minus.": -on_real - on_fake,
        "the halves are subtracted; add them, because both must become small.": on_real - on_fake,
        "the halves are subtracted; they must be added, because both must become small.": on_fake - on_real,
        "the halves are multiplied; add them.": on_real * on_fake,
        **_other_kinds(real, fake),
        "the labels are smoothed; use the plain loss, with labels 1 and 0.": smooth + on_fake,
        "it is twice as large as it should be.": 2 * (on_real + on_fake),
        "it takes log D of fakes; for fakes it is log(1 - D).": on_real + q.log().mean(),
        "one of the two halves is a sum over the batch. Take the mean of each.": (
            len(real) * on_real + on_fake
        ),
        "the logarithm has base 2; take the natural one.": (on_real + on_fake) / torch.tensor(2.0).log(),
    }


def _other_kinds(real: Tensor, fake: Tensor) -> dict[str, Any]:
    """Losses of D of other kinds."""
    p, q = real.sigmoid(), fake.sigmoid()
    return {
        "that is the hinge loss; here D is a classifier with cross-entropy.": (
            F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        ),
        "that is the loss of a Wasserstein critic; here D is a classifier with cross-entropy.": (
            fake.mean() - real.mean()
        ),
        "that is least squares of the logits; here D is a classifier with cross-entropy.": (
            (real - 1).square().mean() + fake.square().mean()
        ),
        "that is least squares of probabilities; cross-entropy takes logarithms.": (
            (p - 1).square().mean() + q.square().mean()
        ),
        "the logarithms are missing: those are probabilities.": (1 - p).mean() + q.mean(),
        "the logarithms are missing, and the sign is wrong.": p.mean() + (1 - q).mean(),
        "it takes the logarithm of the means; the mean is taken last.": -p.mean().log()
        - (1 - q.mean()).log(),
        "log(1 - D) is not the logarithm of the sigmoid of 1 - logit. Which logit has the probability 1 - D?": (
            F.softplus(-real).mean() + F.softplus(fake - 1).mean()
        ),
        "it compares each real logit with a fake logit; here D classifies each image separately.": F.softplus(
            fake - real
        ).mean(),
        "it compares each logit with the mean of the other kind; here D classifies each image separately.": (
            F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()
        ),
        "it compares mean logits of real images and fakes; here D classifies each image separately.": (
            2 * F.softplus(fake.mean() - real.mean())
        ),
    }


@called_with("fake_logits")
def generator_loss(function: Callable) -> None:
    """Check for -log D(G(z)), whose slope is large where D is certain that fakes are fake."""
    fake = torch.randn(9) * 2
    loss = _one_number(floats(function, fake))
    right = F.softplus(-fake).mean()
    if not close(loss, right):
        refuse(loss, _wrong_g(fake))
        _explain(loss, right, (fake,), function)
    _remark_on_shape(function, fake)
    _check_stable(function, torch.tensor([-300.0, 300.0]), value=150.0)
    _check_gradient(function, lambda f: F.softplus(-f).mean(), fake)


def _wrong_g(fake: Tensor) -> dict[str, Any]:
    """Losses of known mistakes."""
    q = fake.sigmoid()
    return {
        "this is log(1 - D(G(z))), the saturating loss: where D is certain, its slope is almost 0.": (
            -F.softplus(fake).mean()
        ),
        "it decreases if D classifies fakes as fake, which is D's goal, not G's.": F.softplus(fake).mean(),
        "its sign is wrong: minimizing it makes D(G(z)) smaller.": -F.softplus(-fake).mean(),
        "a sigmoid is applied twice; apply it once to the logits.": F.softplus(-q).mean(),
        "a sigmoid is applied twice, and the label is D's.": F.softplus(q).mean(),
        "that is the loss of a Wasserstein generator; here it is minus the logarithm of D(G(z)).": -fake.mean(),
        "that is the mean logit, which G would decrease; it should be minus the logarithm of D(G(z)).": fake.mean(),
        "that is least squares of the logits; here it is minus the logarithm of D(G(z)).": (fake - 1)
        .square()
        .mean(),
        "that is least squares of probabilities; here it is minus the logarithm of D(G(z)).": (q - 1)
        .square()
        .mean(),
        "that is the hinge loss; here it is minus the logarithm of D(G(z)).": F.relu(1 - fake).mean(),
        "it takes the sigmoid of 1 - logit, which is not 1 - D, and G wants D(G(z)) to grow.": F.softplus(
            fake - 1
        ).mean(),
        "it takes the sigmoid of 1 - logit, which is not 1 - D, and it is the saturating loss, too.": (
            -F.softplus(fake - 1).mean()
        ),
        "the logarithm is missing: that is 1 - D(G(z)).": (1 - q).mean(),
        "the logarithm is missing: that is -D(G(z)).": -q.mean(),
        "that is D(G(z)) itself, which G would decrease.": q.mean(),
        "it takes the logarithm of the mean; the mean is taken last.": -q.mean().log(),
        "it is half of the loss.": F.softplus(-fake).mean() / 2,
        "it is twice the loss.": 2 * F.softplus(-fake).mean(),
        "labels are smoothed; use the plain loss, with label 1.": F.binary_cross_entropy_with_logits(
            fake, torch.full_like(fake, 0.9)
        ),
        "the logarithm has base 2; take the natural one.": F.softplus(-fake).mean() / torch.tensor(2.0).log(),
        "it takes the label 1/2; G's fakes should be classified as real, with label 1.": F.binary_cross_entropy_with_logits(
            fake, torch.full_like(fake, 0.5)
        ),
    }


def _one_number(loss: Tensor) -> Tensor:
    check(loss.numel() > 0, "it returns an empty tensor; a loss is one number.")
    check(
        loss.numel() == 1,
        f"it returns {loss.numel()} numbers, one per image; a loss is one number, their mean.",
    )
    check(loss.is_floating_point(), f"it returns {loss.dtype}; a loss is a float.")
    return loss.reshape(())


def _remark_on_shape(function: Callable, *logits: Tensor) -> None:
    shape = tuple(floats(function, *logits).shape)
    remark(shape, f"it returns a tensor of shape {shape}; one number has no dimension: ().")


def _explain(loss: Tensor, right: Tensor, logits: tuple, function: Callable) -> None:
    """Raise `CheckFailed` with the mistake in a loss whose value is not that of a known mistake."""
    twice = _one_number(floats(function, *(torch.cat([x, x]) for x in logits)))
    mean = not close(twice, 2 * loss)
    check(mean, "it grows with the batch: twice the images make twice the loss. Take the mean.")
    again = _one_number(floats(function, *logits))
    check(
        close(again, loss), "it gives a different number for the same logits each time: what is random in it?"
    )
    fewer = [
        close(_one_number(floats(function, *(x[:1] for x in logits))), F.softplus(_signed(logits, 1)).sum()),
        close(_one_number(floats(function, *(x[1:2] for x in logits))), F.softplus(_signed(logits, 2)).sum()),
    ]
    check(
        not all(fewer),
        "it is right for one image and wrong for a batch: take the mean of the losses at the end.",
    )
    negative = loss * right < 0
    check(
        not negative,
        f"it is negative ({loss.item():.2f}); cross-entropy is not. Is a minus missing before a logarithm?",
    )
    if len(logits) == 2:
        _explain_halves(function, *logits)
    low, high = (_one_number(floats(function, *(torch.full((2,), x) for _ in logits))) for x in (-2.0, 2.0))
    check(
        len(logits) == 2 or high < low,
        f"it does not fall as logits grow ({low.item():.2f} at -2, {high.item():.2f} at 2); G wants large logits.",
    )
    raise CheckFailed(
        f"for logits {[[round(v, 2) for v in x.tolist()[:2]] for x in logits]}... it gives {loss.item():.3f}, expected "
        f"{right.item():.3f}. {'Is each half minus the logarithm of the right probability?' if len(logits) == 2 else 'It should be minus the logarithm of D(G(z)), on average.'}"
    )


def _signed(logits: tuple, count: int) -> Tensor:
    """The last of the first `count` logits of each kind, as softplus takes them: real ones with a minus."""
    signs = (-1, 1) if len(logits) == 2 else (-1,)
    return torch.stack([sign * x[count - 1] for sign, x in zip(signs, logits, strict=True)])


def _explain_halves(function: Callable, real: Tensor, fake: Tensor) -> None:
    """Find the half of D's loss that is wrong, with logits for which the other half is almost 0."""
    sure = torch.full_like(real, 30.0)
    on_real = close(_one_number(floats(function, real, -sure)), F.softplus(-real).mean(), 1e-3)
    on_fake = close(_one_number(floats(function, sure, fake)), F.softplus(fake).mean(), 1e-3)
    check(on_real or not on_fake, "the half of the fakes is right, but that of the real images is not.")
    check(on_fake or not on_real, "the half of the real images is right, but that of the fakes is not.")
    check(not (on_real and on_fake), "each half is right, but they are not added.")


def _check_stable(function: Callable, *logits: Tensor, value: float) -> None:
    loss = _one_number(floats(function, *logits, finite=False))
    check(
        loss.isfinite(),
        f"for logits of 300 and -300 it becomes {loss.item()}: a sigmoid underflows before its logarithm, or exp overflows.",
    )
    check(
        any(close(loss, factor * value, 0.05) for factor in (1, 0.5)),
        f"for logits of 300 and -300 it gives {loss.item():.1f}, expected {value:.0f}: {_CLIPPED}.",
    )


def _check_gradient(function: Callable, right: Callable, *logits: Tensor) -> None:
    """Check that all logits get the gradient of the loss."""
    leaves, others = ([x.clone().requires_grad_() for x in logits] for _ in range(2))
    loss = call(function, *leaves, changes=True)
    if loss.requires_grad:
        call(loss.backward, changes=True)
    grads = [x.grad for x in leaves if x.grad is not None]
    check(
        loss.requires_grad and len(grads) == len(leaves),
        "no gradient reaches the logits: something is detached, or converted to a plain number.",
    )
    right(*others).backward()
    same = all(
        any(close(grad, factor * torch.as_tensor(y.grad), 1e-4) for factor in (1, 0.5))
        for grad, y in zip(grads, others, strict=True)
    )
    check(same, "its value is right, but its gradient is not: part of it is detached.")
