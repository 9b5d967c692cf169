"""Painters of hair and scarves, behind the head and in front of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from facegan.data.synthetic.scene import WIDTH, Scene, box, oval


def _hair(s: Scene, distance: Tensor, light: Tensor) -> None:
    """Paint hair over the head, and its shadow on the skin."""
    s.darken(0.3 * s.inside * (1 - distance / 0.1).clamp_(0, 1))
    s.paint(s.cover(distance), s.hair, light)


def _strands(s: Scene, strand: Tensor) -> Tensor:
    """Light on hair along lines of equal `strand`: roundness and a band of shine."""
    wave = (torch.sin(7 * strand).mul_(1.5).add_(19 * strand)).sin_()
    arc = s.u.square()
    band = (s.v - 0.55 * arc).add_(0.58).mul_(1 / 0.13).square_().neg_().add_(1).clamp_(min=0)
    light = (0.3 * s.light_x * s.u).sub_(0.3 * arc).add_(0.2 * s.light_y * (s.v + 0.4))
    return light.add_(0.95).add_(0.09 * wave).addcmul_(band, wave.mul_(0.08).add_(0.16))


def _curls(s: Scene) -> Tensor:
    """Light on curly hair."""
    across = torch.sin(17 * s.u + 2 * torch.sin(8 * s.v))
    along = torch.sin(16 * s.v + 2 * torch.sin(9 * s.u))
    roundness = 0.3 * s.light_x * s.u + 0.3 * s.light_y * (s.v + 0.4) - 0.15 * s.u * s.u
    return 0.9 + roundness + 0.16 * across * along


def _forehead(s: Scene) -> Tensor:
    """Signed distance to the part of the face that short hair leaves open."""
    return oval(s.f, s.v, (0, 0.12), (0.47, 0.57 + s.hairline), 0.7)


def _cap(s: Scene, sides: float, top: float | Tensor, opening: Tensor) -> Tensor:
    """Signed distance to hair that ends above the ears and around `opening`."""
    dome = oval(s.u, s.v, (0, -0.09), (WIDTH + sides, 0.69 + top))
    return torch.maximum(dome, -opening).maximum(s.v - 0.28 + 0.6 * s.u.abs())


def _curtain(s: Scene, width: Tensor, bottom: float) -> Tensor:
    """Signed distance to a dome that hangs straight down to `bottom`, with round corners."""
    dome = oval(s.u, s.v, (0, -0.1), (width, 0.74 + 0.06 * s.hair_volume))
    hanging = torch.maximum(box(s.u.abs() - width, s.v - bottom, 0.12), -0.1 - s.v)
    return torch.minimum(dome, hanging)


def _parting(s: Scene, side: Tensor) -> Tensor:
    """Signed distance to a face framed by hair that falls from a parting."""
    fall = ((s.v + 0.5 + s.hairline) / 0.55).clamp_(0, 1).sqrt_()
    return 0.7 * ((s.f - side * (1 - fall)).abs() - 0.46 * fall)


def _buzz(s: Scene) -> None:
    distance = _cap(s, 0.012, 0.015, _forehead(s))
    soft = (0.5 - distance / 0.05).clamp_(0, 1) * s.cover(s.jaw - 0.012)
    s.paint(0.8 * soft, s.hair, 0.86 + 0.25 * s.light_x * s.u)


def _short(s: Scene) -> None:
    sweep = s.f * s.hair_part.sign()
    fringe = s.v + 0.40 + s.hairline - 0.22 * (sweep + 0.15) + 0.5 * sweep * sweep
    cap = _cap(s, 0.035, 0.05 + 0.07 * s.hair_volume, torch.maximum(_forehead(s), -fringe))
    _hair(s, cap, _strands(s, 0.8 * s.v + 0.5 * sweep + 0.6 * sweep * sweep))


def _long_shape(s: Scene) -> Tensor:
    return _curtain(s, WIDTH + 0.06 + 0.1 * s.hair_volume, 1.2)


def _wavy_shape(s: Scene) -> Tensor:
    swing = 0.035 * torch.sin(13 * s.v + 1.5) * (s.v + 0.5).clamp(0, 1)
    return _curtain(s, WIDTH + 0.09 + 0.12 * s.hair_volume + swing, 0.82)


def _bob_shape(s: Scene) -> Tensor:
    width = WIDTH + 0.05 + 0.08 * s.hair_volume
    return _curtain(s, width * (1 - 0.1 * (s.v - 0.2).clamp(min=0)), 0.48)


def _long(s: Scene) -> None:
    locks = torch.maximum(_long_shape(s), -_parting(s, 0.2 * s.hair_part))
    _hair(s, locks, _strands(s, s.m + 0.12 * s.v))


def _wavy(s: Scene) -> None:
    swing = 0.035 * torch.sin(13 * s.v) * (s.v + 0.4).clamp(0, 1)
    opening = _parting(s, 0.28 * s.hair_part.sign() + 0.05 * s.hair_part) + swing
    _hair(s, torch.maximum(_wavy_shape(s), -opening), _strands(s, s.m + 1.6 * swing))


def _bob(s: Scene) -> None:
    fringe = -0.30 + s.hairline + 0.15 * s.f * s.f + 0.05 * s.hair_part * s.f
    opening = torch.maximum(s.m - 0.45 + 0.06 * s.v, fringe - s.v)
    strands = _strands(s, s.f * (1.4 + s.v.clamp(min=-0.5)))
    _hair(s, torch.maximum(_bob_shape(s), -opening), strands)


def _cloud(s: Scene, center: float, radius: Tensor, curls: int) -> Tensor:
    """Signed distance to a disc with a scalloped edge."""
    scallop = 0.022 * torch.sin(curls * torch.atan2(s.u, center - s.v)).abs_()
    return (s.u.square() + (s.v - center).square()).sqrt_() - radius - scallop


def _afro_back(s: Scene) -> None:
    cloud = _cloud(s, -0.2, 0.68 + 0.12 * s.hair_volume, 11)
    s.paint(s.cover(cloud), s.hair, 0.9 * _curls(s))


def _afro(s: Scene) -> None:
    _hair(s, _cap(s, 0.05, 0.1, _forehead(s)), _curls(s))


def _curly_back(s: Scene) -> None:
    upper = _cloud(s, -0.15, 0.66 + 0.06 * s.hair_volume, 9)
    lower = _cloud(s, 0.25, 0.62 + 0.08 * s.hair_volume, 9)
    s.paint(s.cover(torch.minimum(upper, lower)), s.hair, 0.8 * _curls(s))


def _curly(s: Scene) -> None:
    fringe = s.v + 0.36 + s.hairline + 0.04 * torch.sin(20 * s.f + 3 * s.hair_part).abs_()
    dome = oval(s.u, s.v, (0, -0.09), (WIDTH + 0.06, 0.77)).maximum(s.v - 0.25)
    _hair(s, dome.maximum(-torch.maximum(_forehead(s), -fringe)), _curls(s))


def _bun_back(s: Scene) -> None:
    radius = 0.17 + 0.06 * s.hair_volume
    bun = oval(s.u, s.v, (-0.5 * s.turn, -0.83), (radius * 1.15, radius))
    coil = 0.1 * torch.sin(24 * bun + 4 * s.u)
    s.paint(s.cover(bun), s.hair, 0.19 + coil - 0.8 * s.v + 0.6 * s.light_x * s.u)


def _bun(s: Scene) -> None:
    strands = _strands(s, s.u / (1.25 + s.v).clamp(min=0.2))
    _hair(s, _cap(s, 0.02, 0.04, _forehead(s)), strands)


def _zigzag(s: Scene, count: float) -> Tensor:
    """The height of spikes, up to 1, as a function of the angle around the head."""
    phase = torch.atan2(s.u, 0.3 - s.v) * count
    return 1 - 2 * (phase - phase.floor() - 0.5).abs()


def _spiky(s: Scene) -> None:
    crown = (0.2 + 0.18 * s.hair_volume) * _zigzag(s, 3.2) * (0.1 - s.v).clamp(0, 0.5)
    fringe = 0.43 + s.hairline - 0.07 * _zigzag(s, 4.1) + s.v
    cap = _cap(s, 0.03, 0.03, torch.maximum(_forehead(s), -fringe))
    _hair(s, cap - crown, _strands(s, torch.atan2(s.u, 0.3 - s.v)))


def _mohawk_back(s: Scene) -> None:
    height = (0.16 + 0.1 * s.hair_volume) * (1 + 0.3 * _zigzag(s, 8))
    blade = oval(s.u - 0.25 * s.turn, s.v, (0, -0.6), (0.17, 0.18 + height))
    s.paint(s.cover(blade), s.hair, 0.8 + 0.12 * torch.sin(26 * s.u))


def _mohawk(s: Scene) -> None:
    shaved = (0.5 - _cap(s, 0.005, 0.005, _forehead(s)) / 0.06).clamp_(0, 1)
    s.paint(0.35 * shaved * s.inside, s.hair, 0.8)
    strip = oval(s.u - 0.4 * s.turn, s.v, (0, -0.75), (0.15, 0.33 - s.hairline))
    _hair(s, strip, _strands(s, 1.3 * s.f))


def _scarf(s: Scene) -> None:
    face = torch.maximum(s.jaw + 0.035, -0.46 - s.hairline + 0.3 * s.f * s.f - s.v)
    waist = 0.62 - 0.5 * (s.v - 0.25).clamp(0, 0.35) + 0.6 * (s.v - 0.6).clamp(min=0)
    drape = torch.maximum(0.8 * (s.u.abs() - waist), -0.05 - s.v)
    dome = oval(s.u, s.v, (0, -0.09), (WIDTH + 0.085, 0.77))
    cloth = torch.minimum(dome, drape).maximum(-face)
    s.darken(0.35 * s.inside * (1 - cloth / 0.1).clamp_(0, 1))
    folds = 0.07 * torch.sin(30 * face.clamp(max=0.5) + 5 * s.u + 3 * s.v)
    under = (1 - (s.jaw - 0.02).abs() / 0.15).clamp_(min=0) * (4 * s.v - 0.8).clamp_(0, 1)
    light = 0.9 + 0.35 * s.light_x * s.u + 0.2 * s.light_y * s.v + folds - 0.3 * under
    s.paint(s.cover(cloth), s.scarf, light)


def _hang_behind(shape: Callable[[Scene], Tensor]) -> Callable[[Scene], None]:
    """A painter of the inside of hanging hair, behind the neck."""
    return lambda s: s.paint(s.cover(shape(s)), s.hair, 0.55 + 0.06 * torch.sin(20 * s.u))


def _within(top: float, bottom: float, painter: Callable[[Scene], None]):
    return lambda s: painter(s.window(top, bottom))


BACK_HAIR = {
    "long": _hang_behind(_long_shape),
    "bob": _hang_behind(_bob_shape),
    "wavy": _hang_behind(_wavy_shape),
    "afro": _afro_back,
    "curly": _curly_back,
    "bun": _within(-1, -0.3, _bun_back),
    "mohawk": _within(-1, 0, _mohawk_back),
}
FRONT_HAIR = {
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
