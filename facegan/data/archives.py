"""Reads image files from a folder or a zip: names, bytes, classes, and fingerprint.

Archives are read member by member in memory (`facegan.data.zips`), so they cannot write files. Decoding is in
`facegan.data.decode`, and caching is in `facegan.data.cache`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from facegan.data.formats import HEIC, advice_on, count_unread, readable, suffix_of
from facegan.data.zips import check_unread, open_zip, read_member
from facegan.errors import DataError

_PROBES, _PROBED = 4, 1 << 16  # number of files that `change_key` reads, and bytes of each
MAX_FILE = 400_000_000  # maximum bytes of an image file in a folder


class Photos:
    """The image files of a folder or a zip. Use it as a context manager.

    Args:
        path: a folder or a zip.
        first: number of images to use, in the order of their names; None for all.

    Attributes:
        names: names of the image files, in order.
        unread: number of picture and video files that cannot be read here, by suffix.
        heic: names of the files among them that only need an optional package.

    Raises:
        DataError: the archive is corrupt or unsafe, or there are no images.
    """

    def __init__(self, path: Path, *, first: int | None = None) -> None:
        self.path = path
        self.in_folder = path.is_dir()
        self._zip = None if self.in_folder else open_zip(path)
        names = [name for name in (self._members() if self._zip else _files(path)) if _is_visible(name)]
        self.names, self.unread = _images(names)[:first], count_unread(names)
        self.heic = sorted(name for name in names if suffix_of(name) in HEIC & self.unread.keys())
        self._checksums: dict[str, tuple[int, int]] = {}  # CRC32 and size of files read from a folder
        if not self.names:
            self.close()
            raise DataError(
                f"no image found in {path.name!r}, expected files at any depth that end in "
                f"{', '.join(sorted(readable()))}. "
                + (
                    f"Not read: {advice_on(self.unread)}."
                    if self.unread
                    else "Pass the folder or zip that contains them."
                )
            )

    def read(self, name: str) -> bytes:
        """Read the bytes of a file. Raises `OSError` in a folder, and `DataError` if an archive is corrupt."""
        if self._zip:
            return read_member(self._zip, name)
        size = (self.path / name).stat().st_size
        if size > MAX_FILE:
            raise OSError(errno.EFBIG, f"{size / 1e6:,.0f} MB, more than {MAX_FILE / 1e6:.0f}")
        data = (self.path / name).read_bytes()
        self._checksums[name] = zlib.crc32(data), len(data)
        return data

    def fingerprint(self) -> str:
        """16 hex digits computed from the names and bytes of all images; read all files of a folder before.

        Dates and the top folder are ignored, so a zip has the same fingerprint as the folder that was zipped.
        """
        if self._zip:
            self._checksums = {m.filename: (m.CRC, m.file_size) for m in self._zip.infolist()}
        digest = hashlib.sha256()
        for name, relative in zip(self.names, self._relative(), strict=True):
            crc, size = self._checksums.get(name, (0, 0))  # zeros if it could not be read
            digest.update(f"{relative}/{crc:08x}/{size}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]

    def classes(self) -> dict[str, str]:
        """The class of each image: its top-level subfolder, as in torchvision's `ImageFolder`.

        Empty unless every image is in a subfolder and there are two or more subfolders.
        """
        tops = [name.rpartition("/")[0].partition("/")[0] for name in self._relative()]
        return dict(zip(self.names, tops, strict=True)) if all(tops) and len(set(tops)) > 1 else {}

    def close(self) -> None:
        if self._zip:
            self._zip.close()

    def __enter__(self) -> Photos:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _members(self) -> list[str]:
        assert self._zip
        names = [m.filename for m in self._zip.infolist() if not m.is_dir()]
        try:
            check_unread(self._zip, {*_images(names)})
        except DataError:
            self.close()
            raise
        return names

    def _relative(self) -> list[str]:
        """The names, without the top folder if all images are in the same one."""
        tops = {name.partition("/")[0] for name in self.names}
        shared = len(tops) == 1 and all("/" in name for name in self.names)
        return [name.partition("/")[2] for name in self.names] if shared else self.names


def change_key(path: Path) -> str:
    """Twelve hex digits that change if a file, or an image in a folder, changes.

    They are computed from the resolved path, and from each file's name, size, modification time (which programs can
    set), and change time (which they cannot set). Some file systems have only the modification time, so the last bytes
    of a few files are included, too. Inodes are not included, because some network drives assign new ones at each
    mount. The digits also change with the number of pictures in a folder that cannot be read here.

    Raises:
        DataError: a file or folder cannot be read.
    """
    digest, names = hashlib.sha256(os.fsencode(os.path.realpath(path))), [""]
    if path.is_dir():
        visible = list(filter(_is_visible, _files(path)))
        names, unread = _images(visible), count_unread(visible)
        digest.update("".join(f"{suffix}{unread[suffix]}" for suffix in sorted(unread)).encode())
    for name in names:
        try:
            status = (path / name).stat()
        except OSError as error:
            raise _closed(path / name, error) from None
        dates = f"{status.st_mtime_ns}/{status.st_ctime_ns}"
        digest.update(os.fsencode(f"{name}/{status.st_size}/{dates}\n"))
    for name in names[:: -(-len(names) // _PROBES) or 1]:
        with contextlib.suppress(OSError), (path / name).open("rb") as file:
            file.seek(-min(_PROBED, os.fstat(file.fileno()).st_size), os.SEEK_END)
            digest.update(file.read(_PROBED))
    return digest.hexdigest()[:12]


def _files(folder: Path, parents: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield files at any depth, also in linked folders; run folders and hidden folders are skipped."""
    place = os.path.realpath(folder)
    if place in parents:  # a link to a parent folder
        return
    try:
        entries = list(os.scandir(folder))
        files = [entry.name for entry in entries if _is(entry.is_file)]
        inside = [
            e for e in entries if not _is_hidden(e.name) and _is(e.is_dir) and not _is_run(Path(e.path))
        ]
    except OSError as error:
        raise _closed(folder, error) from None
    yield from files
    for entry in inside:
        yield from (f"{entry.name}/{name}" for name in _files(Path(entry.path), (*parents, place)))


def _is(what: Callable[[], bool]) -> bool:
    """Whether an entry is a file (or a folder); a link to itself is neither."""
    try:
        return what()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def _closed(place: Path, error: OSError) -> DataError:
    return DataError(
        f"{place} cannot be read ({error.strerror or error}). Change its permissions and those of its folder, or "
        "move it away."
    )


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run folder, whose pictures are not training data."""
    try:
        return (folder / "config.json").is_file() and (folder / "checkpoints").is_dir()
    except OSError as error:
        raise _closed(folder, error) from None


def _images(names: list[str]) -> list[str]:
    suffixes = readable()
    return sorted(name for name in names if suffix_of(name) in suffixes)


def _is_visible(name: str) -> bool:
    return not any(map(_is_hidden, PurePosixPath(name).parts))


def _is_hidden(part: str) -> bool:
    return part == "__MACOSX" or (part.startswith(".") and part != "..")
