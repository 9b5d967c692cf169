"""What is accepted as a data set, and how processes share it (rows 10-13 of the fault matrix)."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.published import archive, installed, publish, temporaries

import facegan
from facegan import load_faces
from facegan.data import registry
from facegan.data.registry import Source, fetch, register_dataset
from facegan.errors import DataError, DownloadError


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"n": 9}, "it has 9 images, expected 12"),
        ({"side": 8}, "images of 8 x 8 pixels, expected 16 x 16"),
    ],
)
def test_10_a_wrong_hash_with_other_contents_is_not_installed(source, server, tmp_path, options, problem):
    other = server.files["/faces.zip"] = archive(tmp_path / "other.zip", **options)
    with pytest.raises(DownloadError) as refused:
        fetch("celeba")
    for said in (problem, source.hashes[0], f"sha256:{hashlib.sha256(other).hexdigest()}"):
        assert said in str(refused.value)
    assert not installed()
    assert temporaries() == []


def test_10_an_unreadable_image_makes_contents_unsound(source, server, body):
    damaged = bytearray(body)
    start = body.index(b"\xff\xd8\xff")
    damaged[start : start + 300] = bytes(300)
    server.files["/faces.zip"] = bytes(damaged)
    with pytest.raises(DownloadError, match=r"it is corrupt or truncated \(.*Bad CRC"):
        fetch("celeba")
    assert not installed()


def test_10_a_wrong_hash_with_sound_contents_is_used_with_a_warning(source, server, tmp_path):
    other = server.files["/faces.zip"] = archive(tmp_path / "other.zip", first=100)
    with pytest.warns(UserWarning, match="not sha256:.* as published; its contents agree"):
        assert fetch("celeba").read_bytes() == other


@pytest.mark.filterwarnings("ignore:moved the previous file")
def test_11_a_truncated_file_at_the_target_is_fetched_again_and_kept_aside(source, body):
    Path("data").mkdir()
    Path("data/faces.zip").write_bytes(body[:40_000])
    with pytest.warns(UserWarning, match=r"faces\.zip is not the data set .*downloading it"):
        assert fetch("celeba").read_bytes() == body
    assert Path("data/faces.zip.unsound").read_bytes() == body[:40_000]


def test_11_it_is_kept_when_no_mirror_can_replace_it(source, server, body):
    Path("data").mkdir()
    Path("data/faces.zip").write_bytes(body[:40_000])
    server.files.clear()
    with pytest.warns(UserWarning, match="downloading it"), pytest.raises(DownloadError):
        fetch("celeba")
    assert Path("data/faces.zip").read_bytes() == body[:40_000]


def test_a_file_put_into_the_data_folder_by_hand_needs_no_network(source, server, body):
    server.files.clear()
    Path("data").mkdir()
    Path("data/faces.zip").write_bytes(body)
    assert len(load_faces("celeba", 16)) == 12
    assert server.seen == []


@pytest.mark.filterwarnings("ignore:moved the previous file")
def test_an_unverified_archive_in_the_data_folder_is_not_loaded(source, server, body, tmp_path):
    Path("data").mkdir()
    archive(Path("data/faces.zip"), n=9)
    with pytest.warns(UserWarning, match="9 images, expected 12"):
        assert len(load_faces("celeba", 16)) == 12


def test_a_folder_in_the_archives_place_is_named(source):
    Path("data/faces.zip").mkdir(parents=True)
    with pytest.raises(DownloadError, match=r"cannot read data.faces\.zip \(Is a directory\)"):
        fetch("celeba")


def test_a_verified_file_is_not_read_again(source, monkeypatch):
    fetch("celeba")
    monkeypatch.setattr(registry, "verify", None)
    assert fetch("celeba") == Path("data/faces.zip")


def test_a_full_disk_is_foreseen(source, monkeypatch):
    monkeypatch.setitem(registry.SOURCES, "celeba", replace(source, size=10**18))
    with pytest.raises(DownloadError, match=r"needs 1,000,000,000,000 MB, but .* free"):
        fetch("celeba")


def test_27_a_disk_that_fills_up_is_named(source, server, mount, monkeypatch):
    Path("data").mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", at=Path("data"))
    monkeypatch.setitem(registry.SOURCES, "celeba", replace(source, size=1))
    with pytest.raises(DownloadError, match=r"^disk full: could not write to data"):
        fetch("celeba")
    assert not installed()


def test_a_name_that_is_none(source):
    with pytest.raises(DownloadError, match="no data set is called 'celebb', expected one of celeba"):
        fetch("celebb")


# ---- the user's own --------------------------------------------------------------------------------


def test_a_registered_data_set_is_loaded_by_name(source, monkeypatch):
    mine = Source("mine", "mine.zip", source.mirrors, source.hashes)
    monkeypatch.setitem(registry.SOURCES, "mine", None)  # so that it is forgotten afterwards
    register_dataset(mine)
    faces = load_faces("mine", 16)
    assert (faces.name, len(faces), faces.crop) == ("mine", 12, "center")
    assert Path("data/mine.zip").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a/b"}, "its name is 'a/b'"),
        ({"file": "../faces.zip"}, r"file is '\.\./faces\.zip', expected a file name"),
        ({"hashes": ()}, r"hashes are \(\), expected \('sha256:"),
        ({"hashes": ("2cd4",)}, "hashes are"),
        ({"crop": "celeba-64"}, "crop is 'celeba-64'"),
        ({"crops": ("celeba-128",)}, "crop is 'celeba-108' and crops are"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_when_used(source, monkeypatch, change, message):
    monkeypatch.setitem(registry.SOURCES, "mine", None)
    monkeypatch.setitem(registry.SOURCES, change.get("name", "celeba"), None)
    register_dataset(replace(source, **change))
    with pytest.raises(DataError, match=message):
        fetch(change.get("name", "celeba"))


def test_other_bytes_are_refused_where_contents_are_not_recorded(source, server, tmp_path, monkeypatch):
    publish(monkeypatch, server.files["/faces.zip"], source.mirrors, count=0, pixels=None)
    server.files["/faces.zip"] = archive(tmp_path / "other.zip", first=100)
    with pytest.raises(DownloadError, match="its contents are not recorded"):
        fetch("celeba")


def test_decoded_faces_load_without_their_archive(source, server):
    expected = load_faces("celeba", 16)
    Path("data/faces.zip").unlink()
    server.files.clear()
    assert load_faces("celeba", 16).record() == expected.record()


# ---- processes ------------------------------------------------------------------------------------

FETCH = """
import sys
from facegan import load_faces
from facegan.data import registry
from facegan.data.https import Https
file, count, size, known, url, folder = sys.argv[1:]
registry.SOURCES["celeba"] = registry.Source(
    name="celeba", file=file, title="", count=int(count), pixels=(16, 16), size=int(size), hashes=(known,),
    mirrors=(Https(url),), terms="")
faces = load_faces(folder or "celeba", 16)
print(len(faces), faces.images.sum())
"""


def start(source, folder=""):
    arguments = [source.file, source.count, source.size, source.hashes[0], source.mirrors[0].url, folder]
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ | {"PYTHONPATH": str(Path(facegan.__file__).parents[1])},
    )  # fmt: skip


def wait_until(true, child):
    while not true():
        try:
            child.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"the process ended early: {child.communicate()[1]}")


@pytest.mark.slow
def test_12_two_processes_share_one_download_and_one_cache(source, server):
    go = threading.Event()
    server.faults = [{"cut": 50_000, "release": go}]
    first = start(source)
    wait_until(temporaries, first)
    second = start(source)
    wait_until(lambda: "another process" in second.stderr.readline(), second)
    go.set()
    said = [child.communicate(timeout=60)[0] for child in (first, second)]
    assert said[0].splitlines()[-1] == said[1].splitlines()[-1]
    assert said[0].splitlines()[-1].startswith("12 ")
    assert len(server.seen) == 1
    assert len(list(Path("data").glob("*.npy"))) == 1


@pytest.mark.slow
def test_13_after_kill_9_the_next_process_resumes_the_download(source, server, body):
    server.faults = [{"cut": 60_000, "release": threading.Event()}]
    child = start(source)
    wait_until(lambda: any(p.stat().st_size for p in temporaries()), child)
    (part,) = temporaries()
    child.send_signal(signal.SIGKILL)
    child.wait()
    received = part.stat().st_size
    assert fetch("celeba").read_bytes() == body
    assert server.seen[-1] == ("/faces.zip", f"bytes={received}-")
    assert temporaries() == []


def test_13_a_transfer_that_was_complete_when_killed_is_not_repeated(source, server, body):
    server.faults = [{"cut": 60_000}, {"status": 404}, {"cut": 0}]
    with pytest.raises(DownloadError):
        fetch("celeba")
    (part,) = temporaries()
    part.write_bytes(body)
    assert fetch("celeba").read_bytes() == body
    assert len(server.seen) == 3  # the last was asked for its head only


def test_the_name_of_the_drawn_faces_is_taken(source):
    with pytest.raises(DataError, match="'synthetic' is the name of the drawn faces"):
        register_dataset(replace(source, name="synthetic"))


def test_a_file_that_was_verified_as_another_data_set_is_checked_again(source, server, tmp_path, monkeypatch):
    """Two data sets, or two versions of one, may be published under the same file name."""
    first = fetch("celeba").read_bytes()
    other = archive(tmp_path / "other.zip", first=100)
    server.files["/faces.zip"] = other
    publish(monkeypatch, other, source.mirrors, count=0, pixels=None)
    with pytest.warns(UserWarning, match="is not the data set"):
        assert fetch("celeba").read_bytes() == other
    assert first != other
