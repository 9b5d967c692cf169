"""The commands in README and docs/training.md, in their order, on small sizes; `bench` has tests of its own."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.published import pack, picture
from helpers.server import serving
from PIL import Image

from facegan import synthetic_faces
from facegan.data import Https, registry

ROOT = Path(__file__).parents[2]
SMALL = {
    "train": "--image-size 16 --width 8 --batch-size 8 --steps 200 --snapshot-every 100 --precision fp32 --device cpu",
    "train --start-from": "--batch-size 8 --steps 2 --snapshot-every 1 --device cpu",
    "sample --step": "--step 100",
}


def documented(page):
    """The arguments of each `facegan` command in a page's sh blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if re.match(r"facegan (?!bench)", line)]


def small(arguments):
    """The command with options that make it fast: the last value of an option counts."""
    given = " ".join(arguments)
    fitting = [key for key in SMALL if all(word in given.split() for word in key.split())]
    return [*arguments, *(SMALL[max(fitting, key=len)].split() if fitting else ())]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with photographs of drawn faces, and a server with a small archive in place of CelebA."""
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    for seed, name in enumerate(("my_photos", "others")):
        (tmp_path / name).mkdir()
        for index, face in enumerate(synthetic_faces(60, size=128, seed=seed)[0]):
            canvas = Image.new("RGB", (256, 256), (90, 110, 100))
            canvas.paste(Image.fromarray(face.transpose(1, 2, 0)), (64, 64))
            canvas.save(tmp_path / name / f"{index}.png")
    with serving() as server:
        faces = [(f"celeba/{i}.jpg", picture((i, 90, 255 - i), size=(64, 64))) for i in range(240)]
        server.files["/celeba.zip"] = pack(tmp_path / "celeba.zip", faces).read_bytes()
        mirrors = (Https(f"{server.url}/celeba.zip"),)
        monkeypatch.setitem(
            registry.SOURCES, "celeba", replace(registry.SOURCES["celeba"], count=240, mirrors=mirrors)
        )
        yield tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/training.md"])
def test_every_documented_command_works(document, folder, facegan, monkeypatch):
    monkeypatch.chdir(folder)
    commands = documented(document)
    assert commands
    for arguments in commands:
        done = facegan(*small(arguments))
        assert done.returncode <= (arguments[0] == "doctor"), f"{shlex.join(arguments)}: {done.stderr[-800:]}"
