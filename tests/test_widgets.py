"""What notebooks show while they run."""

import IPython.display
import torch

from facegan import fit, notebook, widgets


def test_live_shows_one_picture_and_then_replaces_it(gan, faces, monkeypatch):
    shown, replaced = [], []

    class Handle:
        def update(self, picture):
            replaced.append(picture)

    def display(picture, **_):
        shown.append(picture)
        return Handle()

    monkeypatch.setattr(IPython.display, "display", display)
    fit(gan, faces, steps=4, snapshot_every=2, hooks=[widgets.live()])
    assert len(shown) == 1
    assert len(replaced) >= 1
    assert len({picture.data for picture in (*shown, *replaced)}) > 1
    assert all(picture.data.startswith(b"\x89PNG") for picture in (*shown, *replaced))


def test_notebooks_say_what_they_run_on_and_where_runs_go(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert str(notebook.start(keep_on_drive=True)) == "runs"  # not in Colab: no Drive
    said = capsys.readouterr().out
    assert "is ready, on the CPU." in said
    assert "works without a GPU" in said
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    notebook.start()
    assert "Change runtime type > T4 GPU" in capsys.readouterr().out
