"""The cache of decoded faces: mapped, verified, shared by processes (fault matrix, rows 12, 13, 24, 25)."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import facegan
from facegan import data, files, load_faces
from facegan.data import archives, cache, load
from facegan.files import locked


def caches(place="data"):
    return sorted(Path(place).glob("*.npy"))


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
    monkeypatch.setattr(load, "decode_all", None)
    second = load_faces(folder, 16)
    assert isinstance(second.images, np.memmap)
    assert np.array_equal(first.images, second.images)


def test_a_changed_source_is_decoded_again_and_replaces_its_cache(folder):
    load_faces(folder, 16)
    Image.new("RGB", (20, 16), (250, 250, 250)).save(folder / "new.png")
    assert len(load_faces(folder, 16)) == 7
    assert len(caches()) == 1


def paint(folder, color, name="0.bmp"):
    """An image of one size and one date, whatever its color."""
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (16, 16), color).save(folder / name)
    os.utime(folder / name, (10**9, 10**9))


@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_another_source_at_the_same_path_with_equal_names_sizes_and_dates_is_decoded(tmp_path, suffix):
    for color in (10, 20):
        for name in ("0.bmp", "1.bmp"):
            paint(tmp_path / str(color), (color,) * 3, name)
        if suffix:
            shutil.make_archive(str(tmp_path / str(color)), "zip", tmp_path / str(color))
            os.utime(tmp_path / f"{color}.zip", (10**9, 10**9))
        current = tmp_path / f"current{suffix}"
        current.unlink(missing_ok=True)
        current.symlink_to(tmp_path / f"{color}{suffix}")
        assert load_faces(current, 16).images.max() == color


def test_an_image_replaced_at_equal_size_and_date_is_decoded(tmp_path):
    for color in (10, 20):
        for name in ("0.bmp", "1.bmp"):
            paint(tmp_path / "photos", (color,) * 3, name)
        assert load_faces(tmp_path / "photos", 16).images.max() == color


def test_sources_are_told_apart_where_the_date_of_the_last_change_is_that_of_the_contents(
    tmp_path, monkeypatch
):
    """As in images of disks, of which one and then another is mounted at one place."""
    keys = set()

    def dated(path, **options):
        status = os.stat(path, **options)
        names = ("st_mode", "st_size", "st_mtime_ns")
        fields = {name: getattr(status, name) for name in names}
        return SimpleNamespace(**fields, st_ctime_ns=status.st_mtime_ns)

    for color in (10, 10, 20):
        for name in ("0.bmp", "1.bmp"):
            paint(tmp_path / "photos", (color,) * 3, name)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", dated)
            keys.add(archives.change_key(tmp_path / "photos"))
    assert len(keys) == 2


def test_files_that_only_look_like_caches_are_kept(folder):
    mine = Path("data") / f"{cache.label_of(folder)}-16px-center-backup.npy"
    mine.parent.mkdir()
    mine.write_bytes(b"precious")
    load_faces(folder, 16)
    assert mine.read_bytes() == b"precious"


def test_each_size_has_its_own_cache(folder):
    assert load_faces(folder, 16).shape[-1] == 16
    assert load_faces(folder, 32).shape[-1] == 32
    assert len(caches()) == 2


def test_a_damaged_cache_is_built_again(folder):
    load_faces(folder, 16)
    (cache,) = caches()
    cache.write_bytes(cache.read_bytes()[:-10])
    with pytest.warns(UserWarning, match="building it again"):
        assert load_faces(folder, 16)[5].float().mean() > 1


def test_where_the_data_folder_cannot_be_written_the_users_cache_folder_is_used(folder, tmp_path, read_only):
    Path("data").mkdir()
    read_only(Path("data"))
    assert len(load_faces(folder, 16)) == 6
    assert caches() == []
    assert [p.name[:7] for p in caches(tmp_path / "user-cache" / "facegan")] == ["photos@"]
    assert cache.caches_of(folder) == caches(tmp_path / "user-cache" / "facegan")


@pytest.mark.filterwarnings("ignore:decoded into memory")
def test_without_any_writable_folder_faces_load_without_a_cache(folder, monkeypatch):
    Path("data").touch()  # a file where the folder would be
    Path("user-cache").touch()
    with pytest.warns(UserWarning, match="no cache could be written"):
        faces = load_faces(folder, 16)
    assert (len(faces), len(faces.fingerprint)) == (6, 16)
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 5)
    assert len(load_faces("synthetic", 16)) == 5


def test_nothing_is_written_beside_the_photographs(folder):
    before = sorted(folder.rglob("*"))
    load_faces(folder, 16)
    assert sorted(folder.rglob("*")) == before
    assert sorted(p.name for p in folder.parent.iterdir()) == ["data", "photos"]


def test_folders_of_one_name_in_two_places_keep_their_caches(tmp_path):
    for place, count in (("a", 3), ("b", 4)):
        (tmp_path / place / "photos").mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", (16, 16), (index, 0, 0)).save(tmp_path / place / "photos" / f"{index}.png")
    assert [len(load_faces(f"{place}/photos", 16)) for place in "aba"] == [3, 4, 3]
    assert len(caches()) == 2


def test_caches_of_a_source_are_its_own(folder):
    load_faces(folder, 16)
    load_faces(folder, 32)
    load_faces(folder / "more", 16)
    for name in ("celeba-64px-celeba-108", "celeba-full-64px-celeba-108", "synthetic-300-64px-drawn"):
        Path(f"data/{name}-{'0' * 12}.npy").touch()
    assert {p.name.split("@")[0] for p in cache.caches_of("photos")} == {"photos"}
    assert len(cache.caches_of("photos")) == 2
    for name in ("celeba", "celeba-full", "synthetic"):
        (found,) = cache.caches_of(name)
        assert found.name.startswith(f"{name}-")


def test_caches_are_in_the_data_folder_or_in_the_users_cache_folder(monkeypatch, tmp_path):
    assert cache.folders() == [Path("data"), tmp_path / "user-cache" / "facegan"]
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache.folders()[1] == Path("/home/someone/.cache/facegan")


# ---- integrity: row 25 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_dates", [False, True])
def test_25_a_flipped_bit_is_noticed_and_the_cache_built_again(folder, keep_dates):
    expected = load_faces(folder, 16).images.copy()
    (made,) = caches()
    flip_bit(made, keep_dates=keep_dates)
    with pytest.warns(UserWarning, match="is corrupt; building it again"):
        assert np.array_equal(load_faces(folder, 16).images, expected)


def test_25_a_bit_that_flips_on_the_disk_itself_is_noticed_within_a_day(folder, monkeypatch):
    load_faces(folder, 16)
    (made,) = caches()
    flip_bit(made)
    monkeypatch.setattr(files, "_stat_signature", lambda path: status_now)
    status_now = {"file": "as it was", "time": time.time()}
    files.mark_verified(made, [], sha256="of the sound bytes")
    assert files.is_verified(made)  # the file system shows no difference
    assert not files.is_verified(made, thorough=True)
    files.mark_verified(made, [], sha256="of the sound bytes")
    status_now = {**status_now, "time": time.time() + 25 * 3600}
    assert not files.is_verified(made)
    status_now = {**status_now, "time": time.time()}
    assert not files.is_verified(made)  # the record was deleted


def test_25_a_cache_older_than_its_source_is_built_again(folder):
    load_faces(folder, 16)
    Image.new("RGB", (20, 16), (0, 0, 99)).save(folder / "0.png")
    assert load_faces(folder, 16)[:].float().mean((2, 3))[:, 2].max() == 99


def test_a_sound_cache_that_only_looks_different_is_kept(folder, monkeypatch):
    load_faces(folder, 16)
    (made,) = caches()
    os.utime(made, (1, 1))
    monkeypatch.setattr(load, "decode_all", None)
    assert len(load_faces(folder, 16)) == 6
    monkeypatch.setattr(files, "digest", None)  # verified anew, it is not read again
    assert len(load_faces(folder, 16)) == 6


def test_what_was_skipped_is_told_again_when_the_cache_is_opened(folder):
    for index in range(200):
        Image.new("RGB", (16, 16), (index, 0, 0)).save(folder / f"more{index:03d}.png")
    (folder / "void.png").write_bytes(b"")
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"1 of 207 images of photos .*were skipped: void\.png"):
            assert load_faces(folder, 16).skipped == ("void.png: empty file",)


def test_a_cache_is_opened_without_reading_it_or_its_source(folder, monkeypatch):
    load_faces(folder, 16)
    for module, name in ((files, "digest"), (load, "Photos")):
        monkeypatch.setattr(module, name, None)
    assert len(load_faces(folder, 16)) == 6


def test_what_was_skipped_outlives_a_new_seal(folder):
    for index in range(200):
        Image.new("RGB", (16, 16), (index, 0, 0)).save(folder / f"more{index:03d}.png")
    (folder / "void.png").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"void\.png"):
        load_faces(folder, 16)
    os.utime(caches()[0], (1, 1))
    with pytest.warns(UserWarning, match=r"void\.png"):
        assert load_faces(folder, 16).skipped == ("void.png: empty file",)


def test_changing_loaded_faces_does_not_change_the_cache(folder):
    built = load_faces(folder, 16)
    expected = built.images.copy()
    built.images[:] = 0
    opened = load_faces(folder, 16)
    assert np.array_equal(opened.images, expected)
    opened.images[:] = 0
    assert np.array_equal(load_faces(folder, 16).images, expected)


def test_temporaries_of_other_caches_are_left_alone(folder):
    label, unfinished = cache.label_of(folder), f".building-{'0' * 16}-"
    Path("data").mkdir()
    names = (f"my-{label}-16px-center", f"{label}-16px-face", f"{label}-32px-center", f"{label}-16px-center")
    *others, mine = (Path("data") / f"{unfinished}{name}-{'1' * 12}.npy" for name in names)
    for path in (*others, mine):
        path.touch()
    load_faces(folder, 16)
    assert all(path.exists() for path in others)
    assert not mine.exists()


# ---- processes: rows 12 and 13 ------------------------------------------------------------------------

LOAD = """
import sys, threading
from pathlib import Path
from types import SimpleNamespace
from facegan import load_faces
from facegan.data import load
decode_all = load.decode_all
def watched(*arguments, **options):
    with open("builds.txt", "a") as file: file.write("built\\n")
    for chunk in decode_all(*arguments, **options):
        yield chunk
        if "--hang" in sys.argv:
            Path("half.txt").touch()
            threading.Event().wait()
load.decode_all = watched
print(load_faces("photos", 16).images.sum())
"""


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(facegan.__file__).parents[1])},
    )  # fmt: skip


@pytest.mark.slow
def test_12_of_processes_that_start_together_one_builds_the_cache(folder, tmp_path):
    Path("data").mkdir()
    with locked(Path("data") / f"{cache.label_of('photos')}-16px-center"):
        children = [start() for _ in range(2)]
        for child in children:
            assert "waiting for another process that is writing photos@" in child.stderr.readline()
    sums = {child.communicate(timeout=60)[0] for child in children}
    assert sums == {f"{load_faces(folder, 16).images.sum()}\n"}
    assert Path("builds.txt").read_text() == "built\n"


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
    assert list(Path("data").glob(".building-*"))
    assert len(load_faces(folder, 16)) == 6
    assert list(Path("data").glob(".building-*")) == []
