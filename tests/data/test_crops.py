"""The named crops of CelebA's aligned images, to the pixel."""

import io

import numpy as np
import pytest
from helpers.published import many, pack, picture, publish
from PIL import Image

from facegan import load_faces
from facegan.data import registry
from facegan.data.crops import CROPS
from facegan.data.decode import Unreadable, decode
from facegan.data.https import Https
from facegan.errors import DataError

CELEBA = ["celeba-108", "celeba-128", "celeba-178"]
# Each pixel holds its row in red and its column in green.
GRID = np.stack([*np.mgrid[:218, :178], np.zeros((218, 178))], -1).astype(np.uint8)


def encoded(rows, kind="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(rows).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("crop", "rows", "columns"),
    [("celeba-108", (55, 163), (35, 143)), ("celeba-128", (57, 185), (25, 153)),
     ("celeba-178", (20, 198), (0, 178)), ("center", (20, 198), (0, 178))],
)  # fmt: skip
def test_a_crop_has_its_rows_and_columns(crop, rows, columns):
    side = rows[1] - rows[0]
    square = decode(encoded(GRID), side, CROPS[crop])
    assert square[0, :, 0].tolist() == list(range(*rows))
    assert square[1, 0].tolist() == list(range(*columns))


@pytest.mark.parametrize("crop", CELEBA)
def test_a_small_result_is_cut_from_the_full_image(crop):
    """A JPEG may be decoded at a fraction of its size, but not where the crop counts its pixels."""
    smooth = decode(encoded(GRID, "JPEG", quality=100), 16, CROPS[crop])
    exact = decode(encoded(GRID), 16, CROPS[crop])
    assert np.abs(smooth.astype(int) - exact).max() < 6


@pytest.mark.parametrize("crop", CELEBA)
def test_an_image_of_another_size_cannot_be_read_for_it(crop):
    with pytest.raises(Unreadable, match=f"64 x 64 pixels, {crop} needs 178 x 218"):
        decode(picture(size=(64, 64)), 16, CROPS[crop])


# ---- load_faces(crop=) --------------------------------------------------------------------------------


@pytest.fixture
def aligned(tmp_path):
    """A zip of three aligned images."""
    return pack(tmp_path / "aligned.zip", [(f"{i}.png", encoded(GRID)) for i in range(3)])


def test_photographs_are_cut_to_their_center_unless_told_otherwise(aligned):
    center, chosen = load_faces(aligned, 178), load_faces(aligned, 128, crop="celeba-128")
    assert (center.crop, chosen.crop) == ("center", "celeba-128")
    assert chosen.images[0, 0, :, 0].tolist() == list(range(57, 185))


def test_crops_of_one_size_have_caches_of_their_own(aligned):
    first = load_faces(aligned, 16).images.copy()
    assert not np.array_equal(load_faces(aligned, 16, crop="celeba-108").images, first)
    assert np.array_equal(load_faces(aligned, 16).images, first)


def test_crops_and_sizes_share_a_fingerprint(aligned):
    faces = [
        load_faces(aligned, size, crop=crop) for size, crop in ((16, None), (16, "celeba-108"), (32, None))
    ]
    assert len({f.fingerprint for f in faces}) == 1


def test_photographs_of_another_size_are_refused_with_the_reason(tmp_path):
    path = pack(tmp_path / "small.zip", many())
    with pytest.raises(DataError, match="16 x 16 pixels, celeba-108 needs 178 x 218"):
        load_faces(path, 16, crop="celeba-108")


def test_records_state_their_crops():
    small, full = registry.find("celeba"), registry.find("celeba-full")
    assert (small.crop, small.crops) == ("celeba-108", ())
    assert (full.crop, list(full.crops)) == ("celeba-108", CELEBA)


def test_a_set_that_is_cropped_already_keeps_its_crop(source):
    assert load_faces("celeba", 16).crop == "celeba-108"
    assert load_faces("celeba", 16, crop="celeba-108").crop == "celeba-108"
    with pytest.raises(DataError, match="crop is 'celeba-128', expected for 'celeba': 'celeba-108'"):
        load_faces("celeba", 16, crop="celeba-128")


def test_a_set_of_aligned_images_offers_its_crops(source, server, monkeypatch, aligned):
    body = server.files["/aligned.zip"] = aligned.read_bytes()
    publish(
        monkeypatch,
        body,
        [Https(f"{server.url}/aligned.zip")],
        count=3,
        crop="celeba-108",
        crops=tuple(CELEBA),
    )
    assert load_faces("celeba", 108).images[0, 1, 0].tolist() == list(range(35, 143))
    chosen = load_faces("celeba", 178, crop="celeba-178")
    assert chosen.crop == "celeba-178"
    assert chosen.images[0, 1, 0].tolist() == list(range(178))


@pytest.mark.parametrize(
    ("given", "crop", "message"),
    [
        (
            "aligned.zip",
            "celeba-64",
            "crop is 'celeba-64', expected for photographs: 'center' or 'cel",
        ),
        ("synthetic", "center", "crop is 'center', expected for 'synthetic': 'drawn'"),
        (np.zeros((4, 3, 16, 16), np.uint8), "center", "expected for images in memory: none"),
    ],
)
def test_crops_that_a_source_does_not_have_are_refused(aligned, given, crop, message):
    with pytest.raises(DataError, match=message):
        load_faces(given, 16, crop=crop)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ("celeba", {}, "align='face' was given for 'celeba', expected a folder or zip"),
        ("synthetic", {}, "align='face' was given for 'synthetic'"),
        ("faces.npy", {}, r"align='face' was given for a \.npy file"),
        (np.zeros((4, 3, 16, 16), np.uint8), {}, "align='face' was given for images in memory"),
        ("aligned.zip", {"crop": "center"}, "crop='center' and align='face' were given, expected one"),
    ],
)
def test_align_is_refused_where_it_cannot_apply(aligned, given, options, message):
    np.save("faces.npy", np.zeros((4, 3, 16, 16), np.uint8))
    with pytest.raises(DataError, match=message):
        load_faces(given, 16, align="face", **options)
