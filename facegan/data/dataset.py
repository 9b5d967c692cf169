"""A data set of faces as one uint8 array, and its batches, without worker processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan.data.arrays import read_images
from facegan.errors import DataError
from facegan.images import to_float
from facegan.runtime.device import to_device

_WHOLE = slice(None)


class FaceDataset:
    """A data set of faces, in memory or memory-mapped. Arguments are also attributes.

    Args:
        images: uint8 (N, 3, size, size), at least two.
        name: name of the source.
        crop: name of the crop in `facegan.data.crops`; None if unknown.
        skipped: "file: reason" for every image that could not be used.
        labels: the class of each face, int64 (N,); None if unknown.
        classes: the names of the classes.
        attributes: columns (N,) by attribute, for drawn faces.
        fingerprint: 16 hex digits that identify the source; by default, computed from the pixels.

    Raises:
        DataError: the images have another type or shape, or there are fewer than two.
    """

    def __init__(
        self,
        images: np.ndarray,
        name: str,
        *,
        crop: str | None = None,
        skipped: tuple[str, ...] = (),
        labels: np.ndarray | None = None,
        classes: tuple[str, ...] = (),
        attributes: dict[str, np.ndarray] | None = None,
        fingerprint: str | None = None,
    ) -> None:
        array = isinstance(images, np.ndarray) and images.dtype == np.uint8 and 0 not in images.shape[1:]
        if not array or images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
            kind = f"{getattr(images, 'dtype', type(images).__name__)} {tuple(getattr(images, 'shape', ()))}"
            raise DataError(
                f"images are {kind}, expected an array, uint8 (N, 3, S, S). load_faces(images, size) converts them."
            )
        if len(images) < 2:
            raise DataError(
                f"{name!r} has too few usable images: {len(images)}, expected 2 or more. Add some."
            )
        self.images, self.name, self.crop, self.skipped = images, name, crop, skipped
        self.labels, self.classes, self.attributes = labels, classes, attributes or {}
        self._fingerprint = fingerprint

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> Tensor:
        """Copy faces: uint8 (3, size, size) for an index, (k, 3, size, size) for a slice or a list of indices."""
        return torch.from_numpy(np.array(self.images[index]))

    def __repr__(self) -> str:
        return f"FaceDataset({self.name!r}, {len(self):,} faces, {self.image_size} px)"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the images, (N, 3, size, size)."""
        return self.images.shape

    @property
    def image_size(self) -> int:
        """The side of the images in pixels."""
        return self.images.shape[-1]

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that identify the source's faces; they are the same on every machine.

        For photographs, they depend on the files' names and bytes, not on size and crop; for arrays, on the pixels.
        """
        if self._fingerprint:
            return self._fingerprint
        return fingerprint_of(self.images)

    def record(self) -> dict[str, Any]:
        """The values that identify the data set in checkpoints: name, count, image size, crop, and fingerprint."""
        names = ("name", "image_size", "crop", "fingerprint")
        return {"count": len(self)} | {name: getattr(self, name) for name in names}

    def split(self, held_out: int = 64) -> tuple[FaceDataset, FaceDataset]:
        """Split into faces for training and evenly spaced faces that are held out for evaluation.

        Args:
            held_out: number of held-out faces, at least 2.

        Returns:
            The faces for training, and the held-out faces. Both are copies, and both keep the source's fingerprint, so
            their results are comparable.

        Raises:
            DataError: a part would have fewer than two faces.

        >>> faces, held_out = load_faces("synthetic").split(64)          # doctest: +SKIP
        >>> fit(gan, faces, held_out=held_out)                           # doctest: +SKIP
        """
        if isinstance(held_out, bool) or not isinstance(held_out, int) or not 2 <= held_out <= len(self) - 2:
            raise DataError(
                f"held_out is {held_out!r} of {len(self):,} faces, expected a whole number from 2 to {len(self) - 2:,}."
            )
        held = np.zeros(len(self), bool)
        held[np.linspace(0, len(self) - 1, held_out).round().astype(int)] = True
        return self._part(~held, self.name), self._part(held, f"{self.name}, held out")

    def _part(self, chosen: np.ndarray, name: str) -> FaceDataset:
        return FaceDataset(
            self.images[chosen],
            name,
            crop=self.crop,
            skipped=self.skipped,
            labels=None if self.labels is None else self.labels[chosen],
            classes=self.classes,
            attributes={key: values[chosen] for key, values in self.attributes.items()},
            fingerprint=self.fingerprint,
        )

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        device: str | torch.device = "cpu",
        flip: bool = True,
        part: slice = _WHOLE,
    ) -> Batches:
        """Shuffled batches of the faces. The incomplete last batch of an epoch is dropped.

        The whole data set is moved to the device if it fits.

        Args:
            batch_size: faces per batch.
            generator: CPU generator for order and flips; by default, PyTorch's global generator.
            device: device of the batches.
            flip: whether to mirror each face with probability 1/2.
            part: the slice of each batch to load, for one of several processes.

        Returns:
            An iterable of floats (B, 3, H, W) in [-1, 1]; each loop over it is an epoch.

        Raises:
            DataError: the data set is smaller than a batch.
        """
        generator, device = generator or torch.default_generator, torch.device(device)
        return Batches(
            self.images, batch_size, name=self.name, generator=generator, device=device, flip=flip, part=part
        )


class Batches:
    """An iterable of shuffled batches; one loop over it is an epoch. See `FaceDataset.batches`.

    Args:
        samples: (N, ...), uint8 images or floats.
        batch_size: samples per batch.
        name: name of the data set, for messages.
        generator, device, flip, part: as for `FaceDataset.batches`.

    Attributes:
        remaining: indices of the samples that remain in this epoch.
        epoch: the current epoch, counted from 1; 0 before the first.

    Raises:
        DataError: there are fewer samples than `batch_size`.
    """

    def __init__(
        self,
        samples: np.ndarray,
        batch_size: int,
        *,
        name: str,
        generator: torch.Generator,
        device: torch.device,
        flip: bool,
        part: slice = _WHOLE,
    ) -> None:
        if not 1 <= batch_size <= len(samples):
            kind = "faces" if samples.ndim == 4 else "samples"
            raise DataError(
                f"a batch of {batch_size} cannot be drawn from the {len(samples)} {kind} of {name!r}. "
                f"Use a batch_size of at most {len(samples)}, or more {kind}."
            )
        self.count, self.batch_size, self.generator = len(samples), batch_size, generator
        self.device, self.flip, self.part = device, flip, part
        self.remaining, self.epoch = torch.empty(0, dtype=torch.long, device="cpu"), 0
        self._samples = _resident(torch.from_numpy(samples), device)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return self.count // self.batch_size

    def __iter__(self) -> Iterator[Tensor]:
        if len(self.remaining) < self.batch_size:
            self.remaining = torch.randperm(self.count, generator=self.generator, device="cpu")
            self.epoch += 1
        while len(self.remaining) >= self.batch_size:
            index = self.remaining[: self.batch_size]
            self.remaining = self.remaining[self.batch_size :]
            yield self._batch(index)

    def _batch(self, index: Tensor) -> Tensor:
        mirrored = None
        if self.flip:
            numbers = torch.rand(len(index), generator=self.generator, dtype=torch.float32, device="cpu")
            mirrored = numbers < 0.5
        samples = self._pick(index[self.part])
        if mirrored is not None:
            mirrored = to_device(mirrored[self.part], self.device)
            samples = torch.where(mirrored[:, None, None, None], samples.flip(-1), samples)
        return to_float(samples) if samples.dtype == torch.uint8 else samples

    def _pick(self, index: Tensor) -> Tensor:
        if self._samples.device.type == "cpu":
            return to_device(self._samples.index_select(0, index), self.device)
        return self._samples.index_select(0, to_device(index, self.device))


def fingerprint_of(samples: np.ndarray) -> str:
    """16 hex digits that identify an array by its shape and contents."""
    digest = hashlib.sha256(repr(samples.shape).encode())
    digest.update(np.ascontiguousarray(samples).data)
    return digest.hexdigest()[:16]


def as_dataset(faces: Any, image_size: int) -> FaceDataset:
    """Convert the argument `faces` of `fit` to a `FaceDataset`.

    Args:
        faces: a `FaceDataset`, or any input of `facegan.data.arrays.read_images`: an array, a tensor, a list of
            images, or a map-style torch `Dataset`.
        image_size: required pixels a side.

    Raises:
        DataError: the input is anything else, or has another image size.

    >>> as_dataset(torch.zeros(8, 3, 16, 16, dtype=torch.uint8), 16)
    FaceDataset('array', 8 faces, 16 px)
    """
    if not isinstance(faces, FaceDataset):
        return FaceDataset(**read_images(faces, image_size)._asdict())
    if faces.image_size != image_size:
        raise DataError(
            f"the faces are {faces.image_size} px, the networks {image_size} px. Load the faces with "
            f"load_faces(..., size={image_size}), or set image_size={faces.image_size} in the config."
        )
    return faces


def _resident(images: Tensor, device: torch.device) -> Tensor:
    if device.type == "cuda" and images.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return images
    return images.to(device)
