"""Grades the handout and the solutions first: the handout must get 0 points, the solutions all points."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from facegan.course.catalog import exercises
from facegan.course.copies import notebooks
from facegan.course.grading.cells import code_cells
from facegan.course.grading.pool import grade_all
from facegan.course.grading.submissions import Notebook, Submission


def dry_run(*, jobs: int = 1, cache: Path | None = None) -> str:
    """Grade the course's notebooks without and with the solutions; return one line with the results.

    Args:
        jobs: number of submissions graded in parallel.
        cache: a folder for results.
    """
    import nbformat

    from facegan.course.solved import filled

    submissions = [Submission("the handout"), Submission("the key")]
    for path in notebooks():
        raw = path.read_bytes()
        solved = nbformat.writes(filled(nbformat.reads(raw.decode(), as_version=4))).encode()
        for submission, each in zip(submissions, (raw, solved), strict=True):
            notebook = Notebook(path.name, datetime.now(timezone.utc), code_cells(each), each)
            submission.notebooks.append(notebook)
    names = list(exercises())
    empty, key = grade_all(submissions, jobs=jobs, cache=cache, title="dry run")
    line = f"dry run: the handout gets {empty.points(names)} of {len(names)}, the key {key.points(names)}."
    if empty.points(names) or key.points(names) != len(names):
        wrong = [
            f"{n}: {key.results.get(n, ('', key.absent.get(n, '')))[1]}" for n in names if not key.points([n])
        ]
        line += f" Grades are not reliable here: {'; '.join([key.trouble, *wrong])[:500]}"
    return line
