"""The trainer of the faces on networks of points."""

import pytest
import torch
from helpers import assert_same_state

import facegan as fg
from facegan import plane
from facegan.errors import CheckpointError, ConfigError
from facegan.models import PointDiscriminator, PointGenerator

CONFIG = plane.CONFIG.replace(width=8, batch_size=4)
POINTS = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))


def trained(**changes):
    gan = plane.gan(CONFIG.replace(**changes))
    fg.fit(gan, POINTS, steps=3)
    return gan


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "wasserstein", "gradient_penalty": 10.0, "n_critic": 2},
        {"r1": 1.0, "r1_every": 2},
        {"optimizer_d": "sgd", "label_flip": 0.5, "label_smoothing": 0.1},
        {"instance_noise": 0.5},
    ],
    ids=str,
)
def test_every_part_of_the_game_works_on_points(changes):
    before = plane.gan(CONFIG.replace(**changes)).sample(5, seed=0)
    gan = trained(**changes)
    assert gan.step == 3
    after = gan.sample(5, seed=0)
    assert after.shape == (5, 2)
    assert not torch.equal(before, after)


def test_a_run_of_points_resumes_exactly(tmp_path):
    whole, first, second = (plane.gan(CONFIG) for _ in range(3))
    fg.fit(whole, POINTS, steps=6)
    fg.fit(first, POINTS, steps=3, run_dir=tmp_path)
    fg.fit(second, POINTS, steps=6, run_dir=tmp_path)
    assert_same_state(whole, second)


def test_a_run_of_points_keeps_pictures_and_generators(tmp_path):
    gan = plane.gan(CONFIG)
    fg.fit(gan, POINTS, steps=2, snapshot_every=1, run_dir=tmp_path)
    run = fg.Run.open(tmp_path)
    picture = run.frame(2)
    assert picture.shape[2] == 256
    assert 0 < (picture[:, :256] == 0).float().mean() < 0.2
    loaded = fg.load_generator(tmp_path, generator=PointGenerator(2, 8))
    assert torch.allclose(fg.models.sample(loaded, 4, seed=0), gan.sample(4, seed=0))


def test_a_run_on_other_points_is_not_resumed(tmp_path):
    fg.fit(plane.gan(CONFIG), POINTS, steps=2, run_dir=tmp_path)
    with pytest.raises(CheckpointError, match="data"):
        fg.fit(plane.gan(CONFIG), POINTS + 1, steps=4, run_dir=tmp_path)


@pytest.mark.parametrize("changes", [{"flip": True}, {"augment": "color"}, {"output": "sigmoid"}])
def test_settings_of_images_are_refused(changes):
    with pytest.raises(ConfigError, match=r"changes images, but these networks' samples are \(2,\)"):
        plane.gan(CONFIG.replace(**changes))


def test_networks_of_different_samples_are_refused():
    with pytest.raises(ConfigError, match=r"makes samples \(2,\), but the discriminator takes \(3,\)"):
        fg.GAN(CONFIG, generator=PointGenerator(), discriminator=PointDiscriminator(dimensions=3))


@pytest.mark.parametrize("shape", [2, (3, 16, 16), (), (0,)])
def test_a_sample_shape_that_is_none_is_refused(shape):
    generator = PointGenerator()
    generator.sample_shape = shape
    with pytest.raises(ConfigError, match=r"the sample_shape of PointGenerator is .*expected \(D,\)"):
        fg.GAN(CONFIG, generator=generator, discriminator=PointDiscriminator())


@pytest.mark.parametrize("numbers", [1, 3])
def test_samples_of_any_length_are_trained_and_drawn(numbers, tmp_path):
    networks = PointGenerator(dimensions=numbers), PointDiscriminator(dimensions=numbers)
    gan = fg.GAN(CONFIG, generator=networks[0], discriminator=networks[1], device="cpu")
    fg.fit(gan, torch.rand(20, numbers), steps=2, snapshot_every=1, run_dir=tmp_path)
    assert fg.Run.open(tmp_path).frame(2).shape[2] == 256


def test_widgets_of_images_refuse_points():
    with pytest.raises(ConfigError, match="expected a generator of images"):
        fg.explore.open_generator(plane.gan(CONFIG))


def test_a_discriminator_without_its_shape_is_told_to_name_it():
    with pytest.raises(ConfigError, match="need `sample_shape = \\(2,\\)`"):
        fg.GAN(CONFIG, generator=PointGenerator(), discriminator=torch.nn.Linear(2, 1))


def test_train_step_says_which_points_it_expects():
    with pytest.raises(ConfigError, match=r"\(4, 3\), expected floats \(B, 2\)"):
        fg.train_step(plane.gan(CONFIG), torch.zeros(4, 3))


def test_the_gan_says_what_its_samples_are():
    assert "samples (2,)" in repr(plane.gan(CONFIG))


def test_instance_noise_hides_the_data_from_d():
    """D of two points that are told apart at once, but not below noise that is much wider than their distance."""

    def accuracy(**changes):
        gan = plane.gan(CONFIG.replace(lr_d=0.05, lr_g=1e-9, batch_size=20, **changes))
        fg.fit(gan, POINTS * 0.01 + 1, steps=60)
        return sum(gan.history["d_real"][-20:]) / 20 - sum(gan.history["d_fake"][-20:]) / 20

    assert accuracy() > 0.8
    assert accuracy(instance_noise=20.0) < 0.4


def test_d_sees_other_noise_on_real_points_on_fakes_and_in_gs_update():
    seen = []

    class Watching(PointDiscriminator):
        def forward(self, points):
            seen.append(points.detach())
            return super().forward(points)

    class Zero(PointGenerator):
        def forward(self, z):
            return 0 * super().forward(z)

    gan = fg.GAN(
        CONFIG.replace(instance_noise=0.5), generator=Zero(width=8), discriminator=Watching(8), device="cpu"
    )
    seen.clear()
    fg.train_step(gan, torch.zeros(400, 2))
    assert len(seen) == 3
    assert all(abs(points.std() - 0.5) < 0.03 for points in seen)
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


def test_instance_noise_also_works_on_images(faces):
    gan = fg.GAN(fg.TrainConfig(image_size=16, width=8, batch_size=8, instance_noise=0.1))
    fg.fit(gan, faces, steps=1)
    assert gan.step == 1


def test_without_instance_noise_no_random_number_is_drawn_for_it():
    gans = [plane.gan(CONFIG.replace(instance_noise=value)) for value in (0.0, 0.5)]
    states = []
    for gan in gans:
        assert gan.draw_noise(4).instance.shape == ((1, 3) if not gan.config.instance_noise else (1, 3, 4, 2))
        states.append(gan.rng.get_state())
    assert not torch.equal(*states)
