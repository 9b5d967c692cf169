"""How answers are judged: what stays inside, what is told of answers that are right and ignore the text."""

import sys
import warnings

import pytest
import torch
from torch import nn

from facegan.course.catalog import exercises
from facegan.course.exercise import run_check

TABLE = exercises()


def feedback(name, function):
    return run_check(TABLE[name], function).feedback


def block(*layers):
    return lambda a, b: nn.Sequential(*[layer(a, b) for layer in layers])


def up(a, b):
    return nn.ConvTranspose2d(a, b, 4, 2, 1)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ((up, lambda a, b: nn.BatchNorm2d(b), lambda a, b: nn.LeakyReLU(0.2)), "leaky_relu"),
        ((up, lambda a, b: nn.BatchNorm2d(b), lambda a, b: nn.Tanh()), "it uses tanh"),
        ((up, lambda a, b: nn.InstanceNorm2d(b), lambda a, b: nn.ReLU()), "separately"),
        ((lambda a, b: nn.BatchNorm2d(a), up, lambda a, b: nn.ReLU()), "before the convolution"),
    ],
)
def test_a_block_that_is_not_that_of_the_text_gets_a_remark(layers, said):
    assert said in feedback("generator_block", block(*layers))


def test_half_of_the_loss_gets_a_remark():
    half = TABLE["discriminator_loss"].solution
    assert "2 log 2" in feedback("discriminator_loss", lambda real, fake: half(real, fake) / 2)


def test_a_frozen_average_gets_a_note():
    def update(average, model, decay):
        TABLE["update_average"].solution(average, model, decay)
        average.requires_grad_(False)

    assert feedback("update_average", update).startswith("right. It freezes the average")


def test_a_function_that_calls_itself_for_ever_is_wrong():
    def scale(images):
        return scale(images)

    assert "calls itself endlessly" in feedback("scale", scale)


def test_a_second_run_does_not_find_the_reference_under_its_name():
    names = {}
    exec("def scale(images):\n    return scale(images)", names)
    function = names["scale"]
    names["scale"] = TABLE["scale"].solution  # as the first run left it
    result = run_check(TABLE["scale"], function)
    assert result.status == "wrong"
    assert names["scale"] is TABLE["scale"].solution


def test_a_function_may_call_itself_before_its_name_is_bound():
    names = {}
    code = "def output_size(n, k, s, p):\n    return k - 2 * p if n == 1 else output_size(n - 1, k, s, p) + s"
    exec(code, names)
    assert run_check(TABLE["output_size"], names.pop("output_size")).status == "right"


def changed(name, change):
    """The reference's network with a layer replaced, for each that `change` gives another one for."""

    def build(*arguments):
        network = TABLE[name].solution(*arguments)
        for index, layer in enumerate(network):
            network[index] = change(index, layer) or layer
        return network

    return build


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i, layer: nn.LeakyReLU(0.01) if isinstance(layer, nn.LeakyReLU) else None, "slope 0.01"),
        (lambda i, layer: nn.ReLU() if isinstance(layer, nn.LeakyReLU) else None, "it uses relu"),
        (lambda i, layer: nn.Sequential(nn.BatchNorm2d(3), layer) if i == 0 else None,
         "BatchNorm in its first layer"),
    ],
)  # fmt: skip
def test_a_discriminator_that_differs_from_the_text_gets_a_remark(change, said):
    assert said in feedback("discriminator", changed("discriminator", change))


def test_a_generator_with_batchnorm_at_its_end_gets_a_remark():
    norm = nn.BatchNorm2d
    end = changed("generator", lambda i, at: nn.Sequential(norm(3), at) if isinstance(at, nn.Tanh) else None)
    assert "BatchNorm in its last layer" in feedback("generator", end)


def test_a_name_is_as_it_was_after_the_check():
    names = {}
    exec("def mine(images):\n    return images.float() / 127.5 - 1", names)
    function = names.pop("mine")
    assert run_check(TABLE["scale"], function).status == "right"
    assert "mine" not in names


def test_exit_stays_inside():
    assert "exit()" in feedback("scale", lambda images: sys.exit(3))


def test_warnings_stay_inside():
    def scale(images):
        warnings.warn("look here", stacklevel=1)
        return images.float() / 127.5 - 1

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert feedback("scale", scale) == "right."
    assert not seen


def test_layers_in_a_plain_list_are_named_also_if_others_are_found():
    class Half(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.up, self.rest = up(a, b), [nn.BatchNorm2d(b), nn.ReLU()]

        def forward(self, x):
            x = self.up(x)
            for layer in self.rest:
                x = layer(x)
            return x

    assert "plain list" in feedback("generator_block", Half)


@pytest.mark.parametrize("name", ["generator", "discriminator", "generator_block"])
def test_references_get_no_remark(name):
    for seed in range(3):
        torch.manual_seed(seed)
        assert feedback(name, TABLE[name].solution) == "right."
