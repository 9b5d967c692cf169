"""Measures from the pixels how much faces smile, for notebook 4."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facegan.data.crops import CELEBA_BOXES
from facegan.data.load import load_faces
from facegan.errors import ConfigError, expect
from facegan.images import to_float

_MOUTH = (79, 149, 101, 159)  # left, top, right, bottom in CelebA's aligned images of 178 x 218
_CHEEKS = (65, 133, 113, 145)
_LEARNED_FROM = 6000  # number of drawn faces
_PENALTY = 100.0  # of ridge regression


def smiles(generator: nn.Module, images: Tensor) -> Tensor:
    """Measure how much each generated face smiles.

    For photographs, the result is the brightness of the mouth minus that of the cheeks, because teeth show in a smile.
    The crop of the generator's training data determines the position of the mouth (if unknown, `celeba-128` is
    assumed). For drawn faces, ridge regression predicts the attribute "smile" from coarse pixels.

    Args:
        generator: the generator of the images; its record names the training data.
        images: (N, 3, S, S) in [-1, 1], with S of 32 or more.

    Returns:
        Scores (N,), larger for a wider smile. Only their differences are meaningful.

    Raises:
        ConfigError: an argument has the wrong type, or the images have another shape or are smaller.
    """
    expect(generator, nn.Module, "the first argument", "a generator")
    expect(images, Tensor, "the images", "a tensor (N, 3, S, S) in [-1, 1], such as generator.sample(16)")
    if (
        images.ndim != 4
        or images.shape[1] != 3
        or images.shape[-1] < 32
        or images.shape[-1] != images.shape[-2]
    ):
        raise ConfigError(
            f"images are {tuple(images.shape)}, expected (N, 3, S, S) with S of 32 or more, as a generator makes them."
        )
    record: dict[str, Any] = getattr(generator, "trained_on", {})
    if record.get("crop") == "drawn":
        return _drawn_smiles(images)
    grey, frame = images.mean(1), CELEBA_BOXES.get(str(record.get("crop")), CELEBA_BOXES["celeba-128"])
    return _brightness(grey, _MOUTH, frame) - _brightness(grey, _CHEEKS, frame)


def _brightness(grey: Tensor, box: tuple[int, ...], frame: tuple[int, ...]) -> Tensor:
    """The means (N,) inside `box` of planes (N, S, S) cropped to `frame`; both in pixels of the uncropped image."""
    scale = grey.shape[-1] / (frame[2] - frame[0])
    left, top, right, bottom = (round((box[i] - frame[i % 2]) * scale) for i in range(4))
    return grey[:, top:bottom, left:right].mean((1, 2))


def _drawn_smiles(images: Tensor) -> Tensor:
    faces = load_faces("synthetic", images.shape[-1])
    x = _coarse(to_float(faces[:_LEARNED_FROM]))
    y = torch.tensor(faces.attributes["smile"][:_LEARNED_FROM]).float()
    mean = x.mean(0)
    x = x - mean
    weights = torch.linalg.solve(x.T @ x + _PENALTY * torch.eye(x.shape[1]), x.T @ (y - y.mean()))
    return (_coarse(images.cpu()) - mean) @ weights


def _coarse(images: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(images, 32).flatten(1)
