"""The latent lab without widgets: explorations, directions, morphs, equations, timelines."""

from dataclasses import replace

import pytest
import torch

from facegan import GAN, Generator, fit
from facegan import explore as lab
from facegan.errors import CheckpointError, ConfigError
from facegan.explore import BLUE, Exploration
from facegan.images import make_grid, to_uint8
from facegan.latent import draw_latents, lerp, slerp, truncate


@pytest.fixture
def generator(gan):
    return gan.ema


@pytest.fixture
def state(generator):
    return Exploration.start(generator, n=6, seed=4)


class Lamp(torch.nn.Module):
    """Latents (B, 8) to grey images whose brightness is 3 z[2], with z[5] in the left half."""

    latent_dim = 8

    def forward(self, z):
        images = (3 * z[:, 2, None, None, None]).expand(-1, 3, 16, 16).clone()
        images[:, :, :, :8] -= z[:, 5, None, None, None]
        images[:, :, :, 8:] += z[:, 5, None, None, None]
        return images


def test_directions_are_those_that_change_images_most():
    found, shares = lab.directions(Lamp(), 3)
    assert found[0].abs().argmax() == 2
    assert found[0, 2] > 0.999, "and point to where images grow lighter"
    assert found[1].abs().argmax() == 5
    assert torch.allclose(shares, torch.tensor([0.9, 0.1, 0]), atol=0.02)


def test_directions_are_orthonormal_and_repeatable(generator):
    found, shares = lab.directions(generator)
    assert torch.allclose(found @ found.T, torch.eye(lab.DIRECTIONS), atol=1e-4)
    assert shares.sum() <= 1
    assert torch.allclose(found, lab.directions(generator)[0], atol=1e-2)


def test_an_exploration_begins_with_the_generators_own_samples(generator, state):
    assert torch.equal(generator.generate(state.latents()), generator.sample(6, seed=4))


def test_kept_faces_stay_while_all_else_changes(state):
    kept = state.keep(2)
    changed = kept.resample().change(truncation=0.5).move(1, 3.0)
    assert torch.equal(changed.latents()[2], state.latents()[2])
    assert (
        not torch.isclose(changed.latents()[[0, 1, 3, 4, 5]], state.latents()[[0, 1, 3, 4, 5]]).all(1).any()
    )


def test_a_face_that_is_let_go_follows_the_others_again(state):
    away = state.keep(2).resample().keep(2)
    assert torch.equal(away.latents(), state.resample().latents())


def test_moving_adds_a_multiple_of_the_direction(state):
    moved = state.move(3, -1.5)
    assert torch.allclose(moved.latents() - state.latents(), -1.5 * state.directions[3], atol=1e-5)


def test_truncation_cuts_latents_off_before_they_are_moved(state):
    expected = truncate(state.latents(), 0.5) + 2 * state.directions[0]
    assert torch.allclose(state.move(0, 2.0).change(truncation=0.5).latents(), expected, atol=1e-5)


@pytest.mark.parametrize(
    "act",
    [
        lambda s: s,
        lambda s: s.resample().move(1, 0.3).change(truncation=0.7),
        lambda s: s.keep(1).resample().keep(0).change(truncation=1.1).move(4, -2.0).resample().move(0, 1.0),
        lambda s: s.keep(0).keep(1).keep(2).keep(3).keep(4).keep(5).resample(),
    ],
    ids=["untouched", "changed", "some kept", "all kept"],
)
def test_code_draws_the_same_latents_again(generator, state, act):
    names = {"generator": generator}
    exec(act(state).code(), names)
    assert torch.allclose(names["z"], act(state).latents(), atol=1e-2)  # directions are found anew


def test_pictures_frame_the_kept_faces_only(state):
    plain, framed = state.picture(), state.keep(1).picture()
    side = 16 + lab.PADDING
    assert framed[:, 0, side].tolist() == list(BLUE)
    different = (plain != framed).any(0)
    assert not different[:, :side].any()
    assert not different[lab.PADDING : side, side + lab.PADDING : 2 * side].any(), "the face itself is whole"


def test_bad_faces_and_seeds_are_refused(state):
    with pytest.raises(ConfigError, match="no face 6; faces are 0 to 5"):
        state.keep(6)
    with pytest.raises(ConfigError, match="cannot explore 0 faces"):
        Exploration.start(state.generator, n=0)
    for seed in (-1, 2**31, 1.5, True):
        with pytest.raises(ConfigError, match="expected a whole number from 0"):
            state.change(seed=seed)


def test_a_morph_shows_straight_line_and_arc_through_all_anchors(generator):
    anchors = draw_latents(3, 8, seed=1)
    z, picture = lab.morph(generator, anchors, 0.75)
    assert torch.allclose(z[0], lerp(anchors[1], anchors[2], 0.5))
    assert torch.allclose(z[1], slerp(anchors[1], anchors[2], 0.5))
    assert torch.equal(picture, make_grid(generator.generate(z), columns=2, padding=lab.PADDING))
    for t, anchor in ((0.0, anchors[0]), (1.0, anchors[2])):
        assert torch.allclose(lab.morph(generator, anchors, t)[0], anchor.expand(2, -1), atol=1e-5)


def test_morph_frames_loop_there_and_back(generator):
    anchors = draw_latents(4, 8, seed=1)
    frames = lab.morph_frames(generator, anchors, 12)
    assert len(frames) == 12
    assert torch.equal(frames[6], lab.morph(generator, anchors, 1.0)[1])
    for there, back in ((1, 11), (3, 9), (5, 7)):
        assert (frames[there].int() - frames[back].int()).abs().max() <= 1


def test_an_equation_shows_three_means_and_the_result(generator):
    z = draw_latents(6, 8, seed=1)
    picture = lab.equation(generator, z, [(0, 1), (2,), (3, 4, 5)])
    block = picture[:, :, -picture.shape[1] :]
    middle = block[:, lab.PADDING + 16 + lab.PADDING :, lab.PADDING + 16 + lab.PADDING :][:, :16, :16]
    exact = z[:2].mean(0) - z[2] + z[3:].mean(0)
    assert torch.equal(middle, to_uint8(generator.generate(exact[None]))[0])
    mean_of_b = to_uint8(generator.generate(z[2:3]))[0]
    height = picture.shape[1]
    shown = picture[:, :, height + height // 4 :][:, :, :height]
    small = torch.nn.functional.interpolate(shown[None].float(), size=(16, 16), mode="area")[0]
    assert (small - mean_of_b.float()).abs().mean() < 8


def test_an_equation_names_the_groups_that_are_empty(generator):
    with pytest.raises(ConfigError, match="at least one face for A and C"):
        lab.equation(generator, draw_latents(6, 8, seed=1), [(), (2,), ()])


def test_compare_gives_both_the_same_latents(generator, config):
    other = GAN(replace(config, seed=1), device="cpu").ema
    a, b = lab.compare(generator, other, n=4, seed=3)
    assert torch.equal(a, lab.framed_grid(generator.sample(4, seed=3), {}))
    assert torch.equal(b, lab.framed_grid(other.sample(4, seed=3), {}))


def test_compare_refuses_latents_of_other_length(generator, config):
    with pytest.raises(ConfigError, match="latents of length 8 and normal latents of length 9"):
        lab.compare(generator, GAN(replace(config, latent_dim=9), device="cpu").ema)


def test_a_generator_opens_from_all_that_holds_one(config, faces, tmp_path):
    gan = GAN(replace(config, ema_decay=0.9), device="cpu")
    fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    expected = gan.sample(2, seed=0)
    for source in (
        gan,
        gan.ema,
        tmp_path / "run",
        str(tmp_path / "run"),
        gan.export(tmp_path / "g.safetensors"),
    ):
        assert torch.allclose(lab.open_generator(source).sample(2, seed=0), expected, atol=1e-6)


def test_what_holds_no_generator_is_told_what_would(tmp_path):
    with pytest.raises(CheckpointError, match=r"is not a run folder"):
        lab.open_generator(tmp_path)
    with pytest.raises(ConfigError, match="got int, expected a generator, a GAN, a run folder"):
        lab.open_generator(3)


@pytest.mark.parametrize("latent_dim", [1, 4])
def test_short_latents_have_fewer_directions(config, latent_dim):
    state = Exploration.start(GAN(replace(config, latent_dim=latent_dim), device="cpu").ema, n=2)
    assert state.directions.shape == (latent_dim, latent_dim)
    assert state.move(latent_dim - 1, 1.0).latents().shape == (2, latent_dim)


def test_code_of_uniform_latents_draws_them_again():
    generator = Generator(16, 8, 8, latent="uniform").eval()
    state = lab.Exploration.start(generator, n=4, seed=3).change(truncation=0.7)
    names = {"generator": generator}
    exec("\n".join(state.code().splitlines()[:-1]), names)
    assert torch.equal(names["z"], state.latents())
