"""`facegan grade` and `facegan autograder`."""

import csv
import zipfile

import pytest
from helpers.made_up_class import RIGHT, notebook

from facegan.cli import grade
from facegan.course import grading
from facegan.course.grading import dry_run
from facegan.course.grading.submissions import Submission
from facegan.errors import ConfigError


@pytest.fixture
def graded(monkeypatch, place):
    """Grading without processes: one student, whatever is in the folder; what `grade` was called with."""
    (place / "submissions").mkdir(exist_ok=True)
    seen = {}
    ada = grading.Grade("ada", {"scale": ("right", "")}, submission=Submission("ada"))
    monkeypatch.setattr(grading, "collect", lambda folder: [])
    monkeypatch.setattr(grading, "grade_all", lambda found, **options: seen.update(options) or [ada])
    monkeypatch.setattr(dry_run, "dry_run", lambda **_: "dry run: fine")
    return seen


def test_grade_writes_a_table_a_summary_and_a_page_for_each(facegan, place, graded):
    done = facegan("grade", "submissions", "--out", "grades.csv", "--limit", 7, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == "dry run: fine"
    assert "ada                              1 of 4" in done.stdout
    assert (graded["limit"], graded["cell_limit"], graded["jobs"]) == (7, 90, 2)
    (row,) = csv.DictReader((place / "grades.csv").open())
    assert (row["student"], row["scale"]) == ("ada", "right")
    assert {path.name for path in (place / "grades").iterdir()} == {"summary.md", "summary.png", "students"}


def test_the_roster_decides_the_rows(facegan, place, graded):
    (place / "students.csv").write_text("name,email\nAda,ada@x.edu\nZoe,zoe@x.edu\n")
    done = facegan("grade", ".", "--roster", "students.csv")
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in csv.DictReader((place / "grades.csv").open())] == ["Ada", "Zoe"]
    assert "- Zoe" in (place / "grades" / "summary.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "xls"], "no format is called 'xls'; choose one of csv, canvas, moodle, gradescope"),
        (["--notebooks", "1,9"], "there is no notebook 9"),
        (["--notebooks", "one"], "Use numbers"),
        (["--due", "tomorrow"], "is not a time"),
        (["--roster", "nowhere.csv"], "the roster nowhere.csv cannot be read"),
        (["--out", "submissions"], "--out submissions is a folder"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(facegan, graded, arguments, said):
    done = facegan("grade", ".", *arguments)
    assert (done.returncode, graded) == (1, {})
    assert said in done.stderr


def test_a_folder_that_is_none_is_refused_before_anything_runs(facegan, graded):
    done = facegan("grade", "nowhere")
    assert (done.returncode, graded) == (1, {})
    assert "nowhere is not a folder" in done.stderr


@pytest.mark.parametrize("format", ["canvas", "moodle", "gradescope"])
def test_formats_of_platforms_are_written(facegan, place, graded, format):
    assert facegan("grade", ".", "--format", format).returncode == 0
    assert "1" in next(csv.DictReader((place / "grades.csv").open())).values()


def test_a_folder_without_notebooks_is_refused(facegan, place):
    done = facegan("grade", ".")
    assert done.returncode == 1
    assert "no notebook" in done.stderr


@pytest.mark.slow
def test_files_saved_after_the_time_are_late(facegan, place):
    (place / "in").mkdir()
    (place / "in" / "ada.ipynb").write_bytes(notebook(RIGHT))
    done = facegan("grade", "in", "--due", "2020-01-01 12:00")
    assert done.returncode == 0, done.stderr
    assert next(csv.DictReader((place / "grades.csv").open()))["late"] == "late"


def test_grading_without_its_packages_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(grade, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install nbformat"):
        grade.grade(tmp_path, tmp_path / "made" / "grades.csv")
    assert not (tmp_path / "made").exists()


def test_an_autograder_for_an_unknown_platform_is_refused(facegan):
    done = facegan("autograder", "--for", "moodle")
    assert done.returncode == 1
    assert "there are gradescope and classroom50" in done.stderr


@pytest.mark.slow
def test_an_autograder_is_a_zip_with_its_scripts(facegan, place):
    assert facegan("autograder", "--for", "gradescope").returncode == 0
    with zipfile.ZipFile(place / "autograder.zip") as archive:
        assert {"setup.sh", "run_autograder", "requirements.txt", "facegan/version.py"} <= {
            *archive.namelist()
        }
