"""Measures training and sampling, compared with PyTorch's DCGAN example and the matmul limit.

The example and facegan are measured alternately, each in its own process (`facegan.bench.worker`). Rates are in images
per second. Noise only reduces rates, so ratios compare the best of several rounds; medians are also shown. The limit is
the rate of large matrix products in the same precision, measured in the same rounds. `scripts/bench_sweep.py` measures
how rates depend on batch size, width, and image size.
"""

from __future__ import annotations

import io
import statistics
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm, trange

from facegan.bench.data import temporary_archive
from facegan.bench.dcgan_example import Example
from facegan.bench.table import aligned
from facegan.bench.worker import Ask, Rate, training_step, workers
from facegan.config import RECIPES, TrainConfig
from facegan.data.load import load_faces
from facegan.latent import draw_latents
from facegan.models.protocol import generate
from facegan.runtime.device import PRECISIONS, describe, pick_device, pick_precision
from facegan.training.gan import GAN

EXAMPLE = "PyTorch's example, fp32"
BATCHES = {"batch in memory": False, "from files": True}  # row -> whether batches are read from files
AT_ONCE = (1, 16, 64, 256)  # images per call of a generator

Rates = dict[str, dict[str, list[float]]]  # row -> method -> one rate per round


def bench_train(
    archive: Path | None = None,
    *,
    width: int = 64,
    batch_size: int = 128,
    rounds: int = 3,
    device: str = "auto",
) -> dict[str, Any]:
    """Measure training at 64 px.

    Args:
        archive: a .zip of faces; drawn faces if None.
        width: feature maps in the highest-resolution hidden layer.
        batch_size: images per step.
        rounds: number of measurements of each method.
        device: "auto", "cpu", "cuda", "cuda:1", or "mps".

    Returns:
        `machine`, `settings`, `flop_per_image`, `matrix_rate` (operations per second by precision),
        `images_per_second` (row -> method -> one rate per round), and `recipes` (images per second by recipe).

    Raises:
        DataError: there is no such zip, or it has too few faces.
        ConfigError: a setting is out of range.
    """
    config = replace(RECIPES["tutorial"], width=width, batch_size=batch_size)
    place = pick_device(device)
    with unpacked(archive, config.image_size) as (path, count), workers(str(place)) as ask:
        rates, peaks = _compare(config, place, path, ask, rounds)
        return {
            "machine": describe(),
            "settings": {"faces": count, "rounds": rounds, **config.to_dict()},
            "flop_per_image": flop_per_image(config),
            "matrix_rate": peaks,
            "images_per_second": rates,
            "recipes": _recipes(ask),
        }


@contextmanager
def unpacked(archive: Path | None, size: int) -> Iterator[tuple[Path, int]]:
    """A context with a zip of faces, and with its files unpacked for the example's loader.

    It yields the path of the zip, and the number of faces.
    """
    with temporary_archive(archive, size) as path:
        count = len(load_faces(path, size))  # raises for an unsafe zip before it is unpacked
        with zipfile.ZipFile(path) as file:
            file.extractall(path.with_name("faces") / "all")
        yield path, count


def bench_sample(*, width: int = 64, rounds: int = 5, device: str = "auto") -> dict[str, Any]:
    """Measure how many images per second a 64 px generator generates, for several batch sizes.

    facegan's averaged generator is compared with the example's generator, as called in the example's loop.

    Args:
        width: feature maps in the highest-resolution hidden layer.
        rounds: number of measurements of each method.
        device: as for `bench_train`.

    Returns:
        `machine` and `images_per_second` (row -> method -> one rate per round).
    """
    place = pick_device(device)
    gan = GAN(replace(RECIPES["tutorial"], width=width), device=place)
    example = Example(width=width, device=place, log=io.StringIO())
    rates: Rates = {}
    for _ in trange(rounds, desc="rounds", unit="round"):
        for count in AT_ONCE:
            z = draw_latents(count, gan.config.latent_dim, seed=0)
            ways = {
                "PyTorch's example": lambda z=z: example.netG(z[:, :, None, None].to(place)),
                "facegan": lambda z=z: generate(gan.ema, z),
            }
            for way, draw in ways.items():
                _note(rates, f"{count} at once", way, count * Rate(draw, place)(0.5))
    return {"machine": describe(), "images_per_second": rates}


def flop_per_image(config: TrainConfig) -> float:
    """The floating-point operations of a training step per real image, without elementwise operations.

    torch counts them during a step; a multiply-add counts as two operations.
    """
    from torch.utils.flop_counter import FlopCounterMode

    step = training_step(GAN(replace(config, batch_size=2, precision="fp32"), device="cpu"), None)
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops() / 2


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """The operations per second of square matrix products, an upper bound for any step."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # as for convolutions
    try:
        return 2 * side**3 * Rate(lambda: a @ b, device)(0.5)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _compare(config: TrainConfig, place: torch.device, path: Path, ask: Ask, rounds: int):
    """Rates of the example and of facegan by row and method, and matrix rates by precision."""
    own = next(name for name, dtype in PRECISIONS.items() if dtype == pick_precision("auto", place))
    precisions = list(dict.fromkeys(("fp32", own)))
    ways = {EXAMPLE: ("example", config)}
    ways |= {f"facegan, {p}": ("facegan", config.replace(precision=p)) for p in precisions}
    rates: Rates = {}
    peaks: dict[str, list[float]] = {p: [] for p in precisions}
    for _ in trange(rounds, desc="rounds", unit="round"):
        for row, from_files in BATCHES.items():
            for way, (kind, settings) in ways.items():
                _note(rates, row, way, ask(kind, settings, path if from_files else None))
        for name in precisions:
            peaks[name].append(matrix_rate(place, PRECISIONS[name]))
    return rates, peaks


def _note(rates: Rates, row: str, way: str, rate: float) -> None:
    rates.setdefault(row, {}).setdefault(way, []).append(rate)


def _recipes(ask: Ask) -> dict[str, float]:
    """The images per second of each recipe; recipes that do the same work are measured only once."""
    work = {
        name: replace(config, epochs=1, snapshot_every=1, tensorboard=False, flip=False)
        for name, config in RECIPES.items()
    }
    different = tqdm(dict.fromkeys(work.values()), desc="recipes", unit="recipe")
    rates = {config: max(ask("facegan", config, None) for _ in range(2)) for config in different}
    return {name: rates[config] for name, config in work.items()}


# ---- the result as text --------------------------------------------------------------------------


def table(result: dict[str, Any]) -> list[str]:
    """Format the result of `bench_train` or `bench_sample` as lines of text."""
    lines = [f"{result['machine']['device']}, {result['machine']['machine']}, torch {torch.__version__}"]
    flop, peaks = result.get("flop_per_image"), result.get("matrix_rate", {})
    if flop:
        reached = ", ".join(f"{name} {max(rates) / 1e12:.2f} TFLOP/s" for name, rates in peaks.items())
        lines.append(f"{flop / 1e9:.2f} GFLOP per image and step; matrix products reach {reached}")
    rows = [["images per second", "", "best", "median", "x example", *["of peak matmul"] * bool(flop)]]
    for row, ways in result["images_per_second"].items():
        example = max(next(iter(ways.values())))
        for way, rates in ways.items():
            best = max(rates)
            share = [f"{best * flop / max(peaks[way.split(', ')[1]]):.0%}"] if flop else []
            cells = [f"{best:,.1f}", f"{statistics.median(rates):,.1f}", f"{best / example:.2f}", *share]
            rows.append([row, way, *cells])
            row = ""
    lines += ["", *aligned(rows, left=2)]
    return lines + (_recipe_lines(result["recipes"], result["settings"]["faces"]) if flop else [])


def _recipe_lines(recipes: dict[str, float], faces: int) -> list[str]:
    """The time of each recipe for this number of faces, for the course's subset of CelebA, and for all of CelebA."""
    sizes = dict.fromkeys((faces, 32_600, 202_599))
    rows = [["recipe", "images per second", *(f"{n:,} faces" for n in sizes)]]
    for name, rate in recipes.items():
        times = (_duration(RECIPES[name].epochs * n / rate) for n in sizes)
        rows.append([name, f"{rate:,.1f}", *times])
    return ["", *aligned(rows)]


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
