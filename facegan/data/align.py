"""Finding the face in a photograph and framing it like the crop `celeba-128` of CelebA.

Uses OpenCV's bundled cascade (Viola & Jones, CVPR 2001), an optional extra. OpenCV 5 does not include it.
"""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path

import numpy as np

from facegan.data.crops import Crop
from facegan.data.decode import NoFace

# Medians over CelebA's faces in the crop celeba-128: the detector's box has this share of the crop's side,
# and its center is here. The function `square_around` is the inverse.
_BOX_SIDE = 0.793
_BOX_CENTER = (0.504, 0.525)
_CASCADE = "haarcascade_frontalface_alt2.xml"
_SEARCH_SIDE = 480  # larger photographs are searched at this size


def face_crop() -> Crop | None:
    """The crop around the largest face of a photograph; None where no detector is installed.

    Its `box` raises `NoFace` for a photograph in which it finds none.
    """
    try:
        import cv2

        path = Path(import_module("cv2.data").haarcascades) / _CASCADE
        if cv2.CascadeClassifier(str(path)).empty():
            return None
    except (ImportError, AttributeError):
        return None
    detectors = threading.local()  # threads cannot share a cascade

    def box(image) -> tuple[int, int, int, int]:
        if not hasattr(detectors, "cascade"):
            detectors.cascade = cv2.CascadeClassifier(str(path))
        return square_around(*_largest_face(image, detectors.cascade), image.size)

    return Crop("face", box)


def square_around(left: float, top: float, side: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The square around a detector's box that frames it like `celeba-128`, moved and cut to fit the image."""
    wanted = round(side / _BOX_SIDE)
    kept = min(wanted, *size)
    corner = []
    for begin, center, limit in zip((left, top), _BOX_CENTER, size, strict=True):
        start = begin + side / 2 - center * wanted + (wanted - kept) / 2
        corner.append(int(np.clip(round(start), 0, limit - kept)))
    return corner[0], corner[1], corner[0] + kept, corner[1] + kept


def _largest_face(image, cascade) -> tuple[float, float, float]:
    """Left, top and side of the largest face, in pixels of the image."""
    gray = image.convert("L")
    gray.thumbnail((_SEARCH_SIDE, _SEARCH_SIDE))
    scale = image.width / gray.width
    least = max(24, min(gray.size) // 8)
    boxes = cascade.detectMultiScale(
        np.asarray(gray), scaleFactor=1.1, minNeighbors=5, minSize=(least, least)
    )
    if len(boxes) == 0:
        raise NoFace("no face found")
    left, top, side, _ = max(boxes, key=lambda box: box[2])
    return left * scale, top * scale, side * scale
