"""What cannot fit into memory is refused before it is allocated."""

import pytest
import torch
from helpers import TINY, make_gan, random_faces

from facegan import GAN, Discriminator, Generator, TrainConfig, fit
from facegan.errors import ConfigError
from facegan.models.dcgan import least_weights
from facegan.runtime import memory


@pytest.fixture
def small_machine(monkeypatch):
    monkeypatch.setattr(memory, "total", lambda device: 2_000_000)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Generator(64, 100_000),
        lambda: Discriminator(64, 100_000),
        lambda: GAN(TrainConfig(width=100_000), device="cpu"),
        lambda: GAN(TrainConfig(width=8, width_d=100_000), device="cpu"),
        lambda: make_gan().sample(10**12),
    ],
)
def test_what_no_machine_holds_is_refused_at_once(build):
    with pytest.raises(ConfigError, match=r"needs at least [\d,]+\.\d GB of memory, but cpu has"):
        build()


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
@pytest.mark.parametrize("changes", [{}, {"upsampling": "nearest"}, {"modulation": 32}, {"image_size": 128}])
def test_the_count_is_a_lower_bound_and_not_far_off(changes, norm):
    config = TrainConfig(**TINY | {"image_size": 64} | changes, norm=norm)
    generator, discriminator = Generator.from_config(config), Discriminator.from_config(config)
    for network, least in (
        (generator, least_weights(config.image_size, 8, 8, modulation=config.modulation)),
        (discriminator, least_weights(config.image_size, 8)),
    ):
        numbers = sum(weight.numel() for weight in network.state_dict().values())
        assert numbers / 2 < least <= numbers


def test_training_needs_more_than_the_weights(small_machine):
    Generator(16, 128, 8)
    with pytest.raises(ConfigError, match="training with image_size=16 and width=128"):
        GAN(TrainConfig(**TINY | {"width": 128}), device="cpu")


def test_a_batch_that_does_not_fit_is_refused_before_the_first_step(small_machine, tmp_path):
    gan = make_gan(batch_size=256)
    with pytest.raises(ConfigError, match=r"a batch of 256 needs .* Use batch_size=128"):
        fit(gan, random_faces(256), steps=1, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    fit(make_gan(), random_faces(40), steps=1)


def test_checking_a_batch_changes_nothing(gan):
    before = torch.get_rng_state()
    from facegan.training.memory import check_batch_fits

    state = {name: weight.clone() for name, weight in gan.generator.state_dict().items()}
    check_batch_fits(gan)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(state[name], weight) for name, weight in gan.generator.state_dict().items())
