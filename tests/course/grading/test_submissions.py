"""Which student a file belongs to, and which of several versions counts."""

import os
import zipfile

import pytest
from helpers.made_up_class import RIGHT, SETUP, notebook, zipped

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
    with pytest.raises(DataError, match="the submissions are in"):
        collect(tmp_path / name)
