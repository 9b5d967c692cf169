"""The first cell of a notebook: device, and where runs are kept."""

import os
import subprocess
import sys

import pytest
import torch

from facegan.course import kept, notebook
from facegan.runtime.openmp import SPIN


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)


def test_a_notebook_says_what_it_runs_on(capsys):
    notebook.start()
    said = capsys.readouterr().out
    assert "is ready, on the CPU." in said
    assert "works without a GPU" in said


def test_colab_without_a_gpu_is_told_where_to_choose_one(capsys, monkeypatch):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    notebook.start()
    assert "Change runtime type > T4 GPU" in capsys.readouterr().out


def test_outside_colab_runs_are_kept_beside_the_notebook():
    assert str(notebook.start(keep_on_drive=True)) == "runs"


def test_answers_are_kept_beside_the_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kept, "folder", None)
    notebook.start()
    assert kept.folder == tmp_path / "runs" / "answers"


def test_in_colab_runs_can_be_kept_on_drive(monkeypatch):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    monkeypatch.setattr(notebook, "_drive_folder", lambda: "the drive")
    assert notebook.start(keep_on_drive=True) == "the drive"
    assert str(notebook.start()) == "runs"


@pytest.mark.slow
def test_a_notebook_that_imported_torch_first_is_told_to_restart():
    def printed(first):
        code = f"{first}; import facegan as fg; fg.notebook.start()"
        environment = {k: v for k, v in os.environ.items() if k not in {*SPIN, "OMP_WAIT_POLICY"}}
        environment["CUDA_VISIBLE_DEVICES"] = ""
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        ).stdout

    assert "Restart the kernel" in printed("import torch")
    assert "Restart" not in printed("pass")
