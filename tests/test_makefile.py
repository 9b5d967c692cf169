"""The Makefile's commands that need no installation: their `.venv` is a fake that uses this Python."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = (
    ".git",
    ".venv*",
    "runs",
    "shared",
    "dist",
    "__pycache__",
    ".*_cache",
    "*.npy",
    "*.zip",
    "*.safetensors",
)
ADDRESS = re.compile(
    r"(?:git\+https://github\.com|google\.com/github|src=https://github\.com|repository-code: https://github\.com)"
    r"/([\w.-]+/[\w.-]+)"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("make") or os.name == "nt", reason="needs make"),
]


@pytest.fixture
def checkout(tmp_path):
    """A copy of the repository whose `.venv` is up to date."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    script(copy / ".venv/bin/python", f'exec {sys.executable} "$@"')
    (copy / ".venv/.ready").touch()
    return copy


def script(path, line):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def make(folder, *arguments, path=""):
    environment = os.environ | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, env=environment)


def repository():
    return re.search(r'Repository = "https://github.com/([^"]+)"', (ROOT / "pyproject.toml").read_text())[1]


def test_badges_set_up_cells_and_the_citation_have_one_address():
    pages = [ROOT / "README.md", ROOT / "CITATION.cff", *sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assert {page.name: set(ADDRESS.findall(page.read_text())) for page in pages} == {
        page.name: {repository()} for page in pages
    }


def test_publish_as_leaves_no_other_address_and_nothing_to_install(checkout):
    done = make(checkout, "publish-as", "REPO=someone/course")
    assert done.returncode == 0, done.stderr
    former = re.compile(rf"github(?:usercontent)?(?:\.com)?/{re.escape(repository())}\b".encode())
    files = [path for path in checkout.rglob("*") if path.is_file() and ".venv" not in path.parts]
    assert [path for path in files if former.search(path.read_bytes())] == []
    assert "repository-code: https://github.com/someone/course\n" in (checkout / "CITATION.cff").read_text()
    assert not list(checkout.glob("*.old"))
    assert make(checkout, "--question", ".venv/.ready").returncode == 0


def test_publish_as_keeps_the_notebooks_outputs(checkout):
    make(checkout, "publish-as", "REPO=someone/course")
    for path in (checkout / "notebooks").glob("*.ipynb"):
        before = json.loads((ROOT / "notebooks" / path.name).read_text())["cells"]
        after = json.loads(path.read_text())["cells"]
        assert [cell.get("outputs") for cell in after] == [cell.get("outputs") for cell in before]


@pytest.mark.parametrize("name", ["", "course", "https://github.com/someone/course", "someone/course/x"])
def test_publish_as_needs_an_owner_and_a_name(checkout, name):
    before = (checkout / "pyproject.toml").read_text()
    done = make(checkout, "publish-as", f"REPO={name}")
    assert done.returncode
    assert "name the repository: make publish-as REPO=owner/name" in done.stdout
    assert (checkout / "pyproject.toml").read_text() == before


@pytest.mark.parametrize(("user", "options"), [(0, "lab --allow-root"), (1000, "lab")])
def test_lab_runs_as_root_too(checkout, tmp_path, user, options):
    script(checkout / ".venv/bin/jupyter", 'echo "jupyter was given: $*"')
    script(tmp_path / "fakes/id", f"echo {user}")
    done = make(checkout, "lab", path=str(tmp_path / "fakes"))
    assert f"jupyter was given: {options}\n" in done.stdout


def test_workflows_call_what_is_there():
    text = "\n".join(path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml"))
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    called = set(re.findall(r"run: make ([a-z-]+)", text))
    assert {"lint", "test", "package"} <= called <= targets
    assert "run: .ci/run\n" in text
    assert os.access(ROOT / ".ci/run", os.X_OK)
