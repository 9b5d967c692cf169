"""Ctrl-C during training: a request that is answered between steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from facegan.runtime import distributed


class Interrupts:
    """Whether the user asked to stop; with `at_once`, asking again interrupts what is running."""

    def __init__(self) -> None:
        self._asked, self.at_once = threading.Event(), True

    def __call__(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        self._asked.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A context in which interrupts are only remembered, because what is saved in it must be whole."""
        before, self.at_once = self.at_once, False
        try:
            yield
        finally:
            self.at_once = before


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Turn the first Ctrl-C into a request that is answered after the step; the second acts at once.

    One acts at once, and no other after it: the run then saves, or goes back to a checkpoint. None does while
    interrupts are `held`. With several processes none acts at once, because the others would wait for it; a
    launcher's SIGTERM counts as Ctrl-C then.
    """
    asked, together = Interrupts(), distributed.world_size() > 1

    def on_interrupt(*_) -> None:
        if asked() and asked.at_once and not together:
            asked.at_once = False
            raise KeyboardInterrupt
        asked.ask()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    watched = (signal.SIGINT, signal.SIGTERM) if together else (signal.SIGINT,)
    previous = {number: signal.signal(number, on_interrupt) for number in watched}
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
