"""The widget `morph`: interpolate between picked faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from facegan import explore as lab
from facegan.errors import ConfigError, FaceganError
from facegan.explore import BLUE, columns_for, framed_grid
from facegan.images import save_animation
from facegan.models.protocol import generate, latents_for
from facegan.widgets.controls import FacePicker, button, columns, ipw, player, row, slider
from facegan.widgets.panel import Panel, numbers, sentence_html

_LEGS = 100  # slider steps of a morph


def morph(generator: object = "faces", *, n: int = 16, seed: int = 0) -> Morph:
    """Interpolate between two to four picked faces, on the straight line and the great arc, and save an animation.

    Without widgets, use `facegan.explore.morph` and `morph_frames`.

    Args:
        generator, seed: as for `explore`.
        n: number of faces to choose from, at least 2.

    Raises:
        ConfigError, CheckpointError: as for `explore`.
    """
    return Morph(lab.open_generator(generator), n=n, seed=seed)


@dataclass(frozen=True)
class MorphState:
    """The seed; `picks`, the picked faces, counted from 0; and `t`, the position on the path, from 0 to 1."""

    seed: int
    picks: tuple[int, ...]
    t: float = 0.5


class Morph(Panel):
    """See `morph`. `state` is a `MorphState`."""

    names_of_pictures = (
        "Faces to choose from",
        "The face on the straight line, and the one on the great arc",
    )

    def __init__(self, generator: Any, *, n: int, seed: int) -> None:
        if n < 2:
            raise ConfigError(f"a morph needs 2 or more faces to choose from, got n={n}. Use a larger n.")
        self.generator, self.n = generator, n
        super().__init__(MorphState(lab.checked_seed(seed), (0, min(5, n - 1))))

    def draw(self, state: MorphState) -> tuple[Sequence[Tensor], str]:
        z, both = lab.morph(self.generator, self.anchors(state), state.t)
        line, arc = z.norm(dim=1).tolist()
        grid = framed_grid(generate(self.generator, self._latents(state)), dict.fromkeys(state.picks, BLUE))
        said = f"Left: straight line (lerp), length of z {line:.1f}; right: great arc (slerp), {arc:.1f}."
        return (grid, both), f"{said} {state.t:.0%} of the way through {numbers(state.picks)}."

    def anchors(self, state: MorphState) -> Tensor:
        """The latents of the picked faces, (k, latent_dim)."""
        return self._latents(state)[list(state.picks)]

    def build(self) -> Any:
        self.faces = FacePicker(self.images[0], self.n, columns_for(self.n), self._pick)
        self.resample = button("New faces", "Show other faces to choose from", self._resample, icon="random")
        self.position = slider(
            "Position", "Move from the first face to the last", 0, _LEGS, 1, 50, self._slide
        )
        self.play = player(self.position, _LEGS, step=2, interval=80)
        self.name = ipw.Text("morph.gif", description="File", layout=ipw.Layout(width="190px"))
        self.name.style.description_width = "34px"
        tip = "Save the loop as .gif or .mp4, depending on the name"
        self.save = button("Save", tip, self.write, icon="download")
        self.saved = ipw.HTML()
        pick = ipw.HTML("Select two to four faces in path order.")
        left = [self.faces.box, pick, row(self.resample, self.undo_button)]
        save = row(self.name, self.save)
        return columns(left, [self.images[1], self.position, row(self.play), save, self.saved])

    def sync(self, state: MorphState) -> None:
        self.position.value = round(state.t * _LEGS)
        marks = {index: f"({order})" for order, index in enumerate(state.picks, start=1)}
        self.faces.mark(marks, self._tip)

    def write(self) -> None:
        """Save the loop under the name in the box; an existing file is not replaced."""
        try:
            path = unused(Path(self.name.value.strip() or "morph.gif"))
            frames = lab.morph_frames(self.generator, self.anchors(self.state))
            save_animation(frames, path, fps=16)
        except (FaceganError, OSError, ValueError, RuntimeError, ImportError) as error:
            self.saved.value = sentence_html(f"Not saved: {error}")
        else:
            size = path.stat().st_size / 1e6
            self.saved.value = sentence_html(f"Saved {path}, {size:.2f} MB.")

    def _latents(self, state: MorphState) -> Tensor:
        return latents_for(self.generator, self.n, seed=state.seed)

    def _tip(self, index: int) -> str:
        return f"Remove face {index + 1}" if index in self.state.picks else f"Add face {index + 1}"

    def _pick(self, index: int) -> None:
        picks = tuple(p for p in self.state.picks if p != index)
        picks += () if index in self.state.picks else (index,)
        if 2 <= len(picks) <= 4:
            self.act(replace(self.state, picks=picks))
        else:
            self.say("Pick two to four faces.")

    def _resample(self) -> None:
        self.act(replace(self.state, seed=lab.next_seed(self.state.seed)))

    def _slide(self, position: int) -> None:
        self.act(replace(self.state, t=position / _LEGS), "position")


def unused(path: Path) -> Path:
    """Return the path if it is free, otherwise the first free one of name-2, name-3, ..."""
    tries = (path.with_stem(f"{path.stem}-{k}") if k > 1 else path for k in range(1, 10_000))
    return next(p for p in tries if not p.exists())
