"""`facegan sample`, `walk`, `export`, `info`, `results` and `copies`."""

import re

import numpy as np
import pytest
import torch
from helpers import random_faces
from PIL import Image

from facegan import Run, fit, load_generator
from facegan.cli.runs import _copy_table, _framing
from facegan.evaluation import CopyDetector, CopyScore, copy_scores
from facegan.images import to_uint8


def test_sample_writes_a_grid_an_array_or_single_files(facegan, finished):
    for out in ("grid.png", "faces_out.npy", "singles"):
        done = facegan("sample", "run", "--n", 4, "--seed", 1, "--out", out)
        assert done.returncode == 0, done.stderr
    array = np.load(finished / "faces_out.npy")
    assert (array.shape, array.dtype) == ((4, 3, 16, 16), np.uint8)
    assert Image.open(finished / "grid.png").size == (38, 38)
    single = np.asarray(Image.open(finished / "singles" / "face_00003.png")).transpose(2, 0, 1)
    assert np.array_equal(single, array[3])


def test_run_folder_and_exported_file_give_the_same_faces(facegan, finished):
    arrays = []
    for source in ("run", "run/generator.safetensors"):
        facegan("sample", source, "--n", 3, "--seed", 5, "--out", "same.npy")
        arrays.append(np.load(finished / "same.npy"))
    assert np.array_equal(*arrays)


@pytest.mark.parametrize("out", ["walk.gif", "walk.mp4"])
def test_walk_writes_an_animation(facegan, finished, out):
    done = facegan("walk", "run", "--out", out, "--frames", 6, "--faces", 3, "--seed", 0, "--scale", 2)
    assert done.returncode == 0, done.stderr
    assert (finished / out).stat().st_size > 500
    if out.endswith("gif"):
        gif = Image.open(finished / out)
        assert (gif.n_frames, gif.size) == (6, (32, 32))


def test_a_bundled_generator_goes_by_its_name(facegan, place):
    done = facegan("sample", "healthy", "--n", 4, "--seed", 0, "--out", "pretrained.npy")
    assert done.returncode == 0, done.stderr
    expected = to_uint8(load_generator("healthy").sample(4, seed=0)).numpy()
    assert np.array_equal(np.load(place / "pretrained.npy"), expected)


def test_export_writes_a_plain_network(facegan, finished):
    done = facegan("export", "run", "--out", "g.ts", "--format", "torchscript")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "g.ts\n"
    z = torch.zeros(2, 100)
    torch.testing.assert_close(
        torch.jit.load(finished / "g.ts")(z), load_generator(finished / "run").generate(z)
    )


def test_an_export_is_named_by_its_format(facegan, finished):
    assert facegan("export", "run", "--format", "torchscript").stdout.strip() == "generator.pt"
    z = torch.zeros(1, load_generator(finished / "run").latent_dim)
    assert torch.jit.load(finished / "generator.pt")(z).shape == (1, 3, 16, 16)


def test_an_export_needs_a_known_format(facegan):
    done = facegan("export", "run", "--out", "x", "--format", "pickle")
    assert done.returncode == 2
    assert "torchscript" in done.stderr


def test_info_describes_the_machine(facegan):
    shown = facegan("info").stdout
    assert f"torch        {torch.__version__}" in shown
    assert re.search(r"(?m)^facegan +\d", shown)


def test_info_describes_a_run(facegan, finished):
    shown = facegan("info", "run").stdout
    assert re.search(r"step +6\n", shown)
    assert "checkpoints  0, 3, 6" in shown
    assert "width=8" in shown


def test_results_puts_runs_into_a_table(facegan, finished):
    np.save(finished / "many.npy", random_faces(200).images)
    done = facegan("results", "run", "--data", "many.npy", "--n", 100, "--grids", "grids")
    assert done.returncode == 0, done.stderr
    assert "Distances to 100 faces of many.npy" in done.stdout
    assert re.search(r"\| run \|.*\| 48 \|", done.stdout), "6 steps of 8 faces"
    assert re.search(r"\| real faces \|", done.stdout)
    assert "run: The data differ (faces.npy" in done.stderr
    assert {p.name for p in (finished / "grids").iterdir()} == {"run_raw.png", "run_ema.png"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nothing", "--data", "faces.npy"], "nothing is not a run folder"),
        (["faces", "--data", "faces.npy"], "faces is a bundled run without checkpoints"),
        (["run", "--data", "faces.npy", "--n", 100], "got 40 real faces, expected 200 or more"),
    ],
)
def test_results_that_cannot_be_had_are_refused(facegan, finished, arguments, reason):
    done = facegan("results", *arguments)
    assert done.returncode == 1
    assert reason in done.stderr


def test_info_describes_a_bundled_run(facegan):
    done = facegan("info", "healthy")
    assert done.returncode == 0, done.stderr
    assert "crop drawn" in done.stdout
    assert "checkpoints  none" in done.stdout


def test_results_takes_as_many_faces_as_there_are(facegan, finished):
    np.save(finished / "some.npy", random_faces(220).images)
    done = facegan("results", "run", "--data", "some.npy")
    assert "Distances to 110 faces of some.npy" in done.stdout, done.stderr


def test_results_takes_a_crop(facegan, finished):
    done = facegan("results", "run", "--data", "faces.npy", "--crop", "celeba-128")
    assert done.returncode == 1
    assert "crop is 'celeba-128'" in done.stderr


def test_sample_takes_a_snapshot_of_the_run(facegan, finished):
    arrays = []
    for step in Run.open(finished / "run").generators[:2]:
        done = facegan("sample", "run", "--step", step, "--n", 2, "--seed", 5, "--out", "at.npy")
        assert done.returncode == 0, done.stderr
        arrays.append(np.load(finished / "at.npy"))
    assert not np.array_equal(*arrays)
    refused = facegan("sample", "run", "--step", 77)
    assert refused.returncode == 1
    assert "no generator of step 77" in refused.stderr


@pytest.mark.parametrize(
    ("trained", "data", "crop", "framing"),
    [
        (["face", "face"], "photos", None, "face"),
        (["face", "center"], "photos", None, "center"),
        (["center"], "photos", None, "center"),
        (["face"], "photos", "celeba-128", "center"),
        (["face"], "faces.npy", None, "center"),
        (["face"], "synthetic", None, "center"),
    ],
)
@pytest.mark.slow
def test_results_frame_photographs_as_the_runs_saw_them(
    gan, faces, tmp_path, monkeypatch, trained, data, crop, framing
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    runs = []
    for index, faces.crop in enumerate(trained):
        runs.append(tmp_path / f"run{index}")
        fit(gan, faces, steps=index + 1, run_dir=runs[-1])
    assert _framing(runs, data, crop) == framing


def test_copies_says_for_every_snapshot_and_shows_the_nearest(facegan, finished):
    np.save(finished / "photos.npy", random_faces(100).images)
    np.save(finished / "held_out.npy", 255 - random_faces(60).images)
    done = facegan("copies", "run", "--data", "photos.npy", "--held-out", "held_out.npy", "--n", 100,
                   "--grid", "pairs/copies.png")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "The data differ" in done.stderr, "the run was trained on other faces"
    assert (
        "closer to one of 60 training faces than to all of 60 held-out faces (50% means no copying)"
        in done.stdout
    )
    assert [int(step) for step in re.findall(r"^ +(\d+) +\d+%", done.stdout, re.MULTILINE)] == [0, 3, 6]
    assert Image.open(finished / "pairs" / "copies.png").size[0] > 400
    alone = facegan("copies", "run", "--data", "photos.npy", "--n", 100).stdout
    assert (
        "closer to a training face than 95% of 100 training faces are to their nearest other one (5% means no"
        in alone
    )


def test_copies_compares_mirrored_faces_if_the_run_had_flips(facegan, finished):
    photos = random_faces(100)
    np.save(finished / "photos.npy", photos.images)
    scores = copy_scores(Run.open(finished / "run"), CopyDetector(photos, flip=True), n=100)
    lines = _copy_table(scores, 100, 100, held_out=False)
    assert facegan("copies", "run", "--data", "photos.npy", "--n", 100).stdout.splitlines() == lines


def test_copies_takes_a_crop(facegan, finished):
    done = facegan("copies", "run", "--data", "faces.npy", "--crop", "celeba-128")
    assert "crop is 'celeba-128'" in done.stderr


def test_copies_of_too_few_photographs_are_one_line(facegan, finished):
    done = facegan("copies", "run", "--data", "faces.npy")
    assert done.returncode == 1
    assert "got 40 training faces, expected 100" in done.stderr


def test_the_table_names_the_step_at_which_copying_begins():
    fine, copied = CopyScore(0.5, 0.5, 0.6, 1.0, 1.0), CopyScore(0.9, 0.5, 0.6, 0.4, 1.0)
    lines = _copy_table({0: fine, 500: copied, 1000: copied}, 100, 500, held_out=True)
    assert [line.endswith("copies") for line in lines[2:5]] == [False, True, True]
    assert lines[-1] == "Copying begins at step 500."
    assert _copy_table({0: fine}, 100, 500, held_out=True)[-1] == "No copying found up to step 0."
    alike = CopyScore(0.9, 0.5, 1.0, 0.4, 1.0)
    assert _copy_table({0: alike}, 100, 500, held_out=True)[-1].startswith("Cannot tell at step 0")


@pytest.mark.parametrize("path", ["copies.txt", "."])
def test_copies_refuses_a_picture_that_is_no_png_file_before_it_reads_faces(facegan, finished, path):
    done = facegan("copies", "run", "--data", "nowhere", "--grid", path)
    assert done.returncode == 1
    assert "--grid" in done.stderr


@pytest.mark.parametrize(
    ("out", "written"),
    [("grid.PNG", "grid.PNG"), ("all.NPY", "all.NPY"), ("faces.v2", "faces.v2/face_00000.png")],
)
def test_sample_takes_endings_in_capitals_and_folders_with_a_dot(facegan, finished, place, out, written):
    (place / "faces.v2").mkdir(exist_ok=True)
    done = facegan("sample", "run", "--n", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    assert (place / written).exists()


def test_a_file_of_a_run_is_no_generator_and_the_folder_is_named(facegan, finished):
    done = facegan("sample", "run/config.json")
    assert done.returncode == 1
    assert "file of the run folder run" in done.stderr


def test_sample_draws_in_parts_and_refuses_one_file_that_does_not_fit(facegan, finished, monkeypatch):
    monkeypatch.setattr("facegan.cli.runs._PART", 128)
    facegan("sample", "run", "--n", 300, "--seed", 5, "--out", "parts.npy")
    expected = to_uint8(load_generator(finished / "run").sample(300, seed=5)).numpy()
    assert np.array_equal(np.load(finished / "parts.npy"), expected)
    for out, message in (("giant.npy", "Use a folder"), ("giants", "Draw fewer")):
        refused = facegan("sample", "run", "--n", 10**12, "--out", out)
        assert refused.returncode == 1
        assert message in refused.stderr
        assert not (finished / out).exists()
