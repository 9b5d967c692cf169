"""Resuming a run from its folder: when, from what, and when it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facegan.config import differing
from facegan.errors import CheckpointError, ConfigError
from facegan.runs import data_record
from facegan.runs.folder import RunFolder, read_segments
from facegan.runs.history import History
from facegan.runs.run import config_of
from facegan.runtime import distributed
from facegan.runtime.device import device_name
from facegan.runtime.distributed import log_rank0
from facegan.training.compatibility import check_same_networks, game_differences, listed, loss_name
from facegan.training.gan import GAN

RESUME = ("auto", "anyway")


def open_folder(
    gan: GAN, run_dir: str | Path | None, data: dict[str, Any], *, resume: str, total: int
) -> RunFolder | None:
    """Resume the GAN from a run folder, if the folder has a checkpoint, and record what it trains on now.

    Args:
        gan: changed in place if there is a checkpoint that is further along.
        run_dir: the folder; None to keep everything in memory.
        data: `FaceDataset.record()` of the faces to train on.
        resume: "auto" refuses a checkpoint of another game or data set; "anyway" continues it with the new.
        total: the step at which the run will end.

    Raises:
        CheckpointError: the folder has another run.
    """
    if resume not in RESUME:
        raise ConfigError(f"resume is {resume!r}; choose one of {', '.join(map(repr, RESUME))}.")
    folder = None
    if run_dir is not None:
        folder = RunFolder(run_dir) if distributed.rank() == 0 else None
        state = distributed.broadcast_object(folder and _latest(folder))
        if state is not None:
            _resume(gan, state, data, run_dir, anyway=resume == "anyway")
    if gan.step < total:
        _change_data(gan, data)
        if folder:
            settings = gan.config.to_dict() | {"loss": loss_name(gan)}
            folder.begin(gan.step, settings, data=data, device=device_name(gan.device))
    return folder


def _latest(folder: RunFolder) -> dict[str, Any] | None:
    """The newest checkpoint; what one of 0.1 does not know of its data is taken from the folder."""
    state, segments = folder.latest(), read_segments(folder.path)
    if state and segments:
        state["data"] = {**(segments[-1]["data"] or {}), **state["data"]}
    return state


def _resume(
    gan: GAN, state: dict[str, Any], data: dict[str, Any], run_dir: str | Path, *, anyway: bool
) -> None:
    saved = config_of(state)
    check_same_networks(gan, state)
    if gan.step and not _same_run(gan, state):
        raise CheckpointError(
            f"{run_dir} has another run: its checkpoint is at step {state['step']}, and this GAN, at step "
            f"{gan.step}, was trained separately. Use another run_dir to keep this GAN, or a new GAN to resume "
            "the run."
        )
    game = game_differences(gan, state, saved)
    changed = game | data_record.differences(state["data"], data)
    if changed and not anyway:
        raise CheckpointError(
            f"{run_dir} has a run of another kind: {listed(changed)}. Use the same settings, another run_dir, "
            "or continue with the new ones: fit(..., resume='anyway'), on the command line --resume-anyway."
        )
    if gan.step > state["step"]:
        log_rank0(f"continuing at step {gan.step}; the checkpoint in {run_dir} is of step {state['step']}.")
    else:
        gan.load_state_dict(state)
        log_rank0(f"{run_dir}: resuming from step {gan.step}.")
    for name, (old, new) in (differing(saved, gan.config) | game).items():
        log_rank0(f"  {name} changes from {old} to {new}.")


def _same_run(gan: GAN, state: dict[str, Any]) -> bool:
    """Whether the GAN and the checkpoint are of one training: their histories agree where both have rows."""
    saved = History.from_state(state["history"])
    ours, theirs = (dict(zip(h["step"], h["loss_d"], strict=True)) for h in (gan.history, saved))
    return all(ours[step] == theirs[step] for step in ours.keys() & theirs.keys())


def _change_data(gan: GAN, data: dict[str, Any]) -> None:
    """Begin a new epoch if the faces are not those that the GAN trained on last."""
    if changed := data_record.differences(gan.data, data):
        old, new = changed["data"]
        log_rank0(f"the data change from {old} to {new}; a new epoch begins.")
        gan.remaining = gan.remaining[:0]
    gan.data = data
