import io
import os
import re
import shutil
from pathlib import Path

import pytest
from helpers import make_gan
from PIL import Image

from facegan import Run, files, fit
from facegan.errors import CheckpointError
from facegan.runs import checkpoint, folder, rescued

pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))


def test_a_run_folder_that_cannot_be_made(gan, faces, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match=r"run folder .* cannot be used"):
        fit(gan, faces, steps=1, run_dir=tmp_path / "file")


def test_a_vanished_run_folder_is_survived_and_refilled_when_it_returns(faces, tmp_path):
    run, away = tmp_path / "drive" / "run", tmp_path / "drive-away"
    gan = make_gan()

    def unmount(gan, grid):
        if gan.step == 2:
            (tmp_path / "drive").rename(away)
        if gan.step == 4:
            away.rename(tmp_path / "drive")

    with pytest.warns(UserWarning, match="cannot be written.*training continues"):
        fit(gan, faces, steps=8, snapshot_every=2, run_dir=run, callbacks=[unmount])
    assert [p.name for p in sorted((run / "frames").iterdir())] == [
        f"step_00000{i}.png" for i in (0, 2, 4, 6, 8)
    ]
    assert checkpoint.load_latest(run / "checkpoints")["step"] == 8


def test_a_folder_that_vanishes_after_the_last_save_costs_no_history(gan, faces, tmp_path):
    def unmount(gan, grid):
        if gan.step == 4:
            shutil.rmtree(tmp_path / "drive")

    with pytest.warns(UserWarning, match="is still unavailable") as caught:
        history = fit(
            gan, faces, steps=4, snapshot_every=2, run_dir=tmp_path / "drive" / "run", callbacks=[unmount]
        )
    assert len(history["loss_d"]) == 4
    shutil.rmtree(str(caught[-1].message).split("saved to ")[1].rstrip("."))


def test_a_picture_that_is_in_use_does_not_move_the_run(gan, faces, tmp_path, monkeypatch):
    write = files.write_atomic

    def in_use(path, data):
        if path.name == "history.csv":
            raise PermissionError(13, "used by another program")
        return write(path, data)

    monkeypatch.setattr(files, "write_atomic", in_use)
    with pytest.warns(UserWarning, match=r"could not write history\.csv \(used by another program\)"):
        fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    assert Run.open(tmp_path / "run").checkpoints == [0, 2]


def test_a_run_folder_that_never_returns_leaves_everything_in_the_rescue_folder(faces, tmp_path):
    run, gan = tmp_path / "drive" / "run", make_gan()

    def unmount(gan, grid):
        if gan.step == 2:
            shutil.rmtree(tmp_path / "drive")

    with pytest.warns(UserWarning, match="is still unavailable; the run was saved to") as caught:
        fit(gan, faces, steps=4, snapshot_every=2, run_dir=run, callbacks=[unmount])
    rescue = str(caught[-1].message).split("saved to ")[1].rstrip(".")
    assert checkpoint.load_latest(os.path.join(rescue, "checkpoints"))["step"] == 4
    assert os.path.exists(os.path.join(rescue, "generator.safetensors"))
    assert not run.exists()
    shutil.rmtree(rescue)


def test_the_next_run_finds_a_newer_state_that_was_saved_elsewhere(faces, tmp_path):
    run, away = tmp_path / "drive" / "run", tmp_path / "drive-away"

    def unmount(gan, grid):
        if gan.step == 2:
            (tmp_path / "drive").rename(away)

    with pytest.warns(UserWarning, match="is still unavailable"):
        fit(make_gan(), faces, steps=4, snapshot_every=2, run_dir=run, callbacks=[unmount])
    away.rename(tmp_path / "drive")
    with pytest.raises(CheckpointError, match=r"is at step 2, but (.*) has step 4 of the same run") as caught:
        fit(make_gan(), faces, steps=6, run_dir=run)
    assert Run.open(run).checkpoints == [0, 2]
    rescue = re.search(r", but (\S+) has", str(caught.value))[1]
    shutil.copytree(rescue, run, dirs_exist_ok=True)
    fit(make_gan(), faces, steps=6, snapshot_every=2, run_dir=run)
    assert Run.open(run).steps == [0, 2, 4, 6]
    shutil.rmtree(rescue)


def test_a_run_that_starts_over_names_the_state_that_was_saved_elsewhere_once(faces, tmp_path, capsys):
    fit(make_gan(), faces, steps=1, run_dir=tmp_path / "run")
    (tmp_path / "rescue" / "checkpoints").mkdir(parents=True)
    (tmp_path / "rescue" / "checkpoints" / "step_000009.pt").touch()
    rescued.remember(tmp_path / "run", tmp_path / "rescue")
    fit(make_gan(), faces, steps=1, run_dir=tmp_path / "run", fresh=True)
    assert f"{tmp_path / 'rescue'} keeps a state of the old run" in capsys.readouterr().out
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    assert "rescue" not in capsys.readouterr().out


def test_a_state_saved_elsewhere_belongs_to_the_run_of_one_folder(tmp_path, monkeypatch):
    (tmp_path / "rescue" / "checkpoints").mkdir(parents=True)
    (tmp_path / "rescue" / "checkpoints" / "step_000009.pt").touch()
    monkeypatch.chdir(tmp_path)
    rescued.remember(Path("run"), tmp_path / "rescue")
    monkeypatch.chdir(tmp_path / "rescue")
    rescued.check_newest(Path("run"), None)
    with pytest.raises(CheckpointError, match="has step 9 of the same run"):
        rescued.check_newest(tmp_path / "run", None)


def test_a_full_disk_ends_the_run_with_its_name(gan, faces, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match="disk full"):
        fit(gan, faces, steps=2, run_dir=tmp_path / "run")


def test_what_a_crash_lost_leaves_no_generator(faces, tmp_path):
    fit(make_gan(), faces, steps=4, snapshot_every=2, run_dir=tmp_path)
    (tmp_path / "checkpoints" / "step_000004.pt").unlink()
    fit(make_gan(), faces, steps=3, snapshot_every=2, run_dir=tmp_path)
    assert Run.open(tmp_path).generators == [0, 2, 3]


def test_an_animation_may_have_frames_of_0_2_without_a_caption(faces, tmp_path):
    fit(make_gan(), faces, steps=2, snapshot_every=1, run_dir=tmp_path)
    old = tmp_path / "frames" / "step_000001.png"
    old.write_bytes((tmp_path / "samples.png").read_bytes())
    fit(make_gan(), faces, steps=3, snapshot_every=1, run_dir=tmp_path)
    with Image.open(tmp_path / "progress.gif") as animation:
        assert animation.size == Image.open(tmp_path / "frames" / "step_000003.png").size


def test_a_run_folder_that_vanishes_alone_is_not_made_anew(gan, faces, tmp_path):
    run = tmp_path / "run"

    def unmount(gan, grid):
        if gan.step == 2:
            shutil.rmtree(run)

    with pytest.warns(UserWarning, match="cannot be written.*training continues"):
        fit(gan, faces, steps=4, snapshot_every=2, run_dir=run, callbacks=[unmount])
    assert not run.exists()


def test_curves_that_cannot_be_drawn_do_not_end_a_training(gan, faces, tmp_path, monkeypatch):
    def broken(history):
        raise RuntimeError("latex was not found")

    monkeypatch.setattr(folder, "plot_curves", broken)
    with pytest.warns(UserWarning, match=r"curves\.png could not be drawn: .*latex was not found"):
        fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "step_000002.pt").exists()


FOREIGN = io.BytesIO()
Image.new("RGB", (30, 20)).save(FOREIGN, "PNG")


@pytest.mark.parametrize(
    "spoil", [lambda d: b"", lambda d: d[:-300], lambda d: b"<html>", lambda d: FOREIGN.getvalue()]
)
def test_a_bad_frame_is_passed_over_and_said_and_the_run_stays_in_its_folder(spoil, faces, tmp_path):
    fit(make_gan(), faces, steps=2, snapshot_every=1, run_dir=tmp_path)
    bad = tmp_path / "frames" / "step_000001.png"
    bad.write_bytes(kept := spoil(bad.read_bytes()))
    with pytest.warns(
        UserWarning, match=r"step_000001\.png .*; progress\.gif was written without them"
    ) as caught:
        fit(make_gan(), faces, steps=3, snapshot_every=1, run_dir=tmp_path)
    assert len(caught) == 1
    assert Run.open(tmp_path).checkpoints[-1] == 3
    assert bad.read_bytes() == kept
