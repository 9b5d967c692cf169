"""What sets in during a training, told once."""

from helpers.curves import curves

from facegan.config import TrainConfig
from facegan.doctor.watch import Watch

FOOLED = {"d_real": 0.3, "d_fake": 0.9}


def upto(history, steps):
    return {name: column[:steps] for name, column in history.items()}


def test_a_failure_is_told_once():
    history, watch = curves((600, {}), (600, FOOLED)), Watch(TrainConfig())
    told = [watch.news(upto(history, steps)) for steps in range(100, 1201, 50)]
    (only,) = filter(None, told)
    assert only.startswith("Doctor: D is fooled since step 5")


def test_a_healthy_training_is_left_in_peace():
    history, watch = curves((600, {})), Watch(TrainConfig())
    assert not any(watch.news(upto(history, steps)) for steps in range(0, 601, 50))


def test_a_second_failure_is_told_too():
    history = curves(
        (600, FOOLED), (600, {"grad_norm_g": 50.0, "d_real": 0.9999, "d_fake": 0.0001}), jitter=0.0
    )
    watch = Watch(TrainConfig())
    told = [watch.news(upto(history, steps)) for steps in (600, 1200)]
    assert "D is fooled" in told[0]
    assert "D has won" in told[1]


def test_low_rates_are_not_called_too_high():
    history = curves((600, {}), jitter=0.3)  # D's loss jumps, as with batches of 2
    assert not Watch(TrainConfig()).news(history)
    assert "learning rate too high" in Watch(TrainConfig(lr_g=0.02)).news(history)
    assert "learning rate too high" in Watch(TrainConfig(optimizer_d="sgd")).news(
        history
    )  # rates do not compare
