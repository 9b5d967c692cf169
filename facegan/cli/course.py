"""`facegan grade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def grade(
    folder: Annotated[Path, typer.Argument(help="the submissions: notebooks, at any depth")],
    out: Annotated[Path, typer.Option(help="the table, a .csv")] = Path("grades.csv"),
    limit: Annotated[float, typer.Option(help="seconds for one notebook")] = 900,
    cell_limit: Annotated[float, typer.Option(help="seconds for one cell")] = 90,
) -> None:
    """Run submitted notebooks and collect their exercises' results. Runs the students' code: see README."""
    from facegan.course import grading

    out.parent.mkdir(parents=True, exist_ok=True)
    grades = grading.grade(folder, limit=limit, cell_limit=cell_limit)
    grading.write_csv(grades, out)
    for one in grades:
        print(f"{one.student:<30} {one.points(list(one.results)):>3} right  {one.trouble[:60]}")
    print(out)
