"""The games of the Dirac-GAN: the losses of `facegan.losses`, with regularization.

The penalties are those of WGAN-GP (arXiv 1704.00028), DRAGAN (1705.07215), and R1 (1801.04406). Consensus optimization
is that of Mescheder et al. 2017 (1705.10461), and instance noise is that of Sønderby et al. 2017 (1610.04490).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from facegan.errors import ConfigError, shown
from facegan.losses import gradient_penalty, r1_penalty


@dataclass(frozen=True)
class Game:
    """A GAN objective for the Dirac-GAN.

    Attributes:
        label: display name.
        description: one sentence about the game.
        loss: name in `facegan.losses.LOSSES`.
        parameter: symbol of the regularization's strength, "gamma", "lambda", or "sigma"; None without regularization.
        default: the default strength.
        largest: the largest strength; the smallest is 0.
        penalty: function of (discriminator, real, fake). D's loss contains its value, multiplied by the strength.
        noise: whether noise is added to real and fake points; the strength is its standard deviation.
        consensus: whether both players also reduce the squared norm of the field.
        clip: after each step of D, its parameter is clipped to [-clip, clip]; None for no clipping.
        kink: whether the penalty is not differentiable at psi = 0.
    """

    label: str
    description: str
    loss: str
    parameter: str | None = None
    default: float = 0.0
    largest: float = 0.0
    penalty: Callable[[Callable, Tensor, Tensor], Tensor] | None = None
    noise: bool = False
    consensus: bool = False
    clip: float | None = None
    kink: bool = False


def _between(discriminator: Callable, real: Tensor, fake: Tensor) -> Tensor:
    return gradient_penalty(discriminator, real, fake, torch.full_like(real, 0.5))


def _around_data(discriminator: Callable, real: Tensor, fake: Tensor) -> Tensor:
    return gradient_penalty(discriminator, real, real + 1, torch.full_like(real, 0.5))


def _at_data(discriminator: Callable, real: Tensor, fake: Tensor) -> Tensor:
    return r1_penalty(discriminator, real)


GAMES: dict[str, Game] = {
    "gan": Game(
        "GAN (minimax)", "The original game without regularization: D and G share one loss.", "minimax"
    ),
    "non_saturating": Game(
        "GAN (non-saturating)",
        "G maximizes log D(G(z)), which gives it large gradients when D is confident.",
        "bce",
    ),
    "wgan": Game(
        "WGAN (weight clipping)",
        "The loss is linear in the logits, and psi is clipped to [-1, 1] after each D step.",
        "wasserstein",
        clip=1.0,
    ),
    "wgan_gp": Game(
        "WGAN-GP",
        "A penalty moves the slope of D toward 1 or -1, also where real and fake points agree.",
        "wasserstein",
        parameter="lambda",
        default=0.3,
        largest=1.0,
        penalty=_between,
        kink=True,
    ),
    "dragan": Game(
        "DRAGAN",
        "The minimax game with a penalty that moves the slope of D around the data toward 1 or -1.",
        "minimax",
        parameter="lambda",
        default=0.3,
        largest=1.0,
        penalty=_around_data,
        kink=True,
    ),
    "consensus": Game(
        "Consensus optimization",
        "In the minimax game, both players also reduce the squared norm of the gradients.",
        "minimax",
        parameter="gamma",
        default=1.0,
        largest=4.0,
        consensus=True,
    ),
    "instance_noise": Game(
        "Instance noise",
        "In the minimax game, D sees real and fake points with normal noise of standard deviation sigma.",
        "minimax",
        parameter="sigma",
        default=1.0,
        largest=2.0,
        noise=True,
    ),
    "r1": Game(
        "GAN (minimax) + R1",
        "In the minimax game, R1 penalizes the squared slope of D at the data.",
        "minimax",
        parameter="gamma",
        default=0.5,
        largest=2.0,
        penalty=_at_data,
    ),
    "non_saturating_r1": Game(
        "GAN (non-saturating) + R1",
        "In the non-saturating game, R1 penalizes the squared slope of D at the data.",
        "bce",
        parameter="gamma",
        default=0.5,
        largest=2.0,
        penalty=_at_data,
    ),
}


def find_game(name: str) -> Game:
    """The game called `name`. Raises `ConfigError` if there is none."""
    if not isinstance(name, str) or name not in GAMES:
        raise ConfigError(f"no game is named {shown(name)}; choose one of {', '.join(GAMES)}.")
    return GAMES[name]


def find_strength(name: str, strength: float | None) -> float:
    """Check a game's strength, and replace None with its default. Raises `ConfigError` if it is invalid."""
    game = find_game(name)
    if strength is None:
        return game.default
    if game.parameter is None:
        having = ", ".join(other for other, game in GAMES.items() if game.parameter)
        raise ConfigError(
            f"strength is {shown(strength)}, but the game {name!r} has none. Omit it, or choose one of {having}."
        )
    if not is_number(strength) or strength < 0:
        raise ConfigError(
            f"strength is {shown(strength)}, expected a number >= 0 for {game.parameter}, such as {game.default}."
        )
    return float(strength)


def is_number(value: object) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and isfinite(value)
