"""Handles Ctrl-C, SIGTERM, and SIGHUP during training, between steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from facegan.runtime import distributed


class Interrupts:
    """Whether the user asked to stop. Call the object to read it.

    Attributes:
        at_once: whether a second request interrupts the running code.
        ended_by: number of the signal that asked the process to end; 0 if there was none.
    """

    def __init__(self) -> None:
        self._asked, self.at_once, self.ended_by = threading.Event(), True, 0

    def __call__(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        self._asked.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A context that defers interrupts, so that files are saved completely."""
        before, self.at_once = self.at_once, False
        try:
            yield
        finally:
            self.at_once = before


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Make the first Ctrl-C a request to stop after the step; the second one interrupts immediately.

    Only one Ctrl-C interrupts immediately; the run is then saved, or goes back to its last checkpoint. Interrupts are
    deferred while they are `held`. With several processes, no interrupt is immediate, because the other processes would
    wait forever, and a launcher's SIGTERM counts as Ctrl-C. With one process, SIGTERM (docker stop, Slurm) and SIGHUP
    (a closed terminal) also request a stop and are recorded in `ended_by`, unless the caller handles or ignores them
    (nohup).
    """
    asked, together = Interrupts(), distributed.world_size() > 1

    def on_end(number: int, _: object) -> None:
        asked.ended_by = number
        asked.ask()

    def on_interrupt(*_) -> None:
        if asked() and asked.at_once and not together:
            asked.at_once = False
            raise KeyboardInterrupt
        asked.ask()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    watched: dict[int, Callable] = {signal.SIGINT: on_interrupt}
    if together:
        watched[signal.SIGTERM] = on_interrupt
    else:
        ends = (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))  # Windows has one of them
        watched |= {n: on_end for n in ends if n is not None and signal.getsignal(n) == signal.SIG_DFL}
    previous = {number: signal.signal(number, handler) for number, handler in watched.items()}
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
