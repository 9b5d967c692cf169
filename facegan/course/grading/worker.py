"""The process that runs one student's cells and judges them: a job in JSON on its input, a result per line.

    python -m facegan.course.grading.worker

Lines on its output are JSON: {"begin": [names]} before a cell is run, {"name", "status", "feedback"} after each
check, {"done": true} at the end. Each carries the job's random `key`.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, TextIO

import numpy as np
import torch

from facegan.course import exercise as judge
from facegan.course.catalog import exercises, find
from facegan.course.grading import guard
from facegan.course.grading.sandbox import limit_memory
from facegan.errors import first_line

facegan: Any = import_module("facegan")
run_check, Result, provided, TIME_LIMIT = judge.run_check, judge.Result, judge.provided, judge.TIME_LIMIT


class _Notebook:
    """The names that one notebook's cells share, and the answers that they give."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.answers: dict[str, Any] = {}
        self.names: dict[str, Any] = {
            "__name__": "__main__", "facegan": facegan, "fg": facegan, "np": np, **provided()
        }  # fmt: skip

    def collect(self, name: str) -> Callable[[Any], Any]:
        """Stands in for `facegan.exercise`."""

        def decorate(function: Any) -> Any:
            self.answers[name] = function
            return function

        return decorate

    def run(self, source: str, label: str) -> str:
        """Run source within the time limit; what went wrong, or an empty string."""
        file = f"<{self.title}, {label}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        try:
            with judge._time_limit(TIME_LIMIT):
                exec(compile(source, file, "exec"), self.names)
        except judge._TimeUp:
            return f"its cell was still running after {TIME_LIMIT:.0f} seconds."
        except SystemExit:
            return "its cell calls exit()."
        except BaseException as error:
            return f"its cell raised {type(error).__name__}: {first_line(error)}"
        return ""


def _judge(notebook: _Notebook, piece: dict[str, Any], clean: dict, say: Callable[..., None]) -> None:
    """Run one cell, and say a result for each of its exercises."""
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
        with guard.no_delegation(name, function) as corrected:
            result = run_check(found, function)
        result = corrected(result)
        if tampered := guard.changed(clean):
            say(
                name=name,
                status="wrong",
                feedback=f"it replaces {tampered}, which the grader uses.",
                restart=True,
            )
            raise SystemExit
        say(name=name, status=result.status, feedback=result.feedback)
        notebook.names[found.solution.__name__] = function if result.passes else found.solution


def _forget_settings() -> None:
    """Undo what a cell may have set in torch for all that follows."""
    torch.set_default_dtype(torch.float32)
    torch.set_default_device("cpu")
    torch.set_grad_enabled(True)


def main() -> None:
    """Judge the job on the standard input."""
    job = json.load(sys.stdin)
    channel = _private_output()
    limit_memory(job["memory"])
    torch.set_num_threads(1)

    def say(key: str = job.pop("key"), **what: Any) -> None:
        print(json.dumps({"key": key, **what}), file=channel, flush=True)

    skipped = set(job["skip"])
    notebooks = [(_Notebook(each["title"]), each["pieces"]) for each in job["notebooks"]]
    for found in exercises().values():
        run_check(found, found.solution)  # what torch and facegan load when first used
    clean = {key: value for key, value in guard.fingerprint().items() if not key[1].startswith("exercise")}
    for notebook, pieces in notebooks:
        for piece in pieces:
            if not skipped.issuperset(piece["names"]):
                say(begin=piece["names"])
                _judge(notebook, piece, clean, say)
    say(done=True)


def _private_output() -> TextIO:
    """The real standard output; what students print goes nowhere."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    with suppress(Exception):
        sys.stdin.close()
    return channel


if __name__ == "__main__":
    main()
