"""Checks of notebook 2: sizes, blocks, and initial weights."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from numbers import Real

import torch
from torch import Tensor, nn

from facegan.course.checks.modules import (
    always,
    forward,
    is_affine,
    module,
    new_module,
    remark_on_activations,
    remark_on_norms,
)
from facegan.course.checks.tools import CheckFailed, call, called_with, check, kind_of, remark
from facegan.course.checks.trace import steps_of

_CASES = (
    (1, 4, 1, 0), (4, 4, 2, 1), (8, 4, 2, 1), (5, 3, 1, 1), (7, 5, 3, 2), (3, 2, 2, 0), (6, 3, 2, 0), (16, 4, 4, 0),
    (4, 2, 3, 0),
)  # fmt: skip


@called_with("size", "kernel", "stride", "padding")
def output_size(function: Callable) -> None:
    """Compare with PyTorch's own layer."""
    got = [_number(call(function, *case)) for case in _CASES]
    right = [
        nn.ConvTranspose2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size, size)).shape[-1]
        for size, kernel, stride, padding in _CASES
    ]
    if got == right:
        return
    at = [a == b for a, b in zip(got, right, strict=True)].index(False)
    size, kernel, stride, padding = _CASES[at]
    tables = [_wrong_sizes(*case) for case in _CASES]
    why = [said for said in tables[0] if [table[said] for table in tables] == got]
    raise CheckFailed(
        f"for size {size}, kernel {kernel}, stride {stride}, padding {padding}, it gives {got[at]:g}, but the layer's "
        f"output has side {right[at]}. {why[0] if why else _part(function)}"
    )


def _part(function: Callable) -> str:
    """The feedback on the wrong part of a formula, found by changing each of its arguments."""
    base = (6, 5, 3, 1)

    def change(index: int) -> float:
        more = tuple(value + (place == index) for place, value in enumerate(base))
        return _number(call(function, *more)) - _number(call(function, *base))

    for index, right, said in (
        (3, -2, "padding grows by 1, the result changes by {}: count what is cut off"),
        (1, 1, "kernel grows by 1, the result changes by {}: count what a wider stamp adds"),
        (0, 3, "size grows by 1 and stride is 3, the result changes by {}: count what one more stamp adds"),
        (2, 5, "stride grows by 1 and size is 6, the result changes by {}: count the moves between stamps"),
    ):
        changed = change(index)
        if changed != right:
            return f"When {said.format(f'{changed:g}')}."
    return "It changes correctly with each argument, but is off by a constant or wrong in special cases."


def _number(result: object) -> float:
    if isinstance(result, Tensor) and result.numel() == 1 and not result.is_complex():
        check(result.device.type == "cpu", f"its result is on the device {result.device.type!r}.")
        result = result.item()
    is_number = isinstance(result, Real) and not isinstance(result, bool)
    check(is_number, f"it returns {kind_of(result)}, expected one whole number, not a tuple or a layer.")
    number = float(result)  # type: ignore[arg-type]
    check(math.isfinite(number), f"it returns {number}, expected a whole number.")
    return number


def _wrong_sizes(size: int, kernel: int, stride: int, padding: int) -> dict[str, float]:
    """The results of known mistakes."""
    grown = (size - 1) * stride
    return {
        "Padding is not taken into account.": grown + kernel,
        "Padding is cut off at both ends.": grown + kernel - padding,
        "That is the formula of an ordinary convolution.": (size + 2 * padding - kernel) // stride + 1,
        "That is the formula of an ordinary convolution, without rounding down.": (size + 2 * padding - kernel) / stride + 1,
        "Padding makes the output of a transposed convolution smaller.": grown + kernel + 2 * padding,
        "There are only size - 1 moves between size stamps.": size * stride + kernel - 2 * padding,
        "There are size - 1 moves, not size + 1.": (size + 1) * stride + kernel - 2 * padding,
        "The width of the last stamp is kernel, not 1.": grown + 1 - 2 * padding,
        "The last stamp's width, kernel, is missing.": grown - 2 * padding,
        "Stride and kernel are exchanged.": (size - 1) * kernel + stride - 2 * padding,
        "Are parentheses missing around size - 1?": size - stride + kernel - 2 * padding,
        "Are parentheses missing, so that kernel - padding comes before the factor 2?": grown + 2 * (kernel - padding),
        "It is off by one: count the first stamp's own width, then the moves.": grown + kernel - 2 * padding + 1,
        "Use the kernel unchanged, even if it is smaller than the stride.": grown + max(kernel, stride) - 2 * padding,
        "It is too small by one: the last stamp is as wide as the kernel.": grown + kernel - 2 * padding - 1,
        "The stride has no effect: stamps are `stride` pixels apart.": size - 1 + kernel - 2 * padding,
        "That is right only if kernel - 2 * padding equals stride.": size * stride,
        "That is the number of pixels, not the side.": (grown + kernel - 2 * padding) ** 2,
        "It returns the input's side.": size,
        "It always uses kernel 4.": grown + 4 - 2 * padding,
        "It always uses stride 2.": 2 * (size - 1) + kernel - 2 * padding,
        "The stride is hard-coded: it always doubles the side.": 2 * size,
    }  # fmt: skip


@called_with("in_channels", "out_channels")
def generator_block(function: Callable) -> None:
    """Check that the module doubles the side, normalizes over the batch, and is not linear."""
    block = new_module(function, 6, 4, what="blocks")
    inputs = torch.randn(8, 6, 4, 4)
    out = forward(block, inputs)
    check(out.ndim == 4, f"its output has shape {tuple(out.shape)}, expected (B, channels, height, width).")
    check(out.shape[0] == 8, f"for 8 images, it returns {out.shape[0]}: the batch size must not change.")
    check(out.shape[1] == 4, f"generator_block(6, 4) makes {out.shape[1]} channels, expected 4.")
    for side in (4, 8, 5):
        made = forward(block, torch.randn(2, 6, side, side)).shape[-2:]
        doubled = tuple(made) == (2 * side, 2 * side)
        check(doubled, f"a side of {side} becomes {made[0]}, expected {2 * side}. Compare with output_size.")
    loud = module(function, 6, 4).train()  # a new one, because large inputs distort the running statistics
    check(
        _keeps_size(loud, 1000 * inputs, 7000 * inputs),
        "inputs that are seven times larger give larger outputs even in train mode: normalization over the batch is missing.",
    )
    out = forward(block.train(), inputs)
    mean, spread = out.mean((0, 2, 3)), out.std((0, 2, 3))
    check(
        mean.abs().max() > 1e-3 or (spread - 1).abs().max() > 0.1,
        "every channel has mean 0 and standard deviation 1: the normalization is the last operation, or "
        "only linear operations follow it.",
    )
    linear = always(lambda: is_affine(block, torch.randn(4, 6, 4, 4)))
    check(not linear, "it is linear: an activation is missing.")
    _check_modes(block, inputs)
    _remark_on_block(block, inputs)


def _keeps_size(block: nn.Module, small: Tensor, large: Tensor) -> bool:
    torch.manual_seed(0)  # for dropout
    once = forward(block, small)
    torch.manual_seed(0)
    return torch.allclose(once, forward(block, large), atol=2e-2)


def _check_modes(block: nn.Module, inputs: Tensor) -> None:
    """Check that in eval mode, an image's result does not depend on the other images."""
    block.eval()
    alone, together = forward(block, inputs[:1]), forward(block, inputs)[:1]
    block.train()
    check(
        torch.allclose(alone, together, atol=1e-4),
        "in eval mode, an image's result depends on the rest of the batch: use nn.BatchNorm2d, which has two modes.",
    )


def _remark_on_block(block: nn.Module, inputs: Tensor) -> None:
    """Add remarks on blocks that work but differ from the text (transposed convolution, BatchNorm, ReLU)."""
    steps = steps_of(block, inputs)
    kinds = [step.kind for step in steps]
    remark_on_norms(steps)
    if "batch_norm" in kinds and "conv" in kinds:
        first = kinds.index("batch_norm") < len(kinds) - 1 - kinds[::-1].index("conv")
        remark(first, "BatchNorm comes before the convolution; the text's block has it after.")
    remark_on_activations(steps, {"relu"}, "The text's block ends in ReLU.")
    out = forward(block.train(), inputs)
    remark(
        (out < 0).any() or not (out == 0).any(), "its last step is not ReLU; the text's block ends in ReLU."
    )
    upward = any(step.upward for step in steps)
    remark(steps and not upward, "it has no transposed convolution, which the text asks for.")


@called_with("module")
def init_weights(function: Callable) -> None:
    """Check for N(0, 0.02) in convolutions, N(1, 0.02) in BatchNorm, and biases of 0 in BatchNorm, set in place."""
    network = nn.Sequential(
        nn.Conv2d(32, 64, 4), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 32, 4), nn.LeakyReLU(0.2)
    )
    for p in network.parameters():
        p.data.fill_(0.7)
    weights = list(network.parameters())
    for layer in network:
        _apply(function, layer)
    asked = (
        ""
        if any(bool((p != 0.7).any()) for p in weights)
        else " Does an isinstance test cover this type of layer?"
    )
    for layer, mean in zip(network, (0, 1, 0), strict=False):
        _check_normal(layer, mean, asked)
    same = all(p is q for p, q in zip(weights, network.parameters(), strict=True))
    check(same, "it replaces the parameters with new ones; change their numbers in place.")
    bias = network[1].get_parameter("bias")
    check(bool((bias == 0).all()), f"the bias of BatchNorm2d is {bias[0]:.3f} afterward, expected 0.")
    _check_draws(function)
    _remark_on_others(network)
    for layer in (
        nn.Conv2d(3, 3, 4, bias=False),
        nn.Tanh(),
        nn.Flatten(0),
        nn.Sequential(nn.Conv2d(3, 3, 4)),
    ):
        _apply(function, layer)


def _check_draws(function: Callable) -> None:
    """Check that two layers of the same shape get different weights, and that the global seed does not change."""
    seed = torch.initial_seed()
    first, second = nn.Conv2d(8, 8, 4), nn.Conv2d(8, 8, 4)
    for layer in (first, second):
        _apply(function, layer)
    check(
        not torch.equal(first.weight, second.weight),
        "layers of the same shape get equal weights: a seed is set at every call.",
    )
    check(torch.initial_seed() == seed, "it sets torch's global seed, which affects the whole program.")


def _remark_on_others(network: nn.Sequential) -> None:
    """Add remarks on other values that the function sets."""
    norm = network[1]
    kept = bool((norm.get_buffer("running_mean") == 0).all() and (norm.get_buffer("running_var") == 1).all())
    remark(
        not kept, "it also sets BatchNorm's running statistics, which are not weights. Do not change them."
    )
    for layer in (network[0], network[2]):
        bias = layer.get_parameter("bias")
        odd = not (bias == 0.7).all() and bias.abs().max() > 0.2
        remark(
            odd,
            f"it sets the biases of {type(layer).__name__} to about {bias.mean():.2f}; the text does not.",
        )


def _apply(function: Callable, layer: nn.Module) -> None:
    try:
        call(function, layer, changes=True)
    except CheckFailed as failure:
        said = re.split(r"\. (?:Is|Does) ", str(failure))[0]
        if "AttributeError" in said or "NoneType" in said:
            kind = (
                "convolutions without bias"
                if hasattr(layer, "weight")
                else f"layers such as {type(layer).__name__}"
            )
            raise CheckFailed(
                f"{said.rstrip('.')}. init_weights is called for every layer, also for {kind}."
            ) from None
        raise


def _check_values(weight: Tensor, name: str) -> None:
    usable = weight.device.type == "cpu" and weight.is_floating_point()
    check(usable, f"{name} are {weight.dtype} on {weight.device} afterward, expected floats on the CPU.")
    check(weight.isfinite().all(), f"{name} contain NaN or infinity.")


def _check_normal(layer: nn.Module, mean: float, asked: str) -> None:
    weight, kind = layer.get_parameter("weight"), type(layer).__name__
    name = f"the weights of {kind}"
    _check_values(weight, name)
    got, spread = weight.mean().item(), weight.std().item()
    check(
        not (weight == 0.7).all(),
        f"{name} are not changed (or a new tensor is created and discarded).{asked}",
    )
    where = " (a scale of 0 erases what it multiplies)" if mean and abs(got) < 0.1 else ""
    check(
        spread > 1e-6,
        f"{name} are all {got:.2f}{where}: draw each, with standard deviation 0.02 (theirs is 0.000).",
    )
    check(
        abs(got - mean - 0.7) > 0.01,
        f"{name} have mean {got:.3f}: something is added to the old weights. Replace them.",
    )
    check(abs(got - mean) < 0.01, f"{name} have mean {got:.3f}, expected {mean}{where}.")
    known = {
        math.sqrt(0.02): "0.02 is not the variance",
        0.02**2: "0.02 is not squared",
        1.0: "randn's standard deviation is 1",
    }
    why = next((f" ({said})" for value, said in known.items() if abs(spread - value) < value / 10), "")
    check(abs(spread - 0.02) < 0.002, f"{name} have standard deviation {spread:.3g}, expected 0.02{why}.")
    different = len(weight.detach().unique())
    check(
        different > weight.numel() / 2,
        f"{name} repeat: {weight.numel():,} weights have {different:,} different values. Draw every one.",
    )
    beyond = ((weight - mean).abs() > 0.04).float().mean().item()
    check(beyond > 0.02, f"{name} have no tails, as in a uniform distribution; draw from a normal one.")
    check(
        weight.requires_grad, f"{name} are frozen afterward (requires_grad=False), so they cannot be trained."
    )
