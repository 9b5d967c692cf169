"""Completed notebooks: every reference solution passes in the cell that asks for it."""

import re
from pathlib import Path

import jupytext
import nbformat
import pytest

import facegan as fg
from facegan.course import copies, exercise, solved
from facegan.course.catalog import exercises
from facegan.errors import ConfigError

SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "src").glob("*.py"))


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])


def sources(book):
    return [cell.source for cell in book.cells if cell.cell_type == "code"]


def asks(source):
    return "@fg.exercise(" in source


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_solution_in_its_own_cell_is_right(path, monkeypatch):
    """Exercises find what the notebook imports above them, and each other's functions, but nothing else."""
    monkeypatch.setattr(exercise, "_results", {})
    names = {"fg": fg}
    for source in sources(solved.filled(jupytext.read(path, fmt="py:percent"))):
        imports = re.findall(r"(?m)^(?:import|from) .*", source)
        exec(source if asks(source) else "\n".join(imports), names)
    expected = {name for name, found in exercises().items() if found.notebook == int(path.stem[:2])}
    assert {name: result.status for name, result in exercise._results.items()} == dict.fromkeys(
        expected, "right"
    )


EMPTY = '''@fg.exercise("unscale")
def unscale(images):
    """Back."""
    ...  # your code
'''


def test_decorator_signature_and_docstring_stay():
    (cell,) = sources(solved.filled(notebook("import torch\n" + EMPTY)))
    assert EMPTY.replace("    ...  # your code\n", "    return ") in cell
    assert "your code" not in cell


def test_an_import_is_added_only_where_no_cell_above_has_it():
    assert sources(solved.filled(notebook(EMPTY)))[0].startswith("import torch\n")
    assert sources(solved.filled(notebook("import torch", EMPTY)))[1].startswith("@fg")


def test_the_given_notebook_and_other_cells_stay():
    given = notebook("%pip list", "def scale(x):\n    return 1", EMPTY)
    before = sources(given)
    assert sources(solved.filled(given))[:2] == before[:2]
    assert sources(given) == before


def test_a_cell_with_a_syntax_error_stays():
    broken = EMPTY.replace("(images)", "(images")
    assert sources(solved.filled(notebook(broken))) == [broken]


def test_outputs_are_dropped():
    given = notebook(EMPTY)
    given.cells[0].outputs = [nbformat.v4.new_output("stream", text="x")]
    assert solved.filled(given).cells[0].outputs == []


def test_notebooks_and_model_answers_are_written(tmp_path):
    written = solved.write(tmp_path / "a" / "solutions")
    assert [path.name for path in written] == [*(path.name for path in copies.notebooks()), "written.md"]
    cells = sources(nbformat.read(written[0], as_version=4))
    assert any("return images.float() / 127.5 - 1" in cell for cell in cells)
    assert "**Model answer.**" in written[-1].read_text(encoding="utf-8")


def test_a_file_that_is_there_is_never_overwritten(tmp_path):
    (tmp_path / "written.md").write_text("mine")
    assert tmp_path / "written.md" not in solved.write(tmp_path)
    assert (tmp_path / "written.md").read_text() == "mine"
    assert solved.write(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "solutions").touch()
    with pytest.raises(ConfigError, match="is a file"):
        solved.write(tmp_path / "solutions")
