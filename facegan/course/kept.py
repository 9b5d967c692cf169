"""Where right answers are kept: in this session, and in a folder that later notebooks read.

    runs/answers/generator.py        the cell in which the student defined it

Does not cover loading them again (`facegan.course.answers`).
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable
from pathlib import Path

from facegan.files import write_atomic

folder: Path | None = None  # None: nowhere
given: dict[str, Callable] = {}  # the right answers of this session


def keep(name: str, function: Callable) -> None:
    """Record a right answer, and write the cell that defines it into the folder, if there is one."""
    given[name] = function
    source = _cell_of(function)
    if folder is None or source is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / f"{name}.py", source.encode())
    except OSError as error:
        print(f"cannot keep this answer for later notebooks: {folder} ({error.strerror}).")


def names() -> set[str]:
    """Names of the exercises whose right answers are in the folder."""
    return {path.stem for path in folder.glob("*.py")} if folder and folder.is_dir() else set()


def _cell_of(function: Callable) -> str | None:
    """The source of the notebook cell that defines a function, or of the function alone; None if unknown."""
    try:
        lines, _ = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return None
    file = inspect.getsourcefile(function) or ""
    return "".join(linecache.getlines(file)) if _is_cell(file) else "".join(lines)


def _is_cell(file: str) -> bool:
    return not Path(file).exists() and bool(linecache.getlines(file))
