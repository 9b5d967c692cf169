"""`facegan data list`, `get`, `check` and `preview`."""

import os
import re
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import jpeg
from helpers.published import pack, picture
from helpers.server import serving
from PIL import Image

SMALL = ["--image-size", 16, "--width", 8, "--batch-size", 8, "--precision", "fp32", "--device", "cpu"]


@pytest.fixture
def photos(place):
    """A folder of 5 readable images, made anew."""
    folder = place / "photos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for index in range(5):
        Image.new("RGB", (20, 16 + 4 * (index == 0)), (40 * index, 0, 0)).save(folder / f"{index}.png")
    return folder


def test_data_list_names_sets_sizes_and_terms(facegan):
    shown = facegan("data", "list").stdout
    assert re.search(r"celeba +32,600 faces +248 MB to download: facegan data get celeba\n", shown)
    assert re.search(r"celeba-full +202,599 faces", shown)
    assert re.search(r"synthetic +10,000 faces", shown)
    assert "non-commercial" in shown


def test_data_get_fetches_from_the_class_mirror_and_training_starts(facegan, place, monkeypatch):
    """Both commands as a student types them; the archive has the published layout, but other contents."""
    from facegan.data import registry as download
    from facegan.data.https import Https

    with serving() as server:
        monkeypatch.setenv("FACEGAN_MIRROR", server.url)
        with pytest.MonkeyPatch.context() as patch:
            gone = (Https("http://127.0.0.1:9/x.zip"),)
            published = replace(download.SOURCES["celeba"], count=12, mirrors=gone)
            patch.setitem(download.SOURCES, "celeba", published)
            with zipfile.ZipFile(place / "x.zip", "w") as archive:
                rng = np.random.default_rng(0)
                for index in range(12):
                    archive.writestr(f"processed_celeba_small/celeba/{index}.jpg", jpeg(rng, 64))
            server.files["/processed-celeba-small.zip"] = (place / "x.zip").read_bytes()
            (place / "x.zip").unlink()
            done = facegan("data", "get", "celeba", "--size", 16)
            assert done.returncode == 0, done.stderr
            assert "FaceDataset('celeba', 12 faces, 16 px), ready: facegan train --data celeba" in done.stdout
            assert "non-commercial" in done.stdout
            assert "its contents" in done.stderr
            train = facegan("train", *SMALL, "--steps", 1, "--data", "celeba", "--run-dir", "named")
            assert train.returncode == 0, train.stderr
    assert [path for path, _ in server.seen] == ["/processed-celeba-small.zip"]
    assert download.local_file("celeba").exists()
    shutil.rmtree(place / "data")


def test_data_get_names_the_archive_that_faces_were_cut_from(facegan, place, monkeypatch):
    from facegan.data import Cut, Https, Source, registry

    pictures = [(f"img/{i}.png", picture((i, 0, 0), size=(178, 218))) for i in range(6)]
    with serving() as server:
        server.files["/whole.zip"] = pack(place / "x.zip", pictures).read_bytes()
        (place / "x.zip").unlink()
        whole = Source(
            "celeba-full", "whole.zip", (Https(f"{server.url}/whole.zip"),), ("sha256:0",), count=6,
            pixels=(178, 218), crop="celeba-108", crops=("celeba-108",),
        )  # fmt: skip
        published = replace(
            registry.SOURCES["celeba"], count=4, mirrors=(Https(f"{server.url}/x.zip"), Cut("celeba-full"))
        )
        monkeypatch.setitem(registry.SOURCES, "celeba-full", whole)
        monkeypatch.setitem(registry.SOURCES, "celeba", published)
        done = facegan("data", "get", "celeba", "--size", 16)
    assert done.returncode == 0, done.stderr
    *_, path, ready = done.stdout.splitlines()
    assert path == os.path.join("data", "whole.zip")
    assert "'celeba (cut from celeba-full)', 4 faces, 16 px), ready: facegan train --data celeba" in ready
    shutil.rmtree(place / "data")


def test_data_get_that_fails_offers_the_drawn_faces(facegan, monkeypatch):
    from facegan.data import registry as download
    from facegan.data.https import Https

    gone = replace(download.SOURCES["celeba"], mirrors=(Https("http://127.0.0.1:9/x.zip"),))
    monkeypatch.setitem(download.SOURCES, "celeba", gone)
    for command in (["data", "get", "celeba"], ["train", "--data", "celeba", "--run-dir", "x"]):
        done = facegan(*command)
        assert done.returncode == 1
        assert "http://127.0.0.1:9/x.zip: cannot connect (Connection refused)" in done.stderr
        assert "--data synthetic trains on drawn faces" in done.stderr


def test_data_check_counts_sizes_and_caches(facegan, photos):
    facegan("data", "preview", "photos", "--size", 16)
    done = facegan("data", "check", "photos")
    assert done.returncode == 0, done.stderr
    assert "photos: 5 readable images\n  4 of 20 x 16\n  1 of 20 x 20" in done.stdout
    assert re.search(r"cache data.photos@\w+-16px-center-\w+\.npy: verified", done.stdout)


def test_data_check_exits_1_for_unreadable_images_and_damaged_caches(facegan, photos, place):
    facegan("data", "preview", "photos", "--size", 16)
    (cache,) = place.glob("data/photos@*-16px-*.npy")
    cache.write_bytes(cache.read_bytes()[:-1] + b"x")
    done = facegan("data", "check", "photos")
    assert done.returncode == 1
    assert "damaged; the next load rebuilds it" in done.stdout
    cache.unlink()
    (photos / "page.png").write_bytes(b"<html>")
    done = facegan("data", "check", "photos")
    assert done.returncode == 1
    assert "skipped 1:\n  page.png: a web page, not an image" in done.stdout


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="needs names of any bytes")
@pytest.mark.parametrize("packed", [False, True])
def test_names_that_are_not_utf_8_or_control_a_terminal_are_shown_escaped(facegan, tmp_path, packed):
    folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9\x1b[2J")
    os.mkdir(folder)
    for index in range(9):
        with open(os.path.join(folder, b"\xe9%d.png" % index), "wb") as file:
            file.write(picture((index, 0, 0)))
    with open(os.path.join(folder, b"\xe9\x1b[2J\xe2\x80\xae.png"), "wb"):
        pass
    source = os.fsdecode(folder)
    if packed:
        with zipfile.ZipFile(f"{source}.zip", "w") as archive:
            for name in os.listdir(source):
                data = Path(source, name).read_bytes()
                archive.writestr(os.fsencode(name).decode("latin-1"), data)
        source += ".zip"
    for command in (["check", source], ["preview", source, "--size", 16], ["check", source]):
        done = facegan("data", *command)
        assert re.search(r"(\\xe9|é)\\x1b\[2J.*: empty file", done.stdout)
        assert re.search(r"caf\\xe9\\x1b\[2J" if command[0] == "check" else "preview", done.stdout)
        assert not re.search("[\x1b\u202e]", done.stdout + done.stderr)
    done = facegan("train", *SMALL, "--steps", 1, "--data", source, "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert not re.search("[\x1b\u202e]", done.stdout + done.stderr)


@pytest.mark.parametrize("what", ["nowhere", "faces.npy"])
def test_data_check_of_what_is_no_archive(facegan, what):
    done = facegan("data", "check", what)
    assert done.returncode == 1
    assert f"{what} is not a folder or a .zip file" in done.stderr


@pytest.mark.parametrize("command", [["data", "check"], ["data", "preview"], ["train", *SMALL, "--data"]])
def test_an_empty_name_as_of_an_unset_variable_is_not_the_current_folder(
    facegan, photos, monkeypatch, command
):
    monkeypatch.chdir(photos)
    done = facegan(*command, "")
    assert done.returncode == 1
    assert "is an empty string" in done.stderr


def test_data_preview_makes_a_contact_sheet(facegan, photos, place):
    done = facegan("data", "preview", "photos", "--size", 16, "--out", "sheet.png", "--n", 4)
    assert done.returncode == 0, done.stderr
    assert "sheet.png: 4 of 5 faces of 16 px" in done.stdout
    assert Image.open(place / "sheet.png").size == (38, 38)


def test_a_crop_cuts_aligned_images(facegan, place):
    (place / "aligned").mkdir()
    picture = Image.new("RGB", (178, 218))
    picture.paste((255, 255, 255), (35, 55, 143, 163))  # the square of celeba-108
    for index in range(2):
        picture.save(place / "aligned" / f"{index}.png")
    for crop, least in (("celeba-108", 255), ("celeba-178", 0)):
        done = facegan("data", "preview", "aligned", "--size", 16, "--crop", crop, "--out", f"{crop}.png")
        assert done.returncode == 0, done.stderr
        assert min(Image.open(place / f"{crop}.png").getdata())[0] == least


def test_a_crop_that_does_not_apply_is_refused(facegan):
    done = facegan("data", "preview", "synthetic", "--crop", "celeba-108")
    assert done.returncode == 1
    assert "crop is 'celeba-108'" in done.stderr


def test_data_get_checks_its_options_before_it_downloads(facegan, monkeypatch):
    with serving() as server:
        monkeypatch.setenv("FACEGAN_MIRROR", server.url)
        assert facegan("data", "get", "celeba", "--crop", "celeba-178").returncode == 1
        assert facegan("data", "get", "celeba", "--size", 8).returncode == 1
    assert not server.seen


def test_get_refuses_what_cannot_be_fetched_before_it_reads_it(facegan, folder):
    done = facegan("data", "get", folder)
    assert done.returncode == 1
    assert "facegan train --data" in done.stderr
    assert "reading" not in done.stderr
