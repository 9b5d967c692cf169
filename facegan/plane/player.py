"""The page that plays recordings: D's output, points, arrows, and curves.

Positions are rounded to 1/500 of the window, or to 1/250 if the page would be too large. D's output is rounded to 126
levels. Rounding is hardly visible and improves compression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facegan.errors import ConfigError, shown
from facegan.plane.page import Page, pack, quantized
from facegan.plane.recording import LIMIT, Recording
from facegan.plane.still import still

SPEEDS = (0.25, 0.5, 1, 2, 4)
_MARGIN = 1.2  # positions are kept up to this distance from the center, as a multiple of the extent
_LEVELS = (
    250,
    125,
)  # levels from the center to the edge of the window; the second for pages that would be too large
_SHADES = 125  # largest level of D's output
_GRAY = 255  # level of an output that is not finite
_BLUE, _ORANGE = "#0072B2", "#D55E00"


def play(*recordings: Recording, speed: float = 1) -> Page:
    """Create a page that plays a recording, or two recordings side by side.

    A notebook shows the page as a cell's last value; `page.save("ring.html")` writes it to a file. Two recordings are
    synchronized by training step: each one shows its last frame up to that step.

    Args:
        recordings: one or two recordings from `record`.
        speed: initial speed, 0.25, 0.5, 1, 2, or 4; a speed of 1 is 20 frames per second.

    Returns:
        The page.

    Raises:
        ConfigError: the number of recordings is not one or two, the speed is another one, or the page is too large.
    """
    _check(recordings, speed)
    picture = still(recordings)
    for levels in _LEVELS:
        page = _page(recordings, speed, levels, picture)
        if len(page.html) <= LIMIT * len(recordings):
            return page
    raise _too_large(page, recordings)


def _page(recordings: Sequence[Recording], speed: float, levels: int, picture: bytes) -> Page:
    timeline = np.unique(np.concatenate([r.steps for r in recordings]))
    unit, ranges = _arrow_unit(recordings), _ranges(recordings)
    parts = [
        {**_packed(r, unit, levels), "frames": _in_step(r, timeline), "charts": _charts(r, ranges)}
        for r in recordings
    ]
    return Page(
        "player",
        {"speed": speed, "speeds": SPEEDS, "timeline": timeline.tolist(), "recordings": parts},
        title=" and ".join(r.title for r in recordings),
        alt=_alt(recordings),
        still=picture,
        height=620 if len(recordings) == 1 else 980,
        parts=("planes", "curves"),
    )


def _check(recordings: Sequence[Any], speed: Any) -> None:
    for each in recordings:
        if not isinstance(each, Recording):
            raise ConfigError(
                f"play got {shown(each)}, expected recordings. Create one with record(...), then play(recording)."
            )
    if not 1 <= len(recordings) <= 2:
        raise ConfigError(
            f"play got {len(recordings)} recordings, expected one or two. "
            "Call play(recording), or play(without, with_penalty) to compare two."
        )
    if not isinstance(speed, int | float) or isinstance(speed, bool) or speed not in SPEEDS:
        raise ConfigError(f"speed is {shown(speed)}, expected 0.25, 0.5, 1, 2 or 4. Use speed=1.")


def _too_large(page: Page, recordings: Sequence[Recording]) -> ConfigError:
    most = max(recordings, key=lambda r: r.fakes.size + r.output.size)
    return ConfigError(
        f"the page would have {len(page.html) / 1000:,.0f} kB, expected at most {LIMIT // 1000 * len(recordings):,} "
        f"kB. The largest recording has {len(most)} frames of {most.fakes.shape[1]} fakes: record it with a higher "
        "`every`, fewer `steps`, or fewer `fakes`."
    )


def _in_step(recording: Recording, timeline: np.ndarray) -> list[int]:
    """For each step of the timeline, the recording's last frame up to that step, or its first frame."""
    return np.maximum(np.searchsorted(recording.steps, timeline, "right") - 1, 0).tolist()


def _packed(r: Recording, arrow_unit: float, levels: int = _LEVELS[0]) -> dict[str, Any]:
    """Pack a recording for `player.js`. Positions and arrows are in units of the distance to the edge / `levels`."""
    low, high = r.output_range
    ticks = ["0 fake", "0.5", "1 real"]
    if not r.probabilities:
        ticks = [f"≤ {low:g} fake", "0", f"≥ {high:g} real"]
    return {
        "title": r.title,
        "alt": _sentence(r),
        "steps": r.steps.tolist(),
        "edge": levels,
        "shades": _SHADES,
        "real": pack(_positions(r.real[:1000], r.extent, levels)),
        "fakes": pack(_positions(r.fakes, r.extent, levels)),
        "manifold": pack(_positions(r.manifold, r.extent, levels)),
        "arrows": pack(_lengths(r.arrows, arrow_unit, levels)),
        "output": pack(_heat(r.output, low, high)),
        "ticks": ticks,
        "gaps": not np.isfinite(r.output).all(),
        "probabilities": r.probabilities,
        "modes": len(r.centers),
        "curves": {name: _rounded(column) for name, column in r.curves.items() if name in _DRAWN},
    }


_DRAWN = ("loss_d", "loss_g", "d_real", "d_fake", "modes")


def _positions(values: np.ndarray, extent: float, levels: int) -> np.ndarray:
    return quantized(values, _MARGIN * extent, round(_MARGIN * levels))


def _lengths(arrows: np.ndarray, unit: float, levels: int) -> np.ndarray:
    """Arrows in the unit of positions, shortened to at most half the distance to the edge."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.asarray(arrows, np.float64) / unit * 0.2
        norm = np.linalg.norm(scaled, axis=-1, keepdims=True)
        scaled = scaled * np.minimum(1, 0.5 / np.maximum(norm, 1e-12))
    return quantized(scaled, 1, levels)


def _arrow_unit(recordings: Sequence[Recording]) -> float:
    """The 90th percentile of arrow lengths in all recordings. A common scale shows where gradients vanish."""
    norms = np.concatenate([np.linalg.norm(r.arrows.astype(np.float64), axis=-1).ravel() for r in recordings])
    return _quantile(norms, 0.9) or 1.0


def _heat(output: np.ndarray, low: float, high: float) -> np.ndarray:
    """Levels 0 to `_SHADES` for outputs from `low` to `high`; `_GRAY` where D's output is not finite."""
    values = np.asarray(output, np.float64)
    finite = np.isfinite(values)
    share = np.clip((np.where(finite, values, low) - low) / (high - low), 0, 1)
    return np.where(finite, np.rint(share * _SHADES), _GRAY).astype(np.uint8)


def _charts(r: Recording, ranges: dict[str, list[float]]) -> list[dict[str, Any]]:
    """The charts of a recording: titles, ranges of y, and lines."""
    loss = [_line("loss_d", "D", _BLUE), _line("loss_g", "G", _ORANGE, dashed=True)]
    charts = [{"title": "Loss", "range": ranges["loss"], "lines": loss}]
    if r.probabilities:
        said = [_line("d_real", "D(x)", _BLUE), _line("d_fake", "D(G(z))", _ORANGE, dashed=True)]
        charts.append({"title": "Output of D", "range": [0, 1], "lines": said})
    if len(r.centers):
        modes = [_line("modes", f"of {len(r.centers)}", "#333333")]
        charts.append({"title": "Modes covered", "range": ranges["modes"], "lines": modes})
    return charts


def _line(key: str, label: str, color: str, *, dashed: bool = False) -> dict[str, Any]:
    return {"key": key, "label": label, "color": color, "dashed": dashed}


def _ranges(recordings: Sequence[Recording]) -> dict[str, list[float]]:
    """The ranges of y that all recordings share, without a few extreme losses."""
    losses = np.concatenate(
        [np.asarray(r.curves[k], float) for r in recordings for k in ("loss_d", "loss_g")]
    )
    low, high = _quantile(losses, 0.02), _quantile(losses, 0.98)
    spread = high - low
    low, high = max(_quantile(losses, 0), low - spread), min(_quantile(losses, 1), high + spread)
    margin = 0.05 * (high - low) or 0.5
    modes = max(len(r.centers) for r in recordings)
    return {"loss": [_number(low - margin), _number(high + margin)], "modes": [0, max(modes, 1)]}


def _alt(recordings: Sequence[Recording]) -> str:
    sentences = [_sentence(r) for r in recordings]
    return sentences[0] if len(sentences) == 1 else f"Left: {sentences[0]} Right: {sentences[1]}"


def _sentence(r: Recording) -> str:
    """Describe a recording: data, settings, and the last frame."""
    title = r.title if f"seed {r.seed}" in r.title else f"{r.title}, seed {r.seed}"
    ends = [f"loss of {player} {_words(r.curves[key])}" for player, key in (("D", "loss_d"), ("G", "loss_g"))]
    if len(r.centers):
        modes = float(r.curves["modes"][-1])
        covered = (
            f"{modes:.0f} of {len(r.centers)} modes covered" if np.isfinite(modes) else "modes not finite"
        )
        ends.insert(0, covered)
    return (
        f"A GAN that learns points in two dimensions: {title}, {len(r)} frames up to step {r.steps[-1]:,}. "
        f"In the last frame: {', '.join(ends)}."
    )


def _words(column: np.ndarray) -> str:
    return f"{float(column[-1]):.3g}" if np.isfinite(column[-1]) else "not finite"


def _rounded(column: np.ndarray) -> list[float | None]:
    return [_number(value) if np.isfinite(value) else None for value in np.asarray(column, float)]


def _number(value: float) -> float:
    return float(f"{value:.4g}")


def _quantile(values: np.ndarray, q: float) -> float:
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, q)) if finite.size else 0.0


__all__ = ["LIMIT", "SPEEDS", "play"]
