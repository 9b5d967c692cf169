"""`facegan train` and `facegan recipes`."""

import contextlib
import csv
import os
import re
import signal
import subprocess
import sys
from math import isfinite

import pytest
from helpers import assert_same_state
from PIL import Image

from facegan import GAN, Run, TrainConfig
from facegan.config import RECIPES
from facegan.runs import checkpoint

SMALL = ["--image-size", 16, "--width", 8, "--batch-size", 8, "--precision", "fp32", "--device", "cpu"]


def train(facegan, run, *options, steps=2):
    return facegan("train", *SMALL, "--steps", steps, "--data", "faces.npy", "--run-dir", run, *options)


def test_train_leaves_the_run_folder_and_says_where(facegan, place):
    done = train(facegan, "trained", "--recipe", "modern", "--snapshot-every", 1)
    assert done.returncode == 0, done.stderr
    names = {p.name for p in (place / "trained").iterdir()}
    assert names >= {"samples.png", "progress.gif", "curves.png", "history.csv", "generator.safetensors"}
    assert len(list(csv.reader((place / "trained" / "history.csv").open()))) == 3
    assert os.path.join("trained", "samples.png") in done.stdout
    assert "modern on FaceDataset('faces.npy', 40 faces, 16 px), cpu in float32, into trained" in done.stdout


def test_held_out_faces_are_measured_and_not_trained_on(facegan, place):
    done = train(facegan, "held-out", "--held-out", 8)
    assert done.returncode == 0, done.stderr
    run = Run.open(place / "held-out")
    assert run.data["count"] == 32
    assert isfinite(run.history["r_v"][-1])


def test_the_same_command_again_trains_no_further(facegan, finished):
    before = Run.open(finished / "run").checkpoints
    done = train(facegan, "run", "--recipe", "modern", steps=6)
    assert done.returncode == 0, done.stderr
    assert "at step 6" in done.stdout
    assert Run.open(finished / "run").checkpoints == before


def test_fresh_starts_over_and_keeps_the_old_run(facegan, place):
    assert train(facegan, "again", steps=3).returncode == 0
    done = train(facegan, "again", "--loss", "hinge", "--fresh", steps=2)
    assert done.returncode == 0, done.stderr
    assert "starting over at step 0" in done.stdout
    assert [Run.open(place / run).checkpoints[-1] for run in ("again", "again-1")] == [2, 3]


def test_another_loss_is_refused_and_taken_anyway_on_demand(facegan, place):
    assert train(facegan, "game", steps=2).returncode == 0
    done = train(facegan, "game", "--loss", "hinge", steps=2)
    assert done.returncode == 1
    assert "loss is 'bce' in the checkpoint, 'hinge' in this GAN" in done.stderr
    assert train(facegan, "game", "--loss", "hinge", "--resume-anyway", steps=3).returncode == 0
    assert [s["settings"]["loss"] for s in Run.open(place / "game").segments] == ["bce", "hinge"]


def test_training_starts_from_a_run_and_resumes_without_it(facegan, finished):
    options = [
        "train",
        "--start-from",
        "run",
        "--data",
        "faces.npy",
        "--snapshot-every",
        1,
        "--device",
        "cpu",
    ]
    adaptive = ["--augment", "color", "--augment-target", 0.6]
    done = facegan(*options, *adaptive, "--steps", 2)
    assert done.returncode == 0, done.stderr
    assert "run on FaceDataset('faces.npy', 40 faces, 16 px), cpu in float32, into" in done.stdout
    first = Run.open(finished / "runs" / "run-on-faces")
    assert first.config == Run.open(finished / "run").config.replace(
        snapshot_every=1, augment="color", augment_target=0.6
    )
    assert "started from run, step 6 on faces.npy, 40 faces" in facegan("info", "runs/run-on-faces").stdout
    (finished / "run").rename(finished / "elsewhere")
    done = facegan(*options, "--steps", 3, "--lr-d", 1e-4)
    (finished / "elsewhere").rename(finished / "run")
    assert done.returncode == 0, done.stderr
    assert "resuming from step 2" in done.stdout
    assert Run.open(first.path).config == first.config.replace(lr_d=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--recipe", "modern", "--start-from", "run"],
            "got --recipe modern and --start-from run, which has",
        ),
        (["--start-from", "nothing"], "nothing is not a run folder"),
        (["--start-from", "healthy"], "the bundled run 'healthy' has no discriminator"),
        (["--start-from", "run", "--width", 32], "width is 8 .*, 32 here"),
        (["--start-from", "run", "--augment-target", 0.6], "--augment-target 0.6 adapts .* --augment none"),
        (
            ["--start-from", "run", "--run-dir", "run"],
            "from run, step 6 .* start from the same run to resume that run",
        ),
    ],
)
def test_a_start_that_cannot_be_is_one_line(facegan, finished, options, message):
    done = facegan(
        "train", "--run-dir", "refused", *options, "--data", "faces.npy", "--device", "cpu", "--steps", 9
    )
    assert done.returncode == 1
    assert not (finished / "refused").exists()
    assert re.search(message, done.stderr)
    assert done.stderr.count("\n") == 1


def test_the_settings_of_a_run_can_be_taken_and_overridden(facegan, finished):
    config = os.path.join("run", "config.json")
    done = facegan(
        "train", "--config", config, "--loss", "hinge", "--data", "faces.npy", "--steps", 2, "--device", "cpu"
    )
    assert done.returncode == 0, done.stderr
    assert f"{config} on FaceDataset('faces.npy', 40 faces, 16 px)" in done.stdout
    made = Run.open(finished / "runs" / "config-of-run")
    assert made.config == Run.open(finished / "run").config.replace(loss="hinge")


def test_the_folder_of_other_settings_has_their_name(facegan, place):
    (place / "mine.json").write_text('{"image_size": 16, "width": 8, "batch_size": 8}')
    done = facegan("train", "--config", "mine.json", "--data", "faces.npy", "--steps", 1, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert Run.open(place / "runs" / "mine").config == TrainConfig(image_size=16, width=8, batch_size=8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--config", "a.json", "--recipe", "tiny"],
            "got --recipe tiny and --config a.json",
        ),
        (
            ["--config", "a.json", "--start-from", "run"],
            "got --start-from run and --config a.json, which has",
        ),
        (
            ["--config", "nowhere.json"],
            "settings file 'nowhere.json': it cannot be read (No such file or directory)",
        ),
        (["--config", "run/history.csv"], "settings file 'run/history.csv': it is not JSON ("),
        (["--config", "run/config.json", "--width", 0], "width is 0, expected 1 or more"),
    ],
)
def test_settings_that_cannot_be_are_one_line(facegan, finished, options, message):
    done = facegan(
        "train", "--run-dir", "refused", *options, "--data", "faces.npy", "--device", "cpu", "--steps", 9
    )
    assert done.returncode == 1
    assert not (finished / "refused").exists()
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_photographs_are_cut_around_their_faces(facegan, place):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    (place / "walls").mkdir()
    for name in "ab":
        Image.new("RGB", (200, 200), (90, 90, 90)).save(place / "walls" / f"{name}.png")
    for command in (
        ["train", *SMALL, "--run-dir", "x", "--data", "walls"],
        ["data", "preview", "walls", "--size", 16],
    ):
        assert facegan(*command, "--align", "face").returncode == 1
    assert (
        "no face was found in any of the 2 photographs of 'walls'"
        in facegan(*command, "--align", "face").stderr
    )


def test_a_crop_that_does_not_apply_is_refused(facegan):
    done = train(facegan, "x", "--crop", "celeba-108")
    assert done.returncode == 1
    assert "crop is 'celeba-108'" in done.stderr


def test_recipes_lists_all_with_their_changes(facegan):
    shown = facegan("recipes").stdout
    assert re.search(r"small_batch +batch_size=32, epochs=20", shown)
    assert all(name in shown for name in RECIPES)


def start_training(place, run, steps=40, **kwargs):
    command = [sys.executable, "-m", "facegan", "train", "--recipe", "tiny", *SMALL, "--steps", steps,
               "--snapshot-every", 5, "--data", "faces.npy", "--run-dir", run]  # fmt: skip
    return subprocess.Popen(list(map(str, command)), cwd=place, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, **kwargs)  # fmt: skip


def wait_for_step(child, folder, step):
    """Until the training process has saved a checkpoint of `step` or later."""
    while not any(s >= step for s in checkpoint.numbered(folder / "checkpoints", ".pt")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.fail(f"training ended early, with code {child.wait(timeout=0.05)}")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_kill_9_at_five_moments_and_resume_equals_an_uninterrupted_run(place):
    assert start_training(place, "straight").wait() == 0
    for step in (0, 5, 15, 25, 30):
        child = start_training(place, "killed")
        wait_for_step(child, place / "killed", step)
        child.send_signal(signal.SIGKILL)
        child.wait()
    last = start_training(place, "killed")
    said = last.communicate()[0]
    assert last.returncode == 0
    assert re.search(r"checkpoint of step \d+|[Rr]esum", said)
    a, b = (
        GAN.from_state(checkpoint.load_latest(place / run / "checkpoints")) for run in ("straight", "killed")
    )
    assert a.step == b.step == 40
    assert_same_state(a, b)
    for frame in (place / "straight" / "frames").iterdir():
        assert frame.read_bytes() == (place / "killed" / "frames" / frame.name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_saves_and_exits_130(place):
    child = start_training(place, "stopped")
    wait_for_step(child, place / "stopped", 5)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=120)[0]
    assert child.returncode == 130
    step = int(re.search(r"stopped at step (\d+) of 40: saved", said)[1])
    assert checkpoint.load_latest(place / "stopped" / "checkpoints")["step"] == step


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_saves_and_exits_128_and_its_number(place, number):
    child = start_training(
        place, f"ended-{number:d}", steps=4000, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)
    )
    wait_for_step(child, place / f"ended-{number:d}", 5)
    child.send_signal(number)
    said = child.communicate(timeout=120)[0]
    assert child.returncode == 128 + number
    step = int(re.search(r"stopped at step (\d+) of 4000: saved", said)[1])
    assert checkpoint.load_latest(place / f"ended-{number:d}" / "checkpoints")["step"] == step


def test_an_empty_start_is_refused(facegan):
    done = facegan("train", "--data", "faces.npy", "--start-from", "")
    assert done.returncode == 1
    assert "empty" in done.stderr
