"""The widget of the plane in JupyterLab, on ipywidgets 8 and 7.7.1: it trains, and plays in its frame."""

import os

import pytest
from helpers.lab_server import CHROMIUM, FLAGS, HARMLESS, _wait, ran_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium, or set CHROMIUM"),
]
CELL = """from facegan import plane, widgets
widgets.plane(plane.CONFIG.replace(width=16, batch_size=32), steps=200, every=10)"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="module", params=["8", "7.7.1"])
def sheet(request, tmp_path_factory, browser):
    """The page of a notebook with the widget, in which the widget has trained once."""
    with ran_notebook(tmp_path_factory.mktemp("lab"), browser, request.param, CELL) as page:
        page.frame_locator(".facegan iframe").locator("canvas").first.wait_for(timeout=60_000)
        yield page


def inside(page, code):
    """The value of an expression in the frame, once it can be read."""
    frame = page.locator(".facegan iframe").element_handle().content_frame()
    frame.wait_for_function("window.player && player.frames > 0")
    return frame.evaluate(code)


def title(page):
    return page.locator(".facegan iframe").get_attribute("title")


def test_a_changed_control_trains_and_plays_the_new_game(sheet):
    sheet.locator(".facegan select").nth(1).select_option("wasserstein")
    _wait(lambda: "wasserstein" in title(sheet), "it did not train again")
    sheet.locator('.facegan button[title^="Undo the last"]').click()
    _wait(lambda: "wasserstein" not in title(sheet), "undo did not go back")


def test_a_retrained_page_keeps_the_layers_and_the_speed(sheet):
    inside(sheet, "player.setLayer('arrows', true), player.setSpeed(0)")
    sheet.locator(".facegan select").first.select_option("moons")
    _wait(lambda: "moons" in title(sheet), "it did not train again")
    assert inside(sheet, "[player.layers.arrows, player.speed]") == [True, 0.25]
    assert inside(sheet, "document.querySelector('[data-layer=arrows]').checked")
    sheet.locator('.facegan button[title^="Undo the last"]').click()
    _wait(lambda: "moons" not in title(sheet), "undo did not go back")


def test_a_slider_works_by_keyboard(sheet):
    sheet.locator(".facegan .noUi-handle, .facegan .ui-slider-handle").nth(3).focus()
    sheet.keyboard.press("ArrowRight")
    _wait(lambda: "r1 0.1" in title(sheet), "it did not train again")


def test_the_frame_is_as_high_as_its_content_and_nothing_fails(sheet):
    assert inside(sheet, "player.frames > 0")
    _wait(
        lambda: (
            sheet.locator(".facegan iframe").bounding_box()["height"] + 8
            >= inside(sheet, "document.body.scrollHeight")
        ),
        "the frame is too low",
    )
    if out := os.environ.get("FACEGAN_BROWSER_OUT"):
        sheet.locator(".facegan").first.screenshot(path=f"{out}/plane-{sheet.version}.png")
    assert not [e for e in sheet.errors if not any(word in e for word in HARMLESS)]
