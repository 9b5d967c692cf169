"""Moves networks to a device, checks custom networks, and replaces networks."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from facegan.config import TrainConfig
from facegan.errors import ConfigError, expect
from facegan.losses import BUILT_IN, LOSSES, Loss
from facegan.models import protocol
from facegan.runtime.device import autocast, memory_format
from facegan.training import optimizers
from facegan.training.build import networks_of


def check(generator: nn.Module, discriminator: nn.Module, config: TrainConfig) -> None:
    """Raise `ConfigError` if the networks do not match each other or the config."""
    with protocol.evaluating(generator), protocol.evaluating(discriminator):
        protocol.check_networks(generator, discriminator, config, contiguous=True)


def place(
    generator: nn.Module, discriminator: nn.Module, config: TrainConfig, device: torch.device,
    precision: torch.dtype, *, tried_with: Loss | None,
) -> torch.memory_format:  # fmt: skip
    """Move the networks to the device, and choose a memory format.

    Networks that call `.view(B, -1)` on images need the contiguous memory format, which is slower.

    Args:
        generator, discriminator: networks to move in place.
        config: settings of the run.
        device: target device.
        precision: dtype of matrix products.
        tried_with: loss with which to try copies of the networks, as in training; None skips this.

    Returns:
        The memory format of images.

    Raises:
        ConfigError: the networks fail in the trial.
    """
    usual = torch.contiguous_format
    for layout in dict.fromkeys([memory_format(device), usual]):
        for network in (generator, discriminator):
            protocol.move(network, device, layout)
        if tried_with is None:
            return layout
        try:
            with autocast(device, precision):
                copies = protocol.copied(generator), protocol.copied(discriminator)
                protocol.check_networks(*copies, config, contiguous=layout == usual)
            break
        except ConfigError as error:
            if layout == usual or "view size is not compatible" not in str(error):
                raise
    *_, last = discriminator.modules()
    if isinstance(last, nn.Sigmoid) and any(LOSSES[name] == tried_with for name in BUILT_IN):
        warnings.warn(
            "the discriminator ends in Sigmoid, but the losses expect logits and apply the sigmoid themselves. Remove "
            "the layer.",
            stacklevel=4,
        )
    return layout


def replace(gan: Any, name: str, network: nn.Module) -> None:
    """Replace G or D by another network, which is trained from the next step on, with a new optimizer.

    With a new G, the average also starts again. If the network wraps the same network, as the result of
    `torch.compile` does, optimizer and average are kept.

    Args:
        gan: GAN to change in place; unchanged if the network is refused.
        name: "generator" or "discriminator".
        network: as for `GAN`.

    Raises:
        ConfigError: the network is not a module, or does not match the other network or the config.
    """
    expect(network, nn.Module, name, "a torch.nn.Module")
    data, networks = gan.data, {**gan.networks, name: network}
    generator, discriminator = networks_of(gan.config, **networks)
    if protocol.unwrapped(network) is not protocol.unwrapped(getattr(gan, name)):
        check(generator, discriminator, gan.config)
        gan.channels_last = torch.channels_last == place(
            generator, discriminator, gan.config, gan.device, gan.precision, tried_with=gan.loss
        )
        optimizer_d, optimizer_g = optimizers.build(gan.config, discriminator, generator, gan.device)
        if name == "generator":
            gan.ema = protocol.copied(generator).eval().requires_grad_(False)
            optimizer_d = optimizers.move(gan.optimizer_d, optimizer_d)
        else:
            optimizer_g = optimizers.move(gan.optimizer_g, optimizer_g)
        gan.optimizer_d, gan.optimizer_g, gan.has_own_networks = optimizer_d, optimizer_g, True
    gan.networks = gan.networks | {name: network}
    gan.data = data
    gan.start_engine()
