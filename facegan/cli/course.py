"""`facegan course` and `facegan grade`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from facegan.errors import ConfigError


def course(
    folder: Annotated[str, typer.Argument(help="where to put them; created if it does not exist")],
) -> None:
    """Copy the course's notebooks into a folder; files that are there are never overwritten."""
    from facegan.course.copies import copy_notebooks

    if not folder:
        raise ConfigError("the folder's name is empty. Name a folder, such as lessons.")
    done = copy_notebooks(Path(folder))
    for path in done.new:
        print(f"copied {path}")
    for path in done.same:
        print(f"{path} is there already")
    for path in done.kept:
        print(f"kept {path}, which is not as in the course")
    if done.kept:
        print("To get the course's version of those as well, rename yours, or name another folder.")
    where = f'"{folder}"' if " " in folder else folder
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

    if missing := [name for name in ("nbclient", "nbformat", "ipykernel") if find_spec(name) is None]:
        raise ConfigError(f"grading needs {' and '.join(missing)}: pip install 'facegan[grade]'.")
    out.parent.mkdir(parents=True, exist_ok=True)
    grades = grading.grade(folder, limit=limit, cell_limit=cell_limit)
    grading.write_csv(grades, out)
    for one in grades:
        print(f"{one.student:<30} {one.points(list(one.results)):>3} right  {one.trouble[:60]}")
    print(out)
