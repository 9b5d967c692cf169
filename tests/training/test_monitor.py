import os
import signal
import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from helpers import assert_same_state, interrupt_in_backward, make_gan

from facegan import Run, fit, train_step
from facegan.errors import TrainingError, TrainingStopped
from facegan.runs import checkpoint
from facegan.runs.folder import RunFolder
from facegan.training.interrupts import interruptible

pytestmark = pytest.mark.usefixtures("no_curves")


def interrupt_at(step):
    """A step during which the user presses Ctrl-C, before its `step`-th round begins."""

    def interrupted(gan, real):
        if gan.step == step - 1:
            signal.raise_signal(signal.SIGINT)
        return train_step(gan, real)

    return interrupted


def test_ctrl_c_finishes_the_step_saves_and_goes_on(faces, tmp_path, monkeypatch, capsys):
    before = signal.getsignal(signal.SIGINT)
    straight, gan = make_gan(), make_gan()
    fit(straight, faces, steps=8)
    monkeypatch.setattr("facegan.training.fit.train_step", interrupt_at(5))
    history = fit(gan, faces, steps=8, snapshot_every=3, run_dir=tmp_path / "run")
    assert len(history["loss_d"]) == gan.step == 5
    assert "stopped at step 5 of 8: saved" in capsys.readouterr().out
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is before
    again = make_gan()
    fit(again, faces, steps=8, run_dir=tmp_path / "run")
    assert_same_state(again, straight)
    assert (tmp_path / "run" / "progress.gif").exists()


def test_ctrl_c_in_mid_save_completes_the_save(faces, tmp_path, monkeypatch):
    save = checkpoint.save

    def interrupted_save(state, path):
        signal.raise_signal(signal.SIGINT)
        return save(state, path)

    gan = make_gan()
    monkeypatch.setattr(checkpoint, "save", interrupted_save)
    fit(gan, faces, steps=8, snapshot_every=3, run_dir=tmp_path / "run")
    assert checkpoint.load_latest(tmp_path / "run" / "checkpoints")["step"] == gan.step == 0


@pytest.mark.parametrize("nth", [11, 12], ids=["in D's half of step 6", "in G's half of step 6"])
def test_an_interrupt_inside_a_step_goes_back_to_the_checkpoint(faces, tmp_path, monkeypatch, capsys, nth):
    straight, gan = make_gan(), make_gan()
    fit(straight, faces, steps=8)
    interrupt_in_backward(monkeypatch, nth)
    history = fit(gan, faces, steps=8, snapshot_every=3, run_dir=tmp_path / "run")
    assert len(gan.history["loss_d"]) == gan.step == 3
    assert history is not None
    assert "back at the checkpoint of step 3" in capsys.readouterr().out
    monkeypatch.undo()
    fit(gan, faces, steps=8, run_dir=tmp_path / "run")
    assert_same_state(gan, straight)


def test_an_interrupt_inside_a_step_without_a_folder_keeps_the_history(gan, faces, monkeypatch, capsys):
    interrupt_in_backward(monkeypatch, 11)
    history = fit(gan, faces, steps=8)
    assert len(history["loss_d"]) == gan.step == 5
    assert "within step 6; nothing was saved" in capsys.readouterr().out
    monkeypatch.undo()
    assert len(fit(gan, faces, steps=8)["loss_d"]) == 8


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_suggests_a_batch_size(gan, faces, monkeypatch, error):
    def exhausted(*_):
        raise error

    monkeypatch.setattr("facegan.training.step.augment", exhausted)
    with pytest.raises(TrainingError, match=r"out of memory .*batch_size=8\. Try batch_size=4"):
        fit(gan, faces, steps=2)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupt_or_error_between_steps_costs_no_step(gan, faces, tmp_path, error):
    class Stop:
        def on_step_end(self, gan, metrics):
            if gan.step == 5:
                raise error

    context = pytest.raises(ValueError, match=r"^$") if error is ValueError else nullcontext()
    with context:
        fit(gan, faces, steps=8, snapshot_every=100, run_dir=tmp_path / "run", callbacks=[Stop()])
    assert gan.step == 5
    assert Run.open(tmp_path / "run").checkpoints[-1] == 5


@pytest.fixture
def cell(monkeypatch):
    """What runs here counts as a notebook's cell."""
    monkeypatch.setattr("facegan.training.monitor.in_cell", lambda: True)


def test_in_a_cell_the_users_stop_is_raised_after_saving(cell, gan, faces, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("facegan.training.fit.train_step", interrupt_at(5))
    with pytest.raises(TrainingStopped, match=r"^Stopped at step 5 of 8; saved"):
        fit(gan, faces, steps=8, run_dir=tmp_path / "run")
    assert Run.open(tmp_path / "run").checkpoints[-1] == 5
    assert "stopped" not in capsys.readouterr().out


def test_in_a_cell_an_interrupt_inside_a_step_is_raised_after_going_back(
    cell, gan, faces, tmp_path, monkeypatch
):
    interrupt_in_backward(monkeypatch, 11)
    with pytest.raises(TrainingStopped, match=r"^Stopped at step 3 of 8; saved"):
        fit(gan, faces, steps=8, snapshot_every=3, run_dir=tmp_path / "run")


@pytest.mark.parametrize(("at", "by_user"), [(5, False), (8, True)])
def test_in_a_cell_a_programs_stop_and_one_at_the_end_return(cell, gan, faces, at, by_user):
    class Stop:
        def on_step_end(self, gan, metrics):
            if gan.step == at:
                gan.request_stop(by_user=by_user)

    assert len(fit(gan, faces, steps=8, callbacks=[Stop()])["step"]) == at


def test_a_stop_in_a_notebook_is_shown_without_a_traceback():
    stopped = TrainingStopped("Stopped at step 5 of 8; saved.")
    assert stopped._render_traceback_() == ["Stopped at step 5 of 8; saved."]
    assert isinstance(stopped, KeyboardInterrupt)


def test_interrupts_while_it_saves_lose_no_step(faces, tmp_path, monkeypatch):
    """As when Kernel > Interrupt is pressed twice: the second comes while the first is answered."""
    gan, saves = make_gan(), []

    def save(state, path):
        if gan.step == 5:
            signal.raise_signal(signal.SIGINT)
        saves.append(gan.step)
        return write(state, path)

    write = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", save)
    stop = SimpleNamespace(on_step_end=lambda gan, _: gan.step == 5 and signal.raise_signal(signal.SIGINT))
    fit(gan, faces, steps=9, snapshot_every=4, run_dir=tmp_path / "run", callbacks=[stop])
    assert gan.step == 5
    assert checkpoint.load_latest(tmp_path / "run" / "checkpoints")["step"] == 5


def interrupt_twice():
    for _ in range(2):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", [0, 4], ids=["the first snapshot", "a later one"])
def test_interrupts_during_a_snapshot_let_it_end(cell, gan, faces, tmp_path, step):
    seen = []

    def look(gan, grid):
        seen.append(gan.step)
        if gan.step == step:
            interrupt_twice()

    with pytest.raises(TrainingStopped, match=rf"^Stopped at step {step} of 9; saved"):
        fit(gan, faces, steps=9, snapshot_every=4, run_dir=tmp_path / "run", callbacks=[look])
    assert seen == [0, 4][: len(seen)]
    assert seen[-1] == gan.step == Run.open(tmp_path / "run").checkpoints[-1] == step


def test_interrupts_while_it_goes_back_let_it_go_back(cell, gan, faces, tmp_path, monkeypatch):
    latest = RunFolder.latest

    def interrupted_latest(folder):
        if gan.step == 5:
            interrupt_twice()
        return latest(folder)

    monkeypatch.setattr(RunFolder, "latest", interrupted_latest)
    interrupt_in_backward(monkeypatch, 11)
    with pytest.raises(TrainingStopped, match=r"^Stopped at step 3 of 8; saved"):
        fit(gan, faces, steps=8, snapshot_every=3, run_dir=tmp_path / "run")
    assert gan.step == 3


@pytest.mark.parametrize("more", [1, 2])
def test_interrupts_50_ms_later_find_it_saving_and_lose_no_step(
    cell, gan, faces, tmp_path, monkeypatch, more
):
    sent, write = threading.Event(), checkpoint.save

    def press():
        for _ in range(more):
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)
        sent.set()

    def save(state, path):
        if gan.step == 5:
            assert sent.wait(10)
        return write(state, path)

    def first(gan, _):
        if gan.step == 5:
            threading.Thread(target=press).start()
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(checkpoint, "save", save)
    with pytest.raises(TrainingStopped, match=r"^Stopped at step 5 of 9; saved"):
        fit(
            gan,
            faces,
            steps=9,
            snapshot_every=4,
            run_dir=tmp_path / "run",
            callbacks=[SimpleNamespace(on_step_end=first)],
        )
    assert Run.open(tmp_path / "run").checkpoints[-1] == gan.step == 5


def test_a_second_interrupt_acts_once_and_only_while_steps_are_running():
    with interruptible() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked()
        with asked.held():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_saves_the_step_and_ends_the_process(name, gan, faces, tmp_path):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # tests that run in the background ignore SIGHUP
    ask = SimpleNamespace(on_step_end=lambda gan, _: gan.step == 3 and signal.raise_signal(number))
    with pytest.raises(SystemExit) as ended:
        fit(gan, faces, steps=9, run_dir=tmp_path / "run", callbacks=[ask])
    assert ended.value.code == 128 + number
    assert Run.open(tmp_path / "run").checkpoints[-1] == 3
    assert signal.signal(number, before) == signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_ignored(gan, faces):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        ask = SimpleNamespace(on_step_end=lambda gan, _: signal.raise_signal(signal.SIGHUP))
        fit(gan, faces, steps=2, callbacks=[ask])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert gan.step == 2
