"""The debugger of the game: every button, exact undo, and what its pictures show."""

import base64
import io
import re

import pytest
import torch
from helpers import assert_same_state, make_gan, random_faces
from helpers.panels import changes, pixels, same_picture
from PIL import Image, ImageDraw

import facegan as fg
from facegan import plane, train_step, widgets
from facegan.errors import ConfigError, DataError
from facegan.explore import BLUE, ORANGE
from facegan.training.game import state_of
from facegan.training.single import Look
from facegan.widgets.step_picture import draw_fakes, draw_logits, heat_map

FACES = random_faces(40)


@pytest.fixture
def panel():
    return widgets.step(make_gan(norm="none"), FACES)


@pytest.mark.parametrize(("move", "steps"), [("D", 0), ("G", 1), ("both", 1), ("ten", 10)])
def test_every_button_plays_its_move(panel, move, steps):
    for image in (0, 1):
        changes(panel, panel.buttons[move].click, image)
    assert panel.game.moves == (move, move)
    assert panel.game.gan.step == 2 * steps
    assert f"Step {2 * steps}, after" in panel.sentence
    assert panel.sentence in panel.status.value.replace("&#x27;", "'")


def test_undo_returns_the_pictures_and_the_gan_bit_for_bit(panel):
    seen = []
    for move in ("D", "G", "both", "D", "ten"):
        seen.append(((pixels(panel, 0), pixels(panel, 1)), state_of(panel.game.gan), panel.sentence))
        panel.buttons[move].click()
        panel.wait()
    for pictures, state, sentence in reversed(seen):
        panel.undo_button.click()
        assert (pixels(panel, 0), pixels(panel, 1)) == pictures
        assert panel.sentence == sentence
        assert_same_state(panel.game.gan, fg.GAN.from_state(state, device="cpu"))
    assert panel.undo_button.disabled


def test_buttons_that_are_pressed_fast_are_all_played(panel):
    other = widgets.step(make_gan(norm="none"), FACES)
    for move in ("D", "G", "both"):
        panel.buttons[move].click()
        other.buttons[move].click()
        other.wait()
    assert pixels(panel, 0) == pixels(other, 0)
    assert pixels(panel, 1) == pixels(other, 1)
    assert_same_state(panel.game.gan, other.game.gan)


def test_new_faces_change_what_is_shown_and_not_the_gan(panel):
    panel.buttons["both"].click()
    first, state = pixels(panel), state_of(panel.game.gan)
    changes(panel, panel.resample.click)
    assert panel.seed.value == 1
    assert_same_state(panel.game.gan, fg.GAN.from_state(state, device="cpu"))
    panel.seed.value = 0
    assert pixels(panel) == first


def test_the_probabilities_shown_are_d_s(panel):
    shown = [panel._output(logit) for logit in panel.after.fake_logits[:8]]
    z = fg.models.protocol.latents_for(panel.game.gan.generator, 32, seed=0)
    with torch.no_grad():
        wanted = panel.game.gan.discriminator(panel.game.gan.generator(z)).sigmoid().flatten()[:8]
    assert shown == [f"{p:.1%}" for p in wanted]
    title = "Fakes, with D's probability of “real”"
    assert same_picture(panel.images[0].value, draw_fakes(panel.after, shown, title))


def test_table_and_sentence_have_the_numbers_of_before_and_after(panel):
    assert re.findall(r'scope="col"[^>]*>(\w+)', panel.table.value) == ["now"]
    panel.buttons["D"].click()
    panel.wait()
    assert re.findall(r'scope="col"[^>]*>(\w+)', panel.table.value) == ["before", "after"]
    for look in (panel.before, panel.after):
        for name in ("loss_d", "loss_g", "grad_norm_d", "grad_norm_g"):
            assert f">{getattr(look, name):.3g}<" in panel.table.value
    assert f"Loss of D {panel.after.loss_d:.3g} (before: {panel.before.loss_d:.3g})" in panel.sentence
    assert panel.before.loss_d != panel.after.loss_d
    assert torch.equal(panel.before.fakes, panel.after.fakes), "D's step leaves G's fakes alone"


@pytest.mark.parametrize("loss", ["wasserstein", "hinge", "least_squares"])
def test_a_critics_logits_are_not_called_probabilities(loss):
    panel = widgets.step(make_gan(loss=loss, norm="none"), FACES)
    assert "mean logit" in panel.sentence
    assert "%" not in panel.sentence + panel.table.value
    assert panel._output(torch.tensor(-1.25)) == "-1.25"


def test_the_heat_map_has_the_gradients_sign():
    pull = torch.zeros(1, 3, 4, 4)
    pull[0, :, 0, 0] = 1.0
    pull[0, :, 1, 1] = torch.tensor([1.0, -2.0, -2.0])  # the sum over the colors decides
    drawn = heat_map(torch.zeros(1, 3, 4, 4), pull)[0]
    assert tuple(drawn[:, 0, 0].tolist()) == ORANGE
    assert tuple(drawn[:, 1, 1].tolist()) == BLUE
    red, green, blue = drawn[:, 2, 2].tolist()
    assert red == green == blue
    assert not heat_map(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)).float().std(1).any()


@pytest.fixture
def texts(monkeypatch):
    """What is written into pictures, and where: (left, middle or top)."""
    written, write = {}, ImageDraw.ImageDraw.text

    def noted(self, xy, text, **options):
        written[text] = tuple(map(round, xy))
        write(self, xy, text, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    return written


def same_look(fakes=0.0, pull=0.0, real=0.0, fake=0.0, n=8):
    images = [
        torch.as_tensor(v, dtype=torch.float).view(-1, 1, 1, 1).expand(n, 3, 8, 8) for v in (fakes, pull)
    ]
    return Look(*images, torch.full((n,), real), torch.full((n,), fake), 0.0, 0.0, 0.0, 0.0)


def test_each_fake_has_its_output_and_its_heat_map_below_and_a_legend_says_what_the_colors_mean(texts):
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0, -1.0, -1.0])
    picture = draw_fakes(same_look(fakes=-signs, pull=signs), [f"{k} %" for k in range(8)], "title")
    color_of = {1.0: ORANGE, -1.0: BLUE}
    for k, sign in enumerate(signs.tolist()):
        x, y = texts[f"{k} %"]
        assert picture[:, y - 100, x].tolist() == [0 if sign > 0 else 255] * 3
        assert tuple(picture[:, y + 100, x].tolist()) == color_of[sign]
    for word, color in (("brighter", ORANGE), ("darker", BLUE)):
        x, y = texts[word]
        assert tuple(picture[:, y, x - 20].tolist()) == color
    assert "little change" in texts


def test_histograms_have_real_faces_above_fakes_below_and_before_above_after(texts):
    picture = draw_logits(same_look(real=1.0, fake=-3.0), same_look(real=3.0, fake=-1.0))
    found = {}
    for color in (BLUE, ORANGE):
        match = (picture == torch.tensor(color, dtype=torch.uint8).view(3, 1, 1)).all(0)
        match[:, :110] = False  # the legend
        found[color] = match.nonzero().tolist()
    for name, real, fake in (("Before", 1, -3), ("After", 3, -1)):
        middle, zero, one = texts[name][1], texts["0"][0], (texts["2"][0] - texts["0"][0]) / 2
        above = [x for y, x in found[BLUE] if middle - 110 < y < middle]
        below = [x for y, x in found[ORANGE] if middle < y < middle + 115]
        assert sum(above) / len(above) == pytest.approx(zero + real * one, abs=20)
        assert sum(below) / len(below) == pytest.approx(zero + fake * one, abs=20)


def test_undo_is_offered_as_far_as_states_are_kept(panel, monkeypatch):
    monkeypatch.setattr("facegan.training.game.MAX_SAVED", 1)
    for move in ("D", "G"):
        panel.buttons[move].click()
        panel.wait()
    panel.undo_button.click()
    panel.wait()
    assert panel.game.moves == ("D",)
    assert panel.undo_button.disabled


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_numbers_that_are_not_finite_are_drawn_and_told(panel, player):
    with torch.no_grad():
        next(getattr(panel.game.gan, player).parameters()).fill_(float("nan"))
    panel.buttons["both"].click()
    panel.wait()
    assert "has diverged" in panel.sentence
    panel.undo_button.click()
    nothing = torch.full((4,), float("nan"))
    look = Look(torch.zeros(4, 3, 8, 8), torch.zeros(4, 3, 8, 8), nothing, nothing, 0.0, 0.0, 0.0, 0.0)
    assert draw_logits(None, look).shape[0] == 3


def test_after_a_training_elsewhere_undo_is_refused_once_and_steps_go_on(panel):
    panel.buttons["both"].click()
    panel.wait()
    train_step(panel.game.gan, torch.rand(8, 3, 16, 16))
    panel.undo_button.click()
    panel.wait()
    assert "trained elsewhere" in panel.sentence
    assert panel.undo_button.disabled
    panel.buttons["G"].click()
    panel.wait()
    assert panel.game.gan.step == 3
    assert not panel.undo_button.disabled


def test_a_move_that_fails_is_told_and_the_next_works(panel, monkeypatch):
    def fails(_):
        raise RuntimeError("out of memory")

    panel.buttons["D"].click()
    panel.wait()
    monkeypatch.setattr("facegan.training.step.frozen", fails)
    panel.buttons["both"].click()
    panel.wait()
    assert "Not drawn. RuntimeError: out of memory" in panel.sentence
    monkeypatch.undo()
    panel.buttons["both"].click()
    panel.wait()
    assert panel.game.moves == ("D", "both")
    assert panel.game.gan.step == 1
    for left in (("D",), ()):
        assert not panel.undo_button.disabled
        panel.undo_button.click()
        panel.wait()
        assert panel.game.moves == left
    assert panel.undo_button.disabled


@pytest.mark.parametrize(("size", "count", "taken"), [(16, 4, 1), (64, 4, 2), (64, 1, 1)])
def test_a_step_takes_one_thread_or_half_of_them(monkeypatch, size, count, taken):
    panel = widgets.step(make_gan(image_size=size, batch_size=32), random_faces(40, size))
    seen, look, before = [], panel.game.look, torch.get_num_threads()
    monkeypatch.setattr(
        panel.game, "look", lambda *a, **k: seen.append(torch.get_num_threads()) or look(*a, **k)
    )
    try:
        torch.set_num_threads(count)
        panel.draw(panel.state)
        assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
    assert seen == [taken]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((FACES, FACES), ConfigError),
        ((plane.gan(), FACES), ConfigError),
        ((make_gan(), random_faces(40, 32)), DataError),
        ((make_gan(), 3), DataError),
    ],
)
def test_wrong_arguments_are_refused(arguments, error):
    with pytest.raises(error):
        widgets.step(*arguments)
    with pytest.raises(ConfigError, match="seed"):
        widgets.step(make_gan(), FACES, seed=-1)


def test_a_saved_notebook_has_both_pictures_and_the_sentence(panel):
    data, metadata = panel._repr_mimebundle_()
    left, right = panel.pictures
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width > left.shape[2] + right.shape[2]
    assert metadata["image/png"]["alt"] == panel.sentence
