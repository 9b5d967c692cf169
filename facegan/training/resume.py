"""Resumes a run from its folder, or refuses if the run does not match."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from facegan.config import differing
from facegan.errors import CheckpointError, ConfigError, expect
from facegan.runs import checkpoint, data_record, rescued
from facegan.runs.folder import RunFolder, read_segments, unusable
from facegan.runs.history import History
from facegan.runs.networks import config_of
from facegan.runtime import distributed
from facegan.runtime.device import device_name
from facegan.runtime.distributed import log_rank0
from facegan.training.compatibility import check_same_networks, game_differences, listed, loss_name
from facegan.training.fresh import start_over
from facegan.training.gan import GAN
from facegan.training.lock import only_training
from facegan.training.refused import NewFolder

RESUME = ("auto", "anyway")


@contextmanager
def open_folder(
    gan: GAN, run_dir: str | Path | None, data: dict[str, Any], *, resume: str, fresh: bool, total: int
) -> Iterator[RunFolder | None]:
    """Resume the GAN from a run folder, if the folder has a checkpoint, and record its training data.

    Within the context, no other process can train in the folder.

    Args:
        gan: GAN to change in place if the checkpoint is of a later step.
        run_dir: the folder; None keeps everything in memory.
        data: `FaceDataset.record()` of the faces to train on.
        resume: "auto" refuses a checkpoint of another loss, penalty, or data set; "anyway" continues with the new one.
        fresh: whether to start over first; see `facegan.training.fresh`.
        total: the step at which the run will end.

    Yields:
        The run folder in process 0; None in other processes or without `run_dir`.

    Raises:
        ConfigError: `resume`, `fresh`, or `run_dir` is invalid.
        CheckpointError: the folder has another run, cannot be written, or another process trains in it.
    """
    if resume not in RESUME:
        raise ConfigError(f"resume is {resume!r}; choose one of {', '.join(map(repr, RESUME))}.")
    if not isinstance(fresh, bool):
        raise ConfigError(f"fresh is {fresh!r}, expected True (start over) or False (resume).")
    gan.run_dir = run_dir = _as_path(run_dir)
    if fresh:
        start_over(gan, run_dir)
    with ExitStack() as stack:
        folder = None
        if run_dir is not None:
            if distributed.rank() == 0:
                new = NewFolder(run_dir, gan)
                with suppress(OSError):  # `RunFolder` reports it
                    run_dir.mkdir(parents=True, exist_ok=True)
                stack.enter_context(only_training(run_dir))
                stack.enter_context(new).locked()
                folder = new.folder = RunFolder(run_dir)
            state = distributed.broadcast_object(folder and _latest(folder, gan.step))
            if state is not None:
                _resume(gan, state, data, run_dir, anyway=resume == "anyway")
        _record(gan, folder, data, begins=gan.step < total)
        yield folder


def _as_path(run_dir: str | Path | None) -> Path | None:
    if run_dir is None:
        return None
    expect(run_dir, str | Path, "run_dir", "a folder, such as 'runs/first'")
    if not (text := str(run_dir)) or "\0" in text:
        raise ConfigError(f"run_dir is {text!r}, expected a folder, such as 'runs/first'.")
    path = Path(run_dir).expanduser()
    try:
        path.exists()
    except OSError as error:
        raise unusable(path, error) from None
    return path


def _latest(folder: RunFolder, step: int) -> dict[str, Any] | None:
    """The newest checkpoint; data records, which checkpoints of 0.1 lack, are taken from the folder."""
    state, segments = folder.latest(), read_segments(folder.path)
    if not step:  # a GAN that has taken steps has a record of its data
        rescued.check_newest(folder.path, folder.saved_step)
    half_precision = checkpoint.numbered(folder.path / "generators", ".safetensors")
    if state is None and ((folder.path / "generator.safetensors").exists() or any(half_precision)):
        raise CheckpointError(
            f"{folder.path} has a trained generator, but no checkpoint to resume from. To keep the generator, use "
            "another run_dir."
        )
    if state and segments:
        state["data"] = {**(segments[-1]["data"] or {}), **state["data"]}
    return state


def _resume(
    gan: GAN, state: dict[str, Any], data: dict[str, Any], run_dir: str | Path, *, anyway: bool
) -> None:
    saved = config_of(state)
    _check_same_start(gan, state, run_dir)
    check_same_networks(gan, state)
    if gan.step and not _same_run(gan, state):
        raise CheckpointError(
            f"{run_dir} has another run: its checkpoint is at step {state['step']}, and this GAN, at step "
            f"{gan.step}, was trained separately. Use another run_dir to keep this GAN, or a new GAN to resume "
            "the run."
        )
    game = game_differences(gan, state, saved)
    changed = game | data_record.differences(state["data"], data)
    if gan.step > state["step"]:
        changed |= data_record.differences(state["data"], gan.data)
    if changed and not anyway:
        raise CheckpointError(
            f"{run_dir} has a run of another kind: {listed(changed)}. Use the same settings or another run_dir, "
            "or resume='anyway' to continue with the new ones."
        )
    if gan.step > state["step"]:
        log_rank0(f"continuing at step {gan.step}; the checkpoint in {run_dir} is of step {state['step']}.")
    else:
        gan.load_state_dict(state)
        log_rank0(f"{run_dir}: resuming from step {gan.step}.")
    for name, (old, new) in (differing(saved, gan.config) | game).items():
        log_rank0(f"  {name} changes from {old} to {new}.")


def _check_same_start(gan: GAN, state: dict[str, Any], run_dir: str | Path) -> None:
    """Raise `CheckpointError` if the GAN started from a run and the checkpoint did not start from the same run."""
    theirs, ours = (record.get(data_record.STARTED_FROM) for record in (state["data"], gan.data))
    same = ours and theirs and all(ours[key] == theirs[key] for key in ("run", "data"))
    if ours and not same and not gan.step:
        started, starts = (data_record.start_in_words(record) for record in (state["data"], gan.data))
        raise CheckpointError(
            f"{run_dir} has a run that started from {started}, and this one starts from {starts}. Use another run_dir, "
            "or start from the same run to resume that run."
        )


def _same_run(gan: GAN, state: dict[str, Any]) -> bool:
    """Whether the GAN and the checkpoint are of the same run: their histories agree at the steps that both have."""
    saved = History.from_state(state["history"])
    ours, theirs = (dict(zip(h["step"], h["loss_d"], strict=True)) for h in (gan.history, saved))
    return all(ours[step] == theirs[step] for step in ours.keys() & theirs.keys())


def _record(gan: GAN, folder: RunFolder | None, data: dict[str, Any], *, begins: bool) -> None:
    """Record, in the GAN and its folder, the data used from this step on and the data used since the checkpoint."""
    settings, device = gan.config.to_dict() | {"loss": loss_name(gan)}, device_name(gan.device)
    if folder and gan.data and folder.saved_step and gan.step > folder.saved_step:
        folder.begin(folder.saved_step, settings, data=gan.data, device=device)
    if begins:
        change_data(gan, data)
    if folder and (begins or not read_segments(folder.path)):
        folder.begin(gan.step, settings, data=gan.data or data, device=device)


def change_data(gan: GAN, data: dict[str, Any]) -> None:
    """Record the GAN's training data; if the data changed, a new epoch begins."""
    if start := gan.data.get(data_record.STARTED_FROM):
        data = data | {data_record.STARTED_FROM: start}
    if changed := data_record.differences(gan.data, data):
        old, new = changed["data"]
        log_rank0(f"the data change from {old} to {new}; a new epoch begins.")
        gan.remaining = gan.remaining[:0]
    gan.data = data
