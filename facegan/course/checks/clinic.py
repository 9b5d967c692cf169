"""Checks of notebook 6: the number that shows a failure, and the failure's name.

Each function is checked with the notebook's patient and with made-up curves of the same failure, so that hard-coded
numbers do not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from facegan.course.checks.evidence import Case, compare
from facegan.course.checks.mistakes import (
    LAST,
    Curves,
    jumps,
    means,
    share,
    wrong_jumps,
    wrong_means,
    wrong_ratios,
    wrong_shares,
)
from facegan.course.checks.tools import called_with, check
from facegan.course.clinic import patient
from facegan.images import to_float


@called_with("curves")
def patient_1(function: Callable) -> None:
    """Check for the means of D(x) and D(G(z)) over the last 200 steps."""
    cases = []
    for where, curves in _cases(1, d_real=(0.95, 0.999), d_fake=(0.001, 0.05)):
        right = means(curves, slice(-LAST, None))
        cases.append(Case(where, (curves,), right, wrong_means(curves)))
    compare(function, 1, cases)


@called_with("curves")
def patient_2(function: Callable) -> None:
    """Check for the median of G's gradient norm divided by D's over the last 200 steps."""
    levels = {"d_real": (0.99, 1.0), "d_fake": (0.0, 0.01), "grad_norm_g": (0.001, 0.05)}
    cases, middles = [], []
    for index, (where, curves) in enumerate(_cases(2, lengths=(733, 612), **levels)):
        if index:
            # one more or one fewer step moves the median to the lower middle first, then to the upper one
            small_last = index == 2
            curves["grad_norm_g"][[-LAST, -LAST - 1]] = (1e-4, 4.0) if small_last else (4.0, 1e-4)
        ratio = (curves["grad_norm_g"] / curves["grad_norm_d"])[-LAST:]
        low, high = np.sort(ratio)[[LAST // 2 - 1, LAST // 2]]
        middles.append((low, (low + high) / 2, high))
        cases.append(Case(where, (curves,), [(low + high) / 2], wrong_ratios(curves), within=(low, high)))
    got = compare(function, 2, cases)
    # of an even number of values, the median is the lower or upper middle, or their mean
    conventions = [
        {i for i, middle in enumerate(of) if abs(numbers[0] - middle) < 1e-5 * middle}
        for of, numbers in zip(middles, got, strict=True)
    ]
    check(set.intersection(*conventions), "it uses one more or one fewer step than the last 200.")


@called_with("curves")
def patient_3(function: Callable) -> None:
    """Check for the fraction of the last 200 steps in which D(G(z)) > D(x)."""
    cases = []
    for where, curves in _cases(3, d_real=(0.3, 0.8), d_fake=(0.5, 0.95)):
        ties = slice(-5, None)
        if where.startswith("made-up"):
            curves["d_fake"][ties] = curves["d_real"][ties]
        right = share(curves, slice(-LAST, None))
        cases.append(Case(where, (curves,), [right], wrong_shares(curves, right)))
    compare(function, 3, cases)


@called_with("curves", "healthy")
def patient_4(function: Callable) -> None:
    """Check for the jumps of D's loss in the first 1,000 steps, relative to a healthy run."""
    cases = [("patient 4", patient(4).curves, patient(0).curves)]
    for steps, steps_well in ((1333, 1200), (1000, 1001)):
        made_up = [_made_up(count, 40 + count, {}) for count in (steps, steps_well)]
        for curves, least in zip(made_up, (0.5, 1.0), strict=True):
            curves["loss_d"] = least + 2 * (curves["loss_d"] - least)
            curves["loss_d"][999] *= 4  # makes one more or one fewer step than 1,000 detectable
        cases.append(("made-up curves", made_up[0], made_up[1]))
    tried = []
    for where, curves, healthy in cases:
        right = jumps(curves, slice(1000)) / jumps(healthy, slice(1000))
        tried.append(Case(where, (curves, healthy), [right], wrong_jumps(curves, healthy, right)))
    compare(function, 4, tried)


@called_with("fakes", "real")
def patient_5(function: Callable) -> None:
    """Check for the variety of fakes relative to real faces: RMS differences, averaged over all pairs."""
    run, generator = patient(5), torch.Generator().manual_seed(5)

    def draw(count: int, size: int, spread: float) -> Tensor:
        own = spread * torch.rand(count, 1, 1, 1, generator=generator)
        center = torch.rand(1, 3, size, size, generator=generator) - 0.5
        return (center + own * torch.randn(count, 3, size, size, generator=generator)).clamp(-1, 1)

    cases = [
        ("16 pictures of patient 5", to_float(run.pictures(run.steps[-1])[:16]), to_float(run.faces[:16])),
        ("made-up pictures", draw(40, 4, 0.2), draw(30, 4, 0.8)),
        ("made-up pictures", draw(7, 8, 0.1), draw(11, 8, 0.9)),
        ("made-up pictures", draw(12, 6, 0.05), draw(5, 6, 0.6)),
    ]
    cases[-1][1][3] = cases[-1][1][0]  # equal pictures, which are a pair, too
    compare(function, 5, [_variety_case(*case) for case in cases])


_OTHER_VARIETIES: dict[str, Callable[[Tensor], Tensor]] = {  # of known mistakes
    "that is the standard deviation of all pixels; compare pictures in pairs.": lambda images: images.std(),
    "that is the standard deviation of each pixel; compare pictures in pairs.": lambda images: images.std(
        0
    ).mean(),
    "that is the variance of each pixel; compare pictures in pairs.": lambda images: images.var(0).mean(),
    "it compares each picture with the mean picture; compare pictures in pairs.": lambda images: (
        (images - images.mean(0)).square().flatten(1).mean(1).sqrt().mean()
    ),
    "it takes the largest distance; it should be the mean.": lambda images: _distances(images).max(),
    "it takes the smallest distance; it should be the mean.": lambda images: _distances(images).min(),
    "that is the standard deviation of the distances; it should be their mean.": lambda images: _distances(
        images
    ).std(),
    "it compares the first picture with the others only; take all pairs.": lambda images: (
        (images[1:] - images[0]).flatten(1).square().mean(1).sqrt().mean()
    ),
    "it compares the first two pictures only; take all pairs.": lambda images: (
        (images[0] - images[1]).square().mean().sqrt()
    ),
    "it omits pairs of equal pictures; they count, too.": lambda images: _distances(images)[
        _distances(images) > 0
    ].mean(),
    "it takes a root for each color; take the mean over colors, too, before the root.": lambda images: (
        torch.stack([_distances(color).mean() for color in images.split(1, 1)]).mean()
    ),
    "it uses the first ten pictures only.": lambda images: _distances(images[:10]).mean(),
    "it takes the mean difference of two pictures; square the differences first.": lambda images: _distances(
        images.mean((1, 2, 3))[:, None]
    ).mean(),
    "it uses one color only.": lambda images: _distances(images[:, :1]).mean(),
    "it averages the colors before comparing.": lambda images: _distances(images.mean(1)).mean(),
    "it compares mean brightness, not pictures.": lambda images: images.mean(),
}


def _variety_case(where: str, fakes: Tensor, real: Tensor) -> Case:
    def over(measure: Callable[[Tensor], Tensor]) -> Tensor:
        return measure(fakes.double()) / measure(real.double())

    right = over(lambda images: _distances(images).mean())
    wrong = {
        "it is the reciprocal; divide fakes by real faces.": 1 / right,
        "that is the value of the fakes only; divide by that of the real faces.": _distances(fakes).mean(),
        "that is a difference; it should be a ratio.": _distances(fakes).mean() - _distances(real).mean(),
        "each picture is compared with itself, too; pair it with every other one.": over(
            lambda images: _distances(images).mean() * (len(images) - 1) / len(images)
        ),
        "it adds up the pairs; take their mean.": over(lambda images: _distances(images).sum()),
        "it averages squares over all pairs before taking the root; take the root for each pair.": over(
            lambda images: _distances(images).square().mean().sqrt()
        ),
        "the root is missing.": over(lambda images: _distances(images).square().mean()),
        "it takes absolute differences; square them, and take the root of their mean.": over(
            lambda images: _distances(images, order=1).mean()
        ),
        "it takes the median of the pairs; it should be the mean.": over(
            lambda images: _distances(images).median()
        ),
        "it compares neighbors only; take all pairs.": over(
            lambda images: (images[1:] - images[:-1]).flatten(1).square().mean(1).sqrt().mean()
        ),
        **{said: over(measure) for said, measure in _OTHER_VARIETIES.items()},
        "it compares fakes with real faces; compare fakes with fakes, and real faces with real faces.": (
            across := torch.cdist(fakes.double().flatten(1), real.double().flatten(1)).mean()
            / fakes[0].numel() ** 0.5
        ),
        "it compares fakes with real faces in the numerator; compare fakes with fakes.": (
            across / _distances(real).mean()
        ),
        "it uses only as many real faces as fakes; use all of them.": (
            _distances(fakes).mean() / _distances(real[: len(fakes)]).mean()
        ),
    }
    return Case(where, (fakes, real), [float(right)], wrong, tolerance=5e-4)


@called_with("train", "held_out", "fakes")
def patient_6(function: Callable) -> None:
    """Check for r_v from D's logits."""
    cases = []
    for level in (1.0, 2.5, -0.7):
        train, held_out, fakes = torch.randn(40) + 3 * level, torch.randn(24) + level, torch.randn(32) - 2
        if level < 0:  # r_v does not change when a number is added to all logits
            train, held_out, fakes = train + 5, held_out - 0.5, fakes - 1
        cases.append(_r_v_case(train, held_out, fakes))
    for levels in ((1, 2, -2), (-3, -1, 1)):  # r_v below 0; a denominator below 0
        cases.append(
            _r_v_case(
                *(torch.randn(count) + level for count, level in zip((40, 24, 32), levels, strict=True))
            )
        )
    compare(function, 6, cases)


def _r_v_case(train: Tensor, held_out: Tensor, fakes: Tensor) -> Case:
    def r_v(reduce: Callable[[Tensor], Tensor]) -> Tensor:
        a, b, c = reduce(train), reduce(held_out), reduce(fakes)
        return (a - b) / (a - c)

    a, b, c = train.mean(), held_out.mean(), fakes.mean()
    shortest = min(map(len, (train, held_out, fakes)))
    wrong = {
        "it is the reciprocal.": 1 / r_v(torch.mean),
        "its sign is wrong.": -r_v(torch.mean),
        "that is 1 - r_v: the numerator is training faces minus held-out faces.": 1 - r_v(torch.mean),
        "its denominator is held-out faces minus fakes; it should be training faces minus fakes.": (a - b)
        / (b - c),
        "that is the numerator only.": a - b,
        "that is the denominator only.": a - c,
        "parentheses are missing around the differences.": a - b / a - c,
        "parentheses are missing around the denominator.": (a - b) / a - c,
        "parentheses are missing around the numerator.": a - b / (a - c),
        "that is a percentage; it should be a ratio.": 100 * r_v(torch.mean),
        "it takes medians; it should be means.": r_v(torch.median),
        "it turns logits into probabilities; use the logits themselves.": r_v(lambda x: x.sigmoid().mean()),
        "it turns the means into probabilities; use the logits themselves.": r_v(
            lambda x: x.mean().sigmoid()
        ),
        "that is r_t, the mean sign of D's logits of training faces.": train.sign().mean(),
        "it adds up the logits; take their means.": r_v(torch.sum),
        "it uses the first logit of each kind only.": r_v(lambda x: x[0]),
        "it uses the last logit of each kind only.": r_v(lambda x: x[-1]),
        "it takes the largest logit of each kind; it should be means.": r_v(torch.max),
        "it takes standard deviations; it should be means.": r_v(torch.std),
        "it takes an absolute value; r_v can be negative.": r_v(torch.mean).abs(),
        "it truncates all three to the shortest; use all logits.": r_v(lambda x: x[:shortest].mean()),
        "it turns logits into probabilities, and their means back into logits; use the logits themselves.": r_v(
            lambda x: x.sigmoid().mean().logit()
        ),
        "it clips r_v to 0 to 1; r_v can be negative.": r_v(torch.mean).clamp(0, 1),
        "it clips r_v at 0; r_v can be negative.": r_v(torch.mean).clamp_min(0),
    }
    wrong |= _wrong_r_v(a, b, c)
    return Case("made-up logits", (train, held_out, fakes), [float(r_v(torch.mean))], wrong)


def _wrong_r_v(a: Tensor, b: Tensor, c: Tensor) -> dict[str, Tensor]:
    """Values of known mistakes in the formula, from the means of training faces, held-out faces, and fakes."""
    return {
        "its denominator is an absolute value; it can be negative.": (a - b) / (a - c).abs(),
        "its numerator is an absolute value; it can be negative.": (a - b).abs() / (a - c),
        "training faces and held-out faces are exchanged.": (b - a) / (b - c),
        "training faces minus fakes is the denominator, not the numerator.": (a - c) / (b - c),
        "it divides by the mean of the training faces; subtract that of the fakes from it.": (a - b) / a,
        "it divides by the mean of the fakes; the denominator is a difference.": (a - b) / c,
        "it divides two means; r_v divides differences of means.": b / a,
        "its denominator has a plus where the formula has a minus.": (a - b) / (a + c),
        "held-out faces and fakes are exchanged, and it is the reciprocal.": (a - c) / (a - b),
    }


def _distances(images: Tensor, order: int = 2) -> Tensor:
    """Root mean square or mean absolute differences of all pairs, (pairs,)."""
    flat = images.double().flatten(1)
    return torch.pdist(flat, p=order) / flat.shape[1] ** (1 / order)


def _cases(
    number: int, *, lengths: Sequence[int] = (733, 200), **levels: tuple[float, float]
) -> Iterator[tuple[str, Curves]]:
    """The patient's curves, and made-up curves of these lengths; `levels` are ranges in the failing steps."""
    yield f"patient {number}", patient(number).curves
    for steps in lengths:
        yield "made-up curves", _made_up(steps, number + steps, levels)


def _made_up(steps: int, seed: int, levels: dict[str, tuple[float, float]]) -> Curves:
    """Curves that are healthy at first and fail in the last 200 steps; no two steps are equal."""
    rng = np.random.default_rng(seed)
    well = {
        "loss_d": (0.9, 1.6), "loss_g": (0.8, 2.0), "d_real": (0.5, 0.7), "d_fake": (0.3, 0.5),
        "d_fake_after": (0.25, 0.45), "grad_norm_d": (2.0, 6.0), "grad_norm_g": (1.0, 4.0),
    }  # fmt: skip
    curves = {"step": np.arange(1.0, steps + 1)}
    for name, span in well.items():
        curves[name] = rng.uniform(*span, steps)
        if name in levels:
            curves[name][-LAST:] = rng.uniform(*levels[name], LAST)
            curves[name][-LAST] = sum(span) / 2  # makes one more or one fewer step detectable
    return curves
