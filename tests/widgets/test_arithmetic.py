"""Every control of `arithmetic`."""

import io

import pytest
from helpers.panels import changes, pixels
from PIL import Image

from facegan import explore as lab
from facegan import widgets


def test_arithmetic_picks_into_groups_clears_and_undoes(generator):
    arithmetic = widgets.arithmetic(generator, n=12)
    start = pixels(arithmetic, 1)
    changes(arithmetic, arithmetic.faces.buttons[10].click, 1)
    assert arithmetic.state.groups[0] == (0, 1, 2, 10)
    arithmetic.group.value = 1
    arithmetic.faces.buttons[10].click()
    assert arithmetic.state.groups[:2] == ((0, 1, 2), (3, 4, 5, 10))
    assert arithmetic.faces.buttons[10].tooltip == "Take face 11 out of B"
    changes(arithmetic, arithmetic.resample.click)
    changes(arithmetic, arithmetic.clear.click)
    assert "Pick at least one face" in arithmetic.sentence
    for _ in range(5):
        arithmetic.undo_button.click()
    assert pixels(arithmetic, 1) == start


@pytest.mark.parametrize("n", [3, 4, 7])
def test_buttons_lie_over_their_faces(generator, n):
    arithmetic = widgets.arithmetic(generator, n=n)
    columns = min(6, n)
    wide = Image.open(io.BytesIO(pixels(arithmetic))).width
    assert wide == columns * (16 + lab.PADDING) + lab.PADDING
    assert f"repeat({columns}," in arithmetic.faces.box.layout.grid_template_columns
    assert arithmetic.faces.buttons[n - 1].layout.grid_area == f"{(n - 1) // 6 + 1} / {(n - 1) % 6 + 1}"
