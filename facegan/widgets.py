"""What moves in a notebook, thin over pure functions. `live` shows a run while it trains.

One picture is made and then replaced in place, so that nothing piles up, also in Colab; without a
front-end the last picture is what stays in the notebook's output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from facegan.plots import figure_png, plot_run

if TYPE_CHECKING:
    from facegan.training import GAN


def live() -> Callable[[GAN, Tensor], None]:
    """A hook for `fit`: loss curves beside the sample grid, brought up to date at every snapshot.

    >>> fit(gan, faces, epochs=5, hooks=[live()])      # doctest: +SKIP
    """
    from IPython.display import Image, display

    shown = None

    def show(gan: GAN, grid: Tensor) -> None:
        nonlocal shown
        picture = Image(
            figure_png(plot_run(gan.history, grid, title=f"step {gan.step:,}")),
            metadata={"alt": f"Loss curves and {gan.step:,} steps' generated faces"},
        )
        if shown is None:
            shown = display(picture, display_id=True)
        else:
            shown.update(picture)

    return show
