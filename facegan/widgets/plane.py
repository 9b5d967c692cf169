"""The widget `plane`: train GANs on points with different settings."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from facegan.config import TrainConfig
from facegan.explore import checked_seed
from facegan.images import read_png
from facegan.losses import BUILT_IN, LOSSES
from facegan.plane.data import NAMES
from facegan.plane.player import play
from facegan.plane.record import checked_config, record
from facegan.plane.recording import Recording
from facegan.training.callbacks import Callback
from facegan.training.gan import GAN
from facegan.widgets.controls import columns, ipw, labeled, named, row, seed_box
from facegan.widgets.panel import Panel

YOURS = "your points"
_RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
_TELL_EVERY = 200  # steps between two progress messages
# Settings with a slider: label, tooltip, and values.
_SLIDERS: dict[str, tuple[str, str, tuple]] = {
    "lr_d": ("Rate of D", "Learning rate of D", _RATES),
    "lr_g": ("Rate of G", "Learning rate of G", _RATES),
    "n_critic": ("D steps", "Steps of D for each step of G", (1, 2, 3, 5, 10)),
    "r1": ("R1", "Weight of the R1 penalty; 0 means none", (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)),
    "instance_noise": ("Noise", "Standard deviation of the noise in D's inputs", (0.0, 0.1, 0.2, 0.5, 1.0)),
}


def plane(
    config: TrainConfig | None = None,
    data: Any = "ring",
    *,
    steps: int = 2000,
    every: int = 20,
    seed: int = 0,
) -> Plane:
    """Train a GAN of points, play the recording, and train again when a control changes.

    Without widgets, use `facegan.plane.record`.

    Args:
        config: initial settings; by default, `facegan.plane.CONFIG`.
        data: a name in `facegan.plane.DATA`, or points (N, 2).
        steps: number of steps in each run.
        every: steps between two frames.
        seed: initial seed.

    Raises:
        ConfigError, DataError: as for `facegan.plane.record`.
    """
    return Plane(data, checked_config(config), steps=steps, every=every, seed=checked_seed(seed))


@dataclass(frozen=True)
class PlaneState:
    """The name of the data set, the settings, and the seed."""

    data: str
    config: TrainConfig
    seed: int


class _Replaced(BaseException):
    """The controls have changed since this run began; it ends without a message."""


class Plane(Panel):
    """See `plane`. `state` is a `PlaneState`, and `recording` is the current recording."""

    names_of_pictures = ("The last frame",)
    instead = "in a script, use facegan.plane.record and facegan.plane.play"
    recording: Recording
    box = None

    def __init__(self, data: Any, config: TrainConfig, *, steps: int, every: int, seed: int) -> None:
        self._points = None if isinstance(data, str) else data
        self._steps, self._every = steps, every
        super().__init__(PlaneState(data if isinstance(data, str) else YOURS, config, seed))

    def draw(self, state: PlaneState) -> tuple[Sequence[Tensor], str]:
        data = self._points if state.data == YOURS else state.data
        watch = _Watch(self, state)
        self.recording = record(
            state.config, data, steps=self._steps, every=self._every, seed=state.seed, callbacks=[watch]
        )
        self.page = play(self.recording)
        return [read_png(io.BytesIO(self.page.still))], self.page.alt

    def build(self) -> Any:
        self.frame = ipw.HTML(self.page.framed())
        names = [*([YOURS] if self._points is not None else []), *NAMES]
        self.data = _menu("Data", "Points that G learns to generate", names, self._set_data)
        self.loss = _menu("Loss", "The losses of D and G", list(LOSSES), lambda v: self._set("loss", v))
        self.seed = seed_box(self._set_seed)
        self.sliders = {name: self._slider(name) for name in _SLIDERS}
        menus = [self.data, self.loss, self.seed, row(self.undo_button)]
        return ipw.VBox([self.frame, columns(menus, list(self.sliders.values()))])

    def sync(self, state: PlaneState) -> None:
        self.data.value, self.seed.value = state.data, state.seed
        if state.config.loss in BUILT_IN:
            self.loss.value = state.config.loss
        for name, control in self.sliders.items():
            control.value = getattr(state.config, name)

    def drawn(self, sentence: str) -> None:
        if self.box:
            self.frame.value = self.page.framed()
        self.say(sentence)

    def _redraw(self) -> None:
        with suppress(_Replaced):
            super()._redraw()

    def _set(self, name: str, value: Any) -> None:
        self.act(replace(self.state, config=self.state.config.replace(**{name: value})), name)

    def _set_data(self, name: str) -> None:
        self.act(replace(self.state, data=name))

    def _set_seed(self, seed: int) -> None:
        self.act(replace(self.state, seed=seed))

    def _slider(self, name: str) -> Any:
        label, tip, values = _SLIDERS[name]
        options = sorted({*values, getattr(self.state.config, name)})
        made = ipw.SelectionSlider(
            options=[(f"{v:g}", v) for v in options], description=label, continuous_update=False
        )
        return labeled(named(made, f"Slider: {tip}"), tip, lambda value: self._set(name, value))


class _Watch(Callback):
    """Report the progress of a run, and end it if its panel has another state."""

    shows_progress = True

    def __init__(self, panel: Plane, state: PlaneState) -> None:
        self._panel, self._state = panel, state

    def on_train_begin(self, gan: GAN, total: int) -> None:
        self._total = total

    def on_step_end(self, gan: GAN, metrics: dict[str, Tensor]) -> None:
        if self._panel.state is not self._state:
            raise _Replaced
        if gan.step % _TELL_EVERY == 0:
            self._panel.say(f"Training: step {gan.step:,} of {self._total:,}.")


def _menu(label: str, tip: str, options: list[str], action: Callable[[str], None]) -> Any:
    return labeled(named(ipw.Dropdown(options=options, description=label), tip), tip, action)
