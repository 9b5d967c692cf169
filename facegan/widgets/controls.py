"""Controls for the widgets. They only use the core of ipywidgets 7.7.1 (as in Colab) and 8.

All controls can be used with a keyboard: Tab, Enter, and arrow keys on sliders.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from facegan.explore import MAX_SEED
from facegan.images import png_bytes

try:
    import ipywidgets as ipw
except ImportError:  # needed for controls, but not for pictures
    ipw = None

NO_LIMIT = 3.0  # right end of the truncation slider, which means no limit


class FacePicker:
    """A grid of clickable faces: one picture with a transparent button over each face."""

    def __init__(self, image: Any, n: int, columns: int, on_pick: Callable[[int], None]) -> None:
        self.buttons = [button("", "", partial(on_pick, i)) for i in range(n)]
        for index, each in enumerate(self.buttons):
            area = f"{index // columns + 1} / {index % columns + 1}"
            each.style.button_color = "transparent"
            each.layout = ipw.Layout(width="auto", height="auto", margin="0", grid_area=area)
            each.add_class("fg-face")
        rows = -(-n // columns)
        image.layout.grid_area = "1 / 1 / -1 / -1"
        layout = ipw.Layout(
            grid_template_columns=f"repeat({columns}, minmax(0, 1fr))",
            grid_template_rows=f"repeat({rows}, minmax(0, 1fr))",
            width="100%",
        )
        self.box = ipw.GridBox([*voiced(image), *self.buttons], layout=layout)

    def mark(self, marks: Mapping[int, str], tips: Callable[[int], str]) -> None:
        """Set the number, mark, and tooltip of each face.

        Args:
            marks: text to add to the number, by index of the face.
            tips: function from a face's index to its tooltip.
        """
        for index, each in enumerate(self.buttons):
            each.description = f"{index + 1} {marks[index]}" if index in marks else str(index + 1)
            each.tooltip = tips(index)


def image_of(picture: Tensor, name: str = "") -> Any:
    """Create an image widget that fills its container, with a name for screen readers."""
    layout = ipw.Layout(width="100%", margin="0", object_fit="contain")
    return named(ipw.Image(value=png_bytes(picture, level=1), format="png", layout=layout), name)


def named(control: Any, name: str) -> Any:
    """Give a control a name for screen readers, which `voiced` inserts before it; returns the control.

    ipywidgets has no alternative texts, and no names for the handles of sliders. 8.1 cannot show an image with a
    tooltip.
    """
    control.spoken = name
    return control


def voiced(*controls: Any) -> list[Any]:
    """List controls, each preceded by its name, if any, which only screen readers can see."""
    found = []
    for control in controls:
        if name := getattr(control, "spoken", ""):
            found.append(ipw.HTML(f"<span>{html.escape(name)}</span>"))
            found[-1].add_class("fg-spoken")
        found.append(control)
    return found


def button(text: str, tip: str, action: Callable[[], None], *, icon: str = "") -> Any:
    """Create a button that calls `action`. On a keyboard, Tab reaches it, and Enter or the space bar presses it."""
    made = ipw.Button(description=text, tooltip=tip, icon=icon, layout=ipw.Layout(width="auto"))
    made.on_click(lambda _: action())
    return made


def slider(label: str, tip: str, low: float, high: float, step: float, value: float, action: Callable) -> Any:
    """Create a slider that calls `action(value)` while it moves."""
    kind = ipw.IntSlider if isinstance(step, int) else ipw.FloatSlider
    shown = {} if kind is ipw.IntSlider else {"readout_format": ".2g" if high <= 1 else ".1f"}
    made = kind(value=value, min=low, max=high, step=step, description=label, **shown)
    return labeled(named(made, f"Slider: {tip}"), tip, action)


def labeled(control: Any, tip: str, action: Callable) -> Any:
    """Give a control a tooltip, and make it fill its container and call `action(value)` when its value changes."""
    control.style.description_width = "84px"
    control.layout.width = "auto"
    setattr(control, "tooltip" if control.has_trait("tooltip") else "description_tooltip", tip)
    control.observe(lambda change: action(change["new"]), "value")
    return control


def row(*controls: Any) -> Any:
    """Put controls in a row, which wraps if there is not enough room."""
    layout = ipw.Layout(display="flex", flex_flow="row wrap", grid_gap="6px", align_items="center")
    return ipw.Box(voiced(*controls), layout=layout)


def columns(*parts: Any) -> Any:
    """Put parts in columns; on a phone, they are stacked."""
    boxes = [
        ipw.VBox(voiced(*p), layout=ipw.Layout(flex="1 1 270px", min_width="0", max_width="430px"))
        for p in parts
    ]
    return ipw.Box(boxes, layout=ipw.Layout(display="flex", flex_flow="row wrap", grid_gap="16px"))


def seed_box(action: Callable[[int], None]) -> Any:
    """Create a box for a seed; the same seed gives the same samples."""
    box = ipw.BoundedIntText(0, min=0, max=MAX_SEED - 1, description="Seed")
    return labeled(box, "The same seed gives the same result", action)


def truncation_slider(action: Callable[[float | None], None]) -> Any:
    """Create a slider for the truncation limit; its right end means no limit."""
    tip = "Truncate latents at this many standard deviations; 3 is no limit. Lower is closer to the average face"

    def change(value: float) -> None:
        action(round(value, 6) if value < NO_LIMIT else None)

    return slider("Truncation", tip, 0.3, NO_LIMIT, 0.1, NO_LIMIT, change)


def player(target: Any, last: int, *, step: int, interval: int) -> Any:
    """Create playback buttons that move a slider from 0 to `last`, by `step` every `interval` ms."""
    play = ipw.Play(min=0, max=max(last, 1), step=step, interval=interval)
    ipw.link((play, "value"), (target, "value"))
    return play
