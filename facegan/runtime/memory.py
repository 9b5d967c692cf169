"""Checks that tensors fit into memory before they are allocated."""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from pathlib import Path

import torch

from facegan.errors import ConfigError


def check_fits(needed: int, device: torch.device, what: str, advice: str) -> None:
    """Check that something needs no more memory than the device has in total; skipped if that is unknown.

    Args:
        needed: lower bound on the number of bytes.
        device: device that allocates them.
        what: description for the message, such as "a generator with width=9000".
        advice: sentence that says what to do instead.

    Raises:
        ConfigError: it needs more memory.
    """
    there = total(device)
    if there is not None and needed > there:
        raise ConfigError(
            f"{what} needs at least {in_gigabytes(needed)} of memory, but {device.type} has "
            f"{in_gigabytes(there)}. {advice}"
        )


def total(device: torch.device) -> int | None:
    """The bytes of memory that a device has, or that this process may use; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return _of_machine()


def in_gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"


@functools.cache
def _of_machine() -> int | None:
    found = []
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # not in a container, or the limit is "max"
            found.append(int(Path(limit).read_text()))
    return min((count for count in found if count > 0), default=None)
