"""What a checkpoint is of: networks, loss, data. A run is only resumed as what it was.

The networks, D's optimizer and the seed must be the same, or the weights could not be loaded or the run not
repeated. The settings that define the game, the loss and the data may change, if the caller says so. Learning
rates, batch size and the like may change at any time.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from facegan.config import DISCRIMINATOR_SETTINGS, GAME_SETTINGS, GENERATOR_SETTINGS, TrainConfig, differing
from facegan.errors import CheckpointError, first_line
from facegan.losses import LOSSES
from facegan.models.dcgan import Discriminator, Generator
from facegan.training import optimizers

Differences = dict[str, tuple[Any, Any]]  # name to (value in the checkpoint, value now)


def structure_of(gan: Any) -> dict[str, str]:
    """Each network as text: "facegan" if the config describes it, else its layers as torch prints them."""
    networks = {"generator": gan.generator, "discriminator": gan.discriminator}
    return {
        name: "facegan" if type(network) in (Generator, Discriminator) else repr(network)
        for name, network in networks.items()
    }


def loss_name(gan: Any) -> str:
    """The registered name of a GAN's loss, or the names of its two functions."""
    if LOSSES.get(gan.config.loss) == gan.loss:
        return gan.config.loss
    return ", ".join(getattr(half, "__qualname__", type(half).__name__) for half in gan.loss)


def check_same_networks(gan: Any, state: dict[str, Any], saved: TrainConfig) -> None:
    """Raise `CheckpointError` unless the state's networks and optimizers can be loaded into the GAN's."""
    changed = _different_networks(gan, state, saved)
    if changed:
        raise CheckpointError(
            f"the checkpoint is incompatible: {listed(changed)}. Use the same settings, or another run_dir."
        )
    for name in ("generator", "discriminator", "ema"):
        _check_weights(name, getattr(gan, name), state)
    for name in ("optimizer_d", "optimizer_g"):
        try:
            optimizers.check_fits(getattr(gan, name), state[name], name)
        except (KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"this is not a checkpoint of a facegan run ({error}).") from None


def game_differences(gan: Any, state: dict[str, Any], saved: TrainConfig) -> Differences:
    """What differs in the game: settings, loss and data, if known of the checkpoint."""
    settings = [name for name in GAME_SETTINGS if name != "loss"]
    changed: Differences = dict(differing(saved, gan.config, settings))
    if (old := state.get("loss", saved.loss)) != loss_name(gan):
        changed["loss"] = old, loss_name(gan)
    return changed


def listed(changed: Differences) -> str:
    """Differences in words."""
    return ", ".join(
        f"{name} is {old!r} in the checkpoint, {new!r} in this GAN" for name, (old, new) in changed.items()
    )


def _different_networks(gan: Any, state: dict[str, Any], saved: TrainConfig) -> Differences:
    ours, theirs = structure_of(gan), state.get("structure", {})
    theirs = {name: theirs.get(name, "facegan") for name in ours}
    names = ["optimizer_d", "seed"]
    names += GENERATOR_SETTINGS if ours["generator"] == "facegan" else ["image_size", "latent_dim", "output"]
    names += DISCRIMINATOR_SETTINGS if ours["discriminator"] == "facegan" else []
    changed: Differences = dict(differing(saved, gan.config, dict.fromkeys(names)))
    if "discriminator_width" in changed:
        changed["width_d"] = changed.pop("discriminator_width")
    for name in ours:
        if ours[name] != theirs[name]:
            changed[name] = _first_difference(theirs[name], ours[name])
    return changed


def _first_difference(a: str, b: str) -> tuple[str, str]:
    pairs = zip([*a.splitlines(), ""], [*b.splitlines(), ""], strict=False)
    old, new = next((x, y) for x, y in pairs if x != y)
    return old.strip(), new.strip()


def _check_weights(name: str, network: nn.Module, state: dict[str, Any]) -> None:
    try:
        copy.deepcopy(network).load_state_dict(state[name])
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"this is not a checkpoint of a facegan run ({error}).") from None
    except RuntimeError as error:
        detail = " ".join(str(error).split())
        raise CheckpointError(
            f"the checkpoint's {name} does not fit: {first_line(Exception(detail))[:300]}. Use another run_dir."
        ) from None
