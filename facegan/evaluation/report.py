"""A table of finished runs: what was trained, how long it took, how far its faces are from real ones.

Figures are those of `facegan.metrics`, at one n for all runs, beside what real faces score against other
real faces (the floor). Raw is the generator as the last step left it, EMA its average. Left out: runs whose
`batch_size` changed on the way, which are told as if it had always been the last one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facegan.config import TrainConfig, differing
from facegan.data.load import FaceDataset
from facegan.errors import CheckpointError, ConfigError
from facegan.evaluation import distances as metrics
from facegan.images import save_images
from facegan.models.dcgan import Generator
from facegan.runs import pretrained
from facegan.runs.checkpoint import load_latest
from facegan.training.fit import GAN

_SEED = 0  # of the latents that are judged
_UNTOLD = ("seed", "epochs", "snapshot_every", "tensorboard")  # told elsewhere, or no matter


@dataclass(frozen=True)
class Score:
    """Figures of one set of faces; see `facegan.metrics`."""

    distance: float
    recall: float
    distinct: float


@dataclass(frozen=True)
class Result:
    """A run in figures: `scores` by "raw" and, if it kept an average, "ema"; `seconds` of training alone.

    `data` and `device` are None for runs from before they were recorded.
    """

    name: str
    config: TrainConfig
    data: str | None
    device: str | None
    steps: int
    seconds: float
    scores: dict[str, Score]

    @property
    def images(self) -> int:
        return self.steps * self.config.batch_size


class Judge:
    """n real faces, and how far generated ones are from them.

    `floor` is what n other real faces score: a generator's distance and recall can hardly be better. Raises
    `ConfigError` when there are fewer than 2 n real faces.
    """

    def __init__(self, faces: FaceDataset, *, n: int = 2500) -> None:
        real, others = _halves(faces, n)
        self._space = metrics.Eigenfaces(real)
        self._real = self._space(real)
        self.floor = self.score(others)

    def score(self, images: Tensor) -> Score:
        """Figures of images (M, 3, H, W), uint8 or floats in [-1, 1]; as many as real ones compare best."""
        real, fake = self._real, self._space(images)
        return Score(
            distance=metrics.frechet_distance(real, fake),
            recall=metrics.recall(real, fake),
            distinct=metrics.distinct(real, fake),
        )

    def measure(self, run: str | Path) -> Result:
        """The figures of a run folder's newest checkpoint. Raises `CheckpointError` without one."""
        gan, notes = load_run(run), _notes(Path(run))
        rates = gan.history["images_per_second"]
        drawn = {kind: g.sample(len(self._real), seed=_SEED) for kind, g in _generators(gan).items()}
        return Result(
            name=str(run),
            config=gan.config,
            data=notes.get("data"),
            device=notes.get("device"),
            steps=gan.step,
            seconds=sum(gan.config.batch_size / rate for rate in rates if rate),
            scores={kind: self.score(images) for kind, images in drawn.items()},
        )


def load_run(path: str | Path) -> GAN:
    """The GAN of a run folder's newest checkpoint, on the CPU. Raises `CheckpointError` without one."""
    state = load_latest(Path(path) / "checkpoints")
    if state is None and pretrained.is_pretrained(str(path)):
        raise CheckpointError(f"{path} comes with facegan as generators only; name a folder of your own run.")
    if state is None:
        raise CheckpointError(f"no checkpoint in {path}. Name a run folder, such as runs/demo.")
    return GAN.from_state(state, device="cpu")


def common_size(runs: Sequence[str | Path]) -> int:
    """The side in pixels of the faces of all runs.

    Raises `CheckpointError` for a folder without a run, `ConfigError` when sizes differ.
    """
    sizes = {str(run): load_run(run).config.image_size for run in runs}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{run} {size} px" for run, size in sizes.items())
        raise ConfigError(f"faces of different sizes cannot be compared: {told}. Name runs of one size.")
    return next(iter(sizes.values()))


def table(results: Sequence[Result], lowest: Score) -> list[str]:
    """Lines of a Markdown table."""
    header = (
        "run", "settings", "seed", "images seen", "minutes", "device", "distance raw / EMA", "recall",
        "distinct",
    )  # fmt: skip
    blank = ("real faces", "", "", "", "", "", f"{lowest.distance:.2f}")
    rows = [header, ("---",) * len(header), *map(_row, results), (*blank, *_shares(lowest))]
    return ["| " + " | ".join(row) + " |" for row in rows]


def save_grids(runs: Sequence[str | Path], folder: str | Path) -> list[Path]:
    """Write 64 faces of each run's generator to `folder/RUN_raw.png`, and of its average to `RUN_ema.png`.

    Raises `ConfigError`, and writes nothing, when two run folders have the same name.
    """
    names = [Path(run).resolve().name for run in runs]
    if len(set(names)) < len(names):
        told = ", ".join(map(str, runs))
        raise ConfigError(f"two of {told} share a name, as their grids would. Rename one of the folders.")
    return [
        save_images(generator.sample(64, seed=_SEED), Path(folder) / f"{name}_{kind}.png")
        for run, name in zip(runs, names, strict=True)
        for kind, generator in _generators(load_run(run)).items()
    ]


def _generators(gan: GAN) -> dict[str, Generator]:
    return {"raw": gan.generator, **({"ema": gan.ema} if gan.config.ema_decay else {})}


def _halves(faces: FaceDataset, n: int) -> tuple[Tensor, Tensor]:
    """Two disjoint sets of n real faces, drawn with a seed of their own."""
    least, most = metrics.SMALLEST_SET, len(faces) // 2
    if most < least:
        raise ConfigError(f"got {len(faces)} real faces, expected {2 * least} or more to compare with.")
    if not least <= n <= most:
        raise ConfigError(
            f"n is {n}, expected {least} to {most}, half of the {len(faces):,} real faces: the other half "
            "shows how far real faces are from each other."
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
    distances = " / ".join(f"{score.distance:.2f}" for score in scores)
    return (
        result.name, settings, str(result.config.seed), f"{result.images:,}", f"{result.seconds / 60:.1f}",
        result.device or "not recorded", distances, *_shares(*scores),
    )  # fmt: skip


def _shares(*scores: Score) -> tuple[str, ...]:
    names = ("recall", "distinct")
    return tuple(" / ".join(f"{getattr(score, name):.2f}" for score in scores) for name in names)
