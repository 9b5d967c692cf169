"""Writes an HTML page per student: exercises, written answers, and evidence of training."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from facegan.course.exercise import MARKS
from facegan.course.grading.pool import Grade
from facegan.course.grading.tables import scope
from facegan.course.written import STYLE, body
from facegan.files import write_atomic

_STYLE = (
    f"{STYLE}body{{max-width:60rem}}td,th{{text-align:left}}td:last-child{{overflow-wrap:anywhere}}"
    "img{max-width:100%;image-rendering:pixelated}"
)


def page(grade: Grade, names: Sequence[str]) -> str:
    """Return a student's page, as self-contained HTML.

    Args:
        grade: the student's grade.
        names: names of the exercises to include.
    """
    parts = [f"<h1>{_text(grade.student)}: {grade.points(names)} of {len(names)} points</h1>"]
    if grade.trouble:
        parts.append(f"<p><strong>Trouble:</strong> {_text(grade.trouble)}</p>")
    parts += ["<h2>Exercises</h2><table><tr><th>exercise</th><th>result</th><th>feedback</th></tr>"]
    for name in names:
        status, said = grade.results.get(name, ("absent", grade.absent.get(name, "")))
        mark = MARKS.get(status, "")
        parts.append(f"<tr><td><code>{name}</code></td><td>{mark} {status}</td><td>{_text(said)}</td></tr>")
    parts += ["</table>", *_work(grade), *_training(grade), *_written(grade)]
    title = f"<title>{_text(grade.student)}</title>"
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'>{title}<style>{_STYLE}</style>"
    return "\n".join([head, *parts, "</html>", ""])


def write(grades: Sequence[Grade], folder: Path, *, notebooks: Sequence[int] = ()) -> None:
    """Write each student's page to a folder; file names are students' names without special characters.

    Args:
        grades: grades of all students.
        folder: target folder; it is created if it does not exist.
        notebooks: numbers of the notebooks to include; if empty, all that were handed in.
    """
    names = [name for each in scope(grades, notebooks).values() for name in each]
    folder.mkdir(parents=True, exist_ok=True)
    taken = set[str]()
    for grade in grades:
        plain = (
            "".join(c if c.isalnum() or c in "-_@." else "_" for c in grade.student).strip(".") or "student"
        )
        names_to_try = chain([plain], (f"{plain}-{number}" for number in count(2)))
        name = next(each for each in names_to_try if each.casefold() not in taken)
        taken.add(name.casefold())
        write_atomic(folder / f"{name}.html", page(grade, names).encode(errors="replace"))


def _work(grade: Grade) -> list[str]:
    """Facts about the work: hints, solutions seen, and similarity."""
    record = grade.submission.record if grade.submission else {}
    hints = ", ".join(f"{name} ({count})" for name, count in record.get("hints", {}).items())
    seen = ", ".join(record.get("reveals", {}))
    similarity, other = grade.similar
    facts = {
        "Hints": hints, "Solutions seen": seen,
        "Most similar answers": f"{other} ({similarity:.2f})" if other else "",
    }  # fmt: skip
    return [f"<p>{name}: {_text(value)}.</p>" for name, value in facts.items() if value]


def _training(grade: Grade) -> list[str]:
    run = grade.submission.run if grade.submission else {}
    if not run:
        return ["<h2>Training</h2><p>No run was handed in.</p>"]
    known = {
        key: run.get(key)
        for key in ("name", "data", "steps", "distance", "floor", "diagnosis", "history_sha256")
    }
    rows = "".join(f"<tr><td>{key}</td><td>{_text(value)}</td></tr>" for key, value in known.items())
    picture = ""
    if isinstance(run.get("grid"), bytes):
        data = base64.b64encode(run["grid"]).decode()
        picture = f"<img alt='Faces of the last step' src='data:image/png;base64,{data}'>"
    return [f"<h2>Training</h2><table>{rows}</table>{picture}"]


def _written(grade: Grade) -> list[str]:
    record = grade.submission.record if grade.submission else {}
    if not record.get("written"):
        return ["<h2>Written answers</h2><p>None were handed in.</p>"]
    return ["<h2>Written answers</h2>", body(record, rubric=True)]


def _text(value: object) -> str:
    return html.escape("" if value is None else str(value))
