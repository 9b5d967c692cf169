"""Grades one submission in the autograder of Gradescope or Classroom 50.

    python -m facegan.course.grading.platforms gradescope SUBMISSION_FOLDER RESULTS.json
    python -m facegan.course.grading.platforms classroom50 REPOSITORY_FOLDER RESULT.json

Formats: https://gradescope-autograders.readthedocs.io/en/latest/specs/ and the wiki of foundation50/classroom50,
"Advanced Autograding" (schema classroom50/result/v1).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from facegan.course.catalog import exercises
from facegan.course.grading.pool import Grade, grade
from facegan.course.grading.tables import scope
from facegan.errors import DataError


def one(folder: Path) -> Grade:
    """Return the grade of the student whose files are in the folder; it has no results if there are no files."""
    try:
        grades = grade(folder)
    except DataError as error:
        return Grade("student", {}, str(error))
    merged = Grade("student", trouble="; ".join(filter(None, (each.trouble for each in grades))))
    for each in grades:
        merged.results.update(each.results)
        merged.absent.update(each.absent)
    merged.absent = {name: why for name, why in merged.absent.items() if name not in merged.results}
    return merged


def gradescope(found: Grade, notebooks: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the contents of Gradescope's results.json.

    Args:
        found: the student's grade.
        notebooks: numbers of the notebooks to include; if empty, all that were handed in.
    """
    table, tests = exercises(), []
    for name in _names(found, notebooks):
        status, said = _result(found, name)
        tests.append({
            "name": name, "number": str(table[name].notebook), "score": found.points([name]), "max_score": 1,
            "status": "passed" if status.startswith("right") else "failed", "output": f"{status}: {said}",
            "output_format": "text", "visibility": "visible",
        })  # fmt: skip
    return {"tests": tests, "output": found.trouble or "All notebooks were graded.", "output_format": "text"}


def classroom50(
    found: Grade, environment: Mapping[str, str], notebooks: tuple[int, ...] = ()
) -> dict[str, Any]:
    """Return the contents of Classroom 50's result.json.

    Args:
        found: the student's grade.
        environment: environment variables of Classroom 50's runner.
        notebooks: numbers of the notebooks to include; if empty, all that were handed in.
    """
    names = _names(found, notebooks)
    tests = [
        {
            "test-name": name,
            "passed": bool(found.points([name])),
            "score": found.points([name]),
            "max-score": 1,
        }
        for name in names
    ]
    commit = environment.get("COMMIT_URL", "")
    return {
        "schema": "classroom50/result/v1", "classroom": environment.get("CLASSROOM", ""),
        "assignment": environment.get("ASSIGNMENT", ""),
        "assignment_type": environment.get("ASSIGNMENT_TYPE") or "individual",
        "owner": environment.get("OWNER") or environment.get("USERNAME", ""),
        "submission": environment.get("SUBMISSION_TAG", ""), "commit": commit,
        "release": environment.get("RELEASE_URL", ""), "review": environment.get("REVIEW_URL") or commit,
        "datetime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "score": found.points(names), "max-score": len(names), "tests": tests,
    }  # fmt: skip


def release_body(found: Grade, notebooks: tuple[int, ...] = ()) -> str:
    """Return the Markdown that Classroom 50 shows with a release; see `classroom50`."""
    names = _names(found, notebooks)
    rows = ["| exercise | result | feedback |", "|---|---|---|"]
    for name in names:
        status, said = _result(found, name)
        rows.append(f"| {name} | {status} | {' '.join(said.split()).replace('|', '/')} |")
    return "\n".join([f"### {found.points(names)} of {len(names)} points", "", *rows, "", found.trouble, ""])


def _names(found: Grade, notebooks: tuple[int, ...]) -> list[str]:
    return [name for each in scope([found], notebooks).values() for name in each]


def _result(found: Grade, name: str) -> tuple[str, str]:
    return found.results.get(name, ("missing", found.absent.get(name, found.trouble)))


def main(kind: str, folder: Path, out: Path, notebooks: tuple[int, ...]) -> None:
    """Grade the folder and write the platform's file.

    Args:
        kind: 'gradescope' or 'classroom50'.
        folder: the student's files.
        out: file to write.
        notebooks: numbers of the notebooks to include; if empty, all that were handed in.
    """
    found = one(folder)
    if kind == "gradescope":
        result = gradescope(found, notebooks)
    else:
        result = classroom50(found, os.environ, notebooks)
        (out.parent / "release-body.md").write_text(release_body(found, notebooks), encoding="utf-8")
        if actions := os.environ.get("GITHUB_OUTPUT"):
            with Path(actions).open("a", encoding="utf-8") as file:
                file.write(f"status=success\nsummary={result['score']}/{result['max-score']}\n")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), tuple(map(int, sys.argv[4:])))
