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
from facegan.course.catalog import find
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
    if name in kept.given:
        print(f"{name}: yours.")
        return kept.given[name]
    if kept.folder is None or name not in kept.names():
        print(f"{name}: the library's. Solve the exercise in notebook {found.notebook} to use yours.")
        return found.solution
    problem = _load(kept.folder / f"{name}.py", name)
    if problem is None:
        print(f"{name}: yours, from notebook {found.notebook}.")
        return kept.given[name]
    print(
        f"{name}: the library's, because yours no longer works alone ({problem}). Put everything that it needs "
        f"into its cell in notebook {found.notebook}, and run that cell again."
    )
    return found.solution


def authors(*names: str) -> None:
    """Print which of these exercises' functions are the student's and which the library's."""
    yours = [name for name in names if find(name).name in kept.given]
    ours = [name for name in names if name not in yours]
    parts = [f"Yours: {', '.join(yours)}."] if yours else []
    parts += [f"The library's, because yours is empty or not right yet: {', '.join(ours)}."] if ours else []
    print(" ".join(parts))


def _load(path: Path, name: str) -> str | None:
    """Run a kept cell, which checks its answer; returns what is wrong, or None."""
    namespace: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "fg": sys.modules["facegan"]}
    with exercise.silent():
        try:
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
        except Exception as error:
            return f"{type(error).__name__}: {first_line(error)}"
        return None if name in kept.given else exercise.feedback(name)
