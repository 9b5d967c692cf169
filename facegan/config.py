"""Settings of a training run, and recipes.

`TrainConfig` defines all hyperparameters. Each field's annotation states its meaning, unit, and effect; the command
line shows the same text. Recipes are complete configs: five published DCGAN-on-CelebA projects, the papers of DCGAN
and WGAN-GP, and two of facegan's own. To change a setting, use `RECIPES["tutorial"].replace(loss="hinge")`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from facegan.errors import ConfigError, expect

Output = Literal["tanh", "sigmoid"]
Activation = Literal["relu", "leaky_relu"]
Upsampling = Literal["transposed", "nearest"]
Norm = Literal["none", "batch", "instance", "spectral"]
Latent = Literal["normal", "uniform"]
Policy = Literal["none", "color", "translation", "color,translation", "color,translation,cutout"]
Optimizer = Literal["adam", "sgd"]
Checkpoints = Literal["last", "all"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run. The defaults are those of PyTorch's DCGAN tutorial.

    Raises:
        ConfigError: a value is outside the range that its annotation states.
    """

    # The networks
    image_size: Annotated[
        int, "side of the images in pixels; built-in networks need a power of two, 16 to 256"
    ] = 64
    width: Annotated[
        int, "feature maps in G's highest-resolution hidden layer; cost grows with the square"
    ] = 64
    width_d: Annotated[int, "base width of D; 0 means the same as G"] = 0
    latent_dim: Annotated[int, "length of the latent vector z"] = 100
    latent: Annotated[Latent, "distribution of z: normal is N(0, 1), uniform is on [-1, 1]"] = "normal"
    output: Annotated[Output, "last activation of G: tanh trains on [-1, 1], sigmoid on [0, 1]"] = "tanh"
    activation: Annotated[Activation, "hidden activation of G"] = "relu"
    leak: Annotated[float, "negative slope of leaky ReLU in D, and in G with activation leaky_relu"] = 0.2
    upsampling: Annotated[Upsampling, "how G doubles the side; nearest repeats pixels, then convolves"] = (
        "transposed"
    )
    modulation: Annotated[
        int,
        "hidden units of the networks with which z scales and shifts G's BatchNorm; 0 means plain BatchNorm",
    ] = 0
    norm: Annotated[Norm, "normalization in D"] = "batch"

    # The game
    loss: Annotated[
        str, "bce, minimax, least_squares, hinge, or wasserstein; in Python, also a registered loss"
    ] = "bce"
    gradient_penalty: Annotated[float, "weight of WGAN-GP's penalty, 10 in its paper; 0 disables it"] = 0.0
    r1: Annotated[float, "gamma of the R1 penalty on real images; 0 disables it"] = 0.0
    r1_every: Annotated[int, "apply R1 every N steps, scaled by N"] = 1
    n_critic: Annotated[int, "D steps per G step, each on a new batch; 5 in WGAN-GP's paper"] = 1
    label_smoothing: Annotated[float, "D's target for real faces is 1 minus this"] = 0.0
    label_flip: Annotated[float, "fraction of real/fake pairs with swapped labels for D"] = 0.0
    augment: Annotated[Policy, "differentiable augmentation of D's inputs"] = "none"
    instance_noise: Annotated[
        float, "standard deviation of Gaussian noise added to D's inputs, real and fake; 0 disables it"
    ] = 0.0
    augment_target: Annotated[
        float, "target r_t of adaptive augmentation, 0.6 in its paper; 0 augments all of D's inputs"
    ] = 0.0

    # The optimizers
    optimizer_d: Annotated[Optimizer, "optimizer of D; G always uses Adam"] = "adam"
    lr_d: Annotated[float, "learning rate of D"] = 2e-4
    lr_g: Annotated[float, "learning rate of G"] = 2e-4
    beta1: Annotated[float, "Adam's decay rate of the mean gradient; 0.5 damps oscillation"] = 0.5
    beta2: Annotated[float, "Adam's decay rate of the squared gradient"] = 0.999
    lr_decay: Annotated[
        float,
        "final fraction of the run in which both learning rates decay to 0 along a cosine; 0 disables decay",
    ] = 0.0
    momentum: Annotated[float, "momentum if D's optimizer is sgd"] = 0.9
    ema_decay: Annotated[float, "EMA decay of the generator used for sampling; 0 disables EMA"] = 0.0

    # The schedule
    batch_size: Annotated[int, "global batch size: real faces per step, over all processes"] = 128
    epochs: Annotated[int, "passes over the data"] = 5
    snapshot_every: Annotated[int, "steps between checkpoints and sample frames"] = 250
    flip: Annotated[bool, "mirror each real face with probability 1/2"] = False
    seed: Annotated[int, "seed of weights, shuffling, and noise"] = 0
    precision: Annotated[Precision, "dtype of matrix products; auto uses the fastest native one"] = "auto"
    keep_checkpoints: Annotated[Checkpoints, "checkpoints kept in a run folder: the last three, or all"] = (
        "last"
    )
    keep_generators: Annotated[bool, "keep a half-precision generator at every snapshot"] = True
    tensorboard: Annotated[bool, "write TensorBoard files to the run folder"] = False

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            _check_type(name, getattr(self, name), hint)
        for names, accept, expected in _RANGES:
            for name in names:
                _check_range(name, getattr(self, name), accept, expected)
        _check_adaptive(self)

    @property
    def discriminator_width(self) -> int:
        """Number of feature maps in D's highest-resolution hidden layer."""
        return self.width_d or self.width

    def replace(self, **changes: Any) -> TrainConfig:
        """Return a copy with some settings changed.

        Args:
            changes: new values by setting name, such as `loss="hinge"`.

        Raises:
            ConfigError: a name is not a setting, or a value is out of range.
        """
        _refuse_unknown(changes)
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values by name, for JSON and checkpoints."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """Create a config from the values of `to_dict`. Raises `ConfigError` for unknown names or invalid values."""
        _refuse_unknown(values)
        return cls(**values)


def field_help() -> dict[str, tuple[Any, str]]:
    """The type and the help text of each setting, by name."""
    hints = get_type_hints(TrainConfig, include_extras=True)
    return {f.name: (hints[f.name].__origin__, hints[f.name].__metadata__[0]) for f in fields(TrainConfig)}


def differing(a: TrainConfig, b: TrainConfig, names=None) -> dict[str, tuple[Any, Any]]:
    """The settings that differ between two configs: name -> (value in a, value in b)."""
    names = names or field_help()
    return {n: (getattr(a, n), getattr(b, n)) for n in names if getattr(a, n) != getattr(b, n)}


def _refuse_unknown(values: dict[str, Any]) -> None:
    unknown = sorted(set(values) - set(field_help()))
    if unknown:
        close = [match for name in unknown for match in get_close_matches(name, field_help(), 1)]
        hint = f"Did you mean {' and '.join(close)}?" if close else "`facegan recipes` lists all settings."
        raise ConfigError(
            f"unknown settings: {', '.join(unknown)}. {hint} If they come from a newer facegan, "
            "upgrade with `pip install -U facegan`."
        )


def _check_type(name: str, value: Any, hint: Any) -> None:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            choices = ", ".join(map(repr, get_args(hint)))
            raise ConfigError(f"{name} is {value!r}; choose one of {choices}.")
        return
    accepted = (int, float) if hint is float else hint
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{name} is {value!r}, expected {hint.__name__}: {field_help()[name][1]}.")


def _check_range(name: str, value: float, accept, expected: str) -> None:
    if not accept(value):
        raise ConfigError(f"{name} is {value!r}, expected {expected}: {field_help()[name][1]}.")


def _check_adaptive(config: TrainConfig) -> None:
    """Adaptive augmentation requires an augmentation, and a loss that pushes logits of real images above 0."""
    target = f"augment_target={config.augment_target}"
    if config.augment_target and config.augment == "none":
        raise ConfigError(
            f"{target} adapts how often images are augmented, but augment='none'. Set "
            "augment='color,translation', or augment_target=0."
        )
    if config.augment_target and config.loss in {"wasserstein", "least_squares"}:
        raise ConfigError(
            f"{target} reads the sign of D's logits, which does not separate real from fake with "
            f"loss={config.loss!r}. Use loss='bce' or loss='hinge', or augment_target=0."
        )


# Settings of the networks, and settings that define what G and D minimize. `training.compatibility` compares
# these when a run is resumed. Other settings, such as learning rates, may change during a run.
GENERATOR_SETTINGS = (
    "image_size",
    "width",
    "latent_dim",
    "latent",
    "output",
    "activation",
    "leak",
    "upsampling",
    "modulation",
)
DISCRIMINATOR_SETTINGS = ("image_size", "discriminator_width", "norm", "leak")
GAME_SETTINGS = (
    "loss", "gradient_penalty", "r1", "r1_every", "n_critic", "label_smoothing", "label_flip", "augment",
    "augment_target", "instance_noise",
)  # fmt: skip

_RANGES = (
    (("image_size",), lambda v: 16 <= v <= 512, "16 to 512"),
    (
        ("width", "latent_dim", "epochs", "snapshot_every", "r1_every", "n_critic"),
        lambda v: v >= 1,
        "1 or more",
    ),
    (("batch_size",), lambda v: v >= 2, "2 or more"),
    (("lr_d", "lr_g"), lambda v: 0 < v < float("inf"), "a positive number"),
    (("width_d", "modulation"), lambda v: v >= 0, "0 or more"),
    (("gradient_penalty", "r1", "instance_noise"), lambda v: 0 <= v < float("inf"), "0 or more"),
    (
        ("leak", "beta1", "beta2", "momentum", "ema_decay", "label_smoothing", "augment_target"),
        lambda v: 0 <= v < 1,
        "at least 0 and below 1",
    ),
    (("lr_decay",), lambda v: 0 <= v <= 1, "0 to 1"),
    (("label_flip",), lambda v: 0 <= v <= 0.5, "0 to 0.5"),
    (("seed",), lambda v: 0 <= v < 2**63, "0 or more"),
)

# docs/recipes.md compares each recipe with its original, field by field.
RECIPES: dict[str, TrainConfig] = {
    # Radford, Metz, Chintala 2015 (arXiv 1511.06434), section 4: widths 1024-512-256-128, batch 128,
    # Adam 2e-4 with beta1 0.5, N(0, 0.02) weights, tanh, uniform latents, no augmentation.
    "paper": TrainConfig(width=128, latent="uniform", epochs=10),
    # DCGAN on CelebA, 10 epochs; a GIF of the same faces during training, samples by epoch and iteration.
    "ten_epochs": TrainConfig(epochs=10, snapshot_every=100),
    # The 32,600-face subset, batch 32, 20 epochs; GIFs, plots and training samples.
    "small_batch": TrainConfig(batch_size=32, epochs=20, snapshot_every=500),
    # PyTorch's tutorial networks, batch 128, 10 epochs, tanh G, leaky ReLU D.
    "tutorial": TrainConfig(epochs=10),
    # Sigmoid output on [0, 1] data, 15 epochs; samples and weights saved periodically.
    "sigmoid": TrainConfig(output="sigmoid", epochs=15),
    # Five layers each, leaky ReLU also in G, D by SGD with momentum, G by Adam, both at 1.5e-4. Batches of
    # 16, because D learns slowly and needs many steps; with batches of 128, it stays weaker than G (RESULTS.md).
    "sgd_discriminator": TrainConfig(
        activation="leaky_relu",
        leak=0.15,
        optimizer_d="sgd",
        lr_d=1.5e-4,
        lr_g=1.5e-4,
        batch_size=16,
        epochs=4,
        tensorboard=True,
    ),
    # Gulrajani et al. 2017 (arXiv 1704.00028), algorithm 1: five critic steps, penalty 10, Adam 1e-4 (0, 0.9),
    # no BatchNorm in D; with DCGAN's networks.
    "wgan_gp": TrainConfig(
        loss="wasserstein",
        gradient_penalty=10.0,
        n_critic=5,
        norm="none",
        latent_dim=128,
        lr_d=1e-4,
        lr_g=1e-4,
        beta1=0.0,
        beta2=0.9,
        batch_size=64,
        epochs=50,
    ),
    # The best face quality per minute of training that we measured (docs/experiments.md): a G without checkerboard
    # artifacts, many small steps, Adam (0, 0.99) with large rates that decay at the end, a lazy R1 penalty on a D
    # without normalization, a long average, and flips.
    "modern": TrainConfig(
        width=32,
        width_d=48,
        upsampling="nearest",
        norm="none",
        r1=0.5,
        r1_every=16,
        lr_d=5e-4,
        lr_g=5e-4,
        beta1=0.0,
        beta2=0.99,
        lr_decay=0.25,
        ema_decay=0.998,
        batch_size=16,
        epochs=20,
        snapshot_every=500,
        flip=True,
    ),
}
# Recognizable faces on two CPU cores within three minutes: `modern` with narrower networks, batches of 8, a shorter
# average, and a G that is modulated by z.
RECIPES["tiny"] = RECIPES["modern"].replace(
    width_d=24,
    modulation=32,
    r1=1.0,
    lr_d=1e-3,
    lr_g=1e-3,
    lr_decay=0.5,
    ema_decay=0.995,
    batch_size=8,
    epochs=2,
    snapshot_every=200,
)
_BUILT_IN = frozenset(RECIPES)


def register_recipe(name: str, config: TrainConfig) -> None:
    """Make settings available as `GAN(name)`.

    Args:
        name: name of the recipe; must not be that of a built-in recipe. Registering a name again replaces the recipe.
        config: the settings.

    Raises:
        ConfigError: the name is not a string or is that of a built-in recipe, or `config` is not a `TrainConfig`.
    """
    expect(name, str, "the recipe's name", "a string: register_recipe(name, config)")
    if name in _BUILT_IN:
        raise ConfigError(f"recipe {name!r} is built in; use another name.")
    if not isinstance(config, TrainConfig):
        raise ConfigError(f"recipe {name!r} is a {type(config).__name__}, expected a TrainConfig.")
    RECIPES[name] = config
