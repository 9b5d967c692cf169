"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Source = Annotated[
    str,
    typer.Argument(help="a run folder, a .safetensors file, 'faces', or 'synthetic'", metavar="GENERATOR"),
]
Step = Annotated[int | None, typer.Option(help="the step of a snapshot of the run; default: the last")]
Seed = Annotated[int | None, typer.Option(help="random seed; the same seed gives the same faces")]
Truncation = Annotated[
    float | None,
    typer.Option(
        help="truncate latents at this many standard deviations; faces are then closer to the average, not better"
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(help="crop of aligned CelebA images, celeba-108, celeba-128, or celeba-178; or center"),
]
Align = Annotated[
    Literal["center", "face"],
    typer.Option(help="crop photographs to the center, or to the detected face (if they are not face crops)"),
]
Size = Annotated[int, typer.Option(help="side of the images in pixels")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, or mps")]
Json = Annotated[Path | None, typer.Option(help="also write all measurements to this file")]


def given(**options: Any) -> dict[str, Any]:
    """The options that the user gave; for the others, the library's defaults apply."""
    return {name: value for name, value in options.items() if value is not None}
