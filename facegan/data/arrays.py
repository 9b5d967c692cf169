"""Converts arrays, tensors, lists, and torch datasets to one uint8 array of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from facegan.data.decode import Unreadable, to_rgb, to_square
from facegan.errors import DataError, first_line
from facegan.images import to_uint8, unit_to_signed

_CHUNK = 500  # images converted or resized at a time
_TOLERANCE = 1e-3  # floats may exceed their range by this much, because of rounding
_EXPECTED = "an array or tensor (N, 3, H, W), a list of images, or a map-style torch Dataset of images"


class Labeled(NamedTuple):
    """The fields of a `FaceDataset` for images in memory."""

    name: str
    images: np.ndarray  # uint8 (N, 3, H, W)
    labels: np.ndarray | None = None  # int64 (N,)
    classes: tuple[str, ...] = ()


def read_images(given: Any, size: int | None = None) -> Labeled:
    """Convert images in any of the usual forms to the fields of a `FaceDataset`.

    Args:
        given: an array or tensor (N, 3, H, W) or (N, H, W, 3), uint8 or float; a list or tuple of images; or a
            map-style torch `Dataset`. An item is an image, a tuple (image, label), or a dict with `image` and
            `label`; the label is an int and can be omitted. An image is an array, a tensor, or a PIL image. Each item
            is read once.
        size: required pixels a side; None for any.

    Returns:
        Images, uint8 (N, 3, H, W), and labels and classes, if known. Floats are read as [-1, 1] if any value is
        negative, otherwise as [0, 1]; a printed line states which.

    Raises:
        DataError: `given` is anything else, or has fewer than two images.
    """
    if isinstance(given, np.ndarray | Tensor):
        array = _to_numpy(given)
        images = channels_first(array, "the array")
        check_count(len(images))
        _check_size(images.shape, size)
        return Labeled("array", _to_uint8(images))
    _refuse_unindexed(given)
    check_count(len(given))
    return _read_items(given, size)


def channels_first(array: np.ndarray, what: str) -> np.ndarray:
    """View uint8 or float images in either channel order as (N, 3, H, W).

    Args:
        array: images (N, 3, H, W) or (N, H, W, 3).
        what: name of the array for the message.

    Raises:
        DataError: the array has another dtype or shape.
    """
    known = array.dtype == np.uint8 or array.dtype.kind == "f"
    if not known or array.ndim != 4 or 3 not in (array.shape[1], array.shape[3]) or 0 in array.shape[1:]:
        raise DataError(
            f"{what} is {array.dtype} {array.shape}, expected uint8 or float (N, 3, H, W) or (N, H, W, 3). "
            "Convert integers from 0 to 255 with .astype(np.uint8); repeat gray images 3 times."
        )
    return array if array.shape[1] == 3 else array.transpose(0, 3, 1, 2)


def resized(images: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Crop uint8 images (N, 3, H, W) to their central squares, and resize them; yields chunks (k, 3, size, size)."""
    from PIL import Image

    for start in range(0, len(images), _CHUNK):
        if images.shape[2:] == (size, size):
            yield images[start : start + _CHUNK]
            continue
        rows = np.ascontiguousarray(images[start : start + _CHUNK].transpose(0, 2, 3, 1))
        yield np.stack([to_square(Image.fromarray(row), size) for row in rows])


def _to_uint8(images: np.ndarray) -> np.ndarray:
    if images.dtype == np.uint8:
        return np.require(images, requirements=["C", "W"])  # as torch.from_numpy requires
    starts = range(0, len(images), _CHUNK)
    return convert_chunks(len(images), (images[start : start + _CHUNK] for start in starts))


def convert_chunks(count: int, chunks: Iterator[np.ndarray]) -> np.ndarray:
    """Convert `count` float images, in chunks (k, 3, H, W), to uint8 (count, 3, H, W).

    Raises:
        DataError: values are outside of [-1, 1], or shapes differ.
    """
    first = next(chunks)
    converter = _Converter(count, first[:1])
    for chunk in chain((first,), chunks):
        converter.add(chunk)
    return converter.result()


def _refuse_unindexed(given: Any) -> None:
    from torch.utils.data import DataLoader, IterableDataset

    advice = "Load photographs and named data sets with load_faces: load_faces('synthetic')"
    if isinstance(given, str | Path):
        advice = f"Load it first: load_faces({str(given)!r})"
    elif isinstance(given, DataLoader):
        advice = "Pass the loader's dataset instead: loader.dataset"
    elif isinstance(given, IterableDataset):
        advice = "Collect its images in a list first"
    elif (
        not isinstance(given, Mapping | set | type)
        and hasattr(given, "__len__")
        and hasattr(given, "__getitem__")
    ):
        return
    raise DataError(f"the images are a {type(given).__name__}, expected {_EXPECTED}. {advice}.")


def _item(given: Any, index: int) -> Any:
    try:
        return given[index]
    except Exception as error:
        raise DataError(
            f"item {index} of the data set cannot be read ({type(error).__name__}: {first_line(error)}). Repair or "
            "remove it."
        ) from error


def _read_items(given: Any, size: int | None) -> Labeled:
    from tqdm.auto import trange

    converter: _Converter | None = None
    labels: list[int | None] = []
    for index in trange(len(given), desc="reading images", unit="img", delay=1):
        image, label = _split(_item(given, index))
        image = _batch_of_one(image, f"image {index}")
        if converter is None:
            _check_size(image.shape, size)
            converter = _Converter(len(given), image)
        converter.add(image)
        labels.append(label)
    if converter is None:
        raise DataError(
            f"the images are an empty {type(given).__name__}, expected {_EXPECTED}. Pass two or more."
        )
    images, name = converter.result(), type(given).__name__
    return Labeled(name, images, *(() if None in labels else (np.array(labels, np.int64), _classes(given))))


def _split(item: Any) -> tuple[Any, int | None]:
    """The image and the label of a dataset's item."""
    if isinstance(item, Mapping):
        if "image" not in item:
            keys = ", ".join(map(repr, item))
            raise DataError(
                f"an item is a dict with {keys}, expected a key 'image'. Rename the entry of the image."
            )
        return item["image"], _label(item.get("label"))
    if isinstance(item, tuple):
        image, label = (*item, None, None)[:2]
        return image, _label(label)
    return item, None


def _label(value: Any) -> int | None:
    if isinstance(value, Tensor | np.ndarray | np.integer) and np.ndim(value) == 0:
        value = value.item()
    return value if type(value) is int else None


def _classes(given: Any) -> tuple[str, ...]:
    while hasattr(given, "dataset"):  # Subset
        given = given.dataset
    return tuple(map(str, getattr(given, "classes", ())))


def _batch_of_one(image: Any, what: str) -> np.ndarray:
    from PIL import Image

    if isinstance(image, Image.Image):
        try:
            image = np.asarray(to_rgb(image))
        except Unreadable as reason:
            raise DataError(f"{what} is a PIL image of mode {image.mode}: {reason}.") from None
    if not isinstance(image, np.ndarray | Tensor):
        raise DataError(
            f"{what} is a {type(image).__name__}, expected an array, tensor or PIL image. Items must be images, "
            "tuples (image, label), or dicts with the key 'image'."
        )
    array = _to_numpy(image)
    if array.ndim != 3:
        raise DataError(
            f"{what} is {array.dtype} {array.shape}, expected (3, H, W) or (H, W, 3). Reshape it."
        )
    return channels_first(array[None], what)


def _to_numpy(images: np.ndarray | Tensor) -> np.ndarray:
    if isinstance(images, np.ndarray):
        return images
    kind = f"{str(images.layout).removeprefix('torch.')} {images.dtype}"
    try:
        images = images.detach().cpu()
        return (images.float() if images.dtype.is_floating_point else images).numpy()
    except (TypeError, RuntimeError) as error:
        raise DataError(
            f"the images are a {kind} tensor on {images.device}, which cannot be read ({first_line(error)}). "
            "Pass a dense uint8 or float tensor."
        ) from None


def check_count(count: int) -> None:
    """Raise `DataError` for fewer than two images."""
    if count < 2:
        raise DataError(f"the data set has too few usable images: {count}, expected 2 or more. Add some.")


def _check_size(shape: tuple[int, ...], size: int | None) -> None:
    if size is not None and shape[2:] != (size, size):
        height, width = shape[2:]
        raise DataError(
            f"the images are {width} x {height} pixels, expected {size} x {size}. load_faces(images, {size}) "
            "crops and resizes them."
        )


class _Converter:
    """Collect images of one shape as uint8. Floats are stored in both readings until the range is known."""

    def __init__(self, count: int, first: np.ndarray) -> None:
        self.kind = first.dtype, first.shape[1:]
        self.signed = np.empty((count, *first.shape[1:]), np.uint8)  # uint8, or floats read as [-1, 1]
        self.unit = np.empty_like(
            self.signed
        )  # floats read as [0, 1]; the result if there are no negative values
        self.low, self.high, self.filled = np.inf, -np.inf, 0

    def add(self, images: np.ndarray) -> None:
        """Append images (k, 3, H, W)."""
        if (images.dtype, images.shape[1:]) != self.kind:
            (dtype, shape), number = self.kind, self.filled
            raise DataError(
                f"image {number} is {images.dtype} {images.shape[1:]}, expected {dtype} {shape}, as image 0. "
                "Convert all images to one type and size, for example with torchvision's Resize and CenterCrop."
            )
        part = slice(self.filled, self.filled + len(images))
        self.filled = part.stop
        if images.dtype == np.uint8:
            self.signed[part] = images
            return
        floats = torch.from_numpy(np.array(images, np.float32, order="C"))
        self._check_range(floats)
        self.signed[part] = to_uint8(floats).numpy()
        self.unit[part] = to_uint8(unit_to_signed(floats)).numpy()

    def result(self) -> np.ndarray:
        """All images, uint8 (N, 3, H, W)."""
        if self.kind[0] == np.uint8:
            return self.signed
        signed = self.low < -_TOLERANCE
        read_as = "[-1, 1]" if signed else "[0, 1]"
        print(f"Floats from {self.low:.3g} to {self.high:.3g} are read as {read_as}.")
        return self.signed if signed else self.unit

    def _check_range(self, floats: Tensor) -> None:
        low, high = floats.min().item(), floats.max().item()
        if not max(-low, high) <= 1 + _TOLERANCE:  # also for NaN
            raise DataError(
                f"the floats range from {low:.4g} to {high:.4g}, expected [-1, 1] or [0, 1]. Divide values "
                "up to 255 by 255; normalize with mean and std 0.5, not those of ImageNet; remove NaN."
            )
        self.low, self.high = min(self.low, low), max(self.high, high)
