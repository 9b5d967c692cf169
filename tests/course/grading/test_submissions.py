"""Which student a file belongs to, and which of several versions counts."""

import os
import zipfile
from dataclasses import replace

import pytest
from helpers.made_up_class import RIGHT, SETUP, notebook, zipped

from facegan.course.grading import tables
from facegan.course.grading.pool import grade_all
from facegan.course.grading.submissions import collect
from facegan.errors import DataError

ONE = notebook(RIGHT)
OLD = notebook([SETUP, RIGHT[1]])


def put(folder, **files):
    for name, raw in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return folder


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("ada.ipynb", "ada"),
        ("ada/01_data.ipynb", "ada"),
        ("ada/week 1/deep/01_data.ipynb", "ada"),
        ("ada_01_data.ipynb", "ada"),
        ("01_data_ada.ipynb", "ada"),
        ("01_data - ada.ipynb", "ada"),
        ("ada_01_data (2).ipynb", "ada"),
        ("01_data.ipynb", "handed in"),
        ("leequinn_11_900_01_data.ipynb", "leequinn"),
        ("leequinn_LATE_11_900_01_data-1.ipynb", "leequinn"),
        ("Sam Moss_13_assignsubmission_file/01_data.ipynb", "Sam Moss"),
        ("Sam Moss_13_assignsubmission_file_01_data.ipynb", "Sam Moss"),
        ("submission_14/01_data.ipynb", "submission_14"),
        ("Zoë/01_data.ipynb", "Zoë"),
        ("Copy of 01_data.ipynb", "handed in"),
        ("ada_Copy of 01_data.ipynb", "ada"),
        ("ada-2/01_data.ipynb", "ada-2"),
        ("ada/01_data.ipynb.txt", "ada"),
        ("Team_A_Jane_123_assignsubmission_file/01_data.ipynb", "Team_A_Jane"),
        ("leequinn_11_question_7_900_01_data.ipynb", "leequinn"),
    ],
)
def test_the_student_follows_from_the_name(tmp_path, file, student):
    (found,) = collect(put(tmp_path / "handed in", **{file: ONE}))
    assert found.student == student
    assert len(found.notebooks) == 1


def test_a_zip_holds_a_students_notebooks(tmp_path):
    (found,) = collect(put(tmp_path, **{"ada.zip": zipped({"a/01.ipynb": ONE, "a/02.ipynb": OLD})}))
    assert found.student == "ada"


def test_zips_inside_a_platforms_zip_are_opened(tmp_path):
    inner = zipped({"submission.json": b'{"student": "ada"}', "notebooks/01_data.ipynb": ONE})
    (found,) = collect(put(tmp_path, **{"all.zip": zipped({"leequinn_11_900_submission.zip": inner})}))
    assert (found.student, len(found.notebooks)) == ("ada", 1)
    assert "11" in found.ids


def test_files_of_one_platform_id_are_one_student(tmp_path):
    inner = zipped({"submission.json": b'{"student": "ada"}', "notebooks/01_data.ipynb": ONE})
    files = {
        "lovelaceada_11_900_submission-ada.zip": inner,
        "lovelaceada_11_901_notes.ipynb": notebook(["x = 1"]),
    }
    (found,) = collect(put(tmp_path, **files))
    assert {"ada", "11"} <= {found.student, *found.ids}


def test_two_students_of_one_name_stay_apart(tmp_path):
    files = {"leeann_11_900_01_data.ipynb": ONE, "leeann_12_901_01_data.ipynb": OLD}
    assert [each.student for each in collect(put(tmp_path, **files))] == ["leeann (11)", "leeann (12)"]


def test_the_newest_version_counts_and_the_other_is_listed(tmp_path):
    put(tmp_path, **{"ada/01_data.ipynb": OLD, "ada/01_data (1).ipynb": ONE})
    os.utime(tmp_path / "ada/01_data.ipynb", (1e9, 1e9))
    (found,) = collect(tmp_path)
    assert [each.path for each in found.notebooks] == ["ada/01_data (1).ipynb"]
    assert found.replaced == ["ada/01_data.ipynb"]


def test_two_notebooks_of_one_student_are_both_kept(tmp_path):
    other = notebook([SETUP, '@fg.exercise("slerp")\ndef slerp(a, b, t):\n    return a'])
    (found,) = collect(put(tmp_path, **{"ada/01.ipynb": ONE, "ada/04.ipynb": other}))
    assert [sorted(each.numbers) for each in found.notebooks] == [[1], [4]]


def test_a_damaged_submission_json_is_trouble_and_the_notebooks_count(tmp_path):
    raw = zipped({"submission.json": b"{", "notebooks/01_data.ipynb": ONE})
    (found,) = collect(put(tmp_path, **{"submission-ada.zip": raw}))
    assert len(found.notebooks) == 1
    assert "damaged" in found.trouble[0]


def test_records_of_two_zips_are_merged(tmp_path):
    for number in (1, 2):
        notes = f'{{"student": "ada", "record": {{"hints": {{"scale{number}": 1}}}}}}'.encode()
        put(
            tmp_path,
            **{f"submission-ada-{number}.zip": zipped({"submission.json": notes, "notebooks/a.ipynb": ONE})},
        )
    (found,) = collect(tmp_path)
    assert found.record["hints"] == {"scale1": 1, "scale2": 1}


def test_what_is_not_handed_in_work_is_ignored(tmp_path):
    put(tmp_path, **{".ipynb_checkpoints/ada-checkpoint.ipynb": ONE, "ada.ipynb": ONE, "notes.txt": b"x"})
    assert [each.student for each in collect(tmp_path)] == ["ada"]


def test_a_member_that_claims_to_be_huge_is_not_unpacked(tmp_path):
    path = tmp_path / "ada.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.ipynb", b"0" * 101_000_000)
        archive.writestr("01_data.ipynb", ONE)
    (found,) = collect(tmp_path)
    assert len(found.notebooks) == 1


@pytest.mark.parametrize("name", ["nothing", "."])
def test_without_submissions_the_folder_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="the folder that contains the submissions"):
        collect(tmp_path / name)


def made_by_submit(student, raw=ONE):
    return zipped({"submission.json": f'{{"student": "{student}"}}'.encode(), "notebooks/01_data.ipynb": raw})


def test_a_damaged_zip_in_a_platforms_zip_loses_nobody_else(tmp_path):
    everybody = zipped({"leeann_11_1_a.zip": b"no zip", "mossbob_12_2_b.zip": made_by_submit("bob")})
    bob, lee = collect(put(tmp_path, **{"all.zip": everybody}))
    assert (bob.student, len(bob.notebooks), lee.student) == ("bob", 1, "leeann")
    assert "leeann_11_1_a.zip cannot be read" in lee.trouble[0]


def test_a_link_is_not_followed(tmp_path):
    put(tmp_path, **{"ada/01_data.ipynb": ONE, "eve/notes.txt": b""})
    (tmp_path / "eve/01_data.ipynb").symlink_to(tmp_path / "ada/01_data.ipynb")
    eve = collect(tmp_path)[1]
    assert (eve.student, eve.notebooks) == ("eve", [])
    assert "is a link" in eve.trouble[0]


def test_a_zip_bomb_is_not_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "eve.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("01_data.ipynb", b"0" * 3_000_000)
    (eve,) = collect(tmp_path)
    assert "too large" in eve.trouble[0]


def test_on_a_platform_nobody_can_hand_in_as_somebody_else(tmp_path):
    files = {"mossbob_11_1_b.zip": made_by_submit("bob"), "moreeve_12_2_e.zip": made_by_submit("bob", OLD)}
    bob, eve = collect(put(tmp_path, **files))
    assert (bob.student, eve.student) == ("bob (11)", "bob (12)")
    assert [each.raw for each in (bob.notebooks[0], eve.notebooks[0])] == [ONE, OLD]


def test_an_id_that_looks_like_a_path_stays_one_student(tmp_path):
    bob, eve = collect(put(tmp_path, **{"bob/01_data.ipynb": ONE, "e.zip": made_by_submit("x/bob", OLD)}))
    assert (bob.student, eve.student) == ("bob", "x/bob")
    assert bob.notebooks[0].raw == ONE


def test_zips_of_two_students_of_one_name_stay_apart(tmp_path):
    files = {"leeann_11_1_a.zip": made_by_submit("a"), "leeann_12_2_b.zip": made_by_submit("b")}
    assert [each.student for each in collect(put(tmp_path, **files))] == ["a", "b"]


def test_who_handed_in_something_else_is_not_lost(tmp_path):
    put(tmp_path, **{"leeann_11_1_report.pdf": b"", "bob.zip": zipped({"a.txt": b""}), "cy/work.rar": b"",
                     "di/essay.docx": b"", "eli/03_training.py": b"", "syllabus.pdf": b""})  # fmt: skip
    found = collect(tmp_path)
    assert [each.student for each in found] == ["bob", "cy", "di", "eli", "leeann"]
    assert all("no notebook (.ipynb) was handed in, only" in each.trouble[0] for each in found)


def test_a_zip_made_on_windows_has_folders(tmp_path):
    raw = zipped({"week1/01_data.ipynb": ONE, "__MACOSX/._01_data.ipynb": b""})
    raw = raw.replace(b"week1/", b"week1\\").replace(b"__MACOSX/", b"__MACOSX\\")
    (ada,) = collect(put(tmp_path, **{"ada.zip": raw}))
    assert ([each.path for each in ada.notebooks], ada.trouble) == (["ada.zip/week1/01_data.ipynb"], [])


def test_gradescopes_metadata_names_the_students(tmp_path):
    text = b"""---
submission_14:
  :submitters:
  - :name: Jane Doe
    :sid: '123'
    :email: jane@x.edu
  - :name: Bo Li
    :sid: '124'
  :created_at: 2026-11-20
"""
    put(tmp_path, **{"submission_14/01_data.ipynb": ONE, "submission_metadata.yml": text})
    (both,) = collect(tmp_path)
    assert (both.student, both.partners) == ("Jane Doe and Bo Li", [{"Bo Li", "124"}])
    assert {"123", "jane@x.edu"} <= both.ids


def test_a_zip_is_as_old_as_it_says_not_as_its_download(tmp_path):
    notes = b'{"student": "ada", "made": "2026-11-01T12:00:00+00:00"}'
    put(
        tmp_path, **{"submission-ada.zip": zipped({"submission.json": notes, "notebooks/01_data.ipynb": ONE})}
    )
    (found,) = collect(tmp_path)
    assert found.saved.isoformat().startswith("2026-11-01")


def test_names_of_members_and_words_of_students_are_escaped_in_tables(tmp_path):
    hostile = "\x1b[2J\u202e"
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "ada.zip", "w") as archive:
        archive.writestr(f"{hostile}01_data.ipynb", b"no notebook")
        archive.writestr(f"{hostile}.zip", b"no zip")
    (ada,) = grade_all(collect(tmp_path / "in"))
    assert hostile not in ada.trouble
    assert r"\x1b[2J\u202e.zip cannot be read" in ada.trouble
    submission = replace(ada.submission, record={"hints": {hostile: 1}}, replaced=[hostile])
    tables.write_csv([replace(ada, submission=submission)], tmp_path / "out.csv")
    assert not {"\x1b", "\u202e"} & set((tmp_path / "out.csv").read_text(encoding="utf-8"))
