"""What `facegan bench train` and `bench sample` measure, and how they tell it."""

import pytest
import torch

from facegan import TrainConfig
from facegan.bench import bench_sample, bench_train, training, worker
from facegan.bench.training import EXAMPLE, flop_per_image, table
from facegan.errors import DataError

SMALL = TrainConfig(width=8, batch_size=8, precision="fp32")


def test_hours_begin_at_ninety_minutes():
    assert [training._duration(minutes * 60) for minutes in (89, 90)] == ["89 min", "1.5 h"]


def test_operations_are_those_of_the_layers():
    """Two a multiply-add: G; D on real and on fake faces; D again for G, without gradients of its weights."""
    config = TrainConfig(image_size=16, width=8, latent_dim=8)
    first_g, second_g, third_g = 8 * 16 * 16, 16 * 16 * 16 * 8, 8 * 64 * 16 * 3
    first_d, second_d, third_d = third_g, second_g, 16 * 16
    g = first_g * 2 + (second_g + third_g) * 3  # no gradient of z
    d = 2 * (first_d * 2 + (second_d + third_d) * 3)  # no gradient of images
    game = 2 * (first_d + second_d + third_d)
    assert flop_per_image(config) == 2 * (g + d + game)


@pytest.fixture
def result():
    """What bench_train returns, with made-up numbers."""
    return {
        "machine": {"device": "cpu (x)", "machine": "Linux, 2 CPU threads"},
        "settings": {"faces": 13_000},
        "flop_per_image": 2e9,
        "matrix_rate": {"fp32": [1e11, 2e11], "bf16": [6e11, 5e11]},
        "images_per_second": {
            "batch in memory": {
                EXAMPLE: [40.0, 50.0, 30.0],
                "facegan, fp32": [60.0, 50.0, 55.0],
                "facegan, bf16": [150.0, 100.0, 90.0],
            }
        },
        "recipes": {"tutorial": 65.0, "tiny": 520.0},
    }


def cells(lines, start):
    """What follows `start` in the line that holds it."""
    (line,) = (line for line in lines if start in line)
    return line.split(start)[1].split()


def test_the_table_compares_bests_and_shows_the_share_of_the_limit(result):
    lines = table(result)
    assert cells(lines, EXAMPLE) == ["50.0", "40.0", "1.00", "50%"]
    assert cells(lines, "facegan, fp32") == ["60.0", "55.0", "1.20", "60%"]
    assert cells(lines, "facegan, bf16") == ["150.0", "100.0", "3.00", "50%"]


def test_the_table_begins_with_the_machine_and_its_limit(result):
    first, second, *_ = table(result)
    assert first.startswith("cpu (x), Linux, 2 CPU threads, torch ")
    assert second.startswith("2.00 GFLOP per image and step")
    assert second.endswith("matrix products reach fp32 0.20 TFLOP/s, bf16 0.60 TFLOP/s")


def test_the_table_says_how_long_recipes_take(result):
    lines = table(result)
    assert cells(lines, "tutorial") == ["65.0", "33", "min", "84", "min", "8.7", "h"]  # ten epochs
    assert cells(lines, "tiny") == ["520.0", "1", "min", "2", "min", "13", "min"]  # two


@pytest.mark.slow
def test_training_is_measured_beside_the_example(monkeypatch):
    monkeypatch.setattr(training, "_recipes", lambda ask: {"tiny": ask("facegan", SMALL, None)})
    monkeypatch.setattr(training, "matrix_rate", lambda device, dtype: 1e12)
    monkeypatch.setattr(worker, "SECONDS", 0.01)
    monkeypatch.setattr("facegan.bench.data._SYNTHETIC", 100)
    found = bench_train(width=8, batch_size=8, rounds=1, device="cpu")
    assert found["images_per_second"].keys() == {"batch in memory", "from files"}
    for ways in found["images_per_second"].values():
        assert {EXAMPLE, "facegan, fp32"} <= ways.keys()
        assert all(rate > 0 for rates in ways.values() for rate in rates)
    assert found["settings"]["faces"] == 100
    assert "x example" in "\n".join(table(found))


def test_an_archive_that_is_no_zip_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing is not a"):
        bench_train(tmp_path / "nothing", device="cpu")


def test_recipes_that_do_the_same_work_are_measured_once():
    asked = []
    rates = training._recipes(lambda kind, config, source: asked.append(config) or len(asked))
    assert rates.keys() == training.RECIPES.keys()
    assert len(asked) == 2 * len(set(asked))


def test_sampling_is_measured_by_how_many_at_once(monkeypatch):
    monkeypatch.setattr(training, "AT_ONCE", (1, 2))
    monkeypatch.setattr(training, "Rate", lambda work, device: lambda seconds: work().shape[1] * 1.0)
    found = bench_sample(width=8, rounds=1, device="cpu")
    assert found["images_per_second"] == {
        "1 at once": {"PyTorch's example": [3.0], "facegan": [3.0]},
        "2 at once": {"PyTorch's example": [6.0], "facegan": [6.0]},
    }
    assert "2 at once" in table(found)[-2]


def test_matrix_products_leave_settings_as_they_were(monkeypatch):
    before = torch.backends.cuda.matmul.allow_tf32
    monkeypatch.setattr(training, "Rate", lambda work, device: lambda seconds: 1.0)
    assert training.matrix_rate(torch.device("cpu"), torch.float32) == 2 * 2048**3
    assert torch.backends.cuda.matmul.allow_tf32 == before
