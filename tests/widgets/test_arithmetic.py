"""Every control of `arithmetic`."""

import io

import pytest
import torch
from helpers.panels import changes, pixels
from PIL import Image

from facegan import explore as lab
from facegan import widgets
from facegan.images import to_uint8


def test_arithmetic_picks_into_groups_clears_and_undoes(generator):
    arithmetic = widgets.arithmetic(generator, n=12)
    start = pixels(arithmetic, 1)
    changes(arithmetic, arithmetic.faces.buttons[10].click, 1)
    assert arithmetic.state.groups[0] == (0, 1, 2, 10)
    arithmetic.group.value = 1
    arithmetic.faces.buttons[10].click()
    assert arithmetic.state.groups[:2] == ((0, 1, 2), (3, 4, 5, 10))
    assert arithmetic.faces.buttons[10].tooltip == "Remove face 11 from B"
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


def test_it_opens_with_groups_of_light_and_dark_backgrounds():
    arithmetic = widgets.arithmetic("synthetic")
    assert arithmetic.state.groups == ((0, 1, 2), (3, 4, 5), (6, 7, 8))
    _, images = arithmetic._faces(0)
    sides = torch.cat([images[:, :, :32, :6], images[:, :, :32, -6:]], 3).mean((1, 2, 3))
    assert sides[:3].min() > sides[6:9].max() >= sides[6:9].min() >= sides[3:6].max()
    assert arithmetic.sentence.startswith(
        "A's faces have a light background, and B's and C's have a dark one. Mean of A"
    )
    arithmetic.faces.buttons[8].click()
    arithmetic.wait()
    assert "share" not in arithmetic.sentence


def test_faces_whose_backgrounds_hardly_differ_are_not_said_to_share_one(generator):
    assert "share" not in widgets.arithmetic(generator, n=9).sentence


def test_the_result_is_the_largest_picture(generator):
    arithmetic = widgets.arithmetic(generator, n=12)
    grid, result, _ = arithmetic.pictures
    assert result.shape[1] * result.shape[2] >= grid.shape[1] * grid.shape[2]
    z, _ = arithmetic._faces(0)
    exact = z[:3].mean(0) - z[3:6].mean(0) + z[6:9].mean(0)
    shown = torch.nn.functional.interpolate(result[None].float(), size=(16, 16), mode="area")[0]
    assert (shown - to_uint8(generator.generate(exact[None]))[0].float()).abs().mean() < 8
