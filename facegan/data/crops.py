"""Which square of an image is kept: the named crops of CelebA's aligned images, and the central square.

Figures and generators compare only where their crops agree, so a data set carries the name of its crop:

| crop | rows, columns of the 178 x 218 image | who uses it |
|---|---|---|
| `celeba-108` | 55-163, 35-143 | the published subset of 32,600 faces |
| `celeba-128` | 57-185, 25-153 | the bundled generator `faces` |
| `celeba-178` | 20-198, 0-178 | PyTorch's DCGAN tutorial (`CenterCrop`) |
| `center` | the central square of an image of any size | photographs |
| `face` | around the largest face, upright, framed like `celeba-128` | photographs with `align="face"` |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

CELEBA_SIZE = (178, 218)  # width, height of CelebA's aligned images
CELEBA_BOXES = {
    "celeba-108": (35, 55, 143, 163),  # left, top, right, bottom
    "celeba-128": (25, 57, 153, 185),
    "celeba-178": (0, 20, 178, 198),
}


@dataclass(frozen=True)
class Crop:
    """A rule that cuts a square from an image.

    Attributes:
        name: what a data set carries.
        cut: (PIL RGB image, side of the result in pixels) -> the square as a PIL RGB image, which is resized to
            that side afterwards. Raises `ValueError` for an image it cannot cut.
        share: the least share of the image's shorter side that a square may have. A large JPEG is decoded at
            a fraction of its size that suits this share; 0 always decodes it at full size.
        version: raise it when the same photographs become other pixels; caches are then built again.
    """

    name: str
    cut: Callable
    share: float = 1
    version: int = 1


def _central_square(image) -> tuple[int, int, int, int]:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _celeba_box(name: str, image) -> tuple[int, int, int, int]:
    if image.size != CELEBA_SIZE:
        raise ValueError("{} x {} pixels, {} needs {} x {}".format(*image.size, name, *CELEBA_SIZE))
    return CELEBA_BOXES[name]


def _cut(box: Callable[..., tuple[int, int, int, int]], image, size: int):
    return image.crop(box(image))


CENTER = Crop("center", partial(_cut, _central_square))
CROPS = {"center": CENTER} | {
    name: Crop(name, partial(_cut, partial(_celeba_box, name)), share=0) for name in CELEBA_BOXES
}
