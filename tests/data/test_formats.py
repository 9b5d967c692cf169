"""Pictures of kinds that need something else, and files that are no pictures."""

import sys
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from facegan import load_faces
from facegan.errors import DataError


@pytest.fixture
def without_heic(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)


@pytest.fixture
def heic(tmp_path):
    """A HEIC image, red."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    path = tmp_path / "phone.heic"
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), (200, 0, 0))).save(path)
    return path


def add(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"\0" * 40)


def test_heic_images_load_with_the_extra(folder, heic):
    heic.rename(folder / "9.heic")
    faces = load_faces(folder, 16)
    assert (len(faces), faces.skipped) == (7, ())
    red, green, _ = faces.images[4].mean((1, 2))  # "9.heic" sorts before "more/..."
    assert red > 180
    assert green < 30


def test_heic_images_load_under_another_name(folder, heic):
    heic.rename(folder / "9.jpg")
    assert load_faces(folder, 16).images[4, 0].mean() > 180


@pytest.mark.usefixtures("without_heic")
def test_without_the_extra_heic_images_are_counted_and_the_extra_is_named(folder):
    add(folder, "a.heic", "more/b.HEIC", ".hidden.heic")
    for _ in range(2):  # also when the cache is opened
        with pytest.warns(UserWarning, match=r"2 \.heic files: pip install 'facegan\[heic\]'"):
            assert len(load_faces(folder, 16)) == 6


@pytest.mark.usefixtures("without_heic")
def test_without_the_extra_a_heic_image_of_another_name_says_what_it_is(folder):
    for name in ("0.png", "1.png", "2.png"):
        (folder / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100)
    with pytest.raises(DataError, match=r"0\.png: a HEIC image.*pip install 'facegan\[heic\]'"):
        load_faces(folder, 16)


@pytest.mark.usefixtures("without_heic")
def test_without_the_extra_heic_images_are_in_the_list_of_skipped_ones(folder):
    add(folder, "a.heic", "more/b.HEIC", "c.mov")
    (folder / "void.png").write_bytes(b"")
    todo = "a HEIC image; pip install 'facegan[heic]', then load them again"
    for _ in range(2):  # also when the cache is opened
        with pytest.warns(UserWarning, match="skipped"):
            skipped = load_faces(folder, 16).skipped
        assert skipped == ("void.png: empty file", f"a.heic: {todo}", f"more/b.HEIC: {todo}")


@pytest.mark.usefixtures("without_heic")
def test_a_folder_of_nothing_else_says_what_to_do(tmp_path):
    add(tmp_path, "a.heic", "b.heic")
    with pytest.raises(DataError, match=r"Not read: 2 \.heic files: pip install 'facegan\[heic\]'"):
        load_faces(tmp_path, 16)


def test_what_can_be_read_later_is_read_then(tmp_path, folder, heic, monkeypatch):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in (*folder.glob("*.png"), heic):
            archive.write(file, file.name)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pillow_heif", None)
        with pytest.warns(UserWarning, match=r"1 \.heic file:"):
            assert len(load_faces(path, 16)) == 4
    assert len(load_faces(path, 16)) == 5


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.jxl", "1 .jxl file: convert"),
        ("a.CR2", "1 .cr2 file: convert"),
        ("a.mov", "1 .mov file: they are videos"),
    ],
)
def test_other_kinds_are_named_with_what_to_do(folder, name, advice):
    add(folder, name)
    with pytest.warns(UserWarning, match="files in photos that were not read") as caught:
        load_faces(folder, 16)
    assert advice in str(caught[0].message)


def test_files_that_belong_beside_images_are_not_mentioned(folder):
    add(
        folder,
        "Thumbs.db",
        ".DS_Store",
        "list.txt",
        "labels.csv",
        "a.json",
        "README",
        ".trash.heic",
        "desktop.ini",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_faces(folder, 16)) == 6


def test_videos_do_not_change_what_is_loaded(folder):
    before = load_faces(folder, 16).images
    add(folder, "a.mov")
    with pytest.warns(UserWarning, match=r"\.mov"):
        assert np.array_equal(load_faces(folder, 16).images, before)


def test_avif_is_read_where_pillow_can(folder):
    if not Image.core or not __import__("PIL.features").features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    Image.new("RGB", (64, 64), (200, 0, 0)).save(folder / "9.avif")
    assert len(load_faces(folder, 16)) == 7
