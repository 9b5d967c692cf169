"""Finding the face in a photograph, and how to crop it so that it sits where CelebA's faces sit.

Uses OpenCV's bundled cascade (Viola & Jones, CVPR 2001), an optional extra. OpenCV 5 no longer brings it.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from facegan.data.decode import Crop, NoFace

# Medians over faces of CelebA's central 128 x 128 pixels: the detector's box is this share of their side,
# and its centre lies here. The crop is the inverse.
_BOX_SIDE = 0.793
_BOX_CENTRE = (0.504, 0.525)
_CASCADE = "haarcascade_frontalface_alt2.xml"
_SEARCH_SIDE = 480  # larger photographs are searched at this size


def face_crop() -> Crop | None:
    """A function from PIL RGB image to the square around its largest face; None without a detector.

    The function raises `NoFace` for a photograph in which it finds none.
    """
    try:
        import cv2

        path = Path(cv2.data.haarcascades) / _CASCADE
        if cv2.CascadeClassifier(str(path)).empty():
            return None
    except (ImportError, AttributeError):
        return None
    detectors = threading.local()  # a cascade is not to be shared between threads

    def crop(image) -> tuple[int, int, int, int]:
        if not hasattr(detectors, "cascade"):
            detectors.cascade = cv2.CascadeClassifier(str(path))
        return square_around(*_largest_face(image, detectors.cascade), image.size)

    return crop


def square_around(left: float, top: float, side: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The square with CelebA's margin around a detector's box, moved and cut to lie inside the image."""
    wanted = round(side / _BOX_SIDE)
    kept = min(wanted, *size)
    corner = []
    for begin, centre, limit in zip((left, top), _BOX_CENTRE, size, strict=True):
        start = begin + side / 2 - centre * wanted + (wanted - kept) / 2
        corner.append(int(np.clip(round(start), 0, limit - kept)))
    return corner[0], corner[1], corner[0] + kept, corner[1] + kept


def _largest_face(image, cascade) -> tuple[float, float, float]:
    """Left, top and side of the largest face, in pixels of the image."""
    grey = image.convert("L")
    grey.thumbnail((_SEARCH_SIDE, _SEARCH_SIDE))
    scale = image.width / grey.width
    least = max(24, min(grey.size) // 8)
    boxes = cascade.detectMultiScale(
        np.asarray(grey), scaleFactor=1.1, minNeighbors=5, minSize=(least, least)
    )
    if len(boxes) == 0:
        raise NoFace("no face found")
    left, top, side, _ = max(boxes, key=lambda box: box[2])
    return left * scale, top * scale, side * scale
