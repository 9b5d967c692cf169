"""The data sets of the plane, and which of their modes fakes cover."""

import math

import numpy as np
import pytest
import torch

from facegan import plane
from facegan.data.points import PointDataset
from facegan.errors import ConfigError, DataError
from facegan.plane.data import EXTENT, Modes, covered, load


@pytest.mark.parametrize("name", plane.DATA)
def test_every_set_fills_the_window_and_is_the_same_each_time(name):
    points, _ = load(name)
    again, _ = load(name)
    assert len(points) == 4096
    assert torch.equal(points[:], again[:])
    assert 0.7 < points[:].abs().max() < EXTENT


@pytest.mark.parametrize(("name", "count"), [("ring", 8), ("grid", 25), ("gaussian", 1), ("moons", 0)])
def test_real_points_cover_all_modes(name, count):
    points, modes = load(name)
    assert len(modes.centers) == count
    found, quality = covered(points[:500], modes)
    assert found == count
    assert quality > 0.97 if count else math.isnan(quality)


def test_a_few_stray_fakes_do_not_cover_a_mode():
    modes = Modes(np.array([[0, 0], [1, 0]], np.float32), 0.1)
    fakes = torch.tensor([[0.0, 0.0]] * 91 + [[1.0, 0.0]] * 9)
    assert covered(fakes, modes) == (1, 1.0)
    assert covered(torch.cat([fakes, fakes[-1:]]), modes)[0] == 1
    assert covered(torch.cat([fakes, fakes[-2:]]), modes)[0] == 2


def test_a_fifth_of_the_fair_share_covers_a_mode():
    modes = Modes(np.array([[0, 0], [1, 0]], np.float32), 0.1)
    assert covered(torch.tensor([[0.0, 0.0]] * 90 + [[1.0, 0.0]] * 10), modes) == (2, 1.0)


def test_three_standard_deviations_are_near():
    modes = Modes(np.zeros((1, 2), np.float32), 0.1)
    assert covered(torch.tensor([[0.29, 0.0], [0.31, 0.0]]), modes)[1] == 0.5


def test_own_points_are_fitted_into_the_window_with_their_proportions():
    points, modes = load(np.array([[100.0, 0.0], [300.0, 0.0], [300.0, 100.0]]))
    assert points[:3].tolist() == [[-1.5, -0.75], [1.5, -0.75], [1.5, 0.75]]
    assert not len(modes.centers)


def test_own_points_keep_their_digits_far_from_the_origin():
    times = 1.7e9 + np.arange(300.0)
    points, _ = load(np.stack([times, np.zeros(300)], 1))
    assert len(points[:, 0].unique()) == 300


def test_a_few_own_points_fill_a_batch():
    points, _ = load([[0, 0], [1, 1], [2, 0]])
    assert len(points) >= 4096
    assert len(points[:].unique(dim=0)) == 3


@pytest.mark.parametrize(
    ("points", "words"), [([[1, 2]], "has 1 point"), ([[0, 1], [np.nan, 1]], "point 1 of")]
)
def test_single_points_and_nan_are_refused(points, words):
    with pytest.raises(DataError, match=words):
        load(points)


def test_a_dataset_of_points_keeps_its_name():
    points, _ = load(PointDataset(np.array([[0, 0], [1, 1]], np.float32), "heights"))
    assert points.name == "heights"


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ConfigError, match="'circle'; choose one of line, gaussian"):
        load("circle")


@pytest.mark.parametrize(
    ("points", "words"),
    [([[1, 1], [1, 1]], "all points are"), ([[1, 2, 3]] * 3, r"int64 \(3, 3\), expected points")],
)
def test_unusable_points_are_refused(points, words):
    with pytest.raises(DataError, match=words):
        load(points)
