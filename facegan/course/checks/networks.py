"""Checks of notebook 2: the generator and the discriminator."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from facegan.course import solutions
from facegan.course.checks.modules import (
    always,
    amplified,
    check_trains,
    check_width,
    forward,
    is_affine,
    module,
    new_module,
    normalizes,
    remark_on_activations,
    remark_on_norms,
    remark_on_size,
    warm_up,
)
from facegan.course.checks.tools import CheckFailed, call, called_with, check, remark
from facegan.course.checks.trace import ACTIVATIONS, PRODUCTS, Step, between_layers, steps_of


@called_with("latent_dim", "width")
def generator(function: Callable) -> None:
    """Check for images in [-1, 1] that depend on the latents, and for gradients of all weights."""
    new_module(function, 16, 8, what="generators")
    for latent_dim, width in ((16, 8), (10, 4)):
        network = module(function, latent_dim, width)
        try:
            images = forward(network, torch.randn(4, latent_dim))
        except CheckFailed:
            _check_fixed_sizes(function)
            raise
        right = tuple(images.shape) == (4, 3, 64, 64)
        check(right, f"4 latents become {tuple(images.shape)}, expected (4, 3, 64, 64).{_side(images)}")
    one = forward(network.eval(), torch.randn(1, latent_dim))
    check(
        tuple(one.shape) == (1, 3, 64, 64),
        f"a batch of one latent becomes {tuple(one.shape)}. Does squeeze() remove the batch dimension?",
    )
    gradient = check_trains(network.train(), torch.randn(4, latent_dim), "generator")
    _check_range(amplified(module(function, latent_dim, width)), latent_dim)
    _check_latents(warm_up(network, lambda: torch.randn(16, latent_dim)), latent_dim, gradient)
    check_width(lambda width: module(function, latent_dim, width))
    linear = always(lambda: _is_linear_before_tanh(module(function, latent_dim, width), latent_dim))
    check(not linear, "before its last layer it is linear: blocks need an activation.")
    network = module(function, latent_dim, width)
    _remark_on_generator(network, torch.randn(8, latent_dim), width)
    remark_on_size(network, solutions.build_generator(latent_dim, width))


def _check_fixed_sizes(function: Callable) -> None:
    """Raise `CheckFailed` if a generator works only for some sizes."""
    for latent_dim, batch, said in (
        (100, 4, "it works only for latents of 100 numbers: use latent_dim instead of 100."),
        *((16, many, f"it works only for a batch of {many}: the batch size is hard-coded.")
          for many in (1, 2, 8, 16, 32, 64, 128)),
    ):  # fmt: skip
        network = module(function, latent_dim, 8)
        works = True
        try:
            forward(network, torch.randn(batch, latent_dim))
        except CheckFailed:
            works = False
        check(not works, said)


def _side(images: Tensor) -> str:
    """An explanation for a side other than 64."""
    if images.ndim != 4 or images.shape[-1] == 64:
        return ""
    known = {
        32: "One doubling is missing.",
        128: "There is one doubling too many.",
        16: "Two doublings are missing.",
    }
    return f" {known.get(images.shape[-1], 'From 4 the side doubles four times: compare each layer with output_size.')}"


def _check_range(network: nn.Module, latent_dim: int) -> None:
    images = forward(network, 20 * torch.randn(16, latent_dim))
    low, high = images.min().item(), images.max().item()
    check(low >= -1 and high <= 1, f"large activations leave [-1, 1]: they reach {max(-low, high):.1f}.")
    check(low < -0.05, f"its images stay between {low:.2f} and {high:.2f}; where are the values below 0?")
    check(high > 0.05, f"its images stay between {low:.2f} and {high:.2f}; where are the values above 0?")
    said = "even for huge activations, and never approach -1 and 1. Is tanh scaled, or applied twice?"
    for _ in range(
        4
    ):  # without BatchNorm, the initial weights can be so small that no activation is huge yet
        if min(-low, high) < 0.8:
            images = forward(amplified(network), 20 * torch.randn(16, latent_dim))
            low, high = images.min().item(), images.max().item()
    check(low < -0.8 and high > 0.8, f"its images stay between {low:.2f} and {high:.2f}, {said}")


def _check_latents(network: nn.Module, latent_dim: int, gradient: Tensor) -> None:
    """Check that in eval mode, an image depends on its whole latent and on nothing else."""
    z = torch.randn(16, latent_dim)
    images = forward(network, z)
    check((images[0] - images[1]).abs().max() > 1e-6, "different latents give the same image: is z used?")
    check(
        torch.equal(images, forward(network, z)),
        "the same latents give a different image each time: does it draw random numbers?",
    )
    check(
        torch.allclose(forward(network, z[:2]), images[:2], atol=1e-4),
        "in eval mode, an image depends on the other latents of the batch.",
    )
    unused = int((gradient.abs().sum(0) == 0).sum())
    check(unused == 0, f"{unused} of the {latent_dim} numbers of z do not change the image.")
    gray = (images - images[:, :1]).abs().max() < 1e-6
    check(
        not gray,
        "red, green, and blue are always equal: the last layer should have three output channels.",
    )


def _is_linear_before_tanh(network: nn.Module, latent_dim: int) -> bool:
    z = 3 * torch.randn(4, latent_dim)
    try:
        network(z[:2])
        network, z = network.double().eval(), z.double()
        network(z[:2])
    except Exception:  # the module has an unregistered tensor that stays float32
        network, z = network.float().eval(), z.float()
    return is_affine(lambda x: network(x).clamp(-0.999, 0.999).atanh(), z)


def _remark_on_generator(network: nn.Module, z: Tensor, width: int) -> None:
    """Add remarks on differences from the text: 8, 4, 2, and 1 times width channels, BatchNorm, ReLU, tanh at the end."""
    steps = steps_of(network, z)
    found = _channels(steps)
    wanted = {4: 8 * width, 8: 4 * width, 16: 2 * width, 32: width}
    known = {side: channels for side, channels in found.items() if side in wanted}
    listed = ", ".join(f"{channels} at side {side}" for side, channels in sorted(known.items()))
    remark(
        any(channels != wanted[side] for side, channels in known.items()),
        f"for width {width} it has channels {listed}; the text halves them: {list(wanted.values())}.",
    )
    kinds = {step.kind for step in steps}
    remark(
        kinds & {"interpolate", "pixel_shuffle"},
        "it upsamples without a transposed convolution, which the text asks for.",
    )
    normalized = {step.shape[-1] for step in steps if step.kind == "batch_norm" and len(step.shape) == 4}
    remark(64 in normalized, "it has BatchNorm in its last layer; the text has none there.")
    remark_on_norms(steps)
    remark(normalized and not {*known} <= normalized, "some layers before the last have no BatchNorm.")
    remark_on_activations(steps, {"relu", "tanh"}, "The text has ReLU in G's blocks, and tanh at the end.")
    remark(
        steps and "tanh" not in kinds,
        "it does not end in tanh, which the text asks for. A clipped value has no gradient.",
    )
    remark("linear" in kinds, "it has a linear layer; the text begins with a transposed convolution.")
    between = [step.kind for step in steps if step.shape[-1:] != (64,)]
    remark("tanh" in between, "it has tanh between its layers, too. The text has ReLU there.")
    remark(
        "batch_norm" not in kinds and not normalizes(network, z),
        "it has no normalization over the batch. DCGAN has BatchNorm after every layer but the last; without it, "
        "faces may never appear.",
    )


def _channels(steps: list[Step]) -> dict[int, int]:
    """Channels of the convolutions' outputs by their sides."""
    return {s.shape[-1]: s.shape[1] for s in steps if s.kind == "conv" and len(s.shape) == 4}


@called_with("width")
def discriminator(function: Callable) -> None:
    """Check for one unbounded logit per image, independent of the rest of the batch in eval mode."""
    network = new_module(function, 8, what="discriminators")
    images = torch.rand(6, 3, 64, 64) * 2 - 1
    logits = forward(network, images)
    right = tuple(logits.shape) == (6,)
    check(right, f"6 images become {tuple(logits.shape)}, expected (6,): one number per image.")
    one = forward(network.eval(), images[:1])
    said = "does squeeze() or flatten() also remove the batch dimension?"
    check(tuple(one.shape) == (1,), f"a batch of one image becomes {tuple(one.shape)}, expected (1,): {said}")
    _check_logits(amplified(module(function, 8)))
    warm_up(network, lambda: torch.rand(8, 3, 64, 64) * 2 - 1)
    alone = torch.cat([forward(network, image[None]) for image in images])
    again = forward(network, images)
    check(
        torch.equal(again, forward(network, images)),
        "in eval mode, the same images get different logits each time.",
    )
    independent = torch.allclose(alone, again, atol=1e-3)
    check(independent, "in eval mode, the logit of an image depends on the other images of the batch.")
    check((alone - alone[0]).abs().max() > 1e-7, "all images get the same logit: are they used?")
    linear = always(lambda: is_affine(network, torch.rand(6, 3, 64, 64) * 2 - 1))
    check(not linear, "it is linear: an activation is missing.")
    _check_pixels(network.train(), images)
    check_trains(network, images, "discriminator")
    check_width(lambda width: module(function, width))
    _check_signs(function)
    _remark_on_discriminator(network, images, 8)
    remark_on_size(network, solutions.build_discriminator(8))


def _check_logits(network: nn.Module) -> None:
    amplitudes = (1, 100, 1e4)
    large = torch.cat([forward(network, size * torch.randn(12, 3, 64, 64)) for size in amplitudes])
    check(
        large.min() < 0 or large.max() > 1,
        "its outputs stay between 0 and 1 even for huge inputs. The losses take logits, which can be any real number.",
    )
    check(large.abs().max() > 1.0001, "its outputs stay between -1 and 1; logits can be any real numbers.")


def _check_pixels(network: nn.Module, images: Tensor) -> None:
    """Check that the images get a gradient in all colors."""
    pixels = images.clone().requires_grad_()
    value = call(lambda: network(pixels).sum(), changes=True)
    found = (
        call(lambda: torch.autograd.grad(value, pixels, allow_unused=True), changes=True)[0]
        if value.requires_grad
        else None
    )
    said = "no gradient reaches the images, so G cannot learn from D: is something detached?"
    check(found is not None, said)
    found = torch.as_tensor(found)
    blind = [
        name for name, part in zip(("red", "green", "blue"), found.unbind(1), strict=True) if not part.any()
    ]
    check(not blind, f"it ignores {' and '.join(blind)}.")
    rows = found.abs().amax((0, 1, 3)) > 0
    seen = int(rows.sum())
    check(seen > 32, f"its logits depend on only {seen} of the image's 64 rows.")


def _check_signs(function: Callable) -> None:
    """Check that the logits of many new networks have both signs, or that training can change their sign."""
    colors = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)[..., None, None].expand(-1, -1, 64, 64)
    images = torch.cat([colors, torch.rand(2, 3, 64, 64) * 2 - 1])
    signs = torch.cat([forward(module(function, 4).eval(), images).sign() for _ in range(12)])
    one_sided = bool((signs >= 0).all() or (signs <= 0).all())
    check(
        not one_sided or _crosses(module(function, 4), images, above=bool((signs >= 0).all())),
        "its logits all have the same sign; logits can be any real numbers. What is its last layer?",
    )


def _crosses(network: nn.Module, images: Tensor, *, above: bool) -> bool:
    """Whether a few training steps change the sign of some logits."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(30):
        logits = call(lambda: network(images), changes=True)
        if bool((logits < 0).any() if above else (logits > 0).any()):
            return True
        optimizer.zero_grad()
        (logits.mean() * (1 if above else -1)).backward()
        optimizer.step()
    return False


def _remark_on_discriminator(network: nn.Module, images: Tensor, width: int) -> None:
    """Add remarks on differences from the text: stride 2, leaky ReLU of slope 0.2, BatchNorm in the inner layers."""
    steps = steps_of(network, images)
    kinds = [step.kind for step in steps]
    convolutions = [index for index, kind in enumerate(kinds) if kind == "conv"]
    if not convolutions:
        remark(
            "linear" in kinds, "it has no convolutions: a linear layer must learn each position separately."
        )
        return
    remark("pool" in kinds, "it has pooling; the text halves the side with convolutions of stride 2.")
    known = _remark_on_doubling(steps, width)
    second = convolutions[1] if len(convolutions) > 1 else len(kinds)
    remark("batch_norm" in kinds[:second], "it has BatchNorm in its first layer; the text has none there.")
    last = {step.shape[1] for step in steps if step.kind == "batch_norm" and len(step.shape) > 1}
    remark(1 in last, "it has BatchNorm in its last layer; the text has none there.")
    remark_on_norms(steps)
    slopes = {step.slope for step in steps if step.kind == "leaky_relu"}
    remark(
        slopes - {0.2}, f"its leaky ReLU has slope {', '.join(map(str, slopes - {0.2}))}; the text says 0.2."
    )
    remark_on_activations(steps, {"leaky_relu"}, "The text has leaky ReLU, whose gradient is not 0 below 0.")
    after = between_layers(steps)[-1]
    products = [index for index, kind in enumerate(after) if kind in PRODUCTS]
    after = after[products[-1] :] if products else after
    remark({*after} & ACTIVATIONS, "it has an activation after its last layer; the text has none there.")
    kernels = {step.kernel for step in steps if step.kind == "conv"} - {4}
    remark(
        kernels, f"it has kernels of {', '.join(map(str, sorted(filter(None, kernels))))}; the text says 4."
    )
    remark(
        "batch_norm" not in kinds and not normalizes(network, images),
        "it has no normalization over the batch. The text has BatchNorm in every layer but the first and the last.",
    )
    normalized = {step.shape[-1] for step in steps if step.kind == "batch_norm" and len(step.shape) == 4}
    remark(
        not {s for s in known if s != 32} <= normalized,
        "some layers between the first and the last have no BatchNorm.",
    )


def _remark_on_doubling(steps: list[Step], width: int) -> dict[int, int]:
    """Add a remark on channels that differ from the text; return the channels found, by side."""
    wanted = {32: width, 16: 2 * width, 8: 4 * width, 4: 8 * width}
    known = {side: channels for side, channels in _channels(steps).items() if side in wanted}
    listed = ", ".join(f"{channels} at side {side}" for side, channels in sorted(known.items(), reverse=True))
    doubles = all(channels == wanted[side] for side, channels in known.items())
    remark(
        not doubles,
        f"for width {width} it has channels {listed}; the text doubles them: {list(wanted.values())}.",
    )
    return known
