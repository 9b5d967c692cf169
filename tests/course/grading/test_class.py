"""The made-up class of 30 is graded once; each test looks at one student or one table."""

import csv

import pytest
from filelock import FileLock
from helpers.made_up_class import CLASS, make

from facegan.course.grading import grade, sandbox, similarity, summary, write_csv

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("class")


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    shared = tmp_path_factory.getbasetemp().parent / "made-up-class"  # of all processes that run tests
    with FileLock(f"{shared}.lock"):
        found = grade(make(shared / "in"), jobs=2, cell_limit=40, cache=shared / "cache")
    similarity.compare(found)
    return {each.student: each for each in found}


@pytest.fixture(scope="module")
def rows(grades, place):
    write_csv(list(grades.values()), place / "grades.csv")
    return {row["student"]: row for row in csv.DictReader((place / "grades.csv").open(encoding="utf-8"))}


def test_every_student_has_one_row(rows):
    assert len(rows) == 30 == len(CLASS) - 2  # pam has two notebooks, rosa two versions


@pytest.mark.parametrize(
    ("student", "points"),
    [
        ("ada", 4), ("bob", 0), ("cleo", 2), ("eve", 3), ("fay", 4), ("ivy", 3), ("oli", 4), ("pam", 9), ("nia", 27),
        ("quinnlee", 4), ("rosa", 4), ("Sam Moss", 4), ("submission_14", 4), ("amy", 2), ("ben", 1), ("cal", 1),
        ("Zoë Ünal", 0), ("hal", 0), ("uma", 0), ("vic", 4),
    ],
)  # fmt: skip
def test_points(rows, student, points):
    assert int(rows[student]["points"]) == points


@pytest.mark.parametrize(
    ("student", "exercise", "said"),
    [
        ("dan", "unscale", "its process ended"),
        ("gus", "unscale", "still running"),
        ("ivy", "unscale", "SyntaxError"),
        ("jon", "scale", "uint8"),
        ("kim", "scale", "replaces facegan.course.checks"),
        ("zoe", "scale", "is not allowed"),
        ("lea", "scale", "facegan.images.to_float"),
        ("max", "scale", "endlessly"),
        ("wes", "scale", "exit()"),
        ("xena", "scale", "memory"),
        ("yan", "scale", "URLError"),
    ],
)
def test_trouble_costs_one_exercise_and_is_named(grades, student, exercise, said):
    status, feedback = grades[student].results[exercise]
    assert (status, said in feedback) == ("wrong", True), feedback
    assert "right" in {status for status, _ in grades[student].results.values()} or student in {"jon", "max"}


def test_what_comes_after_a_killed_process_is_graded(grades):
    assert grades["dan"].results["center_crop"][0] == "right"


def test_a_function_without_decorator_is_noticed(grades):
    assert '@fg.exercise("scale")' in grades["ben"].absent["scale"]


def test_each_missing_notebook_is_a_reason(rows):
    assert "notebook 5 was not handed in" in rows["pam"]["feedback"]


def test_points_of_a_notebook_are_out_of_what_it_has(rows):
    assert rows["pam"]["notebook 2 (of 5)"] == "5"


def test_a_late_file_and_an_older_version_are_listed(rows):
    assert rows["quinnlee"]["late"] == "late"
    assert rows["rosa"]["replaced files"] == "rosa_12_901_01_data.ipynb"


def test_hints_and_solutions_seen_are_facts(rows):
    assert (rows["nia"]["hints"], rows["nia"]["solutions seen"]) == ("slerp 2", "generator")


def test_a_copy_with_other_names_is_similar(rows):
    assert rows["vic"]["most similar to"] == "eve"
    assert float(rows["vic"]["similarity"]) > 0.9


def test_files_that_cannot_be_read_are_trouble_of_their_student(rows):
    assert "hal.ipynb" in rows["hal"]["trouble"]
    assert "uma.zip" in rows["uma"]["trouble"]


def test_the_summary_shows_how_many_fail(grades, place):
    text = summary.markdown(list(grades.values()), [])
    assert summary.counts(list(grades.values()), "generator")["right"] == 2
    assert "| scale | " in text
    summary.draw(list(grades.values()), place / "class.png")
    assert (place / "class.png").stat().st_size > 10_000


@pytest.mark.skipif(sandbox.kind() == "", reason="needs bubblewrap or unshare")
def test_students_code_has_no_network(grades):
    assert (
        "refused" in grades["yan"].results["scale"][1] or "unreachable" in grades["yan"].results["scale"][1]
    )
