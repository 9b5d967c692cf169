"""GAN losses and regularizers: pure functions of discriminator logits (B,).

Each loss is a pair of functions. D's function takes real and fake logits; G's function takes fake logits. Both return
a scalar to minimize. Do not apply a sigmoid to the logits: the losses compute log-sigmoids in a numerically stable way.

References: GAN, Goodfellow et al. 2014 (arXiv 1406.2661); LSGAN, Mao et al. 2017 (1611.04076); hinge, Lim & Ye
2017 (1705.02894) and Miyato et al. 2018 (1802.05957); WGAN, Arjovsky et al. 2017 (1701.07875);
WGAN-GP, Gulrajani et al. 2017 (1704.00028); R1, Mescheder et al. 2018 (1801.04406); ganhacks,
Chintala et al. 2016 (github.com/soumith/ganhacks).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from facegan.errors import ConfigError, expect, first_line


def bce_discriminator(real: Tensor, fake: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))]: GAN 2014, equation 1, as a loss.

    Args:
        real: logits (B,) of real images.
        fake: logits (B,) of fakes.
        smoothing: s changes the target for real images to 1 - s (one-sided label smoothing; Salimans et al. 2016, arXiv
            1606.03498, section 3.4).

    Returns:
        A tensor with one number, the mean over the batch.
    """
    real_loss = (1 - smoothing) * F.softplus(-real) + smoothing * F.softplus(real)
    return real_loss.mean() + F.softplus(fake).mean()


def bce_generator(fake: Tensor) -> Tensor:
    """-E[log D(G(z))], the non-saturating loss: GAN 2014, end of section 3."""
    return F.softplus(-fake).mean()


def minimax_generator(fake: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))], the minimax loss: GAN 2014, equation 1. It saturates if D is confident."""
    return -F.softplus(fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """E[(D(x) - 1)^2] / 2 + E[D(G(z))^2] / 2: LSGAN equation 9 (a = 0, b = 1 - smoothing).

    Arguments and result are as for `bce_discriminator`.
    """
    return ((real - (1 - smoothing)).square().mean() + fake.square().mean()) / 2


def least_squares_generator(fake: Tensor) -> Tensor:
    """E[(D(G(z)) - 1)^2] / 2: LSGAN equation 9 (c = 1)."""
    return (fake - 1).square().mean() / 2


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]: Miyato 2018, equation 16."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[D(G(z))] - E[D(x)]: WGAN equation 2 as a loss. D must be Lipschitz (gradient penalty or spectral norm)."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """-E[D(G(z))]: WGAN equation 2; also G's half of the hinge loss (Miyato 2018, equation 17)."""
    return -fake.mean()


class Loss(NamedTuple):
    """The two functions of a GAN loss.

    Attributes:
        discriminator: takes real and fake logits (B,), and returns the scalar that D minimizes.
        generator: takes fake logits (B,), and returns the scalar that G minimizes.
    """

    discriminator: Callable[..., Tensor]
    generator: Callable[[Tensor], Tensor]

    @property
    def takes_smoothing(self) -> bool:
        """Whether D's function has a `smoothing` argument."""
        parameters = inspect.signature(self.discriminator).parameters
        return "smoothing" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


LOSSES: dict[str, Loss] = {
    "bce": Loss(bce_discriminator, bce_generator),
    "minimax": Loss(bce_discriminator, minimax_generator),
    "least_squares": Loss(least_squares_discriminator, least_squares_generator),
    "hinge": Loss(hinge_discriminator, wasserstein_generator),
    "wasserstein": Loss(wasserstein_discriminator, wasserstein_generator),
}
BUILT_IN = frozenset(LOSSES)


def register_loss(name: str, discriminator: Callable[..., Tensor], generator: Callable) -> Loss:
    """Make a loss available as `TrainConfig(loss=name)`, also when a run is resumed.

    Args:
        name: name of the loss; must not be that of a built-in loss. Registering a name again replaces the loss.
        discriminator: function of real logits (B,) and fake logits (B,) that returns the scalar that D minimizes. To
            support `label_smoothing`, accept a keyword argument `smoothing`.
        generator: function of fake logits (B,) that returns the scalar that G minimizes.

    Returns:
        The registered loss.

    Raises:
        ConfigError: the name is not a string or is that of a built-in loss, or a function is not callable.

    >>> loss = register_loss("logistic", bce_discriminator, bce_generator)
    """
    expect(name, str, "the loss's name", "a string: register_loss(name, discriminator, generator)")
    if name in BUILT_IN:
        raise ConfigError(f"loss {name!r} is built in; use another name.")
    if not callable(discriminator) or not callable(generator):
        raise ConfigError(f"loss {name!r} needs two functions, got {discriminator!r} and {generator!r}.")
    LOSSES[name] = Loss(discriminator, generator)
    return LOSSES[name]


def find_loss(name: str) -> Loss:
    """The loss registered as `name`. Raises `ConfigError` if there is none."""
    if name not in LOSSES:
        raise ConfigError(
            f"no loss is named {name!r}; choose one of {', '.join(LOSSES)}, or add yours with "
            "fg.register_loss(name, discriminator, generator)."
        )
    return LOSSES[name]


def check_loss(loss: Loss) -> None:
    """Call both functions on batches of two logits. Raises `ConfigError` unless they return a scalar with gradients."""
    logits = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    for name, half, given in (
        ("discriminator", loss.discriminator, logits),
        ("generator", loss.generator, logits[1:]),
    ):
        try:
            value = half(*given)
        except Exception as error:
            raise ConfigError(
                f"the {name}'s loss fails on {len(given)} batches of logits: {first_line(error)}. The discriminator's "
                "loss takes real and fake logits; the generator's takes fake logits."
            ) from error
        if not isinstance(value, Tensor) or value.ndim or not value.requires_grad:
            shape = (
                f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
            )
            raise ConfigError(
                f"the {name}'s loss returns {shape}, expected one number (a tensor without dimensions) with "
                "gradients. Return the mean over the batch, and do not detach it."
            )


def as_loss(given: Any) -> Loss:
    """Convert a pair of functions to a `Loss`. Raises `ConfigError` for anything else."""
    if not isinstance(given, tuple) or len(given) != 2 or not all(map(callable, given)):
        raise ConfigError(
            f"loss is {given!r}, expected fg.Loss(discriminator, generator): two functions of logits, or a name."
        )
    return Loss(*given)


def flip_labels(real: Tensor, fake: Tensor, swap: Tensor) -> tuple[Tensor, Tensor]:
    """Swap the real and fake logits of some pairs.

    To D, a swapped pair is a real face labeled fake and a fake face labeled real. This is ganhacks no. 6 ("occasionally
    flip the labels") for any loss.

    Args:
        real, fake: logits (B,).
        swap: bool (B,), the pairs to swap.

    Returns:
        The real and the fake logits after swapping, (B,) each.
    """
    return torch.where(swap, fake, real), torch.where(swap, real, fake)


def gradient_penalty(discriminator: Callable, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """E[(||grad D(x^)|| - 1)^2] on x^ = mix * real + (1 - mix) * fake: WGAN-GP equation 3.

    Args:
        discriminator: network that returns logits (B,).
        real, fake: images (B, 3, H, W) or points (B, 2).
        mix: random numbers, uniform on [0, 1], (B, 1, 1, 1) for images or (B, 1) for points.

    Returns:
        A scalar that is differentiable with respect to D's parameters. Multiply it by lambda (10 in the paper).
    """
    between = torch.lerp(fake.detach(), real.detach(), mix)
    return (_squared_gradient(discriminator, between).clamp_min(1e-12).sqrt() - 1).square().mean()


def r1_penalty(discriminator: Callable, real: Tensor) -> Tensor:
    """E[||grad D(x)||^2] / 2 on real images or points (B, ...): Mescheder 2018, equation 9; multiply by gamma."""
    return _squared_gradient(discriminator, real.detach()).mean() / 2


def _squared_gradient(discriminator: Callable, samples: Tensor) -> Tensor:
    samples = samples.requires_grad_(True)
    logits = _precise(discriminator(samples)).sum()
    (gradient,) = torch.autograd.grad(logits, samples, create_graph=True)
    return _precise(gradient).square().sum(tuple(range(1, gradient.ndim)))


def _precise(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))  # float64 remains float64
