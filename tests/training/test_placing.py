"""Networks that are assigned to a GAN after it was made, and GANs that are pickled."""

import io
import pickle

import pytest
import torch
from helpers import assert_same_state, make_gan, same, weights
from torch import nn

from facegan import Discriminator, Generator, fit, train_step
from facegan.errors import ConfigError

pytestmark = pytest.mark.usefixtures("no_curves")


class WithView(nn.Module):
    """A discriminator that needs contiguous images."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 8, 4, 2, 1), nn.Linear(8 * 64, 1)

    def forward(self, images):
        return self.last(self.conv(images).view(len(images), -1))


@pytest.mark.parametrize(
    ("name", "make"),
    [("generator", lambda: Generator(16, 8, 8)), ("discriminator", lambda: Discriminator(16, 8)),
     ("discriminator", WithView)],
)  # fmt: skip
def test_a_network_that_is_assigned_is_trained(name, make, gan, faces, real):
    train_step(gan, real)
    setattr(gan, name, network := make())
    before = weights(network)
    fit(gan, faces, steps=3)
    assert not same(before, weights(network))
    assert getattr(gan, name) is network
    assert gan.data["name"] == faces.name
    state = gan.state_dict()
    assert len(state["optimizer_d"]["state"]) == len(list(gan.discriminator.parameters()))
    assert state["ema"].keys() == state["generator"].keys()


@pytest.mark.parametrize(
    ("network", "message"),
    [(None, "discriminator is None, expected a torch.nn.Module"), (Discriminator(32, 8), "takes .3, 32, 32."),
     (nn.Linear(3, 3), "the discriminator fails on a batch")],
)  # fmt: skip
def test_a_network_that_does_not_fit_is_refused_and_changes_nothing(network, message, gan, real):
    before = gan.discriminator
    with pytest.raises(ConfigError, match=message):
        gan.discriminator = network
    assert gan.discriminator is before
    train_step(gan, real)


class Seen(nn.DataParallel):
    calls = 0

    def forward(self, *inputs):
        self.calls += 1
        return super().forward(*inputs)


@pytest.mark.parametrize("name", ["generator", "discriminator"])
@pytest.mark.parametrize("wrap", [Seen, lambda network: torch.compile(network, backend="eager")])
@pytest.mark.slow
def test_a_wrapper_of_the_same_network_changes_nothing(name, wrap, faces, tmp_path):
    plain, wrapped = make_gan(), make_gan()
    setattr(wrapped, name, wrap(getattr(wrapped, name)))
    for gan in (plain, wrapped):
        fit(gan, faces, steps=3, run_dir=tmp_path / str(gan is plain))
    assert_same_state(plain, wrapped)
    network = getattr(wrapped, name)
    assert not isinstance(network, Seen) or network.calls


def test_a_network_of_distributed_training_is_refused_by_name(gan):
    wrapper = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
    nn.Module.__init__(wrapper)
    with pytest.raises(ConfigError, match=r"is a DistributedDataParallel.*network\.module"):
        gan.generator = wrapper


def test_a_pickled_gan_trains_on_as_the_gan_itself(gan, faces):
    fit(gan, faces, steps=2)
    torch.save(gan, saved := io.BytesIO())
    saved.seek(0)
    copies = [pickle.loads(pickle.dumps(gan)), torch.load(saved, weights_only=False)]
    fit(gan, faces, steps=4)
    for copy in copies:
        fit(copy, faces, steps=4)
        assert_same_state(gan, copy)
