"""The pictures of `facegan.widgets.step`: fakes, gradients of D, and D's logits.

They are drawn with Pillow in a few milliseconds; a matplotlib figure would take longer than a training step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan.explore import BLUE, ORANGE
from facegan.images import to_uint8
from facegan.training.single import Look

# In pixels. Pictures are displayed at half size, so that text is sharp.
_SIDE, _GAP, _COLUMNS = 200, 16, 4  # approximate side of a fake; gap between fakes; fakes per row
_TEXT, _GRAY = (30, 30, 30), (110, 110, 110)
_LITTLE = (170, 170, 170)  # gray in the heat map where the gradient is small
_BINS = 24
_WIDTH, _PANEL, _TOP = 860, 250, 44  # dimensions of the histograms


def heat_map(fakes: Tensor, pull: Tensor) -> Tensor:
    """Heat maps of D's gradient, over fakes in light gray.

    A pixel is orange where a brighter pixel increases D's logit, and blue where a darker pixel increases it.

    Args:
        fakes: (N, 3, S, S) in [-1, 1].
        pull: (N, 3, S, S), the gradient of D's logits with respect to the fakes; it is summed over the colors. The
            strongest one percent of all pixels have the full color.

    Returns:
        uint8 (N, 3, S, S).
    """
    value = pull.sum(1, keepdim=True).nan_to_num(0.0, posinf=0.0, neginf=0.0)
    full = value.abs().flatten().quantile(0.99).clamp(min=1e-30)
    strength = (value.abs() / full).clamp(max=1)
    gray = 90 + 80 * (fakes.mean(1, keepdim=True) + 1)
    orange, blue = (torch.tensor(c, dtype=torch.float).view(1, 3, 1, 1) for c in (ORANGE, BLUE))
    color = torch.where(value > 0, orange, blue)
    return (gray + (color - gray) * strength).clamp(0, 255).round().to(torch.uint8)


def draw_fakes(look: Look, captions: Sequence[str], title: str) -> Tensor:
    """Draw the first fakes in rows of four, with a caption and the heat map below each; uint8 (3, H, W)."""
    n, side = len(captions), look.fakes.shape[-1]
    scale = max(1, round(_SIDE / side))
    tile, line = side * scale, side * scale // 5
    font, high = _font(round(0.78 * line)), 2 * tile + line + 2 * _GAP
    fakes, heat = to_uint8(look.fakes[:n]), heat_map(look.fakes[:n], look.pull[:n])
    picture, draw = _canvas(_COLUMNS * (tile + _GAP) - _GAP, 3 * line + math.ceil(n / _COLUMNS) * high - _GAP)
    draw.text((0, 0), title, fill=_TEXT, font=font)
    draw.text((0, line), "Below each, changes that look more real to D:", fill=_TEXT, font=font)
    x = 0.0
    for color, text in ((ORANGE, "brighter"), (BLUE, "darker"), (_LITTLE, "little change")):
        x = _swatch(draw, x, 2.5 * line, color, text, font) + line
    for index, caption in enumerate(captions):
        row, column = divmod(index, _COLUMNS)
        left, top = column * (tile + _GAP), 3 * line + row * high + _GAP // 2
        picture.paste(_image(fakes[index], scale), (left, top))
        draw.text((left + tile / 2, top + tile + line / 2), caption, fill=_TEXT, font=font, anchor="mm")
        picture.paste(_image(heat[index], scale), (left, top + tile + line))
    return _tensor(picture)


def draw_logits(before: Look | None, after: Look) -> Tensor:
    """Draw histograms of D's logits before and after the last move, uint8 (3, H, W): real faces up, fakes down."""
    looks = [("Now", after)] if before is None else [("Before", before), ("After", after)]
    edges = _edges([t for _, look in looks for t in (look.real_logits, look.fake_logits)])
    counts = [[_counts(t, edges) for t in (look.real_logits, look.fake_logits)] for _, look in looks]
    most = max(1, *(int(c.max()) for pair in counts for c in pair))
    picture, draw = _canvas(_WIDTH, _TOP + _PANEL * len(looks) + 68)
    draw.text((0, 0), "D's logits of real faces, and of fakes", fill=_TEXT, font=_font(28))
    for row, ((name, _), pair) in enumerate(zip(looks, counts, strict=True)):
        _panel(draw, _TOP + row * _PANEL, name, pair, most, edges)
    _axis(draw, _TOP + _PANEL * len(looks), edges)
    return _tensor(picture)


def _panel(draw: Any, top: int, name: str, pair: list[np.ndarray], most: int, edges: np.ndarray) -> None:
    """Draw a pair of histograms, with real faces above the middle line and fakes below it."""
    middle, high = top + _PANEL // 2, _PANEL // 2 - 12
    zero = _x(0.0, edges)
    draw.line((zero, top, zero, top + _PANEL - 8), fill=(170, 170, 170), width=2)
    for counts, color, up in ((pair[0], BLUE, -1), (pair[1], ORANGE, 1)):
        for k, count in enumerate(counts):
            if count:
                ys = sorted((middle + 2 * up, middle + up * (2 + round(high * count / most))))
                draw.rectangle(
                    (_x(edges[k], edges) + 1, ys[0], _x(edges[k + 1], edges) - 2, ys[1]), fill=color
                )
    draw.line((_LEFT, middle, _WIDTH - 1, middle), fill=_TEXT, width=2)
    draw.text((0, middle), name, fill=_TEXT, font=_font(28), anchor="lm")
    _swatch(draw, 0, middle - 56, BLUE, "real", _font(26))
    _swatch(draw, 0, middle + 56, ORANGE, "fakes", _font(26))


_LEFT = 110  # left end of the histograms' axis


def _x(logit: float, edges: np.ndarray) -> int:
    return round(_LEFT + (_WIDTH - _LEFT - 2) * float((logit - edges[0]) / (edges[-1] - edges[0])))


def _edges(logits: Sequence[Tensor]) -> np.ndarray:
    """The edges of bins that cover all finite logits and 0."""
    values = torch.cat([*logits, torch.zeros(1)])
    values = values[values.isfinite()]
    low, high = min(values.min().item(), -1e-3), max(values.max().item(), 1e-3)
    margin = 0.04 * (high - low)
    return np.linspace(low - margin, high + margin, _BINS + 1)


def _counts(logits: Tensor, edges: np.ndarray) -> np.ndarray:
    values = logits[logits.isfinite()].numpy()
    return np.histogram(values, bins=edges)[0]


def _axis(draw: Any, top: int, edges: np.ndarray) -> None:
    """Draw ticks at round numbers, and axis labels."""
    span = edges[-1] - edges[0]
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= 6)
    for k in range(math.ceil(edges[0] / step), math.floor(edges[-1] / step) + 1):
        x = _x(k * step, edges)
        draw.line((x, top - 6, x, top + 4), fill=_GRAY, width=2)
        draw.text((x, top + 8), f"{k * step:g}", fill=_TEXT, font=_font(24), anchor="ma")
    draw.text((_LEFT, top + 38), "left: more fake to D", fill=_GRAY, font=_font(24))
    draw.text((_WIDTH - 2, top + 38), "right: more real to D", fill=_GRAY, font=_font(24), anchor="ra")


def _swatch(draw: Any, x: float, middle: float, color: tuple[int, int, int], text: str, font: Any) -> float:
    """Draw a legend entry, which is a square of the color and a text; returns the x at which the text ends."""
    half = font.size // 2
    draw.rectangle((x, middle - half, x + 2 * half, middle + half), fill=color)
    draw.text((x + 3 * half, middle), text, fill=_TEXT, font=font, anchor="lm")
    return x + 3 * half + float(draw.textlength(text, font=font))


def _canvas(width: int, height: int) -> tuple[Any, Any]:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (width, height), "white")
    return picture, ImageDraw.Draw(picture)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _image(pixels: Tensor, scale: int) -> Any:
    from PIL import Image

    large = pixels.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    return Image.fromarray(large.permute(1, 2, 0).contiguous().numpy())


def _tensor(picture: Any) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
