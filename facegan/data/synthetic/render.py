"""Renders a table of attributes to images, in chunks on several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from facegan.data.synthetic import face
from facegan.data.synthetic.attributes import check_int, draw_attributes, encode
from facegan.data.synthetic.hair import BACK_HAIR, FRONT_HAIR
from facegan.data.synthetic.scene import Scene, mix, paint_kinds, place
from facegan.runtime.settings import usual_settings

CHUNK_PIXELS = 2**19  # pixels rendered at once; small enough for the processor's cache


def synthetic_faces(n: int, size: int = 64, seed: int = 0) -> tuple[np.ndarray, dict]:
    """Draw `n` faces with random attributes.

    Args:
        n: number of faces, at least 1.
        size: side of the images in pixels, 16 to 512.
        seed: seed of the random numbers, 0 to 2**32 - 1. It determines a sequence of faces; a smaller `n` gives the
            beginning of the same sequence.

    Returns:
        uint8 RGB images (n, 3, size, size), and their attributes, which are those of `draw_attributes(n, seed)`.

    Raises:
        DataError: an argument is out of range.

    >>> images, attributes = synthetic_faces(4, size=32)
    >>> images.shape, attributes["hair_style"].shape
    ((4, 3, 32, 32), (4,))
    """
    check_int("size", size, 16, 512)
    attributes = draw_attributes(n, seed)
    return render_faces(attributes, size), attributes


@usual_settings()
def render_faces(attributes: dict[str, np.ndarray], size: int = 64) -> np.ndarray:
    """Render a table of attributes.

    Args:
        attributes: the columns of `draw_attributes`, all of the same length n >= 1. Their values can be edited.
        size: side of the images in pixels, 16 to 512.

    Returns:
        uint8 RGB images (n, 3, size, size).

    Raises:
        DataError: columns are missing or of different lengths, or contain unknown labels or non-finite numbers; or
            `size` is out of range.

    >>> table = draw_attributes(2)
    >>> table["smile"][:] = 1
    >>> render_faces(table, size=32).shape
    (2, 3, 32, 32)
    """
    check_int("size", size, 16, 512)
    columns = SimpleNamespace(**encode(attributes))
    order = torch.from_numpy(np.argsort(attributes["hair_style"], kind="stable"))
    images = torch.empty(len(order), 3, size, size, dtype=torch.uint8)

    def render(chunk: Tensor) -> None:
        with torch.inference_mode():
            images[chunk] = _render(Scene(columns, lambda t: t[chunk]), size)

    _in_threads(render, order.split(max(1, CHUNK_PIXELS // size**2)))
    return images.numpy()


def _in_threads(work: Callable[[Tensor], None], chunks: Sequence[Tensor]) -> None:
    """Run `work` on each chunk, on as many threads as torch uses; within a thread, torch uses one thread."""
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(work, chunks))
    finally:
        torch.set_num_threads(threads)


def _render(s: Scene, size: int) -> Tensor:
    place(s, size)
    _background(s)
    paint_kinds(s, "hair_style", BACK_HAIR)
    face.neck(s.window(0.25, 1))
    face.ears(s.window(-0.45, 0.4, 0.9))
    s.window(-0.1, 0.5, 0.9).apply(s.has("earrings", True), face.earrings)
    face.head(s)
    s.window(-0.3, 0.5, 0.8).apply(s.has("freckles", True), face.freckles)
    paint_kinds(s.window(-0.2, 0.95, 0.75), "beard", face.BEARDS)
    face.eyes(s.window(-0.4, 0.3, 0.75))
    face.brows(s.window(-0.6, 0.15, 0.75))
    face.nose(s.window(-0.3, 0.5, 0.55))
    face.mouth(s.window(0.05, 0.8, 0.7))
    paint_kinds(s.window(-0.5, 0.4, 0.85), "glasses", face.GLASSES)
    paint_kinds(s, "hair_style", FRONT_HAIR)
    warmth = torch.tensor([0.10, 0.0, -0.04]).view(3, 1, 1)  # shadows turn reddish
    tones = (s.light[:, None] * (255 * (1 - warmth))).add_(255 * warmth)
    return tones.mul_(s.color).add_(0.5).clamp_(0, 255).to(torch.uint8)


def _background(s: Scene) -> None:
    phase = s.background_hue[:, None] - torch.tensor([0, 1 / 3, 2 / 3]).view(3, 1, 1)
    wheel = 0.5 + 0.5 * torch.cos(2 * torch.pi * phase)
    tint = mix(1.0, wheel, s.background_saturation[:, None])
    s.color.copy_(s.background_lightness[:, None] * tint)
    paint_kinds(s, "background", _BACKGROUNDS)


_BACKGROUNDS = {
    "vertical": lambda s: s.darken(0.15 + 0.25 * s.y),
    "radial": lambda s: s.darken((0.35 * (s.x**2 + s.y**2) - 0.15).clamp(max=0.5)),
}
