import io
import math
import re
import sys
import textwrap
from functools import partial
from types import SimpleNamespace

import pytest
from helpers import assert_same_state, make_gan

from facegan import (
    GAN,
    Callback,
    fit,
)
from facegan.errors import ConfigError, TrainingError
from facegan.runs.history import METRICS
from facegan.training import callbacks


class Log(Callback):
    """Notes what it hears; asks to stop at a step."""

    def __init__(self, stop_at=None):
        self.stop_at, self.heard = stop_at, []

    def on_train_begin(self, gan, total):
        self.heard.append(("begin", gan.step, total))

    def on_snapshot(self, gan, grid):
        self.heard.append(("snapshot", gan.step))

    def on_step_end(self, gan, metrics):
        self.heard.append(("step", gan.step))
        if gan.step == self.stop_at:
            gan.request_stop()

    def on_train_end(self, gan):
        self.heard.append(("end", gan.step))


def test_a_callback_hears_of_everything_in_order(gan, faces):
    log = Log()
    fit(gan, faces, steps=2, snapshot_every=2, callbacks=[log])
    assert log.heard == [
        ("begin", 0, 2), ("snapshot", 0), ("step", 1), ("step", 2), ("snapshot", 2), ("end", 2),
    ]  # fmt: skip


def test_a_callback_that_wants_a_stop_gets_it_saved_and_the_run_goes_on_exactly(config, faces, tmp_path):
    gan = GAN(config, device="cpu")
    fit(gan, faces, steps=6, run_dir=tmp_path / "run", callbacks=[Log(stop_at=3)])
    assert gan.step == 3
    resumed, straight = GAN(config, device="cpu"), GAN(config, device="cpu")
    fit(resumed, faces, steps=6, run_dir=tmp_path / "run")
    fit(straight, faces, steps=6)
    assert_same_state(resumed, straight)


def test_a_callback_hears_the_end_of_a_run_that_breaks(gan, faces):
    log = Log()

    def broken(gan, _):
        if gan.step:
            raise ValueError("a callback of the user's")

    with pytest.raises(ValueError, match="a callback of the user's"):
        fit(gan, faces, steps=4, snapshot_every=2, callbacks=[log, broken])
    assert log.heard[-1] == ("end", 2)


def test_every_callback_that_began_hears_the_end_though_another_fails(gan, faces):
    class Broken(Log):
        def on_train_begin(self, gan, total):
            raise ValueError("a callback of the user's")

        def on_train_end(self, gan):
            raise AssertionError("it has not begun")

    log = Log()
    with pytest.raises(ValueError, match="a callback of the user's"):
        fit(gan, faces, steps=4, callbacks=[log, Broken()])
    assert log.heard == [("begin", 0, 4), ("end", 0)]


def test_the_bar_is_left_out_where_a_callback_shows_progress(gan, faces, capsys):
    log = Log()
    log.shows_progress = True
    fit(gan, faces, steps=2, callbacks=[log])
    assert "step/s" not in capsys.readouterr().err
    fit(gan, faces, steps=4, callbacks=[Log()])
    assert "4/4" in capsys.readouterr().err


def test_callbacks_see_every_snapshot(gan, faces):
    seen = []
    fit(
        gan,
        faces,
        steps=4,
        snapshot_every=2,
        callbacks=[lambda gan, grid: seen.append((gan.step, tuple(grid.shape)))],
    )
    side = 8 * 18 + 2
    assert seen == [(step, (3, side, side)) for step in (0, 2, 4)]


def test_tensorboard_gets_every_step_and_the_grids(faces, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for steps in (3, 5):
        fit(make_gan(tensorboard=True), faces, steps=steps, snapshot_every=2, run_dir=tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert [e.step for e in events.Scalars("loss_d")] == [1, 2, 3, 4, 5]
    assert [e.step for e in events.Images("faces")] == [0, 2, 3, 4, 5]


def test_a_run_of_which_every_step_overflows_fp16_says_so(faces):
    gan = make_gan(precision="fp16")

    def collapse(gan, grid):
        if gan.step:
            gan.engine.scaler.update(1e-9)

    with pytest.raises(TrainingError, match="diverged at step 4: every step overflows float16"):
        fit(gan, faces, steps=9, snapshot_every=2, callbacks=[collapse])


def test_a_diverged_loss_stops_with_the_step_and_keeps_the_checkpoint(faces, tmp_path):
    gan = make_gan()

    def poison(gan, grid):
        if gan.step == 4:
            gan.discriminator.blocks[0][0].weight.data.fill_(math.nan)

    with pytest.raises(TrainingError, match=r"step 5: loss_d is nan\. The checkpoint of step 4"):
        fit(gan, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run", callbacks=[poison])
    again = make_gan()
    fit(again, faces, steps=9, snapshot_every=2, run_dir=tmp_path / "run")
    assert again.step == 9


def test_other_errors_pass_unchanged(gan, faces):
    def broken(gan, grid):
        raise RuntimeError("a callback's own bug")

    with pytest.raises(RuntimeError, match="a callback's own bug"):
        fit(gan, faces, steps=2, callbacks=[broken])


def test_any_object_with_one_of_the_methods_is_a_callback(gan, faces):
    class Losses:
        def __init__(self):
            self.seen = []

        def on_step_end(self, gan, metrics):
            self.seen.append((gan.step, metrics["loss_d"].item()))

    losses = Losses()
    fit(gan, faces, steps=3, snapshot_every=2, callbacks=[losses])
    assert losses.seen == list(zip([1, 2, 3], gan.history["loss_d"], strict=True)), "the last step included"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([3], r"callbacks\[0\] is 3, expected a function"),
        ([Log], r"callbacks\[0\] is <class"),
        (print, "expected a list"),
    ],
)  # fmt: skip
def test_what_is_no_callback_is_refused(gan, faces, given, message):
    with pytest.raises(ConfigError, match=message):
        fit(gan, faces, steps=1, callbacks=given)


def test_history_is_complete_when_a_snapshot_is_shown(gan, faces):
    rows = []
    fit(
        gan,
        faces,
        steps=4,
        snapshot_every=2,
        callbacks=[lambda gan, grid: rows.append(len(gan.history["step"]))],
    )
    assert rows == [0, 2, 4]


def test_a_stop_asked_for_in_an_earlier_run_does_not_stop_the_next(gan, faces):
    gan.request_stop()
    fit(gan, faces, steps=2)
    assert gan.step == 2


def test_the_documented_callback_for_weights_and_biases_works(gan, faces):
    logged = []
    wandb = SimpleNamespace(
        init=lambda config: logged.append(config["width"]),
        log=lambda values, step=None: logged.append((step, *values)),
        Image=lambda pixels: pixels.shape,
        finish=lambda: logged.append("finished"),
    )
    code = textwrap.dedent(re.search(r"( +class WeightsAndBiases.*?)\Z", callbacks.__doc__, re.S)[1])
    exec(code, {"wandb": wandb, "fit": partial(fit, steps=2, snapshot_every=2), "gan": gan, "faces": faces})
    assert logged[:2] == [8, (None, "faces")]
    assert logged[2] == (1, *METRICS)
    assert logged[-1] == "finished"


def test_the_run_folder_is_complete_when_training_ends(gan, faces, tmp_path):
    class Upload:
        def on_train_end(self, gan):
            self.found = (tmp_path / "run" / "generator.safetensors").exists()

    upload = Upload()
    fit(gan, faces, steps=2, run_dir=tmp_path / "run", callbacks=[upload])
    assert upload.found


def test_after_an_error_there_is_no_generator_file_of_an_untrained_network(gan, faces, tmp_path):
    class Broken:
        def on_step_end(self, gan, metrics):
            raise ValueError("of the user's")

    with pytest.raises(ValueError, match="of the user's"):
        fit(gan, faces, steps=2, run_dir=tmp_path / "run", callbacks=[Broken()])
    assert not (tmp_path / "run" / "generator.safetensors").exists()


def test_the_bar_names_the_epoch(gan, faces, capsys):
    fit(gan, faces, steps=7)
    assert "epoch 2, D " in capsys.readouterr().err


def test_without_tensorboard_training_warns_once_and_goes_on(faces, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.warns(UserWarning, match="tensorboard is not installed") as warned:
        fit(make_gan(tensorboard=True), faces, steps=2, run_dir=tmp_path / "run")
    assert len([w for w in warned if "tensorboard" in str(w.message)]) == 1
    assert (tmp_path / "run" / "curves.png").exists()
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_an_infinite_penalty_ends_the_run_though_the_losses_are_finite(faces):
    with pytest.raises(TrainingError, match="diverged at step 1: grad_norm_d is inf"):
        fit(make_gan(r1=3e38, norm="none"), faces, steps=3)


def test_progress_in_a_log_file_is_a_few_lines(gan, faces, tmp_path, monkeypatch):
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr("sys.stderr", log)
        fit(gan, faces, steps=60)
    lines = (tmp_path / "log").read_text().split("\n")
    assert lines.pop() == ""
    assert len(lines) <= 3
    assert "60/60" in lines[-1]
    assert not any("\r" in line for line in lines)


def test_progress_in_a_terminal_is_one_line(gan, faces, monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr", terminal)
    fit(gan, faces, steps=6)
    assert terminal.getvalue().count("\n") == 1


@pytest.mark.parametrize("network", ["generator", "discriminator", "ema"])
def test_a_weight_that_is_no_number_ends_a_run_whose_metrics_are_finite(network, faces):
    class Spoil(Callback):
        def on_step_end(self, gan, metrics):
            next(getattr(gan, network).parameters()).data.fill_(math.nan)

    with pytest.raises(TrainingError, match="a weight is no longer finite"):
        fit(make_gan(), faces, steps=1, callbacks=[Spoil()])
