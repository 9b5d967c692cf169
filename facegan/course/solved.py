"""Writes completed notebooks and model answers for instructors.

`facegan solutions --out DIR` creates them. The course's own notebooks contain no solutions.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from facegan.course.catalog import find
from facegan.course.copies import notebooks
from facegan.course.model_answers import MODEL_ANSWERS
from facegan.course.questions import questions
from facegan.errors import ConfigError
from facegan.files import write_atomic

if TYPE_CHECKING:
    from nbformat import NotebookNode

WRITTEN = "written.md"
_IMPORTS = {
    "F": "import torch.nn.functional as F",
    "nn": "from torch import nn",
    "np": "import numpy as np",
    "torch": "import torch",
}  # imports used in solutions
_EXERCISE = re.compile(r'^@(?:fg\.)?exercise\("(\w+)"\)', re.M)
_LATER = re.compile(r"\.apply\(init_weights\).*")  # a later exercise, which the notebooks apply themselves


def filled(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without outputs, in which the body of each exercise's function is the reference solution's.

    Decorator, name, parameters, and docstring are kept. An import is added at the top of a cell if no earlier cell has
    it. A cell is not changed if it is not valid Python or has no function below the decorator.
    """
    done = copy.deepcopy(notebook)
    imported: set[str] = set()
    for cell in done.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if _EXERCISE.search(cell.source):
            cell.source = _solved(cell.source, imported)
        imported |= _imported(cell.source)
    return done


def write(folder: Path) -> list[Path]:
    """Write all completed notebooks and the model answers into a folder.

    Args:
        folder: target folder; it is created if it does not exist.

    Returns:
        The files that were written. Existing files are not changed and not included.

    Raises:
        ConfigError: `folder` is a file, or nbformat is not installed.
        DataError: this installation has no notebooks.
        OSError: a file cannot be written.
    """
    try:
        import nbformat
    except ImportError:
        raise ConfigError(
            "completed notebooks need nbformat. Install it: pip install 'facegan[grade]'."
        ) from None
    folder = folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file, expected a folder for the solutions. Use another path.")
    sources = notebooks()
    folder.mkdir(parents=True, exist_ok=True)
    missing = [path for path in files(folder) if not path.exists() and not path.is_symlink()]
    for source in sources:
        if (path := folder / source.name) in missing:
            text = nbformat.writes(filled(nbformat.read(source, as_version=4)))
            write_atomic(path, text.encode())
    if folder / WRITTEN in missing:
        write_atomic(folder / WRITTEN, written_answers().encode())
    return missing


def files(folder: Path) -> list[Path]:
    """Return the files that `write` creates in a folder."""
    return [folder.expanduser() / name for name in (*(path.name for path in notebooks()), WRITTEN)]


def written_answers() -> str:
    """Return every written question with a model answer, its rubric, and its fact, as Markdown."""
    return "\n".join(["# Written questions: model answers and rubrics", *_sections()])


def _sections() -> Iterator[str]:
    for name, found in questions().items():
        yield f"\n## Notebook {found.notebook}: {name}, {found.points} points\n\n{found.text}\n"
        yield f"**Model answer.** {MODEL_ANSWERS[name]}\n\n| points | a good answer |\n| ---: | --- |"
        yield from (f"| {points} | {what.replace('|', chr(92) + '|')} |" for points, what in found.rubric)
        if found.fact:
            yield f"\nChecked in the notebook: `{found.fact.name}`, {found.fact.what}."


def _solved(source: str, imported: set[str]) -> str:
    """The source of an exercise's cell with the reference solution's body, and with missing imports above."""
    try:
        functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    except SyntaxError:
        return source
    lines = source.splitlines()
    for function in reversed(functions):
        for name in filter(None, map(_name_of, function.decorator_list)):
            start, end = _span(function)
            lines[start:end] = _body(find(name).solution)
    used = {node.id for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.Name)}
    needed = [_IMPORTS[name] for name in sorted(used & _IMPORTS.keys() - imported - _imported(source))]
    return "\n".join([*needed, "", "", *lines] if needed else lines)


def _name_of(decorator: ast.expr) -> str | None:
    """The exercise's name if this is its decorator, otherwise None."""
    found = _EXERCISE.match(f"@{ast.unparse(decorator)}".replace("'", '"'))
    return found[1] if found else None


def _body(function: object) -> list[str]:
    """Lines of a function below its docstring, comments included."""
    lines = inspect.getsource(function).splitlines()  # type: ignore[arg-type]
    node = ast.parse("\n".join(lines)).body[0]
    assert isinstance(node, ast.FunctionDef)
    start, end = _span(node)
    return [_LATER.sub("", line) for line in lines[start:end]]


def _span(function: ast.FunctionDef) -> tuple[int, int]:
    """The lines of a function's body without its docstring, counted from 0."""
    first, end = function.body[0], function.end_lineno or 0
    if ast.get_docstring(function) is not None:
        return first.end_lineno or 0, end
    return first.lineno - 1, end


def _imported(source: str) -> set[str]:
    """Names that a cell imports; none for a cell with a magic command."""
    try:
        nodes = ast.walk(ast.parse(source))
    except SyntaxError:
        return set()
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
