"""Figures that do not use pyplot, have alternative text, and are shown exactly once in a notebook."""

from __future__ import annotations

import base64
import io
import sys
from functools import cache
from typing import Any

from matplotlib.figure import Figure as _Figure

from facegan.errors import ConfigError

_unseen: list[Figure] = []  # created by the running cell and not shown yet


class Figure(_Figure):
    """A figure without pyplot state, so figures do not accumulate; `alt` describes it for screen readers.

    A notebook shows the figure if it is a cell's last value or passed to `display`, and otherwise when the cell ends,
    like pyplot's figures. A figure that was saved is not shown at the end.
    """

    alt = ""

    def show(self, warn: bool = True) -> None:
        """Show the figure in the running notebook. Raises `ConfigError` outside of a notebook."""
        if _shell() is None:
            raise ConfigError(
                "figures can only be shown in a notebook. Save the figure instead: figure.savefig('figure.png')."
            )
        from IPython.display import display

        display(self)

    def show_later(self) -> None:
        """Show the figure when the running cell ends, unless it was shown before."""
        if (shell := _shell()) is not None:
            _watch(shell)
            _unseen.append(self)

    def savefig(self, *arguments: Any, **options: Any) -> None:
        _unseen[:] = [figure for figure in _unseen if figure is not self]
        super().savefig(*arguments, **options)

    def png(self, *, dpi: int = 110) -> bytes:
        out = io.BytesIO()
        self.savefig(out, format="png", dpi=dpi)
        return out.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        png = base64.b64encode(self.png()).decode()
        alt = self.alt or "A figure"
        return {"text/plain": f"<{alt}>", "image/png": png}, {"image/png": {"alt": alt}}


def _shell() -> Any:
    """The running notebook's shell; None outside of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return shell if hasattr(shell, "kernel") else None


@cache
def _watch(shell: Any) -> None:
    shell.events.register("pre_execute", _unseen.clear)
    shell.events.register("post_execute", _show_unseen)


def _show_unseen() -> None:
    for figure in list(_unseen):
        figure.show()
