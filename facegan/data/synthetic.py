"""Procedural portraits with known attributes: a data set that needs no download.

Every face is drawn from a table of attributes (skin, hair, smile, light, ...) whose columns are
independent and whose distributions are stated in `DISTRIBUTIONS`, so what a GAN has learnt of
them can be measured exactly. The renderer paints signed-distance shapes over a soft height-field
shading with batched torch arithmetic on the CPU; its only input is the table.

Left out: photographs, full 3-D geometry, cast shadows, and any notion of gender or ethnicity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from facegan.errors import DataError


@dataclass(frozen=True)
class Uniform:
    """A continuous attribute, uniform on [low, high)."""

    low: float
    high: float

    def transform(self, uniforms: np.ndarray) -> np.ndarray:
        """Turn uniforms on [0, 1) into float64 values of this attribute."""
        return self.low + (self.high - self.low) * uniforms


@dataclass(frozen=True)
class Choice:
    """A categorical attribute: labels (or booleans) with their probabilities."""

    labels: tuple[str | bool, ...]
    probabilities: tuple[float, ...]

    def transform(self, uniforms: np.ndarray) -> np.ndarray:
        """Turn uniforms on [0, 1) into an array of labels."""
        edges = np.cumsum(self.probabilities)[:-1]
        return np.array(self.labels)[np.searchsorted(edges, uniforms, side="right")]


HAIR_COLORS = {
    "black": "221d20", "dark brown": "46301f", "brown": "75492a", "auburn": "8a3a20",
    "ginger": "c96a26", "blond": "dcb565", "grey": "8f9094", "white": "e4e2de",
    "pink": "ea7fab", "blue": "3d6fc4", "green": "3f9a6b", "purple": "7d4aa8",
}  # fmt: skip
EYE_COLORS = {
    "dark brown": "3c2415", "brown": "6b4220", "hazel": "8a7033", "green": "4f8a50",
    "blue": "4585c5", "grey": "76848f",
}  # fmt: skip
LIP_COLORS = {"natural": "b4605c", "rose": "d1567a", "red": "c0202e", "plum": "7c2650"}
CLOTHING_COLORS = {
    "white": "e8e6e1", "black": "2b2b30", "navy": "2d3f6b", "red": "b8383c", "green": "3f7d58",
    "yellow": "e0b040", "purple": "76508f", "sky": "6fa8d0",
}  # fmt: skip
SCARF_COLORS = {"rose": "d98a97", "teal": "2f8088", "sand": "cdb48c", "indigo": "454a8c"}
GLASSES_COLORS = {"black": "1d1d22", "tortoise": "6a3d20", "gold": "c29a46", "red": "a8283a"}


def _even(labels) -> Choice:
    return Choice(tuple(labels), (1 / len(labels),) * len(labels))


_HAIR_STYLES = (
    "bald", "buzz", "short", "long", "bob", "wavy", "afro", "curly", "bun", "spiky", "mohawk",
    "scarf",
)  # fmt: skip

DISTRIBUTIONS: dict[str, Uniform | Choice] = {
    "skin_lightness": Uniform(0, 1),  # 0 very dark, 1 very pale
    "skin_warmth": Uniform(-1, 1),  # cool (pink) to warm (golden) undertone
    "blush": Uniform(0, 1),  # strength of the colour on the cheeks
    "freckles": Choice((False, True), (0.85, 0.15)),  # on nose and cheeks
    "age": Uniform(0, 1),  # forehead lines and deeper folds at the mouth from 0.5 upwards
    "head_width": Uniform(0.93, 1.07),  # factors on the average head
    "head_height": Uniform(0.95, 1.05),
    "jaw_taper": Uniform(0.02, 0.24),  # how much the jaw narrows towards the chin
    "jaw_square": Uniform(0, 0.5),  # round to angular jaw
    "ear_size": Uniform(0.8, 1.2),  # factor
    "earrings": Choice((False, True), (0.85, 0.15)),  # hidden by long hair
    "hair_style": _even(_HAIR_STYLES),  # twelve styles
    "hair_color": Choice(tuple(HAIR_COLORS), (0.14, 0.14, 0.14) + (0.07,) * 7 + (0.045,) * 2),
    "hair_volume": Uniform(0, 1),  # flat to voluminous
    "hair_part": Uniform(-1, 1),  # side and distance of the parting
    "hairline": Uniform(-0.05, 0.05),  # low to high forehead
    "scarf_color": _even(SCARF_COLORS),  # only seen with the scarf
    "eye_size": Uniform(0.88, 1.15),  # factor
    "eye_spacing": Uniform(0.215, 0.25),  # half the distance between the pupils
    "eye_openness": Uniform(0.75, 1.15),  # factor on the height of the eye
    "eye_tilt": Uniform(-0.12, 0.16),  # slope from the inner to the outer corner
    "eye_color": Choice(tuple(EYE_COLORS), (0.3, 0.2, 0.1, 0.12, 0.18, 0.1)),
    "gaze_x": Uniform(-1, 1),  # left to right
    "gaze_y": Uniform(-1, 1),  # up to down
    "brow_thickness": Uniform(0.018, 0.042),  # half the height, in head units
    "brow_angle": Uniform(-0.25, 0.12),  # worried to stern
    "brow_height": Uniform(0.15, 0.21),  # above the eye
    "nose_width": Uniform(0.8, 1.25),  # factors
    "nose_length": Uniform(0.9, 1.12),
    "smile": Uniform(-0.5, 1),  # frown to wide smile
    "mouth_open": Uniform(0, 1),  # lips part from 0.4 upwards
    "mouth_width": Uniform(0.165, 0.215),  # half the width of the neutral mouth
    "lip_fullness": Uniform(0.7, 1.35),  # factor
    "lip_color": Choice(tuple(LIP_COLORS), (0.7, 0.1, 0.1, 0.1)),  # natural follows the skin
    "glasses": Choice(("none", "round", "rectangular"), (0.75, 0.125, 0.125)),
    "glasses_color": _even(GLASSES_COLORS),
    "beard": Choice(("none", "stubble", "moustache", "goatee", "full"), (0.6, 0.1, 0.1, 0.1, 0.1)),
    "yaw": Uniform(-13, 13),  # degrees, positive turns to the right of the image
    "roll": Uniform(-8, 8),  # degrees, positive is clockwise
    "scale": Uniform(0.92, 1.08),  # factor on the size of the figure
    "head_x": Uniform(-0.04, 0.04),  # shift in sides of the image, to the right
    "head_y": Uniform(-0.04, 0.04),  # and downwards
    "light_x": Uniform(-1, 1),  # from the left to from the right
    "light_y": Uniform(-1, 0.3),  # from above to slightly below
    "background": _even(("plain", "vertical", "radial")),
    "background_hue": Uniform(0, 1),  # around the colour circle
    "background_saturation": Uniform(0.05, 0.42),
    "background_lightness": Uniform(0.5, 0.95),
    "clothing": _even(("crew", "v-neck", "shirt", "turtleneck")),
    "clothing_color": _even(CLOTHING_COLORS),
}
_PAINTS = {  # name of the colour in a scene: its column and palette
    "hair": ("hair_color", HAIR_COLORS),
    "iris": ("eye_color", EYE_COLORS),
    "lips": ("lip_color", LIP_COLORS),
    "cloth": ("clothing_color", CLOTHING_COLORS),
    "scarf": ("scarf_color", SCARF_COLORS),
    "frame": ("glasses_color", GLASSES_COLORS),
}

_SKIN_TONES = ("45291f", "744730", "a66e4a", "cf9871", "ecbf9c", "fadcc8")
_WIDTH, _HEIGHT = 0.54, 0.70  # half axes of the average head; the frame spans -1 to 1
_CENTER = -0.08  # of the head, above the middle of the frame
_EYES, _NOSE, _MOUTH = -0.05, 0.19, 0.36  # heights of the features; y points down
_CHUNK_PIXELS = 2**19  # rendered at once: small enough for the processor's cache


def synthetic_faces(n: int, size: int = 64, seed: int = 0) -> tuple[np.ndarray, dict]:
    """Draw `n` faces; return uint8 RGB images (n, 3, size, size) and their attributes.

    The attributes are those of `draw_attributes(n, seed)`. One seed gives one sequence of faces,
    so a smaller `n` gives its beginning. `size` is 16 to 512. Raises `DataError` on bad input.

    >>> images, attributes = synthetic_faces(4, size=32)
    >>> images.shape, attributes["hair_style"].shape
    ((4, 3, 32, 32), (4,))
    """
    _check_int("size", size, 16, 512)
    attributes = draw_attributes(n, seed)
    return render_faces(attributes, size), attributes


def draw_attributes(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw the attribute table of `n` faces without rendering: one column per attribute.

    Columns have length `n` and follow `DISTRIBUTIONS` independently: float64 for `Uniform`, str
    or bool for `Choice`. Raises `DataError` unless n >= 1 and 0 <= seed < 2**32.

    >>> draw_attributes(2)["smile"].dtype
    dtype('float64')
    """
    _check_int("n", n, 1, None)
    _check_int("seed", seed, 0, 2**32 - 1)
    uniforms = np.random.RandomState(seed).random_sample((n, len(DISTRIBUTIONS)))
    columns = zip(DISTRIBUTIONS.items(), uniforms.T, strict=True)
    return {name: distribution.transform(column) for (name, distribution), column in columns}


def render_faces(attributes: dict[str, np.ndarray], size: int = 64) -> np.ndarray:
    """Render an attribute table as uint8 RGB images (n, 3, size, size).

    The table has the columns of `draw_attributes`, all of one length n >= 1; any may be edited.
    Raises `DataError` for missing or ragged columns, unknown labels and non-finite numbers.

    >>> table = draw_attributes(2)
    >>> table["smile"][:] = 1
    >>> render_faces(table, size=32).shape
    (2, 3, 32, 32)
    """
    _check_int("size", size, 16, 512)
    columns = SimpleNamespace(**_encode(attributes))
    order = torch.from_numpy(np.argsort(attributes["hair_style"], kind="stable"))
    images = torch.empty(len(order), 3, size, size, dtype=torch.uint8)

    def render(chunk: Tensor) -> None:
        with torch.inference_mode():
            images[chunk] = _render(_Scene(columns, lambda t: t[chunk]), size)

    _in_threads(render, order.split(max(1, _CHUNK_PIXELS // size**2)))
    return images.numpy()


def _in_threads(work: Callable[[Tensor], None], chunks: Sequence[Tensor]) -> None:
    """Share the chunks among as many threads as torch has, each computing alone."""
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(work, chunks))
    finally:
        torch.set_num_threads(threads)


def _check_int(name: str, value: int, low: int, high: int | None) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        wanted = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise DataError(f"{name} is {value!r}; expected an integer {wanted}: pass such a {name}.")


def _encode(attributes: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Columns as tensors (n, 1, 1) that broadcast over planes: values, or codes of labels."""
    missing = sorted(DISTRIBUTIONS.keys() - attributes.keys())
    if missing:
        raise DataError(f"the attribute table lacks {missing}: start from draw_attributes(n).")
    lengths = {len(attributes[name]) for name in DISTRIBUTIONS}
    if len(lengths) != 1 or 0 in lengths:
        raise DataError(f"attribute columns have lengths {sorted(lengths)}; give all one n >= 1.")
    return {name: _encode_column(name, np.asarray(attributes[name])) for name in DISTRIBUTIONS}


def _encode_column(name: str, column: np.ndarray) -> Tensor:
    distribution = DISTRIBUTIONS[name]
    if isinstance(distribution, Uniform):
        if column.dtype.kind not in "fiu" or not np.isfinite(column).all():
            raise DataError(f"column {name!r} holds other things than finite numbers; replace them.")
        return torch.from_numpy(column.astype(np.float32)).view(-1, 1, 1)
    unknown = sorted(set(column.tolist()) - set(distribution.labels))
    if unknown:
        raise DataError(f"column {name!r} holds {unknown}; use one of {distribution.labels}.")
    codes = torch.tensor([distribution.labels.index(label) for label in column.tolist()])
    return codes.view(-1, 1, 1)


@cache
def _rgb(code: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(code)), dtype=torch.float32).view(3, 1, 1) / 255


class _Scene:
    """Some faces being painted: attributes, coordinate planes, `color` and `light` by name.

    A part of a scene (fewer faces, or a band of rows) looks names up in the whole when asked.
    """

    def __init__(self, whole, view: Callable[[Tensor], Tensor]):
        self._whole, self._view = whole, view

    def __getattr__(self, name: str) -> Tensor:
        value = self._view(getattr(self._whole, name))
        setattr(self, name, value)
        return value

    def has(self, name: str, label: str | bool) -> Tensor:
        return (getattr(self, name) == DISTRIBUTIONS[name].labels.index(label)).flatten()

    def window(self, top: float, bottom: float, side: float = 1.0) -> _Scene:
        """The rows from `top` to `bottom` within `side` of the middle; painting it paints this scene."""
        size = self.light.shape[-1]
        rows, columns = (
            slice(max(0, int((low + 1) / 2 * size)), int((high + 1) / 2 * size) + 1)
            for low, high in ((top, bottom), (-side, side))
        )
        return _Scene(self, lambda t: t[..., rows, columns] if t.shape[-2] > 1 else t)

    def apply(self, chosen: Tensor, painter: Callable[[_Scene], None]) -> None:
        """Run `painter` on the chosen faces only."""
        faces = chosen.nonzero().flatten()
        if not len(faces):
            return
        first, last = int(faces[0]), int(faces[-1])
        if last - first + 1 == len(faces):  # neighbours are painted in place
            painter(_Scene(self, lambda t: t[first : last + 1]))
        else:
            part = _Scene(self, lambda t: t[faces])
            painter(part)
            self.color[faces], self.light[faces] = part.color, part.light

    def cover(self, distance: Tensor) -> Tensor:
        """Share of each pixel inside a shape, from the signed distance to its edge."""
        return (distance * (-1 / self.pixel)).add_(0.5).clamp_(0, 1)

    def stroke(self, offset: Tensor, half_width: float | Tensor) -> Tensor:
        """Share of each pixel inside a line, from the signed distance to its middle."""
        reach = (half_width + 0.5 * self.pixel) / self.pixel
        wide = (offset * (1 / self.pixel)).abs_().neg_().add_(reach)
        return wide.clamp_(0, 1).clamp_(max=2 * half_width / self.pixel)

    def paint(self, mask: Tensor, color: Tensor, light: float | Tensor = 1.0) -> None:
        self.tint(mask, color)
        self.light.lerp_(torch.as_tensor(light, dtype=torch.float32), mask)

    def tint(self, mask: Tensor, color: Tensor) -> None:
        self.color.lerp_(color, mask[:, None])

    def darken(self, amount: Tensor) -> None:
        self.light.addcmul_(self.light, amount, value=-1)


def _oval(u, v, center, radii, square=0.0) -> Tensor:
    """Approximate signed distance to an ellipse; `square` fills out its corners."""
    a = (u - center[0]).mul_(1 / radii[0]).square_()
    b = (v - center[1]).mul_(1 / radii[1]).square_()
    level = a + b
    if square:
        level -= a.clamp_(max=1).mul_(b.clamp_(max=1)).mul_(square)
    return level.sqrt_().sub_(1).mul_((radii[0] * radii[1]) ** 0.5)


def _box(right, below, corner: float) -> Tensor:
    """Signed distance to a rounded corner, from the distances beyond its two sides."""
    a, b = right + corner, below + corner
    outside = (a.clamp(min=0).square_() + b.clamp(min=0).square_()).sqrt_()
    return outside + torch.maximum(a, b).clamp_(max=0) - corner


def _bump(u, v, center, radii) -> Tensor:
    """A smooth hill of height 1 that ends at an ellipse."""
    a = (u - center[0]).mul_(1 / radii[0]).square_()
    b = (v - center[1]).mul_(1 / radii[1]).square_()
    return a.add_(b).neg_().add_(1).clamp_(min=0).square_()


def _mix(a, b, amount):
    return a + (b - a) * amount


def _render(s: _Scene, size: int) -> Tensor:
    _place(s, size)
    _background(s)
    _paint_kinds(s, "hair_style", _BACK_HAIR)
    _neck(s.window(0.25, 1))
    _ears(s.window(-0.45, 0.4, 0.9))
    s.window(-0.1, 0.5, 0.9).apply(s.has("earrings", True), _earrings)
    _head(s)
    s.window(-0.3, 0.5, 0.8).apply(s.has("freckles", True), _freckles)
    _paint_kinds(s.window(-0.2, 0.95, 0.75), "beard", _BEARDS)
    _eyes(s.window(-0.4, 0.3, 0.75))
    _brows(s.window(-0.6, 0.15, 0.75))
    _nose(s.window(-0.3, 0.5, 0.55))
    _mouth(s.window(0.05, 0.8, 0.7))
    _paint_kinds(s.window(-0.5, 0.4, 0.85), "glasses", _GLASSES)
    _paint_kinds(s, "hair_style", _FRONT_HAIR)
    warmth = torch.tensor([0.10, 0.0, -0.04]).view(3, 1, 1)  # shadows turn reddish
    tones = (s.light[:, None] * (255 * (1 - warmth))).add_(255 * warmth)
    return tones.mul_(s.color).add_(0.5).clamp_(0, 255).to(torch.uint8)


def _paint_kinds(s: _Scene, name: str, painters: dict[str, Callable[[_Scene], None]]) -> None:
    for label, painter in painters.items():
        s.apply(s.has(name, label), painter)


def _place(s: _Scene, size: int) -> None:
    """Coordinates: body (x, y), head (u, v), face (f, v) turned by yaw, m = |f|."""
    line = (torch.arange(size, dtype=torch.float32) + 0.5) * 2 / size - 1
    s.pixel = 2 / size / s.scale
    s.x = (line - 2 * s.head_x) / s.scale
    s.y = (line[:, None] - 2 * s.head_y) / s.scale - 0.03
    roll, yaw = torch.deg2rad(s.roll), torch.deg2rad(s.yaw)
    cos, sin = roll.cos() / s.head_width, roll.sin() / s.head_width
    s.u = cos * s.x + sin * s.y
    cos, sin = (part / (s.head_height * _HEIGHT) for part in (roll.cos(), roll.sin()))
    s.t = (cos * s.y - _CENTER / s.head_height / _HEIGHT) - sin * s.x
    s.v = s.t * _HEIGHT + _CENTER
    s.turn = yaw.sin()
    depth = (1 - s.u.square() / _WIDTH**2 - 0.4 * s.t.square()).clamp_(min=0).sqrt_()
    s.f = yaw.cos() * s.u - _WIDTH * s.turn * depth
    s.m, s.side = s.f.abs(), s.f.sign()
    s.jaw = _jaw(s)
    s.inside = s.cover(s.jaw)
    _choose_colors(s)
    s.color = torch.empty(len(s.u), 3, size, size)
    s.light = torch.ones(len(s.u), size, size)


def _jaw(s: _Scene) -> Tensor:
    """Signed distance to the outline of the head."""
    below = s.t.clamp(min=0)
    half_width = (s.jaw_taper * -_WIDTH * below).mul_(below).add_(_WIDTH)
    across = (s.u - 0.12 * s.turn * below).div_(half_width).square_()
    along = s.t.square()
    corners = (s.jaw_square * below).add_(0.1).mul_(across.clamp(max=1)).mul_(along.clamp(max=1))
    return across.add_(along).sub_(corners).sqrt_().sub_(1).mul_(0.6)


def _choose_colors(s: _Scene) -> None:
    for paint, (column, palette) in _PAINTS.items():
        colors = torch.stack([_rgb(code) for code in palette.values()])
        setattr(s, paint, colors[getattr(s, column).flatten()])
    s.skin = _skin_color(s)
    natural = s.has("lip_color", "natural").view(-1, 1, 1, 1)
    s.lips = torch.where(natural, s.skin * _rgb("dc8683"), s.lips)


def _skin_color(s: _Scene) -> Tensor:
    tones = torch.stack([_rgb(code) for code in _SKIN_TONES])
    place = s.skin_lightness.flatten().clamp(0, 1) * (len(tones) - 1)
    lower = place.long().clamp(max=len(tones) - 2)
    color = torch.lerp(tones[lower], tones[lower + 1], (place - lower).view(-1, 1, 1, 1))
    tint = torch.tensor([0.01, 0.015, -0.09]).view(3, 1, 1)
    return color * (1 + s.skin_warmth[:, None] * tint)


def _background(s: _Scene) -> None:
    phase = s.background_hue[:, None] - torch.tensor([0, 1 / 3, 2 / 3]).view(3, 1, 1)
    wheel = 0.5 + 0.5 * torch.cos(2 * torch.pi * phase)
    tint = _mix(1.0, wheel, s.background_saturation[:, None])
    s.color.copy_(s.background_lightness[:, None] * tint)
    _paint_kinds(s, "background", _BACKGROUNDS)


_BACKGROUNDS = {
    "vertical": lambda s: s.darken(0.15 + 0.25 * s.y),
    "radial": lambda s: s.darken((0.35 * (s.x**2 + s.y**2) - 0.15).clamp(max=0.5)),
}


def _neck(s: _Scene) -> None:
    """The neck, then the clothes around it."""
    s.neck_x = (s.u * s.head_width + s.x) / 2
    outline = s.neck_x.abs() - 0.26 - 1.2 * (s.y - 0.78).clamp(min=0) ** 1.5
    s.shoulders = 0.84 + 0.22 * s.x * s.x - s.y
    round_light = 0.96 - 1.2 * s.neck_x**2 + 0.3 * s.light_x * s.neck_x
    chin_shadow = 0.45 * (1 - s.jaw.clamp(min=0) / 0.32).clamp_(min=0)
    s.paint(s.cover(torch.maximum(outline, 0.3 - s.y)), s.skin, round_light - chin_shadow)
    _paint_kinds(s, "clothing", _CLOTHES)


def _clothe(s: _Scene, distance: Tensor) -> None:
    fold = 0.05 * torch.sin(9 * s.x) * torch.sin(6 * s.y)
    light = 0.95 + 0.2 * s.light_x * s.x - 0.12 * s.x * s.x + fold
    seam = 0.15 * (1 - distance.abs() / 0.05).clamp_(min=0)
    s.paint(s.cover(distance), s.cloth, light - seam)


def _crew(s: _Scene) -> None:
    opening = _oval(s.neck_x, s.y, (0, 0.66), (0.34, 0.24))
    _clothe(s, torch.maximum(s.shoulders, -opening))


def _v_neck(s: _Scene) -> None:
    opening = 0.8 * (s.neck_x.abs() - 0.75 * (1.06 - s.y))
    _clothe(s, torch.maximum(s.shoulders, -opening))


def _shirt(s: _Scene) -> None:
    x = s.neck_x.abs()
    _clothe(s, torch.maximum(s.shoulders, 0.75 * (0.98 - s.y) - x))
    flap = torch.maximum(0.7 * (0.97 - s.y) - x, x - 0.36 + 0.15 * (s.y - 0.7))
    collar = torch.maximum(torch.maximum(flap, 0.74 - s.y), s.y - 0.86 - 0.4 * x)
    s.darken(0.25 * s.cover(collar - 0.025))
    s.paint(s.cover(collar), _mix(s.cloth, 1.0, 0.25), 1.0 + 0.2 * s.light_x * s.x)


def _turtleneck(s: _Scene) -> None:
    roll_neck = torch.maximum(s.neck_x.abs() - 0.31, 0.72 + 0.15 * s.neck_x**2 - s.y)
    _clothe(s, torch.minimum(s.shoulders, roll_neck))
    s.darken(0.3 * (1 - s.jaw.clamp(min=0) / 0.2).clamp_(min=0) * s.cover(roll_neck))


_CLOTHES = {"crew": _crew, "v-neck": _v_neck, "shirt": _shirt, "turtleneck": _turtleneck}


def _ears(s: _Scene) -> None:
    u, v = (s.u + 0.1 * s.turn).abs(), s.v + 0.01
    center, radii = (_WIDTH - 0.005, 0), (0.085 * s.ear_size, 0.15 * s.ear_size)
    light = 0.86 + 0.1 * s.light_x * s.u.sign()
    s.paint(s.cover(_oval(u, v, center, radii)), s.skin, light)
    inner = s.cover(_oval(u, v, center, (0.05 * s.ear_size, 0.1 * s.ear_size)))
    s.darken(0.2 * inner)


def _earrings(s: _Scene) -> None:
    u = (s.u + 0.1 * s.turn).abs()
    ring = _oval(u, s.v, (_WIDTH + 0.02, 0.16 * s.ear_size + 0.02), (0.04, 0.045))
    s.paint(s.cover(ring), _rgb("e8c04f"), 1.0 - 3 * (s.v - 0.16))


def _head(s: _Scene) -> None:
    s.paint(s.inside, s.skin, _head_light(s))
    _flush(s.window(-0.2, 0.5, 0.9))


def _flush(s: _Scene) -> None:
    cheeks = _bump(s.m, s.v, (0.30, 0.17), (0.22, 0.17))
    nose = _bump(s.f, s.v, (0, 0.13), (0.12, 0.1))
    amount = (0.1 + 0.35 * s.blush) * (cheeks + 0.6 * nose)
    s.tint(s.inside * amount, s.skin * _rgb("ff8f86"))


def _head_light(s: _Scene) -> Tensor:
    """Lambert light on an ellipsoid with the relief of the face."""
    nx, ny = s.u * (1 / _WIDTH), s.t
    nz = (1.02 - nx.square()).sub_(ny.square()).clamp_(min=0).sqrt_()
    x, y = 0.75 * s.light_x, 0.65 * s.light_y - 0.1
    toward = nz.add_(x * nx).add_(y * ny)
    relief, step = _relief(s), 2 * s.pixel
    toward[:, :, 1:-1] -= (relief[:, :, 2:] - relief[:, :, :-2]) * (x / step)
    toward[:, 1:-1] -= (relief[:, 2:] - relief[:, :-2]) * (y / step)
    strength = 0.52 * (1 + x * x + y * y).rsqrt()
    return toward.clamp_(min=-0.2).mul_(strength).add_(0.56)


def _relief(s: _Scene) -> Tensor:
    """Height of the face above the ellipsoid."""
    s.relief = torch.zeros_like(s.u)
    _relief_eyes(s.window(-0.5, 0.25, 0.85))
    _relief_nose(s.window(-0.35, 0.55, 0.75))
    _relief_mouth(s.window(0.1, 0.9, 0.75))
    return s.relief


def _relief_eyes(s: _Scene) -> None:
    s.relief -= 0.05 * _bump(s.m, s.v, (s.eye_spacing, _EYES), (0.19, 0.13))
    s.relief += 0.025 * _bump(s.m, s.v, (0.2, _EYES - 0.17), (0.26, 0.1))


def _relief_nose(s: _Scene) -> None:
    along = (s.v + 0.16) / (_NOSE * s.nose_length + 0.16)
    reach = along.clamp(0, 1)
    tip = _NOSE * s.nose_length - 0.03
    forward = s.f - 0.12 * s.turn * reach
    s.relief += 0.06 * _bump(forward, along, (0, 0.6), (s.nose_width * (0.09 + 0.05 * reach), 0.75))
    s.relief += 0.05 * _bump(forward, s.v, (0, tip), (0.11 * s.nose_width, 0.1))
    wing = 0.075 * s.nose_width
    s.relief += 0.03 * _bump(forward.abs(), s.v, (wing, tip + 0.02), (0.06, 0.07))
    s.relief += 0.05 * _bump(s.m, s.v, (0.30, 0.14 - 0.02 * s.smile), (0.2, 0.17))


def _relief_mouth(s: _Scene) -> None:
    s.relief += 0.03 * _bump(s.f, s.v, (0, _MOUTH), (0.26, 0.16))
    s.relief -= 0.015 * _bump(s.f, s.v, (0, _MOUTH + 0.11), (0.14, 0.06))
    s.relief += 0.035 * _bump(s.f, s.v, (0, 0.56), (0.17, 0.12))


def _freckles(s: _Scene) -> None:
    spots = torch.sin(61 * s.f + 17 * s.v) * torch.sin(67 * s.v - 23 * s.f) - 0.35
    area = _bump(s.m, s.v, (0.2, 0.13), (0.32, 0.2))
    s.tint(s.inside * area * spots.clamp(0, 0.5), s.skin * _rgb("a0603c"))


def _whiskers(s: _Scene, mask: Tensor, strength: float = 0.92) -> None:
    hairs = 0.8 + 0.16 * torch.sin(48 * s.f) * torch.sin(13 * s.v + 2) + 0.2 * s.light_x * s.f
    s.paint(mask * strength, s.hair * 0.85, hairs)


def _jaw_beard(s: _Scene, length: float, softness: float) -> Tensor:
    cheek = 0.27 - 4.2 * (s.m - 0.2).clamp(min=0) ** 2
    grown = s.jaw - length * ((s.v - 0.3) * 5).clamp(0, 1)
    return s.cover(grown) * ((s.v - cheek) / softness).clamp(0, 1)


def _moustache_mask(s: _Scene) -> Tensor:
    middle = 0.275 + 0.9 * s.f * s.f + 0.03 * (s.nose_length - 1) - 0.03 * s.smile * s.m / 0.2
    return s.stroke(s.v - middle, (0.045 - 0.14 * s.f * s.f).clamp(min=0)) * s.cover(s.m - 0.24)


def _stubble(s: _Scene) -> None:
    _whiskers(s, _jaw_beard(s, 0.0, 0.12), 0.35)


def _moustache(s: _Scene) -> None:
    _whiskers(s, _moustache_mask(s))


def _goatee(s: _Scene) -> None:
    around = _oval(s.f, s.v, (0, 0.45), (0.23, 0.24)).maximum(s.jaw - 0.03)
    inner = _oval(s.f, s.v, (0, _MOUTH), (0.17, 0.1))
    _whiskers(s, s.cover(around.maximum(-inner)) * s.cover(0.255 - s.v))


def _full_beard(s: _Scene) -> None:
    _whiskers(s, _jaw_beard(s, 0.06, 0.05))


_BEARDS = {
    "stubble": _stubble,
    "moustache": _moustache,
    "goatee": _goatee,
    "full": _full_beard,
}


def _eyes(s: _Scene) -> None:
    wide, tall = 0.125 * s.eye_size, 0.062 * s.eye_size * s.eye_openness
    across, v = s.m - s.eye_spacing, s.v - _EYES
    v = v + s.eye_tilt * across
    arch = 1 - (across / wide) ** 2
    upper, lower = v + tall * 1.1 * arch, tall * 0.9 * arch - v
    opening = s.cover(-torch.minimum(upper, lower)) * s.cover(across.abs() - wide)
    s.darken(0.16 * s.inside * _bump(across, v, (0, -0.04), (0.2, 0.13)))
    s.paint(opening, _rgb("f4f1ec"), 0.72 + 5 * upper.clamp(0, 0.055))
    _iris(s, opening, across, v)
    near = (1 - (across / wide / 1.12) ** 2).clamp(min=0)
    lid = v + tall * 1.1 * arch
    lash_width = 0.008 + 0.012 * near
    s.paint(s.stroke(lid, lash_width) * s.cover(across.abs() - wide * 1.1), s.skin * 0.18)
    s.darken(0.3 * s.stroke(lid + 0.045, 0.008) * near)
    s.darken(0.18 * s.stroke(v - tall * 0.9 * arch, 0.01) * near)


def _iris(s: _Scene, opening: Tensor, across: Tensor, v: Tensor) -> None:
    radius = 0.064 * s.eye_size
    h, k = across - 0.03 * s.gaze_x * s.side, v - 0.012 * s.gaze_y + 0.008
    distance = (h * h + k * k).sqrt_()
    rim = ((distance / radius - 0.62) * 2.2).clamp_(0, 0.7)
    light = 1.0 + 5 * k.clamp(-0.06, 0.06) - rim
    s.paint(opening * s.cover(distance - radius), s.iris, light)
    s.paint(opening * s.cover(distance - 0.45 * radius), _rgb("0b0a0c"))
    glint = _oval(h * s.side, k, (0.028 * s.light_x, -0.024), (0.02, 0.02))
    s.paint(opening * s.cover(glint), _rgb("ffffff"))


def _brows(s: _Scene) -> None:
    across = s.m - s.eye_spacing
    arc = s.v - _EYES + s.brow_height - 1.6 * across * across - 0.02
    taper = (1 - ((across - 0.01) / 0.17) ** 2).clamp_(min=0).sqrt_()
    brow = s.stroke(arc - s.brow_angle * -across, s.brow_thickness * taper)
    hairs = 0.85 + 0.1 * torch.sin(70 * across + 30 * s.v)
    wrinkles = _bump(s.f, s.v, (0, -0.36), (0.32, 0.12)) * torch.sin(80 * s.v).clamp_(min=0)
    s.darken((s.age - 0.5).clamp(min=0) * wrinkles)
    s.paint(brow * 0.85 * s.inside, _mix(s.hair, s.skin * 0.4, 0.35), hairs)


def _nose(s: _Scene) -> None:
    base = _NOSE * s.nose_length
    across = (s.f - 0.12 * s.turn).abs()
    under = _bump(across, s.v, (0, base + 0.025), (0.15 * s.nose_width, 0.045))
    s.darken(0.25 * under)
    nostril = _oval(across, s.v, (0.05 * s.nose_width, base + 0.012), (0.026, 0.016))
    s.darken(0.55 * s.cover(nostril))
    wing = _oval(across, s.v, (0.085 * s.nose_width, base - 0.015), (0.04, 0.045))
    s.darken(0.2 * s.stroke(wing, 0.008) * (across > 0.09 * s.nose_width))
    shine = _bump(s.f - 0.1 * s.turn - 0.02 * s.light_x, s.v, (0, base - 0.07), (0.035, 0.05))
    s.tint(0.3 * shine, _rgb("fff6ea"))


def _mouth(s: _Scene) -> None:
    wide = s.mouth_width + 0.045 * s.smile.clamp(min=0)
    h = (s.f - 0.06 * s.turn) / wide
    square = h * h
    v = s.v - _MOUTH - 0.075 * s.smile * (0.35 - square)
    arch = (1 - square).clamp(min=0)
    gap = (s.mouth_open - 0.4).clamp(min=0) * 0.17 * arch.sqrt()
    top, bottom = v + 0.25 * gap, v - 0.75 * gap
    _lips(s, h, arch, top, bottom)
    _teeth(s, square, gap, top, bottom)
    s.darken(0.6 * s.stroke(v, 0.012) * s.cover((h.abs() - 1.05) * wide) * (gap < 0.01))
    s.darken(0.25 * _bump(h.abs(), v, (1.08, 0.01), (0.2, 0.05)))
    _folds(s, wide)


def _lips(s: _Scene, h: Tensor, arch: Tensor, top: Tensor, bottom: Tensor) -> None:
    bow = 1 - 0.35 * _bump(h, h, (0, 0), (0.25, 9.0))
    upper = 0.042 * s.lip_fullness * arch * bow
    lower = 0.058 * s.lip_fullness * arch.sqrt() * arch.clamp(min=0.3)
    mask = s.cover(-torch.minimum(top + upper, lower - bottom)) * s.cover((h.abs() - 1) * 0.2)
    shine = 0.16 * (1 - ((bottom - 0.4 * lower) / 0.025) ** 2).clamp(min=0) * arch
    s.paint(mask * 0.9, s.lips, 0.84 + 0.14 * (bottom > 0) + shine)
    s.darken(0.2 * _bump(h, bottom, (0, 0.1), (0.8, 0.035)))


def _teeth(s: _Scene, square: Tensor, gap: Tensor, top: Tensor, bottom: Tensor) -> None:
    inside = s.cover(-torch.minimum(top, -bottom)) * (gap > 0)
    s.paint(inside, _rgb("5a1c22"), 0.75)
    tongue = _bump(square, bottom, (0, 0.0), (0.6, 0.05))
    s.paint(inside * tongue, _rgb("c8606a"))
    rows = torch.maximum(top - 0.025 - 0.04 * s.smile.clamp(min=0), -top)
    shown = inside * s.cover(rows) * (0.5 + s.smile).clamp(0, 1)
    s.paint(shown, _rgb("f6f3ea"), 1.0 - 0.4 * square)


def _folds(s: _Scene, wide: Tensor) -> None:
    """Lines from the nose to the mouth."""
    old = (2 * s.age - 1).clamp(min=0)
    down = ((s.v - 0.17) / 0.2).clamp(0, 1)
    line = s.m - 0.13 - (wide - 0.06) * down
    ends = _bump(s.v, s.v, (0.27, 0.27), (0.18, 0.18))
    s.darken((0.04 + 0.25 * old + 0.12 * s.smile.clamp(min=0)) * ends * s.stroke(line, 0.014))


def _hair(s: _Scene, distance: Tensor, light: Tensor) -> None:
    """Hair over the head, and its shadow on the skin."""
    s.darken(0.3 * s.inside * (1 - distance / 0.1).clamp_(0, 1))
    s.paint(s.cover(distance), s.hair, light)


def _strands(s: _Scene, strand: Tensor) -> Tensor:
    """Light on hair along lines of equal `strand`: roundness and a band of shine."""
    wave = (torch.sin(11 * strand).mul_(2).add_(43 * strand)).sin_()
    arc = s.u.square()
    band = (s.v - 0.55 * arc).add_(0.58).mul_(1 / 0.13).square_().neg_().add_(1).clamp_(min=0)
    light = (0.3 * s.light_x * s.u).sub_(0.3 * arc).add_(0.2 * s.light_y * (s.v + 0.4))
    return light.add_(0.95).add_(0.09 * wave).addcmul_(band, wave.mul_(0.08).add_(0.16))


def _curls(s: _Scene) -> Tensor:
    """Light on curly hair."""
    across = torch.sin(27 * s.u + 2 * torch.sin(13 * s.v))
    along = torch.sin(25 * s.v + 2 * torch.sin(15 * s.u))
    roundness = 0.3 * s.light_x * s.u + 0.3 * s.light_y * (s.v + 0.4) - 0.15 * s.u * s.u
    return 0.9 + roundness + 0.16 * across * along


def _forehead(s: _Scene) -> Tensor:
    """Signed distance to the part of the face that short hair leaves open."""
    return _oval(s.f, s.v, (0, 0.12), (0.47, 0.57 + s.hairline), 0.7)


def _cap(s: _Scene, sides: float, top: float | Tensor, opening: Tensor) -> Tensor:
    """Signed distance to hair that ends above the ears and around `opening`."""
    dome = _oval(s.u, s.v, (0, -0.09), (_WIDTH + sides, 0.69 + top))
    return torch.maximum(dome, -opening).maximum(s.v - 0.28 + 0.6 * s.u.abs())


def _curtain(s: _Scene, width: Tensor, bottom: float) -> Tensor:
    """Signed distance to a dome that hangs straight down to `bottom`, with round corners."""
    dome = _oval(s.u, s.v, (0, -0.1), (width, 0.74 + 0.06 * s.hair_volume))
    hanging = torch.maximum(_box(s.u.abs() - width, s.v - bottom, 0.12), -0.1 - s.v)
    return torch.minimum(dome, hanging)


def _parting(s: _Scene, side: Tensor) -> Tensor:
    """Signed distance to a face framed by hair that falls from a parting."""
    fall = ((s.v + 0.5 + s.hairline) / 0.55).clamp_(0, 1).sqrt_()
    return 0.7 * ((s.f - side * (1 - fall)).abs() - 0.46 * fall)


def _buzz(s: _Scene) -> None:
    distance = _cap(s, 0.012, 0.015, _forehead(s))
    grain = 0.86 + 0.07 * torch.sin(71 * s.u + 31 * s.v) * torch.sin(67 * s.v)
    soft = (0.5 - distance / 0.05).clamp_(0, 1) * s.cover(s.jaw - 0.012)
    s.paint(0.8 * soft, s.hair, grain + 0.25 * s.light_x * s.u)


def _short(s: _Scene) -> None:
    sweep = s.f * s.hair_part.sign()
    fringe = s.v + 0.40 + s.hairline - 0.22 * (sweep + 0.15) + 0.5 * sweep * sweep
    cap = _cap(s, 0.035, 0.05 + 0.07 * s.hair_volume, torch.maximum(_forehead(s), -fringe))
    _hair(s, cap, _strands(s, 0.8 * s.v + 0.5 * sweep + 0.6 * sweep * sweep))


def _long_shape(s: _Scene) -> Tensor:
    return _curtain(s, _WIDTH + 0.06 + 0.1 * s.hair_volume, 1.2)


def _wavy_shape(s: _Scene) -> Tensor:
    swing = 0.035 * torch.sin(13 * s.v + 1.5) * (s.v + 0.5).clamp(0, 1)
    return _curtain(s, _WIDTH + 0.09 + 0.12 * s.hair_volume + swing, 0.82)


def _bob_shape(s: _Scene) -> Tensor:
    width = _WIDTH + 0.05 + 0.08 * s.hair_volume
    return _curtain(s, width * (1 - 0.1 * (s.v - 0.2).clamp(min=0)), 0.48)


def _long(s: _Scene) -> None:
    locks = torch.maximum(_long_shape(s), -_parting(s, 0.2 * s.hair_part))
    _hair(s, locks, _strands(s, s.m + 0.12 * s.v))


def _wavy(s: _Scene) -> None:
    swing = 0.035 * torch.sin(13 * s.v) * (s.v + 0.4).clamp(0, 1)
    opening = _parting(s, 0.28 * s.hair_part.sign() + 0.05 * s.hair_part) + swing
    _hair(s, torch.maximum(_wavy_shape(s), -opening), _strands(s, s.m + 1.6 * swing))


def _bob(s: _Scene) -> None:
    fringe = -0.30 + s.hairline + 0.15 * s.f * s.f + 0.05 * s.hair_part * s.f
    opening = torch.maximum(s.m - 0.45 + 0.06 * s.v, fringe - s.v)
    strands = _strands(s, s.f * (1.4 + s.v.clamp(min=-0.5)))
    _hair(s, torch.maximum(_bob_shape(s), -opening), strands)


def _cloud(s: _Scene, center: float, radius: Tensor, curls: int) -> Tensor:
    """Signed distance to a disc with a scalloped edge."""
    scallop = 0.022 * torch.sin(curls * torch.atan2(s.u, center - s.v)).abs_()
    return (s.u.square() + (s.v - center).square()).sqrt_() - radius - scallop


def _afro_back(s: _Scene) -> None:
    cloud = _cloud(s, -0.2, 0.68 + 0.12 * s.hair_volume, 11)
    s.paint(s.cover(cloud), s.hair, 0.9 * _curls(s))


def _afro(s: _Scene) -> None:
    _hair(s, _cap(s, 0.05, 0.1, _forehead(s)), _curls(s))


def _curly_back(s: _Scene) -> None:
    upper = _cloud(s, -0.15, 0.66 + 0.06 * s.hair_volume, 9)
    lower = _cloud(s, 0.25, 0.62 + 0.08 * s.hair_volume, 9)
    s.paint(s.cover(torch.minimum(upper, lower)), s.hair, 0.8 * _curls(s))


def _curly(s: _Scene) -> None:
    fringe = s.v + 0.36 + s.hairline + 0.04 * torch.sin(20 * s.f + 3 * s.hair_part).abs_()
    dome = _oval(s.u, s.v, (0, -0.09), (_WIDTH + 0.06, 0.77)).maximum(s.v - 0.25)
    _hair(s, dome.maximum(-torch.maximum(_forehead(s), -fringe)), _curls(s))


def _bun_back(s: _Scene) -> None:
    radius = 0.17 + 0.06 * s.hair_volume
    bun = _oval(s.u, s.v, (-0.5 * s.turn, -0.83), (radius * 1.15, radius))
    coil = 0.1 * torch.sin(36 * bun + 4 * s.u)
    s.paint(s.cover(bun), s.hair, 0.19 + coil - 0.8 * s.v + 0.6 * s.light_x * s.u)


def _bun(s: _Scene) -> None:
    strands = _strands(s, s.u / (1.25 + s.v).clamp(min=0.2))
    _hair(s, _cap(s, 0.02, 0.04, _forehead(s)), strands)


def _zigzag(s: _Scene, count: float) -> Tensor:
    """Spikes of height 1 by the angle around the head."""
    phase = torch.atan2(s.u, 0.3 - s.v) * count
    return 1 - 2 * (phase - phase.floor() - 0.5).abs()


def _spiky(s: _Scene) -> None:
    crown = (0.2 + 0.18 * s.hair_volume) * _zigzag(s, 3.2) * (0.1 - s.v).clamp(0, 0.5)
    fringe = 0.43 + s.hairline - 0.07 * _zigzag(s, 4.1) + s.v
    cap = _cap(s, 0.03, 0.03, torch.maximum(_forehead(s), -fringe))
    _hair(s, cap - crown, _strands(s, torch.atan2(s.u, 0.3 - s.v)))


def _mohawk_back(s: _Scene) -> None:
    height = (0.16 + 0.1 * s.hair_volume) * (1 + 0.3 * _zigzag(s, 8))
    blade = _oval(s.u - 0.25 * s.turn, s.v, (0, -0.6), (0.17, 0.18 + height))
    s.paint(s.cover(blade), s.hair, 0.8 + 0.15 * torch.sin(60 * s.u))


def _mohawk(s: _Scene) -> None:
    shaved = (0.5 - _cap(s, 0.005, 0.005, _forehead(s)) / 0.06).clamp_(0, 1)
    s.paint(0.35 * shaved * s.inside, s.hair, 0.8)
    strip = _oval(s.u - 0.4 * s.turn, s.v, (0, -0.75), (0.15, 0.33 - s.hairline))
    _hair(s, strip, _strands(s, 1.3 * s.f))


def _scarf(s: _Scene) -> None:
    face = torch.maximum(s.jaw + 0.035, -0.46 - s.hairline + 0.3 * s.f * s.f - s.v)
    waist = 0.62 - 0.5 * (s.v - 0.25).clamp(0, 0.35) + 0.6 * (s.v - 0.6).clamp(min=0)
    drape = torch.maximum(0.8 * (s.u.abs() - waist), -0.05 - s.v)
    dome = _oval(s.u, s.v, (0, -0.09), (_WIDTH + 0.085, 0.77))
    cloth = torch.minimum(dome, drape).maximum(-face)
    s.darken(0.35 * s.inside * (1 - cloth / 0.1).clamp_(0, 1))
    folds = 0.07 * torch.sin(30 * face.clamp(max=0.5) + 5 * s.u + 3 * s.v)
    under = (1 - (s.jaw - 0.02).abs() / 0.15).clamp_(min=0) * (4 * s.v - 0.8).clamp_(0, 1)
    light = 0.9 + 0.35 * s.light_x * s.u + 0.2 * s.light_y * s.v + folds - 0.3 * under
    s.paint(s.cover(cloth), s.scarf, light)


def _hang_behind(shape: Callable[[_Scene], Tensor]) -> Callable[[_Scene], None]:
    """Painter of the inside of hanging hair, behind the neck."""
    return lambda s: s.paint(s.cover(shape(s)), s.hair, 0.55 + 0.06 * torch.sin(40 * s.u))


def _within(top: float, bottom: float, painter: Callable[[_Scene], None]):
    return lambda s: painter(s.window(top, bottom))


_BACK_HAIR = {
    "long": _hang_behind(_long_shape),
    "bob": _hang_behind(_bob_shape),
    "wavy": _hang_behind(_wavy_shape),
    "afro": _afro_back,
    "curly": _curly_back,
    "bun": _within(-1, -0.3, _bun_back),
    "mohawk": _within(-1, 0, _mohawk_back),
}
_FRONT_HAIR = {
    "buzz": _within(-1, 0.3, _buzz),
    "short": _within(-1, 0.3, _short),
    "long": _long,
    "bob": _bob,
    "wavy": _wavy,
    "afro": _within(-1, 0.3, _afro),
    "curly": _within(-1, 0.6, _curly),
    "bun": _within(-1, 0.3, _bun),
    "spiky": _within(-1, 0.3, _spiky),
    "mohawk": _within(-1, 0.3, _mohawk),
    "scarf": _scarf,
}


def _spectacles(s: _Scene, lens: Tensor, half_width: float) -> None:
    drop = s.v - _EYES - 0.01
    glare = (1 - ((s.f * s.side - 0.8 * drop - 0.2) / 0.06) ** 2).clamp_(min=0)
    s.paint(s.cover(lens) * (0.1 + 0.14 * glare), _rgb("e9f4ff"))
    temple = s.stroke(drop + 0.03, 0.014) * s.cover(s.eye_spacing + half_width - s.m) * s.inside
    bridge = s.stroke(drop + 0.03 - 0.8 * s.m * s.m, 0.014)
    bridge *= s.cover(s.m - s.eye_spacing + half_width)
    frame = s.stroke(lens, 0.019).maximum(temple).maximum(bridge)
    s.darken(0.2 * s.inside * s.stroke(lens - 0.02, 0.03))
    s.paint(frame, s.frame, 0.95 - 0.6 * drop)


def _round_glasses(s: _Scene) -> None:
    _spectacles(s, _oval(s.m, s.v, (s.eye_spacing, _EYES + 0.01), (0.165, 0.165)), 0.165)


def _rectangular_glasses(s: _Scene) -> None:
    lens = _box((s.m - s.eye_spacing).abs() - 0.175, (s.v - _EYES - 0.015).abs() - 0.12, 0.045)
    _spectacles(s, lens, 0.175)


_GLASSES = {"round": _round_glasses, "rectangular": _rectangular_glasses}
