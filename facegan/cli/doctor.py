"""The command `facegan doctor`, which finds failures of a run."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from facegan.cli.options import Align, Crop
from facegan.errors import FaceganError


def doctor(
    run: Annotated[str, typer.Argument(help="a run folder or a bundled run's name", metavar="RUN")],
    data: Annotated[
        str | None,
        typer.Option(help="real faces with which to compare the fakes, as in train; default: drawn faces"),
    ] = None,
    crop: Crop = None,
    align: Align = "center",
) -> None:
    """Find what is wrong with a run: verdicts, their evidence, and what to change.

    Exit code 0: healthy or not sure; 1: something is wrong; 2: no diagnosis, for example because the run is too short.
    """
    from facegan.data.load import load_faces
    from facegan.doctor import diagnose
    from facegan.runs.run import Run

    try:
        opened = Run.open(run)
        faces = load_faces(data, opened.config.image_size, crop=crop, align=align) if data else None
        diagnosis = diagnose(opened, faces=faces)
    except FaceganError as error:
        print(f"facegan: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(diagnosis)
    if diagnosis.answer == "ill":
        raise typer.Exit(1)
