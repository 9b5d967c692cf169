"""Ctrl-C during training: a request that is answered between steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from facegan.runtime import distributed


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request that is answered after the step; the second acts at once.

    With several processes none acts at once, because the others would wait for it; a launcher's SIGTERM counts
    as Ctrl-C then.
    """
    asked, together = threading.Event(), distributed.world_size() > 1

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
