"""The processes that measure, and their clock."""

import time

import numpy as np
import pytest
import torch
from helpers import TINY, make_gan, random_faces

from facegan import GAN, TrainConfig
from facegan.bench.worker import Rate, training_step, workers
from facegan.errors import TrainingError

CPU = torch.device("cpu")


@pytest.mark.slow
def test_a_worker_that_fails_says_why(tmp_path):
    settings = TrainConfig(**TINY)
    with (
        workers("cpu") as ask,
        pytest.raises(TrainingError, match=r"measured training failed: DataError: .*nowhere\.npy"),
    ):
        ask("facegan", settings, tmp_path / "nowhere.npy")


def test_a_rate_is_calls_per_second():
    assert Rate(lambda: time.sleep(0.01), CPU)(0.1) == pytest.approx(100, rel=0.3)


def test_a_rate_measures_whole_rounds():
    calls = []
    Rate(lambda: calls.append(1), CPU, calls=7)(0.001)
    assert (len(calls) - 1) % 7 == 0  # but for the one that warms up


def test_a_step_on_a_batch_in_memory_trains(gan):
    before = gan.generator.blocks[0][0].weight.clone()
    training_step(gan, None)()
    assert gan.step == 1
    assert not torch.equal(gan.generator.blocks[0][0].weight, before)


def test_steps_on_a_file_go_through_its_epochs(tmp_path, config):
    np.save(tmp_path / "faces.npy", random_faces(20).images)
    gan = GAN(config, device="cpu")
    step = training_step(gan, tmp_path / "faces.npy")
    for _ in range(3):  # two batches of 8 are an epoch
        step()
    assert gan.step == 3


def test_a_recipe_with_several_critic_steps_is_measured():
    gan = make_gan(n_critic=3, norm="none")
    training_step(gan, None)()
    assert gan.step == 1
