"""Checks of notebook 6: the number that shows a failure, and the failure's name.

Every exercise is tried with the patient of the notebook and with made-up trainings of the same failure, so that copied
numbers do not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan.course.checks.evidence import Numbers, compare
from facegan.course.checks.tools import check
from facegan.course.clinic import patient
from facegan.images import to_float

Curves = dict[str, np.ndarray]

_LAST = 200  # steps


def patient_1(function: Callable) -> None:
    """D(x) and D(G(z)), means of the last 200 steps."""
    for where, curves in _cases(1, d_real=(0.95, 0.999), d_fake=(0.001, 0.05)):
        real, fake = (curves[name][-_LAST:] for name in ("d_real", "d_fake"))
        after = curves["d_fake_after"][-_LAST:].mean()
        wrong = {
            "the two are swapped: D(x) comes first.": [fake.mean(), real.mean()],
            "those are medians; it should be means.": [np.median(real), np.median(fake)],
            "those are percentages; D's outputs are between 0 and 1.": [100 * real.mean(), 100 * fake.mean()],
            "that is D(G(z)) after D's step; the column is d_fake.": [real.mean(), after],
            **_windows(partial(_means, curves)),
        }
        compare(function, 1, where, (curves,), [real.mean(), fake.mean()], wrong)


def patient_2(function: Callable) -> None:
    """The median of G's gradient norm over D's, in the last 200 steps."""
    levels = {"d_real": (0.99, 1.0), "d_fake": (0.0, 0.01), "grad_norm_g": (0.001, 0.05)}
    # of an even number of values, the median is the lower or upper middle, or their mean
    conventions = {0, 1, 2}
    for index, (where, curves) in enumerate(_cases(2, lengths=(733, 612), **levels)):
        if index:  # one step more or less moves the median to the lower middle first, then to the upper one
            small_last = index == 2
            curves["grad_norm_g"][[-_LAST, -_LAST - 1]] = (1e-4, 4.0) if small_last else (4.0, 1e-4)
        norm_g, norm_d = (curves[name][-_LAST:] for name in ("grad_norm_g", "grad_norm_d"))
        ratio = norm_g / norm_d
        wrong = {
            "it is upside down: G's norm over D's.": np.median(norm_d / norm_g),
            "that is the mean; it should be the median.": ratio.mean(),
            "that is one median over another; divide step by step first, then take the median.": (
                np.median(norm_g) / np.median(norm_d)
            ),
            "that is one mean over another; divide step by step, and take the median.": norm_g.mean()
            / norm_d.mean(),
            "that is the median of G's norm; divide by D's.": np.median(norm_g),
            "that is a percentage; it should be a ratio.": 100 * np.median(ratio),
            **_windows(partial(_median_ratio, curves)),
        }
        low, high = np.sort(ratio)[[_LAST // 2 - 1, _LAST // 2]]
        middles = (low, (low + high) / 2, high)
        got = compare(function, 2, where, (curves,), [middles[1]], wrong, within=(low, high))
        conventions &= {i for i, middle in enumerate(middles) if abs(got[0] - middle) < 1e-5 * middle}
        check(conventions, "it uses a step more or less than the last 200.")


def patient_3(function: Callable) -> None:
    """The share of the last 200 steps in which D(G(z)) > D(x)."""
    for where, curves in _cases(3, d_real=(0.3, 0.8), d_fake=(0.5, 0.95)):
        ties = slice(-5, None)
        if where.startswith("made-up"):
            curves["d_fake"][ties] = curves["d_real"][ties]
        real, fake = (curves[name][-_LAST:] for name in ("d_real", "d_fake"))
        share = (fake > real).mean()
        wrong = {
            "that is the number of steps; a share is between 0 and 1.": share * _LAST,
            "that is a percentage; a share is between 0 and 1.": share * 100,
            "steps in which the two are equal do not count: D(G(z)) must be larger.": (fake >= real).mean(),
            "that is the share of steps in which D(x) is larger.": (real > fake).mean(),
            "it compares D(G(z)) with 0.5; compare it with D(x).": (fake > 0.5).mean(),
            "that is how far D(G(z)) is above D(x) on average; count steps.": (fake - real).mean(),
            "that is the mean of D(G(z)); count steps.": fake.mean(),
            "it divides by the number of all steps; divide by 200.": (fake > real).sum()
            / len(curves["d_real"]),
            "it leaves steps in which the two are equal out of the total; divide by all 200.": (
                (fake > real).sum() / (fake != real).sum()
            ),
            "it uses D(G(z)) after D's step; the column is d_fake.": (
                curves["d_fake_after"][-_LAST:] > real
            ).mean(),
            **_windows(partial(_share, curves)),
        }
        compare(function, 3, where, (curves,), [share], wrong)


def patient_4(function: Callable) -> None:
    """How much D's loss jumps in the first 1,000 steps, over the same number of a healthy run."""
    cases = [("patient 4", patient(4).curves, patient(0).curves)]
    for steps, steps_well in ((1333, 1200), (1000, 1001)):
        made_up = [_made_up(count, 40 + count, {}) for count in (steps, steps_well)]
        for curves, least in zip(made_up, (0.5, 1.0), strict=True):
            curves["loss_d"] = least + 2 * (curves["loss_d"] - least)
            curves["loss_d"][999] *= 4  # a step more or less than 1,000 shows
        cases.append(("made-up curves", made_up[0], made_up[1]))
    for where, curves, healthy in cases:
        right = _jumps(curves, slice(1000)) / _jumps(healthy, slice(1000))
        wrong = _wrong_jumps(curves, healthy, right)
        compare(function, 4, where, (curves, healthy), [right], wrong)


def _wrong_jumps(curves: Curves, healthy: Curves, right: float) -> Numbers:
    """Ratios of known mistakes."""
    return {
        "that is the patient's number alone; divide by the healthy run's.": _jumps(curves, slice(1000)),
        "it is upside down: the patient's number over the healthy run's.": 1 / right,
        "it uses all steps; take the first 1,000.": _jumps(curves, slice(None))
        / _jumps(healthy, slice(None)),
        "it uses the last 1,000 steps; take the first 1,000.": _jumps(curves, slice(-1000, None))
        / _jumps(healthy, slice(-1000, None)),
        "the healthy run's number is of all its steps; take the first 1,000 of both.": _jumps(
            curves, slice(1000)
        )
        / _jumps(healthy, slice(None)),
        "it uses the last 200 steps; take the first 1,000.": _jumps(curves, slice(-_LAST, None))
        / _jumps(healthy, slice(-_LAST, None)),
        "the signs of the changes cancel; take absolute values.": np.diff(curves["loss_d"][:1000]).mean()
        / np.diff(healthy["loss_d"][:1000]).mean(),
        "it compares the losses themselves; take changes from step to step.": curves["loss_d"][:1000].mean()
        / healthy["loss_d"][:1000].mean(),
        "it uses 1,001 values; the first 1,000 have 999 changes.": _jumps(curves, slice(1001))
        / _jumps(healthy, slice(1001)),
        "that is G's loss; take D's.": _jumps(curves, slice(1000), "loss_g")
        / _jumps(healthy, slice(1000), "loss_g"),
        "that compares standard deviations; take changes from step to step.": curves["loss_d"][:1000].std()
        / healthy["loss_d"][:1000].std(),
        "those are medians of the changes; it should be means.": _jumps(curves, slice(1000), reduce=np.median)
        / _jumps(healthy, slice(1000), reduce=np.median),
        "it squares the changes; take absolute values.": _squares(curves) / _squares(healthy),
        "it squares the changes and takes a root; take absolute values.": (
            _squares(curves) / _squares(healthy)
        )
        ** 0.5,
    }


def patient_5(function: Callable) -> None:
    """How much fakes differ, over how much real faces do: root mean square differences, means over all pairs."""
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
    for where, fakes, real in cases:
        _check_ratio(function, where, fakes, real)


def _check_ratio(function: Callable, where: str, fakes: Tensor, real: Tensor) -> None:
    def over(measure: Callable[[Tensor], Tensor]) -> Tensor:
        return measure(fakes.double()) / measure(real.double())

    right = over(lambda images: _distances(images).mean())
    wrong = {
        "it is upside down: fakes over real faces.": 1 / right,
        "that is the number of the fakes alone; divide by that of the real faces.": _distances(fakes).mean(),
        "that is a difference; it should be a ratio.": _distances(fakes).mean() - _distances(real).mean(),
        "each picture is compared with itself, too; take pairs of different pictures.": over(
            lambda images: _distances(images).mean() * (len(images) - 1) / len(images)
        ),
        "it adds up the pairs; take their mean.": over(lambda images: _distances(images).sum()),
        "it averages squares over all pairs before it takes the root; every pair has a root of its own.": over(
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
        "that is the spread of all pixels; compare pictures in pairs.": over(lambda images: images.std()),
        "that is the spread of each pixel; compare pictures in pairs.": over(
            lambda images: images.std(0).mean()
        ),
    }
    compare(function, 5, where, (fakes, real), [float(right)], wrong, tolerance=5e-4)


def patient_6(function: Callable) -> None:
    """r_v from D's logits."""
    for level in (1.0, 2.5, -0.7):
        train, held_out, fakes = torch.randn(40) + 3 * level, torch.randn(24) + level, torch.randn(32) - 2
        if level < 0:  # r_v does not change when a number is added to all logits
            train, held_out, fakes = train + 5, held_out - 0.5, fakes - 1
        _check_r_v(function, train, held_out, fakes)
    _check_r_v(function, torch.randn(40) + 1, torch.randn(24) + 2, torch.randn(32) - 2)  # r_v below 0


def _check_r_v(function: Callable, train: Tensor, held_out: Tensor, fakes: Tensor) -> None:
    def r_v(reduce: Callable[[Tensor], Tensor]) -> Tensor:
        a, b, c = reduce(train), reduce(held_out), reduce(fakes)
        return (a - b) / (a - c)

    a, b, c = train.mean(), held_out.mean(), fakes.mean()
    wrong = {
        "it is upside down.": 1 / r_v(torch.mean),
        "its sign is wrong.": -r_v(torch.mean),
        "that is 1 - r_v: the numerator is training faces minus held-out faces.": 1 - r_v(torch.mean),
        "its denominator is held-out faces minus fakes; it should be training faces minus fakes.": (a - b)
        / (b - c),
        "that is the numerator alone.": a - b,
        "brackets are missing around the differences.": a - b / a - c,
        "that is a percentage; it should be a ratio.": 100 * r_v(torch.mean),
        "it takes medians; it should be means.": r_v(torch.median),
        "it turns logits into probabilities; take the logits as they are.": r_v(lambda x: x.sigmoid().mean()),
        "that is r_t, the mean sign of D's logits of training faces.": train.sign().mean(),
        "it adds up the logits; take their means.": r_v(torch.sum),
        "it uses the first logit of each kind only.": r_v(lambda x: x[0]),
    }
    right = float(r_v(torch.mean))
    compare(function, 6, "made-up logits", (train, held_out, fakes), [right], wrong)


def _means(curves: Curves, part: slice) -> list[float]:
    return [curves[name][part].mean() for name in ("d_real", "d_fake")]


def _median_ratio(curves: Curves, part: slice) -> float:
    return float(np.median(curves["grad_norm_g"][part] / curves["grad_norm_d"][part]))


def _share(curves: Curves, part: slice) -> float:
    return float((curves["d_fake"][part] > curves["d_real"][part]).mean())


def _jumps(
    curves: Curves, part: slice, name: str = "loss_d", *, reduce: Callable[[Any], Any] = np.mean
) -> float:
    return float(reduce(np.abs(np.diff(curves[name][part]))))


def _squares(curves: Curves) -> float:
    return float(np.square(np.diff(curves["loss_d"][:1000])).mean())


def _distances(images: Tensor, order: int = 2) -> Tensor:
    """Of all pairs: root mean square differences, or mean absolute ones; (pairs,)."""
    flat = images.double().flatten(1)
    return torch.pdist(flat, p=order) / flat.shape[1] ** (1 / order)


def _cases(
    number: int, *, lengths: Sequence[int] = (733, 200), **levels: tuple[float, float]
) -> Iterator[tuple[str, Curves]]:
    """The patient's curves, and made-up ones of so many steps; `levels` are ranges of columns of the sick steps."""
    yield f"patient {number}", patient(number).curves
    for steps in lengths:
        yield "made-up curves", _made_up(steps, number + steps, levels)


def _made_up(steps: int, seed: int, levels: dict[str, tuple[float, float]]) -> Curves:
    """Curves that are healthy first, and sick in the last 200 steps and a few before; no two steps are alike."""
    rng = np.random.default_rng(seed)
    well = {
        "loss_d": (0.9, 1.6), "loss_g": (0.8, 2.0), "d_real": (0.5, 0.7), "d_fake": (0.3, 0.5),
        "d_fake_after": (0.25, 0.45), "grad_norm_d": (2.0, 6.0), "grad_norm_g": (1.0, 4.0),
    }  # fmt: skip
    curves = {"step": np.arange(1.0, steps + 1)}
    for name, span in well.items():
        curves[name] = rng.uniform(*span, steps)
        if name in levels:
            curves[name][-_LAST:] = rng.uniform(*levels[name], _LAST)
            curves[name][-_LAST] = sum(span) / 2  # the first of the last steps; one more or less shows
    return curves


def _windows(measure: Callable[[slice], Any]) -> Numbers:
    """What other windows than the last 200 steps give."""
    return {
        "it uses all steps; take the last 200.": measure(slice(None)),
        "it uses the first 200 steps; take the last 200.": measure(slice(_LAST)),
        "it uses 201 steps; take the last 200.": measure(slice(-_LAST - 1, None)),
        "it uses 199 steps; take the last 200.": measure(slice(-_LAST + 1, None)),
        "it leaves out the last step; take the last 200.": measure(slice(-_LAST, -1)),
        "it uses the last 100 steps; take the last 200.": measure(slice(-100, None)),
        "it uses the last step only; take the last 200.": measure(slice(-1, None)),
    }
