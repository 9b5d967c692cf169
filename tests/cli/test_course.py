"""`facegan grade`."""

import csv

from facegan.course import grading


def test_grade_writes_a_table_and_prints_a_line_for_each(facegan, place, monkeypatch):
    grade = grading.Grade("ada", {"scale": ("right", "")}, "")
    seen = {}
    monkeypatch.setattr(grading, "grade", lambda folder, **limits: seen.update(limits) or [grade])
    done = facegan("grade", "submissions", "--out", "grades.csv", "--limit", 7)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ada", "1", "right", "grades.csv"]
    assert seen == {"limit": 7, "cell_limit": 90}
    (row,) = csv.DictReader((place / "grades.csv").open())
    assert (row["student"], row["scale"]) == ("ada", "right")


def test_a_folder_without_notebooks_is_refused(facegan, place):
    done = facegan("grade", ".")
    assert done.returncode == 1
    assert "no notebook" in done.stderr
