"""Contexts for training on a CPU: the number of threads, and reuse of freed memory."""

from __future__ import annotations

import ctypes
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
import torch.nn.functional as F

from facegan.runtime import distributed

# In this trial, on two idle cores, two threads took 0.44 to 0.65 times as long as one; with another busy process, they
# took 1.2 to 1.8 times as long. Results depend on the number of threads, so it only changes if the gain exceeds this
# factor.
_SLOWER = 1.1
_ROUNDS, _SECONDS = 4, 1.0  # limits of a trial, which has at least two rounds
_CALLS, _BLOCK_SECONDS = 8, 0.15  # limits of consecutive calls with one number of threads
_MIN_STEPS = 100  # in shorter runs, the trial takes more time than it saves
_AT_IMPORT = torch.get_num_threads()

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of options in malloc.h
_MB = 2**20


@contextmanager
def fitting_threads(device: torch.device, steps: int) -> Iterator[None]:
    """A context with fewer threads if training is faster with fewer, for example because other programs use the CPU.

    It has no effect if the user has chosen the number of threads, or if the run has fewer than 100 steps.

    Args:
        device: device of the run; GPUs are not affected.
        steps: number of steps that the run will take.
    """
    before = torch.get_num_threads()
    tried = device.type == "cpu" and steps >= _MIN_STEPS and distributed.world_size() == 1 and not _chosen()
    try:
        if tried and (fewer := fastest_threads(before, _trial)) != before:
            torch.set_num_threads(fewer)
            print(
                f"training on {fewer} of {before} CPU threads, which is currently faster; to disable this, set "
                f"OMP_NUM_THREADS={before} in the environment."
            )
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """A context in which torch uses `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fastest_threads(most: int, work: Callable[[], object]) -> int:
    """The fastest number of threads for `work`: `most`, or half of it, a quarter, ..., if this is clearly faster."""
    counts = [most]
    while counts[-1] > 1:
        counts.append(counts[-1] // 2)
    times: dict[int, list[float]] = {count: [] for count in counts}
    try:
        began = time.perf_counter()
        for done in range(
            _ROUNDS if most > 1 else 0
        ):  # interleaved, so that noise affects all numbers equally
            if done > 1 and time.perf_counter() - began > _SECONDS:
                break
            for count in counts:
                torch.set_num_threads(count)
                times[count] += _block(work)
    finally:
        torch.set_num_threads(most)
    typical = {count: statistics.median(found or [0.0]) for count, found in times.items()}
    best = min(counts, key=typical.__getitem__)
    return best if typical[most] > _SLOWER * typical[best] else most


def _block(work: Callable[[], object]) -> list[float]:
    """Measure a few consecutive calls, in seconds, without the first call, in which threads start."""
    work()
    found: list[float] = []
    while len(found) < _CALLS and sum(found) < _BLOCK_SECONDS:
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return found


def _chosen() -> bool:
    """Whether the user has chosen the number of threads. torch's default is the number of CPUs or of cores."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    threads = torch.get_num_threads()
    named = "OMP_NUM_THREADS" in os.environ or "MKL_NUM_THREADS" in os.environ
    return named or threads != _AT_IMPORT or threads not in {cpus, cpus // 2}


def _trial() -> None:
    """A forward and backward pass of two layers of a small discriminator; it draws no random numbers."""
    images = torch.ones(16, 3, 64, 64)
    kernels = torch.ones(24, 3, 4, 4, requires_grad=True), torch.ones(48, 24, 4, 4, requires_grad=True)
    with torch.enable_grad():
        for kernel in kernels:
            images = F.leaky_relu(F.conv2d(images, kernel, None, 2, 1), 0.2)
        images.mean().backward()


@contextmanager
def kept_memory() -> Iterator[None]:
    """A context in which freed memory is kept for the next step, if the C library is glibc.

    By default, glibc returns the memory that a step frees to the system, and the system must clear it for the next
    step. At the end of the context, free memory is returned, and glibc's thresholds are set to their largest defaults.
    """
    given = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    libc = None
    if platform.libc_ver()[0] == "glibc" and not given:
        with suppress(OSError):
            libc = ctypes.CDLL(None)
    if libc is None:
        yield
        return
    if not libc.mallopt(_MMAP_THRESHOLD, 1024 * _MB):
        libc.mallopt(_MMAP_THRESHOLD, 32 * _MB)  # the largest value that older versions accept
    libc.mallopt(_TRIM_THRESHOLD, 1024 * _MB)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, 32 * _MB)
        libc.mallopt(_TRIM_THRESHOLD, 64 * _MB)
        libc.malloc_trim(0)
