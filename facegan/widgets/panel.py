"""The base class of all widgets: style, pictures, undo, and drawing in a thread.

A panel's state is an immutable value, which controls replace. Pictures are drawn in a thread, so that the kernel can
handle events at the same time. If a state is replaced before it is drawn, it is skipped.
"""

from __future__ import annotations

import base64
import html
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from facegan.errors import FaceganError
from facegan.images import png_bytes
from facegan.widgets.controls import button, image_of, ipw
from facegan.widgets.stop_button import running_kernel

VIEW = "application/vnd.jupyter.widget-view+json"
_STYLE = """<style>
.facegan {max-width: 880px; overflow: visible; position: relative}
.facegan .fg-spoken {position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%)}
.facegan .widget-html:not(.fg-spoken), .facegan .jupyter-widgets:not(.fg-spoken) {overflow: visible}
.facegan .widget-label {font-weight: 500}
.facegan button {min-height: 34px; border-radius: 4px; font-weight: 500}
.facegan button:focus-visible, .facegan [role=slider]:focus-visible {outline: 3px solid #E69F00;
 outline-offset: 1px}
.facegan img {border-radius: 4px}
.facegan button.fg-face {background: transparent; color: #fff;
 text-shadow: 0 0 3px #000, 0 0 3px #000, 0 0 3px #000;
 font: 600 13px system-ui, sans-serif; text-align: left; padding: 2% 8%; line-height: 1.4; display: flex;
 align-items: flex-start; box-shadow: none; border: 0; min-height: 0; height: auto; overflow: visible}
.facegan button.fg-face:hover {box-shadow: inset 0 0 0 3px #E69F00}
.facegan .fg-status {font-size: 13px; line-height: 1.45; min-height: 3em}
.facegan textarea {font-family: monospace; font-size: 12px}
</style>"""


class Worker:
    """Run the newest job in a thread. Jobs that are replaced before they start do not run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    def ask(self, job: Callable[[], None]) -> None:
        """Run `job` after the current one, unless another job replaces it."""
        with self._lock:
            self._job = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def wait(self) -> None:
        """Wait until all jobs are done."""
        while (thread := self._thread) is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                job, self._job = self._job, None
                if job is None:
                    self._thread = None
                    return
            with suppress(Exception):  # jobs report their own errors; later jobs must still run
                job()


class Panel:
    """A widget with a state, pictures, and controls, which a notebook displays as a cell's last value.

    Subclasses implement `draw` (makes pictures and a sentence from a state), `build` (makes the controls), and `sync`
    (sets the controls from a state). `act` replaces `state`, and `undo` restores the previous state. Without
    ipywidgets, or outside of a notebook, a panel prints a message, and only shows its pictures.
    """

    has_still = True  # whether saved notebooks contain a picture
    names_of_pictures: tuple[str, ...] = ("Faces",)  # for screen readers; the sentence describes changes
    still_width = 900  # in saved notebooks, pictures are in a row up to this width in pixels
    status_first = False  # whether the sentence is above the pictures
    instead = "in a script, use the functions of facegan.explore"

    def __init__(self, state: Any) -> None:
        self.state = state
        self._past: list[Any] = []
        self._last_control: str | None = None
        self._lock = threading.RLock()  # cells and controls may act from different threads
        self._syncing = True  # controls do not act during their creation
        self._worker = Worker()
        self.pictures, self.sentence = self.draw(state)
        self.box = self._boxed() if ipw else None
        if reason := why_no_controls(self.instead):
            print(reason)

    def draw(self, state: Any) -> tuple[Sequence[Tensor], str]:
        """Return the pictures, uint8 (3, H, W), and a sentence that describes them. Called in a thread."""
        raise NotImplementedError

    def build(self) -> Any:
        """Return the box with the controls and `self.images`; the base class adds `self.status`."""
        raise NotImplementedError

    def sync(self, state: Any) -> None:
        """Set the controls from the state."""

    def act(self, state: Any, control: str | None = None) -> None:
        """Set the state. Consecutive changes by the same `control`, such as a slider, are undone together."""
        with self._lock:
            if self._syncing or state == self.state:
                return
            if control is None or control != self._last_control:
                self._past.append(self.state)
            self._last_control = control
            self._go(state)

    def undo(self) -> None:
        """Restore the state before the last action, if there was one."""
        with self._lock:
            if self._past:
                self._last_control = None
                self._go(self._past.pop())

    def wait(self) -> None:
        """Wait until the newest state is drawn."""
        self._worker.wait()

    def drawn(self, sentence: str) -> None:
        """Called with the sentence that describes new pictures."""
        self.say(sentence)

    def say(self, text: str) -> None:
        """Show a sentence below the pictures, or above them if `status_first` is true."""
        self.sentence = text
        if self.box:
            self.status.value = sentence_html(text)

    def _go(self, state: Any) -> None:
        self.state = state
        if self.box:
            self._sync()
        self._worker.ask(self._redraw)

    def _sync(self) -> None:
        self._syncing = True
        try:
            self.sync(self.state)
            self.undo_button.disabled = not self._past
        finally:
            self._syncing = False

    def _redraw(self) -> None:
        try:
            self.pictures, sentence = self.draw(self.state)
        except Exception as error:  # an error in a thread would be lost
            name = "" if isinstance(error, FaceganError) else f"{type(error).__name__}: "
            self.say(f"Not drawn. {name}{error}")
            return
        for image, picture in zip(self.images if self.box else (), self.pictures, strict=False):
            image.value = png_bytes(picture, level=1)
        self.drawn(sentence)

    def _boxed(self) -> Any:
        self.status = ipw.HTML()
        self.images = [image_of(*pair) for pair in zip(self.pictures, self.names_of_pictures, strict=True)]
        self.undo_button = button("Undo", "Undo the last action", self.undo, icon="undo")
        parts = [self.status, self.build()] if self.status_first else [self.build(), self.status]
        box = ipw.VBox([ipw.HTML(_STYLE), *parts])
        box.add_class("facegan")
        self.box = box
        self._sync()
        self.say(self.sentence)
        return box

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        """The widget, and a picture for viewers without a kernel."""
        self.wait()
        data: dict[str, Any] = {"text/plain": repr(self)}
        if self.has_still or not self.box:
            data["image/png"] = base64.b64encode(png_bytes(self._still())).decode()
        if self.box:
            data[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return data, {"image/png": {"alt": self.sentence}}

    def _still(self) -> Tensor:
        return side_by_side(self.pictures, width=self.still_width)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.sentence}"


def why_no_controls(instead: str) -> str:
    """A message if controls cannot be shown, which says what to do instead; empty if they can."""
    if ipw is None:
        return (
            "ipywidgets is not installed, so the picture has no controls. Run "
            "`pip install ipywidgets`, restart the kernel, and run this cell again."
        )
    if running_kernel() is None:
        return f"Controls need a notebook (Jupyter or Colab); {instead}."
    return ""


def sentence_html(text: str) -> str:
    """The HTML of a sentence; screen readers read it aloud when it changes."""
    return f'<div class="fg-status" role="status" aria-live="polite">{html.escape(text)}</div>'


def numbers(picks: Sequence[int]) -> str:
    """Format picked faces, counted from 0, as text, counted from 1: "1, 3"."""
    return ", ".join(str(index + 1) for index in picks)


def blank(like: Tensor) -> Tensor:
    """A white picture of the same size as another one."""
    return like.new_full(like.shape, 255)


def side_by_side(pictures: Sequence[Tensor], *, width: int = 900, gap: int = 12) -> Tensor:
    """Combine pictures of any size on white, in a row, or stacked if the row would be wider than `width`."""
    across = sum(p.shape[2] + gap for p in pictures) - gap <= width
    axis, other = (2, 1) if across else (1, 2)
    size = max(p.shape[other] for p in pictures)
    gaps = [gap] * (len(pictures) - 1) + [0]
    parts = [F.pad(p, _missing(p, other, size, g), value=255) for p, g in zip(pictures, gaps, strict=True)]
    return torch.cat(parts, dim=axis)


def _missing(picture: Tensor, other: int, size: int, gap: int) -> tuple[int, int, int, int]:
    """The padding (left, right, top, bottom) to `size` along the axis `other`, and by a gap along the other axis."""
    rest = size - picture.shape[other]
    return (0, gap, 0, rest) if other == 1 else (0, rest, 0, gap)
