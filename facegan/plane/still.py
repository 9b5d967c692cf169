"""The still picture of a page, for viewers that do not run scripts."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from facegan.plane.recording import Recording

_SHOWN = 300  # maximum number of points of each kind
_SHADES = [
    "#EAAE2A",
    "#F1C96F",
    "#FFFFFF",
    "#6FB0D5",
    "#2687BE",
]  # as in the page: from fake, over white at one half, to real
_COLORS = 200  # number of colors in the picture; few colors keep it small


def still(recordings: Sequence[Recording]) -> bytes:
    """Draw the last finite frame of each recording as a PNG of at most 900 x 450 pixels, about 20 kB."""
    from matplotlib.figure import Figure

    count = len(recordings)
    figure = Figure(figsize=(4.2 * count, 4.5), dpi=100, layout="constrained")
    for ax, recording in zip(figure.subplots(1, count, squeeze=False)[0], recordings, strict=True):
        _draw(ax, recording)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return small_png(figure)


def _draw(ax: Any, r: Recording) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    frame, window = last_finite(r), [-r.extent, r.extent]
    colors = LinearSegmentedColormap.from_list("fake to real", _SHADES, N=24).with_extremes(bad="0.8")
    output, (low, high) = np.ma.masked_invalid(r.output[frame]), r.output_range
    ax.imshow(output, extent=window * 2, origin="lower", cmap=colors, vmin=low, vmax=high)
    ax.plot(*r.real[:_SHOWN].T, "x", color="0.25", markersize=3.5, markeredgewidth=0.8, label="real")
    fakes = r.fakes[frame][:_SHOWN]
    ax.plot(
        *fakes.T, "o", color="#D55E00", markersize=4, markeredgecolor="w", markeredgewidth=0.5, label="fake"
    )
    ax.set(xlim=window, ylim=window, xticks=[], yticks=[])
    title = textwrap.fill(r.title, 54, max_lines=2)
    ax.set_title(f"{title}\nstep {r.steps[frame]:,}", fontsize=10, parse_math=False)


def last_finite(r: Recording) -> int:
    """The last frame in which all fakes and all of D's outputs are finite; if there is none, the last frame."""
    finite = [np.isfinite(part.reshape(len(part), -1)).all(1) for part in (r.fakes, r.output)]
    found = np.flatnonzero(finite[0] & finite[1])
    return int(found[-1]) if found.size else len(r) - 1


def small_png(figure: Any) -> bytes:
    """Render a figure as a PNG with few colors."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.array(canvas.buffer_rgba())[..., :3])
    out = io.BytesIO()
    picture.quantize(_COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()
