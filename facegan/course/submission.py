"""Creates a student's submission: a zip of notebooks, record, written answers, and evidence of training.

submission.json                  student, time, version, results as the student saw them, hints, reveals; the run
notebooks/01_data.ipynb, ...
answers.html                     the written questions with the student's answers
run/config.json, history.csv, grid.png
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable
from contextlib import redirect_stdout, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from torch import nn

from facegan.course import kept, record
from facegan.course.answers import answer
from facegan.course.catalog import exercises
from facegan.data.dataset import FaceDataset
from facegan.data.load import load_faces
from facegan.doctor import in_brief
from facegan.errors import CheckpointError, ConfigError, DataError, FaceganError, first_line
from facegan.files import write_atomic
from facegan.images import png_bytes
from facegan.models.protocol import sample
from facegan.runs.run import Run
from facegan.version import __version__

_OURS = re.compile(r"(?:exercise|answer)\(")
_PART = 2000  # faces of each kind for the distance


def submit(
    folder: str | Path = ".",
    *,
    runs: str | Path = "runs",
    student: str | None = None,
    faces: FaceDataset | None = None,
) -> Path:
    """Write `submission-STUDENT.zip` to a folder, and print its contents.

    Args:
        folder: folder of the notebooks. In Colab, the open notebook is included as it is on the screen.
        runs: folder of runs; the newest run is the evidence of training.
        student: the id that the instructor knows; by default, the id set with `fg.student`.
        faces: real faces on which the run was trained, for its distance; not needed for drawn faces.

    Returns:
        The zip's path.

    Raises:
        ConfigError: there is no id.
        DataError: there is no notebook with exercises in the folder.
        OSError: the zip cannot be written.
    """
    folder, runs = Path(folder), Path(runs)
    kept.folder = kept.folder or runs.absolute() / "answers"
    student = (student or record.section("student").get("id") or "").strip()
    if not student:
        raise ConfigError('a submission needs your id. Run fg.student("your id"), or pass it: --student ID.')
    notebooks = _notebooks(folder)
    run, files = _evidence(runs, faces)
    notes = {
        "format": 1, "student": student, "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "facegan": __version__, "record": record.whole(), "run": run,
    }  # fmt: skip
    files |= {f"notebooks/{name}": raw for name, raw in notebooks.items()}
    files["submission.json"] = json.dumps(notes, indent=1, ensure_ascii=False).encode()
    files |= _written()
    of = f"-{_plain(next(iter(notebooks)).removesuffix('.ipynb'))}" if len(notebooks) == 1 else ""
    path = folder / f"submission-{_plain(student)}{of}.zip"
    write_atomic(path, _zipped(files))
    print(*_contents(path, notebooks, run), sep="\n")
    _download(path)
    return path


def _notebooks(folder: Path) -> dict[str, bytes]:
    """The notebooks of the course in the folder, by name; in Colab, the open one."""
    found = {
        path.name: raw
        for path in sorted(folder.glob("*.ipynb"))
        if _OURS.search((raw := path.read_bytes()).decode("utf-8", "replace"))
    }
    with suppress(Exception):  # this module exists only in Colab and may change
        from google.colab import _message

        shown = _message.blocking_request("get_ipynb", timeout_sec=30)["ipynb"]
        found[shown["metadata"]["colab"]["name"]] = json.dumps(shown).encode()
    if not found:
        raise DataError(
            f"no notebook with exercises in {folder.resolve()}. Save your notebooks there, or pass the folder that "
            "contains them: facegan submit FOLDER."
        )
    return found


def _evidence(runs: Path, faces: FaceDataset | None) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Facts about the newest run that can be opened, and its files; empty if there is none."""
    folders = sorted(runs.glob("*/config.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in folders:
        with suppress(FaceganError, OSError, ValueError):
            return _of_run(path.parent, faces)
    return {}, {}


def _of_run(folder: Path, faces: FaceDataset | None) -> tuple[dict[str, Any], dict[str, bytes]]:
    run = Run.open(folder)
    files = {"run/config.json": (folder / "config.json").read_bytes()}
    history = folder / "history.csv"
    if history.exists():
        files["run/history.csv"] = history.read_bytes()
    with suppress(CheckpointError):
        files["run/grid.png"] = png_bytes(run.frame())
    steps = [int(step) for step in run.history["step"]]
    facts = {
        "name": folder.name, "steps": steps[-1] if steps else 0, "data": run.data.get("name", ""),
        "history_sha256": hashlib.sha256(files.get("run/history.csv", b"")).hexdigest(),
        "diagnosis": in_brief(run), **_distance(run, faces),
    }  # fmt: skip
    return facts, files


def _distance(run: Run, faces: FaceDataset | None) -> dict[str, Any]:
    """The run's distance to real faces and the floor, or the reason why there is none."""
    from facegan.evaluation.results import Evaluator

    try:
        if faces is None and run.data.get("name") != "synthetic":
            return {
                "distance": None,
                "no_distance": f"it needs the run's training faces, {run.data.get('name') or 'unknown'}",
            }
        faces = faces or load_faces("synthetic", run.config.image_size)
        judge = Evaluator(faces, n=min(_PART, len(faces) // 2))
        score = judge.score(sample(_generator(run), _PART, seed=0))
    except Exception as error:  # an answer may fail in many ways
        return {"distance": None, "no_distance": first_line(error).rstrip(".")}
    return {"distance": round(score.distance, 1), "floor": round(judge.floor.distance, 1)}


def _generator(run: Run) -> nn.Module:
    """The run's generator; its own network is built by the student's answer, as in notebook 4."""
    try:
        return run.generator()
    except CheckpointError:
        with redirect_stdout(io.StringIO()):
            network = answer("generator")(run.config.latent_dim, run.config.width)
        return run.generator(network=network)


def _written() -> dict[str, bytes]:
    from facegan.course import written

    return {"answers.html": written.page(record.whole()).encode()}


def _plain(name: str) -> str:
    return re.sub(r"[^\w.@-]+", "-", name)


def _download(path: Path) -> None:
    """In Colab, have the browser download the zip."""
    with suppress(Exception):
        from google.colab import files

        files.download(str(path))


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(name, files[name])
    return buffer.getvalue()


def _contents(path: Path, notebooks: dict[str, bytes], run: dict[str, Any]) -> Iterable[str]:
    """Lines that list the contents of the zip."""
    folder = path.parent
    for name in notebooks:
        saved = folder / name
        when = (
            datetime.fromtimestamp(saved.stat().st_mtime).strftime("%H:%M on %Y-%m-%d")
            if saved.exists()
            else "now"
        )
        yield f"{name}, saved at {when}" if when != "now" else f"{name}, as it is on the screen"
    results = record.section("results")
    right = [
        name for name, [status, *_] in results.items() if name in exercises() and status.startswith("right")
    ]
    yield f"exercises right at their last run: {len(right)}; the grader runs them again."
    if run:
        distance = run["distance"] if run["distance"] is not None else f"not measured: {run['no_distance']}"
        yield f"training: {run['name']}, {run['steps']:,} steps, distance {distance}, diagnosis: {run['diagnosis']}"
    else:
        yield "training: no run was found."
    yield f"Hand in this file: {path}"
