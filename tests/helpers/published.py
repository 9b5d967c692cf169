"""Zips of small faces, and a data set of that kind under the name 'celeba'."""

import hashlib
import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from facegan.data import registry
from facegan.data.registry import Source
from helpers import jpeg


def picture(color=(200, 100, 50), size=(16, 16), mode="RGB", kind="PNG", **options):
    """The bytes of an image file of one color."""
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, kind, **options)
    return out.getvalue()


def many(n=4):
    """Names and bytes of `n` small images."""
    return [(f"faces/{i:03d}.png", picture((i, 0, 0))) for i in range(n)]


def pack(path, members, **options):
    """A zip of (name, bytes)."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", **options) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of the duplicate names that one test wants
        for name, data in members:
            archive.writestr(name, data)
    return path


def archive(path, n=12, first=0, side=16):
    """The bytes of a zip laid out like the published subset, of `n` noisy JPEGs, about 100 kB."""
    rng = np.random.default_rng(first)
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("processed_celeba_small/.DS_Store", b"x")
        out.writestr("__MACOSX/processed_celeba_small/._celeba", b"x")
        out.writestr("processed_celeba_small/celeba/New Folder With Items/", b"")
        for index in range(first, first + n):
            out.writestr(f"processed_celeba_small/celeba/{index:06d}.jpg", jpeg(rng, side))
        out.writestr("processed_celeba_small/padding.bin", rng.bytes(100_000))
    return path.read_bytes()


def installed():
    """Whether the archive of 'celeba' has its name."""
    return Path("data/faces.zip").exists()


def temporaries():
    """Temporary files and folders of its downloads."""
    return sorted(Path("data").glob(".faces.zip-*.part"))


def publish(monkeypatch, body, mirrors, **options):
    """Make `body`, twelve faces of 16 x 16, the data set 'celeba'."""
    published = Source(**{
        "name": "celeba", "file": "faces.zip", "title": "twelve faces", "count": 12, "pixels": (16, 16),
        "size": len(body), "hashes": (f"sha256:{hashlib.sha256(body).hexdigest()}",),
        "mirrors": tuple(mirrors), "crop": "celeba-108", "terms": "none", **options,
    })  # fmt: skip
    monkeypatch.setitem(registry.SOURCES, "celeba", published)
    return published
