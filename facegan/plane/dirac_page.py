"""The interactive page of the Dirac-GAN: field, trajectory, and eigenvalues.

The page interpolates tables of the fields, and computes the steps itself. A field is linear in the strength of a
penalty; for instance noise, it is interpolated in sigma by a Lagrange polynomial through Chebyshev nodes. All fields
are odd, so the tables only cover psi >= 0, and a penalty's kink at psi = 0 is at their edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facegan.errors import ConfigError, shown
from facegan.plane.dirac_games import GAMES, Game, find_game, find_strength
from facegan.plane.dirac_gan import (
    UPDATES,
    check_rate,
    check_start,
    check_updates,
    field,
    jacobian,
    trajectory,
    update_eigenvalues,
)
from facegan.plane.page import Page, pack, quantized
from facegan.plane.still import small_png

WINDOW = 2.0  # the page shows the window [-2, 2] x [-2, 2]
EXTENT, SPACING = 3.0, 0.125  # largest coordinate in the tables, and distance of their nodes
STEPS = 300
RATES = (0.01, 0.5)  # range of the page's slider
_WORDS = {
    "simultaneous": "simultaneous updates",
    "alternating": "alternating updates",
    "five_d_steps": "five D steps per G step",
}
_NODES = 10  # number of nodes for instance noise


def dirac(
    game: str = "gan",
    updates: str = "simultaneous",
    strength: float | None = None,
    rate: float = 0.1,
    start: tuple[float, float] = (1.0, 1.0),
) -> Page:
    """Create an interactive page on the Dirac-GAN with all games. The arguments set its initial state.

    Args:
        game: a name in `facegan.plane.dirac_gan.GAMES`, such as "gan" or "r1".
        updates: as for `facegan.plane.dirac_gan.trajectory`.
        strength: strength of the regularization, for games that have one; None means the game's default.
        rate: the learning rate of both players, from 0.01 to 0.5.
        start: the start (theta, psi) of the trajectory, each from -2 to 2.

    Returns:
        The page, which is displayed as a cell's last value; `save` writes it to a file.

    Raises:
        ConfigError: a name is unknown, or a number is out of range.
    """
    played, amount = find_game(game), find_strength(game, strength)
    check_updates(updates)
    check_rate(rate)
    check_start(start)
    _check_ranges(played, amount, rate, start)
    amount_given = None if played.parameter is None else amount
    points = trajectory(game, start, updates, rate, STEPS, amount_given)
    alt = _describe(played, game, updates, amount_given, rate, points)
    first = {
        "game": game,
        "updates": updates,
        "strength": amount,
        "rate": rate,
        "start": list(map(float, start)),
    }
    title = f"Dirac-GAN: {played.label}"
    still = _still(game, amount_given, points, title)
    return Page("dirac", {**page_data(), "initial": first}, title=title, alt=alt, still=still, height=820)


def page_data() -> dict[str, Any]:
    """The page's data without its initial state: the tables, which games can share, and the games."""
    indices: dict[bytes, int] = {}
    tables: list[dict[str, Any]] = []
    games = {}
    for name, game in GAMES.items():
        used = []
        for values in field_tables(name):
            index = indices.setdefault(values.tobytes(), len(tables))
            if index == len(tables):
                tables.append(_packed(values))
            used.append(index)
        games[name] = {**_shown_game(name, game), "tables": used}
    return {"window": WINDOW, "extent": EXTENT, "spacing": SPACING, "steps": STEPS,
            "updates": UPDATES, "tables": tables, "games": games}  # fmt: skip


def field_tables(name: str) -> list[np.ndarray]:
    """A game's fields: at nodes of sigma for instance noise; otherwise, without the penalty, and that of the penalty.

    Returns:
        Arrays (R, 2, C): psi in rows from -SPACING to EXTENT + SPACING, then dtheta or dpsi, then theta in columns
        from -EXTENT - SPACING to EXTENT + SPACING.
    """
    game = GAMES[name]
    if game.parameter is None:
        return [_table(name, None)]
    if game.noise:
        return [_table(name, sigma) for sigma in _nodes(game)]
    base = _table(name, 0.0)
    penalty = np.round(_table(name, 1.0) - base, 12) + 0.0
    if game.kink:  # the edge is the limit from above; the penalty's field is linear there
        penalty[1] = 2 * penalty[2] - penalty[3]
        penalty[0] = 2 * penalty[1] - penalty[2]
    return [base, penalty]


def _table(name: str, strength: float | None) -> np.ndarray:
    last = round(EXTENT / SPACING) + 1
    theta, psi = np.arange(-last, last + 1) * SPACING, np.arange(-1, last + 1) * SPACING
    return np.stack(field(name, theta, psi[:, None], strength), 1)


def _packed(values: np.ndarray) -> dict[str, Any]:
    """Pack a table as int16 multiples of a power of 2, so that linear fields are exact."""
    unit = 2.0 ** np.ceil(np.log2(np.abs(values).max() / 32767))
    return {**pack(quantized(values, unit * 32767)), "unit": unit}


def _nodes(game: Game) -> np.ndarray:
    return game.largest * (1 - np.cos(np.pi * np.arange(_NODES) / (_NODES - 1))) / 2


def _shown_game(name: str, game: Game) -> dict[str, Any]:
    nodes = _nodes(game).tolist() if game.noise else None
    return {
        "label": game.label,
        "description": game.description,
        "parameter": game.parameter,
        "default": game.default,
        "largest": game.largest,
        "clip": game.clip,
        "kink": game.kink,
        "nodes": nodes,
        "jacobians": _jacobians(name, game),
    }


def _jacobians(name: str, game: Game) -> list[list[float] | None]:
    """The Jacobian of each table, flattened to a list; None if it is not defined."""
    if game.parameter is None:
        return [jacobian(name).ravel().tolist()]
    if game.noise:
        return [jacobian(name, sigma).ravel().tolist() for sigma in _nodes(game)]
    base = jacobian(name, 0.0)
    penalty = (jacobian(name, 1.0) - base).ravel()
    return [base.ravel().tolist(), None if np.isnan(penalty).any() else penalty.tolist()]


def _check_ranges(game: Game, strength: float, rate: float, start: tuple[float, float]) -> None:
    if strength > game.largest:
        raise ConfigError(
            f"strength is {shown(strength)}, but the page shows {game.parameter} from 0 to {game.largest:g}. Choose a "
            "value in this range, or use facegan.plane.dirac_gan.trajectory."
        )
    if not RATES[0] <= rate <= RATES[1]:
        raise ConfigError(
            f"rate is {shown(rate)}, but the page shows rates from {RATES[0]} to {RATES[1]}. Choose a value in this "
            "range, or use facegan.plane.dirac_gan.trajectory."
        )
    if max(map(abs, start)) > WINDOW:
        raise ConfigError(
            f"start is {shown(start)}, but the page shows theta and psi from {-WINDOW:g} to {WINDOW:g}. Choose a "
            "start such as (1, 1)."
        )


def _describe(
    played: Game, game: str, updates: str, strength: float | None, rate: float, points: np.ndarray
) -> str:
    modulus = np.abs(update_eigenvalues(game, updates, rate, strength)).max()
    local = (
        "not defined at the equilibrium"
        if np.isnan(modulus)
        else f"{modulus:.5g} per step near the equilibrium"
    )
    return (
        f"Dirac-GAN, {played.label}, {_WORDS[updates]} at learning rate {rate:g}: the distance from the equilibrium "
        f"changes from {np.hypot(*points[0]):.2f} to {np.hypot(*points[-1]):.2f} in {STEPS} steps; factor {local}"
    )


def _still(game: str, strength: float | None, points: np.ndarray, title: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 5.4), dpi=72, layout="constrained")
    ax = figure.add_subplot()
    line = np.linspace(-1.9, 1.9, 17)
    dtheta, dpsi = field(game, line, line[:, None], strength)
    shrink = np.hypot(dtheta, dpsi) + 0.4  # as in the page: long arrows are compressed
    ax.quiver(line, line, dtheta / shrink, dpsi / shrink, color="#8a8a8a", scale=20, width=0.003)
    ax.plot(*points.T, ".-", color="#0072B2", linewidth=1, markersize=3)
    ax.plot(*points[0], "o", color="white", markeredgecolor="#D55E00", markeredgewidth=3, markersize=10)
    ax.plot(0, 0, "x", color="#1a1a1a", markeredgewidth=2.5, markersize=9)
    ax.set(xlim=(-WINDOW, WINDOW), ylim=(-WINDOW, WINDOW), aspect="equal", title=title)
    ax.set(xlabel="θ, the generator's point", ylabel="ψ, the discriminator's slope")
    return small_png(figure)
