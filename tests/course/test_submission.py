"""The zip that a student hands in."""

import json
import os
import zipfile

import pytest
from helpers import random_faces
from helpers.made_up_class import RIGHT, notebook

from facegan import GAN, data, fit, load_faces
from facegan import notebook as fg_notebook
from facegan.course import kept, record, solutions
from facegan.course.submission import submit
from facegan.errors import ConfigError, DataError
from facegan.training.single import step_generator


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kept, "folder", tmp_path / "runs" / "answers")
    (tmp_path / "01_data.ipynb").write_bytes(notebook(RIGHT))
    (tmp_path / "other.ipynb").write_bytes(notebook(["1 + 1"]))
    return tmp_path


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def notes(path):
    return json.loads(contents(path)["submission.json"])


def test_only_notebooks_of_the_course_are_in_it(work):
    assert [n for n in contents(submit(student="ada")) if n.startswith("notebooks")] == [
        "notebooks/01_data.ipynb"
    ]


def test_the_record_is_in_it(work):
    record.put("hints", "scale", 2)
    assert notes(submit(student="ada"))["record"]["hints"] == {"scale": 2}


def test_the_id_of_the_record_is_used(work):
    record.put("student", "id", "ada")
    assert notes(submit())["student"] == "ada"


def test_a_run_is_evidence(work, gan, faces):
    fit(gan, faces, steps=3, run_dir=work / "runs" / "first")
    path = submit(student="ada", faces=faces)
    run = notes(path)["run"]
    assert (run["name"], run["steps"], len(run["history_sha256"])) == ("first", 3, 64)
    assert {"run/config.json", "run/history.csv", "run/grid.png"} <= contents(path).keys()
    assert run["diagnosis"]


def test_the_newest_run_counts(work, gan, faces):
    for name, saved in (("a", 1e9), ("new", 2e9), ("old", 1e9)):
        fit(gan, faces, steps=gan.step + 1, run_dir=work / "runs" / name)
        os.utime(work / "runs" / name / "config.json", (saved, saved))
    assert notes(submit(student="ada"))["run"]["name"] == "new"


@pytest.mark.slow
def test_the_distance_of_a_students_own_networks_is_measured(work, config):
    generator, discriminator = solutions.build_generator(8, 8), solutions.build_discriminator(8)
    own = GAN(config.replace(image_size=64), generator=generator, discriminator=discriminator, device="cpu")
    faces = random_faces(400, 64)
    fit(own, faces, steps=1, run_dir=work / "runs" / "first")
    run = notes(submit(student="ada", faces=faces))["run"]
    assert run["distance"] > run["floor"]


def test_the_steps_of_a_run_are_its_last_step(work, gan, faces):
    step_generator(gan)  # which adds no row to the history
    fit(gan, faces, steps=3, run_dir=work / "runs" / "first")
    assert notes(submit(student="ada"))["run"]["steps"] == 3


def test_answers_that_are_right_but_ignore_the_text_are_counted(work, capsys):
    record.put("results", "scale", ["right, but", "it is slow"])
    record.put("results", "unscale", ["wrong", "it is dark"])
    submit(student="ada")
    assert "right at their last run: 1;" in capsys.readouterr().out


def test_a_distance_that_cannot_be_measured_says_why(work, gan, faces):
    fit(gan, faces, steps=2, run_dir=work / "runs" / "first")
    run = notes(submit(student="ada"))["run"]
    assert run["distance"] is None
    assert run["no_distance"]


def test_a_damaged_run_does_not_stop_it(work):
    (work / "runs" / "broken").mkdir(parents=True)
    (work / "runs" / "broken" / "config.json").write_text("{")
    assert notes(submit(student="ada"))["run"] == {}


def test_what_is_in_it_is_printed(work, capsys):
    submit(student="ada")
    said = capsys.readouterr().out
    assert "01_data.ipynb, saved at" in said
    assert "no run was found" in said
    assert "submission-ada-01_data.zip" in said


def test_a_name_with_other_characters_makes_a_file(work):
    assert submit(student="../a b/Zoë").name == "submission-..-a-b-Zoë-01_data.zip"


def test_without_an_id_it_is_refused(work):
    with pytest.raises(ConfigError, match=r"fg\.student"):
        submit()


def test_a_folder_without_notebooks_is_refused(work):
    with pytest.raises(DataError, match="no notebook with exercises"):
        submit(work / "runs", student="ada")


def test_notebooks_find_it():
    assert fg_notebook.submit is submit


def test_the_distance_of_a_run_on_drawn_faces_needs_no_faces(work, gan, monkeypatch):
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 300)
    fit(gan, load_faces("synthetic", 16), steps=2, run_dir=work / "runs" / "first")
    run = notes(submit(student="ada"))["run"]
    assert run["distance"] > run["floor"] > 0
