"""Compatibility checks between a checkpoint and a GAN: networks, loss, and data.

The networks' settings and weights, D's optimizer, and the seed must be the same; otherwise, the weights cannot be
loaded or the run cannot be reproduced. The loss, the settings that define what G and D minimize, layers without
weights, and the data may change if the caller allows it. Learning rates, batch size, and similar settings may always
change.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import Any

from facegan.config import DISCRIMINATOR_SETTINGS, GAME_SETTINGS, GENERATOR_SETTINGS, TrainConfig, differing
from facegan.errors import CheckpointError
from facegan.losses import LOSSES
from facegan.models.dcgan import Discriminator, Generator
from facegan.models.protocol import unwrapped
from facegan.runs.checkpoint import contents_of_a_run
from facegan.runs.networks import config_of
from facegan.training import optimizers

NETWORKS = ("generator", "discriminator", "ema")
Differences = dict[str, tuple[Any, Any]]  # name to (value in the checkpoint, value now)


def structure_of(gan: Any) -> dict[str, str]:
    """Describe each network: "facegan" if the config defines it, otherwise its layers as torch prints them."""
    own = {
        "generator": (Generator, GENERATOR_SETTINGS),
        "discriminator": (Discriminator, DISCRIMINATOR_SETTINGS),
    }
    return {name: _structure(getattr(gan, name), gan.config, *kind) for name, kind in own.items()}


def loss_name(gan: Any) -> str:
    """The registered name of a GAN's loss, or the names of its two functions."""
    if LOSSES.get(gan.config.loss) == gan.loss:
        return gan.config.loss
    return ", ".join(map(_function_name, gan.loss))


def check_same_networks(gan: Any, state: dict[str, Any]) -> None:
    """Raise `CheckpointError` unless a state's networks and optimizers can be loaded into those of the GAN."""
    saved = config_of(state)
    with contents_of_a_run():
        unlike = {name: found for name in NETWORKS if (found := _unlike_weights(gan, state, name))}
        changed = _different_settings(gan, state, saved) | (_different_layers(gan, state) if unlike else {})
        if changed or unlike:
            reasons = [listed(changed)] if changed else [f"{name}: {why}" for name, why in unlike.items()]
            raise CheckpointError(
                f"the checkpoint is incompatible: {', '.join(reasons)}. Use the same settings and networks, or "
                "another run_dir."
            )
        for name in ("optimizer_d", "optimizer_g"):
            optimizers.check_fits(getattr(gan, name), state[name], name)


def game_differences(gan: Any, state: dict[str, Any], saved: TrainConfig) -> Differences:
    """The differences in `GAME_SETTINGS`, in the loss, and in layers without weights."""
    settings = [name for name in GAME_SETTINGS if name != "loss"]
    changed: Differences = dict(differing(saved, gan.config, settings))
    if (old := state.get("loss", saved.loss)) != loss_name(gan):
        changed["loss"] = old, loss_name(gan)
    return changed | _different_layers(gan, state)


def listed(changed: Differences) -> str:
    """Differences as text."""
    return ", ".join(
        f"{name} is {old!r} in the checkpoint, {new!r} in this {'call' if name == 'data' else 'GAN'}"
        for name, (old, new) in changed.items()
    )


def _structure(network: Any, config: TrainConfig, kind: type, settings: tuple[str, ...]) -> str:
    network = unwrapped(network)
    values = [getattr(config, name) for name in settings]
    names = [name.removeprefix("discriminator_") for name in settings]
    if type(network) is kind and [getattr(network, name) for name in names] == values:
        return "facegan"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(network))


def _function_name(function: Callable) -> str:
    """A function's name, with a digest for lambdas and inner functions, and with the arguments for partials."""
    if isinstance(function, partial):
        return f"{_function_name(function.func)} with {function.args} {function.keywords}"
    name = getattr(function, "__qualname__", type(function).__name__)
    code = getattr(function, "__code__", None)
    if "<" not in name or code is None:
        return name
    enclosed = [c.cell_contents for c in function.__closure__ or ()]
    plain = [value for value in enclosed if isinstance(value, int | float | str)]
    return f"{name} {zlib.crc32(repr((_parts(code), plain)).encode()):08x}"


def _parts(code: CodeType) -> tuple:
    constants = [_parts(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return code.co_code, code.co_names, constants


def _different_settings(gan: Any, state: dict[str, Any], saved: TrainConfig) -> Differences:
    ours, theirs = structure_of(gan), state.get("structure", {})
    own = {name for name in ours if ours[name] == theirs.get(name, "facegan") == "facegan"}
    names = ["optimizer_d", "seed", "image_size", "latent_dim", "latent", "output"]
    names += GENERATOR_SETTINGS if "generator" in own else ()
    names += DISCRIMINATOR_SETTINGS if "discriminator" in own else ()
    changed: Differences = dict(differing(saved, gan.config, dict.fromkeys(names)))
    if "discriminator_width" in changed:
        changed["width_d"] = changed.pop("discriminator_width")
    return changed


def _different_layers(gan: Any, state: dict[str, Any]) -> Differences:
    """The first line that differs in each network's structure."""
    ours, theirs = structure_of(gan), state.get("structure", {})
    changed: Differences = {}
    for name, now in ours.items():
        old = theirs.get(name, "facegan")
        pairs = zip([*old.splitlines(), ""], [*now.splitlines(), ""], strict=False)
        changed |= (
            {name: next((a.strip(" ("), b.strip(" (")) for a, b in pairs if a != b)} if old != now else {}
        )
    return changed


def _unlike_weights(gan: Any, state: dict[str, Any], name: str) -> str:
    """Describe the first weight that is missing on one side or differs in shape; empty if there is none."""
    ours = _shapes(unwrapped(getattr(gan, name)).state_dict())
    theirs = _shapes(state[name])
    for key in [*ours, *theirs]:
        if ours.get(key) != theirs.get(key):
            old, new = (shapes.get(key, "missing") for shapes in (theirs, ours))
            return f"{key} is {old} in the checkpoint, {new} in this GAN"
    return ""


def _shapes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shapes of a state dict's tensors; ignores extra states, which can have any type."""
    return {name: tuple(w.shape) for name, w in state.items() if not name.endswith("_extra_state")}
