"""The commands `facegan bench data`, `train`, and `sample`."""

from __future__ import annotations

from collections.abc import Iterable
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from facegan.cli.options import Device, Json, Size

app = typer.Typer(help="Measure this machine.", no_args_is_help=True)
Archive = Annotated[Path | None, typer.Argument(help="a .zip of faces; default: drawn faces")]
Rounds = Annotated[int, typer.Option(min=1, help="number of measurements of each method")]
Width = Annotated[int, typer.Option(help="feature maps in the highest-resolution hidden layer")]


@app.callback()
def bench() -> None:
    """Compare the speed of facegan with alternatives on this machine."""


@app.command()
def data(archive: Archive = None, size: Size = 64, rounds: Rounds = 3, json: Json = None) -> None:
    """Measure loading, from an archive to batches, and compare with unzip, ImageFolder, and a DataLoader."""
    from facegan.bench.data import bench_data, table

    result = bench_data(archive, size=size, rounds=rounds)
    _report(result, table(result), json)


@app.command()
def train(
    archive: Archive = None,
    width: Width = 64,
    batch_size: Annotated[int, typer.Option(help="faces per step")] = 128,
    rounds: Rounds = 3,
    device: Device = "auto",
    json: Json = None,
) -> None:
    """Compare training with PyTorch's DCGAN example and the machine's limit; estimate the time of each recipe."""
    from facegan.bench.training import bench_train, table

    result = bench_train(archive, width=width, batch_size=batch_size, rounds=rounds, device=device)
    _report(result, table(result), json)


@app.command()
def sample(width: Width = 64, rounds: Rounds = 5, device: Device = "auto", json: Json = None) -> None:
    """Measure sampling for several batch sizes, and compare with the generator of PyTorch's DCGAN example."""
    from facegan.bench.training import bench_sample, table

    result = bench_sample(width=width, rounds=rounds, device=device)
    _report(result, table(result), json)


def _report(result: dict[str, Any], lines: Iterable[str], json: Path | None) -> None:
    print(*lines, sep="\n")
    if json:
        json.write_text(dumps(result, indent=2))
