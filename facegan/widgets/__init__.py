"""Widgets for notebooks: explore latents, and watch or step through training.

`explore`, `morph`, `arithmetic`, `timeline`, `compare`, `plane`, and `step` return a panel, which a notebook displays
as a cell's last value. `live` is a callback for `fit`. Most functions have the same name as their module.
"""

from facegan.widgets.arithmetic import arithmetic
from facegan.widgets.compare import compare
from facegan.widgets.dashboard import live
from facegan.widgets.explore import explore
from facegan.widgets.morph import morph
from facegan.widgets.plane import plane
from facegan.widgets.step import step
from facegan.widgets.timeline import timeline

__all__ = ["arithmetic", "compare", "explore", "live", "morph", "plane", "step", "timeline"]
