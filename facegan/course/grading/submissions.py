"""Collects the files in a folder into one submission per student.

Supports notebooks, zips from `facegan submit`, and zips and folders exported from learning platforms, in any mix:

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
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any

from facegan.course.catalog import exercises
from facegan.course.grading import names
from facegan.course.grading.cells import code_cells, pieces, written
from facegan.errors import DataError

_MOST = 100_000_000  # bytes of one file
_DENSEST = 200  # maximum ratio of unpacked to packed size; zip bombs have about 1000
_DEEPEST = 5  # depth of nested zips
_IGNORED = {".ipynb_checkpoints", "__MACOSX", ".git"}
_ARCHIVES = {".rar", ".7z", ".tar", ".gz", ".tgz"}
_DOCUMENTS = {".py", ".pdf", ".doc", ".docx", ".odt", ".rtf", ".pages"}  # in a student's folder


@dataclass
class Notebook:
    """A submitted notebook: its path, time of saving, code cells, and bytes."""

    path: str
    saved: datetime
    cells: list[str]
    raw: bytes = field(repr=False, default=b"")

    @property
    def numbers(self) -> set[int]:
        """The numbers of the course's notebooks whose exercises it contains."""
        return {exercises()[name].notebook for piece in pieces(self.cells) for name in piece.names}


@dataclass
class Submission:
    """The submission of one student."""

    student: str
    ids: set[str] = field(default_factory=set)  # other names of the student in a roster
    notebooks: list[Notebook] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)  # from a zip of `facegan submit`
    run: dict[str, Any] = field(default_factory=dict)  # evidence of training, from such a zip
    written: str = ""  # the written answers as a page
    saved: datetime | None = None  # time of the newest file
    made: datetime | None = None  # when `facegan submit` made the last zip, by the student's clock
    late: bool = False
    replaced: list[str] = field(default_factory=list)  # files with a newer version
    trouble: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # files that are not notebooks
    partners: list[set[str]] = field(default_factory=list)  # ids of others with the same submission

    @property
    def digest(self) -> str:
        """The SHA-256 of the notebooks, the record, and the trouble; equal digests mean equal grades."""
        parts = [each for notebook in self.notebooks for each in (notebook.path.encode(), notebook.raw)]
        parts.append(json.dumps([self.record, self.trouble], sort_keys=True).encode())
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


@dataclass
class _File:
    path: str  # relative to the folder, including zips
    name: str  # name of the file itself
    folders: tuple[str, ...]
    raw: bytes
    saved: datetime
    owner: Submission | None = None  # the student named in a zip made by `facegan submit`


def collect(folder: Path) -> list[Submission]:
    """Return one submission per student, sorted by name.

    Args:
        folder: folder of all submissions.

    Raises:
        DataError: the folder does not exist, or has neither notebooks nor zips.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Pass the folder that contains the submissions.")
    found: dict[str, Submission] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() or p.is_symlink()):
        if not _IGNORED.intersection(path.parts):
            for file in _files(path, folder, found):
                _add(file, found, folder)
    _note_others(found.values())
    if not found:
        raise DataError(
            f"no notebook (.ipynb) in {folder}, and no zip with one. Pass the folder that contains the submissions."
        )
    submissions = _merged(found.values())
    _name_by_gradescope(submissions, folder)
    for submission in submissions:
        _keep_newest(submission)
    return sorted(submissions, key=lambda each: each.student.casefold())


def _note_others(submissions: Iterable[Submission]) -> None:
    """Note the other files of students without a notebook."""
    for each in submissions:
        if each.others and not each.notebooks:
            each.trouble.append(f"no notebook (.ipynb) was handed in, only {', '.join(each.others[:5])}")


def _merged(submissions: Iterable[Submission]) -> list[Submission]:
    """Merge submissions with the same platform id; add ids to the names of different students with the same name."""
    merged: list[Submission] = []
    for each in submissions:
        numbers = {name for name in each.ids if name.isdigit()}
        same = next((other for other in merged if numbers & other.ids), None)
        if same is None:
            merged.append(each)
            continue
        for name in ("notebooks", "replaced", "trouble", "others"):
            getattr(same, name).extend(getattr(each, name))
        same.ids |= each.ids
        same.late |= each.late
        same.record, same.run, same.written = (
            same.record or each.record, same.run or each.run, same.written or each.written
        )  # fmt: skip
    count = Counter(each.student.casefold() for each in merged)
    for each in merged:
        if count[each.student.casefold()] > 1 and each.ids:
            each.student = f"{each.student} ({min(each.ids)})"
    return merged


def _name_by_gradescope(submissions: Sequence[Submission], folder: Path) -> None:
    """Set the students' names and ids in submissions that Gradescope has numbered."""
    known: dict[str, list[dict[str, str]]] = {}
    for path in folder.rglob("submission_metadata.yml"):
        known |= dict(names.gradescope_students(path.read_text(encoding="utf-8", errors="replace")))
    for each in submissions:
        people = next((known[number] for number in each.ids if number in known), [])
        ids = [{value for value in person.values() if value} for person in people]
        if ids:
            each.ids |= ids[0]
            each.partners = ids[1:]
            if each.student.startswith("submission_"):
                each.student = (
                    names.clean(" and ".join(person.get("name", "") for person in people)) or each.student
                )


def _files(path: Path, folder: Path, found: dict[str, Submission]) -> Iterator[_File]:
    """The notebooks in a file or zip of the folder; files that cannot be read are noted as trouble."""
    relative = path.relative_to(folder)
    folders, at = relative.parts[:-1], relative.as_posix()
    try:
        if path.is_symlink() and (names.is_notebook(path.name) or path.suffix.lower() == ".zip"):
            raise OSError("it is a link to another file")
        saved = datetime.fromtimestamp(path.lstat().st_mtime, timezone.utc)
        if names.is_notebook(path.name):
            yield _File(at, path.name, folders, path.read_bytes(), saved)
        elif path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                yield from _of_zip(archive, PurePosixPath(at), saved, found, folder)
        elif (
            names.platform(path.name, folders)
            or path.suffix.lower() in _ARCHIVES
            or (folders and path.suffix.lower() in _DOCUMENTS)
        ):
            _of(found, *names.student_of(path.name, folders, folder)).others.append(at)
    except _UNREADABLE as error:
        who = names.student_of(path.name, folders, folder)
        _of(found, *who).trouble.append(f"{at} cannot be read: {error}")


_UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
)


def _of_zip(
    archive: zipfile.ZipFile, path: PurePosixPath, saved: datetime, found: dict, folder: Path
) -> Iterator[_File]:
    """Notebooks of a zip, which may be from `facegan submit` or contain such zips."""
    inside = (*path.parts[:-1], path.name)
    members = {info.filename.replace("\\", "/"): info for info in archive.infolist() if not info.is_dir()}
    notes = next((name for name in members if PurePosixPath(name).name == "submission.json"), None)
    owner = _read_submission(archive, members, notes, path, found) if notes else None
    saved = owner.made or saved if owner else saved
    seen = 0
    for name, info in members.items():
        part = PurePosixPath(name)
        is_zip = part.suffix.lower() == ".zip"
        if _IGNORED.intersection(part.parts) or not (is_zip or names.is_notebook(part.name)):
            continue
        seen += 1
        folders = (*inside, *part.parts[:-1])
        try:
            raw = _read(archive, info)
            if not is_zip:
                yield _File(f"{path}/{name}", part.name, folders, raw, saved, owner)
            elif len([each for each in path.parts if each.lower().endswith(".zip")]) >= _DEEPEST:
                raise OSError(f"it is a zip inside {_DEEPEST} others")
            else:
                with zipfile.ZipFile(io.BytesIO(raw)) as nested:
                    yield from _of_zip(nested, path / part, saved, found, folder)
        except _UNREADABLE as error:
            whose = owner or _of(found, *names.student_of(part.name, folders, folder))
            whose.trouble.append(f"{path}/{name} cannot be read: {error}")
    if not seen:
        (owner or _of(found, *names.student_of(path.name, path.parts[:-1], folder))).others.append(str(path))


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > _MOST or info.file_size > 1_000_000 + _DENSEST * info.compress_size:
        raise OSError(f"it is too large, {info.file_size / 1e6:.0f} MB; hand it in without outputs")
    return archive.read(info)


def _read_submission(
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    notes_at: str,
    path: PurePosixPath,
    found: dict,
) -> Submission:
    """The submission of a zip from `facegan submit`, with its record and run."""
    who = names.platform(path.name, path.parts[:-1])
    try:
        notes = json.loads(_read(archive, members[notes_at]))
        student = names.clean(notes["student"])
        record, run = dict(notes.get("record") or {}), dict(notes.get("run") or {})
        made = datetime.fromisoformat(notes["made"]).astimezone() if "made" in notes else None
        if not student:
            raise ValueError("no student")
    except (*_UNREADABLE, KeyError, TypeError, AttributeError):
        student = who[0] if who else names.without_number(path.stem).removeprefix("submission-")
        submission = _of(found, student, *who[1:])
        submission.trouble.append(f"{path}: its submission.json is damaged")
        return submission
    submission = _of(found, *(who or [student]))  # a platform's name has priority over the file's
    submission.student, submission.made = student, made
    for section, entries in record.items():
        if isinstance(entries, dict):
            submission.record.setdefault(section, {}).update(entries)
    submission.run = run or submission.run
    beside = PurePosixPath(notes_at).parent
    for name, info in members.items():
        if PurePosixPath(name) == beside / "answers.html":
            submission.written = _read(archive, info).decode("utf-8", "replace")
        elif PurePosixPath(name) == beside / "run" / "grid.png":
            submission.run["grid"] = _read(archive, info)
    return submission


def _add(file: _File, found: dict[str, Submission], folder: Path) -> None:
    submission = file.owner or _of(found, *names.student_of(file.name, file.folders, folder))
    try:
        notebook = Notebook(file.path, file.saved, code_cells(file.raw), file.raw)
    except ValueError as error:
        submission.trouble.append(f"{file.path}: {error}")
        return
    submission.notebooks.append(notebook)


def _of(found: dict[str, Submission], student: str, platform_id: str = "", late: str = "") -> Submission:
    student = names.clean(student) or "unknown"
    submission = found.setdefault(f"{student.casefold()} {platform_id}", Submission(student))
    submission.ids |= {platform_id, student} if platform_id else set()
    submission.late |= bool(late)
    return submission


def _keep_newest(submission: Submission) -> None:
    """Keep the newest of several versions of a notebook and list the others."""
    kept: dict[Any, Notebook] = {}
    for notebook in sorted(submission.notebooks, key=lambda n: (n.saved, names.version(n.path))):
        key = frozenset(notebook.numbers) or notebook.path
        if key in kept and kept[key].raw != notebook.raw:
            submission.replaced.append(kept[key].path)
        kept[key] = notebook
    submission.notebooks = sorted(kept.values(), key=lambda n: (sorted(n.numbers) or [99], n.path))
    texts = {name: text for n in submission.notebooks for name, text in written(n.cells).items()}
    if texts:
        submission.record["written"] = texts | submission.record.get("written", {})
    submission.saved = max((n.saved for n in submission.notebooks), default=None)
