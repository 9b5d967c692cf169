"""Reads a list of students from CSV and matches it with submissions."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facegan.course.grading.pool import Grade
from facegan.errors import DataError

_WHO = re.compile(
    r"(?i)^(student|name|full ?name|first ?name|last ?name|surname|e-?mail( address)?|sid|id|id number|identifier|"
    r"user ?name|github ?user ?name|login|student id|sis user id|sis login id)$"
)
_NOBODY = {"", "Points Possible", "Student, Test"}  # rows of a Canvas gradebook that are not students


@dataclass
class Row:
    """A row of a roster.

    Attributes:
        columns: the row's values by column.
        grade: the student's grade; None if nothing was handed in.
    """

    columns: dict[str, str]
    grade: Grade | None = None

    @property
    def is_student(self) -> bool:
        """Whether the row is a student, not a row that Canvas adds to a gradebook."""
        return self.columns.get("Student", "somebody").strip() not in _NOBODY


def read(path: Path) -> list[Row]:
    """Read the rows of a roster from a CSV file in UTF-8 or UTF-16.

    Raises:
        DataError: the file cannot be read, has no rows, or has no column that identifies students.
    """
    try:
        text = _decoded(path.read_bytes()).removeprefix("sep=;").lstrip("\r\n")
        first = text.partition("\n")[0]
        mark = max(",;\t", key=first.count)
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark)
        rows = [{k.strip(): v or "" for k, v in row.items() if k} for row in table]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"the roster {path} cannot be read: {error}. Save it as CSV in UTF-8.") from None
    if not rows:
        raise DataError(
            f"the roster {path} has no rows. Its first line must name the columns; then add one line per student."
        )
    if not any(_WHO.match(_column(name)) for name in rows[0]):
        raise DataError(
            f"the roster {path} has the columns {', '.join(rows[0])}; expected one that identifies students, such "
            "as student, name, email, or id."
        )
    return [Row(row) for row in rows]


def _decoded(raw: bytes) -> str:
    """Decode text in UTF-8, or in UTF-16, which Excel uses for 'Unicode text'."""
    return raw.decode("utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")


def merge(rows: Iterable[Row], grades: Sequence[Grade]) -> list[Grade]:
    """Assign grades to the rows of the roster; return the grades of students who are not in it.

    A name that several students share is ignored. A platform's name for a student has priority over the name in the
    student's file.
    """
    known: dict[str, list[Row]] = {}
    for row in rows:
        for key in _keys_of(row.columns) if row.is_student else ():
            known.setdefault(key, []).append(row)
    alone = {key: found[0] for key, found in known.items() if len(found) == 1}
    prefix = _assignment([grade.student for grade in grades])
    left = _give(alone, grades, lambda grade: sorted(grade.submission.ids) if grade.submission else [])
    left = _give(alone, left, lambda grade: [grade.student, grade.student.removeprefix(prefix)])
    for grade in grades:
        for ids in grade.submission.partners if grade.submission else ():
            partner = _first(alone, sorted(ids))
            if partner is not None and partner.grade is None:
                partner.grade = grade
    return left


def _give(known: dict[str, Row], grades: Iterable[Grade], names: Callable[[Grade], list[str]]) -> list[Grade]:
    """Assign grades to the rows that their names match; return the other grades."""
    left = []
    for grade in grades:
        row = _first(known, names(grade))
        if row is None or row.grade is not None:
            left.append(grade)
        else:
            row.grade = grade
    return left


def _first(known: dict[str, Row], names: Iterable[str]) -> Row | None:
    return next((known[key] for name in names if (key := _plain(name)) in known), None)


def _assignment(names: Sequence[str]) -> str:
    """The prefix of repositories of GitHub Classroom: 'gan-' for gan-ada and gan-bob; empty if they differ."""
    first, last = min(names, default=""), max(names, default="")
    shared = next((first[:i] for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), "")
    return shared[: shared.rfind("-") + 1]


def _column(name: str) -> str:
    return name.strip().replace("_", " ")


def _keys_of(columns: dict[str, str]) -> set[str]:
    """The possible names of a student: each column, an email's local part, and both orders of first and last name."""
    who = {
        _column(name).lower(): value.strip() for name, value in columns.items() if _WHO.match(_column(name))
    }
    first, last = who.get("first name", ""), who.get("last name", who.get("surname", ""))
    found = {*who.values(), first + last, last + first}
    for value in list(found):
        found.add(value.partition("@")[0])
        family, comma, given = value.partition(",")  # Doe, Jane
        found |= {given + family} if comma else {"".join(reversed(value.split(" ", 1)))}
    found -= {first, last} if first and last else set()
    found |= {number for value in who.values() for number in re.findall(r"^Participant (\d+)$", value)}
    return {_plain(value) for value in found} - {""}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", name.casefold()))
