import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import assert_same_state, make_gan, random_faces

from facegan import (
    GAN,
    RECIPES,
    FaceDataset,
    fit,
    synthetic_faces,
)
from facegan.evaluation import frechet_distance
from facegan.images import to_float
from facegan.runtime.device import PRECISIONS


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "minimax"},
        {"loss": "least_squares", "label_smoothing": 0.1},
        {"loss": "hinge", "norm": "spectral"},
        {"loss": "wasserstein", "norm": "instance", "gradient_penalty": 10.0},
        {"r1": 10.0, "norm": "none"},
        {"r1": 10.0, "r1_every": 2, "norm": "instance"},
        {"label_flip": 0.3, "augment": "color,translation,cutout"},
        {"optimizer_d": "sgd", "activation": "leaky_relu", "output": "sigmoid"},
        {"precision": "bf16", "ema_decay": 0.99},
        {"precision": "bf16", "ema_decay": 0.99, "upsampling": "nearest"},
        {"precision": "fp16", "loss": "wasserstein", "norm": "none", "gradient_penalty": 10.0},
    ],
)
def test_every_game_trains_and_repeats_itself(changes, faces):
    runs = [make_gan(**changes) for _ in range(2)]
    for run in runs:
        fit(run, faces, steps=3)
    assert_same_state(*runs)
    assert all(math.isfinite(value) for value in runs[0].history["loss_d"])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": "hinge"},
        {"loss": "hinge", "norm": "spectral", "r1": 0.0},
        {"loss": "wasserstein", "gradient_penalty": 10.0, "r1": 0.0},
    ],
)
@pytest.mark.parametrize("size", [16, 128])
def test_modern_and_its_one_line_changes_train_at_any_size(changes, size):
    small = {"width": 2, "width_d": 4, "batch_size": 4, "precision": "fp32"}
    gan = GAN(replace(RECIPES["modern"], image_size=size, **small, **changes), device="cpu")
    before = [p.clone() for p in gan.generator.parameters()]
    history = fit(gan, random_faces(8, size=size), steps=2)
    assert all(math.isfinite(value) for value in (*history["loss_d"], *history["loss_g"]))
    assert not any(torch.equal(a, b) for a, b in zip(before, gan.generator.parameters(), strict=True))


def distance(fake, real):
    """Frechet distance between images averaged over patches of 4 x 4 pixels."""
    return frechet_distance(*(F.avg_pool2d(x, 4).flatten(1).double() for x in (fake, real)))


@pytest.fixture(scope="module")
def learned():
    """By precision: how far a run's faces are from the drawn ones before and after it."""
    images, _ = synthetic_faces(1000, size=16, seed=1)
    real = to_float(torch.from_numpy(images))

    def train(precision):
        gan = make_gan(width=16, batch_size=16, lr_d=5e-4, lr_g=5e-4, ema_decay=0.98, precision=precision)
        before = distance(gan.sample(1000, seed=0), real)
        fit(gan, FaceDataset(images, "synthetic"), steps=100)
        return distance(gan.sample(1000, seed=0), real) / before

    return {precision: train(precision) for precision in PRECISIONS}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_each_precision_learns_as_fp32_does(learned, precision):
    """After 100 steps the distance is well down, and within a tenth of what fp32 came to."""
    assert learned["fp32"] < 0.8
    assert learned[precision] == pytest.approx(learned["fp32"], rel=0.1)


def test_the_penalty_pulls_the_gradient_norm_towards_one(faces):
    def gradient_norm(weight):
        gan = make_gan(loss="wasserstein", norm="none", gradient_penalty=weight, lr_d=2e-3, lr_g=1e-6)
        fit(gan, faces, steps=60)
        images = next(iter(faces.batches(32))).requires_grad_(True)
        (gradient,) = torch.autograd.grad(gan.discriminator(images).sum(), images)
        return gradient.flatten(1).norm(dim=1).mean().item()

    assert abs(gradient_norm(10.0) - 1) < 0.5 < abs(gradient_norm(0.0) - 1)


def test_sgd_really_drives_the_discriminator(faces):
    gan = make_gan(optimizer_d="sgd", lr_d=1.5e-4, momentum=0.9)
    assert isinstance(gan.optimizer_d, torch.optim.SGD)
    fit(gan, faces, steps=2)
    assert all("momentum_buffer" in moments for moments in gan.optimizer_d.state.values())
    assert isinstance(gan.optimizer_g, torch.optim.Adam)


def test_without_decay_samples_come_from_the_raw_generator(gan, faces):
    fit(gan, faces, steps=2)
    torch.testing.assert_close(gan.sample(4, seed=0), gan.generator.sample(4, seed=0))


def test_a_discriminator_learns_to_tell_faces_from_noise(faces):
    flat = FaceDataset(np.full((64, 3, 16, 16), 200, np.uint8), "flat")
    gan = make_gan(lr_g=1e-6)
    fit(gan, flat, steps=80)
    assert gan.history["d_real"][-1] > 0.8 > 0.2 > gan.history["d_fake"][-1]


def test_a_generator_learns_the_color_of_its_data():
    red = np.zeros((64, 3, 16, 16), np.uint8)
    red[:, 0] = np.random.default_rng(0).integers(180, 220, (64, 1, 1))
    gan = make_gan(ema_decay=0.9, lr_g=2e-3, lr_d=1e-3)
    fit(gan, FaceDataset(red, "red"), steps=150)
    r, g, b = gan.sample(32, seed=0).mean((0, 2, 3))
    assert r > 0.2
    assert max(g, b) < -0.4
