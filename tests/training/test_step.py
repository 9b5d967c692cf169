import math

import pytest
import torch
from helpers import interrupt_in_backward, make_gan, same, weights

from facegan import (
    GAN,
    Discriminator,
    train_step,
)
from facegan.errors import ConfigError
from facegan.losses import r1_penalty
from facegan.models.conv import Conv2d
from facegan.models.dcgan import treats_images_independently
from facegan.runs.history import METRICS
from facegan.runtime.device import PRECISIONS
from facegan.training.step import penalties


def test_a_step_moves_both_networks_and_returns_detached_scalars(gan, real):
    before_d, before_g = weights(gan.discriminator), weights(gan.generator)
    metrics = train_step(gan, real)
    assert not same(before_d, weights(gan.discriminator))
    assert not same(before_g, weights(gan.generator))
    assert set(metrics) == set(METRICS)
    assert all(m.ndim == 0 and not m.requires_grad and m.isfinite() for m in metrics.values())
    assert gan.step == 1


def test_a_step_equals_the_algorithm_written_out(gan, real):
    """Algorithm 1 in the words of PyTorch's tutorial: BCE with labels, one Adam a network."""
    other = GAN(gan.config, device="cpu")
    d, g = other.discriminator, other.generator
    adam = {"lr": 2e-4, "betas": (0.5, 0.999)}
    optimizer_d, optimizer_g = (
        torch.optim.Adam(d.parameters(), **adam),
        torch.optim.Adam(g.parameters(), **adam),
    )
    bce = torch.nn.BCEWithLogitsLoss()
    fake = g(torch.randn(8, 8, generator=other.rng))
    loss_d = bce(d(real), torch.ones(8)) + bce(d(fake.detach()), torch.zeros(8))
    loss_d.backward()
    optimizer_d.step()
    loss_g = bce(d(fake), torch.ones(8))
    loss_g.backward()
    norm = torch.cat([p.grad.flatten() for p in g.parameters()]).norm()
    optimizer_g.step()

    metrics = train_step(gan, real)
    torch.testing.assert_close(metrics["loss_d"], loss_d.detach())
    torch.testing.assert_close(metrics["loss_g"], loss_g.detach())
    torch.testing.assert_close(metrics["grad_norm_g"], norm)
    for ours, theirs in ((gan.discriminator, d), (gan.generator, g)):
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value, atol=2e-6, rtol=1e-4)


def test_probabilities_are_of_real_and_fake_before_and_after(gan, real):
    with torch.no_grad():
        gan.discriminator.blocks[-1].weight.zero_()  # D knows nothing: one half everywhere
    metrics = train_step(gan, real)
    assert metrics["d_real"] == metrics["d_fake"] == 0.5
    assert metrics["loss_d"].item() == pytest.approx(2 * math.log(2))
    assert metrics["d_fake_after"] != 0.5


def test_a_lazy_penalty_comes_every_kth_step_with_k_times_the_weight(real):
    gan = make_gan(r1=2.0, r1_every=3, norm="none")
    seen = []
    for _ in range(7):
        penalty = penalties(gan, real, real, torch.zeros(8))
        seen.append(float(penalty) / float(r1_penalty(gan.discriminator, real)))
        train_step(gan, real)
    assert seen == pytest.approx([6, 0, 0, 6, 0, 0, 6])


def test_fp16_scales_its_losses_and_leaves_out_a_step_that_overflows(real):
    gan = make_gan(precision="fp16")
    train_step(gan, real)
    scale, before = gan.engine.scaler.get_scale(), weights(gan.generator)
    gan.engine.scaler.update(1e38)  # no gradient can bear this
    metrics = train_step(gan, real)
    assert metrics["grad_norm_g"] == metrics["grad_norm_d"] == 0
    assert same(before[:3], weights(gan.generator)[:3])
    assert gan.engine.scaler.get_scale() == pytest.approx(0.5e38)
    gan.engine.scaler.update(scale)
    assert train_step(gan, real)["grad_norm_g"] > 0
    assert not same(before[:3], weights(gan.generator)[:3])


def test_momentum_starts_from_zero_though_fp16_overflows_at_once(real):
    gan = make_gan(precision="fp16", optimizer_d="sgd")
    gan.engine.scaler.scale(torch.ones(()))
    gan.engine.scaler.update(1e38)
    train_step(gan, real)
    buffers = [moments["momentum_buffer"] for moments in gan.optimizer_d.state.values()]
    assert len(buffers) == len(list(gan.discriminator.parameters()))
    assert not any(buffer.any() for buffer in buffers)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_after_an_interrupted_step_the_next_one_works(precision, real, monkeypatch):
    gan = make_gan(precision=precision)
    interrupt_in_backward(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        train_step(gan, real)
    monkeypatch.undo()
    assert all(p.grad is None for p in gan.generator.parameters())
    train_step(gan, real)


def test_sigmoid_trains_on_zero_to_one(gan, real, monkeypatch):
    seen = []
    for output in ("tanh", "sigmoid"):
        run = make_gan(output=output)
        run.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
        train_step(run, real)
    tanh_real, sigmoid_real = seen[0], seen[3]
    torch.testing.assert_close(sigmoid_real, (tanh_real + 1) / 2)
    assert all(batch.min() >= 0 for batch in seen[3:])


def test_the_average_covers_weights_and_buffers(faces):
    gan = make_gan(ema_decay=0.9)
    gan.step = 1000  # past the warm-up
    averaged, raw = gan.ema.state_dict(), gan.generator.state_dict()
    before = {k: v.clone() for k, v in averaged.items()}
    train_step(gan, next(iter(faces.batches(8))))
    for name, value in averaged.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, torch.lerp(raw[name], before[name], 0.9), msg=name)
        else:
            assert torch.equal(value, raw[name])
    assert "running_mean" in "".join(averaged)


def test_several_critic_steps_equal_algorithm_1_written_out():
    """Three steps of D, each on faces and latents of its own, then one of G on the fakes of the last."""
    gan, other = (make_gan(n_critic=3, norm="none", loss="hinge") for _ in range(2))
    real = torch.rand(12, 3, 16, 16) * 2 - 1
    d, g = other.discriminator, other.generator
    adam = {"lr": 2e-4, "betas": (0.5, 0.999)}
    optimizer_d, optimizer_g = (torch.optim.Adam(n.parameters(), **adam) for n in (d, g))
    for x, z in zip(real.split(4), torch.randn(12, 8, generator=other.rng).split(4), strict=True):
        fake = g(z)
        optimizer_d.zero_grad()
        loss_d = (1 - d(x)).relu().mean() + (1 + d(fake.detach())).relu().mean()
        loss_d.backward()
        optimizer_d.step()
    (-d(fake).mean()).backward()
    optimizer_g.step()

    metrics = train_step(gan, real)
    torch.testing.assert_close(metrics["loss_d"], loss_d.detach())
    for ours, theirs in ((gan.discriminator, d), (gan.generator, g)):
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value, atol=2e-6, rtol=1e-4)
    assert gan.history["images_per_second"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_several_critic_steps_work_in_every_precision(precision):
    gan = make_gan(n_critic=2, norm="none", precision=precision)
    before = weights(gan.generator)
    for _ in range(2):
        metrics = train_step(gan, torch.rand(8, 3, 16, 16))
    assert all(m.isfinite() for m in metrics.values())
    assert not same(before, weights(gan.generator))


@pytest.mark.parametrize(
    ("norm", "passes"),
    [("none", [16, 8]), ("instance", [16, 8]), ("batch", [8, 8, 8]), ("spectral", [8, 8, 8])],
)
def test_d_sees_real_and_fake_in_one_pass_where_it_treats_images_independently(norm, passes, real):
    gan, sizes = make_gan(norm=norm), []
    gan.discriminator.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    train_step(gan, real)
    assert sizes == passes


@pytest.mark.parametrize("changes", [{}, {"norm": "instance"}, {"augment": "color,translation"}, {"r1": 1.0}])
def test_one_pass_is_the_step_of_two(changes, real):
    one, two = (make_gan(**{"norm": "none", "label_flip": 0.3} | changes) for _ in range(2))
    two.engine._independent = False
    for _ in range(2):
        metrics, expected = train_step(one, real), train_step(two, real)
    for name, value in expected.items():
        torch.testing.assert_close(metrics[name], value, atol=2e-5, rtol=1e-3, msg=name)


def test_a_discriminator_of_ones_own_sees_real_and_fake_by_themselves(real):
    class Own(Discriminator):
        pass

    own, sizes = Own(16, 8, norm="none"), []
    gan = GAN(make_gan(norm="none").config, discriminator=own, device="cpu")
    own.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    train_step(gan, real)
    assert sizes == [8, 8, 8]
    assert not treats_images_independently(torch.nn.Sequential(Conv2d(3, 1, 4)))


def test_a_batch_that_critic_steps_cannot_share_is_refused(real):
    with pytest.raises(ConfigError, match="8 real images, expected a multiple of n_critic=3"):
        train_step(make_gan(n_critic=3), real)


def test_uniform_latents_lie_between_minus_one_and_one():
    z = make_gan(latent="uniform").draw_noise(500).z
    assert z.min() >= -1
    assert z.max() <= 1
    assert z.std().item() == pytest.approx(3**-0.5, rel=0.05)


def test_fakes_that_g_does_not_learn_from_build_no_graph():
    gan, built = make_gan(n_critic=3, norm="none"), []
    gan.generator.register_forward_hook(lambda module, z, images: built.append(images.requires_grad))
    train_step(gan, torch.rand(6, 3, 16, 16))
    assert built == [False, False, True]


def test_probabilities_are_of_real_and_fake_though_labels_are_swapped(real):
    plain, flipped = (train_step(make_gan(label_flip=share), real) for share in (0.0, 0.5))
    assert {name: plain[name] for name in ("d_real", "d_fake")} == {
        name: flipped[name] for name in ("d_real", "d_fake")
    }
    assert plain["loss_d"] != flipped["loss_d"]


def test_the_share_of_swapped_labels_is_the_setting_not_the_rest(real):
    plain, almost_none = (train_step(make_gan(label_flip=share), real) for share in (0.0, 1e-9))
    assert plain["loss_d"] == almost_none["loss_d"]


def test_labels_are_flipped_whatever_the_mix_of_the_penalty_is():
    noise = make_gan().draw_noise(8)
    assert not noise.flip.flatten().eq(noise.mix.flatten()).any()
