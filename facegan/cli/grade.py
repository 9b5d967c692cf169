"""The commands `facegan grade` and `facegan autograder`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegan.errors import ConfigError, DataError

if TYPE_CHECKING:
    from facegan.course.grading.pool import Grade

Notebooks = Annotated[
    str, typer.Option(help="notebooks to grade, such as 1,2,3; default: all that were submitted")
]


def grade(
    folder: Annotated[Path, typer.Argument(help="the submissions: notebooks, zips, and folders of these")],
    out: Annotated[
        Path,
        typer.Option(help="the table to write, a .csv; reports are written to a folder of the same name"),
    ] = Path("grades.csv"),
    format: Annotated[str, typer.Option(help="csv, canvas, moodle, or gradescope")] = "csv",
    roster: Annotated[Path | None, typer.Option(help="a .csv with all students, from your platform")] = None,
    notebooks: Notebooks = "",
    due: Annotated[
        str, typer.Option(help="due time, such as '2026-12-01 23:59'; files saved later are late")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="number of students graded in parallel")] = 1,
    run_all: Annotated[
        bool, typer.Option("--run-all", help="also run all other cells, and report their errors")
    ] = False,
    limit: Annotated[float, typer.Option(help="time limit per student, in seconds")] = 900,
    cell_limit: Annotated[float, typer.Option(help="time limit per cell, in seconds")] = 90,
) -> None:
    """Grade submissions: a table, a summary of the class, and a page per student. This runs the students' code; see
    docs/instructors.md."""
    from facegan.course import grading
    from facegan.course.grading import roster as rosters
    from facegan.course.grading import sandbox, tables
    from facegan.course.grading.dry_run import dry_run

    _check_installed(run_all)
    _check_places(folder, out)
    write, counted, latest = tables.writer(format), _numbers(notebooks), _time(due)
    rows, submissions = rosters.read(roster) if roster else [], grading.collect(folder)
    place, cache = out.with_suffix(""), out.with_suffix("") / "cache"
    out.parent.mkdir(parents=True, exist_ok=True)
    print(f"{sandbox.described()}\n{dry_run(jobs=jobs, cache=cache)}")
    options: dict[str, Any] = {"limit": limit, "cell_limit": cell_limit, "run_all": run_all, "cache": cache}
    grades = grading.grade_all(submissions, jobs=jobs, hidden=[folder.resolve()], **options)
    _mark_late(grades, latest)
    strangers = rosters.merge(rows, grades) if rows else []
    _report(grades, rows, strangers, place, counted)
    write(grades, out, notebooks=counted, roster=rows)
    _print(grades, tables.scope(grades, counted).values())
    print(f"{out}\n{place / 'summary.md'}\n{place / 'students'}")


def autograder(
    platform: Annotated[str, typer.Option("--for", help="gradescope or classroom50")] = "gradescope",
    out: Annotated[Path, typer.Option(help="the zip to write")] = Path("autograder.zip"),
    notebooks: Notebooks = "",
) -> None:
    """Create the zip with which Gradescope or Classroom 50 automatically grades submissions."""
    from facegan.course.grading.autograder import make

    print(make(platform, out, notebooks=_numbers(notebooks)))


def _check_installed(run_all: bool) -> None:
    needed = ("nbformat", "nbclient", "ipykernel") if run_all else ("nbformat",)
    if missing := [name for name in needed if find_spec(name) is None]:
        raise ConfigError(f"grading needs {' and '.join(missing)}: pip install {' '.join(missing)}.")


def _check_places(folder: Path, out: Path) -> None:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Pass the folder that contains the submissions.")
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder. Use the name of a table, such as {out / 'grades.csv'}.")
    if out.with_suffix("").resolve() == folder.resolve():
        raise ConfigError(
            f"--out {out}: its reports would be written to {folder}, among the submissions. Use another name."
        )


def _print(grades: list[Grade], notebooks: Iterable[list[str]]) -> None:
    names = [name for each in notebooks for name in each]
    for one in grades:
        print(f"{one.student:<30} {one.points(names):>3} of {len(names)}  {one.trouble[:80]}".rstrip())


def _numbers(notebooks: str) -> list[int]:
    from facegan.course.catalog import exercises

    known = {found.notebook for found in exercises().values()}
    try:
        found = [int(part) for part in notebooks.split(",") if part.strip()]
    except ValueError:
        found = [0]
    if wrong := [number for number in found if number not in known]:
        raise ConfigError(
            f"--notebooks {notebooks}: there is no notebook {wrong[0]}. Use numbers, such as 1,2,3."
        )
    return found


def _time(due: str) -> datetime | None:
    if not due:
        return None
    try:
        return datetime.fromisoformat(due).astimezone()
    except ValueError:
        raise ConfigError(f"--due {due!r} is not a time. Write it as 2026-12-01 23:59.") from None


def _mark_late(grades: list[Grade], latest: datetime | None) -> None:
    for each in grades:
        if latest and each.submission and each.submission.saved:
            each.submission.late |= each.submission.saved > latest


def _report(grades: list[Grade], rows: list, strangers: list[Grade], place: Path, counted: list[int]) -> None:
    """Write the class's summary, its picture, and the students' pages."""
    from facegan.course.grading import report, similarity, summary
    from facegan.files import write_atomic

    place.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"notebooks": counted}
    pairs = similarity.compare(grades)
    summary.draw(grades, place / "summary.png", **options)
    absent = [row.columns.values() for row in rows if row.grade is None and row.is_student]
    nothing = [next(iter(filter(None, values)), "") for values in absent]
    text = summary.markdown(
        grades,
        pairs,
        picture="summary.png",
        nothing=nothing,
        strangers=[g.student for g in strangers],
        **options,
    )
    write_atomic(place / "summary.md", text.encode())
    report.write(grades, place / "students", **options)
