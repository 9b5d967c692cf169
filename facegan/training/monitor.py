"""Callbacks, interrupts, and error messages around the loop of `fit`.

Signal handlers are in `facegan.training.interrupts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from facegan.errors import CheckpointError, TrainingError, TrainingStopped
from facegan.runs.folder import RunFolder
from facegan.runtime import distributed
from facegan.runtime.device import tuned
from facegan.runtime.distributed import log_rank0
from facegan.runtime.kernel import in_cell
from facegan.training import memory
from facegan.training.callbacks import FiniteCheck, ProgressBar, SaveRun, tensorboard_callbacks
from facegan.training.gan import GAN
from facegan.training.interrupts import interruptible


class Monitor:
    """A context around the loop. Call `step_end` after each step and `snapshot` periodically; stop when `stopped`.

    Args:
        gan: GAN in training.
        folder: run folder; if None, nothing is saved.
        callbacks: the user's callbacks.
        total: the step at which the run ends.
        every: steps between snapshots.
        measures: callbacks that add to the history at snapshots; they are called before the run is saved.
    """

    def __init__(
        self,
        gan: GAN,
        folder: RunFolder | None,
        callbacks: Sequence[Any],
        *,
        total: int,
        every: int,
        measures: Sequence[Any] = (),
    ) -> None:
        self.gan, self.folder, self.total = gan, folder, total
        self.callbacks: list[Any] = [FiniteCheck(folder)]
        self.saver: SaveRun | None = None
        if distributed.rank() == 0:
            self.saver = SaveRun(folder, every) if folder else None
            self.callbacks += [*measures, *([self.saver] if self.saver else [])]
            self.callbacks += callbacks
            if folder and gan.config.tensorboard:
                self.callbacks += tensorboard_callbacks(folder.path / "tensorboard")
            self.callbacks.append(ProgressBar(callbacks))
        self.saved_at = folder.saved_step if folder else gan.step or None
        gan.stop_requested = gan.stopped_by_user = gan.engine.in_step = False
        self.halts_notebook = False

    def __enter__(self) -> Monitor:
        with ExitStack() as stack:  # if a callback fails to begin, ends those that began
            stack.enter_context(tuned())
            self.interrupted = stack.enter_context(interruptible())
            for callback in self.callbacks:
                _call(callback, "on_train_begin", self.gan, self.total)
                stack.callback(_call, callback, "on_train_end", self.gan)
            if self.saved_at != self.gan.step:
                self.snapshot()
            self.closing = stack.pop_all()
        return self

    def step_end(self, metrics: dict[str, Tensor]) -> None:
        if self.folder:
            self.folder.has_steps = True
        for callback in self.callbacks:
            _call(callback, "on_step_end", self.gan, metrics)
        if self.gan.step >= self.total:
            self.interrupted.at_once = False

    @property
    def stopped(self) -> bool:
        """Whether a stop was requested in any process of the run. If so, further interrupts have no effect."""
        asked = distributed.any_of(self.gan.stop_requested or self.interrupted())
        if asked:
            self.interrupted.at_once = False
        return asked

    def snapshot(self) -> None:
        """Save the run and call `on_snapshot` of the callbacks; interrupts are deferred until this is done."""
        with self.interrupted.held():
            self.gan.history.read()
            grid = self.gan.preview_grid() if distributed.rank() == 0 else torch.empty(0)
            for callback in self.callbacks:
                _call(callback, "on_snapshot", self.gan, grid)
            self.saved_at = self.gan.step

    def __exit__(self, kind: type | None, error: BaseException | None, _) -> bool:
        self.interrupted.at_once = False
        by_user = kind is KeyboardInterrupt or self.gan.stopped_by_user or self.interrupted()
        self.halts_notebook = by_user and in_cell() and distributed.world_size() == 1
        with self.closing:
            if self.gan.engine.in_step or isinstance(error, TrainingError):
                self._roll_back(error)
            elif kind is None or kind is KeyboardInterrupt:
                self._finish()
            elif self.saver and not isinstance(
                error, CheckpointError | OSError
            ):  # these errors come from saving
                self.saver.on_snapshot(self.gan, self.gan.preview_grid())
            if memory.is_out_of_memory(error):
                raise TrainingError(memory.advice(self.gan)) from error
            if error and distributed.lost_peer(error):
                saved = self.folder.saved_step if self.folder else None
                raise distributed.loss_of_peer(error, saved) from error
        return kind is KeyboardInterrupt and distributed.world_size() == 1

    def end_cell(self) -> None:
        """Raise `TrainingStopped` if the user stopped this run in a notebook before its end.

        If a signal asked the process to end, raise `SystemExit` with exit code 128 plus the signal's number.
        """
        if self.interrupted.ended_by:
            raise SystemExit(128 + self.interrupted.ended_by)
        if self.halts_notebook and self.gan.step < self.total:
            where = "saved. Run this cell again to resume." if self.folder else "not saved without a run_dir."
            raise TrainingStopped(f"Stopped at step {self.gan.step:,} of {self.total:,}; {where}")

    def _finish(self) -> None:
        if self.gan.step != self.saved_at:
            self.snapshot()
        if self.saver:
            self.saver.finish(self.gan)
        if self.gan.step < self.total and not self.halts_notebook:
            where = "saved; run it again to resume" if self.folder else "not saved without a run_dir"
            log_rank0(f"stopped at step {self.gan.step} of {self.total}: {where}.")

    def _roll_back(self, error: BaseException | None) -> None:
        """Load the last checkpoint, because the networks may be partly updated or no longer finite."""
        if self.saver and self.folder and (state := self.folder.latest()):
            self.gan.load_state_dict(state)
            self.saver.finish(self.gan)
            log_rank0(f"stopped within a step; back at the checkpoint of step {self.gan.step}.")
        elif isinstance(error, KeyboardInterrupt):
            print(f"interrupted within step {self.gan.step + 1}; nothing was saved without a run_dir.")


def _call(callback: Any, method: str, *arguments: Any) -> None:
    if function := getattr(callback, method, None):
        function(*arguments)
