"""`play`: what its page holds, says and weighs, and what it refuses."""

import io
import json
import re

import numpy as np
import pytest
from helpers.recordings import recording, unpack
from PIL import Image

from facegan.errors import ConfigError
from facegan.plane.page import MISSING
from facegan.plane.player import LIMIT, play
from facegan.plane.still import last_finite, still


def small(**changes):
    return recording(**{"frames": 6, "count": 20, "grid": 3, **changes})


def with_nan(values, *where):
    values = values.copy()
    values[where] = np.nan
    return values


def data_of(*recordings):
    return json.loads(re.search(r'id="data">(.*?)</script>', play(*recordings).html, re.DOTALL)[1])


def packed(made):
    return data_of(made)["recordings"][0]


class TestSize:
    def test_a_usual_recording_fits(self):
        assert len(play(recording()).html) <= LIMIT

    def test_the_page_without_a_recording_is_small(self):
        assert len(play(small(frames=1)).html) < 60_000

    @pytest.mark.slow
    def test_a_page_that_is_too_large_says_what_to_lower(self):
        wild = np.random.default_rng(0).uniform(-3, 3, (200, 1500, 2))
        with pytest.raises(
            ConfigError,
            match=r"at most 600 kB.*200 frames of 1500 fakes.*`every`",
        ):
            play(recording(fakes=wild))

    @pytest.mark.slow
    def test_a_wild_recording_fits_with_coarser_positions(self):
        wild = recording(fakes=np.random.default_rng(0).uniform(-3, 3, (201, 560, 2)), frames=201)
        found = packed(wild)
        assert found["edge"] == 125
        assert (
            np.abs(unpack(found["fakes"]) / 125 * wild.extent - wild.fakes).max() <= wild.extent / 250 + 1e-9
        )

    def test_two_recordings_may_be_twice_as_large(self):
        wild = np.random.default_rng(0).uniform(-3, 3, (70, 1500, 2))
        assert LIMIT < len(play(*[recording(frames=70, fakes=wild)] * 2).html) <= 2 * LIMIT


class TestArrays:
    def test_fakes_are_within_a_pixel(self):
        made = small()
        found = packed(made)
        shown = unpack(found["fakes"]) / found["edge"] * made.extent
        assert np.abs(shown - made.fakes).max() <= made.extent / 500 + 1e-9

    def test_fakes_that_are_nan_are_missing(self):
        fakes = unpack(packed(small(fakes=with_nan(small().fakes, 2, 7)))["fakes"])
        assert np.argwhere(fakes == MISSING).tolist() == [[2, 7, 0], [2, 7, 1]]

    def test_fakes_far_outside_are_drawn_outside(self):
        far = small().fakes
        far[0, 0] = [1e9, -1e9]
        found = packed(small(fakes=far))
        assert unpack(found["fakes"])[0, 0].tolist() == [1.2 * found["edge"], -1.2 * found["edge"]]

    def test_output_of_probabilities_goes_from_0_to_1(self):
        output = np.linspace(0, 1, 6 * 16).reshape(6, 4, 4)
        found = packed(small(output=output))
        assert (
            np.abs(unpack(found["output"]) / found["shades"] - output).max() <= 0.5 / found["shades"] + 1e-9
        )

    def test_the_map_of_logits_is_symmetric(self):
        found = packed(small(output=np.full((6, 4, 4), 3.0), probabilities=False))
        assert found["ticks"] == ["≤ -5 fake", "0", "≥ 5 real"]
        assert set(unpack(found["output"]).ravel()) == {round(0.8 * found["shades"])}

    def test_a_few_extreme_logits_do_not_fade_the_rest(self):
        output = np.ones((6, 10, 10))
        output[:, 0, 0] = 1e6
        assert packed(small(output=output, probabilities=False))["ticks"][0] == "≤ -1 fake"

    def test_output_that_is_nan_is_gray(self):
        output = unpack(packed(small(output=with_nan(small().output, 1, 2, 3)))["output"])
        assert np.argwhere(output == 255).tolist() == [[1, 2, 3]]

    def test_curves_have_null_for_nan(self):
        curves = {**small().curves, "loss_g": np.array([1, np.nan, np.inf, 2, 3, 4])}
        assert packed(small(curves=curves))["curves"]["loss_g"] == [1, None, None, 2, 3, 4]

    def test_arrows_keep_their_directions(self):
        made = small()
        arrows = unpack(packed(made)["arrows"]).astype(float)
        long = np.linalg.norm(arrows, axis=-1) > 20
        turn = np.angle(arrows @ [1, 1j]) - np.angle(made.arrows @ [1, 1j])
        assert long.any()
        assert np.abs(np.sin(turn[long])).max() < 0.05

    def test_both_recordings_have_the_same_scale_of_arrows(self):
        one, two = data_of(small(arrows=np.ones((6, 5, 2))), small(arrows=np.full((6, 5, 2), 0.1)))[
            "recordings"
        ]
        assert unpack(one["arrows"]).max() == pytest.approx(10 * unpack(two["arrows"]).max(), rel=0.2)

    def test_gradients_that_are_all_zero_are_no_arrows(self):
        assert not unpack(packed(small(arrows=np.zeros((6, 5, 2))))["arrows"]).any()

    def test_a_recording_without_any_finite_number_is_played(self):
        made = small()
        broken = {
            name: np.full_like(getattr(made, name), np.nan)
            for name in ("fakes", "output", "arrows", "manifold")
        }
        curves = {name: np.full(6, np.nan) for name in made.curves}
        assert "loss of D not finite" in play(small(**broken, curves=curves, probabilities=False)).alt


class TestCurves:
    def titles(self, made):
        return [chart["title"] for chart in packed(made)["charts"]]

    def test_a_recording_of_modes_and_probabilities_has_three_charts(self):
        assert self.titles(small()) == ["Loss", "Output of D", "Modes covered"]

    def test_logits_are_not_shown_as_probabilities(self):
        assert "Output of D" not in self.titles(small(probabilities=False))

    def test_data_without_modes_has_no_chart_of_them(self):
        assert "Modes covered" not in self.titles(small(modes=0))

    def test_two_recordings_have_the_same_range_of_losses(self):
        high = {**small().curves, "loss_d": np.full(6, 40.0)}
        one, two = (r["charts"][0]["range"] for r in data_of(small(), small(curves=high))["recordings"])
        assert one == two
        assert one[1] > 40


class TestInStep:
    def test_one_recording_shows_each_of_its_frames(self):
        data = data_of(small())
        assert data["timeline"] == [0, 10, 20, 30, 40, 50]
        assert data["recordings"][0]["frames"] == [0, 1, 2, 3, 4, 5]

    def test_the_sparser_recording_shows_its_frame_at_or_before(self):
        data = data_of(small(), small(frames=3, every=25))
        assert data["timeline"] == [0, 10, 20, 25, 30, 40, 50]
        assert data["recordings"][1]["frames"] == [0, 0, 0, 1, 1, 1, 2]

    def test_the_shorter_recording_stays_at_its_end(self):
        assert data_of(small(), small(frames=3))["recordings"][1]["frames"] == [0, 1, 2, 2, 2, 2]

    def test_a_recording_that_starts_later_waits_in_its_first_frame(self):
        late = small(steps=np.array([30, 40, 50, 60, 70, 80]))
        assert data_of(small(), late)["recordings"][1]["frames"][:5] == [0, 0, 0, 0, 1]


class TestRefusals:
    def test_none(self):
        with pytest.raises(ConfigError, match=r"got 0 recordings, expected one or two.*play\(recording\)"):
            play()

    def test_three(self):
        with pytest.raises(ConfigError, match="got 3 recordings, expected one or two"):
            play(small(), small(), small())

    def test_something_else(self):
        with pytest.raises(ConfigError, match=r"got 'ring', expected recordings.*record\("):
            play("ring")

    @pytest.mark.parametrize("speed", [0, -1, 3, "fast", True, None, [1]])
    def test_a_speed_that_the_page_has_not(self, speed):
        with pytest.raises(ConfigError, match=r"expected 0\.25, 0\.5, 1, 2 or 4"):
            play(small(), speed=speed)


class TestText:
    def test_alt_has_the_data_the_settings_and_how_it_ends(self):
        alt = play(small(title="ring, minimax loss", seed=7)).alt
        assert re.search(
            r"ring, minimax loss, seed 7, 6 frames up to step 50\. .*6 of 8 modes.*loss of D \d", alt
        )

    def test_alt_of_data_without_modes_has_no_modes(self):
        assert "modes" not in play(small(modes=0)).alt

    def test_alt_of_two_names_both(self):
        assert re.search(
            "Left: .*ring 1.* Right: .*ring 2", play(small(title="ring 1"), small(title="ring 2")).alt
        )

    def test_the_document_has_no_address_on_the_network(self):
        assert not re.search(r"https?://|src=|@import|url\(", play(small()).html)

    def test_a_title_cannot_end_the_script(self):
        page = play(small(title="</script><b>bold</b>"))
        assert page.html.count("</script>") == play(small()).html.count("</script>")
        assert "<b>" not in page.html

    def test_a_recording_shows_itself(self):
        bundle, _ = small()._repr_mimebundle_()
        assert "class Player" in bundle["text/html"]


class TestStill:
    def test_it_is_a_small_picture(self):
        png = still([recording(), recording(seed=1)])
        assert Image.open(io.BytesIO(png)).format == "PNG"
        assert len(png) < 40_000

    def test_two_recordings_fit_the_notebook(self):
        width, height = Image.open(io.BytesIO(still([small(), small()]))).size
        assert 600 <= width <= 900
        assert height <= 450

    def test_it_shows_the_last_finite_frame(self):
        assert last_finite(small(fakes=with_nan(small().fakes, slice(4, 6)))) == 3

    def test_it_shows_the_last_frame_if_none_is_finite(self):
        assert last_finite(small(output=with_nan(small().output, slice(None)))) == 5

    def test_a_title_with_dollars_is_no_formula(self):
        assert still([small(title=r"$\frac{$ ring")])


def test_the_alternative_text_names_the_seed_once():
    assert play(recording(title="ring, seed 3", seed=3)).alt.count("seed 3") == 1
    assert "ring, seed 0," in play(recording(title="ring", seed=0)).alt
