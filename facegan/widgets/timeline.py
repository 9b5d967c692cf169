"""The widget `timeline`: images of the same latents during training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from facegan.errors import CheckpointError
from facegan.explore import next_seed
from facegan.images import make_grid
from facegan.models.protocol import sample
from facegan.plots import MarkedCurves, smoothed_at
from facegan.runs.run import Run
from facegan.widgets.controls import button, columns, player, row, slider
from facegan.widgets.panel import Panel, blank


def timeline(run: str | Path | Run = "faces", *, generator: nn.Module | None = None) -> TimelinePanel:
    """Show images of the same latents during training, next to the curves.

    If the run kept its generators, other latents can be shown, too. Without widgets, use `facegan.Run`.

    Args:
        run: a run folder, or a bundled run: "faces", "synthetic", or one with a failure
            (`facegan.pretrained.GALLERY`).
        generator: your own network, if the run used one.

    Raises:
        CheckpointError: there is no such run.
    """
    return TimelinePanel(Run.open(run), generator)


@dataclass(frozen=True)
class TimelineState:
    """The index of a snapshot, and the seed of the latents; None means the latents of the run's frames."""

    index: int
    seed: int | None = None


class TimelinePanel(Panel):
    """See `timeline`."""

    names_of_pictures = (
        "Sixteen faces at this snapshot",
        "Curves of losses and discriminator output, with its step",
    )

    def __init__(self, run: Run, network: nn.Module | None = None) -> None:
        self.run, self._network = run, network
        self._curves = MarkedCurves(run.history) if run.history["loss_d"] else None
        self._steps = run.steps
        if not self._steps:
            raise CheckpointError(f"{run.name} has no frames yet; train it with `fit(..., run_dir=...)`.")
        super().__init__(TimelineState(len(self._steps) - 1))

    def draw(self, state: TimelineState) -> tuple[Sequence[Tensor], str]:
        step = self._steps[state.index]
        faces = self._faces(step, state.seed)
        curves = self._curves.at(step) if self._curves else blank(faces)
        said = f"Step {step:,}, snapshot {state.index + 1} of {len(self._steps)}."
        if numbers := smoothed_at(self.run.history, step):  # the values of the curves
            words = " Losses: D {loss_d:.2f}, G {loss_g:.2f}; D(x) {d_real:.2f}, D(G(z)) {d_fake:.2f}."
            said += words.format(**numbers)
        return (faces, curves), said

    def build(self) -> Any:
        last = len(self._steps) - 1
        tip = "Choose a snapshot; arrow keys move by one"
        self.position = slider("Snapshot", tip, 0, max(last, 1), 1, last, self._slide)
        self.position.readout = False
        self.play = player(self.position, last, step=1, interval=300)
        kept = set(self._steps) <= set(self.run.generators)
        missing = "This run did not keep the generators of all snapshots, so it cannot draw other faces"
        tip = "Show other latents, the same at every snapshot" if kept else missing
        self.resample = button("New faces", tip, self._resample, icon="random")
        self.resample.disabled = not kept
        buttons = row(self.play, self.resample, self.undo_button)
        return columns([self.images[0], self.position, buttons], [self.images[1]])

    def sync(self, state: TimelineState) -> None:
        self.position.value = state.index

    def _faces(self, step: int, seed: int | None) -> Tensor:
        """Sixteen faces as one grid."""
        if seed is None:
            return _first_sixteen(self.run.frame(step), self.run.config.image_size)
        return make_grid(sample(self.run.generator(step, network=self._network), 16, seed=seed))

    def _resample(self) -> None:
        self.act(replace(self.state, seed=next_seed(self.state.seed or 0)))

    def _slide(self, index: int) -> None:
        self.act(replace(self.state, index=min(index, len(self._steps) - 1)), "position")


def _first_sixteen(frame: Tensor, image_size: int) -> Tensor:
    """The first 4 x 4 images of a grid of up to 8 x 8, with two pixels of padding around each image."""
    side = 4 * (image_size + 2) + 2
    return frame[:, :side, :side]
