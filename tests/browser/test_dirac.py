"""The page of the Dirac-GAN in Chromium, opened as a file without a network."""

import re

import numpy as np
import pytest
from helpers.lab_server import CHROMIUM, FLAGS

from facegan.plane import dirac
from facegan.plane.dirac_gan import GAMES, UPDATES, trajectory, update_eigenvalues
from facegan.plane.dirac_page import EXTENT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium, or set CHROMIUM"),
]
START = (-0.7, 0.4)
READY = "body[data-ready]"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return dirac().save(tmp_path_factory.mktemp("page") / "dirac.html").as_uri()


@pytest.fixture
def show(browser, address):
    """Call show(width=400) for a page without a network; it must log no errors."""
    contexts, errors = [], []

    def opened(address=address, width=1200, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector(READY)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="module")
def engine(browser, address):
    """A page whose functions are called, and which is not otherwise used."""
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(READY)
        yield page


def path(page):
    return np.array(page.evaluate("path"))


def state(page, name):
    return page.evaluate(f"state.{name}")


def position(page, theta, psi):
    """The place of a point in the window, in CSS pixels."""
    edge = page.locator("#plane").bounding_box()
    x, y = page.evaluate(
        "([t, p]) => { const a = planeAxes(byId('plane')); return [a.x(t), a.y(p)]; }", [theta, psi]
    )
    return edge["x"] + x, edge["y"] + y


def drag(page, start, end):
    page.mouse.move(*position(page, *start))
    page.mouse.down()
    page.mouse.move(*position(page, *end), steps=5)
    page.mouse.up()


@pytest.mark.parametrize("updates", UPDATES)
@pytest.mark.parametrize("game", GAMES)
def test_trajectories_agree_with_pythons(engine, game, updates):
    call = "([game, updates, start, rate, strength]) => simulate(game, updates, start, rate, strength)"
    points = engine.evaluate(call, [game, updates, START, 0.1, GAMES[game].default])
    np.testing.assert_allclose(points, trajectory(game, START, updates), atol=1e-3)


@pytest.mark.parametrize("share", [0.37, 1.0])
@pytest.mark.parametrize("game", [name for name in GAMES if GAMES[name].parameter])
def test_trajectories_of_any_strength_agree_with_pythons(engine, game, share):
    strength = share * GAMES[game].largest
    call = "([game, start, strength]) => simulate(game, 'alternating', start, 0.1, strength)"
    points = np.array(engine.evaluate(call, [game, START, strength]))
    expected = trajectory(game, START, "alternating", strength=strength)
    np.testing.assert_allclose(points, expected[: len(points)], atol=2e-3)
    assert len(points) == 301 or abs(expected[len(points)]).max() > EXTENT - 0.01


@pytest.mark.parametrize("game", ["wgan_gp", "dragan"])
def test_a_start_on_the_kink_agrees_with_pythons(engine, game):
    points = engine.evaluate(
        "([game, start]) => simulate(game, 'simultaneous', start, 0.1, 0.3)", [game, (1, 0)]
    )
    np.testing.assert_allclose(points, trajectory(game, (1, 0)), atol=1e-3)


def test_a_trajectory_ends_where_the_tables_end(engine):
    points = engine.evaluate("simulate('wgan_gp', 'simultaneous', [2, 2], 0.5, 0)")
    assert 1 < len(points) < 301
    assert np.abs(points).max() <= EXTENT


def test_the_page_says_where_a_trajectory_leaves_the_tables(show):
    page = show()
    page.select_option("#game", "consensus")
    page.select_option("#updates", "five_d_steps")
    assert "the next step leaves" in page.locator("#now").inner_text()


@pytest.mark.parametrize("updates", UPDATES)
@pytest.mark.parametrize("game", [name for name in GAMES if not GAMES[name].kink])
def test_eigenvalues_agree_with_pythons(engine, game, updates):
    call = """([game, updates, strength]) =>
        eigenvalues(updateMatrix(jacobian(data.games[game], strength), updates, 0.1))"""
    strength = GAMES[game].default
    values = [complex(*pair) for pair in engine.evaluate(call, [game, updates, strength])]
    np.testing.assert_allclose(np.sort_complex(values), update_eigenvalues(game, updates), atol=1e-7)


@pytest.mark.parametrize(
    ("game", "updates", "words"),
    [
        ("gan", "simultaneous", "Near the equilibrium: spirals outward, factor 1.00125 per step."),
        ("gan", "alternating", "Near the equilibrium: modulus 1.000, which does not decide."),
        ("r1", "simultaneous", "Near the equilibrium: converges, factor 0.976 per step."),
        ("wgan_gp", "simultaneous", "Not defined: the penalty has a kink at ψ = 0."),
    ],
)
def test_the_verdict(show, game, updates, words):
    page = show()
    page.select_option("#game", game)
    page.select_option("#updates", updates)
    assert page.locator("#verdict").inner_text() == words


def test_eigenvalues_in_numbers(show):
    page = show()
    page.select_option("#game", "r1")
    assert page.locator("#field-text").inner_text() == f"{MINUS}0.250 ± 0.433i"
    assert page.locator("#modulus").inner_text() == "modulus 0.976"


def test_dragging_the_start_changes_the_trajectory(show):
    page = show()
    drag(page, (1, 1), (-1.5, 0.5))
    np.testing.assert_allclose(path(page)[0], (-1.5, 0.5), atol=0.02)
    np.testing.assert_allclose(path(page), trajectory("gan", path(page)[0]), atol=5e-3)


def test_the_start_remains_in_the_window(show):
    page = show()
    drag(page, (1, 1), (2.2, 0))
    assert path(page)[0][0] == 2


def test_touching_the_plane_moves_the_start(show):
    page = show(width=400, has_touch=True)
    page.touchscreen.tap(*position(page, -0.5, -1))
    np.testing.assert_allclose(path(page)[0], (-0.5, -1), atol=0.02)


def test_arrow_keys_move_the_start(show):
    page = show()
    page.locator("#plane").focus()
    for key in ("ArrowLeft", "ArrowDown", "Shift+ArrowUp"):
        page.keyboard.press(key)
    np.testing.assert_allclose(path(page)[0], (0.9, 0.91))


def test_drawing_follows_the_start(show):
    page = show()
    before = page.locator("#plane").screenshot()
    drag(page, (1, 1), (0.2, 0.3))
    assert page.locator("#plane").screenshot() != before


def test_a_slider_is_there_only_for_games_with_a_strength(show):
    page = show()
    assert not page.locator("#strength").is_visible()
    page.select_option("#game", "instance_noise")
    assert page.locator("#strength-name").inner_text() == "Strength \N{GREEK SMALL LETTER SIGMA}"


def test_the_strength_changes_the_trajectory(show):
    page = show()
    page.select_option("#game", "r1")
    page.locator("#strength").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#strength-value").inner_text() == "0.55"
    np.testing.assert_allclose(path(page), trajectory("r1", strength=0.55), atol=1e-3)


def test_a_game_keeps_its_strength(show):
    page = show()
    page.select_option("#game", "r1")
    page.locator("#strength").fill("1.2")
    page.select_option("#game", "gan")
    page.select_option("#game", "r1")
    assert page.locator("#strength-value").inner_text() == "1.20"


def test_the_learning_rate_changes_the_trajectory(show):
    page = show()
    page.locator("#rate").fill("0.2")
    page.select_option("#game", "non_saturating")
    np.testing.assert_allclose(path(page), trajectory("non_saturating", rate=0.2), atol=1e-3)


def test_play_starts_over_and_reaches_the_end(show):
    page = show()
    page.locator("#play").click()
    page.wait_for_function("state.playing && state.shown < 200")
    page.wait_for_function("!state.playing && state.shown === 300")
    assert page.locator("#play").inner_text() == "Play"


def test_space_pauses(show):
    page = show()
    page.locator("#plane").focus()
    page.keyboard.press("Space")
    page.wait_for_function("state.shown > 3 && state.shown < 300")
    page.keyboard.press("Space")
    assert not state(page, "playing")
    assert state(page, "shown") < 300


def test_the_step_slider_shows_any_step(show):
    page = show()
    page.locator("#step").fill("40")
    theta, psi = trajectory("gan")[40]
    words = page.locator("#now").inner_text().replace(MINUS, "-")
    assert words.startswith(f"Step 40: (θ, ψ) = ({theta:.2f}, {psi:.2f})")


def test_reset_shows_what_the_page_showed_first(show, tmp_path):
    address = dirac("r1", "alternating", 0.8, 0.2, (-1, 0.5)).save(tmp_path / "r1.html").as_uri()
    page = show(address)
    before = path(page)
    page.locator("#strength").fill("0")
    page.select_option("#updates", "simultaneous")
    page.select_option("#game", "wgan")
    drag(page, (-1, 0.5), (1, 1))
    page.locator("#reset").click()
    assert page.locator("#game").input_value() == "r1"
    np.testing.assert_array_equal(path(page), before)


def test_the_first_state_is_that_of_the_arguments(show, tmp_path):
    address = dirac("r1", "alternating", 0.8, 0.2, (-1, 0.5)).save(tmp_path / "r1.html").as_uri()
    expected = trajectory("r1", (-1, 0.5), "alternating", 0.2, strength=0.8)
    np.testing.assert_allclose(path(show(address)), expected, atol=1e-3)


def test_all_is_reached_with_tab(show):
    page = show()
    page.select_option("#game", "r1")
    page.locator("#plane").focus()
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == ["play", "reset", "step", "game", "updates", "strength", "rate"]


def test_the_state_is_announced_in_words(show):
    page = show()
    page.select_option("#updates", "alternating")
    words = page.locator("[aria-live=polite]").inner_text()
    assert re.match(
        r"GAN \(minimax\), Alternating updates\. Start \(1\.00, 1\.00\)\. Near .* Step 300:", words
    )


def test_controls_and_pictures_have_names(show):
    page = show()
    page.select_option("#game", "r1")
    for name in ("Game", "Updates", "Strength \N{GREEK SMALL LETTER GAMMA}", "Learning rate h", "Step"):
        assert page.get_by_label(name, exact=True).count() == 1, name
    assert page.locator("canvas:not([aria-label])").count() == 0


@pytest.mark.parametrize("game", GAMES)
def test_nothing_overflows_at_400_pixels(show, game):
    page = show(width=400)
    page.select_option("#game", game)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_the_panel_is_below_the_plane_at_400_pixels(show):
    page = show(width=400)
    plane, panel = (page.locator(css).bounding_box() for css in (".plane", ".side"))
    assert panel["y"] >= plane["y"] + plane["height"]


def test_canvases_have_the_resolution_of_the_screen(show):
    page = show(device_scale_factor=2)
    assert page.evaluate("byId('plane').width === 2 * byId('plane').clientWidth")


def test_a_frame_is_as_high_as_the_page(browser):
    with browser.new_context(viewport={"width": 700, "height": 900}, offline=True) as context:
        page = context.new_page()
        page.set_content(dirac().framed())
        page.frame_locator("iframe").locator(READY).wait_for()
        page.wait_for_function(
            "(() => { const f = document.querySelector('iframe'), b = f.contentDocument.body;"
            " return f.clientHeight >= b.scrollHeight && f.clientHeight < b.scrollHeight + 20; })()",
            timeout=5000,
        )
