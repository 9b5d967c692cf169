"""Files that survive crashes: atomic writes, integrity records, locks."""

import contextlib
import errno
import os
import time

import pytest

from facegan import files
from facegan.errors import DiskFullError


def test_a_link_planted_at_the_temporary_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda n: "guessed")
    (tmp_path / ".writing-guessed").symlink_to(victim)
    with pytest.raises(FileExistsError):
        files.write_atomic(tmp_path / "a.pt", b"new")
    assert victim.read_bytes() == b"precious"


def test_what_follows_the_offset_is_dropped(tmp_path):
    (tmp_path / "part").write_bytes(b"received")
    with files.continued(tmp_path / "part", 3) as file:
        file.write(b"o")
    assert (tmp_path / "part").read_bytes() == b"reco"


def test_an_error_names_the_file_and_not_its_temporary(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        files.write_atomic(tmp_path / "missing" / "a.pt", b"new")
    assert error.value.filename == str(tmp_path / "missing" / "a.pt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes and links")
@pytest.mark.parametrize("offset", [0, 3])
@pytest.mark.parametrize("plant", ["symlink", "link", "mkfifo"])
def test_nothing_is_written_through_what_is_planted_at_a_known_name(tmp_path, plant, offset):
    victim, part = tmp_path / "victim", tmp_path / "part"
    victim.write_bytes(b"precious")
    getattr(os, plant)(*([part] if plant == "mkfifo" else [victim, part]))
    with contextlib.suppress(OSError), files.continued(part, offset) as file:
        file.write(b"new")
    assert victim.read_bytes() == b"precious"
    assert files.is_plain(part) == (offset == 0)  # a new file took its name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes")
def test_a_pipe_is_neither_replaced_nor_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="not a regular file"):
            files.write_atomic(tmp_path / name, b"new")
        with pytest.raises(OSError, match="not a regular file"):
            files.digest(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    files.write_atomic(tmp_path / "file", b"new")
    os.mkfifo(tmp_path / ".file.verified")
    assert not files.is_verified(tmp_path / "file")


def test_bytes_reach_the_disk_before_they_take_the_place_of_the_old_ones(tmp_path, monkeypatch):
    path, calls = files.write_atomic(tmp_path / "a", b"old"), []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr("os.fsync", lambda file: calls.append(os.fstat(file).st_size) or fsync(file))
    monkeypatch.setattr("os.replace", lambda *names: calls.append("replace") or replace(*names))
    files.write_atomic(path, b"newer")
    assert calls == [5, "replace"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_and_a_used_up_quota_are_named(tmp_path, monkeypatch, number):
    def fail(*_):
        raise OSError(number, "no room")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(DiskFullError, match="Its previous contents are intact"):
        files.write_atomic(tmp_path / "a", b"new")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch):
    path = files.write_atomic(tmp_path / "a", b"old")

    def fail(*_):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="input/output"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("days", [2, -2])
def test_a_record_of_another_day_is_not_trusted_though_the_clock_went_back(tmp_path, monkeypatch, days):
    path, now = tmp_path / "faces.npy", time.time()
    path.write_bytes(b"faces")
    files.mark_verified(path, sha256="0" * 64)
    assert files.is_verified(path)
    monkeypatch.setattr(files.time, "time", lambda: now + days * 24 * 3600)
    assert not files.is_verified(path)
