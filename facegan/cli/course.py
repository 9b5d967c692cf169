"""The commands `facegan course` and `facegan submit`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from facegan.errors import ConfigError


def course(
    folder: Annotated[str, typer.Argument(help="target folder; created if it does not exist")],
    for_class: Annotated[
        bool, typer.Option("--for-class", help="without outputs, and with solutions disabled")
    ] = False,
) -> None:
    """Copy the course's notebooks into a folder; existing files are never overwritten."""
    from facegan.course.copies import copy_notebooks

    if not folder:
        raise ConfigError("the folder's name is empty. Enter a folder, such as lessons.")
    done = copy_notebooks(Path(folder), for_class=for_class)
    for path in done.new:
        print(f"copied {path}")
    for path in done.same:
        print(f"{path} already exists")
    for path in done.kept:
        print(f"kept {path}, which differs from the course's version")
    if done.kept:
        print("To get the course's version, rename your file, or choose another folder.")
    where = f'"{folder}"' if " " in folder else folder
    install = "" if find_spec("jupyterlab") else "pip install 'facegan[lab]', then "
    print(f"To open them: {install}jupyter lab {where}")


def submit(
    folder: Annotated[Path, typer.Argument(help="the folder with your notebooks")] = Path(),
    student: Annotated[str | None, typer.Option(help="your id; default: the id set with fg.student")] = None,
    runs: Annotated[
        Path | None, typer.Option(help="the folder of your runs; default: runs, next to the notebooks")
    ] = None,
) -> None:
    """Create the zip to submit: notebooks, written answers, and evidence of your training."""
    from facegan.course.submission import submit as make

    make(folder, runs=runs or folder / "runs", student=student)
