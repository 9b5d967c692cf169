"""Widgets for notebooks: explore a generator's latents, follow a training, play with games in two dimensions,
or go through a training one update at a time.

`explore`, `morph`, `arithmetic`, `timeline`, `compare`, `plane` and `step` return a panel that shows itself as a
cell's last value; `live` is a callback for `fit`. Each is named like its module; these names are the functions.
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
