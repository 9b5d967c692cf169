"""Measures the similarity of students' answers, ignoring names, comments, and layout.

Short exercises have few correct answers, so code that many students share or that is in the solution is ignored.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

from facegan.course.catalog import exercises
from facegan.course.grading.cells import pieces
from facegan.course.grading.pool import Grade

_LENGTH = 6  # length of the compared sequences of syntax tree nodes
_LEAST = 25  # minimum number of such sequences for a comparison
_Shingles = set[tuple[str, ...]]


def compare(grades: Sequence[Grade]) -> list[tuple[float, str, str]]:
    """Set `similar` of each grade; return the pairs as (similarity, student, other), the most similar first.

    A similarity is between 0 and 1. Students with too little code of their own are not compared.
    """
    found = {grade.student: _of_student(grade) for grade in grades}
    common = _common(found.values())
    rare = {student: shingles - common for student, shingles in found.items()}
    pairs = [
        (len(a & b) / min(len(a), len(b)), one, other)
        for (one, a), (other, b) in combinations(rare.items(), 2)
        if min(len(a), len(b)) >= _LEAST
    ]
    pairs.sort(reverse=True)
    by_name = {grade.student: grade for grade in grades}
    for share, one, other in pairs:
        for student, whose in ((one, other), (other, one)):
            if share > by_name[student].similar[0]:
                by_name[student].similar = (share, whose)
    return pairs


def _of_student(grade: Grade) -> _Shingles:
    notebooks = grade.submission.notebooks if grade.submission else []
    sources = (piece.source for notebook in notebooks for piece in pieces(notebook.cells))
    return set[tuple[str, ...]]().union(*map(_shingles, sources))


def _common(all_students: Iterable[_Shingles]) -> _Shingles:
    """Sequences in the course's solutions, and those of at least a fifth of the class and at least four students."""
    counted = Counter(shingle for shingles in all_students for shingle in shingles)
    limit = max(4, len(list(all_students)) / 5)
    references = (textwrap.dedent(inspect.getsource(found.solution)) for found in exercises().values())
    return {s for s, count in counted.items() if count >= limit}.union(*map(_shingles, references))


def _shingles(source: str) -> _Shingles:
    """Sequences of nodes of the syntax tree, with names numbered in the order of first use."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    numbers: dict[str, int] = {}
    nodes = [
        _described(node, numbers)
        for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
        for statement in function.body if not _is_text(statement)
        for node in ast.walk(statement) if not isinstance(node, ast.expr_context)
    ]  # fmt: skip
    return {tuple(nodes[i : i + _LENGTH]) for i in range(len(nodes) - _LENGTH + 1)}


def _described(node: ast.AST, numbers: dict[str, int]) -> str:
    kind = type(node).__name__
    if isinstance(node, ast.Name):
        return f"{kind} {numbers.setdefault(node.id, len(numbers))}"
    if isinstance(node, ast.Attribute):
        return f"{kind} {node.attr}"
    return f"{kind} {node.value!r}" if isinstance(node, ast.Constant) else kind


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
