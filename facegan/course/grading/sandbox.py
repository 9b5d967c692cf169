"""Where students' code runs: without network, in a scratch folder, with limits, as far as the system allows it.

`bwrap` (bubblewrap) also makes the rest of the disk read-only and hides the submissions; `unshare` takes away the
network and other processes. Where neither works, only the limits of the operating system remain, and `described`
says so.
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
_UNSHARE = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
_WORDS = {
    "bwrap": "Students' code runs in bubblewrap: no network, a read-only disk, submissions hidden.",
    "unshare": "Students' code runs without network (unshare). It can read what you can read, and write where you "
    "can write: install bubblewrap, or grade in a container.",
    "": "This system has neither bubblewrap nor unshare: students' code runs with your rights and your network. "
    "Grade in a container or a throw-away account.",
}


@functools.cache
def kind() -> str:
    """What isolates here: 'bwrap', 'unshare', or '' if nothing does."""
    if sys.platform != "linux":
        return ""
    for name, command in (("bwrap", _bwrap(Path("/tmp"), ())), ("unshare", _UNSHARE)):
        if shutil.which(name) and not subprocess.run([*command, "true"], capture_output=True).returncode:
            return name
    return ""


def described() -> str:
    """One sentence for the instructor about what students' code can reach."""
    return _WORDS[kind()]


def command(arguments: Sequence[str | Path], place: Path, hidden: Sequence[Path] = ()) -> list[str]:
    """The command that runs Python with `arguments` in the folder `place`; the folders `hidden` look empty there."""
    prefix = {"bwrap": lambda: _bwrap(place, hidden), "unshare": lambda: _UNSHARE}.get(kind(), tuple)()
    return [*prefix, sys.executable, *map(str, arguments)]


def environment(place: Path) -> dict[str, str]:
    """Environment variables of such a process: none that could hold a secret."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    fixed = {"HOME": str(place), "TMPDIR": str(place), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    return kept | fixed | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}


def end(child: subprocess.Popen) -> None:
    """End a process, started in a session of its own, with all that it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def limit_memory(gigabytes: float) -> None:
    """Limit what this process can allocate, where the system has such limits; files to 200 MB, too."""
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
