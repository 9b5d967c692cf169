"""The reference solutions: each passes its own check, and equals the library's function."""

import copy
import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from facegan import GAN, TrainConfig, images, latent, losses, train_step
from facegan.course import solutions
from facegan.course.catalog import exercises
from facegan.course.exercise import run_check
from facegan.models import dcgan

TABLE = exercises()


@pytest.mark.parametrize("name", TABLE)
def test_a_solution_passes_its_own_check(name):
    result = run_check(TABLE[name], TABLE[name].solution)
    assert result.status == "right", result.feedback


SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "src").glob("0*.py"))
ASKED = re.compile(r'@fg\.exercise\("(\w+)"\)\ndef (\w+\(.*?\)):\n    """(.*?)"""', re.DOTALL)


def test_notebooks_and_solutions_have_the_same_parameters_and_docstrings():
    asked = {name: rest for path in SOURCES for name, *rest in ASKED.findall(path.read_text())}
    assert asked.keys() == TABLE.keys()
    for name, (header, text) in asked.items():
        if TABLE[name].solution.__module__ == solutions.__name__:
            source = inspect.getsource(TABLE[name].solution)
            assert f'def {header}:\n    """{text}"""' in source, name


def test_center_crop_is_the_librarys():
    image = torch.arange(3 * 9 * 12).reshape(3, 9, 12)
    assert torch.equal(solutions.center_crop(image, 4), images.center_crop(image, 4))


def test_a_contact_sheet_is_a_grid_without_padding():
    faces = torch.randint(0, 255, (7, 3, 4, 6), dtype=torch.uint8)
    assert torch.equal(solutions.contact_sheet(faces, 3), images.make_grid(faces, columns=3, padding=0))


def layers(network):
    """Kind, and what its shape and behavior depend on, of every layer."""
    names = ("kernel_size", "stride", "padding", "bias", "negative_slope", "inplace", "momentum", "eps")
    for module in network.modules():
        if isinstance(
            module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d | nn.ReLU | nn.LeakyReLU | nn.Tanh
        ):
            kind = next(k for k in KINDS if isinstance(module, k))
            settings = {name: getattr(module, name) for name in names if hasattr(module, name)}
            settings["bias"] = settings.get("bias") is not None
            yield kind, settings


KINDS = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.Tanh)


@pytest.fixture
def tutorial():
    """A GAN of the tutorial's networks at width 16."""
    return GAN(TrainConfig(width=16), device="cpu")


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_network_has_the_layers_of_the_librarys(name, tutorial):
    ours, theirs = getattr(solutions, f"build_{name}")(width=16), getattr(tutorial, name)
    assert list(layers(ours)) == list(layers(theirs))


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_network_has_the_first_weights_of_the_librarys(name):
    """The same mean and spread in every tensor, as far as 64 numbers or more can tell."""
    ours, theirs = getattr(solutions, f"build_{name}")(), getattr(GAN(TrainConfig(), device="cpu"), name)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert a.shape == b.shape
        assert a.mean().item() == pytest.approx(b.mean().item(), abs=0.015)
        assert a.std().item() == pytest.approx(b.std().item(), abs=0.01)


@pytest.mark.parametrize(("name", "shape"), [("generator", (4, 100)), ("discriminator", (4, 3, 64, 64))])
def test_a_network_with_the_librarys_weights_gives_the_librarys_output(name, shape, tutorial):
    ours, theirs = getattr(solutions, f"build_{name}")(width=16), getattr(tutorial, name)
    state = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    ours.load_state_dict(state)
    inputs = torch.randn(shape)
    assert torch.allclose(ours(inputs), theirs(inputs), atol=1e-5)


def test_a_generator_block_is_the_librarys():
    ours, theirs = solutions.generator_block(6, 4), dcgan.generator_block(6, 4)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, 6, 5, 5)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)


def test_losses_are_the_librarys():
    real, fake = torch.randn(9) * 30, torch.randn(9) * 30
    expected = losses.bce_discriminator(real, fake), losses.bce_generator(fake)
    found = solutions.discriminator_loss(real, fake), solutions.generator_loss(fake)
    assert torch.allclose(torch.stack(found), torch.stack(expected))


def test_three_training_steps_give_the_librarys_losses_and_weights(gan, real):
    """On the library's own networks and optimizers, from the same weights and latents."""
    other = GAN(gan.config, device="cpu")
    for step in range(3):
        other.rng.manual_seed(step)
        expected = train_step(other, real)
        z = torch.randn(len(real), gan.config.latent_dim, generator=torch.Generator().manual_seed(step))
        parts = gan.generator, gan.discriminator, gan.optimizer_g, gan.optimizer_d
        found = solutions.train_step(*parts, real, z)
        assert torch.allclose(torch.stack(found), torch.stack([expected["loss_d"], expected["loss_g"]]))
    ours, theirs = gan.generator.state_dict(), other.generator.state_dict()
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in ours)


def test_losses_of_a_training_step_carry_no_graph(gan, real):
    z = torch.randn(len(real), gan.config.latent_dim)
    found = solutions.train_step(gan.generator, gan.discriminator, gan.optimizer_g, gan.optimizer_d, real, z)
    assert not any(loss.requires_grad for loss in found)


def test_the_average_is_the_librarys(config, real):
    """At the first step the library's decay is one tenth: (1 + t) / (10 + t) at t = 0."""
    gan = GAN(replace(config, ema_decay=0.9), device="cpu")
    average = copy.deepcopy(gan.ema)
    train_step(gan, real)
    solutions.update_average(average, gan.generator, 0.1)
    expected = gan.ema.state_dict()
    assert all(torch.allclose(v, expected[name], atol=1e-6) for name, v in average.state_dict().items())


@pytest.mark.parametrize(("count", "frames"), [(2, 5), (4, 31), (3, 2)])
def test_a_walk_is_the_librarys_open_walk(count, frames):
    anchors = torch.randn(count, 30)
    expected = latent.walk(anchors, frames, closed=False)
    assert torch.allclose(solutions.latent_walk(anchors, frames), expected, atol=1e-4)
