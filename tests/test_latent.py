import math

import numpy as np
import pytest
import torch

from facegan.errors import ConfigError
from facegan.latent import arithmetic, attribute_direction, draw_latents, lerp, slerp, truncate, walk


def test_slerp_halves_the_angle_and_keeps_the_norm():
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    torch.testing.assert_close(slerp(a, b, 0.5), torch.full((2,), 3 / math.sqrt(2)))


def test_lerp_leaves_the_sphere_and_slerp_does_not():
    a, b = draw_latents(2, 512, seed=0)
    assert lerp(a, b, 0.5).norm() < 0.8 * a.norm()
    assert slerp(a, b, 0.5).norm() == pytest.approx(a.norm().item(), rel=0.1)


@pytest.mark.parametrize("path", [lerp, slerp])
def test_paths_end_at_their_ends(path):
    a, b = draw_latents(2, 16, seed=1)
    torch.testing.assert_close(path(a, b, 0.0), a)
    torch.testing.assert_close(path(a, b, 1.0), b)


def test_slerp_of_parallel_vectors_is_straight():
    a = draw_latents(1, 16, seed=0)[0]
    torch.testing.assert_close(slerp(a, 2 * a, 0.5), 1.5 * a)


def test_slerp_takes_batches_of_t():
    a, b = draw_latents(2, 4, seed=0)
    t = torch.tensor([[0.0], [1.0]])
    torch.testing.assert_close(slerp(a.expand(2, 4), b.expand(2, 4), t), torch.stack([a, b]))


def test_a_closed_walk_visits_every_anchor_and_comes_round():
    anchors = draw_latents(3, 8, seed=0)
    z = walk(anchors, 30)
    assert z.shape == (30, 8)
    torch.testing.assert_close(z[[0, 10, 20]], anchors)
    first, last = (z[1] - z[0]).norm(), (z[0] - z[-1]).norm()
    assert last < 3 * first  # the step from the last frame back to the first is a step like the others


def test_an_open_walk_ends_at_its_last_anchor():
    anchors = draw_latents(3, 8, seed=0)
    torch.testing.assert_close(walk(anchors, 9, closed=False)[[0, 4, 8]], anchors)


def test_arithmetic_uses_means():
    plus, minus, base = draw_latents(9, 4, seed=0).split(3)
    torch.testing.assert_close(arithmetic(plus, minus, base), plus.mean(0) - minus.mean(0) + base.mean(0))


def test_truncation_maps_quantile_to_quantile():
    z = draw_latents(20_000, 1, seed=0)
    cut = truncate(z, 1.0)
    assert cut.abs().max() <= 1.0
    assert cut.std() == pytest.approx(0.5397, abs=0.01)  # of a normal cut off at one standard deviation
    assert torch.equal(cut.flatten().argsort(), z.flatten().argsort())
    torch.testing.assert_close(truncate(z, 8.0), z, atol=1e-3, rtol=0)


def test_the_same_seed_draws_the_same_latents():
    assert torch.equal(draw_latents(4, 8, seed=3), draw_latents(4, 8, seed=3))
    assert not torch.equal(draw_latents(4, 8, seed=3), draw_latents(4, 8, seed=4))


def test_a_seed_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    draw_latents(4, 8, seed=3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "call",
    [
        lambda: draw_latents(0, 8),
        lambda: truncate(torch.zeros(1, 2), 0),
        lambda: walk(torch.zeros(1, 8), 10),
        lambda: walk(torch.zeros(3, 8), 1),
        lambda: slerp(torch.zeros(8), torch.zeros(9), 0.5),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ConfigError):
        call()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_between_opposite_vectors_the_arc_passes_through_a_third_point(dtype):
    z = draw_latents(5, 100, seed=0).to(dtype)
    z[0] = 0
    z[0, 7] = 2.0
    for t in (0.0, 0.25, 0.5, 1.0):
        torch.testing.assert_close(slerp(z, -z, t).norm(dim=1), z.norm(dim=1))
    half = slerp(z, -z, 0.5)
    assert (half * z).sum(1).abs().max() < 1e-3
    torch.testing.assert_close(slerp(z, -z, 1.0), -z, atol=1e-4, rtol=1e-4)
    assert torch.equal(half, slerp(z, -z, 0.5))


def test_between_opposite_vectors_the_arc_turns_toward_the_axis_of_the_smallest_number():
    half = slerp(torch.tensor([0.1, -4.0, 3.0]), torch.tensor([-0.1, 4.0, -3.0]), 0.5)
    assert half[0] > 0.99 * half.norm()


def test_between_nearly_opposite_vectors_of_other_length_the_length_changes_evenly():
    a = draw_latents(4, 100, seed=0)
    b = -1.2 * a + 0.01 * draw_latents(4, 100, seed=1)
    torch.testing.assert_close(slerp(a, b, 0.5).norm(dim=1), (a.norm(dim=1) + b.norm(dim=1)) / 2)
    torch.testing.assert_close(slerp(a, b, 1.0), b, atol=1e-4, rtol=1e-4)


def test_uniform_latents_are_drawn_and_cut_off_within_their_range():
    z = draw_latents(1000, 8, seed=0, latent="uniform")
    assert -1 <= z.min() < -0.9 < 0.9 < z.max() <= 1
    assert truncate(z, 1.0, latent="uniform").abs().max() <= 3**-0.5
    assert torch.equal(truncate(z, 2.0, latent="uniform"), z)
    torch.testing.assert_close(truncate(z, 1.0, latent="uniform"), z * 3**-0.5)


def test_half_precision_keeps_the_length_between_opposite_vectors():
    z = draw_latents(3, 100, seed=0).half()
    torch.testing.assert_close(slerp(z, -z, 0.5).norm(dim=1), z.norm(dim=1), atol=0.05, rtol=0.01)
    assert slerp(z * 0, z, 0.5).isfinite().all()


def test_an_unknown_distribution_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'normal', 'uniform'"):
        draw_latents(2, 4, latent="gauss")


@pytest.mark.parametrize("seed", [np.int64(3), np.array([3])[0], torch.tensor(3)])
def test_a_seed_is_a_number_whoever_made_it(seed):
    assert torch.equal(draw_latents(2, 5, seed=seed), draw_latents(2, 5, seed=3))


@pytest.mark.parametrize("seed", ["3", 3.5, [3], 2**70])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ConfigError, match="expected a whole number"):
        draw_latents(2, 5, seed=seed)


def test_truncation_is_exact_in_the_far_tails():
    z = torch.tensor([[-30.0, -9.0, -5.5, 0.0, 5.5, 9.0, 30.0]])
    assert torch.allclose(truncate(z, 20.0), z.clamp(-20, 20), atol=1e-4)
    close = truncate(z, 1.5)
    assert close.abs().max() <= 1.5
    assert torch.equal(close, close.sort().values)


def test_an_attributes_direction_is_from_those_without_to_those_with():
    z, has = draw_latents(10, 4, seed=0), torch.arange(10) < 3
    torch.testing.assert_close(attribute_direction(z, has), z[:3].mean(0) - z[3:].mean(0))
