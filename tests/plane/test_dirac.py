"""The Dirac-GAN: what Mescheder et al. 2018 (arXiv 1801.04406) prove of it, and what its functions refuse."""

import math

import numpy as np
import pytest
import torch

from facegan import losses
from facegan.errors import ConfigError
from facegan.plane.dirac_gan import (
    GAMES,
    UPDATES,
    eigenvalues,
    field,
    jacobian,
    trajectory,
    update_eigenvalues,
)

CONVERGENT = ("consensus", "instance_noise", "r1", "non_saturating_r1")
UNREGULARIZED = {"gan": 0.5, "non_saturating": 0.5, "wgan": 1.0}


def distance(points):
    return np.hypot(*points.T)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(
    ("game", "strength", "expected"),
    [
        ("gan", None, (2 * sigmoid(1), -0.5 * sigmoid(1))),
        ("non_saturating", None, (2 * sigmoid(-1), -0.5 * sigmoid(1))),
        ("wgan", None, (2, -0.5)),
        ("wgan_gp", 0.3, (2, -0.5 - 0.3 * 2)),
        ("dragan", 0.3, (2 * sigmoid(1), -0.5 * sigmoid(1) - 0.3 * 2)),
        ("r1", 0.7, (2 * sigmoid(1), -0.5 * sigmoid(1) - 0.7 * 2)),
        ("non_saturating_r1", 0.7, (2 * sigmoid(-1), -0.5 * sigmoid(1) - 0.7 * 2)),
    ],
)
def test_the_field_at_a_point(game, strength, expected):
    np.testing.assert_allclose(field(game, 0.5, 2.0, strength), expected, atol=1e-12)


def test_the_field_of_consensus_optimization_at_a_point():
    theta, psi, gamma = 0.5, 2.0, 0.7
    s = sigmoid(theta * psi)
    slope = s * (1 - s)
    jacobian = np.array(
        [[psi**2 * slope, s + theta * psi * slope], [-s - theta * psi * slope, -(theta**2) * slope]]
    )
    v = np.array([psi * s, -theta * s])
    np.testing.assert_allclose(field("consensus", theta, psi, gamma), v - gamma * jacobian.T @ v, atol=1e-12)


def test_the_field_with_instance_noise_is_near_the_integral_over_the_noise():
    theta, psi, sigma = 0.5, 1.0, 0.7
    noise = sigma * np.linspace(-8, 8, 4001)
    weights = np.exp(-((noise / sigma) ** 2) / 2)
    weights /= weights.sum()
    real, fake = (1 / (1 + np.exp(-psi * (x + noise))) for x in (0, theta))
    expected = (weights @ (psi * fake), weights @ ((1 - real) * noise) - weights @ (fake * (theta + noise)))
    np.testing.assert_allclose(field("instance_noise", theta, psi, sigma), expected, atol=2e-3)


@pytest.mark.parametrize("game", GAMES)
def test_many_points_at_once_are_as_each_alone(game):
    theta, psi = np.array([[-1.0, 0.5]]), np.array([[0.3], [-1.2], [2.0]])
    together = np.array(field(game, theta, psi))
    alone = np.array([[field(game, t, p) for t in theta[0]] for p in psi[:, 0]])
    np.testing.assert_allclose(together, np.moveaxis(alone, 2, 0), atol=1e-12)


@pytest.mark.parametrize(("game", "frequency"), UNREGULARIZED.items())
def test_without_regularization_eigenvalues_are_imaginary(game, frequency):
    np.testing.assert_allclose(eigenvalues(game), [-1j * frequency, 1j * frequency], atol=1e-12)


@pytest.mark.parametrize("game", UNREGULARIZED)
def test_without_regularization_simultaneous_updates_move_away(game):
    assert (abs(update_eigenvalues(game, "simultaneous", 0.1)) > 1.001).all()


@pytest.mark.parametrize("updates", ["alternating", "five_d_steps"])
@pytest.mark.parametrize("game", UNREGULARIZED)
def test_without_regularization_alternating_updates_circle(game, updates):
    np.testing.assert_allclose(abs(update_eigenvalues(game, updates, 0.1)), 1, atol=1e-12)


def test_alternating_updates_of_a_large_rate_do_not_circle():
    assert max(abs(update_eigenvalues("wgan", "alternating", 2.1))) > 1.5


def test_a_trajectory_with_simultaneous_updates_spirals_outward():
    away = distance(trajectory("gan", (0.1, 0.0), "simultaneous", steps=200))
    assert away[-1] > 1.2 * away[0]


def test_a_trajectory_with_alternating_updates_remains_on_a_ring():
    away = distance(trajectory("gan", (0.1, 0.0), "alternating", steps=200))
    assert 0.09 < away.min() < away.max() < 0.11


@pytest.mark.parametrize("gamma", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("game", ["r1", "non_saturating_r1"])
def test_the_eigenvalues_with_r1(game, gamma):
    root = np.sqrt(complex(gamma**2 / 4 - 0.25))
    np.testing.assert_allclose(eigenvalues(game, gamma), [-gamma / 2 - root, -gamma / 2 + root], atol=1e-7)


@pytest.mark.parametrize(("gamma", "circling"), [(0.99, True), (1.01, False)])
def test_the_critical_gamma_of_r1_is_one(gamma, circling):
    assert (abs(eigenvalues("r1", gamma).imag).max() > 0.01) == circling


@pytest.mark.parametrize("game", CONVERGENT)
def test_regularized_games_have_eigenvalues_left_of_zero(game):
    assert (eigenvalues(game).real < -0.1).all()


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
@pytest.mark.parametrize("game", CONVERGENT)
@pytest.mark.slow
def test_regularized_games_converge(game, updates):
    assert distance(trajectory(game, updates=updates))[-1] < 0.01


@pytest.mark.parametrize("game", ["wgan_gp", "dragan"])
@pytest.mark.slow
def test_penalties_toward_a_slope_of_one_do_not_converge(game):
    assert distance(trajectory(game, (0.1, 0.1), "alternating", rate=0.05, steps=600))[-100:].min() > 0.1


@pytest.mark.parametrize("game", ["wgan_gp", "dragan"])
def test_the_jacobian_is_not_defined_where_the_penalty_has_a_kink(game):
    assert np.isnan(jacobian(game, 0.3)).all()
    assert np.isnan(update_eigenvalues(game, "alternating", 0.1, 0.3)).all()


def test_a_penalty_of_strength_zero_has_no_kink():
    np.testing.assert_allclose(jacobian("wgan_gp", 0.0), jacobian("wgan"))


def test_the_jacobian_is_the_derivative_of_the_field():
    small = 1e-5
    columns = [np.array(field("r1", *(small * unit), 0.7)) / small for unit in np.eye(2)]
    np.testing.assert_allclose(jacobian("r1", 0.7), np.stack(columns, 1), atol=1e-6)


@pytest.mark.parametrize("game", [name for name in GAMES if not GAMES[name].kink])
@pytest.mark.parametrize("updates", UPDATES)
def test_update_eigenvalues_are_those_of_a_step(game, updates):
    small = 1e-5
    columns = [trajectory(game, tuple(small * unit), updates, 0.2, steps=1)[1] / small for unit in np.eye(2)]
    product = np.prod(update_eigenvalues(game, updates, 0.2))
    assert product == pytest.approx(np.linalg.det(np.stack(columns, 1)), abs=1e-6)


def test_weight_clipping_bounds_psi_after_each_step():
    assert abs(trajectory("wgan", (1.0, 2.0), rate=0.5)[1:, 1]).max() == 1


def test_d_takes_its_step_before_g():
    theta, psi = trajectory("wgan", (1.0, 0.5), "alternating", 0.1, steps=1)[1]
    assert psi == pytest.approx(0.5 - 0.1)
    assert theta == pytest.approx(1 + 0.1 * psi)


def test_d_takes_five_steps_for_one_of_g():
    _, psi = trajectory("wgan", (1.0, 0.9), "five_d_steps", 0.1, steps=1)[1]
    assert psi == pytest.approx(0.9 - 0.5)


def test_a_trajectory_contains_its_start_and_each_step():
    points = trajectory("gan", (0.5, -1.0), steps=7)
    assert points.shape == (8, 2)
    assert tuple(points[0]) == (0.5, -1.0)


@pytest.mark.parametrize("shape", [(4, 1), (4, 2)])
def test_penalties_accept_points_and_keep_float64(shape):
    points = torch.zeros(shape, dtype=torch.float64)
    penalty = losses.r1_penalty(lambda x: x.sum(1) / 3, points)
    assert penalty.dtype == torch.float64
    assert penalty.item() == pytest.approx(shape[1] / 18, abs=1e-15)


def test_an_unknown_game_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'gam'.*gan, non_saturating, wgan"):
        field("gam", 0, 0)


def test_unknown_updates_are_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'both'.*simultaneous, alternating, five_d_steps"):
        update_eigenvalues("gan", "both")


@pytest.mark.parametrize("rate", [0, -0.1, math.nan, math.inf, "0.1", True])
def test_a_bad_rate_is_refused(rate):
    with pytest.raises(ConfigError, match=r"rate is .* expected a positive number"):
        trajectory("gan", rate=rate)


@pytest.mark.parametrize("start", [(1, math.nan), (1,), 1.0, (math.inf, 0), ("a", 1)])
def test_a_bad_start_is_refused(start):
    with pytest.raises(ConfigError, match=r"start is .* expected two finite numbers"):
        trajectory("gan", start)


@pytest.mark.parametrize("steps", [-1, 2.5, True])
def test_bad_steps_are_refused(steps):
    with pytest.raises(ConfigError, match=r"steps is .* expected a whole number"):
        trajectory("gan", steps=steps)


@pytest.mark.parametrize("strength", [-1, math.nan, "strong"])
def test_a_bad_strength_is_refused(strength):
    with pytest.raises(ConfigError, match=r"strength is .* expected a number >= 0 for gamma"):
        jacobian("r1", strength)


def test_a_strength_is_refused_where_the_game_has_none():
    with pytest.raises(ConfigError, match=r"'gan' has none.*wgan_gp, dragan"):
        eigenvalues("gan", 1.0)
