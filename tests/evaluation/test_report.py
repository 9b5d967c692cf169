"""The table of finished runs."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from helpers import random_faces

from facegan import GAN, fit
from facegan.errors import CheckpointError, ConfigError
from facegan.evaluation.report import Judge, common_size, load_run, save_grids, table
from facegan.images import read_png


@pytest.fixture(scope="module")
def many():
    return random_faces(240)


@pytest.fixture
def runs(config, many, tmp_path):
    for name, changes in {"plain": {}, "averaged": {"ema_decay": 0.9, "loss": "hinge", "seed": 3}}.items():
        fit(GAN(replace(config, **changes), device="cpu"), many, steps=3, run_dir=tmp_path / name)
    return [tmp_path / "plain", tmp_path / "averaged"]


@pytest.fixture(scope="module")
def judge(many):
    return Judge(many, n=100)


def test_a_run_is_told_in_figures(runs, judge):
    plain, averaged = map(judge.measure, runs)
    assert (plain.name, plain.steps, plain.images, plain.data) == (str(runs[0]), 3, 24, "random")
    rates = load_run(runs[0]).history["images_per_second"]
    assert plain.seconds == pytest.approx(sum(8 / rate for rate in rates))
    assert plain.device.startswith("cpu (")
    assert list(plain.scores) == ["raw"]
    assert list(averaged.scores) == ["raw", "ema"]
    assert averaged.scores["raw"].distance != averaged.scores["ema"].distance


def test_the_same_run_scores_the_same(runs, many):
    first, again = (Judge(many, n=100).measure(runs[0]).scores for _ in range(2))
    assert first == again


def test_real_faces_are_compared_with_others(many):
    assert Judge(many, n=110).floor.distance > 1, "with themselves it would be 0"


def test_the_table_is_markdown(runs, judge):
    header, rule, plain, averaged, real = table([judge.measure(run) for run in runs], judge.floor)
    assert {line.count("|") for line in (header, rule, plain, averaged, real)} == {10}
    assert "| 3 |" in averaged
    assert "loss hinge, ema_decay 0.9" in averaged
    assert "loss" not in plain
    assert "| 24 |" in plain
    assert averaged.split("|")[7].count("/") == 1
    assert real.startswith("| real faces |")


def test_a_run_from_before_devices_were_recorded(runs, judge):
    settings = json.loads((runs[0] / "config.json").read_text())
    del settings["device"]
    (runs[0] / "config.json").write_text(json.dumps(settings))
    result = judge.measure(runs[0])
    assert result.device is None
    assert "| not recorded |" in table([result], judge.floor)[2]


def test_grids_show_both_generators(runs, tmp_path):
    paths = save_grids(runs, tmp_path / "grids")
    assert [p.name for p in paths] == ["plain_raw.png", "averaged_raw.png", "averaged_ema.png"]
    assert read_png(paths[0]).shape == (3, 8 * 18 + 2, 8 * 18 + 2)
    assert not torch.equal(read_png(paths[1]), read_png(paths[2]))


def test_grids_of_one_name_do_not_replace_each_other(runs, tmp_path):
    shutil.copytree(runs[0], tmp_path / "other" / "plain")
    with pytest.raises(ConfigError, match=r"other.plain share a name.*Rename one"):
        save_grids([runs[0], tmp_path / "other" / "plain"], tmp_path / "grids")
    assert not (tmp_path / "grids").exists()


def test_runs_have_a_size_in_common(runs, config, many, tmp_path):
    assert common_size(runs) == 16
    larger = GAN(replace(config, image_size=32), device="cpu")
    fit(larger, random_faces(16, size=32), steps=1, run_dir=tmp_path / "larger")
    with pytest.raises(ConfigError, match=r"plain 16 px, .*larger 32 px. Name runs of one size"):
        common_size([runs[0], tmp_path / "larger"])


def test_what_is_no_run_is_named(runs, tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint in .*nothing"):
        common_size([runs[0], tmp_path / "nothing"])
    with pytest.raises(CheckpointError, match="faces comes with facegan as generators only"):
        load_run("faces")


def test_too_few_real_faces_are_refused(many):
    with pytest.raises(ConfigError, match=r"n is 121, expected 100 to 120, half of the 240 real faces"):
        Judge(many, n=121)
    with pytest.raises(ConfigError, match="got 199 real faces, expected 200 or more"):
        Judge(random_faces(199), n=100)
