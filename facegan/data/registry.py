"""Data sets by name: where they are, how to know them, and fetching them verified.

A file gets its name in `data/` only after its hash was checked, or, should the hash not be the recorded
one, after its contents were: the right number of images, all of which decode, all of the right size.
Leaves out how bytes travel (`facegan.transfer`) and how they become arrays (`facegan.data`).

CelebA: Liu, Luo, Wang, Tang, "Deep learning face attributes in the wild", ICCV 2015.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from facegan import data
from facegan.data.decode import Photos, Survey, survey
from facegan.data.mirrors import Drive, Https, Kaggle, MirrorError, leftovers, remove
from facegan.errors import DataError, DownloadError
from facegan.files import digest, is_verified, locked, mark_verified

_TERMS = "For non-commercial research and education only; not to be passed on"


class Mirror(Protocol):
    """One place to fetch from; see `facegan.transfer`."""

    def fetch(self, target: Path) -> Path: ...


@dataclass(frozen=True)
class Source:
    """A published archive of faces, and what makes it the right one."""

    name: str
    file: str  # its name in data/
    title: str
    count: int  # images
    pixels: tuple[int, int]  # width, height of every image
    size: int  # bytes, as published
    hashes: tuple[str, ...]  # "sha256:..." or "md5:...", as published; any one will do
    mirrors: tuple[Mirror, ...]
    terms: str = _TERMS


SOURCES = {
    source.name: source
    for source in (
        Source(
            name="celeba",
            file="processed-celeba-small.zip",
            title="32,600 faces of CelebA, cropped to 64 x 64",
            count=32_600,
            pixels=(64, 64),
            size=247_694_507,
            hashes=("sha256:2cd4fbba4b618faeb4be18c69da3a68ff6a163057d12ff321cb044fc51f416d3",),
            mirrors=(
                Https(
                    "https://s3.amazonaws.com/video.udacity-data.com/topher/2018/November/"
                    "5be7eb6f_processed-celeba-small/processed-celeba-small.zip"
                ),
            ),
        ),
        Source(
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
            mirrors=(
                Https("https://s3.amazonaws.com/pytorch-tutorial-assets/img_align_celeba.zip"),
                Drive("0B7EVK8r0v71pZjFTYXZWM3FlRnM"),
                Kaggle("jessicali9530/celeba-dataset/versions/2", "img_align_celeba/img_align_celeba"),
            ),
        ),
    )
}


def local_file(name: str) -> Path:
    """Where the archive of the data set `name` lies, or will. Raises `DownloadError` for unknown names."""
    return data.DATA_FOLDER / _source(name).file


def fetch(name: str, *, drive_id: str | None = None) -> Path:
    """The verified archive of the data set `name` ('celeba' or 'celeba-full'), fetched when it is not there.

    A file that lies in `data/` under the published name already, put there by hand, is verified and used.
    Else the mirrors are tried in turn: a copy at `$FACEGAN_MIRROR/FILE`, the publisher's, Google Drive
    (for 'celeba' the file `$FACEGAN_DRIVE_ID`, or `drive_id`: a class's own copy), Kaggle. Interrupt it at
    any time; the next call goes on. Two processes share one download.

    Raises `DownloadError` that says what every mirror answered and how to go on by hand.
    """
    source = _source(name)
    target = local_file(name)
    _make_folder(target.parent)
    with locked(target):
        remove([p for p in leftovers(target) if p.is_dir()])
        if target.exists() and (is_verified(target) or _is_sound(target, source)):
            return target
        try:
            return _fetch_from_any(source, target, _mirrors(source, drive_id))
        finally:
            remove([p for p in leftovers(target) if p.is_dir()])


def verify(path: Path, source: Source) -> None:
    """Return when `path` holds the data set; warn when its hash is new but its contents are sound.

    Raises `DownloadError` with both hashes and what is wrong inside.
    """
    kinds = {known.partition(":")[0] for known in source.hashes}
    actual = {kind: f"{kind}:{digest(path, kind)}" for kind in kinds}
    if set(source.hashes) & set(actual.values()):
        return
    expected = source.hashes[0]
    got = actual[expected.partition(":")[0]]
    problem = _unsound(path, source)
    if problem:
        sizes = f"{path.stat().st_size:,} bytes, published with {source.size:,}"
        raise DownloadError(f"its hash is {got}, expected {expected}; {problem}; it has {sizes}")
    warnings.warn(
        f"{source.file} has the hash {got}, not {expected} as published; its contents are sound "
        f"({source.count:,} images of {source.pixels[0]} x {source.pixels[1]}), so it is used.",
        stacklevel=4,
    )


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise DownloadError(f"no data set is called {name!r}; there are {', '.join(SOURCES)}.")
    return SOURCES[name]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"cannot make the folder {folder.absolute()} ({error.strerror}). Run this where you may write."
        ) from None


def _is_sound(path: Path, source: Source) -> bool:
    try:
        verify(path, source)
    except DownloadError as error:
        warnings.warn(f"{path} is not the data set ({error}); fetching it.", stacklevel=4)
        return False
    except OSError as error:
        raise DownloadError(
            f"cannot read {path} ({error.strerror}). Move it away, then run this again."
        ) from None
    mark_verified(path)
    return True


def _mirrors(source: Source, drive_id: str | None) -> list[Mirror]:
    """In the order they are tried; a mirror of the class before those of the world, of the same kind."""
    nearby = os.environ.get("FACEGAN_MIRROR")
    if source.name == "celeba":
        drive_id = drive_id or os.environ.get("FACEGAN_DRIVE_ID")
    https = [m for m in source.mirrors if isinstance(m, Https)]
    return [
        *([Https(f"{nearby.rstrip('/')}/{source.file}")] if nearby else []),
        *https,
        *([Drive(drive_id)] if drive_id else []),
        *(m for m in source.mirrors if m not in https),
    ]


def _fetch_from_any(source: Source, target: Path, mirrors: Sequence[Mirror]) -> Path:
    _refuse_small_disk(source, target.parent)
    print(f"{source.title}. {source.terms}.")
    reasons = []
    for mirror in mirrors:
        try:
            return _install(mirror.fetch(target), target, source)
        except MirrorError as error:
            reasons.append(f"  {mirror}: {error}")
        except OSError as error:
            if isinstance(error, DownloadError):
                raise
            raise DownloadError(f"cannot write to {target.parent} ({error.strerror or error}).") from None
    raise DownloadError(_way_on(source, target, reasons))


def _install(part: Path, target: Path, source: Source) -> Path:
    """Give a fetched file its name, once it is verified; what stood there before is kept aside."""
    try:
        verify(part, source)
    except DownloadError as error:
        part.unlink()
        raise MirrorError(error) from None
    if target.exists():
        aside = target.with_name(f"{target.name}.unsound")
        os.replace(target, aside)
        warnings.warn(f"the file that stood there before is now {aside}; delete it at will.", stacklevel=4)
    os.replace(part, target)
    mark_verified(target)
    remove(leftovers(target))
    return target


def _refuse_small_disk(source: Source, folder: Path) -> None:
    free, have = shutil.disk_usage(folder).free, 0
    with contextlib.suppress(OSError):
        have = sum(p.stat().st_size for p in folder.glob(f".{source.file}-*.part"))
    if free + have < source.size:
        raise DownloadError(
            f"{source.name} needs {source.size / 1e6:,.0f} MB, and {folder.absolute()} has "
            f"{free / 1e6:,.0f} MB free. Free some space, or work in another folder."
        )


def _way_on(source: Source, target: Path, reasons: Sequence[str]) -> str:
    by_hand = next(m for m in source.mirrors if isinstance(m, Https))
    return "\n".join(
        [
            f"could not get {source.name!r}; every mirror was tried:",
            *reasons,
            f"By hand: open {by_hand} in a browser, or ask your instructor for {source.file},",
            f"and put it at {target.absolute()}; then run this again.",
        ]
    )


def _unsound(path: Path, source: Source) -> str | None:
    """What is wrong inside an archive of unknown hash, or None."""
    try:
        with Photos(path) as photos:
            if len(photos.names) != source.count:
                return f"it holds {len(photos.names):,} images, expected {source.count:,}"
            found = survey(photos, title=f"checking {source.file}")
    except DataError as error:
        return str(error).replace(path.name, "it").rstrip(".")
    return _unlike(found, source)


def _unlike(found: Survey, source: Source) -> str | None:
    if found.skipped:
        return f"{len(found.skipped)} of its images cannot be read, such as {found.skipped[0]}"
    others = set(found.sizes) - {source.pixels}
    if others:
        (width, height), (w, h) = min(others), source.pixels
        return f"it holds images of {width} x {height} pixels, expected {w} x {h}"
    return None
