"""What `fit` trains on; the data package's own redesign replaces this module."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from facegan.data.load import Batches, FaceDataset, load_faces

__all__ = ["Batches", "FaceDataset", "as_dataset", "record"]


def as_dataset(faces: Any, size: int) -> FaceDataset:
    """A `FaceDataset` as it is, arrays converted."""
    faces = faces if isinstance(faces, FaceDataset) else load_faces(faces, size)
    type(faces).record, type(faces).image_size = record, property(lambda self: self.shape[-1])
    return faces


def record(self: FaceDataset) -> dict[str, Any]:
    """What identifies the data set in checkpoints, as plain values."""
    fingerprint = hashlib.sha256(np.ascontiguousarray(self.images).data).hexdigest()[:16]
    return {"name": self.name, "count": len(self), "image_size": self.shape[-1], "fingerprint": fingerprint}
