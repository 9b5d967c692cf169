"""Reports new verdicts during training, each only once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facegan.config import TrainConfig
from facegan.doctor import curves


class Watch:
    """Examine the curves of a run during training.

    Args:
        config: settings of the run, so that the rules are those of `diagnose`.
    """

    def __init__(self, config: TrainConfig) -> None:
        self._config, self._told = config, set[str]()

    def news(self, history: Mapping[str, Sequence[float]]) -> str:
        """A sentence about a new verdict; empty if there is none, or if there are too few steps."""
        if len(history["step"]) < curves.WINDOW:
            return ""
        rates = curves.rates_of(self._config)
        seen = curves.examine(history, self._config.loss, rates=rates, recent=True)
        found = [verdict for verdict in seen if verdict.sure and verdict.name not in self._told]
        if not found:
            return ""
        self._told.add(found[0].name)
        return f"Doctor: {found[0]}. fg.diagnose(gan) says what to change."
