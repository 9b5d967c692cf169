"""The table of finished runs."""

import json
import shutil
import warnings
from dataclasses import replace

import pytest
import torch
from helpers import make_gan, random_faces

from facegan import GAN, FaceDataset, Generator, Run, fit
from facegan.errors import CheckpointError, ConfigError
from facegan.evaluation.results import Evaluator, common_size, save_grids, table, warn_if_not_comparable
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
def evaluator(many):
    return Evaluator(many, n=100)


def test_a_run_is_told_in_figures(runs, evaluator):
    plain, averaged = map(evaluator.measure, runs)
    assert (plain.name, plain.images, plain.data["name"]) == (str(runs[0]), 24, "random")
    rates = Run.open(runs[0]).history["images_per_second"]
    assert plain.seconds == pytest.approx(sum(8 / rate for rate in rates))
    assert plain.device.startswith("cpu (")
    assert list(plain.scores) == ["raw"]
    assert list(averaged.scores) == ["raw", "ema"]
    assert averaged.scores["raw"].distance != averaged.scores["ema"].distance


def test_the_same_run_scores_the_same(runs, many):
    first, again = (Evaluator(many, n=100).measure(runs[0]).scores for _ in range(2))
    assert first == again


def test_real_faces_are_compared_with_others(many):
    assert Evaluator(many, n=110).floor.distance > 1, "with themselves it would be 0"


def test_the_table_is_markdown(runs, evaluator):
    header, rule, plain, averaged, real = table([evaluator.measure(run) for run in runs], evaluator.floor)
    assert {line.count("|") for line in (header, rule, plain, averaged, real)} == {10}
    assert "| 3 |" in averaged
    assert "loss hinge, ema_decay 0.9" in averaged
    assert "loss" not in plain
    assert "| 24 |" in plain
    assert averaged.split("|")[7].count("/") == 1
    assert real.startswith("| real faces |")


def test_a_run_from_before_devices_were_recorded(runs, evaluator):
    settings = json.loads((runs[0] / "config.json").read_text())
    del settings["device"]
    (runs[0] / "config.json").write_text(json.dumps(settings))
    result = evaluator.measure(runs[0])
    assert result.device is None
    assert "| not recorded |" in table([result], evaluator.floor)[2]


def test_grids_show_both_generators(runs, tmp_path):
    paths = save_grids(runs, tmp_path / "grids")
    assert [p.name for p in paths] == ["plain_raw.png", "averaged_raw.png", "averaged_ema.png"]
    assert read_png(paths[0]).shape == (3, 8 * 18 + 2, 8 * 18 + 2)
    assert not torch.equal(read_png(paths[1]), read_png(paths[2]))


def test_grids_of_one_name_do_not_replace_each_other(runs, tmp_path):
    shutil.copytree(runs[0], tmp_path / "other" / "plain")
    with pytest.raises(ConfigError, match=r"other.plain have the same name.*Rename"):
        save_grids([runs[0], tmp_path / "other" / "plain"], tmp_path / "grids")
    assert not (tmp_path / "grids").exists()


@pytest.mark.slow
def test_runs_have_a_size_in_common(runs, config, many, tmp_path):
    assert common_size(runs) == 16
    larger = GAN(replace(config, image_size=32), device="cpu")
    fit(larger, random_faces(16, size=32), steps=1, run_dir=tmp_path / "larger")
    with pytest.raises(ConfigError, match=r"plain 16 px, .*larger 32 px. Choose runs of one size"):
        common_size([runs[0], tmp_path / "larger"])


def test_what_is_no_run_is_named(runs, tmp_path):
    with pytest.raises(CheckpointError, match="nothing is not a run folder"):
        common_size([runs[0], tmp_path / "nothing"])
    with pytest.raises(CheckpointError, match="faces is a bundled run without checkpoints"):
        common_size(["faces"])


def test_too_few_real_faces_are_refused(many):
    with pytest.raises(ConfigError, match=r"n is 121, expected 100 to 120, half of the 240 real faces"):
        Evaluator(many, n=121)
    with pytest.raises(ConfigError, match="got 199 real faces, expected 200 or more"):
        Evaluator(random_faces(199), n=100)


def drawn(name, crop):
    return FaceDataset(random_faces(4).images, name, crop=crop, fingerprint=name)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (drawn("a", "celeba-178"), "The crops differ"),
        (drawn("b", "celeba-108"), "The data differ"),
        (drawn("a", "celeba-108"), None),
    ],
)
def test_what_does_not_compare_is_warned_of(faces, message):
    generator = Generator(16, 8)
    generator.trained_on = drawn("a", "celeba-108").record()
    with warnings.catch_warnings(record=True) as caught:
        warn_if_not_comparable(generator, faces)
    assert [str(w.message)[: len(message or "")] for w in caught] == ([message] if message else [])


def test_the_generator_of_a_gan_knows_its_faces(many):
    gan = make_gan()
    fit(gan, FaceDataset(255 - many.images, "others"), steps=1)
    for generator in (gan, gan.ema, gan.generator):
        with pytest.warns(UserWarning, match="others"):
            warn_if_not_comparable(generator, many)


def test_a_run_trained_on_other_faces_is_warned_of(runs, many):
    with pytest.warns(UserWarning, match="The data differ"):
        Evaluator(FaceDataset(255 - many.images, "others"), n=100).measure(runs[0])


def test_several_critic_steps_count_as_several_batches(many, evaluator, tmp_path):
    fit(make_gan(n_critic=3, norm="none"), many, steps=2, run_dir=tmp_path / "critic")
    assert evaluator.measure(tmp_path / "critic").images == 2 * 3 * 8


@pytest.mark.slow
def test_images_and_time_are_counted_by_the_batch_size_of_each_step(many, evaluator, tmp_path):
    for batch_size, steps in ((8, 2), (4, 5)):
        fit(make_gan(batch_size=batch_size), many, steps=steps, run_dir=tmp_path / "run")
    found = evaluator.measure(tmp_path / "run")
    rates = Run.open(tmp_path / "run").history["images_per_second"]
    assert found.images == 2 * 8 + 3 * 4
    assert found.seconds == pytest.approx(sum(n / r for n, r in zip((8, 8, 4, 4, 4), rates, strict=True)))
