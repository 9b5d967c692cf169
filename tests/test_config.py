from dataclasses import replace

import pytest

from facegan.config import RECIPES, TrainConfig, differing, field_help, register_recipe
from facegan.errors import ConfigError


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_size", 8),
        ("image_size", 513),
        ("width", 0),
        ("width", 8.5),
        ("batch_size", 1),
        ("lr_g", 0),
        ("lr_d", float("nan")),
        ("beta1", 1.0),
        ("loss", 3),
        ("norm", "layer"),
        ("flip", 1),
        ("epochs", True),
        ("label_flip", 0.7),
        ("seed", -1),
    ],
)
def test_bad_values_are_refused_by_name_and_value(field, value):
    with pytest.raises(ConfigError, match=f"{field} is {value!r}"):
        TrainConfig(**{field: value})


def test_dict_round_trip_and_unknown_names():
    config = TrainConfig(width=32, loss="hinge")
    assert TrainConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match=r"unknown settings: colour.*upgrade"):
        TrainConfig.from_dict({"colour": 1})


def test_every_field_is_explained():
    assert all(len(text) > 10 for _, text in field_help().values())


def test_differing_lists_old_and_new():
    assert differing(TrainConfig(), TrainConfig(width=32)) == {"width": (64, 32)}


PUBLISHED = {
    "paper": {"width": 128, "latent_dim": 100, "batch_size": 128, "lr_d": 2e-4, "lr_g": 2e-4, "beta1": 0.5,
              "output": "tanh", "norm": "batch", "latent": "uniform"},
    "wgan_gp": {"loss": "wasserstein", "n_critic": 5, "gradient_penalty": 10.0, "lr_d": 1e-4, "lr_g": 1e-4,
                "beta1": 0.0, "beta2": 0.9, "norm": "none", "batch_size": 64, "latent_dim": 128},
    "ten_epochs": {"epochs": 10},
    "small_batch": {"batch_size": 32, "lr_d": 2e-4, "lr_g": 2e-4, "beta1": 0.5, "epochs": 20},
    "tutorial": {"batch_size": 128, "lr_d": 2e-4, "lr_g": 2e-4, "epochs": 10, "output": "tanh"},
    "sigmoid": {"latent_dim": 100, "output": "sigmoid", "loss": "bce", "beta1": 0.5, "beta2": 0.999,
                "epochs": 15},
    "sgd_discriminator": {"activation": "leaky_relu", "leak": 0.15, "optimizer_d": "sgd", "lr_d": 1.5e-4,
                          "lr_g": 1.5e-4, "batch_size": 16, "epochs": 4, "momentum": 0.9, "tensorboard": True},
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_recipes_keep_their_published_settings(name):
    values = RECIPES[name].to_dict()
    assert {k: values[k] for k in PUBLISHED[name]} == PUBLISHED[name]
    assert values["ema_decay"] == 0


def test_the_defaults_are_those_of_pytorchs_tutorial():
    ours = TrainConfig().to_dict()
    theirs = {"batch_size": 128, "image_size": 64, "latent_dim": 100, "width": 64, "discriminator_width": 64,
              "epochs": 5, "lr_d": 2e-4, "lr_g": 2e-4, "beta1": 0.5, "beta2": 0.999, "leak": 0.2, "flip": False,
              "latent": "normal", "loss": "bce", "n_critic": 1, "output": "tanh", "label_smoothing": 0.0,
              "augment": "none", "r1": 0.0, "gradient_penalty": 0.0, "ema_decay": 0.0, "norm": "batch"}  # fmt: skip
    assert ours | {"discriminator_width": TrainConfig().discriminator_width} == ours | theirs


def test_published_games_are_one_line_away_from_modern():
    for change in ({"loss": "hinge", "norm": "spectral"},
                   {"loss": "wasserstein", "gradient_penalty": 10.0, "r1": 0.0}):  # fmt: skip
        assert replace(RECIPES["modern"], **change).loss == change["loss"]


def test_replace_changes_one_setting_and_names_a_typo():
    assert RECIPES["tiny"].replace(loss="hinge").loss == "hinge"
    with pytest.raises(ConfigError, match=r"unknown settings: learning_rte|Did you mean lr_g"):
        RECIPES["tiny"].replace(lr_gg=1e-3)


def test_an_own_recipe_is_registered_by_name():
    register_recipe("mine", TrainConfig(width=8))
    assert RECIPES.pop("mine").width == 8
    with pytest.raises(ConfigError, match="recipe 'tiny' is built in"):
        register_recipe("tiny", TrainConfig())
    with pytest.raises(ConfigError, match="a dict, expected a TrainConfig"):
        register_recipe("mine", {"width": 8})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {},
            r"augment_target=0\.6 adapts .*augment='none'. Set augment='color,translation', or augment_target=0",
        ),
        (
            {"augment": "color", "loss": "wasserstein"},
            "does not separate real from fake with loss='wasserstein'",
        ),
        (
            {"augment": "color", "loss": "least_squares"},
            "loss='least_squares'. Use loss='bce' or loss='hinge'",
        ),
    ],
)
def test_augmentation_that_cannot_adapt_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(augment_target=0.6, **changes)
