import math
import os
import shutil

import pytest
import torch
from helpers import TINY, assert_same_state, make_gan, random_faces
from torch import nn

from facegan import GAN, LOSSES, Callback, FaceDataset, Loss, Run, TrainConfig, fit
from facegan.errors import CheckpointError, ConfigError, TrainingError
from facegan.runs import checkpoint

pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.mark.parametrize(
    "changes",
    [{"ema_decay": 0.9}, {"label_flip": 0.2, "augment": "color,translation"}, {"optimizer_d": "sgd"},
     {"norm": "spectral", "loss": "hinge"}, {"precision": "bf16"},
     {"norm": "none", "n_critic": 3, "loss": "wasserstein", "gradient_penalty": 10.0, "latent": "uniform"},
     {"augment": "color,translation", "augment_target": 0.1},
     {"norm": "none", "r1": 1.0, "r1_every": 4}, {"upsampling": "nearest", "ema_decay": 0.9}],
)  # fmt: skip
@pytest.mark.parametrize("cut", [3, pytest.param(7, marks=pytest.mark.slow)])
def test_stopped_and_resumed_equals_straight(changes, cut, faces, tmp_path, capsys):
    """In the middle of epochs of five steps, in fresh GANs: weights, optimizers, history and frames."""
    straight, resumed = make_gan(**changes), make_gan(**changes)
    fit(straight, faces, steps=12, snapshot_every=4, run_dir=tmp_path / "straight")
    fit(make_gan(**changes), faces, steps=cut, snapshot_every=4, run_dir=tmp_path / "resumed")
    fit(resumed, faces, steps=12, snapshot_every=4, run_dir=tmp_path / "resumed")
    assert f"resuming from step {cut}" in capsys.readouterr().out
    assert_same_state(straight, resumed)
    frames = [sorted((tmp_path / run / "frames").iterdir()) for run in ("straight", "resumed")]
    assert [p.name for p in frames[0]] == [p.name for p in frames[1]]
    assert [p.read_bytes() for p in frames[0]] == [p.read_bytes() for p in frames[1]]
    gifs = [(tmp_path / run / "progress.gif").read_bytes() for run in ("straight", "resumed")]
    assert gifs[0] == gifs[1]


def test_a_finished_run_says_so_and_does_not_move(gan, faces, tmp_path, capsys):
    fit(gan, faces, steps=3, run_dir=tmp_path / "run")
    again = make_gan()
    fit(again, faces, steps=3, run_dir=tmp_path / "run")
    assert "already at step 3 (requested: 3)" in capsys.readouterr().out
    assert_same_state(gan, again)


def test_frames_after_the_checkpoint_are_made_again(faces, tmp_path):
    fit(make_gan(), faces, steps=4, snapshot_every=2, run_dir=tmp_path / "run")
    frames = tmp_path / "run" / "frames"
    shutil.copy(frames / "step_000004.png", frames / "step_000005.png")  # from steps that a crash lost
    fit(make_gan(), faces, steps=6, snapshot_every=2, run_dir=tmp_path / "run")
    assert sorted(p.name for p in frames.iterdir()) == [f"step_00000{i}.png" for i in (0, 2, 4, 6)]


def test_a_changed_learning_rate_is_taken_and_said(faces, tmp_path, capsys):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    slower = make_gan(lr_g=1e-5)
    fit(slower, faces, steps=3, run_dir=tmp_path / "run")
    assert "lr_g changes from 0.0002 to 1e-05" in capsys.readouterr().out
    assert slower.optimizer_g.param_groups[0]["lr"] == 1e-5


def test_other_data_are_refused_with_both_records(faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    before = (tmp_path / "run" / "config.json").read_bytes()
    message = r"data is 'random, 40 faces, .*' in the checkpoint, 'random, 16 faces, .* resume='anyway'"
    with pytest.raises(CheckpointError, match=message):
        fit(make_gan(), random_faces(16), steps=4, run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_other_faces_of_the_same_number_are_refused(faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match="fingerprint"):
        fit(make_gan(), FaceDataset(255 - faces.images, "random"), steps=4, run_dir=tmp_path / "run")


def test_the_same_faces_under_another_name_are_the_same_data(faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    gan = make_gan()
    fit(gan, FaceDataset(faces.images, "moved"), steps=4, run_dir=tmp_path / "run")
    assert gan.step == 4


def test_anyway_continues_on_other_data_with_a_new_epoch(faces, tmp_path, capsys):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    gan = make_gan()
    fit(gan, random_faces(16), steps=4, run_dir=tmp_path / "run", resume="anyway")
    assert "a new epoch begins" in capsys.readouterr().out
    assert gan.step == 4
    segments = Run.open(tmp_path / "run").segments
    assert [(s["from_step"], s["data"]["count"]) for s in segments] == [(0, 40), (2, 16)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "hinge"}, "loss is 'bce' in the checkpoint, 'hinge' in this GAN"),
        ({"r1": 1.0}, "r1 is 0.0 in the checkpoint, 1.0"),
        ({"augment": "color"}, "augment is 'none'"),
        ({"augment": "color", "augment_target": 0.6}, "augment_target is 0.0 in the checkpoint, 0.6"),
        ({"n_critic": 2}, "n_critic is 1 in the checkpoint, 2"),
    ],
)
def test_another_game_is_refused_even_if_the_run_is_finished(changes, message, faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    before = (tmp_path / "run" / "config.json").read_bytes()
    with pytest.raises(CheckpointError, match=message):
        fit(make_gan(**changes), faces, steps=2, run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_anyway_continues_with_another_loss_and_config_json_says_from_where(faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    fit(make_gan(loss="hinge"), faces, steps=4, run_dir=tmp_path / "run", resume="anyway")
    segments = Run.open(tmp_path / "run").segments
    assert [(s["from_step"], s["settings"]["loss"]) for s in segments] == [(0, "bce"), (2, "hinge")]
    fit(
        make_gan(loss="hinge"), faces, steps=6, run_dir=tmp_path / "run"
    )  # and is what the run is from now on
    assert len(Run.open(tmp_path / "run").segments) == 2


def test_an_own_loss_is_part_of_what_a_run_is(faces, tmp_path):
    def discriminator(real, fake):
        return (fake - real).mean()

    own = Loss(discriminator, LOSSES["bce"].generator)
    fit(GAN(TrainConfig(**TINY), loss=own, device="cpu"), faces, steps=2, run_dir=tmp_path / "run")
    with pytest.raises(
        CheckpointError, match=r"loss is '.*discriminator \w+, bce_generator' in the .*, 'bce'"
    ):
        fit(make_gan(), faces, steps=4, run_dir=tmp_path / "run")


def scaled(weight):
    """A loss whose functions differ in the value that they enclose."""
    return Loss(lambda real, fake: weight * sum(x.mean() for x in (fake, real)), LOSSES["bce"].generator)


def test_a_loss_with_another_enclosed_value_is_another_loss(faces, tmp_path):
    def train(weight, steps):
        gan = GAN(TrainConfig(**TINY), loss=scaled(weight), device="cpu")
        return fit(gan, faces, steps=steps, run_dir=tmp_path / "run")

    train(1.0, steps=1)
    assert train(1.0, steps=2)["step"] == [1, 2]
    with pytest.raises(CheckpointError, match="loss is"):
        train(2.0, steps=3)


def test_a_damaged_newest_checkpoint_is_moved_aside_and_not_overwritten(faces, tmp_path):
    fit(make_gan(), faces, steps=4, snapshot_every=2, run_dir=tmp_path)
    newest = tmp_path / "checkpoints" / "step_000004.pt"
    for name in ("step_000004.pt.damaged", "step_000004.pt.damaged-1"):
        newest.write_bytes(damaged := newest.read_bytes()[:-9])
        with pytest.warns(UserWarning, match=f"It is now {name}. Using the checkpoint before it"):
            fit(make_gan(), faces, steps=4, snapshot_every=2, run_dir=tmp_path)
        assert newest.with_name(name).read_bytes() == damaged
        assert checkpoint.load(newest)["step"] == 4


def test_a_folder_is_free_after_a_failure(faces, tmp_path):
    def fail(gan, grid):
        raise RuntimeError("mine")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="mine"):
            fit(make_gan(), faces, steps=1, run_dir=tmp_path, callbacks=[fail])


def test_a_generator_without_checkpoints_is_not_overwritten(faces, tmp_path):
    fit(make_gan(), faces, steps=1, run_dir=tmp_path)
    kept = (tmp_path / "generator.safetensors").read_bytes()
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        fit(make_gan(), faces, steps=1, run_dir=tmp_path)
    assert (tmp_path / "generator.safetensors").read_bytes() == kept


def test_a_gan_that_saw_other_faces_in_between_is_refused(faces, tmp_path):
    gan = make_gan()
    fit(gan, faces, steps=1, run_dir=tmp_path)
    fit(gan, 255 - faces.images, steps=2)
    with pytest.raises(CheckpointError, match="data is"):
        fit(gan, faces, steps=3, run_dir=tmp_path)
    fit(gan, faces, steps=3, run_dir=tmp_path, resume="anyway")
    assert [(s["from_step"], s["data"]["name"]) for s in Run.open(tmp_path).segments] == [
        (0, faces.name), (1, "array"), (2, faces.name)
    ]  # fmt: skip


def test_a_segment_that_left_no_checkpoint_does_not_describe_the_run(faces, tmp_path):
    class Kill(Callback):
        def on_train_begin(self, gan, total):
            raise OSError("killed")

    fit(make_gan(), faces, steps=1, run_dir=tmp_path)
    with pytest.raises(OSError, match="killed"):
        fit(make_gan(flip=False), faces, steps=2, run_dir=tmp_path, callbacks=[Kill()])
    assert Run.open(tmp_path).config.flip


@pytest.mark.parametrize(
    "damaged", ["{", '{"segments": null}', '{"segments": [{}]}', '{"segments": "x"}', "[1]"]
)
def test_a_damaged_config_is_kept_and_replaced(damaged, faces, tmp_path):
    fit(make_gan(), faces, steps=1, run_dir=tmp_path)
    (tmp_path / "config.json").write_text(damaged)
    with pytest.warns(UserWarning, match="is damaged"):
        fit(make_gan(), faces, steps=2, run_dir=tmp_path)
    assert (tmp_path / "config-damaged.json").read_text() == damaged
    assert Run.open(tmp_path).segments[-1]["from_step"] == 1


def test_a_run_folder_may_be_in_the_users_home(faces, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    fit(make_gan(), faces, steps=1, run_dir="~/run")
    assert Run.open("~/run").checkpoints == Run.open(tmp_path / "run").checkpoints == [0, 1]


def test_a_gan_that_is_further_along_is_not_rolled_back(faces, tmp_path):
    gan, straight = make_gan(), make_gan()
    fit(straight, faces, steps=8)
    fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    fit(gan, faces, steps=5)
    fit(gan, faces, steps=8, run_dir=tmp_path / "run")
    assert_same_state(gan, straight)
    assert Run.open(tmp_path / "run").checkpoints[-1] == 8


def test_a_gan_of_another_training_is_not_replaced_by_the_folders(faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    gan = make_gan(flip=False)
    fit(gan, faces, steps=5)
    with pytest.raises(CheckpointError, match="at step 2, and this GAN, at step 5"):
        fit(gan, faces, steps=8, run_dir=tmp_path / "run")
    assert gan.step == 5


def test_a_finished_run_leaves_config_json_as_it_was(faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    before = (tmp_path / "run" / "config.json").read_bytes()
    fit(make_gan(lr_g=1e-5), faces, steps=2, run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_resume_takes_two_words_only(gan, faces):
    with pytest.raises(ConfigError, match="resume is 'yes'; choose one of 'auto', 'anyway'"):
        fit(gan, faces, steps=1, resume="yes")


def test_a_checkpoint_of_other_networks_lists_the_settings_and_changes_nothing(faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    other = make_gan(width=16, norm="none")
    before = other.state_dict()
    kept = {k: v.clone() for k, v in before["generator"].items()}
    with pytest.raises(
        CheckpointError,
        match=r"width is 8 .*, 16 .*norm is 'batch' .*, 'none'",
    ):
        fit(other, faces, steps=4, run_dir=tmp_path / "run")
    assert other.step == 0
    assert all(torch.equal(v, kept[k]) for k, v in other.generator.state_dict().items())


def test_foreign_files_in_the_run_folder_are_left_alone(faces, tmp_path):
    fit(make_gan(), faces, steps=2, snapshot_every=2, run_dir=tmp_path / "run")
    copy = shutil.copy(tmp_path / "run/frames/step_000002.png", tmp_path / "run/frames/step_000002 (1).png")
    fit(make_gan(), faces, steps=4, snapshot_every=2, run_dir=tmp_path / "run")
    assert os.path.exists(copy)


def test_a_run_begun_in_memory_can_move_into_a_folder(gan, faces, tmp_path):
    fit(gan, faces, steps=3)
    fit(gan, faces, steps=3, run_dir=tmp_path / "run")
    assert checkpoint.load_latest(tmp_path / "run" / "checkpoints")["step"] == 3


def test_a_diverged_gan_is_back_at_its_checkpoint(faces, tmp_path):
    gan = make_gan()

    def poison(gan, grid):
        if gan.step == 4:
            gan.generator.blocks[0][0].weight.data.fill_(math.nan)

    with pytest.raises(TrainingError, match="diverged"):
        fit(gan, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run", callbacks=[poison])
    assert gan.step == 4
    fit(gan, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run")
    straight = make_gan()
    fit(straight, faces, steps=9)
    assert_same_state(gan, straight)


def test_a_step_that_fails_leaves_the_gan_at_its_checkpoint(faces, tmp_path, monkeypatch):
    gan = make_gan()

    def exhausted(*_):
        raise torch.OutOfMemoryError("out of memory")

    def fail_soon(gan, grid):
        if gan.step == 2:
            monkeypatch.setattr("facegan.training.step.frozen", exhausted)  # D is updated, G is not

    with pytest.raises(TrainingError, match="out of memory"):
        fit(gan, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run", callbacks=[fail_soon])
    monkeypatch.undo()
    fit(gan, faces, steps=4, run_dir=tmp_path / "run")
    straight = make_gan()
    fit(straight, faces, steps=4)
    assert_same_state(gan, straight)


def test_an_error_of_a_callback_costs_no_steps(gan, faces, tmp_path):
    class Broken:
        def on_step_end(self, gan, metrics):
            if gan.step == 3:
                raise ValueError("of the user's")

    with pytest.raises(ValueError, match="of the user's"):
        fit(gan, faces, steps=9, run_dir=tmp_path / "run", callbacks=[Broken()])
    assert gan.step == 3
    fit(gan, faces, steps=5, run_dir=tmp_path / "run")
    assert gan.history["step"] == [1, 2, 3, 4, 5]


def test_a_run_that_does_not_train_changes_nothing(faces, tmp_path):
    fit(make_gan(), faces, steps=2, run_dir=tmp_path / "run")
    before = (tmp_path / "run" / "generator.safetensors").read_bytes()
    gan = make_gan()
    fit(gan, random_faces(16), steps=2, run_dir=tmp_path / "run", resume="anyway")
    assert gan.data["count"] == 40
    assert (tmp_path / "run" / "generator.safetensors").read_bytes() == before


def test_two_lambdas_are_two_losses(faces, tmp_path):
    for factor, resumes in ((1, True), (1, True), (2, False)):
        code = f"(lambda r, f: {factor} * (f - r).mean(), lambda f: -f.mean())"
        gan = GAN(TrainConfig(**TINY), loss=eval(code), device="cpu")
        if resumes:
            fit(gan, faces, steps=2, run_dir=tmp_path / "run")
        else:
            with pytest.raises(CheckpointError, match="loss is '<lambda> "):
                fit(gan, faces, steps=4, run_dir=tmp_path / "run")


def test_layers_without_weights_are_part_of_the_game(faces, tmp_path):
    def gan(slope):
        network = nn.Sequential(nn.Flatten(), nn.Linear(768, 4), nn.LeakyReLU(slope), nn.Linear(4, 1))
        return GAN(TrainConfig(**TINY), discriminator=network, device="cpu")

    fit(gan(0.2), faces, steps=1, run_dir=tmp_path / "run")
    with pytest.raises(
        CheckpointError, match=r"negative_slope=0.2.* in the checkpoint, .*negative_slope=0.1"
    ):
        fit(gan(0.1), faces, steps=2, run_dir=tmp_path / "run")
    fit(gan(0.1), faces, steps=2, run_dir=tmp_path / "run", resume="anyway")


def test_a_run_resumes_in_the_epoch_that_it_was_in(faces, tmp_path):
    fit(make_gan(), faces, steps=7, run_dir=tmp_path)
    gan = make_gan()
    fit(gan, faces, steps=8, run_dir=tmp_path)
    assert gan.epoch == 2


def test_an_own_network_is_not_resumed_with_another_distribution_of_latents(faces, tmp_path):
    def own():
        return nn.Sequential(nn.Linear(8, 3 * 16 * 16), nn.Unflatten(1, (3, 16, 16)), nn.Tanh())

    config = TrainConfig(**TINY)
    fit(GAN(config, generator=own(), device="cpu"), faces, steps=1, run_dir=tmp_path)
    with pytest.raises(CheckpointError, match="latent is 'normal' in the checkpoint, 'uniform'"):
        fit(
            GAN(config.replace(latent="uniform"), generator=own(), device="cpu"),
            faces,
            steps=2,
            run_dir=tmp_path,
        )
