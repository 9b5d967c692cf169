"""Right answers, kept for later notebooks."""

import linecache

import pytest
import torch

import facegan as fg
from facegan.course import exercise, kept, notebook, solutions


@pytest.fixture(autouse=True)
def _new_session(monkeypatch, tmp_path):
    monkeypatch.setattr(exercise, "_results", {})
    monkeypatch.setattr(kept, "folder", tmp_path / "answers")
    monkeypatch.setattr(kept, "given", {})


def run_cell(source, number=1, **defined):
    """Define what a notebook cell defines, with its source where IPython keeps it."""
    file = f"/nowhere/ipykernel/{number}.py"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace = {"fg": fg} | defined
    exec(compile(source, file, "exec"), namespace)
    return namespace


RIGHT = """HALF = 127.5

@fg.exercise("scale")
def scale(images):
    return images / HALF - 1
"""


def restart():
    kept.given.clear()
    exercise._results.clear()


def test_a_right_answer_is_used_in_a_later_session(capsys):
    run_cell(RIGHT)
    restart()
    capsys.readouterr()
    loaded = notebook.answer("scale")
    assert loaded is kept.given["scale"]
    assert loaded is not solutions.scale
    assert capsys.readouterr().out == "scale: yours, from notebook 1.\n"


def test_a_wrong_answer_is_not_kept(capsys):
    run_cell(RIGHT.replace("- 1", "- 2"))
    assert kept.names() == set()
    assert notebook.answer("scale") is solutions.scale
    assert "Solve the exercise in notebook 1" in capsys.readouterr().out


def test_an_answer_that_became_wrong_in_this_session_is_not_used():
    run_cell(RIGHT)
    run_cell(RIGHT.replace("- 1", "- 2"), 2)
    assert "scale" not in kept.given


def test_an_answer_is_loaded_again_and_again():
    """Reading it changes nothing: constants and classes of its cell stay in the file."""
    run_cell(RIGHT)
    written = (kept.folder / "scale.py").read_text()
    for _ in range(2):
        restart()
        assert notebook.answer("scale") is not solutions.scale
    assert (kept.folder / "scale.py").read_text() == written


OTHER = """import math as m

class Line:
    slope = 2 / 255

    def __call__(self, x):
        return x * self.slope - m.cos(0) * ONE
"""


def test_what_an_answer_needs_from_other_cells_is_kept_with_it(capsys):
    other = run_cell(OTHER, 2, ONE=1)
    cell = '@fg.exercise("scale")\ndef scale(images):\n    return Line()(images.float())\n'
    run_cell(cell, 3, **{name: other[name] for name in ("Line", "m", "ONE")})
    restart()
    capsys.readouterr()
    assert notebook.answer("scale") is not solutions.scale
    assert capsys.readouterr().out == "scale: yours, from notebook 1.\n"


def test_what_every_answer_finds_is_not_written_with_it():
    cell = RIGHT.replace("images / HALF", "torch.div(images, HALF)")
    run_cell(cell, torch=torch)
    assert (kept.folder / "scale.py").read_text() == cell


def test_an_answer_that_no_longer_works_says_so(capsys):
    run_cell(RIGHT)
    file = kept.folder / "scale.py"
    file.write_text(file.read_text().replace("HALF = 127.5\n", ""))
    restart()
    assert notebook.answer("scale") is solutions.scale
    assert "HALF is not defined" in capsys.readouterr().out


def test_progress_in_another_notebook_counts_its_own_exercises():
    run_cell(RIGHT)
    restart()
    notebook.answer("scale")
    fg.exercise("slerp")(solutions.slerp)
    assert fg.progress().total.startswith("1 of 3 done in notebook 4")


def test_an_answer_finds_functions_of_other_exercises():
    run_cell(RIGHT.replace("HALF - 1", "HALF - 1 * (unscale is not None)"), unscale=solutions.unscale)
    restart()
    assert notebook.answer("scale") is not solutions.scale


def test_authors_tells_whose_functions_are_used(capsys):
    run_cell(RIGHT)
    capsys.readouterr()
    notebook.authors("scale", "unscale")
    said = capsys.readouterr().out
    assert said.startswith("Yours: scale.")
    assert said.endswith("not right yet: unscale.\n")


def test_progress_counts_answers_of_earlier_notebooks_and_shows_this_one_first():
    run_cell(RIGHT)
    restart()
    fg.exercise("slerp")(solutions.slerp)
    shown = fg.progress()
    assert shown.rows[0][0] == 4
    assert shown.total.startswith("1 of 3 done in notebook 4; 2 of 27")


def test_without_a_folder_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "folder", None)
    run_cell(RIGHT)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def run(tmp_path):
    """A folder in which a run of the library's answers began."""
    folder = notebook.run_folder(tmp_path / "first", "scale")
    (folder / "checkpoints").mkdir(parents=True)
    return folder


def test_a_run_of_other_answers_is_moved_aside(run, capsys):
    run_cell(RIGHT)
    capsys.readouterr()
    assert notebook.run_folder(run, "scale") == run
    assert not run.exists()
    assert (run.with_name("first-1") / "checkpoints").is_dir()
    assert "had another scale; it is now in " in capsys.readouterr().out


def test_a_run_of_other_faces_is_moved_aside(run):
    notebook.run_folder(run, "scale", faces="drawn")
    (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    notebook.run_folder(run, "scale", faces="celeba")
    assert not run.exists()


def test_a_run_of_the_same_answers_stays(run):
    for number, source in enumerate((RIGHT, RIGHT.replace("HALF - 1", "HALF - 1  # a comment"))):
        run_cell(source, number)
        notebook.run_folder(run, "scale")
        (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    assert (run / "checkpoints").is_dir()
    assert not run.with_name("first-2").exists()
