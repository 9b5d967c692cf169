import nbformat
import pytest
import torch
from nbclient import NotebookClient

from facegan import show_images
from facegan.errors import ConfigError

SETUP = """
import matplotlib.pyplot as plt, torch, facegan as fg
x = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
h = dict.fromkeys(("loss_d", "loss_g", "d_real", "d_fake"), [0.5, 0.6])
"""
CELLS = {
    "fg.show_images(x)": 1,
    "for i in range(3):\n    fg.show_images(x[i : i + 1])": 3,
    "fg.show_images(x)\nfg.plot_curves(h)": 2,
    "fg.show_images(x).show()": 1,
    "figure = fg.show_images(x)": 1,
    "fg.plot_curves(h).savefig('curves.png')": 0,
    "figure, ax = plt.subplots()\nfg.show_images(x, ax=ax)": 1,
    "figure, ax = plt.subplots(1, 2)\nfg.plot_curves(h, ax=ax)": 1,
    "display(fg.show_images(x))": 1,
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *CELLS)])
    place = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    NotebookClient(book, timeout=120, kernel_name="python3", resources=place).execute()
    return {cell.source: cell.outputs for cell in book.cells}


@pytest.mark.slow
@pytest.mark.parametrize("source", CELLS)
def test_a_notebook_shows_each_figure_once(cells, source):
    pictures = [output for output in cells[source] if "image/png" in output.get("data", {})]
    assert len(pictures) == CELLS[source]


@pytest.mark.slow
def test_a_figure_shown_at_the_end_keeps_its_alternative_text(cells):
    shown = cells["fg.show_images(x)\nfg.plot_curves(h)"]
    assert {output.metadata["image/png"]["alt"] for output in shown} == {
        "A grid of 4 images",
        "Curves of the losses, D(x) and D(G(z)) over the steps",
    }


def test_show_outside_of_a_notebook_says_how_to_save():
    with pytest.raises(ConfigError, match="savefig"):
        show_images(torch.zeros(1, 3, 8, 8)).show()
