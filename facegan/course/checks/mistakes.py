"""The results of known mistakes in the clinic's exercises, by feedback."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from facegan.course.checks.evidence import Numbers

Curves = dict[str, np.ndarray]

LAST = 200  # steps


def means(curves: Curves, part: slice) -> list[float]:
    """The means of D(x) and D(G(z)) over some steps."""
    return [curves[name][part].mean() for name in ("d_real", "d_fake")]


def median_ratio(curves: Curves, part: slice) -> float:
    """The median of G's gradient norm divided by D's."""
    return float(np.median(curves["grad_norm_g"][part] / curves["grad_norm_d"][part]))


def share(curves: Curves, part: slice) -> float:
    """The fraction of steps in which D(G(z)) > D(x)."""
    return float((curves["d_fake"][part] > curves["d_real"][part]).mean())


def jumps(curves: Curves, part: slice) -> float:
    """The mean absolute change of D's loss from step to step."""
    return float(np.abs(np.diff(curves["loss_d"][part])).mean())


def wrong_means(curves: Curves) -> Numbers:
    """Numbers of known mistakes of patient 1."""
    real, fake = (curves[name][-LAST:] for name in ("d_real", "d_fake"))
    after = curves["d_fake_after"][-LAST:].mean()
    losses = [curves[name][-LAST:].mean() for name in ("loss_d", "loss_g")]
    return {
        "the two are swapped: D(x) comes first.": [fake.mean(), real.mean()],
        "those are percentages; D's outputs are between 0 and 1.": [100 * real.mean(), 100 * fake.mean()],
        "that is D(G(z)) after D's step; the column is d_fake.": [real.mean(), after],
        "those are losses; D's outputs are in d_real and d_fake.": losses,
        "those are 1 - D; use D's outputs themselves.": [1 - real.mean(), 1 - fake.mean()],
        "D(x) is right; D(G(z)) is taken as 1 - D(G(z)).": [real.mean(), 1 - fake.mean()],
        "it applies a sigmoid; D's outputs are probabilities already.": [
            _sigmoid(real).mean(),
            _sigmoid(fake).mean(),
        ],
        "it uses every tenth step of the last 200; take them all.": [real[::10].mean(), fake[::10].mean()],
        "it uses every second step of the last 200; take them all.": [real[::2].mean(), fake[::2].mean()],
        "that is one mean of both columns; compute one for each.": [(real.mean() + fake.mean()) / 2, 0],
        **_reductions(lambda reduce: [reduce(real), reduce(fake)], "mean"),
        **_windows(partial(means, curves)),
    }


def _sigmoid(values: Any) -> Any:
    return 1 / (1 + np.exp(-values))


def wrong_ratios(curves: Curves) -> Numbers:
    """Numbers of known mistakes."""
    norm_g, norm_d = (curves[name][-LAST:] for name in ("grad_norm_g", "grad_norm_d"))
    loss_g, loss_d = (curves[name][-LAST:] for name in ("loss_g", "loss_d"))
    ratio = norm_g / norm_d
    return {
        "it is the reciprocal: divide G's norm by D's.": np.median(norm_d / norm_g),
        "that is one median divided by another; divide step by step first, then take the median.": (
            np.median(norm_g) / np.median(norm_d)
        ),
        "that is one mean divided by another; divide step by step first, then take the median.": norm_g.mean()
        / norm_d.mean(),
        "that is the median of G's norm; divide by D's.": np.median(norm_g),
        "that is the median of D's norm; G's is divided by it.": np.median(norm_d),
        "that is a difference; it should be a ratio.": np.median(norm_g - norm_d),
        "that is a product; divide.": np.median(norm_g * norm_d),
        "that is G's share of the sum; divide G's norm by D's alone.": np.median(norm_g / (norm_g + norm_d)),
        "the ratio is squared.": np.median(ratio**2),
        "those are losses; the columns are grad_norm_g and grad_norm_d.": np.median(loss_g / loss_d),
        "that is a percentage; it should be a ratio.": 100 * np.median(ratio),
        "that is the geometric mean; it should be the median.": np.exp(np.log(ratio).mean()),
        "it counts the steps below a level; it should be the median of the quotients.": (ratio < 0.05).mean(),
        **{
            f"it adds {eps:g} to D's norm before dividing; divide by the norm itself.": np.median(
                norm_g / (norm_d + eps)
            )
            for eps in (1e-2, 1e-3, 1e-4)
        },
        **_reductions(lambda reduce: reduce(ratio), "median"),
        **_windows(partial(median_ratio, curves)),
    }


def wrong_shares(curves: Curves, right: float) -> Numbers:
    """Numbers of known mistakes."""
    real, fake, after = (curves[name][-LAST:] for name in ("d_real", "d_fake", "d_fake_after"))
    return {
        "that is the number of steps; a share is between 0 and 1.": right * LAST,
        "that is a percentage; a share is between 0 and 1.": right * 100,
        "does // truncate decimals?": right * LAST // LAST,
        "it divides by 199; there are 200 steps.": right * LAST / (LAST - 1),
        "it compares D(G(z)) with the mean of D(x); compare step by step.": (fake > real.mean()).mean(),
        "it compares the mean of D(G(z)) with D(x); compare step by step.": (fake.mean() > real).mean(),
        **{
            f"it requires D(G(z)) to be larger by {margin}; any larger value counts.": (
                fake > real + margin
            ).mean()
            for margin in (0.01, 0.05, 0.1, 0.2)
        },
        "steps in which the two are equal do not count: D(G(z)) must be larger.": (fake >= real).mean(),
        "that is the share of steps in which D(x) is larger.": (real > fake).mean(),
        "that is the share of steps in which D(x) is larger or equal.": (real >= fake).mean(),
        "it compares D(G(z)) with 0.5; compare it with D(x).": (fake > 0.5).mean(),
        "that is how far D(G(z)) is above D(x) on average; count steps.": (fake - real).mean(),
        "that is the mean of D(G(z)); count steps.": fake.mean(),
        "that is the mean of D(x); count steps.": real.mean(),
        "that is a quotient of the two; count steps in which D(G(z)) is larger.": (fake / real).mean(),
        "that is the median of True and False, which says only whether it is more than half; take the mean.": float(
            np.median(fake > real)
        ),
        "those are losses; compare d_fake with d_real.": (curves["loss_g"] > curves["loss_d"])[-LAST:].mean(),
        "it counts in all steps and divides by 200; count in the last 200 only.": (
            (curves["d_fake"] > curves["d_real"]).sum() / LAST
        ),
        "it divides by the number of all steps; divide by 200.": (fake > real).sum() / len(curves["d_real"]),
        "it omits steps in which the two are equal from the total; divide by all 200.": (
            (fake > real).sum() / (fake != real).sum()
        ),
        "it uses D(G(z)) after D's step; the column is d_fake.": (after > real).mean(),
        **_windows(partial(share, curves)),
    }


_OTHER_JUMPS: dict[str, Callable[[Any], Any]] = {  # of known mistakes
    "the signs of the changes cancel; take absolute values.": lambda x: np.diff(x).mean(),
    "the signs of the changes cancel; take absolute values before the mean.": lambda x: abs(
        np.diff(x).mean()
    ),
    "it compares the losses themselves; take changes from step to step.": np.mean,
    "that compares standard deviations; take changes from step to step.": np.std,
    "that compares variances; take changes from step to step.": np.var,
    "that compares ranges, largest minus smallest; take changes from step to step.": np.ptp,
    "that compares the largest changes; take means.": lambda x: np.abs(np.diff(x)).max(),
    "those are medians of the changes; it should be means.": lambda x: np.median(np.abs(np.diff(x))),
    "it squares the changes; take absolute values.": lambda x: np.square(np.diff(x)).mean(),
    "it squares the changes and takes a root; take absolute values.": lambda x: (
        np.square(np.diff(x)).mean() ** 0.5
    ),
    "that is the standard deviation of the changes; take absolute values.": lambda x: np.diff(x).std(),
    "the change from the last value to the first is in it: np.roll wraps around.": lambda x: np.abs(
        x - np.roll(x, 1)
    ).mean(),
    "it divides each change by the loss; use the changes themselves.": lambda x: np.abs(
        np.diff(x) / x[:-1]
    ).mean(),
    "those are changes over two steps; take them from one step to the next.": lambda x: np.abs(
        x[2:] - x[:-2]
    ).mean(),
    "the first ten steps are missing; [:1000] begins at 0.": lambda x: np.abs(np.diff(x[10:])).mean(),
    "it divides by the number of values; the mean is over the changes, which are one fewer.": lambda x: (
        np.abs(np.diff(x)).sum() / len(x)
    ),
}


def wrong_jumps(curves: Curves, healthy: Curves, right: float) -> Numbers:
    """Ratios of known mistakes."""

    def over(measure: Callable[[Any], Any], part: slice = slice(1000), name: str = "loss_d") -> float:
        return float(measure(curves[name][part]) / measure(healthy[name][part]))

    def change(values: Any) -> Any:
        return np.abs(np.diff(values)).mean()

    sick = jumps(curves, slice(1000))
    return {
        "that is the patient's number alone; divide by the healthy run's.": sick,
        "it is the reciprocal: divide the patient's number by the healthy run's.": 1 / right,
        "that is a difference; it should be a ratio.": sick - jumps(healthy, slice(1000)),
        "it uses all steps; take the first 1,000.": over(change, slice(None)),
        "it uses the last 1,000 steps; take the first 1,000.": over(change, slice(-1000, None)),
        "the healthy run's number is of all its steps; take the first 1,000 of both.": sick
        / jumps(healthy, slice(None)),
        "it uses the last 200 steps; take the first 1,000.": over(change, slice(-LAST, None)),
        "it uses the first 200 steps; take the first 1,000.": over(change, slice(LAST)),
        "it uses the first 100 steps; take the first 1,000.": over(change, slice(100)),
        "the first value is missing; [:1000] begins at 0.": over(change, slice(1, 1000)),
        "it uses 1,001 values; the first 1,000 have 999 changes.": over(change, slice(1001)),
        "it uses 999 values, which have 998 changes; take 1,000 values.": over(change, slice(999)),
        "that is G's loss; take D's.": over(change, name="loss_g"),
        "that is D's output; take D's loss, loss_d.": over(change, name="d_real"),
        **{said: over(measure) for said, measure in _OTHER_JUMPS.items()},
        "the healthy run's number is its mean loss; do the same with both.": sick / healthy["loss_d"].mean(),
    }


def _windows(measure: Callable[[slice], Any]) -> Numbers:
    """The results for windows other than the last 200 steps."""
    windows = {
        "it uses all steps": slice(None),
        "it uses the first 200 steps": slice(LAST),
        "it uses 201 steps": slice(-LAST - 1, None),
        "it uses 199 steps": slice(-LAST + 1, None),
        "it omits the last step": slice(-LAST, -1),
        "it omits the first 200 steps and uses all others": slice(LAST, None),
        "it uses the last step only": slice(-1, None),
        "it uses one step only, 200 before the end (is a colon missing?)": slice(-LAST, -LAST + 1),
        "it uses the first step only": slice(1),
    }
    windows |= {
        f"it uses the last {count:,} steps": slice(-count, None)
        for count in (1000, 500, 300, 100, 50, 20, 10)
    }
    return {f"{said}; take the last 200.": measure(part) for said, part in windows.items()}


def _reductions(measure: Callable[[Callable[[Any], Any]], Any], right: str) -> Numbers:
    """The results for summaries of an array other than the correct one."""
    named: dict[str, Callable[[Any], Any]] = {
        "mean": np.mean, "median": np.median, "largest value": np.max, "smallest value": np.min, "sum": np.sum,
        "standard deviation": np.std, "variance": np.var,
    }  # fmt: skip
    found = {
        f"that is the {name}; it should be the {right}.": f for name, f in named.items() if name != right
    }
    return {said: measure(reduce) for said, reduce in found.items()}
