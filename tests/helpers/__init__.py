"""What several tests use: everything at 16 px and width 8, so that a step takes milliseconds."""

import io

import numpy as np
import torch
from PIL import Image

from facegan import GAN, FaceDataset, TrainConfig

TINY = {"image_size": 16, "width": 8, "latent_dim": 8, "batch_size": 8, "precision": "fp32"}


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


def make_gan(**changes):
    return GAN(TrainConfig(**TINY | {"flip": True} | changes), device="cpu")


def weights(network):
    """Copies of all tensors of a network."""
    return [t.clone() for t in (*network.parameters(), *network.buffers())]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def interrupt_in_backward(monkeypatch, nth):
    """Make the `nth` backward pass of a run end in KeyboardInterrupt, as a second Ctrl-C does."""
    backward, calls = torch.Tensor.backward, iter(range(1, 10_000))

    def interrupted(loss):
        backward(loss)
        if next(calls) == nth:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch.Tensor, "backward", interrupted)
