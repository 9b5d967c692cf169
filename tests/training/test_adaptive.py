"""Adaptive discriminator augmentation."""

import pytest
import torch
from helpers import make_gan, same, weights

from facegan import GAN, Run, fit, train_step
from facegan.errors import CheckpointError
from facegan.runs import checkpoint
from facegan.runs.history import ADAPTIVE, COLUMNS, METRICS
from facegan.training.adaptive import EVERY, IMAGES_TO_ONE, AdaptiveAugmentation

pytestmark = pytest.mark.usefixtures("no_curves")


ADAPTING = {"augment": "color,translation", "augment_target": 0.6}
CPU = torch.device("cpu")


def follow(adaptive, *signs, images=1000):
    """The p after steps with these values of r_t."""
    for step, r in enumerate(signs, start=1):
        metrics = adaptive.update(torch.tensor([0.0] * 7 + [r]), step=step, images=images)
        assert metrics.shape == (9,)
    return float(adaptive.p)


def test_p_moves_by_a_fixed_amount_per_image_toward_the_target():
    adaptive = AdaptiveAugmentation(0.6, CPU)
    amount = EVERY * 1000 / IMAGES_TO_ONE
    assert follow(adaptive, *[1.0] * EVERY) == pytest.approx(amount)
    assert follow(adaptive, *[1.0] * EVERY) == pytest.approx(2 * amount)
    assert follow(adaptive, *[0.5] * EVERY) == pytest.approx(amount)


def test_it_reaches_one_after_the_stated_images_and_stays_in_range():
    adaptive = AdaptiveAugmentation(0.6, CPU)
    steps = IMAGES_TO_ONE // 1000
    assert follow(adaptive, *[1.0] * (steps - EVERY)) == pytest.approx(1 - EVERY * 1000 / IMAGES_TO_ONE)
    assert follow(adaptive, *[1.0] * 3 * EVERY) == 1
    assert follow(adaptive, *[-1.0] * (steps + EVERY)) == 0


def test_the_mean_of_four_steps_decides():
    assert follow(AdaptiveAugmentation(0.6, CPU), 1.0, 1.0, 1.0) == 0, "not yet"
    assert follow(AdaptiveAugmentation(0.6, CPU), 1.0, 1.0, 1.0, -0.5) > 0
    assert follow(AdaptiveAugmentation(0.2, CPU), 1.0, 1.0, -1.0, -1.0) == 0


def test_p_is_changed_in_place_as_a_cuda_graph_needs(real):
    gan = make_gan(**ADAPTING)
    p = gan.augmentation.p
    gan.augmentation.load(torch.tensor([0.25, 0.0]))
    assert p == 0.25
    gan.load_state_dict(gan.state_dict())
    gan.augmentation.target = -1.0  # which r_t always exceeds
    for _ in range(EVERY):
        train_step(gan, real)
    assert p > 0.25
    assert p.data_ptr() == gan.augmentation.p.data_ptr()


def test_r_is_the_mean_sign_of_d_on_real_images(real):
    gan = make_gan(**ADAPTING)
    with torch.no_grad():
        signs = gan.discriminator(real).sign()  # p is 0: D sees the plain images
    metrics = train_step(gan, real)
    assert list(metrics) == [*METRICS, *ADAPTIVE]
    assert metrics["augment_r"] == signs.mean()
    assert metrics["augment_p"] == 0


def test_at_zero_nothing_is_augmented_and_at_one_everything(real):
    seen = []
    for p in (0.0, 1.0):
        gan = make_gan(**ADAPTING)
        gan.augmentation.load(torch.tensor([p, 0.0]))
        gan.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
        train_step(gan, real)
    fake = seen[1]
    assert torch.equal(seen[0], real)
    assert torch.equal(seen[2], fake), "G learns from the fakes of D's update"
    for plain, augmented in zip((real, fake, fake, seen[4]), seen[3:] + seen[5:], strict=True):
        assert all(not torch.equal(a, b) for a, b in zip(plain, augmented, strict=True))


def test_without_it_random_numbers_and_columns_are_as_before(real):
    gan = make_gan(augment="color,translation")
    noise = gan.draw_noise(8)
    rng = torch.Generator().manual_seed(gan.config.seed)
    z, uniform = torch.randn(1, 8, 8, generator=rng), torch.rand(1, 2 + 9 * 2, 8, generator=rng)
    assert torch.equal(noise.z, z)
    assert torch.equal(noise.augment, uniform[:, 2:].reshape(1, 3, 2, 3, 8, 1, 1, 1))
    assert list(train_step(gan, real)) == list(METRICS)
    assert list(gan.history) == ["step", *COLUMNS]


def test_its_columns_are_in_the_run_folder(faces, tmp_path):
    fit(make_gan(**ADAPTING), faces, steps=3, run_dir=tmp_path)
    history = Run.open(tmp_path).history
    assert list(history) == ["step", *COLUMNS, *ADAPTIVE]
    assert all(-1 <= r <= 1 for r in history["augment_r"])


def test_a_run_may_turn_to_it_and_has_no_values_of_before(faces, tmp_path):
    fit(make_gan(augment="color"), faces, steps=2, run_dir=tmp_path)
    adapting = make_gan(augment="color", augment_target=0.6)
    with pytest.raises(CheckpointError, match=r"augment_target is 0\.0 in the checkpoint, 0\.6"):
        fit(adapting, faces, steps=4, run_dir=tmp_path)
    history = fit(adapting, faces, steps=4, run_dir=tmp_path, resume="anyway")
    assert [r == r for r in history["augment_r"]] == [False, False, True, True]


def test_a_checkpoint_of_0_3_loads(gan, real, tmp_path):
    train_step(gan, real)
    state = {**gan.state_dict(), "schema": 3}
    del state["augmentation"], state["config"]["augment_target"]
    torch.save(state, tmp_path / "old.pt")
    again = GAN.from_state(checkpoint.load(tmp_path / "old.pt"), device="cpu")
    assert same(weights(again.generator), weights(gan.generator))
    assert not again.augmentation.state.any()


def test_a_checkpoint_keeps_what_the_steps_since_the_last_change_add_up_to(real):
    gan, other = make_gan(**ADAPTING), make_gan(**ADAPTING)
    gan.augmentation.load(torch.tensor([0.3, 0.4]))
    other.load_state_dict(gan.state_dict())
    assert torch.equal(other.augmentation.state, torch.tensor([0.3, 0.4]))


def test_more_critic_steps_count_their_images():
    gan = make_gan(**ADAPTING, n_critic=2, norm="none", loss="hinge")
    gan.augmentation.target = -2.0
    for _ in range(EVERY):
        train_step(gan, torch.rand(16, 3, 16, 16) * 2 - 1)
    assert float(gan.augmentation.p) == pytest.approx(16 * EVERY / IMAGES_TO_ONE)
