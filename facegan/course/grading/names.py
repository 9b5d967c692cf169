"""Determines the student of a file from the names of files and folders."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_CANVAS = re.compile(
    r"^(?P<who>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_(?P<number>\d+|question_\d+_\d+)_(?P<file>.+)$"
)
_MOODLE = re.compile(r"^(?P<who>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)$")
_GRADESCOPE = re.compile(r"^submission_(?P<id>\d+)$")
_AGAIN = re.compile(r"(?:\s*\(\d+\)|[ _-]copy(?:[ _]\d+)?)$", re.IGNORECASE)  # ada (2), ada copy
_NUMBER = re.compile(r"-\d+$")  # 01_data-1, from Canvas; but ada-2 may be another student
_COPY_OF = re.compile(
    r"(?:^|(?<=[ _-]))(?:copy of|kopie von|copie de|copia de) ", re.IGNORECASE
)  # copies made by Colab
_NOTEBOOK = re.compile(r"\.ipynb(?:\.(?:txt|json))?$", re.IGNORECASE)  # browsers add .txt and .json
_LONGEST = 100


def is_notebook(name: str) -> bool:
    """Whether a file of that name is a notebook; files that macOS adds to zips, such as ._01_data.ipynb, are not."""
    return bool(_NOTEBOOK.search(name)) and not name.startswith("._")


def clean(name: str) -> str:
    """Return a student's name on one line, in NFC, printable, and short enough for a file name."""
    composed = unicodedata.normalize("NFC", " ".join(name.split()))
    return "".join(c for c in composed if c.isprintable())[:_LONGEST].strip()


def without_number(stem: str) -> str:
    """Return a name without the suffix that browsers add to copies: ada for 'ada (2)'."""
    return _AGAIN.sub("", stem)


def version(path: str) -> int:
    """Return the number of a copy: 2 for '01_data (2).ipynb', 0 if there is none."""
    stem = PurePosixPath(path).stem
    found = re.search(r"(\d+)\)?$", stem)
    return int(found[1]) if found and (_AGAIN.search(stem) or _NUMBER.search(stem)) else 0


def student_of(name: str, folders: tuple[str, ...], folder: Path) -> list[str]:
    """Return the student of a file, then the platform's id of the student and 'LATE', if the file's name has them.

    Args:
        name: name of the file.
        folders: the folders between `folder` and the file, from the outside in.
        folder: folder of all submissions.
    """
    if known := platform(name, folders):
        return known
    if folders:
        return [without_number(folders[0].removesuffix(".zip").removeprefix("submission-"))]
    plain = (
        _NOTEBOOK.sub("", name) if is_notebook(name) else PurePosixPath(name).stem.removeprefix("submission-")
    )
    stem = without_number(_COPY_OF.sub("", plain))
    for course in _course_names():
        plain = _NUMBER.sub("", stem)
        if plain == course:
            return [folder.resolve().name]
        for rest in (plain.removesuffix(course), stem.removeprefix(course)):
            if rest not in {plain, stem} and (who := rest.strip(" _-.")):
                return [who]
    return [stem]


def platform(name: str, folders: tuple[str, ...]) -> list[str]:
    """Return the student and the ids if a learning platform named the file or a folder; otherwise an empty list."""
    for part in (*folders, name):
        if found := _MOODLE.match(part) or _CANVAS.match(part):
            late = ["LATE"] if found.groupdict().get("late") else []
            return [found["who"], found["id"], *late]
        if found := _GRADESCOPE.match(part):
            return [part, found["id"]]
    return []


def gradescope_students(text: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the ids in Gradescope's submission_metadata.yml, with the name, sid, and email of each submitter."""
    for part in re.split(r"(?m)^(?=:?submission_\d+:)", text):
        if found := re.match(r":?submission_(\d+):", part):
            listed = re.split(r"(?m)^  :(?!submitters)", part)[0]
            people = re.split(r"(?m)^ *- ", listed)[1:]
            fields = (re.findall(r":(name|sid|email): *['\"]?(.*?)['\"]? *$", each, re.M) for each in people)
            yield found[1], [dict(each) for each in fields]


def _course_names() -> list[str]:
    from facegan.course.copies import notebooks

    return [path.stem for path in notebooks()]
