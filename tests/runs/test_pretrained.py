"""What comes with the package: generators, the timelines of their training, the gallery of failures."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from facegan import GAN, Generator, Run, load_generator, synthetic_faces
from facegan.errors import CheckpointError, ConfigError
from facegan.evaluation import Eigenfaces, frechet_distance
from facegan.files import digest
from facegan.images import make_grid, to_uint8
from facegan.runs import generator_file, pretrained
from facegan.runs.history import METRICS

NAMES = list(pretrained.ALL)


@pytest.fixture
def damaged(tmp_path, monkeypatch):
    """A copy of one training that a test may spoil."""
    shutil.copytree(pretrained.FOLDER / "healthy", tmp_path / "healthy")
    shutil.copy(pretrained.FOLDER / "digests.json", tmp_path)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    return tmp_path / "healthy"


@pytest.mark.parametrize("name", NAMES)
def test_each_has_its_whole_training(name):
    run = Run.open(name)
    assert run.steps[0] == 0
    assert len(run.steps) >= (8 if name in pretrained.PRETRAINED else 5)
    assert run.history["step"] == list(range(1, run.steps[-1] + 1))
    assert all(np.isfinite(run.history[column]).all() for column in METRICS)


@pytest.mark.parametrize("name", NAMES)
def test_each_draws_the_same_faces_for_the_same_seed(name):
    first, again = (load_generator(name).sample(4, seed=3) for _ in range(2))
    assert torch.equal(first, again)
    assert first.isfinite().all()


@pytest.mark.parametrize("name", [*pretrained.PRETRAINED, "healthy"])
def test_faces_form_in_the_course_of_training(name):
    first, *_, end = (load_generator(name, step=step).sample(16, seed=0) for step in pretrained.steps(name))
    assert first.std() < 0.1, "grey at first"
    assert end.std() > 0.3


def test_by_name_means_the_last_step():
    last = pretrained.steps("healthy")[-1]
    named, at_step = load_generator("healthy"), load_generator("healthy", step=last)
    assert torch.equal(named.sample(2, seed=0), at_step.sample(2, seed=0))


def test_a_frame_shows_the_generator_of_its_step():
    run = Run.open("healthy")
    generator = load_generator("healthy", step=run.steps[2])
    assert torch.equal(run.frame(run.steps[2]), make_grid(generator.sample(16, seed=0)))


def test_a_step_that_was_not_kept_is_refused():
    with pytest.raises(CheckpointError, match="'healthy' has no generator of step 7; its steps are 0, "):
        load_generator("healthy", step=7)


def test_a_file_has_no_steps(tmp_path):
    with pytest.raises(ConfigError, match=r"step=3 needs a run folder .*mine\.safet"):
        load_generator(tmp_path / "mine.safetensors", step=3)


def test_a_missing_file_points_to_what_is_there():
    with pytest.raises(CheckpointError, match="'faces' or 'synthetic', which are bundled"):
        load_generator("nothing.safetensors")


@pytest.mark.parametrize("name", ["step_000000.safetensors", "history.csv"])
def test_a_flipped_bit_is_noticed(damaged, name):
    spoiled = bytearray((damaged / name).read_bytes())
    spoiled[-5] ^= 1
    (damaged / name).write_bytes(spoiled)
    with pytest.raises(CheckpointError, match=f"{name} is missing or damaged. Install facegan again"):
        load_generator("healthy", step=0) and Run.open("healthy").history


def test_a_missing_history_is_noticed(damaged):
    (damaged / "history.csv").unlink()
    with pytest.raises(CheckpointError, match=r"history\.csv is missing or damaged"):
        Run.open("healthy").history.read()


@pytest.mark.parametrize("function", [pretrained.steps, pretrained.generator_file, pretrained.history_file])
def test_a_name_that_nothing_has_is_refused(function):
    with pytest.raises(CheckpointError, match="'nope' is not a bundled run; choose one of faces"):
        function("nope")


@pytest.mark.parametrize("digests", ["{", "[]", "{}", None])
def test_a_broken_installation_is_named(damaged, digests):
    if digests is None:
        shutil.rmtree(damaged)
    else:
        (damaged.parent / "digests.json").write_text(digests)
    with pytest.raises(CheckpointError, match=r"is missing or damaged\. Install facegan again"):
        load_generator("healthy")


def test_names_win_over_files_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "healthy").mkdir()
    with pytest.warns(UserWarning, match=r"is a bundled generator; .* './healthy'"):
        assert load_generator("healthy").image_size == 32


def test_the_package_stays_small():
    sizes = {name: sum(p.stat().st_size for p in (pretrained.FOLDER / name).iterdir()) for name in NAMES}
    assert sum(sizes.values()) <= 30e6
    assert all(sizes[name] <= 1e6 for name in pretrained.GALLERY)


def test_every_file_is_vouched_for():
    for name in NAMES:
        for path in (pretrained.FOLDER / name).iterdir():
            assert pretrained.verified(path) == path


def test_half_precision_is_as_good_to_the_eye(tmp_path):
    generator = Generator(width=16)
    torch.nn.init.normal_(generator.blocks[-1][0].weight, std=0.2)  # of strong contrast
    with torch.no_grad():
        for _ in range(40):  # BatchNorm learns its statistics
            generator(torch.randn(16, 100))
    half, whole = (generator_file.to_bytes(generator, half=half) for half in (True, False))
    (tmp_path / "half.safetensors").write_bytes(half)
    loaded = load_generator(tmp_path / "half.safetensors")
    a, b = (to_uint8(g.sample(8, seed=0)).int() for g in (loaded, generator))
    assert a.float().std() > 40
    assert (a - b).abs().max() <= 2
    assert ((a - b).abs() > 1).float().mean() < 1e-3
    assert len(half) < 0.53 * len(whole)


@pytest.mark.slow
def test_sixty_four_faces_offline_in_a_fresh_process(tmp_path):
    """No proxy answers, no home, and nothing is written."""
    code = (
        "import socket\n"
        "def refuse(*_, **__): raise OSError('offline')\n"
        "socket.socket.connect = refuse\n"
        "import facegan as fg\n"
        "faces = fg.load_generator('faces').sample(64, seed=0)\n"
        "assert faces.shape == (64, 3, 64, 64) and faces.isfinite().all()\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path / "nowhere"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def paired(damaged):
    """`healthy` with a discriminator, as the larger runs are bundled."""
    network = GAN(Run.open("healthy").config, device="cpu").discriminator
    path = damaged / "discriminator.safetensors"
    path.write_bytes(generator_file.to_bytes(network, half=True))
    digests = json.loads((damaged.parent / "digests.json").read_text())
    digests["healthy/discriminator.safetensors"] = digest(path)
    (damaged.parent / "digests.json").write_text(json.dumps(digests))
    return network


def test_training_starts_from_a_bundled_pair(paired):
    gan = GAN.start_from("healthy", device="cpu", batch_size=8)
    assert torch.equal(gan.sample(2, seed=0), load_generator("healthy").sample(2, seed=0))
    weights = zip(gan.discriminator.parameters(), paired.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-4) and a.dtype == torch.float32 for a, b in weights)
    run = Run.open("healthy")
    assert run.steps == [0, 200, 500, 1000, 2000], "the discriminator is no step"
    assert gan.data["started_from"] == {"run": "healthy", "step": 2000, "data": run.data}


def test_a_damaged_or_lost_discriminator_is_noticed(paired, damaged):
    path = damaged / "discriminator.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match=r"discriminator\.safetensors is missing or damaged"):
        Run.open("healthy").discriminator()
    path.unlink()
    with pytest.raises(CheckpointError, match=r"discriminator\.safetensors is missing or damaged"):
        Run.open("healthy").discriminator()


# ---- the gallery ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def distances():
    """By name: how far a training's last faces are from the drawn ones."""
    real = torch.from_numpy(synthetic_faces(400, size=32, seed=1)[0])
    space = Eigenfaces(real)
    fakes = {name: space(load_generator(name).sample(400, seed=0)) for name in pretrained.GALLERY}
    return {name: frechet_distance(space(real), fake) for name, fake in fakes.items()}


@pytest.mark.parametrize("name", [name for name in pretrained.GALLERY if name != "healthy"])
def test_what_goes_wrong_ends_farther_from_faces(distances, name):
    assert distances[name] > 1.2 * distances["healthy"]


def last(name, quantity):
    return np.mean(Run.open(name).history[quantity][-200:])


def faces_of(name, step=None):
    return load_generator(name, step=step).sample(64, seed=0)


@pytest.mark.parametrize("name", ["d_too_strong", "no_detach"])
def test_where_d_wins_it_is_certain(name):
    assert last(name, "d_fake") < 0.02
    assert last(name, "d_real") > 0.98


def test_where_d_is_too_strong_faces_stop_changing():
    *_, middle, late = pretrained.steps("d_too_strong")
    frozen = (faces_of("d_too_strong", middle) - faces_of("d_too_strong", late)).abs().mean()
    growing = (faces_of("healthy", 1000) - faces_of("healthy", 2000)).abs().mean()
    assert frozen < 0.2 * growing


def test_without_detach_there_is_noise_from_beginning_to_end():
    assert all(faces_of("no_detach", step).std() < 0.2 for step in pretrained.steps("no_detach"))


def test_where_g_is_too_strong_d_takes_static_for_real():
    assert last("g_too_strong", "d_fake") > last("g_too_strong", "d_real") + 0.2
    assert last("healthy", "d_real") > last("healthy", "d_fake")


def test_all_faces_become_one_after_there_were_many():
    before, after = (faces_of("mode_collapse", step).std(0).mean() for step in (1000, None))
    assert after < 0.25 * before


def test_with_a_high_learning_rate_it_breaks():
    history = Run.open("high_learning_rate").history
    assert max(history["loss_g"][-200:]) > 3 * max(history["loss_g"][500:700])


def test_d_knows_its_few_faces_by_heart():
    notes = json.loads((pretrained.FOLDER / "overfitting" / "config.json").read_text())
    *_, unseen = notes["d_unseen"].values()
    assert last("overfitting", "d_real") > unseen + 0.3


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_say_what_it_saw_and_what_goes_wrong(name):
    run = Run.open(name)
    assert run.about == pretrained.ALL[name]
    assert run.data["count"] >= (300 if name == "overfitting" else 10_000)
    assert run.data["crop"] == ("celeba-128" if name == "faces" else "drawn")
    assert run.config.image_size == load_generator(name).image_size
    assert load_generator(name).trained_on == run.data


def test_the_model_card_speaks_of_each():
    card = (pretrained.FOLDER / "README.md").read_text()
    assert all(f"`{name}`" in card for name in NAMES)
