import math

import pytest
import torch

from facegan import losses, register_loss
from facegan.errors import ConfigError
from facegan.losses import LOSSES

REAL, FAKE = torch.tensor([2.0, -0.5]), torch.tensor([-1.0, 0.3])


def log_d(x):
    return math.log(1 / (1 + math.exp(-x)))


def log_not_d(x):
    return math.log(1 - 1 / (1 + math.exp(-x)))


def mean(f, xs):
    return sum(f(float(x)) for x in xs) / len(xs)


CLOSED_FORMS = {
    "bce": (-mean(log_d, REAL) - mean(log_not_d, FAKE), -mean(log_d, FAKE)),
    "minimax": (-mean(log_d, REAL) - mean(log_not_d, FAKE), mean(log_not_d, FAKE)),
    "least_squares": (
        0.5 * mean(lambda x: (x - 1) ** 2, REAL) + 0.5 * mean(lambda x: x**2, FAKE),
        0.5 * mean(lambda x: (x - 1) ** 2, FAKE),
    ),
    "hinge": (
        mean(lambda x: max(0, 1 - x), REAL) + mean(lambda x: max(0, 1 + x), FAKE),
        -mean(lambda x: x, FAKE),
    ),
    "wasserstein": (mean(lambda x: x, FAKE) - mean(lambda x: x, REAL), -mean(lambda x: x, FAKE)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_their_closed_forms(name):
    discriminator, generator = CLOSED_FORMS[name]
    assert LOSSES[name].discriminator(REAL, FAKE).item() == pytest.approx(discriminator, abs=1e-6)
    assert LOSSES[name].generator(FAKE).item() == pytest.approx(generator, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_finite_for_extreme_logits(name):
    sure, wrong = torch.tensor([200.0]), torch.tensor([-200.0])
    assert LOSSES[name].discriminator(wrong, sure).isfinite()
    assert LOSSES[name].generator(wrong).isfinite()


def test_the_original_game_saturates_where_the_other_does_not():
    def slope(loss):
        logits = torch.tensor([-8.0], requires_grad=True)  # D is sure that this is a fake
        return torch.autograd.grad(loss(logits), logits)[0].abs().item()

    assert slope(losses.minimax_generator) < 1e-3 < 0.99 < slope(losses.bce_generator)


def test_smoothing_is_one_sided():
    expected = -0.9 * mean(log_d, REAL) - 0.1 * mean(log_not_d, REAL) - mean(log_not_d, FAKE)
    assert losses.bce_discriminator(REAL, FAKE, smoothing=0.1).item() == pytest.approx(expected, abs=1e-6)
    squared = 0.5 * mean(lambda x: (x - 0.9) ** 2, REAL) + 0.5 * mean(lambda x: x**2, FAKE)
    smoothed = losses.least_squares_discriminator(REAL, FAKE, smoothing=0.1)
    assert smoothed.item() == pytest.approx(squared, abs=1e-6)


def test_flipped_pairs_change_sides():
    real, fake = losses.flip_labels(REAL, FAKE, torch.tensor([True, False]))
    assert real.tolist() == [FAKE[0], REAL[1]]
    assert fake.tolist() == [REAL[0], FAKE[1]]


SLOPE = torch.linspace(-1, 1, 12).reshape(3, 2, 2)


def linear(images):
    return (images * SLOPE).sum((1, 2, 3))


def quadratic(images):
    return images.square().sum((1, 2, 3))


def test_gradient_penalty_of_a_linear_discriminator():
    real, fake, mix = torch.rand(4, 3, 2, 2), torch.rand(4, 3, 2, 2), torch.rand(4, 1, 1, 1)
    expected = (SLOPE.norm() - 1) ** 2
    torch.testing.assert_close(losses.gradient_penalty(linear, real, fake, mix), expected)


def test_gradient_penalty_looks_between_real_and_fake():
    real, fake, mix = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), torch.full((1, 1, 1, 1), 0.25)
    expected = torch.tensor((2 * 0.25 * math.sqrt(12) - 1) ** 2)
    torch.testing.assert_close(losses.gradient_penalty(quadratic, real, fake, mix), expected)


def test_gradient_penalty_pulls_small_slopes_up():
    samples, mix = torch.rand(4, 3, 2, 2), torch.rand(4, 1, 1, 1)
    expected = (0.1 * SLOPE.norm() - 1) ** 2
    found = losses.gradient_penalty(lambda x: 0.1 * linear(x), samples, samples, mix)
    torch.testing.assert_close(found, expected)


def test_r1_leaves_the_real_images_as_they_are():
    real = torch.rand(4, 3, 2, 2)
    losses.r1_penalty(linear, real)
    assert not real.requires_grad


def test_r1_is_half_the_squared_gradient_on_real_images():
    torch.testing.assert_close(losses.r1_penalty(linear, torch.rand(4, 3, 2, 2)), SLOPE.square().sum() / 2)


def test_a_penalty_on_an_infinite_gradient_is_infinite():
    root, zeros = lambda x: x.sqrt().sum(1), torch.zeros(1, 2)
    assert losses.r1_penalty(root, zeros).isinf()
    assert losses.gradient_penalty(root, zeros, zeros, torch.ones(1, 1)).isinf()


def test_penalties_reach_the_weights():
    weight = torch.ones(1, requires_grad=True)
    losses.r1_penalty(lambda x: weight * linear(x), torch.rand(2, 3, 2, 2)).backward()
    torch.testing.assert_close(weight.grad, SLOPE.square().sum()[None])


def test_an_own_loss_is_registered_by_name():
    register_loss("mine", losses.hinge_discriminator, losses.wasserstein_generator)
    assert not LOSSES["mine"].takes_smoothing
    assert LOSSES.pop("mine").generator is losses.wasserstein_generator


@pytest.mark.parametrize("name", ["bce", "hinge"])
def test_a_built_in_loss_is_not_replaced(name):
    with pytest.raises(ConfigError, match=f"{name!r} is built in"):
        register_loss(name, losses.bce_discriminator, losses.bce_generator)


def test_a_loss_needs_two_functions():
    with pytest.raises(ConfigError, match="needs two functions"):
        register_loss("mine", losses.bce_discriminator, None)


def test_a_loss_that_does_not_exist_lists_those_that_do():
    with pytest.raises(ConfigError, match=r"no loss is named 'bcee'; choose one of bce, .*register_loss"):
        losses.find_loss("bcee")
