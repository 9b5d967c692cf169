"""Checks of notebook 2: sizes, blocks, the two networks and their first weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from facegan.course import solutions
from facegan.course.checks.tools import CheckFailed, call, check, remark
from facegan.course.checks.trace import ACTIVATIONS, layers_of

_LARGE = 10  # times as many parameters as DCGAN has


def output_size(function: Callable) -> None:
    """Against PyTorch's own layer."""
    for size, kernel, stride, padding in (
        (1, 4, 1, 0), (4, 4, 2, 1), (8, 4, 2, 1), (5, 3, 1, 1), (7, 5, 3, 2), (3, 2, 2, 0), (6, 3, 2, 0),
    ):  # fmt: skip
        layer = nn.ConvTranspose2d(1, 1, kernel, stride, padding)
        actual = layer(torch.zeros(1, 1, size, size)).shape[-1]
        got = call(function, size, kernel, stride, padding)
        check(isinstance(got, int | float | Tensor), f"it returns a {type(got).__name__}, not a number.")
        case = f"size {size}, kernel {kernel}, stride {stride}, padding {padding}"
        said = f"for {case} it gives {got}, but the layer's output has side {actual}."
        if float(got) != actual:
            wrong = _wrong_sizes(size, kernel, stride, padding)
            raise CheckFailed(
                said + next((f" {why}" for why, value in wrong.items() if value == float(got)), "")
            )


def _wrong_sizes(size: int, kernel: int, stride: int, padding: int) -> dict[str, float]:
    """What known mistakes give."""
    return {
        "That is the formula of an ordinary convolution.": (size + 2 * padding - kernel) // stride + 1,
        "Padding is cut off at both ends.": (size - 1) * stride + kernel - padding,
        "Padding makes the output of a transposed convolution smaller.": (size - 1) * stride + kernel + 2 * padding,
        "Padding is not taken into account.": (size - 1) * stride + kernel,
        "Between size stamps there are size - 1 moves.": size * stride + kernel - 2 * padding,
        "The last stamp is kernel wide, not 1.": (size - 1) * stride + 1 - 2 * padding,
        "That is right only if kernel - 2 * padding equals stride.": size * stride,
    }  # fmt: skip


def generator_block(function: Callable) -> None:
    """A module that doubles the side, normalizes over the batch and is not linear."""
    block = _module(function, 6, 4)
    inputs = torch.randn(8, 6, 4, 4)
    out = _forward(block, inputs)
    check(out.ndim == 4, f"its output has shape {tuple(out.shape)}, expected (B, channels, height, width).")
    check(out.shape[1] == 4, f"generator_block(6, 4) makes {out.shape[1]} channels, expected 4.")
    for side in (4, 8, 5):
        made = _forward(block, torch.randn(2, 6, side, side)).shape[-2:]
        doubled = tuple(made) == (2 * side, 2 * side)
        check(doubled, f"a side of {side} becomes {made[0]}, expected {2 * side}. Compare with output_size.")
    block.train()
    with torch.no_grad():
        loud = copy.deepcopy(block)
        same = torch.allclose(loud(1000 * inputs), loud(7000 * inputs), atol=2e-2)
    check(
        same,
        "seven times larger inputs make larger outputs, also in training: nothing normalizes over the batch.",
    )
    mean, spread = out.mean((0, 2, 3)), out.std((0, 2, 3))
    check(
        mean.abs().max() > 1e-3 or (spread - 1).abs().max() > 0.1,
        "every channel comes out with mean 0 and spread 1: the normalization is the last thing that happens, or "
        "nothing follows it that is not linear.",
    )
    linear = _always(lambda: _is_affine(block, torch.randn(4, 6, 4, 4)))
    check(not linear, "it is linear: an activation is missing.")
    _remark_on_block(block, inputs)
    first, second = ({id(p) for p in b.parameters()} for b in (block, _module(function, 6, 4)))
    check(not first & second, "two blocks share the same weights: make new layers at every call.")


def _remark_on_block(block: nn.Module, inputs: Tensor) -> None:
    """What works, but is not the block of the text: transposed convolution, BatchNorm, ReLU."""
    kinds = [layer.kind for layer in layers_of(block, inputs)]
    alone = [kind for kind in kinds if kind in ("instance_norm", "group_norm", "layer_norm")]
    if alone:
        remark(True, f"it normalizes each image by itself ({alone[0]}); BatchNorm normalizes over the batch.")
    elif "batch_norm" in kinds and "conv" in kinds:
        first = kinds.index("batch_norm") < len(kinds) - 1 - kinds[::-1].index("conv")
        remark(first, "BatchNorm comes before the convolution; DCGAN's follows it.")
    _remark_on_activation(kinds, {"relu"}, "G's blocks end in ReLU.")
    remark(
        bool((_forward(block.train(), inputs) < 0).any()) and "relu" in kinds,
        "But ReLU is not the last thing in it.",
    )


def _remark_on_activation(kinds: Sequence[str], wanted: set[str], text: str) -> None:
    others = sorted({*kinds} & ACTIVATIONS - wanted)
    remark(others, f"it uses {', '.join(others)}. {text}")


def generator(function: Callable) -> None:
    """Latents to images in [-1, 1] that depend on them, with every weight in reach of the gradient."""
    for latent_dim, width in ((16, 8), (10, 4)):
        network = _module(function, latent_dim, width)
        z = torch.randn(4, latent_dim)
        images = _forward(network, z)
        right = tuple(images.shape) == (4, 3, 64, 64)
        check(right, f"4 latents become {tuple(images.shape)}, expected (4, 3, 64, 64).")
    _check_trains(network, lambda: network(torch.randn(4, latent_dim)).square().sum(), "generator")
    network = copy.deepcopy(network).eval()
    for p in network.parameters():
        p.data.mul_(4)  # large enough that only a squashing layer keeps the range
    images = _forward(network, 20 * torch.randn(16, latent_dim))
    low, high = images.min().item(), images.max().item()
    check(low >= -1 and high <= 1, f"large activations leave [-1, 1]: they reach {max(-low, high):.1f}.")
    check(low < -0.05, f"its images stay between {low:.2f} and {high:.2f}; where are the values below 0?")
    check((images[0] - images[1]).abs().max() > 1e-4, "different latents give the same image: is z used?")
    again = _forward(network.eval(), z := torch.randn(2, latent_dim)), _forward(network, z)
    check(
        torch.equal(*again),
        "the same latents give another image every time: does it draw random numbers itself?",
    )
    _check_width(lambda width: _module(function, latent_dim, width))
    _remark_on_channels(_module(function, latent_dim, width), torch.randn(2, latent_dim), width)
    linear = _always(lambda: _is_linear_before_tanh(_module(function, latent_dim, width), latent_dim))
    check(not linear, "before its last layer it is linear: blocks need an activation.")
    network = _module(function, latent_dim, width)
    remark(
        not _normalizes(network, torch.randn(8, latent_dim)),
        "But nothing in it normalizes over the batch. DCGAN has BatchNorm after every layer but the last; without it, "
        "faces may never appear.",
    )
    _remark_on_size(network, solutions.build_generator(latent_dim, width))


def _check_width(build: Callable[[int], nn.Module]) -> None:
    small, large = (sum(p.numel() for p in build(width).parameters()) for width in (4, 8))
    check(large > small, "`width` changes nothing: with 4 and with 8 it has the same number of parameters.")


def _remark_on_channels(network: nn.Module, z: Tensor, width: int) -> None:
    """The text's plan: 8, 4, 2 and 1 times width channels, BatchNorm and ReLU but for the last layer, tanh there."""
    layers = layers_of(network, z)
    found = {
        layer.shape[-1]: layer.shape[1] for layer in layers if layer.kind == "conv" and len(layer.shape) == 4
    }
    wanted = {4: 8 * width, 8: 4 * width, 16: 2 * width, 32: width}
    known = {side: channels for side, channels in found.items() if side in wanted}
    if any(channels != wanted[side] for side, channels in known.items()):
        listed = ", ".join(f"{channels} at side {side}" for side, channels in sorted(known.items()))
        remark(
            True,
            f"But for width {width} it has channels {listed}; the text halves them: {list(wanted.values())}.",
        )
    normalized = {layer.shape[-1] for layer in layers if layer.kind == "batch_norm"}
    remark(
        64 in normalized,
        "it has BatchNorm in its last layer; the text has none there.",
    )
    remark(normalized and not {*known} <= normalized, "some layers before the last have no BatchNorm.")
    kinds = [layer.kind for layer in layers]
    _remark_on_activation(kinds, {"relu", "tanh"}, "G's blocks end in ReLU, and G in tanh.")


def discriminator(function: Callable) -> None:
    """Images to one unbounded logit each, independent of the rest of the batch in eval mode."""
    network = _module(function, 8)
    images = torch.rand(6, 3, 64, 64) * 2 - 1
    logits = _forward(network, images)
    right = tuple(logits.shape) == (6,)
    check(right, f"6 images become {tuple(logits.shape)}, expected (6,): one number an image.")
    network.eval()
    amplitudes = (1, 100, 1e4)
    large = torch.cat([_forward(network, size * torch.randn(32, 3, 64, 64)) for size in amplitudes])
    check(
        large.min() < 0 or large.max() > 1,
        "its outputs stay between 0 and 1 even for huge inputs. The losses take logits, any real numbers.",
    )
    check(large.abs().max() > 1.0001, "its outputs stay between -1 and 1; logits are any real numbers.")
    alone = torch.cat([_forward(network, image[None]) for image in images])
    independent = torch.allclose(alone, _forward(network, images), atol=1e-3)
    check(independent, "in eval mode the logit of an image depends on the other images of the batch.")
    check((alone - alone[0]).abs().max() > 1e-7, "all images get the same logit: are they used?")
    linear = _always(lambda: _is_affine(network, torch.rand(6, 3, 64, 64) * 2 - 1))
    check(not linear, "it is linear: an activation is missing.")
    network.train()
    pixels = images.clone().requires_grad_()
    value = network(pixels).sum()
    reaches = value.requires_grad and torch.autograd.grad(value, pixels, allow_unused=True)[0] is not None
    check(reaches, "no gradient reaches the images, so G can learn nothing from it: is something detached?")
    _check_trains(network, lambda: network(images).square().sum(), "discriminator")
    _check_width(lambda width: _module(function, width))
    _check_signs(function)
    _remark_on_layers(network, images)
    remark(
        not _normalizes(network, images),
        "But nothing in it normalizes over the batch. DCGAN has BatchNorm in every layer but the first.",
    )
    _remark_on_size(network, solutions.build_discriminator(8))


def _check_signs(function: Callable) -> None:
    """Of many fresh networks, some call noise real and some fake, unless the last thing in them has one sign."""
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    signs = torch.cat([_forward(_module(function, 4).eval(), images).sign() for _ in range(12)])
    one_sided = bool((signs >= 0).all() or (signs <= 0).all())
    check(
        not one_sided,
        "its logits all have the same sign; logits are any real numbers. What is its last layer?",
    )


def _remark_on_layers(network: nn.Module, images: Tensor) -> None:
    """The text's plan: convolutions of stride 2, leaky ReLU of slope 0.2, no BatchNorm in the first layer."""
    layers = layers_of(network, images)
    kinds = [layer.kind for layer in layers]
    convolutions = [index for index, kind in enumerate(kinds) if kind == "conv"]
    if not convolutions:
        remark("linear" in kinds, "it has no convolutions: a linear layer must learn each place anew.")
        return
    second = convolutions[1] if len(convolutions) > 1 else len(kinds)
    remark("batch_norm" in kinds[:second], "it has BatchNorm in its first layer; the text has none there.")
    slopes = {layer.slope for layer in layers if layer.kind == "leaky_relu"}
    remark(slopes - {0.2}, f"its leaky ReLU has slope {', '.join(map(str, slopes))}; the text says 0.2.")
    _remark_on_activation(kinds, {"leaky_relu"}, "Leaky ReLU lets some gradient through below 0.")


def init_weights(function: Callable) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm, zero biases, in place."""
    network = nn.Sequential(
        nn.Conv2d(32, 64, 4), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 32, 4), nn.LeakyReLU(0.2)
    )
    for p in network.parameters():
        p.data.fill_(0.7)
    for layer in network:
        call(function, layer, changes=True)
    for layer, mean in zip(network, (0, 1, 0), strict=False):
        kind = type(layer).__name__
        _check_normal(layer.get_parameter("weight"), mean, kind)
    biases = {type(layer).__name__: layer.get_parameter("bias") for layer in list(network)[:3]}
    wrong = [kind for kind, bias in biases.items() if not bool((bias == 0).all())]
    check("BatchNorm2d" not in wrong, f"the bias of {wrong[0] if wrong else ''} is not 0 afterwards.")
    remark(wrong, "the biases of convolutions stay as they were; the text sets them to 0.")
    call(function, nn.Conv2d(3, 3, 4, bias=False), changes=True)


def _check_normal(weight: Tensor, mean: float, kind: str) -> None:
    got, spread = weight.mean().item(), weight.std().item()
    name = f"the weights of {kind}"
    check(not (weight == 0.7).all(), f"{name} are not touched (or a new tensor is made and dropped).")
    where = " (a scale of 0 erases what it multiplies)" if mean and abs(got) < 0.1 else ""
    check(abs(got - mean) < 0.01, f"{name} have mean {got:.3f}, expected {mean}{where}.")
    check(
        abs(spread - 0.02) < 0.002,
        f"{name} have standard deviation {spread:.3f}, expected 0.02"
        f"{' (0.02 is not the variance)' if abs(spread - math.sqrt(0.02)) < 0.01 else ''}.",
    )
    beyond = ((weight - mean).abs() > 0.04).float().mean().item()
    check(beyond > 0.02, f"{name} have no tails, as a uniform distribution has none; draw from a normal one.")


def _module(function: Callable, *arguments: Any) -> nn.Module:
    network = call(function, *arguments)
    check(
        isinstance(network, nn.Module),
        f"it returns {'the class ' + network.__name__ if isinstance(network, type) else 'a ' + type(network).__name__}"
        ", expected a module that is ready to be called.",
    )
    weights = [*network.parameters()]
    hidden = any(_has_plain_list(part) for part in network.modules())
    said = "layers are in a plain list, where PyTorch does not find them. Use nn.Sequential or nn.ModuleList."
    check(weights or not hidden, f"the module has no parameters: its {said}")
    check(weights, "the module has no parameters: there is nothing to learn.")
    check(not hidden, f"some of its {said}")
    empty = any(p.device.type == "meta" for p in weights)
    check(
        not empty, "its weights are on the device 'meta', which holds no numbers. Build it without a device."
    )
    network = network.to("cpu")
    finite = all(bool(p.isfinite().all()) for p in weights)
    check(finite, "its weights contain NaN or infinity before any training. How are they initialized?")
    return network


def _has_plain_list(module: nn.Module) -> bool:
    kept = [value for value in vars(module).values() if isinstance(value, list | tuple)]
    return any(isinstance(item, nn.Module) and [*item.parameters()] for value in kept for item in value)


def _normalizes(network: nn.Module, inputs: Tensor) -> bool:
    """Whether in train mode three times larger inputs make the same outputs."""
    network, outputs = copy.deepcopy(network).train(), []
    for size in (1, 3):
        torch.manual_seed(0)  # for dropout
        outputs.append(_forward(network, size * inputs))
    once, thrice = outputs
    return bool((once - thrice).abs().max() < 0.1 * once.abs().max())


def _remark_on_size(network: nn.Module, reference: nn.Module) -> None:
    size, usual = (sum(p.numel() for p in n.parameters()) for n in (network, reference))
    remark(
        size > _LARGE * usual,
        f"it has {size / usual:,.0f} times as many parameters as DCGAN's at the same width: training will be slow, "
        "and may run out of memory.",
    )


def _forward(network: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        out = call(network, inputs, changes=True)
    check(isinstance(out, Tensor), f"the module returns a {type(out).__name__}, not a tensor.")
    return out


def _always(test: Callable[[], bool]) -> bool:
    """Whether a test holds in three draws: a single one of weights or inputs can be unlucky."""
    return all(test() for _ in range(3))


def _is_linear_before_tanh(network: nn.Module, latent_dim: int) -> bool:
    network, z = network.double().eval(), 3 * torch.randn(4, latent_dim).double()
    return _is_affine(lambda x: network(x).clamp(-0.999, 0.999).atanh(), z)


def _is_affine(network: Callable, x: Tensor, tolerance: float = 1e-3) -> bool:
    """Whether f(x) + f(-x) = 2 f(0), in eval mode."""
    was_training = getattr(network, "training", False)
    if isinstance(network, nn.Module):
        network.eval()
    with torch.no_grad():
        up, down, zero = network(x), network(-x), network(torch.zeros_like(x))
    if isinstance(network, nn.Module):
        network.train(was_training)
    size = (up - down).abs().max().clamp_min(1e-12)
    return bool(((up + down - 2 * zero).abs().max() / size) < tolerance)


def _check_trains(network: nn.Module, loss: Callable[[], Tensor], what: str) -> None:
    network.zero_grad()
    value = loss()
    check(value.requires_grad, f"no gradient reaches the {what}'s weights: is something detached?")
    value.backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None]
    check(not idle, f"{len(idle)} of its weights get no gradient, such as {idle[:1]}: are all layers used?")
