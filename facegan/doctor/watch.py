"""What sets in during a training, told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facegan.doctor import curves


class Watch:
    """Reads the curves of a training in progress.

    Args:
        loss: of the training.
    """

    def __init__(self, loss: str) -> None:
        self._loss, self._told = loss, set[str]()

    def news(self, history: Mapping[str, Sequence[float]]) -> str:
        """A sentence about what was not told before; empty if there is nothing, or too few steps."""
        if len(history["step"]) < curves.WINDOW:
            return ""
        found = [
            v for v in curves.examine(history, self._loss, recent=True) if v.sure and v.name not in self._told
        ]
        if not found:
            return ""
        self._told.add(found[0].name)
        return f"Doctor: {found[0]}. fg.diagnose(gan) says what to change."
