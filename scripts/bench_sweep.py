"""Measure training by batch size, width, image size and data set: python scripts/bench_sweep.py [ARCHIVE].

One thing changes at a time from the recipe 'tutorial', at the width and batch size given. Also prints the
peak memory of a process that trains on data sets of two sizes. Takes a while; too large a setting is left
out.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import trange

from facegan.bench.table import aligned
from facegan.bench.training import flop_per_image, matrix_rate, unpacked
from facegan.bench.worker import Ask, answer, start, training_step, workers
from facegan.config import RECIPES, TrainConfig
from facegan.data.load import load_faces
from facegan.errors import TrainingError
from facegan.runtime.cuda_graph import WARM_UP
from facegan.runtime.device import pick_device, pick_precision
from facegan.training.gan import GAN

DATA_SIZES = (13_001, 202_599)  # faces: a small data set, and all of CelebA
ROUNDS = 3


def variants(config: TrainConfig, gpu: bool) -> dict[str, TrainConfig]:
    """Settings to measure by name, each with one change of `config`."""
    values = {
        "batch_size": (16, 32, 64, 128, 256) + (512, 1024, 2048) * gpu,
        "width": (16, 32, 64, 128) + (256,) * gpu,
        "image_size": (32, 64, 128),
    }
    made = {f"{n.replace('_', ' ')} {v}": replace(config, **{n: v}) for n in values for v in values[n]}
    return made | ({"width 128, batch 1024": replace(config, width=128, batch_size=1024)} if gpu else {})


def sweep(config: TrainConfig, place: torch.device, path: Path, ask: Ask) -> dict[str, tuple[float, float]]:
    """Images per second and share of the peak matmul rate, by name of what is changed."""
    requests = {name: (variant, None) for name, variant in variants(config, place.type == "cuda").items()}
    requests |= {f"{n:,} faces": (config, repeated(path, n)) for n in DATA_SIZES}
    rates: dict[str, list[float]] = {name: [] for name in requests}
    peaks = []
    for _ in trange(ROUNDS, desc="rounds", unit="round"):
        for name, (variant, source) in requests.items():
            with suppress(TrainingError):  # most likely too large for this device
                rates[name].append(ask("facegan", variant, source))
            peaks.append(matrix_rate(place, pick_precision("auto", place)))
    share = {name: flop_per_image(variant) / max(peaks) for name, (variant, _) in requests.items()}
    return {name: (max(r), max(r) * share[name]) for name, r in rates.items() if r}


def repeated(path: Path, count: int) -> Path:
    """A .npy of `count` faces beside `path`, made by repeating those in it."""
    target = path.with_name(f"repeated-{count}.npy")
    if not target.exists():
        images = load_faces(path).images
        array = np.lib.format.open_memmap(target, "w+", np.uint8, (count, *images.shape[1:]))
        for start in range(0, count, len(images)):
            array[start : start + len(images)] = images[: count - start]
        array.flush()
    return target


def memory_with(path: Path, count: int, device: str) -> dict[str, int]:
    """Peaks in bytes of a fresh process that trains a few steps on `count` faces and visits them all."""
    process, pipe = start(_measure_memory, repeated(path, count), device)
    peaks = answer(pipe)
    process.join()
    return peaks


def _measure_memory(pipe, file: Path, device: str) -> None:
    gan = GAN(RECIPES["tutorial"], device=device)
    step = training_step(gan, file)
    for _ in range(WARM_UP + 2):  # a graph, where there is one, included
        step()["loss_d"].item()
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


def table(sweeps: dict[str, tuple[float, float]]) -> list[str]:
    """The result of `sweep` as lines of text."""
    rows = [["one change", "images per second", "ms per image", "of peak matmul"]]
    for name, (rate, share) in sweeps.items():
        rows.append([name, f"{rate:,.1f}", f"{1000 / rate:.2f}", f"{share:.0%}"])
    return aligned(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", nargs="?", type=Path, help="a .zip of faces; drawn ones by default")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    given = parser.parse_args()
    config = replace(RECIPES["tutorial"], width=given.width, batch_size=given.batch_size)
    place = pick_device(given.device)
    with unpacked(given.archive, config.image_size) as (path, _), workers(str(place)) as ask:
        print(*table(sweep(config, place, path, ask)), sep="\n")
        for count in DATA_SIZES:
            peaks = memory_with(path, count, str(place))
            listed = ", ".join(f"{name} {value / 1e6:,.0f} MB" for name, value in peaks.items())
            print(f"peak memory with {count:,} faces: {listed}")


if __name__ == "__main__":
    main()
