"""Fine-tuning: starts training from the networks of a finished run.

The run's averaged generator and its discriminator are trained further on other faces. This needs fewer photographs than
training from random weights (Wang et al. 2018, arXiv 1805.01677). Step, history, optimizers, and random numbers are
reset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from facegan.config import DISCRIMINATOR_SETTINGS, GENERATOR_SETTINGS, TrainConfig, differing
from facegan.errors import CheckpointError, ConfigError
from facegan.runs.data_record import STARTED_FROM
from facegan.runs.run import FolderRun, Run


class Start(NamedTuple):
    """The settings and networks that a GAN starts with.

    Attributes:
        config: the run's settings with the changes applied.
        networks: the run's averaged generator and its discriminator, by name.
        record: record of the start for `GAN.data`.
    """

    config: TrainConfig
    networks: dict[str, nn.Module]
    record: dict[str, Any]


def start_of(
    source: str | Path | Run,
    changes: dict[str, Any],
    *,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
) -> Start:
    """The `Start` from a run. Arguments and errors are those of `GAN.start_from`."""
    run = Run.open(source)
    config = run.config.replace(**changes)
    _check_networks_kept(run, config)
    if isinstance(run, FolderRun) and not run.checkpoints:
        raise CheckpointError(
            f"{run.name} has no checkpoint, so there is no discriminator to start from. Pass a run folder with "
            "checkpoints."
        )
    discriminator = run.discriminator(
        network=discriminator
    )  # read first, because a bundled run may have none
    networks = {"generator": run.generator(network=generator), "discriminator": discriminator}
    step = run.state["step"] if isinstance(run, FolderRun) else run.generators[-1]
    start = {"run": Path(run.name).resolve().name, "step": step, "data": run.data}
    return Start(config, networks, {STARTED_FROM: start})


def _check_networks_kept(run: Run, config: TrainConfig) -> None:
    changed = differing(run.config, config, dict.fromkeys([*GENERATOR_SETTINGS, *DISCRIMINATOR_SETTINGS]))
    if "discriminator_width" in changed:
        changed["width_d"] = changed.pop("discriminator_width")
    if changed:
        listed = ", ".join(
            f"{name} is {old!r} in the run, {new!r} here" for name, (old, new) in changed.items()
        )
        raise ConfigError(
            f"training that starts from {run.name} keeps its networks: {listed}. Omit these settings, or start "
            "from another run."
        )
