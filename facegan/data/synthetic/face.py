"""Painters of head, features, beard, glasses, neck, and clothes."""

from __future__ import annotations

import torch
from torch import Tensor

from facegan.data.synthetic.scene import (
    EYES,
    MOUTH,
    NOSE,
    WIDTH,
    Scene,
    box,
    bump,
    mix,
    oval,
    paint_kinds,
    rgb,
)


def neck(s: Scene) -> None:
    """Paint the neck, and then the clothes around it."""
    s.neck_x = (s.u * s.head_width + s.x) / 2
    outline = s.neck_x.abs() - 0.26 - 1.2 * (s.y - 0.78).clamp(min=0) ** 1.5
    s.shoulders = 0.84 + 0.22 * s.x * s.x - s.y
    round_light = 0.96 - 1.2 * s.neck_x**2 + 0.3 * s.light_x * s.neck_x
    chin_shadow = 0.45 * (1 - s.jaw.clamp(min=0) / 0.32).clamp_(min=0)
    s.paint(s.cover(torch.maximum(outline, 0.3 - s.y)), s.skin, round_light - chin_shadow)
    paint_kinds(s, "clothing", _CLOTHES)


def _clothe(s: Scene, distance: Tensor) -> None:
    fold = 0.05 * torch.sin(9 * s.x) * torch.sin(6 * s.y)
    light = 0.95 + 0.2 * s.light_x * s.x - 0.12 * s.x * s.x + fold
    seam = 0.15 * (1 - distance.abs() / 0.05).clamp_(min=0)
    s.paint(s.cover(distance), s.cloth, light - seam)


def _crew(s: Scene) -> None:
    opening = oval(s.neck_x, s.y, (0, 0.66), (0.34, 0.24))
    _clothe(s, torch.maximum(s.shoulders, -opening))


def _v_neck(s: Scene) -> None:
    opening = 0.8 * (s.neck_x.abs() - 0.75 * (1.06 - s.y))
    _clothe(s, torch.maximum(s.shoulders, -opening))


def _shirt(s: Scene) -> None:
    x = s.neck_x.abs()
    _clothe(s, torch.maximum(s.shoulders, 0.75 * (0.98 - s.y) - x))
    flap = torch.maximum(0.7 * (0.97 - s.y) - x, x - 0.36 + 0.15 * (s.y - 0.7))
    collar = torch.maximum(torch.maximum(flap, 0.74 - s.y), s.y - 0.86 - 0.4 * x)
    s.darken(0.25 * s.cover(collar - 0.025))
    s.paint(s.cover(collar), mix(s.cloth, 1.0, 0.25), 1.0 + 0.2 * s.light_x * s.x)


def _turtleneck(s: Scene) -> None:
    roll_neck = torch.maximum(s.neck_x.abs() - 0.31, 0.72 + 0.15 * s.neck_x**2 - s.y)
    _clothe(s, torch.minimum(s.shoulders, roll_neck))
    s.darken(0.3 * (1 - s.jaw.clamp(min=0) / 0.2).clamp_(min=0) * s.cover(roll_neck))


_CLOTHES = {"crew": _crew, "v-neck": _v_neck, "shirt": _shirt, "turtleneck": _turtleneck}


def ears(s: Scene) -> None:
    u, v = (s.u + 0.1 * s.turn).abs(), s.v + 0.01
    center, radii = (WIDTH - 0.005, 0), (0.085 * s.ear_size, 0.15 * s.ear_size)
    light = 0.86 + 0.1 * s.light_x * s.u.sign()
    s.paint(s.cover(oval(u, v, center, radii)), s.skin, light)
    inner = s.cover(oval(u, v, center, (0.05 * s.ear_size, 0.1 * s.ear_size)))
    s.darken(0.2 * inner)


def earrings(s: Scene) -> None:
    u = (s.u + 0.1 * s.turn).abs()
    ring = oval(u, s.v, (WIDTH + 0.02, 0.16 * s.ear_size + 0.02), (0.04, 0.045))
    s.paint(s.cover(ring), rgb("e8c04f"), 1.0 - 3 * (s.v - 0.16))


def head(s: Scene) -> None:
    s.paint(s.inside, s.skin, _head_light(s))
    _flush(s.window(-0.2, 0.5, 0.9))


def _flush(s: Scene) -> None:
    cheeks = bump(s.m, s.v, (0.30, 0.17), (0.22, 0.17))
    nose = bump(s.f, s.v, (0, 0.13), (0.12, 0.1))
    amount = (0.1 + 0.35 * s.blush) * (cheeks + 0.6 * nose)
    s.tint(s.inside * amount, s.skin * rgb("ff8f86"))


def _head_light(s: Scene) -> Tensor:
    """Lambertian light on an ellipsoid with the relief of the face."""
    nx, ny = s.u * (1 / WIDTH), s.t
    nz = (1.02 - nx.square()).sub_(ny.square()).clamp_(min=0).sqrt_()
    x, y = 0.75 * s.light_x, 0.65 * s.light_y - 0.1
    toward = nz.add_(x * nx).add_(y * ny)
    relief, step = _relief(s), 2 * s.pixel
    toward[:, :, 1:-1] -= (relief[:, :, 2:] - relief[:, :, :-2]) * (x / step)
    toward[:, 1:-1] -= (relief[:, 2:] - relief[:, :-2]) * (y / step)
    strength = 0.52 * (1 + x * x + y * y).rsqrt()
    return toward.clamp_(min=-0.2).mul_(strength).add_(0.56)


def _relief(s: Scene) -> Tensor:
    """The height of the face above the ellipsoid."""
    s.relief = torch.zeros_like(s.u)
    _relief_eyes(s.window(-0.5, 0.25, 0.85))
    _relief_nose(s.window(-0.35, 0.55, 0.75))
    _relief_mouth(s.window(0.1, 0.9, 0.75))
    return s.relief


def _relief_eyes(s: Scene) -> None:
    s.relief -= 0.05 * bump(s.m, s.v, (s.eye_spacing, EYES), (0.19, 0.13))
    s.relief += 0.025 * bump(s.m, s.v, (0.2, EYES - 0.17), (0.26, 0.1))


def _relief_nose(s: Scene) -> None:
    along = (s.v + 0.16) / (NOSE * s.nose_length + 0.16)
    reach = along.clamp(0, 1)
    tip = NOSE * s.nose_length - 0.03
    forward = s.f - 0.12 * s.turn * reach
    s.relief += 0.06 * bump(forward, along, (0, 0.6), (s.nose_width * (0.09 + 0.05 * reach), 0.75))
    s.relief += 0.05 * bump(forward, s.v, (0, tip), (0.11 * s.nose_width, 0.1))
    wing = 0.075 * s.nose_width
    s.relief += 0.03 * bump(forward.abs(), s.v, (wing, tip + 0.02), (0.06, 0.07))
    s.relief += 0.05 * bump(s.m, s.v, (0.30, 0.14 - 0.02 * s.smile), (0.2, 0.17))


def _relief_mouth(s: Scene) -> None:
    s.relief += 0.03 * bump(s.f, s.v, (0, MOUTH), (0.26, 0.16))
    s.relief -= 0.015 * bump(s.f, s.v, (0, MOUTH + 0.11), (0.14, 0.06))
    s.relief += 0.035 * bump(s.f, s.v, (0, 0.56), (0.17, 0.12))


def freckles(s: Scene) -> None:
    spots = torch.sin(61 * s.f + 17 * s.v) * torch.sin(67 * s.v - 23 * s.f) - 0.35
    area = bump(s.m, s.v, (0.2, 0.13), (0.32, 0.2))
    s.tint(s.inside * area * spots.clamp(0, 0.5), s.skin * rgb("a0603c"))


def _whiskers(s: Scene, mask: Tensor, strength: float = 0.92) -> None:
    hairs = 0.8 + 0.16 * torch.sin(48 * s.f) * torch.sin(13 * s.v + 2) + 0.2 * s.light_x * s.f
    s.paint(mask * strength, s.hair * 0.85, hairs)


def _jaw_beard(s: Scene, length: float, softness: float) -> Tensor:
    cheek = 0.27 - 4.2 * (s.m - 0.2).clamp(min=0) ** 2
    grown = s.jaw - length * ((s.v - 0.3) * 5).clamp(0, 1)
    return s.cover(grown) * ((s.v - cheek) / softness).clamp(0, 1)


def _moustache_mask(s: Scene) -> Tensor:
    middle = 0.275 + 0.9 * s.f * s.f + 0.03 * (s.nose_length - 1) - 0.03 * s.smile * s.m / 0.2
    return s.stroke(s.v - middle, (0.045 - 0.14 * s.f * s.f).clamp(min=0)) * s.cover(s.m - 0.24)


def _stubble(s: Scene) -> None:
    _whiskers(s, _jaw_beard(s, 0.0, 0.12), 0.35)


def _moustache(s: Scene) -> None:
    _whiskers(s, _moustache_mask(s))


def _goatee(s: Scene) -> None:
    around = oval(s.f, s.v, (0, 0.45), (0.23, 0.24)).maximum(s.jaw - 0.03)
    inner = oval(s.f, s.v, (0, MOUTH), (0.17, 0.1))
    _whiskers(s, s.cover(around.maximum(-inner)) * s.cover(0.255 - s.v))


def _full_beard(s: Scene) -> None:
    _whiskers(s, _jaw_beard(s, 0.06, 0.05))


BEARDS = {
    "stubble": _stubble,
    "moustache": _moustache,
    "goatee": _goatee,
    "full": _full_beard,
}


def eyes(s: Scene) -> None:
    wide, tall = 0.125 * s.eye_size, 0.062 * s.eye_size * s.eye_openness
    across, v = s.m - s.eye_spacing, s.v - EYES
    v = v + s.eye_tilt * across
    arch = 1 - (across / wide) ** 2
    upper, lower = v + tall * 1.1 * arch, tall * 0.9 * arch - v
    opening = s.cover(-torch.minimum(upper, lower)) * s.cover(across.abs() - wide)
    s.darken(0.16 * s.inside * bump(across, v, (0, -0.04), (0.2, 0.13)))
    s.paint(opening, rgb("f4f1ec"), 0.72 + 5 * upper.clamp(0, 0.055))
    _iris(s, opening, across, v)
    near = (1 - (across / wide / 1.12) ** 2).clamp(min=0)
    lid = v + tall * 1.1 * arch
    lash_width = 0.008 + 0.012 * near
    s.paint(s.stroke(lid, lash_width) * s.cover(across.abs() - wide * 1.1), s.skin * 0.18)
    s.darken(0.3 * s.stroke(lid + 0.045, 0.008) * near)
    s.darken(0.18 * s.stroke(v - tall * 0.9 * arch, 0.01) * near)


def _iris(s: Scene, opening: Tensor, across: Tensor, v: Tensor) -> None:
    radius = 0.064 * s.eye_size
    h, k = across - 0.03 * s.gaze_x * s.side, v - 0.012 * s.gaze_y + 0.008
    distance = (h * h + k * k).sqrt_()
    rim = ((distance / radius - 0.62) * 2.2).clamp_(0, 0.7)
    light = 1.0 + 5 * k.clamp(-0.06, 0.06) - rim
    s.paint(opening * s.cover(distance - radius), s.iris, light)
    s.paint(opening * s.cover(distance - 0.45 * radius), rgb("0b0a0c"))
    glint = oval(h * s.side, k, (0.028 * s.light_x, -0.024), (0.02, 0.02))
    s.paint(opening * s.cover(glint), rgb("ffffff"))


def brows(s: Scene) -> None:
    across = s.m - s.eye_spacing
    arc = s.v - EYES + s.brow_height - 1.6 * across * across - 0.02
    taper = (1 - ((across - 0.01) / 0.17) ** 2).clamp_(min=0).sqrt_()
    brow = s.stroke(arc - s.brow_angle * -across, s.brow_thickness * taper)
    hairs = 0.85 + 0.1 * torch.sin(70 * across + 30 * s.v)
    wrinkles = bump(s.f, s.v, (0, -0.36), (0.32, 0.12)) * torch.sin(80 * s.v).clamp_(min=0)
    s.darken((s.age - 0.5).clamp(min=0) * wrinkles)
    s.paint(brow * 0.85 * s.inside, mix(s.hair, s.skin * 0.4, 0.35), hairs)


def nose(s: Scene) -> None:
    base = NOSE * s.nose_length
    across = (s.f - 0.12 * s.turn).abs()
    under = bump(across, s.v, (0, base + 0.025), (0.15 * s.nose_width, 0.045))
    s.darken(0.25 * under)
    nostril = oval(across, s.v, (0.05 * s.nose_width, base + 0.012), (0.026, 0.016))
    s.darken(0.55 * s.cover(nostril))
    wing = oval(across, s.v, (0.085 * s.nose_width, base - 0.015), (0.04, 0.045))
    s.darken(0.2 * s.stroke(wing, 0.008) * (across > 0.09 * s.nose_width))
    shine = bump(s.f - 0.1 * s.turn - 0.02 * s.light_x, s.v, (0, base - 0.07), (0.035, 0.05))
    s.tint(0.3 * shine, rgb("fff6ea"))


def mouth(s: Scene) -> None:
    wide = s.mouth_width + 0.045 * s.smile.clamp(min=0)
    h = (s.f - 0.06 * s.turn) / wide
    square = h * h
    v = s.v - MOUTH - 0.075 * s.smile * (0.35 - square)
    arch = (1 - square).clamp(min=0)
    gap = (s.mouth_open - 0.4).clamp(min=0) * 0.17 * arch.sqrt()
    top, bottom = v + 0.25 * gap, v - 0.75 * gap
    _lips(s, h, arch, top, bottom)
    _teeth(s, square, gap, top, bottom)
    s.darken(0.6 * s.stroke(v, 0.012) * s.cover((h.abs() - 1.05) * wide) * (gap < 0.01))
    s.darken(0.25 * bump(h.abs(), v, (1.08, 0.01), (0.2, 0.05)))
    _folds(s, wide)


def _lips(s: Scene, h: Tensor, arch: Tensor, top: Tensor, bottom: Tensor) -> None:
    bow = 1 - 0.35 * bump(h, h, (0, 0), (0.25, 9.0))
    upper = 0.042 * s.lip_fullness * arch * bow
    lower = 0.058 * s.lip_fullness * arch.sqrt() * arch.clamp(min=0.3)
    mask = s.cover(-torch.minimum(top + upper, lower - bottom)) * s.cover((h.abs() - 1) * 0.2)
    shine = 0.16 * (1 - ((bottom - 0.4 * lower) / 0.025) ** 2).clamp(min=0) * arch
    s.paint(mask * 0.9, s.lips, 0.84 + 0.14 * (bottom > 0) + shine)
    s.darken(0.2 * bump(h, bottom, (0, 0.1), (0.8, 0.035)))


def _teeth(s: Scene, square: Tensor, gap: Tensor, top: Tensor, bottom: Tensor) -> None:
    inside = s.cover(-torch.minimum(top, -bottom)) * (gap > 0)
    s.paint(inside, rgb("5a1c22"), 0.75)
    tongue = bump(square, bottom, (0, 0.0), (0.6, 0.05))
    s.paint(inside * tongue, rgb("c8606a"))
    rows = torch.maximum(top - 0.025 - 0.04 * s.smile.clamp(min=0), -top)
    shown = inside * s.cover(rows) * (0.5 + s.smile).clamp(0, 1)
    s.paint(shown, rgb("f6f3ea"), 1.0 - 0.4 * square)


def _folds(s: Scene, wide: Tensor) -> None:
    """Paint lines from the nose to the mouth."""
    old = (2 * s.age - 1).clamp(min=0)
    down = ((s.v - 0.17) / 0.2).clamp(0, 1)
    line = s.m - 0.13 - (wide - 0.06) * down
    ends = bump(s.v, s.v, (0.27, 0.27), (0.18, 0.18))
    s.darken((0.04 + 0.25 * old + 0.12 * s.smile.clamp(min=0)) * ends * s.stroke(line, 0.014))


def _spectacles(s: Scene, lens: Tensor, half_width: float) -> None:
    drop = s.v - EYES - 0.01
    glare = (1 - ((s.f * s.side - 0.8 * drop - 0.2) / 0.06) ** 2).clamp_(min=0)
    s.paint(s.cover(lens) * (0.1 + 0.14 * glare), rgb("e9f4ff"))
    temple = s.stroke(drop + 0.03, 0.014) * s.cover(s.eye_spacing + half_width - s.m) * s.inside
    bridge = s.stroke(drop + 0.03 - 0.8 * s.m * s.m, 0.014)
    bridge *= s.cover(s.m - s.eye_spacing + half_width)
    frame = s.stroke(lens, 0.019).maximum(temple).maximum(bridge)
    s.darken(0.2 * s.inside * s.stroke(lens - 0.02, 0.03))
    s.paint(frame, s.frame, 0.95 - 0.6 * drop)


def _round_glasses(s: Scene) -> None:
    _spectacles(s, oval(s.m, s.v, (s.eye_spacing, EYES + 0.01), (0.165, 0.165)), 0.165)


def _rectangular_glasses(s: Scene) -> None:
    lens = box((s.m - s.eye_spacing).abs() - 0.175, (s.v - EYES - 0.015).abs() - 0.12, 0.045)
    _spectacles(s, lens, 0.175)


GLASSES = {"round": _round_glasses, "rectangular": _rectangular_glasses}
