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
PACKAGE = ROOT / "facegan"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A module imports only from units above its own. `__init__` and `__main__` of the package see everything.
LAYERS = (
    "version", "errors", "files", "config", "images", "latent", "losses", "augment", "figures", "plots", "runtime",
    "models", "data", "runs", "training", "doctor", "plane", "explore", "export", "evaluation", "course", "bench",
    "widgets", "cli",
)  # fmt: skip
APART = {("runs", "data")}  # the second is above the first, and still not imported by it


def name_of(path):
    """`facegan.data.load` for facegan/data/load.py, `facegan.data` for facegan/data/__init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imported(path):
    """The facegan modules that a file imports, at any place in it, also for types alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "") in NAMES:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in NAMES else node.module for name in full)


def unit(name):
    return name.split(".")[1] if "." in name else name


GRAPH = {name_of(path): set(imported(path)) for path in MODULES}


def test_imports_go_down_the_layers():
    wrong = [
        (name, other)
        for name, others in GRAPH.items()
        for other in others
        if unit(name) in LAYERS and unit(name) != unit(other)
        and (other == "facegan" or LAYERS.index(unit(other)) > LAYERS.index(unit(name))
             or (unit(name), unit(other)) in APART)
    ]  # fmt: skip
    assert not wrong
    assert {unit(name) for name in NAMES} == {*LAYERS, "facegan", "__main__"}


def test_no_import_cycles():
    from graphlib import TopologicalSorter

    inner = {name: others - {name} for name, others in GRAPH.items() if name != "facegan"}
    TopologicalSorter(inner).prepare()  # raises CycleError with the cycle


def test_files_are_short():
    lengths = sorted((len(path.read_text().splitlines()), name_of(path)) for path in MODULES)
    assert lengths[-1][0] <= 370, f"too long: {lengths[-3:]}"


def test_one_place_converts_between_uint8_and_float():
    """Only images.py knows 127.5, and the exercises about it; the drawn faces are uint8 from the start."""
    users = {unit(name_of(path)) for path in MODULES if "127.5" in path.read_text()}
    assert users == {"images", "course"}


def function_lengths():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                words = len((ast.get_docstring(node, clean=False) or "").splitlines())
                yield node.end_lineno - node.lineno + 1 - words, f"{path.stem}.{node.name}"


def test_functions_are_short():
    lengths = sorted(function_lengths())
    assert lengths[-1][0] <= 40, f"too long: {lengths[-3:]}"
    assert statistics.median(length for length, _ in lengths) < 12


def test_the_public_face_is_small_documented_and_importable():
    assert len(facegan.__all__) <= 32
    for name in facegan.__all__:
        public = getattr(facegan, name)
        assert isinstance(public, dict) or public.__doc__, name


def test_dir_shows_every_public_name_and_subpackage():
    shown = set(dir(facegan))
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert shown >= {*facegan.__all__, *packages, "explore", "export", "__version__"}
    assert all(getattr(facegan, name) is not None for name in shown)


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


def test_the_file_map_names_every_module():
    """CONTRIBUTING.md has one phrase for each file, under its folder."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## File map")[2]
    listed, folder = set(), ""
    for line in filter(None, text.splitlines()):
        name = line.split()[0]
        if name.endswith("/"):
            folder = name
        elif name.endswith(".py"):
            listed.add(f"{folder}{name}" if line.startswith(" ") else name)
    modules = {path.relative_to(PACKAGE).as_posix() for path in MODULES}
    assert listed == {name for name in modules if not name.endswith(("__init__.py", "__main__.py"))}
