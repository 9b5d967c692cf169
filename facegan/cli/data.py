"""The commands `facegan data list`, `get`, `check`, and `preview`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from facegan.cli.options import Align, Crop, Size
from facegan.errors import DataError, printable

app = typer.Typer(help="Download, check, and preview faces to train on.", no_args_is_help=True)


@app.command("list")
def list_data() -> None:
    """List the named data sets."""
    from facegan.data import SYNTHETIC_COUNT
    from facegan.data.registry import SOURCES, local_file

    print(f"{'synthetic':<12} {SYNTHETIC_COUNT:>7,} faces  drawn here, no download, no terms")
    for name, source in SOURCES.items():
        path = local_file(name)
        to_fetch = f"{source.size / 1e6:,.0f} MB to download: facegan data get {name}"
        where = printable(f"in {path}") if path.exists() else to_fetch
        print(f"{name:<12} {source.count:>7,} faces  {where}\n{'':<28}{source.title}\n{'':<28}{source.terms}")


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="'celeba', 'celeba-full', or 'synthetic'")],
    size: Size = 64,
    crop: Crop = None,
    drive_id: Annotated[str | None, typer.Option(help="the id of your class's copy on Google Drive")] = None,
) -> None:
    """Download, verify, and decode a data set; run again to resume after an interruption."""
    from facegan.data.load import load_faces
    from facegan.data.registry import SOURCES, fetch

    if name not in (*SOURCES, "synthetic"):
        raise DataError(
            f"{name!r} is not a named data set; choose one of {', '.join(SOURCES)}, synthetic. Your own folders "
            f"and files need no download: facegan train --data {name}"
        )
    if drive_id:
        os.environ["FACEGAN_DRIVE_ID"] = drive_id
    try:
        faces = load_faces(name, size, crop=crop)
        if name != "synthetic":
            print(fetch(name if faces.name == name else SOURCES[name].cut_from))
    except KeyboardInterrupt:
        print("facegan: interrupted; run the same command to resume.", file=sys.stderr)
        raise typer.Exit(130) from None
    options = f" --crop {crop}" * bool(crop) + f" --image-size {size}" * (size != 64)
    print(f"{faces}, ready: facegan train --data {name}{options}")


@app.command()
def check(source: Annotated[str, typer.Argument(help="a data set's name, a folder, or a .zip")]) -> None:
    """Verify a data set: its hash, images, and cache. The exit code is 1 if something is wrong."""
    from facegan.data.archives import Photos
    from facegan.data.cache import caches_of
    from facegan.data.decode import MAX_BAD_SHARE, survey
    from facegan.data.formats import advice_on
    from facegan.data.registry import SOURCES, local_file, verify
    from facegan.files import is_verified

    if not source:  # an empty path would be the current folder
        raise DataError("the folder to check is an empty string. Pass a folder, a .zip, or a data set.")
    if source == "synthetic":
        raise DataError(
            "'synthetic' is drawn by facegan and has no files to check. Pass a folder, a .zip, or a data set."
        )
    path = local_file(source) if source in SOURCES else Path(source)
    if not path.is_dir() and (path.suffix.lower() != ".zip" or not path.is_file()):
        advice = (
            f"Download it first: facegan data get {source}"
            if source in SOURCES
            else "Enter one of these, or the name of a data set"
        )
        raise DataError(f"{path} is not a folder or a .zip file. {advice}.")
    with Photos(path) as photos:
        found = survey(photos, title=printable(f"checking {path.name}"))
    _print_survey(path, found)
    if photos.unread:
        print(f"not read: {advice_on(photos.unread)}")
    if source in SOURCES:
        verify(path, SOURCES[source])
        print("data set verified")
    caches = {p: is_verified(p, thorough=True) for p in caches_of(source)}
    for cache, whole in caches.items():
        print(
            f"cache {printable(str(cache))}: {'verified' if whole else 'damaged; the next load rebuilds it'}"
        )
    if not all(caches.values()) or len(found.skipped) > MAX_BAD_SHARE * (found.count + len(found.skipped)):
        raise typer.Exit(1)


@app.command()
def preview(
    source: Annotated[str, typer.Argument(help="a data set's name, a folder, a .zip, or a .npy")],
    out: Annotated[Path, typer.Option(help="the contact sheet to write, a .png")] = Path("preview.png"),
    n: Annotated[int, typer.Option(min=1, help="number of faces, evenly spaced in the data set")] = 64,
    size: Size = 64,
    align: Align = "center",
    crop: Crop = None,
) -> None:
    """Create a contact sheet of the training images, and list skipped images with reasons."""
    import numpy as np

    from facegan.data.load import load_faces
    from facegan.images import save_images

    faces = load_faces(source, size, align=align, crop=crop)
    shown = np.linspace(0, len(faces) - 1, min(n, len(faces))).astype(int)
    save_images(faces[shown], out)
    print(f"{printable(str(out))}: {len(shown)} of {len(faces):,} faces of {size} px")
    _print_skipped(faces.skipped)


def _print_survey(path: Path, found) -> None:
    print(f"{printable(path.name)}: {found.count:,} readable images")
    for (width, height), count in found.sizes.most_common(5):
        print(f"  {count:,} of {width} x {height}")
    if len(found.sizes) > 5:
        print(f"  ... and {len(found.sizes) - 5:,} other sizes")
    _print_skipped(found.skipped)


def _print_skipped(skipped: Sequence[str]) -> None:
    if skipped:
        print(f"skipped {len(skipped):,}:", *skipped[:20], sep="\n  ")
        print("  ...\n" * (len(skipped) > 20), end="")
