"""Training that starts from the networks of a finished run."""

import json

import pytest
import torch
from helpers import TINY, assert_same_state, make_gan, random_faces, same, weights
from torch import nn

from facegan import GAN, Run, TrainConfig, fit, load_generator
from facegan.errors import CheckpointError, ConfigError

pytestmark = pytest.mark.usefixtures("no_curves")


START = {"ema_decay": 0.9, "lr_d": 1e-3}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "base"
    fit(make_gan(**START), random_faces(40), steps=4, run_dir=folder)
    return folder


@pytest.fixture
def photos():
    return random_faces(24)


def start(source, **changes):
    return GAN.start_from(source, device="cpu", **changes)


def test_it_starts_with_the_average_and_with_d_and_all_else_is_new(source):
    state, gan = Run.open(source).state, start(source)
    assert all(torch.equal(v, state["ema"][k]) for k, v in gan.generator.state_dict().items())
    assert all(torch.equal(v, state["ema"][k]) for k, v in gan.ema.state_dict().items())
    assert all(torch.equal(v, state["discriminator"][k]) for k, v in gan.discriminator.state_dict().items())
    assert not same(state["ema"].values(), state["generator"].values())
    assert (gan.step, gan.epoch, gan.history["step"]) == (0, 0, [])
    assert not gan.optimizer_g.state
    assert not gan.optimizer_d.state
    assert gan.generator.training
    assert not gan.ema.training


def test_settings_are_the_runs_but_for_the_changes(source):
    gan = start(source, augment="color", batch_size=4)
    assert gan.config == Run.open(source).config.replace(augment="color", batch_size=4)
    assert gan.config.lr_d == 1e-3


def test_the_average_needs_no_warm_up(source):
    assert make_gan(**START).ema_decay == 0.1
    assert start(source).ema_decay == 0.9


def test_a_run_says_what_it_started_from(source, photos, tmp_path):
    fit(start(source), photos, steps=2, run_dir=tmp_path / "run")
    run, first = Run.open(tmp_path / "run"), Run.open(source)
    expected = {"run": "base", "step": 4, "data": first.data}
    assert run.data["started_from"] == expected
    assert run.data["count"] == 24
    assert json.loads((tmp_path / "run" / "config.json").read_text())["segments"][0]["data"] == run.data
    assert run.state["data"] == run.data
    assert load_generator(tmp_path / "run" / "generator.safetensors").trained_on == run.data


def test_the_checkpoint_wins_over_the_source(source, photos, tmp_path):
    straight = start(source)
    fit(straight, photos, steps=6, run_dir=tmp_path / "straight")
    fit(start(source), photos, steps=3, run_dir=tmp_path / "run")
    resumed = start(source)
    fit(resumed, photos, steps=6, run_dir=tmp_path / "run")
    assert_same_state(straight, resumed)


def test_without_the_source_the_run_resumes_all_the_same(source, photos, tmp_path):
    fit(start(source), photos, steps=2, run_dir=tmp_path / "run")
    gan = GAN(Run.open(tmp_path / "run").config, device="cpu")
    fit(gan, photos, steps=3, run_dir=tmp_path / "run")
    assert (gan.step, gan.data["started_from"]["run"]) == (3, "base")


@pytest.mark.parametrize("resume", ["auto", "anyway"])
def test_a_run_that_started_elsewhere_is_not_resumed(source, photos, tmp_path, resume):
    fit(make_gan(**START), photos, steps=2, run_dir=tmp_path / "run")
    with pytest.raises(
        CheckpointError,
        match=r"started from random weights, .*starts from base",
    ):
        fit(start(source), photos, steps=3, run_dir=tmp_path / "run", resume=resume)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 16}, "keeps its networks: width is 8 .*, 16 here.* Omit these"),
        ({"width_d": 16}, "width_d is 8 .*, 16 here"),
        (
            {"image_size": 32, "norm": "none"},
            "image_size is 16 .*, 32 here, norm is 'batch' .*, 'none'",
        ),
        ({"lr": 1.0}, "unknown settings: lr"),
        ({"augment_target": 0.6}, "augment_target=0.6 adapts .* but augment='none'"),
    ],
)
def test_settings_that_cannot_change_are_named(source, changes, message):
    with pytest.raises(ConfigError, match=message):
        start(source, **changes)


def test_what_is_no_run_is_named(source, tmp_path):
    with pytest.raises(CheckpointError, match=r"fces is not a run folder.* or a bundled run: faces"):
        start("fces")
    with pytest.raises(CheckpointError, match=r"has no discriminator"):
        start("healthy")
    (tmp_path / "bare").mkdir()
    make_gan().export(tmp_path / "bare" / "generator.safetensors")
    (tmp_path / "bare" / "config.json").write_text((source / "config.json").read_text())
    with pytest.raises(CheckpointError, match="no discriminator to start from"):
        start(tmp_path / "bare")


def own_parts():
    generator = nn.Sequential(nn.Linear(8, 768), nn.Unflatten(1, (3, 16, 16)), nn.Tanh())
    return {"generator": generator, "discriminator": nn.Sequential(nn.Flatten(), nn.Linear(768, 1))}


def test_own_networks_and_losses_are_passed_again(photos, tmp_path):
    parts = own_parts()
    loss = (lambda real, fake: (fake - real).mean(), lambda fake: -fake.mean())
    fit(GAN(TrainConfig(**TINY), **parts, loss=loss, device="cpu"), photos, steps=2, run_dir=tmp_path)
    with pytest.raises(CheckpointError, match=r"discriminator that is not facegan's.*run\.discriminator"):
        Run.open(tmp_path).discriminator()
    gan = start(tmp_path, **own_parts(), loss=loss)
    assert same(weights(gan.discriminator), weights(parts["discriminator"]))
    assert gan.loss == loss
