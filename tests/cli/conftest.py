"""A folder to work in, a finished run in it, and the command line as a function."""

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from helpers import TINY, random_faces

from facegan import GAN, FaceDataset, fit
from facegan.cli.main import main
from facegan.config import RECIPES


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A folder with faces.npy."""
    folder = tmp_path_factory.mktemp("cli")
    np.save(folder / "faces.npy", random_faces(40).images)
    return folder


@pytest.fixture(scope="session")
def finished(place):
    """`place` with a run of 6 steps of 'modern', as the command line would leave it."""
    config = replace(RECIPES["modern"], **SMALL_CONFIG, snapshot_every=3)
    faces = FaceDataset(np.load(place / "faces.npy"), "faces.npy")
    fit(GAN(config, device="cpu"), faces, steps=6, run_dir=place / "run")
    return place


SMALL_CONFIG = {name: value for name, value in TINY.items() if name != "latent_dim"}


@pytest.fixture
def facegan(place, monkeypatch, capsys):
    """Call the command line's `main` in `place`; what a new process would print and return."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main replaces it

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["facegan", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, *capsys.readouterr())

    return run
