"""The Dirac-GAN: a GAN whose generator and discriminator have one parameter each.

The data is the point 0, the generator is one point theta, and the logit is D(x) = psi * x. A run is therefore a path in
the plane (theta, psi), whose equilibrium is (0, 0). See Mescheder, Geiger & Nowozin 2018 (arXiv 1801.04406), definition
2.1; their psi has the opposite sign. Losses and penalties are those of `facegan.losses`, in float64.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch
from torch import Tensor
from torch.autograd import grad

from facegan.errors import ConfigError, shown
from facegan.losses import LOSSES
from facegan.plane.dirac_games import GAMES, Game, find_game, find_strength, is_number
from facegan.runtime.settings import usual_settings

__all__ = ["GAMES", "UPDATES", "Game", "eigenvalues", "field", "jacobian", "trajectory", "update_eigenvalues"]

UPDATES = {
    "simultaneous": "Simultaneous",
    "alternating": "Alternating",
    "five_d_steps": "Five D steps per G step",
}
_D_STEPS = {"alternating": 1, "five_d_steps": 5}
_QUANTILES = 32  # number of quantiles of the noise; an even number, so that none is 0


@usual_settings()
def field(
    game: str, theta: float | np.ndarray, psi: float | np.ndarray, strength: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The directions in which gradient descent moves theta and psi.

    Args:
        game: a name in `GAMES`, such as "r1".
        theta: the generator's points, a number or an array of any shape.
        psi: the discriminator's slopes, in a shape that broadcasts with `theta`.
        strength: strength of the regularization; None means the game's default.

    Returns:
        (-dL_G/dtheta, -dL_D/dpsi), two float64 arrays of the broadcast shape.

    Raises:
        ConfigError: there is no such game, the strength is not a number >= 0, or the game has no strength.
    """
    played, strength = find_game(game), find_strength(game, strength)
    theta, psi = np.broadcast_arrays(np.asarray(theta, np.float64), np.asarray(psi, np.float64))
    flat = [torch.from_numpy(values.flatten()) for values in (theta, psi)]
    dtheta, dpsi = _field(played, flat[0], flat[1], strength)
    return dtheta.detach().numpy().reshape(theta.shape), dpsi.detach().numpy().reshape(psi.shape)


@usual_settings()
def trajectory(
    game: str,
    start: tuple[float, float] = (1.0, 1.0),
    updates: str = "simultaneous",
    rate: float = 0.1,
    steps: int = 300,
    strength: float | None = None,
) -> np.ndarray:
    """The points of gradient descent.

    Args:
        game: a name in `GAMES`.
        start: (theta, psi) before the first step.
        updates: "simultaneous"; "alternating", which is a step of D and then a step of G with the updated D; or
            "five_d_steps", which is five steps of D and then one of G.
        rate: the learning rate of both players.
        steps: the number of steps of G.
        strength: strength of the regularization; None means the game's default.

    Returns:
        Points (theta, psi), (steps + 1, 2), including the start. A divergent trajectory may end with infinite numbers.

    Raises:
        ConfigError: a name is unknown, the rate is not positive, or the start is not two finite numbers.
    """
    played, strength = find_game(game), find_strength(game, strength)
    check_updates(updates)
    check_rate(rate)
    check_start(start)
    if isinstance(steps, bool) or not isinstance(steps, Integral) or steps < 0:
        raise ConfigError(f"steps is {shown(steps)}, expected a whole number >= 0, such as 300.")
    points = np.empty((steps + 1, 2))
    points[0] = start
    for step in range(steps):
        points[step + 1] = _step(played, points[step], updates, rate, strength)
    return points


@usual_settings()
def jacobian(game: str, strength: float | None = None) -> np.ndarray:
    """The field's derivative at the equilibrium.

    Args:
        game: a name in `GAMES`.
        strength: strength of the regularization; None means the game's default.

    Returns:
        Float64 (2, 2): the derivatives of dtheta and dpsi (rows) with respect to theta and psi (columns). NaN if it is
        not defined, because a penalty has a kink at psi = 0 (WGAN-GP, DRAGAN).

    Raises:
        ConfigError: as for `field`.
    """
    played, strength = find_game(game), find_strength(game, strength)
    if played.kink and strength > 0:
        return np.full((2, 2), np.nan)
    zero = torch.zeros(2, dtype=torch.float64)

    def stacked(point: Tensor) -> Tensor:
        return torch.cat(_field(played, point[:1], point[1:], strength))

    return torch.autograd.functional.jacobian(stacked, zero).numpy()


def eigenvalues(game: str, strength: float | None = None) -> np.ndarray:
    """The two complex eigenvalues of `jacobian`, NaN if it is not defined; arguments and errors are as there."""
    return _eigenvalues(jacobian(game, strength))


@usual_settings()
def update_eigenvalues(
    game: str, updates: str = "simultaneous", rate: float = 0.1, strength: float | None = None
) -> np.ndarray:
    """The two eigenvalues of a training step's derivative at the equilibrium.

    If both moduli are below 1, runs that start near enough converge (Mescheder et al. 2018, appendix A).

    Args:
        game: a name in `GAMES`.
        updates: as for `trajectory`.
        rate: as for `trajectory`.
        strength: as for `trajectory`.

    Returns:
        Complex numbers (2,); NaN if the derivative is not defined, as for `jacobian`.

    Raises:
        ConfigError: as for `trajectory`.
    """
    check_updates(updates)
    check_rate(rate)
    moves = rate * jacobian(game, strength)
    if updates == "simultaneous":
        return _eigenvalues(np.eye(2) + moves)
    g_step = np.eye(2) + np.diag([1, 0]) @ moves
    d_step = np.eye(2) + np.diag([0, 1]) @ moves
    return _eigenvalues(g_step @ np.linalg.matrix_power(d_step, _D_STEPS[updates]))


def check_updates(updates: str) -> None:
    """Raise `ConfigError` unless `updates` is a name in `UPDATES`."""
    if not isinstance(updates, str) or updates not in UPDATES:
        raise ConfigError(f"no updates are named {shown(updates)}; choose one of {', '.join(UPDATES)}.")


def check_rate(rate: float) -> None:
    """Raise `ConfigError` unless the learning rate is a positive number."""
    if not is_number(rate) or rate <= 0:
        raise ConfigError(f"rate is {shown(rate)}, expected a positive number, such as 0.1.")


def check_start(start: tuple[float, float]) -> None:
    """Raise `ConfigError` unless the start is two finite numbers."""
    values = list(start) if isinstance(start, tuple | list | np.ndarray) else []
    if len(values) != 2 or not all(map(is_number, values)):
        raise ConfigError(
            f"start is {shown(start)}, expected two finite numbers (theta, psi), such as (1, 1)."
        )


def _step(game: Game, point: np.ndarray, updates: str, rate: float, strength: float) -> np.ndarray:
    theta, psi = torch.tensor(point[:1]), torch.tensor(point[1:])
    bound = np.inf if game.clip is None else game.clip
    if updates == "simultaneous":
        dtheta, dpsi = _field(game, theta, psi, strength)
        psi = (psi + rate * dpsi).clamp(-bound, bound)
    else:
        for _ in range(_D_STEPS[updates]):
            psi = (psi + rate * _field(game, theta, psi, strength)[1].detach()).clamp(-bound, bound)
        dtheta = _field(game, theta, psi, strength)[0]
    return torch.cat([theta + rate * dtheta, psi]).detach().numpy()


def _field(game: Game, theta: Tensor, psi: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """The field of N games at once, for `theta` and `psi` (N,); it is differentiable with respect to both."""
    with torch.enable_grad():
        theta, psi = (v if v.requires_grad else v.detach().clone().requires_grad_() for v in (theta, psi))
        loss_d, loss_g = _losses(game, theta, psi, strength)
        count = len(theta)  # losses are means over the games
        dtheta = -grad(loss_g * count, theta, create_graph=True)[0]
        dpsi = -grad(loss_d * count, psi, create_graph=True)[0]
        if not game.consensus:
            return dtheta, dpsi
        energy = (dtheta.square() + dpsi.square()).sum() / 2
        uphill = grad(energy, (theta, psi), create_graph=True)
        return dtheta - strength * uphill[0], dpsi - strength * uphill[1]


def _losses(game: Game, theta: Tensor, psi: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    def discriminator(points: Tensor) -> Tensor:
        return psi[:, None] * points

    noise = strength * _normal() if game.noise else theta.new_zeros(1)
    real, fake = noise.repeat(len(theta), 1), theta[:, None] + noise
    loss = LOSSES[game.loss]
    loss_d = loss.discriminator(discriminator(real), discriminator(fake))
    if game.penalty is not None:
        loss_d = loss_d + strength * game.penalty(discriminator, real, fake)
    return loss_d, loss.generator(discriminator(fake))


def _normal() -> Tensor:
    """Equal-weight quantiles of the standard normal distribution, scaled to variance 1."""
    levels = (torch.arange(_QUANTILES, dtype=torch.float64) + 0.5) / _QUANTILES
    quantiles = torch.special.ndtri(levels)
    return quantiles / quantiles.square().mean().sqrt()


def _eigenvalues(matrix: np.ndarray) -> np.ndarray:
    if np.isnan(matrix).any():
        return np.full(2, complex(np.nan, np.nan))
    return np.sort_complex(np.linalg.eigvals(matrix).astype(complex))
