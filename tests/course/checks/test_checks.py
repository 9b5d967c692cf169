"""The exercises' checks: right variants pass, wrong ones are told why."""

import re

import pytest
import torch
import torch.nn.functional as F
from helpers.exercise_variants import BUT, RIGHT, WRONG
from torch import nn

from facegan.course.catalog import exercises
from facegan.course.checks.tools import CheckFailed, call, close, tensor
from facegan.course.exercise import run_check

TABLE = exercises()
FAST = 15  # variants of each exercise that the fast tests try


def cases(group):
    return [
        pytest.param(name, index, marks=pytest.mark.slow if index >= FAST else ())
        for name, variants in group.items()
        for index in range(len(variants))
    ]


RIGHT_CASES, BUT_CASES, WRONG_CASES = map(cases, (RIGHT, BUT, WRONG))
SECRETS = ("127.5", "softplus(", "ConvTranspose2d(")


def test_every_exercise_has_eight_right_and_twelve_wrong_variants():
    assert RIGHT.keys() == WRONG.keys() == TABLE.keys()
    assert min(map(len, RIGHT.values())) >= 8
    assert min(map(len, WRONG.values())) >= 12


@pytest.mark.parametrize(("name", "index"), RIGHT_CASES)
def test_right_solutions_pass(name, index):
    result = run_check(TABLE[name], RIGHT[name][index])
    assert result.status == "right", result.feedback


@pytest.mark.parametrize(("name", "index"), BUT_CASES)
def test_solutions_that_ignore_the_text_pass_and_are_told_so(name, index):
    function, said = BUT[name][index]
    result = run_check(TABLE[name], function)
    assert result.status == "right, but", result
    assert result.passes
    assert re.search(said, result.feedback), result.feedback
    assert result.feedback.startswith("right, but ")


@pytest.mark.parametrize(("name", "index"), WRONG_CASES)
def test_wrong_solutions_are_told_their_mistake_and_not_the_answer(name, index):
    function, said = WRONG[name][index]
    result = run_check(TABLE[name], function)
    assert result.status == "wrong", result
    assert re.search(said, result.feedback), result.feedback
    assert result.feedback.startswith("it raised") or not [
        secret for secret in SECRETS if secret in result.feedback
    ]
    assert sentences(result.feedback) <= 2, result.feedback


def sentences(text):
    """How many sentences a text has, without counting code, numbers and names."""
    text = re.sub(r"`[^`]*`|\([^()]*\)|\d\.\d|torch\.\w+", "", text)
    return len(re.findall(r"[.?](?= [A-Z]|$)", text))


def double_in_place(x):
    return x.mul_(2)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (double_in_place, "modifies its input in place"),
        (lambda x: None, "it returns nothing"),
        (lambda x: x / 0 + x.nothing, "it raised AttributeError at `.*`: .*Tensor has no nothing"),
    ],
)
def test_a_call_names_what_went_wrong(function, said):
    with pytest.raises(CheckFailed, match=said):
        call(function, torch.ones(2))


def test_a_call_hands_a_missing_implementation_on():
    def missing(x):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        call(missing, 1)


def test_an_error_of_torch_is_no_missing_implementation():
    with pytest.raises(CheckFailed, match="it raised NotImplementedError"):
        call(lambda x: F.softmax(x.long(), 0), torch.ones(2))


def test_a_function_that_may_change_its_input_gets_the_input_itself():
    layer = nn.Linear(2, 2)
    call(lambda module: nn.init.zeros_(module.weight), layer, changes=True)
    assert not layer.weight.any()


def test_a_tensor_of_another_shape_is_refused_with_both_shapes():
    with pytest.raises(CheckFailed, match=r"it returns shape \(2,\), expected \(3,\) for input \(2,\)"):
        tensor(lambda x: x + 1, torch.ones(2), shape=(3,))


def test_close_compares_every_number():
    assert close(torch.tensor([1.0, 2.0]), torch.tensor([1.00001, 2]))
    assert not close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))


def without_norm(build):
    """A builder's network with nothing in place of BatchNorm."""

    def build_without(*arguments):
        network = build(*arguments)
        for parent in list(network.modules()):
            for name, child in parent.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(parent, name, nn.Identity())
        return network

    return build_without


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_network_without_batchnorm_works_and_ignores_the_text(name):
    result = run_check(TABLE[name], without_norm(TABLE[name].solution))
    assert result.status == "right, but"
    assert "normalization over the batch" in result.feedback
    assert run_check(TABLE[name], TABLE[name].solution).feedback == "right."


class TooWide(nn.Module):
    """A discriminator as the text asks, with a part that is far too large and hardly counts."""

    def __init__(self, width=64):
        super().__init__()
        self.usual, self.extra = TABLE["discriminator"].solution(width), nn.Linear(12288, 300 * width)

    def forward(self, x):
        return self.usual(x) + 1e-3 * self.extra(x.flatten(1)).mean(1)


@pytest.mark.slow
def test_a_network_that_is_much_too_large_is_right_with_a_note():
    result = run_check(TABLE["discriminator"], TooWide)
    assert result.status == "right"
    assert "times as many parameters as DCGAN's" in result.feedback
    assert result.feedback.startswith("right. It has")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda network: network.to("meta"), "device 'meta'"),
        (lambda network: nn.init.constant_(next(network.parameters()), torch.nan) is None or network, "NaN"),
    ],
)
def test_weights_that_are_no_numbers_are_named(spoil, said):
    build = TABLE["discriminator"].solution
    result = run_check(TABLE["discriminator"], lambda *arguments: spoil(build(*arguments)))
    assert result.status == "wrong"
    assert said in result.feedback
