"""The exercises' checks: right variants pass, wrong ones are told why; and the decorator around them."""

import re
import time

import pytest
import torch
from helpers.exercise_variants import RIGHT, WRONG

import facegan as fg
from facegan.course import exercise as exercises
from facegan.errors import ConfigError

TABLE = exercises.exercises()
RIGHT_CASES = [(name, index) for name, variants in RIGHT.items() for index in range(len(variants))]
WRONG_CASES = [(name, index) for name, variants in WRONG.items() for index in range(len(variants))]


@pytest.fixture(autouse=True)
def _nothing_tried_yet(monkeypatch):
    monkeypatch.setattr(exercises, "_results", {})
    monkeypatch.setattr(exercises, "_hints_given", {})


def test_every_exercise_has_five_right_and_eight_wrong_variants():
    assert RIGHT.keys() == WRONG.keys() == TABLE.keys()
    assert min(map(len, RIGHT.values())) >= 5
    assert min(map(len, WRONG.values())) >= 8


@pytest.mark.parametrize(("name", "index"), RIGHT_CASES)
def test_right_solutions_pass(name, index):
    result = exercises.judge(TABLE[name], RIGHT[name][index])
    assert result.status == "right", result.feedback


@pytest.mark.parametrize(("name", "index"), WRONG_CASES)
def test_wrong_solutions_are_told_their_mistake(name, index):
    function, said = WRONG[name][index]
    result = exercises.judge(TABLE[name], function)
    assert result.status == "wrong", result
    assert re.search(said, result.feedback), result.feedback


@pytest.mark.parametrize("name", TABLE)
def test_the_reference_is_right(name):
    assert exercises.judge(TABLE[name], TABLE[name].reference).status == "right"


# ---- the decorator ----------------------------------------------------------------------------------


def define(name, function):
    return fg.exercise(name)(function)


def test_a_right_solution_is_kept(capsys):
    def mine(images):
        return images / 127.5 - 1

    assert define("scale", mine) is mine
    assert capsys.readouterr().out == "✓ scale: right.\n"


def test_a_wrong_solution_gives_way_to_the_library_and_its_mistake_is_named(capsys):
    kept = define("scale", lambda images: images / 255)
    assert kept is fg.images.to_float
    said = capsys.readouterr().out
    assert said.startswith("✗ scale: its range is 0 to 1; the darkest pixel, 0, should become -1.")
    assert 'The notebook goes on with the library\'s own scale. fg.hint("scale") helps.' in said


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
    assert define("scale", stub) is fg.images.to_float
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
    assert define("scale", function) is fg.images.to_float
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
    define("generator", fg.models.dcgan.build_generator)
    assert torch.equal(torch.rand(3), expected)


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match="no exercise is called 'sclae'; there are scale, unscale"):
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
def test_reveal_shows_library_source(name, capsys):
    fg.reveal(name)
    source = capsys.readouterr().out
    assert source.startswith("# facegan.")
    assert "def " in source


def test_progress_counts_what_is_right():
    define("scale", fg.images.to_float)
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


def test_feedback_never_holds_the_answer():
    """No line of any reference's code appears in what wrong solutions are told."""
    for name, index in WRONG_CASES:
        feedback = exercises.judge(TABLE[name], WRONG[name][index][0]).feedback
        assert "127.5" not in feedback
        assert "softplus(" not in feedback
        assert "ConvTranspose2d(" not in feedback
