"""Differentiable augmentation of D's inputs: color jitter, translation, and cutout.

The augmentations are those of Zhao et al. 2020 (arXiv 2006.10738). They can be applied with a probability, as in Karras
et al. 2020 (arXiv 2006.06676). Both real and fake images are augmented. Gradients flow through the augmentation to the
generator, which learns to generate images without it. This module does not augment the data set itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_SHIFT = 1 / 8  # largest translation, as a fraction of the side (Zhao 2020, appendix)
_HOLE = 1 / 2  # side of the cut-out square, as a fraction of the image's side


def augment(images: Tensor, policy: str, uniform: Tensor, p: Tensor | None = None) -> Tensor:
    """Augment images (B, 3, H, W) with the comma-separated steps of `policy` ('none' changes nothing).

    Args:
        images: floats (B, 3, H, W) in [-1, 1].
        policy: comma-separated steps, such as "color,translation".
        uniform: random numbers from [0, 1], (S, 3, B, 1, 1, 1): three for each of the S steps and each image. If `p`
            is given, there are four, (S, 4, B, 1, 1, 1).
        p: probability of applying a step to an image, a scalar tensor. A step is applied if its fourth number is
            below `p`. None applies every step to every image.

    Returns:
        The augmented images, (B, 3, H, W).
    """
    for name, numbers in zip(steps_of(policy), uniform, strict=True):
        changed = AUGMENTATIONS[name](images, numbers[:3].to(images))
        images = changed if p is None else torch.where(numbers[3] < p, changed, images)
    return images


def steps_of(policy: str) -> list[str]:
    """The names of a policy's steps."""
    return [] if policy == "none" else policy.split(",")


def color(images: Tensor, uniform: Tensor) -> Tensor:
    """Shift brightness by up to 0.5, scale saturation by 0 to 2, and scale contrast by 0.5 to 1.5."""
    brightness, saturation, contrast = uniform
    images = images + (brightness - 0.5)
    gray = images.mean(1, keepdim=True)
    images = gray + (images - gray) * saturation * 2
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (contrast + 0.5)


def translation(images: Tensor, uniform: Tensor) -> Tensor:
    """Shift by whole pixels, up to 1/8 of the side in x and in y, with zero padding."""
    size = images.shape[-1]
    reach = int(size * _SHIFT + 0.5)
    shift = (uniform[:2, :, 0, 0, 0] * (2 * reach + 1)).long().clamp(max=2 * reach)
    padded = F.pad(images, (reach,) * 4)
    rows = shift[0][:, None] + torch.arange(size, device=images.device)
    columns = shift[1][:, None] + torch.arange(size, device=images.device)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor, uniform: Tensor) -> Tensor:
    """Set a square with half the image's side to zero; its center can be anywhere in the image."""
    size = images.shape[-1]
    center = uniform[:2, :, 0, 0] * size  # (2, B, 1)
    line = torch.arange(size, device=images.device) + 0.5
    outside = (line - center).abs() > size * _HOLE / 2  # (2, B, size)
    keep = outside[0][:, None, :, None] | outside[1][:, None, None, :]
    return images * keep


AUGMENTATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
}
