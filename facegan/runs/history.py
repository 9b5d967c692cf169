"""The history of a run: one row of metrics per step."""

from __future__ import annotations

import csv
import io
import math
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from facegan.errors import CheckpointError, ConfigError, first_line

if TYPE_CHECKING:
    import pandas

METRICS = ("loss_d", "loss_g", "d_real", "d_fake", "d_fake_after", "grad_norm_d", "grad_norm_g")
COLUMNS = (*METRICS, "images_per_second")
ADAPTIVE = ("augment_r", "augment_p")  # only in runs with adaptive augmentation
HELD_OUT = ("r_t", "r_v")  # only in runs with held-out faces, and only at snapshots
_PENDING = 1000  # maximum number of rows that stay on the device


class History(Mapping[str, list[float]]):
    """Columns of floats with one value per step, in the order of the steps.

    The columns are:

    - `step`, counted from 1
    - `loss_d`, `loss_g`: the losses
    - `d_real`: mean D(x), a probability; `d_fake`: mean D(G(z)) before D's update; `d_fake_after`: the same after it
    - `grad_norm_d`, `grad_norm_g`: gradient norms; 0 for a step that overflowed float16 and was skipped
    - `images_per_second`
    - with adaptive augmentation (`facegan.training.adaptive`), `augment_r`: r_t; `augment_p`: the probability
    - with held-out faces (`facegan.training.held_out`), `r_t` and `r_v` at the last step before a snapshot; NaN at
      other steps

    `train_step` appends rows. Metrics stay on the device until a column is read; then all of them are copied to the
    host at once.

    >>> history = History()
    >>> history.append(1, torch.zeros(len(METRICS)), images=128)
    >>> history["step"], history["loss_d"]
    ([1], [0.0])
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {name: [] for name in ("step", *COLUMNS)}
        self._pending: list[tuple[int, Tensor, int]] = []
        self._clock: float | None = None

    def start_clock(self) -> None:
        """Start to measure the time for `images_per_second`, until the next read; `train_step` calls this."""
        self._clock = self._clock or time.monotonic()

    def append(self, step: int, metrics: Tensor, *, images: int) -> None:
        """Add a row.

        Args:
            step: number of the step, counted from 1.
            metrics: detached tensor (7,) in the order of `METRICS`, or (9,) with `ADAPTIVE`, on any device.
            images: number of real images in the step, for the rate.
        """
        self._pending.append((step, metrics, images))
        if len(self._pending) >= _PENDING:
            self.read()

    def note(self, **values: float) -> None:
        """Set columns of the last row. If a column is new, other rows get NaN. Without rows, this does nothing."""
        rows = len(self["step"])
        for name, value in values.items() if rows else ():
            self._columns.setdefault(name, [math.nan] * rows)[-1] = value

    def read(self) -> None:
        """Copy pending metrics to the host. The rate is the mean since the first step after the last read."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        steps, rows, images = zip(*pending, strict=True)
        values = torch.stack(rows).tolist()
        rate = sum(images) / max(time.monotonic() - (self._clock or 0.0), 1e-9)
        self._clock = None
        names = metric_names(len(values[0]))
        for name in names:  # a run may switch adaptive augmentation on or off
            self._columns.setdefault(name, [math.nan] * len(self._columns["step"]))
        for step, row in zip(steps, values, strict=True):
            found = {"step": step, "images_per_second": rate, **dict(zip(names, row, strict=True))}
            for name, column in self._columns.items():
                column.append(found.get(name, math.nan))

    def last(self) -> dict[str, float]:
        """The newest row on the host, by column, without waiting for the device; empty if there is none."""
        return {name: column[-1] for name, column in self._columns.items() if column}

    def at(self, step: int) -> dict[str, float]:
        """The row of a step, by column; empty if there is none."""
        steps = self["step"]
        row = bisect_left(steps, step)
        found = row < len(steps) and steps[row] == step
        return {name: column[row] for name, column in self._columns.items()} if found else {}

    def __getitem__(self, name: str) -> list[float]:
        self.read()
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        steps = self["step"]
        return f"History({f'steps {steps[0]} to {steps[-1]}' if steps else 'empty'})"

    def to_csv(self) -> bytes:
        """The columns as the bytes of a CSV file with a header."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self)
        writer.writerows(zip(*(self[name] for name in self), strict=True))
        return out.getvalue().encode()

    def to_pandas(self) -> pandas.DataFrame:
        """The columns as a `pandas.DataFrame` indexed by step. Raises `ConfigError` if pandas is not installed."""
        try:
            from pandas import DataFrame
        except ImportError:
            raise ConfigError(
                "to_pandas needs pandas, which is not installed: pip install pandas, or use to_csv."
            ) from None

        return DataFrame({name: self[name] for name in self}).set_index("step")

    def state_dict(self) -> dict[str, Tensor]:
        """The columns as tensors, for a checkpoint."""
        steps = {"step": torch.tensor(self["step"], dtype=torch.int64, device="cpu")}
        return steps | {
            name: torch.tensor(self[name], dtype=torch.float64, device="cpu")
            for name in self
            if name != "step"
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> History:
        """Create a history from the tensors of `state_dict`. Raises `KeyError` or `ValueError` if they are invalid."""
        return cls._from_columns(state)

    @classmethod
    def from_csv(cls, path: Path) -> History:
        """Read a `history.csv`. Raises `CheckpointError` if the file is damaged or cannot be read."""
        try:
            names, *rows = csv.reader(path.read_text().splitlines())
            columns = (
                zip(*([float(x) for x in row] for row in rows), strict=True) if rows else [()] * len(names)
            )
            return cls._from_columns(dict(zip(names, columns, strict=True)))
        except (ValueError, KeyError, OSError, csv.Error) as error:
            raise CheckpointError(
                f"{path} is damaged ({first_line(error)}). Delete it; the checkpoints contain the same history."
            ) from None

    @classmethod
    def _from_columns(cls, columns: Mapping[str, Any]) -> History:
        history = cls()
        for name in ("step", "loss_d", "loss_g", "d_real", "d_fake"):
            columns[name]  # raises KeyError if a required column is missing
        rows = len(columns["step"])
        history._columns |= {name: [] for name in (*ADAPTIVE, *HELD_OUT) if name in columns}
        for name, column in history._columns.items():
            values = torch.as_tensor(columns.get(name, [math.nan] * rows), dtype=torch.float64, device="cpu")
            column += map(int, values) if name == "step" else values.tolist()
        if len({len(column) for column in history._columns.values()}) > 1:
            raise ValueError("columns of different lengths")
        return history


def metric_names(count: int) -> tuple[str, ...]:
    """The names of a step's `count` metrics: `METRICS`, and `ADAPTIVE` if there are more."""
    return (*METRICS, *ADAPTIVE)[:count]
