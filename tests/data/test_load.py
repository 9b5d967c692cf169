"""From names, folders, zips and arrays to a data set."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import random_faces
from helpers.published import pack, picture

from facegan import FaceDataset, data, load_faces
from facegan.data import load, synthetic
from facegan.data.registry import local_file
from facegan.errors import DataError

REAL_FACES = os.environ.get("FACEGAN_TEST_FACES")


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
    assert len(list(Path("data").glob("faces.npy@*.npy"))) == 1


def test_npy_files_with_channels_last_are_reordered_once(tmp_path):
    np.save(tmp_path / "faces.npy", random_faces(4).images.transpose(0, 2, 3, 1))
    faces = load_faces("faces.npy", 16)
    assert isinstance(faces.images, np.memmap)
    assert faces.images.flags.c_contiguous
    assert np.array_equal(faces.images, random_faces(4).images)


def test_npy_files_of_floats_are_converted(tmp_path):
    np.save(tmp_path / "faces.npy", random_faces(4).images / np.float32(255))
    assert np.array_equal(load_faces("faces.npy", 16).images, random_faces(4).images)


def test_a_pickled_npy_is_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"objects\.npy is not a readable \.npy"):
        load_faces("objects.npy", 16)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", r"'nowhere' does not exist.*'celeba'.*'synthetic'"),
        (["a.png", "b.png"], "image 0 is a str"),
        (np.zeros((4, 3, 16, 16), int), r"int64 \(4, 3, 16, 16\), expected uint8"),
        (None, "a NoneType, expected an array"),
        (np.zeros((4, 16, 16), np.uint8), r"expected uint8"),
        (np.zeros((1, 3, 16, 16), np.uint8), "usable images: 1,"),
        (np.zeros((0, 3, 32, 32), np.uint8), "usable images: 0,"),
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
    with pytest.raises(DataError, match="is not a folder"):
        load_faces("notes.txt", 16)


@pytest.mark.parametrize("size", [8, 1000, 64.0, True])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(DataError, match="16 to 512"):
        load_faces("synthetic", size)


def test_drawn_faces_come_with_their_attributes(monkeypatch):
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 12)
    monkeypatch.setattr(load, "_CHUNK", 5)
    drawn, cached = load_faces("synthetic", 16), load_faces("synthetic", 16)
    expected, attributes = synthetic.synthetic_faces(12, size=16, seed=0)
    assert np.array_equal(drawn.images, expected)
    assert np.array_equal(cached.images, expected)
    assert len(list(data.DATA_FOLDER.glob("*.npy"))) == 1
    assert np.array_equal(drawn.attributes["smile"], attributes["smile"])


@pytest.mark.skipif(not REAL_FACES, reason="FACEGAN_TEST_FACES names no zip of real faces")
def test_real_faces_load_whole(tmp_path):
    (tmp_path / "faces.zip").symlink_to(os.path.abspath(REAL_FACES))
    faces = load_faces(tmp_path / "faces.zip", 64)
    assert len(faces) == 13_001
    assert faces.skipped == ()
    average = faces[::20].float().mean(0)
    assert average[:, 24:40, 24:40].mean() > average[:, :8, :8].mean()  # a face in the middle


# ---- labels and fingerprints ------------------------------------------------------------------------

PHOTOS = {
    "cats/1.png": (1, 0, 0),
    "cats/2.png": (2, 0, 0),
    "a dog/1.png": (3, 0, 0),
    "a dog/deep/2.png": (4, 0, 0),
}


def as_folder(path, photos=PHOTOS):
    for name, color in photos.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(picture(color))
    return path


def as_zip(path, photos=PHOTOS, top=""):
    return pack(path, [(top + name, picture(color)) for name, color in photos.items()])


@pytest.mark.parametrize("top", ["", "everything/"])
@pytest.mark.parametrize("kind", [as_folder, as_zip])
def test_class_subfolders_become_labels(tmp_path, kind, top):
    made = kind(tmp_path / "pets.zip", {top + name: color for name, color in PHOTOS.items()})
    for _ in range(2):  # decoded, then from the cache
        faces = load_faces(made, 16)
        assert faces.classes == ("a dog", "cats")
        assert (faces.labels.tolist(), faces.labels.dtype) == ([0, 0, 1, 1], np.int64)
        assert faces.images[:, 0, 0, 0].tolist() == [3, 4, 1, 2]


@pytest.mark.parametrize(
    "photos", [{**PHOTOS, "loose.png": (5, 0, 0)}, {"top/one/1.png": (1, 0, 0), "top/one/2.png": (2, 0, 0)}]
)
def test_without_two_classes_or_with_loose_images_there_are_no_labels(tmp_path, photos):
    faces = load_faces(as_folder(tmp_path / "pets", photos), 16)
    assert (faces.labels, faces.classes) == (None, ())


def test_labels_are_those_of_the_images_that_could_be_read(tmp_path):
    photos = {f"{name}/{index:03d}.png": (index, 0, 0) for name in "ab" for index in range(100)}
    as_folder(tmp_path / "pets", photos)
    (tmp_path / "pets/a/050.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="skipped"):
        faces = load_faces(tmp_path / "pets", 16)
    assert np.bincount(faces.labels).tolist() == [99, 100]
    assert faces.images[faces.labels == 1, 0, 0, 0].tolist() == list(range(100))


def test_a_zip_and_its_folder_have_one_fingerprint(tmp_path):
    folder = as_folder(tmp_path / "pets")
    marks = {load_faces(made, 16).fingerprint for made in (
        folder, as_zip(tmp_path / "flat.zip"), as_zip(tmp_path / "nested.zip", top="pets/"), folder,
    )}  # fmt: skip
    (mark,) = marks
    assert len(mark) == 16
    assert int(mark, 16)


@pytest.mark.parametrize("change", ["color", "name"])
def test_another_byte_or_name_gives_another_fingerprint(tmp_path, change):
    for index in range(2):  # of equal size, also with another color
        (tmp_path / f"{index}.bmp").write_bytes(picture((index, 0, 0), kind="BMP"))
    before = load_faces(tmp_path, 16).fingerprint
    if change == "name":
        (tmp_path / "1.bmp").rename(tmp_path / "2.bmp")
    else:
        (tmp_path / "1.bmp").write_bytes(picture((9, 0, 0), kind="BMP"))
    assert load_faces(tmp_path, 16).fingerprint != before


def test_dates_do_not_count_for_the_fingerprint(tmp_path):
    folder = as_folder(tmp_path / "pets")
    before = load_faces(folder, 16).fingerprint
    os.utime(folder / "cats/1.png", (1, 1))
    assert load_faces(folder, 16).fingerprint == before


def test_the_fingerprint_of_drawn_faces_is_of_version_and_count(monkeypatch):
    def fingerprint(count):
        monkeypatch.setattr(data, "SYNTHETIC_COUNT", count)
        return load_faces("synthetic", 16).fingerprint

    first = fingerprint(3)
    assert fingerprint(4) != first
    assert fingerprint(3) == first
    monkeypatch.setattr(synthetic, "DRAWING_VERSION", synthetic.DRAWING_VERSION + 1)
    assert fingerprint(3) != first


# ---- paths ------------------------------------------------------------------------------------------


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    as_folder(tmp_path / "pets")
    assert len(load_faces("~/pets", 16)) == 4


def test_the_working_directory_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(as_folder(tmp_path / "pets"))
    assert load_faces(".", 16).name == "pets"


@pytest.mark.parametrize(
    ("ending", "kind"), [("jfif", "JPEG"), ("jpe", "JPEG"), ("ppm", "PPM"), ("PGM", "PPM")]
)
def test_less_usual_endings_are_read(tmp_path, ending, kind):
    for index in range(2):
        (tmp_path / f"{index}.{ending}").write_bytes(picture((9, 9, 9), kind=kind))
    assert len(load_faces(tmp_path, 16)) == 2


def test_the_data_folder_may_be_a_string(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DATA_FOLDER", str(tmp_path / "deep" / "elsewhere"))
    load_faces(as_folder(tmp_path / "pets"), 16)
    assert len(list((tmp_path / "deep" / "elsewhere").glob("*.npy"))) == 1
    assert local_file("celeba").parent == tmp_path / "deep" / "elsewhere"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder laid out like the repository, with the default data folder."""
    for file in ("facegan/__init__.py", "data/README.md", "notebooks/01_data.ipynb"):
        (tmp_path / "repository" / file).parent.mkdir(parents=True)
        (tmp_path / "repository" / file).touch()
    monkeypatch.delitem(vars(data), "DATA_FOLDER", raising=False)
    return tmp_path / "repository"


def test_the_notebooks_of_a_checkout_share_its_data_folder(checkout, monkeypatch):
    array = np.zeros((4, 3, 32, 32), np.uint8)
    np.save(checkout / "faces.npy", array)
    for place in (checkout, checkout / "notebooks"):
        monkeypatch.chdir(place)
        load_faces(checkout / "faces.npy", 16)
    assert len(list((checkout / "data").glob("*.npy"))) == 1
    assert not (checkout / "notebooks" / "data").exists()


@pytest.mark.parametrize("missing", ["facegan/__init__.py", "data/README.md"])
def test_a_folder_of_notebooks_elsewhere_has_a_data_folder_of_its_own(checkout, monkeypatch, missing):
    (checkout / missing).unlink()
    monkeypatch.chdir(checkout / "notebooks")
    assert Path("data") == data.DATA_FOLDER


def test_an_assigned_data_folder_holds_everywhere(checkout, monkeypatch):
    monkeypatch.setattr(data, "DATA_FOLDER", Path("elsewhere"))
    monkeypatch.chdir(checkout / "notebooks")
    assert local_file("celeba") == Path("elsewhere/processed-celeba-small.zip")


def test_public_names_are_listed_and_there():
    assert {"DATA_FOLDER", "as_dataset", "load_faces", "register_dataset"} <= set(dir(data))
    assert all(getattr(data, name) is not None for name in dir(data))


def test_a_data_set_stays_what_it_is():
    faces = FaceDataset(random_faces(4).images, "mine", crop="celeba-108", labels=np.arange(4))
    assert load_faces(faces, 16) is faces
    with pytest.raises(DataError, match=r"the faces are 16 px, expected 32.*load_faces"):
        load_faces(faces, 32)


@pytest.mark.parametrize("options", [{"crop": "celeba-108"}, {"align": "face"}])
def test_a_data_set_cannot_be_framed_anew(options):
    with pytest.raises(DataError, match="for a FaceDataset"):
        load_faces(FaceDataset(random_faces(4).images, "mine"), 16, **options)


def test_an_empty_source_is_refused():
    with pytest.raises(DataError, match="empty string"):
        load_faces("", 16)
