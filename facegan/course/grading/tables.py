"""Writes grades as CSV, in a general format or for learning platforms, with one row per student."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from facegan.course.catalog import exercises
from facegan.course.grading.pool import Grade
from facegan.course.grading.roster import Row
from facegan.errors import ConfigError, printable

NOTHING = "nothing was handed in"


def scope(grades: Sequence[Grade], notebooks: Sequence[int] = ()) -> dict[int, list[str]]:
    """Return the graded exercises by notebook: those of `notebooks`, or of all submitted notebooks if it is empty."""
    table = exercises()
    wanted = set(notebooks) or {table[name].notebook for g in grades for name in g.results}
    wanted = wanted or {found.notebook for found in table.values()}
    return {
        number: [name for name, found in table.items() if found.notebook == number]
        for number in sorted(wanted)
    }


def feedback(grade: Grade | None, names: Sequence[str]) -> str:
    """Return the feedback for a student: on answers that are not right, and reasons for missing ones."""
    if grade is None:
        return NOTHING
    said = [f"{n}: {grade.results[n][1]}" for n in names if grade.results.get(n, ("right",))[0] != "right"]
    absent = {n: grade.absent[n] for n in names if n in grade.absent}
    whole = list(dict.fromkeys(reason for reason in absent.values() if reason.endswith("was not handed in.")))
    others = [f"{n}: {reason}" for n, reason in absent.items() if reason not in whole]
    return "; ".join(each.removesuffix(".") for each in [*said, *others, *whole])


def write_csv(
    grades: Sequence[Grade], out: Path, *, notebooks: Sequence[int] = (), roster: Sequence[Row] = ()
) -> None:
    """Write one row per student: points in total and per notebook, each exercise, feedback, and facts about the work.

    Args:
        grades: grades of all students.
        out: file to write.
        notebooks: numbers of the notebooks to include; if empty, all that anyone handed in.
        roster: rows with grades from `roster.merge`. Its columns come first, and students without a submission also get
            a row.
    """
    counted = scope(grades, notebooks)
    names = [name for each in counted.values() for name in each]
    listed = [(row.columns, row.grade) for row in roster if row.is_student]
    inside = {id(grade) for _, grade in listed}
    listed += [({}, grade) for grade in grades if id(grade) not in inside]
    of_roster = list(
        dict.fromkeys(column for columns, _ in listed for column in columns if column != "student")
    )
    parts = [f"notebook {number} (of {len(each)})" for number, each in counted.items()]
    header = ["student", *of_roster, "points", "of", *parts, *names, "feedback", "trouble", *_FACTS]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for columns, g in listed:
            student = columns.get("student") or (g.student if g else "")
            row = [student, *(columns.get(c, "") for c in of_roster), g.points(names) if g else 0, len(names)]
            row += [g.points(each) if g else 0 for each in counted.values()]
            row += [g.results.get(n, ("absent",))[0] if g else "absent" for n in names]
            row += [
                feedback(g, names),
                g.trouble if g else NOTHING,
                *(_facts(g) if g else [""] * len(_FACTS)),
            ]
            writer.writerow(map(_safe, row))


_FACTS = (
    "late", "saved", "replaced files", "hints", "solutions seen", "written answers", "steps trained", "distance",
    "diagnosis", "similarity", "most similar to",
)  # fmt: skip


def _facts(grade: Grade) -> list:
    submission = grade.submission
    if submission is None:
        return [""] * len(_FACTS)
    record, run = submission.record, submission.run
    saved = submission.saved.astimezone().strftime("%Y-%m-%d %H:%M") if submission.saved else ""
    hints = ", ".join(f"{name} {count}" for name, count in record.get("hints", {}).items())
    similarity, other = grade.similar
    facts = [
        "late" if submission.late else "", saved, ", ".join(submission.replaced), hints,
        ", ".join(record.get("reveals", {})), len(record.get("written", {})) or "", run.get("steps", ""),
        run.get("distance", ""), run.get("diagnosis", ""), f"{similarity:.2f}" if other else "", other,
    ]  # fmt: skip
    return [printable(fact) if isinstance(fact, str) else fact for fact in facts]


def write_canvas(grades: Sequence[Grade], out: Path, *, notebooks: Sequence[int] = (), roster: Sequence[Row] = (),
                 assignment: str = "facegan") -> None:  # fmt: skip
    """Write the columns that Canvas imports; see `write_csv` for the other arguments.

    Args:
        roster: rows exported from Canvas with grades from `roster.merge`; they keep their columns.
        assignment: the beginning of the name of the column with the points; if there is none, it is added.
    """
    counted = scope(grades, notebooks)
    names = [name for each in counted.values() for name in each]
    columns = (
        list(roster[0].columns) if roster else ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    )
    column = next((c for c in columns if c.casefold().startswith(assignment)), assignment)
    rows = [{**row.columns, column: _canvas_points(row, names, column)} for row in roster]
    for g in [] if roster else grades:
        number = (
            min((each for each in g.submission.ids if each.isdigit()), default="") if g.submission else ""
        )
        rows.append({"Student": g.student, "ID": number, column: g.points(names)})
    _write(out, list(dict.fromkeys([*columns, column])), rows)


def _canvas_points(row: Row, names: Sequence[str], column: str) -> object:
    if row.columns.get("Student", "").strip() == "Points Possible":
        return len(names)
    if not row.is_student:
        return row.columns.get(column, "")
    return row.grade.points(names) if row.grade else 0


def write_moodle(
    grades: Sequence[Grade], out: Path, *, notebooks: Sequence[int] = (), roster: Sequence[Row] = ()
) -> None:
    """Write Moodle's offline grading worksheet; see `write_csv`. A roster that is a worksheet keeps its columns."""
    names = [name for each in scope(grades, notebooks).values() for name in each]
    usual = [
        "Identifier",
        "Full name",
        "Email address",
        "Status",
        "Grade",
        "Maximum Grade",
        "Feedback comments",
    ]
    columns = list(dict.fromkeys([*(roster[0].columns if roster else usual), *usual[4:]]))
    listed = [(row.columns, row.grade) for row in roster]
    listed += [] if roster else [(_moodle_names(grade), grade) for grade in grades]
    _write(out, columns, [
        {**known, "Grade": g.points(names) if g else 0, "Maximum Grade": len(names),
         "Feedback comments": feedback(g, names)}
        for known, g in listed
    ])  # fmt: skip


def _moodle_names(grade: Grade) -> dict[str, str]:
    number = (
        min((each for each in grade.submission.ids if each.isdigit()), default="") if grade.submission else ""
    )
    return {"Identifier": f"Participant {number}" if number else "", "Full name": grade.student}


def write_gradescope(
    grades: Sequence[Grade], out: Path, *, notebooks: Sequence[int] = (), roster: Sequence[Row] = ()
) -> None:
    """Write the columns of Gradescope's own table of grades; see `write_csv`."""
    names = [name for each in scope(grades, notebooks).values() for name in each]
    listed = [(row.columns, row.grade) for row in roster]
    listed += [] if roster else [({}, grade) for grade in grades]
    rows = []
    for known, g in listed:
        known = {name.strip().lower(): value for name, value in known.items()}
        first, _, last = (known.get("name") or known.get("student") or (g.student if g else "")).partition(
            " "
        )
        email = next((value for name, value in known.items() if "mail" in name), "")
        rows.append({
            "First Name": known.get("first name", first), "Last Name": known.get("last name", last),
            "SID": known.get("sid", known.get("id", "")), "Email": email,
            "Total Score": g.points(names) if g else "", "Max Points": len(names),
            "Status": "Graded" if g else "Missing",
            "Lateness": "late" if g and g.submission and g.submission.late else "",
        })  # fmt: skip
    _write(out, list(rows[0]) if rows else ["Email"], rows)


def _write(out: Path, columns: list[str], rows: Sequence[dict]) -> None:
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_safe(row.get(column, "")) for column in columns] for row in rows)


def _safe(value: object) -> object:
    """A value that a spreadsheet does not interpret as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


WRITERS: dict[str, Callable[..., None]] = {
    "csv": write_csv,
    "canvas": write_canvas,
    "moodle": write_moodle,
    "gradescope": write_gradescope,
}


def writer(name: str) -> Callable[..., None]:
    """Return the function that writes a format: csv, canvas, moodle, or gradescope.

    Raises:
        ConfigError: there is no such format.
    """
    if name not in WRITERS:
        raise ConfigError(f"no format is called {name!r}; choose one of {', '.join(WRITERS)}.")
    return WRITERS[name]
