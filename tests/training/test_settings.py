"""Every setting of `TrainConfig` reaches what it is about."""

import pytest
import torch
from helpers import flatten, make_gan, random_faces

from facegan import TrainConfig, fit
from facegan.images import make_grid

BASES = {
    "momentum": {"optimizer_d": "sgd"},
    "leak": {"activation": "leaky_relu"},
    "r1_every": {"r1": 1.0},
    "gradient_penalty": {"norm": "none"},
    "augment_target": {"augment": "color"},
}
CHANGES = {
    "width": 4, "width_d": 4, "latent_dim": 9, "latent": "uniform", "output": "sigmoid",
    "activation": "leaky_relu", "leak": 0.1, "upsampling": "nearest", "modulation": 4, "norm": "none",
    "loss": "hinge", "gradient_penalty": 10.0, "r1": 1.0, "r1_every": 2, "n_critic": 2, "label_smoothing": 0.1,
    "label_flip": 0.5, "augment": "color", "instance_noise": 0.1, "augment_target": 0.6, "optimizer_d": "sgd",
    "lr_d": 1e-3, "lr_g": 1e-3, "beta1": 0.9, "beta2": 0.9, "lr_decay": 0.9, "momentum": 0.5, "ema_decay": 0.5,
    "batch_size": 4, "flip": False, "seed": 1, "precision": "bf16",
}  # fmt: skip
NOT_OF_THE_WEIGHTS = {  # each has tests of its own
    "image_size", "epochs", "snapshot_every", "keep_checkpoints", "keep_generators", "tensorboard",
}  # fmt: skip


def trained(**changes):
    gan = make_gan(**changes)
    fit(gan, random_faces(40), steps=4)
    state = flatten({"d": gan.discriminator.state_dict(), "g": gan.generator.state_dict()})
    return state | flatten({"ema": gan.ema.state_dict()})


def test_every_setting_is_listed_here():
    assert CHANGES.keys() | NOT_OF_THE_WEIGHTS == TrainConfig().to_dict().keys()


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_changes_the_trained_weights(name):
    base = BASES.get(name, {})
    before, after = trained(**base), trained(**base | {name: CHANGES[name]})
    assert before.keys() != after.keys() or not all(
        a.shape == b.shape and torch.equal(a, b) for a, b in zip(before.values(), after.values(), strict=True)
    )


def test_the_preview_shows_the_latents_of_the_runs_seed():
    gan = make_gan(seed=3)
    assert torch.equal(gan.preview_grid(), make_grid(gan.sample(64, seed=3)))


@pytest.mark.parametrize("optimizer", ["optimizer_d", "optimizer_g"])
def test_both_networks_get_the_decay_rates_of_adam(optimizer):
    gan = make_gan(beta1=0.3, beta2=0.7)
    assert getattr(gan, optimizer).param_groups[0]["betas"] == (0.3, 0.7)
