"""The live dashboard of a training run."""

from types import SimpleNamespace

import pytest
import torch
from helpers import TINY, assert_same_state, make_gan
from helpers.panels import pixels
from torch import nn

from facegan import GAN, Run, TrainConfig, fit, widgets
from facegan.plots import smoothed_at
from facegan.widgets import dashboard, panel


def test_live_shows_the_run_and_ends_with_it(gan, faces):
    live = widgets.live()
    seen = []
    fit(
        gan,
        faces,
        steps=4,
        snapshot_every=2,
        callbacks=[live, lambda gan, _: seen.append(pixels(live.panel, 1))],
    )
    assert len(set(seen)) == 3
    assert live.panel.bar.value == 4
    assert live.panel.stop.disabled
    assert live.panel.stop.description == "Finished"
    assert live.panel.sentence.startswith("Finished: step 4 of 4, epoch 1. D(x) 0.")


def test_stop_ends_the_run_and_saves(gan, faces, tmp_path, capsys):
    live = widgets.live()
    press = lambda gan, _: gan.step == 2 and live.panel.stop.click()  # noqa: E731
    fit(gan, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run", callbacks=[live, press])
    assert gan.step == 3
    assert "stopped at step 3 of 9: saved" in capsys.readouterr().out
    assert live.panel.stop.description == "Stopped"
    fit(gan, faces, steps=5, run_dir=tmp_path / "run")
    assert gan.step == 5


def test_a_click_that_is_heard_again_after_the_end_changes_nothing(gan, faces):
    live = widgets.live()
    fit(gan, faces, steps=2, callbacks=[live])
    live.panel.stop.click()
    assert live.panel.stop.description == "Finished"


def test_a_script_with_live_keeps_the_progress_bar(gan, faces, capsys):
    fit(gan, faces, steps=2, callbacks=[widgets.live()])
    said = capsys.readouterr()
    assert "without one, `fit` shows its progress bar" in said.out
    assert "2/2" in said.err


def test_live_tells_rate_and_time_left(gan, faces, monkeypatch):
    monkeypatch.setattr("facegan.widgets.dashboard._TELL", -1)
    live = widgets.live()
    said = []
    fit(
        gan,
        faces,
        steps=4,
        snapshot_every=2,
        callbacks=[live, lambda gan, _: said.append(live.panel.progress())],
    )
    assert said[0] == "Step 0 of 4."
    assert "images/s" in said[1]
    assert "left. D(x) 0." in said[1]


def test_live_without_ipywidgets_replaces_one_picture(gan, faces, monkeypatch, capsys):
    monkeypatch.setattr(panel, "ipw", None)
    monkeypatch.setattr("facegan.widgets.dashboard.running_kernel", lambda: "a kernel")
    shown, replaced = [], []

    class Handle:
        def update(self, panel):
            replaced.append(panel._repr_mimebundle_()[0]["image/png"])

    monkeypatch.setattr("IPython.display.display", lambda panel, **_: shown.append(panel) or Handle())
    fit(gan, faces, steps=4, snapshot_every=2, callbacks=[widgets.live()])
    assert len(shown) == 1
    assert len(set(replaced)) == 3


def test_a_finished_run_that_runs_again_shows_itself(gan, faces, tmp_path):
    fit(gan, faces, steps=4, run_dir=tmp_path / "run")
    live = widgets.live()
    fit(make_gan(), faces, steps=4, run_dir=tmp_path / "run", callbacks=[live])
    assert live.panel.sentence.startswith("Finished: step 4 of 4, epoch 1. D(x) 0.")
    assert torch.equal(live.panel.pictures[0], gan.preview_grid())
    assert "image/png" in live.panel._repr_mimebundle_()[0]


def test_start_over_moves_the_run_aside_and_the_next_fit_is_as_the_first(gan, faces, tmp_path):
    live = widgets.live()
    seen = []
    look = lambda gan, _: seen.append(live.panel.again.disabled)  # noqa: E731
    fit(gan, faces, steps=3, run_dir=tmp_path / "run", callbacks=[live, look])
    assert all(seen)
    assert not live.panel.again.disabled
    live.panel.again.click()
    assert live.panel.sentence == f"The run is now in {tmp_path / 'run-1'}. Run the cell again to start over."
    assert live.panel.again.disabled
    fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    straight = make_gan()
    fit(straight, faces, steps=2)
    assert_same_state(gan, straight)
    assert Run.open(tmp_path / "run-1").checkpoints[-1] == 3


def test_start_over_is_off_without_a_run_folder(gan, faces):
    live = widgets.live()
    fit(gan, faces, steps=1, callbacks=[live])
    assert live.panel.again.disabled


def test_start_over_says_what_to_do_with_networks_of_your_own(gan, faces, tmp_path, no_curves):
    live = widgets.live()
    gan.has_own_networks = True
    fit(gan, faces, steps=5, snapshot_every=1, run_dir=tmp_path / "run", callbacks=[live])
    live.panel.again.click()
    assert live.panel.sentence.endswith(
        "rerun the cell that builds them and the GAN. This may be the same cell."
    )
    assert gan.step == 5


def test_the_sentence_says_what_the_bold_curves_show(gan, faces):
    live = widgets.live()
    history = fit(gan, faces, steps=150, callbacks=[live])
    window = 150 // 50
    assert smoothed_at(history)["d_real"] == pytest.approx(sum(history["d_real"][-window:]) / window)
    assert f"D(x) {smoothed_at(history)['d_real']:.2f}" in live.panel.sentence


def test_sentence_and_stop_come_before_the_pictures(gan, faces):
    live = widgets.live()
    fit(gan, faces, steps=1, callbacks=[live])
    _, status, body = live.panel.box.children
    assert status is live.panel.status
    assert live.panel.stop in body.children[0].children


def test_pictures_come_anew_between_snapshots(gan, faces, monkeypatch):
    monkeypatch.setattr(dashboard, "_DRAW", 0.0)
    monkeypatch.setattr(dashboard, "_SHARE", 1e9)
    live, seen = widgets.live(), set()
    look = SimpleNamespace(on_step_end=lambda *_: seen.add(pixels(live.panel, 0)))
    fit(gan, faces, steps=4, snapshot_every=100, callbacks=[live, look])
    assert len(seen) == 4


def test_pictures_between_snapshots_change_nothing_of_the_training(faces, monkeypatch):
    monkeypatch.setattr(dashboard, "_DRAW", 0.0)
    watched, plain = make_gan(), make_gan()
    fit(watched, faces, steps=4, callbacks=[widgets.live()])
    fit(plain, faces, steps=4)
    assert_same_state(watched, plain)


class Clock:
    """Stands in for `time` in the dashboard: each step takes a second, drawing as long as `drawing`."""

    def __init__(self, monkeypatch, drawing=0.0):
        self.now, self.drawing, self.drawn_at = 100.0, drawing, []
        draw = dashboard.Dashboard.update

        def slow_draw(panel, grid):
            self.drawn_at.append(panel.gan.step)
            self.now += self.drawing
            draw(panel, grid)

        monkeypatch.setattr(dashboard, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(dashboard.Dashboard, "update", slow_draw)

    def on_step_end(self, gan, metrics):
        self.now += 1


def test_pictures_come_every_five_seconds_with_curves_and_nothing_saved(gan, faces, monkeypatch, tmp_path):
    clock, live, saved = Clock(monkeypatch), widgets.live(), []
    look = SimpleNamespace(
        on_step_end=lambda gan, _: saved.append(len(list((tmp_path / "run" / "checkpoints").iterdir()))),
    )
    fit(gan, faces, steps=13, snapshot_every=100, run_dir=tmp_path / "run", callbacks=[clock, live, look])
    assert clock.drawn_at == [0, 6, 12, 13]
    assert set(saved) == {1}


def test_the_first_pictures_show_trained_faces_and_curves(gan, faces, monkeypatch):
    clock, live, seen = Clock(monkeypatch), widgets.live(), []
    look = SimpleNamespace(on_step_end=lambda *_: seen.append([pixels(live.panel, n) for n in (0, 1)]))
    fit(gan, faces, steps=7, snapshot_every=100, callbacks=[clock, live, look])
    assert seen[4] == seen[0]
    assert all(now != before for now, before in zip(seen[5], seen[0], strict=True))


def test_dear_pictures_take_three_percent_of_the_time_at_most(gan, faces, monkeypatch):
    clock = Clock(monkeypatch, drawing=0.61)  # 3 % of 20.3 seconds
    fit(gan, faces, steps=50, snapshot_every=100, callbacks=[clock, widgets.live()])
    assert clock.drawn_at == [0, 21, 42, 50]


@pytest.mark.slow
def test_a_snapshot_does_not_forget_what_pictures_cost(gan, faces, monkeypatch):
    clock = Clock(monkeypatch, drawing=0.61)
    fit(gan, faces, steps=50, snapshot_every=12, callbacks=[clock, widgets.live()])
    assert clock.drawn_at == [0, 12, 24, 36, 48, 50]


def test_pictures_of_networks_that_draw_random_numbers_change_nothing(faces, monkeypatch):
    class Noisy(nn.Module):
        latent_dim = 8

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 3 * 16 * 16)

        def forward(self, z):
            return (self.layer(z) + torch.randn(len(z), 1)).tanh().view(-1, 3, 16, 16)

    def trained(*callbacks):
        torch.manual_seed(0)
        gan = GAN(TrainConfig(**TINY), generator=Noisy(), device="cpu")
        fit(gan, faces, steps=8, snapshot_every=100, callbacks=callbacks)
        return gan

    plain = trained()
    clock = Clock(monkeypatch)
    watched = trained(clock, widgets.live())
    assert 6 in clock.drawn_at
    assert_same_state(watched, plain)


def test_both_endings_of_a_run_are_told_alike(gan, faces):
    first, second, said = widgets.live(), widgets.live(), []
    tell = lambda gan, _: said.append(first.panel.progress())  # noqa: E731
    fit(gan, faces, steps=4, callbacks=[first, tell])
    fit(gan, faces, steps=4, callbacks=[second])
    assert said[-1].startswith("Step 4 of 4")  # it is still saving
    assert first.panel.sentence == second.panel.sentence
    assert first.panel.sentence.startswith("Finished: step 4 of 4")


def test_a_stop_before_the_last_step_is_not_called_finished(gan, faces):
    live = widgets.live()
    stop = SimpleNamespace(on_step_end=lambda gan, _: gan.step == 2 and gan.request_stop())
    fit(gan, faces, steps=4, callbacks=[live, stop])
    assert live.panel.sentence.startswith("Stopped at step 2 of 4")


def test_a_run_beyond_the_asked_steps_is_finished_at_its_own(gan, faces):
    fit(gan, faces, steps=4)
    live = widgets.live()
    fit(gan, faces, steps=2, callbacks=[live])
    assert live.panel.sentence.startswith("Finished: step 4 of 4")


def test_what_sets_in_is_told_once_in_a_line(gan, faces, monkeypatch):
    live, told = widgets.live(), iter(["Doctor: D has won since step 1 (D(x) is 1).", "", ""])
    monkeypatch.setattr("facegan.doctor.watch.Watch.news", lambda self, history: next(told))
    fit(gan, faces, steps=4, snapshot_every=2, callbacks=[live])
    assert live.panel.notice.value.count("D has won") == 1
    assert "D has won" not in live.panel.sentence


def test_without_controls_it_is_printed(gan, faces, monkeypatch, capsys):
    monkeypatch.setattr(dashboard, "ipw", None)
    monkeypatch.setattr(panel, "ipw", None)
    monkeypatch.setattr("facegan.doctor.watch.Watch.news", lambda self, history: f"step {gan.step}")
    fit(gan, faces, steps=2, snapshot_every=2, callbacks=[widgets.live()])
    assert "step 2" in capsys.readouterr().out
