"""Help, refusals and exit codes of the command line."""

import io
import os
import re
import subprocess
import sys

import pytest

from facegan.cli import main as cli
from facegan.config import RECIPES, field_help
from facegan.errors import DownloadError
from facegan.version import __version__

SMALL = ["--image-size", 16, "--width", 8, "--batch-size", 8, "--precision", "fp32", "--device", "cpu"]


def test_help_names_every_setting_and_recipe(facegan):
    shown = facegan("train", "--help").stdout
    assert all(f"--{name.replace('_', '-')}" in shown for name in field_help())
    assert all(name in shown for name in RECIPES)


def test_the_version_is_printed(facegan):
    done = facegan("--version")
    assert (done.returncode, done.stdout) == (0, f"facegan {__version__}\n")


def test_commands_are_those_that_the_readme_names():
    assert {command.callback.__name__ for command in cli.app.registered_commands} == {
        "train", "recipes", "sample", "walk", "export", "info", "results", "copies", "doctor", "course", "submit",
        "grade", "autograder", "solutions",
    }  # fmt: skip
    assert {group.name for group in cli.app.registered_groups} == {"data", "bench"}


@pytest.mark.parametrize(
    ("group", "names"),
    [("data", {"list", "get", "check", "preview"}), ("bench", {"data", "train", "sample"})],
)
def test_groups_list_their_commands(facegan, group, names):
    shown = facegan(group, "--help").stdout
    assert names == set(re.findall(r"(?m)^  (\w+) ", shown.split("Commands:")[1]))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "--data", "nowhere", "--run-dir", "x"], 1,
         r"facegan: data source 'nowhere' does not exist.*"),
        (["train", "--width", 0], 1, r"facegan: width is 0, expected 1 or more.*"),
        (["train", "--recipe", "tiny", *SMALL, "--steps", 2, "--epochs", 2, "--data", "faces.npy"], 1,
         r"facegan: got both --epochs 2 and --steps 2.*"),
        (["sample", "nowhere.safetensors"], 1, r"facegan: no generator at nowhere\.safetensors.*"),
        (["sample", "."], 1, r"facegan: \. is not a run folder.*"),
        (["sample", "run", "--out", "x.bmp"], 1, r"facegan: cannot write faces to 'x\.bmp'.*"),
        (["walk", "run", "--out", "x.avi"], 1, r"facegan: cannot write an animation to 'x\.avi'.*"),
    ],
)  # fmt: skip
def test_refusals_are_one_line_and_exit_1(facegan, finished, arguments, code, message):
    done = facegan(*arguments)
    assert done.returncode == code
    assert re.fullmatch(message, done.stderr.strip()), done.stderr
    assert not (finished / "x").exists()


@pytest.mark.parametrize("arguments", [["train", "--loss", "bcee"], ["train", "--wdth", 3], ["paint"]])
def test_wrong_usage_exits_2_without_a_traceback(facegan, arguments):
    done = facegan(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(arguments[-1]) in done.stderr or "bcee" in done.stderr or "wdth" in done.stderr


def failing(error):
    def app():
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(28, "No space left on device", "x.png"), 1, "facegan: No space left on device: x.png"),
        (KeyboardInterrupt(), 130, ""),
        (
            DownloadError("no answer"),
            1,
            "facegan: no answer\nIn the meantime, --data synthetic trains on drawn faces",
        ),
    ],
)
def test_errors_become_an_exit_code_and_a_line(facegan, monkeypatch, error, code, said):
    monkeypatch.setattr(cli, "app", failing(error))
    done = facegan()
    assert done.returncode == code
    assert done.stderr.startswith(said)


@pytest.mark.slow
def test_the_console_script_is_the_module():
    script = os.path.join(os.path.dirname(sys.executable), "facegan")
    assert subprocess.run([script, "recipes"], capture_output=True, timeout=60).returncode == 0


def test_a_path_that_the_terminal_cannot_show_is_escaped(facegan, finished, monkeypatch):
    stream = io.TextIOWrapper(shown := io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    facegan("sample", "run", "--n", 2, "--out", "füß.png")
    stream.flush()
    assert shown.getvalue().split() == [rb"f\xfc\xdf.png"]
