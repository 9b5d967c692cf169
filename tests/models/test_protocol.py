"""Functions of any generator, and what is asked of networks."""

import pytest
import torch
from helpers import TINY
from torch import nn

from facegan import TrainConfig
from facegan.errors import ConfigError
from facegan.models import Discriminator, Generator, protocol
from facegan.models.protocol import evaluating, frozen, generate, sample, set_default_attributes


def own(**attributes):
    network = nn.Sequential(nn.Linear(4, 12), nn.Unflatten(1, (3, 2, 2)), nn.Sigmoid())
    for name, value in attributes.items():
        setattr(network, name, value)
    return network


def test_any_generator_with_a_latent_dim_can_be_sampled():
    network = own(latent_dim=4)
    assert torch.equal(sample(network, 3, seed=0), sample(network, 3, seed=0))
    assert network.training


def test_images_of_a_sigmoid_generator_come_in_minus_one_to_one():
    network = own(latent_dim=4, output_range=(0, 1))
    z = torch.zeros(1, 4)
    assert torch.equal(generate(network, z), network(z).detach() * 2 - 1)


def test_a_network_that_does_not_say_its_latent_dim_is_told_how():
    with pytest.raises(ConfigError, match=r"no attribute 'latent_dim'.*latent_dim = 100"):
        sample(own(), 3)


def test_describing_sets_what_is_missing_only():
    network = set_default_attributes(own(), TrainConfig(latent_dim=4, output="sigmoid"))
    assert (network.latent_dim, network.image_size, network.output_range) == (4, 64, (0, 1))


def test_batches_of_any_size_give_the_same_images():
    network, z = own(latent_dim=4), torch.randn(7, 4)
    torch.testing.assert_close(generate(network, z, batch_size=3), generate(network, z))


def test_eval_mode_ends_with_the_context_for_each_submodule_as_it_was():
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
    network[0].eval()
    with evaluating(network):
        assert not network[1].training
    assert [network.training, *(m.training for m in network)] == [True, False, True]


def test_frozen_weights_get_no_gradients_and_gradients_flow_through():
    network, z = nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
    network.bias.requires_grad_(False)
    with frozen(network):
        network(z).sum().backward()
    assert network.weight.grad is None
    assert z.grad is not None
    assert (network.weight.requires_grad, network.bias.requires_grad) == (True, False)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(lambda n: n.to("meta"), "device 'meta'"), (lambda n: broken(n), "NaN or infinity before")],
)
@pytest.mark.parametrize("which", [0, 1])
def test_networks_whose_weights_are_no_numbers_are_refused(which, spoil, said):
    config = TrainConfig(**TINY)
    networks = [Generator.from_config(config), Discriminator.from_config(config)]
    networks[which] = spoil(networks[which])
    with pytest.raises(ConfigError, match=said):
        protocol.check_networks(*networks, config)


def broken(network):
    for p in network.parameters():
        torch.nn.init.constant_(p, torch.nan)
    return network
