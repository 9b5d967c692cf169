"""Creates autograder zips for Gradescope and Classroom 50 with this version of facegan."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from importlib.metadata import requires
from pathlib import Path

from facegan.errors import ConfigError
from facegan.files import write_atomic

_PACKAGE = Path(__file__).parents[2]
_TORCH = ("torch", "torchvision")
_INSTALL = """\
# PyTorch for the CPU is a tenth of the size of the usual one.
"$PYTHON" -m pip install --quiet {torch} --index-url https://download.pytorch.org/whl/cpu ||
    "$PYTHON" -m pip install --quiet {torch}
"$PYTHON" -m pip install --quiet --requirement "$SOURCE/requirements.txt"
"""
_SETUP = """\
#!/usr/bin/env bash
# Runs once, when Gradescope builds the image: an environment with PyTorch and what facegan needs.
set -euo pipefail
ROOT="${{AUTOGRADER_ROOT:-/autograder}}"
SOURCE="$ROOT/source"
python3 -c "import ensurepip, venv" 2>/dev/null || {{ apt-get update -qq; apt-get install -y -qq python3-venv; }}
python3 -m venv "$ROOT/environment"
PYTHON="$ROOT/environment/bin/python"
{install}"""
_RUN = """\
#!/usr/bin/env bash
# Runs for every submission: grades /autograder/submission and writes /autograder/results/results.json.
set -euo pipefail
ROOT="${{AUTOGRADER_ROOT:-/autograder}}"
export PYTHONPATH="$ROOT/source"
cd "$ROOT"
exec environment/bin/python -m facegan.course.grading.platforms gradescope submission results/results.json{notebooks}
"""
_CLASSROOM = '''\
#!/usr/bin/env python3
"""Grades the student's repository, in which Classroom 50's runner starts this file, and writes result.json."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = Path(os.environ.get("RUNNER_TEMP", "/tmp")) / "facegan-environment"
PYTHON = ENVIRONMENT / "bin" / "python"

if not PYTHON.exists():
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    subprocess.run(["bash", HERE / "install.sh"], check=True, env={{**os.environ, "PYTHON": PYTHON, "SOURCE": HERE}})
subprocess.run(
    [PYTHON, "-m", "facegan.course.grading.platforms", "classroom50", ".", "result.json"{notebooks}],
    check=True, env={{**os.environ, "PYTHONPATH": str(HERE)}},
)
'''


def make(kind: str, out: Path, *, notebooks: Sequence[int] = ()) -> Path:
    """Write the zip.

    Args:
        kind: 'gradescope' or 'classroom50'.
        out: the zip to write.
        notebooks: numbers of the notebooks to grade; if empty, all that a student handed in.

    Returns:
        The zip's path.

    Raises:
        ConfigError: there is no such kind.
    """
    files: dict[str, str] = {"requirements.txt": "\n".join(_requirements()) + "\n"}
    install = _INSTALL.format(torch=" ".join(f"'{each}'" for each in _requirements(torch=True)))
    if kind == "gradescope":
        files["setup.sh"] = _SETUP.format(install=install)
        files["run_autograder"] = _RUN.format(notebooks="".join(f" {number}" for number in notebooks))
    elif kind == "classroom50":
        files["install.sh"] = f"set -euo pipefail\n{install}"
        files["autograder.py"] = _CLASSROOM.format(notebooks="".join(f', "{number}"' for number in notebooks))
    else:
        raise ConfigError(
            f"no autograder for {kind!r}; there are gradescope and classroom50. Use one of these."
        )
    return write_atomic(out, _zipped(files))


def _requirements(*, torch: bool = False) -> list[str]:
    """The requirements of facegan and of its extra "grade", from the metadata: either PyTorch's or all others."""
    found = []
    for each in requires("facegan") or []:
        requirement, _, marker = (part.strip() for part in each.partition(";"))
        is_torch = re.split(r"[<>=!~\s\[]", requirement)[0] in _TORCH
        if is_torch == torch and (not marker or marker.replace('"', "'") == "extra == 'grade'"):
            found.append(requirement)
    return found


def _zipped(texts: dict[str, str]) -> bytes:
    """The zip's bytes: the texts as executable files, and the package of facegan."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100755 << 16
            archive.writestr(info, text)
        for path in sorted(p for p in _PACKAGE.rglob("*") if p.is_file() and p.suffix != ".pyc"):
            archive.write(path, Path("facegan") / path.relative_to(_PACKAGE))
        for path in sorted(
            (_PACKAGE.parent / "notebooks").glob("0*.ipynb")
        ):  # in a checkout, next to the package
            archive.write(path, Path("facegan/notebooks") / path.name)
    return buffer.getvalue()
