"""Runs whole notebooks in a kernel with a small budget.

python -m facegan.course.grading.kernel NOTEBOOK OUT SECONDS_PER_CELL
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

BUDGET = {"STEPS": 4, "YOUR_STEPS": 4, "SMALL_STEPS": 4, "DATA": "synthetic", "RECIPE": "tiny"}


def run_notebook(path: Path, out: Path, *, cell_limit: float, budget: dict | None = None) -> None:
    """Execute a notebook with a small budget, continue after errors, and write it with its outputs.

    Outputs are written after every cell, so they are kept if the kernel dies.

    Args:
        path: the notebook.
        out: file to write.
        cell_limit: seconds for one cell.
        budget: names and values to set after the cell tagged `parameters`; None for `BUDGET`.

    Raises:
        SystemExit: the kernel died.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    inject(notebook, BUDGET if budget is None else budget)
    sockets = tempfile.TemporaryDirectory(prefix="kernel-")
    client = NotebookClient(
        notebook, km=_manager(sockets.name), timeout=cell_limit, kernel_name="python3", allow_errors=True,
        interrupt_on_timeout=True, on_cell_executed=lambda **_: nbformat.write(notebook, out),
    )  # fmt: skip
    try:
        client.execute()
    except DeadKernelError:
        raise SystemExit("the kernel died") from None
    finally:
        nbformat.write(notebook, out)
        sockets.cleanup()


def _manager(folder: str) -> Any:
    """A kernel manager that uses sockets in a folder, because the sandbox has no network; None if unsupported."""
    if os.name != "posix":
        return None
    from jupyter_client.manager import AsyncKernelManager

    return AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}/ipc")


def inject(notebook: Any, budget: dict) -> None:
    """Insert a cell that sets `budget` after the cell tagged `parameters`, or at the beginning."""
    import nbformat

    source = "\n".join(f"{name} = {value!r}" for name, value in budget.items())
    tagged = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    notebook.cells.insert(tagged[0] + 1 if tagged else 0, nbformat.v4.new_code_cell(source))


def errors(executed: Path) -> list[str]:
    """Return the errors in an executed notebook with the numbers of their code cells; empty if there is no file."""
    import nbformat

    with contextlib.suppress(Exception):
        cells = [c for c in nbformat.read(executed, as_version=4).cells if c.cell_type == "code"]
        return [
            f"code cell {number}: {output.ename}: {output.evalue}"[:200]
            for number, cell in enumerate(cells)  # counted from 1, without the injected cell
            for output in cell.outputs
            if output.output_type == "error"
        ]
    return []


if __name__ == "__main__":
    run_notebook(Path(sys.argv[1]), Path(sys.argv[2]), cell_limit=float(sys.argv[3]))
