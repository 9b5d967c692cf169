"""Recordings of trainings in two dimensions."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers import TINY

import facegan as fg
from facegan import plane
from facegan.errors import ConfigError
from facegan.losses import wasserstein_discriminator, wasserstein_generator
from facegan.plane.data import load
from facegan.plane.record import Frames, _check_size, _means

SMALL = plane.CONFIG.replace(width=8, batch_size=16)


def recorded(config=SMALL, data="ring", **arguments):
    return plane.record(config, data, **{"steps": 6, "every": 2, "fakes": 20} | arguments)


def test_a_recording_has_a_frame_at_the_start_every_few_steps_and_at_the_end():
    recording = recorded(steps=5)
    assert recording.steps.tolist() == [0, 2, 4, 5]
    assert recording.fakes.shape == (4, 20, 2)
    assert recording.output.shape == (4, 40, 40)
    assert recording.arrows.shape == (4, 20, 2)
    assert recording.manifold.shape == (4, 13, 13, 2)
    assert {column.shape for column in recording.curves.values()} == {(4,)}
    assert len(recording) == 4
    assert np.isfinite(recording.fakes).all()


def test_it_records_the_same_training_that_fit_takes():
    gan = plane.gan(SMALL.replace(seed=3))
    fg.fit(gan, load("ring")[0], steps=6)
    recording = recorded(seed=3)
    latents = fg.latent.draw_latents(20, 2, seed=3)
    assert np.allclose(recording.fakes[-1], fg.models.generate(gan.ema, latents))
    assert np.isclose(recording.curves["loss_d"][-1], np.mean(gan.history["loss_d"][-2:]))


def test_seeds_give_other_trainings_and_repeat_their_own():
    first, again, other = (recorded(seed=seed).fakes for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


class Line(torch.nn.Linear):
    """A discriminator of the plane."""

    sample_shape = (2,)

    def __init__(self, weight):
        super().__init__(2, 1)
        self.weight.data, self.bias.data = torch.tensor([weight]), torch.zeros(1)


def test_the_output_is_that_of_d_with_x_to_the_right_and_y_upward():
    config = SMALL.replace(lr_d=1e-9, loss="wasserstein")
    right, up = (
        recorded(config, steps=1, discriminator=Line(weight)).output[0] for weight in ([1.0, 0.0], [0.0, 1.0])
    )
    assert np.allclose(right[5], np.linspace(-1.95, 1.95, 40), atol=1e-5)
    assert np.allclose(up[:, 5], np.linspace(-1.95, 1.95, 40), atol=1e-5)


@pytest.mark.parametrize(("loss", "probabilities"), [("bce", True), ("wasserstein", False), ("hinge", False)])
def test_the_output_is_a_probability_where_the_loss_has_some(loss, probabilities):
    recording = recorded(SMALL.replace(loss=loss), discriminator=Line([9.0, 0.0]))
    assert recording.probabilities is probabilities
    assert bool(recording.output.max() > 1) is not probabilities


def test_arrows_point_where_d_rises_as_far_as_the_loss_lets_them():
    """-dL/dx of -log D is (1 - D) grad logit: short where D is fooled already."""
    recording = recorded(discriminator=Line([2.0, 0.0]), steps=1, config=SMALL.replace(lr_d=1e-9))
    x = recording.fakes[0, :, 0].astype(np.float64)
    assert np.allclose(recording.arrows[0, :, 0], 2 / (1 + np.exp(2 * x)), atol=1e-4)
    assert np.allclose(recording.arrows[0, :, 1], 0, atol=1e-6)


def test_the_manifold_is_the_image_of_the_grid_of_latents():
    class Stretch(torch.nn.Linear):
        sample_shape, latent_dim = (2,), 2

        def __init__(self):
            super().__init__(2, 2, bias=False)
            self.weight.data = torch.tensor([[0.5, 0.0], [0.0, 0.25]])

    recording = recorded(generator=Stretch(), config=SMALL.replace(lr_g=1e-9), steps=1)
    assert np.allclose(recording.manifold[0, 0, 0], [-1, -0.5], atol=1e-5)
    assert np.allclose(recording.manifold[0, 0, -1], [1, -0.5], atol=1e-5)
    assert np.allclose(recording.manifold[0, -1, 0], [-1, 0.5], atol=1e-5)


def test_latents_of_another_length_have_no_manifold():
    assert recorded(SMALL.replace(latent_dim=3)).manifold.shape == (4, 0, 0, 2)


def test_the_title_names_the_data_and_what_was_changed():
    assert recorded(SMALL.replace(lr_g=0.01), "moons", seed=2).title == (
        "moons, width 8, lr_g 0.01, batch_size 16, seed 2"
    )


def test_the_title_leaves_out_what_means_nothing_to_points():
    assert recorded(SMALL.replace(norm="spectral", image_size=32)).title == "ring, width 8, batch_size 16"


def test_a_run_that_diverges_is_recorded_with_gaps():
    with pytest.warns(UserWarning, match="diverged"):
        recording = recorded(SMALL.replace(lr_d=1e30, lr_g=1e30), steps=20)
    assert len(recording) == 11
    assert np.isfinite(recording.fakes[0]).all()
    assert np.isnan(recording.fakes[-1]).all()
    assert np.isnan(recording.curves["modes"][-1])
    assert not np.isinf(recording.output).any()


def test_an_infinite_loss_is_a_gap_in_its_own_frame():
    losses = {"loss_d": [1.0, np.inf, 3.0, 5.0]}
    np.testing.assert_equal(_means(losses, "loss_d", [0, 2, 4]), [np.nan, np.nan, 4.0])


def test_infinite_outputs_are_gaps():
    class Steep(Line):
        def forward(self, points):
            return torch.where(points[:, :1] > 1.9, torch.inf, super().forward(points))

    output = recorded(
        discriminator=Steep([1.0, 0.0]), config=SMALL.replace(loss="wasserstein"), steps=1
    ).output
    assert np.isnan(output[0, :, -1]).all()
    assert np.isfinite(output[0, :, :-1]).all()


def test_fakes_come_from_the_averaged_generator():
    frames = Frames(torch.zeros(2, 2), load("ring")[1], every=1, fakes=5)
    gan = plane.gan(SMALL.replace(ema_decay=0.9))
    fg.fit(gan, load("ring")[0], steps=3, callbacks=[frames])
    latents = fg.latent.draw_latents(5, 2, seed=0)
    found = frames.recording(gan, data="ring", steps=3).fakes[-1]
    assert np.allclose(found, fg.models.generate(gan.ema, latents))
    assert not np.allclose(found, fg.models.generate(gan.generator, latents))


def test_a_short_training_shows_no_bar(capsys):
    recorded()
    assert capsys.readouterr().err == ""


def test_records_that_would_be_too_large_say_what_to_lower():
    with pytest.raises(ConfigError, match=r"at most 600 kB. Use every=439"):
        plane.record(steps=100_000, every=10, fakes=500)
    with pytest.raises(ConfigError, match="Use fewer fakes"):
        plane.record(steps=1, fakes=1_000_000)


def test_the_advice_on_a_size_helps():
    _check_size(100_000, 439, 500)


@pytest.mark.parametrize("data", ["grid", "ring"])
@pytest.mark.slow
def test_what_may_be_recorded_can_be_played(data):
    config = plane.CONFIG.replace(
        batch_size=4, lr_d=0.05, lr_g=0.05
    )  # points that move far are the largest pages
    plane.play(plane.record(config, data, steps=220, every=1))


def test_a_recording_ends_where_training_was_stopped():
    class Stop:
        def on_step_end(self, gan, metrics):
            if gan.step == 5:
                gan.request_stop()

    with pytest.warns(UserWarning, match="stopped at step 5 of 20; the recording ends there"):
        recording = recorded(steps=20, callbacks=[Stop()])
    assert recording.steps.tolist() == [0, 2, 4]
    assert np.isfinite(recording.fakes).all()


def test_losses_of_ones_own_have_no_probabilities():
    assert not recorded(loss=(wasserstein_discriminator, wasserstein_generator)).probabilities


def test_gans_that_are_built_in_threads_have_the_weights_of_their_seeds():
    alone = [plane.gan(SMALL.replace(seed=seed)).sample(3, seed=0) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        together = list(
            pool.map(lambda seed: plane.gan(SMALL.replace(seed=seed)).sample(3, seed=0), range(6))
        )
    assert all(map(torch.equal, alone, together))


def test_a_data_set_in_the_place_of_the_config_is_named():
    with pytest.raises(ConfigError, match="To choose a data set, use data='moons'"):
        plane.record("moons")


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"every": 1.5}, {"fakes": True}])
def test_numbers_must_be_whole_and_positive(wrong):
    with pytest.raises(ConfigError, match="expected a whole number of 1 or more"):
        recorded(**wrong)


@pytest.mark.parametrize("config", ["ring", {"lr_d": 1}])
def test_a_config_of_another_type_is_refused(config):
    with pytest.raises(ConfigError, match="expected a TrainConfig"):
        recorded(config)


def test_settings_of_faces_record_points():
    assert recorded(fg.TrainConfig(**TINY)).fakes.shape == (4, 20, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_ring_is_learned_collapses_with_a_slow_d_and_comes_back_with_more_steps_of_d(seed):
    """What notebook 5 shows: means over the last ten of a hundred frames."""
    modes = {}
    for name, changes in (
        ("fair", {}),
        ("slow D", {"lr_d": 2e-4}),
        ("more steps", {"lr_d": 2e-4, "n_critic": 5}),
    ):
        recording = plane.record(plane.CONFIG.replace(**changes), "ring", every=20, seed=seed)
        modes[name] = recording.curves["modes"][-10:].mean()
    assert modes["fair"] >= 7
    assert modes["slow D"] <= 1.5
    assert modes["more steps"] >= 6
