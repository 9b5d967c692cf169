"""Widgets in a real browser: JupyterLab in Chromium, on ipywidgets 8 and on Colab's 7.7.1.

FACEGAN_BROWSER_RUN names a run folder to play with (else the bundled `synthetic`), FACEGAN_BROWSER_OUT a folder for
screenshots, and FACEGAN_BROWSER_KERNEL a Python whose kernel is used instead of this one's.
"""

import os
import re
import shutil

import nbformat
import pytest
from helpers.lab_server import CHROMIUM, FLAGS, HARMLESS, OLD_WIDGETS, _wait, lab_server

from facegan.runs.run import Run

KERNEL = os.environ.get("FACEGAN_BROWSER_KERNEL")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium, or set CHROMIUM"),
]
FEW = "fg.data.SYNTHETIC_COUNT = 300"
NARROW = 'import dataclasses\nfg.RECIPES["tiny"] = dataclasses.replace(fg.RECIPES["tiny"], width=8)'
SHOWN = (
    "fg.widgets.explore(generator, seed=4)", "fg.widgets.morph(generator, seed=12)",
    "fg.widgets.arithmetic(generator, seed=2)", "fg.widgets.timeline(source)",
    "fg.widgets.compare(fg.load_generator('faces', step=fg.pretrained.steps('faces')[4]), 'faces')",
)  # fmt: skip
TRAIN = """gan = fg.GAN("tiny")
fg.fit(gan, faces, steps=60_000, run_dir="runs/live", snapshot_every=2, callbacks=[fg.widgets.live()])"""
BELOW = "the cell below ran"
PANELS = ("explore", "morph", "arithmetic", "timeline", "compare")  # in the order of SHOWN
HASH = """([panel, image]) => {
  const i = document.querySelectorAll('.facegan')[panel].querySelectorAll('img')[image];
  if (!i || !i.complete || !i.naturalWidth) return null;
  const c = document.createElement('canvas'); c.width = i.naturalWidth; c.height = i.naturalHeight;
  const g = c.getContext('2d'); g.drawImage(i, 0, 0);
  let h = 0; for (const v of g.getImageData(0, 0, c.width, c.height).data) h = (h * 31 + v) | 0;
  return String(h); }"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="class")
def version(request):
    version = request.cls.version
    if KERNEL and version == "8":
        pytest.skip("the given kernel has ipywidgets 7.7.1")
    if version == "7.7.1" and not OLD_WIDGETS.is_dir():
        pytest.skip("ipywidgets 7.7.1 is not there; `make test-browser` puts it there")
    return version


@pytest.fixture(scope="class")
def lab(version, tmp_path_factory):
    os.environ["OMP_NUM_THREADS"] = "1" if "FACEGAN_BROWSER_RUN" not in os.environ else "2"
    root = tmp_path_factory.mktemp("lab")
    with lab_server(root, old_widgets=version == "7.7.1", kernel_python=KERNEL) as lab:
        write_notebooks(lab.work)
        yield lab


@pytest.fixture(scope="class")
def sheet(lab, browser):
    """A notebook with all panels, run to its end."""
    with browser.new_context(viewport={"width": 1300, "height": 1000}) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield Sheet(context.new_page(), lab, "panels.ipynb", panels=len(PANELS))


def write_notebooks(work):
    """One with every panel, as notebook 4 has them; and one that trains live, until it is stopped."""
    run = os.environ.get("FACEGAN_BROWSER_RUN")
    if run:
        shutil.copytree(run, work / "runs" / "first")
    source = "runs/first" if run else "synthetic"
    start = f"import facegan as fg\nsource = {source!r}\ngenerator = fg.load_generator(source)"
    data = f"import facegan as fg\n{FEW}\n{NARROW}\nfaces = fg.load_faces('synthetic')"
    for name, cells in (("panels", (start, *SHOWN)), ("live", (data, TRAIN, f"print({BELOW!r})"))):
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
        nbformat.write(notebook, work / f"{name}.ipynb")


class Sheet:
    """A notebook on a page: its panels, their pixels, and what went wrong."""

    def __init__(self, page, lab, notebook, *, panels):
        self.page, self.lab, self.notebook, self.errors = page, lab, notebook, []
        page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        lab.open(page, notebook)
        lab.run_all(page)
        failed = page.locator(".jp-OutputArea-output[data-mime-type*=stderr] >> text=Error")
        _wait(lambda: failed.count() or self.panels() == panels, "there are not all panels", timeout=120)
        assert not failed.count(), failed.all_inner_texts()

    def reload(self):
        """Save the notebook and load the page again, as someone who returns does; its kernel keeps running."""
        path = self.lab.work / self.notebook
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        _wait(lambda: "widget-view" in path.read_text(), "the notebook was not saved")
        self.page.goto(self.page.url.replace("?reset", ""))
        self.page.locator(".jp-Notebook").wait_for(timeout=60_000)

    def panels(self):
        """How many panels have pictures."""
        return self.page.locator(".facegan", has=self.page.locator("img")).count()

    def panel(self, name):
        index = PANELS.index(name)
        return Part(self, index, self.page.locator(".facegan").nth(index))

    def bad_news(self):
        return [e for e in self.errors if not any(word in e for word in HARMLESS)]


class Part:
    """One panel on the page."""

    def __init__(self, sheet, index, box):
        self.sheet, self.page, self.index, self.box = sheet, sheet.page, index, box

    def pixels(self, image=0):
        """A number for an image's pixels."""
        handle = self.page.wait_for_function(HASH, arg=[self.index, image], timeout=20_000, polling=50)
        return handle.json_value()

    def changes(self, act, image=0):
        """Do something, wait until an image has other pixels, and return them."""
        before = self.pixels(image)
        act()
        self.becomes(None, image, unlike=before)
        return self.pixels(image)

    def becomes(self, pixels, image=0, *, unlike=None):
        """Wait until an image has these pixels, or others than `unlike`."""
        test = f"([at, is, not]) => {{ const h = ({HASH})(at); return h && (not ? h !== not : h === is) }}"
        self.page.wait_for_function(
            test, arg=[[self.index, image], pixels, unlike], timeout=20_000, polling=50
        )

    def button(self, title):
        """A button by its tooltip's beginning."""
        return self.box.locator(f'button[title^="{title}"]').first

    def press(self, title):
        """Press a button with the keyboard."""
        self.button(title).focus()
        self.page.keyboard.press("Enter")

    def slide(self, index, key="ArrowRight"):
        """Move the slider of this index a step, with the keyboard."""
        self.box.locator(".noUi-handle, .ui-slider-handle").nth(index).focus()
        self.page.keyboard.press(key)

    def type(self, text, *, kind="number"):
        """Write into the panel's box of a kind, and press Enter."""
        box = self.box.locator(f"input[type={kind}]").last
        box.fill(text)
        box.press("Enter")

    def play(self):
        self.box.locator(".widget-play button:has(.fa-play)").click()

    def pause(self):
        self.box.locator(".widget-play button:has(.fa-pause)").click()

    def says(self, words):
        self.box.locator(".fg-status", has_text=words).wait_for(timeout=60_000)


class Widgets:
    """What holds with every version of ipywidgets."""

    def test_explore(self, sheet):
        panel = sheet.panel("explore")
        start = panel.pixels()
        panel.changes(lambda: panel.button("Redraw the faces").click())
        panel.changes(lambda: panel.button("Undo the last").click())
        panel.becomes(start)
        panel.changes(lambda: panel.button("Keep face 3").click())
        panel.says("kept: 3")
        panel.changes(lambda: panel.press("Redraw the faces"))
        panel.changes(lambda: panel.slide(0, "ArrowLeft"))
        panel.says("truncated at 2.9 standard deviations")
        for direction in range(1, 6):
            panel.changes(lambda d=direction: panel.slide(d))
        panel.changes(lambda: panel.press("Set all directions"))
        panel.changes(lambda: panel.type("77"))
        panel.says("seed 77")
        panel.button("Show Python code").click()
        code = panel.box.locator("textarea")
        _wait(lambda: "draw_latents(16, 100, seed=77)" in code.input_value(), "no code was shown")
        for _ in range(10):
            panel.changes(lambda: panel.button("Undo the last").click())
        panel.becomes(start)
        _wait(lambda: panel.button("Undo the last").is_disabled(), "there is more to undo")

    def test_resample_is_at_most_three_tabs_from_the_start_of_explore(self, sheet):
        panel = sheet.panel("explore")
        panel.box.evaluate("box => { box.tabIndex = -1; box.focus(); }")
        reached = []
        for _ in range(3):
            sheet.page.keyboard.press("Tab")
            reached.append(sheet.page.evaluate("document.activeElement.title"))
        assert any(title.startswith("Redraw the faces") for title in reached), reached

    def test_morph(self, sheet):
        panel = sheet.panel("morph")
        start = panel.pixels(1)
        panel.changes(lambda: panel.slide(0), 1)
        panel.says("51% of the way")
        panel.changes(lambda: panel.button("Undo the last").click(), 1)
        panel.becomes(start, 1)
        panel.changes(lambda: panel.press("Add face 9"), 0)
        panel.says("through 1, 6, 9")
        panel.changes(lambda: panel.button("Remove face 1").click(), 0)
        panel.changes(lambda: panel.button("Show other faces").click(), 0)
        panel.changes(panel.play, 1)
        panel.pause()
        panel.button("Save the loop").click()
        panel.box.get_by_text("Saved morph.gif").wait_for()
        assert (sheet.lab.work / "morph.gif").read_bytes()[:4] == b"GIF8"
        panel.type("walk.mp4", kind="text")
        panel.press("Save the loop")
        panel.box.get_by_text("Saved walk.mp4").wait_for()

    def test_arithmetic(self, sheet):
        panel = sheet.panel("arithmetic")
        start = panel.pixels(1)
        panel.changes(lambda: panel.button("Add face 10 to A").click(), 1)
        panel.says("A 1, 2, 3, 10")
        sizes = [image.bounding_box() for image in panel.box.locator("img").all()]
        largest = max(sizes, key=lambda size: size["width"] * size["height"])
        assert largest == panel.box.locator("img").nth(2).bounding_box()
        panel.box.get_by_text("Pick B").click()
        panel.changes(lambda: panel.press("Add face 11 to B"), 1)
        for _ in range(3):
            panel.button("Undo the last").click()
        panel.becomes(start, 1)
        panel.changes(lambda: panel.button("Remove all faces from A, B and C").click(), 0)
        panel.says("Pick at least one face")
        panel.changes(lambda: panel.button("Show other faces").click(), 0)

    def test_timeline(self, sheet):
        panel = sheet.panel("timeline")
        faces, curves = panel.pixels(0), panel.pixels(1)
        panel.changes(lambda: panel.slide(0, "ArrowLeft"), 0)
        panel.becomes(None, 1, unlike=curves)
        panel.changes(lambda: panel.button("Undo the last").click(), 0)
        panel.becomes(faces)
        panel.changes(lambda: panel.slide(0, "Home"), 0)
        panel.says("Step 0, snapshot 1")
        panel.changes(panel.play, 0)
        panel.pause()

    def test_compare(self, sheet):
        panel = sheet.panel("compare")
        a, b = panel.pixels(0), panel.pixels(1)
        assert a != b
        panel.changes(lambda: panel.press("Draw new latents"), 0)
        panel.becomes(None, 1, unlike=b)
        panel.changes(lambda: panel.slide(0, "ArrowLeft"), 1)
        panel.changes(lambda: panel.type("5"))
        for _ in range(3):
            panel.button("Undo the last").click()
        panel.becomes(a)
        panel.becomes(b, 1)

    def test_fast_dragging_ends_where_the_hand_ends(self, sheet):
        panel = sheet.panel("explore")
        panel.changes(lambda: panel.slide(1, "Home"))
        low = panel.pixels()
        panel.changes(lambda: panel.slide(1, "End"))
        high = panel.pixels()
        for _ in range(40):
            panel.slide(1, "ArrowLeft")
        panel.slide(1, "Home")
        panel.becomes(low)
        panel.slide(1, "End")
        panel.becomes(high)

    def test_screenshots_and_no_errors(self, sheet, version):
        out = os.environ.get("FACEGAN_BROWSER_OUT")
        for width in (1300, 500):
            sheet.page.set_viewport_size({"width": width, "height": 1000})
            for name in PANELS:
                panel = sheet.panel(name)
                box = panel.box.bounding_box()
                images = panel.box.locator("img").all()
                assert all(i.bounding_box()["width"] <= box["width"] for i in images)
                if out:
                    panel.box.scroll_into_view_if_needed()
                    panel.box.screenshot(path=f"{out}/{name}-{version}-{round(box['width'])}.png")
        assert sheet.bad_news() == []

    def test_live_training_is_stopped_by_its_button_and_by_the_notebooks(self, lab, browser, version):
        with browser.new_context(viewport={"width": 1300, "height": 1000}) as context:
            sheet = Sheet(context.new_page(), lab, "live.ipynb", panels=1)
            panel = Part(sheet, 0, sheet.page.locator(".facegan").first)
            panel.becomes(None, 1, unlike=panel.pixels(1))
            panel.says(re.compile("Step [1-9].* images/s, .* left. D"))
            if out := os.environ.get("FACEGAN_BROWSER_OUT"):
                panel.box.screenshot(path=f"{out}/live-{version}.png")
            panel.button("Stop after this step").click()
            first = stopped_at(sheet, 1)
            assert not sheet.page.get_by_text(BELOW, exact=True).count()
            lab.run_all(sheet.page)
            panel.says(re.compile("Step [1-9]"))
            _wait(lambda: Run.open(lab.work / "runs" / "live").checkpoints[-1] > first, "it did not go on")
            sheet.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:interrupt-kernel'); }")
            assert stopped_at(sheet, 1, unlike=first) > first
            assert not sheet.page.get_by_text(BELOW, exact=True).count()
            panel.button("After the run has ended").click()
            panel.says(re.compile("The run is now in .*live-1. Run the cell again to start over."))
            assert Run.open(lab.work / "runs" / "live-1").checkpoints
            assert sheet.bad_news() == []

    def test_live_training_is_in_view_and_outlives_a_reload_of_the_page(self, lab, browser, version):
        with browser.new_context(viewport={"width": 900, "height": 900}) as context:
            sheet = Sheet(context.new_page(), lab, "live.ipynb", panels=1)
            panel = Part(sheet, 0, sheet.page.locator(".facegan").first)
            panel.says(re.compile("Step [1-9].* images/s, .* left. D"))
            status, stop, picture = (
                panel.box.locator(css).first.bounding_box() for css in (".fg-status", "button", "img")
            )
            assert status["y"] < stop["y"] < stop["y"] + stop["height"] <= picture["y"]
            panel.box.scroll_into_view_if_needed()
            if out := os.environ.get("FACEGAN_BROWSER_OUT"):
                sheet.page.screenshot(path=f"{out}/live-900-{version}.png")
            sheet.reload()
            panel.says(re.compile("Step [1-9].* images/s, .* left. D"))
            panel.changes(lambda: None, 1)
            panel.button("Stop after this step").click()
            panel.says("Stopped at step")
            _wait(lambda: lab.idle(sheet.notebook), "the kernel is busy")
            assert sheet.bad_news() == []


class TestIpywidgets8(Widgets):
    version = "8"


class TestIpywidgets7(Widgets):
    version = "7.7.1"


def stopped_at(sheet, count, unlike=None):
    """The step at which training said it stopped, and saved."""
    said = sheet.page.locator("text=/Stopped at step [\\d,]+ of 60,000; saved/").first

    def told():
        return int(re.search(r"step ([\d,]+)", said.inner_text())[1].replace(",", ""))

    _wait(lambda: said.count() and told() != unlike, "it did not stop", timeout=30)
    _wait(lambda: sheet.lab.idle(sheet.notebook), "the kernel is busy")
    step = told()
    assert Run.open(sheet.lab.work / "runs" / "live").checkpoints[-1] == step
    return step
