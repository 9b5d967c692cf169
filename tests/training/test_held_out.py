"""Held-out faces: r_t and r_v at snapshots."""

import math

import pytest
import torch
from helpers import assert_same_state, make_gan, random_faces

from facegan import Run, fit
from facegan.errors import DataError
from facegan.training.held_out import HeldOut, _some, logits

pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.fixture
def sets():
    return random_faces(104).split(64)


def columns(history, *names):
    return [[value for value in history[name] if not math.isnan(value)] for name in names]


def test_they_do_not_change_the_training(sets):
    with_them, without = make_gan(norm="batch"), make_gan(norm="batch")
    faces, held_out = sets
    history = fit(with_them, faces, steps=6, snapshot_every=2, held_out=held_out)
    fit(without, faces, steps=6, snapshot_every=2)
    for name in ("r_t", "r_v"):
        assert len(columns(history, name)[0]) == 3
        history._columns.pop(name)
    assert_same_state(with_them, without)


def test_values_stand_at_snapshots(gan, sets):
    history = fit(gan, sets[0], steps=5, snapshot_every=2, held_out=sets[1])
    noted = [step for step, value in zip(history["step"], history["r_v"], strict=True) if value == value]
    assert noted == [2, 4, 5]


def test_they_survive_the_run_folder_and_a_resume(gan, sets, tmp_path):
    fit(gan, sets[0], steps=4, snapshot_every=2, run_dir=tmp_path / "run", held_out=sets[1])
    history = fit(make_gan(), sets[0], steps=6, snapshot_every=2, run_dir=tmp_path / "run", held_out=sets[1])
    assert [len(column) for column in columns(history, "r_t", "r_v")] == [3, 3]
    assert len(columns(Run.open(tmp_path / "run").history, "r_v")[0]) == 3


def test_a_run_may_get_them_later(gan, sets):
    fit(gan, sets[0], steps=4, snapshot_every=2)
    history = fit(gan, sets[0], steps=6, snapshot_every=2, held_out=sets[1])
    assert len(history["r_v"]) == 6
    assert len(columns(history, "r_v")[0]) == 1


def test_r_v_is_that_of_the_paper(gan, sets):
    faces, held_out = sets
    fit(gan, faces, steps=1)
    fakes = gan.sample(64, seed=gan.config.seed)
    train, validation, generated = logits(gan, faces[:], held_out[:], fakes)
    HeldOut(faces, held_out).on_snapshot(gan, None)
    expected = (train.mean() - validation.mean()) / (train.mean() - generated.mean())
    assert gan.history["r_v"][-1] == pytest.approx(expected.item(), rel=1e-4)
    assert gan.history["r_t"][-1] == pytest.approx(train.sign().mean().item())


def test_the_same_faces_on_both_sides_do_not_overfit(gan, sets):
    fit(gan, sets[1], steps=1)
    HeldOut(sets[1], sets[1]).on_snapshot(gan, None)
    assert gan.history["r_v"][-1] == pytest.approx(0, abs=1e-5)


def test_logits_of_a_sigmoid_generators_images_are_those_of_training():
    gan = make_gan(output="sigmoid", norm="none")
    images = torch.rand(4, 3, 16, 16) * 2 - 1
    (shown,) = logits(gan, images)
    assert torch.allclose(shown, gan.discriminator((images + 1) / 2).flatten().detach(), atol=1e-5)


def test_faces_of_another_size_are_refused(gan, faces):
    with pytest.raises(DataError, match="32 px"):
        fit(gan, faces, steps=1, held_out=random_faces(8, size=32))


def test_a_discriminator_may_draw_random_numbers(gan, sets):
    fit(gan, sets[0], steps=1)
    gan.discriminator.register_forward_hook(lambda module, inputs, output: output + 0 * torch.rand(1))
    before = torch.get_rng_state()
    HeldOut(*sets).on_snapshot(gan, None)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_discriminator_that_gives_all_the_same_does_not_overfit(gan, sets):
    fit(gan, sets[0], steps=1)
    with torch.no_grad():
        for weight in gan.discriminator.parameters():
            weight.zero_()
    HeldOut(*sets).on_snapshot(gan, None)
    assert gan.history["r_v"][-1] == 0


def test_of_many_faces_some_from_the_whole_set_are_measured():
    faces = random_faces(130)
    measured = _some(faces)
    assert len(measured) == 64
    assert torch.equal(measured[-1], faces[129])
