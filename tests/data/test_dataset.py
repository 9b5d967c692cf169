"""What a data set tells of itself, its batches, and what `fit` takes for one."""

import numpy as np
import pytest
import torch
from helpers import random_faces
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from facegan.data.dataset import FaceDataset, as_dataset
from facegan.errors import DataError


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- batches --------------------------------------------------------------------------------------


def test_an_epoch_visits_each_face_at_most_once_and_drops_the_rest():
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 16, 16), np.uint8)
    batches = FaceDataset(images, "levels").batches(3, generator=rng())
    seen = [round((b.mean().item() + 1) * 127.5) for batch in batches for b in batch]
    assert len(batches) == 3
    assert len(seen) == len(set(seen)) == 9
    assert seen != sorted(seen)


def test_batches_are_floats_in_range_on_the_device(faces):
    batch = next(iter(faces.batches(8, generator=rng())))
    assert (batch.shape, batch.dtype) == ((8, 3, 16, 16), torch.float32)
    assert batch.min() >= -1
    assert batch.max() <= 1


def test_the_generator_decides_order_and_flips(faces):
    def epoch(seed):
        return torch.cat(list(faces.batches(8, generator=rng(seed))))

    assert torch.equal(epoch(0), epoch(0))
    assert not torch.equal(epoch(0), epoch(1))


def test_about_half_the_faces_are_mirrored():
    ramp = np.broadcast_to(np.arange(16, dtype=np.uint8) * 10, (400, 3, 16, 16)).copy()
    ramps = FaceDataset(ramp, "ramps")
    (batch,) = ramps.batches(400, generator=rng())
    mirrored = (batch[:, 0, 0, 0] > batch[:, 0, 0, -1]).float().mean()
    assert 0.4 < mirrored < 0.6
    (plain,) = ramps.batches(400, generator=rng(), flip=False)
    assert (plain[:, 0, 0, 0] < plain[:, 0, 0, -1]).all()


def test_remaining_lets_another_loop_finish_the_epoch(faces):
    straight = list(faces.batches(8, generator=rng()))
    generator = rng()
    first = faces.batches(8, generator=generator)
    head = [batch for batch, _ in zip(first, range(2), strict=False)]
    second = faces.batches(8, generator=generator)
    second.remaining = first.remaining
    # zip drew a third batch from the first loop, so the second resumes at the fourth
    assert torch.equal(torch.stack(head), torch.stack(straight[:2]))
    assert torch.equal(torch.stack(list(second)), torch.stack(straight[3:]))


def test_a_batch_larger_than_the_set_is_refused(faces):
    with pytest.raises(DataError, match="batch of 41 cannot be drawn from the 40 faces"):
        faces.batches(41)


def test_batches_are_those_of_earlier_versions(faces):
    """Runs resume exactly only while one seed gives the same order and flips."""
    levels = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 16, 16), np.uint8)
    levels[..., 0] = 255  # the left column tells a flipped face
    batch = next(iter(FaceDataset(levels, "levels").batches(8, generator=rng())))
    order = [round((face[0, 0, 8].item() + 1) * 255 / 2) for face in batch]
    assert order == [4, 16, 21, 5, 11, 14, 39, 29]
    assert [face[0, 0, 0].item() == 1 for face in batch] == [
        True,
        True,
        False,
        True,
        False,
        False,
        False,
        True,
    ]


# ---- what it tells ----------------------------------------------------------------------------------


def test_a_record_has_plain_values():
    faces = FaceDataset(random_faces(4).images, "mine", crop="celeba-128", fingerprint="0" * 16)
    assert faces.record() == {
        "name": "mine", "count": 4, "image_size": 16, "crop": "celeba-128", "fingerprint": "0" * 16,
    }  # fmt: skip


def test_the_fingerprint_of_an_array_is_of_its_pixels():
    images = random_faces(4).images
    same, other = FaceDataset(images.copy(), "other name"), images.copy()
    other[3, 2, 15, 15] ^= 1
    assert FaceDataset(images, "a").fingerprint == same.fingerprint
    assert FaceDataset(images, "a").fingerprint != FaceDataset(other, "a").fingerprint
    assert FaceDataset(images, "a").fingerprint != FaceDataset(images[:3], "a").fingerprint
    reshaped = images.reshape(16, 3, 8, 8)
    assert FaceDataset(images, "a").fingerprint != FaceDataset(reshaped, "a").fingerprint


def test_one_face_is_no_data_set():
    with pytest.raises(DataError, match="'mine' has too few usable images: 1"):
        FaceDataset(random_faces(2).images[:1], "mine")


# ---- as_dataset -------------------------------------------------------------------------------------


def test_a_data_set_passes_unchanged(faces):
    assert as_dataset(faces, 16) is faces


def test_part_of_a_data_set_is_taken(faces):
    subset = as_dataset(Subset(faces, range(3, 9)), 16)
    assert np.array_equal(subset.images, faces.images[3:9])
    assert (subset.name, subset.crop) == ("Subset", None)


def test_a_tensor_is_named_an_array(faces):
    taken = as_dataset(faces[:8], 16)
    assert (taken.name, len(taken)) == ("array", 8)


def test_images_of_another_size_are_refused_before_all_are_read():
    class Large:
        def __len__(self):
            return 10

        def __getitem__(self, index):
            assert index == 0, "read on"
            return np.zeros((3, 32, 48), np.uint8)

    with pytest.raises(DataError, match=r"48 x 32 pixels, expected 16 x 16.*load_faces\(images, 16\)"):
        as_dataset(Large(), 16)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("celeba", r"are a str, expected an array.*load_faces\('celeba'\)"),
        (
            DataLoader(TensorDataset(torch.zeros(4, 3, 16, 16)), 2),
            r"a DataLoader, .*loader\.dataset",
        ),
        (Stream(), "a Stream, expected .*Collect"),
        ({"images": 1}, "a dict, expected an array"),
        (None, "a NoneType, expected an array"),
        (3, "an? int, expected an array"),
    ],
)
def test_what_is_no_data_set_is_refused_with_what_to_do(given, message):
    with pytest.raises(DataError, match=message):
        as_dataset(given, 16)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(4, 3, 16, 16, dtype=torch.uint8), np.zeros((4, 3, 16, 16)), [[1]],
        np.zeros((4, 16, 16, 3), np.uint8), np.zeros((4, 3, 16, 8), np.uint8),
        np.zeros((4, 3, 0, 0), np.uint8),
    ],
)  # fmt: skip
def test_images_of_another_kind_are_refused(images):
    with pytest.raises(DataError, match=r"load_faces\(images, size\)"):
        FaceDataset(images, "mine")


def test_split_keeps_every_face_once():
    whole = random_faces(50)
    faces, held_out = whole.split(10)
    assert (len(faces), len(held_out)) == (40, 10)
    seen = {image.tobytes() for part in (faces, held_out) for image in part.images}
    assert seen == {image.tobytes() for image in whole.images}


def test_split_takes_faces_from_the_whole_set_with_their_labels():
    labels = np.repeat([0, 1], 25)
    whole = FaceDataset(random_faces(50).images, "classes", labels=labels, classes=("a", "b"))
    faces, held_out = whole.split(10)
    assert held_out.labels.tolist() == [0] * 5 + [1] * 5
    assert len(faces.labels) == 40


def test_both_parts_of_a_split_compare_with_the_whole():
    whole = random_faces(50)
    assert {part.fingerprint for part in whole.split(10)} == {whole.fingerprint}


@pytest.mark.parametrize("count", [0, 1, 49, True, 2.0])
def test_split_refuses_parts_that_are_no_sets(count):
    with pytest.raises(DataError, match="expected a whole number from 2 to 48"):
        random_faces(50).split(count)


def test_a_second_epoch_has_another_order_and_again_every_face():
    faces = FaceDataset(np.arange(24, dtype=np.uint8).reshape(24, 1, 1, 1).repeat(3, 1), "numbered")
    batches = faces.batches(8, generator=torch.Generator().manual_seed(0), flip=False)
    first, second = ([((x[:, 0, 0, 0] + 1) * 127.5).round().long() for x in batches] for _ in range(2))
    assert sorted(torch.cat(first).tolist()) == sorted(torch.cat(second).tolist()) == list(range(24))
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert batches.epoch == 2
