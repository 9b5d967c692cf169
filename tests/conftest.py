"""Shared fixtures."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest
import torch
from helpers import TINY, random_faces
from PIL import Image

from facegan import GAN, TrainConfig

torch.set_num_threads(1)  # tests run in parallel; threads that wait for each other are slow


@pytest.fixture(autouse=True)
def _same_noise_every_time():
    torch.manual_seed(0)


@pytest.fixture
def config():
    return TrainConfig(**TINY, flip=True)


@pytest.fixture
def gan(config):
    return GAN(config, device="cpu")


@pytest.fixture
def faces():
    return random_faces(40)


@pytest.fixture
def real(faces):
    return next(iter(faces.batches(8, generator=torch.Generator().manual_seed(0))))


@pytest.fixture
def no_curves(monkeypatch):
    """Run folders without curves.png, which takes ten times as long as all the rest of a snapshot."""
    monkeypatch.setattr("facegan.runs.folder.plot_curves", lambda history: SimpleNamespace(png=lambda: None))


@pytest.fixture
def folder(tmp_path):
    """Six images of 20 x 16 pixels, two of them in a subfolder."""
    for index in range(6):
        path = tmp_path / "photos" / ("more" if index > 3 else "") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 16), (index, 0, 0)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def mount():
    """Call mount(8) with options and a folder; unmounted afterwards. Skips where that is not allowed."""
    mounted = []

    def run(*options, at):
        done = subprocess.run(["mount", *options, at], capture_output=True) if shutil.which("mount") else None
        if done is None or done.returncode:
            pytest.skip("needs the right to mount")
        mounted.append(at)

    yield run
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)
