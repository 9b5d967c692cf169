"""The widget `step`: training one update at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from facegan.explore import checked_seed, next_seed
from facegan.losses import LOSSES
from facegan.runtime.cpu import threads
from facegan.training.game import Game
from facegan.training.gan import GAN
from facegan.training.single import Look
from facegan.widgets.controls import button, columns, ipw, row, seed_box
from facegan.widgets.panel import Panel
from facegan.widgets.step_picture import draw_fakes, draw_logits

SHOWN, ASKED = (
    8,
    32,
)  # number of fakes in the picture; number of fakes, and of real faces, in histograms and table
_NAMES = {"D": "a step of D", "G": "a step of G", "both": "a step of both", "ten": "ten steps of both"}
_ROWS = (
    ("Loss of D", "loss_d"),
    ("Loss of G", "loss_g"),
    ("Gradient norm of D", "grad_norm_d"),
    ("Gradient norm of G", "grad_norm_g"),
)
_SMALL = 2**16  # maximum pixels in a step's batches for one thread, such as 64 images of 32 px
_CELL = "padding: 3px 10px; text-align: right"
_HEAD = "padding: 3px 10px; text-align: left; font-weight: 400"
_CRITICS = [
    LOSSES[name] for name in ("wasserstein", "hinge", "least_squares")
]  # whose logits have no probabilities


def step(gan: GAN, faces: Any, *, seed: int = 0) -> Step:
    """A debugger for GAN training: update D alone, G alone, or both, and see what changes.

    The GAN is trained in place. "Step D" updates D on the next batch and on fakes of the current G. "Step G" updates G
    on fakes from new latents, through the current D. "Step both" is a step of `fit`. Undo restores the GAN bit for bit:
    weights, optimizers, average, random numbers, and history.

    Pictures and values are always for the same 32 fakes and 32 real faces, not for the step's batch. The fakes are from
    G itself, not from its average. The losses do not include penalties. At most half of the CPU's threads are used.
    Without widgets, use `facegan.training.game.Game`.

    Args:
        gan: a GAN of images, new or trained.
        faces: as for `fit`.
        seed: seed of the latents that are shown.

    Raises:
        ConfigError: `gan` is not a GAN or does not generate images, or the seed is invalid.
        DataError: the faces are not images of the GAN's size, or there is less than one batch.
    """
    return Step(Game(gan, faces), seed=checked_seed(seed))


@dataclass(frozen=True)
class StepState:
    """The moves so far, and the seed of the latents that are shown."""

    moves: tuple[str, ...]
    seed: int


class Step(Panel):
    """See `step`. `state` is a `StepState`, and `game` is the `Game`; `before` and `after` are of class `Look`."""

    names_of_pictures = (
        "Fakes, D's output for each, and where brighter or darker pixels would look more real to D",
        "Histograms of D's logits before and after the last step; the table has the means",
    )
    still_width = 2000
    instead = "in a script, use facegan.training.game.Game"
    before: Look | None
    after: Look
    box = None

    def __init__(self, game: Game, *, seed: int) -> None:
        self.game = game
        self.is_critic = game.gan.loss in _CRITICS
        super().__init__(StepState((), seed))

    def draw(self, state: StepState) -> tuple[Sequence[Tensor], str]:
        with threads(self._threads()):
            self._move(state.moves)
            self.after = self.game.look(ASKED, seed=state.seed)
            with self.game.before_last() as there:
                self.before = self.game.look(ASKED, seed=state.seed) if there else None
        captions = [self._output(logit) for logit in self.after.fake_logits[:SHOWN]]
        title = "Fakes, with D's logit" if self.is_critic else "Fakes, with D's probability of “real”"
        pictures = draw_fakes(self.after, captions, title), draw_logits(self.before, self.after)
        return pictures, self._words()

    def build(self) -> Any:
        self.buttons = {
            "D": self._button("D", "Step D", "Update only D, on the next batch of faces and new fakes"),
            "G": self._button("G", "Step G", "Update only G, on new fakes, through the current D"),
            "both": self._button("both", "Step both", "Algorithm 1: update D, then G"),
            "ten": self._button("ten", "\N{MULTIPLICATION SIGN}10", "Ten steps of both"),
        }
        self.resample = button("New faces", "Show fakes from other latents", self._resample, icon="random")
        self.seed = seed_box(lambda seed: self.act(replace(self.state, seed=seed)))
        self.table = ipw.HTML(self._table())
        fakes, logits = self.images
        moves = row(*self.buttons.values(), self.undo_button, self.resample)
        return ipw.VBox([moves, columns([fakes], [logits, self.table, self.seed])])

    def sync(self, state: StepState) -> None:
        self.seed.value = state.seed

    def drawn(self, sentence: str) -> None:
        if self.box:
            self.table.value = self._table()
        self.say(sentence)

    def _button(self, move: str, text: str, tip: str) -> Any:
        return button(text, tip, lambda: self.act(replace(self.state, moves=(*self.state.moves, move))))

    def _resample(self) -> None:
        self.act(replace(self.state, seed=next_seed(self.state.seed)))

    def _move(self, moves: tuple[str, ...]) -> None:
        """Make or undo moves, and then limit the panel's undo to that of the game."""
        failed = True
        try:
            self.game.go_to(moves)
            failed = False
        finally:
            with self._lock:
                if failed:  # queued moves are dropped, too
                    self.state = replace(self.state, moves=self.game.moves)
                    self._past = [
                        p for p in self._past if len(p.moves) <= len(self.game.moves) and p != self.state
                    ]
                self._past = [past for past in self._past if len(past.moves) >= self.game.first]
                if self.box:
                    self._sync()

    def _threads(self) -> int:
        """The number of CPU threads: one for small batches, otherwise half of them.

        Threads wait for each other in every layer. With another busy process on two cores, a step of `wgan_gp` at 32
        px took 10 s with two threads, and 0.9 s with one thread. On idle cores, it took 0.5 s with two threads.
        """
        config = self.game.gan.config
        pixels = config.batch_size * config.n_critic * config.image_size**2
        return 1 if pixels <= _SMALL else max(1, torch.get_num_threads() // 2)

    def _output(self, logit: Tensor) -> str:
        """D's output as text: a probability, or the logit of a critic."""
        return f"{logit:.2f}" if self.is_critic else f"{logit.sigmoid():.1%}"

    def _mean(self, logits: Tensor) -> str:
        return f"{logits.mean():.2f}" if self.is_critic else f"{logits.sigmoid().mean():.1%}"

    def _numbers(self, look: Look) -> list[tuple[str, str]]:
        """The rows of the table for a `Look`: names and values."""
        mean = "Mean logit" if self.is_critic else "Mean of D"
        shown = [
            (f"{mean}, real faces", self._mean(look.real_logits)),
            (f"{mean}, fakes", self._mean(look.fake_logits)),
        ]
        return shown + [(title, f"{getattr(look, name):.3g}") for title, name in _ROWS]

    def _table(self) -> str:
        """The HTML table of the values before and after the last move."""
        looks = (
            [("now", self.after)] if self.before is None else [("before", self.before), ("after", self.after)]
        )
        lists = [self._numbers(look) for _, look in looks]
        heads = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name, _ in looks)
        rows = [f"<tr><td></td>{heads}</tr>"]
        for pairs in zip(*lists, strict=True):
            name = pairs[0][0]
            cells = "".join(f'<td style="{_CELL}">{value}</td>' for _, value in pairs)
            rows.append(f'<tr><th scope="row" style="{_HEAD}">{name}</th>{cells}</tr>')
        return f'<table style="font-size: 14px; line-height: 1.4">{"".join(rows)}</table>'

    def _words(self) -> str:
        moves, step = self.game.moves, self.game.gan.step
        values = [value for _, value in self._numbers(self.after)]
        if self.before:
            values = [
                f"{v} (before: {old})" for v, (_, old) in zip(values, self._numbers(self.before), strict=True)
            ]
        said = f"Step {step:,}" + (f", after {_NAMES[moves[-1]]}" if moves else "") + ". "
        what = "mean logit" if self.is_critic else "mean probability of “real”"
        said += f"D's {what} is {values[0]} for {ASKED} real faces and {values[1]} for {ASKED} fakes. "
        said += f"Loss of D {values[2]}, of G {values[3]}."
        finite = self.after.fake_logits.isfinite().all()
        return said if finite else f"{said} Not all values are finite: training has diverged. Undo."
