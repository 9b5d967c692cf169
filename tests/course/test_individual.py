"""Variants by student: they depend on the id and on nothing else; without one, all is as it was."""

import numpy as np
import pytest
import torch

import facegan as fg
from facegan import data
from facegan.course import individual, kept, notebook, record
from facegan.data.dataset import FaceDataset
from facegan.errors import ConfigError

pytestmark = pytest.mark.usefixtures("answers")
CLASS = [f"student {number}" for number in range(40)]


@pytest.fixture
def drawn(monkeypatch):
    """All drawn faces, of which there are 100 of one color each."""
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 100)
    images = np.arange(100, dtype=np.uint8).repeat(3 * 16 * 16).reshape(100, 3, 16, 16)
    return FaceDataset(images, "synthetic", attributes={"smile": np.arange(100.0)}, fingerprint="0123")


def for_each(ids, find):
    found = []
    for name in ids:
        record.put("student", "id", name)
        found.append(find())
    return found


def test_an_id_is_kept_for_later_notebooks(capsys):
    fg.student("  Ada Lovelace ")
    assert individual.current() == "Ada Lovelace"
    assert "Student Ada Lovelace: drawn faces start at number" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("id", "message"),
    [
        (7, 'Put it in quotes: fg.student("7")'),
        (" ", "is empty"),
        ("a" * 101, "101 characters"),
        ("a\nb", "control"),
    ],
)
def test_what_is_no_id_is_refused(id, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(").replace(")", r"\)")):
        fg.student(id)
    assert individual.current() is None


def test_one_id_written_in_two_ways_is_one_variant():
    variants = set()
    for name in ("René", "Rene\u0301", "RENÉ"):
        fg.student(name)
        variants.add(individual._choice("faces", 10**9))
    assert len(variants) == 1


def test_without_an_id_faces_are_all_faces(drawn):
    assert individual.own_faces(drawn) is drawn


def test_with_an_id_the_first_drawn_faces_are_missing(drawn):
    fg.student("ada")
    own = individual.own_faces(drawn)
    skipped = len(drawn) - len(own)
    assert 1 <= skipped <= 20
    assert torch.equal(own[0], drawn[skipped])
    assert own.attributes["smile"][0] == skipped
    assert np.shares_memory(own.images, drawn.images)


def test_a_part_of_the_faces_keeps_the_fingerprint_and_differs_in_number(drawn):
    fg.student("ada")
    own = individual.own_faces(drawn).record()
    assert own["fingerprint"] == drawn.fingerprint
    assert own["count"] != len(drawn)


def test_faces_are_not_cut_twice(drawn):
    fg.student("ada")
    own = individual.own_faces(drawn)
    assert individual.own_faces(own) is own


def test_photographs_do_not_depend_on_the_id(faces):
    fg.student("ada")
    assert individual.own_faces(faces) is faces


def test_the_faces_of_a_notebook_are_the_students(monkeypatch, drawn):
    monkeypatch.setattr("facegan.data.load.load_faces", lambda source, size: drawn)
    assert len(notebook.load_faces("synthetic", 16)) == 100
    fg.student("ada")
    assert len(notebook.load_faces("synthetic", 16)) < 100


def test_students_of_a_class_get_different_tasks():
    assert set(for_each(CLASS, individual.patient_number)) == {1, 2, 3, 4, 5, 6}
    assert set(for_each(CLASS, individual._attribute_name)) == {*individual.ATTRIBUTES}
    assert len(set(for_each(CLASS, lambda: individual._skipped(10_000)))) > 35


def test_an_attribute_is_the_same_every_time_and_differs_between_ids():
    first, again, other = for_each(["ada", "ada", "bob"], individual.attribute)
    assert torch.equal(first.faces, again.faces)
    assert not torch.equal(first.faces, other.faces)
    assert first.faces.shape == (500, 3, 32, 32)
    assert first.values.shape == (500,)


def test_an_attribute_can_be_had_without_an_id():
    assert notebook.attribute().name in individual.ATTRIBUTES


def test_the_set_up_cell_takes_the_id_and_later_ones_remember_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    notebook.start(student="ada")
    capsys.readouterr()
    notebook.start()
    assert "Student ada:" in capsys.readouterr().out


def test_the_set_up_cell_without_an_id_says_nothing_of_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    notebook.start()
    assert "Student" not in capsys.readouterr().out
    assert not kept.folder.exists()


def test_a_run_of_another_students_drawn_faces_is_moved_aside(tmp_path, capsys):
    fg.student("ada")
    run = notebook.run_folder(tmp_path / "first", faces="synthetic")
    (run / "checkpoints").mkdir(parents=True)
    fg.student("bob")
    notebook.run_folder(run, faces="synthetic")
    assert not run.exists()
    assert "had another student" in capsys.readouterr().out


def test_a_run_on_photographs_stays_when_the_id_changes(tmp_path):
    fg.student("ada")
    run = notebook.run_folder(tmp_path / "first", faces="celeba")
    (run / "checkpoints").mkdir(parents=True)
    fg.student("bob")
    notebook.run_folder(run, faces="celeba")
    assert run.exists()
