import pytest
import torch
from torch import nn

from facegan import Discriminator, Generator, summary
from facegan.errors import ConfigError
from facegan.models import PointDiscriminator, feature_maps


def test_summary_prints_shapes_and_parameters(capsys):
    summary(Generator())
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["ConvTranspose2d", "512", "x", "4", "x", "4", "819,200"] for line in lines)
    assert lines[-1].split() == ["total", "3,576,704"]  # as PyTorch's tutorial networks have
    summary(Discriminator())
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "2,765,568"]


def test_feature_maps_follow_the_layers():
    generator = Generator(16, 8, 8)
    maps = feature_maps(generator, torch.ones(1, 8))
    assert [name for name, _ in maps] == ["ConvTranspose2d", "BatchNorm2d", "ReLU"] * 2 + [
        "ConvTranspose2d",
        "Tanh",
    ]
    assert torch.equal(maps[-1][1], generator.generate(torch.ones(1, 8)))
    assert (maps[1][1] < 0).any()  # kept before the ReLU overwrote it in place


def test_any_network_can_be_looked_into(capsys):
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.ReLU())
    assert [name for name, _ in feature_maps(network, torch.zeros(1, 3, 2, 2))] == [
        "Flatten",
        "Linear",
        "ReLU",
    ]
    summary(network, (3, 2, 2))
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "52"]


def test_summary_knows_the_shape_of_points(capsys):
    summary(PointDiscriminator(8))
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "105"]


def test_summary_asks_for_a_shape_that_it_cannot_know():
    with pytest.raises(ConfigError, match=r"Sequential has neither latent_dim nor image_size.*\(100,\)"):
        summary(nn.Sequential(nn.Linear(2, 2)))


def test_feature_maps_leave_each_submodules_mode():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout())
    network[0].eval()
    feature_maps(network, torch.zeros(1, 3, 2, 2))
    assert [m.training for m in network] == [False, True]


@pytest.mark.parametrize("shape", [torch.zeros(1, 100), 100])
def test_summary_refuses_what_is_not_a_shape(shape):
    with pytest.raises(ConfigError, match="expected the shape of one input"):
        summary(Generator(), shape)
