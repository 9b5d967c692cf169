"""Which folders and zips are refused, and what is read of the others."""

import os
import re
import shutil
import stat
import struct
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from helpers.published import many, pack, picture

from facegan import load_faces
from facegan.data.archives import Photos, change_key
from facegan.data.crops import CENTER
from facegan.data.decode import decode_all
from facegan.errors import DataError


def test_members_with_hostile_names_write_nothing(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = [("../escaped.png", picture()), ("/absolute.png", picture()), *many(200)]
    path = pack(inside / "faces.zip", [*members, (link, "/etc/passwd")])
    with pytest.warns(UserWarning, match=r"link\.png"):
        assert len(load_faces(path, 16)) == 202
    assert {p.name for p in tmp_path.iterdir()} == {"inside", "data"}
    assert list(inside.iterdir()) == [path]


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
    with pytest.raises(DataError, match=r"cut\.zip is corrupt.*again"):
        load_faces(path, 16)


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
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
                chunks = list(decode_all(photos, 16, CENTER, {}))
        except DataError:
            noticed += 1
        else:
            assert all((c.mean((0, 2, 3)) == expected).all() for c in chunks), f"byte {position}"
            assert sum(map(len, chunks)) == 2, f"byte {position}"
    assert noticed > len(data) / 4


def test_no_flipped_bit_in_the_directory_hides_an_image(tmp_path):
    path = pack(tmp_path / "flipped.zip", many(3))
    data = path.read_bytes()
    for bit in range(8 * data.index(b"PK\x01\x02"), 8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            with Photos(path) as photos:
                found = [photos.read(name) for name in photos.names]
        except DataError:
            continue
        assert found == [data for _, data in many(3)], f"bit {bit}"


def unpacks_to_more(path, compression):
    """A zip with a member that claims 1 kB and unpacks to 50 MB."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("noise.bin", os.urandom(1000))
        with archive.open("a.bmp", "w") as member:
            for _ in range(50):
                member.write(bytes(1_000_000))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, 1000)
    path.write_bytes(data)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_member_is_unpacked_no_further_than_to_the_size_it_claims(tmp_path, compression):
    unpacks_to_more(tmp_path / "bomb.zip", compression)
    tracemalloc.start()
    with Photos(tmp_path / "bomb.zip") as photos, pytest.raises(DataError, match=r"corrupt.*a\.bmp"):
        photos.read("a.bmp")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20_000_000


def test_lzma_members_need_no_mark_at_their_end(tmp_path):
    path = pack(tmp_path / "unmarked.zip", [("a.png", picture())], compression=zipfile.ZIP_LZMA)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] &= ~2
    path.write_bytes(data)
    with Photos(path) as photos:
        assert photos.read("a.png") == picture()


@pytest.mark.parametrize("method", [9, 93])  # Deflate64, zstd
def test_compression_that_is_not_supported_is_called_so(tmp_path, method):
    path = pack(tmp_path / "new.zip", many())
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 10] = method
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"not supported \(.*method {method}\).*standard zip"):
        load_faces(path, 16)


@pytest.mark.parametrize("packed", [False, True])
def test_folders_named_like_images_are_not_counted(tmp_path, packed):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "faces" / name).mkdir(parents=True)
        (tmp_path / "faces" / name / "face.png").write_bytes(picture())
    place = shutil.make_archive(str(tmp_path / "faces"), "zip", tmp_path / "faces") if packed else "faces"
    faces = load_faces(place, 16)
    assert (len(faces), faces.skipped) == (2, ())


def test_a_corrupt_member_is_named(tmp_path):
    path = pack(tmp_path / "flipped.zip", many())
    data = bytearray(path.read_bytes())
    data[100] ^= 4
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"flipped\.zip is corrupt.*000\.png.*again"):
        load_faces(path, 16)
    assert list(tmp_path.rglob("*.npy")) == []


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


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX links")
def test_a_dangling_link_in_a_folder_is_no_image(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for name, data in many():
        (folder / os.path.basename(name)).write_bytes(data)
    (folder / "dangling.png").symlink_to("nowhere.png")
    assert len(load_faces(folder, 16)) == 4


def test_pictures_of_a_run_are_no_photographs(tmp_path):
    (tmp_path / "runs/first/checkpoints").mkdir(parents=True)
    (tmp_path / "runs/first/config.json").write_text("{}")
    (tmp_path / "runs/first/samples.png").write_bytes(picture())
    (tmp_path / "runs/face.png").write_bytes(picture())
    assert Photos(tmp_path).names == ["runs/face.png"]


def test_linked_folders_are_read_and_a_loop_ends(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/face.png").write_bytes(picture())
    (tmp_path / "photos/alice").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos/bob").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path / "photos")
    assert {"alice/face.png", "bob/face.png"} <= set(Photos(tmp_path / "photos").names)


def as_nobody(work):
    """What `work` returns or the error that it raises, in words, without the right to read everything."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            said = repr(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        said = file.read().decode()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def shared():
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX permissions")
@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400, 0o444])
@pytest.mark.parametrize("linked", [False, True])
def test_a_subfolder_that_may_not_be_entered_is_named(shared, mode, linked):
    photos, closed = shared / "photos", shared / ("elsewhere" if linked else "photos") / "closed"
    photos.mkdir()
    closed.mkdir(parents=True)
    for folder in (photos, closed):
        for name, data in many():
            (folder / os.path.basename(name)).write_bytes(data)
    if linked:
        (photos / "link.png").symlink_to(closed / "000.png")
    closed.chmod(mode)
    try:
        said = as_nobody(lambda: change_key(photos))
    finally:
        closed.chmod(0o755)
    assert re.match(
        rf"DataError: .*{'photos' if linked else 'closed'}.* cannot be read \(Permission denied\)", said
    )


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX links")
def test_a_link_to_itself_is_neither_a_file_nor_a_folder(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "face.png").write_bytes(picture())
    assert Photos(tmp_path).names == ["face.png"]


def test_file_names_need_not_be_unicode(tmp_path):
    for name in (b"caf\xe9.png", b"face.png"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(picture())
    assert len(load_faces(tmp_path, 16)) == 2
