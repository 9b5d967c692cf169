"""How long widgets take from event to new pixels: `python tests/latency.py [RUN]`, with both ipywidgets.

RUN is a run folder; without it an untrained generator at width 64 draws, which takes as long. In the kernel:
from the call of a control to the new picture in the image widget. In the browser: from the event to the
frame after the new picture has loaded.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from helpers.lab_server import CHROMIUM, FLAGS, OLD_WIDGETS, _wait, lab_server
from playwright.sync_api import sync_playwright

ROUNDS = 15
ROOT = Path(__file__).parents[2]
IN_PAGE = """([act, rounds]) => (async () => {
  const box = document.querySelector('.facegan'), img = box.querySelector('img'), times = [];
  const press = () => box.querySelector('button[title^="Redraw the faces"]').click();
  const handle = box.querySelectorAll('.noUi-handle, .ui-slider-handle')[1];
  const slide = () => { handle.focus(); handle.dispatchEvent(new KeyboardEvent('keydown',
    {key: 'ArrowRight', keyCode: 39, which: 39, bubbles: true})); };
  for (let k = 0; k < rounds; k++) {
    const start = performance.now();
    const frame = r => img.addEventListener('load', () => requestAnimationFrame(r), {once: true});
    const shown = new Promise(frame);
    (act === 'resample' ? press : slide)();
    await shown; times.push(performance.now() - start);
    await new Promise(r => setTimeout(r, 300));
  }
  return times; })()"""


def in_kernel(run):
    """Times of a control's call to its picture, in ms, in this process."""
    import facegan as fg

    explore = fg.widgets.explore(run or fg.Generator())
    acts = {"resample": explore.resample.click, "slider": lambda: explore.directions[0].set_trait(
        "value", (explore.directions[0].value + 0.3) % 4)}  # fmt: skip
    return {name: [timed(act, explore.wait) for _ in range(ROUNDS)] for name, act in acts.items()}


def timed(act, wait):
    start = time.perf_counter()
    act()
    wait()
    return (time.perf_counter() - start) * 1e3


def in_browser(run, old):
    """Times of an event to the frame with its picture, in ms, in Chromium."""
    source = f"import facegan as fg\nfg.widgets.explore({run!r} or fg.Generator())"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": kernel}, cells=[nbformat.v4.new_code_cell(source)]
    )
    with tempfile.TemporaryDirectory() as root, lab_server(Path(root) / "lab", old_widgets=old) as lab:
        nbformat.write(notebook, lab.work / "latency.ipynb")
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
            lab.open(page, "latency.ipynb")
            lab.run_all(page)
            page.locator(".facegan img").first.wait_for(timeout=120_000)
            _wait(lambda: lab.idle("latency.ipynb"), "the cell did not end")
            return {act: page.evaluate(IN_PAGE, [act, ROUNDS]) for act in ("resample", "slider")}


def main():
    run = str(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else None
    if "LATENCY_CHILD" in os.environ:
        table("kernel", in_kernel(run))
        return
    for old, name in ((False, "8"), (True, "7.7.1")):
        print(f"ipywidgets {name}, 16 faces of 64 px, ms: best (median) of {ROUNDS}")
        paths = [str(ROOT), *([str(OLD_WIDGETS)] if old else [])]
        env = {**os.environ, "LATENCY_CHILD": "1", "PYTHONPATH": os.pathsep.join(paths)}
        subprocess.run([sys.executable, *sys.argv], env=env, check=True)
        table("browser", in_browser(run, old))


def table(place, times):
    for act, ms in times.items():
        print(f"  {place:8} {act:9} {min(ms):5.0f} ({statistics.median(ms):.0f})", flush=True)


if __name__ == "__main__":
    main()
