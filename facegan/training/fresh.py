"""Restarts a run: moves its folder aside and restores the initial weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facegan.errors import CheckpointError
from facegan.runs import checkpoint, rescued
from facegan.runtime import distributed
from facegan.runtime.distributed import log_rank0
from facegan.training.gan import GAN
from facegan.training.lock import only_training


def start_over(gan: GAN, run_dir: str | Path | None) -> Path | None:
    """Reset a GAN to step 0, and move its run folder to the next free name, such as `first-1`.

    facegan's own networks are initialized from the config's seed. Networks that were passed to `GAN` are loaded from
    the folder's checkpoint of step 0. Every process calls this function; the first one moves the folder.

    Args:
        gan: GAN to reset in place if it has taken steps.
        run_dir: the run folder; a folder without a run is not moved.

    Returns:
        The folder's new path; None if there was no run.

    Raises:
        CheckpointError: another process trains in the folder, the folder cannot be moved, or the initial weights of
            your own networks were not saved. Nothing is changed.
    """
    run_dir = None if run_dir is None else Path(run_dir).expanduser()
    if run_dir and distributed.rank() == 0:
        check_idle(run_dir)
    if gan.step:
        reset(gan, run_dir)
    moved = set_aside(run_dir) if run_dir and distributed.rank() == 0 else None
    elsewhere = rescued.forget(run_dir) if run_dir else None
    if moved:
        log_rank0(f"moved the run in {run_dir} to {moved}; starting over at step 0.")
    if elsewhere:
        log_rank0(
            f"{elsewhere} keeps a state of the old run that was saved while {run_dir} was not available."
        )
    return moved


def reset(gan: GAN, run_dir: Path | None) -> None:
    """Reset a GAN to step 0; see `start_over`."""
    if gan.has_own_networks:
        state = distributed.broadcast_object(_first_state(run_dir) if distributed.rank() == 0 else None)
        if state is None:
            where = f"{run_dir} has no checkpoint of step 0" if run_dir else "there is no run folder"
            raise CheckpointError(
                f"this GAN is at step {gan.step} and uses your own networks; {where}, so their initial "
                "weights are unknown. Rebuild the networks and the GAN, then call fit again."
            )
    else:
        state = GAN(gan.config, loss=gan.loss, device=gan.device).state_dict()
    gan.load_state_dict(state)


def _first_state(run_dir: Path | None) -> dict[str, Any] | None:
    path = run_dir and checkpoint.numbered(run_dir / "checkpoints", ".pt").get(0)
    return checkpoint.load(path) if path else None


def check_idle(run_dir: Path) -> None:
    """Raise `CheckpointError` if a process trains in a run folder."""
    if _has_run(run_dir):
        with only_training(run_dir):
            pass


def set_aside(run_dir: Path) -> Path | None:
    """Move a run folder to the next free name, such as `first-1`; returns the new path, or None if there is no run.

    Raises:
        CheckpointError: the folder cannot be moved.
    """
    if not _has_run(run_dir):
        return None
    run_dir = run_dir.absolute()
    names = (run_dir.with_name(f"{run_dir.name}-{k}") for k in range(1, 10_000))
    try:
        return run_dir.rename(next(path for path in names if not path.exists()))
    except OSError as error:
        raise CheckpointError(
            f"the run folder {run_dir} cannot be moved aside ({error.strerror or error}). Use another run_dir."
        ) from None


def _has_run(run_dir: Path) -> bool:
    return (run_dir / "checkpoints").is_dir() or (run_dir / "generator.safetensors").exists()
