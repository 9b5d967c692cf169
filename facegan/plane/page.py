"""Self-contained HTML pages that notebooks show in a frame.

A page needs no network, kernel, or library. Its arrays are quantized and compressed; `page.js` unpacks them. In a
notebook, a page has its own frame, so that the notebook's styles and keyboard shortcuts do not affect it.
"""

from __future__ import annotations

import base64
import html
import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from facegan.errors import ConfigError
from facegan.files import write_atomic

MISSING = -32768  # represents NaN in quantized arrays
_LARGEST = 32767


class Page:
    """An HTML page that a notebook shows as a cell's last value.

    Args:
        name: name of the files `name.html`, `name.css`, and `name.js` in this package.
        data: plain values for the page's script, and arrays packed by `pack`.
        title: title of the document.
        alt: alternative text.
        still: the bytes of a PNG, for viewers that do not run scripts.
        height: initial height of the frame in pixels; the page adjusts it later.
        parts: names of additional scripts, `PART.js`, which run before the page's own script.
    """

    def __init__(
        self,
        name: str,
        data: Mapping[str, Any],
        *,
        title: str,
        alt: str,
        still: bytes,
        height: int,
        parts: Sequence[str] = (),
    ) -> None:
        self._name, self._data, self._title, self._parts = name, data, title, tuple(parts)
        self.alt, self.still, self._height = alt, still, height

    @cached_property
    def html(self) -> str:
        """The complete document."""
        style = _file("page.css") + _file(f"{self._name}.css")
        script = "".join(_file(f"{each}.js") for each in ("page", *self._parts, self._name))
        data = json.dumps({"alt": self.alt, **self._data}, separators=(",", ":"), allow_nan=False)
        data = data.replace("<", r"\u003c")  # so that no string in it can end the script or open a comment
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self._title)}</title><style>{style}</style></head>\n"
            f"<body>{_file(f'{self._name}.html')}\n"
            f'<script type="application/json" id="data">{data}</script>\n'
            f"<script>{script}</script></body></html>\n"
        )

    def save(self, path: str | Path) -> Path:
        """Write the document to a `.html` file for any browser. Raises `ConfigError` for another suffix."""
        path = Path(path).expanduser()
        if path.suffix.lower() not in {".html", ".htm"}:
            raise ConfigError(f"{path.name!r} does not end in .html. Use a name such as 'ring.html'.")
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_atomic(path, self.html.encode())

    def framed(self) -> str:
        """The document in a frame, on top of its still picture, which is visible if frames are removed."""
        picture = base64.b64encode(self.still).decode()
        return (
            '<div style="display:grid;align-items:start;max-width:980px">'
            f'<img src="data:image/png;base64,{picture}" alt="{html.escape(self.alt)}" '
            'style="grid-area:1/1;max-width:100%;height:auto">'
            f'<iframe title="{html.escape(self._title)}" srcdoc="{html.escape(self.html)}" '
            f'style="grid-area:1/1;position:relative;width:100%;height:{self._height}px;border:0;background:#fff"></iframe></div>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        return {"text/html": self.framed(), "text/plain": repr(self)}, {}

    def __repr__(self) -> str:
        return f"Page: {self.alt}"


def quantized(values: np.ndarray, scale: float, levels: int = _LARGEST) -> np.ndarray:
    """Convert floats to int16: `scale` becomes `levels`, larger values are clipped, and NaN becomes `MISSING`.

    Fewer levels compress better.
    """
    values = np.asarray(values, np.float64)
    steps = np.clip(np.nan_to_num(values / scale, nan=0.0), -1, 1) * levels
    return np.where(np.isnan(values), MISSING, np.rint(steps)).astype(np.int16)


def pack(values: np.ndarray) -> dict[str, Any]:
    """Pack an array of uint8 or int16 to plain values, for `unpack` in `page.js`.

    Each entry along the first axis is stored as its difference from the previous one, because successive frames are
    similar. The differences 0, -1, 1, -2, ... are stored as 0, 1, 2, 3, ..., so that the high bytes of small
    differences are equal.
    """
    values = np.ascontiguousarray(values)
    if values.dtype not in (np.uint8, np.int16):
        raise TypeError(f"cannot pack {values.dtype}")
    difference = values.copy()
    difference[1:] -= values[:-1]  # wraps around, like the sum in the page
    signed = difference.view(f"i{values.itemsize}")
    folded = (signed << 1) ^ (signed >> (8 * values.itemsize - 1))
    planes = folded.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()  # low bytes, then high bytes
    packed = min(
        (_compressed(planes, strategy) for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)), key=len
    )
    return {"shape": values.shape, "bytes": values.itemsize, "data": base64.b64encode(packed).decode()}


def _compressed(data: bytes, strategy: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
    return compressor.compress(data) + compressor.flush()


def _file(name: str) -> str:
    path = files("facegan.plane").joinpath(name)
    return path.read_text(encoding="utf-8") if path.is_file() else ""
