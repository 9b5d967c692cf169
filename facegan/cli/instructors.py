"""`facegan solutions`: what an instructor makes from the course."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def solutions(
    out: Annotated[Path, typer.Option(help="where to write them; created if it does not exist")] = Path(
        "solutions"
    ),
) -> None:
    """Write completed notebooks and model answers to the written questions; no file is overwritten."""
    from facegan.course import solved

    written = solved.write(out)
    for path in written:
        print(f"wrote {path}")
    kept = [path for path in solved.files(out) if path not in written]
    for path in kept:
        print(f"kept {path}, which is there already")
    if kept:
        print("To write those again, rename yours, or name another folder.")
