import math
import re
from dataclasses import replace

import pytest
import torch
from helpers import TINY, assert_same_state, make_gan, same, weights
from torch import nn

from facegan import (
    GAN,
    LOSSES,
    RECIPES,
    Generator,
    TrainConfig,
    fit,
    load_generator,
    register_loss,
    train_step,
)
from facegan.errors import CheckpointError, ConfigError
from facegan.models import sample
from facegan.runs import checkpoint
from facegan.runtime.device import PRECISIONS

pytestmark = pytest.mark.usefixtures("no_curves")


def test_the_scale_of_fp16_is_part_of_the_state(real):
    gan = make_gan(precision="fp16")
    train_step(gan, real)
    gan.engine.scaler.update(1024.0)
    assert GAN.from_state(gan.state_dict(), device="cpu").engine.scaler.get_scale() == 1024.0


def test_a_state_without_a_scale_is_taken_in_any_precision(real):
    state = make_gan().state_dict()
    del state["scaler"]  # as checkpoints before float16 were
    for precision in PRECISIONS:
        gan = make_gan(precision=precision)
        gan.load_state_dict(state)
        train_step(gan, real)


def test_sampling_does_not_disturb_the_run(faces):
    quiet, noisy = make_gan(), make_gan()
    for _ in range(3):
        fit(quiet, faces, steps=quiet.step + 1)
        fit(noisy, faces, steps=noisy.step + 1)
        noisy.sample(5)
    assert_same_state(quiet, noisy)


def test_samples_are_truncated(gan):
    cut = sample(gan.ema, 4, seed=0, truncation=0.5)
    assert torch.equal(gan.sample(4, seed=0, truncation=0.5), cut)
    assert not torch.equal(gan.sample(4, seed=0), cut)


def test_building_a_gan_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    make_gan()
    assert torch.equal(torch.get_rng_state(), before)


def test_export_and_from_state(gan, faces, tmp_path):
    fit(gan, faces, steps=2)
    path = gan.export(tmp_path / "g.safetensors")
    assert torch.equal(load_generator(path).sample(3, seed=1), gan.sample(3, seed=1))
    saved = checkpoint.load(checkpoint.save(gan.state_dict(), tmp_path / "a.pt"))
    assert_same_state(GAN.from_state(saved, device="cpu"), gan)


def test_the_width_of_d_may_be_said_or_left_out(gan):
    gan.load_state_dict(make_gan(width_d=gan.config.width).state_dict())
    with pytest.raises(CheckpointError, match="width_d is 12 in the checkpoint, 8 in this GAN"):
        gan.load_state_dict(make_gan(width_d=12).state_dict())


def test_a_step_refuses_images_of_another_size(gan):
    with pytest.raises(ConfigError, match=r"\(2, 3, 32, 32\), expected floats \(B, 3, 16, 16\)"):
        train_step(gan, torch.zeros(2, 3, 32, 32))


def test_optimizer_moments_of_the_wrong_shape_are_refused(gan, faces):
    fit(gan, faces, steps=1)
    state = gan.state_dict()
    state["optimizer_g"]["state"][0]["exp_avg"] = torch.zeros(3)
    with pytest.raises(CheckpointError, match=r"optimizer_g does not fit: exp_avg of weight 0 is \(3,\)"):
        make_gan().load_state_dict(state)


@pytest.mark.parametrize("missing", ["config", "rng", "history", "ema", "optimizer_d"])
def test_incomplete_states_are_refused_and_change_nothing(gan, faces, missing):
    state = {k: v for k, v in gan.state_dict().items() if k != missing}
    other = make_gan()
    fit(other, faces, steps=1)
    with pytest.raises(CheckpointError, match=missing):
        other.load_state_dict(state)
    assert other.step == 1


def test_a_config_can_be_replaced_one_field_at_a_time(faces):
    gan = GAN(replace(make_gan().config, loss="hinge"), device="cpu")
    fit(gan, faces, steps=1)
    assert gan.step == 1


# ---- networks, losses and recipes of one's own ------------------------------------------------------


class OwnGenerator(nn.Module):
    def __init__(self, size=16, latent_dim=8):
        super().__init__()
        self.size, self.linear = size, nn.Linear(latent_dim, 3 * size * size)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, z):
        return self.norm(self.linear(z).view(-1, 3, self.size, self.size)).tanh()


def own_discriminator(size=16, logits=1):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, 8), nn.LeakyReLU(0.2), nn.Linear(8, logits))


@pytest.fixture
def own():
    """A GAN of two networks that are not facegan's."""
    config = TrainConfig(**TINY, ema_decay=0.9)
    return GAN(config, generator=OwnGenerator(), discriminator=own_discriminator(), device="cpu")


def test_own_networks_are_trained_in_place(own, faces):
    generator, before = own.generator, weights(own.generator)
    fit(own, faces, steps=3)
    assert own.generator is generator
    assert not same(before, weights(generator))
    assert not same(weights(own.ema), weights(generator))
    assert own.sample(2, seed=0).shape == (2, 3, 16, 16)


def test_one_own_network_meets_one_of_facegans(faces):
    fit(GAN(TrainConfig(**TINY), generator=OwnGenerator(), device="cpu"), faces, steps=1)
    fit(GAN(TrainConfig(**TINY), discriminator=own_discriminator(), device="cpu"), faces, steps=1)


@pytest.mark.parametrize(
    "changes", [{"r1": 1.0}, {"loss": "wasserstein", "gradient_penalty": 10.0}, {"label_flip": 0.3}]
)
def test_own_networks_play_every_game(changes, faces):
    config = TrainConfig(**TINY | {"norm": "none"} | changes)
    gan = GAN(config, generator=OwnGenerator(), discriminator=own_discriminator(), device="cpu")
    assert math.isfinite(fit(gan, faces, steps=2)["loss_d"][-1])


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"generator": OwnGenerator(32)}, r"\(2, 8\) to \(2, 3, 32, 32\), expected \(2, 3, 16, 16\)"),
        ({"generator": OwnGenerator(latent_dim=9)}, r"generator fails on a batch \(2, 8\): mat1 and mat2"),
        ({"discriminator": own_discriminator(32)}, r"discriminator fails on a batch \(2, 3, 16, 16\)"),
        ({"discriminator": own_discriminator(logits=4)}, r"images \(2, 3, 16, 16\) to \(2, 4\), expected one"),
        ({"generator": "mine"}, "generator is a str, expected a torch.nn.Module"),
    ],
)  # fmt: skip
def test_networks_that_do_not_fit_are_refused_with_both_shapes(networks, message):
    with pytest.raises(ConfigError, match=message):
        GAN(TrainConfig(**TINY), **networks, device="cpu")


def test_checking_own_networks_leaves_no_trace():
    generator, state = OwnGenerator().train(), torch.get_rng_state()
    GAN(TrainConfig(**TINY), generator=generator, device="cpu")
    assert torch.equal(torch.get_rng_state(), state)
    assert generator.norm.num_batches_tracked == 0
    assert generator.training


def test_frozen_weights_and_submodules_in_eval_mode_stay_so(own, faces):
    own.discriminator[1].requires_grad_(False)
    own.generator.norm.eval()
    before = weights(own.discriminator[1])
    fit(own, faces, steps=2)
    assert same(before, weights(own.discriminator[1]))
    assert not any(p.requires_grad for p in own.discriminator[1].parameters())
    assert not own.generator.norm.training


def test_an_own_networks_run_resumes_exactly(faces, tmp_path):
    def gan():
        torch.manual_seed(1)
        config = TrainConfig(**TINY, ema_decay=0.9)
        return GAN(config, generator=OwnGenerator(), discriminator=own_discriminator(), device="cpu")

    straight, resumed = gan(), gan()
    fit(straight, faces, steps=5)
    fit(gan(), faces, steps=2, run_dir=tmp_path / "run")
    fit(resumed, faces, steps=5, run_dir=tmp_path / "run")
    assert_same_state(straight, resumed)


def test_an_own_networks_run_loads_into_that_network_only(own, faces, tmp_path):
    fit(own, faces, steps=2, run_dir=tmp_path / "run")
    loaded = load_generator(tmp_path / "run", generator=OwnGenerator())
    assert torch.equal(sample(loaded, 2, seed=0), own.sample(2, seed=0))
    with pytest.raises(CheckpointError, match=r"not facegan's \(OwnGenerator\).*generator=network"):
        load_generator(tmp_path / "run")
    with pytest.raises(CheckpointError, match="size mismatch"):
        load_generator(tmp_path / "run", generator=OwnGenerator(32))


def test_a_run_of_own_networks_is_not_resumed_with_others(own, faces, tmp_path):
    fit(own, faces, steps=2, run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match="generator is 'OwnGenerator' in the checkpoint, 'facegan'"):
        fit(make_gan(ema_decay=0.9), faces, steps=4, run_dir=tmp_path / "run")


def test_an_own_loss_is_trained_with(faces):
    seen = []

    def discriminator(real, fake):
        seen.append(real.shape)
        return (fake - real).mean()

    gan = GAN(TrainConfig(**TINY), loss=(discriminator, lambda fake: -fake.mean()), device="cpu")
    fit(gan, faces, steps=2)
    assert seen == [(2,), (8,), (8,)], "it is tried once before"


def test_a_registered_loss_has_a_name(faces):
    register_loss("mine", lambda real, fake: (fake - real).mean(), lambda fake: -fake.mean())
    gan = make_gan(loss="mine")
    fit(gan, faces, steps=1)
    assert GAN.from_state(gan.state_dict(), device="cpu").loss is LOSSES.pop("mine")


@pytest.mark.parametrize(
    ("loss", "message"),
    [("bcee", "no loss is named 'bcee'"), (abs, "expected fg.Loss"), ((abs, 3), "expected fg.Loss")],
)
def test_what_is_no_loss_is_refused(loss, message):
    with pytest.raises(ConfigError, match=message):
        GAN(TrainConfig(**TINY), loss=loss, device="cpu")


def test_smoothing_needs_a_loss_that_takes_it():
    with pytest.raises(ConfigError, match="keyword `smoothing`"):
        GAN(TrainConfig(**TINY, label_smoothing=0.1), loss=(lambda r, f: r.mean(), lambda f: f.mean()))


def test_a_recipe_stands_for_its_settings():
    assert GAN("tiny", device="cpu").config == RECIPES["tiny"]
    with pytest.raises(ConfigError, match=r"no recipe is named 'tiney'; choose one of .*tiny"):
        GAN("tiney")
    with pytest.raises(ConfigError, match="config is a dict"):
        GAN({"width": 8})


def test_its_repr_names_what_it_is(gan):
    assert re.fullmatch(r"GAN\(16 px, G Generator with 4,\d+ .*, loss bce, step 0, cpu, float32\)", repr(gan))


def test_moving_it_keeps_moments_and_rates(gan, faces):
    straight = make_gan()
    for run in (gan, straight):
        fit(run, faces, steps=2)
        run.optimizer_g.param_groups[0]["lr"] = 1e-3
    assert gan.to("cpu") is gan
    for run in (gan, straight):
        fit(run, faces, steps=4)
    assert_same_state(gan, straight)


def test_its_own_loop_fills_the_history(gan, real):
    for _ in range(3):
        metrics = train_step(gan, real)
    assert gan.history["step"] == [1, 2, 3]
    assert gan.history["loss_d"][-1] == metrics["loss_d"].item()
    assert min(gan.history["images_per_second"]) > 0


def test_label_smoothing_needs_labels():
    with pytest.raises(ConfigError, match="no labels"):
        make_gan(loss="hinge", label_smoothing=0.1)


def test_a_penalty_per_image_excludes_batch_norm_in_facegans_own_discriminator():
    changes = {"loss": "wasserstein", "gradient_penalty": 10.0}
    with pytest.raises(ConfigError, match=r"BatchNorm mixes.*norm='instance'"):
        make_gan(**changes)
    GAN(TrainConfig(**TINY | changes), discriminator=own_discriminator(), device="cpu")


def test_a_layer_named_output_is_no_setting(faces, tmp_path):
    class Named(OwnGenerator):
        def __init__(self):
            super().__init__()
            self.output = nn.Tanh()

    gan = GAN(TrainConfig(**TINY), generator=Named(), device="cpu")
    fit(gan, faces, steps=1, run_dir=tmp_path / "run")
    assert torch.equal(
        sample(load_generator(tmp_path / "run", generator=Named()), 2, seed=0), gan.sample(2, seed=0)
    )


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (Generator(16, 8, 8, output="sigmoid"), r"output_range is \(0, 1\), the config's \(-1, 1\)"),
        (Generator(16, 8, 9), "latent_dim is 9, the config's 8"),
        (Generator(32, 8, 8), "image_size is 32, the config's 16"),
    ],
)
def test_attributes_that_contradict_the_config_are_refused(generator, message):
    with pytest.raises(ConfigError, match=message):
        GAN(TrainConfig(**TINY), generator=generator, device="cpu")


def test_facegans_network_of_another_width_is_one_of_the_users(faces, tmp_path):
    gan = GAN(TrainConfig(**TINY), generator=Generator(16, 4, 8), device="cpu")
    fit(gan, faces, steps=1, run_dir=tmp_path / "run")
    loaded = load_generator(tmp_path / "run", generator=Generator(16, 4, 8))
    assert torch.equal(loaded.sample(2, seed=0), gan.sample(2, seed=0))


@pytest.mark.filterwarnings("ignore")
def test_a_network_with_torchs_older_spectral_norm_resumes(faces, tmp_path):
    def gan():
        discriminator = own_discriminator()
        discriminator[1] = nn.utils.spectral_norm(discriminator[1])
        return GAN(TrainConfig(**TINY), discriminator=discriminator, device="cpu")

    fit(gan(), faces, steps=2, run_dir=tmp_path / "run")
    again = gan()
    fit(again, faces, steps=4, run_dir=tmp_path / "run")
    assert again.step == 4


def test_a_wrapped_network_is_saved_as_what_it_wraps(faces, tmp_path):
    gan = GAN(TrainConfig(**TINY), generator=nn.DataParallel(OwnGenerator()), device="cpu")
    fit(gan, faces, steps=1, run_dir=tmp_path / "run")
    loaded = load_generator(tmp_path / "run", generator=OwnGenerator())
    assert torch.equal(sample(loaded, 2, seed=0), gan.sample(2, seed=0))


class Caching(OwnGenerator):
    """Keeps a tensor of its last forward pass."""

    def forward(self, z):
        self.images = super().forward(z)
        return self.images


def test_a_network_that_has_run_can_be_loaded_into(faces, tmp_path):
    generator = Caching()
    gan = GAN(TrainConfig(**TINY), generator=generator, device="cpu")
    fit(gan, faces, steps=1, run_dir=tmp_path / "run")
    loaded = load_generator(tmp_path / "run", generator=generator)
    assert torch.equal(sample(loaded, 2, seed=0), gan.sample(2, seed=0))


class Counting(OwnGenerator):
    """With a state that is no tensor."""

    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        pass


def test_a_state_that_is_no_tensor_is_resumed(faces, tmp_path):
    def gan():
        return GAN(TrainConfig(**TINY), generator=Counting(), device="cpu")

    fit(gan(), faces, steps=1, run_dir=tmp_path / "run")
    assert load_generator(tmp_path / "run/generator.safetensors", generator=Counting()).latent_dim == 8
    assert fit(gan(), faces, steps=2, run_dir=tmp_path / "run")["step"] == [1, 2]


class Float32Only(nn.Module):
    """Fails under autocast."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * 16 * 16, 1)

    def forward(self, images):
        logits = images.new_zeros(len(images), 1)
        logits[:, torch.arange(1)] = self.linear(images.flatten(1))
        return logits


class Auxiliary(nn.Module):
    """Returns two things in train mode."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * 16 * 16, 1)

    def forward(self, images):
        logits = self.linear(images.flatten(1))
        return (logits, logits) if self.training else logits


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Float32Only(), "discriminator fails .*precision='fp32'"),
        (Auxiliary(), "returns a tuple in train mode"),
        (torch.jit.trace(own_discriminator(), torch.zeros(2, 3, 16, 16)), "TorchScript"),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused_before(network, message):
    with pytest.raises(ConfigError, match=message):
        GAN(TrainConfig(**TINY | {"precision": "bf16"}), discriminator=network, device="cpu")


def test_probabilities_in_place_of_logits_are_warned_of():
    network = nn.Sequential(*own_discriminator(), nn.Sigmoid())
    with pytest.warns(UserWarning, match="ends in Sigmoid"):
        GAN(TrainConfig(**TINY), discriminator=network, device="cpu")


def test_a_loss_of_ones_own_may_take_probabilities(recwarn):
    network = nn.Sequential(*own_discriminator(), nn.Sigmoid())
    loss = (lambda real, fake: -(real.log() + (1 - fake).log()).mean(), lambda fake: -fake.log().mean())
    GAN(TrainConfig(**TINY), discriminator=network, loss=loss, device="cpu")
    assert not recwarn


class Volume(OwnGenerator):
    """With a kernel of five dimensions."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv3d(1, 1, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, z):
        return self.mix(super().forward(z)[:, None])[:, 0]


def test_kernels_of_any_rank_are_trained(faces):
    fit(GAN(TrainConfig(**TINY), generator=Volume(), device="cpu"), faces, steps=1)


def test_an_infinite_buffer_is_no_divergence(faces):
    discriminator = own_discriminator()
    discriminator.register_buffer("mask", torch.tensor(-math.inf))
    fit(GAN(TrainConfig(**TINY), discriminator=discriminator, device="cpu"), faces, steps=1)


def test_a_network_without_weights_is_refused():
    generator = nn.Sequential(nn.Unflatten(1, (8, 1, 1)), nn.Upsample(scale_factor=16))
    generator = nn.Sequential(generator, nn.ChannelShuffle(1), nn.AdaptiveAvgPool3d((3, 16, 16)))
    with pytest.raises(ConfigError, match="generator has no parameters that require"):
        GAN(TrainConfig(**TINY), generator=generator, device="cpu")


def test_a_loss_of_more_than_one_number_is_refused(faces):
    for loss, message in {
        (lambda real, fake: fake - real, lambda fake: -fake): r"discriminator's loss returns a tensor \(2,\)",
        (lambda real, fake: fake.mean(), lambda fake: fake.mean().item()): "generator's loss returns a float",
        (lambda real, fake: fake.mean(), lambda fake: fake.mean().detach()): "with gradients",
        (lambda fake: fake.mean(), lambda real, fake: fake.mean()): "discriminator's loss fails on 2 batches",
    }.items():
        with pytest.raises(ConfigError, match=message):
            GAN(TrainConfig(**TINY), loss=loss, device="cpu")


def test_an_own_loss_must_be_passed_again(faces):
    gan = GAN(TrainConfig(**TINY), loss=(lambda r, f: (f - r).mean(), lambda f: -f.mean()), device="cpu")
    fit(gan, faces, steps=1)
    with pytest.raises(CheckpointError, match=r"trained with the loss .*register_loss"):
        GAN.from_state(gan.state_dict(), device="cpu")
    assert GAN.from_state(gan.state_dict(), loss=gan.loss, device="cpu").step == 1


def test_a_state_whose_random_numbers_are_spoiled_changes_nothing(gan, real):
    train_step(gan, real)
    state = gan.state_dict() | {"rng": torch.zeros(3, dtype=torch.uint8)}
    other = make_gan(seed=gan.config.seed)
    before = weights(other.generator)
    with pytest.raises(CheckpointError, match="not a checkpoint of a facegan run"):
        other.load_state_dict(state)
    assert same(before, weights(other.generator))


def test_moving_keeps_the_scale_of_float16(real):
    gan = make_gan(precision="fp16")
    train_step(gan, real)
    gan.engine.scaler.update(128.0)
    assert gan.to("cpu").engine.scaler.get_scale() == 128.0


def test_a_network_in_eval_mode_as_a_whole_is_put_into_train_mode():
    gan = GAN(TrainConfig(**TINY), generator=OwnGenerator().eval(), device="cpu")
    assert gan.generator.training
    assert gan.generator.norm.training
    assert not gan.ema.training


@pytest.mark.parametrize(
    ("real", "message"),
    [
        (
            torch.zeros(8, 3, 16, 16, dtype=torch.uint8),
            r"torch.uint8 \(8, 3, 16, 16\), expected floats.*to_float",
        ),
        (torch.zeros(8, 16, 16, 3), r"\(8, 16, 16, 3\)"),
        ([torch.zeros(3, 16, 16)], "real images are list"),
    ],
)
def test_a_step_takes_float_images_only(gan, real, message):
    with pytest.raises(ConfigError, match=message):
        train_step(gan, real)
    assert gan.step == 0


def test_a_step_takes_any_float_type(gan, real):
    train_step(gan, real.double())
    assert gan.step == 1


def test_an_exported_file_is_named_by_its_format(gan, tmp_path):
    with pytest.raises(ConfigError, match=r"'g\.onnx' does not end in \.safetensors.*export_generator"):
        gan.export(tmp_path / "g.onnx")


class Viewing(nn.Module):
    """A discriminator as in many courses: `.view` after a convolution."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 4, 2, 1), nn.Linear(4 * 8 * 8, 1)

    def forward(self, images):
        features = torch.relu(self.conv(images))
        return self.last(features.view(len(images), -1)).squeeze(1)


def test_a_discriminator_that_views_its_features_as_rows_trains(config, faces):
    gan = GAN(config, discriminator=Viewing(), device="cpu")
    fit(gan, faces, steps=2)
    assert gan.to("cpu").step == 2
    fit(gan, faces, steps=3)


def test_samples_can_be_viewed_as_rows(gan):
    assert gan.sample(2).view(2, -1).shape[0] == 2


@pytest.mark.parametrize("change", ["half", "bfloat16", "double"])
def test_a_generator_in_another_precision_samples(gan, change):
    drawn = sample(getattr(gan.ema, change)(), 2, seed=0)
    assert drawn.dtype == torch.float32


def test_an_export_with_a_tilde_goes_into_the_home_folder(gan, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    gan.export("~/g.safetensors")
    assert (tmp_path / "g.safetensors").exists()
