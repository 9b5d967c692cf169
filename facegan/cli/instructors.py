"""The command `facegan solutions`, for instructors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def solutions(
    out: Annotated[Path, typer.Option(help="target folder; created if it does not exist")] = Path(
        "solutions"
    ),
) -> None:
    """Write completed notebooks and model answers to written questions; existing files are not overwritten."""
    from facegan.course import solved

    written = solved.write(out)
    for path in written:
        print(f"wrote {path}")
    kept = [path for path in solved.files(out) if path not in written]
    for path in kept:
        print(f"kept {path}, which already exists")
    if kept:
        print("To write these files again, rename yours, or choose another folder.")
