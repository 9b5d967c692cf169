"""A training does not end because nobody can read what it prints."""

import io
import os
import subprocess
import sys

import pytest
from helpers import make_gan

from facegan import fit
from facegan.runtime.output import forgiving


def no_reader():
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def closed():
    stream = io.TextIOWrapper(io.BytesIO())
    stream.close()
    return stream


STREAMS = {"no reader": no_reader, "closed": closed, "none": lambda: None}
if os.path.exists("/dev/full"):
    STREAMS["full"] = lambda: open("/dev/full", "w", buffering=1)  # noqa: SIM115


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_training_survives_streams_that_take_nothing(make, faces, tmp_path, monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, make())
    gan = make_gan()
    fit(gan, faces, steps=2, run_dir=tmp_path, callbacks=[lambda gan, grid: print("snapshot", flush=True)])
    fit(gan, faces, steps=1, run_dir=tmp_path)  # which prints that it is done
    assert gan.step == 2
    print("afterwards", flush=True)


def test_what_an_encoding_lacks_is_escaped(monkeypatch):
    stream = io.TextIOWrapper(out := io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with forgiving():
        print("füß")
    assert out.getvalue().split() == [rb"f\xfc\xdf"]
    assert sys.stdout is stream


def test_a_stream_that_is_none_of_pythons_own_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream := io.StringIO())
    with forgiving():
        assert sys.stdout is stream


def test_a_stream_that_replaces_a_forgiving_one_stays(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    with forgiving():
        sys.stdout = other = io.StringIO()
    assert sys.stdout is other


def test_writing_returns_the_number_of_characters(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    with forgiving():
        assert sys.stdout.write("three") == 5


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_the_command_line_trains_without_standard_files(tmp_path, faces):
    import numpy as np

    np.save(tmp_path / "faces.npy", faces.images)
    options = "--data faces.npy --image-size 16 --width 8 --batch-size 8 --steps 2 --run-dir run --device cpu"
    command = f"exec {sys.executable} -m facegan train {options} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path).returncode == 0
    assert (tmp_path / "run" / "generator.safetensors").exists()
