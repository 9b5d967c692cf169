"""A canvas for many faces at once: coordinates, colors, light, and signed-distance shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from facegan.data.synthetic.attributes import DISTRIBUTIONS, PAINTS, Choice

_SKIN_TONES = ("45291f", "744730", "a66e4a", "cf9871", "ecbf9c", "fadcc8")
WIDTH, HEIGHT = 0.54, 0.70  # semi-axes of the average head; coordinates in the frame range from -1 to 1
CENTER = -0.08  # height of the head's center, above the middle of the frame
EYES, NOSE, MOUTH = -0.05, 0.19, 0.36  # heights of the features; y points down


@cache
def rgb(code: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(code)), dtype=torch.float32).view(3, 1, 1) / 255


class Scene:
    """A batch of faces to paint: attributes, coordinates, `color`, and `light`, by name.

    A part of a scene (fewer faces, or a window of pixels) reads values from the whole scene on first use.
    """

    def __init__(self, whole, view: Callable[[Tensor], Tensor]):
        self._whole, self._view = whole, view

    def __getattr__(self, name: str) -> Tensor:
        value = self._view(getattr(self._whole, name))
        setattr(self, name, value)
        return value

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None: ...

    def has(self, name: str, label: str | bool) -> Tensor:
        labels = cast(Choice, DISTRIBUTIONS[name]).labels
        return (getattr(self, name) == labels.index(label)).flatten()

    def window(self, top: float, bottom: float, side: float = 1.0) -> Scene:
        """The rows from `top` to `bottom`, within `side` of the middle. Painting the window paints this scene."""
        size = self.light.shape[-1]
        rows, columns = (
            slice(max(0, int((low + 1) / 2 * size)), int((high + 1) / 2 * size) + 1)
            for low, high in ((top, bottom), (-side, side))
        )
        return Scene(self, lambda t: t[..., rows, columns] if t.shape[-2] > 1 else t)

    def apply(self, chosen: Tensor, painter: Callable[[Scene], None]) -> None:
        """Run `painter` only on the chosen faces."""
        faces = chosen.nonzero().flatten()
        if not len(faces):
            return
        first, last = int(faces[0]), int(faces[-1])
        if last - first + 1 == len(faces):  # neighbors are painted in place
            painter(Scene(self, lambda t: t[first : last + 1]))
        else:
            part = Scene(self, lambda t: t[faces])
            painter(part)
            self.color[faces], self.light[faces] = part.color, part.light

    def cover(self, distance: Tensor) -> Tensor:
        """The fraction of each pixel inside a shape, from the signed distance to its edge."""
        return (distance * (-1 / self.pixel)).add_(0.5).clamp_(0, 1)

    def stroke(self, offset: Tensor, half_width: float | Tensor) -> Tensor:
        """The fraction of each pixel inside a line, from the signed distance to its middle."""
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


def oval(u, v, center, radii, square=0.0) -> Tensor:
    """Approximate signed distance to an ellipse; `square` makes it more rectangular."""
    a = (u - center[0]).mul_(1 / radii[0]).square_()
    b = (v - center[1]).mul_(1 / radii[1]).square_()
    level = a + b
    if square:
        level -= a.clamp_(max=1).mul_(b.clamp_(max=1)).mul_(square)
    return level.sqrt_().sub_(1).mul_((radii[0] * radii[1]) ** 0.5)


def box(right, below, corner: float) -> Tensor:
    """Signed distance to a rounded corner, from the distances beyond its two sides."""
    a, b = right + corner, below + corner
    outside = (a.clamp(min=0).square_() + b.clamp(min=0).square_()).sqrt_()
    return outside + torch.maximum(a, b).clamp_(max=0) - corner


def bump(u, v, center, radii) -> Tensor:
    """A smooth bump of height 1 that ends at an ellipse."""
    a = (u - center[0]).mul_(1 / radii[0]).square_()
    b = (v - center[1]).mul_(1 / radii[1]).square_()
    return a.add_(b).neg_().add_(1).clamp_(min=0).square_()


def mix(a, b, amount):
    return a + (b - a) * amount


def paint_kinds(s: Scene, name: str, painters: Mapping[str, Callable[[Scene], None]]) -> None:
    for label, painter in painters.items():
        s.apply(s.has(name, label), painter)


def place(s: Scene, size: int) -> None:
    """Compute the coordinates of the body (x, y), the head (u, v), and the face turned by yaw (f, v), with m = |f|."""
    line = (torch.arange(size, dtype=torch.float32) + 0.5) * 2 / size - 1
    s.pixel = 2 / size / s.scale
    s.x = (line - 2 * s.head_x) / s.scale
    s.y = (line[:, None] - 2 * s.head_y) / s.scale - 0.03
    roll, yaw = torch.deg2rad(s.roll), torch.deg2rad(s.yaw)
    cos, sin = roll.cos() / s.head_width, roll.sin() / s.head_width
    s.u = cos * s.x + sin * s.y
    cos, sin = (part / (s.head_height * HEIGHT) for part in (roll.cos(), roll.sin()))
    s.t = (cos * s.y - CENTER / s.head_height / HEIGHT) - sin * s.x
    s.v = s.t * HEIGHT + CENTER
    s.turn = yaw.sin()
    depth = (1 - s.u.square() / WIDTH**2 - 0.4 * s.t.square()).clamp_(min=0).sqrt_()
    s.f = yaw.cos() * s.u - WIDTH * s.turn * depth
    s.m, s.side = s.f.abs(), s.f.sign()
    s.jaw = _jaw(s)
    s.inside = s.cover(s.jaw)
    _choose_colors(s)
    s.color = torch.empty(len(s.u), 3, size, size)
    s.light = torch.ones(len(s.u), size, size)


def _jaw(s: Scene) -> Tensor:
    """Signed distance to the outline of the head."""
    below = s.t.clamp(min=0)
    half_width = (s.jaw_taper * -WIDTH * below).mul_(below).add_(WIDTH)
    across = (s.u - 0.12 * s.turn * below).div_(half_width).square_()
    along = s.t.square()
    corners = (s.jaw_square * below).add_(0.1).mul_(across.clamp(max=1)).mul_(along.clamp(max=1))
    return across.add_(along).sub_(corners).sqrt_().sub_(1).mul_(0.6)


def _choose_colors(s: Scene) -> None:
    for paint, (column, palette) in PAINTS.items():
        colors = torch.stack([rgb(code) for code in palette.values()])
        setattr(s, paint, colors[getattr(s, column).flatten()])
    s.skin = _skin_color(s)
    natural = s.has("lip_color", "natural").view(-1, 1, 1, 1)
    s.lips = torch.where(natural, s.skin * rgb("dc8683"), s.lips)


def _skin_color(s: Scene) -> Tensor:
    tones = torch.stack([rgb(code) for code in _SKIN_TONES])
    place = s.skin_lightness.flatten().clamp(0, 1) * (len(tones) - 1)
    lower = place.long().clamp(max=len(tones) - 2)
    color = torch.lerp(tones[lower], tones[lower + 1], (place - lower).view(-1, 1, 1, 1))
    tint = torch.tensor([0.01, 0.015, -0.09]).view(3, 1, 1)
    return color * (1 + s.skin_warmth[:, None] * tint)
