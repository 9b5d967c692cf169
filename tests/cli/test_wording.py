"""What commands say is in the words of the command line."""

import subprocess
import sys

import numpy as np
import pytest
from helpers import random_faces

from facegan.cli.wording import in_options

SMALL = ["--image-size", 16, "--width", 8, "--batch-size", 8, "--precision", "fp32", "--device", "cpu"]
TRAIN = ["train", "--data", "faces.npy", *SMALL, "--steps", 2, "--run-dir"]
NAMES = {"batch_size", "lr_d", "width_d", "flip", "norm", "crop", "run_dir", "resume_anyway", "loss"}


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("Try batch_size=8.", "Try --batch-size 8."),
        ("(lr_d=0.0002, lr_d=1e-05 now)", "(--lr-d 0.0002, --lr-d 1e-05 now)"),
        ("Set norm='instance' or norm='none', as", "Set --norm instance or --norm none, as"),
        ("flip=False; flip=True", "--no-flip; --flip"),
        ("or resume='anyway' to continue", "or --resume-anyway to continue"),
        ("Choose another run_dir.", "Choose another --run-dir."),
        ("Use a batch_size of at most 40", "Use a --batch-size of at most 40"),
        ("crop='my own' was given", "--crop 'my own' was given"),
        ("loss is 'bce', width is 8", "loss is 'bce', width is 8"),
        (
            "pass it: load_generator(run, generator=network)",
            "pass it: load_generator(run, generator=network)",
        ),
        ("no run in runs/loss=bce/run_dir", "no run in runs/loss=bce/run_dir"),
        ("data source 'batch_size' and 'loss=bce'", "data source 'batch_size' and 'loss=bce'"),
        ("/data/batch_size.zip is damaged", "/data/batch_size.zip is damaged"),
    ],
)
def test_settings_become_options(message, wanted):
    assert in_options(message, NAMES) == wanted


def test_names_that_are_no_options_stay():
    assert in_options("batch_size=8, epochs=2", {"epochs"}) == "batch_size=8, --epochs 2"


@pytest.mark.parametrize(
    ("arguments", "said", "not_said"),
    [
        ([*TRAIN, "a", "--loss", "hinge", "--label-smoothing", 0.1], "--label-smoothing 0.1 does", "loss='bce'"),
        ([*TRAIN, "a", "--gradient-penalty", 10], "Set --norm instance or --norm none", "norm="),
        ([*TRAIN, "a", "--batch-size", 64], "Use a --batch-size of at most 40", "batch_size"),
        ([*TRAIN, "a", "--epochs", 2], "got both --epochs 2 and --steps 2", "epochs="),
        ([*TRAIN, "a", "--lr-d", 1e30], "or --precision fp32", "precision="),
        ([*TRAIN, "a", "--image-size", 48], "In Python, your own networks", "set image_size"),
        ([*TRAIN, "a", "--crop", "celeba-108", "--align", "face"], "--crop celeba-108 and --align face", "align="),
        ([*TRAIN, "faces.npy"], "Choose another --run-dir", "run_dir"),
        (["info", "nowhere"], "Pass a run folder, or a bundled run", "fit("),
        (["sample", "nowhere.safetensors"], "or `facegan export`", "gan.export("),
    ],
)  # fmt: skip
def test_errors_name_options(facegan, arguments, said, not_said):
    done = facegan(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert not_said not in done.stderr


def test_another_game_is_refused_in_options(facegan):
    assert facegan(*TRAIN, "same_game").returncode == 0
    done = facegan(*TRAIN, "same_game", "--loss", "hinge")
    assert "another --run-dir, or --resume-anyway to continue with the new ones" in done.stderr


def test_without_tensorboard_training_says_how_to_do_without(facegan, place, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    done = facegan(*TRAIN, "board", "--recipe", "sgd_discriminator")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("tensorboard is not installed") == 1
    assert "--no-tensorboard" in done.stderr
    assert (place / "board" / "generator.safetensors").exists()


@pytest.mark.slow
def test_a_real_command_speaks_of_options_and_leaves_nothing(tmp_path):
    np.save(tmp_path / "faces.npy", random_faces(40).images)
    command = [sys.executable, "-m", "facegan", *TRAIN, "new", "--lr-d", "1e30", "--lr-g", "1e30"]
    done = subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Try a lower learning rate (--lr-d 1e+30, --lr-g 1e+30 now)" in done.stderr
    refused = [*command[:-4], "--batch-size", "64"]
    refused[refused.index("new")] = "refused"
    done = subprocess.run(list(map(str, refused)), cwd=tmp_path, capture_output=True, text=True)
    assert "Use a --batch-size of at most 40" in done.stderr
    assert not (tmp_path / "refused").exists()
