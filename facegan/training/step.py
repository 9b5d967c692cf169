"""One training step: Algorithm 1 of Goodfellow et al. 2014 (arXiv 1406.2661), with one step of D per step of G.

As in DCGAN, G minimizes the non-saturating loss by default, and both updates use the same fakes. Autocast, loss
scaling, DDP and CUDA graphs are in `facegan.training.engine`.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn

from facegan.augment import augment
from facegan.errors import expect
from facegan.images import signed_to_unit
from facegan.losses import flip_labels, gradient_penalty, r1_penalty
from facegan.models.protocol import frozen
from facegan.runs.history import METRICS
from facegan.runtime import distributed
from facegan.training.gan import GAN, Noise


def train_step(gan: GAN, real: Tensor) -> dict[str, Tensor]:
    """One step of D, one step of G, and the average of G; the metrics are also added to `gan.history`.

    Args:
        gan: changed in place.
        real: images (B, 3, H, W) in [-1, 1], on any device; with several processes, this one's part.

    Returns:
        Detached scalars by the names in `METRICS`, on the GAN's device, which is not waited for; means over
        all processes.
    """
    expect(gan, GAN, "the first argument", "a GAN: train_step(gan, real)")
    gan.history.start_clock()
    real = gan.prepare(real)
    gan.engine.in_step = True
    noise = gan.draw_noise(len(real))
    lazy = gan.config.r1_every > 1 and r1_is_due(gan)
    metrics = gan.engine.run(update_networks, gan, real, noise, replayable=not lazy)
    update_average(gan.ema, gan.generator, gan.ema_decay)
    gan.step += 1
    gan.engine.in_step = False
    gan.history.append(gan.step, metrics, images=len(real) * distributed.world_size())
    return dict(zip(METRICS, metrics.unbind(), strict=True))


def update_networks(gan: GAN, real: Tensor, noise: Noise) -> Tensor:
    """The two updates of Algorithm 1, for any loss. Device work only. Returns `METRICS` as one tensor (7,)."""
    config, engine, loss = gan.config, gan.engine, gan.loss
    generator, discriminator = engine.ddp_modules
    gan.zero_grad()
    real = signed_to_unit(real) if config.output == "sigmoid" else real
    fake = engine.generate(generator, noise.z)

    # ---- (1) Update D: maximize log D(x) + log(1 - D(G(z))) ------------------------------------------
    real_logits = engine.classify(discriminator, augment(real, config.augment, noise.augment[0]))
    fake_logits = engine.classify(discriminator, augment(fake.detach(), config.augment, noise.augment[1]))
    shown = real_logits, fake_logits
    if config.label_flip:
        shown = flip_labels(*shown, noise.flip < config.label_flip)
    loss_d = loss.discriminator(*shown, **gan.smoothing)
    norm_d = engine.step(gan.optimizer_d, loss_d + penalties(gan, real, fake.detach(), noise.mix))

    # ---- (2) Update G through the new D: maximize log D(G(z)) ----------------------------------------
    with frozen(gan.discriminator):
        new_logits = engine.classify(gan.discriminator, augment(fake, config.augment, noise.augment[2]))
        loss_g = loss.generator(new_logits)
        norm_g = engine.step(gan.optimizer_g, loss_g)

    d_real, d_fake, d_fake_after = (
        x.detach().sigmoid().mean() for x in (real_logits, fake_logits, new_logits)
    )
    return torch.stack([loss_d.detach(), loss_g.detach(), d_real, d_fake, d_fake_after, norm_d, norm_g])


def penalties(gan: GAN, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor | float:
    """The weighted gradient penalties on D, in float32 because they are differentiated twice."""
    config = gan.config
    penalty: Tensor | float = 0.0
    if config.gradient_penalty:
        penalty += config.gradient_penalty * gradient_penalty(gan.discriminator, real, fake.float(), mix)
    if r1_is_due(gan):
        penalty += config.r1 * config.r1_every * r1_penalty(gan.discriminator, real)
    return penalty


def r1_is_due(gan: GAN) -> bool:
    """Lazy regularization (StyleGAN2, Karras 2020, arXiv 1912.04958, section 3.1): R1 in some steps only."""
    return gan.config.r1 > 0 and gan.step % gan.config.r1_every == 0


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move `average` toward `model` in place: average = decay * average + (1 - decay) * model.

    Covers parameters and float buffers, such as BatchNorm's statistics; other buffers are copied.
    """
    averaged: list[tuple[Tensor, Tensor]] = []
    copied: list[tuple[Tensor, Tensor]] = []
    for mean, raw in zip(_tensors(average), _tensors(model), strict=True):
        (averaged if mean.is_floating_point() else copied).append((mean, raw))
    torch._foreach_lerp_([m for m, _ in averaged], [r for _, r in averaged], 1 - decay)
    for mean, raw in copied:
        mean.copy_(raw)


def _tensors(network: nn.Module) -> chain[Tensor]:
    return chain(network.parameters(), network.buffers())
