"""Contexts that use torch's global random numbers and restore them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_ALONE = threading.RLock()


@contextmanager
def restored() -> Iterator[None]:
    """A context that restores the global random state at its end; only one thread at a time can enter it."""
    with _ALONE, torch.random.fork_rng(devices=[]):
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A context in which the global random state is set from a seed; it is restored at the end."""
    with restored():
        torch.default_generator.manual_seed(seed)
        yield
