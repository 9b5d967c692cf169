"""What a run's curves say: rules on losses, D's outputs and gradient norms, in windows of 200 steps.

The rules are empirical. Each looks at one window, and at the first one for comparison; in a window the first rule that
holds counts. Does not cover what only pictures show, such as mode collapse (`facegan.doctor.pictures`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from facegan.errors import ConfigError

WINDOW, STRIDE = 200, 50  # steps
PROBABILITIES = ("bce", "minimax")  # losses for which D(x) is a probability
_COLUMNS = ("step", "loss_d", "loss_g", "d_real", "d_fake", "grad_norm_d", "grad_norm_g")


@dataclass(frozen=True)
class Finding:
    """A rule that holds.

    Attributes:
        name: of the verdict, in `facegan.doctor.VERDICTS`.
        evidence: the numbers that say so.
        since: the first step of the first window in which it holds, of those up to the last.
        share: of the run's windows in which it holds.
        now: whether it holds in the last window.
    """

    name: str
    evidence: str
    since: int
    share: float
    now: bool


class Window:
    """Metrics of some steps, and of the first ones."""

    def __init__(self, rows: Mapping[str, np.ndarray], early: Mapping[str, np.ndarray]) -> None:
        self.rows, self.early = rows, early

    def mean(self, name: str) -> float:
        return float(self.rows[name].mean())

    @property
    def gap(self) -> float:
        """How far apart D sees real and fake faces: D(x) - D(G(z))."""
        return self.mean("d_real") - self.mean("d_fake")

    @property
    def fooled(self) -> float:
        """The share of steps in which D gives fakes more than real faces."""
        return float((self.rows["d_fake"] > self.rows["d_real"]).mean())

    @property
    def ratio(self) -> float:
        """The median of G's gradient norm over D's."""
        return float(np.median(self.rows["grad_norm_g"] / np.maximum(self.rows["grad_norm_d"], 1e-12)))

    @property
    def growth(self) -> float:
        """The median of G's gradient norm, in early medians."""
        early = float(np.median(self.early["grad_norm_g"]))
        return float(np.median(self.rows["grad_norm_g"])) / max(early, 1e-12)

    @property
    def loss_growth(self) -> float:
        """The mean of G's loss, in early means."""
        return self.mean("loss_g") / max(abs(float(self.early["loss_g"].mean())), 1e-12)


Rule = Callable[[Window], str]  # the evidence; empty where the rule does not hold


def numerical(w: Window) -> str:
    bad = [name for name in _COLUMNS if not np.isfinite(w.rows[name]).all()]
    if bad:
        return f"{bad[0]} is not finite"
    skipped = float((w.rows["grad_norm_d"] == 0).mean())
    return f"{skipped:.0%} of the steps overflow float16 and are skipped" if skipped > 0.1 else ""


def certain(w: Window) -> str:
    return f"D(x) is {w.mean('d_real'):.3f}, D(G(z)) {w.mean('d_fake'):.3f}"


def no_gradient(w: Window) -> str:
    won = w.mean("d_real") > 0.99 and w.mean("d_fake") < 0.01
    return f"{certain(w)}; G's gradient is {w.ratio:.2g} times D's" if won and w.ratio < 0.05 else ""


def d_won(w: Window) -> str:
    won = w.mean("d_real") > 0.99 and w.mean("d_fake") < 0.01
    return certain(w) if won else ""


def dead(w: Window) -> str:
    still = float(w.rows["loss_d"].std()) < 0.01
    even = abs(w.mean("d_real") - 0.5) < 0.01 and abs(w.mean("d_fake") - 0.5) < 0.01
    return f"{certain(w)}; D's loss stays within {w.rows['loss_d'].std():.3f}" if still and even else ""


def d_fooled(w: Window) -> str:
    return f"D(G(z)) is above D(x) in {w.fooled:.0%} of the steps" if w.fooled > 0.5 else ""


def fast(w: Window) -> str:
    high = w.growth > 3 and w.ratio > 3
    return f"G's gradient is {w.growth:.1f} times its early value and {w.ratio:.1f} times D's" if high else ""


def pulls_away(w: Window) -> str:
    away = w.gap > 0.75 and w.loss_growth > 1.4
    return f"{certain(w)}; G's loss is {w.loss_growth:.1f} times its early value" if away else ""


RULES: dict[str, Rule] = {
    "numerical failure": numerical,
    "no gradient reaches G": no_gradient,
    "D has won": d_won,
    "dead game": dead,
    "D is fooled": d_fooled,
    "learning rate too high": fast,
    "D pulls away": pulls_away,
}


def examine(history: Mapping[str, list[float]]) -> list[Finding]:
    """The rules that hold in a history, those that hold at its end first.

    Raises:
        ConfigError: it has fewer than 200 steps.
    """
    columns = {name: np.asarray(history[name], np.float64) for name in _COLUMNS}
    count = len(columns["step"])
    if count < WINDOW:
        raise ConfigError(
            f"the history has {count} steps, expected {WINDOW} or more: the doctor reads windows of them."
        )
    starts = [*range(0, count - WINDOW, STRIDE), count - WINDOW]
    early = {name: column[:WINDOW] for name, column in columns.items()}
    found: dict[str, list[tuple[int, str]]] = {}
    for start in starts:
        rows = {name: column[start : start + WINDOW] for name, column in columns.items()}
        held = _first(Window(rows, early))
        if held:
            found.setdefault(held[0], []).append((int(rows["step"][0]), held[1]))
    last = int(columns["step"][starts[-1]])
    findings = [
        Finding(name, seen[-1][1], seen[0][0], len(seen) / len(starts), seen[-1][0] == last)
        for name, seen in found.items()
    ]
    return sorted(findings, key=lambda f: (not f.now, list(RULES).index(f.name)))


def _first(window: Window) -> tuple[str, str] | None:
    with np.errstate(invalid="ignore"):
        return next(((name, said) for name, rule in RULES.items() if (said := rule(window))), None)
