"""Grades all submissions in parallel, one process per student, and caches results."""

from __future__ import annotations

import json
import os
import queue
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from facegan.course.catalog import exercises
from facegan.course.grading import cells, kernel, sandbox
from facegan.course.grading.submissions import Submission, collect
from facegan.errors import first_line, printable
from facegan.files import write_atomic
from facegan.version import __version__

CELL_LIMIT = 90.0  # seconds for one cell
LIMIT = 900.0  # seconds for one student
_MOST_SAID = 5_000_000  # characters that a student's process may write
_LONGEST = 2000  # characters of feedback
_DIED = "its process ended"


@dataclass
class Grade:
    """One student's results.

    Attributes:
        student: the student's name.
        results: (status, feedback) by exercise. A status is 'right', 'right, but' (works, but ignores something that
            the text requires), 'wrong', or 'missing' (an empty function).
        trouble: problems with the files or with running them; empty if there are none.
        absent: the reason for each exercise without a result.
        submission: the submission that was graded.
        similar: the largest similarity to another student's answers, and that student.
    """

    student: str
    results: dict[str, tuple[str, str]] = field(default_factory=dict)
    trouble: str = ""
    absent: dict[str, str] = field(default_factory=dict)
    submission: Submission | None = field(default=None, repr=False, compare=False)
    similar: tuple[float, str] = (0.0, "")

    def points(self, names: Iterable[str]) -> int:
        """Return the number of exercises in `names` that pass."""
        return sum(self.results.get(name, ("",))[0].startswith("right") for name in names)


def grade(
    folder: Path, *, jobs: int = 1, limit: float = LIMIT, cell_limit: float = CELL_LIMIT,
    run_all: bool = False, cache: Path | None = None,
) -> list[Grade]:  # fmt: skip
    """Grade every student's submission in a folder; a failure does not stop the rest.

    Args:
        folder: notebooks, zips, and folders of them (`facegan.course.grading.submissions`).
        jobs: number of students graded in parallel.
        limit: seconds for one student.
        cell_limit: seconds for one cell.
        run_all: whether to run all other cells, too, and report their errors.
        cache: a folder for results; later calls with the same submissions reuse them.

    Returns:
        A grade per student, sorted by name.

    Raises:
        DataError: there is nothing to grade in the folder.
    """
    return grade_all(collect(folder), jobs=jobs, limit=limit, cell_limit=cell_limit, run_all=run_all, cache=cache,
                     hidden=[folder.resolve()])  # fmt: skip


def grade_all(
    submissions: Sequence[Submission], *, jobs: int = 1, limit: float = LIMIT, cell_limit: float = CELL_LIMIT,
    run_all: bool = False, cache: Path | None = None, hidden: Sequence[Path] = (), title: str = "grading",
) -> list[Grade]:  # fmt: skip
    """Grade submissions that are already collected; see `grade` for the other arguments.

    Args:
        submissions: the submissions to grade.
        hidden: folders that students' code must not see.
        title: title of the progress bar.
    """
    from tqdm.auto import tqdm

    running = _Running(limit, cell_limit, run_all, cache, hidden)
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        try:
            graded = pool.map(running.grade, submissions)
            return list(tqdm(graded, desc=title, unit="student", total=len(submissions), disable=None))
        except BaseException:
            running.stop()
            pool.shutdown(cancel_futures=True)
            raise


class _Running:
    """The shared state of the threads: settings, running processes, and whether to stop."""

    def __init__(
        self, limit: float, cell_limit: float, run_all: bool, cache: Path | None, hidden: Sequence[Path]
    ):
        self.limit, self.cell_limit, self.run_all = limit, cell_limit, run_all
        self.cache, self.hidden = cache, hidden
        self.children: set[subprocess.Popen] = set()
        self.stopped = threading.Event()

    def stop(self) -> None:
        self.stopped.set()
        for child in list(self.children):
            sandbox.end(child)

    def grade(self, submission: Submission) -> Grade:
        """Return the student's grade; an error in the grader becomes its trouble."""
        try:
            return self._graded(submission)
        except Exception as error:
            said = f"the grader failed: {type(error).__name__}: {first_line(error)}"
            failed = Grade(submission.student, trouble=said, submission=submission)
            _explain_missing(submission, failed)
            return failed

    def _graded(self, submission: Submission) -> Grade:
        key = f"{submission.digest[:32]}-{__version__}{'-all' if self.run_all else ''}.json"
        kept = self.cache / key if self.cache else None
        if kept and kept.exists():
            stored = json.loads(kept.read_text(encoding="utf-8"))
            results = {name: tuple(each) for name, each in stored["results"].items()}
            return Grade(submission.student, results, stored["trouble"], stored["absent"], submission)
        with _place() as place:
            grade = Grade(submission.student, submission=submission)
            trouble = [*submission.trouble, *self._exercises(submission, grade, Path(place))]
            if self.run_all:
                trouble += self._whole(submission)
            grade.trouble = printable("; ".join(trouble))
        _explain_missing(submission, grade)
        if kept and not self.stopped.is_set():
            kept.parent.mkdir(parents=True, exist_ok=True)
            content = {"results": grade.results, "trouble": grade.trouble, "absent": grade.absent}
            write_atomic(kept, json.dumps(content, ensure_ascii=False).encode())
        return grade

    def _exercises(self, submission: Submission, grade: Grade, place: Path) -> list[str]:
        """Check the exercises; if a process dies, start another one for the rest."""
        found = [(notebook.path, cells.pieces(notebook.cells)) for notebook in submission.notebooks]
        names = {name for _, pieces in found for piece in pieces for name in piece.names}
        job = {
            "notebooks": [{"title": at, "pieces": [each.asdict() for each in pieces]} for at, pieces in found]
        }
        end = time.monotonic() + self.limit
        while names - grade.results.keys() and not self.stopped.is_set():
            before = len(grade.results)
            problem = self._one_process(job, grade, place, end)
            if time.monotonic() >= end:
                return [f"stopped after {self.limit:.0f} seconds"]
            if problem and len(grade.results) == before:
                return [problem]
        return []

    def _one_process(self, job: dict, grade: Grade, place: Path, end: float) -> str:
        """Check the exercises without a result; return what ended the process early, or an empty string."""
        key = secrets.token_hex(16)
        errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (where students' code has no path to it)
        child = self._start(["-m", "facegan.course.grading.worker"], place, errors, stdin=subprocess.PIPE)
        task = {**job, "key": key, "skip": list(grade.results), "memory": sandbox.MEMORY}
        at: list[str] = []
        try:
            for line in _lines(child, json.dumps(task), end, self.cell_limit):
                if not isinstance(line, dict) or line.get("key") != key:
                    continue
                if "begin" in line:
                    at = line["begin"].split()
                elif "name" in line:
                    said = (line["status"], _printable(line["feedback"]))
                    grade.results[line["name"]] = said
                elif "done" in line:
                    return ""
        except TimeoutError:
            for name in at:
                grade.results.setdefault(name, ("wrong", f"stopped after {self.cell_limit:.0f} seconds."))
            return f"stopped after {self.cell_limit:.0f} seconds"
        finally:
            sandbox.end(child)
            self.children.discard(child)
        for name in at:
            grade.results.setdefault(name, ("wrong", f"{_DIED} ({_code(child)})."))
        return f"{_DIED} ({_code(child)}): {_last_line(errors)}"

    def _start(self, arguments: list, place: Path, errors: IO[str], **options: Any) -> subprocess.Popen:
        child = subprocess.Popen(
            sandbox.command(arguments, place, self.hidden), cwd=place, env=sandbox.environment(place),
            stdout=subprocess.PIPE, stderr=errors, start_new_session=True, text=True, errors="replace", **options,
        )  # fmt: skip
        self.children.add(child)
        if self.stopped.is_set():  # since the last check
            sandbox.end(child)
        return child

    def _whole(self, submission: Submission) -> list[str]:
        """The errors of all cells of all notebooks; each notebook has its own kernel and folder."""
        found = []
        for notebook in submission.notebooks:
            with _place() as place, tempfile.TemporaryFile("w+", errors="replace") as errors:
                said = self._one_kernel(notebook.raw, Path(place), errors)
            found += [f"{notebook.path}: {_printable(each)}" for each in said if each]
        return found

    def _one_kernel(self, raw: bytes, place: Path, errors: IO[str]) -> list[str]:
        source, out = place / "notebook.ipynb", place / "executed.ipynb"
        source.write_bytes(raw)
        arguments = ["-m", "facegan.course.grading.kernel", source, out, str(self.cell_limit)]
        child = self._start(arguments, place, errors)
        try:
            child.communicate(timeout=self.limit)
            problem = "" if not child.returncode else _last_line(errors)
        except subprocess.TimeoutExpired:
            problem = f"stopped after {self.limit:.0f} seconds"
        finally:
            sandbox.end(child)
            self.children.discard(child)
        return [problem, *(kernel.errors(out) if out.is_file() and not out.is_symlink() else [])]


def _place() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="facegan-grade-", ignore_cleanup_errors=True)


def _lines(child: subprocess.Popen, task: str, end: float, cell_limit: float) -> Iterable[Any]:
    """The process's output, line by line; raises `TimeoutError` if there is none for too long."""
    said: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert child.stdin
        assert child.stdout
        try:
            child.stdin.write(task)
            child.stdin.close()
        except OSError:  # the process has already ended
            pass
        left = _MOST_SAID
        while left > 0 and (line := child.stdout.readline(left)):
            said.put(line)
            left -= len(line)
        said.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = said.get(timeout=max(min(end - time.monotonic(), cell_limit), 0))
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            return
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue


def _code(child: subprocess.Popen) -> str:
    code = child.returncode
    number = -code if code < 0 else code - 128  # a shell adds 128
    return f"signal {number}" if 0 < number < 65 else f"exit code {code}"


def _last_line(errors: IO[str]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(size - 10_000, 0))
    lines = errors.read().strip().splitlines()
    return _printable(lines[-1])[:200] if lines else "it printed no error"


def _printable(text: object) -> str:
    """Output of a student's code on one line, for tables."""
    return printable(" ".join(str(text)[:_LONGEST].split()))[:_LONGEST]


def _explain_missing(submission: Submission, grade: Grade) -> None:
    """Add a reason for each exercise without a result."""
    handed_in = {number for notebook in submission.notebooks for number in notebook.numbers}
    plain = set[str]().union(*(cells.undecorated(notebook.cells) for notebook in submission.notebooks))
    for name, found in exercises().items():
        if name in grade.results:
            continue
        if found.solution.__name__ in plain:
            reason = f'{found.solution.__name__} is defined without @fg.exercise("{name}") above it.'
        elif found.notebook in handed_in:
            reason = grade.trouble or f"its cell is not in notebook {found.notebook}."
        else:
            reason = f"notebook {found.notebook} was not handed in."
        grade.absent[name] = reason
