"""Chooses the generator for notebook 4: the one from notebook 3, or a bundled one."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from facegan.course.answers import answer
from facegan.errors import CheckpointError, ConfigError, first_line
from facegan.runs.run import Run

YOUNG = 1000  # steps before which faces are still blurred
CHOICES = ("auto", "mine", "bundled")


def player(run_dir: str | Path, bundled: str, *, use: str = "auto") -> tuple[Run, nn.Module | None]:
    """Return the student's run and network, or a bundled run and None; print which one, and how to choose the other.

    Args:
        run_dir: run folder of notebook 3.
        bundled: the bundled run to use otherwise, such as "faces".
        use: "auto" uses the student's run if it has `YOUNG` steps or more, "mine" whenever it can be opened, and
            "bundled" never.

    Returns:
        The run, and the network for `Run.generator(network=...)` and `timeline(run, generator=...)`.

    Raises:
        ConfigError: `use` has another value.
    """
    if use not in CHOICES:
        raise ConfigError(f"use is {use!r}, expected one of {', '.join(map(repr, CHOICES))}.")
    if use == "bundled":
        print(f"Playing with the bundled generator {bundled!r}.")
        return Run.open(bundled), None
    try:
        run = Run.open(run_dir)
        step = run.checkpoints[-1]
        if use == "auto" and step < YOUNG:
            print(
                f"Your generator has trained for {step:,} steps, and its faces are still forming. Playing with the "
                f'bundled {bundled!r}; "mine" plays with yours.'
            )
            return Run.open(bundled), None
        network = answer("generator")(run.config.latent_dim, run.config.width)
        run.generator(network=network)
    except (CheckpointError, IndexError) as error:
        print(f"Playing with the bundled generator {bundled!r}: {_reason(run_dir, error)}")
        return Run.open(bundled), None
    print(f"Playing with your generator from notebook 3, after {step:,} steps.")
    return run, network


def _reason(run_dir: str | Path, error: Exception) -> str:
    if not Path(run_dir).is_dir() or isinstance(error, IndexError):
        return "notebook 3 has trained none here."
    return first_line(error)
