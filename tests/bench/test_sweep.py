"""The maintainers' script that measures training by settings."""

from pathlib import Path

import numpy as np
import pytest
from helpers import random_faces

from facegan.config import RECIPES


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts")
    import bench_sweep

    return bench_sweep


def test_a_variant_changes_one_setting(script):
    config = RECIPES["tutorial"]
    made = script.variants(config, gpu=False)
    assert made["width 32"].width == 32
    assert made["batch size 16"].batch_size == 16
    assert all(len(script_changes(config, variant)) <= 1 for variant in made.values())


def script_changes(config, variant):
    return [name for name, value in config.to_dict().items() if variant.to_dict()[name] != value]


def test_faces_are_repeated_up_to_a_count(script, tmp_path):
    images = random_faces(5, size=64).images
    np.save(tmp_path / "faces.npy", images)
    repeated = np.load(script.repeated(tmp_path / "faces.npy", 12))
    assert np.array_equal(repeated, np.concatenate([images, images, images[:2]]))


def test_settings_that_fail_are_left_out(script, tmp_path, monkeypatch):
    np.save(tmp_path / "faces.npy", random_faces(5).images)
    monkeypatch.setattr(script, "DATA_SIZES", (10,))
    monkeypatch.setattr(script, "matrix_rate", lambda device, dtype: 1e12)
    monkeypatch.setattr(script, "flop_per_image", lambda config: 1e9)
    small = {"width 8": RECIPES["tutorial"], "width 999": RECIPES["tiny"]}
    monkeypatch.setattr(script, "variants", lambda config, gpu: small)

    def ask(kind, config, source):
        if config == RECIPES["tiny"]:
            raise script.TrainingError("too large")
        return 250.0

    found = script.sweep(RECIPES["tutorial"], script.pick_device("cpu"), tmp_path / "faces.npy", ask)
    assert found == {"width 8": (250.0, 0.25), "10 faces": (250.0, 0.25)}
    assert script.table(found)[1].split() == ["width", "8", "250.0", "4.00", "25%"]


@pytest.mark.slow
def test_memory_is_that_of_a_fresh_process(script, tmp_path):
    np.save(tmp_path / "faces.npy", random_faces(50, size=64).images)
    peaks = script.memory_with(tmp_path / "faces.npy", 300, "cpu")
    assert 0 < peaks["process's own"] <= peaks["with all of the mapped file read"]
