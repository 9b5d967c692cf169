"""The live dashboard of a training run in a notebook: curves, faces, rate, time left, and a Stop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from facegan.plots import picture_of, plot_stacked
from facegan.training.callbacks import Callback
from facegan.training.gan import GAN
from facegan.widgets.controls import button, columns, ipw, row
from facegan.widgets.panel import Panel, blank
from facegan.widgets.stop_button import poll_click, running_kernel

_POLL = 0.1  # seconds between looks for a click
_TELL = 1.0  # seconds between looks at rate and time left


def live() -> Live:
    """A callback for `fit`: losses, discriminator output, preview faces, rate, time left, and a Stop button.

    Pictures are replaced at every snapshot. Stop ends after the step in progress and saves, like the
    notebook's own stop button; the cells below do not run, and running the same cell again resumes.

    >>> fit(gan, faces, epochs=5, callbacks=[live()])      # doctest: +SKIP
    """
    return Live()


class Live(Callback):
    """See `live`. `panel` is the dashboard, once `fit` has begun."""

    def __init__(self) -> None:
        self.panel: Any = None

    def on_train_begin(self, gan: GAN, total: int) -> None:
        self.panel = Dashboard(gan, total)
        self.shows_progress = self.panel.box is not None and running_kernel() is not None
        self._shown = self._display() if running_kernel() else None
        self._polled = self._told = time.monotonic()

    def on_snapshot(self, gan: GAN, grid: Tensor) -> None:
        self.panel.update(grid)
        if self._shown and not self.panel.box:
            self._shown.update(self.panel)

    def on_step_end(self, gan: GAN, metrics: dict[str, Tensor]) -> None:
        now = time.monotonic()
        if now - self._told > _TELL:
            self._told = now
            self.panel.tell()
        if now - self._polled > _POLL:
            self._polled = now
            if self.panel.box and poll_click(self.panel.stop.model_id):
                self.panel.ask_to_stop()
        if self.panel.stopped:
            gan.request_stop(by_user=True)

    def on_train_end(self, gan: GAN) -> None:
        self.panel.finish()

    def _display(self) -> Any:
        from IPython.display import display

        return display(self.panel, display_id=True)


class Dashboard(Panel):
    """The panel of a run; `stopped` is whether Stop was pressed."""

    has_still = False  # it would be of the start; what stays of a run lies in its folder
    instead = "here `fit` shows its progress bar"

    def __init__(self, gan: GAN, total: int) -> None:
        self.gan, self.total, self.stopped = gan, total, False
        self._began = time.monotonic(), gan.step
        super().__init__(gan.preview_grid())

    def draw(self, state: Tensor) -> tuple[Sequence[Tensor], str]:
        curves = [picture_of(plot_stacked(self.gan.history))] if self.gan.history["loss_d"] else []
        return [state, *(curves or [blank(state)])], self.progress()

    def build(self) -> Any:
        tip = "End after this step and save; run the cell again to resume"
        self.stop = button("Stop", tip, self.ask_to_stop, icon="stop")
        self.bar = ipw.IntProgress(self.gan.step, 0, self.total, layout=ipw.Layout(flex="1 1 160px"))
        return ipw.VBox([row(self.stop, self.bar), columns([self.images[0]], [self.images[1]])])

    def update(self, grid: Tensor) -> None:
        """Show a new grid, and the curves up to now."""
        self.state = grid
        self._redraw()

    def tell(self) -> None:
        """Bring rate and time left up to date."""
        self.say(self.progress())
        if self.box:
            self.bar.value = self.gan.step

    def finish(self) -> None:
        """Show how the run ended."""
        self.tell()
        if self.box:
            self.stop.disabled = True
            self.stop.description = "Finished" if self.gan.step >= self.total else "Stopped"

    def progress(self) -> str:
        """The run's step, rate and time left, in words."""
        gan, (began, first) = self.gan, self._began
        said = f"Step {gan.step:,} of {self.total:,}" + (f", epoch {gan.epoch}" if gan.epoch else "")
        done = gan.step - first
        if done and gan.step < self.total:
            pace = (time.monotonic() - began) / done
            images = gan.config.batch_size * gan.config.n_critic
            left = _clock((self.total - gan.step) * pace)
            said += f", {images / pace:,.0f} images/s, {left} left"
        if gan.history["loss_d"]:
            outputs = (gan.history[name][-1] for name in ("d_real", "d_fake"))
            said += ". D(x) {:.2f}, D(G(z)) {:.2f}".format(*outputs)
        return f"{said}."

    def ask_to_stop(self) -> None:
        """What the Stop button does. A click may be heard twice, the second time after the run's end."""
        if not self.stop.disabled:
            self.stopped = True
            self.stop.description = "Stopping"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
