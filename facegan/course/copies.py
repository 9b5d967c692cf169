"""Finds and copies the course's notebooks.

In a wheel, they are in `facegan/notebooks`. In a checkout, they are in `notebooks`, next to the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from facegan.errors import ConfigError, DataError
from facegan.files import write_atomic

_PACKAGE = Path(__file__).parents[1]


class Copied(NamedTuple):
    """The result of `copy_notebooks`, as lists of paths in the folder."""

    new: list[Path]  # copied now
    same: list[Path]  # already existed and are equal to the course's
    kept: list[Path]  # already existed with other contents and were not changed


def notebooks() -> list[Path]:
    """Return the paths of the course's notebooks, in order.

    Raises:
        DataError: this installation has no notebooks.
    """
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if found := sorted(folder.glob("0*.ipynb")):
            return found
    raise DataError(
        f"this installation of facegan, in {_PACKAGE}, has no notebooks. Install it again: "
        "pip install --force-reinstall --no-deps facegan."
    )


def copy_notebooks(folder: Path, *, for_class: bool = False) -> Copied:
    """Copy the course's notebooks into a folder; existing files are never overwritten.

    Args:
        folder: target folder; it is created if it does not exist.
        for_class: whether to remove outputs, which show what students are asked to predict, and to disable
            `fg.reveal`.

    Returns:
        The paths of the copies: new, unchanged, and kept.

    Raises:
        ConfigError: `folder` is a file.
        DataError: this installation has no notebooks.
        OSError: a copy cannot be written.
    """
    folder = folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file, expected a folder for the notebooks. Use another path.")
    found, done = notebooks(), Copied([], [], [])
    folder.mkdir(parents=True, exist_ok=True)
    for notebook in found:
        copy, contents = folder / notebook.name, notebook.read_bytes()
        contents = _handout(contents) if for_class else contents
        if not copy.exists() and not copy.is_symlink():
            done.new.append(write_atomic(copy, contents))
        elif copy.is_file() and copy.read_bytes() == contents:
            done.same.append(copy)
        else:
            done.kept.append(copy)
    return done


def _handout(raw: bytes) -> bytes:
    """A notebook for a class, without outputs and solutions."""
    notebook = json.loads(raw)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
            cell["source"] = [
                line.replace("notebook.start(", "notebook.start(reveal=False, ") for line in cell["source"]
            ]
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()
