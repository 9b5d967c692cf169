"""Servers that send too much, too slowly, something else than was asked, or lead elsewhere."""

import os
import ssl
from pathlib import Path

import pytest
from helpers.published import archive, installed, publish, temporaries
from helpers.server import serving

from facegan.data import exchange, mirrors, transfer
from facegan.data.https import Https
from facegan.data.registry import fetch
from facegan.data.transfer import Expected, MirrorError
from facegan.errors import DownloadError

# ---- too much ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_without_end_is_left_a_little_past_the_published_size(source, server, body, packed):
    if packed:
        server.files["/faces.zip"] = body + bytes(300_000_000)
    server.faults = [{"gzip": True}] if packed else [{"endless": True}]
    with pytest.raises(DownloadError, match=rf"more than 1,122,\d+ bytes, published with {len(body):,}"):
        fetch("celeba")
    assert temporaries() == []


def test_a_body_without_end_of_a_file_of_unknown_size_is_left_at_a_limit(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_MOST_UNKNOWN", 300_000)
    server.files["/faces.zip"] = bytes(100_000)
    server.faults = [{"endless": True}]
    with pytest.raises(MirrorError, match=r"more than 300,000 bytes, the maximum for a file of unknown size"):
        Https(f"{server.url}/faces.zip").fetch(tmp_path / "faces.zip")


def test_what_an_unknown_size_may_take_is_bounded_by_the_free_disk(tmp_path, monkeypatch):
    free = transfer.shutil.disk_usage(tmp_path)._replace(free=6_000_000_000)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: free)
    assert Expected().most(tmp_path) == 5_500_000_000


def test_a_length_far_beyond_the_published_size_is_not_received(source, server, body):
    server.files["/faces.zip"] = body + bytes(2_000_000)
    with pytest.raises(DownloadError, match="it sends more than"):
        fetch("celeba")
    assert temporaries() == []


def test_a_file_that_is_packed_on_the_way_is_unpacked(source, server, body):
    server.faults = [{"gzip": True}]
    assert fetch("celeba").read_bytes() == body


def test_a_packed_file_that_is_cut_is_fetched_again(source, server, body):
    server.faults = [{"gzip": True, "cut": 50_000}]
    assert fetch("celeba").read_bytes() == body


def test_a_new_version_takes_the_place_of_what_was_received_of_the_old_one(server, tmp_path):
    mirror, target = Https(f"{server.url}/faces.zip"), tmp_path / "faces.zip"
    server.files["/faces.zip"] = b"old" * 30_000
    server.faults = [{"cut": 40_000}, {"status": 404}]
    with pytest.raises(MirrorError):
        mirror.fetch(target)
    server.files["/faces.zip"] = b"new" * 40_000
    assert list(tmp_path.iterdir()) != []
    part = mirror.fetch(target)
    assert list(tmp_path.iterdir()) == [part]
    assert part.read_bytes() == b"new" * 40_000


# ---- too slow ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"drip": "head"}, {"drip": "body"}, {"drip": "body", "chunked": True}])
def test_after_a_server_that_sends_a_byte_now_and_then_the_next_mirror_is_tried(
    source, server, body, monkeypatch, fault
):
    monkeypatch.setattr(exchange, "MINUTE", 0.2)
    publish(monkeypatch, body, [Https(f"{server.url}/faces.zip?1"), *source.mirrors])
    server.faults = [fault]
    assert fetch("celeba").read_bytes() == body
    assert [path for path, _ in server.seen] == ["/faces.zip?1", "/faces.zip"]


def test_a_server_that_is_too_slow_is_called_so(server, body, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "MINUTE", 0.2)
    server.files["/faces.zip"] = body
    server.faults = [{"drip": "body"}]
    with pytest.raises(MirrorError, match=r"too slow: less than 32,768 bytes"):
        Https(f"{server.url}/faces.zip").fetch(tmp_path / "faces.zip")


# ---- another part than was asked for ----------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"shift": 10}, {"gzip": True}])
def test_after_a_wrong_part_the_whole_file_is_fetched(source, server, body, fault):
    server.faults = [{"cut": 40_000}, {}, fault]
    assert fetch("celeba").read_bytes() == body
    assert [asked for _, asked in server.seen] == [None, None, "bytes=32768-", None]


# ---- links and pipes in the way ---------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX links")
@pytest.mark.parametrize("plant", [os.symlink, os.link])
def test_what_is_planted_at_the_temporary_is_not_overwritten(source, server, body, tmp_path, plant):
    server.faults = [{"cut": 40_000}, {"status": 404}]
    with pytest.raises(DownloadError):
        fetch("celeba")
    (part,) = temporaries()
    victim = tmp_path / "victim"
    victim.write_bytes(b"p" * 40_000)
    part.unlink()
    plant(victim, part)
    assert fetch("celeba").read_bytes() == body
    assert victim.read_bytes() == b"p" * 40_000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX pipes")
def test_a_pipe_in_the_archives_place_is_named(source):
    Path("data").mkdir()
    os.mkfifo("data/faces.zip")
    with pytest.raises(DownloadError, match=r"cannot read data/faces\.zip \(not a regular file\)"):
        fetch("celeba")


# ---- from https to http -----------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path, monkeypatch):
    """A server that is reached over https."""
    trustme = pytest.importorskip("trustme")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    with serving(context) as running:
        yield running


@pytest.mark.parametrize("same", [True, False])
def test_from_https_to_http_only_the_published_bytes_are_accepted(
    source, server, secure, body, tmp_path, monkeypatch, same
):
    publish(monkeypatch, body, [Https(f"https://127.0.0.1:{secure.port}/faces.zip")])
    secure.faults = [{"redirect": f"{server.url}/faces.zip"}]
    if same:
        assert fetch("celeba").read_bytes() == body
        return
    server.files["/faces.zip"] = archive(tmp_path / "other.zip", first=100)
    with pytest.raises(DownloadError, match="redirects from https to http"):
        fetch("celeba")
    assert not installed()
    assert temporaries() == []


def test_a_circle_of_redirects_ends(server, tmp_path):
    server.faults = [{"redirect": "/faces.zip"}] * 50
    with pytest.raises(MirrorError, match="redirects more than 10 times"):
        Https(f"{server.url}/faces.zip").fetch(tmp_path / "faces.zip")


# ---- passwords --------------------------------------------------------------------------------------


def test_a_password_in_a_mirror_s_address_is_in_no_message(source, server, monkeypatch):
    server.files.clear()
    hidden = [
        f"http://me:s3cr@et@127.0.0.1:{server.port}",
        "https://me:s3cret@[bad",
        "http://me:s3cret@nowhere.invalid",
        "me:s3cret@x",
    ]
    for address in hidden:
        monkeypatch.setenv("FACEGAN_MIRROR", address)
        with pytest.raises(DownloadError) as refused:
            fetch("celeba")
        assert "***@" in str(refused.value)
        assert "s3cr" not in str(refused.value) + repr(mirrors.in_order("a.zip", ()))


def test_what_a_server_says_is_escaped(source, server):
    server.files["/faces.zip"] = b"<title>\x1b[2J\nPay \xe2\x80\xaehere</title>"
    with pytest.raises(DownloadError, match=r"titled '\\x1b\[2J Pay \\u202ehere'"):
        fetch("celeba")
