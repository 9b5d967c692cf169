"""What download servers do to a download (rows 1-9 of the fault matrix)."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import jpeg
from helpers.published import archive, installed, publish, temporaries
from helpers.server import CONFIRM, QUOTA, google_drive

from facegan import load_faces
from facegan.data import exchange, https, transfer
from facegan.data.https import Https
from facegan.data.registry import fetch
from facegan.data.transfer import Drive, Expected, Kaggle
from facegan.errors import DownloadError
from facegan.files import digest

OLD_GDOWN = Path(sys.prefix) / "gdown-5.2.2"  # Colab's; put there by the Makefile


def test_a_data_set_is_fetched_verified_and_loaded_by_name(source, server, body):
    faces = load_faces("celeba", 16)
    assert (len(faces), faces.name, faces.shape[1:]) == (12, "celeba", (3, 16, 16))
    assert Path("data/faces.zip").read_bytes() == body
    assert np.array_equal(load_faces("celeba", 16).images, faces.images)
    assert len(server.seen) == 1  # nothing is fetched twice
    assert temporaries() == []


def test_1_a_dropped_connection_is_taken_up_where_it_broke(source, server, body):
    cut = len(body) * 6 // 10
    server.faults = [{"cut": cut}]
    assert fetch("celeba").read_bytes() == body
    (first, again) = server.seen[0][1], server.seen[-1][1]
    assert first is None
    assert 0 < int(re.fullmatch(r"bytes=(\d+)-", again)[1]) <= cut


def test_2_a_chunked_body_cut_short_is_never_taken_for_the_whole(source, server):
    server.faults = [{"cut": 5000, "chunked": True} for _ in range(20)]
    with pytest.raises(DownloadError, match=r"the connection broke off \(gave up after 5"):
        fetch("celeba")
    assert not installed()


def test_3_a_short_body_without_length_has_the_wrong_size_and_hash(source, server, body):
    server.faults = [{"cut": 5000, "length": False}]
    with pytest.raises(
        DownloadError, match=rf"expected sha256:.*it has 5,000 bytes, published with {len(body):,}"
    ):
        fetch("celeba")
    assert not installed()
    assert temporaries() == []


@pytest.mark.parametrize(("tag", "at_request"), [('"2"', 2), ('"2"', 3), (None, 2)])
def test_4_a_file_that_changed_between_two_attempts_is_fetched_anew(
    source, server, tmp_path, monkeypatch, tag, at_request
):
    other = archive(tmp_path / "other.zip", first=50)
    publish(monkeypatch, other, source.mirrors)
    server.faults = [{"cut": 50_000}]
    server.tag = tag and '"1"'

    class Changing(dict):
        def get(self, path):
            if len(server.seen) < at_request:
                return self[path]
            server.tag = tag
            return other

    server.files = Changing(server.files)
    assert fetch("celeba").read_bytes() == other


def test_5_a_server_that_ignores_range_is_read_from_the_start(source, server, body):
    server.ranges = False
    server.faults = [{"cut": 50_000}]
    assert fetch("celeba").read_bytes() == body


def test_a_server_that_answers_with_slices_is_asked_for_the_rest(source, server, body):
    server.faults = [{"cut": 40_000}, {}, {"slice": 30_000}, {}, {"slice": 30_000}]
    assert fetch("celeba").read_bytes() == body
    assert len(server.seen) == 7


def test_weak_tags_do_not_vouch_for_bytes(source, server, body):
    server.tag = 'W/"1"'
    server.faults = [{"cut": 40_000}]
    assert fetch("celeba").read_bytes() == body
    assert [asked for _, asked in server.seen] == [None, None]


@pytest.mark.parametrize("fault", [{"page": True}, {"status": 404}, {"status": 204}])
def test_what_was_received_outlives_a_server_that_is_out_of_order_for_a_while(source, server, body, fault):
    server.faults = [{"cut": 40_000}, fault]
    with pytest.raises(DownloadError):
        fetch("celeba")
    assert fetch("celeba").read_bytes() == body
    assert server.seen[-1][1].startswith("bytes=")


def test_redirects_to_ever_new_addresses_do_not_hinder_resuming(source, server, body):
    server.files["/signed.zip"] = body
    server.faults = [
        {"redirect": f"{server.url}/signed.zip?1"}, {"cut": 40_000},
        {"redirect": f"{server.url}/signed.zip?2"}, {},
        {"redirect": f"{server.url}/signed.zip?3"}, {},
    ]  # fmt: skip
    assert fetch("celeba").read_bytes() == body
    assert server.seen[-1] == ("/signed.zip?3", "bytes=32768-")


def test_a_network_that_is_gone_for_a_moment_in_mid_transfer_is_waited_for(source, server, body, monkeypatch):
    import requests

    get, calls = requests.Session.get, []

    def flaky(*arguments, **options):
        calls.append(options)
        if len(calls) in (2, 3):
            raise requests.ConnectionError("[Errno 101] Network is unreachable")
        return get(*arguments, **options)

    monkeypatch.setattr(requests.Session, "get", flaky)
    server.faults = [{"cut": 40_000}]
    assert fetch("celeba").read_bytes() == body
    assert server.seen[-1][1] == "bytes=32768-"


def test_a_part_that_the_server_says_is_too_long_is_dropped(source, server, body):
    server.faults = [{"cut": 40_000}, {}, {"status": 416}]
    assert fetch("celeba").read_bytes() == body


def test_6_a_web_page_is_named_by_its_title(source, server):
    server.files["/faces.zip"] = b"<!DOCTYPE html><html><head><title>Log in &amp; pay</title></head></html>"
    with pytest.raises(DownloadError, match="got a web page titled 'Log in & pay' instead of the file"):
        fetch("celeba")
    assert not installed()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("{server}/nothing.zip", "the server answered 404"),
        ("http://127.0.0.1:9/faces.zip", r"cannot connect \(Connection refused\)"),
        ("http://faces.invalid/faces.zip", "cannot connect"),
    ],
)
def test_8_an_unreachable_mirror_is_named_with_its_reason_and_the_manual_way(
    source, server, body, monkeypatch, url, reason
):
    url = url.format(server=server.url)
    publish(monkeypatch, body, [Https(url)])
    with pytest.raises(DownloadError) as refused:
        fetch("celeba")
    assert re.search(f"{url}: {reason}", str(refused.value))
    assert f"By hand: open {url} in a browser" in str(refused.value)
    assert f"put it at {Path('data/faces.zip').absolute()}" in str(refused.value)


def test_8_the_next_mirror_is_tried(source, server, body, monkeypatch):
    publish(monkeypatch, body, [Https(f"{server.url}/gone.zip"), *source.mirrors])
    assert fetch("celeba").read_bytes() == body
    assert [path for path, _ in server.seen] == ["/gone.zip", "/faces.zip"]


def test_a_busy_server_is_asked_again(source, server, body):
    server.faults = [{"status": 503}, {"status": 429}]
    assert fetch("celeba").read_bytes() == body


def test_9_a_stalled_transfer_is_given_up_after_five_attempts(source, server, monkeypatch):
    monkeypatch.setattr(exchange, "TIMEOUT", (5, 0.1))
    server.faults = [{"cut": 0, "stall": True} for _ in range(20)]
    with pytest.raises(DownloadError, match=r"silent for 0\.1 seconds \(gave up after 5"):
        fetch("celeba")
    assert len(server.seen) == https.ATTEMPTS


@pytest.fixture(params=["newest", "5.2.2"])
def drive(request, source, tmp_path, monkeypatch):
    """Our Google Drive, with gdown as installed or as Colab has it; our https server has nothing."""
    if request.param == "5.2.2":
        if not OLD_GDOWN.exists():
            pytest.skip(f"gdown 5.2.2 is not in {OLD_GDOWN}; `make test` puts it there")
        monkeypatch.setenv("PYTHONPATH", str(OLD_GDOWN))
    with google_drive(tmp_path) as (running, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def on_drive(source, body, server, monkeypatch):
    server.files.clear()
    monkeypatch.setenv("FACEGAN_DRIVE_ID", "classfile")
    return body


@pytest.mark.slow
def test_a_class_copy_on_drive_is_fetched_past_the_confirm_page(on_drive, drive):
    drive.files = {"/uc": CONFIRM, "/download": on_drive}
    assert fetch("celeba").read_bytes() == on_drive
    assert any(path.startswith("/download?") and "id=classfile" in path for path, _ in drive.seen)
    assert temporaries() == []


@pytest.mark.slow
def test_the_class_copy_can_be_an_argument(on_drive, drive, monkeypatch):
    monkeypatch.delenv("FACEGAN_DRIVE_ID")
    drive.files = {"/uc": on_drive}
    monkeypatch.setenv("FACEGAN_DRIVE_ID", "another")
    assert fetch("celeba").read_bytes() == on_drive
    assert drive.seen[0][0] == "/uc?id=another"


@pytest.mark.slow
def test_7_a_quota_page_is_called_quota_and_the_manual_way_is_named(on_drive, drive):
    drive.files = {"/uc": QUOTA}
    with pytest.raises(DownloadError) as refused:
        fetch("celeba")
    said = str(refused.value)
    assert "Google Drive file classfile: its download quota on Google Drive is used up" in said
    assert said.index("404") < said.index("quota") < said.index("By hand")
    assert temporaries() == []


@pytest.mark.slow
def test_7_after_a_quota_page_the_next_mirror_is_tried(source, body, drive, server, monkeypatch):
    drive.files = {"/uc": QUOTA}
    publish(monkeypatch, body, [Https(f"{server.url}/gone.zip"), Drive("other"), Drive("another")])
    drive.files = {"/uc": QUOTA}
    with pytest.raises(DownloadError, match=r"file other: .*quota(.|\n)*file another: .*quota"):
        fetch("celeba")


@pytest.mark.slow
@pytest.mark.parametrize("pages", [{}, {"/uc": CONFIRM}])
def test_a_file_that_is_not_on_drive_is_never_saved(on_drive, drive, pages):
    drive.files = pages
    with pytest.raises(DownloadError, match="Google Drive file classfile: "):
        fetch("celeba")
    assert not installed()
    assert temporaries() == []


def watched(folder, code):
    """Whether stdout is flushed while `code` runs in `folder` in place of gdown."""

    class Counted(io.StringIO):
        flushes = 0

        def flush(self):
            self.flushes += 1

    with contextlib.redirect_stdout(Counted()) as out:
        child = subprocess.Popen([sys.executable, "-c", f"import time; {code}"], cwd=folder)
        transfer._watch(child, folder, "downloading")
    return out.flushes > 0


@pytest.mark.slow
def test_stdout_is_flushed_when_a_file_grows_and_not_when_gdown_complains(tmp_path):
    assert not watched(tmp_path, "print('no', file=open('gdown.log', 'w'), flush=True); time.sleep(0.5)")
    assert watched(tmp_path, "print('bytes', file=open('faces.zip', 'w'), flush=True); time.sleep(0.5)")


@pytest.mark.parametrize(
    ("code", "reason"),
    [("open('faces.zip', 'wb').write(bytes(2_000_000))", "more than 1,000,001 bytes, published with 1"),
     ("open('faces.zip', 'w').write('x')", r"too slow \(less than 32,768 bytes\) for 0 seconds")],
)  # fmt: skip
def test_gdown_is_stopped_past_the_published_size_and_below_a_rate(tmp_path, monkeypatch, code, reason):
    monkeypatch.setattr(transfer, "MINUTE", 0.4)
    child = subprocess.Popen(
        [sys.executable, "-c", f"import threading; {code}; threading.Event().wait(9)"], cwd=tmp_path
    )
    try:
        with pytest.raises(transfer.MirrorError, match=reason):
            transfer._watch(child, tmp_path, "downloading", transfer.Expected(1))
    finally:
        child.kill()
        child.wait()


@pytest.mark.slow
def test_a_file_that_grows_twice_has_one_bar(tmp_path):
    grow = "f = open('faces.zip', 'w'); [(f.write('bytes'), f.flush(), time.sleep(0.6)) for _ in range(3)]"
    assert watched(tmp_path, grow)


def test_an_empty_answer_is_not_the_beginning_of_a_file(source, server, monkeypatch):
    server.files["/faces.zip"] = b""
    with pytest.raises(DownloadError, match="the server sent nothing"):
        fetch("celeba")
    assert not installed()


@pytest.mark.slow
def test_9_a_drive_that_stalls_is_given_up(on_drive, drive, monkeypatch):
    monkeypatch.setattr(transfer, "MINUTE", 3)
    drive.files = {"/uc": on_drive}
    drive.faults = [{"cut": 1000, "stall": True}]
    with pytest.raises(DownloadError, match="Google Drive was silent for 3 seconds"):
        fetch("celeba")
    assert temporaries() == []


def test_images_that_kagglehub_has_are_packed_and_verified(source, body, tmp_path, monkeypatch):
    place = tmp_path / "datasets" / "someone" / "faces" / "versions"
    images = place / "2" / "images"
    images.mkdir(parents=True)
    (place / "2" / "list.csv").write_text("not an image")
    (place.parent / "2.complete").touch()
    rng = np.random.default_rng(0)
    for index in range(12):
        (images / f"{index}.jpg").write_bytes(jpeg(rng, 16))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    publish(monkeypatch, body, [*source.mirrors[:0], Kaggle("someone/faces/versions/2", "images")])
    with pytest.warns(UserWarning, match="contents agree"):
        assert len(load_faces("celeba", 16)) == 12
    assert temporaries() == []


def test_without_kagglehub_the_reason_is_named(source, body, monkeypatch, server):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    publish(monkeypatch, body, [Https(f"{server.url}/gone.zip"), Kaggle("someone/faces", "images")])
    with pytest.raises(DownloadError, match=r"Kaggle data set someone/faces: needs kagglehub"):
        fetch("celeba")


def test_kaggle_that_cannot_be_reached_is_named_in_a_few_words(source, body, tmp_path, monkeypatch):
    pytest.importorskip("kagglehub", reason="kagglehub is not installed")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    publish(monkeypatch, body, [Kaggle("someone/faces/versions/2", "images")])
    with pytest.raises(DownloadError, match=r"faces/versions/2: cannot connect \(Connection refused\)\n"):
        fetch("celeba")


def test_a_file_with_any_of_the_published_hashes_is_the_published_one(tmp_path):
    path = tmp_path / "faces.zip"
    path.write_bytes(b"faces")
    hashes = f"md5:{digest(path, 'md5')}", f"sha256:{digest(path)}"
    assert Expected(hashes=("md5:0", hashes[1])).is_published(path)
    assert Expected(hashes=(hashes[0], "sha256:0")).is_published(path)
    assert not Expected(hashes=("md5:0", "sha256:0")).is_published(path)
