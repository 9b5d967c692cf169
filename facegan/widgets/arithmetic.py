"""The widget `arithmetic`: vector arithmetic on picked faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from facegan import explore as lab
from facegan.errors import ConfigError
from facegan.explore import BLUE, GREEN, ORANGE, framed_grid
from facegan.images import to_uint8
from facegan.latent import arithmetic as add
from facegan.models.protocol import generate, latents_for
from facegan.widgets.controls import FacePicker, button, columns, ipw, row
from facegan.widgets.panel import Panel, blank, numbers

# minimum difference in brightness, in [-1, 1], between the backgrounds of A and those of B and C
_CLEAR = 0.2


def arithmetic(generator: object = "faces", *, n: int = 24, seed: int = 0) -> Arithmetic:
    """Compute A - B + C with the means of picked faces, as in figure 7 of DCGAN (2015, arXiv 1511.06434).

    The initial groups are the faces with the lightest backgrounds for A, and those with the darkest backgrounds for B
    and C. These faces are shown first, followed by the others in the seed's order. Without widgets, use
    `facegan.explore.background_groups` and `equation`.

    Args:
        generator, seed: as for `explore`.
        n: number of faces to choose from, at least 3.

    Raises:
        ConfigError, CheckpointError: as for `explore`.
    """
    return Arithmetic(lab.open_generator(generator), n=n, seed=seed)


@dataclass(frozen=True)
class ArithmeticState:
    """The seed; `groups`, the picked faces of A, B, and C, counted from 0; and `active`, the group that is edited."""

    seed: int
    groups: tuple[tuple[int, ...], ...]
    active: int = 0


class Arithmetic(Panel):
    """See `arithmetic`. `state` is an `ArithmeticState`."""

    COLORS = (BLUE, ORANGE, GREEN)
    names_of_pictures = (
        "Faces to choose from",
        "The result",
        "The means of A, B and C, and the result's neighbors",
    )
    status_first = True  # the sentence is a title, which says what A's faces have in common

    def __init__(self, generator: Any, *, n: int, seed: int) -> None:
        if n < 3:
            raise ConfigError(f"arithmetic needs 3 or more faces to choose from, got n={n}. Use a larger n.")
        self.generator, self.n = generator, n
        self._columns, self._each = min(6, n), min(3, n // 3)
        self._first = tuple(tuple(range(i * self._each, (i + 1) * self._each)) for i in range(3))
        super().__init__(ArithmeticState(lab.checked_seed(seed), self._first))

    def draw(self, state: ArithmeticState) -> tuple[Sequence[Tensor], str]:
        z, images = self._faces(state.seed)
        colors = {i: color for group, color in zip(state.groups, self.COLORS, strict=True) for i in group}
        grid = framed_grid(images, colors, columns=self._columns)
        named = zip("ABC", state.groups, strict=True)
        parts = ", ".join(f"{name} {numbers(group) or 'none'}" for name, group in named)
        if not all(state.groups):
            said = f"Pick at least one face for each of A, B and C; now: {parts}."
            empty = lab.equation(self.generator, z, [(0,)] * 3)
            return (grid, blank(_enlarged(images[0], grid)), blank(empty)), said
        said = f"Mean of A - mean of B + mean of C, with faces {parts}; the large picture is the result."
        if state.groups == self._first and self._contrast(images) > _CLEAR:
            said = f"A's faces have a light background, and B's and C's have a dark one. {said}"
        result = generate(self.generator, add(*(z[list(group)] for group in state.groups))[None])[0]
        return (grid, _enlarged(result, grid), lab.equation(self.generator, z, state.groups)), said

    def _faces(self, seed: int) -> tuple[Tensor, Tensor]:
        """The seed's latents and images, with those of the initial groups first."""
        z = latents_for(self.generator, self.n, seed=seed)
        images = generate(self.generator, z)
        a, b, c = lab.background_groups(images, self._each)
        first = [*a, *b, *c]
        order = first + [row for row in range(self.n) if row not in first]
        return z[order], images[order]

    def _contrast(self, images: Tensor) -> float:
        lightness = lab.background_lightness(images)
        return float(lightness[: self._each].min() - lightness[self._each : 3 * self._each].max())

    def build(self) -> Any:
        self.faces = FacePicker(self.images[0], self.n, self._columns, self._pick)
        self.group = ipw.ToggleButtons(options=[(f"Pick {name}", i) for i, name in enumerate("ABC")])
        self.group.style.button_width = "72px"
        self.group.observe(lambda change: self._activate(change["new"]), "value")
        self.resample = button("New faces", "Show other faces to choose from", self._resample, icon="random")
        self.clear = button("Clear", "Remove all faces from A, B and C", self._clear, icon="times")
        buttons = row(self.resample, self.clear, self.undo_button)
        return columns([self.group, self.faces.box, buttons, self.images[2]], [self.images[1]])

    def sync(self, state: ArithmeticState) -> None:
        self.group.value = state.active
        marks = {i: name for name, group in zip("ABC", state.groups, strict=True) for i in group}
        self.faces.mark(marks, self._tip)

    def _tip(self, index: int) -> str:
        name = "ABC"[self.state.active]
        there = index in self.state.groups[self.state.active]
        return f"Remove face {index + 1} from {name}" if there else f"Add face {index + 1} to {name}"

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


def _enlarged(image: Tensor, grid: Tensor) -> Tensor:
    """Enlarge an image (3, S, S) to a uint8 picture whose side is the longer side of a grid."""
    side = max(grid.shape[1:])
    large = interpolate(to_uint8(image[None]).cpu().float(), size=(side, side), mode="bilinear")
    return large.round().to(torch.uint8)[0]
