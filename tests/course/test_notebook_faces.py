"""The faces of a notebook: photographs where they can be had, drawn ones with two lines where not."""

import hashlib
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from helpers.published import archive, pack, picture, publish
from helpers.server import google_drive, serving

import facegan as fg
from facegan import data
from facegan.course import notebook
from facegan.data import https, load, registry
from facegan.data.https import Https
from facegan.data.transfer import Drive
from facegan.errors import DataError, DownloadError

DRAWN = 12


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def body(tmp_path, monkeypatch, server):
    """'celeba' is twelve faces on our server; nothing failed yet; few faces are drawn."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    for name in ("FACEGAN_DATA", "FACEGAN_MIRROR", "FACEGAN_DRIVE_ID", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(notebook, "_failed", {})
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", DRAWN)
    monkeypatch.setattr(https, "PAUSE", 0)
    server.files["/faces.zip"] = archive(tmp_path / "published.zip", n=10)
    publish(monkeypatch, server.files["/faces.zip"], [Https(f"{server.url}/faces.zip")], count=10)
    return server.files["/faces.zip"]


def offline(monkeypatch, url="http://127.0.0.1:9/faces.zip"):
    monkeypatch.setitem(
        registry.SOURCES, "celeba", replace(registry.SOURCES["celeba"], mirrors=(Https(url),))
    )


def printed(capsys):
    return capsys.readouterr().out.splitlines()


def test_celeba_is_the_default_in_any_size(server, capsys):
    faces = fg.notebook.load_faces()
    assert (faces.name, faces.image_size, len(faces)) == ("celeba", 64, 10)
    assert printed(capsys) == ["twelve faces. none."]  # title and terms
    assert fg.notebook.load_faces("celeba", size=16).image_size == 16
    assert [path for path, _ in server.seen] == ["/faces.zip"]


def test_without_a_connection_two_lines_say_so_and_faces_are_drawn(capsys, monkeypatch):
    offline(monkeypatch)
    faces = notebook.load_faces("celeba", 16)
    assert (faces.name, len(faces), faces.image_size) == ("synthetic", DRAWN, 16)
    said = printed(capsys)
    assert said == [
        "celeba could not be fetched: no address could be reached. Using 12 drawn faces.",
        'Get the file (fg.load_faces("celeba") names every address and answer) or set FACEGAN_MIRROR; then run this '
        "cell again.",
    ]


@pytest.mark.parametrize("fault", [{"status": 403}, {"page": True}, {"status": 503}, {"damaged": True}])
def test_both_lines_are_short_when_several_addresses_fail(capsys, server, monkeypatch, fault):
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 10_000)
    monkeypatch.setattr(load, "load_faces", partial(_drawing_nothing, load.load_faces))
    published = registry.SOURCES["celeba"].mirrors
    others = tuple(Https(f"{server.url}/gone/{number}") for number in range(5))
    record = replace(registry.SOURCES["celeba"], mirrors=(*published, *others))
    monkeypatch.setitem(registry.SOURCES, "celeba", record)
    if "damaged" in fault:
        server.files["/faces.zip"] = b"damaged" * 1000
    else:
        server.faults = [fault] * https.ATTEMPTS if fault.get("status") == 503 else [fault]
    notebook.load_faces("celeba", 16)
    said = printed(capsys)[-2:]
    assert "(first of 6 addresses). Using 10,000 drawn faces." in said[0]
    assert max(map(len, said)) <= 125


def _drawing_nothing(load_faces, source, size):
    return None if source == "synthetic" else load_faces(source, size)


def test_a_damaged_download_is_named_without_its_digest(capsys, server):
    server.files["/faces.zip"] = b"damaged" * 1000
    assert notebook.load_faces("celeba", 16).name == "synthetic"
    terms, first, _ = printed(capsys)
    assert terms == "twelve faces. none."  # bytes arrived
    assert first == (
        "celeba could not be fetched: the downloaded file is not the published one. Using 12 drawn faces."
    )


def test_the_error_that_the_lines_refer_to_names_address_answer_and_place(server):
    server.files.clear()
    with pytest.raises(DownloadError) as refused:
        fg.load_faces("celeba", 16)
    said = str(refused.value)
    assert f"{server.url}/faces.zip: the server answered 404 Not Found" in said
    assert str(Path("data/faces.zip").absolute()) in said


def test_kaggle_is_told_where_the_internet_is_switched_on(capsys, monkeypatch):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    offline(monkeypatch)
    notebook.load_faces("celeba", 16)
    assert "turn on Settings > Internet; then run this cell again." in printed(capsys)[1]


def test_what_a_server_answered_is_named(capsys, server):
    server.files.clear()
    assert notebook.load_faces("celeba", 16).name == "synthetic"
    said = printed(capsys)
    assert len(said) == 2
    assert "could not be fetched: the server answered 404 Not Found. Using 12 drawn" in said[0]


def test_a_disk_that_is_too_small_is_named(capsys, monkeypatch):
    monkeypatch.setitem(registry.SOURCES, "celeba", replace(registry.SOURCES["celeba"], size=10**18))
    assert notebook.load_faces("celeba", 16).name == "synthetic"
    said = printed(capsys)
    assert len(said) == 2
    assert said[0].startswith("celeba could not be fetched: celeba needs 1,000,000,000,000 MB, but ")
    assert said[1] == "Fix that; then run this cell again."  # no address would help


def test_a_folder_that_cannot_be_made_is_named(capsys):
    Path("data").write_text("a file in its place")
    assert notebook.load_faces("celeba", 16).name == "synthetic"
    said = printed(capsys)
    assert len(said) == 2
    assert "cannot create the folder" in said[0]


def test_another_size_does_not_wait_for_the_same_failure(capsys, server):
    server.files.clear()
    notebook.load_faces("celeba", 32)
    first, asked = printed(capsys), len(server.seen)
    assert notebook.load_faces("celeba", 16).image_size == 16
    assert printed(capsys) == first[:1]
    assert len(server.seen) == asked


def test_the_same_cell_again_tries_again(server, body):
    server.files.clear()
    assert notebook.load_faces("celeba", 16).name == "synthetic"
    server.files["/faces.zip"] = body
    assert notebook.load_faces("celeba", 16).name == "celeba"


def test_a_file_put_there_after_a_failure_is_used_in_any_size(server, body):
    server.files.clear()
    notebook.load_faces("celeba", 32)
    Path("data/faces.zip").write_bytes(body)
    assert notebook.load_faces("celeba", 16).name == "celeba"


def test_an_address_set_after_a_failure_is_tried_in_any_size(server, body, monkeypatch):
    server.files.clear()
    notebook.load_faces("celeba", 32)
    server.files["/class/faces.zip"] = body
    monkeypatch.setenv("FACEGAN_MIRROR", f"{server.url}/class")
    assert notebook.load_faces("celeba", 16).name == "celeba"


def test_the_environment_replaces_celeba(server, monkeypatch):
    monkeypatch.setenv("FACEGAN_DATA", "synthetic")
    assert notebook.load_faces("celeba", 16).name == "synthetic"
    assert server.seen == []


def test_the_environment_does_not_replace_another_value(server, monkeypatch):
    monkeypatch.setenv("FACEGAN_DATA", "celeba")
    assert notebook.load_faces("synthetic", 16).name == "synthetic"
    assert server.seen == []


def test_the_environment_may_name_a_zip(tmp_path, monkeypatch):
    pack(tmp_path / "mine.zip", [(f"{i}.png", picture((i, 0, 0))) for i in range(3)])
    monkeypatch.setenv("FACEGAN_DATA", str(tmp_path / "mine.zip"))
    assert notebook.load_faces(size=16).name == "mine.zip"


@pytest.mark.parametrize("wrong", ["celebs", "no/such/folder", ""])
def test_a_wrong_value_is_an_error(wrong, server):
    with pytest.raises(DataError, match=r"does not exist|empty string"):
        notebook.load_faces(wrong, 16)
    assert server.seen == []


def test_a_wrong_value_of_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("FACEGAN_DATA", "celebs")
    with pytest.raises(DataError, match=r"^FACEGAN_DATA is 'celebs'.*does not exist"):
        notebook.load_faces("celeba", 16)


def test_a_wrong_size_is_an_error():
    with pytest.raises(DataError, match="size is 8, expected"):
        notebook.load_faces("celeba", 8)


def test_images_in_memory_are_taken_as_they_are(faces):
    assert len(notebook.load_faces(faces.images, 16)) == len(faces)


@pytest.fixture
def full_archive(tmp_path, server, monkeypatch):
    """'celeba' is gone; its faces can be cut from 'celeba-full'."""
    members = [(f"img/{i}.png", picture((i, 0, 0), size=(178, 218))) for i in range(12)]
    members.append(("padding.bin", bytes(100_000)))  # the first bytes are 32 kB
    whole = pack(tmp_path / "whole.zip", members).read_bytes()
    server.files = {"/whole.zip": whole}
    full = registry.Source(
        "celeba-full", "whole.zip", (Https(f"{server.url}/whole.zip"),),
        (f"sha256:{hashlib.sha256(whole).hexdigest()}",), crop="celeba-108", crops=("celeba-108",),
    )  # fmt: skip
    monkeypatch.setitem(registry.SOURCES, "celeba-full", full)
    here = registry.SOURCES["celeba"]
    cut = replace(here, mirrors=(*here.mirrors, data.mirrors.Cut("celeba-full")))
    monkeypatch.setitem(registry.SOURCES, "celeba", cut)
    return whole


def test_all_sizes_are_cut_from_the_full_archive(full_archive, server):
    names = {notebook.load_faces("celeba", size).name for size in (64, 16, 32)}
    assert names == {"celeba (cut from celeba-full)"}
    assert [path for path, _ in server.seen] == ["/faces.zip", "/whole.zip"]


def test_terms_are_shown_before_the_download_has_ended(server, capsys, monkeypatch):
    from facegan.data import https

    shown = []
    write = https._write

    def watched(chunks, *arguments, **options):
        def each():
            for chunk in chunks:
                yield chunk
                shown.append(capsys.readouterr().out)

        return write(each(), *arguments, **options)

    monkeypatch.setattr(https, "_write", watched)
    notebook.load_faces("celeba", 16)
    assert shown[0] == "twelve faces. none.\n"


def said_before_the_end(capsys, release):
    """What is printed while a server waits for `release` before it sends the last bytes."""
    said = ""
    loading = threading.Thread(target=notebook.load_faces, args=("celeba", 16))
    loading.start()
    try:
        end = time.monotonic() + 20
        while "\n" not in said and time.monotonic() < end:
            time.sleep(0.02)
            said += capsys.readouterr().out
        early, unfinished = said, loading.is_alive() and not release.is_set()
    finally:
        release.set()
        loading.join()
    assert unfinished
    assert capsys.readouterr().out == ""  # nothing twice
    return early


def test_terms_are_printed_while_a_slow_server_still_holds_the_last_bytes(server, capsys):
    release = threading.Event()
    server.faults = [{"cut": 40_000, "release": release}]
    assert said_before_the_end(capsys, release) == "twelve faces. none.\n"


def test_the_full_archive_is_announced_before_its_last_bytes(server, full_archive, capsys, monkeypatch):
    release = threading.Event()
    full = replace(registry.SOURCES["celeba-full"], size=1_443_490_838, title="all faces", terms="none")
    monkeypatch.setitem(registry.SOURCES, "celeba-full", full)
    monkeypatch.setattr(registry, "_refuse_small_disk", lambda *_: None)
    server.faults = [{}, {"cut": len(full_archive) - 1, "release": release}]
    assert said_before_the_end(capsys, release).splitlines() == [
        "twelve faces. none.",
        "The published subset could not be fetched; its faces are cut from the full archive, celeba-full (1.4 GB).",
        "all faces. none.",
    ]


@pytest.mark.slow
def test_terms_are_printed_while_gdown_is_at_work(server, body, tmp_path, capsys, monkeypatch):
    big = bytes(2_000_000) + body  # gdown writes half a megabyte at a time
    server.files = {}
    publish(monkeypatch, big, [Https(f"{server.url}/faces.zip"), Drive("x")], count=10)
    release = threading.Event()
    with google_drive(tmp_path) as (drive, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        drive.files = {"/uc": big}
        drive.faults = [{"cut": 1_500_000, "release": release}]
        assert said_before_the_end(capsys, release) == "twelve faces. none.\n"


def test_a_drive_that_sends_nothing_leaves_two_lines(capsys, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    dead = (Https("http://127.0.0.1:9/faces.zip"), Drive("nothing"))
    monkeypatch.setitem(registry.SOURCES, "celeba", replace(registry.SOURCES["celeba"], mirrors=dead))
    assert notebook.load_faces("celeba", 16).name == "synthetic"
    assert len(printed(capsys)) == 2
