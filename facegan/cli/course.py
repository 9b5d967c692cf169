"""`facegan course` and `facegan grade`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer


def course(
    folder: Annotated[Path, typer.Argument(help="where to put them; created if it does not exist")],
) -> None:
    """Copy the course's notebooks into a folder; files that are there are never overwritten."""
    from facegan.course.copies import copy_notebooks

    done = copy_notebooks(folder)
    for path in done.new:
        print(f"copied {path}")
    for path in done.same:
        print(f"{path} is there already")
    for path in done.kept:
        print(f"kept {path}, which is not as in the course")
    if done.kept:
        print("To get the course's version of those as well, rename yours, or name another folder.")
    where = f'"{folder}"' if " " in str(folder) else folder
    install = "" if find_spec("jupyterlab") else "pip install 'facegan[lab]', then "
    print(f"To open them: {install}jupyter lab {where}")


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
