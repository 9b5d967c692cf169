"""The same faces through a training: `timeline` and its panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from facegan.errors import CheckpointError
from facegan.plots import MarkedCurves
from facegan.runs.run import Run
from facegan.widgets.controls import columns, player, row, slider
from facegan.widgets.panel import Panel, blank


def timeline(run: str | Path | Run = "faces") -> TimelinePanel:
    """The same latents' faces through a training, beside its curves.

    The same without widgets: `facegan.Run`.

    Args:
        run: a run folder, or a bundled training: "faces", "synthetic", or one that goes wrong
            (`facegan.pretrained.GALLERY`).

    Raises:
        CheckpointError: there is no such run.
    """
    return TimelinePanel(Run.open(run))


class TimelinePanel(Panel):
    """See `timeline`. `state` is the index of a snapshot."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._curves = MarkedCurves(run.history) if run.history["loss_d"] else None
        self._steps = run.steps
        if not self._steps:
            raise CheckpointError(f"{run.name} has no frames yet; train it with `fit(..., run_dir=...)`.")
        super().__init__(len(self._steps) - 1)

    def draw(self, state: int) -> tuple[Sequence[Tensor], str]:
        step = self._steps[state]
        faces = _first_sixteen(self.run.frame(step), self.run.config.image_size)
        curves = self._curves.at(step) if self._curves else blank(faces)
        said = f"Step {step:,}, snapshot {state + 1} of {len(self._steps)}."
        if numbers := self.run.history.at(step):
            words = " Losses: D {loss_d:.2f}, G {loss_g:.2f}; D(x) {d_real:.2f}, D(G(z)) {d_fake:.2f}."
            said += words.format(**numbers)
        return (faces, curves), said

    def build(self) -> Any:
        last = len(self._steps) - 1
        tip = "Which snapshot to show; arrow keys go one at a time"
        self.position = slider("Snapshot", tip, 0, max(last, 1), 1, last, self._slide)
        self.position.readout = False
        self.play = player(self.position, last, step=1, interval=300)
        return columns([self.images[0], self.position, row(self.play, self.undo_button)], [self.images[1]])

    def sync(self, state: int) -> None:
        self.position.value = state

    def _slide(self, index: int) -> None:
        self.act(min(index, len(self._steps) - 1), "position")


def _first_sixteen(frame: Tensor, image_size: int) -> Tensor:
    """The first 4 x 4 images of a grid of up to 8 x 8, with the two pixels of padding around each."""
    side = 4 * (image_size + 2) + 2
    return frame[:, :side, :side]
