"""Rules on curves."""

import math

import pytest
import torch
from helpers.curves import CERTAIN, curves

from facegan.doctor.curves import RULES, examine, what_loss_hides
from facegan.errors import ConfigError


def names(history, loss="bce", *, sure=True):
    return [verdict.name for verdict in examine(history, loss) if verdict.sure is sure]


ILL = {
    "no gradient reaches G": CERTAIN | {"grad_norm_g": 0.01},
    "D has won": CERTAIN | {"grad_norm_g": 50.0},
    "dead game": {"d_real": 0.5, "d_fake": 0.5, "loss_d": 1.386, "grad_norm_g": 1e-6},
    "D is fooled": {"d_real": 0.3, "d_fake": 0.9},
    "learning rate too high": {"grad_norm_g": 8.0, "d_real": 0.8, "d_fake": 0.2},
    "D pulls away": {"d_real": 0.93, "d_fake": 0.06, "loss_g": 3.0},
}


def test_level_curves_are_healthy():
    assert not examine(curves((1000, {})))


@pytest.mark.parametrize("name", ILL)
def test_each_failure_is_found_and_dated(name):
    jitter = 0.0 if name in ("dead game", "no gradient reaches G", "D has won") else 0.05
    found = examine(curves((600, {}), (600, ILL[name]), jitter=jitter))
    assert found[0].name == name
    assert found[0].sure
    assert 400 < found[0].since <= 601


@pytest.mark.parametrize(
    "changes",
    [
        {"d_real": 0.95, "d_fake": 0.001},  # D has not won yet
        {"d_real": 0.55, "d_fake": 0.55, "loss_d": 1.39},  # nor are these probabilities one half
        {"d_real": 0.5, "d_fake": 0.52},  # D is hardly fooled
    ],
)
def test_what_is_just_healthy(changes):
    assert not examine(curves((600, changes), jitter=0.0))


def test_d_is_fooled_by_fakes_that_are_a_little_above_real_faces():
    assert names(curves((600, {"d_real": 0.5, "d_fake": 0.55}))) == ["D is fooled"]


def test_a_game_whose_loss_varies_is_not_dead():
    assert not examine(curves((600, ILL["dead game"]), jitter=0.02))


def test_a_gradient_far_above_that_of_d_is_not_a_sign_of_the_rate():
    assert not examine(curves((600, {}), (600, ILL["learning rate too high"] | {"grad_norm_g": 40.0})))


@pytest.mark.parametrize(("rate", "name"), [(5e-3, "learning rate too high"), (4e-3, "D is fooled")])
def test_a_rate_is_high_from_a_value_on(rate, name):
    history = curves((600, ILL["D is fooled"]))
    assert examine(history, rates=(2e-4, rate))[0].name == name


def test_a_small_gradient_still_reaches_g():
    assert names(curves((600, CERTAIN | {"grad_norm_g": 0.3}), jitter=0.0)) == ["D has won"]


@pytest.mark.parametrize(("later", "found"), [(-90.0, []), (-400.0, ["D pulls away"])])
def test_a_wasserstein_loss_that_grows_tenfold_pulls_away(later, found):
    history = curves((300, {"loss_d": -20.0}), (600, {"loss_d": later}))
    assert names(history, "wasserstein") == found


def test_the_growth_of_a_wasserstein_loss_is_positive():
    (verdict,) = examine(curves((300, {"loss_d": -20.0}), (600, {"loss_d": -400.0})), "wasserstein")
    assert "20 times its early size" in verdict.evidence


def test_a_small_wasserstein_loss_may_grow():
    assert not examine(curves((300, {"loss_d": -0.02}), (600, {"loss_d": -0.5})), "wasserstein")


def test_an_even_game_in_which_g_gets_gradients_is_not_dead():
    even = {"d_real": 0.5, "d_fake": 0.4995, "loss_d": 1.386, "grad_norm_g": 0.7}
    assert not examine(curves((600, even), jitter=0.0))


def test_a_short_recovery_does_not_end_a_spell():
    fooled = ILL["D is fooled"]
    (verdict,) = examine(curves((400, {}), (400, fooled), (200, {}), (400, fooled)))
    assert verdict.since < 450


def test_the_evidence_is_the_newest():
    parts = [(400, {"d_real": 0.3, "d_fake": d_fake}) for d_fake in (0.9, 0.7)]
    (verdict,) = examine(curves(*parts, jitter=0.0))
    assert "by 0.40" in verdict.evidence


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_numerical_failure(value):
    history = curves((600, {}))
    history["loss_g"][-1] = value
    (found,) = examine(history)
    assert found.name == "numerical failure"
    assert found.sure
    assert "loss_g" in found.evidence


@pytest.mark.parametrize("spoiled", [1, 200])
def test_an_early_value_that_is_not_finite_does_not_hide_what_comes_later(spoiled):
    history = curves((600, {}), (600, ILL["D pulls away"]))
    history["loss_g"][:spoiled] = [math.nan] * spoiled
    assert names(history) == (["D pulls away"] if spoiled < 200 else [])


def test_skipped_float16_steps_are_numerical_failure():
    history = curves((600, {}))
    history["grad_norm_d"][-60:] = [0.0] * 60
    assert names(history) == ["numerical failure"]


def test_a_few_skipped_steps_are_usual():
    history = curves((600, {}))
    history["grad_norm_d"][-10:] = [0.0] * 10
    assert not examine(history)


def test_a_hinge_loss_of_zero_is_no_skipped_step():
    history = curves((600, {"loss_d": 0.0, "grad_norm_d": 0.0, "d_real": 0.8, "d_fake": 0.2}))
    assert names(history, "hinge") == ["D has won"]


def test_a_failure_that_has_passed_is_not_told():
    assert not examine(curves((400, {}), (400, ILL["D is fooled"]), (1000, {})))


def test_a_failure_in_few_windows_is_not_sure():
    history = curves((1000, {}), (135, ILL["D is fooled"]))
    assert names(history, sure=False) == ["D is fooled"]
    assert not names(history)


def test_a_history_of_one_window_can_be_sure():
    assert names(curves((200, ILL["D has won"]), jitter=0.0)) == ["D has won"]


@pytest.mark.parametrize(
    ("loss", "changes", "name"),
    [
        ("hinge", {"loss_d": 0.001, "d_real": 0.75, "d_fake": 0.25}, "D has won"),
        ("least_squares", {"loss_d": 0.001, "d_real": 0.73, "d_fake": 0.5}, "D has won"),
        ("hinge", {"loss_d": 2.0, "d_real": 0.5, "d_fake": 0.5}, "dead game"),
        ("least_squares", {"loss_d": 0.25, "d_real": 0.62, "d_fake": 0.62}, "dead game"),
        ("wasserstein", {"loss_d": 0.0, "d_real": 0.5, "d_fake": 0.5}, "dead game"),
        ("hinge", {"d_real": 0.4, "d_fake": 0.6}, "D is fooled"),
    ],
)
def test_losses_without_probabilities_have_rules_of_their_own(loss, changes, name):
    assert names(curves((600, changes), jitter=0.0), loss) == [name]


def test_a_saturated_wasserstein_critic_is_no_verdict():
    history = curves((600, {"d_real": 1.0, "d_fake": 0.0, "loss_d": -9.0}), jitter=0.0)
    assert not examine(history, "wasserstein")


@pytest.mark.parametrize("loss", ["hinge", "least_squares", "wasserstein", "mine"])
def test_what_a_loss_hides_names_it(loss):
    assert repr(loss) in what_loss_hides(loss)


@pytest.mark.parametrize("loss", ["bce", "minimax"])
def test_probabilities_hide_nothing(loss):
    assert what_loss_hides(loss) == ""


def test_a_short_history_says_how_many_steps_are_needed():
    with pytest.raises(ConfigError, match="199 steps, expected 200"):
        examine(curves((199, {})))


def test_a_history_without_gradients_is_refused_by_name():
    history = curves((300, {}))
    del history["grad_norm_g"]
    with pytest.raises(ConfigError, match="no column 'grad_norm_g'"):
        examine(history)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss_d": [1.0] * 299}, "300 rows of 'step' and 299 of 'loss_d'"),
        ({"loss_g": ["high"] * 300}, "'loss_g' is not a list of numbers"),
        ({"loss_g": [torch.ones((), requires_grad=True)] * 300}, "'loss_g' is not a list of numbers"),
        ({"d_real": [[0.5]] * 300}, r"'d_real' has the shape \(300, 1\)"),
        ({"d_real": 0.5}, r"'d_real' has the shape \(\)"),
        ({"step": range(300, 0, -1)}, "do not ascend"),
        ({"step": [*range(150), *range(150)]}, "do not ascend"),
        ({"step": [math.nan] * 300}, "do not ascend"),
    ],
)
def test_what_is_no_history_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        examine(curves((300, {})) | changes)


def test_recent_windows_find_the_same():
    history = curves((600, {}), (600, ILL["D is fooled"]))
    assert [v.name for v in examine(history, recent=True)] == [v.name for v in examine(history)]


def test_every_rule_has_a_failure_here():
    assert {*ILL, "numerical failure"} == set(RULES)
