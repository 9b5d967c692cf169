"""Parts of a training step: D's half, G's half, and inspection in between.

A whole step is in `facegan.training.step`. `facegan.training.game` makes and undoes parts and whole steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from facegan.errors import expect
from facegan.images import signed_to_unit, unit_to_signed
from facegan.runtime import distributed
from facegan.runtime.random import seeded
from facegan.training.gan import GAN
from facegan.training.noise import Noise
from facegan.training.step import update_average, update_discriminator, update_generator


def step_discriminator(gan: GAN, real: Tensor) -> dict[str, Tensor]:
    """D's half of a training step: `n_critic` updates on fakes of the current G.

    This changes D, its optimizer, and the random numbers. It does not change G or its running statistics. `gan.step`,
    `gan.history`, and adaptive augmentation belong to whole steps and do not change. A lazy R1 penalty (`r1_every`)
    is applied if the next whole step would apply it.

    Args:
        gan: GAN to change in place.
        real: as for `train_step`.

    Returns:
        `loss_d`, `d_real`, `d_fake`, and `grad_norm_d`, as in `train_step`.

    Raises:
        ConfigError: the first argument is not a GAN, or `real` has another shape or type.
    """
    expect(gan, GAN, "the first argument", "a GAN: step_discriminator(gan, real)")

    def update(gan: GAN, real: Tensor, noise: Noise) -> Tensor:
        with kept_buffers(gan.generator):
            d = update_discriminator(gan, real, noise)
        shown = (logits.detach().sigmoid().mean() for logits in (d.real_logits, d.fake_logits))
        return torch.stack([d.loss.detach(), *shown, d.norm])

    real = gan.prepare(real)
    metrics = _run(gan, update, real, gan.draw_noise(real.shape[1]))
    return dict(zip(("loss_d", "d_real", "d_fake", "grad_norm_d"), metrics.unbind(), strict=True))


def step_generator(gan: GAN) -> dict[str, Tensor]:
    """G's half of a training step: one update on fakes of new latents, through the current D.

    A whole step uses the fakes on which D was just trained; this function draws new ones. It changes G, its optimizer,
    its average, the random numbers, and `gan.step`, which counts G's updates. It does not change D or its running
    statistics, or `gan.history`, whose rows are whole steps.

    Args:
        gan: GAN to change in place.

    Returns:
        `loss_g`, `d_fake_after`, and `grad_norm_g`, as in `train_step`.

    Raises:
        ConfigError: the argument is not a GAN.
    """
    expect(gan, GAN, "the first argument", "a GAN: step_generator(gan)")

    def update(gan: GAN, _: Tensor, noise: Noise) -> Tensor:
        gan.zero_grad()
        with kept_buffers(gan.discriminator):
            fake = gan.engine.generate(gan.engine.ddp_modules[0], noise.z[-1])
            g = update_generator(gan, fake, noise)
        return torch.stack([g.loss.detach(), g.logits.detach().sigmoid().mean(), g.norm])

    part = distributed.local_slice(gan.config.batch_size)
    noise = gan.draw_noise(len(range(gan.config.batch_size)[part]))
    metrics = _run(gan, update, noise.z, noise)
    update_average(gan.ema, gan.generator, gan.ema_decay)
    gan.step += 1
    return dict(zip(("loss_g", "d_fake_after", "grad_norm_g"), metrics.unbind(), strict=True))


def _run(gan: GAN, update: Callable[..., Tensor], real: Tensor, noise: Noise) -> Tensor:
    gan.engine.in_step = True
    metrics = gan.engine.run(update, gan, real, noise, replayable=False)
    gan.engine.in_step = False
    return metrics


@contextmanager
def kept_buffers(network: nn.Module) -> Iterator[None]:
    """A context that restores the network's buffers, such as BatchNorm's running statistics, at its end."""
    before = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)


@dataclass(frozen=True, eq=False)
class Look:
    """D's logits, the losses, and the gradients for some fakes and real images.

    Attributes:
        fakes: (N, 3, S, S) in [-1, 1], from G itself, not from its average.
        pull: (N, 3, S, S), the gradient of D's logits of these fakes with respect to their pixels. Where it is
            positive, a brighter pixel increases D's logit.
        real_logits, fake_logits: (N,), D's logits.
        loss_d, loss_g: the losses on these images, without penalties.
        grad_norm_d, grad_norm_g: the norms of the losses' gradients with respect to the weights of D and of G.
    """

    fakes: Tensor
    pull: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    loss_d: float
    loss_g: float
    grad_norm_d: float
    grad_norm_g: float


def look(gan: GAN, real: Tensor, z: Tensor) -> Look:
    """Evaluate D on real images and fakes as in training, but without augmentation, flips, and noise.

    The GAN does not change. With BatchNorm, D's logit of an image depends on the other images in the batch. On a CPU,
    dropout drops the same units in each call, so that two calls can be compared.

    Args:
        gan: a GAN of images.
        real: images (N, 3, S, S) in [-1, 1].
        z: latents (N, latent_dim).

    Returns:
        A `Look`, on the CPU.

    Raises:
        ConfigError: the first argument is not a GAN.
    """
    expect(gan, GAN, "the first argument", "a GAN: look(gan, real, z)")
    engine, generator, discriminator = gan.engine, gan.generator, gan.discriminator
    unit = gan.config.output == "sigmoid"
    real = real.to(gan.device)
    with kept_buffers(generator), kept_buffers(discriminator), seeded(0), torch.enable_grad():
        fake = engine.generate(generator, z.to(gan.device))
        logits = engine.classify_both(discriminator, signed_to_unit(real) if unit else real, fake)
        loss_d = gan.loss.discriminator(*logits, **gan.smoothing)
        loss_g = gan.loss.generator(logits[1])
        (pull,) = torch.autograd.grad(logits[1].sum(), fake, retain_graph=True)
        norms = [_norm(loss_d, discriminator), _norm(loss_g, generator)]
    fake = fake.detach().float().cpu()
    return Look(
        fakes=unit_to_signed(fake) if unit else fake,
        pull=pull.float().cpu(),
        real_logits=logits[0].detach().cpu(),
        fake_logits=logits[1].detach().cpu(),
        loss_d=loss_d.item(),
        loss_g=loss_g.item(),
        grad_norm_d=norms[0],
        grad_norm_g=norms[1],
    )


def _norm(loss: Tensor, network: nn.Module) -> float:
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return get_total_norm([g for g in gradients if g is not None]).item()
