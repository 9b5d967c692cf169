"""The command line as people use it: by its exit code, what it prints and what it leaves behind."""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from helpers import assert_same_state, jpeg, random_faces
from helpers.server import serving
from PIL import Image

from facegan import GAN, load_generator
from facegan.cli.main import app, main
from facegan.config import RECIPES, field_help
from facegan.images import to_uint8
from facegan.runs import checkpoint

SMALL = ["--image-size", 16, "--width", 8, "--batch-size", 8, "--precision", "fp32", "--device", "cpu"]
pytestmark = pytest.mark.slow


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with faces.npy and a run of 6 steps, made by the command line in its own process."""
    folder = tmp_path_factory.mktemp("cli")
    np.save(folder / "faces.npy", random_faces(40).images)
    options = ["--steps", 6, "--snapshot-every", 3, "--data", "faces.npy", "--run-dir", "run"]
    command = [sys.executable, "-m", "facegan", "train", "--recipe", "modern", *SMALL, *options]
    subprocess.run(list(map(str, command)), cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)
    return folder


@pytest.fixture
def facegan(place, monkeypatch, capsys):
    """Call the command line's `main` in `place`; what a new process would print and return."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["facegan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, *capsys.readouterr())

    return run


def test_train_leaves_the_run_folder_and_says_where(facegan, place):
    names = {p.name for p in (place / "run").iterdir()}
    assert names >= {"samples.png", "progress.gif", "curves.png", "history.csv", "generator.safetensors"}
    assert len(list(csv.reader((place / "run" / "history.csv").open()))) == 7
    again = facegan("train", "--recipe", "modern", *SMALL, "--steps", 6, "--data", "faces.npy",
                    "--run-dir", "run")  # fmt: skip
    assert again.returncode == 0
    assert "already stands at step 6 of 6" in again.stdout
    assert os.path.join("run", "samples.png") in again.stdout


def test_help_names_every_setting_and_recipe(facegan):
    shown = facegan("train", "--help").stdout
    assert all(f"--{name.replace('_', '-')}" in shown for name in field_help())
    assert all(name in shown for name in RECIPES)
    assert {c.callback.__name__ for c in app.registered_commands} == {
        "train",
        "sample",
        "walk",
        "info",
        "grade",
        "results",
        "recipes",
    }
    assert {group.name for group in app.registered_groups} == {"data", "bench"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "--data", "nowhere", "--run-dir", "x"], 1,
         r"facegan: data source 'nowhere' is not there.*"),
        (["train", "--width", 0], 1, r"facegan: width is 0, expected 1 or more.*"),
        (["train", "--recipe", "tiny", *SMALL, "--steps", 2, "--epochs", 2, "--data", "faces.npy"], 1,
         r"facegan: got both epochs=2 and steps=2.*"),
        (["sample", "nowhere.safetensors"], 1, r"facegan: no generator at nowhere\.safetensors.*"),
        (["sample", "."], 1, r"facegan: \. holds neither checkpoints nor a generator\.safetensors.*"),
        (["sample", "run", "--out", "x.bmp"], 1, r"facegan: cannot write faces to 'x\.bmp'.*"),
        (["walk", "run", "--out", "x.avi"], 1, r"facegan: cannot write an animation to 'x\.avi'.*"),
    ],
)  # fmt: skip
def test_refusals_are_one_line_and_exit_1(facegan, place, arguments, code, message):
    done = facegan(*arguments)
    assert done.returncode == code
    assert re.fullmatch(message, done.stderr.strip()), done.stderr
    assert not (place / "x").exists()


@pytest.mark.parametrize("arguments", [["train", "--loss", "bcee"], ["train", "--wdth", 3], ["paint"]])
def test_wrong_usage_exits_2_without_a_traceback(facegan, arguments):
    done = facegan(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(arguments[-1]) in done.stderr or "bcee" in done.stderr or "wdth" in done.stderr


def test_sample_writes_a_grid_an_array_or_single_files(facegan, place):
    for out in ("grid.png", "faces_out.npy", "singles"):
        done = facegan("sample", "run", "--n", 4, "--seed", 1, "--out", out)
        assert done.returncode == 0, done.stderr
    array = np.load(place / "faces_out.npy")
    assert (array.shape, array.dtype) == ((4, 3, 16, 16), np.uint8)
    assert Image.open(place / "grid.png").size == (38, 38)
    single = np.asarray(Image.open(place / "singles" / "face_00003.png")).transpose(2, 0, 1)
    assert np.array_equal(single, array[3])


def test_run_folder_and_exported_file_give_the_same_faces(facegan, place):
    arrays = []
    for source in ("run", "run/generator.safetensors"):
        facegan("sample", source, "--n", 3, "--seed", 5, "--out", "same.npy")
        arrays.append(np.load(place / "same.npy"))
    assert np.array_equal(*arrays)


@pytest.mark.parametrize("out", ["walk.gif", "walk.mp4"])
def test_walk_writes_an_animation(facegan, place, out):
    done = facegan("walk", "run", "--out", out, "--frames", 6, "--faces", 3, "--seed", 0, "--scale", 2)
    assert done.returncode == 0, done.stderr
    assert (place / out).stat().st_size > 500
    if out.endswith("gif"):
        gif = Image.open(place / out)
        assert (gif.n_frames, gif.size) == (6, (32, 32))


def test_a_pretrained_generator_goes_by_its_name(facegan, place):
    done = facegan("sample", "healthy", "--n", 4, "--seed", 0, "--out", "pretrained.npy")
    assert done.returncode == 0, done.stderr
    expected = to_uint8(load_generator("healthy").sample(4, seed=0)).numpy()
    assert np.array_equal(np.load(place / "pretrained.npy"), expected)


def test_results_puts_runs_into_a_table(facegan, place):
    np.save(place / "many.npy", random_faces(200).images)
    done = facegan("results", "run", "--data", "many.npy", "--n", 100, "--grids", "grids")
    assert done.returncode == 0, done.stderr
    assert "Distances to 100 faces of many.npy" in done.stdout
    assert re.search(r"\| run \|.*\| 48 \|", done.stdout), "6 steps of 8 faces"
    assert re.search(r"\| real faces \|", done.stdout)
    assert "run was trained on faces.npy" in done.stderr
    assert {p.name for p in (place / "grids").iterdir()} == {"run_raw.png", "run_ema.png"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nothing", "--data", "faces.npy"], "no checkpoint in nothing"),
        (["faces", "--data", "faces.npy"], "faces comes with facegan as generators only"),
        (["run", "--data", "faces.npy", "--n", 100], "got 40 real faces, expected 200 or more"),
    ],
)
def test_results_that_cannot_be_had_are_refused(facegan, arguments, reason):
    done = facegan("results", *arguments)
    assert done.returncode == 1
    assert reason in done.stderr


# ---- data ----------------------------------------------------------------------------------------


@pytest.fixture
def photos(place):
    """A folder of 5 readable images, made anew."""
    folder = place / "photos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for index in range(5):
        Image.new("RGB", (20, 16 + 4 * (index == 0)), (40 * index, 0, 0)).save(folder / f"{index}.png")
    return folder


def test_data_list_names_sets_sizes_and_terms(facegan):
    shown = facegan("data", "list").stdout
    assert re.search(r"celeba +32,600 faces +248 MB to fetch: facegan data get celeba\n", shown)
    assert re.search(r"celeba-full +202,599 faces", shown)
    assert re.search(r"synthetic +10,000 faces", shown)
    assert "non-commercial" in shown


def test_data_get_fetches_from_the_class_mirror_and_training_starts(facegan, place, monkeypatch):
    """Both commands as a student types them; the archive has the published layout, but other contents."""
    from facegan.data import load as data
    from facegan.data import registry as download

    with serving() as server:
        monkeypatch.setenv("FACEGAN_MIRROR", server.url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(download.SOURCES, "celeba", replace(download.SOURCES["celeba"], count=12))
            with zipfile.ZipFile(place / "x.zip", "w") as archive:
                rng = np.random.default_rng(0)
                for index in range(12):
                    archive.writestr(f"processed_celeba_small/celeba/{index}.jpg", jpeg(rng, 64))
            server.files["/processed-celeba-small.zip"] = (place / "x.zip").read_bytes()
            (place / "x.zip").unlink()
            done = facegan("data", "get", "celeba", "--size", 16)
            assert done.returncode == 0, done.stderr
            assert "FaceDataset('celeba', 12 faces, 16 px), ready: facegan train --data celeba" in done.stdout
            assert "non-commercial" in done.stdout
            assert "its contents are sound" in done.stderr
            train = facegan("train", *SMALL, "--steps", 1, "--data", "celeba", "--run-dir", "named")
            assert train.returncode == 0, train.stderr
    assert [path for path, _ in server.seen] == ["/processed-celeba-small.zip"]
    assert data.local_file("celeba").exists()
    shutil.rmtree(place / "data")


def test_data_get_that_fails_offers_the_embedded_faces_in_words(facegan, monkeypatch):
    from facegan.data import registry as download
    from facegan.data.mirrors import Https

    gone = replace(download.SOURCES["celeba"], mirrors=(Https("http://127.0.0.1:9/x.zip"),))
    monkeypatch.setitem(download.SOURCES, "celeba", gone)
    for command in (["data", "get", "celeba"], ["train", "--data", "celeba", "--run-dir", "x"]):
        done = facegan(*command)
        assert done.returncode == 1
        assert "http://127.0.0.1:9/x.zip: cannot connect (Connection refused)" in done.stderr
        assert "--data synthetic trains on drawn faces" in done.stderr


def test_data_check_counts_sizes_and_caches(facegan, photos):
    facegan("data", "preview", "photos", "--size", 16)
    done = facegan("data", "check", "photos")
    assert done.returncode == 0, done.stderr
    assert "photos: 5 images that can be read\n  4 of 20 x 16\n  1 of 20 x 20" in done.stdout
    assert re.search(r"cache .*photos-16px-\w+\.npy: whole", done.stdout)


def test_data_check_exits_1_for_unreadable_images_and_damaged_caches(facegan, photos, place):
    facegan("data", "preview", "photos", "--size", 16)
    (cache,) = place.glob("photos-16px-*.npy")
    cache.write_bytes(cache.read_bytes()[:-1] + b"x")
    done = facegan("data", "check", "photos")
    assert done.returncode == 1
    assert "damaged; the next load builds it again" in done.stdout
    cache.unlink()
    (photos / "page.png").write_bytes(b"<html>")
    done = facegan("data", "check", "photos")
    assert done.returncode == 1
    assert "skipped 1:\n  page.png: a web page, not an image" in done.stdout


@pytest.mark.parametrize("what", ["nowhere", "faces.npy"])
def test_data_check_of_what_is_no_archive(facegan, what):
    done = facegan("data", "check", what)
    assert done.returncode == 1
    assert f"{what} is neither a folder nor a .zip that is there" in done.stderr


def test_data_preview_makes_a_contact_sheet(facegan, photos, place):
    done = facegan("data", "preview", "photos", "--size", 16, "--out", "sheet.png", "--n", 4)
    assert done.returncode == 0, done.stderr
    assert "sheet.png: 4 of 5 faces of 16 px" in done.stdout
    assert Image.open(place / "sheet.png").size == (38, 38)


def test_bench_data_compares_both_ways(facegan, place):
    with zipfile.ZipFile(place / "bench.zip", "w") as archive:
        rng = np.random.default_rng(0)
        for index in range(130):
            archive.writestr(f"{index}.jpg", jpeg(rng, 16))
    done = facegan("bench", "data", "bench.zip", "--size", 16, "--rounds", 1, "--json", "bench.json")
    assert done.returncode == 0, done.stderr
    assert "130 faces at 16 px, batches of 128" in done.stdout
    assert re.search(r"archive to first batch +\d+\.\d{3} .* x\n", done.stdout)
    result = json.loads((place / "bench.json").read_text())
    assert result["seconds"]["a further epoch"].keys() == {"facegan", "ImageFolder"}
    assert result["memory"]["array"] == 130 * 3 * 16 * 16


def test_info_describes_machine_and_run(facegan):
    machine = facegan("info").stdout
    assert f"torch        {torch.__version__}" in machine
    run = facegan("info", "run").stdout
    assert re.search(r"step +6\n", run)
    assert "checkpoints  0, 3, 6" in run
    assert "width=8" in run


def test_recipes_lists_all_with_their_changes(facegan):
    shown = facegan("recipes").stdout
    assert re.search(r"small_batch +batch_size=32, epochs=20", shown)
    assert all(name in shown for name in RECIPES)


def test_the_console_script_is_the_module():
    script = os.path.join(os.path.dirname(sys.executable), "facegan")
    assert subprocess.run([script, "recipes"], capture_output=True, timeout=60).returncode == 0


def start_training(place, run, **kwargs):
    command = [sys.executable, "-m", "facegan", "train", "--recipe", "tiny", *SMALL, "--steps", 40,
               "--snapshot-every", 5, "--data", "faces.npy", "--run-dir", run]  # fmt: skip
    return subprocess.Popen(list(map(str, command)), cwd=place, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, **kwargs)  # fmt: skip


def wait_for_step(child, folder, step):
    """Until the training process has saved a checkpoint of `step` or later."""
    while not any(s >= step for s in checkpoint.steps(folder / "checkpoints")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.fail(f"training ended early, with code {child.wait(timeout=0.05)}")


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
    assert "going on from the checkpoint of step" in said
    a, b = (
        GAN.from_state(checkpoint.load_latest(place / run / "checkpoints")) for run in ("straight", "killed")
    )
    assert a.step == b.step == 40
    assert_same_state(a, b)
    for frame in (place / "straight" / "frames").iterdir():
        assert frame.read_bytes() == (place / "killed" / "frames" / frame.name).read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_saves_and_exits_130(place):
    child = start_training(place, "stopped")
    wait_for_step(child, place / "stopped", 5)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=120)[0]
    assert child.returncode == 130
    step = int(re.search(r"stopped at step (\d+) of 40: saved", said)[1])
    assert checkpoint.load_latest(place / "stopped" / "checkpoints")["step"] == step
