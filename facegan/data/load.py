"""Loads faces from a named data set, folder, zip, `.npy`, or images in memory: `load_faces`.

Photographs are decoded once (`facegan.data.decode`) to a `.npy` file, which is then memory-mapped
(`facegan.data.cache`). The user's `.npy` files are copied there, too.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from facegan import data
from facegan.data import cache, formats, registry, synthetic
from facegan.data.align import face_crop
from facegan.data.archives import Photos, change_key
from facegan.data.arrays import convert_chunks, read_images, resized
from facegan.data.crops import CENTER, CROPS, Crop
from facegan.data.dataset import FaceDataset
from facegan.data.decode import DECODING_VERSION, counted, decode_all, listed
from facegan.data.npy import NpyFile
from facegan.errors import DataError, printable
from facegan.runtime.settings import usual_settings

_CHUNK = 500  # faces drawn at a time
_CUT_FROM = " (cut from "  # part of the data set's name
_IS_HEIC = f"a HEIC image; {formats.NEEDS_HEIC}"
_MANY_FACELESS = 0.05  # fraction of photographs without a face; above it, the warning says what to do


@dataclass(frozen=True)
class _Photographs:
    """A folder or zip, with the settings for loading it."""

    name: str
    label: str  # beginning of its caches' names
    key: str  # 12 hex digits that change if its images may have changed
    locate: Callable[[], Path]  # returns its path, after downloading and verifying a named zip
    crop: Crop
    first: int | None = None  # number of images to use, by name; None for all

    def cache_name(self, size: int) -> str:
        return f"{self.label}-{size}px-{self.crop.name}-{self.key}.npy"


@usual_settings()
def load_faces(source: Any, size: int = 64, *, crop: str | None = None, align: str = "center") -> FaceDataset:
    """Load faces, cropped to squares and resized with antialiasing.

    Photographs are decoded once, to a cache in `data/` or, if that cannot be written, in the user's cache folder. A
    `.npy` is also copied there. Images that cannot be read are skipped with a warning. Subfolders become labels.

    Args:
        source: 'celeba' (32,600 faces, 248 MB) or 'celeba-full' (202,599 faces, 1.4 GB), which are downloaded and
            verified on first use, or another registered name; 'synthetic' (10,000 drawn faces); a folder, which is
            searched recursively; a `.zip`; a `.npy`; or an array, tensor, list, or torch `Dataset` of images. If
            'celeba' cannot be downloaded, its faces are cut from 'celeba-full', and the data set's name says so.
        size: side of the images in pixels, 16 to 512.
        crop: a name from `facegan.data.crops`: 'celeba-108', 'celeba-128', or 'celeba-178' for aligned CelebA
            images of 178 x 218, or 'center' for other photographs. 'celeba' is already cropped.
        align: 'center' uses the crop. 'face' finds the largest face in each photograph, rotates it upright, and frames
            it like 'celeba-128'; photographs without a face are skipped. This needs OpenCV
            (`pip install 'facegan[align]'`); without it, central squares are used, with a warning.

    Returns:
        The faces, uint8 (N, 3, size, size), with labels and attributes if there are any.

    Raises:
        DataError: the source is missing, has fewer than two images or too many unreadable images (more than 1% and
            more than 5, or more than a third), or is unsafe (see the limits in `facegan.data.zips`); or `size`,
            `crop`, or `align` is invalid or does not apply to the source.
        DownloadError: a data set cannot be downloaded. This is a subclass of `DataError`.

    >>> faces = load_faces("photos.zip")         # doctest: +SKIP
    """
    _check_arguments(size, crop, align)
    if isinstance(source, FaceDataset):
        return _same_faces(source, size, crop, align)
    if not isinstance(source, str | Path):
        return _load_memory(source, size, crop, align)
    if source == "synthetic":
        return _load_synthetic(size, crop, align)
    if source in registry.SOURCES:
        return _load_photographs(_named(source, crop, align, size), size)
    if not str(source):
        raise DataError("the data source is an empty string. Pass a folder, a file, or a data set.")
    path = Path(source).expanduser()
    if path.suffix.lower() == ".npy" and path.is_file():
        return _load_npy(path, size, crop, align)
    return _load_photographs(_unnamed(path, crop, align), size)


def _same_faces(faces: FaceDataset, size: int, crop: str | None, align: str) -> FaceDataset:
    _check_framing("a FaceDataset", crop, (), align)
    if faces.image_size != size:
        raise DataError(
            f"the faces are {faces.image_size} px, expected {size}. Load them from their source: "
            f"load_faces({faces.name.partition(_CUT_FROM)[0]!r}, {size})."
        )
    return faces


def _check_arguments(size: int, crop: str | None, align: str) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 16 <= size <= 512:
        raise DataError(f"size is {size!r}, expected a whole number of pixels from 16 to 512, such as 64.")
    if align not in ("center", "face"):
        raise DataError(f"align is {align!r}, expected 'center' or 'face'. Pass one of these.")
    if align == "face" and crop is not None:
        raise DataError(
            f"crop={crop!r} and align='face' were given, expected one of them: align frames each face like "
            "'celeba-128'. Omit one of them."
        )


def _check_framing(what: str, crop: str | None, crops: tuple[str, ...], align: str = "center") -> None:
    """Raise `DataError` if the source does not allow the crop, or `align` is 'face' without photographs."""
    if align == "face":
        raise DataError(
            f"align='face' was given for {what}, expected a folder or zip of photographs. Omit align."
        )
    if crop is not None and crop not in crops:
        allowed = " or ".join(map(repr, crops)) or "none; crop them before"
        raise DataError(
            f"crop is {crop!r}, expected for {what}: {allowed}. Omit crop, or choose one of these."
        )


# ---- photographs ---------------------------------------------------------------------------------


def _named(name: str, crop: str | None, align: str, size: int) -> _Photographs:
    """The published zip or, if no mirror provides it, the data set from which its faces are cut; fetched if needed."""
    record = registry.find(name)
    _check_framing(repr(name), crop, record.crops or (record.crop,), align)
    chosen = CROPS[crop or record.crop] if record.crops else replace(CENTER, name=record.crop)
    key = _digest(DECODING_VERSION, record.file, *record.hashes)
    published = _Photographs(name, name, key, partial(registry.fetch, name), chosen)
    if not record.cut_from or cache.find(published.cache_name(size)):
        return published
    cut = _cut(record)
    if not registry.local_file(name).exists() and _was_cut(cut, record.cut_from, size):
        return cut
    return published if registry.fetch_or_cut(name) == name else cut


def _cut(record: registry.Source) -> _Photographs:
    """The first images of a larger data set, with the crop of `record`."""
    whole, crop = registry.find(record.cut_from), CROPS[record.crop]
    key = _digest(DECODING_VERSION, crop.version, record.count, whole.file, *whole.hashes)
    return _Photographs(
        f"{record.name}{_CUT_FROM}{whole.name})",
        f"{record.name}-cut",
        key,
        partial(registry.fetch, whole.name),
        crop,
        first=record.count or None,
    )


def _was_cut(cut: _Photographs, whole: str, size: int) -> bool:
    """Whether faces were cut before, so that no download is needed for this size."""
    name = cut.cache_name(size)
    return bool(cache.find(name)) or (cache.has_sizes_of(name) and registry.local_file(whole).exists())


def _unnamed(path: Path, crop: str | None, align: str) -> _Photographs:
    if not path.is_dir() and not (path.suffix.lower() == ".zip" and path.is_file()):
        what = "is not a folder, a .zip, or a .npy file" if path.exists() else "does not exist"
        raise DataError(
            f"data source {str(path)!r} {what}. Pass a folder of images, a .zip, a .npy, a name "
            f"({', '.join(map(repr, registry.SOURCES))}), or 'synthetic' for the drawn faces."
        )
    _check_framing("photographs", crop, tuple(CROPS))
    found = face_crop() if align == "face" else None
    if align == "face" and not found:
        warnings.warn(
            "no face detector is installed, so photographs are cropped to their central square. To crop to faces: "
            "pip install 'facegan[align]', then try again.",
            stacklevel=3,
        )
    chosen = found or CROPS[crop or "center"]
    key = _digest(DECODING_VERSION, change_key(path), *([chosen.version] if chosen.version > 1 else []))
    return _Photographs(printable(path.absolute().name), cache.label_of(path), key, lambda: path, chosen)


def _load_photographs(source: _Photographs, size: int) -> FaceDataset:
    name = source.cache_name(size)
    found = cache.find(name)
    if found and formats.readable() & found[1].get("unread", {}).keys():  # can be read now
        cache.discard(name)
        found = None
    if found is None:
        found = cache.build(name, partial(_decode, source, source.locate(), size))
    images, notes = found
    skipped = notes["skipped"]
    if skipped:
        warnings.warn(_in_words(source, skipped, len(skipped) + len(images)), stacklevel=3)
    if notes.get("unread"):
        warnings.warn(
            f"files in {source.name} that were not read: {formats.advice_on(notes['unread'])}.", stacklevel=3
        )
    if len(images) < 2 and skipped and source.crop.name == "face":
        raise DataError(_too_few(source, len(images), skipped, notes.get("broken", ())))
    labels, classes = _labels(notes["classes"])
    heic = notes.get("heic", ())
    return FaceDataset(
        images,
        source.name,
        crop=source.crop.name,
        skipped=tuple(
            printable(f"{name}: {reason}")
            for name, reason in (skipped | dict.fromkeys(heic, _IS_HEIC)).items()
        ),
        labels=labels,
        classes=classes,
        fingerprint=notes["fingerprint"],
    )


def _in_words(source: _Photographs, skipped: dict[str, str], total: int) -> str:
    """The warning about skipped images: how many, why, and what to do if there are many."""
    share = len(skipped) / total
    text = f"{len(skipped):,} of {total:,} images of {source.name} ({share:.1%}) were skipped: "
    if len(skipped) > 3:
        text += f"{counted(skipped.values())}. The first: "
    text += f"{listed(skipped, 10).removesuffix('; ...')}."
    if source.crop.name == "face" and share > _MANY_FACELESS:
        text += (
            " If they are already cropped to faces, load them with align='center'; if not, "
            "`facegan data preview FOLDER --align face` shows what was found."
        )
    return text


def _too_few(source: _Photographs, usable: int, skipped: dict[str, str], names: Collection[str]) -> str:
    """The error message for too few usable photographs: which cannot be read, and in which no face was found."""
    total, broken = len(skipped) + usable, {name: skipped[name] for name in names}
    faceless = {name: reason for name, reason in skipped.items() if name not in broken}
    which = f" ({listed(faceless, 3)})" if broken or usable else ""
    text = f"no face was found in any of the {total:,} photographs of {source.name!r}{which}. "
    if broken or usable:
        text = f"{source.name!r} has too few usable images: {usable}, expected 2 or more. "
        text += (
            f"No face was found in {len(faceless):,} of {total:,} photographs{which}. " if faceless else ""
        )
    if broken:
        text += f"{len(broken):,} cannot be read ({listed(broken, 3)}). "
    return text + (
        "If they are already cropped to faces, load them with align='center'; otherwise, use photographs of faces "
        "that look at the camera."
    )


def _decode(source: _Photographs, path: Path, size: int, notes: dict) -> Iterator[np.ndarray]:
    """Yield chunks of faces; then fill `notes` with labels, classes, and skipped files."""
    skipped: dict[str, str] = {}
    broken: dict[str, str] = {}
    with Photos(path, first=source.first) as photos:
        yield from decode_all(photos, size, source.crop, skipped, broken)
        kept = [label for name, label in photos.classes().items() if name not in skipped]
        runs = [(label, len(list(group))) for label, group in groupby(kept)]  # names are sorted: few runs
        notes |= {"skipped": skipped, "classes": runs, "fingerprint": photos.fingerprint()}
        notes |= {"unread": dict(photos.unread), "heic": photos.heic}
        notes |= {"broken": list(broken)}


def _labels(runs: list) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels (N,) and class names from run lengths: pairs of a label and its number of repetitions."""
    if not runs:
        return None, ()
    classes = sorted({label for label, _ in runs})
    indices, counts = zip(*((classes.index(label), count) for label, count in runs), strict=True)
    return np.repeat(np.array(indices, np.int64), counts), tuple(classes)


# ---- other sources -------------------------------------------------------------------------------


def _load_synthetic(size: int, crop: str | None, align: str) -> FaceDataset:
    _check_framing("'synthetic'", crop, ("drawn",), align)
    count = data.SYNTHETIC_COUNT
    attributes = synthetic.draw_attributes(count, seed=0)
    fingerprint = _digest("drawn", synthetic.DRAWING_VERSION, count, length=16)
    name = f"synthetic-{count}-{size}px-drawn-{fingerprint[:12]}.npy"
    images, _ = cache.find(name) or cache.build(name, partial(_draw, attributes, count, size))
    return FaceDataset(images, "synthetic", crop="drawn", attributes=attributes, fingerprint=fingerprint)


def _draw(attributes: dict[str, np.ndarray], count: int, size: int, notes: dict) -> Iterator[np.ndarray]:
    from tqdm.auto import tqdm

    with tqdm(total=count, desc="drawing faces", unit="img", delay=1) as bar:
        for start in range(0, count, _CHUNK):
            part = {name: column[start : start + _CHUNK] for name, column in attributes.items()}
            faces = synthetic.render_faces(part, size)
            bar.update(len(faces))
            yield faces


def _load_npy(path: Path, size: int, crop: str | None, align: str) -> FaceDataset:
    _check_framing("a .npy file", crop, (), align)
    name = f"{cache.label_of(path)}-{size}px-center-{change_key(path)}.npy"
    images, _ = cache.find(name) or cache.build(name, lambda notes: _read_npy(path, size))
    return FaceDataset(images, printable(path.name))


def _read_npy(path: Path, size: int) -> Iterator[np.ndarray]:
    file = NpyFile(path)
    chunks = file.chunks() if file.dtype == np.uint8 else [convert_chunks(len(file), file.chunks())]
    for chunk in chunks:
        yield from resized(chunk, size)


def _load_memory(source: Any, size: int, crop: str | None, align: str) -> FaceDataset:
    _check_framing("images in memory", crop, (), align)
    found = read_images(source)
    if found.images.shape[2:] != (size, size):
        found = found._replace(images=np.concatenate([*resized(found.images, size)]))
    return FaceDataset(**found._asdict())


def _digest(*parts: object, length: int = 12) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:length]
