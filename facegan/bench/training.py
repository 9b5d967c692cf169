"""How fast this machine trains and samples, beside PyTorch's DCGAN example and the machine's own limit.

Each way of training lives in a process of its own, so that no setting of one helps or hurts another;
they take turns, round by round. Rates are images a second. Noise only ever slows things, so ratios
compare the best of several rounds; medians stand beside them. The limit is the rate of large matrix
products in the same precision, measured in the same rounds.
"""

from __future__ import annotations

import io
import multiprocessing
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan.bench.data import prepare_archive
from facegan.bench.dcgan_example import Example, image_folder
from facegan.config import RECIPES, TrainConfig
from facegan.data.load import load_faces
from facegan.errors import TrainingError, first_line
from facegan.latent import draw_latents
from facegan.runtime.cuda_graph import WARM_UP
from facegan.runtime.device import PRECISIONS, describe, pick_device, pick_precision, tuned
from facegan.training.fit import GAN, stepper

EXAMPLE = "PyTorch's example, fp32"
DATA_SIZES = (13_001, 202_599)  # faces: a class's, and all of CelebA
_KEPT = 4  # ways of training that a process keeps in memory
_SECONDS = 2.0  # a measurement lasts at least this long, and at least one step

Rates = dict[str, dict[str, list[float]]]


def bench_train(
    archive: Path | None = None,
    *,
    width: int = 64,
    batch_size: int = 128,
    rounds: int = 3,
    sweep: bool = False,
    device: str = "auto",
) -> dict[str, Any]:
    """Measure training at 64 px on `archive` (a .zip of faces; drawn ones when None).

    Returns `machine`, `settings`, `flop_per_image`, `matrix_rate` (by precision) and `images_per_second`
    (row -> way -> one rate a round), `recipes`; with `sweep` also `sweeps` and `memory` (bytes). Raises
    `DataError` for a zip that is not there, `ConfigError` for settings out of range.
    """
    config = replace(RECIPES["tutorial"], width=width, batch_size=batch_size)
    place = pick_device(device)
    with tempfile.TemporaryDirectory() as folder, _workers(str(place)) as ask:
        path = prepare_archive(archive, Path(folder), config.image_size)
        count = len(load_faces(path, config.image_size))  # refuses a hostile zip before it is unpacked
        with zipfile.ZipFile(path) as file:
            file.extractall(Path(folder) / "faces" / "all")
        rates, matrix_rate = _compare(config, place, path, ask, rounds)
        result = {
            "machine": describe(),
            "settings": {"faces": count, "rounds": rounds, **config.to_dict()},
            "flop_per_image": flop_per_image(config),
            "matrix_rate": matrix_rate,
            "images_per_second": rates,
            "recipes": _recipes(ask),
        }
        if sweep:
            result["sweeps"] = _sweeps(config, place, path, ask)
            result["memory"] = {f"{n:,} faces": _memory_with(path, n, str(place)) for n in DATA_SIZES}
    return result


def flop_per_image(config: TrainConfig) -> float:
    """Floating-point operations of one training step, for each real face in it, without elementwise ones.

    Counted by torch in a real step; a multiply-add is two.
    """
    from torch.utils.flop_counter import FlopCounterMode

    gan = GAN(replace(config, batch_size=2, precision="fp32"), device="cpu")
    step = stepper(gan)
    with FlopCounterMode(display=False) as counter:
        step(torch.zeros(2, 3, config.image_size, config.image_size))
    return counter.get_total_flops() / 2


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of square matrix products: what any step can at most come to."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # as convolutions have it
    try:
        return 2 * side**3 * _Rate(lambda: a @ b, device)(0.5)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def bench_sample(*, width: int = 64, rounds: int = 5, device: str = "auto") -> dict[str, Any]:
    """Measure how many faces a second a generator of 64 px draws, by how many at once.

    Beside `gan.sample`, the example's generator as its loop calls it. Returns `machine` and
    `images_per_second` (row -> way -> one rate a round).
    """
    place = pick_device(device)
    gan = GAN(replace(RECIPES["tutorial"], width=width), device=place)
    example = Example(width=width, device=place, log=io.StringIO())
    rates: Rates = {}
    for _ in _rounds(rounds):
        for count in (1, 16, 64, 256):
            z = draw_latents(count, gan.config.latent_dim, seed=0)
            ways = {
                "PyTorch's example": lambda z=z: example.netG(z[:, :, None, None].to(place)),
                "facegan": lambda z=z: gan.ema.images(z),
            }
            for way, draw in ways.items():
                row = rates.setdefault(f"{count} at once", {})
                row.setdefault(way, []).append(count * _Rate(draw, place)(0.5))
    return {"machine": describe(), "images_per_second": rates}


def table(result: dict[str, Any]) -> Iterator[str]:
    """The result of `bench_train` or `bench_sample` as lines of text."""
    yield ", ".join(result["machine"][key] for key in ("device", "machine")) + f", torch {torch.__version__}"
    if "flop_per_image" in result:
        peaks = ", ".join(f"{k} {max(v) / 1e12:.2f} TFLOP/s" for k, v in result["matrix_rate"].items())
        yield f"{result['flop_per_image'] / 1e9:.2f} GFLOP an image and step; matrix products reach {peaks}"
    title = f"\n{'images a second':<18}{'':<26}{'best':>9}{'median':>9}{'x example':>11}"
    yield title + f"{'of matrix rate':>16}" * ("flop_per_image" in result)
    for row, ways in result["images_per_second"].items():
        for way, rates in ways.items():
            yield f"{row:<18}{way:<26}" + _cells(result, way, rates, next(iter(ways.values())))
            row = ""
    yield from _recipe_lines(result.get("recipes", {}), result.get("settings", {}).get("faces", 0))
    yield from _sweep_lines(result.get("sweeps", {}))
    for title, peaks in result.get("memory", {}).items():
        listed = ", ".join(f"{name} {value / 1e6:,.0f} MB" for name, value in peaks.items())
        yield f"peak memory with {title}: {listed}"


def _cells(result: dict[str, Any], way: str, rates: list[float], example: list[float]) -> str:
    best, share = max(rates), ""
    if "flop_per_image" in result:
        peak = max(result["matrix_rate"][way.split(", ")[1]])
        share = f"{best * result['flop_per_image'] / peak:.0%}"
    return f"{best:>9,.1f}{statistics.median(rates):>9,.1f}{best / max(example):>11.2f}{share:>16}"


def _recipe_lines(recipes: dict[str, float], faces: int) -> Iterator[str]:
    if not recipes:
        return
    sizes = dict.fromkeys((faces, 32_600, 202_599))
    yield f"\n{'recipe':<20}{'images a second':>16}" + "".join(f"{f'{n:,} faces':>16}" for n in sizes)
    for name, rate in recipes.items():
        times = (_duration(RECIPES[name].epochs * n / rate) for n in sizes)
        yield f"{name:<20}{rate:>16,.1f}" + "".join(f"{text:>16}" for text in times)


def _sweep_lines(sweeps: dict[str, tuple[float, float]]) -> Iterator[str]:
    if sweeps:
        yield f"\n{'otherwise as above':<24}{'images a second':>16}{'ms an image':>14}{'of matrix rate':>16}"
    for name, (rate, share) in sweeps.items():
        yield f"{name:<24}{rate:>16,.1f}{1000 / rate:>14.2f}{share:>16.0%}"


def _duration(seconds: float) -> str:
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


# ---- what is measured ----------------------------------------------------------------------------


def _compare(config: TrainConfig, place: torch.device, path: Path, ask, rounds: int):
    """Rates of the example and of facegan, on a batch at hand and from files, and the matrix rates."""
    own = next(name for name, dtype in PRECISIONS.items() if dtype == pick_precision("auto", place))
    precisions = list(dict.fromkeys(("fp32", own)))
    ways = {EXAMPLE: None} | {f"facegan, {p}": replace(config, precision=p) for p in precisions}
    rates: Rates = {}
    matrix: dict[str, list[float]] = {p: [] for p in precisions}
    for _ in _rounds(rounds):
        for row, source in (("a batch at hand", None), ("from files", path)):
            for way, own_config in ways.items():
                kind = "facegan" if own_config else "example"
                rate = ask(kind, own_config or config, source)
                rates.setdefault(row, {}).setdefault(way, []).append(rate)
        for name in precisions:
            matrix[name].append(matrix_rate(place, PRECISIONS[name]))
    return rates, matrix


def _recipes(ask) -> dict[str, float]:
    """Each recipe's images a second."""
    same = {}
    for config in RECIPES.values():
        same.setdefault(_work(config), config)
    rates = {work: max(ask("facegan", config, None) for _ in range(2)) for work, config in _shown(same)}
    return {name: rates[_work(config)] for name, config in RECIPES.items()}


def _work(config: TrainConfig) -> TrainConfig:
    """The config without what changes nothing in the cost of a step."""
    return replace(config, epochs=1, snapshot_every=1, tensorboard=False, flip=False)


def _sweeps(config: TrainConfig, place: torch.device, path: Path, ask) -> dict[str, tuple[float, float]]:
    """Images a second and share of the matrix rate, changing one thing at a time."""
    gpu = place.type == "cuda"
    values = {
        "batch_size": (16, 32, 64, 128, 256) + (512, 1024, 2048) * gpu,
        "width": (16, 32, 64, 128) + (256,) * gpu,
        "image_size": (32, 64, 128),
    }
    variants = {
        f"{name.replace('_', ' ')} {v}": replace(config, **{name: v}) for name in values for v in values[name]
    }
    if gpu:
        variants["width 128, batch 1024"] = replace(config, width=128, batch_size=1024)
    files = {f"{n:,} faces": _repeated(path, n) for n in DATA_SIZES}
    requests = {name: (variant, None) for name, variant in variants.items()}
    requests |= {name: (config, file) for name, file in files.items()}
    rates: dict[str, list[float]] = {name: [] for name in requests}
    peaks = []
    for _ in _rounds(3):
        for name, (variant, source) in requests.items():
            with suppress(TrainingError):  # too large for this device, most likely
                rates[name].append(ask("facegan", variant, source))
            peaks.append(matrix_rate(place, pick_precision("auto", place)))
    share = {name: flop_per_image(variant) / max(peaks) for name, (variant, _) in requests.items()}
    return {name: (max(r), max(r) * share[name]) for name, r in rates.items() if r}


def _repeated(path: Path, count: int) -> Path:
    """A .npy of `count` faces beside `path`, by repeating what is in it."""
    target = path.with_name(f"repeated-{count}.npy")
    if not target.exists():
        images = load_faces(path).images
        array = np.lib.format.open_memmap(target, "w+", np.uint8, (count, *images.shape[1:]))
        for start in range(0, count, len(images)):
            array[start : start + len(images)] = images[: count - start]
        array.flush()
    return target


def _rounds(count: int):
    from tqdm.auto import trange

    return trange(count, desc="rounds", unit="round")


def _shown(items: dict) -> Iterator[tuple]:
    from tqdm.auto import tqdm

    return tqdm(list(items.items()), desc="variants", unit="variant")


# ---- processes that measure ----------------------------------------------------------------------


@contextmanager
def _workers(device: str) -> Iterator[Callable[[str, TrainConfig, Path | None], float]]:
    """Yields ask(kind, config, source): images a second of that kind, measured in its own process."""
    context, running = multiprocessing.get_context("spawn"), {}

    def ask(kind: str, config: TrainConfig, source: Path | None) -> float:
        if kind not in running:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, kind, device))
            process.start()
            theirs.close()
            running[kind] = process, ours
        _, pipe = running[kind]
        pipe.send((config.to_dict(), source, _SECONDS))
        return _answer(pipe)

    try:
        yield ask
    finally:
        for process, pipe in running.values():
            with suppress(ConnectionError):
                pipe.send(None)
            process.join(30)


def _answer(pipe) -> Any:
    try:
        answer = pipe.recv()
    except EOFError:
        raise TrainingError(
            "the process that measured was ended; perhaps there is too little memory."
        ) from None
    if isinstance(answer, str):
        raise TrainingError(f"what was measured failed: {answer}")
    return answer


def _serve(pipe, kind: str, device: str) -> None:
    """Answer each request with a rate, or with words about what went wrong."""
    build = _Ours if kind == "facegan" else _Theirs
    place, known = torch.device(device), {}
    with tuned():
        while (request := pipe.recv()) is not None:
            config, source, seconds = TrainConfig.from_dict(request[0]), *request[1:]
            try:
                if (config, source) not in known:
                    if len(known) == _KEPT:
                        known.clear()
                    known[config, source] = build(config, place, source)
                pipe.send(known[config, source].rate(seconds))
            except Exception as error:  # the other side raises it
                known.clear()
                pipe.send(f"{type(error).__name__}: {first_line(error)}")


class _Ours:
    """facegan's step, on one batch that is on the device already or on batches of `source`."""

    def __init__(self, config: TrainConfig, place: torch.device, source: Path | None) -> None:
        self.batch_size = config.batch_size
        gan = GAN(config, device=place)
        step, stream = stepper(gan), _batches(gan, source)
        self._rate = _Rate(lambda: step(next(stream)), place, round_of=config.r1_every)

    def rate(self, seconds: float) -> float:
        return self.batch_size * self._rate(seconds)


class _Theirs:
    """The example's step, on one batch that is on the device already or from its loader."""

    def __init__(self, config: TrainConfig, place: torch.device, source: Path | None) -> None:
        self.batch_size = config.batch_size
        example = Example(width=config.width, device=place, log=io.StringIO())
        shape = (config.batch_size, 3, config.image_size, config.image_size)
        self._loader = source and image_folder(
            str(source.parent / "faces"), size=config.image_size, batch_size=config.batch_size
        )
        self._stream: Iterator[Tensor] = repeat(torch.rand(shape, device=place) * 2 - 1)
        self._rate = _Rate(lambda: example.step(next(self._stream)), place)

    def rate(self, seconds: float) -> float:
        """Its worker processes start before the measurement, as they do once an epoch."""
        if self._loader:
            self._stream = (images for images, _ in chain.from_iterable(repeat(self._loader)))
            next(self._stream)
        return self.batch_size * self._rate(seconds)


def _batches(gan: GAN, source: Path | None) -> Iterator[Tensor]:
    config = gan.config
    if source is None:
        shape = (config.batch_size, 3, config.image_size, config.image_size)
        return repeat((torch.rand(shape) * 2 - 1).to(gan.device))
    faces = load_faces(source, config.image_size)
    batches = faces.batches(config.batch_size, generator=gan.rng, device=gan.device, flip=config.flip)
    return chain.from_iterable(repeat(batches))


class _Rate:
    """Call it for the calls a second of `work`, measured for some seconds; warmed up when it is made.

    Of work that differs from call to call, whole rounds of so many calls are measured.
    """

    def __init__(self, work: Callable[[], Any], device: torch.device, *, round_of: int = 1) -> None:
        self._work, self._device, self._count, self._round = work, device, 1, round_of
        for _ in range(5 if device.type == "cuda" else 1):
            work()

    def __call__(self, seconds: float) -> float:
        while (elapsed := self._time()) < seconds:
            self._count = max(self._count + 1, int(1.2 * self._count * seconds / elapsed))
        return self._count * self._round / elapsed

    def _time(self) -> float:
        self._wait()
        start = time.perf_counter()
        for _ in range(self._count * self._round):
            self._work()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()


def _memory_with(path: Path, count: int, device: str) -> dict[str, int]:
    """Peaks in bytes of a fresh process that trains a few steps on `count` faces and visits them all."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure_memory, args=(theirs, _repeated(path, count), device))
    process.start()
    theirs.close()
    peaks = _answer(ours)
    process.join()
    return peaks


def _measure_memory(pipe, file: Path, device: str) -> None:
    gan = GAN(RECIPES["tutorial"], device=device)
    step, stream = stepper(gan), _batches(gan, file)
    for _ in range(WARM_UP + 2):  # a graph, where there is one, included
        step(next(stream)).tolist()
    peaks = {}
    if gan.device.type == "cuda":
        peaks["device"] = torch.cuda.max_memory_allocated(gan.device)
    status = Path("/proc/self/status")
    if status.exists():
        peaks["process's own"] = _kilobytes(status, "RssAnon")
        for chunk in np.array_split(load_faces(file).images, 100):
            chunk.max()
        peaks["with all of the mapped file read"] = _kilobytes(status, "VmHWM")
    pipe.send(peaks)


def _kilobytes(status: Path, name: str) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
