"""Rules on a run's curves: losses, D's outputs, and gradient norms.

The rules are empirical. Each one reads a window of 200 steps, and the first window for comparison. In each window, only
the first rule that applies counts. D(x) and D(G(z)) are probabilities only with `bce` and `minimax`; with other losses,
the rules use D's loss instead. Failures that only pictures show, such as mode collapse, are in
`facegan.doctor.pictures`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from facegan.config import TrainConfig
from facegan.doctor.verdicts import Verdict
from facegan.errors import ConfigError, first_line

WINDOW, STRIDE = 200, 50  # steps
PROBABILITIES = ("bce", "minimax")  # losses for which D(x) is a probability
_WON = {"least_squares": 0.01, "hinge": 0.02}  # D has won if its median loss is below this value
_AWAY = {"least_squares": 0.05, "hinge": 0.3}  # D pulls away if its median loss is below this value
HIGH_RATE = 5e-3  # learning rate of Adam, 25 times that of DCGAN
_RECENT, _CERTAIN = 8, 3  # number of last windows that count, and of those in which a rule must apply
_COLUMNS = ("step", "loss_d", "loss_g", "d_real", "d_fake", "grad_norm_d", "grad_norm_g")


class Window:
    """Metrics of a window and of the first window, by column.

    Args:
        rows: columns of the window.
        early: columns of the first window.
        loss: name of the run's loss.
        rates: learning rates of D and G; None if unknown.
    """

    def __init__(
        self, rows: Columns, early: Columns, loss: str, rates: tuple[float, float] | None = None
    ) -> None:
        self.rows, self.early, self.loss, self.rates = rows, early, loss, rates

    def middle(self, name: str) -> float:
        """The median of a column, which ignores spikes in single steps."""
        return float(np.median(self.rows[name]))

    @property
    def has_probabilities(self) -> bool:
        return self.loss in PROBABILITIES

    @property
    def won(self) -> bool:
        """Whether D is certain about all its inputs."""
        if self.has_probabilities:
            return self.middle("d_real") > 0.99 and self.middle("d_fake") < 0.01
        return self.gap > 0 and self.middle("loss_d") < _WON.get(self.loss, -np.inf)

    @property
    def even(self) -> bool:
        """Whether D gives the same output for all its inputs; for probabilities, one half."""
        off = max(abs(self.middle(name) - 0.5) for name in ("d_real", "d_fake"))
        return self.apart < 0.002 and (off < 0.01 or not self.has_probabilities)

    @property
    def apart(self) -> float:
        """The mean of |D(x) - D(G(z))| over the steps."""
        return float(np.abs(self.rows["d_real"] - self.rows["d_fake"]).mean())

    @property
    def gap(self) -> float:
        """The difference of the medians of D(x) and D(G(z))."""
        return self.middle("d_real") - self.middle("d_fake")

    @property
    def fooled(self) -> float:
        """The fraction of steps in which D's output is higher for fakes than for real faces."""
        return float((self.rows["d_fake"] > self.rows["d_real"]).mean())

    @property
    def ratio(self) -> float:
        """The median of G's gradient norm divided by D's."""
        return float(np.median(self.rows["grad_norm_g"] / np.maximum(self.rows["grad_norm_d"], 1e-12)))

    @property
    def jump(self) -> float:
        """The mean absolute change of D's loss from step to step."""
        return float(np.abs(np.diff(self.rows["loss_d"])).mean())

    def growth(self, name: str) -> float:
        """A column's median divided by that of the first window's finite values; NaN if there are none."""
        first = self.early[name][np.isfinite(self.early[name])]
        return self.middle(name) / max(abs(float(np.median(first))), 1e-12) if len(first) else np.nan

    @property
    def outputs(self) -> str:
        """The outputs of D, or the losses, as text."""
        if self.has_probabilities:
            return f"D(x) is {self.middle('d_real'):.3f}, D(G(z)) {self.middle('d_fake'):.3f}"
        return f"D's loss is {self.middle('loss_d'):.3g}, G's {self.middle('loss_g'):.3g}"


Columns = Mapping[str, np.ndarray]
Rule = Callable[[Window], str]  # returns the evidence; empty if the rule does not apply


def numerical(w: Window) -> str:
    bad = [name for name in _COLUMNS if not np.isfinite(w.rows[name]).all()]
    if bad:
        return f"{bad[0]} is not finite"
    zero = (w.rows["grad_norm_d"] == 0) & (
        w.rows["loss_d"] != 0
    )  # if the hinge loss is 0, its gradient is also 0
    skipped = 0.0 if w.won else float(zero.mean())
    return f"{skipped:.0%} of the steps overflow float16 and are skipped" if skipped > 0.1 else ""


def fast(w: Window) -> str:
    """High rates with any sign of failure; if rates are unknown, an unstable D or a growing gradient of G."""
    if w.rates:
        trouble = w.won or w.jump > 0.15 or abs(w.gap) > 0.75 or d_fooled(w)
        held = max(w.rates) >= HIGH_RATE and trouble
        return f"the rates of D and G are {w.rates[0]:g} and {w.rates[1]:g}; {w.outputs}" if held else ""
    if w.won or not w.has_probabilities:
        return ""
    if w.jump > 0.27:
        return f"D's loss changes by {w.jump:.2f} from step to step"
    g, ratio = w.growth("grad_norm_g"), w.ratio
    high = g > 3 and 3 < ratio < 30
    return f"G's gradient is {g:.1f} times its early value and {ratio:.1f} times D's" if high else ""


def no_gradient(w: Window) -> str:
    return f"{w.outputs}; G's gradient is {w.ratio:.2g} times D's" if w.won and w.ratio < 0.05 else ""


def d_won(w: Window) -> str:
    return w.outputs if w.won else ""


def dead(w: Window) -> str:
    """D's output is constant, and G gets no gradient. If G matches the data, it is constant, but G gets a gradient."""
    spread = float(w.rows["loss_d"].std())
    held = w.even and spread < 0.01 and (w.ratio < 0.05 or w.apart < 1e-5)
    return (
        f"{w.outputs}; D's loss varies by {spread:.2g}; G's gradient is {w.ratio:.2g} times D's"
        if held
        else ""
    )


def d_fooled(w: Window) -> str:
    held = w.fooled > 0.6 and w.gap < -0.03
    return f"D(G(z)) is above D(x) in {w.fooled:.0%} of the steps, by {-w.gap:.2f}" if held else ""


def pulls_away(w: Window) -> str:
    growth = w.growth("loss_g")
    if w.has_probabilities:
        held = (
            w.gap > 0.85 and growth > 1.4
        )  # with a strong D, the gap may be this large, but G's loss is constant, and faces improve
        return f"{w.outputs}; G's loss is {growth:.1f} times its early value" if held else ""
    if w.loss == "wasserstein":
        apart = -w.growth("loss_d")
        held = apart > 10 and -w.middle("loss_d") > 100
        return f"D's loss is {w.middle('loss_d'):.3g}, {apart:.0f} times its early size" if held else ""
    return w.outputs if w.middle("loss_d") < _AWAY.get(w.loss, -np.inf) else ""


RULES: dict[str, Rule] = {
    "numerical failure": numerical,
    "learning rate too high": fast,
    "no gradient reaches G": no_gradient,
    "D has won": d_won,
    "dead game": dead,
    "D is fooled": d_fooled,
    "D pulls away": pulls_away,
}


def rates_of(config: TrainConfig) -> tuple[float, float] | None:
    """The learning rates of D and G, for `examine`; None if D's optimizer is not Adam."""
    return (config.lr_d, config.lr_g) if config.optimizer_d == "adam" else None


def examine(
    history: Mapping[str, Sequence[float]],
    loss: str = "bce",
    *,
    rates: tuple[float, float] | None = None,
    recent: bool = False,
) -> list[Verdict]:
    """Find the rules that apply in the last windows of a history.

    Args:
        history: a `History`, or a mapping with the same columns.
        loss: name of the run's loss.
        rates: learning rates of D and G, if known; see `rates_of`.
        recent: whether to read only the last windows; if so, a verdict's `since` is not earlier.

    Returns:
        Verdicts, which are sure if their rule applies in at least three of the last windows.

    Raises:
        ConfigError: the history has fewer than 200 steps, or lacks a column.
    """
    columns = _columns(history)
    count = len(columns["step"])
    starts = [*range(0, count - WINDOW, STRIDE), count - WINDOW][-_RECENT if recent else 0 :]
    early = {name: column[:WINDOW] for name, column in columns.items()}
    held: list[tuple[str, str]] = []
    for start in starts:
        rows = {name: column[start : start + WINDOW] for name, column in columns.items()}
        held.append(_first(Window(rows, early, loss, rates)))
    names = [name for name, _ in held]
    return [
        Verdict(
            name,
            next(evidence for seen, evidence in reversed(held) if seen == name),
            int(columns["step"][starts[_begin(names, name)]]),
            sure=name == "numerical failure" or names[-_RECENT:].count(name) >= min(_CERTAIN, len(names)),
        )
        for name in RULES
        if name in names[-_RECENT:]
    ]


def numbers(history: Mapping[str, Sequence[float]], names: Sequence[str]) -> list[np.ndarray]:
    """Columns of a history as arrays. Raises `ConfigError` unless they are numbers of equal length."""
    columns = [_column(name, history[name]) for name in names]
    for name, column in zip(names, columns, strict=True):
        if len(column) != len(columns[0]):
            raise ConfigError(
                f"the history has {len(columns[0]):,} rows of {names[0]!r} and {len(column):,} of {name!r}, expected "
                "equal numbers. Pass a whole history."
            )
    return columns


def what_loss_hides(loss: str) -> str:
    """Describe what cannot be examined with a loss; empty for `bce` and `minimax`."""
    if loss in PROBABILITIES:
        return ""
    if loss in _WON:
        return f"D's probabilities: loss {loss!r} has none; D's loss was used instead."
    return f"whether D has won: loss {loss!r} has neither probabilities nor a smallest value."


def _columns(history: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    missing = [name for name in _COLUMNS if name not in history]
    if missing:
        raise ConfigError(
            f"the history has no column {missing[0]!r}, expected those of gan.history: {', '.join(_COLUMNS)}."
        )
    columns = dict(zip(_COLUMNS, numbers(history, _COLUMNS), strict=True))
    if (count := len(columns["step"])) < WINDOW:
        raise ConfigError(
            f"the history has {count} steps, expected {WINDOW} or more. Train longer, and keep the metrics of every "
            "step."
        )
    if not (np.diff(columns["step"]) > 0).all():  # also False if one is NaN
        raise ConfigError("the history's steps do not ascend. Pass the history of one run, in order.")
    return columns


def _column(name: str, values: Sequence[float]) -> np.ndarray:
    try:
        column = np.asarray(values, np.float64)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError comes from PyTorch
        raise ConfigError(
            f"the history's column {name!r} is not a list of numbers ({first_line(error)}). Pass one number per step."
        ) from None
    if column.ndim != 1:
        raise ConfigError(
            f"the history's column {name!r} has the shape {column.shape}, expected one number per step."
        )
    return column


def _begin(names: list[str], name: str) -> int:
    """The window at which a verdict's last period begins; gaps of up to `_RECENT` windows are ignored."""
    rows = [row for row, held in enumerate(names) if held == name]
    first = len(rows) - 1
    while first and rows[first] - rows[first - 1] <= _RECENT:
        first -= 1
    return rows[first]


def _first(window: Window) -> tuple[str, str]:
    with np.errstate(invalid="ignore", over="ignore"):
        return next(((name, said) for name, rule in RULES.items() if (said := rule(window))), ("", ""))
