"""`facegan doctor`, and the doctor's view in `facegan results`."""

import csv
import shutil

import pytest
from helpers.curves import curves


def test_a_healthy_run(facegan):
    done = facegan("doctor", "healthy")
    assert done.returncode == 0
    assert done.stdout.startswith("Step 2,000: healthy.")


def test_an_ill_run(facegan):
    done = facegan("doctor", "mode_collapse")
    assert done.returncode == 1
    assert "1. mode collapse, since step 1,060" in done.stdout
    assert "change:" in done.stdout


@pytest.mark.parametrize(
    ("run", "words"), [("nowhere", "not a run folder"), ("run", "6 steps, expected 200")]
)
def test_no_diagnosis(facegan, finished, run, words):
    done = facegan("doctor", run)
    assert done.returncode == 2
    assert words in done.stderr


def test_not_sure_is_no_failure(facegan, finished, place):
    history = curves((1000, {}), (135, {"d_real": 0.3, "d_fake": 0.9}))
    folder = shutil.copytree(place / "run", place / "unsure")
    (folder / "samples.png").unlink()
    with (folder / "history.csv").open("w", newline="") as file:
        csv.writer(file).writerows([history, *zip(*history.values(), strict=True)])
    done = facegan("doctor", "unsure")
    assert done.stdout.startswith("Step 1,135: not sure.")
    assert done.returncode == 0


@pytest.mark.parametrize(("options", "told"), [((), True), (("--data", "faces.npy"), False)])
@pytest.mark.slow
def test_photographs_are_compared_with_drawn_faces_unless_others_are_given(facegan, finished, options, told):
    done = facegan("doctor", "faces", *options)
    assert done.returncode in (0, 1)
    assert ("fakes were compared with drawn faces" in done.stdout) is told


@pytest.mark.slow
def test_the_fakes_can_be_compared_with_other_faces(facegan, finished):
    assert facegan("doctor", "healthy", "--data", "synthetic").returncode == 0


def test_results_say_what_the_doctor_says(facegan, finished):
    done = facegan("results", "run", "--data", "synthetic", "--n", 100)
    assert done.returncode == 0, done.stderr
    assert "run: the history has 6 steps" in done.stdout


def test_training_with_held_out_faces(facegan, place):
    from facegan import Run

    options = ("--image-size", 16, "--width", 8, "--batch-size", 8, "--steps", 2, "--run-dir", "held")
    done = facegan("train", "--recipe", "tiny", "--data", "faces.npy", "--held-out", 10, *options)
    assert done.returncode == 0, done.stderr
    assert "30 faces" in done.stdout
    assert Run.open(place / "held").history["r_v"][-1] == pytest.approx(0, abs=100)
