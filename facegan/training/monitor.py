"""What stands between the hot loop of `fit` and those who watch it: history, bar, run folder, hooks.

Nothing here touches the networks. Metrics stay on the device until they are read, all at once; Ctrl-C
becomes a request that is answered between steps.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from facegan.errors import ConfigError, TrainingError
from facegan.runs.folder import RunFolder, picture_files
from facegan.runtime import distributed as parallel
from facegan.runtime.device import tuned
from facegan.runtime.distributed import say

if TYPE_CHECKING:
    from facegan.training.fit import GAN

METRICS = ("loss_d", "loss_g", "d_real", "d_fake", "d_fake_after", "grad_norm_d", "grad_norm_g")
HISTORY = (*METRICS, "images_per_second")

_SMALLEST_SCALE = 1e-6  # of float16's losses; from 65,536 it takes three dozen overflows to come here

Hook = Callable[["GAN", Tensor], None]


class Watcher:
    """A hook for `fit` that also follows a run between its snapshots, and may end it."""

    shows_progress = False  # whether `fit` leaves its own progress bar out; looked at after `begin`

    def begin(self, gan: GAN, total: int) -> None:
        """Called before the first step; `total` is the step at which the run will end."""

    def __call__(self, gan: GAN, grid: Tensor) -> None:
        """Called at every snapshot, with a uint8 grid (3, H, W) of the fixed faces."""

    def wants_stop(self, gan: GAN) -> bool:
        """Called after every step, so it must be quick; true ends the run as Ctrl-C does, saved."""
        return False

    def end(self, gan: GAN) -> None:
        """Called when the run stands still, however that came about."""


class Recorder:
    """A context around the loop: `add` what each step returns, `snapshot` now and then, heed `stopped`."""

    def __init__(self, gan: GAN, folder: RunFolder | None, hooks: Sequence[Hook], total: int) -> None:
        self.gan, self.folder, self.total = gan, folder, total
        self.hooks, self.unwanted = list(hooks) if parallel.rank() == 0 else [], False
        self.watchers = [hook for hook in self.hooks if isinstance(hook, Watcher)]
        if gan.config.tensorboard and folder:
            self.hooks.append(tensorboard_hook(folder.path / "tensorboard", start=gan.step))
        self.pending: list[Tensor] = []
        self.saved_at = folder.saved_step if folder else gan.step or None
        self.read_at = time.monotonic()
        if gan.step >= total:
            say(f"the run already stands at step {gan.step} of {total}; ask for more steps to go on.")

    def __enter__(self) -> Recorder:
        with ExitStack() as stack:  # whatever has begun is ended, also when the rest of this fails
            stack.enter_context(tuned())
            self.interrupted = stack.enter_context(_interruptible())
            for watcher in self.watchers:
                watcher.begin(self.gan, self.total)
                stack.callback(watcher.end, self.gan)
            self.bar = stack.enter_context(self._new_bar())
            if self.saved_at != self.gan.step:
                self.snapshot()
            self.closing = stack.pop_all()
        return self

    def _new_bar(self) -> Any:
        from tqdm.auto import tqdm

        hidden = parallel.rank() > 0 or any(watcher.shows_progress for watcher in self.watchers)
        return tqdm(total=self.total, initial=self.gan.step, unit="step", dynamic_ncols=True, disable=hidden)

    def add(self, metrics: Tensor) -> None:
        self.pending.append(metrics)
        self.bar.update()
        if time.monotonic() - self.read_at > 1 and parallel.world_size() == 1:
            self.read()  # several processes read together, at snapshots
        for watcher in self.watchers:
            self.unwanted |= watcher.wants_stop(self.gan)

    @property
    def stopped(self) -> bool:
        """Whether the run was asked to end, here or in another process of it."""
        return parallel.any_of(self.unwanted or self.interrupted())

    def read(self) -> None:
        """Move pending metrics from the device into the history, all at once."""
        if not self.pending:
            return
        rows = parallel.mean(torch.stack(self.pending)).tolist()
        elapsed = max(time.monotonic() - self.read_at, 1e-9)
        rate = len(rows) * self.gan.config.batch_size / elapsed
        self.pending.clear()
        for step, row in enumerate(rows, start=self.gan.step - len(rows) + 1):
            self._check_finite(step, row)
            for name, value in zip(HISTORY, (*row, rate), strict=True):
                self.gan.history[name].append(value)
        self.read_at = time.monotonic()
        self.bar.set_postfix_str(f"D {row[0]:.2f}, G {row[1]:.2f}, {rate:.0f} img/s", refresh=False)

    def snapshot(self, *, frame: bool = True) -> None:
        """Bring the history, the run folder and the hooks up to this step."""
        self.read()
        if parallel.rank() == 0:
            self._check_weights()
            self._show(frame)
        self.saved_at = self.gan.step
        self.read_at = time.monotonic()

    def _show(self, frame: bool) -> None:
        gan, grid = self.gan, self.gan.snapshot()
        if self.folder:
            name = f"frames/step_{gan.step:06d}.png" if frame else None
            self.folder.save(gan.state_dict(), files=picture_files(gan.history, grid, gan.step, frame=name))
        for hook in self.hooks:
            hook(gan, grid)

    def __exit__(self, kind: type | None, error: BaseException | None, _) -> bool:
        with self.closing:
            if kind is None:
                self._finish()
            elif kind is KeyboardInterrupt:
                self._roll_back()
            elif _is_out_of_memory(error):
                raise TrainingError(_memory_advice(self.gan)) from error
            elif parallel.lost_peer(error):
                raise parallel.loss_of_peer(error, self.folder and self.folder.saved_step) from error
        return kind is KeyboardInterrupt

    def _finish(self) -> None:
        if self.gan.step != self.saved_at:
            self.snapshot(frame=False)
        if self.folder:
            self.folder.finish(self.gan.snapshot(), self.gan.ema.to_safetensors())
        if self.gan.step < self.total:
            where = "saved; the same call goes on from here" if self.folder else "not saved without a run_dir"
            say(f"stopped at step {self.gan.step} of {self.total}: {where}.")

    def _roll_back(self) -> None:
        """After an interrupt within a step the networks may be half updated: take the last checkpoint."""
        state = self.folder.latest() if self.folder else None
        if state:
            self.gan.load_state_dict(state)
            print(f"interrupted; back at the checkpoint of step {self.gan.step}.")
        else:
            self.read()
            print(f"interrupted after step {self.gan.step}; nothing was saved without a run_dir.")

    def _check_finite(self, step: int, row: list[float]) -> None:
        bad = [name for name, value in zip(METRICS, row, strict=True) if not math.isfinite(value)]
        if bad:
            self._diverged(step, f"{bad[0]} is {row[METRICS.index(bad[0])]}")

    def _check_weights(self) -> None:
        networks = (self.gan.generator, self.gan.discriminator, self.gan.ema)
        if not all(
            t.isfinite().all() for network in networks for t in chain(network.parameters(), network.buffers())
        ):
            self._diverged(self.gan.step, "a weight is no longer finite")
        if self.gan.scaler.is_enabled() and self.gan.scaler.get_scale() < _SMALLEST_SCALE:
            self._diverged(self.gan.step, "every step overflows float16 and is left out")

    def _diverged(self, step: int, what: str) -> None:
        saved = self.folder.saved_step if self.folder else None
        kept = "" if saved is None else f" The checkpoint of step {saved} is kept."
        raise TrainingError(
            f"training diverged at step {step}: {what}.{kept} Try a lower learning rate "
            f"(lr_d={self.gan.config.lr_d:g}, lr_g={self.gan.config.lr_g:g} now) or precision='fp32'."
        )


def tensorboard_hook(log_dir: str | Path, *, start: int = 0) -> Hook:
    """A hook for `fit` that writes every step after `start`, and each grid, for TensorBoard.

    Raises `ConfigError` when tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ConfigError(
            "tensorboard=True needs the tensorboard package: pip install tensorboard, or set "
            "tensorboard=False (curves are also in curves.png and history.csv)."
        ) from None
    writer = SummaryWriter(str(log_dir), purge_step=start + 1)
    written = start

    def write(gan: GAN, grid: Tensor) -> None:
        nonlocal written
        for step in range(written + 1, gan.step + 1):
            for name in HISTORY:
                writer.add_scalar(name, gan.history[name][step - gan.step - 1], step)
        writer.add_image("faces", grid, gan.step)
        writer.flush()
        written = gan.step

    return write


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request that is answered after the step; the second acts at once.

    Of several processes none acts at once, since the others would wait for it; a launcher's SIGTERM counts
    as Ctrl-C there.
    """
    asked, together = threading.Event(), parallel.world_size() > 1

    def on_interrupt(*_) -> None:
        if asked.is_set() and not together:
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    watched = (signal.SIGINT, signal.SIGTERM) if together else (signal.SIGINT,)
    previous = {number: signal.signal(number, on_interrupt) for number in watched}
    try:
        yield asked.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _is_out_of_memory(error: BaseException | None) -> bool:
    words = ("out of memory", "can't allocate memory", "not enough memory")
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in words)


def _memory_advice(gan: GAN) -> str:
    size = gan.config.batch_size
    widths = f"{gan.config.width}" + (f", width_d {gan.config.width_d}" if gan.config.width_d else "")
    return (
        f"out of memory on {gan.device} at step {gan.step + 1} with batch_size={size}. "
        f"Try batch_size={max(size // 2, 2)} or a smaller width (now {widths})."
    )
