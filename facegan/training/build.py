"""Builds the settings, loss, and networks of a `GAN`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from facegan.config import RECIPES, TrainConfig
from facegan.errors import ConfigError
from facegan.losses import Loss, as_loss, check_loss, find_loss
from facegan.models import protocol
from facegan.models.dcgan import Discriminator, Generator
from facegan.runtime.random import seeded


def as_config(config: TrainConfig | str | None) -> TrainConfig:
    """Convert a GAN's first argument to settings: a `TrainConfig`, a recipe's name, or None for the defaults.

    Raises:
        ConfigError: there is no such recipe, or the argument is anything else.
    """
    if isinstance(config, str):
        if config not in RECIPES:
            raise ConfigError(f"no recipe is named {config!r}; choose one of {', '.join(RECIPES)}.")
        return RECIPES[config]
    if config is not None and not isinstance(config, TrainConfig):
        raise ConfigError(
            f"config is a {type(config).__name__}, expected a TrainConfig or a recipe's name, such as 'tiny'."
        )
    return config or TrainConfig()


def with_loss(config: TrainConfig, given: Loss | tuple | str | None) -> tuple[TrainConfig, Loss]:
    """The settings and the loss of a GAN.

    Args:
        config: settings.
        given: the argument `loss` of `GAN`; None if no loss was passed.

    Raises:
        ConfigError: there is no such loss, a function does not work, or label smoothing does not apply to the loss.
    """
    if isinstance(given, str):
        config, given = config.replace(loss=given), None
    loss = find_loss(config.loss) if given is None else as_loss(given)
    if config.label_smoothing and not loss.takes_smoothing:
        raise ConfigError(
            f"label_smoothing={config.label_smoothing} does not apply to this loss, which has no labels. "
            "Set label_smoothing=0, use loss='bce', or give your discriminator loss a keyword `smoothing`."
        )
    check_loss(loss)
    return config, loss


def networks_of(
    config: TrainConfig, generator: nn.Module | None, discriminator: nn.Module | None
) -> tuple[nn.Module, nn.Module]:
    """The given networks, in train mode; if one is None, facegan's is built, with weights from the config's seed.

    Raises:
        ConfigError: a network cannot be trained, or does not match the settings.
    """
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if network is None:
            continue
        if not isinstance(network, nn.Module):
            raise ConfigError(f"{name} is a {type(network).__name__}, expected a torch.nn.Module.")
        if isinstance(network, torch.jit.ScriptModule):
            raise ConfigError(
                f"{name} is a TorchScript module, which cannot be copied for the average. Pass the module from which "
                "it was created."
            )
        if isinstance(network, DistributedDataParallel):
            raise ConfigError(
                f"{name} is a DistributedDataParallel, which facegan creates itself if there are several processes. "
                "Pass the wrapped network: network.module."
            )
        if not network.training:
            network.train()
    with seeded(config.seed):
        generator = generator if generator is not None else Generator.from_config(config)
        discriminator = discriminator if discriminator is not None else Discriminator.from_config(config)
    if config.gradient_penalty and any(isinstance(m, _BatchNorm) for m in discriminator.modules()):
        raise ConfigError(
            f"gradient_penalty={config.gradient_penalty} is computed per image, but D's BatchNorm mixes "
            "images. Set norm='instance' or norm='none', as WGAN-GP does, or use no BatchNorm in your own D."
        )
    if not hasattr(discriminator, "image_size") and not hasattr(discriminator, "sample_shape"):
        protocol.set_attribute(discriminator, "image_size", config.image_size)
    _check_settings(config, protocol.set_default_attributes(generator, config))
    return generator, discriminator


def _check_settings(config: TrainConfig, generator: nn.Module) -> None:
    """Raise `ConfigError` if settings apply only to images and the networks do not generate images."""
    shape = protocol.sample_shape(generator)
    plain = {"augment": "none", "flip": False, "output": "tanh"}
    given = [f"{name}={value!r}" for name in plain if (value := getattr(config, name)) != plain[name]]
    if len(shape) != 3 and given:
        raise ConfigError(
            f"{' and '.join(given)} changes images, but these networks' samples are {shape}. Use "
            "config.replace(augment='none', augment_target=0.0, flip=False, output='tanh')."
        )
