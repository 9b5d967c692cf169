"""The decorator around exercises, hints, reveal and progress."""

import time

import pytest
import torch

import facegan as fg
from facegan.course import exercise as exercises
from facegan.course import kept, record, solutions
from facegan.course.catalog import exercises as catalog
from facegan.course.catalog import find
from facegan.course.exercise import run_check
from facegan.errors import ConfigError

TABLE = catalog()


@pytest.fixture(autouse=True)
def _nothing_tried_yet(monkeypatch):
    monkeypatch.setattr(exercises, "_results", {})
    monkeypatch.setattr(exercises, "_hints_given", {})
    monkeypatch.setattr(kept, "folder", None)


def define(name, function):
    return fg.exercise(name)(function)


def test_a_right_solution_is_kept(capsys):
    def mine(images):
        return images / 127.5 - 1

    assert define("scale", mine) is mine
    assert capsys.readouterr().out == "✓ scale: right.\n"


def test_a_wrong_solution_is_replaced_by_the_reference_and_its_mistake_is_named(capsys):
    kept = define("scale", lambda images: images / 255)
    assert kept is solutions.scale
    said = capsys.readouterr().out
    assert said.startswith("✗ scale: its range is 0 to 1; the darkest pixel, 0, should become -1.")
    assert 'Continuing with the reference solution. Run fg.hint("scale") for a hint.' in said


def empty(images): ...


def documented(images):
    """What it should do."""


def passing(images):
    """What it should do."""
    pass


def not_implemented(images):
    raise NotImplementedError("your code")


def ellipsis_after_text(images):
    """What it should do."""
    ...  # your code


@pytest.mark.parametrize("stub", [empty, documented, passing, not_implemented, ellipsis_after_text])
def test_an_empty_function_is_not_called_wrong(stub, capsys):
    assert define("scale", stub) is solutions.scale
    assert capsys.readouterr().out.startswith("○ scale: not done yet: turn uint8 images")


def test_a_constant_is_no_empty_function(capsys):
    define("output_size", lambda size, kernel, stride, padding: 5)
    assert capsys.readouterr().out.startswith("✗ output_size: for size 1")


def endless(images):
    while True:
        pass


def endless_and_deaf(images):
    while True:
        try:
            images.float()
        except Exception:
            continue


@pytest.mark.parametrize("function", [endless, endless_and_deaf])
def test_a_loop_that_never_ends_is_ended(function, monkeypatch, capsys):
    monkeypatch.setattr(exercises, "TIME_LIMIT", 0.3)
    begin = time.monotonic()
    assert define("scale", function) is solutions.scale
    assert time.monotonic() - begin < 10
    assert "still running after" in capsys.readouterr().out


def test_an_exception_is_shown_with_its_line(capsys):
    def scale(images):
        return images.flaot() / 127.5 - 1

    define("scale", scale)
    said = capsys.readouterr().out
    assert "it raised AttributeError" in said
    assert "at `return images.flaot() / 127.5 - 1`" in said


@pytest.mark.parametrize("thing", [3, None, "text", [1], object(), int])
def test_anything_at_all_can_be_decorated(thing):
    assert callable(define("scale", thing))


def test_checking_leaves_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    define("generator", solutions.build_generator)
    assert torch.equal(torch.rand(3), expected)


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match="no exercise is called 'sclae'; choose one of scale, unscale"):
        fg.exercise("sclae")


@pytest.mark.parametrize("name", TABLE)
def test_hints_are_graded_and_end(name, capsys):
    for _ in range(4):
        fg.hint(name)
    said = capsys.readouterr().out
    assert f"Hint 1 of 3 for {name}: " in said
    assert said.count(f"Hint 3 of 3 for {name}: ") == 2
    assert f'fg.reveal("{name}")' in said


@pytest.mark.parametrize("name", TABLE)
def test_reveal_shows_what_the_notebook_continues_with(name, capsys):
    fg.reveal(name)
    shown = capsys.readouterr().out
    assert shown.startswith(f"# {TABLE[name].solution.__module__}.")
    assert f"\ndef {TABLE[name].solution.__name__}(" in shown


def test_reveal_shows_the_training_step_as_the_paper_has_it(capsys):
    fg.reveal("train_step")
    shown = capsys.readouterr().out
    assert "def train_step(generator, discriminator, optimizer_g, optimizer_d, real, z):" in shown
    assert shown.index("(1) Update D") < shown.index("optimizer_d.step()") < shown.index("(2) Update G")


def test_progress_counts_what_is_right():
    define("scale", solutions.scale)
    define("unscale", lambda x: x)
    define("center_crop", empty)
    shown = str(fg.progress())
    assert "✓ 01 scale " in shown
    assert "✗ 01 unscale " in shown
    assert "○ 01 center_crop " in shown
    assert f"1 of {len(TABLE)} done" in shown
    page = fg.progress()._repr_html_()
    assert "not right yet" in page
    assert page.count("<tr>") == len(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_what_reveal_shows_can_be_pasted_into_a_cell(name, capsys):
    fg.reveal(name)
    cell = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    exec("from facegan.course.solutions import *", cell)  # what earlier cells have defined
    exec(capsys.readouterr().out, cell)
    result = run_check(find(name), cell[find(name).solution.__name__])
    assert result.status == "right", result.feedback


def works_but(name):
    """An answer that works and ignores the text: the reference with a remark from the check."""
    from facegan.course.checks import tools

    return lambda *args: tools.remark(True, "it is slow.") or find(name).solution(*args)


def test_an_answer_that_ignores_the_text_is_right_but_and_is_kept(capsys):
    mine = works_but("scale")
    assert define("scale", mine) is mine
    assert capsys.readouterr().out == "✓ scale: right, but it is slow.\n"
    assert run_check(TABLE["scale"], mine).status == "right, but"
    assert f"1 of {len(TABLE)} done" in str(fg.progress())


def test_a_wrong_function_stays_callable(capsys):
    def mine(images):
        return images / 255

    assert define("scale", mine).yours is mine
    assert "Your function is scale.yours." in capsys.readouterr().out


def cell(source, name="__main__"):
    """The names after running a cell of a notebook."""
    names = {"fg": fg, "torch": torch, "__name__": name}
    exec(source, names)
    return names


@pytest.mark.parametrize("body", ["x.float() / 127.5 - 1", "x"])
def test_a_renamed_function_is_noticed_and_bound_to_its_name(body, capsys):
    names = cell(f'@fg.exercise("scale")\ndef to_floats(x):\n    return {body}')
    assert names["scale"] is names["to_floats"]
    assert "Your function is called to_floats. Later cells use the name scale" in capsys.readouterr().out


def test_a_function_without_decorator_is_noticed_by_the_progress(monkeypatch):
    import __main__

    def scale(images): ...

    scale.__module__ = "__main__"
    monkeypatch.setattr(__main__, "scale", scale, raising=False)
    assert 'not checked: put @fg.exercise("scale") above it' in str(fg.progress())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "folder", tmp_path / "answers")
    return tmp_path / "answers"


def test_progress_shows_what_earlier_notebooks_recorded(folder, monkeypatch):
    define("unscale", lambda x: x)
    define("scale", solutions.scale)
    monkeypatch.setattr(exercises, "_results", {})
    shown = str(fg.progress())
    assert "✗ 01 unscale" in shown
    assert "✓ 01 scale " in shown


def test_hints_and_reveals_are_recorded(folder):
    for _ in range(2):
        fg.hint("scale")
    fg.reveal("scale")
    assert (record.section("hints"), record.section("reveals")) == ({"scale": 2}, {"scale": 1})


def test_a_damaged_record_is_no_obstacle(folder):
    folder.mkdir()
    for text in ("{", "[]", '{"results": {"scale": 3}}'):
        (folder / "record.json").write_text(text)
        assert "0 of" in str(fg.progress())


def test_solutions_can_be_switched_off(monkeypatch, capsys):
    monkeypatch.setattr(exercises, "reveals", False)
    with pytest.raises(ConfigError, match="disabled solutions"):
        fg.reveal("scale")
    assert capsys.readouterr().out == ""


def test_start_switches_solutions_off(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kept, "folder", None)
    monkeypatch.setattr(exercises, "reveals", True)
    fg.notebook.start(reveal=False)
    assert not exercises.reveals
