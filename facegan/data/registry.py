"""The registry of named data sets: contents, mirrors, and verification.

A file gets its name in `data/` only after its digest was verified. If the digest differs from the recorded one, the
contents are verified instead: the number of images must be right, and all must be readable and of the right size.
Transfers are in `facegan.data.transfer`, and decoding is in `facegan.data.decode`.

CelebA: Liu, Luo, Wang, Tang, "Deep learning face attributes in the wild", ICCV 2015.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facegan import data
from facegan.data import mirrors
from facegan.data.archives import Photos
from facegan.data.crops import CROPS
from facegan.data.decode import Survey, survey
from facegan.data.https import Https
from facegan.data.mirrors import Mirror, Route
from facegan.data.transfer import Expected, MirrorError, leftovers, remove
from facegan.errors import DataError, DownloadError, expect
from facegan.files import digest, is_verified, locked, mark_verified, notes_of


@dataclass(frozen=True)
class Source:
    """A published zip of faces.

    Attributes:
        name: name for `load_faces`.
        file: file name in `data/`, as published.
        mirrors: `Https`, `Drive`, and `Kaggle` mirrors, tried in this order, and last `Cut`, another data set from
            which the faces can be cut.
        hashes: "sha256:..." or "md5:...", as published; each one identifies the file.
        count, pixels, size: number of images, their width and height, and bytes of the file (at most 20 GB if size is
            not given). If count and pixels agree, a zip with another digest is accepted, with a warning.
        crop: name of the crop in `facegan.data.crops`; if there are `crops`, the default crop.
        crops: choices for `load_faces(..., crop=)`; empty if the images are already cropped.
        title, terms: text to show before the download.
    """

    name: str
    file: str
    mirrors: tuple[Route, ...]
    hashes: tuple[str, ...]
    count: int = 0
    pixels: tuple[int, int] | None = None
    size: int = 0
    crop: str = "center"
    crops: tuple[str, ...] = ()
    title: str = ""
    terms: str = "See the publisher for terms"

    @property
    def cut_from(self) -> str:
        """The name of the data set from which faces can be cut if no mirror provides the zip; '' if there is none."""
        return mirrors.cut_in(self.mirrors)


class Unavailable(DownloadError):
    """No mirror provided a data set.

    Attributes:
        reasons: the reason why each mirror failed, by address.
    """

    def __init__(self, message: str, reasons: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = reasons or {}


_CELEBA_TERMS = "For non-commercial research and education only; not to be passed on"
SOURCES = {
    "celeba": Source(
        name="celeba",
        file="processed-celeba-small.zip",
        title="32,600 faces of CelebA, cropped to 64 x 64",
        count=32_600,
        pixels=(64, 64),
        size=247_694_507,
        hashes=("sha256:2cd4fbba4b618faeb4be18c69da3a68ff6a163057d12ff321cb044fc51f416d3",),
        mirrors=mirrors.CELEBA,
        crop="celeba-108",
        terms=_CELEBA_TERMS,
    ),
    "celeba-full": Source(
        name="celeba-full",
        file="img_align_celeba.zip",
        title="all 202,599 aligned faces of CelebA, 178 x 218",
        count=202_599,
        pixels=(178, 218),
        size=1_443_490_838,
        hashes=(
            "sha256:46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
            "md5:00d2c5bc6d35e252742224ab0c1e8fcb",
        ),
        mirrors=mirrors.CELEBA_FULL,
        crop="celeba-108",  # as for "celeba", so that metrics are comparable
        crops=("celeba-108", "celeba-128", "celeba-178"),
        terms=_CELEBA_TERMS,
    ),
}


def register_dataset(source: Source) -> None:
    """Make a published zip of faces available as `load_faces(source.name)`.

    Args:
        source: description of the zip. Its fields are checked when it is loaded.

    Raises:
        ConfigError: `source` is not a `Source`.
        DataError: the name is 'synthetic'.
    >>> register_dataset(Source("dolls", "dolls.zip", (Https("https://example.org/dolls.zip"),), ("md5:0",)))
    """
    expect(source, Source, "the data set", "a facegan.data.Source with name, file, mirrors and hashes")
    if source.name == "synthetic":
        raise DataError(
            "'synthetic' is the name of the drawn faces. Register the data set under another name."
        )
    SOURCES[source.name] = source


def find(name: str) -> Source:
    """The `Source` of a data set. Raises `DownloadError` for unknown names, and `DataError` if a field is invalid."""
    if name not in SOURCES:
        raise DownloadError(
            f"no data set is called {name!r}, expected one of {', '.join(SOURCES)}. Use one of these names, or "
            "register_dataset."
        )
    source = SOURCES[name]
    problem = _problem(source)
    if problem:
        raise DataError(f"data set {name!r}: {problem}. Register it again with a corrected Source.")
    return source


def _problem(source: Source) -> str | None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", source.name):
        return f"its name is {source.name!r}, expected letters a-z, digits, - and _"
    if not re.fullmatch(r"[\w-][\w.-]*\.zip", source.file):
        return f"file is {source.file!r}, expected a file name that ends in .zip"
    if not source.hashes or not all(re.match(r"(sha256|md5):", known) for known in source.hashes):
        return f"hashes are {source.hashes!r}, expected ('sha256:...',) or ('md5:...',)"
    unknown = {source.crop, *source.crops} - set(CROPS)
    if unknown or (source.crops and source.crop not in source.crops):
        return f"crop is {source.crop!r} and crops are {source.crops}, expected some of {', '.join(CROPS)}"
    return None


def local_file(name: str) -> Path:
    """The path of the data set's zip, which may not exist yet. Raises `DownloadError` for unknown names."""
    return Path(data.DATA_FOLDER) / find(name).file


def fetch(name: str) -> Path:
    """Verify or download the zip of the data set `name`, and return its path.

    A file in `data/` with the published name is verified and used, even if it was put there manually. Otherwise,
    mirrors are tried in this order: the publisher, a copy at `$FACEGAN_MIRROR/FILE`, Google Drive (for 'celeba', first
    `$FACEGAN_DRIVE_ID`, a class's own copy), and Kaggle. An interrupted download resumes at the next call. Only one
    process downloads at a time.

    Raises:
        Unavailable: no mirror provided it; the message has the reasons, and says how to get the file manually.
        DownloadError: there is no such data set, the file cannot be written, or the disk is too small.
    """
    source, target = find(name), local_file(name)
    drive_id = os.environ.get("FACEGAN_DRIVE_ID") if name == "celeba" else None
    places = mirrors.in_order(source.file, source.mirrors, drive_id=drive_id)
    _make_folder(target.parent)
    with locked(target):
        _remove_folders(target)
        if target.exists() and (_is_marked(target, source) or _is_sound(target, source)):
            return target
        try:
            return _fetch_from_any(source, target, places)
        finally:
            _remove_folders(target)


def fetch_or_cut(name: str) -> str:
    """Fetch the data set `name` or, if no mirror provides it, the one from which its faces can be cut.

    Returns:
        The name of the data set that was fetched.

    Raises:
        Unavailable: neither is available; the message has the reason for each mirror of both.
        DownloadError: the file cannot be written, or the disk is too small.
    """
    source = find(name)
    try:
        fetch(name)
        return name
    except Unavailable as error:
        if not source.cut_from:
            raise
        reasons = error.reasons
    size = SOURCES[source.cut_from].size if source.cut_from in SOURCES else 0
    print(
        "The published subset could not be fetched; its faces are cut from the full archive, "
        f"{source.cut_from}{_in_words(size)}."
    )
    try:
        fetch(source.cut_from)
    except DownloadError as error:
        reasons |= _reasons_of(source, error)
        raise Unavailable(_by_hand(source, local_file(name), reasons), reasons) from None
    return source.cut_from


def _in_words(size: int) -> str:
    if size < 1e6:  # not recorded, or a short download
        return ""
    return f" ({size / 1e9:.1f} GB)" if size >= 1e9 else f" ({size / 1e6:,.0f} MB)"


def _reasons_of(source: Source, error: DownloadError) -> dict[str, str]:
    """The reasons why faces cannot be cut from another data set, by mirror."""
    if isinstance(error, Unavailable):
        return {f"{address}, to cut from {source.cut_from}": why for address, why in error.reasons.items()}
    return {f"faces cut from {source.cut_from}": str(error)}


def verify(path: Path, source: Source) -> None:
    """Verify that a file is the data set; warn if its digest differs but its contents agree.

    Raises:
        DownloadError: it is another file; the message has both digests, and says what is wrong with the contents.
    """
    kinds = {known.partition(":")[0] for known in source.hashes}
    actual = {kind: f"{kind}:{digest(path, kind)}" for kind in kinds}
    if set(source.hashes) & set(actual.values()):
        return
    expected = source.hashes[0]
    got = actual[expected.partition(":")[0]]
    problem = _unsound(path, source)
    if problem or source.pixels is None:
        sizes = f"{path.stat().st_size:,} bytes, published with {source.size:,}"
        raise DownloadError(f"its digest is {got}, expected {expected}; {problem}; it has {sizes}")
    warnings.warn(
        f"{source.file} has the digest {got}, not {expected} as published; its contents agree "
        f"({source.count:,} images of {source.pixels[0]} x {source.pixels[1]}), so it is used.",
        stacklevel=4,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"cannot create the folder {os.path.abspath(folder)} ({error.strerror}). Work in a folder that can be "
            "written, or assign another folder to facegan.data.DATA_FOLDER in Python."
        ) from None


def _remove_folders(target: Path) -> None:
    """Delete temporary folders, because only temporary files can be resumed."""
    remove([path for path in leftovers(target) if path.is_dir()])


def _is_marked(path: Path, source: Source) -> bool:
    """Whether the file was verified as this data set, not as another one with the same file name."""
    return is_verified(path) and notes_of(path) == list(source.hashes)


def _is_sound(path: Path, source: Source) -> bool:
    try:
        verify(path, source)
    except DownloadError as error:
        warnings.warn(f"{path} is not the data set ({error}); downloading it.", stacklevel=4)
        return False
    except OSError as error:
        raise DownloadError(
            f"cannot read {path} ({error.strerror}). Move it to another folder, then run this again."
        ) from None
    mark_verified(path, list(source.hashes))
    return True


def _fetch_from_any(source: Source, target: Path, places: Sequence[Mirror]) -> Path:
    _refuse_small_disk(source, target.parent)
    print(f"{source.title or source.name}. {source.terms}.")
    expected, reasons = Expected(source.size, source.hashes), dict[str, str]()
    for mirror in places:
        try:
            return _install(mirror.fetch(target, expected), target, source)
        except MirrorError as error:
            reasons[str(mirror)] = str(error)
        except OSError as error:
            if isinstance(error, DownloadError):
                raise
            raise DownloadError(f"cannot write to {target.parent} ({error.strerror or error}).") from None
    raise Unavailable(_by_hand(source, target, reasons), reasons)


def _install(part: Path, target: Path, source: Source) -> Path:
    """Verify a downloaded file and rename it; an existing file with that name is moved aside."""
    try:
        verify(part, source)
    except DownloadError as error:
        part.unlink()
        raise MirrorError(error) from None
    if target.exists():
        aside = target.with_name(f"{target.name}.unsound")
        os.replace(target, aside)
        warnings.warn(f"moved the previous file to {aside}; you may delete it.", stacklevel=4)
    os.replace(part, target)
    mark_verified(target, list(source.hashes))
    remove(leftovers(target))
    return target


def _refuse_small_disk(source: Source, folder: Path) -> None:
    free, have = shutil.disk_usage(folder).free, 0
    with contextlib.suppress(OSError):
        have = sum(p.stat().st_size for p in folder.glob(f".{source.file}-*.part"))
    if free + have < source.size:
        raise DownloadError(
            f"{source.name} needs {source.size / 1e6:,.0f} MB, but {os.path.abspath(folder)} has "
            f"{free / 1e6:,.0f} MB free. Free some space, or work in another folder."
        )


def _by_hand(source: Source, target: Path, reasons: dict[str, str]) -> str:
    address = next((m for m in source.mirrors if isinstance(m, Https)), None)
    where = f"open {address} in a browser, or ask" if address else "ask"
    serves = f" {find(source.cut_from).file} in the same folder also works." if source.cut_from else ""
    return "\n".join(
        [
            f"could not download {source.name!r}; every mirror was tried:",
            *(f"  {address}: {reason}" for address, reason in reasons.items()),
            f"By hand: {where} your instructor for {source.file},",
            f"and put it at {os.path.abspath(target)}; then run this again.{serves}",
        ]
    )


def _unsound(path: Path, source: Source) -> str | None:
    """What is wrong with the contents of a zip whose digest is not the published one; None if nothing is wrong."""
    if not source.count or not source.pixels:
        return "its contents are not recorded, so they cannot be compared"
    try:
        with Photos(path) as photos:
            if len(photos.names) != source.count:
                return f"it has {len(photos.names):,} images, expected {source.count:,}"
            found = survey(photos, title=f"checking {source.file}")
    except DataError as error:
        return str(error).replace(path.name, "it").rstrip(".")
    return _difference(found, source)


def _difference(found: Survey, source: Source) -> str | None:
    if found.skipped:
        return f"{len(found.skipped)} of its images cannot be read, such as {found.skipped[0]}"
    others = set(found.sizes) - {source.pixels}
    if others and source.pixels:
        (width, height), (w, h) = min(others), source.pixels
        return f"it has images of {width} x {height} pixels, expected {w} x {h}"
    return None
