"""Adaptive discriminator augmentation: how often D's inputs are augmented, by how much D overfits.

Karras et al. 2020 (arXiv 2006.06676), section 3.1. D overfits few images: it recognizes those that it has seen, and
r_t = E[sign(D(x))] of the real images x rises from 0 toward 1. The probability p of each augmentation rises while r_t
is above its target, and falls while it is below.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Real images during which p can move from 0 to 1. The paper takes 500,000 for trainings of 25 million images; its
# authors' code 100,000 for those that start from a trained pair, where D begins to overfit at once.
IMAGES_TO_ONE = 100_000
EVERY = 4  # steps between changes of p, by the mean r_t of these steps


class AdaptiveAugmentation:
    """The probability p, and what decides about it. It never leaves the device, and changes in place.

    Args:
        target: the r_t to keep; 0 is off.
        device: where the GAN is.

    Attributes:
        state: (2,), p and the sum of r_t / `EVERY` since p last changed; part of checkpoints.
    """

    def __init__(self, target: float, device: torch.device) -> None:
        self.target, self.state = target, torch.zeros(2, device=device)

    @property
    def p(self) -> Tensor | None:
        """The probability, a scalar that is changed in place, so that a CUDA graph reads today's; None if off."""
        return self.state[0] if self.target else None

    def update(self, metrics: Tensor, *, step: int, images: int) -> Tensor:
        """Take note of a step's r_t, and change p if it is time.

        Args:
            metrics: of the step, means over all processes; the last is r_t.
            step: its number, counted from 1.
            images: real images that it used, over all processes.

        Returns:
            The metrics with the p that the step used.
        """
        if not self.target:
            return metrics
        p, total = self.state.unbind()
        metrics = torch.cat([metrics, self.state[:1]])
        total += metrics[-2] / EVERY
        if step % EVERY == 0:
            p += (total - self.target).sign() * (images * EVERY / IMAGES_TO_ONE)
            p.clamp_(0, 1)
            total.zero_()
        return metrics

    def load(self, state: Tensor) -> None:
        """Load a saved `state` in place."""
        self.state.copy_(state)

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.state = self.state.to(device)
