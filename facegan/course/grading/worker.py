"""The process that runs and checks one student's cells.

    python -m facegan.course.grading.worker
The input is a job in JSON. Lines on its output are JSON: {"begin": "names"} before a cell is run, {"name", "status",
"feedback"} after each check, and {"done": "yes"} at the end. Each line has the job's random `key`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any, TextIO

import torch

from facegan.course import exercise as judge
from facegan.course import grading as package
from facegan.course.catalog import exercises, find
from facegan.course.grading import guard, refusals
from facegan.course.grading.answers import Notebook
from facegan.course.grading.sandbox import limit_memory

facegan: Any = import_module("facegan")
run_check = judge.run_check


def _judge(notebook: Notebook, piece: dict[str, Any], clean: dict, say: Callable[..., None]) -> None:
    """Run one cell and report a result for each of its exercises."""
    facegan.exercise = judge.exercise = notebook.collect
    for number, source in enumerate(piece["before"]):
        notebook.run(source, f"before {number}")
    trouble = piece["error"] or notebook.run(piece["source"], ", ".join(piece["names"]))
    for name in piece["names"]:
        found, answered = find(name), name in notebook.answers
        if not answered:
            say(name=name, status="wrong", feedback=trouble or "its cell defines no function for it.")
            continue
        function = notebook.answers.pop(name)
        _forget_settings()
        result = _checked(found, function, clean, say)
        say(name=name, status=result.status, feedback=result.feedback)
        notebook.names[found.solution.__name__] = function if result.passes else found.solution


def _checked(found: judge.Exercise, function: Any, clean: dict, say: Callable[..., None]) -> judge.Result:
    """The result of an answer, unless its code changes the grader before or during the check."""

    def leave() -> None:
        if not is_same():
            _end_if_changed(found.name, clean, say)

    _end_if_changed(found.name, clean, say)
    is_same = guard.snapshot()
    with guard.no_delegation(found.name, function, leave) as corrected:
        result = run_check(found, function)
    _end_if_changed(found.name, clean, say)
    return corrected(result)


def _end_if_changed(name: str, clean: dict, say: Callable[..., None], end: Callable = os._exit) -> None:
    """If a student's code has changed the grader, report it and end the process, because later results are invalid."""
    if tampered := guard.changed(clean):
        say(name=name, status="wrong", feedback=f"it replaces {tampered}, which the grader uses.")
        end(1)


def _forget_settings() -> None:
    """Reset global settings of torch that a cell may have changed."""
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)


def main() -> None:
    """Run the job on the standard input."""
    job = json.load(sys.stdin)
    channel = _private_output()
    limit_memory(job["memory"])
    torch.set_num_threads(1)

    def say(
        key: str = job.pop("key"), quote: Callable = json.encoder.encode_basestring_ascii,
        write: Callable = channel.write, flush: Callable = channel.flush, **what: Any,
    ) -> None:  # fmt: skip
        """Write a line without json and print, which a student's code may have replaced."""
        parts = [f"{quote(name)}: {quote(value)}" for name, value in what.items()]
        write(f'{{"key": "{key}", {", ".join(parts)}}}\n')
        flush()

    skipped = set(job["skip"])
    notebooks = [(Notebook(each["title"]), each["pieces"]) for each in job["notebooks"]]
    for found in exercises().values():
        run_check(found, found.solution)  # loads lazy modules of torch and facegan
    _hide()
    _forget_settings()
    clean = guard.fingerprint()
    refusals.install()
    for notebook, pieces in notebooks:
        for piece in pieces:
            if not skipped.issuperset(piece["names"]):
                say(begin=" ".join(piece["names"]))
                _judge(notebook, piece, clean, say)
    say(done="yes")


def _hide() -> None:
    """Hide this module, the guard, and the refusals from students' code; importing them gives new copies."""
    for module in (guard, refusals):
        del sys.modules[module.__name__]
        delattr(package, module.__name__.rpartition(".")[2])
    sys.modules["__main__"] = ModuleType("__main__")
    sys.gettrace = lambda: None


def _private_output() -> TextIO:
    """Return the real standard output, and discard the output of students' code."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    with suppress(Exception):
        sys.stdin.close()
    return channel


if __name__ == "__main__":
    main()
