"""Detects whether a generator copies its training faces.

With held-out faces, the fakes are compared with equally many training faces and held-out faces. If the generator does
not copy, the nearest face is equally often of either kind (Meehan et al. 2020, arXiv 2004.05675, compare the same
distances). Without held-out faces, a fake counts as a copy if it is closer to a training face than 95% of the training
faces are to their nearest other one.

Distances are between directions of the features in `facegan.evaluation.features`, from 0 to 2; the distance of
unrelated faces is about 1.4. With distances between the features themselves, a few faces near the mean would be nearest
to all blurred fakes. For 500 other photographs instead of fakes, with 100 training faces, the fractions are 53% (up to
59% by chance) and 5%.

Copies of a part of a face, or of a face that was shifted or scaled, are not detected. Without held-out faces, copies
that are less similar than the most similar training faces are not detected, either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from facegan.data.dataset import FaceDataset
from facegan.errors import ConfigError, expect
from facegan.evaluation.features import SMALLEST_SET, Eigenfaces
from facegan.images import captioned, make_grid, to_uint8
from facegan.models.protocol import sample
from facegan.runs.run import Run
from facegan.runtime.settings import usual_settings

_SEED = 0  # seed of the latents and of the choice of faces
_DEVIATIONS = 3  # standard deviations; chance alone exceeds this limit once in 700 snapshots
_RARE = 0.05  # without held-out faces: the fraction of training faces that count as a copy of another one
# number of features; with 64, blurred fakes count as copies; with 16, fewer copies are found
_COORDINATES = 32
_SPACE = 2000  # number of faces of each kind to which features are fitted; more make little difference
_ROWS = 1000  # number of faces whose pixels are in memory at once
_UNDECIDED = 0.9  # if `limit` is above this value, almost no generator that copies is detected
_SAME = 1e-6  # distance below which two faces are the same
_SHOWN = 64  # minimum side in pixels of faces in the picture


@dataclass(frozen=True)
class CopyScore:
    """The comparison of a set of fakes with the training faces.

    Attributes:
        share: fraction of fakes that are close to a training face: closer than to all held-out faces; without
            held-out faces, closer than 95% of the training faces are to their nearest other one.
        expected: the same fraction for a generator that does not copy: 0.5; without held-out faces, 0.05.
        limit: the largest fraction that chance can explain.
        distance: median distance of fakes to the nearest training face, 0 to 2.
        reference: value with which to compare `distance`: the median distance of fakes to the nearest held-out face;
            without held-out faces, that of training faces to the nearest other one.
    """

    share: float
    expected: float
    limit: float
    distance: float
    reference: float

    @property
    def decides(self) -> bool:
        """Whether a decision is possible; False if most of these fakes are close to the same few faces."""
        return self.limit < _UNDECIDED

    @property
    def copies(self) -> bool:
        """Whether the generator copies: `share` is larger than chance can explain."""
        return self.share > self.limit


class CopyDetector:
    """Detects whether generated faces are copies of training faces.

    Args:
        training: the faces on which the generator was trained.
        held_out: faces of the same kind that were not used in training, ideally as many. If one set is larger, as many
            faces are drawn from it as the other one has.
        flip: whether the training faces were also mirrored (the setting `flip`).

    Attributes:
        count: number of faces of each kind that are compared.

    Raises:
        ConfigError: there are too few faces, they are of different sizes, or a face is in both sets.
    """

    @usual_settings()
    def __init__(
        self, training: FaceDataset, held_out: FaceDataset | None = None, *, flip: bool = False
    ) -> None:
        sets = [training] if held_out is None else [training, held_out]
        for name, faces in zip(("training", "held_out"), sets, strict=False):
            expect(faces, FaceDataset, name, "a FaceDataset, such as load_faces('my_photos')")
        self.count, self._flip, self._training = _check_sets(sets), flip, training
        self._chosen = _choose(len(training), self.count)
        indices = [self._chosen, *(_choose(len(faces), self.count) for faces in sets[1:])]
        drawn = [faces[index[:_SPACE]] for faces, index in zip(sets, indices, strict=True)]
        basis = torch.cat(drawn)  # equally from both kinds, so that neither is favored
        self._space = Eigenfaces(torch.cat([basis, basis.flip(-1)]) if flip else basis, _COORDINATES)
        self._sides = [self._features(faces, index) for faces, index in zip(sets, indices, strict=True)]
        if len(sets) > 1 and (both := int((self._distances(self._sides[1][0], 0).amin(1) < _SAME).sum())):
            raise ConfigError(
                f"{both} of {self.count} held-out faces are also training faces. Hold out faces that were not used in "
                "training."
            )

    @usual_settings()
    def score(self, images: Tensor) -> CopyScore:
        """Compare images (M, 3, H, W), uint8 or floats in [-1, 1], with the training faces; returns a `CopyScore`."""
        fakes = self._directions(images)
        distances = self._distances(fakes, 0)
        nearest = distances.amin(1)
        if len(self._sides) == 1:
            return self._score_alone(distances)
        held_out = self._distances(fakes, 1)
        other = held_out.amin(1)
        wins = (nearest < other).double() + (nearest == other).double() / 2
        # By chance, any face could have been held out. A face's weight is the number of fakes that are close to it.
        hits = torch.cat([distances, held_out], 1).argmin(1).bincount(minlength=2 * self.count).double()
        deviation = float((self.count / 2 * hits.var()).sqrt()) / len(fakes)
        limit = min(0.5 + _DEVIATIONS * deviation, 1.0)
        return CopyScore(float(wins.mean()), 0.5, limit, float(nearest.median()), float(other.median()))

    @usual_settings()
    def nearest(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Find the nearest training face of each image.

        Args:
            images: (M, 3, H, W), uint8 or floats in [-1, 1].

        Returns:
            The faces, uint8 (M, 3, H, W), mirrored if that is closer, and their distances (M,).
        """
        fakes = self._directions(images)
        plain, mirrored = (torch.cdist(fakes, side) for side in self._sides[0])
        distance, index = torch.minimum(plain, mirrored).min(1)
        faces = self._training[self._chosen[index].tolist()]
        turned = mirrored.gather(1, index[:, None]) < plain.gather(1, index[:, None])
        return torch.where(turned[:, :, None, None], faces.flip(-1), faces), distance

    def _score_alone(self, distances: Tensor) -> CopyScore:
        """The score without held-out faces; the limit depends on the distances between training faces."""
        among = self._distances(self._sides[0][0], 0).fill_diagonal_(torch.inf)
        apart = among.masked_fill(among < _SAME, torch.inf).amin(1)  # without copies of one photograph
        nearest = distances.amin(1)
        share = float((nearest < apart.quantile(_RARE)).double().mean())
        independent = self.count / 2  # because the nearest faces come in pairs
        deviation = (_RARE * (1 - _RARE) * (1 / independent + 1 / len(nearest))) ** 0.5
        limit = _RARE + _DEVIATIONS * deviation
        return CopyScore(share, _RARE, limit, float(nearest.median()), float(apart.median()))

    def _features(self, faces: FaceDataset, index: Tensor) -> tuple[Tensor, Tensor]:
        """The directions of faces and of their mirror images; without `flip`, both are those of the faces."""
        parts = [faces[part.tolist()] for part in index.split(_ROWS)]
        plain = torch.cat([self._directions(part) for part in parts])
        return plain, torch.cat([self._directions(part.flip(-1)) for part in parts]) if self._flip else plain

    def _directions(self, images: Tensor) -> Tensor:
        return normalize(self._space(images), dim=1)

    def _distances(self, fakes: Tensor, side: int) -> Tensor:
        """The distances (M, count) to the faces of one kind (0: training, 1: held out), mirrored or not."""
        plain, mirrored = self._sides[side]
        distances = torch.cdist(fakes, plain)
        return torch.minimum(distances, torch.cdist(fakes, mirrored)) if self._flip else distances


def copy_scores(
    run: Run, detector: CopyDetector, *, n: int = 500, on_step: Callable[[int], None] = lambda step: None
) -> dict[int, CopyScore]:
    """Compute the scores of all generators kept in a run.

    Args:
        run: from `Run.open`.
        detector: detector for the run's training faces.
        n: number of fakes from each generator, with the same latents; at least 100.
        on_step: function of a step, called before it is scored, to show progress.

    Returns:
        Scores by step.

    Raises:
        ConfigError: `n` is too small.
        CheckpointError: a generator cannot be read.
    """
    expect(run, Run, "the run", "what Run.open returns")
    if n < SMALLEST_SET:
        raise ConfigError(
            f"n is {n}, expected {SMALLEST_SET} fakes or more; with fewer, the score is meaningless."
        )
    scores = {}
    for step in run.generators:
        on_step(step)
        scores[step] = detector.score(sample(run.generator(step), n, seed=_SEED))
    return scores


def first_copies(scores: Mapping[int, CopyScore]) -> int | None:
    """The first step at which the generator copies; None if there is none."""
    return next((step for step in sorted(scores) if scores[step].copies), None)


def copies_picture(images: Tensor, detector: CopyDetector, *, pairs: int = 24, columns: int = 4) -> Tensor:
    """Draw the images that are closest to a training face, with these faces and the distances.

    Args:
        images: fakes (M, 3, h, w), uint8 or floats in [-1, 1].
        detector: detector for the training faces.
        pairs: number of pairs of a fake and its nearest training face; the closest pairs come first.
        columns: number of pairs in a row.

    Returns:
        A uint8 picture (3, H, W).
    """
    fakes = to_uint8(images).cpu()
    faces, distances = detector.nearest(fakes)
    scale = -(-_SHOWN // fakes.shape[-1])
    cells = []
    for index in distances.argsort()[:pairs].tolist():
        pair = (
            torch.stack([fakes[index], faces[index]]).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        )
        cells.append(captioned(make_grid(pair, columns=2), f"distance {distances[index]:.2f}"))
    return make_grid(torch.stack(cells), columns=columns)


def _choose(total: int, count: int) -> Tensor:
    """`count` of `total` indices, ascending, chosen with a fixed seed."""
    return torch.randperm(total, generator=torch.Generator().manual_seed(_SEED))[:count].sort().values


def _check_sets(sets: list[FaceDataset]) -> int:
    """The number of faces of each kind to compare. Raises `ConfigError` if the sets do not match."""
    sizes = {faces.image_size for faces in sets}
    if len(sizes) > 1:
        raise ConfigError(
            f"training and held-out faces have different sizes, {sizes} px. Load both with the same size."
        )
    count, least = min(map(len, sets)), SMALLEST_SET // len(sets)
    if count < least:
        held_out = f" and {len(sets[1])} held-out" if len(sets) > 1 else ""
        advice = (
            "Add photographs."
            if held_out
            else f"Add photographs, or hold some out: {least // 2} of each kind are enough."
        )
        raise ConfigError(
            f"got {len(sets[0])} training{held_out} faces, expected {least} of each kind or more to distinguish copies "
            f"from chance. {advice}"
        )
    return count
