"""Every control of `explore`."""

import torch
from helpers.panels import changes, pixels, same_picture

from facegan import explore as lab
from facegan import fit, widgets


def test_every_control_of_explore_changes_pixels_and_is_undone(generator):
    explore = widgets.explore(generator, n=6, seed=4)
    start = pixels(explore)
    assert same_picture(start, lab.Exploration.start(generator, n=6, seed=4).picture())
    acts = [
        explore.resample.click,
        explore.faces.buttons[2].click,
        lambda: setattr(explore.seed, "value", 77),
        lambda: setattr(explore.truncation, "value", 0.5),
        *(lambda s=s: setattr(s, "value", 2.0) for s in explore.directions),
        explore.center.click,
    ]
    for act in acts:
        changes(explore, act)
    assert explore.seed.value == 77
    for _ in acts:
        explore.undo_button.click()
    assert pixels(explore) == start
    assert explore.undo_button.disabled
    assert (explore.seed.value, explore.truncation.value) == (4, 3.0)


def test_steps_of_one_drag_are_undone_together(generator):
    explore = widgets.explore(generator, n=6)
    for amount in (0.1, 0.2, 0.3):
        explore.directions[0].value = amount
    explore.directions[1].value = 0.5
    explore.undo_button.click()
    assert explore.state.now.amounts[:2] == (0.3, 0.0)
    explore.undo_button.click()
    assert explore.state.now.amounts[0] == 0.0
    assert explore.directions[0].value == 0.0


def test_a_slider_in_motion_is_not_moved_by_the_rounding_of_its_value(generator):
    explore = widgets.explore(generator, n=6)
    explore.directions[0].set_state({"value": 0.1 + 0.2})  # as the browser sends it
    assert explore.state.now.amounts[0] == 0.3
    assert explore.directions[0].value == 0.1 + 0.2  # another value would be sent back


def test_buttons_say_which_face_is_kept_and_what_they_do(generator):
    explore = widgets.explore(generator, n=6)
    assert explore.faces.buttons[2].tooltip == "Keep face 3"
    explore.faces.buttons[2].click()
    assert explore.faces.buttons[2].tooltip == "Release face 3"
    assert "kept" in explore.faces.buttons[2].description
    explore.wait()
    assert "kept: 3" in explore.status.value


def test_code_of_what_is_shown_can_be_opened_and_closed(generator):
    explore = widgets.explore(generator, n=6)
    explore.resample.click()
    explore.show_code.click()
    assert explore.code.layout.display is None
    assert "seed=1" in explore.code.value
    explore.show_code.click()
    assert explore.code.layout.display == "none"


def test_faces_that_are_kept_stay_while_their_generator_is_trained(gan, faces):
    explore = widgets.explore(gan, n=4)
    before = explore.state.picture()
    fit(gan, faces, steps=2)
    assert torch.equal(explore.state.picture(), before)


def controls_of(widget):
    """Everything that a box holds, in Tab's order."""
    for child in getattr(widget, "children", ()):
        yield child
        yield from controls_of(child)


def test_resample_comes_before_the_faces(generator):
    explore = widgets.explore(generator, n=6)
    buttons = [control for control in controls_of(explore.box) if hasattr(control, "on_click")]
    assert buttons[0] is explore.resample


def test_pictures_and_sliders_follow_their_names(generator):
    explore = widgets.explore(generator, n=6)
    found = list(controls_of(explore.box))
    named = {explore.directions[1]: "direction 2", explore.images[0]: "Faces", explore.truncation: "Truncate"}
    for control, name in named.items():
        before = found[found.index(control) - 1]
        assert "fg-spoken" in before._dom_classes
        assert name in before.value
