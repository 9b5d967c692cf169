"""Fixtures of the tests of data: an empty working directory, and a published data set on a local server."""

import subprocess

import pytest
from helpers.published import archive, publish
from helpers.server import serving

from facegan.data import https
from facegan.data.https import Https


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """The working directory is empty, and the user's cache folder is not the real one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def body(tmp_path):
    return archive(tmp_path / "published.zip")


@pytest.fixture
def source(tmp_path, monkeypatch, server, body):
    """The data set 'celeba' is twelve faces on our server, and the working directory is empty."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(https, "PAUSE", 0)
    for name in ("FACEGAN_MIRROR", "FACEGAN_DRIVE_ID"):
        monkeypatch.delenv(name, raising=False)
    server.files["/faces.zip"] = body
    return publish(monkeypatch, body, [Https(f"{server.url}/faces.zip")])


@pytest.fixture
def read_only(mount):
    """Make a folder read-only, even for root."""

    def remount(folder):
        mount("--bind", folder, at=folder)
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)

    return remount
