"""Settings read from a file, and what is said of files that hold none."""

import json
from pathlib import Path

import pytest
from helpers import random_faces

from facegan import GAN, fit
from facegan.config import RECIPES, TrainConfig
from facegan.errors import ConfigError
from facegan.runs.settings_file import read_settings

pytestmark = pytest.mark.usefixtures("no_curves")


WEIGHTS = Path(__file__).parents[2] / "facegan" / "weights"
RUN_0_1 = Path(__file__).parents[1] / "files" / "run-0.1"


def write(path, contents):
    path.write_text(contents if isinstance(contents, str) else json.dumps(contents))
    return path


def test_the_settings_of_a_run_are_read_from_its_folder(gan, tmp_path):
    fit(gan, random_faces(40), steps=1, run_dir=tmp_path / "run")
    assert read_settings(tmp_path / "run" / "config.json") == gan.config


def test_settings_that_are_left_out_have_their_defaults(tmp_path):
    assert read_settings(write(tmp_path / "a.json", {"loss": "hinge"})) == TrainConfig(loss="hinge")


def test_all_settings_survive_a_file(tmp_path):
    for config in RECIPES.values():
        assert read_settings(write(tmp_path / "a.json", config.to_dict())) == config


@pytest.mark.parametrize("path", [RUN_0_1, WEIGHTS / "healthy"], ids=lambda path: path.name)
def test_older_and_bundled_runs_have_such_files_too(path):
    assert GAN(read_settings(path / "config.json"), device="cpu").step == 0


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("", r"it is not JSON \(Expecting value.*expected a file such as runs/first/config.json"),
        ("epochs: 5", "it is not JSON"),
        ("[1, 2]", "it contains a list, not settings"),
        ({}, "it contains no settings"),
        ({"data": "celeba", "device": "cpu", "segments": []}, "it contains no settings"),
        ({"wdth": 8}, "unknown settings: wdth. Did you mean width?"),
        ({"width": "8"}, "width is '8', expected int"),
        ({"width": None}, "width is None, expected int"),
        ({"width": 0}, "width is 0, expected 1 or more"),
        ({"norm": ["batch"]}, r"norm is \['batch'\]; choose one of"),
    ],
)
def test_files_that_hold_no_settings_are_refused(tmp_path, contents, message):
    with pytest.raises(ConfigError, match=rf"^settings file '.*a\.json': {message}"):
        read_settings(write(tmp_path / "a.json", contents))


def test_a_file_of_bytes_is_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match="it is not JSON"):
        read_settings(tmp_path / "a.json")


def test_a_missing_file_and_a_folder_say_what_to_name(tmp_path):
    with pytest.raises(ConfigError, match=r"it cannot be read \(No such file"):
        read_settings(tmp_path / "a.json")
    with pytest.raises(ConfigError, match=r"it is a folder.*use .*config\.json"):
        read_settings(tmp_path)
