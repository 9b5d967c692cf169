"""A list of students: CSV as a learning platform exports it, matched with submissions by name, email or id."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from facegan.course.grading.pool import Grade
from facegan.errors import DataError

_WHO = re.compile(
    r"(?i)^(student|name|full ?name|first ?name|last ?name|surname|e-?mail( address)?|sid|id|id number|identifier|"
    r"user ?name|login|student id|sis user id|sis login id)$"
)


@dataclass
class Row:
    """One line of a roster: its columns, and the grade of the student; None if nothing was handed in."""

    columns: dict[str, str]
    grade: Grade | None = None


def read(path: Path) -> list[Row]:
    """The rows of a roster.

    Raises:
        DataError: the file cannot be read, has no rows, or no column that says who a student is.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [{k: v or "" for k, v in row.items() if k} for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the roster {path} cannot be read: {error}. Save it as CSV in UTF-8.") from None
    if not rows:
        raise DataError(
            f"the roster {path} has no rows. Its first line names the columns, then one line per student."
        )
    if not any(_WHO.match(name.strip()) for name in rows[0]):
        raise DataError(
            f"the roster {path} has the columns {', '.join(rows[0])}; expected one that says who a student is, such "
            "as student, name, email or id."
        )
    return [Row(row) for row in rows]


def merge(rows: Iterable[Row], grades: Iterable[Grade]) -> list[Grade]:
    """Give each row of the roster its grade; return the grades of students that are not in it."""
    known: dict[str, Row] = {}
    for row in rows:
        for key in _keys_of(row.columns):
            known.setdefault(key, row)
    strangers = []
    for grade in grades:
        ids = {grade.student, *(grade.submission.ids if grade.submission else ())}
        found = next((known[key] for each in sorted(ids) if (key := _plain(each)) in known), None)
        if found is None or found.grade is not None:
            strangers.append(grade)
        else:
            found.grade = grade
    return strangers


def _keys_of(columns: dict[str, str]) -> set[str]:
    """What a student may be called: each column, an email's local part, first and last name in both orders."""
    who = {name.strip().lower(): value.strip() for name, value in columns.items() if _WHO.match(name.strip())}
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
    return re.sub(r"[\W_]+", "", name.casefold())
