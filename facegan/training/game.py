"""Trains a GAN one move at a time (D's step, G's step, or whole steps), with exact undo."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

import torch
from torch import Tensor

from facegan.errors import ConfigError, expect
from facegan.images import to_float
from facegan.models import protocol
from facegan.training.fit import batches_of, dataset_of, next_images
from facegan.training.gan import GAN
from facegan.training.optimizers import decay_rates, set_rate
from facegan.training.resume import change_data
from facegan.training.single import Look, look, step_discriminator, step_generator
from facegan.training.step import train_step

MAX_SAVED = 256 * 2**20  # bytes of states that a game keeps for undo; at least one state is kept


class Game:
    """Train a GAN on faces one move at a time, and undo moves.

    "D" is `step_discriminator` on the next batch, "G" is `step_generator`, "both" is `train_step` on the next
    batch, and "ten" is ten times "both". Batches are in the same order as in `fit`, so whole steps equal those of
    `fit`, except that `lr_decay` is ignored: learning rates are constant.

    Args:
        gan: GAN of images; `go_to` changes it in place.
        faces: as for `fit`.

    Attributes:
        moves: tuple of the moves made so far.

    Raises:
        ConfigError: `gan` is not a GAN, or does not generate images.
        DataError: the faces are not images of the GAN's size, or there is less than one batch.

    >>> game = Game(fg.GAN("tiny"), faces)                                # doctest: +SKIP
    >>> game.go_to(("D", "G"))                                            # doctest: +SKIP
    >>> game.go_to(("D",))  # G's step is undone                          # doctest: +SKIP
    """

    def __init__(self, gan: GAN, faces: Any) -> None:
        expect(gan, GAN, "the first argument", "a GAN: fg.widgets.step(fg.GAN('tiny'), faces)")
        if len(gan.sample_shape) != 3:
            raise ConfigError(
                f"the GAN makes samples {gan.sample_shape}, expected images. fg.widgets.plane shows games of points."
            )
        self.gan, self.faces = gan, dataset_of(gan, faces)
        self._batches = batches_of(gan, self.faces)
        change_data(gan, self.faces.record())
        self.moves: tuple[str, ...] = ()
        self._saved: dict[int, dict[str, Any]] = {}  # the GAN's state before each of the last moves
        self._left = self._mark()

    def go_to(self, moves: tuple[str, ...]) -> None:
        """Bring the GAN to its state after these moves: undo the moves that differ, then make the new ones.

        If a move fails, it is undone, and its error is raised.

        Args:
            moves: names of moves, such as ("D", "G", "both", "ten").

        Raises:
            ConfigError: there is no such move, or the earlier state is not kept; see `first`. Nothing is changed.
        """
        expect(moves, tuple, "moves", "a tuple of names: game.go_to(('D', 'G'))")
        for move in moves:
            if move not in _MOVES:
                raise ConfigError(f"there is no move {move!r}; choose from {', '.join(map(repr, _MOVES))}.")
        same = next((i for i, (a, b) in enumerate(zip(self.moves, moves, strict=False)) if a != b), None)
        same = min(len(self.moves), len(moves)) if same is None else same
        if same < len(self.moves):
            self._back_to(same)
        for move in moves[same:]:
            self._play(move)

    @property
    def first(self) -> int:
        """The smallest number of moves to which the game can be undone.

        Changes made outside of the game, such as by `fit`, cannot be undone. States are kept up to `MAX_SAVED` bytes.
        """
        if self._mark() != self._left:
            return len(self.moves)
        return min(self._saved, default=len(self.moves))

    @contextmanager
    def before_last(self) -> Iterator[bool]:
        """A context in which G and D have their weights from before the last move; yields whether these are kept.

        If not, nothing changes. Use this for evaluation only: the average, the optimizers, the random numbers, and the
        history are not restored.
        """
        if self.first >= len(self.moves):
            yield False
            return
        before = self._saved[len(self.moves) - 1]
        networks = {
            name: protocol.unwrapped(getattr(self.gan, name)) for name in ("generator", "discriminator")
        }
        now = {name: copy.deepcopy(network.state_dict()) for name, network in networks.items()}
        try:
            for name, network in networks.items():
                network.load_state_dict(before[name])
            yield True
        finally:
            for name, network in networks.items():
                network.load_state_dict(now[name])

    def look(self, n: int, *, seed: int) -> Look:
        """Call `look` on n fakes, from latents of the seed, and on n evenly spaced faces of the data."""
        index = torch.linspace(0, len(self.faces) - 1, n).long().tolist()
        real = to_float(torch.as_tensor(self.faces[index]))
        return look(self.gan, real, protocol.latents_for(self.gan.generator, n, seed=seed))

    def _play(self, move: str) -> None:
        if self._mark() != self._left:
            self._saved.clear()
        before = self._saved[len(self.moves)] = state_of(self.gan)
        decay_rates(self.gan.optimizer_d, self.gan.optimizer_g, self.gan.config, 0.0)
        try:
            _MOVES[move](self)
        except BaseException:
            restore(self.gan, self._saved.pop(len(self.moves)))
            raise
        finally:
            self._left = self._mark()
        self.moves += (move,)
        for old in sorted(self._saved)[: -max(1, MAX_SAVED // _bytes_of(before))]:
            del self._saved[old]

    def _back_to(self, count: int) -> None:
        if count < self.first:
            raise ConfigError(
                f"cannot undo to move {count}; the first state that is kept is that after move {self.first}. The GAN "
                "has since been trained elsewhere, or earlier states were dropped. Undo fewer moves."
            )
        restore(self.gan, self._saved[count])
        self._saved = {i: state for i, state in self._saved.items() if i < count}
        self.moves, self._left = self.moves[:count], self._mark()

    def _mark(self) -> tuple[int, bytes]:
        """Values that every training step changes, to detect training outside of the game."""
        return self.gan.step, self.gan.rng.get_state().numpy().tobytes()

    def _next_real(self) -> Tensor:
        batches, gan = self._batches, self.gan
        batches.remaining, batches.epoch = gan.remaining, gan.epoch
        real = next_images(chain.from_iterable(repeat(batches)), gan.config.n_critic)
        gan.remaining, gan.epoch = batches.remaining, batches.epoch
        return real

    def _both(self) -> None:
        train_step(self.gan, self._next_real())


def _ten(game: Game) -> None:
    for _ in range(10):
        game._both()


_MOVES: dict[str, Callable[[Game], object]] = {
    "D": lambda game: step_discriminator(game.gan, game._next_real()),
    "G": lambda game: step_generator(game.gan),
    "both": Game._both,
    "ten": _ten,
}


def state_of(gan: GAN) -> dict[str, Any]:
    """A copy of the GAN's state; `state_dict` shares tensors with a GAN on the CPU, which training changes."""
    return copy.deepcopy(gan.state_dict())


def restore(gan: GAN, state: dict[str, Any]) -> None:
    """Restore a GAN from `state_of`, including its learning rates, which `load_state_dict` does not change."""
    gan.load_state_dict(state)
    for name in ("optimizer_d", "optimizer_g"):
        set_rate(getattr(gan, name), float(state[name]["param_groups"][0]["lr"]))


def _bytes_of(state: Any) -> int:
    """The size of all tensors in a state, in bytes."""
    if isinstance(state, Tensor):
        return state.nbytes
    return sum(map(_bytes_of, state.values())) if isinstance(state, dict) else 0
