"""Faces as one uint8 array, from a folder, zip, `.npy`, array or the synthetic set; and batches of it.

Images are decoded once (`facegan.photos`) to one `.npy` that is memory-mapped ever after
(`facegan.cache`). Batches are an index, a cast and a flip: no worker processes.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan import data
from facegan.data import synthetic
from facegan.data.align import face_crop
from facegan.data.cache import cached
from facegan.data.decode import Photos, decode_all, fingerprint, to_square
from facegan.data.registry import SOURCES, fetch, local_file
from facegan.errors import DataError
from facegan.images import to_float
from facegan.runtime.device import to_device

_CHUNK = 500  # faces made or resized at a time
_WHOLE = slice(None)


@dataclass(frozen=True)
class FaceDataset:
    """Faces in memory or memory-mapped: `images` is uint8 (N, 3, size, size)."""

    images: np.ndarray
    name: str  # what they were loaded from
    skipped: tuple[str, ...] = ()  # "file: reason" for what could not be read, when it was decoded
    attributes: dict[str, np.ndarray] = field(default_factory=dict)  # columns of the synthetic set

    def __post_init__(self) -> None:
        if len(self.images) < 2:
            raise DataError(f"{self.name!r} holds {len(self.images)} usable image; training needs 2 or more.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, size, size)."""
        return self.images.shape

    def __getitem__(self, index: Any) -> Tensor:
        """uint8 (3, size, size) for a number, (k, 3, size, size) for a slice or list."""
        return torch.from_numpy(np.array(self.images[index]))

    def __repr__(self) -> str:
        return f"FaceDataset({self.name!r}, {len(self):,} faces, {self.shape[-1]} px)"

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        device: str | torch.device = "cpu",
        flip: bool = True,
        part: slice = _WHOLE,
    ) -> Batches:
        """One epoch of shuffled batches per loop over the result: floats (B, 3, H, W) in [-1, 1].

        `generator` (on the CPU) draws order and flips. The incomplete last batch is dropped. The
        data move to the device whole when they fit. With `part` only that part of each batch is
        loaded, for one of several processes. Raises `DataError` when the set is smaller than a batch.
        """
        generator, device = generator or torch.default_generator, torch.device(device)
        return Batches(self, batch_size, generator=generator, device=device, flip=flip, part=part)


class Batches:
    """Loop over it once for an epoch. `remaining` holds the indices this epoch has yet to visit."""

    def __init__(
        self,
        faces: FaceDataset,
        batch_size: int,
        *,
        generator: torch.Generator,
        device: torch.device,
        flip: bool,
        part: slice = _WHOLE,
    ) -> None:
        if not 1 <= batch_size <= len(faces):
            raise DataError(
                f"a batch of {batch_size} cannot be drawn from the {len(faces)} faces of {faces.name!r}. "
                f"Use a batch_size of at most {len(faces)}, or more faces."
            )
        self.count, self.batch_size, self.generator = len(faces), batch_size, generator
        self.device, self.flip, self.part = device, flip, part
        self.remaining = torch.empty(0, dtype=torch.long)
        self._images = _resident(torch.from_numpy(faces.images), device)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.count // self.batch_size

    def __iter__(self) -> Iterator[Tensor]:
        if len(self.remaining) < self.batch_size:
            self.remaining = torch.randperm(self.count, generator=self.generator)
        while len(self.remaining) >= self.batch_size:
            index = self.remaining[: self.batch_size]
            self.remaining = self.remaining[self.batch_size :]
            yield self._batch(index)

    def _batch(self, index: Tensor) -> Tensor:
        mirrored = torch.rand(len(index), generator=self.generator) < 0.5 if self.flip else None
        images = self._pick(index[self.part])
        if mirrored is not None:
            mirrored = to_device(mirrored[self.part], self.device)
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        return to_float(images)

    def _pick(self, index: Tensor) -> Tensor:
        if self._images.device.type == "cpu":
            return to_device(self._images.index_select(0, index), self.device)
        return self._images.index_select(0, to_device(index, self.device))


def load_faces(source: Any, size: int = 64, *, align: str = "center") -> FaceDataset:
    """Faces from `source`, cropped to squares and resized with antialiasing to `size` pixels.

    source: 'celeba' (32,600 faces, 248 MB) or 'celeba-full' (202,599, 1.4 GB), fetched and verified when
    they are not there yet; 'synthetic' (10,000 drawn faces); a folder (searched recursively), a
    `.zip`, a `.npy`, or a uint8 array or tensor (N, 3, H, W) or (N, H, W, 3). What had to be decoded is
    cached as one `.npy` beside the source, or in `data/` where that cannot be written, and
    memory-mapped next time. Unreadable images are skipped, with a warning that names them.

    align: 'center' keeps the central square of each photograph; 'face' finds the largest face and crops
    it as CelebA does, skipping photographs without one; it needs OpenCV (`pip install 'facegan[align]'`),
    and warns and keeps to the centre without it.

    Raises `DataError` for a source that is not there, holds fewer than two images or more than 1 %
    unreadable ones, or looks hostile (`facegan.photos` states the limits); `DownloadError`, which is
    one, when a data set cannot be fetched.

    >>> faces = load_faces("photos.zip")         # doctest: +SKIP
    >>> next(iter(faces.batches(16))).shape      # doctest: +SKIP
    torch.Size([16, 3, 64, 64])
    """
    _check_arguments(size, align)
    if isinstance(source, np.ndarray | Tensor):
        return _load_array(source, size)
    if not isinstance(source, str | Path):
        raise DataError(f"data source is a {type(source).__name__}; give a name, a path or an array.")
    if source == "synthetic":
        return _load_synthetic(size)
    if source in SOURCES:
        return _load_named(source, size)
    return _load_path(Path(source), size, align)


def cache_of(source: str | Path, size: int = 64, *, align: str = "center") -> Path:
    """Where the decoded faces of a folder, zip or named data set lie, once they have been loaded."""
    path = local_file(source) if source in SOURCES else Path(source)
    name, beside = _cache_name(path, size, align), path.parent / _cache_name(path, size, align)
    return beside if beside.exists() else data.DATA_FOLDER / name


def _check_arguments(size: int, align: str) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 16 <= size <= 512:
        raise DataError(f"size is {size!r}, expected a whole number of pixels from 16 to 512.")
    if align not in ("center", "face"):
        raise DataError(f"align is {align!r}, expected 'center' or 'face'.")


def _load_path(path: Path, size: int, align: str) -> FaceDataset:
    if path.suffix.lower() == ".npy" and path.is_file():
        return _load_npy(path, size)
    if path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file()):
        return _load_photos(path, size, align)
    what = "is neither a folder, a .zip nor a .npy file" if path.exists() else "is not there"
    raise DataError(
        f"data source {str(path)!r} {what}. Give a folder of images, a .zip, a .npy, a name "
        f"({', '.join(map(repr, SOURCES))}), or 'synthetic' for the drawn faces."
    )


def _load_array(source: np.ndarray | Tensor, size: int) -> FaceDataset:
    array = source.cpu().numpy() if isinstance(source, Tensor) else np.ascontiguousarray(source)
    rows = _rows(array, "the array")
    images = array if array.shape[2:] == (size, size) else np.concatenate([*_fitted(rows, size)])
    return FaceDataset(images, "array")


def _load_named(name: str, size: int) -> FaceDataset:
    """From the cache when the archive is there and decoded; else the archive is verified or fetched first."""
    path = local_file(name)
    if not (path.exists() and cache_of(name, size).exists()):
        path = fetch(name)
    return replace(_load_photos(path, size, "center"), name=name)


def _load_photos(path: Path, size: int, align: str) -> FaceDataset:
    crop = face_crop() if align == "face" else None
    if align == "face" and crop is None:
        warnings.warn(
            "no face detector is installed, so photographs are cut to their central square; for faces: "
            "pip install 'facegan[align]', then load them again.",
            stacklevel=3,
        )
        align = "center"
    skipped: list[str] = []

    def chunks() -> Iterator[np.ndarray]:
        with Photos(path) as photos:
            yield from decode_all(photos, size, skipped, crop=crop)

    images = cached(_cache_name(path, size, align), [path.parent, data.DATA_FOLDER], chunks, skipped)
    if skipped:
        listed = "; ".join(skipped[:20]) + ("; ..." if len(skipped) > 20 else "")
        warnings.warn(f"{len(skipped)} images of {path.name} skipped: {listed}", stacklevel=3)
    return FaceDataset(images, path.name, tuple(skipped))


def _cache_name(path: Path, size: int, align: str) -> str:
    return f"{path.name}-{size}px{'-face' if align == 'face' else ''}-{fingerprint(path)}.npy"


def _load_synthetic(size: int) -> FaceDataset:
    attributes = synthetic.draw_attributes(data.SYNTHETIC_COUNT, seed=0)
    drawing = zlib.crc32(Path(synthetic.__file__).read_bytes())  # another drawing, another cache
    target = f"synthetic-{data.SYNTHETIC_COUNT}-{size}px-{drawing:08x}.npy"
    images = cached(target, [data.DATA_FOLDER], lambda: _rendered(attributes, size), [])
    return FaceDataset(images, "synthetic", attributes=attributes)


def _rendered(attributes: dict[str, np.ndarray], size: int) -> Iterator[np.ndarray]:
    from tqdm.auto import trange

    style = {"desc": "drawing drawn faces", "unit": "img", "unit_scale": _CHUNK, "delay": 1}
    for start in trange(0, data.SYNTHETIC_COUNT, _CHUNK, **style):
        part = {name: column[start : start + _CHUNK] for name, column in attributes.items()}
        yield synthetic.render_faces(part, size)


def _load_npy(path: Path, size: int) -> FaceDataset:
    try:
        images = np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(
            f"{path.name} is not a readable .npy array ({error}). Save it again with np.save."
        ) from None
    rows = _rows(images, path.name)
    if images.shape[2:] != (size, size):
        name = _cache_name(path, size, "center")
        images = cached(name, [path.parent, data.DATA_FOLDER], lambda: _fitted(rows, size), [])
    return FaceDataset(images, path.name)


def _rows(images: np.ndarray, name: str) -> np.ndarray:
    """A view (N, H, W, 3) of an array in either channel order."""
    if images.dtype != np.uint8 or images.ndim != 4 or 3 not in (images.shape[1], images.shape[3]):
        raise DataError(
            f"{name} is {images.dtype} {images.shape}, expected uint8 (N, 3, H, W) or (N, H, W, 3). "
            "Floats in [-1, 1] become uint8 with facegan.images.to_uint8."
        )
    if len(images) < 2:
        raise DataError(f"{name} holds {len(images)} usable image; training needs 2 or more.")
    return images.transpose(0, 2, 3, 1) if images.shape[1] == 3 else images


def _fitted(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Chunks (k, 3, size, size) of images (N, H, W, 3)."""
    from PIL import Image

    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        yield np.stack([to_square(Image.fromarray(np.ascontiguousarray(row)), size) for row in chunk])


def _resident(images: Tensor, device: torch.device) -> Tensor:
    if device.type == "cuda" and images.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
        return images
    return images.to(device)
