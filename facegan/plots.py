"""Plots faces, training curves, and feature maps.

All figures use the color-blind safe palette of Okabe & Ito (2008), and text that is legible at a width of 900 px. If
`ax` is not given, a figure without pyplot state is created, so figures do not accumulate.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from torch import Tensor

from facegan.errors import ConfigError, expect, shown
from facegan.images import make_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from facegan.figures import Figure

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
_PLAYERS, _NORMS = (("of D", BLUE), ("of G", ORANGE)), ("grad_norm_d", "grad_norm_g")
_DRAWN = ("loss_d", "loss_g", "d_real", "d_fake")
_INCHES_PER_LETTER = 0.08  # width of row labels
_SMOOTHING = 0.02  # window of the bold line, as a fraction of the steps


@overload
def show_images(
    images: Tensor | np.ndarray,
    *,
    columns: int | None = None,
    alt: str | None = None,
    scale: int = 1,
    rows: Sequence[str] | None = None,
    ax: None = None,
) -> Figure: ...
@overload
def show_images(
    images: Tensor | np.ndarray,
    *,
    columns: int | None = None,
    alt: str | None = None,
    scale: int = 1,
    rows: Sequence[str] | None = None,
    ax: Axes,
) -> None: ...


def show_images(
    images: Tensor | np.ndarray,
    *,
    columns: int | None = None,
    alt: str | None = None,
    scale: int = 1,
    rows: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure | None:
    """Show images (N, 3, H, W), uint8 or floats in [-1, 1], as one grid.

    In a notebook, the figure is shown, also from within a loop.

    Args:
        images: images to show.
        columns: images per row; by default, the grid is as square as possible.
        alt: alternative text for screen readers; by default, for example, "A grid of 16 images".
        scale: enlargement; every pixel becomes a square of that side.
        rows: a label for each row, drawn to its left; the default alternative text includes the labels.
        ax: axes in your own figure to draw on; `alt` is then ignored.

    Returns:
        The figure; None if `ax` is given.

    Raises:
        ConfigError: `images` are not images, `columns` or `scale` is not a whole number of 1 or more, or the number of
            `rows` is wrong.
    """
    if isinstance(scale, bool) or not isinstance(scale, Integral) or scale < 1:
        raise ConfigError(f"scale is {shown(scale)}, expected a whole number of 1 or more, such as 3.")
    grid = make_grid(images, columns=columns, scale=int(scale))
    labels, figure = _row_labels(rows, grid, side=np.shape(images)[-2] * int(scale)), None
    if ax is None:
        width, height, margin = (
            grid.shape[2] / 70,
            grid.shape[1] / 70,
            _INCHES_PER_LETTER * max(map(len, labels), default=0),
        )
        share = margin / (width + margin)
        figure = _figure(width + margin, height, layout="none")
        ax = figure.add_axes((share, 0, 1 - share, 1))
    ax.imshow(grid.permute(1, 2, 0), interpolation="nearest")
    for row, label in enumerate(labels):
        ax.text(-4, (row + 0.5) * grid.shape[1] / len(labels), label, ha="right", va="center", fontsize=9)
    ax.set_axis_off()
    if figure:
        what = "An image" if len(images) == 1 else f"A grid of {len(images)} images"
        figure.alt = alt or what + (f"; rows: {', '.join(labels)}" if labels else "")
        figure.show_later()
    return figure


def _row_labels(rows: Sequence[str] | None, grid: Tensor, *, side: int) -> list[str]:
    """The labels as text, one for each row of a grid of images that are `side` pixels high."""
    labels, there = [str(row) for row in rows or ()], max(1, (grid.shape[1] - 2) // (side + 2))
    if labels and len(labels) != there:
        raise ConfigError(f"got {len(labels)} labels for {there} rows. Pass one label for each row.")
    return labels


@overload
def plot_curves(history: Mapping[str, Sequence[float]], *, ax: None = None) -> Figure: ...
@overload
def plot_curves(history: Mapping[str, Sequence[float]], *, ax: Sequence[Axes]) -> None: ...


def plot_curves(history: Mapping[str, Sequence[float]], *, ax: Sequence[Axes] | None = None) -> Figure | None:
    """Plot losses, D(x), and D(G(z)) over steps.

    Thin lines are single steps; bold lines are running means. If neither G nor D is stronger, D(x) and D(G(z)) are near
    one half.

    Args:
        history: `gan.history`, or the return value of `fit`.
        ax: two axes in your own figure to draw on.

    Returns:
        The figure; None if `ax` is given.

    Raises:
        ConfigError: the history is empty, or a column is missing.
    """
    expect(history, Mapping, "history", "gan.history, or what fit returns")
    if not len(_gaps(history.get("loss_d", ()), "loss_d")):
        raise ConfigError("the history is empty; train for at least one step before plotting it.")
    if missing := {"loss_d", "loss_g", "d_real", "d_fake"} - history.keys():
        raise ConfigError(
            f"the history has no column {', '.join(map(repr, sorted(missing)))}, expected gan.history, or what fit "
            "returns."
        )
    figure = None
    if ax is None:
        figure = _figure(10, 3.6)
        ax = figure.subplots(1, 2)
    left, right = ax
    _lines(left, history, {"loss_d": ("discriminator", BLUE), "loss_g": ("generator", ORANGE)})
    left.set(xlabel="step", ylabel="loss")
    left.set_title("Losses", loc="left")
    _lines(right, history, {"d_real": ("D(x), real", BLUE), "d_fake": ("D(G(z)), fake", ORANGE)})
    right.axhline(0.5, color="0.5", linewidth=1, linestyle=":")
    right.set(xlabel="step", ylabel="mean probability of “real”", ylim=(0, 1))
    right.set_title("Discriminator output", loc="left")
    if figure:
        figure.alt = "Curves of the losses, D(x) and D(G(z)) over the steps"
        figure.show_later()
    return figure


def plot_runs(
    histories: Mapping[str, Mapping[str, Sequence[float]]], pictures: Mapping[str, Tensor] | None = None
) -> Figure:
    """Plot D(x), D(G(z)), gradient norms on a logarithmic axis, and losses of several runs, with one row per run.

    Thin lines are single steps; bold lines are running means.

    Args:
        histories: histories by name of the run.
        pictures: images (N, 3, S, S) by the same names, drawn side by side instead of the losses. Thin lines are then
            not drawn.

    Raises:
        ConfigError: there is no history, or one is empty.
    """
    if not histories or not all(len(history.get("loss_d", ())) for history in histories.values()):
        raise ConfigError("a history is missing or empty; train for at least one step before plotting it.")
    figure = _figure(7.6 if pictures else 8, 0.6 + (0.8 if pictures else 1.4) * len(histories))
    ratios = (1, 1, 0.9) if pictures else (1, 1, 1)
    grid = figure.subplots(len(histories), 3, squeeze=False, width_ratios=ratios)
    thin = 0.0 if pictures else 0.8
    for (left, middle, right), (name, history) in zip(grid, histories.items(), strict=True):
        outputs = {"d_real": ("D(x)", BLUE), "d_fake": ("D(G(z))", ORANGE)}
        _lines(left, history, outputs, thin=thin)
        left.set_ylim(-0.03, 1.03)
        left.set_ylabel(name, fontsize=8 if pictures else 10)
        norms: dict[str, Any] = {key: _positive(history[key]) for key in _NORMS}
        _lines(middle, {**history, **norms}, dict(zip(_NORMS, _PLAYERS, strict=True)), thin=thin)
        middle.set(yscale="log", ylim=(1e-3, 1e3))
        middle.yaxis.set_minor_formatter("")
        if pictures:
            show_images(pictures[name], columns=len(pictures[name]), ax=right)
        else:
            _lines(right, history, dict(zip(("loss_d", "loss_g"), _PLAYERS, strict=True)))
    last = "Fakes" if pictures else "Loss"
    for ax, title in zip(grid[0], ("D's output", "Gradient norm", last), strict=True):
        ax.set_title(title, loc="left", fontsize=9)
    _joined(grid[:, : 2 if pictures else 3])
    shown = np.concatenate([_positive(found[name]) for found in histories.values() for name in _NORMS])
    if np.isfinite(shown).any():
        low, high = np.nanquantile(shown, (0.002, 0.998))
        grid[0, 1].set_ylim(max(low / 2, high * 1e-8), high * 2)
    figure.alt = f"D(x) and D(G(z)), gradient norms, {last.lower()}; rows: {', '.join(histories)}"
    figure.show_later()
    return figure


def _joined(grid: np.ndarray) -> None:
    """Share the step axis and the legend in each column, and the scale of the gradient norms."""
    for column, axes in enumerate(grid.T):
        for ax in axes[1:]:
            ax.get_legend().remove()
            ax.sharex(axes[0])
            if column == 1:
                ax.sharey(axes[0])
        for ax in axes[:-1]:
            ax.tick_params(labelbottom=False)
        handles, labels = axes[0].get_legend_handles_labels()
        place = {"loc": "lower right", "bbox_to_anchor": (1.02, 0.98), "borderpad": 0.1}
        axes[0].legend(handles, labels, frameon=False, ncols=2, fontsize=8, handlelength=0.7, **place)
        axes[0].autoscale(axis="x")
        axes[-1].set_xlabel("step")


def _positive(values: Sequence[float]) -> np.ndarray:
    """Values for a logarithmic axis: 0 is replaced with a tiny number."""
    return np.maximum(_gaps(values, "gradient norm"), 1e-12)


class MarkedCurves:
    """A picture of the losses above D's outputs. It is drawn once, and a line can be added at any step.

    Raises `ConfigError` if the history is empty.
    """

    def __init__(self, history: Mapping[str, Sequence[float]]) -> None:
        self._figure = plot_stacked(history)
        self._picture = picture_of(self._figure)

    def at(self, step: int) -> Tensor:
        """The picture, uint8 (3, H, W), with a dark line at `step`."""
        picture = self._picture.clone()
        height = picture.shape[1]
        for ax in self._figure.axes:
            x = round(ax.transData.transform((step, 0))[0])
            bottom, top = round(ax.bbox.y0), round(ax.bbox.y1)
            picture[:, height - top : height - bottom, x - 1 : x + 2] = 30
        return picture


def plot_stacked(history: Mapping[str, Sequence[float]]) -> Figure:
    """Plot the losses above D's outputs, narrow enough for a phone; arguments and errors are as for `plot_curves`."""
    figure = _figure(5, 5.2)
    plot_curves(history, ax=figure.subplots(2, 1, sharex=True))
    figure.axes[0].set_xlabel("")
    return figure


def plot_features(features: Sequence[tuple[str, Tensor]], *, maps: int = 8) -> Figure:
    """Plot feature maps, one row per layer.

    Only the first example and layers with a side above 1 are drawn. Each map is scaled separately.

    Args:
        features: the list that `facegan.models.feature_maps` returns.
        maps: number of channels to draw per layer, those with the largest standard deviation.

    Raises:
        ConfigError: `features` is not such a list, or has no feature maps.
    """
    expect(
        features, Sequence, "features", "the list that facegan.models.feature_maps(network, inputs) returns"
    )
    rows = [(name, f[0].float().cpu()) for name, f in features if f.ndim == 4 and f.shape[-1] > 1]
    if not rows:
        raise ConfigError("there are no feature maps to draw; pass the list that feature_maps returns.")
    figure = _figure(1.1 * maps, 1.25 * len(rows))
    grid = figure.subplots(len(rows), maps, squeeze=False)
    for axes, (name, feature) in zip(grid, rows, strict=True):
        strongest = feature.flatten(1).std(1).argsort(descending=True)[:maps]
        for ax in axes:
            ax.set_axis_off()
        for ax, channel in zip(axes, strongest, strict=False):
            ax.imshow(feature[channel], cmap="cividis")
        shape = " x ".join(map(str, feature.shape))
        axes[0].set_title(f"{name}, {shape}", loc="left", fontsize=10)
    figure.alt = f"Feature maps of {len(rows)} layers"
    figure.show_later()
    return figure


def picture_of(figure: Figure, *, dpi: int = 110) -> Tensor:
    """Render a figure as a uint8 picture (3, H, W)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return torch.from_numpy(np.array(canvas.buffer_rgba())[..., :3]).permute(2, 0, 1)


def _figure(width: float, height: float, *, layout: Any = "constrained") -> Figure:
    try:
        from facegan.figures import Figure
    except ValueError:  # raised by `import matplotlib`
        raise ConfigError(
            f"in the environment, MPLBACKEND is {os.environ.get('MPLBACKEND')!r}, which matplotlib does not support. "
            "Before Python starts: unset MPLBACKEND. In a notebook: %env MPLBACKEND=agg"
        ) from None

    return Figure(figsize=(width, height), layout=layout)


def _lines(
    ax: Axes,
    history: Mapping[str, Sequence[float]],
    series: dict[str, tuple[str, str]],
    *,
    thin: float = 0.8,
) -> None:
    for name, (label, color) in series.items():
        values = _gaps(history[name], name)
        steps = history["step"] if len(history.get("step", ())) else np.arange(1, len(values) + 1)
        if thin:
            ax.plot(steps, values, color=color, alpha=0.25, linewidth=thin)
        ax.plot(steps, _running_mean(values), color=color, linewidth=2, label=label)
    drawn = np.concatenate([_gaps(history[name], name) for name in series])
    if np.isfinite(drawn).any():
        low, high = np.nanquantile(drawn, (0.005, 0.995))
        margin = 0.1 * max(high - low, 0.1)
        ax.set_ylim(low - margin, high + margin)
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.99), ncols=2, fontsize=9, handlelength=1)
    ax.spines[["top", "right"]].set_visible(False)


def _gaps(values: Sequence[float], name: str) -> np.ndarray:
    """Values in which infinity is replaced with NaN, which is not drawn; losses may be tensors with a graph."""
    try:
        found = np.asarray([v.item() if isinstance(v, Tensor) else v for v in values], np.float64)
    except (TypeError, ValueError, RuntimeError):
        found = np.empty((0, 0))
    if found.ndim != 1:
        raise ConfigError(f"the history's {name} is {shown(values)}, expected one number for each step.")
    return np.where(np.isfinite(found), found, np.nan)


def smoothed_at(history: Mapping[str, Sequence[float]], step: int | None = None) -> dict[str, float]:
    """The values of the bold curves of `plot_curves` at a step, by metric; by default, at the last step.

    If the history has no row for the step, the previous row is used. The result is empty before the first row.
    """
    steps = history["step"]
    row = len(steps) - 1 if step is None else bisect_right(steps, step) - 1
    if row < 0:
        return {}
    return {name: float(_running_mean(np.asarray(history[name]))[row]) for name in _DRAWN}


def _running_mean(values: np.ndarray) -> np.ndarray:
    window = max(1, int(len(values) * _SMOOTHING))
    sums = values.cumsum()
    before = np.concatenate([np.zeros(window), sums])[: len(values)]
    return (sums - before) / np.arange(1, len(values) + 1).clip(max=window)
