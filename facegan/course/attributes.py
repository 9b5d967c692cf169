"""How much faces smile, read from their pixels: what notebook 4 does arithmetic with."""

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
_LEARNED_FROM = 6000  # drawn faces
_PENALTY = 100.0  # of ridge regression


def smiles(generator: nn.Module, images: Tensor) -> Tensor:
    """How much each generated face smiles: a number (N,), larger for more of a smile; only differences mean something.

    For photographs it is how much brighter the mouth is than the cheeks, because teeth show in a smile; the crop that
    the generator was trained on says where the mouth is (without a known crop, it is taken to be framed like
    `celeba-128`). The drawn faces have an attribute "smile", and ridge regression from coarse pixels to it reads
    generated ones, too.

    Args:
        generator: made the images; its record says what it learned from.
        images: (N, 3, S, S) in [-1, 1], 32 pixels or more.

    Raises:
        ConfigError: the images have another shape, or are smaller.
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
    """The mean (N,) of planes (N, S, S), cut by `frame`, inside `box`; both in pixels of the uncut image."""
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
