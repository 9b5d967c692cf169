"""The player of recordings in Chromium: opened as a file without a network, and in a notebook in JupyterLab."""

import re
import sys
from datetime import datetime

import nbformat
import numpy as np
import pytest
from helpers.lab_server import CHROMIUM, FLAGS, HARMLESS, lab_server
from helpers.recordings import recording

from facegan.plane.player import play

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium, or set CHROMIUM"),
]
CELL = f"""import sys
sys.path.insert(0, {str(next(p for p in sys.path if p.endswith("tests")))!r})
from helpers.recordings import recording
recording(frames=20, count=50)"""
PIXELS = """([x, y, width, height]) => {
  const c = document.querySelector('.plane canvas');
  const box = [x * c.width, y * c.height, width * c.width, height * c.height].map(Math.round);
  return Array.from(c.getContext('2d').getImageData(...box).data); }"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture
def show(browser, tmp_path):
    """Call show(recording, ...) for a page in a browser without a network; afterwards there must be no errors."""
    contexts, errors = [], []

    def run(*recordings, width=1200, clock=False, **options):
        saved = play(*recordings).save(tmp_path / "page.html")
        options = {"viewport": {"width": width, "height": 800}, "offline": True, **options}
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda m: m.type == "error" and errors.append(m.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        if clock:
            page.clock.install(time=datetime(2030, 1, 1))
        page.goto(saved.as_uri())
        page.wait_for_function("window.player && player.frames > 0")
        if clock:
            page.clock.pause_at(datetime(2030, 1, 2))  # from here on only `run_for` moves it
        return page

    yield run
    for context in contexts:
        context.close()
    assert errors == []


def few(**changes):
    return recording(**{"frames": 20, "count": 50, **changes})


def index(page):
    return page.evaluate("player.index")


def pixels(page, x, y, width, height):
    """The colors in a part of the plane; all arguments are shares of it."""
    return np.array(page.evaluate(PIXELS, [x, y, width, height])).reshape(-1, 4)[:, :3]


def picture(page, selector=".plane canvas"):
    return page.locator(selector).evaluate("(canvas) => canvas.toDataURL()")


def without(values, *where):
    values = values.copy()
    values[where] = np.nan
    return values


class TestPlaying:
    def test_at_rest_it_shows_the_last_frame(self, show):
        page = show(few())
        assert page.evaluate("[player.index, player.playing]") == [19, False]

    def test_play_starts_over_at_the_end(self, show):
        page = show(few(), clock=True)
        page.get_by_role("button", name="Play").click()
        page.clock.run_for(100)
        assert 0 <= index(page) <= 3

    def test_it_stops_at_the_end(self, show):
        page = show(few(), clock=True)
        page.get_by_role("button", name="Play").click()
        page.clock.run_for(2000)
        assert page.evaluate("[player.index, player.playing]") == [19, False]

    @pytest.mark.parametrize(("choice", "shown"), [(0, 5), (2, 20), (4, 80)])
    def test_a_second_is_twenty_frames_times_the_speed(self, show, choice, shown):
        page = show(few(frames=200), clock=True)
        page.get_by_label("Speed").select_option(index=choice)
        page.get_by_role("button", name="Play").click()
        page.clock.run_for(1000)
        assert index(page) == pytest.approx(shown, abs=3)

    def test_pause_keeps_the_frame(self, show):
        page = show(few(frames=200), clock=True)
        page.get_by_role("button", name="Play").click()
        page.clock.run_for(500)
        page.get_by_role("button", name="Pause").click()
        at = index(page)
        page.clock.run_for(500)
        assert index(page) == at

    def test_it_draws_thirty_frames_a_second(self, show):
        page = show(recording(frames=100))
        page.keyboard.press("4")
        page.keyboard.press("5")
        drawn, ms = page.evaluate("""() => new Promise((done) => {
          player.setSpeed(4); player.play();
          const frames = player.frames, start = performance.now();
          const wait = () => player.playing ? requestAnimationFrame(wait)
            : done([player.frames - frames, performance.now() - start]);
          wait(); })""")
        assert drawn / ms * 1000 >= 30


class TestMoving:
    @pytest.mark.parametrize(
        ("keys", "at"),
        [("Home", 0), ("Home End", 19), ("ArrowLeft", 18), ("Home ArrowRight", 1), ("ArrowRight", 19),
         ("Home ArrowLeft", 0)],
    )  # fmt: skip
    def test_keys_move_in_time(self, show, keys, at):
        page = show(few())
        for key in keys.split():
            page.keyboard.press(key)
        assert index(page) == at

    def test_space_plays_and_pauses(self, show):
        page = show(few(), clock=True)
        page.keyboard.press(" ")
        playing = page.evaluate("player.playing")
        page.keyboard.press(" ")
        assert [playing, page.evaluate("player.playing")] == [True, False]

    def test_space_on_the_play_button_plays_once(self, show):
        page = show(few(), clock=True)
        page.get_by_role("button", name="Play").press(" ")
        assert page.evaluate("player.playing")

    @pytest.mark.parametrize(("key", "speed"), [("[", 0.5), ("]", 2)])
    def test_brackets_change_the_speed(self, show, key, speed):
        page = show(few())
        page.keyboard.press(key)
        assert page.evaluate("player.speed") == speed

    def test_the_slider_scrubs(self, show):
        page = show(few())
        page.get_by_role("slider").fill("7")
        assert index(page) == 7

    def test_arrow_keys_on_the_slider_step_once(self, show):
        page = show(few())
        page.get_by_role("slider").press("ArrowLeft")
        assert index(page) == 18

    def test_buttons_step(self, show):
        page = show(few())
        page.get_by_role("button", name="One frame back").click()
        page.get_by_role("button", name="One frame back").click()
        page.get_by_role("button", name="One frame forward").click()
        assert index(page) == 18

    def test_scrubbing_pauses(self, show):
        page = show(few(frames=200), clock=True)
        page.keyboard.press(" ")
        page.get_by_role("slider").fill("7")
        page.clock.run_for(1000)
        assert index(page) == 7

    def test_dragging_on_the_curves_scrubs(self, show):
        page = show(few())
        box = page.locator(".curves canvas").bounding_box()
        left, right = box["x"] + 44, box["x"] + box["width"] - 10
        page.mouse.move(left, box["y"] + 100)
        page.mouse.down()
        start = index(page)
        page.mouse.move(left + (right - left) * 10.5 / 19, box["y"] + 100, steps=4)
        assert [start, index(page)] == [0, 10]

    def test_moving_over_the_curves_without_a_press_does_nothing(self, show):
        page = show(few())
        page.locator(".curves canvas").hover()
        assert index(page) == 19

    def test_a_finger_on_the_curves_scrubs(self, show):
        page = show(few(), width=400, has_touch=True)
        curves = page.locator(".curves canvas")
        curves.scroll_into_view_if_needed()
        curves.tap(position={"x": 45, "y": 100})
        assert index(page) == 0

    def test_the_line_in_the_curves_moves(self, show):
        made = few(curves={name: np.ones(20) for name in few().curves})  # only the line differs
        page = show(made)
        before = picture(page, ".curves canvas")
        page.evaluate("player.go(9)")
        assert picture(page, ".curves canvas") != before


class TestLayers:
    @pytest.mark.parametrize("key", "12345")
    def test_a_key_changes_the_picture_and_again_changes_it_back(self, show, key):
        page = show(few())
        page.evaluate("player.go(10)")
        first = picture(page)
        page.keyboard.press(key)
        second = picture(page)
        page.keyboard.press(key)
        assert first != second
        assert first == picture(page)

    def test_a_checkbox_changes_the_picture(self, show):
        page = show(few())
        first = picture(page)
        page.get_by_role("checkbox", name="fakes").uncheck()
        assert picture(page) != first

    def test_a_latent_without_two_dimensions_has_no_grid(self, show):
        page = show(few(manifold=np.zeros((20, 0, 0, 2))))
        assert page.get_by_role("checkbox", name="grid of z").is_disabled()

    def test_fakes_that_are_nan_are_not_drawn(self, show):
        page = show(few(fakes=without(few().fakes, -1)))
        first = picture(page)
        page.keyboard.press("3")
        assert picture(page) == first

    def test_lines_of_the_grid_end_where_a_point_is_nan(self, show):
        rows, columns = np.indices((15, 15))
        page = show(few(manifold=without(few().manifold, slice(None), (rows + columns) % 2 == 1)))
        first = picture(page)
        page.keyboard.press("5")
        assert picture(page) == first  # every neighbor is NaN, so there are no lines

    def test_output_that_is_nan_is_gray(self, show):
        page = show(few(output=without(few().output, -1, slice(0, 20), slice(0, 20))))
        corner = pixels(page, 0.05, 0.8, 0.1, 0.1)  # row 0 is at the bottom
        assert (corner == 204).all()

    def test_where_d_says_real_is_blue_and_elsewhere_orange(self, show):
        output = np.zeros((20, 10, 10))
        output[:, 5:] = 1  # above the middle
        page = show(few(output=output, real=np.zeros((0, 2)), fakes=np.full((20, 50, 2), np.nan)))
        top, bottom = (pixels(page, 0.1, y, 0.1, 0.1).mean(0) for y in (0.1, 0.8))
        assert top[2] > top[0] + 50
        assert bottom[0] > bottom[2] + 50


class TestTwo:
    def test_they_are_in_step(self, show):
        page = show(few(), few(frames=8, every=25))
        page.evaluate("player.toStep(60)")
        expect(page.locator("#state p")).to_contain_text(["Left: step 60 of 190", "Right: step 50 of 175"])

    def test_each_has_its_title(self, show):
        page = show(few(title="without"), few(title="with"))
        assert page.locator(".plane h2").all_inner_texts() == ["without", "with"]

    def test_they_are_beside_each_other(self, show):
        page = show(few(), few(title="a title that needs many more lines than the other " * 3), width=400)
        left, right = (page.locator(".plane canvas").nth(i).bounding_box() for i in (0, 1))
        assert left["y"] == right["y"]
        assert left["x"] + left["width"] <= right["x"]


class TestPage:
    @pytest.mark.parametrize("count", [1, 2])
    @pytest.mark.parametrize("width", [320, 400, 700, 1200])
    def test_nothing_is_wider_than_the_page(self, show, width, count):
        page = show(*[few(title="ring, loss='wasserstein', gradient_penalty=10")] * count, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_canvases_are_as_sharp_as_the_screen(self, show):
        page = show(few(), device_scale_factor=2)
        ratios = page.evaluate("[...document.querySelectorAll('canvas')].map((c) => c.width / c.clientWidth)")
        assert ratios == pytest.approx([2, 2], abs=0.01)

    def test_the_state_is_told_in_words(self, show):
        page = show(few(frames=21, every=100))
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        words = r"Step 100 of 2,000: 0 of 8 modes, D\(x\) 0\.\d\d, D\(G\(z\)\) 0\.\d\d"
        expect(page.locator("#state")).to_have_text(re.compile(words))
        expect(page.get_by_role("status")).to_have_text(re.compile(words))

    def test_the_first_frame_says_nothing_of_what_is_not_known_yet(self, show):
        unknown = {name: without(column, 0) for name, column in few().curves.items() if name != "modes"}
        page = show(few(curves={**few().curves, **unknown}))
        page.keyboard.press("Home")
        expect(page.locator("#state")).to_have_text("Step 0 of 190: 0 of 8 modes")

    def test_after_it_diverged_the_state_says_so(self, show):
        lost = {name: without(column, 19) for name, column in few().curves.items()}
        page = show(few(curves=lost, probabilities=False))
        expect(page.locator("#state")).to_contain_text("loss of D not finite, loss of G not finite")

    def test_screen_readers_hear_nothing_while_it_plays(self, show):
        page = show(few(frames=200), clock=True)
        page.keyboard.press(" ")
        page.clock.run_for(2000)
        assert page.get_by_role("status").text_content() == ""

    def test_the_plane_has_the_recording_in_words(self, show):
        page = show(few())
        expect(page.get_by_role("img").first).to_have_accessible_name(play(few()).alt)

    def test_every_control_has_a_name(self, show):
        page = show(few())
        for control in page.locator("button, input, select").all():
            expect(control).to_have_accessible_name(re.compile(r"\w{3}"))

    def test_focus_is_seen(self, show):
        page = show(few())
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"

    def test_the_frame_is_as_high_as_its_content(self, show):
        page = show(few()).context.new_page()
        page.set_content(play(few()).framed())
        inside = page.frame_locator("iframe")
        expect(inside.locator("#state")).to_contain_text("Step")
        page.wait_for_function("""() => { const f = document.querySelector('iframe'), d = f.contentDocument;
          return d.body.scrollHeight <= f.clientHeight && f.clientHeight <= d.body.scrollHeight + 4; }""")


@pytest.fixture(scope="class")
def sheet(browser, tmp_path_factory):
    """A page of JupyterLab with a notebook whose only cell shows a recording, and the errors on it."""
    with lab_server(tmp_path_factory.mktemp("lab")) as lab, browser.new_context() as context:
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [nbformat.v4.new_code_cell(CELL)]
        nbformat.write(
            nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), lab.work / "a.ipynb"
        )
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        lab.open(page, "a.ipynb")
        lab.run_all(page)
        page.locator(".jp-OutputArea iframe").wait_for(timeout=60_000)
        yield page, errors


class TestInJupyterLab:
    def test_keys_reach_the_player_and_not_the_notebook(self, sheet):
        page, _ = sheet
        inside = page.frame_locator(".jp-OutputArea iframe")
        inside.locator(".plane canvas").click()
        for key in ("b", "a", "Home", "3", "ArrowRight"):  # in the notebook, b and a add cells
            page.keyboard.press(key)
        expect(inside.locator("#state")).to_contain_text("Step 10 of 190")
        assert page.locator(".jp-Cell").count() == 1

    def test_the_cell_is_as_high_as_the_player(self, sheet):
        page, _ = sheet
        high = page.frame_locator(".jp-OutputArea iframe").locator("#player").bounding_box()["height"]
        assert page.locator(".jp-OutputArea iframe").bounding_box()["height"] == pytest.approx(high, abs=6)

    def test_there_are_no_errors(self, sheet):
        _, errors = sheet
        assert [e for e in errors if not any(word in e for word in HARMLESS)] == []
