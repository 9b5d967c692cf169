"""The widget that trains a GAN of points whenever a control changes."""

import threading

import pytest

from facegan import plane, widgets
from facegan.errors import ConfigError, DataError

SMALL = plane.CONFIG.replace(width=8, batch_size=16)


@pytest.fixture
def panel():
    return widgets.plane(SMALL, steps=4, every=2)


def shown(panel):
    """What the frame holds, once the newest training has ended."""
    panel.wait()
    return panel.frame.value


def test_it_plays_the_first_training_at_once(panel):
    assert shown(panel) == plane.play(plane.record(SMALL, "ring", steps=4, every=2)).framed()
    assert "ring" in panel.sentence


@pytest.mark.parametrize(
    ("control", "value", "changes"),
    [
        ("lr_d", 5e-3, {"lr_d": 5e-3}),
        ("lr_g", 1e-4, {"lr_g": 1e-4}),
        ("n_critic", 3, {"n_critic": 3}),
        ("r1", 1.0, {"r1": 1.0}),
        ("instance_noise", 0.5, {"instance_noise": 0.5}),
    ],
)
@pytest.mark.slow
def test_every_slider_trains_again_with_its_setting(panel, control, value, changes):
    panel.sliders[control].value = value
    panel.wait()
    wanted = plane.record(SMALL.replace(**changes), "ring", steps=4, every=2)
    assert shown(panel) == plane.play(wanted).framed()


def test_loss_data_and_seed_train_again(panel):
    panel.loss.value = "wasserstein"
    panel.data.value = "moons"
    panel.seed.value = 5
    panel.wait()
    wanted = plane.record(SMALL.replace(loss="wasserstein"), "moons", steps=4, every=2, seed=5)
    assert shown(panel) == plane.play(wanted).framed()


def test_undo_goes_back(panel):
    first = shown(panel)
    panel.sliders["r1"].value = 10.0
    assert shown(panel) != first
    panel.undo_button.click()
    assert shown(panel) == first
    assert panel.sliders["r1"].value == 0.0


def test_a_setting_between_the_sliders_values_is_offered():
    panel = widgets.plane(SMALL.replace(lr_d=3e-4), steps=2, every=1)
    assert panel.sliders["lr_d"].value == 3e-4
    assert [value for _, value in panel.sliders["lr_d"].options] == sorted(
        value for _, value in panel.sliders["lr_d"].options
    )


def test_own_points_and_own_losses_can_be_played():
    panel = widgets.plane(SMALL, [[0, 0], [1, 1], [2, 0]] * 10, steps=2, every=1)
    assert panel.data.value == "your points"
    assert "your points" in panel.sentence
    panel.data.value = "line"
    assert "line" in shown(panel)


def test_a_newer_change_ends_the_training_in_progress(panel, monkeypatch):
    told, begun = [], threading.Event()

    def say(text):
        told.append(text)
        if "step 200 of" in text:
            begun.set()

    monkeypatch.setattr(panel, "say", say)
    panel._steps, panel._every = 20_000, 100
    panel.sliders["r1"].value = 1.0
    assert begun.wait(60)
    panel._steps, panel._every = 4, 2
    panel.sliders["r1"].value = 3.0
    assert "r1 3" in shown(panel)
    assert not any("step 20,000 of" in text for text in told)


def test_a_training_that_diverges_is_told_and_the_next_one_works():
    with pytest.warns(UserWarning, match="diverged"):
        panel = widgets.plane(SMALL.replace(lr_d=1e30), steps=20, every=2)
    assert "not finite" in panel.sentence
    panel.sliders["lr_d"].value = 1e-3
    panel.wait()
    assert "not finite" not in panel.sentence


def test_a_saved_notebook_has_the_last_frame(panel):
    data, metadata = panel._repr_mimebundle_()
    assert data["image/png"].startswith("iVBOR")
    assert "ring" in metadata["image/png"]["alt"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"data": "circle"}, ConfigError), ({"data": [[1, 1], [1, 1]]}, DataError), ({"steps": 0}, ConfigError)],
)
def test_wrong_arguments_are_refused_before_training(arguments, error):
    with pytest.raises(error):
        widgets.plane(**arguments)
