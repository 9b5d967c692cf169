"""Processes that measure training, and the clock that they use.

facegan and the example each have their own process, so that the settings of one do not affect the other. They run
alternately.
"""

from __future__ import annotations

import io
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facegan.bench.dcgan_example import Example, image_folder
from facegan.config import TrainConfig
from facegan.data.load import load_faces
from facegan.errors import TrainingError, first_line
from facegan.runtime.device import tuned
from facegan.training.fit import next_images
from facegan.training.gan import GAN
from facegan.training.step import train_step

SECONDS = 2.0  # minimum duration of a measurement, which has at least one step
_KEPT = 4  # number of settings that a process keeps in memory

Ask = Callable[[str, TrainConfig, Path | None], float]


@contextmanager
def workers(device: str) -> Iterator[Ask]:
    """A context that yields a function ask(kind, config, source), which measures images per second on `device`.

    `kind` is "facegan" or "example". If `source` is None, steps use one batch in memory, otherwise batches of that
    file. `ask` raises `TrainingError` if training fails.
    """
    running: dict[str, tuple] = {}

    def ask(kind: str, config: TrainConfig, source: Path | None) -> float:
        if kind not in running:
            running[kind] = start(_serve, kind, device)
        _, pipe = running[kind]
        pipe.send((config.to_dict(), source, SECONDS))
        return answer(pipe)

    try:
        yield ask
    finally:
        for process, pipe in running.values():
            with suppress(ConnectionError):
                pipe.send(None)
            process.join(30)


def start(target: Callable, *arguments: Any) -> tuple:
    """Start a process that runs target(pipe, *arguments); returns the process and the other end of the pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments))
    process.start()
    theirs.close()
    return process, ours


def answer(pipe) -> Any:
    """Receive the answer of a process. Raises `TrainingError` if it is an error message, or the process has ended."""
    try:
        found = pipe.recv()
    except EOFError:
        raise TrainingError(
            "the measuring process ended, perhaps because memory ran out. Use a smaller width or batch size."
        ) from None
    if isinstance(found, str):
        raise TrainingError(f"the measured training failed: {found}")
    return found


def _serve(pipe, kind: str, device: str) -> None:
    """Answer each request with a rate or an error message."""
    build = _ours if kind == "facegan" else _Theirs
    place = torch.device(device)
    known: dict[Any, Callable[[float], float]] = {}
    with tuned():
        while (request := pipe.recv()) is not None:
            settings, source, seconds = request
            config = TrainConfig.from_dict(settings)
            try:
                if (config, source) not in known:
                    if len(known) == _KEPT:
                        known.clear()
                    known[config, source] = build(config, place, source)
                pipe.send(config.batch_size * config.n_critic * known[config, source](seconds))
            except Exception as error:  # `answer` raises it in the other process
                known.clear()
                pipe.send(f"{type(error).__name__}: {first_line(error)}")


def _ours(config: TrainConfig, place: torch.device, source: Path | None) -> Rate:
    return Rate(training_step(GAN(config, device=place), source), place, calls=config.r1_every)


class _Theirs:
    """The example's step, on a batch in the device's memory, or on batches from the example's loader."""

    def __init__(self, config: TrainConfig, place: torch.device, source: Path | None) -> None:
        example = Example(width=config.width, device=place, log=io.StringIO())
        shape = (config.batch_size, 3, config.image_size, config.image_size)
        self._loader = source and image_folder(
            str(source.parent / "faces"), size=config.image_size, batch_size=config.batch_size
        )
        self._stream: Iterator[Tensor] = repeat(torch.rand(shape, device=place) * 2 - 1)
        self._rate = Rate(lambda: example.step(next(self._stream)), place)

    def __call__(self, seconds: float) -> float:
        """Measure the rate. The loader's processes start before the measurement, because they start once per epoch."""
        if self._loader:
            self._stream = (images for images, _ in chain.from_iterable(repeat(self._loader)))
            next(self._stream)
        return self._rate(seconds)


def training_step(gan: GAN, source: Path | None) -> Callable[[], dict[str, Tensor]]:
    """A function that takes facegan's step on the next batch of `source`; if None, on a batch in memory."""
    stream = _batches(gan, source)
    gan.engine.capturing().__enter__()  # never exited: this GAN is only used here
    return lambda: train_step(gan, next_images(stream, gan.config.n_critic))


def _batches(gan: GAN, source: Path | None) -> Iterator[Tensor]:
    config = gan.config
    if source is None:
        shape = (config.batch_size, 3, config.image_size, config.image_size)
        return repeat((torch.rand(shape) * 2 - 1).to(gan.device))
    faces = load_faces(source, config.image_size)
    batches = faces.batches(config.batch_size, generator=gan.rng, device=gan.device, flip=config.flip)
    return chain.from_iterable(repeat(batches))


class Rate:
    """A function `rate(seconds)` that measures the calls per second of `work`, for at least that time.

    Args:
        work: function to call; it is warmed up first.
        device: device on which it works.
        calls: if calls differ from each other, the number after which they repeat; only whole rounds are measured.
    """

    def __init__(self, work: Callable[[], Any], device: torch.device, *, calls: int = 1) -> None:
        self._work, self._device, self._rounds, self._calls = work, device, 1, calls
        for _ in range(5 if device.type == "cuda" else 1):
            work()

    def __call__(self, seconds: float) -> float:
        while (elapsed := self._time()) < seconds:
            self._rounds = max(self._rounds + 1, int(1.2 * self._rounds * seconds / elapsed))
        return self._rounds * self._calls / elapsed

    def _time(self) -> float:
        self._wait()
        start = time.perf_counter()
        for _ in range(self._rounds * self._calls):
            self._work()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()
