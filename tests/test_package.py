"""The wheel and the sdist: what is in them, and what the package index shows."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from facegan.version import __version__

try:
    import tomllib as toml
except ModuleNotFoundError:  # Python 3.10
    import tomli as toml

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = (ROOT / "pyproject.toml").read_text()


def call(*command, **options):
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with a wheel and an sdist, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    call("-m", "hatchling", "build", "-d", str(folder), cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel):
    return message_from_bytes(next(data for name, data in wheel.items() if name.endswith("/METADATA")))


@pytest.mark.slow
def test_the_wheel_has_the_notebooks_the_types_and_the_weights_license(wheel):
    inside = {
        name.split("/")[-1]: data for name, data in wheel.items() if name.startswith("facegan/notebooks/")
    }
    assert inside == {path.name: path.read_bytes() for path in NOTEBOOKS}
    assert wheel["facegan/py.typed"] == b""
    assert b"non-commercial" in wheel["facegan/weights/LICENSE-faces.txt"]


@pytest.mark.slow
def test_the_sdist_has_every_file_of_the_repository(built):
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in tracked.stdout.splitlines() if (ROOT / name).exists()} <= packed


@pytest.mark.slow
def test_the_package_index_is_told_version_license_and_addresses(metadata):
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT AND LicenseRef-CelebA-non-commercial"
    assert metadata.get_all("License-File") == ["LICENSE", "facegan/weights/LICENSE-faces.txt"]
    assert metadata["Author"] == "facegan developers"
    names = {line.split(",")[0] for line in metadata.get_all("Project-URL")}
    assert names == {"Repository", "Documentation", "Issues", "Changelog"}


@pytest.mark.slow
def test_the_long_description_has_no_relative_link(metadata):
    text = metadata.get_payload(decode=True).decode()
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?m)^\[[^\]]+\]:\s+(\S+)", text)
    assert len(targets) > 20
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    pictures = re.findall(r"!\[[^\]]*\]\(([^)\s]+docs/[^)\s]+)\)", text)
    assert len(pictures) == len(re.findall(r"!\[[^\]]*\]\(docs/", (ROOT / "README.md").read_text()))
    assert all(picture.startswith("https://raw.githubusercontent.com/") for picture in pictures)


@pytest.mark.slow
def test_an_unpacked_wheel_copies_the_course(built, tmp_path):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        archive.extractall(tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    call("-m", "facegan", "course", "lessons", cwd=tmp_path, env=environment)
    assert {p.name for p in (tmp_path / "lessons").iterdir()} == {path.name for path in NOTEBOOKS}


@pytest.mark.slow
def test_a_users_script_type_checks(tmp_path):
    script = ROOT / "tests" / "files" / "typed_script.py"
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path)]
    call("-m", "mypy", *settings, str(script), cwd=tmp_path, env=os.environ | {"MYPYPATH": str(ROOT)})


def test_every_notebook_is_listed_for_the_wheel():
    listed = toml.loads(PROJECT)["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert set(listed) == {f"notebooks/{path.name}" for path in NOTEBOOKS}


def test_the_repository_has_one_address():
    assert len(set(re.findall(r"github(?:usercontent)?\.com/([\w.-]+/[\w.-]+)", PROJECT))) == 1


def test_the_citation_is_of_this_version():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_changelog_begins_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"(?m)^## (\S+)", text)[1] == __version__
