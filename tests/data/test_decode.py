"""How image files become RGB squares, and which are skipped."""

import io
import os
import re
import struct
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.published import many, pack, picture
from PIL import EpsImagePlugin, Image, ImageFile

from facegan import load_faces
from facegan.data import decode as photos
from facegan.data.archives import Photos
from facegan.data.decode import Unreadable, decode, most_bad
from facegan.errors import DataError


@pytest.mark.parametrize(
    ("data", "rgb"),
    [
        (picture((10, 20, 30)), (10, 20, 30)),
        (picture(90, mode="L"), (90, 90, 90)),
        (picture((90, 0), mode="LA"), (255, 255, 255)),
        (picture((10, 20, 30, 255), mode="RGBA"), (10, 20, 30)),
        (picture((10, 20, 30, 0), mode="RGBA"), (255, 255, 255)),
        (picture((0, 0, 0, 0), mode="CMYK", kind="JPEG"), (255, 255, 255)),
        (picture(0x8000, mode="I;16"), (127, 127, 127)),
        (picture(0xFFFF, mode="I;16"), (255, 255, 255)),
        (picture(40_000, mode="I;16"), (155, 155, 155)),
    ],
)
def test_every_mode_has_its_rgb(data, rgb):
    square = decode(data, 16)
    assert (square.shape, square.dtype) == ((3, 16, 16), np.uint8)
    np.testing.assert_allclose(square.mean((1, 2)), rgb, atol=1)


def test_palette_with_a_transparent_color_lies_on_white():
    image = Image.new("P", (16, 16), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    out = io.BytesIO()
    image.save(out, "PNG", transparency=1)
    assert decode(out.getvalue(), 16).mean() == 255


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_rotation_is_applied(kind):
    image = Image.fromarray(np.repeat(np.arange(16, dtype=np.uint8)[:, None] * 15, 16, 1)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    turned = decode(out.getvalue(), 16)
    assert turned[0, 0, 0] > 200 > 50 > turned[0, -1, 0]


def test_the_first_frame_of_an_animation_counts():
    out = io.BytesIO()
    red, blue = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    red.save(out, "GIF", save_all=True, append_images=[blue])
    np.testing.assert_allclose(decode(out.getvalue(), 16).mean((1, 2)), (255, 0, 0), atol=2)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_that_would_saturate_are_refused(mode):
    with pytest.raises(Unreadable, match="8 bits"):
        decode(picture(70_000, mode=mode, kind="TIFF"), 16)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"keep_rgb": True}, {"subsampling": 0}])
def test_small_jpegs_have_the_pixels_that_pil_gives_them(options):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", **options)
    expected = np.asarray(Image.open(out).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(decode(out.getvalue(), 16), expected)


def test_a_jpeg_without_width_is_unreadable():
    data = picture(kind="JPEG")
    start = data.index(b"\xff\xc0") + 7
    with pytest.raises(Unreadable):
        decode(data[:start] + b"\x00\x00" + data[start + 2 :], 16)


def test_large_members_of_an_archive_are_not_read_ahead_by_the_dozen(tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "_PORTION", 1000)
    pack(tmp_path / "big.zip", [(f"{i}.png", os.urandom(600)) for i in range(5)])
    with Photos(tmp_path / "big.zip") as opened:
        assert [len(names) for names, _ in photos._portions(opened)] == [2, 2, 1]


def test_centre_crop_and_antialiased_resize():
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = 255 * (np.indices((32, 32)).sum(0) % 2)[..., None]  # a checkerboard in the middle
    out = io.BytesIO()
    Image.fromarray(wide).save(out, "PNG")
    square = decode(out.getvalue(), 16)
    assert abs(square.mean() - 127.5) < 2  # sides cut off
    assert square[:, 2:-2, 2:-2].std() < 10  # checkerboard averaged, not sampled


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"\n<!DOCTYPE html><title>Quota</title>", "a web page"),
        (picture(kind="JPEG", size=(64, 64))[:300], "cannot be decoded"),
        (b"\x00" * 200, "cannot be decoded"),
    ],
)
def test_broken_files_have_a_reason(data, reason):
    with pytest.raises(Unreadable, match=reason):
        decode(data, 16)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [12_000, 20_000])
def test_a_giant_header_is_refused_before_pixels_are_allocated(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    idat = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(Unreadable, match="more than 100,000,000"):
        decode(b"\x89PNG\r\n\x1a\n" + chunk + idat, 16)


def cut(share, *, closed, **options):
    """A JPEG of which only a part was written, with the end marker or without."""
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).resize((96, 96)).save(out, "JPEG", **options)
    data = out.getvalue()
    return data[: int(len(data) * share)] + b"\xff\xd9" * closed


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": Image.Exif()}, {"subsampling": 0}])
@pytest.mark.parametrize("share", [0.6, 0.8, 0.95])
def test_a_jpeg_that_was_cut_and_closed_is_unreadable(share, options):
    assert decode(cut(1, closed=False, **options), 16).shape == (3, 16, 16)
    with pytest.raises(Unreadable, match="cut off"):
        decode(cut(share, closed=True, **options), 16)


def test_a_jpeg_that_was_cut_before_a_restart_marker_and_closed_is_unreadable():
    whole = cut(1, closed=False, restart_marker_blocks=5)
    for marker in re.finditer(rb"\xff[\xd0-\xd7]", whole):
        with pytest.raises(Unreadable, match="cut off"):
            decode(whole[: marker.start()] + b"\xff\xd9", 16)


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"exif": Image.Exif()}, {"restart_marker_blocks": 3}, {"subsampling": 1}],
)
@pytest.mark.parametrize("size", [(64, 64), (57, 33)])
def test_a_whole_jpeg_that_ends_in_gray_is_read(options, size):
    assert decode(picture((128, 128, 128), size=size, kind="JPEG", **options), 16).mean() == 128


def test_cut_files_are_skipped_also_where_pillow_was_told_to_accept_them(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    half = picture(size=(64, 64))
    broken = [("a.jpg", cut(0.7, closed=False)), ("b.png", half[: len(half) // 2])]
    with pytest.warns(UserWarning, match=r"2 of 10 images .*a\.jpg: .*b\.png: "):
        assert len(load_faces(pack(tmp_path / "cut.zip", [*broken, *many(8)]), 16)) == 8
    assert ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
def test_no_other_program_is_started_for_a_file_that_only_looks_like_a_jpeg(tmp_path, monkeypatch):
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    with pytest.raises(Unreadable, match="UnidentifiedImageError"):
        decode(picture(kind="EPS"), 16)
    assert not (tmp_path / "started").exists()


def test_pictures_of_several_in_one_file_as_phones_make_are_read():
    extra = Image.new("RGB", (16, 16))
    assert decode(picture(kind="MPO", save_all=True, append_images=[extra]), 16).shape == (3, 16, 16)


def test_large_images_wait_for_each_other(tmp_path, monkeypatch):
    at_once, most = [], []

    def watched(image):
        at_once.append(image)
        most.append(len(at_once))
        time.sleep(0.001)
        at_once.pop()
        return to_rgb(image)

    to_rgb = photos.to_rgb
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(photos, "_CHUNK", 1)
    monkeypatch.setattr(photos, "to_rgb", watched)
    for pixels, expected in ((100, 1), (2 * 16 * 16, 2)):
        monkeypatch.setattr(photos, "_IN_MEMORY", photos._Budget(pixels))
        with Photos(pack(tmp_path / f"{pixels}.zip", many(12))) as opened:
            assert sum(map(len, photos.decode_all(opened, 16, photos.CENTER, {}))) == 12
        assert max(most) == expected


def test_giants_are_decoded_one_at_a_time_by_the_thread_that_asks(tmp_path, monkeypatch):
    threads = []

    def watched(image):
        threads.append(threading.current_thread())
        return to_rgb(image)

    to_rgb = photos.to_rgb
    monkeypatch.setattr(photos, "to_rgb", watched)
    monkeypatch.setattr(photos, "_GIANT", 100)
    with Photos(
        pack(tmp_path / "giants.zip", [*many(4), ("faces/small.png", picture(size=(4, 4)))])
    ) as opened:
        (chunk,) = photos.decode_all(opened, 16, photos.CENTER, {})
    assert chunk[:4, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert threads.count(threading.current_thread()) == 4
    assert len(threads) == 5


def test_up_to_one_percent_of_bad_files_are_skipped_and_named(tmp_path):
    path = pack(tmp_path / "mostly.zip", [*many(198), ("page.jpg", b"<html>"), ("void.jpg", b"")])
    with pytest.warns(UserWarning, match=r"2 of 200 images of mostly\.zip .*skipped.*page\.jpg"):
        faces = load_faces(path, 16)
    assert len(faces) == 198
    assert faces.skipped == ("page.jpg: a web page, not an image", "void.jpg: empty file")
    assert faces[7].float().mean((1, 2)).tolist() == [7, 0, 0]  # the others keep their order


def test_a_file_of_a_folder_that_cannot_be_opened_is_skipped(tmp_path, monkeypatch):
    for name, data in many(200):
        (tmp_path / os.path.basename(name)).write_bytes(data)
    read = Path.read_bytes

    def refuse(path):
        if path.name == "007.png":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.warns(UserWarning, match=r"007\.png: Permission denied"):
        assert len(load_faces(tmp_path, 16)) == 199


def test_a_giant_file_of_a_folder_is_skipped_unread(tmp_path):
    for name, data in many(8):
        (tmp_path / os.path.basename(name)).write_bytes(data)
    (tmp_path / "giant.png").touch()
    os.truncate(tmp_path / "giant.png", 10**12)  # takes no space
    with pytest.warns(UserWarning, match=r"giant\.png: 1,000,000 MB, more than 400"):
        assert len(load_faces(tmp_path, 16)) == 8


def test_more_than_one_percent_of_bad_files_is_an_error(tmp_path):
    pages = [(f"page{i}.jpg", b"<html>") for i in range(8)]
    path = pack(tmp_path / "bad.zip", [*many(192), *pages])
    message = r"[6-8] or more of 200 images in 'bad\.zip'.*at most 5 are skipped: page0\.jpg: a web page"
    with pytest.raises(DataError, match=message):
        load_faces(path, 16)
    assert list(tmp_path.rglob("*.npy")) == []


@pytest.mark.parametrize(("good", "bad"), [(48, 1), (20, 5), (4, 2)])
def test_a_few_bad_files_of_a_small_folder_are_skipped_and_named(tmp_path, good, bad):
    pages = [(f"page{i}.jpg", b"<html>") for i in range(bad)]
    path = pack(tmp_path / "few.zip", [*many(good), *pages])
    with pytest.warns(UserWarning, match=rf"{bad} of {good + bad} images of few\.zip .*skipped.*page0\.jpg"):
        assert len(load_faces(path, 16)) == good


@pytest.mark.parametrize(("good", "bad"), [(20, 6), (3, 2), (5, 3), (1, 1)])
def test_more_than_a_few_or_a_third_are_an_error(tmp_path, good, bad):
    pages = [(f"page{i}.jpg", b"<html>") for i in range(bad)]
    path = pack(tmp_path / "bad.zip", [*many(good), *pages])
    with pytest.raises(DataError, match=rf"{bad} or more of {good + bad} images in 'bad\.zip'.*page0\.jpg"):
        load_faces(path, 16)


@pytest.mark.parametrize(
    ("total", "most"), [(2, 0), (3, 1), (14, 4), (15, 5), (500, 5), (600, 6), (32_600, 326)]
)
def test_the_limit_of_bad_files(total, most):
    assert most_bad(total) == most
