"""torch's global random numbers, which all threads share: used by one thread at a time, and restored afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_ALONE = threading.RLock()


@contextmanager
def restored() -> Iterator[None]:
    """A context whose use of the global random numbers nobody notices afterwards."""
    with _ALONE, torch.random.fork_rng(devices=[]):
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A context in which the global random numbers start at a seed; they are restored afterwards."""
    with restored():
        torch.default_generator.manual_seed(seed)
        yield
