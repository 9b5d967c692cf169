"""Shared fixtures: everything at 16 px and width 8, so that a step takes milliseconds."""

import io
import shutil
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from facegan import GAN, FaceDataset, TrainConfig

torch.set_num_threads(1)  # tests run in parallel; threads that wait for each other are slow

TINY = {"image_size": 16, "width": 8, "latent_dim": 8, "batch_size": 8, "precision": "fp32"}


@pytest.fixture(autouse=True)
def _same_noise_every_time():
    torch.manual_seed(0)


@pytest.fixture
def config():
    return TrainConfig(**TINY)


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


def random_faces(n, size=16):
    images = np.random.default_rng(0).integers(0, 256, (n, 3, size, size), dtype=np.uint8)
    return FaceDataset(images, "random")


def assert_same_state(a, b):
    """Two GANs agree bit for bit in all that training changes, but for the clock's images per second."""
    a, b = a.state_dict(), b.state_dict()
    for state in (a, b):
        state["history"].pop("images_per_second")
    flat_a, flat_b = flatten(a), flatten(b)
    assert flat_a.keys() == flat_b.keys()
    for name, value in flat_a.items():
        equal = torch.equal(value, flat_b[name]) if isinstance(value, torch.Tensor) else value == flat_b[name]
        assert equal, f"{name} differs"


def flatten(tree, prefix=""):
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {k: v for name, branch in tree.items() for k, v in flatten(branch, f"{prefix}/{name}").items()}


def jpeg(rng, side=16):
    """The bytes of a JPEG of smooth noise."""
    noise = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    out = io.BytesIO()
    noise.resize((side, side)).save(out, "JPEG", quality=90)
    return out.getvalue()
