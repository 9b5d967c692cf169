"""Builds settings and networks from a checkpoint."""

from __future__ import annotations

from typing import Any

from torch import nn

from facegan.config import GENERATOR_SETTINGS, TrainConfig
from facegan.errors import CheckpointError
from facegan.models.dcgan import Discriminator, Generator, check_holds
from facegan.models.protocol import (
    check_finite_weights,
    copied,
    set_attribute,
    set_default_attributes,
    unwrapped,
)
from facegan.runs import checkpoint
from facegan.runtime.settings import usual_settings


def config_of(state: dict[str, Any]) -> TrainConfig:
    """The settings in a checkpoint. Raises `CheckpointError` if there are none."""
    with checkpoint.contents_of_a_run():
        return TrainConfig.from_dict(state["config"])


@usual_settings()
def generator_of(state: dict[str, Any], network: nn.Module | None, *, part: str = "ema") -> nn.Module:
    """The generator in a checkpoint, in eval mode.

    Args:
        state: state of a GAN.
        network: your own network, if the run used one; the weights are loaded into a copy.
        part: "ema" for the averaged generator, "generator" for the one without averaging.

    Raises:
        CheckpointError: the network was not given or does not fit, or a weight is NaN or infinite.
    """
    config = config_of(state)
    if network is None:
        _check_ours(state, "generator", "load_generator(run, generator=network)")
    generator: nn.Module
    if network is None:
        with checkpoint.contents_of_a_run():
            check_holds(state[part], {name: getattr(config, name) for name in GENERATOR_SETTINGS})
        generator = Generator.from_config(config)
    else:
        generator = set_default_attributes(copied(network), config)
    _load(generator, state, part, "generator")
    check_finite_weights(generator)
    set_attribute(generator, "trained_on", state["data"])
    return generator.eval()


@usual_settings()
def discriminator_of(state: dict[str, Any], network: nn.Module | None) -> nn.Module:
    """The discriminator in a checkpoint, in train mode; `network` and errors are as for `generator_of`."""
    config = config_of(state)
    if network is None:
        _check_ours(state, "discriminator", "run.discriminator(network=network)")
    if network is None:
        with checkpoint.contents_of_a_run():
            check_holds(
                state["discriminator"], {"image_size": config.image_size, "width": config.discriminator_width}
            )
    discriminator = Discriminator.from_config(config) if network is None else copied(network)
    _load(discriminator, state, "discriminator", "discriminator")
    return discriminator.train()


def _check_ours(state: dict[str, Any], kind: str, call: str) -> None:
    structure = state.get("structure", {}).get(kind, "facegan")
    if structure != "facegan":
        raise CheckpointError(
            f"this run used a {kind} that is not facegan's ({structure.split('(')[0]}). In Python, "
            f"build that network and pass it: {call}."
        )


def _load(network: nn.Module, state: dict[str, Any], part: str, kind: str) -> None:
    try:
        with checkpoint.contents_of_a_run():
            weights = state[part]
        unwrapped(network).load_state_dict(weights)
    except RuntimeError as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"the {kind} does not fit the run's weights: {error}") from None
