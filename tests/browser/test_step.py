"""The debugger of the game in JupyterLab, on ipywidgets 8 and 7.7.1: buttons, exact undo, keyboard, and its speed."""

import os
import statistics

import pytest
from helpers.lab_server import CHROMIUM, FLAGS, HARMLESS, _wait, ran_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium, or set CHROMIUM"),
]
STEPS = 300 if os.environ.get("FACEGAN_BROWSER_OUT") else 20  # before the debugger; screenshots show faces
CELLS = (
    f"""import facegan as fg
fg.data.SYNTHETIC_COUNT = 300
faces = fg.load_faces("synthetic", size=32)
gan = fg.GAN(fg.RECIPES["tiny"].replace(image_size=32))
fg.fit(gan, faces, steps={STEPS});""",
    "fg.widgets.step(gan, faces)",
)
MOVES = {"D": "Update only D", "G": "Update only G", "both": "Algorithm 1", "ten": "Ten steps"}
UNDO, NEW = "Undo the last", "Show fakes from other"
SLOWEST = 3000  # ms a step may take at most on a busy machine; what it takes is printed


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="module", params=["8", "7.7.1"])
def sheet(request, tmp_path_factory, browser):
    """The page of a notebook that shows the debugger of a GAN after some steps."""
    with ran_notebook(tmp_path_factory.mktemp("lab"), browser, request.param, *CELLS) as page:
        page.locator(".facegan button").first.wait_for(timeout=120_000)
        _wait(lambda: all(pictures(page)), "there are no pictures")
        yield page


def pictures(page):
    """The two pictures' pixels as numbers; None for one that is not loaded."""
    return page.evaluate("""() => [...document.querySelectorAll('.facegan img')].map(i => {
      if (!i.complete || !i.naturalWidth) return null;
      const c = document.createElement('canvas'); c.width = i.naturalWidth; c.height = i.naturalHeight;
      const g = c.getContext('2d'); g.drawImage(i, 0, 0);
      let h = 7; for (const v of g.getImageData(0, 0, c.width, c.height).data) h = (h * 31 + v) | 0;
      return String(h); })""")


def sentence(page):
    return page.locator(".facegan .fg-status").inner_text()


def button(page, title):
    return page.locator(f'.facegan button[title^="{title}"]')


def moved(page, act):
    """Do something, and wait for other words and other pictures, which come before the words."""
    words, before = sentence(page), pictures(page)
    act()
    _wait(lambda: sentence(page) != words, "the sentence did not change")
    _wait(lambda: all(pictures(page)) and pictures(page) != before, "the pictures did not change")
    return pictures(page)


def shot(page, name):
    if out := os.environ.get("FACEGAN_BROWSER_OUT"):
        page.locator(".facegan").first.screenshot(path=f"{out}/step-{page.version}-{name}.png")


def test_every_button_changes_the_pictures_and_undo_returns_them(sheet):
    assert button(sheet, UNDO).is_disabled()
    shot(sheet, "start")
    seen = [(sentence(sheet), pictures(sheet))]
    for move, title in MOVES.items():
        now = moved(sheet, button(sheet, title).click)
        _wait(lambda: "before" in sheet.locator(".facegan table").inner_text(), "the table has one column")
        shot(sheet, move)
        seen.append((sentence(sheet), now))
    seen.pop()
    for words, before in reversed(seen):
        button(sheet, UNDO).click()
        _wait(lambda words=words: sentence(sheet) == words, "undo did not return the sentence")
        _wait(lambda before=before: pictures(sheet) == before, "undo did not return the exact pictures")
    assert button(sheet, UNDO).is_disabled()


def test_d_s_step_leaves_the_fakes_and_g_s_step_changes_them(sheet):
    start = sentence(sheet)
    moved(sheet, button(sheet, MOVES["D"]).click)
    assert "after a step of D" in sentence(sheet)
    moved(sheet, button(sheet, MOVES["G"]).click)
    assert "after a step of G" in sentence(sheet)
    for _ in range(2):
        moved(sheet, button(sheet, UNDO).click)
    assert sentence(sheet) == start


def test_it_works_by_keyboard(sheet):
    button(sheet, MOVES["D"]).focus()
    sheet.keyboard.press("Tab")
    first = moved(sheet, lambda: sheet.keyboard.press("Enter"))
    assert "after a step of G" in sentence(sheet)
    moved(sheet, button(sheet, NEW).click)
    button(sheet, UNDO).focus()
    assert moved(sheet, lambda: sheet.keyboard.press("Space")) == first
    moved(sheet, lambda: sheet.keyboard.press("Enter"))


def test_a_step_takes_a_moment(sheet):
    times = sheet.evaluate(
        """async title => {
      const press = document.querySelector(`.facegan button[title^="${title}"]`), times = [];
      const image = document.querySelectorAll('.facegan img')[1];
      for (let k = 0; k < 12; k++) {
        const start = performance.now();
        const shown = new Promise(done => image.addEventListener('load',
          () => requestAnimationFrame(done), {once: true}));
        press.click();
        await shown; times.push(performance.now() - start);
        await new Promise(done => setTimeout(done, 150));
      }
      return times; }""",
        MOVES["both"],
    )
    print(f"\nipywidgets {sheet.version}: {statistics.median(times):.0f} ms a step, drawing included")
    assert statistics.median(times) < SLOWEST


def test_pictures_and_buttons_have_names_and_nothing_fails(sheet):
    spoken = sheet.locator(".facegan .fg-spoken").all_inner_texts()
    assert any("brighter or darker pixels would look more real" in text for text in spoken)
    assert any("Histograms of D's logits" in text for text in spoken)
    assert sheet.locator('.facegan [role="status"]').count() == 1
    box = sheet.locator(".facegan").first
    assert box.evaluate("b => b.scrollWidth <= b.clientWidth + 1"), "something is cut off"
    sheet.set_viewport_size({"width": 480, "height": 1300})
    shot(sheet, "narrow")
    sheet.set_viewport_size({"width": 1200, "height": 1300})
    assert not [e for e in sheet.errors if not any(word in e for word in HARMLESS)]
