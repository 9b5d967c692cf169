"""`.npy` files that users give: copied to the cache in parts; files that change, or lie about their size."""

import os

import numpy as np
import pytest
from helpers import random_faces

from facegan import load_faces
from facegan.data import npy
from facegan.data.npy import NpyFile
from facegan.errors import DataError

IMAGES = random_faces(5).images


@pytest.mark.parametrize("array", [IMAGES, np.asfortranarray(IMAGES), IMAGES / np.float16(255)])
def test_an_array_is_copied_to_the_cache_in_parts(array, monkeypatch):
    monkeypatch.setattr(npy, "_CHUNK", 2)
    np.save("faces.npy", array)
    for _ in range(2):
        faces = load_faces("faces.npy", 16)
        assert isinstance(faces.images, np.memmap)
        assert np.array_equal(faces.images, IMAGES)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_file_that_is_cut_after_loading_does_not_end_the_process():
    np.save("faces.npy", np.zeros((100, 3, 64, 64), np.uint8))
    child = os.fork()
    if child == 0:
        faces = load_faces("faces.npy", 64)
        os.truncate("faces.npy", 10)
        os._exit(int(faces.images.max()))
    assert os.waitpid(child, 0)[1] == 0


def test_a_file_that_is_cut_while_it_is_read_is_named(monkeypatch):
    monkeypatch.setattr(npy, "_CHUNK", 2)
    np.save("faces.npy", IMAGES)
    chunks = NpyFile(npy.Path("faces.npy")).chunks()
    next(chunks)
    os.truncate("faces.npy", 200)
    with pytest.raises(DataError, match=r"faces\.npy changed while it was read"):
        next(chunks)


def test_a_header_that_claims_more_than_the_file_has_is_refused():
    with open("faces.npy", "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 3, 64, 64)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(DataError, match=r"claims to have 12,288,000 MB"):
        load_faces("faces.npy", 64)


@pytest.mark.parametrize(
    ("array", "message"),
    [(np.zeros((4, 3, 0, 0), np.uint8), r"uint8 \(4, 3, 0, 0\), expected"), (IMAGES[:1], "usable images: 1,"),
     (np.zeros(4, [("a", "u1")]), "expected uint8"), (np.zeros(4), r"float64 \(4,\), expected")],
)  # fmt: skip
def test_files_that_hold_no_images_are_refused(array, message):
    np.save("faces.npy", array)
    with pytest.raises(DataError, match=message):
        load_faces("faces.npy", 16)


def test_a_file_of_savez_is_called_so():
    np.savez("faces.npz", IMAGES)
    os.rename("faces.npz", "faces.npy")
    with pytest.raises(DataError, match=r"not a readable \.npy.*a zip, as np\.savez writes"):
        load_faces("faces.npy", 16)


@pytest.mark.parametrize("cut", [0, 5, 60])
def test_a_broken_header_is_refused(cut):
    np.save("faces.npy", IMAGES)
    os.truncate("faces.npy", cut)
    with pytest.raises(DataError, match=r"faces\.npy is not a readable \.npy"):
        load_faces("faces.npy", 16)
