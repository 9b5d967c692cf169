"""One training step: Algorithm 1 of GAN, with `n_critic` steps of D.

The algorithm is that of Goodfellow et al. 2014 (arXiv 1406.2661). As in DCGAN, G minimizes the non-saturating loss by
default, and its update uses the fakes of D's last update. Autocast, loss scaling, DDP, and CUDA graphs are in
`facegan.training.engine`.
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn

from facegan.augment import augment
from facegan.errors import expect
from facegan.images import signed_to_unit
from facegan.losses import flip_labels, gradient_penalty, r1_penalty
from facegan.models.protocol import frozen
from facegan.runs.history import metric_names
from facegan.runtime import distributed
from facegan.runtime.settings import usual_settings
from facegan.training.gan import GAN
from facegan.training.noise import Noise


class UpdateOfD(NamedTuple):
    """The results of D's last update. The fakes still have G's graph."""

    loss: Tensor
    norm: Tensor  # of the gradient
    real_logits: Tensor
    fake_logits: Tensor
    fake: Tensor  # not detached, because G's update uses it


class UpdateOfG(NamedTuple):
    """The results of G's update."""

    loss: Tensor
    norm: Tensor  # of the gradient
    logits: Tensor  # of the fakes, from the updated D


@usual_settings()
def train_step(gan: GAN, real: Tensor) -> dict[str, Tensor]:
    """Take `n_critic` steps of D and one of G, update the average of G, and add the metrics to `gan.history`.

    Args:
        gan: GAN to change in place.
        real: images (n_critic * B, 3, H, W) in [-1, 1], or samples (n_critic * B, *sample_shape) for other networks,
            on any device. Each step of D uses the next B of them. With several processes, pass this process's slice.

    Returns:
        Detached scalars on the GAN's device, by the names in `METRICS`, and in `ADAPTIVE` with adaptive augmentation.
        They are averaged over all processes; D's metrics are those of its last step. The call does not synchronize the
        device.

    Raises:
        ConfigError: the first argument is not a GAN, or `real` has another shape or type.
    """
    expect(gan, GAN, "the first argument", "a GAN: train_step(gan, real)")
    gan.history.start_clock()
    real = gan.prepare(real)
    gan.engine.in_step = True
    noise = gan.draw_noise(real.shape[1])
    lazy = gan.config.r1_every > 1 and r1_is_due(gan)
    metrics = gan.engine.run(update_networks, gan, real, noise, replayable=not lazy)
    update_average(gan.ema, gan.generator, gan.ema_decay)
    gan.step += 1
    gan.engine.in_step = False
    images = real.shape[:2].numel() * distributed.world_size()
    metrics = gan.augmentation.update(metrics, step=gan.step, images=images)
    gan.history.append(gan.step, metrics, images=images)
    return dict(zip(metric_names(len(metrics)), metrics.unbind(), strict=True))


def update_networks(gan: GAN, real: Tensor, noise: Noise) -> Tensor:
    """Algorithm 1 for any loss. The function contains only device work.

    Args:
        gan: GAN to change in place.
        real: samples (n_critic, B, *sample_shape).
        noise: random numbers for each of these batches.

    Returns:
        `METRICS` as one tensor (7,), or (8,) with r_t of `facegan.training.adaptive`.
    """
    d = update_discriminator(gan, real, noise)
    g = update_generator(gan, d.fake, noise)
    shown = (logits.detach().sigmoid().mean() for logits in (d.real_logits, d.fake_logits, g.logits))
    adaptive = [] if gan.augmentation.p is None else [d.real_logits.detach().sign().mean()]
    return torch.stack([d.loss.detach(), g.loss.detach(), *shown, d.norm, g.norm, *adaptive])


def update_discriminator(gan: GAN, real: Tensor, noise: Noise) -> UpdateOfD:
    """The first half of Algorithm 1. Arguments are those of `update_networks`."""
    config, engine, loss = gan.config, gan.engine, gan.loss
    generator, discriminator = engine.ddp_modules
    real = signed_to_unit(real) if config.output == "sigmoid" else real

    # ---- (1) Update D, n_critic times: maximize log D(x) + log(1 - D(G(z))) --------------------------
    for k, (x, z, flip, mix, shift, blur) in enumerate(zip(real, *noise, strict=True), start=1):
        gan.zero_grad()
        with torch.set_grad_enabled(k == config.n_critic):  # G's update uses only the last fakes
            fake = engine.generate(generator, z)
        seen = seen_by_d(gan, x, shift[0], blur[0]), seen_by_d(gan, fake.detach(), shift[1], blur[1])
        shown = real_logits, fake_logits = engine.classify_both(discriminator, *seen)
        if config.label_flip:
            shown = flip_labels(*shown, flip < config.label_flip)
        loss_d = loss.discriminator(*shown, **gan.smoothing)
        norm_d = engine.step(gan.optimizer_d, loss_d + penalties(gan, x, fake.detach(), mix))
    return UpdateOfD(loss_d, norm_d, real_logits, fake_logits, fake)


def update_generator(gan: GAN, fake: Tensor, noise: Noise) -> UpdateOfG:
    """The second half of Algorithm 1, on fakes (B, *sample_shape) that still have G's graph."""
    shift, blur = noise.augment[-1], noise.instance[-1]

    # ---- (2) Update G through the updated D: maximize log D(G(z)) ----------------------------------------
    with frozen(gan.discriminator):
        new_logits = gan.engine.classify(gan.discriminator, seen_by_d(gan, fake, shift[2], blur[2]))
        loss_g = gan.loss.generator(new_logits)
        norm_g = gan.engine.step(gan.optimizer_g, loss_g)
    return UpdateOfG(loss_g, norm_g, new_logits)


def seen_by_d(gan: GAN, samples: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
    """D's inputs: samples with augmentation and instance noise (Arjovsky and Bottou 2017, arXiv 1701.04862)."""
    samples = augment(samples, gan.config.augment, uniform, gan.augmentation.p)
    return samples + gan.config.instance_noise * normal if gan.config.instance_noise else samples


def penalties(gan: GAN, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor | float:
    """The weighted gradient penalties of D, in float32, because they are differentiated twice."""
    config = gan.config
    penalty: Tensor | float = 0.0
    if config.gradient_penalty:
        penalty += config.gradient_penalty * gradient_penalty(gan.discriminator, real, fake.float(), mix)
    if r1_is_due(gan):
        penalty += config.r1 * config.r1_every * r1_penalty(gan.discriminator, real)
    return penalty


def r1_is_due(gan: GAN) -> bool:
    """Whether this step applies R1: lazy regularization (StyleGAN2, Karras 2020, arXiv 1912.04958, section 3.1)."""
    return gan.config.r1 > 0 and gan.step % gan.config.r1_every == 0


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Update `average` in place: average = decay * average + (1 - decay) * model.

    Parameters and float buffers, such as BatchNorm's statistics, are averaged; other buffers are copied.

    Args:
        average: the averaged network.
        model: the trained network, of the same architecture.
        decay: weight of the average, from 0 to 1.
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
