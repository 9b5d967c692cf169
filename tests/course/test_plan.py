"""The training that a notebook chooses for its device."""

import pytest
import torch
from helpers import random_faces

from facegan import RECIPES
from facegan.course import plan as module
from facegan.course.notebook import plan
from facegan.errors import ConfigError


@pytest.fixture(autouse=True)
def _a_second_per_step(monkeypatch):
    monkeypatch.setattr(module, "seconds_per_step", lambda *_: 0.06)


def test_a_cpu_trains_tiny_for_some_minutes(capsys):
    chosen = plan(random_faces(40), device="cpu")
    assert chosen == module.Plan("tiny", RECIPES["tiny"], module.CPU_STEPS)
    said = capsys.readouterr().out
    assert "tiny for 3,000 steps, because there is no CUDA GPU here: about 3 minutes" in said


def test_a_gpu_trains_modern_at_its_full_length(monkeypatch, capsys):
    monkeypatch.setattr(module, "pick_device", torch.device)
    chosen = plan(random_faces(64), device="cuda")
    assert chosen == module.Plan("modern", RECIPES["modern"], 20 * 64 // 16)
    assert "because there is a GPU here" in capsys.readouterr().out


def test_a_recipe_and_steps_can_be_chosen(capsys):
    chosen = plan(random_faces(40), recipe="sigmoid", steps=7, device="cpu")
    assert chosen == module.Plan("sigmoid", RECIPES["sigmoid"], 7)
    assert "sigmoid for 7 steps, because you chose it: about a second" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("choice", "phrase"), [({"recipe": "huge"}, "expected 'auto' or one of"), ({"steps": 0}, "1 or more")]
)
def test_an_impossible_choice_is_refused(choice, phrase):
    with pytest.raises(ConfigError, match=phrase):
        plan(random_faces(40), device="cpu", **choice)


def test_the_time_is_measured_without_touching_random_numbers(monkeypatch):
    monkeypatch.undo()
    before = torch.get_rng_state()
    config = RECIPES["tiny"].replace(image_size=16, width=4, width_d=4)
    assert module.seconds_per_step(config, random_faces(40), torch.device("cpu")) > 0
    assert torch.equal(torch.get_rng_state(), before)
