"""Adaptive discriminator augmentation: how often D's inputs are augmented, by how much D overfits.

Karras et al. 2020 (arXiv 2006.06676), section 3.1. D overfits few images: it recognizes those that it has seen, and
r_t = E[sign(D(x))] over the real images x rises from 0 toward 1. The probability p of each augmentation rises while r_t
is above its target, and falls while it is below.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Real images during which p can move from 0 to 1. The paper uses 500,000 for trainings of 25 million images. Its
# authors' code uses 100,000 for trainings that start from a trained pair, where D begins to overfit at once.
IMAGES_TO_ONE = 100_000
EVERY = 4  # steps between changes of p, by the mean r_t of these steps


class AdaptiveAugmentation:
    """The augmentation probability p and the rule that adapts it. The state stays on the device and changes in place.

    Args:
        target: r_t to maintain; 0 disables adaptation.
        device: where the GAN is.

    Attributes:
        state: (2,), p and the sum of r_t / `EVERY` since p last changed; part of checkpoints.
    """

    def __init__(self, target: float, device: torch.device) -> None:
        self.target, self.state = target, torch.zeros(2, device=device)

    @property
    def p(self) -> Tensor | None:
        """The probability, a scalar that changes in place, so that CUDA graphs read the current value; None if off."""
        return self.state[0] if self.target else None

    def update(self, metrics: Tensor, *, step: int, images: int) -> Tensor:
        """Add a step's r_t, and update p every `EVERY` steps.

        Args:
            metrics: metrics of the step, averaged over all processes; the last one is r_t.
            step: number of the step, counted from 1.
            images: number of real images in the step, over all processes.

        Returns:
            The metrics, followed by the p that the step used.
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
