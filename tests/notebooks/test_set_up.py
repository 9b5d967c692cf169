"""The first cell of every notebook, where facegan is not installed; pip is a fake that needs no network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FAKE_PIP = """
import os, pathlib, sys
print("pip was called:", *sys.argv[1:], flush=True)
if "unreachable" in sys.argv[-1]:
    sys.exit("ERROR: cannot reach it")
package = pathlib.Path(os.environ["SITE"], "facegan")
package.mkdir()
package.joinpath("__init__.py").write_text("from types import SimpleNamespace\\n"
    "notebook = SimpleNamespace(start=lambda **_: f'started in {__file__}')")
"""


def set_up(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code"))


CELL = set_up(NOTEBOOKS[0])


@pytest.fixture
def run(tmp_path):
    """Run code in a new process that sees no installed packages but those of the fake pip."""
    for folder in ("fakes/pip", "site", "work"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "fakes/pip/__init__.py").touch()
    (tmp_path / "fakes/pip/__main__.py").write_text(FAKE_PIP)
    path = os.pathsep.join(str(tmp_path / name) for name in ("fakes", "site"))
    environment = {k: v for k, v in os.environ.items() if k != "FACEGAN_SOURCE"}
    environment |= {"PYTHONPATH": path, "SITE": str(tmp_path / "site")}

    def run(code, **variables):
        return subprocess.run(
            [sys.executable, "-S", "-c", code], cwd=tmp_path / "work", env=environment | variables,
            capture_output=True, text=True,
        )  # fmt: skip

    return run


def test_all_notebooks_have_the_same_set_up():
    assert {set_up(notebook) for notebook in NOTEBOOKS} == {CELL}


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "import facegan\n"], ids=["", "imported before"])
def test_a_mere_folder_of_that_name_is_not_an_installed_package(run, tmp_path, before):
    (tmp_path / "work/facegan/docs").mkdir(parents=True)
    done = run(f"{before}{CELL}\nprint(RUNS)")
    assert done.returncode == 0, done.stderr
    called, started = done.stdout.splitlines()
    assert called.startswith("pip was called: install --quiet git+https://github.com/")
    assert started == f"started in {tmp_path / 'site/facegan/__init__.py'}"


@pytest.mark.slow
def test_what_is_installed_is_not_installed_again(run, tmp_path):
    run(CELL)
    done = run(f"{CELL}\nprint(RUNS)")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"started in {tmp_path / 'site/facegan/__init__.py'}\n"


@pytest.mark.slow
def test_another_source_can_be_named(run):
    assert "install --quiet facegan.whl" in run(CELL, FACEGAN_SOURCE="facegan.whl").stdout


@pytest.mark.slow
def test_a_failed_installation_ends_with_one_message(run):
    done = run(CELL, FACEGAN_SOURCE="https://unreachable/a.whl")
    assert done.returncode == 1
    pip, *message = done.stderr.splitlines()
    assert pip == "ERROR: cannot reach it"
    assert len(message) == 2
    assert message[0].startswith(
        "facegan could not be installed from https://unreachable/a.whl. Is this machine online"
    )
    for way in ("Settings > Internet", "address correct and public", "%env FACEGAN_SOURCE=PATH"):
        assert way in "\n".join(message)


@pytest.mark.slow
def test_a_failed_installation_stops_run_all_without_a_traceback(tmp_path):
    nothing = (
        "import importlib.util, sys; importlib.util.find_spec = lambda name: None; sys.executable = 'false'"
    )
    cells = [nbformat.v4.new_code_cell(source) for source in (nothing, CELL, "print('next')")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with pytest.raises(CellExecutionError, match="SystemExit"):
        NotebookClient(
            notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        ).execute()
    (error,) = [output for output in cells[1].outputs if output.output_type == "error"]
    assert error.evalue.startswith("facegan could not be installed from git+https://github.com/")
    assert "subprocess.run" not in "\n".join(error.traceback)
    assert cells[2].execution_count is None
