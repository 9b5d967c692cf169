"""A table of finished runs: what was trained, how long it took, how far its faces are from real ones.

Figures are those of `facegan.metrics`, at one n for all runs, beside what real faces score against other
real faces (the floor). Raw is the generator as the last step left it, EMA its average.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facegan import metrics
from facegan.checkpoint import load_latest
from facegan.config import TrainConfig, differing
from facegan.data import FaceDataset
from facegan.errors import CheckpointError, ConfigError
from facegan.images import save_images
from facegan.models import Generator
from facegan.training import GAN

_SEED = 0  # of the latents that are judged
_UNTOLD = ("seed", "epochs", "snapshot_every", "tensorboard", "ema_decay")  # told elsewhere, or no matter


@dataclass(frozen=True)
class Score:
    """Figures of one set of faces; see `facegan.metrics`."""

    distance: float
    precision: float
    recall: float
    distinct: float


@dataclass(frozen=True)
class Result:
    """A run in figures: `scores` by "raw" and, if it kept an average, "ema"; `seconds` of training alone."""

    name: str
    config: TrainConfig
    data: str
    device: str
    steps: int
    seconds: float
    scores: dict[str, Score]

    @property
    def images(self) -> int:
        return self.steps * self.config.batch_size


def load_run(path: str | Path) -> GAN:
    """The GAN of a run folder's newest checkpoint, on the CPU. Raises `CheckpointError` without one."""
    state = load_latest(Path(path) / "checkpoints")
    if state is None:
        raise CheckpointError(f"no checkpoint in {path}. Name a run folder, such as runs/demo.")
    return GAN.from_state(state, device="cpu")


def measure(runs: Sequence[str | Path], faces: FaceDataset, *, n: int = 2500) -> Iterator[Result]:
    """Yield the figures of one run after the other, n generated faces against n real ones.

    Before the first, all are looked at: raises `CheckpointError` for a folder without a run, `ConfigError`
    when its faces have another size.
    """
    real = _halves(faces, n)[0]
    for run in runs:
        size = load_run(run).config.image_size
        if size != faces.shape[-1]:
            raise ConfigError(f"{run} draws faces of {size} px, the real ones have {faces.shape[-1]} px.")
    space = metrics.Eigenfaces(real)
    coordinates = space(real)
    for run in runs:
        yield _measured(Path(run), load_run(run), space, coordinates)


def floor(faces: FaceDataset, *, n: int = 2500) -> Score:
    """What n real faces score against n others; no generator can be expected to do better."""
    real, others = _halves(faces, n)
    space = metrics.Eigenfaces(real)
    return _score(space(real), space(others))


def table(results: Sequence[Result], lowest: Score) -> list[str]:
    """Lines of a Markdown table."""
    header = (
        "run", "settings", "seed", "images seen", "minutes", "device", "distance raw / EMA",
        "precision", "recall", "distinct",
    )  # fmt: skip
    blank = ("real faces", "", "", "", "", "", f"{lowest.distance:.2f}")
    rows = [header, ("---",) * len(header), *map(_row, results), (*blank, *_shares(lowest))]
    return ["| " + " | ".join(row) + " |" for row in rows]


def save_grids(run: str | Path, folder: str | Path) -> list[Path]:
    """Write 64 faces of a run's generator to `folder/RUN_raw.png`, and of its average to `RUN_ema.png`."""
    drawn, name = _generators(load_run(run)).items(), Path(run).resolve().name
    return [save_images(g.sample(64, seed=_SEED), Path(folder) / f"{name}_{kind}.png") for kind, g in drawn]


def _generators(gan: GAN) -> dict[str, Generator]:
    return {"raw": gan.generator, **({"ema": gan.ema} if gan.config.ema_decay else {})}


def _measured(path: Path, gan: GAN, space: metrics.Eigenfaces, real: Tensor) -> Result:
    rates, notes = gan.history["images_per_second"], _notes(path)
    return Result(
        name=str(path),
        config=gan.config,
        data=str(notes.get("data", "not recorded")),
        device=str(notes.get("device", "not recorded")),
        steps=gan.step,
        seconds=sum(gan.config.batch_size / rate for rate in rates if rate),
        scores={kind: _judge(g, space, real) for kind, g in _generators(gan).items()},
    )


def _judge(generator: Generator, space: metrics.Eigenfaces, real: Tensor) -> Score:
    return _score(real, space(generator.sample(len(real), seed=_SEED)))


def _score(real: Tensor, fake: Tensor) -> Score:
    precision, recall = metrics.precision_recall(real, fake)
    return Score(metrics.frechet_distance(real, fake), precision, recall, metrics.distinct(real, fake))


def _halves(faces: FaceDataset, n: int) -> tuple[Tensor, Tensor]:
    """Two disjoint sets of n real faces, drawn with a seed of their own."""
    if n < metrics.SMALLEST_SET or 2 * n > len(faces):
        raise ConfigError(
            f"n is {n}, expected {metrics.SMALLEST_SET} or more, and two sets of n that share no face among "
            f"the {len(faces):,} real ones: give n={len(faces) // 2} at most, or more faces."
        )
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(_SEED))
    first, second = order[: 2 * n].split(n)
    return faces[first.sort().values.tolist()], faces[second.sort().values.tolist()]


def _notes(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((path / "config.json").read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _row(result: Result) -> tuple[str, ...]:
    changed = {k: v for k, v in differing(TrainConfig(), result.config).items() if k not in _UNTOLD}
    settings = ", ".join(f"{name} {new}" for name, (_, new) in changed.items()) or "the defaults"
    scores = result.scores.values()
    return (
        result.name, settings, str(result.config.seed), f"{result.images:,}", f"{result.seconds / 60:.1f}",
        result.device, " / ".join(f"{score.distance:.2f}" for score in scores), *_shares(*scores),
    )  # fmt: skip


def _shares(*scores: Score) -> tuple[str, ...]:
    names = ("precision", "recall", "distinct")
    return tuple(" / ".join(f"{getattr(score, name):.2f}" for score in scores) for name in names)
