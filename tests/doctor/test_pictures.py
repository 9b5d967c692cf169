"""Rules on pictures."""

import pytest
import torch

from facegan.data.synthetic import synthetic_faces
from facegan.doctor.pictures import Looks, examine
from facegan.errors import ConfigError
from facegan.images import to_float


@pytest.fixture(scope="module")
def faces():
    return to_float(torch.as_tensor(synthetic_faces(128, 32, seed=3)[0]))


@pytest.fixture
def real(faces):
    return faces[:64]


@pytest.fixture
def fakes(faces):
    return faces[64:]


def names(found):
    return [verdict.name for verdict in found]


def moving(fakes, count=4):
    """Snapshots that differ, by step."""
    return {250 * k: fakes.roll(k, 0) for k in range(1, count + 1)}


def with_checkerboard(images, strength):
    side = torch.arange(images.shape[-1])
    return images + strength * torch.where((side[:, None] + side) % 2 == 0, 1.0, -1.0)


def test_other_faces_are_healthy(fakes, real):
    assert not examine(moving(fakes), real)


def test_one_face_for_every_latent_is_mode_collapse(fakes, real):
    shown = moving(fakes) | {1250: fakes[:1].repeat(64, 1, 1, 1), 1500: fakes[1:2].repeat(64, 1, 1, 1)}
    (found,) = examine(shown, real)
    assert found.name == "mode collapse"
    assert found.since == 1250


def test_two_faces_are_mode_collapse(fakes, real):
    assert names(examine({250: fakes[:2].repeat(32, 1, 1, 1)}, real)) == ["mode collapse"]


@pytest.mark.parametrize("size", [16, 32])
def test_random_pixels_are_noise_and_nothing_else(size):
    real = to_float(torch.as_tensor(synthetic_faces(64, size, seed=3)[0]))
    shown = {250 * k: torch.rand(64, 3, size, size) * 2 - 1 for k in (1, 2, 3)}
    assert names(examine(shown, real)) == ["noise"]


def test_noise_with_alternating_pixels_is_noise_only(real):
    noisy = with_checkerboard(torch.rand(64, 3, 32, 32) * 2 - 1, 0.3)
    assert names(examine({250: noisy}, real)) == ["noise"]


def test_pixels_that_alternate_are_a_checkerboard(fakes, real):
    found = examine({250: with_checkerboard(fakes, 0.15)}, real)
    assert names(found) == ["checkerboard"]


def test_pictures_that_stay_change_nothing(fakes, real):
    shown = moving(fakes, 2) | {750: fakes, 1000: fakes + 1e-3, 1250: fakes}
    (found,) = examine(shown, real)
    assert found.name == "nothing changes"
    assert found.since == 750


def test_two_alike_snapshots_are_not_enough(fakes, real):
    assert not examine(moving(fakes, 2) | {750: fakes, 1000: fakes}, real)


def test_at_the_end_of_falling_learning_rates_pictures_may_stay(fakes, real):
    assert not examine(moving(fakes, 2) | dict.fromkeys((750, 1000, 1250), fakes), real, settling=True)


def test_pictures_that_never_change_are_told_whatever_the_learning_rates(fakes, real):
    assert names(examine(dict.fromkeys((250, 500, 750), fakes), real, settling=True)) == ["nothing changes"]


def test_two_snapshots_that_are_alike_are_not_sure(fakes, real):
    (found,) = examine({250: fakes, 400: fakes}, real)
    assert (found.name, found.sure) == ("nothing changes", False)


def test_what_only_the_snapshot_before_shows_is_not_sure(fakes, real):
    (found,) = examine(moving(fakes) | {1250: fakes[:1].repeat(64, 1, 1, 1), 1500: fakes}, real)
    assert (found.name, found.since, found.sure) == ("mode collapse", 1250, False)


def test_what_has_passed_is_not_told(fakes, real):
    assert not examine({250: fakes[:1].repeat(64, 1, 1, 1)} | moving(fakes), real)


def test_pixels_may_be_uint8(fakes, real):
    from facegan.images import to_uint8

    assert names(examine({250: to_uint8(fakes[:1]).repeat(64, 1, 1, 1)}, to_uint8(real))) == ["mode collapse"]


@pytest.mark.parametrize("size", [16, 32, 64])
def test_drawn_faces_differ_as_photographs_do(size):
    looks = Looks.of(to_float(torch.as_tensor(synthetic_faces(64, size, seed=1)[0])))
    assert 1.3 < looks.diversity < 1.6
    assert abs(looks.checkerboard) < 0.005


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (4, 1, 8, 8), (4, 3, 8)])
def test_looks_of_what_is_no_set_of_images(shape):
    with pytest.raises(ConfigError, match="two or more images"):
        Looks.of(torch.zeros(shape))


def test_a_few_pictures_unlike_all_others_hide_no_copies(faces):
    assert Looks.of(torch.cat([faces[:1].repeat(6, 1, 1, 1), faces[1:3]])).nearest < 1e-4
