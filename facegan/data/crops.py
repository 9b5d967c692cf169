"""Named crops: squares of CelebA's aligned images, the central square, and faces.

Metrics and generators are comparable only if their crops are the same, so a data set records the name of its crop:

| crop | rows, columns of the 178 x 218 image | used by |
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
    """A rule for cutting a square from an image.

    Attributes:
        name: the name that a data set records.
        cut: function of a PIL RGB image and the side of the result in pixels. It returns the square as a PIL RGB
            image, which is later resized to that side. It raises `ValueError` if the image cannot be cut.
        share: the smallest side of the square, as a fraction of the image's shorter side. A large JPEG is decoded at
            a reduced size that is sufficient for this fraction; with 0, always at full size.
        version: increase it if the same photographs give different pixels, so that caches are rebuilt.
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
