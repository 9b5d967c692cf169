import shutil

import pytest
import torch
from helpers import make_gan

from facegan import GAN, Run, fit, load_generator
from facegan.errors import CheckpointError
from facegan.images import captioned, read_png, to_uint8
from facegan.runs import checkpoint
from facegan.training import callbacks

pytestmark = pytest.mark.usefixtures("no_curves")


def test_a_run_folder_stands_for_its_newest_checkpoint(gan, faces, tmp_path):
    fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    fit(gan, faces, steps=4)
    checkpoint.save(gan.state_dict(), tmp_path / "run" / "checkpoints" / "step_000004.pt")  # no export yet
    assert torch.equal(load_generator(tmp_path / "run").sample(3, seed=1), gan.sample(3, seed=1))


def test_a_shared_folder_may_hold_the_exported_file_alone(gan, tmp_path):
    gan.export(tmp_path / "generator.safetensors")
    assert torch.equal(load_generator(tmp_path).sample(3, seed=1), gan.sample(3, seed=1))


@pytest.mark.parametrize(
    "spoil", [lambda s: s.pop("config"), lambda s: s.update(config=3), lambda s: s.pop("ema")]
)
def test_a_checkpoint_of_something_else_is_named(spoil, gan, tmp_path):
    state = gan.state_dict()
    spoil(state)
    (tmp_path / "checkpoints").mkdir()
    checkpoint.save(state, tmp_path / "checkpoints" / "step_000004.pt")
    with pytest.raises(CheckpointError, match="not a checkpoint of a facegan run"):
        GAN.from_state(state, device="cpu")
    with pytest.raises(CheckpointError, match="not a checkpoint of a facegan run"):
        load_generator(tmp_path)


def test_a_run_has_frames_history_settings_and_data(gan, faces, tmp_path):
    grids = {}
    fit(gan, faces, steps=4, run_dir=tmp_path / "run", snapshot_every=2,
        callbacks=[lambda gan, grid: grids.update({gan.step: grid})])  # fmt: skip
    run = Run.open(tmp_path / "run")
    assert run.steps == run.checkpoints == [0, 2, 4]
    assert torch.equal(run.frame(2), grids[2])
    assert run.history["loss_d"] == gan.history["loss_d"]
    assert run.history.at(2)["loss_g"] == gan.history["loss_g"][1]
    assert run.history.at(0) == {}
    assert run.config == gan.config
    assert run.data == faces.record()


def test_a_step_between_snapshots_is_named_with_those_there_are(gan, faces, tmp_path):
    fit(gan, faces, steps=2, run_dir=tmp_path / "run", snapshot_every=2)
    run = Run.open(tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"no frame of step 1; choose one of \[0, 2\]"):
        run.frame(1)
    with pytest.raises(CheckpointError, match=r"no generator of step 1\b.*: 0, 2"):
        run.generator(1)


def test_a_generator_of_an_earlier_checkpoint(gan, faces, tmp_path):
    first = gan.sample(2, seed=0)
    fit(gan, faces, steps=2, run_dir=tmp_path / "run", snapshot_every=2)
    assert torch.equal(load_generator(tmp_path / "run", step=0).sample(2, seed=0), first)
    assert torch.equal(load_generator(tmp_path / "run/checkpoints/step_000000.pt").sample(2, seed=0), first)


def test_the_averaged_and_the_raw_generator_are_both_there(faces, tmp_path):
    gan = make_gan(ema_decay=0.9)
    fit(gan, faces, steps=3, run_dir=tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert torch.equal(run.generator().sample(2, seed=0), gan.sample(2, seed=0))
    torch.testing.assert_close(run.raw_generator().sample(2, seed=0), gan.generator.sample(2, seed=0))


@pytest.mark.parametrize("source", ["nowhere", "."])
def test_what_is_no_run_says_so_and_names_the_bundled_ones(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"is not a run folder.*bundled run: faces"):
        Run.open(source)


def test_a_run_without_checkpoints_still_has_settings_and_frames(gan, faces, tmp_path):
    fit(gan, faces, steps=1, run_dir=tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    run = Run.open(tmp_path / "run")
    assert run.config == gan.config
    assert run.checkpoints == []
    assert torch.equal(load_generator(run).sample(2, seed=0), gan.sample(2, seed=0))


def test_a_bundled_run_has_the_same_attributes():
    run = Run.open("healthy")
    assert (run.checkpoints, run.segments, run.device) == ([], [], None)
    assert load_generator(run, step=200).image_size == run.config.image_size


def test_every_snapshot_keeps_a_generator_in_half_precision(gan, faces, tmp_path):
    images = {}
    fit(gan, faces, steps=10, run_dir=tmp_path, snapshot_every=2,
        callbacks=[lambda gan, grid: images.update({gan.step: gan.sample(4, seed=1)})])  # fmt: skip
    run = Run.open(tmp_path)
    assert (run.checkpoints, run.generators) == ([6, 8, 10], [0, 2, 4, 6, 8, 10])
    for step in run.generators:
        off = (load_generator(run, step=step).sample(4, seed=1) - images[step]).abs().max()
        assert off < 0.01
    whole, half = (
        tmp_path / name for name in ("generator.safetensors", "generators/step_000010.safetensors")
    )
    assert half.stat().st_size < 0.7 * whole.stat().st_size


def test_generators_of_snapshots_can_be_turned_off(faces, tmp_path):
    fit(make_gan(keep_generators=False), faces, steps=2, run_dir=tmp_path)
    assert not (tmp_path / "generators").exists()


def test_all_checkpoints_are_kept_if_asked_for(faces, tmp_path):
    fit(make_gan(keep_checkpoints="all"), faces, steps=5, snapshot_every=1, run_dir=tmp_path)
    assert Run.open(tmp_path).checkpoints == [0, 1, 2, 3, 4, 5]


def test_a_frame_on_disk_has_a_caption_with_step_and_epoch_below_the_grid(gan, faces, tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(
        callbacks, "captioned", lambda grid, text: texts.append(text) or captioned(grid, text)
    )
    fit(gan, faces, steps=6, snapshot_every=6, run_dir=tmp_path)
    assert texts[:2] == ["step 0", "step 6, epoch 2"]
    picture, grid = read_png(tmp_path / "frames" / "step_000006.png"), Run.open(tmp_path).frame(6)
    assert torch.equal(grid, read_png(tmp_path / "samples.png"))
    assert (picture[:, grid.shape[1] :] < 128).any()


def test_generators_in_half_precision_stand_in_for_damaged_checkpoints(gan, faces, tmp_path):
    fit(gan, faces, steps=4, snapshot_every=2, run_dir=tmp_path)
    expected = gan.sample(2, seed=0)
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert (load_generator(tmp_path, step=4).sample(2, seed=0) - expected).abs().max() < 0.01
    (tmp_path / "generator.safetensors").unlink()
    with pytest.warns(UserWarning, match="damaged"):
        assert (load_generator(tmp_path).sample(2, seed=0) - expected).abs().max() < 0.01


def test_a_folder_with_generators_but_no_checkpoint_is_not_trained_over(faces, tmp_path):
    fit(make_gan(), faces, steps=4, snapshot_every=2, run_dir=tmp_path)
    shutil.rmtree(tmp_path / "checkpoints")
    (tmp_path / "generator.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        fit(make_gan(), faces, steps=1, run_dir=tmp_path)
    assert Run.open(tmp_path).generators == [0, 2, 4]


def test_pictures_are_the_images_of_a_frame(gan, faces, tmp_path):
    fit(gan, faces, steps=3, snapshot_every=2, run_dir=tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.pictures(2).shape == (64, 3, 16, 16)
    last = to_uint8(gan.sample(64, seed=gan.config.seed))
    assert torch.equal(run.pictures(), last)
    assert not torch.equal(run.pictures(2), last)


def test_pictures_of_a_bundled_run():
    assert Run.open("healthy").pictures(500).shape == (64, 3, 32, 32)


def test_a_damaged_history_is_read_from_the_checkpoint(gan, faces, tmp_path):
    fit(gan, faces, steps=2, run_dir=tmp_path)
    (tmp_path / "history.csv").write_bytes(b"step,loss_d\n1,2,3\n")
    with pytest.warns(UserWarning, match=r"history\.csv is damaged .*history in the newest checkpoint"):
        assert Run.open(tmp_path).history["step"] == [1, 2]
