"""The page of the Dirac-GAN: what its document holds, and how near its tables are to the fields."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers.recordings import unpack

from facegan.errors import ConfigError
from facegan.plane import dirac
from facegan.plane.dirac_gan import GAMES, field, jacobian, trajectory
from facegan.plane.dirac_page import EXTENT, SPACING, page_data

LAST = round(EXTENT / SPACING) + 1
THETA, PSI = np.arange(-LAST, LAST + 1) * SPACING, np.arange(-1, LAST + 1) * SPACING


@pytest.fixture(scope="module")
def page():
    return dirac()


@pytest.fixture(scope="module")
def data():
    return page_data()


def unpacked(table):
    """The inverse of `pack` and `quantized`, as the page computes it."""
    return unpack(table) * table["unit"]


def weights(game, strength):
    """What a game's tables are multiplied by: 1 and the strength, or Lagrange polynomials."""
    nodes = game["nodes"]
    if nodes is None:
        return [1, strength][: len(game["tables"])]
    return [np.prod([(strength - other) / (at - other) for other in nodes if other != at]) for at in nodes]


def combined(game, strength, parts):
    return sum(weight * part for weight, part in zip(weights(game, strength), parts, strict=True))


def stated(page):
    return json.loads(re.search('id="data">(.*?)</script>', page.html, re.DOTALL)[1])


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("share", [0.13, 0.5, 0.9])
def test_tables_give_the_field(data, name, share):
    game, limit = data["games"][name], GAMES[name]
    strength = share * limit.largest
    tables = combined(game, strength, [unpacked(data["tables"][i]) for i in game["tables"]])
    theta, psi = THETA[np.abs(THETA) <= 2], PSI[(PSI > 0) & (PSI <= 2)]
    part = tables[2 : 2 + len(psi), :, np.abs(THETA) <= 2]
    expected = np.stack(field(name, theta, psi[:, None], strength if limit.parameter else None), 1)
    np.testing.assert_allclose(part, expected, atol=2e-3 if name == "consensus" else 5e-4)


@pytest.mark.parametrize("name", GAMES)
def test_fields_are_odd_so_half_a_plane_is_enough(name):
    theta, psi = np.array([-1.3, 0.4, 2.0]), np.array([0.7, 1.9, 0.2])
    np.testing.assert_allclose(field(name, -theta, -psi), -np.array(field(name, theta, psi)), atol=1e-12)


@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_tables_of_a_penalty_with_a_kink_have_its_limit_from_above(data, name):
    penalty = unpacked(data["tables"][data["games"][name]["tables"][1]])
    np.testing.assert_allclose(penalty[1, 1], 2)


def test_tables_of_linear_fields_are_exact(data):
    table = unpacked(data["tables"][data["games"]["wgan"]["tables"][0]])
    np.testing.assert_array_equal(table, np.stack(field("wgan", THETA, PSI[:, None]), 1))


def test_games_share_tables(data):
    assert data["games"]["wgan"]["tables"][0] == data["games"]["wgan_gp"]["tables"][0]


@pytest.mark.parametrize("name", [name for name in GAMES if GAMES[name].parameter and not GAMES[name].kink])
def test_jacobians_of_the_tables_give_that_of_any_strength(data, name):
    parts = map(np.array, data["games"][name]["jacobians"])
    np.testing.assert_allclose(
        combined(data["games"][name], 0.7, parts), jacobian(name, 0.7).ravel(), atol=1e-9
    )


@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_jacobians_of_a_penalty_with_a_kink_are_missing(data, name):
    assert data["games"][name]["jacobians"][1] is None


def test_the_document_is_small(page):
    assert len(page.html.encode()) < 120_000


def test_the_document_refers_to_nothing_outside(page):
    assert not re.search(r"https?://|\bsrc=|\bimport\b", page.html)


def test_alt_text_says_what_the_trajectory_does(page):
    end = np.hypot(*trajectory("gan")[-1])
    assert "GAN (minimax), simultaneous updates at learning rate 0.1" in page.alt
    assert f"the distance from the equilibrium changes from 1.41 to {end:.2f} in 300 steps" in page.alt


def test_alt_text_says_where_a_factor_is_not_defined():
    assert "not defined at the equilibrium" in dirac("wgan_gp").alt


def test_arguments_are_the_initial_state():
    first = stated(dirac("r1", "alternating", 0.8, 0.2, (-1, 0.5)))["initial"]
    assert first == {
        "game": "r1",
        "updates": "alternating",
        "strength": 0.8,
        "rate": 0.2,
        "start": [-1.0, 0.5],
    }


def test_the_default_strength_is_the_games():
    assert stated(dirac("instance_noise"))["initial"]["strength"] == GAMES["instance_noise"].default


def test_the_still_picture_is_a_png(page):
    assert page.still.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"game": "lsgan"}, r"no game is named 'lsgan'.*gan, non_saturating"),
        ({"updates": "joint"}, r"no updates are named 'joint'.*alternating"),
        ({"game": "r1", "strength": 3.0}, r"strength is 3\.0.*gamma from 0 to 2"),
        ({"strength": 1.0}, r"'gan' has none"),
        ({"rate": 0.9}, r"rate is 0\.9.*from 0\.01 to 0\.5"),
        ({"start": (0, 2.5)}, r"start is \(0, 2\.5\).*from -2 to 2"),
    ],
)
def test_what_the_page_cannot_show_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        dirac(**arguments)


@pytest.mark.slow
def test_importing_the_plane_loads_no_matplotlib():
    code = "import facegan.plane, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
