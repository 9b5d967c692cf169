"""What all widgets share, on whichever ipywidgets is installed: 8, and 7.7.1 as in Colab."""

import base64
import io
import threading

import ipywidgets
import pytest
from helpers.panels import changes, same_picture
from PIL import Image

from facegan import widgets
from facegan.errors import CheckpointError, ConfigError
from facegan.widgets import panel
from facegan.widgets.panel import VIEW, Worker


def test_states_that_came_and_went_are_not_drawn(generator):
    explore = widgets.explore(generator, n=6)
    may_draw, drawn, draw = threading.Event(), [], explore.draw

    def slow(state):
        may_draw.wait()
        drawn.append(state)
        return draw(state)

    explore.draw = slow
    for step in range(1, 40):
        explore.directions[0].value = step / 10
    may_draw.set()
    explore.wait()
    assert len(drawn) <= 2
    assert same_picture(explore.images[0].value, explore.state.picture())


def test_a_worker_outlives_a_job_that_fails():
    worker, done = Worker(), []
    worker.ask(lambda: 1 / 0)
    worker.wait()
    worker.ask(lambda: done.append(1))
    worker.wait()
    assert done == [1]


@pytest.mark.parametrize("error", [ConfigError("a clear message"), RuntimeError("a clear message")])
def test_an_error_while_drawing_is_shown_and_the_next_action_works(generator, error):
    def fails(_):
        raise error

    explore = widgets.explore(generator, n=6)
    draw, explore.draw = explore.draw, fails
    explore.resample.click()
    explore.wait()
    assert "a clear message" in explore.status.value
    explore.draw = draw
    changes(explore, explore.resample.click)


def test_a_panel_shows_itself_as_a_widget_and_as_a_picture_with_alt_text(generator):
    explore = widgets.explore(generator, n=6, seed=4)
    data, metadata = explore._repr_mimebundle_()
    assert data[VIEW]["model_id"] == explore.box.model_id
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).format == "PNG"
    assert metadata["image/png"]["alt"].startswith("6 faces of seed 4")


def test_without_ipywidgets_there_is_a_picture_and_a_word(generator, run, monkeypatch, capsys):
    monkeypatch.setattr(panel, "ipw", None)
    made = [widgets.explore(generator), widgets.morph(generator), widgets.arithmetic(generator),
            widgets.timeline(run), widgets.compare(generator, generator)]  # fmt: skip
    for each in made:
        data, _ = each._repr_mimebundle_()
        assert "image/png" in data
        assert VIEW not in data
    assert capsys.readouterr().out.count("pip install ipywidgets") == len(made)


def test_outside_a_notebook_there_is_a_word_about_it(generator, capsys):
    widgets.explore(generator)
    assert "use the functions of facegan.explore" in capsys.readouterr().out


@pytest.mark.parametrize("widget", [widgets.explore, widgets.morph, widgets.arithmetic])
def test_what_is_no_generator_is_refused(widget, tmp_path):
    with pytest.raises(ConfigError, match="expected a generator"):
        widget(3)
    with pytest.raises(CheckpointError, match="is not a run folder"):
        widget(tmp_path)


def test_controls_are_core_ipywidgets_only(generator):
    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    kinds = {type(w) for w in walk(widgets.explore(generator, n=6).box)}
    assert all(kind.__module__.startswith("ipywidgets.") for kind in kinds)
    assert not {k for k in kinds if k is ipywidgets.Output}
