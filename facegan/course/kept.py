"""Keeps correct answers in this session and in a folder that later notebooks read.

    runs/answers/generator.py        the cell in which the student defined it, and the definitions that it needs

`facegan.course.answers` loads them again.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import symtable
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from facegan.files import write_atomic

folder: Path | None = None  # None if answers are not written
given: dict[str, Callable] = {}  # the correct answers of this session

_LITERALS = (int, float, str, bool, tuple, type(None))


def keep(name: str, function: Callable, *, provided: Iterable[str] = ()) -> None:
    """Record a correct answer and write the cell that defines it to the folder, if there is one.

    If the answer was read from a file, the file is not changed. If the folder cannot be written, a message says so.

    Args:
        name: name of the exercise.
        function: the student's function.
        provided: names that are available when the answer is loaded, so their definitions are not written.
    """
    given[name] = function
    source = _cell_of(function)
    if folder is None or source is None:
        return
    known = {*provided, *vars(builtins)}
    parts = [*_needed(source, getattr(function, "__globals__", {}), known), source]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / f"{name}.py", "\n\n".join(parts).encode())
    except OSError as error:
        print(f"cannot keep this answer for later notebooks: {folder} ({error.strerror}).")


def names() -> set[str]:
    """Return the names of the exercises with correct answers in the folder."""
    return {path.stem for path in folder.glob("*.py")} if folder and folder.is_dir() else set()


def _needed(source: str, defined: dict[str, Any], known: set[str]) -> Iterator[str]:
    """Sources of the definitions that a cell uses from other cells: imports, functions, classes, and plain values.

    `known` has the names that are already defined; the new ones are added to it.
    """
    try:
        nodes = list(ast.walk(ast.parse(source)))
        symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    except SyntaxError:  # a cell with a magic command
        return
    known |= {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for name in sorted(used & defined.keys() - known):
        value = defined[name]
        other = _cell_of(value)
        if other == source:
            continue
        known.add(name)
        if isinstance(value, ModuleType):
            yield f"import {value.__name__} as {name}"
        elif other is not None:
            yield from _needed(other, defined, known)
            yield other
        elif getattr(value, "__module__", "__main__") != "__main__" and hasattr(value, "__qualname__"):
            yield f"from {value.__module__} import {value.__qualname__} as {name}"
        elif isinstance(value, _LITERALS):
            yield f"{name} = {value!r}"


def _cell_of(value: Any) -> str | None:
    """The source of the notebook cell that defines a function or class; None if there is no such cell."""
    lines = linecache.getlines(_file_of(value))
    return "".join(lines) if lines and not Path(_file_of(value)).exists() else None


def _file_of(value: Any) -> str:
    members = (
        vars(value).values()
        if isinstance(value, type)
        else (inspect.unwrap(value) if callable(value) else value,)
    )
    codes = [code for member in members if isinstance(code := getattr(member, "__code__", None), CodeType)]
    return codes[0].co_filename if codes else ""
