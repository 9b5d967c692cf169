"""Finds the face in a photograph and frames it like the crop `celeba-128` of CelebA.

This uses OpenCV, an optional dependency, with the bundled detector YuNet (Wu, Peng, and Yu, "YuNet: A Tiny
Millisecond-level Face Detector", Machine Intelligence Research 2023). The detector runs on the whole photograph, and
then on each detected face, rotated upright and scaled to about 200 pixels, because it measures the tilt of small faces
poorly. The second detection decides whether this is a face, and how to frame it.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facegan.data.crops import Crop
from facegan.data.decode import NoFace
from facegan.errors import REINSTALL, DataError

MODEL = Path(__file__).parents[1] / "weights" / "face_detection_yunet_2023mar.onnx"
_PUBLISHED = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"  # SHA-256

# Medians over CelebA's faces in the crop celeba-128, as fractions of its side: the point midway between eyes and
# mouth, and the length (e^2 + m^2)^0.5, where e is the distance between the eyes, and m that from eyes to mouth.
_MIDDLE = (0.503, 0.584)
_LENGTH = 0.4236

_SEARCH_SIDES = (
    320,
    960,
)  # longer side of the photograph in the first detection; the second if no face is found
_LEAST_SEARCHED = 64  # pixels a side; in narrower pictures, OpenCV 4.14 reads uninitialized memory
_LEAST_SCORE = 0.6, 0.7  # minimum score in the first and in later detections
_LOOK_SIDE = 256  # pixels a side in later detections
_LOOK_ZOOM = 1.25  # side of the square that later detections cover, relative to the frame's side
_MOST_LOOKS = 3
_LEVEL = np.radians(6)  # twice the standard deviation of measured angles; less tilted faces are not rotated
_MOST_ENLARGED = 3  # maximum enlargement; smaller faces would be blurred
# maximum fraction of the frame beyond the photograph's edge, where its border is repeated
_MOST_OUTSIDE = 0.25


class _Frame(NamedTuple):
    """A square in a photograph: its center and side in pixels, and its angle in radians."""

    x: float
    y: float
    side: float
    angle: float = 0.0


def face_crop() -> Crop | None:
    """The crop around the largest face of a photograph; None if OpenCV is not installed.

    Its `cut` raises `NoFace` if it finds no face.

    Raises:
        DataError: the detector's bundled file is not the published one.
    """
    try:
        from cv2 import FaceDetectorYN  # noqa: F401
    except ImportError:
        return None
    from PIL import Image

    model = _read_model()
    detectors = threading.local()  # threads cannot share a detector

    def cut(image, size: int):
        if not hasattr(detectors, "detector"):
            detectors.detector = _load_detector(model)
        return Image.fromarray(_square(image, _find(image, size, detectors.detector), 2 * size))

    return Crop("face", cut, share=1 / 8, version=2)


def _read_model() -> np.ndarray:
    try:
        model = MODEL.read_bytes()  # OpenCV itself cannot open every path on Windows
    except OSError:
        model = b""
    if hashlib.sha256(model).hexdigest() != _PUBLISHED:
        raise DataError(f"{MODEL} is missing or damaged. {REINSTALL}")
    return np.frombuffer(model, np.uint8)


def _load_detector(model: np.ndarray):
    import cv2

    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns about its own default
    try:
        return cv2.FaceDetectorYN.create("onnx", model, np.empty(0, np.uint8), (_LOOK_SIDE, _LOOK_SIDE))
    finally:
        logging.setLogLevel(level)


def _find(image, size: int, detector) -> _Frame:
    """The frame of the largest face."""
    reason = NoFace("no face found")
    for side in _SEARCH_SIDES:
        small = image.copy()
        small.thumbnail((side, side))
        scale = image.width / small.width
        found = [_frame(points * scale) for points in _detect(np.asarray(small), detector, _LEAST_SCORE[0])]
        for frame in sorted(found, key=lambda frame: -frame.side):
            try:
                return _examine(image, frame, size, detector)
            except NoFace as why:
                reason = why
        if small.size == image.size:
            break
    raise reason


def _examine(image, frame: _Frame, size: int, detector) -> _Frame:
    """Refine the frame with repeated detections, each on an image rotated by the angle of the previous one."""
    for _ in range(_MOST_LOOKS):
        before, points = frame, _look(image, frame, detector)
        frame = _frame(points)
        if abs(frame.angle - before.angle) < _LEVEL:
            break
    if abs(frame.angle) < _LEVEL:
        frame = frame._replace(angle=0.0)
    if frame.side * _MOST_ENLARGED < size:
        raise NoFace("the face is too small")
    if _outside(frame, image.size) > _MOST_OUTSIDE or (points < 0).any() or (points > image.size).any():
        raise NoFace("the face is cut off by the edge")
    return frame


def _look(image, frame: _Frame, detector) -> np.ndarray:
    """The points of the face in a frame, (5, 2), in pixels of the photograph."""
    scale = _LOOK_ZOOM * frame.side / _LOOK_SIDE
    seen = _square(image, frame._replace(side=_LOOK_ZOOM * frame.side), _LOOK_SIDE)
    faces = [points - _LOOK_SIDE / 2 for points in _detect(seen, detector, _LEAST_SCORE[1])]
    if not faces:
        raise NoFace("no face found")
    central = min(faces, key=lambda points: np.hypot(*points.mean(0)))
    return scale * central @ _axes(frame) + (frame.x, frame.y)


def _detect(pixels: np.ndarray, detector, least: float) -> list[np.ndarray]:
    """Eyes, nose, and corners of the mouth of all faces, (5, 2) each, in pixels."""
    missing = [(0, max(0, _LEAST_SEARCHED - length)) for length in pixels.shape[:2]]
    pixels = np.pad(pixels, (*missing, (0, 0)), mode="edge") if np.any(missing) else pixels
    detector.setInputSize(pixels.shape[1::-1])
    detector.setScoreThreshold(least)
    _, found = detector.detect(np.ascontiguousarray(pixels[:, :, ::-1]))
    return [] if found is None else [face[4:14].reshape(5, 2) for face in found]


def _frame(points: np.ndarray) -> _Frame:
    """The square that frames a face with these points as `celeba-128` does."""
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    across = points[1] - points[0]
    side = np.hypot(np.hypot(*across), np.hypot(*(mouth - eyes))) / _LENGTH
    x, y = (eyes + mouth) / 2
    frame = _Frame(x, y, side, np.arctan2(across[1], across[0]))
    x, y = (x, y) + side * np.subtract(0.5, _MIDDLE) @ _axes(frame)
    return frame._replace(x=x, y=y)


def _axes(frame: _Frame) -> np.ndarray:
    """Unit vectors along the frame's rows and columns."""
    cos, sin = np.cos(frame.angle), np.sin(frame.angle)
    return np.array([[cos, sin], [-sin, cos]])


def _outside(frame: _Frame, size: tuple[int, int]) -> float:
    """How far the frame extends beyond the photograph, as a fraction of the frame's side."""
    corners = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)]) / 2 @ _axes(frame) * frame.side
    corners += frame.x, frame.y
    return max(-corners.min(), (corners - size).max()) / frame.side


def _square(image, frame: _Frame, side: int) -> np.ndarray:
    """The frame's pixels, (side, side, 3), resampled by a factor below 2; the photograph's border is repeated."""
    import cv2

    factor = max(1, int(frame.side / side))
    pixels = np.asarray(image.reduce(factor) if factor > 1 else image)
    scale = frame.side / factor / side
    axes = _axes(frame).T * scale  # from pixels of the square to those of the photograph
    corner = np.array([frame.x, frame.y]) / factor - axes @ (side / 2, side / 2)
    shift = corner + axes @ (0.5, 0.5) - 0.5  # OpenCV's coordinates are those of pixel centers
    return cv2.warpAffine(
        pixels,
        np.column_stack([axes, shift]),
        (side, side),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
