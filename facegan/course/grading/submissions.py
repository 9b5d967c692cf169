"""From the files in a folder to one submission per student.

Takes notebooks, zips made by `facegan submit`, zips and folders as learning platforms export them, in any mixture:

    ada/01_data.ipynb, ada.ipynb, ada_01_data.ipynb          the folder's or the file's name
    submission-ada.zip                                       the id inside it
    doejane_LATE_123_456_01_data-1.ipynb                     Canvas: name, user id, submission id
    Jane Doe_123456_assignsubmission_file/01_data.ipynb      Moodle: full name, participant id
    submission_12345678/01_data.ipynb                        Gradescope, with submission_metadata.yml
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any

from facegan.course.catalog import exercises
from facegan.course.grading.cells import code_cells, pieces, written
from facegan.errors import DataError

_MOST = 100_000_000  # bytes of one file
_IGNORED = {".ipynb_checkpoints", "__MACOSX", ".git"}
_CANVAS = re.compile(r"^(?P<who>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_(?P<number>\d+)_(?P<file>.+)$")
_MOODLE = re.compile(r"^(?P<who>[^_]+)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)$")
_GRADESCOPE = re.compile(r"^submission_(?P<id>\d+)$")
_AGAIN = re.compile(r"(?:-\d+|\s*\(\d+\)|[ _-]copy(?:[ _]\d+)?)$", re.IGNORECASE)  # 01_data-1, 01_data (2)


@dataclass
class Notebook:
    """A handed-in notebook: where it was, when it was saved, its code cells, its bytes."""

    path: str
    saved: datetime
    cells: list[str]
    raw: bytes = field(repr=False, default=b"")

    @property
    def numbers(self) -> set[int]:
        """The course's notebooks whose exercises it has."""
        return {exercises()[name].notebook for piece in pieces(self.cells) for name in piece.names}


@dataclass
class Submission:
    """What one student handed in."""

    student: str
    ids: set[str] = field(default_factory=set)  # other names by which a roster may know the student
    notebooks: list[Notebook] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)  # of a zip made by `facegan submit`
    run: dict[str, Any] = field(default_factory=dict)  # evidence of training, of such a zip
    written: str = ""  # the written answers as a page
    saved: datetime | None = None  # the newest file
    late: bool = False
    replaced: list[str] = field(default_factory=list)  # files of which a newer version was handed in
    trouble: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Of all that is graded, and of what went wrong before."""
        parts = [each for notebook in self.notebooks for each in (notebook.path.encode(), notebook.raw)]
        parts.append(json.dumps([self.record, self.trouble], sort_keys=True).encode())
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


@dataclass
class _File:
    path: str  # in the folder, through zips
    name: str  # of the file itself
    folders: tuple[str, ...]
    raw: bytes
    saved: datetime


def collect(folder: Path) -> list[Submission]:
    """One submission per student, sorted by name.

    Raises:
        DataError: the folder does not exist, or has neither notebooks nor zips.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder. Give the folder that the submissions are in.")
    found: dict[str, Submission] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not _IGNORED.intersection(p.parts)):
        for file in _files(path, folder, found):
            _add(file, found, folder)
    if not found:
        raise DataError(
            f"no notebook (.ipynb) in {folder}, and no zip with one; give the folder that the submissions are in."
        )
    submissions = _merged(found.values())
    for submission in submissions:
        _keep_newest(submission)
    return sorted(submissions, key=lambda each: each.student.casefold())


def _merged(submissions: Iterable[Submission]) -> list[Submission]:
    """Those of one platform id as one submission; different students of one name get their id added."""
    merged: list[Submission] = []
    for each in submissions:
        same = next((other for other in merged if each.ids & other.ids), None)
        if same is None:
            merged.append(each)
            continue
        for name in ("notebooks", "replaced", "trouble"):
            getattr(same, name).extend(getattr(each, name))
        same.ids |= each.ids | {each.student}
        same.late |= each.late
        same.record, same.run, same.written = (
            same.record or each.record, same.run or each.run, same.written or each.written
        )  # fmt: skip
    names = Counter(each.student for each in merged)
    for each in merged:
        if names[each.student] > 1 and each.ids:
            each.student = f"{each.student} ({min(each.ids)})"
    return merged


def _files(path: Path, folder: Path, found: dict[str, Submission]) -> Iterator[_File]:
    """The notebooks in a file of the folder, and those in a zip."""
    relative = path.relative_to(folder)
    saved = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    if path.suffix.lower() == ".ipynb":
        yield _File(relative.as_posix(), path.name, relative.parts[:-1], path.read_bytes(), saved)
    elif path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                yield from _of_zip(archive, path, relative, saved, found)
        except (zipfile.BadZipFile, OSError, RuntimeError, EOFError) as error:
            who = _student_of(path.name, relative.parts[:-1], folder)
            _of(found, *who).trouble.append(f"{relative.as_posix()} cannot be read: {error}")


def _of_zip(
    archive: zipfile.ZipFile, path: Path, relative: Path, saved: datetime, found: dict
) -> Iterator[_File]:
    """Notebooks of a zip, which may be one made by `facegan submit` or hold such zips."""
    members = [i for i in archive.infolist() if not i.is_dir() and i.file_size <= _MOST]
    made = next((i for i in members if PurePosixPath(i.filename).name == "submission.json"), None)
    inside: tuple[str, ...] = (*relative.parts[:-1], relative.name)
    if made is not None:
        inside = (_read_submission(archive, made, relative, found),)
    for member in members:
        name = PurePosixPath(member.filename)
        if _IGNORED.intersection(name.parts):
            continue
        at = f"{relative.as_posix()}/{member.filename}"
        if name.suffix.lower() == ".ipynb":
            folders = inside if made is not None else (*inside, *name.parts[:-1])
            yield _File(at, name.name, folders, archive.read(member), saved)
        elif name.suffix.lower() == ".zip":
            with zipfile.ZipFile(io.BytesIO(archive.read(member))) as nested:
                yield from _of_zip(nested, path / name, relative / Path(*name.parts), saved, found)


def _read_submission(archive: zipfile.ZipFile, made: zipfile.ZipInfo, relative: Path, found: dict) -> str:
    """The student of a zip made by `facegan submit`, whose record and run are noted."""
    try:
        notes = json.loads(archive.read(made))
        student = str(notes["student"]).strip()
        record, run = dict(notes.get("record") or {}), dict(notes.get("run") or {})
    except (ValueError, KeyError, TypeError):
        student = _AGAIN.sub("", relative.stem).removeprefix("submission-")
        _of(found, student).trouble.append(f"{relative.as_posix()}: its submission.json is damaged")
        return student
    submission = _of(found, student)
    if who := _platform(relative.name, relative.parts[:-1]):
        submission.ids |= {*who[1:2], who[0]}
        submission.late |= "LATE" in who
    for section, entries in record.items():
        if isinstance(entries, dict):
            submission.record.setdefault(section, {}).update(entries)
    folder = PurePosixPath(made.filename).parent
    if run:
        submission.run = run
    for name in archive.namelist():
        if PurePosixPath(name) == folder / "answers.html":
            submission.written = archive.read(name).decode("utf-8", "replace")
        elif PurePosixPath(name) == folder / "run" / "grid.png":
            submission.run["grid"] = archive.read(name)
    return student


def _add(file: _File, found: dict[str, Submission], folder: Path) -> None:
    submission = _of(found, *_student_of(file.name, file.folders, folder))
    try:
        notebook = Notebook(file.path, file.saved, code_cells(file.raw), file.raw)
    except (ValueError, UnicodeDecodeError) as error:
        submission.trouble.append(f"{file.path}: {error}")
        return
    submission.notebooks.append(notebook)


def _of(found: dict[str, Submission], student: str, platform_id: str = "", late: str = "") -> Submission:
    submission = found.setdefault(f"{student.casefold()} {platform_id}", Submission(student))
    submission.ids |= {platform_id} - {""}
    submission.late |= bool(late)
    return submission


def _student_of(name: str, folders: tuple[str, ...], folder: Path) -> list[str]:
    """Who handed a file in, and other ids of that student."""
    if known := _platform(name, folders):
        return known
    if folders:
        return [
            _AGAIN.sub("", PurePosixPath(folders[0]).name.removesuffix(".zip").removeprefix("submission-"))
        ]
    stem = _AGAIN.sub("", PurePosixPath(name).stem)
    for course in _course_names():
        if stem == course:
            return [folder.resolve().name]
        if stem.endswith(course) and stem[: -len(course)].rstrip(" _-."):
            return [stem[: -len(course)].rstrip(" _-.")]
        if stem.startswith(course) and stem[len(course) :].lstrip(" _-."):
            return [stem[len(course) :].lstrip(" _-.")]
    return [stem]


def _platform(name: str, folders: tuple[str, ...]) -> list[str]:
    """The student and their ids where a learning platform named the file or a folder; else empty."""
    for part in (*folders, name):
        if found := _CANVAS.match(part) or _MOODLE.match(part):
            late = ["LATE"] if found.groupdict().get("late") else []
            return [found["who"], found["id"], *late]
        if found := _GRADESCOPE.match(part):
            return [part, found["id"]]
    return []


def _course_names() -> list[str]:
    from facegan.course.copies import notebooks

    return [path.stem for path in notebooks()]


def _keep_newest(submission: Submission) -> None:
    """Of several versions of a notebook keep the newest, and list the others."""
    kept: dict[Any, Notebook] = {}
    for notebook in sorted(submission.notebooks, key=lambda n: (n.saved, _version(n.path))):
        key = frozenset(notebook.numbers) or notebook.path
        if key in kept and kept[key].raw != notebook.raw:
            submission.replaced.append(kept[key].path)
        kept[key] = notebook
    submission.notebooks = sorted(kept.values(), key=lambda n: (sorted(n.numbers) or [99], n.path))
    texts = {name: text for n in submission.notebooks for name, text in written(n.cells).items()}
    if texts:
        submission.record["written"] = texts | submission.record.get("written", {})
    submission.saved = max((n.saved for n in submission.notebooks), default=None)


def _version(path: str) -> int:
    found = re.search(r"(\d+)\)?$", PurePosixPath(path).stem)
    return int(found[1]) if found and _AGAIN.search(PurePosixPath(path).stem) else 0
