"""Points as data for networks that are not of images."""

import numpy as np
import pytest
import torch

from facegan.data.points import PointDataset, as_points
from facegan.errors import DataError

POINTS = np.arange(20, dtype=np.float32).reshape(10, 2)


def test_an_epoch_visits_every_point_once_in_random_order():
    batches = PointDataset(POINTS, "count").batches(5, generator=torch.Generator().manual_seed(0))
    seen = torch.cat(list(batches))
    assert seen.shape == (10, 2)
    assert sorted(seen.tolist()) == POINTS.tolist()
    assert seen.tolist() != POINTS.tolist()


def test_the_fingerprint_depends_on_the_points_only():
    same, other = PointDataset(POINTS.copy(), "b"), PointDataset(POINTS + 1, "a")
    assert PointDataset(POINTS, "a").fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize("given", [POINTS.tolist(), torch.from_numpy(POINTS), POINTS.astype(np.float64)])
def test_arrays_tensors_and_lists_are_converted(given):
    assert torch.equal(as_points(given, (2,))[:], torch.from_numpy(POINTS))


def test_the_given_array_is_copied():
    points = POINTS.copy()
    converted = as_points(points, (2,))
    points[0] = 99
    assert converted[0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (POINTS.reshape(5, 4), r"float32 \(5, 4\), expected points \(N, 2\)"),
        (POINTS[:1], "has 1 point"),
        (POINTS[0], r"float32 \(2,\), expected points"),
        ("ring", "Use names of data sets only with plane.record"),
        ([[0, 1], [2]], "are a list"),
        (np.ones((3, 2), complex), "of type complex128"),
        (PointDataset(np.zeros((2, 3), np.float32), "a"), "have 3 numbers each, expected 2"),
        (np.array([[0, 1], [np.nan, 2]]), r"point 1 of 'points' is \[nan, 2.0\]"),
    ],
)
def test_other_data_are_refused(given, words):
    with pytest.raises(DataError, match=words):
        as_points(given, (2,))


def test_points_are_not_mirrored():
    with pytest.raises(DataError, match="flip=False"):
        PointDataset(POINTS, "count").batches(5, flip=True)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(DataError, match="11 cannot be drawn from the 10 samples of 'count'"):
        PointDataset(POINTS, "count").batches(11)
