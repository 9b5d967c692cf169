"""The live dashboard of a training run."""

from helpers.panels import pixels

from facegan import fit, widgets
from facegan.widgets import panel


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
    assert live.panel.sentence.startswith("Step 4 of 4, epoch 1. D(x) 0.")


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
    assert "here `fit` shows its progress bar" in said.out
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
