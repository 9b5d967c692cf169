"""`facegan bench`: options handed on, tables printed, everything written as JSON."""

import json

import pytest

RATES = {
    "machine": {"device": "cpu", "machine": "here"},
    "images_per_second": {"1 at once": {"facegan": [2.0]}},
}
TIMES = {"what": "8 faces", "seconds": {"a row": {"facegan": [1.0]}}, "memory": None}


@pytest.mark.parametrize(
    ("command", "target", "result", "options", "shown"),
    [
        ("data", "data.bench_data", TIMES, {"size": 16, "rounds": 1}, "8 faces"),
        ("train", "training.bench_train", RATES, {"width": 8, "batch_size": 4, "rounds": 1}, "x example"),
        ("sample", "training.bench_sample", RATES, {"width": 8, "rounds": 1}, "1 at once"),
    ],
)
def test_a_benchmark_is_printed_and_written(
    facegan, place, monkeypatch, command, target, result, options, shown
):
    seen = {}
    monkeypatch.setattr(f"facegan.bench.{target}", lambda *_, **given: seen.update(given) or result)
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    done = facegan("bench", command, *words, "--json", "bench.json")
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout
    assert json.loads((place / "bench.json").read_text()) == result
    assert options.items() <= seen.items()


def test_sweeps_are_no_option(facegan):
    assert facegan("bench", "train", "--sweep").returncode == 2
