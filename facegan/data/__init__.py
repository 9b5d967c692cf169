"""Loads, caches, and batches faces from named data sets, photographs, and arrays."""

from importlib import import_module
from pathlib import Path

DATA_FOLDER: Path  # folder for archives and caches; by default, `_default_folder()`
SYNTHETIC_COUNT = 10_000  # faces in load_faces("synthetic")

_NAMES = {
    "Batches": "dataset",
    "Cut": "mirrors",
    "Drive": "transfer",
    "FaceDataset": "dataset",
    "Https": "https",
    "Kaggle": "transfer",
    "PointDataset": "points",
    "Source": "registry",
    "as_dataset": "dataset",
    "load_faces": "load",
    "register_dataset": "registry",
    "synthetic_faces": "synthetic",
}  # public names and their modules, which are imported on first use


def __getattr__(name: str):
    if name == "DATA_FOLDER":
        return _default_folder()
    if name in _NAMES:
        return getattr(import_module(f"facegan.data.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'facegan.data' has no attribute {name!r}")


def _default_folder() -> Path:
    """`data` in the working directory; if that is the folder `notebooks` of a checkout, `data` in the checkout."""
    here = Path.cwd()
    is_checkout = (here.parent / "facegan/__init__.py").exists() and (here.parent / "data/README.md").exists()
    return Path("../data") if here.name == "notebooks" and is_checkout else Path("data")


def __dir__() -> list[str]:
    return ["DATA_FOLDER", "SYNTHETIC_COUNT", *_NAMES]
