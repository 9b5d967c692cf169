"""The rules that the project gives itself: who imports whom, how long functions are, what loads when."""

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import facegan

try:
    import tomllib as toml
except ModuleNotFoundError:  # Python 3.10, where pytest brings it
    import tomli as toml

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "facegan").glob("*.py"))

# Who may import whom. `errors` is open to all; the package's face and the command line see everything.
MAY_IMPORT = {
    "errors": set(),
    "config": set(),
    "runtime": set(),
    "layers": set(),
    "graphs": set(),
    "parallel": set(),
    "images": set(),
    "losses": set(),
    "augment": set(),
    "latent": set(),
    "synthetic": set(),
    "locks": set(),
    "seals": set(),
    "photos": set(),
    "align": {"photos"},
    "cache": {"locks", "seals"},
    "transfer": set(),
    "download": {"locks", "photos", "seals", "transfer"},
    "data": {"align", "cache", "config", "download", "images", "photos", "runtime", "synthetic"},
    "bench": {"data", "example", "images", "synthetic"},
    "bench_train": {"bench", "config", "data", "example", "graphs", "latent", "runtime", "training"},
    "example": set(),
    "models": {"checkpoint", "config", "images", "latent", "layers", "pretrained"},
    "pretrained": {"checkpoint", "seals"},
    "metrics": {"images"},
    "results": {"checkpoint", "config", "data", "images", "metrics", "models", "pretrained", "training"},
    "checkpoint": set(),
    "plots": {"images"},
    "clicks": set(),
    "lab": {"images", "latent", "models", "pretrained", "run_folder"},
    "panel": {"clicks", "images"},
    "dashboard": {"clicks", "panel", "plots", "recorder", "training"},
    "widgets": {"dashboard", "images", "lab", "latent", "panel", "plots"},
    "notebook": {"runtime"},
    "grading": {"download", "exercises"},
    "checks": {"latent", "losses"},
    "exercises": {"checks", "images", "latent", "losses", "models", "training"},
    "run_folder": {"checkpoint", "images", "plots"},
    "recorder": {"parallel", "run_folder", "runtime", "training"},  # training: for its type alone
    "training": {
        "config", "runtime", "images", "losses", "augment", "latent", "data", "models", "checkpoint",
        "graphs", "parallel", "recorder", "run_folder",
    },
}  # fmt: skip


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_import_table(name):
    tree = ast.parse((ROOT / "facegan" / f"{name}.py").read_text())
    ours = {
        full.partition(".")[2].split(".")[0] for full in imported(tree) if full.split(".")[0] == "facegan"
    }
    assert ours <= MAY_IMPORT[name] | {"errors"}


def test_every_module_stands_in_the_import_table():
    assert {p.stem for p in MODULES} == MAY_IMPORT.keys() | {"__init__", "__main__"}


def test_one_place_converts_between_uint8_and_float():
    """Only images.py knows 127.5, and the exercises about it; synthetic.py draws uint8 of its own."""
    users = {p.stem for p in MODULES if "127.5" in p.read_text()}
    assert users == {"images", "checks", "exercises"}


def function_lengths():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.end_lineno - node.lineno + 1, f"{path.stem}.{node.name}"


def test_functions_are_short():
    lengths = sorted(function_lengths())
    assert lengths[-1][0] <= 40, f"too long: {lengths[-3:]}"
    assert statistics.median(length for length, _ in lengths) < 12


def test_the_public_face_is_small_documented_and_importable():
    assert len(facegan.__all__) <= 25
    for name in facegan.__all__:
        public = getattr(facegan, name)
        assert isinstance(public, dict) or public.__doc__, name


@pytest.mark.slow
def test_import_loads_nothing_heavy():
    heavy = {"matplotlib", "ipywidgets", "imageio", "gdown", "torchvision", "tqdm", "typer", "tensorboard",
             "safetensors", "PIL", "requests", "filelock", "cv2"}  # fmt: skip
    code = "import sys, torch; before = set(sys.modules); import facegan; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & {name.split(".")[0] for name in done.stdout.split()}


def test_ruff_is_clean():
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, ROOT], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_requirements_are_the_projects_dependencies():
    project = toml.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [
        line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"
    ]
    assert listed == project["dependencies"] + project["optional-dependencies"]["tensorboard"]


def test_colab_as_of_august_2026_satisfies_every_dependency():
    """Lower bounds that Colab's own versions meet, so that installing facegan there changes nothing."""
    from packaging.requirements import Requirement

    colab = {"torch": "2.11.0", "torchvision": "0.26.0", "numpy": "2.1.3", "pillow": "11.3.0",
             "matplotlib": "3.10.0", "ipywidgets": "7.7.1", "imageio": "2.37.4", "imageio-ffmpeg": "0.6.0",
             "gdown": "5.2.2", "tqdm": "4.67.3", "safetensors": "0.8.0", "typer": "0.27.1",
             "tensorboard": "2.20.0", "requests": "2.32.4", "filelock": "3.32.3"}  # fmt: skip
    project = toml.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"] + project["optional-dependencies"]["tensorboard"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(colab[requirement.name]), line
        assert all(s.operator == ">=" for s in requirement.specifier), f"{line} is no lower bound"
