"""The routes to 'celeba', and what is done where none delivers it: faces cut from the full archive."""

import hashlib
import pickle
import re
import socket
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.published import installed
from helpers.server import google_drive
from PIL import Image

from facegan import load_faces
from facegan.data import mirrors, registry
from facegan.data.cache import caches_of
from facegan.data.https import Https
from facegan.data.mirrors import CELEBA, CELEBA_FULL, Cut, in_order
from facegan.data.registry import Source, fetch, fetch_or_cut
from facegan.data.transfer import Drive, Kaggle
from facegan.errors import DownloadError

OLD_GDOWN = Path(sys.prefix) / "gdown-5.2.2"  # Colab's; put there by the Makefile
COUNT = 12  # faces of the published subset


@pytest.fixture
def whole(tmp_path):
    """The bytes of a zip laid out like the full archive: 15 images of 178 x 218, gray but for their face."""
    path = tmp_path / "whole.zip"
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as out:
        for index in range(15, 0, -1):  # not in the order of their names
            picture = Image.new("RGB", (178, 218), (128, 128, 128))
            picture.paste(Image.new("RGB", (108, 108), (15 * index, 0, 0)), (35, 55))
            name = tmp_path / "one.png"
            picture.save(name)
            out.writestr(f"img_align_celeba/{index:06d}.png", name.read_bytes())
        out.writestr("img_align_celeba/padding.bin", rng.bytes(10_000))
    return path.read_bytes()


@pytest.fixture
def routes(source, server, whole, monkeypatch):
    """Both data sets under their names: the subset on our server, the full archive on it and on Drive."""
    full = Source(
        name="celeba-full", file="whole.zip", mirrors=(Https(f"{server.url}/whole.zip"), Drive("keras")),
        hashes=(f"sha256:{hashlib.sha256(whole).hexdigest()}",), count=15, pixels=(178, 218), size=len(whole),
        crop="celeba-108", crops=("celeba-108", "celeba-128"), terms="none", title="all faces",
    )  # fmt: skip
    monkeypatch.setitem(registry.SOURCES, "celeba-full", full)
    server.files["/whole.zip"] = whole
    subset = replace(source, mirrors=(*source.mirrors, Cut("celeba-full")))
    monkeypatch.setitem(registry.SOURCES, "celeba", subset)
    return subset


@pytest.fixture
def no_drive(monkeypatch):
    """Google's hosts cannot be reached."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


@pytest.fixture(params=["newest", "5.2.2"])
def drive(request, tmp_path, monkeypatch):
    """Our Google Drive, with gdown as installed or as Colab has it."""
    if request.param == "5.2.2":
        if not OLD_GDOWN.exists():
            pytest.skip(f"gdown 5.2.2 is not in {OLD_GDOWN}; `make test` puts it there")
        monkeypatch.setenv("PYTHONPATH", str(OLD_GDOWN))
    with google_drive(tmp_path) as (running, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield running


# ---- the order ------------------------------------------------------------------------------------


def test_celeba_has_the_publishers_https_then_the_full_archive():
    assert [type(route) for route in CELEBA] == [Https, Cut]
    assert mirrors.cut_in(CELEBA) == "celeba-full"


def test_the_full_archive_has_pytorchs_copy_keras_copy_the_authors_and_kaggle():
    https, keras, authors, kaggle = CELEBA_FULL
    assert "pytorch" in https.url
    assert (keras.id, authors.id) == ("1O7m1010EJjLE5QxLZiM9Fpjs7Oj6e684", "0B7EVK8r0v71pZjFTYXZWM3FlRnM")
    assert isinstance(kaggle, Kaggle)


def test_a_class_copy_is_tried_after_the_publishers_and_before_drive(monkeypatch):
    monkeypatch.setenv("FACEGAN_MIRROR", "http://class/")
    order = in_order("a.zip", [Drive("theirs"), Https("http://publisher/a.zip"), Cut("b")], drive_id="ours")
    assert list(map(str, order)) == [
        "http://publisher/a.zip", "http://class/a.zip", "Google Drive file ours", "Google Drive file theirs",
    ]  # fmt: skip


def test_the_publisher_is_asked_before_the_class_copy(source, server, body, monkeypatch):
    server.files["/class/faces.zip"] = body
    monkeypatch.setenv("FACEGAN_MIRROR", f"{server.url}/class")
    assert fetch("celeba").read_bytes() == body
    assert {path for path, _ in server.seen} == {"/faces.zip"}


@pytest.mark.parametrize("fault", [{"status": 404}, {"status": 503}])
def test_a_publisher_out_of_order_is_passed_over_at_once(source, server, body, monkeypatch, fault):
    server.files["/class/faces.zip"] = body
    server.faults = [fault]
    monkeypatch.setenv("FACEGAN_MIRROR", f"{server.url}/class")
    assert fetch("celeba").read_bytes() == body
    assert [path for path, _ in server.seen] == ["/faces.zip", "/class/faces.zip"]


def test_a_silent_publisher_costs_a_class_a_short_time_only(source, server, body, monkeypatch):
    server.files["/class/faces.zip"] = body
    monkeypatch.setenv("FACEGAN_MIRROR", f"{server.url}/class")
    monkeypatch.setattr(mirrors, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/faces.zip"
        monkeypatch.setitem(registry.SOURCES, "celeba", replace(source, mirrors=(Https(url),)))
        begin = time.monotonic()
        assert fetch("celeba").read_bytes() == body
        assert time.monotonic() - begin < 3


def test_a_silent_publisher_is_named_in_the_error(source, server, monkeypatch):
    monkeypatch.setenv("FACEGAN_MIRROR", f"{server.url}/class")
    monkeypatch.setattr(mirrors, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/faces.zip"
        monkeypatch.setitem(registry.SOURCES, "celeba", replace(source, mirrors=(Https(url),)))
        with pytest.raises(DownloadError, match=rf"{url}: no answer within 0 seconds"):
            fetch("celeba")


# ---- faces cut from the full archive ----------------------------------------------------------------


def test_with_the_publisher_up_nothing_is_cut(routes, server):
    faces = load_faces("celeba", 16)
    assert (faces.name, len(faces)) == ("celeba", COUNT)
    assert [path for path, _ in server.seen] == ["/faces.zip"]


def test_with_the_publisher_down_the_first_faces_by_name_are_cut(routes, server, capsys):
    del server.files["/faces.zip"]
    faces = load_faces("celeba", 16)
    assert faces.shape == (COUNT, 3, 16, 16)
    assert faces.crop == "celeba-108"
    assert faces.images[:, 0].mean((1, 2)).round().tolist() == [15 * index for index in range(1, COUNT + 1)]
    assert faces.images[:, 1:].max() == 0  # nothing of the gray around the faces
    assert (
        "The published subset could not be fetched; its faces are cut from the full archive, celeba-full.\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size", "words"), [(0, ""), (247_694_507, r" \(248 MB\)"), (1_443_490_838, r" \(1\.4 GB\)")]
)
def test_the_size_of_the_full_archive_is_named(routes, server, capsys, monkeypatch, size, words):
    del server.files["/faces.zip"]
    full = replace(registry.SOURCES["celeba-full"], size=size)
    monkeypatch.setitem(registry.SOURCES, "celeba-full", full)
    monkeypatch.setattr(registry, "_refuse_small_disk", lambda *_: None)
    load_faces("celeba", 16)
    assert re.search(rf"^The published subset .*, celeba-full{words}\.$", capsys.readouterr().out, re.M)


def test_cut_faces_do_not_pretend_to_be_the_published_ones(routes, server):
    published = load_faces("celeba", 16)
    for path in Path("data").iterdir():
        path.unlink()
    del server.files["/faces.zip"]
    cut, whole = load_faces("celeba", 16), load_faces("celeba-full", 16)
    assert cut.name == cut.record()["name"] == "celeba (cut from celeba-full)"
    assert len({cut.fingerprint, published.fingerprint, whole.fingerprint}) == 3
    (kept,) = caches_of("celeba")
    assert kept.name.startswith("celeba-cut-16px-celeba-108-")


def test_cut_faces_need_no_network_the_second_time_in_any_size(routes, server):
    del server.files["/faces.zip"]
    first = load_faces("celeba", 16)
    server.seen.clear()
    assert load_faces("celeba", 16).record() == first.record()
    other = load_faces("celeba", 32)
    assert (other.name, other.shape) == (first.name, (COUNT, 3, 32, 32))
    assert other.fingerprint == first.fingerprint
    assert server.seen == []


def test_a_published_archive_that_is_put_there_replaces_cut_faces(routes, server, body):
    del server.files["/faces.zip"]
    load_faces("celeba", 16)
    Path("data/faces.zip").write_bytes(body)
    assert load_faces("celeba", 16).name == "celeba"


def test_a_full_archive_on_the_disk_is_used_instead_of_a_download(routes, server, whole):
    server.files.clear()
    Path("data").mkdir()
    Path("data/whole.zip").write_bytes(whole)
    assert load_faces("celeba", 16).name == "celeba (cut from celeba-full)"
    assert [path for path, _ in server.seen] == ["/faces.zip"]  # the published faces come first


def test_faces_of_another_size_name_what_can_be_loaded(routes, server):
    del server.files["/faces.zip"]
    with pytest.raises(ValueError, match=r"load_faces\('celeba', 32\)"):
        load_faces(load_faces("celeba", 16), 32)


def test_a_disk_too_small_for_the_full_archive_is_named_with_its_size(routes, server, monkeypatch):
    del server.files["/faces.zip"]
    monkeypatch.setitem(
        registry.SOURCES, "celeba-full", replace(registry.SOURCES["celeba-full"], size=10**18)
    )
    with pytest.raises(DownloadError, match=r"celeba-full needs 1,000,000,000,000 MB"):
        load_faces("celeba", 16)


def test_a_disk_too_small_for_the_subset_is_not_tried_with_more(routes, server, monkeypatch):
    monkeypatch.setitem(registry.SOURCES, "celeba", replace(routes, size=10**18))
    with pytest.raises(DownloadError, match=r"^celeba needs 1,000,000,000,000 MB"):
        load_faces("celeba", 16)
    assert server.seen == []


@pytest.mark.slow
def test_without_https_the_full_archive_comes_from_drive_with_nothing_configured(
    routes, server, whole, drive
):
    server.files.clear()
    drive.files = {"/uc": whole}
    assert len(load_faces("celeba", 16)) == COUNT
    assert Path("data/whole.zip").read_bytes() == whole
    assert drive.seen[0][0] == "/uc?id=keras"


@pytest.mark.slow
def test_a_class_copy_on_drive_comes_before_the_full_archive(routes, server, body, drive, monkeypatch):
    del server.files["/faces.zip"]
    monkeypatch.setenv("FACEGAN_DRIVE_ID", "classfile")
    drive.files = {"/uc": body}
    assert load_faces("celeba", 16).name == "celeba"
    assert [path for path, _ in server.seen] == ["/faces.zip"]


@pytest.mark.slow
@pytest.mark.usefixtures("no_drive")
def test_when_all_is_down_every_route_and_the_way_by_hand_are_named(routes, server, monkeypatch):
    monkeypatch.setenv("FACEGAN_MIRROR", f"{server.url}/class")
    monkeypatch.setenv("FACEGAN_DRIVE_ID", "classfile")
    server.files.clear()
    with pytest.raises(registry.Unavailable) as refused:
        fetch_or_cut("celeba")
    lines = str(refused.value).splitlines()
    assert lines[0] == "could not download 'celeba'; every mirror was tried:"
    for line, begins in zip(lines[1:], [
        f"  {server.url}/faces.zip: the server answered 404",
        f"  {server.url}/class/faces.zip: the server answered 404",
        "  Google Drive file classfile: ",
        f"  {server.url}/whole.zip, to cut from celeba-full: the server answered 404",
        f"  {server.url}/class/whole.zip, to cut from celeba-full: the server answered 404",
        "  Google Drive file keras, to cut from celeba-full: ",
        f"By hand: open {server.url}/faces.zip in a browser, or ask your instructor for faces.zip,",
        f"and put it at {Path('data/faces.zip').absolute()}; then run this again. whole.zip in the same",
    ], strict=True):  # fmt: skip
        assert line.startswith(begins)
    assert not installed()


def test_the_error_can_be_sent_to_another_process():
    error = pickle.loads(pickle.dumps(registry.Unavailable("no", {"a": "b"})))
    assert (str(error), error.reasons) == ("no", {"a": "b"})
