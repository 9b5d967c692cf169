"""Vector arithmetic on picked faces: `arithmetic` and its panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from facegan import explore as lab
from facegan.errors import ConfigError
from facegan.explore import BLUE, GREEN, ORANGE, framed_grid
from facegan.models.protocol import generate, latents_for
from facegan.widgets.controls import FacePicker, button, ipw, row
from facegan.widgets.panel import Panel, blank, numbers


def arithmetic(generator: object = "faces", *, n: int = 24, seed: int = 0) -> Arithmetic:
    """A - B + C on the means of picked faces, after figure 7 of DCGAN (2015, arXiv 1511.06434).

    `generator`, `n` and `seed` are as in `explore`. The same without widgets: `facegan.explore.equation`.
    """
    return Arithmetic(lab.open_generator(generator), n=n, seed=seed)


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
        z = latents_for(self.generator, self.n, seed=state.seed)
        colors = {i: color for group, color in zip(state.groups, self.COLORS, strict=True) for i in group}
        grid = framed_grid(generate(self.generator, z), colors, columns=self._columns)
        named = zip("ABC", state.groups, strict=True)
        parts = ", ".join(f"{name} {numbers(group) or 'none'}" for name, group in named)
        if not all(state.groups):
            said = f"Pick at least one face for each of A, B and C; now: {parts}."
            return (grid, blank(lab.equation(self.generator, z, [(0,)] * 3))), said
        said = f"Mean of A - mean of B + mean of C, with faces {parts}; the result is in the middle."
        return (grid, lab.equation(self.generator, z, state.groups)), said

    def build(self) -> Any:
        self.faces = FacePicker(self.images[0], self.n, self._columns, self._pick)
        self.group = ipw.ToggleButtons(options=[(f"Pick {name}", i) for i, name in enumerate("ABC")])
        self.group.style.button_width = "72px"
        self.group.observe(lambda change: self._activate(change["new"]), "value")
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
        active = self.state.active
        groups = [tuple(i for i in group if i != index) for group in self.state.groups]
        groups[active] += () if index in self.state.groups[active] else (index,)
        self.act(replace(self.state, groups=tuple(groups)))

    def _activate(self, group: int) -> None:
        self.act(replace(self.state, active=group), "group")

    def _resample(self) -> None:
        self.act(replace(self.state, seed=lab.next_seed(self.state.seed)))

    def _clear(self) -> None:
        self.act(replace(self.state, groups=((), (), ()), active=0))
