"""Reads the user's `.npy` files in parts.

They are not memory-mapped, because the process would crash (SIGBUS) if another program truncated the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from facegan.data.arrays import channels_first, check_count
from facegan.errors import DataError, first_line

_CHUNK = 500  # images read at a time


class NpyFile:
    """Images in a `.npy` file; its length is their number.

    Attributes:
        shape, dtype: as stored.

    Raises:
        DataError: the file is not a `.npy`, is shorter than its header claims, or does not contain images.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self.shape, self._fortran, self.dtype = _header(file)
                self._start, self._state = file.tell(), _state(file)
        except Exception as error:  # numpy raises many kinds of errors on corrupt headers
            raise DataError(
                f"{path.name} is not a readable .npy array ({first_line(error)}). Save one array with np.save."
            ) from None
        if self.dtype.hasobject:
            raise DataError(
                f"{path.name} is not a readable .npy array (it contains Python objects). Save numbers."
            )
        size, claimed = self._state[0], prod(self.shape) * self.dtype.itemsize
        if claimed > size - self._start:
            raise DataError(
                f"{path.name} claims to have {claimed / 1e6:,.0f} MB, but has {size / 1e6:,.0f} MB. Copy or save it "
                "again."
            )
        channels_first(np.broadcast_to(np.zeros((), self.dtype), self.shape), path.name)
        check_count(len(self))

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield arrays (k, 3, H, W) of the stored dtype. Raises `DataError` if the file changes during reading."""
        step = len(self) if self._fortran else _CHUNK  # in Fortran order, an image is spread over the file
        with self.path.open("rb") as file:
            file.seek(self._start)
            for first in range(0, len(self), step):
                shape = (min(step, len(self) - first), *self.shape[1:])
                try:
                    values = np.fromfile(file, self.dtype, prod(shape))
                except OSError as error:  # from reading, not from writing the cache
                    raise DataError(
                        f"{self.path} cannot be read ({first_line(error)}). Copy it again."
                    ) from None
                if len(values) < prod(shape) or _state(file) != self._state:
                    raise DataError(f"{self.path.name} changed while it was read. Run this again.")
                yield channels_first(values.reshape(shape, order="F" if self._fortran else "C"), "")

    def __len__(self) -> int:
        return self.shape[0]


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    if file.read(2) == b"PK":
        raise ValueError("it is a zip, as np.savez writes")
    file.seek(0)
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"its version is {version}")
    return read[version](file)


def _state(file: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
