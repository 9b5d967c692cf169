"""The attributes of drawn faces: palettes, distributions, and random tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facegan.errors import DataError


@dataclass(frozen=True)
class Uniform:
    """A continuous attribute, uniform on [low, high)."""

    low: float
    high: float

    def transform(self, uniforms: np.ndarray) -> np.ndarray:
        """Convert uniform numbers in [0, 1) to float64 values of this attribute."""
        return self.low + (self.high - self.low) * uniforms


@dataclass(frozen=True)
class Choice:
    """A categorical attribute: labels (strings or booleans) with their probabilities."""

    labels: tuple[str | bool, ...]
    probabilities: tuple[float, ...]

    def transform(self, uniforms: np.ndarray) -> np.ndarray:
        """Convert uniform numbers in [0, 1) to an array of labels."""
        edges = np.cumsum(self.probabilities)[:-1]
        return np.array(self.labels)[np.searchsorted(edges, uniforms, side="right")]


HAIR_COLORS = {
    "black": "221d20", "dark brown": "46301f", "brown": "75492a", "auburn": "8a3a20",
    "ginger": "c96a26", "blond": "dcb565", "grey": "8f9094", "white": "e4e2de",
    "pink": "ea7fab", "blue": "3d6fc4", "green": "3f9a6b", "purple": "7d4aa8",
}  # fmt: skip
EYE_COLORS = {
    "dark brown": "3c2415", "brown": "6b4220", "hazel": "8a7033", "green": "4f8a50",
    "blue": "4585c5", "grey": "76848f",
}  # fmt: skip
LIP_COLORS = {"natural": "b4605c", "rose": "d1567a", "red": "c0202e", "plum": "7c2650"}
CLOTHING_COLORS = {
    "white": "e8e6e1", "black": "2b2b30", "navy": "2d3f6b", "red": "b8383c", "green": "3f7d58",
    "yellow": "e0b040", "purple": "76508f", "sky": "6fa8d0",
}  # fmt: skip
SCARF_COLORS = {"rose": "d98a97", "teal": "2f8088", "sand": "cdb48c", "indigo": "454a8c"}
GLASSES_COLORS = {"black": "1d1d22", "tortoise": "6a3d20", "gold": "c29a46", "red": "a8283a"}


def _even(labels) -> Choice:
    return Choice(tuple(labels), (1 / len(labels),) * len(labels))


_HAIR_STYLES = (
    "bald", "buzz", "short", "long", "bob", "wavy", "afro", "curly", "bun", "spiky", "mohawk",
    "scarf",
)  # fmt: skip

DISTRIBUTIONS: dict[str, Uniform | Choice] = {
    "skin_lightness": Uniform(0, 1),  # 0 very dark, 1 very pale
    "skin_warmth": Uniform(-1, 1),  # cool (pink) to warm (golden) undertone
    "blush": Uniform(0, 1),  # strength of the color on the cheeks
    "freckles": Choice((False, True), (0.85, 0.15)),  # on nose and cheeks
    "age": Uniform(0, 1),  # forehead lines and deeper folds at the mouth from 0.5 upward
    "head_width": Uniform(0.93, 1.07),  # factors relative to the average head
    "head_height": Uniform(0.95, 1.05),
    "jaw_taper": Uniform(0.02, 0.24),  # how much the jaw narrows toward the chin
    "jaw_square": Uniform(0, 0.5),  # round to angular jaw
    "ear_size": Uniform(0.8, 1.2),  # factor
    "earrings": Choice((False, True), (0.85, 0.15)),  # hidden by long hair
    "hair_style": _even(_HAIR_STYLES),  # twelve styles
    "hair_color": Choice(tuple(HAIR_COLORS), (0.14, 0.14, 0.14) + (0.07,) * 7 + (0.045,) * 2),
    "hair_volume": Uniform(0, 1),  # flat to voluminous
    "hair_part": Uniform(-1, 1),  # side and distance of the parting
    "hairline": Uniform(-0.05, 0.05),  # low to high forehead
    "scarf_color": _even(SCARF_COLORS),  # only visible if the hair style is "scarf"
    "eye_size": Uniform(0.88, 1.15),  # factor
    "eye_spacing": Uniform(0.215, 0.25),  # half the distance between the pupils
    "eye_openness": Uniform(0.75, 1.15),  # factor on the height of the eye
    "eye_tilt": Uniform(-0.12, 0.16),  # slope from the inner to the outer corner
    "eye_color": Choice(tuple(EYE_COLORS), (0.3, 0.2, 0.1, 0.12, 0.18, 0.1)),
    "gaze_x": Uniform(-1, 1),  # left to right
    "gaze_y": Uniform(-1, 1),  # up to down
    "brow_thickness": Uniform(0.018, 0.042),  # half the height, in head units
    "brow_angle": Uniform(-0.25, 0.12),  # worried to stern
    "brow_height": Uniform(0.15, 0.21),  # above the eye
    "nose_width": Uniform(0.8, 1.25),  # factors
    "nose_length": Uniform(0.9, 1.12),
    "smile": Uniform(-0.5, 1),  # frown to wide smile
    "mouth_open": Uniform(0, 1),  # lips part from 0.4 upward
    "mouth_width": Uniform(0.165, 0.215),  # half the width of the neutral mouth
    "lip_fullness": Uniform(0.7, 1.35),  # factor
    "lip_color": Choice(tuple(LIP_COLORS), (0.7, 0.1, 0.1, 0.1)),  # "natural" depends on the skin color
    "glasses": Choice(("none", "round", "rectangular"), (0.75, 0.125, 0.125)),
    "glasses_color": _even(GLASSES_COLORS),
    "beard": Choice(("none", "stubble", "moustache", "goatee", "full"), (0.6, 0.1, 0.1, 0.1, 0.1)),
    "yaw": Uniform(-13, 13),  # degrees, positive turns to the right of the image
    "roll": Uniform(-8, 8),  # degrees, positive turns clockwise
    "scale": Uniform(0.92, 1.08),  # factor on the size of the figure
    "head_x": Uniform(-0.04, 0.04),  # shift to the right, as a fraction of the image's side
    "head_y": Uniform(-0.04, 0.04),  # shift downward
    "light_x": Uniform(-1, 1),  # from the left to from the right
    "light_y": Uniform(-1, 0.3),  # from above to slightly below
    "background": _even(("plain", "vertical", "radial")),
    "background_hue": Uniform(0, 1),  # position on the color circle
    "background_saturation": Uniform(0.05, 0.42),
    "background_lightness": Uniform(0.5, 0.95),
    "clothing": _even(("crew", "v-neck", "shirt", "turtleneck")),
    "clothing_color": _even(CLOTHING_COLORS),
}
PAINTS = {  # name of the color in a scene: its column and palette
    "hair": ("hair_color", HAIR_COLORS),
    "iris": ("eye_color", EYE_COLORS),
    "lips": ("lip_color", LIP_COLORS),
    "cloth": ("clothing_color", CLOTHING_COLORS),
    "scarf": ("scarf_color", SCARF_COLORS),
    "frame": ("glasses_color", GLASSES_COLORS),
}


def draw_attributes(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Draw the attributes of `n` faces without rendering them.

    Args:
        n: number of faces, at least 1.
        seed: seed of the random numbers, 0 to 2**32 - 1.

    Returns:
        One column (n,) per attribute, drawn independently from `DISTRIBUTIONS`: float64 for `Uniform`, str or
        bool for `Choice`.

    Raises:
        DataError: an argument is out of range.

    >>> draw_attributes(2)["smile"].dtype
    dtype('float64')
    """
    check_int("n", n, 1, None)
    check_int("seed", seed, 0, 2**32 - 1)
    uniforms = np.random.RandomState(seed).random_sample((n, len(DISTRIBUTIONS)))
    columns = zip(DISTRIBUTIONS.items(), uniforms.T, strict=True)
    return {name: distribution.transform(column) for (name, distribution), column in columns}


def check_int(name: str, value: int, low: int, high: int | None) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        wanted = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise DataError(f"{name} is {value!r}; expected an integer {wanted}. Pass such a {name}.")


def encode(attributes: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Convert columns to tensors (n, 1, 1) that broadcast over images: values, or indices of labels.

    Raises:
        DataError: columns are missing or of different lengths, or contain unknown labels or non-finite numbers.
    """
    missing = sorted(DISTRIBUTIONS.keys() - attributes.keys())
    if missing:
        raise DataError(f"the attribute table lacks {missing}. Start from draw_attributes(n).")
    lengths = {len(attributes[name]) for name in DISTRIBUTIONS}
    if len(lengths) != 1 or 0 in lengths:
        raise DataError(
            f"attribute columns have lengths {sorted(lengths)}, expected one length n >= 1. Make them equal."
        )
    return {name: _encode_column(name, np.asarray(attributes[name])) for name in DISTRIBUTIONS}


def _encode_column(name: str, column: np.ndarray) -> Tensor:
    distribution = DISTRIBUTIONS[name]
    if isinstance(distribution, Uniform):
        if column.dtype.kind not in "fiu" or not np.isfinite(column).all():
            raise DataError(f"column {name!r} contains values that are not finite numbers. Replace them.")
        return torch.from_numpy(column.astype(np.float32)).view(-1, 1, 1)
    unknown = sorted(set(column.tolist()) - set(distribution.labels))
    if unknown:
        raise DataError(f"column {name!r} contains {unknown}; use one of {distribution.labels}.")
    codes = torch.tensor([distribution.labels.index(label) for label in column.tolist()])
    return codes.view(-1, 1, 1)
