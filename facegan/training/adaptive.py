"""Adaptive discriminator augmentation: augments more often if D overfits.

The method is that of Karras et al. 2020 (arXiv 2006.06676), section 3.1. With few images, D overfits: it recognizes the
images that it has seen, and r_t = E[sign(D(x))] over real images x rises from 0 toward 1. The probability p of each
augmentation rises while r_t is above its target, and falls while r_t is below.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Number of real images in which p can move from 0 to 1. The paper uses 500,000 for runs of 25 million images. Its
# authors' code uses 100,000 for runs that start from trained networks, where D begins to overfit at once.
IMAGES_TO_ONE = 100_000
EVERY = 4  # steps between changes of p, which depend on the mean r_t of these steps


class AdaptiveAugmentation:
    """The augmentation probability p and the rule that adapts it. The state stays on the device and changes in place.

    Args:
        target: r_t to maintain; 0 disables adaptation.
        device: device of the GAN.

    Attributes:
        state: (2,), p and the sum of r_t / `EVERY` since p last changed; part of checkpoints.
    """

    def __init__(self, target: float, device: torch.device) -> None:
        self.target, self.state = target, torch.zeros(2, device=device)

    @property
    def p(self) -> Tensor | None:
        """The probability, a scalar that changes in place, so that CUDA graphs read its current value; None if off."""
        return self.state[0] if self.target else None

    def update(self, metrics: Tensor, *, step: int, images: int) -> Tensor:
        """Add a step's r_t, and update p every `EVERY` steps.

        Args:
            metrics: metrics of the step, averaged over all processes; the last metric is r_t.
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
        """Copy a saved `state` into this one, in place."""
        self.state.copy_(state)

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.state = self.state.to(device)
