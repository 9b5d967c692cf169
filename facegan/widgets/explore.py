"""The widget `explore`: resample and edit a generator's faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from facegan import explore as lab
from facegan.explore import Exploration, columns_for
from facegan.models.protocol import generate
from facegan.widgets.controls import (
    NO_LIMIT,
    FacePicker,
    button,
    columns,
    ipw,
    named,
    row,
    seed_box,
    slider,
    truncation_slider,
    voiced,
)
from facegan.widgets.panel import Panel, numbers

_FAR = 4.0  # range of the direction sliders in standard deviations


def explore(generator: object = "faces", *, n: int = 16, seed: int = 0) -> Explore:
    """Explore latents: resample faces, keep some, move along the directions that change images most, and undo.

    Without widgets, use `facegan.explore.Exploration`.

    Args:
        generator: a `Generator`, a `GAN`, a run folder, an exported file, or a bundled generator, such as "faces".
        n: number of faces.
        seed: seed of the first faces.

    Raises:
        ConfigError: the generator, n, or the seed is invalid.
        CheckpointError: there is no such generator.
    """
    return Explore(Exploration.start(lab.open_generator(generator), n=n, seed=seed))


class Explore(Panel):
    """See `explore`. `state` is an `Exploration`."""

    names_of_pictures = ("Faces, each with a button to keep it",)

    def draw(self, state: Exploration) -> tuple[Sequence[Tensor], str]:
        kept = numbers(sorted(state.kept))
        said = f"{len(state.faces)} faces of seed {state.now.seed}"
        limit = state.now.truncation
        said += f", truncated at {limit:.1f} standard deviations" if limit else ""
        said += ". Press a face to keep it." if not kept else f"; kept: {kept}."
        return (state.picture(),), said

    def build(self) -> Any:
        n = len(self.state.faces)
        self.faces = FacePicker(self.images[0], n, columns_for(n), lambda i: self.act(self.state.keep(i)))
        tip = "Redraw the faces that are not kept"
        self.resample = button("Resample", tip, lambda: self.act(self.state.resample()), icon="random")
        self.seed = seed_box(lambda seed: self.act(self.state.change(seed=seed)))
        self.truncation = truncation_slider(
            lambda limit: self.act(self.state.change(truncation=limit), "truncation")
        )
        self.directions = [self._direction(i) for i in range(len(self.state.directions))]
        self.center = button("Reset sliders", "Set all directions to 0", self._reset_directions)
        tip = "Show Python code that draws these faces again"
        self.show_code = button("z as code", tip, self._toggle_code)
        self.code = ipw.Textarea(rows=8, layout=ipw.Layout(width="100%", display="none"))
        left = [
            row(self.resample, self.undo_button, self.show_code, self.center),
            self.faces.box,
        ]  # in the order of the Tab key
        title = ipw.HTML("<b>Directions that change images most</b>, from darker to lighter")
        return ipw.VBox([columns(left, [self.seed, self.truncation, title, *self._rows()]), self.code])

    def sync(self, state: Exploration) -> None:
        self.seed.value = state.now.seed
        self.truncation.value = state.now.truncation or NO_LIMIT
        for control, amount in zip(self.directions, state.now.amounts, strict=True):
            if abs(control.value - amount) > 1e-6:
                # otherwise, a slider in motion would jump back to its rounded value
                control.value = amount
        self.faces.mark(dict.fromkeys(state.kept, "kept"), self._tip)
        if self.code.layout.display is None:
            self.code.value = state.code()

    def _tip(self, index: int) -> str:
        return f"Release face {index + 1}" if index in self.state.kept else f"Keep face {index + 1}"

    def _reset_directions(self) -> None:
        self.act(self.state.change(amounts=(0.0,) * len(self.directions)))

    def _toggle_code(self) -> None:
        self.code.value = self.state.code()
        self.code.layout.display = "none" if self.code.layout.display is None else None

    def _direction(self, index: int) -> Any:
        def move(amount: float) -> None:
            self.act(self.state.move(index, amount), f"direction {index}")

        tip = f"Move along direction {index + 1}, in standard deviations"
        made = slider(str(index + 1), tip, -_FAR, _FAR, 0.1, 0.0, move)
        made.style.description_width, made.layout.flex = "12px", "1 1 auto"
        return made

    def _rows(self) -> list[Any]:
        """Rows with a slider between two faces: the average face, moved to the slider's left and right ends."""
        ends = self.state.directions[:, None] * self.state.directions.new_tensor([[-_FAR], [_FAR]])
        faces = generate(self.state.generator, ends.flatten(0, 1))
        size = ipw.Layout(width="44px", flex="0 0 44px")
        places = [
            f"{end} end of direction {i + 1}"
            for i in range(len(self.directions))
            for end in ("Left", "Right")
        ]
        pairs = zip(faces, places, strict=True)
        small = [named(ipw.Image(value=lab.face_png(face), layout=size), place) for face, place in pairs]
        layout = ipw.Layout(align_items="center")
        parts = zip(small[::2], self.directions, small[1::2], strict=True)
        return [ipw.HBox(voiced(*part), layout=layout) for part in parts]
