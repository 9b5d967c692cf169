"""Every control of `morph`."""

import pytest
from helpers.panels import changes, pixels

from facegan import widgets


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
            monkeypatch.setattr("facegan.images.write_atomic", no_space)
        morph.save.click()
        assert said in morph.saved.value


def no_space(*_):
    raise OSError(28, "No space left on device")
