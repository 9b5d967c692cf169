import math
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import assert_same_state, make_gan, random_faces, same, weights

from facegan import Run, fit, load_generator, train_step
from facegan.errors import ConfigError, DataError
from facegan.images import read_png, to_float
from facegan.runs.history import COLUMNS
from facegan.training import optimizers


def test_the_run_folder_explains_itself(gan, faces, tmp_path):
    history = fit(gan, faces, steps=6, snapshot_every=3, run_dir=tmp_path / "run")
    run = tmp_path / "run"
    files = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()}
    assert files == {
        "checkpoints/step_000000.pt", "checkpoints/step_000003.pt", "checkpoints/step_000006.pt",
        "frames/step_000000.png", "frames/step_000003.png", "frames/step_000006.png",
        "generators/step_000000.safetensors", "generators/step_000003.safetensors",
        "generators/step_000006.safetensors",
        "samples.png", "progress.gif", "curves.png", "history.csv", "config.json", "generator.safetensors",
        ".run.lock",
    }  # fmt: skip
    lines = (run / "history.csv").read_text().splitlines()
    assert lines[0] == "step," + ",".join(COLUMNS)
    assert len(lines) == 7
    assert float(lines[6].split(",")[1]) == history["loss_d"][-1]
    assert torch.equal(load_generator(run / "generator.safetensors").sample(4, seed=0), gan.sample(4, seed=0))
    assert torch.equal(read_png(run / "samples.png"), gan.preview_grid())


def test_history_has_one_float_a_step_and_a_rate(gan, faces):
    history = fit(gan, faces, steps=4)
    assert list(history) == ["step", *COLUMNS]
    assert history["step"] == [1, 2, 3, 4]
    assert all(len(history[name]) == 4 and isinstance(history[name][0], float) for name in COLUMNS)
    assert min(history["images_per_second"]) > 0


def test_steps_by_hand_before_fit_are_counted(gan, faces, real, tmp_path):
    pytest.importorskip("tensorboard")
    for _ in range(3):
        train_step(gan, real)
    gan.config = replace(gan.config, tensorboard=True)
    fit(gan, faces, steps=5, run_dir=tmp_path / "run")
    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3", "4", "5"]


def test_epochs_count_whole_passes(faces):
    gan = make_gan(epochs=2)
    fit(gan, faces)
    assert gan.step == 2 * (40 // 8)
    fit(gan, faces, epochs=3)
    assert gan.step == 15


def test_epochs_count_whole_passes_with_several_critic_steps(faces):
    gan = make_gan(epochs=2, n_critic=3)
    fit(gan, faces)
    assert (gan.step, gan.epoch) == (4, 3)  # 10 batches of two epochs, and two of the third


def test_every_critic_step_takes_the_next_batch_of_the_epoch(faces, monkeypatch):
    gan, seen = make_gan(n_critic=5, flip=False), []
    monkeypatch.setattr("facegan.training.fit.train_step", lambda gan, real: seen.append(real) or _step(gan))
    fit(gan, faces, steps=1)
    ours, theirs = (sorted(x.flatten(1).sum(1).tolist()) for x in (torch.cat(seen), to_float(faces[:])))
    assert ours == theirs  # five batches of eight are the forty faces


def _step(gan):
    gan.step += 1
    return {}


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
    with pytest.raises(DataError, match=r"faces are 32 px, the networks 16 px.*size=16"):
        fit(gan, random_faces(10, size=32), steps=1)
    with pytest.raises(DataError, match="batch of 8 cannot be drawn from the 5 faces"):
        fit(gan, random_faces(5), steps=1)


def test_fit_works_outside_the_main_thread(gan, faces):
    thread = threading.Thread(target=fit, args=(gan, faces), kwargs={"steps": 2})
    thread.start()
    thread.join()
    assert gan.step == 2


def test_what_is_no_gan_is_refused(faces):
    with pytest.raises(ConfigError, match="first argument is a str, expected a GAN"):
        fit("tiny", faces)


def test_a_run_that_moves_into_a_folder_gets_a_frame_at_once(gan, faces, tmp_path):
    fit(gan, faces, steps=3)
    fit(gan, faces, steps=5, run_dir=tmp_path / "run")
    assert Run.open(tmp_path / "run").steps == [3]


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_images_in_memory_are_trained_on_as_they_are(gan, faces, kind):
    images = kind([*faces.images]) if kind is np.array else kind(torch.from_numpy(faces.images))
    straight = make_gan()
    fit(gan, images, steps=2)
    fit(straight, faces, steps=2)
    assert same(weights(gan.generator), weights(straight.generator))


def rates(gan):
    return [float(o.param_groups[0]["lr"]) for o in (gan.optimizer_d, gan.optimizer_g)]


class AtEachStep:
    def __init__(self, function):
        self.on_step_end = lambda gan, metrics: function(gan)


def test_learning_rates_fall_along_a_cosine_over_the_last_share_of_the_run():
    gan, seen = make_gan(lr_decay=0.5, lr_d=1e-4, lr_g=2e-4), []
    fit(gan, random_faces(32), steps=8, callbacks=[AtEachStep(lambda gan: seen.append(rates(gan)))])
    factors = [1, 1, 1, 1, 1, (1 + math.cos(math.pi / 4)) / 2, 0.5, (1 + math.cos(math.pi * 3 / 4)) / 2]
    assert seen == [pytest.approx([1e-4 * f, 2e-4 * f]) for f in factors]


def test_a_resumed_run_with_falling_rates_equals_one_without_a_break(tmp_path):
    whole, first, second = (make_gan(lr_decay=1.0) for _ in range(3))
    fit(whole, random_faces(32), steps=6)
    fit(
        first,
        random_faces(32),
        steps=6,
        run_dir=tmp_path,
        callbacks=[AtEachStep(lambda gan: gan.step == 3 and gan.request_stop())],
    )
    fit(second, random_faces(32), steps=6, run_dir=tmp_path)
    assert first.step == 3
    assert_same_state(whole, second)


def test_without_lr_decay_fit_leaves_learning_rates_alone():
    gan = make_gan()
    gan.optimizer_g.param_groups[0]["lr"] = 0.5e-4
    fit(gan, random_faces(32), steps=2)
    assert rates(gan) == pytest.approx([2e-4, 0.5e-4])


def test_learning_rates_that_are_tensors_change_in_place():
    gan = make_gan(lr_decay=1.0)
    group = gan.optimizer_g.param_groups[0]
    group["lr"] = rate = torch.tensor(1.0)
    optimizers.decay_rates(gan.optimizer_d, gan.optimizer_g, gan.config, 0.5)
    assert group["lr"] is rate
    assert rates(gan) == pytest.approx([1e-4, 1e-4])
