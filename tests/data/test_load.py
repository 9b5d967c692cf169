import os

import numpy as np
import pytest
import torch
from helpers import random_faces

from facegan import load_faces
from facegan.data import load as data
from facegan.errors import DataError

REAL_FACES = os.environ.get("FACEGAN_TEST_FACES")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- sources --------------------------------------------------------------------------------------


def test_a_folder_is_searched_at_any_depth(folder):
    faces = load_faces(folder, 16)
    assert faces.shape == (6, 3, 16, 16)
    assert faces.name == "photos"
    assert sorted(faces[:].float().mean((1, 2, 3)).mul(3).round().tolist()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("order", ["channels first", "channels last"])
def test_arrays_in_either_order_give_the_same_faces(order):
    images = random_faces(4).images
    given = images if order == "channels first" else images.transpose(0, 2, 3, 1)
    assert np.array_equal(load_faces(given, 16).images, images)
    assert np.array_equal(load_faces(torch.from_numpy(given.copy()), 16).images, images)


def test_arrays_of_another_size_are_cropped_and_resized():
    images = np.zeros((2, 3, 32, 48), np.uint8)
    images[..., 8:40] = 200  # the central square
    faces = load_faces(images, 16)
    assert faces.shape == (2, 3, 16, 16)
    assert faces.images.min() == 200


def test_mirrored_views_make_batches():
    faces = load_faces(random_faces(4).images[..., ::-1], 16)
    assert next(iter(faces.batches(4))).shape == (4, 3, 16, 16)


def test_npy_files_of_another_size_are_resized_once(tmp_path):
    np.save(tmp_path / "faces.npy", random_faces(4, size=32).images)
    first, second = load_faces("faces.npy", 16), load_faces("faces.npy", 16)
    assert first.shape == (4, 3, 16, 16)
    assert isinstance(second.images, np.memmap)
    assert np.array_equal(first.images, second.images)
    assert len(list(tmp_path.glob("*.npy"))) == 2  # the source and its cache


def test_npy_files_are_mapped_not_read(tmp_path):
    np.save(tmp_path / "faces.npy", random_faces(4).images)
    faces = load_faces("faces.npy", 16)
    assert isinstance(faces.images, np.memmap)
    assert np.array_equal(faces.images, random_faces(4).images)


def test_a_pickled_npy_is_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"objects\.npy is not a readable \.npy"):
        load_faces("objects.npy", 16)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", r"'nowhere' is not there.*'celeba'.*'synthetic'"),
        (["a.png", "b.png"], "data source is a list"),
        (np.zeros((4, 3, 16, 16)), r"float64 \(4, 3, 16, 16\), expected uint8"),
        (np.zeros((4, 16, 16), np.uint8), r"expected uint8"),
        (np.zeros((1, 3, 16, 16), np.uint8), "1 usable image; training needs 2"),
        (np.zeros((0, 3, 32, 32), np.uint8), "0 usable image; training needs 2"),
    ],
)
def test_sources_that_cannot_work_are_refused(source, message):
    with pytest.raises(DataError, match=message):
        load_faces(source, 16)


def test_an_empty_folder_and_a_strange_file_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image found in 'empty'"):
        load_faces("empty", 16)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="neither a folder"):
        load_faces("notes.txt", 16)


@pytest.mark.parametrize("size", [8, 1000, 64.0, True])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(DataError, match="16 to 512"):
        load_faces("synthetic", size)


def test_embedded_faces_come_with_their_attributes(monkeypatch):
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 12)
    monkeypatch.setattr(data, "_CHUNK", 5)
    drawn, cached = load_faces("synthetic", 16), load_faces("synthetic", 16)
    expected, attributes = data.synthetic.synthetic_faces(12, size=16, seed=0)
    assert np.array_equal(drawn.images, expected)
    assert np.array_equal(cached.images, expected)
    assert len(list((data.DATA_FOLDER).glob("*.npy"))) == 1
    assert np.array_equal(drawn.attributes["smile"], attributes["smile"])


@pytest.mark.skipif(not REAL_FACES, reason="FACEGAN_TEST_FACES names no zip of real faces")
def test_real_faces_load_whole(tmp_path):
    (tmp_path / "faces.zip").symlink_to(os.path.abspath(REAL_FACES))
    faces = load_faces(tmp_path / "faces.zip", 64)
    assert len(faces) == 13_001
    assert faces.skipped == ()
    average = faces[::20].float().mean(0)
    assert average[:, 24:40, 24:40].mean() > average[:, :8, :8].mean()  # a face in the middle


# ---- batches --------------------------------------------------------------------------------------


def test_an_epoch_visits_each_face_at_most_once_and_drops_the_rest():
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 16, 16), np.uint8)
    batches = data.FaceDataset(images, "levels").batches(3, generator=rng())
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
    ramps = data.FaceDataset(ramp, "ramps")
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
    # zip drew a third batch from the first loop, so the second goes on at the fourth
    assert torch.equal(torch.stack(head), torch.stack(straight[:2]))
    assert torch.equal(torch.stack(list(second)), torch.stack(straight[3:]))


def test_a_batch_larger_than_the_set_is_refused(faces):
    with pytest.raises(DataError, match="batch of 41 cannot be drawn from the 40 faces"):
        faces.batches(41)
