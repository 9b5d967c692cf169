"""Provides the student's own answers in the same notebook and in later ones.

Loading a kept answer (`facegan.course.kept`) runs and checks its cell again. In Colab, each notebook runs on its own
machine, so answers are kept only on Drive.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path

from facegan.course import exercise, individual, kept
from facegan.course.catalog import exercises, find
from facegan.errors import first_line
from facegan.files import write_atomic
from facegan.training.fresh import set_aside


def answer(name: str) -> Callable:
    """Return the student's correct answer to an exercise, or the reference solution, and print which one it is.

    The answer is from this notebook, or from an earlier one that kept it in the folder of runs.

    Args:
        name: the name of the exercise.

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
    """Print which of these exercises' functions are the student's and which are the library's."""
    yours = [name for name in names if find(name).name in kept.given]
    ours = [name for name in names if name not in yours]
    parts = [f"Yours: {', '.join(yours)}."] if yours else []
    parts += [f"The library's, because yours is empty or not right yet: {', '.join(ours)}."] if ours else []
    print(" ".join(parts))


def run_folder(path: str | Path, *names: str, **others: str) -> Path:
    """Return a run folder for networks from these answers. A run with other answers is moved aside, with a message.

    Args:
        path: the folder, such as `RUNS / "first"`.
        names: names of the exercises that define the networks.
        others: other values by name, such as its faces. If one of them changes, the run cannot continue.

    Raises:
        CheckpointError: the folder cannot be moved.
    """
    path = Path(path)
    now = {name: _fingerprint(name) for name in names} | others
    if others.get("faces") == "synthetic" and (student := individual.current()):
        now["student"] = student.casefold()
    if kept.folder is None:
        return path
    record = kept.folder / f"{path.name}.json"
    before = json.loads(record.read_text()) if record.exists() else now
    if before != now and (moved := set_aside(path)):
        changed = ", ".join(name for name in now if before.get(name) != now[name])
        print(f"the run in {path} had another {changed}; it is now in {moved}, and a new run begins.")
    kept.folder.mkdir(parents=True, exist_ok=True)
    write_atomic(record, json.dumps(now).encode())
    return path


def _fingerprint(name: str) -> str:
    """Identify the answer in use, ignoring comments and spaces; "library" if it is not the student's."""
    if name not in kept.given:
        return "library"
    if kept.folder is None or name not in kept.names():
        return "yours"
    text = (kept.folder / f"{name}.py").read_text(encoding="utf-8")
    with suppress(SyntaxError):
        text = ast.dump(ast.parse(text))
    return hashlib.sha256(text.encode()).hexdigest()


def _load(folder: Path, name: str) -> str | None:
    """Run and check the kept cells of an exercise's notebook; return the problem with this exercise's cell, or None.

    Cells may use each other's functions. If one is missing, they use the reference solution.
    """
    others = [other for other in exercises().values() if other.notebook == find(name).notebook]
    namespace = exercise.provided() | {"fg": sys.modules["facegan"]}
    problem = None
    with exercise.silent() as feedback, redirect_stdout(StringIO()):
        for other in others:
            path = folder / f"{other.name}.py"
            try:
                if path.exists():
                    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
            except Exception as error:
                if other.name == name:
                    problem = f"{type(error).__name__}: {first_line(error)}"
    return None if name in kept.given else problem or feedback.get(name, "")
