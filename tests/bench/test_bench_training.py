import io
import json

import numpy as np
import pytest
import torch
from helpers import random_faces

from facegan import GAN, TrainConfig, train_step
from facegan.bench import training as bench_train
from facegan.bench.dcgan_example import Example, image_folder
from facegan.bench.training import EXAMPLE, flop_per_image, table
from facegan.cli.main import main
from facegan.errors import TrainingError
from facegan.images import save_images
from facegan.models.dcgan import load_tutorial_weights

SMALL = TrainConfig(width=8, batch_size=8, precision="fp32")


def test_the_examples_loop_gives_the_losses_that_ours_gives():
    """In float32, from the same weights, faces and latents, over three steps of both networks."""
    example, gan = Example(width=8, device=torch.device("cpu"), log=io.StringIO()), GAN(SMALL, device="cpu")
    load_tutorial_weights(gan.generator, example.netG.state_dict())
    load_tutorial_weights(gan.discriminator, example.netD.state_dict())
    for step, real in zip(range(3), random_faces(32, size=64).batches(8), strict=False):
        torch.manual_seed(step)
        gan.rng.manual_seed(step)
        theirs, ours = example.step(real), train_step(gan, real)
        expected = [theirs[name] for name in ("Loss_D", "Loss_G", "D(x)", "D(G(z))", "after")]
        names = ("loss_d", "loss_g", "d_real", "d_fake", "d_fake_after")
        assert [ours[name].item() for name in names] == pytest.approx(expected, rel=1e-3)


def test_the_example_prints_its_line_every_step():
    example = Example(width=8, device=torch.device("cpu"), log=io.StringIO())
    example.step(torch.zeros(2, 3, 64, 64))
    example.step(torch.zeros(2, 3, 64, 64))
    lines = example.log.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Loss_D: ")
    assert lines[0].count("D(G(z))") == 1


def test_the_examples_loader_gives_its_range(tmp_path):
    for index in range(4):
        save_images(
            torch.full((1, 3, 70, 64), 255 * (index % 2), dtype=torch.uint8),
            tmp_path / "all" / f"{index}.png",
        )
    images, _ = next(iter(image_folder(str(tmp_path), size=64, batch_size=4)))
    assert images.shape == (4, 3, 64, 64)
    assert (images.min(), images.max()) == (-1, 1)


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
            "a batch at hand": {
                EXAMPLE: [40.0, 50.0, 30.0],
                "facegan, fp32": [60.0, 50.0, 55.0],
                "facegan, bf16": [150.0, 100.0, 90.0],
            }
        },
        "recipes": {"tutorial": 65.0, "tiny": 520.0},
        "sweeps": {"width 32": (400.0, 0.25)},
        "memory": {"13,001 faces": {"device": 3_000_000_000}},
    }


def test_the_table_compares_bests_and_shows_the_share_of_the_limit(result):
    text = "\n".join(table(result))
    rows = {
        line[18:44].strip(): line[44:].split()
        for line in text.splitlines()
        if "fp32  " in line or "bf16  " in line
    }
    assert rows[EXAMPLE] == ["50.0", "40.0", "1.00", "50%"]
    assert rows["facegan, fp32"] == ["60.0", "55.0", "1.20", "60%"]
    assert rows["facegan, bf16"] == ["150.0", "100.0", "3.00", "50%"]
    assert "2.00 GFLOP an image and step; matrix products reach fp32 0.20 TFLOP/s, bf16 0.60 TFLOP/s" in text


def test_the_table_says_how_long_recipes_take(result):
    lines = {
        line.split()[0]: line.split()
        for line in table(result)
        if line.startswith(("tutorial", "tiny", "recipe"))
    }
    assert lines["tutorial"][1:] == ["65.0", "33", "min", "84", "min", "8.7", "h"]  # ten epochs
    assert lines["tiny"][1:] == ["520.0", "2", "min", "4", "min", "26", "min"]  # four


def test_the_table_shows_sweeps_and_memory(result):
    text = "\n".join(table(result))
    assert f"{'width 32':<24}{'400.0':>16}{'2.50':>14}{'25%':>16}" in text
    assert "peak memory with 13,001 faces: device 3,000 MB" in text


def test_a_worker_that_fails_says_why(tmp_path):
    with (
        bench_train._workers("cpu") as ask,
        pytest.raises(
            TrainingError, match=r"what was measured failed: DataError: .*nowhere\.npy.* is not there"
        ),
    ):
        ask("facegan", SMALL, tmp_path / "nowhere.npy")


@pytest.mark.slow
def test_training_is_measured_beside_the_example(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_train, "_recipes", lambda ask: {"tiny": ask("facegan", SMALL, None)})
    monkeypatch.setattr(bench_train, "matrix_rate", lambda device, dtype: 1e12)
    monkeypatch.setattr(bench_train, "_SECONDS", 0.01)
    monkeypatch.setattr("facegan.bench._EMBEDDED", 100)
    arguments = ["bench", "train", "--width=8", "--batch-size=8", "--rounds=1", "--device=cpu"]
    monkeypatch.setattr("sys.argv", ["facegan", *arguments, f"--json={tmp_path / 'out.json'}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {0, None}
    found = json.loads((tmp_path / "out.json").read_text())
    for ways in found["images_per_second"].values():
        assert {EXAMPLE, "facegan, fp32"} <= ways.keys()
        assert all(rate > 0 for rates in ways.values() for rate in rates)
    assert found["settings"]["faces"] == 100
    assert "x example" in capsys.readouterr().out


@pytest.mark.slow
def test_memory_is_that_of_a_fresh_process(tmp_path):
    np.save(tmp_path / "faces.npy", random_faces(50, size=64).images)
    peaks = bench_train._memory_with(tmp_path / "faces.npy", 300, "cpu")
    repeated = np.load(tmp_path / "repeated-300.npy")
    assert np.array_equal(repeated[250:], random_faces(50, size=64).images)
    assert 0 < peaks["process's own"] <= peaks["with all of the mapped file read"]


def test_sampling_is_measured(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["facegan", "bench", "sample", "--width=8", "--rounds=1", "--device=cpu"])
    with pytest.raises(SystemExit):
        main()
    out = capsys.readouterr().out
    assert out.count("facegan") == 4
    assert "256 at once" in out
