"""Isolates students' code as far as the system supports it.

The code runs in a temporary folder and with limits on memory and file size. `unshare` removes the network and other
processes. `bwrap` (bubblewrap) also makes the rest of the disk read-only and hides the submissions. If neither works,
only the limits remain, and `described` says so.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MEMORY = 4.0  # GB that a process may allocate
_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT", "LD_LIBRARY_PATH")
# The shell is the first process of its namespace, which signals from inside cannot end; students' code is the second.
_FIRST = ("sh", "-c", '"$@"; exit $?', "sh")
_UNSHARE = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", *_FIRST)
_WORDS = {
    "bwrap": "Students' code runs in bubblewrap: no network, a read-only disk, submissions hidden.",
    "unshare": "Students' code runs without a network (unshare), but it can read and write the same files as you. "
    "Install bubblewrap, or grade in a container.",
    "": "This system has neither bubblewrap nor unshare: students' code runs with your rights and your network. "
    "Grade in a container or a temporary account.",
}


@functools.cache
def kind() -> str:
    """Return the available isolation: 'bwrap', 'unshare', or '' if there is none."""
    if sys.platform != "linux":
        return ""
    for name, command in (("bwrap", _bwrap(Path("/tmp"), ())), ("unshare", _UNSHARE)):
        if shutil.which(name) and not subprocess.run([*command, "true"], capture_output=True).returncode:
            return name
    return ""


def described() -> str:
    """Describe to the instructor what students' code can access."""
    return _WORDS[kind()]


def command(arguments: Sequence[str | Path], place: Path, hidden: Sequence[Path] = ()) -> list[str]:
    """Return the command that runs Python with `arguments` in the folder `place`; the folders `hidden` appear empty."""
    prefix = {"bwrap": lambda: _bwrap(place, hidden), "unshare": lambda: _UNSHARE}.get(kind(), tuple)()
    return [*prefix, sys.executable, *map(str, arguments)]


def environment(place: Path) -> dict[str, str]:
    """Return the environment variables of such a process, without any that could contain secrets."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    fixed = {"HOME": str(place), "TMPDIR": str(place), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    return kept | fixed | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}


def end(child: subprocess.Popen) -> None:
    """End a process that was started in its own session, and its child processes."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def limit_memory(gigabytes: float) -> None:
    """Limit the memory of this process to `gigabytes` and its files to 200 MB, if the system supports it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        size = int(gigabytes * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000_000, 200_000_000))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bwrap(place: Path, hidden: Sequence[Path]) -> list[str]:
    used = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, filter(None, sys.path))]
    empty = [folder for folder in hidden if not any(folder in (each, *each.parents) for each in used)]
    return [
        "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
        *(part for folder in empty for part in ("--tmpfs", str(folder))),
        "--bind", str(place), str(place), "--chdir", str(place),
        "--unshare-all", "--die-with-parent", "--new-session",
    ]  # fmt: skip
