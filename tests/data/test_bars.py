"""Progress bars as notebooks show them: widgets in a kernel."""

import nbformat
import pytest
from nbclient import NotebookClient

SLOW = """
import time
from pathlib import Path
import numpy as np
import facegan as fg
from facegan.data import decode, https, load, synthetic

def slowly(work):
    def worked(*arguments):
        time.sleep(0.5)
        return work(*arguments)
    return worked
"""
DRAWING = """
fg.data.SYNTHETIC_COUNT, load._CHUNK = 15, 3
synthetic.render_faces = slowly(synthetic.render_faces)
faces = fg.load_faces("synthetic", 16)
"""
READING = """
Path("photos").mkdir()
for index in range(15):
    fg.save_images(np.full((1, 3, 16, 16), index, np.uint8), f"photos/{index}.png")
decode._CHUNK = 3
decode._next = slowly(decode._next)
faces = fg.load_faces("photos", 16)
"""
DOWNLOADING = """
https._write(map(slowly(bytes), [3] * 5), Path(".faces.zip-a-b.part"), offset=0, total=15)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "title"),
    [(DRAWING, "drawing faces"), (READING, "reading photos"), (DOWNLOADING, "downloading faces.zip")],
)
def test_a_bar_is_shown_and_fills(tmp_path, work, title):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SLOW + work)])
    resources = {"metadata": {"path": str(tmp_path)}}
    done = NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    (shown,) = [o.data for o in done.cells[0].outputs if o.output_type == "display_data"]
    models = done.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    box = models[shown["application/vnd.jupyter.widget-view+json"]["model_id"]]["state"]
    text, bar, _ = (models[child.removeprefix("IPY_MODEL_")]["state"] for child in box["children"])
    assert text["value"].replace("\u2007", " ").startswith(f"{title}: 100%")
    assert (bar["value"], bar["max"], bar["bar_style"]) == (15, 15, "success")
