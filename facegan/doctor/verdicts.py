"""The doctor's verdicts: names of failures, advice, similar runs, and lessons."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload


class Advice(NamedTuple):
    """The advice for a failure.

    Attributes:
        change: what to change.
        alike: the bundled run that looks similar; empty if there is none.
        lesson: where the course explains the failure.
    """

    change: str
    alike: str
    lesson: str


VERDICTS: dict[str, Advice] = {
    "numerical failure": Advice(
        "start over with a lower learning rate or precision='fp32'; in your own losses and layers, look for division "
        "by 0 or the logarithm of 0",
        "high_learning_rate",
        "notebook 3, The knobs",
    ),
    "learning rate too high": Advice(
        "start over with learning rates of 0.001 or less; 0.0002 is DCGAN's",
        "high_learning_rate",
        "notebook 3, The knobs",
    ),
    "no gradient reaches G": Advice(
        "use the non-saturating loss (loss='bce') instead of 'minimax'; detach the fakes in D's loss; and check that "
        "G's loss is computed from fakes that are not detached",
        "no_detach",
        "notebook 3, Two losses for G",
    ),
    "D has won": Advice(
        "weaken D: a lower lr_d, R1 (r1=0.3), n_critic=1, or a higher lr_g; in your own code, check that G's "
        "optimizer has G's weights and takes steps, that fakes are detached only in D's loss, that gradients are "
        "cleared, and that G's loss uses the label of real faces",
        "d_too_strong",
        "notebook 3, The classic mistakes, and what they look like",
    ),
    "dead game": Advice(
        "check that D can distinguish real from fake: its labels, its last layer (logits, no sigmoid), its learning "
        "rate, label_flip and instance_noise",
        "",
        "notebook 5, The best D",
    ),
    "D is fooled": Advice(
        "strengthen D: a higher lr_d, as many steps as G, or a lower lr_g; and check that D's labels are not swapped",
        "g_too_strong",
        "notebook 5, Modes, lost and found",
    ),
    "nothing changes": Advice(
        "check that G's optimizer has G's weights and takes steps, that lr_g is not tiny, and that the fakes in G's "
        "loss are not detached",
        "d_too_strong",
        "notebook 3, One step, tensor by tensor",
    ),
    "D overfits": Advice(
        "use more faces, flip=True, augment='color,translation' or augment_target=0.6, R1, or a narrower D; or stop "
        "earlier: earlier snapshots are better",
        "overfitting",
        "notebook 6, Patient 6",
    ),
    "D pulls away": Advice(
        "weaken D: R1 (r1=0.3), a lower lr_d, fewer steps of D, augment='color,translation', or more faces",
        "overfitting",
        "notebook 5, Reading the balance",
    ),
    "mode collapse": Advice(
        "strengthen D: as many steps as G, a higher lr_d, larger batches, or R1; and check that G uses its latents",
        "mode_collapse",
        "notebook 5, Modes, lost and found",
    ),
    "noise": Advice(
        "check that the pixels of the data are in [-1, 1], that the learning rates are those of a recipe, and that G "
        "has BatchNorm; then start over, because such a run does not recover",
        "no_batchnorm",
        "notebook 2, BatchNorm: two modes, one trap",
    ),
    "checkerboard": Advice(
        "train longer, or with BatchNorm if G has none; if it remains, use upsampling='nearest', or transposed "
        "convolutions whose kernel is a multiple of their stride",
        "no_batchnorm",
        "notebook 2, Checkerboards, and where they come from",
    ),
}


@dataclass(frozen=True)
class Verdict:
    """A failure that a run shows.

    Attributes:
        name: a key of `VERDICTS`.
        evidence: the numbers that show it.
        since: first step of the first window that shows it, or step of the first snapshot that shows it.
        sure: whether enough of the last windows or snapshots show it.
        change: what to change.
        alike: the bundled run that looks similar; empty if there is none.
        lesson: where the course explains the failure.
    """

    name: str
    evidence: str
    since: int
    sure: bool = True

    @property
    def change(self) -> str:
        return VERDICTS[self.name].change

    @property
    def alike(self) -> str:
        return VERDICTS[self.name].alike

    @property
    def lesson(self) -> str:
        return VERDICTS[self.name].lesson

    def __str__(self) -> str:
        maybe = "" if self.sure else "perhaps "
        return f"{maybe}{self.name} since step {self.since:,} ({self.evidence})"


@dataclass(frozen=True)
class Diagnosis(Sequence[Verdict]):
    """A sequence of verdicts, the most certain and the earliest cause first; empty for a healthy run.

    Attributes:
        verdicts: the verdicts.
        steps: the last step that was examined.
        notes: what could not be examined, and why.
        examined: what was examined.
    """

    verdicts: tuple[Verdict, ...]
    steps: int
    notes: tuple[str, ...] = field(default=())
    examined: str = "curves"

    @property
    def answer(self) -> str:
        """ "ill" if a verdict is sure, "not sure" if no verdict is sure, "healthy" if there are no verdicts."""
        if any(verdict.sure for verdict in self.verdicts):
            return "ill"
        return "not sure" if self.verdicts else "healthy"

    @overload
    def __getitem__(self, index: int) -> Verdict: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Verdict]: ...
    def __getitem__(self, index: int | slice) -> Verdict | Sequence[Verdict]:
        return self.verdicts[index]

    def __len__(self) -> int:
        return len(self.verdicts)

    def lines(self) -> Iterator[str]:
        """The diagnosis as lines of text."""
        yield f"Step {self.steps:,}: {self.answer}."
        if self.answer == "not sure":
            yield "These signs may be temporary. Train 200 more steps, then diagnose again."
        for rank, verdict in enumerate(self.verdicts, start=1):
            yield f"{rank}. {'' if verdict.sure else 'Perhaps '}{verdict.name}, since step {verdict.since:,}"
            yield f"   evidence: {verdict.evidence}"
            yield f"   change:   {verdict.change}"
            if verdict.alike:
                yield f"   alike:    fg.widgets.timeline({verdict.alike!r})"
            yield f"   read:     {verdict.lesson}"
        yield f"Examined: {self.examined}."
        for note in self.notes:
            yield f"Not examined: {note}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"
