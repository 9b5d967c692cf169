"""How images become RGB, and what archives and files are refused (rows of the fault matrix)."""

import io
import os
import stat
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from facegan import load_faces
from facegan.data import decode as photos
from facegan.data.decode import Photos, Unreadable, decode, decode_all
from facegan.errors import DataError


def picture(color=(200, 100, 50), size=(16, 16), mode="RGB", kind="PNG", **options):
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, kind, **options)
    return out.getvalue()


def pack(path, members, **options):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", **options) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of the duplicate names that one test wants
        for name, data in members:
            archive.writestr(name, data)
    return path


def many(n=4):
    return [(f"faces/{i:03d}.png", picture((i, 0, 0))) for i in range(n)]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ---- pixels ---------------------------------------------------------------------------------------


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
    ],
)
def test_every_mode_has_its_rgb(data, rgb):
    square = decode(data, 16)
    assert (square.shape, square.dtype) == ((3, 16, 16), np.uint8)
    np.testing.assert_allclose(square.mean((1, 2)), rgb, atol=1)


def test_palette_with_a_transparent_colour_lies_on_white():
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


# ---- archives -------------------------------------------------------------------------------------


def test_members_with_hostile_names_write_nothing(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = [("../escaped.png", picture()), ("/absolute.png", picture()), *many(200)]
    path = pack(inside / "faces.zip", [*members, (link, "/etc/passwd")])
    with pytest.warns(UserWarning, match=r"link\.png"):
        assert len(load_faces(path, 16)) == 202
    assert {p.name for p in tmp_path.iterdir()} == {"inside"}
    assert all(p.name.lstrip(".").startswith("faces.zip") for p in inside.iterdir())


def test_a_zip_bomb_is_refused_with_the_limit(tmp_path):
    path = pack(tmp_path / "bomb.zip", [("a.bmp", bytes(50_000_000))], compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 60_000
    with pytest.raises(DataError, match=r"refused.*50 MB.*the limit is 100"):
        load_faces(path, 16)


def test_a_bomb_is_not_hidden_by_honest_members(tmp_path):
    noise = [(f"{i}.bin", os.urandom(300_000)) for i in range(3)]
    members = [*noise, ("a.bmp", bytes(50_000_000))]
    path = pack(tmp_path / "mixed.zip", members, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match=r"refused.*'a\.bmp' claims to unpack to 50 MB"):
        load_faces(path, 16)


def test_duplicate_members_are_refused(tmp_path):
    path = pack(tmp_path / "twice.zip", [*many(), many()[0]])
    with pytest.raises(DataError, match=r"000\.png.*more than once"):
        load_faces(path, 16)


def test_encrypted_members_are_refused(tmp_path):
    path = pack(tmp_path / "locked.zip", many(1))
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    path.write_bytes(data)
    with pytest.raises(DataError, match="encrypted"):
        load_faces(path, 16)


def test_overlapping_members_are_refused(tmp_path):
    path = pack(tmp_path / "overlap.zip", many(2))
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 10)  # begins inside the first
    path.write_bytes(data)
    with pytest.raises(DataError, match="overlap, as in a zip bomb"):
        load_faces(path, 16)


def test_a_truncated_zip_names_the_file_and_asks_to_fetch_it_again(tmp_path):
    path = pack(tmp_path / "cut.zip", many())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"cut\.zip is damaged.*again"):
        load_faces(path, 16)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_no_flipped_bit_in_a_zip_alters_a_face_or_escapes_as_another_error(tmp_path, compression):
    path = pack(
        tmp_path / "flipped.zip", [("ä.png", picture()), ("b.png", picture())], compression=compression
    )
    data, expected = path.read_bytes(), (200, 100, 50)
    noticed = 0
    for position in range(0, len(data), 2):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            with Photos(path) as photos:
                chunks = list(decode_all(photos, 16, []))
        except DataError:
            noticed += 1
        else:
            assert all((c.mean((0, 2, 3)) == expected).all() for c in chunks), f"byte {position}"
    assert noticed > len(data) / 4


def test_a_damaged_member_is_named(tmp_path):
    path = pack(tmp_path / "flipped.zip", many())
    data = bytearray(path.read_bytes())
    data[100] ^= 4
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"flipped\.zip is damaged.*000\.png.*again"):
        load_faces(path, 16)
    assert list(tmp_path.glob("*.npy")) == []


def test_a_web_page_saved_as_a_zip(tmp_path):
    (tmp_path / "celeba.zip").write_text("<html><title>Quota exceeded</title></html>")
    with pytest.raises(DataError, match="web page"):
        load_faces(tmp_path / "celeba.zip", 16)


def test_clutter_is_ignored_and_odd_names_are_read(tmp_path):
    clutter = [("__MACOSX/._a.png", b"x"), (".DS_Store", b"x"), ("Thumbs.db", b"x"), ("list.txt", b"x")]
    odd = [("New Folder With Items/ä ö ü.PNG", picture()), ("日本/顔.jpg", picture(kind="JPEG"))]
    faces = load_faces(pack(tmp_path / "odd.zip", [*clutter, *odd]), 16)
    assert (len(faces), faces.skipped) == (2, ())


def test_names_in_the_old_dos_encoding_are_read(tmp_path):
    path = pack(tmp_path / "dos.zip", [("aX.png", picture()), ("b.png", picture())])
    path.write_bytes(path.read_bytes().replace(b"aX.png", b"a\x84.png"))
    assert len(load_faces(path, 16)) == 2


# ---- many files -----------------------------------------------------------------------------------


def test_up_to_one_percent_of_bad_files_are_skipped_and_named(tmp_path):
    path = pack(tmp_path / "mostly.zip", [*many(198), ("page.jpg", b"<html>"), ("void.jpg", b"")])
    with pytest.warns(UserWarning, match=r"2 images of mostly\.zip skipped.*page\.jpg"):
        faces = load_faces(path, 16)
    assert len(faces) == 198
    assert faces.skipped == ("page.jpg: a web page, not an image", "void.jpg: empty file")
    assert faces[7].float().mean((1, 2)).tolist() == [7, 0, 0]  # the others keep their order


def test_more_than_one_percent_of_bad_files_is_an_error(tmp_path):
    path = pack(tmp_path / "bad.zip", [*many(98), ("page.jpg", b"<html>"), ("void.jpg", b"")])
    with pytest.raises(DataError, match=r"2 or more of 100 images in 'bad\.zip'.*page\.jpg: a web page"):
        load_faces(path, 16)
    assert list(tmp_path.glob("*.npy")) == []


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX links")
def test_a_dangling_link_in_a_folder_is_no_image(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for name, data in many():
        (folder / os.path.basename(name)).write_bytes(data)
    (folder / "dangling.png").symlink_to("nowhere.png")
    assert len(load_faces(folder, 16)) == 4
