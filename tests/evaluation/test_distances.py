"""Distances between sets of faces."""

import pytest
import torch

from facegan import synthetic_faces
from facegan.errors import ConfigError
from facegan.evaluation import distances as metrics
from facegan.evaluation.features import Eigenfaces, _pixels, _principal
from facegan.images import to_float


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(synthetic_faces(600, size=32, seed=0)[0])


@pytest.fixture(scope="module")
def space(images):
    return Eigenfaces(images[:300])


@pytest.fixture(scope="module")
def real(images, space):
    return space(images[:300])


def gaussian(n, mean, deviation, seed=0):
    noise = torch.randn(n, len(mean), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    noise = (noise - noise.mean(0)) @ torch.linalg.inv(
        torch.linalg.cholesky(torch.atleast_2d(noise.T.cov()))
    ).T
    return noise * torch.tensor(deviation) + torch.tensor(mean)


def test_frechet_distance_of_gaussians_is_the_formulas():
    a, b = gaussian(100, [0.0, 0.0], [1.0, 2.0]), gaussian(150, [3.0, 4.0], [2.0, 1.0], seed=1)
    assert metrics.frechet_distance(a, b) == pytest.approx(25 + 1 + 1)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_heeds_correlations():
    a = gaussian(100, [0.0, 0.0], [1.0, 1.0])
    b = torch.stack([a[:, 0], 0.6 * a[:, 0] + 0.8 * a[:, 1]], 1)
    eigenvalues = torch.tensor([0.4, 1.6], dtype=torch.float64)
    assert metrics.frechet_distance(a, b) == pytest.approx(float(4 - 2 * eigenvalues.sqrt().sum()))


def test_frechet_distance_of_a_single_feature():
    assert metrics.frechet_distance(
        gaussian(100, [0.0], [1.0]), gaussian(100, [3.0], [2.0])
    ) == pytest.approx(10)


def test_recall_falls_when_a_kind_of_face_is_missing():
    real = torch.cat([gaussian(100, [0.0, 0.0], [1.0, 1.0]), gaussian(100, [50.0, 0.0], [1.0, 1.0], seed=1)])
    assert metrics.recall(real, real) == 1
    assert metrics.recall(real, real[:100] + 0.01) == 0.5


def test_recall_is_measured_by_the_spacing_of_the_fakes():
    narrow, wide = gaussian(200, [0.0, 0.0], [1.0, 1.0]), gaussian(200, [0.0, 0.0], [9.0, 9.0], seed=1)
    assert metrics.recall(narrow, wide) > 0.9
    assert metrics.recall(wide, narrow) < 0.2


def test_large_sets_are_compared_part_by_part(monkeypatch, real, space, images):
    fake = space(images[300:])
    at_once = metrics.recall(real, fake), metrics.distinct(real, fake)
    monkeypatch.setattr(metrics, "_ROWS", 70)
    assert (metrics.recall(real, fake), metrics.distinct(real, fake)) == at_once


def test_near_copies_are_not_distinct(real):
    copies = real.clone()
    copies[:60] = copies[60:120] + 1e-9
    assert metrics.distinct(real, copies) == pytest.approx(0.6, abs=0.02)
    assert metrics.distinct(real, real) >= 0.97


def test_copies_among_real_faces_hide_no_collapse(real):
    doubled, one_face = torch.cat([real[:150], real[:150]]), real[:1] + 1e-3 * real
    assert metrics.distinct(doubled, one_face) == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x: x.roll(4, dims=3),
        lambda x: (x.float() * 0.8).to(torch.uint8),
        lambda x: x.flip(2),
        lambda x: torch.nn.functional.avg_pool2d(x.float(), 3, 1, 1).to(torch.uint8),
        lambda x: x[:30].repeat(10, 1, 1, 1),
        lambda x: torch.full_like(x, 128),
        lambda x: torch.randint(256, x.shape).to(torch.uint8),
    ],
    ids=["shifted", "darker", "upside down", "blurred", "few", "grey", "noise"],
)
def test_spoiled_faces_are_farther_than_other_real_ones(images, space, real, spoil):
    floor = metrics.frechet_distance(real, space(images[300:]))
    assert metrics.frechet_distance(real, space(spoil(images[300:]))) > 1.5 * floor


def test_what_is_no_face_recalls_none(images, space, real):
    for blank in (torch.full_like(images[300:], 128), torch.randint(256, images[300:].shape).to(torch.uint8)):
        assert metrics.recall(real, space(blank)) < 0.05 < metrics.recall(real, space(images[300:]))


def test_real_faces_have_mean_0_and_variance_1(real):
    assert real.shape == (300, 64)
    assert torch.allclose(real.mean(0), torch.zeros(64, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(real.T.cov(), torch.eye(64, dtype=torch.float64), atol=1e-6)


def test_repeated_faces_span_fewer_directions(images):
    space = Eigenfaces(images[:40].repeat(4, 1, 1, 1))
    assert 30 < space(images[:2]).shape[1] < 40
    assert space(images[300:400]).abs().max() < 100


def test_both_ranges_and_any_size_are_taken(images, space):
    assert torch.allclose(space(to_float(images[:9])), space(images[:9]))
    large = images[:3].repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(space(large), space(images[:3]), atol=1e-4)


def test_faces_that_span_no_space_are_refused(images):
    with pytest.raises(ConfigError, match="got 99 real faces, expected 100 or more"):
        Eigenfaces(images[:99])
    with pytest.raises(ConfigError, match="got 100 real faces that are all the same"):
        Eigenfaces(images[:1].repeat(100, 1, 1, 1))


def test_features_that_are_no_numbers_are_refused(real):
    with pytest.raises(ConfigError, match="infinities or NaN"):
        metrics.frechet_distance(real, real / 0)


def test_too_few_faces_are_refused(real):
    for call in (metrics.frechet_distance, metrics.recall, metrics.distinct):
        with pytest.raises(ConfigError, match=r"features \(99, 64\), expected .* of 100 faces"):
            call(real, real[:99])


def test_few_and_many_faces_are_reduced_alike(images):
    pixels = _pixels(images)[:, :200]
    few, many = pixels[:199] - pixels[:199].mean(0), pixels - pixels.mean(0)
    for centred in (few, many):
        variances, directions = _principal(centred)
        assert torch.allclose((centred @ directions[:, :50]).T.cov(), torch.eye(50, dtype=torch.float64))
        assert torch.allclose(variances[:50], torch.linalg.eigvalsh(centred.T.cov()).flip(0)[:50])


def test_each_of_many_images_gets_its_features(images, space):
    few = space(images[:3])
    torch.testing.assert_close(space(images[:3].repeat(200, 1, 1, 1)), few.repeat(200, 1))
