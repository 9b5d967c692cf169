import math
import os
import shutil
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import TINY, assert_same_state, random_faces

from facegan import GAN, RECIPES, FaceDataset, TrainConfig, fit, load_generator, synthetic_faces, train_step
from facegan.errors import CheckpointError, ConfigError, DataError, TrainingError
from facegan.evaluation.distances import frechet_distance
from facegan.images import read_png, to_float
from facegan.losses import bce_discriminator, flip_labels, r1_penalty
from facegan.runs import checkpoint
from facegan.runtime.device import PRECISIONS
from facegan.training import fit as training
from facegan.training.monitor import HISTORY, METRICS, Watcher


def make(**changes):
    return GAN(TrainConfig(**TINY | changes), device="cpu")


def weights(network):
    return [t.clone() for t in (*network.parameters(), *network.buffers())]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# ---- one step -------------------------------------------------------------------------------------


def test_a_step_moves_both_networks_and_returns_detached_scalars(gan, real):
    before_d, before_g = weights(gan.discriminator), weights(gan.generator)
    metrics = train_step(gan, real)
    assert not same(before_d, weights(gan.discriminator))
    assert not same(before_g, weights(gan.generator))
    assert set(metrics) == set(METRICS)
    assert all(m.ndim == 0 and not m.requires_grad and m.isfinite() for m in metrics.values())
    assert gan.step == 1


def test_a_step_equals_the_algorithm_written_out(gan, real):
    """Algorithm 1 in the words of PyTorch's tutorial: BCE with labels, one Adam a network."""
    other = GAN(gan.config, device="cpu")
    d, g = other.discriminator, other.generator
    adam = {"lr": 2e-4, "betas": (0.5, 0.999)}
    optimizer_d, optimizer_g = (
        torch.optim.Adam(d.parameters(), **adam),
        torch.optim.Adam(g.parameters(), **adam),
    )
    bce = torch.nn.BCEWithLogitsLoss()
    fake = g(torch.randn(8, 8, generator=other.rng))
    loss_d = bce(d(real), torch.ones(8)) + bce(d(fake.detach()), torch.zeros(8))
    loss_d.backward()
    optimizer_d.step()
    loss_g = bce(d(fake), torch.ones(8))
    loss_g.backward()
    norm = torch.cat([p.grad.flatten() for p in g.parameters()]).norm()
    optimizer_g.step()

    metrics = train_step(gan, real)
    torch.testing.assert_close(metrics["loss_d"], loss_d.detach())
    torch.testing.assert_close(metrics["loss_g"], loss_g.detach())
    torch.testing.assert_close(metrics["grad_norm_g"], norm)
    for ours, theirs in ((gan.discriminator, d), (gan.generator, g)):
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value, atol=2e-6, rtol=1e-4)


def test_the_discriminator_step_leaves_the_generator_without_gradients(gan, real, monkeypatch):
    monkeypatch.setattr(
        training,
        "_generator_step",
        lambda gan, fake, uniform: {m: torch.zeros(()) for m in METRICS if "_g" in m or "after" in m},
    )
    before = weights(gan.generator)[: len(list(gan.generator.parameters()))]
    train_step(gan, real)
    assert all(p.grad is None for p in gan.generator.parameters())
    assert same(before, list(gan.generator.parameters()))


def test_the_generator_step_leaves_the_discriminator_as_it_was(gan, monkeypatch):
    before = [p.clone() for p in gan.discriminator.parameters()]
    training._generator_step(gan, gan.generator(torch.randn(8, 8)), torch.rand(2, 8))
    assert same(before, list(gan.discriminator.parameters()))
    assert all(p.grad is None and p.requires_grad for p in gan.discriminator.parameters())


def test_probabilities_are_of_real_and_fake_before_and_after(gan, real):
    with torch.no_grad():
        gan.discriminator.blocks[-1].weight.zero_()  # D knows nothing: one half everywhere
    metrics = train_step(gan, real)
    assert metrics["d_real"] == metrics["d_fake"] == 0.5
    assert metrics["loss_d"].item() == pytest.approx(2 * math.log(2))
    assert metrics["d_fake_after"] != 0.5


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "minimax"},
        {"loss": "least_squares", "label_smoothing": 0.1},
        {"loss": "hinge", "norm": "spectral"},
        {"loss": "wasserstein", "norm": "instance", "gradient_penalty": 10.0},
        {"r1": 10.0, "norm": "none"},
        {"r1": 10.0, "r1_every": 2, "norm": "instance"},
        {"label_flip": 0.3, "augment": "color,translation,cutout"},
        {"optimizer_d": "sgd", "activation": "leaky_relu", "output": "sigmoid"},
        {"precision": "bf16", "ema_decay": 0.99},
        {"precision": "bf16", "ema_decay": 0.99, "upsampling": "nearest"},
        {"precision": "fp16", "loss": "wasserstein", "norm": "none", "gradient_penalty": 10.0},
    ],
)
def test_every_game_trains_and_repeats_itself(changes, faces):
    runs = [make(**changes) for _ in range(2)]
    for run in runs:
        fit(run, faces, steps=3)
    assert_same_state(*runs)
    assert all(math.isfinite(value) for value in runs[0].history["loss_d"])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": "hinge"},
        {"loss": "hinge", "norm": "spectral", "r1": 0.0},
        {"loss": "wasserstein", "gradient_penalty": 10.0, "r1": 0.0},
    ],
)
@pytest.mark.parametrize("size", [16, 128])
def test_modern_and_its_one_line_changes_train_at_any_size(changes, size):
    small = {"width": 2, "width_d": 4, "batch_size": 4, "precision": "fp32"}
    gan = GAN(replace(RECIPES["modern"], image_size=size, **small, **changes), device="cpu")
    before = [p.clone() for p in gan.generator.parameters()]
    history = fit(gan, random_faces(8, size=size), steps=2)
    assert all(math.isfinite(value) for value in (*history["loss_d"], *history["loss_g"]))
    assert not any(torch.equal(a, b) for a, b in zip(before, gan.generator.parameters(), strict=True))


def test_a_lazy_penalty_comes_every_kth_step_with_k_times_the_weight(real):
    gan = make(r1=2.0, r1_every=3, norm="none")
    seen = []
    for _ in range(7):
        penalty = training._penalties(gan, real, real, torch.zeros(8))
        seen.append(float(penalty) / float(r1_penalty(gan.discriminator, real)))
        train_step(gan, real)
    assert seen == pytest.approx([6, 0, 0, 6, 0, 0, 6])


def distance(fake, real):
    """Frechet distance between images averaged over patches of 4 x 4 pixels."""
    return frechet_distance(*(F.avg_pool2d(x, 4).flatten(1).double() for x in (fake, real)))


@pytest.fixture(scope="module")
def learnt():
    """By precision: how far a run's faces are from the drawn ones before and after it."""
    images, _ = synthetic_faces(1000, size=16, seed=1)
    real = to_float(torch.from_numpy(images))

    def train(precision):
        gan = make(width=16, batch_size=16, lr_d=5e-4, lr_g=5e-4, ema_decay=0.98, precision=precision)
        before = distance(gan.sample(1000, seed=0), real)
        fit(gan, FaceDataset(images, "synthetic"), steps=100)
        return distance(gan.sample(1000, seed=0), real) / before

    return {precision: train(precision) for precision in PRECISIONS}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_each_precision_learns_as_fp32_does(learnt, precision):
    """After 100 steps the distance is well down, and within a tenth of what fp32 came to."""
    assert learnt["fp32"] < 0.8
    assert learnt[precision] == pytest.approx(learnt["fp32"], rel=0.1)


def test_fp16_scales_its_losses_and_leaves_out_a_step_that_overflows(real):
    gan = make(precision="fp16")
    train_step(gan, real)
    scale, before = gan.scaler.get_scale(), weights(gan.generator)
    gan.scaler.update(1e38)  # no gradient can bear this
    metrics = train_step(gan, real)
    assert metrics["grad_norm_g"] == metrics["grad_norm_d"] == 0
    assert same(before[:3], weights(gan.generator)[:3])
    assert gan.scaler.get_scale() == pytest.approx(0.5e38)
    gan.scaler.update(scale)
    assert train_step(gan, real)["grad_norm_g"] > 0
    assert not same(before[:3], weights(gan.generator)[:3])


def test_a_run_of_which_every_step_overflows_fp16_says_so(faces):
    gan = make(precision="fp16")

    def collapse(gan, grid):
        if gan.step:
            gan.scaler.update(1e-9)

    with pytest.raises(TrainingError, match="diverged at step 4: every step overflows float16"):
        fit(gan, faces, steps=9, snapshot_every=2, hooks=[collapse])


def test_momentum_starts_from_zero_though_fp16_overflows_at_once(real):
    gan = make(precision="fp16", optimizer_d="sgd")
    gan.scaler.scale(torch.ones(()))
    gan.scaler.update(1e38)
    train_step(gan, real)
    buffers = [moments["momentum_buffer"] for moments in gan.optimizer_d.state.values()]
    assert len(buffers) == len(list(gan.discriminator.parameters()))
    assert not any(buffer.any() for buffer in buffers)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_after_an_interrupted_step_the_next_one_works(precision, real, monkeypatch):
    gan = make(precision=precision)
    interrupt_in_backward(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        train_step(gan, real)
    monkeypatch.undo()
    assert all(p.grad is None for p in gan.generator.parameters())
    train_step(gan, real)


def test_the_scale_of_fp16_is_part_of_the_state(real):
    gan = make(precision="fp16")
    train_step(gan, real)
    gan.scaler.update(1024.0)
    assert GAN.from_state(gan.state_dict(), device="cpu").scaler.get_scale() == 1024.0


def test_a_state_without_a_scale_is_taken_in_any_precision(real):
    state = make().state_dict()
    del state["scaler"]  # as checkpoints before float16 were
    for precision in PRECISIONS:
        gan = make(precision=precision)
        gan.load_state_dict(state)
        train_step(gan, real)


def test_the_penalty_pulls_the_gradient_norm_towards_one(faces):
    def gradient_norm(weight):
        gan = make(loss="wasserstein", norm="none", gradient_penalty=weight, lr_d=2e-3, lr_g=1e-6)
        fit(gan, faces, steps=60)
        images = next(iter(faces.batches(32))).requires_grad_(True)
        (gradient,) = torch.autograd.grad(gan.discriminator(images).sum(), images)
        return gradient.flatten(1).norm(dim=1).mean().item()

    assert abs(gradient_norm(10.0) - 1) < 0.5 < abs(gradient_norm(0.0) - 1)


def test_sgd_really_drives_the_discriminator(faces):
    gan = make(optimizer_d="sgd", lr_d=1.5e-4, momentum=0.9)
    assert isinstance(gan.optimizer_d, torch.optim.SGD)
    fit(gan, faces, steps=2)
    assert all("momentum_buffer" in moments for moments in gan.optimizer_d.state.values())
    assert isinstance(gan.optimizer_g, torch.optim.Adam)


def test_sigmoid_trains_on_zero_to_one(gan, real, monkeypatch):
    seen = []
    for output in ("tanh", "sigmoid"):
        run = make(output=output)
        run.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
        train_step(run, real)
    tanh_real, sigmoid_real = seen[0], seen[3]
    torch.testing.assert_close(sigmoid_real, (tanh_real + 1) / 2)
    assert all(batch.min() >= 0 for batch in seen[3:])


def test_flipped_labels_enter_the_loss(real):
    gan = make(label_flip=0.5, norm="none")
    uniform = torch.rand(2, 8)
    swap = uniform[0] < 0.5
    with torch.no_grad():
        expected = bce_discriminator(*flip_labels(gan.discriminator(real), gan.discriminator(-real), swap))
    torch.testing.assert_close(training._discriminator_step(gan, real, -real, uniform)["loss_d"], expected)
    assert 0 < swap.sum() < 8


def test_the_average_covers_weights_and_buffers(faces):
    gan = make(ema_decay=0.9)
    gan.step = 1000  # past the warm-up
    averaged, raw = gan.ema.state_dict(), gan.generator.state_dict()
    before = {k: v.clone() for k, v in averaged.items()}
    train_step(gan, next(iter(faces.batches(8))))
    for name, value in averaged.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, torch.lerp(raw[name], before[name], 0.9), msg=name)
        else:
            assert torch.equal(value, raw[name])
    assert "running_mean" in "".join(averaged)


def test_without_decay_samples_come_from_the_raw_generator(gan, faces):
    fit(gan, faces, steps=2)
    torch.testing.assert_close(gan.sample(4, seed=0), gan.generator.sample(4, seed=0))


def test_sampling_does_not_disturb_the_run(faces):
    quiet, noisy = make(), make()
    for _ in range(3):
        fit(quiet, faces, steps=quiet.step + 1)
        fit(noisy, faces, steps=noisy.step + 1)
        noisy.sample(5)
    assert_same_state(quiet, noisy)


def test_building_a_gan_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    make()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_discriminator_learns_to_tell_faces_from_noise(faces):
    flat = FaceDataset(np.full((64, 3, 16, 16), 200, np.uint8), "flat")
    gan = make(lr_g=1e-6)
    fit(gan, flat, steps=80)
    assert gan.history["d_real"][-1] > 0.8 > 0.2 > gan.history["d_fake"][-1]


def test_a_generator_learns_the_colour_of_its_data():
    red = np.zeros((64, 3, 16, 16), np.uint8)
    red[:, 0] = np.random.default_rng(0).integers(180, 220, (64, 1, 1))
    gan = make(ema_decay=0.9, lr_g=2e-3, lr_d=1e-3)
    fit(gan, FaceDataset(red, "red"), steps=150)
    r, g, b = gan.sample(32, seed=0).mean((0, 2, 3))
    assert r > 0.2
    assert max(g, b) < -0.4


# ---- fit and its folder ---------------------------------------------------------------------------


def test_the_run_folder_explains_itself(gan, faces, tmp_path):
    history = fit(gan, faces, steps=6, snapshot_every=3, run_dir=tmp_path / "run")
    run = tmp_path / "run"
    files = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()}
    assert files == {
        "checkpoints/step_000000.pt", "checkpoints/step_000003.pt", "checkpoints/step_000006.pt",
        "frames/step_000000.png", "frames/step_000003.png", "frames/step_000006.png",
        "samples.png", "progress.gif", "curves.png", "history.csv", "config.json", "generator.safetensors",
    }  # fmt: skip
    lines = (run / "history.csv").read_text().splitlines()
    assert lines[0] == "step," + ",".join(HISTORY)
    assert len(lines) == 7
    assert float(lines[6].split(",")[1]) == history["loss_d"][-1]
    assert torch.equal(load_generator(run / "generator.safetensors").sample(4, seed=0), gan.sample(4, seed=0))
    assert torch.equal(read_png(run / "samples.png"), gan.snapshot())


def test_history_has_one_float_a_step_and_a_rate(gan, faces):
    history = fit(gan, faces, steps=4)
    assert set(history) == set(HISTORY)
    assert all(len(v) == 4 and all(isinstance(x, float) for x in v) for v in history.values())
    assert min(history["images_per_second"]) > 0


def test_steps_by_hand_before_fit_are_counted(gan, faces, real, tmp_path):
    pytest.importorskip("tensorboard")
    for _ in range(3):
        train_step(gan, real)
    gan.config = replace(gan.config, tensorboard=True)
    fit(gan, faces, steps=5, run_dir=tmp_path / "run")
    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["4", "5"]


def test_epochs_count_whole_passes(faces):
    gan = make(epochs=2)
    fit(gan, faces)
    assert gan.step == 2 * (40 // 8)
    fit(gan, faces, epochs=3)
    assert gan.step == 15


@pytest.mark.parametrize(
    "changes",
    [{"ema_decay": 0.9}, {"label_flip": 0.2, "augment": "color,translation"}, {"optimizer_d": "sgd"},
     {"norm": "spectral", "loss": "hinge"}, {"precision": "bf16"},
     {"norm": "none", "r1": 1.0, "r1_every": 4}, {"upsampling": "nearest", "ema_decay": 0.9}],
)  # fmt: skip
@pytest.mark.parametrize("cut", [3, 7])
def test_stopped_and_resumed_equals_straight(changes, cut, faces, tmp_path, capsys):
    """In the middle of epochs of five steps, in fresh GANs: weights, optimizers, history and frames."""
    straight, resumed = make(**changes), make(**changes)
    fit(straight, faces, steps=12, snapshot_every=4, run_dir=tmp_path / "straight")
    fit(make(**changes), faces, steps=cut, snapshot_every=4, run_dir=tmp_path / "resumed")
    fit(resumed, faces, steps=12, snapshot_every=4, run_dir=tmp_path / "resumed")
    assert f"going on from the checkpoint of step {cut}" in capsys.readouterr().out
    assert_same_state(straight, resumed)
    frames = [sorted((tmp_path / run / "frames").iterdir()) for run in ("straight", "resumed")]
    assert [p.name for p in frames[0]] == [p.name for p in frames[1]]
    assert [p.read_bytes() for p in frames[0]] == [p.read_bytes() for p in frames[1]]
    gifs = [(tmp_path / run / "progress.gif").read_bytes() for run in ("straight", "resumed")]
    assert gifs[0] == gifs[1]


def test_a_finished_run_says_so_and_does_not_move(gan, faces, tmp_path, capsys):
    fit(gan, faces, steps=3, run_dir=tmp_path / "run")
    again = make()
    fit(again, faces, steps=3, run_dir=tmp_path / "run")
    assert "already stands at step 3 of 3" in capsys.readouterr().out
    assert_same_state(gan, again)


def test_frames_after_the_checkpoint_are_made_again(faces, tmp_path):
    fit(make(), faces, steps=4, snapshot_every=2, run_dir=tmp_path / "run")
    frames = tmp_path / "run" / "frames"
    shutil.copy(frames / "step_000004.png", frames / "step_000005.png")  # from steps that a crash lost
    fit(make(), faces, steps=6, snapshot_every=2, run_dir=tmp_path / "run")
    assert sorted(p.name for p in frames.iterdir()) == [f"step_00000{i}.png" for i in (0, 2, 4, 6)]


def test_a_changed_learning_rate_is_taken_and_said(faces, tmp_path, capsys):
    fit(make(), faces, steps=2, run_dir=tmp_path / "run")
    slower = make(lr_g=1e-5)
    fit(slower, faces, steps=3, run_dir=tmp_path / "run")
    assert "lr_g changes from 0.0002 to 1e-05" in capsys.readouterr().out
    assert slower.optimizer_g.param_groups[0]["lr"] == 1e-5


def test_other_data_begin_a_new_epoch(faces, tmp_path, capsys):
    fit(make(), faces, steps=2, run_dir=tmp_path / "run")
    gan = make()
    fit(gan, random_faces(16), steps=4, run_dir=tmp_path / "run")
    assert "from 40 to 16 faces; a new epoch begins" in capsys.readouterr().out
    assert gan.step == 4


class Log(Watcher):
    """Notes what it hears; asks to stop at a step."""

    def __init__(self, stop_at=None):
        self.stop_at, self.heard = stop_at, []

    def begin(self, gan, total):
        self.heard.append(("begin", gan.step, total))

    def __call__(self, gan, grid):
        self.heard.append(("snapshot", gan.step))

    def wants_stop(self, gan):
        self.heard.append(("step", gan.step))
        return gan.step == self.stop_at

    def end(self, gan):
        self.heard.append(("end", gan.step))


def test_a_watcher_hears_of_everything_in_order(gan, faces):
    log = Log()
    fit(gan, faces, steps=2, snapshot_every=2, hooks=[log])
    assert log.heard == [
        ("begin", 0, 2), ("snapshot", 0), ("step", 1), ("step", 2), ("snapshot", 2), ("end", 2),
    ]  # fmt: skip


def test_a_watcher_that_wants_a_stop_gets_it_saved_and_the_run_goes_on_exactly(config, faces, tmp_path):
    gan = GAN(config, device="cpu")
    fit(gan, faces, steps=6, run_dir=tmp_path / "run", hooks=[Log(stop_at=3)])
    assert gan.step == 3
    resumed, straight = GAN(config, device="cpu"), GAN(config, device="cpu")
    fit(resumed, faces, steps=6, run_dir=tmp_path / "run")
    fit(straight, faces, steps=6)
    assert_same_state(resumed, straight)


def test_a_watcher_hears_the_end_of_a_run_that_breaks(gan, faces):
    log = Log()

    def broken(gan, _):
        if gan.step:
            raise ValueError("a hook of the user's")

    with pytest.raises(ValueError, match="a hook of the user's"):
        fit(gan, faces, steps=4, snapshot_every=2, hooks=[log, broken])
    assert log.heard[-1] == ("end", 2)


def test_every_watcher_that_began_hears_the_end_though_another_fails(gan, faces):
    class Broken(Log):
        def begin(self, gan, total):
            raise ValueError("a watcher of the user's")

        def end(self, gan):
            raise AssertionError("it has not begun")

    log = Log()
    with pytest.raises(ValueError, match="a watcher of the user's"):
        fit(gan, faces, steps=4, hooks=[log, Broken()])
    assert log.heard == [("begin", 0, 4), ("end", 0)]


def test_the_bar_is_left_out_where_a_watcher_shows_progress(gan, faces, capsys):
    log = Log()
    log.shows_progress = True
    fit(gan, faces, steps=2, hooks=[log])
    assert "step/s" not in capsys.readouterr().err
    fit(gan, faces, steps=4, hooks=[Log()])
    assert "4/4" in capsys.readouterr().err


def test_hooks_see_every_snapshot(gan, faces):
    seen = []
    fit(
        gan,
        faces,
        steps=4,
        snapshot_every=2,
        hooks=[lambda gan, grid: seen.append((gan.step, tuple(grid.shape)))],
    )
    side = 8 * 18 + 2
    assert seen == [(step, (3, side, side)) for step in (0, 2, 4)]


def test_tensorboard_gets_every_step_and_the_grids(faces, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for steps in (3, 5):
        fit(make(tensorboard=True), faces, steps=steps, snapshot_every=2, run_dir=tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert [e.step for e in events.Scalars("loss_d")] == [1, 2, 3, 4, 5]
    assert [e.step for e in events.Images("faces")] == [0, 2, 3, 4, 5]


def test_export_and_from_state(gan, faces, tmp_path):
    fit(gan, faces, steps=2)
    path = gan.export(tmp_path / "g.safetensors")
    assert torch.equal(load_generator(path).sample(3, seed=1), gan.sample(3, seed=1))
    saved = checkpoint.load(checkpoint.save(gan.state_dict(), tmp_path / "a.pt"))
    assert_same_state(GAN.from_state(saved, device="cpu"), gan)


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
    with pytest.raises(CheckpointError, match="no state of a facegan run"):
        GAN.from_state(state, device="cpu")
    with pytest.raises(CheckpointError, match="no state of a facegan run"):
        load_generator(tmp_path)


def test_the_width_of_d_may_be_said_or_left_out(gan):
    gan.load_state_dict(make(width_d=gan.config.width).state_dict())
    with pytest.raises(CheckpointError, match="width_d 12 there and 8 here"):
        gan.load_state_dict(make(width_d=12).state_dict())


# ---- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"steps": 0}, ConfigError, "steps is 0"),
        ({"epochs": 1.5}, ConfigError, "epochs is 1.5"),
        ({"steps": 1, "epochs": 1}, ConfigError, "both epochs=1 and steps=1"),
        ({"steps": 1, "snapshot_every": -1}, ConfigError, "snapshot_every is -1"),
    ],
)
def test_bad_arguments_of_fit_are_refused_before_anything_is_made(
    gan, faces, tmp_path, arguments, error, message
):
    with pytest.raises(error, match=message):
        fit(gan, faces, run_dir=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_faces_of_the_wrong_size_or_number(gan):
    with pytest.raises(ConfigError, match=r"faces are 32 px, the networks 16 px.*size=16"):
        fit(gan, random_faces(10, size=32), steps=1)
    with pytest.raises(DataError, match="batch of 8 cannot be drawn from the 5 faces"):
        fit(gan, random_faces(5), steps=1)


def test_a_step_refuses_images_of_another_size(gan):
    with pytest.raises(ConfigError, match=r"\(2, 3, 32, 32\), this discriminator takes \(B, 3, 16, 16\)"):
        train_step(gan, torch.zeros(2, 3, 32, 32))


def test_a_run_folder_that_cannot_be_made(gan, faces, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match=r"run folder .* cannot be used"):
        fit(gan, faces, steps=1, run_dir=tmp_path / "file")


def test_a_checkpoint_of_other_networks_lists_the_settings_and_changes_nothing(faces, tmp_path):
    fit(make(), faces, steps=2, run_dir=tmp_path / "run")
    other = make(width=16, norm="none")
    before = other.state_dict()
    kept = {k: v.clone() for k, v in before["generator"].items()}
    with pytest.raises(
        CheckpointError, match="width 8 there and 16 here, norm 'batch' there and 'none' here"
    ):
        fit(other, faces, steps=4, run_dir=tmp_path / "run")
    assert other.step == 0
    assert all(torch.equal(v, kept[k]) for k, v in other.generator.state_dict().items())


def test_optimizer_moments_of_the_wrong_shape_are_refused(gan, faces):
    fit(gan, faces, steps=1)
    state = gan.state_dict()
    state["optimizer_g"]["state"][0]["exp_avg"] = torch.zeros(3)
    with pytest.raises(CheckpointError, match=r"optimizer_g does not fit: exp_avg of weight 0 is \(3,\)"):
        make().load_state_dict(state)


@pytest.mark.parametrize("missing", ["config", "rng", "history", "ema", "optimizer_d"])
def test_incomplete_states_are_refused_and_change_nothing(gan, faces, missing):
    state = {k: v for k, v in gan.state_dict().items() if k != missing}
    other = make()
    fit(other, faces, steps=1)
    with pytest.raises(CheckpointError, match=missing):
        other.load_state_dict(state)
    assert other.step == 1


# ---- what goes wrong on the way -------------------------------------------------------------------


def test_a_diverged_loss_stops_with_the_step_and_keeps_the_checkpoint(faces, tmp_path):
    gan = make()

    def poison(gan, grid):
        if gan.step == 4:
            gan.discriminator.blocks[0][0].weight.data.fill_(math.nan)

    with pytest.raises(
        TrainingError, match=r"diverged at step 5: loss_d is nan\. The checkpoint of step 4 is kept"
    ):
        fit(gan, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run", hooks=[poison])
    again = make()
    fit(again, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run")
    assert again.step == 9


def test_infinite_weights_are_not_saved(gan, faces, tmp_path, monkeypatch):
    step = training._step

    def explode(gan, play, real):
        metrics = step(gan, play, real)
        gan.ema.blocks[0][0].weight.fill_(math.inf)
        return metrics

    monkeypatch.setattr(training, "_step", explode)
    with pytest.raises(TrainingError, match="step 2: a weight is no longer finite"):
        fit(gan, faces, steps=4, snapshot_every=2, run_dir=tmp_path / "run")
    assert checkpoint.steps(tmp_path / "run" / "checkpoints") == [0]


def interrupt_at(step):
    """A step during which the user presses Ctrl-C, before its `step`-th round begins."""
    play_on = training._step

    def interrupted(gan, play, real):
        if gan.step == step - 1:
            signal.raise_signal(signal.SIGINT)
        return play_on(gan, play, real)

    return interrupted


def test_ctrl_c_finishes_the_step_saves_and_goes_on(faces, tmp_path, monkeypatch, capsys):
    straight, gan = make(), make()
    fit(straight, faces, steps=8)
    monkeypatch.setattr(training, "_step", interrupt_at(5))
    history = fit(gan, faces, steps=8, snapshot_every=3, run_dir=tmp_path / "run")
    assert len(history["loss_d"]) == gan.step == 5
    assert "stopped at step 5 of 8: saved" in capsys.readouterr().out
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = make()
    fit(again, faces, steps=8, run_dir=tmp_path / "run")
    assert_same_state(again, straight)
    assert (tmp_path / "run" / "progress.gif").exists()


def test_ctrl_c_in_mid_save_completes_the_save(faces, tmp_path, monkeypatch):
    save = checkpoint.save

    def interrupted_save(state, path):
        signal.raise_signal(signal.SIGINT)
        return save(state, path)

    gan = make()
    monkeypatch.setattr(checkpoint, "save", interrupted_save)
    fit(gan, faces, steps=8, snapshot_every=3, run_dir=tmp_path / "run")
    assert checkpoint.load_latest(tmp_path / "run" / "checkpoints")["step"] == gan.step == 0


def interrupt_in_backward(monkeypatch, nth):
    """Make the `nth` backward pass of a run end in KeyboardInterrupt, as a second Ctrl-C does."""
    backward, calls = torch.Tensor.backward, iter(range(1, 10_000))

    def interrupted(loss):
        backward(loss)
        if next(calls) == nth:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch.Tensor, "backward", interrupted)


@pytest.mark.parametrize("nth", [11, 12], ids=["in D's half of step 6", "in G's half of step 6"])
def test_an_interrupt_inside_a_step_goes_back_to_the_checkpoint(faces, tmp_path, monkeypatch, capsys, nth):
    straight, gan = make(), make()
    fit(straight, faces, steps=8)
    interrupt_in_backward(monkeypatch, nth)
    history = fit(gan, faces, steps=8, snapshot_every=3, run_dir=tmp_path / "run")
    assert len(gan.history["loss_d"]) == gan.step == 3
    assert history is not None
    assert "back at the checkpoint of step 3" in capsys.readouterr().out
    monkeypatch.undo()
    fit(gan, faces, steps=8, run_dir=tmp_path / "run")
    assert_same_state(gan, straight)


def test_an_interrupt_inside_a_step_without_a_folder_keeps_the_history(gan, faces, monkeypatch, capsys):
    interrupt_in_backward(monkeypatch, 11)
    history = fit(gan, faces, steps=8)
    assert len(history["loss_d"]) == gan.step == 5
    assert "after step 5; nothing was saved" in capsys.readouterr().out
    monkeypatch.undo()
    assert len(fit(gan, faces, steps=8)["loss_d"]) == 8


def test_fit_works_outside_the_main_thread(gan, faces):
    thread = threading.Thread(target=fit, args=(gan, faces), kwargs={"steps": 2})
    thread.start()
    thread.join()
    assert gan.step == 2


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_suggests_a_batch_size(gan, faces, monkeypatch, error):
    def exhausted(*_):
        raise error

    monkeypatch.setattr(training, "_discriminator_step", exhausted)
    with pytest.raises(
        TrainingError, match=r"out of memory on cpu at step 1 with batch_size=8\. Try batch_size=4"
    ):
        fit(gan, faces, steps=2)


def test_other_errors_pass_unchanged(gan, faces):
    def broken(gan, grid):
        raise RuntimeError("a hook's own bug")

    with pytest.raises(RuntimeError, match="a hook's own bug"):
        fit(gan, faces, steps=2, hooks=[broken])


def test_a_vanished_run_folder_is_survived_and_refilled_when_it_returns(faces, tmp_path):
    run, away = tmp_path / "drive" / "run", tmp_path / "drive-away"
    gan = make()

    def unmount(gan, grid):
        if gan.step == 2:
            (tmp_path / "drive").rename(away)
        if gan.step == 4:
            away.rename(tmp_path / "drive")

    with pytest.warns(UserWarning, match="cannot be written.*training goes on"):
        fit(gan, faces, steps=8, snapshot_every=2, run_dir=run, hooks=[unmount])
    assert [p.name for p in sorted((run / "frames").iterdir())] == [
        f"step_00000{i}.png" for i in (0, 2, 4, 6, 8)
    ]
    assert checkpoint.load_latest(run / "checkpoints")["step"] == 8


def test_a_folder_that_vanishes_after_the_last_save_costs_no_history(gan, faces, tmp_path):
    def unmount(gan, grid):
        if gan.step == 4:
            shutil.rmtree(tmp_path / "drive")

    with pytest.warns(UserWarning, match="did not come back") as caught:
        history = fit(
            gan, faces, steps=4, snapshot_every=2, run_dir=tmp_path / "drive" / "run", hooks=[unmount]
        )
    assert len(history["loss_d"]) == 4
    shutil.rmtree(str(caught[-1].message).split("lies in ")[1].rstrip("."))


def test_a_picture_that_is_in_use_does_not_move_the_run(gan, faces, tmp_path, monkeypatch):
    write = checkpoint.write_atomic

    def in_use(path, data):
        if path.name == "history.csv":
            raise PermissionError(13, "used by another program")
        return write(path, data)

    monkeypatch.setattr(checkpoint, "write_atomic", in_use)
    with pytest.warns(UserWarning, match=r"could not write history\.csv \(used by another program\)"):
        fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    assert checkpoint.steps(tmp_path / "run" / "checkpoints") == [0, 2]


def test_foreign_files_in_the_run_folder_are_left_alone(faces, tmp_path):
    fit(make(), faces, steps=2, snapshot_every=2, run_dir=tmp_path / "run")
    copy = shutil.copy(tmp_path / "run/frames/step_000002.png", tmp_path / "run/frames/step_000002 (1).png")
    fit(make(), faces, steps=4, snapshot_every=2, run_dir=tmp_path / "run")
    assert os.path.exists(copy)


def test_a_run_begun_in_memory_can_move_into_a_folder(gan, faces, tmp_path):
    fit(gan, faces, steps=3)
    fit(gan, faces, steps=3, run_dir=tmp_path / "run")
    assert checkpoint.load_latest(tmp_path / "run" / "checkpoints")["step"] == 3


def test_a_run_folder_that_never_returns_leaves_everything_in_the_rescue_folder(faces, tmp_path):
    run, gan = tmp_path / "drive" / "run", make()

    def unmount(gan, grid):
        if gan.step == 2:
            shutil.rmtree(tmp_path / "drive")

    with pytest.warns(UserWarning, match="did not come back; everything lies in") as caught:
        fit(gan, faces, steps=4, snapshot_every=2, run_dir=run, hooks=[unmount])
    rescue = str(caught[-1].message).split("lies in ")[1].rstrip(".")
    assert checkpoint.load_latest(os.path.join(rescue, "checkpoints"))["step"] == 4
    assert os.path.exists(os.path.join(rescue, "generator.safetensors"))
    assert not run.exists()
    shutil.rmtree(rescue)


def test_a_full_disk_ends_the_run_with_its_name(gan, faces, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match="disk full"):
        fit(gan, faces, steps=2, run_dir=tmp_path / "run")


def test_a_config_can_be_replaced_one_field_at_a_time(faces):
    gan = GAN(replace(make().config, loss="hinge"), device="cpu")
    fit(gan, faces, steps=1)
    assert gan.step == 1
