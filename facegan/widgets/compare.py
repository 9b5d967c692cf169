"""The widget `compare`: two generators on the same latents."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from facegan import explore as lab
from facegan.runs.data_record import comparison_warning
from facegan.training.gan import GAN
from facegan.widgets.controls import NO_LIMIT, button, columns, ipw, row, seed_box, truncation_slider
from facegan.widgets.panel import Panel


def compare(run_a: object = "synthetic", run_b: object = "faces", *, n: int = 16, seed: int = 0) -> Compare:
    """Compare two generators on the same latents. Their titles are run and step, if known.

    Without widgets, use `facegan.explore.compare`.

    Args:
        run_a, run_b: generators, as for `explore`.
        n: number of faces.
        seed: seed of the first latents.

    Raises:
        ConfigError: a generator is invalid, or their latents differ in length or distribution.
        CheckpointError: there is no such generator.
    """
    return Compare((run_a, run_b), n=n, seed=seed)


class Compare(Panel):
    """See `compare`. `state` is a seed and a truncation limit; None for no limit."""

    def __init__(self, sources: tuple[object, object], *, n: int, seed: int) -> None:
        self.generators = [lab.open_generator(source) for source in sources]
        parts = zip(sources, self.generators, "AB", strict=True)
        self.names = [_name(source, generator, letter) for source, generator, letter in parts]
        self.names_of_pictures = tuple(f"Faces of {name}" for name in self.names)
        self.n = n
        super().__init__((seed, None))

    def draw(self, state: tuple[int, float | None]) -> tuple[Sequence[Tensor], str]:
        seed, limit = state
        pictures = lab.compare(*self.generators, n=self.n, seed=seed, truncation=limit)
        said = f"The same {self.n} latents of seed {seed} in {self.names[0]} (first) and {self.names[1]}."
        different = comparison_warning(*(getattr(g, "trained_on", None) for g in self.generators))
        return pictures, f"{said} {different}".strip()

    def build(self) -> Any:
        self.resample = button("Resample", "Draw new latents for both", self._resample, icon="random")
        self.seed = seed_box(lambda seed: self.act((seed, self.state[1])))
        self.truncation = truncation_slider(lambda limit: self.act((self.state[0], limit), "truncation"))
        titles = [ipw.Label(name) for name in self.names]
        pictures = columns(*([title, image] for title, image in zip(titles, self.images, strict=True)))
        return ipw.VBox(
            [pictures, columns([row(self.resample, self.undo_button)], [self.seed, self.truncation])]
        )

    def sync(self, state: tuple[int, float | None]) -> None:
        self.seed.value, self.truncation.value = state[0], state[1] or NO_LIMIT

    def _resample(self) -> None:
        self.act((lab.next_seed(self.state[0]), self.state[1]))


def _name(source: object, generator: Any, letter: str) -> str:
    """A generator's run and step, such as "faces, step 120"; if unknown, the name of its file, or A or B."""
    if isinstance(source, GAN):
        name = source.run_dir.resolve().name if source.run_dir else f"{letter}, a GAN"
        return f"{name}, step {source.step:,}"
    name = getattr(generator, "origin", None) or (
        Path(source).name if isinstance(source, str | Path) else letter
    )
    return textwrap.shorten(name, 40, placeholder="...")
