"""Grading a folder of submitted notebooks: each runs in its own process, and its results are collected.

Results are read by name from the outputs of the exercises, so cells may have been moved, added or broken.
Running a student's notebook runs the student's code: do it in a container without network or secrets. A
student can forge a result; automatic grading finds mistakes, not cheating.
"""

from __future__ import annotations

import contextlib
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facegan import data
from facegan.course.catalog import exercises
from facegan.course.exercise import MIME
from facegan.errors import DataError

BUDGET = {"STEPS": 4, "YOUR_STEPS": 4, "SMALL_STEPS": 4, "DATA": "synthetic", "RECIPE": "tiny"}
CELL_LIMIT = 90  # seconds for one cell
LIMIT = 900  # seconds for one notebook


@dataclass
class Grade:
    """One submission: `results` maps exercise names to (status, feedback)."""

    student: str
    results: dict[str, tuple[str, str]] = field(default_factory=dict)
    trouble: str = ""

    def points(self, names: Sequence[str]) -> int:
        """How many of the exercises `names` are right."""
        return sum(self.results.get(name, ("", ""))[0] == "right" for name in names)


def grade(folder: Path, *, limit: float = LIMIT, cell_limit: float = CELL_LIMIT) -> list[Grade]:
    """Run every notebook in `folder`, at any depth; one that fails does not stop the rest.

    Args:
        folder: where the submissions are.
        limit: seconds for one notebook.
        cell_limit: seconds for one cell.

    Raises:
        DataError: there is no notebook in the folder.
    """
    from tqdm.auto import tqdm

    paths = sorted(p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    if not paths:
        raise DataError(f"no notebook (.ipynb) in {folder}; give the folder that the submissions are in.")
    return [
        _grade_one(path, path.relative_to(folder).with_suffix("").as_posix(), limit, cell_limit)
        for path in tqdm(paths, desc="grading", unit="notebook")
    ]


def write_csv(grades: Sequence[Grade], out: Path) -> None:
    """Write one row per submission: student, points, of how many, each exercise, feedback, trouble."""
    table = exercises()
    notebooks = {table[name].notebook for g in grades for name in g.results if name in table}
    names = [name for name, found in table.items() if found.notebook in notebooks] or list(table)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "points", "of", *names, "feedback", "trouble"])
        for g in grades:
            status = [g.results.get(name, ("absent", ""))[0] for name in names]
            feedback = "; ".join(
                f"{n}: {g.results[n][1]}" for n in names if g.results.get(n, ("right",))[0] != "right"
            )
            writer.writerow([g.student, g.points(names), len(names), *status, feedback, g.trouble])


def _grade_one(path: Path, student: str, limit: float, cell_limit: float) -> Grade:
    """Run a notebook in its own process, which is ended together with its kernel when it takes too long."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "executed.ipynb"
        with contextlib.suppress(OSError):  # share decoded faces
            Path(data.DATA_FOLDER).mkdir(exist_ok=True)
            (Path(place) / "data").symlink_to(Path(data.DATA_FOLDER).absolute())
        child = subprocess.Popen(
            [sys.executable, "-m", "facegan.course.grading", path.absolute(), out, str(cell_limit)],
            cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            said, trouble = child.communicate(timeout=limit)[1], ""
            if child.returncode:
                trouble = (said.strip().splitlines() or ["it ended without a message"])[-1]
        except subprocess.TimeoutExpired:
            trouble = f"stopped after {limit:.0f} seconds"
        finally:
            _end(child)
        return _read(student, out, trouble)


def _end(child: subprocess.Popen) -> None:
    """End the process and the kernels that it started."""
    if hasattr(os, "killpg"):
        import signal

        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def _read(student: str, executed: Path, trouble: str) -> Grade:
    import nbformat

    try:
        cells = nbformat.read(executed, as_version=4).cells
    except Exception:  # never written, or cut short
        return Grade(student, {}, trouble or "no outputs")
    found = Grade(student, trouble=trouble)
    for output in _outputs(cells):
        note = output.get("data", {}).get(MIME)
        if isinstance(note, dict) and note.get("name") in exercises():
            found.results[note["name"]] = (str(note.get("status")), str(note.get("feedback")))
    errors = [f"{o.ename}: {o.evalue}"[:200] for o in _outputs(cells) if o.output_type == "error"]
    found.trouble = "; ".join([*filter(None, [trouble]), *errors])
    return found


def _outputs(cells) -> Iterable:
    return (output for cell in cells if cell.cell_type == "code" for output in cell.get("outputs", []))


def run_notebook(path: Path, out: Path, *, cell_limit: float, budget: dict | None = None) -> None:
    """Execute the notebook at `path` with a small budget, continue after errors, and write it to `out`.

    `budget` is set after the cell tagged `parameters`. Outputs are written after every cell, so they remain
    when the kernel dies.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []  # results stored in the file do not count
    inject(notebook, BUDGET if budget is None else budget)
    client = NotebookClient(
        notebook, timeout=cell_limit, kernel_name="python3", allow_errors=True, interrupt_on_timeout=True,
        on_cell_executed=lambda **_: nbformat.write(notebook, out),
    )  # fmt: skip
    try:
        client.execute()
    except DeadKernelError:
        raise SystemExit("the kernel died") from None
    finally:
        nbformat.write(notebook, out)


def inject(notebook, budget: dict) -> None:
    """Insert a cell that sets `budget` after the one tagged `parameters`, or at the beginning."""
    import nbformat

    source = "\n".join(f"{name} = {value!r}" for name, value in budget.items())
    tagged = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    notebook.cells.insert(tagged[0] + 1 if tagged else 0, nbformat.v4.new_code_cell(source))


if __name__ == "__main__":
    run_notebook(Path(sys.argv[1]), Path(sys.argv[2]), cell_limit=float(sys.argv[3]))
