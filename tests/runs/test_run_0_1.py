"""What version 0.1 wrote still loads: a run folder, a checkpoint, a generator file (tests/files/run-0.1)."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers import random_faces

from facegan import GAN, FaceDataset, Run, fit, load_generator
from facegan.errors import CheckpointError
from facegan.runs import checkpoint

OLD = Path(__file__).parents[1] / "files" / "run-0.1"


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(OLD, tmp_path / "run"))


@pytest.fixture(scope="module")
def expected():
    """What 0.1 itself drew, and went on to train, on another machine."""
    return torch.load(OLD / "expected.pt", weights_only=True)


@pytest.mark.parametrize("name", ["", "generator.safetensors", "checkpoints/step_000004.pt"])
def test_its_generator_draws_the_same_images(run, expected, name):
    images = load_generator(run / name).sample(2, seed=0)
    torch.testing.assert_close(images, expected["sample"], atol=1e-5, rtol=1e-4)


def test_its_checkpoint_makes_a_gan(run):
    gan = GAN.from_state(checkpoint.load(run / "checkpoints" / "step_000004.pt"), device="cpu")
    assert gan.step == 4
    assert gan.history["step"] == [1, 2, 3, 4]
    assert gan.data == {"count": 40}


def test_its_run_resumes_as_0_1_would_have(run, expected):
    gan = GAN(Run.open(run).config, device="cpu")
    history = fit(gan, random_faces(40), steps=6, run_dir=run)
    torch.testing.assert_close(
        torch.tensor(history["loss_d"]), torch.tensor(expected["loss_d"]), atol=1e-4, rtol=1e-3
    )
    torch.testing.assert_close(gan.sample(2, seed=0), expected["final"], atol=1e-3, rtol=1e-2)
    assert [s["from_step"] for s in Run.open(run).segments] == [0, 4]


def test_its_run_is_not_resumed_on_another_number_of_faces(run):
    with pytest.raises(CheckpointError, match="40 faces"):
        fit(GAN(Run.open(run).config, device="cpu"), random_faces(30), steps=6, run_dir=run)


def test_its_folder_opens_as_a_run(run):
    opened = Run.open(run)
    assert opened.steps == [0, 2, 4]
    assert opened.data == {"name": "random"}
    assert len(opened.history["loss_d"]) == 4
    assert opened.frame(2).shape[0] == 3


def test_its_celeba_full_was_cut_by_another_crop(run):
    notes = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(notes | {"data": "celeba-full"}))
    faces = FaceDataset(random_faces(40).images, "celeba-full", crop="celeba-108")
    with pytest.raises(CheckpointError, match=r"crop celeba-178' in the checkpoint, .*crop celeba-108"):
        fit(GAN(Run.open(run).config, device="cpu"), faces, steps=6, run_dir=run)
