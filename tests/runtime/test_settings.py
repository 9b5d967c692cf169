"""What other programs of the process have changed in torch does not change facegan."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from helpers import TINY, assert_same_state, make_gan, random_faces
from torch import nn

from facegan import (
    GAN,
    Run,
    TrainConfig,
    fit,
    load_generator,
    plane,
    summary,
    synthetic_faces,
    train_step,
    walk,
)
from facegan.course import solutions
from facegan.course.catalog import find
from facegan.course.exercise import run_check
from facegan.errors import ConfigError
from facegan.evaluation import CopyDetector, Eigenfaces
from facegan.images import draw_points, make_grid
from facegan.plane.dirac_gan import trajectory
from facegan.runtime.settings import usual_settings


@contextmanager
def changed(change, value, back):
    change(value)
    try:
        yield
    finally:
        change(back)


SETTINGS = {
    "float64": lambda: changed(torch.set_default_dtype, torch.float64, torch.float32),
    "bfloat16": lambda: changed(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "meta": lambda: changed(torch.set_default_device, "meta", None),
    "a device that is not there": lambda: changed(torch.set_default_device, "cuda:99", None),
    "inference": torch.inference_mode,
    "no gradients": lambda: changed(torch.set_grad_enabled, False, True),
}


@pytest.fixture(params=SETTINGS.values(), ids=SETTINGS)
def setting(request):
    return request.param


def test_training_is_the_same(setting, faces, real):
    usual, other = make_gan(), make_gan()
    with setting():
        new = make_gan()
    for gan in (usual, other, new):
        with setting() if gan is not usual else usual_settings():
            fit(gan, faces, steps=2)
            train_step(gan, real)
    assert_same_state(usual, other)
    assert_same_state(usual, new)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


def test_samples_are_the_same(setting, gan):
    with setting():
        drawn = gan.sample(2, seed=0), load_generator("healthy").sample(2, seed=0)
    assert torch.equal(drawn[0], gan.sample(2, seed=0))
    assert torch.equal(drawn[1], load_generator("healthy").sample(2, seed=0))


def batch(faces):
    loader = faces.batches(4, generator=torch.Generator(device="cpu").manual_seed(0), flip=True)
    return next(iter(loader)).numpy()


OTHERS = {
    "drawn faces": lambda faces, _: synthetic_faces(2, size=16, seed=0)[0],
    "batches": lambda faces, _: batch(faces),
    "eigenfaces": lambda faces, _: Eigenfaces(torch.from_numpy(faces.images))(faces[:2]).numpy(),
    "copies": lambda faces, _: CopyDetector(faces).score(faces[:100]).share,
    "a walk": lambda faces, _: walk(torch.eye(3, dtype=torch.float32, device="cpu"), 7).numpy(),
    "a grid": lambda faces, _: make_grid(faces.images[:3]).numpy(),
    "points": lambda faces, _: draw_points(torch.zeros(2, 2, device="cpu")).numpy(),
    "a game": lambda faces, _: trajectory("wgan", steps=4),
    "a recording": lambda faces, _: plane.record(steps=4, every=2, callbacks=[]).fakes,
    "an exercise": lambda faces, _: run_check(find("scale"), solutions.scale).status,
    "a history": lambda faces, run: Run.open(run).history["loss_d"],
    "layers": lambda faces, _: summary(make_gan().generator),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    fit(make_gan(), random_faces(8), steps=1, run_dir=folder)
    return folder


@pytest.mark.parametrize("call", OTHERS.values(), ids=OTHERS)
def test_everything_else_is_the_same(call, setting, run):
    faces = random_faces(200)
    usual = call(faces, run)
    with setting():
        assert np.array_equal(call(faces, run), usual)


def test_the_settings_of_the_process_are_as_before(setting):
    def state():
        return torch.get_default_dtype(), torch.is_grad_enabled()

    with setting():
        before = state()
        with usual_settings():
            assert state() == (torch.float32, True)
        assert state() == before


def test_a_batch_of_inference_mode_is_trained_on(gan, real):
    with torch.inference_mode():
        batch = real.clone()
    train_step(gan, batch)
    assert gan.step == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [("float64", r"Its weights are float64; .*call \.float"), ("meta", "on the device 'meta'"),
     ("inference", "were created in torch.inference_mode")],
)  # fmt: skip
def test_networks_that_were_built_in_it_are_refused_in_a_sentence(setting, message):
    with SETTINGS[setting]():
        own = nn.Sequential(nn.Linear(8, 3 * 16 * 16), nn.Unflatten(1, (3, 16, 16)), nn.Tanh())
    with pytest.raises(ConfigError, match=message):
        GAN(TrainConfig(**TINY), generator=own, device="cpu")
