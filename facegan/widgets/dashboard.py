"""The live dashboard of a run: curves, faces, rate, time left, and a Stop button."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from facegan.doctor.watch import Watch
from facegan.errors import CheckpointError, FaceganError
from facegan.plots import picture_of, plot_stacked, smoothed_at
from facegan.training import fresh
from facegan.training.callbacks import Callback
from facegan.training.gan import GAN
from facegan.widgets.controls import button, columns, ipw, row
from facegan.widgets.panel import Panel, blank, sentence_html
from facegan.widgets.stop_button import poll_click, running_kernel

_POLL = 0.1  # seconds between checks for a click
_SOON, _TELL = (
    1.0,
    10.0,
)  # seconds before the first sentence and between later ones, which screen readers read aloud
_QUIET = 5.0  # minimum seconds between two sentences at snapshots
_DRAW, _SHARE = 5.0, 0.03  # seconds between pictures; maximum fraction of the time for drawing them
_TICK = 1.0  # seconds between updates of the bar


def live() -> Live:
    """A callback for `fit` that shows losses, discriminator output, preview faces, rate, time left, and a Stop button.

    Pictures are updated at every snapshot and every five seconds, or less often if drawing takes more than 3% of the
    time. Pictures between snapshots are not saved, and do not change the results.

    "Stop" ends training after the current step and saves the run, like the notebook's own stop button. The cells below
    do not run; running the same cell again resumes training. After the run has ended, "Start over" moves its folder
    aside, to `first-1` or the next free number, and resets the GAN to its initial weights. Running the same cell again
    then starts at step 0, as with `fit(..., fresh=True)`; the dashboard cannot run the cell itself. "Start over" is
    disabled without a `run_dir`, because the run would be lost.

    >>> fit(gan, faces, epochs=5, callbacks=[live()])      # doctest: +SKIP
    """
    return Live()


class Live(Callback):
    """See `live`. `panel` is the dashboard; None before `fit` begins."""

    def __init__(self) -> None:
        self.panel: Any = None

    def on_train_begin(self, gan: GAN, total: int) -> None:
        with _own_random_numbers(gan):
            self.panel = Dashboard(gan, total)
        self.shows_progress = self.panel.box is not None and running_kernel() is not None
        self._shown = self._display() if running_kernel() else None
        self._polled = self._ticked = time.monotonic()
        self._tells_at = self._polled + _SOON
        self._draws_at, self._cost = self._polled + _DRAW, 0.0

    def on_snapshot(self, gan: GAN, grid: Tensor) -> None:
        began = time.monotonic()
        self._show(grid)
        self._drew(began)

    def on_step_end(self, gan: GAN, metrics: dict[str, Tensor]) -> None:
        now = time.monotonic()
        if now - self._ticked > _TICK:
            self._ticked = now
            self.panel.tick()
        if now > self._draws_at:
            with _own_random_numbers(gan):
                gan.history.read()
                self._show(gan.preview_grid())
            self._cost = 0.0  # only the cost of the latest pictures counts
            self._drew(now)
        if now > self._tells_at:
            self._tells_at = now + _TELL
            self.panel.tell()
        if now - self._polled > _POLL:
            self._polled = now
            if self.panel.box and poll_click(self.panel.stop.model_id):
                self.panel.ask_to_stop()
        if self.panel.stopped:
            gan.request_stop(by_user=True)

    def on_train_end(self, gan: GAN) -> None:
        self.panel.finish()

    def _show(self, grid: Tensor) -> None:
        self.panel.update(grid)
        if self._shown and not self.panel.box:
            self._shown.update(self.panel)

    def _drew(self, began: float) -> None:
        """Schedule the next pictures. A snapshot provides the grid, so an earlier, higher cost still counts."""
        done = time.monotonic()
        self._cost = max(self._cost, done - began)
        self._draws_at = done + max(_DRAW, self._cost / _SHARE)

    def _display(self) -> Any:
        from IPython.display import display

        return display(self.panel, display_id=True)


class Dashboard(Panel):
    """The panel of a run. `stopped` tells whether Stop was pressed."""

    names_of_pictures = (
        "Faces of the same latents during training",
        "Curves of losses and discriminator output",
    )
    status_first = True  # rate, time left, and Stop stay above the changing pictures
    instead = "without one, `fit` shows its progress bar"

    def __init__(self, gan: GAN, total: int) -> None:
        self.gan, self.total, self.stopped = gan, total, False
        self.ended = False
        self._said = -_QUIET
        self._began = time.monotonic(), gan.step
        self._watch = Watch(gan.config)
        self.has_still = (
            gan.step >= total
        )  # otherwise, it would show the start; the run folder has the results
        super().__init__(gan.preview_grid())

    def draw(self, state: Tensor) -> tuple[Sequence[Tensor], str]:
        curves = [picture_of(plot_stacked(self.gan.history))] if self.gan.history["loss_d"] else []
        return [state, *(curves or [blank(state)])], self.progress()

    def build(self) -> Any:
        tip = "Stop after this step and save; run the cell again to resume"
        self.stop = button("Stop", tip, self.ask_to_stop, icon="stop")
        tip = (
            "After the run has ended, move its folder aside, so that the cell starts over when it runs again"
        )
        self.again = button("Start over", tip, self.start_over, icon="refresh")
        self.again.disabled = True
        self.bar = ipw.IntProgress(self.gan.step, 0, self.total, layout=ipw.Layout(flex="1 1 160px"))
        self.notice = ipw.HTML()
        return ipw.VBox(
            [row(self.stop, self.again, self.bar), self.notice, columns([self.images[0]], [self.images[1]])]
        )

    def update(self, grid: Tensor) -> None:
        """Show a new grid, the current curves, and new verdicts."""
        self.state = grid
        self._redraw()
        if news := self._watch.news(self.gan.history):
            self.warn(news)

    def warn(self, news: str) -> None:
        """Show a line that is not replaced."""
        if self.box:
            self.notice.value += sentence_html(news)
        else:
            print(news)

    def drawn(self, sentence: str) -> None:
        """Show the sentence, unless one was shown recently, because screen readers read every sentence aloud."""
        self.sentence = sentence
        if time.monotonic() - self._said >= _QUIET:
            self.say(sentence)

    def say(self, text: str) -> None:
        self._said = time.monotonic()
        super().say(text)

    def tell(self) -> None:
        """Update the sentence."""
        self.say(self.progress())
        self.tick()

    def tick(self) -> None:
        """Update the progress bar."""
        if self.box:
            self.bar.value = self.gan.step

    def finish(self) -> None:
        """Show that the run has ended."""
        self.ended = True
        self.tell()
        if self.box:
            self.stop.disabled = True
            self.stop.description = "Finished" if self.complete else "Stopped"
            self.again.disabled = self.gan.run_dir is None

    @property
    def complete(self) -> bool:
        """Whether all steps were taken."""
        return self.gan.step >= self.total

    def progress(self) -> str:
        """The run's step, rate, and time left as text."""
        gan, (began, first) = self.gan, self._began
        said = "Stopped at step" if self.ended else "Step"
        if self.complete and (self.ended or first >= self.total):
            said = "Finished: step"
        said += f" {gan.step:,} of {max(self.total, gan.step):,}" + (
            f", epoch {gan.epoch}" if gan.epoch else ""
        )
        done = gan.step - first
        if done and not self.complete and not self.ended:
            pace = (time.monotonic() - began) / done
            images = gan.config.batch_size * gan.config.n_critic
            left = _clock((self.total - gan.step) * pace)
            said += f", {images / pace:,.0f} images/s, {left} left"
        if outputs := smoothed_at(gan.history):
            said += ". D(x) {d_real:.2f}, D(G(z)) {d_fake:.2f}".format(**outputs)
        return f"{said}."

    def ask_to_stop(self) -> None:
        """The action of the Stop button. A click may arrive twice, the second time after the run has ended."""
        if not self.stop.disabled:
            self.stopped = True
            self.stop.description = "Stopping"

    def start_over(self) -> None:
        """The action of the Start over button after the run has ended."""
        if (run_dir := self.gan.run_dir) is None:
            return
        said = "Run the cell again to start over."
        try:
            fresh.check_idle(run_dir)
            try:
                fresh.reset(self.gan, run_dir)
            except CheckpointError:
                said = (
                    "To start over with your own networks, rebuild them: rerun the cell that builds them and the "
                    "GAN. This may be the same cell."
                )
            moved = fresh.set_aside(run_dir)
        except (FaceganError, OSError) as error:
            self.say(f"Not started over: {error}")
            return
        self.again.disabled = True
        self.say((f"The run is now in {moved}. " if moved else "") + said)


def _own_random_numbers(gan: GAN) -> Any:
    """A context that restores PyTorch's random state, because your own networks may draw from it."""
    return torch.random.fork_rng(devices=[gan.device] if gan.device.type == "cuda" else [])


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
