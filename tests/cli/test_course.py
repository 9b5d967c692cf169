"""`facegan course` and `facegan submit`."""

import json
import zipfile

from facegan.course.copies import notebooks


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
    assert "rename your file" in done.stdout
    assert f"copied {tmp_path / '02_architecture.ipynb'}" in done.stdout


def test_course_into_a_file_is_refused(facegan, tmp_path):
    (tmp_path / "lessons").write_text("mine")
    done = facegan("course", tmp_path / "lessons")
    assert done.returncode == 1
    assert "is a file, expected a folder" in done.stderr


def test_a_course_folder_without_a_name_is_refused(facegan):
    done = facegan("course", "")
    assert done.returncode == 1
    assert "name is empty" in done.stderr


def test_copies_for_a_class_have_no_outputs_and_no_solutions(facegan, tmp_path):
    facegan("course", tmp_path, "--for-class")
    for path in tmp_path.glob("*.ipynb"):
        code = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        assert not any(cell["outputs"] for cell in code)
        assert sum("notebook.start(reveal=False" in "".join(cell["source"]) for cell in code) == 1


def test_submit_makes_a_zip_of_the_notebooks(facegan, tmp_path):
    facegan("course", tmp_path)
    done = facegan("submit", tmp_path, "--student", "ada")
    assert done.returncode == 0, done.stderr
    assert "no run was found" in done.stdout
    with zipfile.ZipFile(tmp_path / "submission-ada.zip") as archive:
        assert sum(name.startswith("notebooks/0") for name in archive.namelist()) == 6


def test_submit_without_an_id_says_how_to_give_one(facegan, tmp_path):
    facegan("course", tmp_path)
    done = facegan("submit", tmp_path)
    assert done.returncode == 1
    assert "--student ID" in done.stderr
