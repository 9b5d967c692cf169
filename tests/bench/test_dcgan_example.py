"""PyTorch's example as it is measured: the same game as ours."""

import io

import pytest
import torch
from helpers import random_faces

from facegan import GAN, TrainConfig, train_step
from facegan.bench.dcgan_example import Example, image_folder
from facegan.images import save_images

SMALL = TrainConfig(width=8, batch_size=8, precision="fp32")


def test_the_examples_loop_gives_the_losses_that_ours_gives():
    """In float32, from the same weights, faces and latents, over three steps of both networks."""
    example, gan = Example(width=8, device=torch.device("cpu"), log=io.StringIO()), GAN(SMALL, device="cpu")
    gan.generator.load_state_dict(
        dict(zip(gan.generator.state_dict(), example.netG.state_dict().values(), strict=True))
    )
    gan.discriminator.load_state_dict(
        dict(zip(gan.discriminator.state_dict(), example.netD.state_dict().values(), strict=True))
    )
    for step, real in zip(range(3), random_faces(32, size=64).batches(8), strict=False):
        torch.manual_seed(step)
        gan.rng.manual_seed(step)
        theirs, ours = example.step(real), train_step(gan, real)
        expected = [theirs[name] for name in ("Loss_D", "Loss_G", "D(x)", "D(G(z))", "after")]
        names = ("loss_d", "loss_g", "d_real", "d_fake", "d_fake_after")
        assert [ours[name].item() for name in names] == pytest.approx(expected, rel=1e-3)


def test_the_example_prints_its_line_every_step():
    example = Example(width=8, device=torch.device("cpu"), log=io.StringIO())
    example.step(torch.zeros(2, 3, 64, 64))
    example.step(torch.zeros(2, 3, 64, 64))
    lines = example.log.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Loss_D: ")
    assert lines[0].count("D(G(z))") == 1


def test_the_examples_loader_gives_its_range(tmp_path):
    for index in range(4):
        save_images(
            torch.full((1, 3, 70, 64), 255 * (index % 2), dtype=torch.uint8),
            tmp_path / "all" / f"{index}.png",
        )
    images, _ = next(iter(image_folder(str(tmp_path), size=64, batch_size=4)))
    assert images.shape == (4, 3, 64, 64)
    assert (images.min(), images.max()) == (-1, 1)
