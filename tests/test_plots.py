import base64
import io
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from facegan import plots
from facegan.errors import ConfigError
from facegan.images import make_grid
from facegan.models import feature_maps
from facegan.plots import plot_curves, plot_features, show_images, smoothed_at

HISTORY = {
    "loss_d": [1.4, 1.2, 1.0],
    "loss_g": [0.7, 0.9, 1.1],
    "d_real": [0.5, 0.6, 0.7],
    "d_fake": [0.5, 0.4, 0.3],
}


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB"))


def test_a_marker_stands_at_its_step_in_both_curves():
    history = {name: [0.5, 0.6, 0.4, 0.5] for name in ("loss_d", "loss_g", "d_real", "d_fake")}
    curves = plots.MarkedCurves(history)
    first, last = curves.at(1), curves.at(4)
    assert first.dtype == torch.uint8
    columns = [
        (first != last).any(0)[rows].any(0).nonzero().flatten() for rows in (slice(0, 280), slice(280, None))
    ]
    for changed in columns:
        assert 2 <= len(changed) <= 6, "two thin lines differ, nothing else"
    assert columns[0].tolist() == columns[1].tolist()
    middle = (first != curves.at(2)).any(0).any(0).nonzero().max()
    assert columns[0].min() < middle < columns[0].max()


def test_curves_draw_every_series_with_axes_that_are_named():
    figure = plot_curves(HISTORY)
    left, right = figure.axes
    steps, losses = left.lines[0].get_data()
    assert (steps.tolist(), losses.tolist()) == ([1, 2, 3], HISTORY["loss_d"])
    assert [t.get_text() for t in right.get_legend().get_texts()] == [
        "D(x), real",
        "D(G(z)), fake",
    ]
    assert all(ax.get_xlabel() and ax.get_ylabel() and ax.get_title(loc="left") for ax in figure.axes)
    assert pixels(figure).std() > 5


def test_the_bold_line_is_a_running_mean():
    values = np.r_[np.zeros(100), np.ones(100)].tolist()
    figure = plot_curves(dict.fromkeys(HISTORY, values))
    bold = figure.axes[0].lines[1].get_ydata()
    np.testing.assert_allclose(bold[[0, 99, 101, 103, 150]], [0, 0, 0.5, 1, 1])


def test_one_spike_does_not_flatten_the_curve():
    values = [1.0] * 999 + [1000.0]
    figure = plot_curves(dict.fromkeys(HISTORY, values))
    assert figure.axes[0].get_ylim()[1] < 10


def test_negative_losses_stay_in_view():
    figure = plot_curves({name: np.linspace(-20, -10, 50).tolist() for name in HISTORY})
    low, high = figure.axes[0].get_ylim()
    assert low < -20 < -10 < high


def test_curves_go_where_they_are_told():
    from matplotlib.figure import Figure

    figure = Figure()
    assert plot_curves(HISTORY, ax=figure.subplots(2)) is None
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Losses", "Discriminator output"]


def test_an_empty_history_is_refused():
    with pytest.raises(ConfigError, match="train for at least one step"):
        plot_curves({"loss_d": []})


def test_images_show_in_a_notebook_without_pyplot():
    figure = show_images(torch.zeros(4, 3, 16, 16))
    assert figure._repr_png_()[:4] == b"\x89PNG"
    assert figure.axes[0].images[0].get_array().shape == (38, 38, 3)


def test_features_have_a_row_a_layer(gan):
    maps = feature_maps(gan.generator, torch.randn(1, 8))
    figure = plot_features(maps, maps=4)
    assert len(figure.axes) == 4 * len(maps)
    assert figure.axes[0].get_title(loc="left") == "ConvTranspose2d, 16 x 4 x 4"
    strongest = maps[0][1][0].flatten(1).std(1).max()
    assert figure.axes[0].images[0].get_array().std() == pytest.approx(strongest.item(), rel=0.1)
    with pytest.raises(ConfigError, match="no feature maps"):
        plot_features([("Conv2d", torch.zeros(1, 1, 1, 1))])


def shown_in_a_notebook(figure):
    """What IPython sends of a figure: data and metadata."""
    from IPython.core.formatters import DisplayFormatter

    return DisplayFormatter(active_types=["text/plain", "image/png"]).format(figure)


def test_a_grid_of_faces_has_an_alternative_text(faces):
    data, metadata = shown_in_a_notebook(show_images(faces[:16]))
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == "A grid of 16 images"
    data, metadata = shown_in_a_notebook(show_images(faces[:1], alt="Nobody, smiling"))
    assert metadata["image/png"]["alt"] == "Nobody, smiling"


def test_a_scale_makes_each_pixel_a_square(faces):
    figure = show_images(faces[:4], columns=2, scale=3)
    drawn = figure.axes[0].images[0].get_array()
    enlarged = faces[:4].repeat_interleave(3, 2).repeat_interleave(3, 3)
    np.testing.assert_array_equal(drawn, make_grid(enlarged, columns=2).permute(1, 2, 0))


@pytest.mark.parametrize("scale", [0, 1.5, True, "3"])
def test_a_scale_is_a_whole_number(faces, scale):
    with pytest.raises(ConfigError, match=r"scale is .*expected a whole number of 1 or more"):
        show_images(faces[:4], scale=scale)


def test_numbers_of_a_step_are_those_of_the_bold_curve():
    values = np.linspace(0, 1, 200).tolist()
    history = {"step": list(range(1, 201)), **dict.fromkeys(("loss_d", "loss_g", "d_real", "d_fake"), values)}
    bold = plot_curves(history).axes[1].lines[1].get_ydata()
    assert smoothed_at(history, 120)["d_real"] == pytest.approx(bold[119])
    assert smoothed_at(history)["loss_g"] == pytest.approx(bold[-1])
    assert smoothed_at(history, 0) == smoothed_at({name: [] for name in history}) == {}


def test_numbers_of_a_step_without_a_row_are_those_before_it():
    names = ("loss_d", "loss_g", "d_real", "d_fake")
    history = {"step": [1, 3, 5], **{name: [0.1, 0.2, 0.3] for name in names}}
    assert [smoothed_at(history, step)["d_real"] for step in (1, 4, 9)] == pytest.approx([0.1, 0.2, 0.3])


def test_rows_are_labeled_on_their_left(faces):
    figure = show_images(faces[:6], columns=3, rows=["real", "fake"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["real", "fake"]
    assert shown_in_a_notebook(figure)[1]["image/png"]["alt"].endswith("rows: real, fake")
    assert show_images(faces[:6], columns=3).get_figwidth() < figure.get_figwidth()


@pytest.mark.parametrize("rows", [["real"], ["a", "b", "c"]])
def test_each_row_needs_a_label(faces, rows):
    with pytest.raises(ConfigError, match="labels for 2 rows"):
        show_images(faces[:6], columns=3, rows=rows)


def test_values_that_are_not_finite_are_gaps():
    history = {name: [1.0, float("inf"), float("nan"), 2.0] for name in ("loss_d", "loss_g")}
    figure = plot_curves(history | {"d_real": [0.5] * 4, "d_fake": [float("nan")] * 4})
    low, high = figure.axes[0].get_ylim()
    assert 0 < low < 1 < 2 < high < 3


def test_an_unknown_backend_in_the_environment_is_named(monkeypatch):
    for name in [
        name for name in sys.modules if name.partition(".")[0] == "matplotlib" or name == "facegan.figures"
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    with pytest.raises(ConfigError, match=r"MPLBACKEND is 'nonsense'.*unset MPLBACKEND"):
        show_images(torch.zeros(1, 3, 16, 16))
