"""A generator in one file."""

import json

import pytest
import torch
from safetensors.torch import load, save_file
from torch import nn

from facegan import Discriminator, Generator, load_generator
from facegan.errors import CheckpointError
from facegan.export import export_generator
from facegan.models import sample
from facegan.runs import generator_file
from facegan.runs.networks import generator_of


@pytest.mark.parametrize(
    "changes", [{"output": "sigmoid", "activation": "leaky_relu"}, {"upsampling": "nearest"}]
)
def test_export_and_load_give_the_same_faces(tmp_path, changes):
    generator = Generator(16, 8, 8, **changes)
    generator(torch.randn(8, 8))
    path = tmp_path / "g.safetensors"
    path.write_bytes(generator_file.to_bytes(generator))
    loaded = load_generator(path)
    assert torch.equal(loaded.sample(4, seed=0), generator.sample(4, seed=0))
    assert not loaded.training


@pytest.mark.parametrize("data", [b"", b"<html>quota</html>", b"\x10" + bytes(40)])
def test_files_that_are_no_generator_are_refused(tmp_path, data):
    (tmp_path / "g.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="not a generator exported by facegan"):
        load_generator(tmp_path / "g.safetensors")
    with pytest.raises(CheckpointError, match="no generator at"):
        load_generator(tmp_path / "nowhere.safetensors")


class Own(nn.Module):
    """A generator that is not facegan's."""

    latent_dim, image_size, output_range = 8, 16, (-1, 1)

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 3 * 16 * 16)

    def forward(self, z):
        return self.linear(z).view(-1, 3, 16, 16).tanh()


def test_an_own_network_is_loaded_into_the_one_given(tmp_path):
    own, path = Own(), tmp_path / "own.safetensors"
    path.write_bytes(generator_file.to_bytes(own))
    given = Own()
    loaded = load_generator(path, generator=given)
    assert loaded is not given
    assert torch.equal(sample(loaded, 2, seed=0), sample(own, 2, seed=0))
    with pytest.raises(CheckpointError, match=r"its network is Own.*generator=network"):
        load_generator(path)


def test_weights_that_share_memory_can_be_written(tmp_path):
    own = Own()
    own.again = own.linear
    assert generator_file.to_bytes(own)


def test_a_file_says_what_its_generator_learned_from(tmp_path):
    record = {"name": "celeba", "count": 32600, "crop": "celeba-108"}
    (tmp_path / "g.safetensors").write_bytes(generator_file.to_bytes(Generator(16, 8, 8), data=record))
    loaded = load_generator(tmp_path / "g.safetensors")
    assert loaded.trained_on == record
    (tmp_path / "again.safetensors").write_bytes(generator_file.to_bytes(loaded))
    assert load_generator(tmp_path / "again.safetensors").trained_on == record


def test_a_network_that_contradicts_the_file_is_refused(tmp_path):
    path = tmp_path / "own.safetensors"
    network = nn.Sequential(nn.Linear(4, 12), nn.Unflatten(1, (3, 2, 2)))
    network.latent_dim, network.image_size, network.output_range = 4, 2, (-1, 1)
    path.write_bytes(generator_file.to_bytes(network))
    network.output_range = (0, 1)
    with pytest.raises(CheckpointError, match=r"output_range is \(0, 1\), the file's \(-1, 1\)"):
        load_generator(path, generator=network)


def test_a_weight_that_float16_cannot_hold_stays_as_it_is(gan):
    with torch.no_grad():
        gan.ema.blocks[0][0].weight[0, 0, 0, 0] = 1e6
    weights = load(generator_file.to_bytes(gan.ema, half=True))
    assert weights["blocks.0.0.weight"].dtype == torch.float32
    assert weights["blocks.1.0.weight"].dtype == torch.float16


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_a_discriminator_there_and_back(tmp_path, norm):
    discriminator, path = Discriminator(16, 8, norm=norm, leak=0.1), tmp_path / "d.safetensors"
    discriminator(torch.randn(8, 3, 16, 16))
    path.write_bytes(generator_file.to_bytes(discriminator))
    loaded = generator_file.read_discriminator(path)
    assert (loaded.norm, loaded.leak, loaded.training) == (norm, 0.1, True)
    images = torch.randn(4, 3, 16, 16)
    assert torch.equal(loaded.eval()(images), discriminator.eval()(images))
    path.write_bytes(generator_file.to_bytes(discriminator, half=True))
    close = generator_file.read_discriminator(path).eval()(images)
    torch.testing.assert_close(close, discriminator(images), atol=0.01, rtol=0.01)


def test_a_file_of_the_other_kind_is_named(tmp_path):
    path = tmp_path / "n.safetensors"
    path.write_bytes(generator_file.to_bytes(Discriminator(16, 8)))
    with pytest.raises(CheckpointError, match=r"is not a generator .*contains a discriminator"):
        load_generator(path)
    path.write_bytes(generator_file.to_bytes(Generator(16, 8, 8)))
    with pytest.raises(CheckpointError, match=r"is not a discriminator .*contains a generator"):
        generator_file.read_discriminator(path)


def test_no_flipped_bit_passes_unnoticed(tmp_path):
    path = tmp_path / "g.safetensors"
    data = generator_file.to_bytes(Generator(16, 8, 8), data={"name": "celeba"}, half=True)
    before = load_generator_of(path, data)
    missed = []
    for position in range(0, len(data), 101):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        try:
            after = load_generator_of(path, flipped)
        except CheckpointError:
            continue
        missed += [position] if after != before else []
    assert not missed


def load_generator_of(path, data):
    path.write_bytes(data)
    loaded = load_generator(path)
    return {k: v.tolist() for k, v in loaded.state_dict().items()}, loaded.settings, loaded.trained_on


def test_a_file_without_a_digest_is_read(tmp_path):
    generator, path = Generator(16, 8, 8), tmp_path / "g.safetensors"
    save_file(generator.state_dict(), path, metadata={"facegan": json.dumps(generator.settings)})
    assert torch.equal(load_generator(path).sample(2, seed=0), generator.sample(2, seed=0))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_refused_by_name(gan, tmp_path, value):
    gan.ema.blocks[0][0].weight.data[0, 0] = value
    (tmp_path / "g.safetensors").write_bytes(generator_file.to_bytes(gan.ema))
    for use in (
        lambda: load_generator(tmp_path / "g.safetensors"),
        lambda: gan.export(tmp_path / "a.safetensors"),
        lambda: export_generator(gan.ema, tmp_path / "a.pt"),
        lambda: generator_of(gan.state_dict(), None),
    ):
        with pytest.raises(CheckpointError, match=r"'blocks\.0\.0\.weight' is not finite"):
            use()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("changes", [{"width": 9000}, {"latent_dim": 10**9}, {"modulation": 10**9}])
def test_settings_that_ask_for_more_than_the_file_holds_build_nothing(tmp_path, changes):
    generator, path = Generator(16, 8, 8), tmp_path / "g.safetensors"
    save_file(generator.state_dict(), path, metadata={"facegan": json.dumps(generator.settings | changes)})
    with pytest.raises(CheckpointError, match=r"its settings need at least"):
        load_generator(path)
