"""Files that survive crashes: atomic writes, integrity records, locks."""

import errno

import pytest

from facegan import files


def test_a_link_planted_at_the_temporary_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda n: "guessed")
    (tmp_path / ".writing-guessed").symlink_to(victim)
    with pytest.raises(FileExistsError):
        files.write_atomic(tmp_path / "a.pt", b"new")
    assert victim.read_bytes() == b"precious"


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch):
    path = files.write_atomic(tmp_path / "a", b"old")

    def fail(*_):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="input/output"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
