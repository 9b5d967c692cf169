"""A table of finished runs: settings, time, and distances to real faces.

Distances are those of `facegan.evaluation.distances`, with the same n for all runs. The table also has the score of
real faces compared with other real faces (the floor). "Raw" is the generator after the last step, and "EMA" is its
average.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facegan.config import TrainConfig, differing
from facegan.data.dataset import FaceDataset
from facegan.errors import CheckpointError, ConfigError, expect
from facegan.evaluation.distances import distinct, frechet_distance, recall
from facegan.evaluation.features import SMALLEST_SET, Eigenfaces
from facegan.images import save_images
from facegan.models.protocol import sample
from facegan.runs.data_record import comparison_warning
from facegan.runs.run import FolderRun, Run
from facegan.runtime.settings import usual_settings
from facegan.training.gan import GAN

_SEED = 0  # seed of the latents
_NOT_LISTED = (
    "seed",
    "epochs",
    "snapshot_every",
    "tensorboard",
)  # in other columns, or without effect on the result


@dataclass(frozen=True)
class Score:
    """The metrics of a set of faces; see `facegan.evaluation.distances`."""

    distance: float
    recall: float
    distinct: float


@dataclass(frozen=True)
class Result:
    """The measurements of a run.

    Attributes:
        name: the run folder.
        config: settings of the last step.
        data: record of the training faces; empty if unknown.
        device: name of the device; None if unknown.
        images: number of real images used in training.
        seconds: training time, without snapshots.
        scores: scores for "raw" and, if the run has an average, for "ema".
    """

    name: str
    config: TrainConfig
    data: dict[str, Any]
    device: str | None
    images: int
    seconds: float
    scores: dict[str, Score]


class Evaluator:
    """Compare generated faces with n real faces.

    Args:
        faces: real faces, at least 2 n; n others are used for the floor.
        n: number of faces of each kind, at least 100.

    Attributes:
        floor: score of n other real faces; a generator can hardly be better.

    Raises:
        ConfigError: there are fewer than 2 n real faces, or `n` is too small.
    """

    @usual_settings()
    def __init__(self, faces: FaceDataset, *, n: int = 2500) -> None:
        expect(faces, FaceDataset, "faces", "a FaceDataset, such as load_faces('celeba')")
        real, others = _halves(faces, n)
        self._space, self._faces = Eigenfaces(real), faces
        self._real = self._space(real)
        self.floor = self.score(others)

    @usual_settings()
    def score(self, images: Tensor) -> Score:
        """Compute the metrics of images (M, 3, H, W), uint8 or floats in [-1, 1], ideally with M = n.

        Raises:
            ConfigError: there are fewer than 100 images.
        """
        real, fake = self._real, self._space(images)
        return Score(frechet_distance(real, fake), recall(real, fake), distinct(real, fake))

    def measure(self, run: str | Path, *, network: nn.Module | None = None) -> Result:
        """Compute the metrics of a run folder's newest checkpoint.

        A warning is issued if the run was trained on other faces, or with another crop, than those of this evaluator.

        Args:
            run: the run folder.
            network: your own generator, if the run used one.

        Raises:
            CheckpointError: the run has no checkpoint, or used your own network and `network` is None.
        """
        opened = _open(run)
        warn_if_not_comparable(opened, self._faces)
        images = _images_per_step(opened)
        rates = opened.history["step"], opened.history["images_per_second"]
        scores = {
            kind: self.score(sample(generator, len(self._real), seed=_SEED))
            for kind, generator in _generators(opened, network)
        }
        return Result(
            name=opened.name,
            config=opened.config,
            data=opened.data,
            device=opened.device,
            images=sum(map(images, range(1, opened.state["step"] + 1))),
            seconds=sum(images(step) / rate for step, rate in zip(*rates, strict=True) if rate),
            scores=scores,
        )


def warn_if_not_comparable(generator: nn.Module | GAN | Run, faces: FaceDataset) -> None:
    """Warn if a generator, GAN, or run was trained on other faces, or with another crop.

    Args:
        generator: a generator with the attribute `trained_on`, a `GAN`, or a `Run`.
        faces: the faces with which to compare.
    """
    expect(generator, nn.Module | GAN | Run, "the first argument", "a generator, a GAN or a Run")
    expect(faces, FaceDataset, "the second argument", "a FaceDataset, such as load_faces('celeba')")
    data = generator.data if isinstance(generator, GAN | Run) else getattr(generator, "trained_on", None)
    if problem := comparison_warning(data, faces.record()):
        name = f"{generator.name}: " if isinstance(generator, Run) else ""
        warnings.warn(f"{name}{problem}", stacklevel=3)


def common_size(runs: Sequence[str | Path]) -> int:
    """The image size in pixels of all runs.

    Raises:
        CheckpointError: a folder has no run.
        ConfigError: the sizes differ.
    """
    sizes = {str(run): _open(run).config.image_size for run in runs}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{run} {size} px" for run, size in sizes.items())
        raise ConfigError(f"faces of different sizes cannot be compared: {listed}. Choose runs of one size.")
    return next(iter(sizes.values()))


def table(results: Sequence[Result], floor: Score) -> list[str]:
    """Format results as the lines of a Markdown table; the last row is the `floor` of the `Evaluator`."""
    header = (
        "run", "settings", "seed", "images seen", "minutes", "device", "distance raw / EMA", "recall",
        "distinct",
    )  # fmt: skip
    real = ("real faces", "", "", "", "", "", f"{floor.distance:.2f}", *_shares(floor))
    rows = [header, ("---",) * len(header), *map(_row, results), real]
    return ["| " + " | ".join(row) + " |" for row in rows]


def save_grids(runs: Sequence[str | Path], folder: str | Path) -> list[Path]:
    """Write 64 faces of each run's generator to `folder/RUN_raw.png`, and of its average to `folder/RUN_ema.png`.

    Returns:
        The paths of the files.

    Raises:
        CheckpointError: a run has no checkpoint.
        ConfigError: two run folders have the same name; nothing is written.
    """
    names = [Path(run).resolve().name for run in runs]
    if len(set(names)) < len(names):
        listed = ", ".join(map(str, runs))
        raise ConfigError(f"two of {listed} have the same name, and so would their grids. Rename a folder.")
    return [
        save_images(sample(generator, 64, seed=_SEED), Path(folder) / f"{name}_{kind}.png")
        for run, name in zip(runs, names, strict=True)
        for kind, generator in _generators(_open(run))
    ]


def _open(run: str | Path) -> FolderRun:
    opened = Run.open(str(run) if isinstance(run, Path) else run)
    if not isinstance(opened, FolderRun):
        raise CheckpointError(
            f"{run} is a bundled run without checkpoints. Pass the folder of a run of your own."
        )
    if not opened.checkpoints:
        raise CheckpointError(f"no checkpoint in {run}. Pass a run folder, such as runs/demo.")
    return opened


def _generators(run: FolderRun, network: nn.Module | None = None) -> Iterator[tuple[str, nn.Module]]:
    """Yield the generator after the last step and, if the run has one, its average."""
    yield "raw", run.raw_generator(network)
    if run.config.ema_decay:
        yield "ema", run.generator(network=network)


def _images_per_step(run: FolderRun) -> Callable[[float], int]:
    """A function that returns the number of real images in a step, from the settings of the step's segment."""
    sizes = {0: run.config.batch_size * run.config.n_critic}
    for segment in run.segments:
        settings = segment["settings"]
        sizes[segment["from_step"]] = settings["batch_size"] * settings.get("n_critic", 1)
    return lambda step: sizes[max(start for start in sizes if start < step)]


def _halves(faces: FaceDataset, n: int) -> tuple[Tensor, Tensor]:
    """Two disjoint sets of n real faces, chosen with a fixed seed."""
    least, most = SMALLEST_SET, len(faces) // 2
    if most < least:
        raise ConfigError(f"got {len(faces)} real faces, expected {2 * least} or more to compare with.")
    if not least <= n <= most:
        raise ConfigError(
            f"n is {n}, expected {least} to {most}, half of the {len(faces):,} real faces: the other half "
            "shows how much real faces differ from each other."
        )
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(_SEED))
    first, second = order[: 2 * n].split(n)
    return faces[first.sort().values.tolist()], faces[second.sort().values.tolist()]


def _row(result: Result) -> tuple[str, ...]:
    changed = {k: v for k, v in differing(TrainConfig(), result.config).items() if k not in _NOT_LISTED}
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
