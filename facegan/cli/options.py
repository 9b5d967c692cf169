"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Source = Annotated[
    str, typer.Argument(help="a run folder, a .safetensors file, 'faces' or 'synthetic'", metavar="GENERATOR")
]
Step = Annotated[int | None, typer.Option(help="of a run, one of its snapshots; default: the last step")]
Seed = Annotated[int | None, typer.Option(help="same seed, same faces")]
Truncation = Annotated[
    float | None,
    typer.Option(
        help="cut latents off at this many standard deviations: nearer the average face, not better"
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(help="celeba-108, celeba-128 or celeba-178: how to cut aligned CelebA images; or center"),
]
Align = Annotated[
    Literal["center", "face"],
    typer.Option(
        help="keep the center of photographs, or find the face (for photographs that are not face crops)"
    ),
]
Size = Annotated[int, typer.Option(help="side of the images in pixels")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")]
Json = Annotated[Path | None, typer.Option(help="also write everything measured to this file")]


def given(**options: Any) -> dict[str, Any]:
    """The options that the user gave, so that the library's own defaults hold for the others."""
    return {name: value for name, value in options.items() if value is not None}
