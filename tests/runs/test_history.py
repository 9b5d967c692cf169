"""The history of a run."""

import math

import pytest
import torch

from facegan import History
from facegan.errors import CheckpointError
from facegan.runs.history import COLUMNS, METRICS


def filled(rows, first=1):
    history = History()
    for step in range(first, first + rows):
        history.append(step, torch.arange(7) + float(step), images=8)
    return history


def test_columns_have_one_value_per_step():
    history = filled(3)
    assert history["step"] == [1, 2, 3]
    assert history["loss_g"] == [2.0, 3.0, 4.0]
    assert list(history) == ["step", *COLUMNS]
    assert repr(history) == "History(steps 1 to 3)"


def test_metrics_wait_until_somebody_reads_and_then_come_at_once(monkeypatch):
    history, stacked = filled(3), []
    stack = torch.stack
    monkeypatch.setattr(torch, "stack", lambda rows: stacked.append(len(rows)) or stack(rows))
    assert history.last() == {}
    history["loss_d"], history["loss_g"]
    assert stacked == [3]
    assert history.last()["step"] == 3


def test_it_does_not_wait_forever():
    history = filled(1000)
    assert history.last()["step"] == 1000


def test_csv_there_and_back(tmp_path):
    (tmp_path / "history.csv").write_bytes(filled(3, first=5).to_csv())
    again = History.from_csv(tmp_path / "history.csv")
    assert {name: again[name] for name in ("step", *METRICS)} == {
        name: filled(3, first=5)[name] for name in ("step", *METRICS)
    }


def test_state_there_and_back():
    history = filled(3, first=5)
    again = History.from_state(history.state_dict())
    assert {name: again[name] for name in again} == {name: history[name] for name in history}


def test_a_frame_of_pandas_is_indexed_by_step():
    pytest.importorskip("pandas")
    frame = filled(2).to_pandas()
    assert list(frame.index) == [1, 2]
    assert list(frame["d_real"]) == [3.0, 4.0]


@pytest.mark.parametrize("text", ["", "step,loss_d\n1,much\n", "step,loss_d\n1,0.5\n", "a,b\n1,2\n"])
def test_a_damaged_file_is_named(text, tmp_path):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(CheckpointError, match=r"history\.csv is damaged"):
        History.from_csv(tmp_path / "history.csv")


def test_columns_that_a_version_did_not_have_are_nan(tmp_path):
    (tmp_path / "history.csv").write_text("step,loss_d,loss_g,d_real,d_fake\n1,1,2,3,4\n")
    assert math.isnan(History.from_csv(tmp_path / "history.csv")["grad_norm_g"][0])


def test_the_rate_counts_training_alone(monkeypatch):
    clock = iter([10.0, 12.0, 100.0, 104.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    history = History()
    for step in (1, 2):  # 2 and 4 seconds of training, with a long pause between
        history.start_clock()
        history.append(step, torch.zeros(7), images=8)
        history.read()
    assert history["images_per_second"] == [4.0, 2.0]


def test_a_note_stands_in_the_last_row_alone():
    history = History()
    for step in (1, 2):
        history.append(step, torch.zeros(len(METRICS)), images=1)
    history.note(r_v=0.5)
    history.append(3, torch.zeros(len(METRICS)), images=1)
    assert math.isnan(history["r_v"][0])
    assert history["r_v"][1] == 0.5
    assert math.isnan(history["r_v"][2])


def test_a_note_before_the_first_row_is_dropped():
    history = History()
    history.note(r_v=0.5)
    assert "r_v" not in history


def test_the_rate_counts_the_images_of_all_steps_since_the_last_read(monkeypatch):
    clock = iter([10.0, 14.0, 20.0, 21.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    history = History()
    for steps in ((1, 2, 3), (4,)):
        history.start_clock()
        for step in steps:
            history.append(step, torch.zeros(len(METRICS)), images=8)
        history.read()
    assert history["images_per_second"] == [6.0, 6.0, 6.0, 8.0]


def test_a_step_between_two_others_has_no_row():
    history = History()
    for step in (2, 4):
        history.append(step, torch.zeros(len(METRICS)), images=8)
    assert history.at(4)["step"] == 4
    assert history.at(3) == history.at(5) == {}


def test_the_last_row_counts_without_a_line_break_after_it(tmp_path):
    (tmp_path / "history.csv").write_bytes(filled(3).to_csv().rstrip())
    assert History.from_csv(tmp_path / "history.csv")["step"] == [1, 2, 3]
