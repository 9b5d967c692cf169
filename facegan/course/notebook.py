"""Functions for notebooks: setup, faces, answers, and a training plan for the device."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facegan import data as _data
from facegan.course import exercise, facts, individual, kept
from facegan.course.answers import answer as answer
from facegan.course.answers import authors as authors
from facegan.course.answers import run_folder as run_folder
from facegan.course.attributes import smiles as smiles
from facegan.course.clinic import charts as charts
from facegan.course.clinic import patient as patient
from facegan.course.individual import attribute as attribute
from facegan.course.plan import plan as plan
from facegan.course.player import player as player
from facegan.course.submission import submit as submit
from facegan.errors import DataError, DownloadError, first_line
from facegan.runtime.device import pick_device
from facegan.runtime.openmp import STATE, is_unlimited
from facegan.version import __version__

if TYPE_CHECKING:
    from facegan.data.dataset import FaceDataset

_NO_ANSWER = re.compile(
    r"(?i)cannot connect|no connection|no answer|max retries|connection ?error|resolv|^needs |was silent"
)
_DAMAGED = re.compile(r"^its digest is ")
_DETAIL = re.compile(r" titled '.*'(?= instead)| \([^()]*\)$|; .*")  # left to the error of fg.load_faces
_MOST = 120  # characters of a reason
_failed: dict[str, tuple[int, tuple, str]] = {}  # by data set: size, circumstances, printed text


def start(*, keep_on_drive: bool = False, student: str = "", reveal: bool = True) -> Path:
    """Print the device and advice about it; return the folder for runs.

    Correct answers are kept in `answers` in this folder. The function can be called again.

    Args:
        keep_on_drive: mount Google Drive in Colab and return a folder there, so that runs and answers survive the
            session; elsewhere, and by default, the folder is `runs`.
        student: an id for `fg.student`; if empty, the id that an earlier notebook kept in the folder is used, if any.
        reveal: whether `fg.reveal` shows solutions; disabled in notebooks for a class (`facegan course --for-class`).

    Raises:
        ConfigError: the id is not valid.
    """
    exercise.reveals = reveal
    device = pick_device()
    print(f"facegan {__version__} is ready, on {_named(device)}.")
    if device.type == "cpu":
        print(_without_gpu())
        if is_unlimited(STATE):
            print(
                "torch was imported before facegan, so training may be slow while other programs run. Restart the "
                "kernel and run this cell first."
            )
    runs = _drive_folder() if keep_on_drive and in_colab() else Path("runs")
    kept.folder = Path(runs).absolute() / "answers"
    if student:
        individual.student(student)
    elif individual.current():
        print(individual.said())
    return runs


def load_faces(data: Any = "celeba", size: int = 64) -> FaceDataset:
    """Load a notebook's faces: `facegan.load_faces(data, size)`, or drawn faces if these cannot be downloaded.

    With a student's id (`fg.student`), the part of the drawn faces that is used depends on the id.

    If the download fails, two lines say what failed and how to get the photographs. The same call retries the download.
    For other sizes, it is retried only after an archive or another address becomes available.

    Args:
        data: as for `facegan.load_faces`. The environment variable `FACEGAN_DATA`, if set, replaces the value "celeba";
            other values are not replaced.
        size: side length in pixels.

    Returns:
        The faces; their `name` is 'synthetic' if they are drawn.

    Raises:
        DataError: `data` or `FACEGAN_DATA` is not a data set, folder, or file.
    """
    named = os.environ.get("FACEGAN_DATA") if isinstance(data, str) and data == "celeba" else None
    if named is None or not named.strip():
        return _noted(_load_or_draw(data, size))
    try:
        return _noted(_load_or_draw(named.strip(), size))
    except DataError as error:
        raise DataError(f"FACEGAN_DATA is {named!r}: {error}") from None


def _noted(faces: FaceDataset) -> FaceDataset:
    """Return the student's part of the faces, and record it for the facts of written questions."""
    facts.faces = individual.own_faces(faces)
    return facts.faces


def _load_or_draw(source: Any, size: int) -> FaceDataset:
    from facegan.data.load import load_faces as load

    known = _failed.get(str(source)) if isinstance(source, str) else None
    if known and known[0] != size and known[1] == _circumstances(source):
        print(known[2].splitlines()[0])
        return load("synthetic", size)
    said = _Held(sys.stdout)
    try:
        with contextlib.redirect_stdout(said):
            faces = load(source, size)
    except DownloadError as error:
        lines = _instead(source, error)
        _failed[source] = size, _circumstances(source), lines
        print(lines)
        return load("synthetic", size)
    said.flush()
    return faces


class _Held(io.StringIO):
    """Buffers output until it is flushed, which happens when a download begins; otherwise, nothing is shown."""

    def __init__(self, shown: Any) -> None:
        super().__init__()
        self._shown = shown

    def flush(self) -> None:
        self._shown.write(self.getvalue())
        self._shown.flush()
        self.seek(0)
        self.truncate()


def _circumstances(name: str) -> tuple:
    """The conditions under which another attempt may succeed."""
    from facegan.data.registry import SOURCES, local_file

    files = [local_file(each).exists() for each in (name, SOURCES[name].cut_from) if each]
    return (
        os.environ.get("FACEGAN_MIRROR"),
        os.environ.get("FACEGAN_DRIVE_ID"),
        str(_data.DATA_FOLDER),
        *files,
    )


def _instead(name: str, error: DownloadError) -> str:
    """Two lines: the failure and the replacement; how to get the data set."""
    from facegan.data.registry import Unavailable

    why, way = _shortened(first_line(error).rstrip(".")), "Fix that"
    if isinstance(error, Unavailable):
        reasons = list(error.reasons.values())
        offline = all(map(_NO_ANSWER.search, reasons))
        why = "no address could be reached" if offline else _first_of(reasons)
        way = f'Get the file (fg.load_faces("{name}") names every address and answer) or set FACEGAN_MIRROR'
        if offline and in_kaggle():
            way = "For photographs, turn on Settings > Internet"
    return (
        f"{name} could not be fetched: {why}. Using {_data.SYNTHETIC_COUNT:,} drawn faces.\n"
        f"{way}; then run this cell again."
    )


def _first_of(reasons: list[str]) -> str:
    """A short version of the first address's reason."""
    first = reasons[0]
    why = "the downloaded file is not the published one" if _DAMAGED.search(first) else _DETAIL.sub("", first)
    several = f" (first of {len(reasons)} addresses)" if len(reasons) > 1 else ""
    return f"{_shortened(why)}{several}"


def _shortened(text: str) -> str:
    return textwrap.shorten(text, _MOST, placeholder=" ...")


def in_kaggle() -> bool:
    """Whether this is a notebook on Kaggle."""
    return "KAGGLE_KERNEL_RUN_TYPE" in os.environ


def in_colab() -> bool:
    """Whether this is Google Colab."""
    return "COLAB_RELEASE_TAG" in os.environ or Path("/content/sample_data").is_dir()


def _named(device) -> str:
    if device.type == "cuda":
        import torch

        return f"a GPU ({torch.cuda.get_device_name(device)})"
    return {"mps": "Apple's GPU (MPS)"}.get(device.type, "the CPU")


def _without_gpu() -> str:
    if in_colab():
        return (
            "There is no GPU in this session. To get one, select Runtime > Change runtime type > T4 GPU, if one is "
            "available. Everything here also works without a GPU: training then takes minutes, with smaller "
            "networks."
        )
    return "Everything here works without a GPU: training then takes minutes, with smaller networks."


def _drive_folder() -> Path:
    from google.colab import drive

    drive.mount("/content/drive")
    return Path("/content/drive/MyDrive/facegan/runs")
