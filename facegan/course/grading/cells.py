"""Finds the cells of exercises in a notebook, and the definitions that they need.

The source only determines what is run. Answers are checked by their behavior.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from facegan.course.catalog import exercises
from facegan.course.questions import questions
from facegan.errors import first_line, printable

_CALL = re.compile(r"""\bexercise\(\s*["'](\w+)["']""")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass
class Piece:
    """A cell with exercises.

    Attributes:
        names: the names of its exercises.
        source: its source.
        before: the sources to run before it.
        error: the error if it cannot run, otherwise empty.
    """

    names: list[str]
    source: str
    before: list[str]
    error: str = ""

    def asdict(self) -> dict[str, Any]:
        """Return the piece as JSON values."""
        return asdict(self)


def code_cells(raw: bytes | str) -> list[str]:
    """Return the sources of a notebook's code cells.

    Raises:
        ValueError: `raw` is not a notebook.
    """
    import nbformat

    text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    try:
        notebook = nbformat.reads(text, as_version=4)
        return ["".join(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    except Exception as error:
        raise ValueError(f"not a notebook ({type(error).__name__})") from None


def pieces(cells: Iterable[str]) -> list[Piece]:
    """Return the cells with exercises, in order, each with the imports and definitions that it needs."""
    parsed = [(source, _parsed(source)) for source in map(_python, cells)]
    named = [(source, tree, _names(source, tree)) for source, tree in parsed]
    others = [node for _, tree, names in named if tree and not names for node in tree.body]
    imports = [ast.unparse(node) for _, tree, _ in named if tree for node in tree.body if _is_import(node)]
    asked = {exercises()[name].solution.__name__ for *_, names in named for name in names}
    found: list[Piece] = []
    for source, tree, names in named:
        if names and tree is None:
            found.append(Piece(names, source, [], _syntax_error(source)))
        elif names and tree is not None:
            found.append(Piece(names, source, [*imports, *_needed(tree, others, asked)]))
    return found


def undecorated(cells: Iterable[str]) -> set[str]:
    """Return the names of the functions and classes that a notebook's cells define without a decorator."""
    trees = filter(None, map(_parsed, map(_python, cells)))
    nodes = (node for tree in trees for node in tree.body)
    return {node.name for node in nodes if isinstance(node, _DEFINITIONS) and not node.decorator_list}


def written(cells: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the texts that the cells pass to `fg.answer`, by question, as in a record; facts are not checked."""
    found: dict[str, dict[str, Any]] = {}
    for tree in filter(None, map(_parsed, map(_python, cells))):
        texts: dict[str, str] = {}
        for node in tree.body:
            value = getattr(node, "value", None)
            if (
                isinstance(node, ast.Assign)
                and isinstance(value, ast.Constant)
                and isinstance(value.value, str)
            ):
                texts |= {target.id: value.value for target in node.targets if isinstance(target, ast.Name)}
            for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
                name, text = _answer(call, texts)
                if name in questions() and text.strip():
                    found[name] = {"text": text.strip(), "words": len(text.split()), "facts": {}}
    return found


def _answer(call: ast.Call, texts: dict[str, str]) -> tuple[str, str]:
    """The question and the text of a call of `answer`; empty strings for other calls."""
    called = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if called != "answer" or len(call.args) < 2 or not isinstance(call.args[0], ast.Constant):
        return "", ""
    text = call.args[1]
    known = texts.get(text.id, "") if isinstance(text, ast.Name) else getattr(text, "value", "")
    return str(call.args[0].value), known if isinstance(known, str) else ""


def _python(source: str) -> str:
    """A cell's source without magic and shell commands."""
    lines = source.splitlines()
    while lines and lines[0].startswith("%%"):
        lines = lines[1:] if lines[0].split()[0] in {"%%time", "%%timeit", "%%capture", "%%prun"} else []
    return "\n".join(re.sub(r"^(\s*)[%!?].*$", r"\1pass", line) for line in lines)


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _names(source: str, tree: ast.Module | None) -> list[str]:
    """The exercises that a cell answers."""
    if tree is None:
        called: Iterable[str] = _CALL.findall(source)
    else:
        called = [
            str(node.args[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) == "exercise"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ]
    return [name for name in dict.fromkeys(called) if name in exercises()]


def _syntax_error(source: str) -> str:
    try:
        compile(source, "cell", "exec")
    except SyntaxError as error:
        line = printable((error.text or "").strip())
        return f"{type(error).__name__}: {error.msg}, in line {error.lineno}" + (
            f", `{line}`." if line else "."
        )
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {first_line(error)}"
    return ""


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _needed(tree: ast.Module, others: list[ast.stmt], asked: set[str]) -> Iterator[str]:
    """Statements of other cells that define the names used in `tree` and in these statements, in notebook order."""
    wanted, used = _used(tree), set[int]()
    while True:
        new = [
            (index, node) for index, node in enumerate(others)
            if index not in used and not _is_import(node) and (_defined(node) - asked) & wanted
        ]  # fmt: skip
        if not new:
            break
        used |= {index for index, _ in new}
        wanted = wanted.union(*(_used(node) for _, node in new))
    return (ast.unparse(others[index]) for index in sorted(used))


def _used(node: ast.AST) -> set[str]:
    """Names that the code uses but does not define locally."""
    table = symtable.symtable(ast.unparse(node), "cell", "exec")
    found = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    inner = table.get_children()
    while inner:
        scope = inner.pop()
        found |= {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
        inner += scope.get_children()
    return found


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, _DEFINITIONS):
        return {node.name}
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return set()
