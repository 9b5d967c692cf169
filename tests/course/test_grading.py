"""Grading made-up submissions: perfect, empty, half, crashing, endless, and with moved cells."""

import csv
from pathlib import Path

import nbformat
import pytest

from facegan.course import grading
from facegan.course.exercise import MIME
from facegan.errors import DataError

SETUP = "import facegan as fg"
SCALE = """@fg.exercise("scale")
def scale(images):
    return images / 127.5 - 1"""
UNSCALE = """@fg.exercise("unscale")
def unscale(x):
    return ((x + 1) * 127.5).round().clamp(0, 255).byte()"""
CROP = """@fg.exercise("center_crop")
def crop(image, size):
    top, left = ((side - size) // 2 for side in image.shape[1:])
    return image[:, top:top + size, left:left + size]"""
SHEET = """@fg.exercise("contact_sheet")
def sheet(images, columns):
    return fg.images.make_grid(images, columns=columns, padding=0)"""
ALL = [SCALE, UNSCALE, CROP, SHEET]
EMPTY = [f"{source.splitlines()[0]}\n{source.splitlines()[1]}\n    ..." for source in ALL]
SUBMISSIONS = {
    "ada": [SETUP, *ALL],
    "bob": [SETUP, *EMPTY],
    "cleo": [SETUP, SCALE, UNSCALE.replace(".round()", ""), EMPTY[2], SHEET],
    "dan": [SETUP, SCALE, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", UNSCALE],
    "eve": [SETUP, SCALE, "while True:\n    pass", UNSCALE],
    "fay": [
        "# my notes",
        SHEET.replace("@fg", "import facegan as fg\n@fg"),
        "1 / 0",
        SETUP,
        CROP,
        UNSCALE,
        SCALE,
    ],
}


def submit(folder, name, cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    path = folder / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


@pytest.mark.slow
def test_six_submissions_give_six_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(grading.__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    for name, cells in SUBMISSIONS.items():
        submit(tmp_path / "handed_in", name, cells)
    grading.write_csv(grading.grade(Path("handed_in"), cell_limit=30), Path("grades.csv"))
    rows = {row["student"]: row for row in csv.DictReader(Path("grades.csv").read_text().splitlines())}
    assert {name: int(row["points"]) for name, row in rows.items()} == {
        "ada": 4, "bob": 0, "cleo": 2, "dan": 1, "eve": 2, "fay": 4,
    }  # fmt: skip
    assert {row["of"] for row in rows.values()} == {"4"}
    assert rows["bob"]["scale"] == "missing"
    assert rows["cleo"]["unscale"] == "wrong"
    assert "unscale: " in rows["cleo"]["feedback"]
    assert "levels do not come back" in rows["cleo"]["feedback"]
    assert rows["dan"]["unscale"] == "absent"
    assert "kernel died" in rows["dan"]["trouble"]
    assert "KeyboardInterrupt" in rows["eve"]["trouble"]
    assert "ZeroDivisionError" in rows["fay"]["trouble"]
    assert rows["ada"]["trouble"] == ""


@pytest.mark.slow
def test_a_notebook_that_takes_too_long_in_all_is_stopped_and_keeps_what_it_reached(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(grading.__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    deaf = "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass"
    submit(tmp_path / "in", "gus", [SETUP, SCALE, deaf])
    (gus,) = grading.grade(Path("in"), limit=40, cell_limit=300)
    assert gus.results["scale"][0] == "right"
    assert gus.trouble.startswith("stopped after 40 seconds")


def test_results_that_came_with_the_file_do_not_count(tmp_path):
    note = {MIME: {"name": "scale", "status": "right", "feedback": ""}}
    forged = nbformat.v4.new_output("display_data", note)
    end = nbformat.v4.new_code_cell("import os; os._exit(1)")  # so that the next cell is never reached
    cell = nbformat.v4.new_code_cell("1", outputs=[forged])
    nbformat.write(nbformat.v4.new_notebook(cells=[end, cell]), tmp_path / "in.ipynb")
    with pytest.raises(SystemExit, match="the kernel died"):
        grading.run_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", cell_limit=60)
    assert grading._read("x", tmp_path / "out.ipynb", "").results == {}


def test_a_file_that_is_no_notebook_gets_a_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "hal.ipynb").write_text("not json")
    (hal,) = grading.grade(Path("in"))
    assert (hal.results, hal.student) == ({}, "hal")
    assert hal.trouble


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no notebook \(\.ipynb\) in"):
        grading.grade(tmp_path)
