"""Measures whether D overfits, from its logits of training faces and of held-out faces.

The measures are those of Karras et al. 2020 (arXiv 2006.06676), equation 1, as means over up to 64 images of each kind:

    r_v = (E[D_train] - E[D_validation]) / (E[D_train] - E[D_generated]),    r_t = E[sign(D_train)]

Both are 0 without overfitting and 1 when it is complete.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from facegan.data.dataset import FaceDataset
from facegan.data.points import PointDataset
from facegan.images import signed_to_unit, to_float
from facegan.models.protocol import copied
from facegan.training.callbacks import Callback
from facegan.training.gan import GAN

COUNT = 64  # samples of each kind


class HeldOut(Callback):
    """Add `r_t` and `r_v` to the history at each snapshot. Networks and random numbers do not change.

    Args:
        faces: training samples.
        held_out: samples that D does not train on.
    """

    def __init__(self, faces: FaceDataset | PointDataset, held_out: FaceDataset | PointDataset) -> None:
        self._faces, self._held_out = _some(faces), _some(held_out)

    def on_snapshot(self, gan: GAN, grid: Tensor) -> None:
        fakes = gan.sample(COUNT, seed=gan.config.seed)
        train, validation, generated = logits(gan, self._faces, self._held_out, fakes)
        distance = (train.mean() - generated.mean()).item()
        gan.history.note(
            r_t=train.sign().mean().item(),
            r_v=(train.mean() - validation.mean()).item() / distance if distance else 0.0,
        )


@torch.no_grad()
def logits(gan: GAN, *sets: Tensor) -> list[Tensor]:
    """D's logits (N,) of each set of samples (uint8, or floats in [-1, 1]); BatchNorm uses each set's statistics."""
    discriminator = copied(gan.discriminator)  # BatchNorm and spectral normalization change in a forward pass
    with torch.random.fork_rng(devices=[gan.device] if gan.device.type == "cuda" else []):
        return [gan.engine.classify(discriminator, _shown(gan, samples)) for samples in sets]


def _shown(gan: GAN, samples: Tensor) -> Tensor:
    samples = (to_float(samples) if samples.dtype == torch.uint8 else samples).to(gan.device)
    return signed_to_unit(samples) if gan.config.output == "sigmoid" else samples


def _some(samples: FaceDataset | PointDataset) -> Tensor:
    """Up to `COUNT` samples, evenly spaced, because photographs are often sorted."""
    return samples[np.linspace(0, len(samples) - 1, min(COUNT, len(samples))).round().astype(int)]
