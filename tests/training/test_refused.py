"""Runs that are refused before their first step leave no folder behind, and damage none."""

from types import SimpleNamespace

import pytest
from helpers import make_gan, random_faces

from facegan import fit
from facegan.errors import CheckpointError, TrainingError

pytestmark = pytest.mark.usefixtures("no_curves")


class FailsToBegin:
    def on_train_begin(self, gan, total):
        raise RuntimeError("cannot begin")


class FailsInTheFirstStep:
    def on_step_end(self, gan, metrics):
        raise RuntimeError("broken")


def test_a_refused_run_leaves_no_folder(tmp_path, faces):
    with pytest.raises(RuntimeError, match="cannot begin"):
        fit(make_gan(), faces, steps=2, run_dir=tmp_path / "runs" / "new", callbacks=[FailsToBegin()])
    assert list(tmp_path.iterdir()) == []


def test_folders_around_the_refused_run_stay(tmp_path, faces):
    (tmp_path / "runs" / "other").mkdir(parents=True)
    with pytest.raises(RuntimeError, match="cannot begin"):
        fit(make_gan(), faces, steps=2, run_dir=tmp_path / "runs" / "new", callbacks=[FailsToBegin()])
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["other"]


def test_a_run_that_fails_to_resume_is_not_damaged(tmp_path, faces):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match="another kind"):
        fit(make_gan(loss="hinge"), faces, steps=4, run_dir=tmp_path / "run")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_empty_folder_that_was_there_stays(tmp_path, faces):
    (tmp_path / "run").mkdir()
    with pytest.raises(RuntimeError, match="cannot begin"):
        fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run", callbacks=[FailsToBegin()])
    assert (tmp_path / "run").is_dir()


def test_a_run_that_fails_after_a_step_is_kept(tmp_path, faces):
    with pytest.raises(RuntimeError, match="broken"):
        fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run", callbacks=[FailsInTheFirstStep()])
    assert (tmp_path / "run" / "checkpoints").is_dir()


def test_a_trained_gan_is_kept_though_its_new_folder_was_refused(tmp_path, faces):
    gan = make_gan()
    fit(gan, faces, steps=2)
    with pytest.raises(RuntimeError, match="cannot begin"):
        fit(gan, faces, steps=4, run_dir=tmp_path / "run", callbacks=[FailsToBegin()])
    assert (tmp_path / "run").is_dir()


def test_a_folder_that_another_process_creates_meanwhile_is_not_removed(tmp_path, monkeypatch):
    from facegan.training import resume

    lock = resume.only_training

    def lock_later(run_dir):
        monkeypatch.undo()
        fit(make_gan(), random_faces(40), steps=2, run_dir=run_dir)
        return lock(run_dir)

    monkeypatch.setattr(resume, "only_training", lock_later)
    with pytest.raises(CheckpointError, match="another kind"):
        fit(make_gan(loss="hinge"), random_faces(40), steps=4, run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "step_000002.pt").exists()


def test_a_run_that_is_taken_back_to_its_beginning_is_kept(tmp_path, faces):
    def break_weights(gan, metrics):
        if gan.step == 4:
            next(gan.discriminator.parameters()).data.fill_(float("nan"))

    callback = SimpleNamespace(on_step_end=break_weights)
    with pytest.raises(TrainingError, match="checkpoint of step 0 is kept"):
        fit(make_gan(), faces, steps=8, snapshot_every=6, run_dir=tmp_path / "run", callbacks=[callback])
    assert (tmp_path / "run" / "checkpoints" / "step_000000.pt").exists()
