"""The student's own answers, in the notebook that asks for them or in a later one.

Loading a kept answer (`facegan.course.kept`) runs its cell again and checks it again. In Colab every notebook is a
machine of its own, so answers last only on Drive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from facegan.course import exercise, kept
from facegan.course.catalog import exercises, find
from facegan.errors import first_line


def answer(name: str) -> Callable:
    """The student's right answer to an exercise, or else the reference solution; prints which.

    It may be of this notebook, or of an earlier one that kept it in the folder of runs.

    Raises:
        ConfigError: there is no such exercise.

    >>> build_generator = answer("generator")
    generator: the library's. Solve the exercise in notebook 2 to use yours.
    """
    found = find(name)
    problem = None
    if name not in kept.given and kept.folder and name in kept.names():
        problem = _load(kept.folder, name)
    if name in kept.given:
        print(f"{name}: yours, from notebook {found.notebook}.")
        return kept.given[name]
    if problem is None:
        print(f"{name}: the library's. Solve the exercise in notebook {found.notebook} to use yours.")
    else:
        print(
            f"{name}: the library's, because yours does not work here ({problem}). Define what it needs in the cells "
            f"of the exercises in notebook {found.notebook}, and run them again."
        )
    return found.solution


def authors(*names: str) -> None:
    """Print which of these exercises' functions are the student's and which the library's."""
    yours = [name for name in names if find(name).name in kept.given]
    ours = [name for name in names if name not in yours]
    parts = [f"Yours: {', '.join(yours)}."] if yours else []
    parts += [f"The library's, because yours is empty or not right yet: {', '.join(ours)}."] if ours else []
    print(" ".join(parts))


def _load(folder: Path, name: str) -> str | None:
    """Run the kept cells of an exercise's notebook, which checks them; returns what is wrong with its own, or None.

    Cells may use each other's functions; where one is missing, they find the reference solution.
    """
    notebook = find(name).notebook
    others = [other for other in exercises().values() if other.notebook == notebook]
    solutions = {other.solution.__name__: other.solution for other in others}
    namespace: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "fg": sys.modules["facegan"]} | solutions
    problem = None
    with exercise.silent():
        for other in others:
            path = folder / f"{other.name}.py"
            try:
                if path.exists():
                    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
            except Exception as error:
                if other.name == name:
                    problem = f"{type(error).__name__}: {first_line(error)}"
    if name in kept.given:
        return None
    return problem or exercise.feedback(name)
