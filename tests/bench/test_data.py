"""From an archive to batches, measured both ways."""

import zipfile

import numpy as np
import pytest
from helpers import jpeg

from facegan import load_faces
from facegan.bench import bench_data
from facegan.bench.data import table, temporary_archive
from facegan.data.cache import caches_of
from facegan.errors import DataError


@pytest.fixture
def archive(tmp_path):
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "bench.zip", "w") as file:
        for index in range(130):
            file.writestr(f"{index}.jpg", jpeg(rng, 16))
    return tmp_path / "bench.zip"


@pytest.mark.slow
def test_both_ways_are_measured(archive):
    found = bench_data(archive, size=16, rounds=1)
    assert found["what"] == "130 faces at 16 px, batches of 128"
    assert found["seconds"]["a further epoch"].keys() == {"facegan", "ImageFolder"}
    assert found["memory"]["array"] == 130 * 3 * 16 * 16


def test_an_archive_that_is_no_zip_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing is not a"):
        bench_data(tmp_path / "nothing")


def test_the_table_compares_bests():
    seconds = {
        "a row": {"facegan": [2.0, 1.0, 3.0], "ImageFolder": [5.0, 4.0, 6.0]},
        "ours alone": {"facegan": [0.5]},
    }
    lines = table({"what": "8 faces", "seconds": seconds, "memory": {"array": 2e6, "growth": 3e6}})
    assert lines[0] == "8 faces"
    assert lines[2].split()[2:] == ["1.000", "(2.000)", "4.000", "(5.000)", "4.0", "x"]
    assert lines[3].split()[2:] == ["0.500", "(0.500)"]
    assert lines[4] == "memory: the array takes 2 MB; decoding it into its cache took 3 MB"


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with temporary_archive(None, 16) as place:
        load_faces(place, 16)
        assert caches_of(place)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
