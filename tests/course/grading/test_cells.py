"""Which cells are run to judge a notebook's exercises."""

import pytest

from facegan.course.grading.cells import code_cells, pieces, undecorated

SCALE = '@fg.exercise("scale")\ndef scale(images):\n    return shift(images / HALF)'


def before(*others):
    (piece,) = pieces([*others, SCALE])
    return piece.before


def test_imports_of_all_cells_come_first():
    assert before("x = 1\nimport math as m", "from torch import nn") == [
        "import math as m",
        "from torch import nn",
    ]


def test_only_what_an_exercise_needs_is_run():
    cells = [
        "def shift(x):\n    return x - ONE",
        "ONE = 1",
        "while True:\n    pass",
        "HALF = 127.5",
        "other = slow()",
    ]
    assert before(*cells) == ["def shift(x):\n    return x - ONE", "ONE = 1", "HALF = 127.5"]


def test_a_name_that_is_assigned_twice_keeps_both():
    assert before("HALF = 255", "HALF = HALF / 2") == ["HALF = 255", "HALF = HALF / 2"]


@pytest.mark.parametrize(
    "cell",
    [
        'import facegan\n@facegan.exercise("scale")\ndef scale(x): return x',
        'from facegan import exercise\n@exercise("scale")\ndef scale(x): return x',
        'scale = fg.exercise("scale")(lambda x: x)',
        '@fg.exercise("scale")\nclass scale: pass',
        "%%time\n@fg.exercise('scale')\ndef scale(x): return x",
        "!pip list\n@fg.exercise('scale')\ndef scale(x): return x",
    ],
)
def test_an_exercise_is_found_however_it_is_written(cell):
    (piece,) = pieces([cell])
    assert (piece.names, piece.error) == (["scale"], "")


def test_a_cell_that_does_not_parse_says_why_and_the_next_one_is_found():
    broken, right = pieces(['@fg.exercise("unscale")\ndef unscale(x):\n    return (x', SCALE])
    assert broken.names == ["unscale"]
    assert "SyntaxError" in broken.error
    assert right.names == ["scale"]


def test_a_name_that_is_no_exercise_is_no_piece():
    assert pieces(['fg.exercise("nothing")(f)', 'thing.exercise("press-ups")']) == []


def test_functions_without_decorator_are_listed():
    assert undecorated(["def scale(x): pass", SCALE, "not python ("]) == {"scale"}


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"cells": 3}'])
def test_what_is_no_notebook_is_refused(raw):
    with pytest.raises(ValueError, match=r"not a notebook|decode"):
        code_cells(raw)


def test_an_old_notebook_with_lists_of_lines_is_read():
    raw = b"""{"nbformat": 4, "nbformat_minor": 2, "metadata": {}, "cells": [
        {"cell_type": "code", "metadata": {}, "execution_count": null, "outputs": [], "source": ["a = 1\\n", "b"]}]}"""
    assert code_cells(raw) == ["a = 1\nb"]


def test_another_exercises_name_is_not_taken_from_a_plain_cell():
    cells = ["scale = 7", SCALE, '@fg.exercise("unscale")\ndef unscale(x):\n    return scale(x)']
    assert [piece.before for piece in pieces(cells)] == [[], []]


def test_local_variables_of_an_answer_need_nothing_from_other_cells():
    answer = '@fg.exercise("unscale")\ndef unscale(x):\n    count = 3\n    return [count * y for y in x]'
    (piece,) = pieces(["count = slow()", "y = slow()", answer])
    assert piece.before == []
