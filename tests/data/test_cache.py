"""The cache of decoded faces: mapped, sealed, shared by processes (fault matrix, rows 12, 13, 24, 25)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facegan
from facegan import files as seals
from facegan import load_faces
from facegan.data import cache
from facegan.data import load as data
from facegan.files import locked


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def caches(place):
    return sorted(place.glob("*.npy"))


def flip_bit(path, *, keep_dates=False):
    """Alter one pixel in the middle of a file, in place."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(status.st_size // 2)
        old = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([old ^ 16]))
    if keep_dates:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_the_second_open_maps_the_cache_and_decodes_nothing(folder, monkeypatch):
    first = load_faces(folder, 16)
    monkeypatch.setattr(data, "decode_all", None)
    second = load_faces(folder, 16)
    assert isinstance(second.images, np.memmap)
    assert np.array_equal(first.images, second.images)


def test_a_changed_source_is_decoded_again_and_replaces_its_cache(folder):
    load_faces(folder, 16)
    Image.new("RGB", (20, 16), (250, 250, 250)).save(folder / "new.png")
    assert len(load_faces(folder, 16)) == 7
    assert len(caches(folder.parent)) == 1


def test_files_that_only_look_like_caches_are_kept(folder):
    mine = folder.parent / "photos-16px-backup.npy"
    mine.write_bytes(b"precious")
    load_faces(folder, 16)
    assert mine.read_bytes() == b"precious"


def test_each_size_has_its_own_cache(folder):
    assert load_faces(folder, 16).shape[-1] == 16
    assert load_faces(folder, 32).shape[-1] == 32
    assert len(caches(folder.parent)) == 2


def test_a_damaged_cache_is_built_again(folder):
    load_faces(folder, 16)
    (cache,) = caches(folder.parent)
    cache.write_bytes(cache.read_bytes()[:-10])
    with pytest.warns(UserWarning, match="building it again"):
        assert load_faces(folder, 16)[5].float().mean() > 1


@pytest.fixture
def read_only(mount):
    """Make a folder read-only, even for root."""

    def remount(folder):
        mount("--bind", folder, at=folder)
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)

    return remount


def test_beside_a_read_only_source_the_cache_goes_to_the_data_folder(folder, read_only):
    read_only(folder.parent / "photos")
    place = folder.parent / "photos" / "more"
    assert len(load_faces(place, 16)) == 2
    assert [p.name[:10] for p in caches(data.DATA_FOLDER)] == ["more-16px-"]


def test_without_any_writable_folder_faces_load_without_a_cache(folder, read_only, monkeypatch):
    read_only(folder.parent)
    monkeypatch.chdir(folder.parent)  # into the mount
    with pytest.warns(UserWarning, match="no cache could be written"):
        faces = load_faces(folder, 16)
    assert len(faces) == 6
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 5)
    with pytest.warns(UserWarning, match="no cache could be written"):
        assert len(load_faces("synthetic", 16)) == 5
    assert caches(folder.parent) == []


# ---- seals: row 25 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_dates", [False, True])
def test_25_a_flipped_bit_is_noticed_and_the_cache_built_again(folder, keep_dates):
    expected = load_faces(folder, 16).images.copy()
    (made,) = caches(folder.parent)
    flip_bit(made, keep_dates=keep_dates)
    with pytest.warns(UserWarning, match="is damaged or unfinished; building it again"):
        assert np.array_equal(load_faces(folder, 16).images, expected)


def test_25_a_bit_that_flips_on_the_disk_itself_is_noticed_within_a_day(folder, monkeypatch):
    load_faces(folder, 16)
    (made,) = caches(folder.parent)
    flip_bit(made)
    monkeypatch.setattr(seals, "_looks", lambda path: looks)
    looks = {"file": "as it was", "time": time.time()}
    seals.seal(made, [], sha256="of the sound bytes")
    assert seals.is_whole(made)  # the file system shows no difference
    assert not seals.is_whole(made, thorough=True)
    seals.seal(made, [], sha256="of the sound bytes")
    looks = {**looks, "time": time.time() + 25 * 3600}
    assert not seals.is_whole(made)
    looks = {**looks, "time": time.time()}
    assert not seals.is_whole(made)  # the seal was broken


def test_25_a_cache_older_than_its_source_is_built_again(folder):
    load_faces(folder, 16)
    Image.new("RGB", (20, 16), (0, 0, 99)).save(folder / "0.png")
    assert load_faces(folder, 16)[:].float().mean((2, 3))[:, 2].max() == 99


def test_a_sound_cache_that_only_looks_different_is_kept(folder, monkeypatch):
    load_faces(folder, 16)
    (made,) = caches(folder.parent)
    os.utime(made, (1, 1))
    monkeypatch.setattr(data, "decode_all", None)
    assert len(load_faces(folder, 16)) == 6
    monkeypatch.setattr(seals, "digest", None)  # sealed anew, it is not read again
    assert len(load_faces(folder, 16)) == 6


def test_what_was_skipped_is_told_again_when_the_cache_is_opened(folder):
    for index in range(200):
        Image.new("RGB", (16, 16), (index, 0, 0)).save(folder / f"more{index:03d}.png")
    (folder / "void.png").write_bytes(b"")
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"1 images of photos skipped: void\.png"):
            assert load_faces(folder, 16).skipped == ("void.png: empty file",)


def test_a_cache_is_opened_without_reading_it_or_its_source(folder, monkeypatch):
    load_faces(folder, 16)
    for module, name in ((seals, "digest"), (data, "Photos")):
        monkeypatch.setattr(module, name, None)
    assert len(load_faces(folder, 16)) == 6


def test_what_was_skipped_outlives_a_new_seal(folder):
    for index in range(200):
        Image.new("RGB", (16, 16), (index, 0, 0)).save(folder / f"more{index:03d}.png")
    (folder / "void.png").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"void\.png"):
        load_faces(folder, 16)
    os.utime(caches(folder.parent)[0], (1, 1))
    with pytest.warns(UserWarning, match=r"void\.png"):
        assert load_faces(folder, 16).skipped == ("void.png: empty file",)


def test_changing_loaded_faces_does_not_change_the_cache(folder):
    first = load_faces(folder, 16)
    expected = first.images.copy()
    first.images[:] = 0
    assert np.array_equal(load_faces(folder, 16).images, expected)


def test_temporaries_of_other_caches_are_left_alone(folder):
    others = [
        folder.parent / f".building-{'0' * 16}-{name}-{'1' * 12}.npy"
        for name in ("my-photos-16px", "photos-16px-face", "photos-32px")
    ]
    mine = folder.parent / f".building-{'0' * 16}-photos-16px-{'1' * 12}.npy"
    for path in (*others, mine):
        path.touch()
    load_faces(folder, 16)
    assert all(path.exists() for path in others)
    assert not mine.exists()


# ---- processes: rows 12 and 13 ------------------------------------------------------------------------

LOAD = """
import sys, threading
from pathlib import Path
from facegan import load_faces
from facegan.data import load as data
decode_all = data.decode_all
def watched(*arguments, **options):
    with open("builds.txt", "a") as file: file.write("built\\n")
    for chunk in decode_all(*arguments, **options):
        yield chunk
        if "--hang" in sys.argv:
            Path("half.txt").touch()
            threading.Event().wait()
data.decode_all = watched
print(load_faces("photos", 16).images.sum())
"""


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(facegan.__file__).parents[1])},
    )  # fmt: skip


@pytest.mark.slow
def test_12_of_processes_that_start_together_one_builds_the_cache(folder, tmp_path):
    name = data._cache_name(folder, 16, "center")
    with locked(cache._family(tmp_path / name)):
        children = [start() for _ in range(2)]
        for child in children:
            assert "another process is making photos-16px; waiting" in child.stderr.readline()
    sums = {child.communicate(timeout=60)[0] for child in children}
    assert sums == {f"{load_faces(folder, 16).images.sum()}\n"}
    assert (tmp_path / "builds.txt").read_text() == "built\n"


@pytest.mark.slow
def test_13_after_kill_9_in_mid_cache_the_next_load_works_and_cleans_up(folder, tmp_path):
    child = start("--hang")
    while not (tmp_path / "half.txt").exists():
        try:
            child.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(child.communicate()[1])
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert list(tmp_path.glob(".building-*"))
    assert len(load_faces(folder, 16)) == 6
    assert list(tmp_path.glob(".building-*")) == []
