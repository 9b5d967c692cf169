"""Every control of every widget, on whichever ipywidgets is installed: 8, and 7.7.1 as in Colab."""

import base64
import io
import threading

import ipywidgets
import pytest
import torch
from PIL import Image

from facegan import Generator, fit
from facegan import explore as lab
from facegan.errors import CheckpointError, ConfigError
from facegan.images import png_bytes
from facegan.widgets import latent as widgets
from facegan.widgets import panel
from facegan.widgets.panel import VIEW, Worker


@pytest.fixture
def generator(config):
    return Generator(config).eval()


@pytest.fixture
def run(gan, faces, tmp_path):
    fit(gan, faces, steps=4, run_dir=tmp_path / "run", snapshot_every=2)
    return tmp_path / "run"


def pixels(panel, image=0):
    panel.wait()
    return bytes(panel.images[image].value)


def changes(panel, act, image=0):
    before = pixels(panel, image)
    act()
    assert pixels(panel, image) != before


def decoded(data):
    return torch.tensor(list(Image.open(io.BytesIO(data)).convert("RGB").tobytes()))


def same_picture(data, picture):
    return torch.equal(decoded(data), decoded(png_bytes(picture)))


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
    assert explore.faces.buttons[2].tooltip == "Let face 3 go"
    assert "kept" in explore.faces.buttons[2].description
    explore.wait()
    assert "kept as they are: 3" in explore.status.value


def test_code_of_what_is_shown_can_be_opened_and_closed(generator):
    explore = widgets.explore(generator, n=6)
    explore.resample.click()
    explore.show_code.click()
    assert explore.code.layout.display is None
    assert "seed=1" in explore.code.value
    explore.show_code.click()
    assert explore.code.layout.display == "none"


def test_morph_slides_picks_undoes_and_plays(generator):
    morph = widgets.morph(generator, n=6)
    start = pixels(morph, 1)
    changes(morph, lambda: setattr(morph.position, "value", 80), 1)
    assert "80% of the way through 1, 6" in morph.sentence
    changes(morph, lambda: setattr(morph.play, "value", 10), 1)
    changes(morph, morph.faces.buttons[3].click)
    assert morph.state.picks == (0, 5, 3)
    changes(morph, morph.resample.click)
    morph.undo_button.click()
    morph.undo_button.click()
    morph.undo_button.click()
    assert pixels(morph, 1) == start


def test_a_morph_has_two_to_four_faces(generator):
    morph = widgets.morph(generator, n=9)
    for index in (1, 2, 3):
        morph.faces.buttons[index].click()
    assert morph.state.picks == (0, 5, 1, 2)
    assert "two to four faces" in morph.sentence
    for index in (0, 5, 1):
        morph.faces.buttons[index].click()
    assert len(morph.state.picks) == 2


@pytest.mark.parametrize(("name", "start"), [("m.gif", b"GIF8"), ("m.mp4", b"\0\0\0")])
def test_a_morph_is_saved_and_never_over_another_file(generator, tmp_path, monkeypatch, name, start):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"mine")
    morph = widgets.morph(generator, n=6)
    morph.name.value = name
    morph.save.click()
    saved = tmp_path / name.replace("m.", "m-2.")
    assert f"Saved {saved.name}" in morph.saved.value
    assert saved.read_bytes().startswith(start)
    assert (tmp_path / name).read_bytes() == b"mine"


def test_a_morph_that_cannot_be_saved_says_why(generator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    morph = widgets.morph(generator, n=6)
    names = (
        ("m.png", "name it .gif or .mp4"),
        (".", "Not saved"),
        ("x" * 300, "Not saved"),
        ("m.gif", "space left"),
    )
    for name, said in names:
        morph.name.value = name
        if name == "m.gif":
            monkeypatch.setattr("pathlib.Path.write_bytes", no_space)
        morph.save.click()
        assert said in morph.saved.value


def no_space(*_):
    raise OSError(28, "No space left on device")


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


def test_a_timeline_moves_faces_and_marker_together(run):
    timeline = widgets.timeline(run)
    faces, curves = pixels(timeline, 0), pixels(timeline, 1)
    timeline.position.value = 0
    assert pixels(timeline, 0) != faces
    assert pixels(timeline, 1) != curves
    assert timeline.sentence == "Step 0, snapshot 1 of 3."
    timeline.play.value = 2
    assert (pixels(timeline, 0), pixels(timeline, 1)) == (faces, curves)
    assert "Step 4, snapshot 3 of 3. Losses: D" in timeline.sentence


def test_compare_draws_the_same_latents_for_both(generator, run):
    compare = widgets.compare(generator, run, n=4)
    start = pixels(compare, 0), pixels(compare, 1)
    changes(compare, compare.resample.click, 0)
    changes(compare, lambda: setattr(compare.seed, "value", 9), 1)
    changes(compare, lambda: setattr(compare.truncation, "value", 0.5), 1)
    expected = lab.compare(generator, lab.open_generator(run), n=4, seed=9, truncation=0.5)
    assert all(same_picture(pixels(compare, i), expected[i]) for i in (0, 1))
    for _ in range(3):
        compare.undo_button.click()
    assert (pixels(compare, 0), pixels(compare, 1)) == start


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


def test_a_frame_that_is_gone_is_named(run):
    timeline = widgets.timeline(run)
    (run / "frames" / "step_000002.png").unlink()
    timeline.position.value = 1
    timeline.wait()
    assert "step_000002.png cannot be read" in timeline.status.value


def test_faces_that_are_kept_stay_while_their_generator_is_trained(gan, faces):
    explore = widgets.explore(gan, n=4)
    before = explore.state.picture()
    fit(gan, faces, steps=2)
    assert torch.equal(explore.state.picture(), before)


@pytest.mark.parametrize("n", [3, 4, 7])
def test_buttons_lie_over_their_faces(generator, n):
    arithmetic = widgets.arithmetic(generator, n=n)
    columns = min(6, n)
    wide = Image.open(io.BytesIO(pixels(arithmetic))).width
    assert wide == columns * (16 + lab.PADDING) + lab.PADDING
    assert f"repeat({columns}," in arithmetic.faces.box.layout.grid_template_columns
    assert arithmetic.faces.buttons[n - 1].layout.grid_area == f"{(n - 1) // 6 + 1} / {(n - 1) % 6 + 1}"


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
    assert "use the functions of facegan.lab" in capsys.readouterr().out


@pytest.mark.parametrize("widget", [widgets.explore, widgets.morph, widgets.arithmetic])
def test_what_is_no_generator_is_refused(widget, tmp_path):
    with pytest.raises(ConfigError, match="expected a generator"):
        widget(3)
    with pytest.raises(CheckpointError, match="holds neither checkpoints nor"):
        widget(tmp_path)


def test_live_shows_the_run_and_ends_with_it(gan, faces):
    live = widgets.live()
    seen = []
    fit(
        gan, faces, steps=4, snapshot_every=2, hooks=[live, lambda gan, _: seen.append(pixels(live.panel, 1))]
    )
    assert len(set(seen)) == 3
    assert live.panel.bar.value == 4
    assert live.panel.stop.disabled
    assert live.panel.stop.description == "Finished"
    assert live.panel.sentence.startswith("Step 4 of 4. D(x) 0.")


def test_stop_ends_the_run_and_saves(gan, faces, tmp_path, capsys):
    live = widgets.live()
    press = lambda gan, _: gan.step == 2 and live.panel.stop.click()  # noqa: E731
    fit(gan, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run", hooks=[live, press])
    assert gan.step == 3
    assert "stopped at step 3 of 9: saved" in capsys.readouterr().out
    assert live.panel.stop.description == "Stopped"
    fit(gan, faces, steps=5, run_dir=tmp_path / "run")
    assert gan.step == 5


def test_a_click_that_is_heard_again_after_the_end_changes_nothing(gan, faces):
    live = widgets.live()
    fit(gan, faces, steps=2, hooks=[live])
    live.panel.stop.click()
    assert live.panel.stop.description == "Finished"


def test_a_script_with_live_keeps_the_progress_bar(gan, faces, capsys):
    fit(gan, faces, steps=2, hooks=[widgets.live()])
    said = capsys.readouterr()
    assert "here `fit` shows its progress bar" in said.out
    assert "2/2" in said.err


def test_live_tells_rate_and_time_left(gan, faces, monkeypatch):
    monkeypatch.setattr("facegan.dashboard._TELL", -1)
    live = widgets.live()
    said = []
    fit(
        gan, faces, steps=4, snapshot_every=2, hooks=[live, lambda gan, _: said.append(live.panel.progress())]
    )
    assert said[0] == "Step 0 of 4."
    assert "images/s" in said[1]
    assert "left. D(x) 0." in said[1]


def test_live_without_ipywidgets_replaces_one_picture(gan, faces, monkeypatch, capsys):
    monkeypatch.setattr(panel, "ipw", None)
    monkeypatch.setattr("facegan.dashboard.running_kernel", lambda: "a kernel")
    shown, replaced = [], []

    class Handle:
        def update(self, panel):
            replaced.append(panel._repr_mimebundle_()[0]["image/png"])

    monkeypatch.setattr("IPython.display.display", lambda panel, **_: shown.append(panel) or Handle())
    fit(gan, faces, steps=4, snapshot_every=2, hooks=[widgets.live()])
    assert len(shown) == 1
    assert len(set(replaced)) == 3


def test_controls_are_core_ipywidgets_only(generator):
    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    kinds = {type(w) for w in walk(widgets.explore(generator, n=6).box)}
    assert all(kind.__module__.startswith("ipywidgets.") for kind in kinds)
    assert not {k for k in kinds if k is ipywidgets.Output}
