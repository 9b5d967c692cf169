"""The table of finished runs."""

import json
from dataclasses import replace

import pytest
import torch
from conftest import random_faces

from facegan import GAN, fit
from facegan.errors import CheckpointError, ConfigError
from facegan.images import read_png
from facegan.results import floor, load_run, measure, save_grids, table


@pytest.fixture(scope="module")
def many():
    return random_faces(240)


@pytest.fixture
def runs(config, many, tmp_path):
    for name, changes in {"plain": {}, "averaged": {"ema_decay": 0.9, "loss": "hinge", "seed": 3}}.items():
        fit(GAN(replace(config, **changes), device="cpu"), many, steps=3, run_dir=tmp_path / name)
    return [tmp_path / "plain", tmp_path / "averaged"]


def test_a_run_is_told_in_figures(runs, many):
    plain, averaged = measure(runs, many, n=100)
    assert (plain.name, plain.steps, plain.images, plain.data) == (str(runs[0]), 3, 24, "random")
    rates = load_run(runs[0]).history["images_per_second"]
    assert plain.seconds == pytest.approx(sum(8 / rate for rate in rates))
    assert plain.device.startswith("cpu (")
    assert list(plain.scores) == ["raw"]
    assert list(averaged.scores) == ["raw", "ema"]
    assert averaged.scores["raw"].distance != averaged.scores["ema"].distance


def test_the_same_run_scores_the_same(runs, many):
    first, again = (next(measure(runs, many, n=100)).scores for _ in range(2))
    assert first == again


def test_real_faces_are_compared_with_others(many):
    assert floor(many, n=110).distance > 1, "with themselves it would be 0"


def test_the_table_is_markdown(runs, many):
    header, rule, plain, averaged, real = table(list(measure(runs, many, n=100)), floor(many, n=100))
    assert {line.count("|") for line in (header, rule, plain, averaged, real)} == {11}
    assert "| 3 |" in averaged
    assert "loss hinge" in averaged
    assert "loss" not in plain
    assert "| 24 |" in plain
    assert averaged.split("|")[7].count("/") == 1
    assert real.startswith("| real faces |")


def test_a_run_from_before_devices_were_recorded(runs, many):
    settings = json.loads((runs[0] / "config.json").read_text())
    del settings["device"]
    (runs[0] / "config.json").write_text(json.dumps(settings))
    assert next(measure(runs, many, n=100)).device == "not recorded"


def test_grids_show_both_generators(runs, tmp_path):
    paths = [path for run in runs for path in save_grids(run, tmp_path / "grids")]
    assert [p.name for p in paths] == ["plain_raw.png", "averaged_raw.png", "averaged_ema.png"]
    assert read_png(paths[0]).shape == (3, 8 * 18 + 2, 8 * 18 + 2)
    assert not torch.equal(read_png(paths[1]), read_png(paths[2]))


def test_all_runs_are_looked_at_before_the_first_is_measured(runs, many, tmp_path, monkeypatch):
    monkeypatch.setattr("facegan.results._measured", lambda *_: pytest.fail("measured"))
    with pytest.raises(CheckpointError, match="no checkpoint"):
        next(measure([runs[0], tmp_path / "nothing"], many, n=100))


def test_what_cannot_be_compared_is_named(runs, many, tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint in .*nothing"):
        next(measure([tmp_path / "nothing"], many, n=100))
    with pytest.raises(ConfigError, match="draws faces of 16 px, the real ones have 32 px"):
        next(measure(runs, random_faces(240, size=32), n=100))
    with pytest.raises(ConfigError, match=r"n is 121, expected .* give n=120 at most"):
        next(measure(runs, many, n=121))
