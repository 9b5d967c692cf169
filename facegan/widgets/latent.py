"""Widgets of the latent lab, thin over the functions of `facegan.lab`: what moves in a notebook.

`explore`, `morph`, `arithmetic`, `timeline` and `compare` return a panel that shows itself as a cell's last
value; `live` is a hook for `fit`. Everything works by keyboard: Tab, Enter, and arrow keys on sliders.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from facegan import explore as lab
from facegan.errors import ConfigError, FaceganError
from facegan.explore import BLUE, GREEN, ORANGE, Exploration, columns_for, framed_grid
from facegan.images import save_animation
from facegan.latent import draw_latents
from facegan.plots import MarkedCurves
from facegan.widgets.dashboard import live
from facegan.widgets.panel import (
    FacePicker,
    Panel,
    button,
    columns,
    ipw,
    labelled,
    row,
    sentence_html,
    slider,
)

__all__ = ["arithmetic", "compare", "explore", "live", "morph", "timeline"]

_NO_LIMIT = 3.0  # truncation at the slider's right end means none
_FAR = 4.0  # standard deviations that sliders move along a direction
_LEGS = 100  # slider steps of a morph


def explore(generator: object = "faces", *, n: int = 16, seed: int = 0) -> Explore:
    """Play with a generator's latents: resample, keep faces, move along telling directions, undo.

    `generator` is a `Generator`, a `GAN`, a run folder, an exported file, or "faces" or "synthetic", which
    come with facegan; n is the number of faces. The same without widgets is `facegan.lab.Exploration`.
    Raises `ConfigError` or `CheckpointError`.
    """
    return Explore(Exploration.start(lab.open_generator(generator), n=n, seed=seed))


def morph(generator: object = "faces", *, n: int = 16, seed: int = 0) -> Morph:
    """Slide between two to four picked faces, along straight line and great arc side by side; save it.

    `generator` is as in `explore`. The same without widgets: `facegan.lab.morph` and `morph_frames`.
    """
    return Morph(lab.open_generator(generator), n=n, seed=seed)


def arithmetic(generator: object = "faces", *, n: int = 24, seed: int = 0) -> Arithmetic:
    """A - B + C on the means of picked faces, after figure 7 of DCGAN (2015, arXiv 1511.06434).

    `generator` is as in `explore`. The same without widgets: `facegan.lab.equation`.
    """
    return Arithmetic(lab.open_generator(generator), n=n, seed=seed)


def timeline(run: str | Path = "faces") -> TimelinePanel:
    """The same latents' faces through a training, beside its curves.

    `run` is a run folder, or a training that comes with facegan: "faces", "synthetic", or one that goes wrong
    (`facegan.pretrained.GALLERY`). The same without widgets: `facegan.lab.Timeline`. Raises
    `CheckpointError` when there is no such run.
    """
    return TimelinePanel(lab.Timeline(run))


def compare(run_a: object = "synthetic", run_b: object = "faces", *, n: int = 16, seed: int = 0) -> Compare:
    """Two generators, each as in `explore`, on the same latents.

    The same without widgets: `facegan.lab.compare`. Raises `ConfigError` when their latents differ in length.
    """
    return Compare((run_a, run_b), n=n, seed=seed)


class Explore(Panel):
    """See `explore`. `state` is an `Exploration`."""

    def draw(self, state: Exploration) -> tuple[Sequence[Tensor], str]:
        kept = ", ".join(str(i + 1) for i in sorted(state.kept))
        said = f"{len(state.faces)} faces of seed {state.now.seed}"
        limit = state.now.truncation
        said += f", cut off at {limit:.1f} standard deviations" if limit else ""
        said += ". Press a face to keep it." if not kept else f"; kept as they are: {kept}."
        return (state.picture(),), said

    def build(self) -> Any:
        self.faces = FacePicker(
            self.images[0], len(self.state.faces), columns_for(len(self.state.faces)), self._pick
        )
        self.resample = button(
            "Resample", "Draw the faces that are not kept anew", self._resample, icon="random"
        )
        self.seed = seed_box(lambda seed: self.act(self.state.change(seed=seed)))
        self.truncation = truncation_slider(
            lambda limit: self.act(self.state.change(truncation=limit), "truncation")
        )
        self.directions = [self._direction(i) for i in range(len(self.state.directions))]
        self.center = button("Reset sliders", "All directions back to 0", self._reset_directions)
        self.show_code = button(
            "z as code", "Python that draws these faces again, to copy", self._toggle_code
        )
        self.code = ipw.Textarea(rows=8, layout=ipw.Layout(width="100%", display="none"))
        left = [self.faces.box, row(self.resample, self.undo_button, self.show_code, self.center)]
        title = ipw.HTML("<b>Directions that change most</b>, from darker to lighter pictures")
        return ipw.VBox([columns(left, [self.seed, self.truncation, title, *self._rows()]), self.code])

    def sync(self, state: Exploration) -> None:
        self.seed.value = state.now.seed
        self.truncation.value = state.now.truncation or _NO_LIMIT
        for control, amount in zip(self.directions, state.now.amounts, strict=True):
            if abs(control.value - amount) > 1e-6:  # in motion, it would jump back to its own value, rounded
                control.value = amount
        self.faces.mark(dict.fromkeys(state.kept, "kept"), self._tip)
        if self.code.layout.display is None:
            self.code.value = state.code()

    def _tip(self, index: int) -> str:
        return f"Let face {index + 1} go" if index in self.state.kept else f"Keep face {index + 1}"

    def _pick(self, index: int) -> None:
        self.act(self.state.keep(index))

    def _resample(self) -> None:
        self.act(self.state.resample())

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
        """Each slider between the average face moved to its left and to its right end."""
        ends = self.state.directions[:, None] * self.state.directions.new_tensor([[-_FAR], [_FAR]])
        faces = self.state.generator.images(ends.flatten(0, 1))
        small = [
            ipw.Image(value=lab.face_png(face), layout=ipw.Layout(width="44px", flex="0 0 44px"))
            for face in faces
        ]
        layout = ipw.Layout(align_items="center")
        return [
            ipw.HBox([low, control, high], layout=layout)
            for low, high, control in zip(small[::2], small[1::2], self.directions, strict=True)
        ]


@dataclass(frozen=True)
class MorphState:
    """`picks` are faces of a seed's grid, counted from 0; t is the share of the way through them."""

    seed: int
    picks: tuple[int, ...]
    t: float = 0.5


class Morph(Panel):
    """See `morph`. `state` is a `MorphState`."""

    def __init__(self, generator: Any, *, n: int, seed: int) -> None:
        if n < 2:
            raise ConfigError(f"a morph needs 2 or more faces to choose from, got n={n}.")
        self.generator, self.n = generator, n
        super().__init__(MorphState(lab.checked_seed(seed), (0, min(5, n - 1))))

    def draw(self, state: MorphState) -> tuple[Sequence[Tensor], str]:
        z, both = lab.morph(self.generator, self.anchors(state), state.t)
        line, arc = z.norm(dim=1).tolist()
        said = (
            f"Left straight line (lerp), length of z {line:.1f}; right great arc (slerp), length {arc:.1f}."
        )
        return (self._grid(state), both), f"{said} {state.t:.0%} of the way through {_numbers(state.picks)}."

    def anchors(self, state: MorphState) -> Tensor:
        """The picked faces' latents (k, latent_dim)."""
        return self._latents(state)[list(state.picks)]

    def build(self) -> Any:
        self.faces = FacePicker(self.images[0], self.n, columns_for(self.n), self._pick)
        self.resample = button("New faces", "Other faces to choose from", self._resample, icon="random")
        self.position = slider("Position", "From the first face to the last", 0, _LEGS, 1, 50, self._slide)
        self.play = player(self.position, _LEGS, step=2, interval=80)
        self.name = ipw.Text("morph.gif", description="File", layout=ipw.Layout(width="190px"))
        self.name.style.description_width = "34px"
        self.save = button(
            "Save", "Write the loop as .gif or .mp4, by the name's ending", self.write, icon="download"
        )
        self.saved = ipw.HTML()
        pick = ipw.HTML("Press two to four faces, in the order of the way.")
        left = [self.faces.box, pick, row(self.resample, self.undo_button)]
        return columns(
            left, [self.images[1], self.position, row(self.play), row(self.name, self.save), self.saved]
        )

    def sync(self, state: MorphState) -> None:
        self.position.value = round(state.t * _LEGS)
        marks = {index: f"({order})" for order, index in enumerate(state.picks, start=1)}
        self.faces.mark(marks, self._tip)

    def write(self) -> None:
        """Save the loop under the name in the box; a file that is there already is not replaced."""
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
        return draw_latents(self.n, self.generator.config.latent_dim, seed=state.seed)

    def _grid(self, state: MorphState) -> Tensor:
        return framed_grid(self.generator.images(self._latents(state)), dict.fromkeys(state.picks, BLUE))

    def _tip(self, index: int) -> str:
        return f"Leave face {index + 1} out" if index in self.state.picks else f"Go to face {index + 1}"

    def _pick(self, index: int) -> None:
        picks = tuple(p for p in self.state.picks if p != index)
        if index not in self.state.picks:
            picks = (*picks, index)
        if not 2 <= len(picks) <= 4:
            self.say("A morph goes through two to four faces.")
            return
        self.act(replace(self.state, picks=picks))

    def _resample(self) -> None:
        self.act(replace(self.state, seed=(self.state.seed + 1) % lab.MAX_SEED))

    def _slide(self, position: int) -> None:
        self.act(replace(self.state, t=position / _LEGS), "position")


@dataclass(frozen=True)
class ArithmeticState:
    """`groups` are the picked faces of A, B and C, counted from 0; `active` is the group that picks go to."""

    seed: int
    groups: tuple[tuple[int, ...], ...]
    active: int = 0


class Arithmetic(Panel):
    """See `arithmetic`. `state` is an `ArithmeticState`."""

    COLORS = (BLUE, ORANGE, GREEN)

    def __init__(self, generator: Any, *, n: int, seed: int) -> None:
        if n < 3:
            raise ConfigError(f"arithmetic needs 3 or more faces to choose from, got n={n}.")
        self.generator, self.n = generator, n
        self._columns = min(6, n)
        each = min(3, n // 3)
        groups = tuple(tuple(range(i * each, (i + 1) * each)) for i in range(3))
        super().__init__(ArithmeticState(lab.checked_seed(seed), groups))

    def draw(self, state: ArithmeticState) -> tuple[Sequence[Tensor], str]:
        z = draw_latents(self.n, self.generator.config.latent_dim, seed=state.seed)
        colors = {i: color for group, color in zip(state.groups, self.COLORS, strict=True) for i in group}
        grid = framed_grid(self.generator.images(z), colors, columns=self._columns)
        parts = ", ".join(
            f"{name} {_numbers(g) or 'none'}" for name, g in zip("ABC", state.groups, strict=True)
        )
        if not all(state.groups):
            said = f"Pick at least one face for each of A, B and C; now: {parts}."
            return (grid, _blank(lab.equation(self.generator, z, [(0,)] * 3))), said
        self._equation = lab.equation(self.generator, z, state.groups)
        return (
            grid,
            self._equation,
        ), f"Mean of A - mean of B + mean of C, with faces {parts}; the result is in the middle."

    def build(self) -> Any:
        self.faces = FacePicker(self.images[0], self.n, self._columns, self._pick)
        self.group = ipw.ToggleButtons(options=[(f"Pick {name}", i) for i, name in enumerate("ABC")])
        self.group.style.button_width = "72px"
        self.group.observe(
            lambda change: self.act(replace(self.state, active=change["new"]), "group"), "value"
        )
        self.resample = button("New faces", "Other faces to choose from", self._resample, icon="random")
        self.clear = button("Clear", "Empty A, B and C", self._clear, icon="times")
        buttons = row(self.resample, self.clear, self.undo_button)
        top = ipw.VBox([self.faces.box], layout=ipw.Layout(max_width="560px"))
        return ipw.VBox([self.group, top, buttons, self.images[1]])

    def sync(self, state: ArithmeticState) -> None:
        self.group.value = state.active
        marks = {i: name for name, group in zip("ABC", state.groups, strict=True) for i in group}
        self.faces.mark(marks, self._tip)

    def _tip(self, index: int) -> str:
        name = "ABC"[self.state.active]
        there = index in self.state.groups[self.state.active]
        return f"Take face {index + 1} out of {name}" if there else f"Put face {index + 1} into {name}"

    def _pick(self, index: int) -> None:
        there = index in self.state.groups[self.state.active]
        groups = [tuple(i for i in group if i != index) for group in self.state.groups]
        if not there:
            groups[self.state.active] += (index,)
        self.act(replace(self.state, groups=tuple(groups)))

    def _resample(self) -> None:
        self.act(replace(self.state, seed=(self.state.seed + 1) % lab.MAX_SEED))

    def _clear(self) -> None:
        self.act(replace(self.state, groups=((), (), ()), active=0))


class TimelinePanel(Panel):
    """See `timeline`. `state` is the index of a snapshot."""

    def __init__(self, run: lab.Timeline) -> None:
        self.run = run
        self._curves = MarkedCurves(run.history) if run.history["loss_d"] else None
        super().__init__(len(run.steps) - 1)

    def draw(self, state: int) -> tuple[Sequence[Tensor], str]:
        faces, step = self.run.picture(state), self.run.steps[state]
        curves = self._curves.at(step) if self._curves else _blank(faces)
        said = f"Step {step:,}, snapshot {state + 1} of {len(self.run.steps)}."
        if numbers := self.run.numbers(state):
            said += (
                " Losses: D {loss_d:.2f}, G {loss_g:.2f}; D(x) {d_real:.2f}, D(G(z)) {d_fake:.2f}.".format(
                    **numbers
                )
            )
        return (faces, curves), said

    def build(self) -> Any:
        last = len(self.run.steps) - 1
        tip = "Which snapshot to show; arrow keys go one at a time"
        self.position = slider("Snapshot", tip, 0, max(last, 1), 1, last, self._slide)
        self.position.readout = False
        self.play = player(self.position, last, step=1, interval=300)
        return columns([self.images[0], self.position, row(self.play, self.undo_button)], [self.images[1]])

    def sync(self, state: int) -> None:
        self.position.value = state

    def _slide(self, index: int) -> None:
        self.act(min(index, len(self.run.steps) - 1), "position")


class Compare(Panel):
    """See `compare`. `state` is a seed and a truncation limit, or None."""

    def __init__(self, sources: tuple[object, object], *, n: int, seed: int) -> None:
        self.names = [_name(source, letter) for source, letter in zip(sources, "AB", strict=True)]
        self.generators = [lab.open_generator(source) for source in sources]
        self.n = n
        super().__init__((seed, None))

    def draw(self, state: tuple[int, float | None]) -> tuple[Sequence[Tensor], str]:
        seed, limit = state
        pictures = lab.compare(*self.generators, n=self.n, seed=seed, truncation=limit)
        said = f"The same {self.n} latents of seed {seed} in {self.names[0]} (first) and {self.names[1]}."
        return pictures, said

    def build(self) -> Any:
        self.resample = button("Resample", "Draw new latents, for both", self._resample, icon="random")
        self.seed = seed_box(lambda seed: self.act((seed, self.state[1])))
        self.truncation = truncation_slider(lambda limit: self.act((self.state[0], limit), "truncation"))
        titles = [ipw.Label(name) for name in self.names]
        pictures = columns(*([title, image] for title, image in zip(titles, self.images, strict=True)))
        return ipw.VBox(
            [pictures, columns([row(self.resample, self.undo_button)], [self.seed, self.truncation])]
        )

    def sync(self, state: tuple[int, float | None]) -> None:
        self.seed.value, self.truncation.value = state[0], state[1] or _NO_LIMIT

    def _resample(self) -> None:
        self.act(((self.state[0] + 1) % lab.MAX_SEED, self.state[1]))


def seed_box(action: Callable[[int], None]) -> Any:
    """A box for a seed; the same seed gives the same faces."""
    box = ipw.BoundedIntText(0, min=0, max=lab.MAX_SEED - 1, description="Seed")
    return labelled(box, "The same seed gives the same faces, on any machine", action)


def truncation_slider(action: Callable[[float | None], None]) -> Any:
    """A slider for the truncation limit; its right end means none."""
    tip = "Cut latents off at this many standard deviations; 3 is no limit. Lower: more alike, more typical"
    return slider(
        "Truncation",
        tip,
        0.3,
        _NO_LIMIT,
        0.1,
        _NO_LIMIT,
        lambda v: action(round(v, 6) if v < _NO_LIMIT else None),
    )


def player(target: Any, last: int, *, step: int, interval: int) -> Any:
    """Buttons that move a slider by themselves, from 0 to `last`, a step every `interval` ms."""
    play = ipw.Play(min=0, max=max(last, 1), step=step, interval=interval)
    ipw.link((play, "value"), (target, "value"))
    return play


def unused(path: Path) -> Path:
    """The path itself, or the first of name-2, name-3, ... that is free."""
    tries = (path.with_stem(f"{path.stem}-{k}") if k > 1 else path for k in range(1, 10_000))
    return next(p for p in tries if not p.exists())


def _numbers(picks: Sequence[int]) -> str:
    return ", ".join(str(index + 1) for index in picks)


def _name(source: object, letter: str) -> str:
    return textwrap.shorten(str(source), 40, placeholder="...") if isinstance(source, str | Path) else letter


def _blank(like: Tensor) -> Tensor:
    return like.new_full(like.shape, 255)
