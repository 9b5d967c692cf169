"""`facegan course` and `facegan grade`."""

import csv

import pytest

from facegan.cli import course
from facegan.course import grading
from facegan.course.copies import notebooks
from facegan.errors import ConfigError


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


def test_course_copies_the_notebooks_and_says_how_to_open_them(facegan, tmp_path):
    done = facegan("course", tmp_path / "my lessons")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in sorted((tmp_path / "my lessons").iterdir())] == [p.name for p in notebooks()]
    assert done.stdout.count("copied") == 6
    assert f'jupyter lab "{tmp_path / "my lessons"}"' in done.stdout


def test_course_keeps_a_students_file_and_names_it(facegan, tmp_path):
    facegan("course", tmp_path)
    (tmp_path / "01_data.ipynb").write_text("mine")
    (tmp_path / "02_architecture.ipynb").unlink()
    done = facegan("course", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "01_data.ipynb").read_text() == "mine"
    assert f"kept {tmp_path / '01_data.ipynb'}" in done.stdout
    assert "rename yours, or name another folder" in done.stdout
    assert f"copied {tmp_path / '02_architecture.ipynb'}" in done.stdout


def test_course_into_a_file_is_refused(facegan, tmp_path):
    (tmp_path / "lessons").write_text("mine")
    done = facegan("course", tmp_path / "lessons")
    assert done.returncode == 1
    assert "is a file, expected a folder" in done.stderr


def test_grading_without_its_extra_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(course, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'facegan\[grade\]'"):
        course.grade(tmp_path, tmp_path / "made" / "grades.csv")
    assert not (tmp_path / "made").exists()


def test_a_course_folder_without_a_name_is_refused(facegan):
    done = facegan("course", "")
    assert done.returncode == 1
    assert "name is empty" in done.stderr
