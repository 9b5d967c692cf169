"""Tables of grades, as CSV and as learning platforms import them, with and without a roster."""

import csv

import pytest

from facegan.course.grading import report, roster, tables
from facegan.course.grading.pool import Grade
from facegan.course.grading.submissions import Submission
from facegan.errors import DataError

ADA = Grade("ada", {"scale": ("right", "right."), "unscale": ("right, but", "right, but slow")}, "",
            {"center_crop": "its cell is not in notebook 1.", "slerp": "notebook 4 was not handed in."},
            Submission("ada", {"11"}))  # fmt: skip
BOB = Grade("=bob", {"scale": ("wrong", "the sign is turned")}, "stopped after 900 seconds")


def table(writer, path, grades=(ADA, BOB), students="", **options):
    rows = []
    if students:
        (path / "students.csv").write_text(students, encoding="utf-8")
        rows = roster.read(path / "students.csv")
        roster.merge(rows, grades)
    writer(list(grades), path / "out.csv", roster=rows, **options)
    return list(csv.DictReader((path / "out.csv").open(encoding="utf-8")))


def test_right_but_counts_and_is_shown(tmp_path):
    ada, _ = table(tables.write_csv, tmp_path)
    assert (ada["points"], ada["of"], ada["unscale"]) == ("2", "4", "right, but")
    assert "unscale: right, but slow" in ada["feedback"]


def test_everything_missing_has_a_reason(tmp_path):
    ada, _ = table(tables.write_csv, tmp_path, notebooks=[1, 4])
    assert "center_crop: its cell is not in notebook 1;" in ada["feedback"]
    assert ada["feedback"].count("notebook 4 was not handed in") == 1


def test_notebooks_that_count_can_be_named(tmp_path):
    ada, _ = table(tables.write_csv, tmp_path, notebooks=[1, 4])
    assert ada["of"] == "7"
    assert (ada["notebook 1 (of 4)"], ada["notebook 4 (of 3)"]) == ("2", "0")


@pytest.mark.parametrize("name", ["+bob", "-bob", "@bob", "\tbob", "\rbob"])
def test_a_spreadsheet_sees_no_other_formula(name, tmp_path):
    tables.write_csv([Grade(name)], tmp_path / "out.csv")
    assert f"'{name}" in (tmp_path / "out.csv").read_bytes().decode()


def test_a_spreadsheet_does_not_see_a_formula(tmp_path):
    _, bob = table(tables.write_csv, tmp_path)
    assert bob["student"] == "'=bob"


@pytest.mark.parametrize(
    "students",
    [
        "name,email\nAda L,ada@x.edu\nCleo,cleo@x.edu\n",
        "Student,ID,SIS Login ID\nAda L,11,al\nCleo,12,cl\n",
        "First Name,Last Name,SID\nX,Y,ADA\nCleo,C,2\n",
        "student\nada\ncleo\n",
        "Identifier,Full name\nParticipant 11,Ada L\nParticipant 12,Cleo\n",
    ],
)
def test_a_roster_is_matched_by_any_name_and_lists_those_without_a_submission(tmp_path, students):
    rows = table(tables.write_csv, tmp_path, [ADA], students)
    assert [row["points"] for row in rows] == ["2", "0"]
    assert rows[1]["feedback"] == "nothing was handed in"


@pytest.mark.parametrize("who", ["doejane", "Jane Doe", "doe_jane", "jane.doe@x.edu"])
@pytest.mark.parametrize(
    "students", ['Student\n"Doe, Jane"\n', "First Name,Last Name\nJane,Doe\n", "name\nJane Doe\n"]
)
def test_first_and_last_name_match_in_both_orders(tmp_path, who, students):
    (tmp_path / "s.csv").write_text(students)
    rows = roster.read(tmp_path / "s.csv")
    assert roster.merge(rows, [Grade(who.partition("@")[0])]) == []


def test_a_student_who_is_not_in_the_roster_gets_a_row_and_is_returned(tmp_path):
    (tmp_path / "s.csv").write_text("student\nada\n")
    rows = roster.read(tmp_path / "s.csv")
    assert roster.merge(rows, [ADA, BOB]) == [BOB]
    tables.write_csv([ADA, BOB], tmp_path / "out.csv", roster=rows)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3


def test_two_submissions_for_one_row_are_not_mixed_up(tmp_path):
    (tmp_path / "s.csv").write_text("student,id\nada,11\n")
    other = Grade("ADA")
    assert roster.merge(roster.read(tmp_path / "s.csv"), [ADA, other]) == [other]


@pytest.mark.parametrize(("text", "said"), [("", "no rows"), ("a,b\n1,2\n", "identifies students")])
def test_a_roster_without_students_is_refused(tmp_path, text, said):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        roster.read(tmp_path / "s.csv")


def test_canvas_without_a_roster(tmp_path):
    ada, _ = table(tables.write_canvas, tmp_path)
    assert list(ada) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "facegan"]
    assert (ada["Student"], ada["ID"], ada["facegan"]) == ("ada", "11", "2")


def test_canvas_export_keeps_its_rows_and_columns(tmp_path):
    export = "Student,ID,Section,facegan (77)\n    Points Possible,,,10\nX,11,A,\nY,12,A,5\n"
    rows = table(tables.write_canvas, tmp_path, [ADA], export)
    assert list(rows[0]) == ["Student", "ID", "Section", "facegan (77)"]
    assert [row["facegan (77)"] for row in rows] == ["4", "2", "0"]


def test_moodle_worksheet_keeps_its_rows_and_gets_grade_and_feedback(tmp_path):
    sheet = (
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade\nParticipant 11,A,a@x,Submitted,,100\n"
    )
    (ada,) = table(tables.write_moodle, tmp_path, [ADA], sheet)
    assert (ada["Identifier"], ada["Grade"], ada["Maximum Grade"]) == ("Participant 11", "2", "4")
    assert "right, but slow" in ada["Feedback comments"]


def test_gradescope_has_its_columns(tmp_path):
    (ada,) = table(tables.write_gradescope, tmp_path, [ADA])
    assert (ada["First Name"], ada["Total Score"], ada["Max Points"], ada["Status"]) == (
        "ada",
        "2",
        "4",
        "Graded",
    )


def merged(path, students, *grades, encoding="utf-8"):
    (path / "students.csv").write_text(students, encoding=encoding)
    rows = roster.read(path / "students.csv")
    left = roster.merge(rows, grades)
    return [row.grade and row.grade.student for row in rows], [grade.student for grade in left]


def test_a_name_of_two_students_names_nobody(tmp_path):
    found = merged(tmp_path, "name,email\nJane Doe,a@x\nJane Doe,b@x\n", Grade("Jane Doe"), Grade("b"))
    assert found == ([None, "b"], ["Jane Doe"])


def test_what_a_platform_says_comes_before_what_the_file_says(tmp_path):
    eve = Grade("bob", submission=Submission("bob", {"12", "eve"}))
    bob = Grade("bob (11)", submission=Submission("bob (11)", {"11", "bob"}))
    assert merged(tmp_path, "name\neve\nbob\n", eve, bob) == (["bob", "bob (11)"], [])


def test_partners_of_a_group_get_its_grade(tmp_path):
    both = Grade("Jane and Bo", submission=Submission("Jane and Bo", {"123"}, partners=[{"124"}]))
    assert merged(tmp_path, "sid\n123\n124\n", both) == (["Jane and Bo", "Jane and Bo"], [])


def test_repositories_of_an_assignment_are_matched(tmp_path):
    found = merged(tmp_path, "github_username\nada-l\nbob\n", Grade("gan-ada-l"), Grade("gan-bob"))
    assert found == (["gan-ada-l", "gan-bob"], [])


@pytest.mark.parametrize(
    "text", ["name;email\nZoë;z@x\n", "sep=;\nname;email\nZoë;z@x\n", "name\tx\nZoë\t1\n"]
)
def test_rosters_as_excel_saves_them(tmp_path, text):
    assert merged(tmp_path, text, Grade("Zoe\u0308"), encoding="utf-16") == (["Zoe\u0308"], [])


def test_lines_of_canvas_that_are_no_students_stay_as_they_are(tmp_path):
    students = (
        'Student,ID,Facegan (9)\n,,Manual Posting\n    Points Possible,,27\n"Student, Test",,\nAda,11,\n'
    )
    rows = table(tables.write_canvas, tmp_path, [ADA], students)
    assert [row["Facegan (9)"] for row in rows] == ["Manual Posting", "4", "", "2"]


def test_each_student_has_a_page(tmp_path):
    report.write([Grade("a/b"), Grade("a:b"), Grade("A_b")], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a_b.html", "a_b-2.html", "A_b-3.html"}
