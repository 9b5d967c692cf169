"""Exercises: the decorator with immediate feedback, hints, and a table of progress.

    @fg.exercise("scale")
    def scale(images):
        ...            # your code

The student's function is checked by its behavior (`facegan.course.checks`). A correct function is kept. If the function
is missing or wrong, one line names the mistake, and the name is bound to the reference solution, so that the notebook
can continue. The student's function is the attribute `yours` of that solution. The solution is not printed. For
grading, see `facegan.course.grading`.
"""

from __future__ import annotations

import ctypes
import dis
import html
import inspect
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from facegan.course import kept, record
from facegan.course.catalog import Exercise, exercises, find
from facegan.course.checks import CheckFailed, taken_remarks
from facegan.course.written import summary
from facegan.errors import ConfigError, first_line
from facegan.runtime.settings import usual_settings

TIME_LIMIT = 20.0  # seconds for all checks of a student's function
MIME = "application/vnd.facegan.exercise+json"  # type of a result in a notebook's outputs
MARKS = {"right": "✓", "right, but": "✓", "wrong": "✗", "missing": "○"}


@dataclass(frozen=True)
class Result:
    """The state of an exercise and the feedback on it.

    Attributes:
        name: the exercise's name.
        status: 'right', 'right, but' (works, but ignores something that the text requires), 'wrong', or 'missing'.
        feedback: one or two sentences.
    """

    name: str
    status: str
    feedback: str

    @property
    def passes(self) -> bool:
        """Whether the answer works."""
        return self.status.startswith("right")


_results: dict[str, Result] = {}
_hints_given: dict[str, int] = {}
_silent: list[dict[str, str]] = []
reveals = True  # whether `reveal` shows solutions


def exercise(name: str) -> Callable[[Callable], Callable]:
    """Decorator that checks a function as an answer to an exercise and prints feedback.

    Errors in the student's code are reported as feedback, never raised.

    Args:
        name: the name of the exercise.

    Returns:
        A decorator. It returns the function if it is correct, otherwise the reference solution, whose attribute `yours`
        is the function.

    Raises:
        ConfigError: there is no such exercise.
    """
    found = find(name)

    def decorate(function: Callable) -> Callable:
        result = run_check(found, function)
        if _silent:
            _silent[-1][name] = result.feedback
        else:
            _results[name] = result
            record.put("results", name, [result.status, result.feedback])
            _show(result)
        if result.passes:
            kept.keep(name, function, provided={"fg", *provided()})
        else:
            kept.given.pop(name, None)
            found.solution.yours = function  # type: ignore[attr-defined]
        return _under_its_name(found, function, function if result.passes else found.solution)

    return decorate


def _under_its_name(found: Exercise, function: Any, bound: Callable) -> Callable:
    """Also bind `bound` to the exercise's own name if a notebook's cell defines it under another name."""
    name, names = getattr(function, "__name__", ""), getattr(function, "__globals__", {})
    expected = found.solution.__name__
    if (
        name != expected
        and getattr(function, "__qualname__", "") == name
        and names.get("__name__") == "__main__"
    ):
        print(
            f"  Your function is called {name}. Later cells use the name {expected}, which now refers to it, too."
        )
        names[expected] = bound
    return bound


@contextmanager
def silent() -> Iterator[dict[str, str]]:
    """A context in which answers are checked without showing or keeping them; yields the feedback by name."""
    _silent.append({})
    try:
        yield _silent[-1]
    finally:
        _silent.pop()


def provided() -> dict[str, Any]:
    """Return the names available to a kept answer: torch's usual names and the functions of all exercises."""
    return {"torch": torch, "nn": torch.nn, "F": F} | {
        e.solution.__name__: e.solution for e in exercises().values()
    }


@usual_settings()
def run_check(found: Exercise, function: Callable) -> Result:
    """Check `function` as an answer to `found`, within the time limit; the caller's random state is restored."""
    missing = Result(found.name, "missing", f"not done yet: {found.task}")
    if _is_empty(function):
        return missing
    taken_remarks()
    try:
        with torch.random.fork_rng(devices=[]), _own_name(function), _quiet(), _time_limit(TIME_LIMIT):
            torch.manual_seed(0)
            found.verify(function)
    except CheckFailed as failure:
        return Result(found.name, "wrong", str(failure))
    except NotImplementedError:
        return missing
    except SystemExit:
        return Result(
            found.name, "wrong", "it calls exit(), which would end the notebook's kernel. Use return."
        )
    except _TimeUp:
        said = f"it was still running after {TIME_LIMIT:.0f} seconds. Does a loop never end?"
        return Result(found.name, "wrong", said)
    except Exception as error:  # raised while inspecting a student's object
        return Result(found.name, "wrong", f"{type(error).__name__}: {first_line(error)}")
    remark, note = taken_remarks()
    if remark:
        return Result(found.name, "right, but", f"right, but {remark}")
    return Result(found.name, "right", f"right. {note}".rstrip())


def hint(name: str) -> None:
    """Print the next of three hints for an exercise; each is more specific than the previous one.

    Args:
        name: the name of the exercise.

    Raises:
        ConfigError: there is no such exercise.
    """
    hints = find(name).hints
    given = _hints_given[name] = min(_hints_given.get(name, 0) + 1, len(hints))
    record.put("hints", name, max(given, record.section("hints").get(name, 0)))
    print(f"Hint {given} of {len(hints)} for {name}: {hints[given - 1]}")
    if given == len(hints):
        print(f'That was the last hint. fg.reveal("{name}") shows a solution.')


def reveal(name: str) -> None:
    """Print the reference solution of an exercise. Your record notes that you have seen it.

    Args:
        name: the name of the exercise.

    Raises:
        ConfigError: there is no such exercise, or solutions are disabled.
    """
    solution = find(name).solution
    if not reveals:
        raise ConfigError(
            f'your instructor has disabled solutions. fg.hint("{name}") gives up to three hints.'
        )
    record.count("reveals", name)
    print(f"# {solution.__module__}.{solution.__qualname__}\n{inspect.getsource(solution)}")


class progress:
    """A table of all exercises and their states, displayed as a cell's last value or by `print`.

    Exercises of the current notebook come first. Results of earlier notebooks are included.

    Attributes:
        here: the numbers of the notebooks whose exercises were run in this session.
        rows: (notebook, name, mark, task) of each exercise.
        done: the number of completed exercises.
    """

    def __init__(self) -> None:
        table, earlier = exercises(), _recorded()
        self.here = {table[name].notebook for name in _results if name in table}
        self.rows = [
            (found.notebook, name, earlier.get(name, " "), _task(found))
            for name, found in sorted(table.items(), key=lambda item: item[1].notebook not in self.here)
        ]
        self.done = sum(mark == MARKS["right"] for *_, mark, _ in self.rows)

    @property
    def total(self) -> str:
        """The numbers of completed exercises in this notebook and in total, and of written answers, as text."""
        said = f"{self.done} of {len(self.rows)} done"
        if len(self.here) != 1:
            return f"{said}; {summary()}"
        marks = [mark for notebook, _, mark, _ in self.rows if notebook in self.here]
        done = marks.count(MARKS["right"])
        return f"{done} of {len(marks)} done in notebook {min(self.here)}; {said} in the course; {summary()}"

    def __str__(self) -> str:
        lines = [f"{mark} {notebook:02d} {name:<22} {task}" for notebook, name, mark, task in self.rows]
        return "\n".join([*lines, self.total])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        words = {"✓": "right", "✗": "not right yet", "○": "empty", " ": "not run"}
        rows = "".join(
            f"<tr><td>{notebook:02d}</td><td><code>{name}</code></td>"
            f"<td style='text-align:left'>{mark} {words[mark]}</td>"
            f"<td style='text-align:left'>{html.escape(task)}</td></tr>"
            for notebook, name, mark, task in self.rows
        )
        return f"<table><caption>{self.total}</caption>{rows}</table>"


def _recorded() -> dict[str, str]:
    """Marks of exercises by name, from this session, earlier notebooks, and kept answers."""
    written = record.section("results") if kept.folder else {}
    earlier = {
        name: MARKS.get(entry[0], " ") for name, entry in written.items() if isinstance(entry, list) and entry
    }
    here = {name: MARKS[result.status] for name, result in _results.items()}
    return earlier | dict.fromkeys(kept.names(), MARKS["right"]) | here


def _task(found: Exercise) -> str:
    """The exercise's task, or a note that the notebook defines its function without the decorator."""
    mine = vars(sys.modules["__main__"]).get(found.solution.__name__)
    if found.name in _results or getattr(mine, "__module__", "") != "__main__":
        return found.task
    return f'{found.solution.__name__} is defined, but not checked: put @fg.exercise("{found.name}") above it'


# ---- showing a result ----------------------------------------------------------------------------


class _Shown:
    """A line of text with its result as JSON, for programs that read the notebook later."""

    def __init__(self, result: Result) -> None:
        self.result = result

    def __repr__(self) -> str:
        status, name, feedback = self.result.status, self.result.name, self.result.feedback
        line = f"{MARKS[status]} {name}: {feedback}"
        if self.result.passes:
            return line
        line = f'{line}\n  Continuing with the reference solution. Run fg.hint("{name}") for a hint.'
        return f"{line} Your function is {find(name).solution.__name__}.yours." if status == "wrong" else line

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), MIME: vars(self.result)}


def _show(result: Result) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(repr(_Shown(result)))
        return
    show: Callable[[Any], Any] = display if get_ipython() else print
    show(_Shown(result))


# ---- running a student's function ----------------------------------------------------------------


def _is_empty(function: Callable) -> bool:
    """Whether a function's body consists only of a docstring, `...`, or `pass`."""
    code = getattr(function, "__code__", None)
    steps = [step for step in dis.get_instructions(code) if step.opname not in _IDLE] if code else []
    return bool(steps) and all(step.opname in _RETURNS and step.argval is None for step in steps)


@contextmanager
def _own_name(function: Callable) -> Iterator[None]:
    """A context in which the function's name is bound to it, so that it can be recursive.

    Before the decorator returns, the name is not bound, or is bound to the result of an earlier run of the cell.
    """
    names, name = getattr(function, "__globals__", {}), getattr(function, "__name__", "")
    before = names.get(name, _UNBOUND)
    names[name] = function
    try:
        yield
    finally:
        if before is _UNBOUND:
            names.pop(name, None)
        else:
            names[name] = before


_UNBOUND = object()


@contextmanager
def _quiet() -> Iterator[None]:
    """A context without warnings, because torch's warnings about a wrong answer would distract the student."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_IDLE = {"RESUME", "NOP", "COPY_FREE_VARS"}
_RETURNS = {"LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "LOAD_COMMON_CONSTANT"}


class _TimeUp(BaseException):
    """Raised inside a student's function; not an Exception, so that `except Exception` does not catch it."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TimeUp` in this thread if the body takes longer; works for any Python loop on any system."""
    thread, lock, over = threading.get_ident(), threading.Lock(), threading.Event()

    def interrupt() -> None:
        with lock:
            if not over.is_set():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_TimeUp))

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over.set()
        timer.cancel()
