"""Autograders of platforms: the scripts run as the platform runs them, with this environment in place of a new one."""

import json
import os
import subprocess
import sys
import zipfile

import pytest
from helpers.made_up_class import EMPTY, RIGHT, SETUP, notebook

from facegan.course.grading import autograder, platforms
from facegan.course.grading.pool import Grade

CELLS = [*RIGHT[:3], *EMPTY[2:]]
FOUND = Grade("ada", {"scale": ("right, but", "right, but slow"), "unscale": ("wrong", "sign")}, "late",
              {"center_crop": "not there"})  # fmt: skip
RUNNER = {
    "CLASSROOM": "cs", "ASSIGNMENT": "gan", "USERNAME": "ada", "SUBMISSION_TAG": "submit/1", "COMMIT_URL": "https://c",
    "RELEASE_URL": "https://r",
}  # fmt: skip


def unpacked(kind, folder):
    with zipfile.ZipFile(autograder.make(kind, folder / "a.zip", notebooks=[1])) as archive:
        archive.extractall(folder / "source")
        modes = {i.filename: i.external_attr >> 16 & 0o777 for i in archive.infolist()}
    for name in ("setup.sh", "run_autograder"):
        if name in modes:
            (folder / "source" / name).chmod(modes[name])
    return folder / "source"


@pytest.mark.slow
def test_gradescope_gets_its_results(tmp_path):
    source = unpacked("gradescope", tmp_path)
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    python = tmp_path / "environment" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')  # what setup.sh makes
    python.chmod(0o755)
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "01_data.ipynb").write_bytes(notebook(CELLS))
    subprocess.run(
        [source / "run_autograder"], check=True, env={**os.environ, "AUTOGRADER_ROOT": str(tmp_path)}
    )
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    assert [test["score"] for test in results["tests"]] == [1, 1, 0, 0]
    assert results["tests"][3]["output"].startswith("missing: not done yet")


@pytest.mark.slow
def test_classroom50_gets_its_result(tmp_path):
    source = unpacked("classroom50", tmp_path)
    environment = tmp_path / "facegan-environment" / "bin"
    environment.mkdir(parents=True)
    (environment / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')  # what install.sh makes
    (environment / "python").chmod(0o755)
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "01_data.ipynb").write_bytes(notebook([SETUP, *RIGHT[1:]]))
    subprocess.run(
        [sys.executable, source / "autograder.py"], check=True, cwd=tmp_path / "repository",
        env={**os.environ, **RUNNER, "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")},
    )  # fmt: skip
    result = json.loads((tmp_path / "repository" / "result.json").read_text())
    assert (result["schema"], result["score"], result["max-score"]) == ("classroom50/result/v1", 4, 4)
    assert "summary=4/4" in (tmp_path / "output").read_text()
    assert "4 of 4 points" in (tmp_path / "repository" / "release-body.md").read_text()


def test_gradescope_tests_have_scores_and_feedback():
    scale, unscale, crop, _ = platforms.gradescope(FOUND)["tests"]
    assert (scale["score"], scale["max_score"], scale["status"]) == (1, 1, "passed")
    assert unscale["output"] == "wrong: sign"
    assert crop["output"] == "missing: not there"


def test_classroom50_has_what_its_runner_passes():
    result = platforms.classroom50(FOUND, RUNNER)
    assert (result["owner"], result["review"], result["assignment_type"]) == (
        "ada",
        "https://c",
        "individual",
    )
    assert result["score"] == sum(test["score"] for test in result["tests"]) == 1


def test_a_submission_without_notebooks_is_a_grade_of_zero(tmp_path):
    assert platforms.gradescope(platforms.one(tmp_path))["output"].startswith("no notebook")


@pytest.mark.slow
def test_scripts_are_valid_bash(tmp_path):
    for kind in ("gradescope", "classroom50"):
        source = unpacked(kind, tmp_path / kind) if (tmp_path / kind).mkdir() is None else None
        for script in [*source.glob("*.sh"), *source.glob("run_autograder")]:
            subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.slow
def test_torch_is_installed_from_the_index_for_cpus_first(tmp_path):
    setup = (unpacked("gradescope", tmp_path) / "setup.sh").read_text()
    assert "download.pytorch.org/whl/cpu" in setup
    assert not any(
        line.startswith("torch") for line in (tmp_path / "source/requirements.txt").read_text().splitlines()
    )
