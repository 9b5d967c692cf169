"""Downloads a file from Google Drive with gdown, or from Kaggle with kagglehub.

Each mirror has `fetch(target, expected)`, which downloads to a temporary file next to `target` and returns its path, or
raises `MirrorError` with the reason. `str(mirror)` is its address. Https is in `facegan.data.https`, and verification
is in `facegan.data.registry`.
"""

from __future__ import annotations

import contextlib
import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from facegan.errors import first_line, printable
from facegan.files import digest

MINUTE = 60.0  # seconds in which a mirror must send at least `LEAST` bytes
LEAST = 1 << 15
_MOST_UNKNOWN = 20_000_000_000  # maximum bytes of a file whose size is not registered
_SPARE = 500_000_000  # bytes that must stay free on the disk for such a file
_LOG = "gdown.log"  # next to the file that gdown downloads
_QUOTA = "its download quota on Google Drive is used up; try again in a day"


class MirrorError(Exception):
    """This mirror cannot provide the file; the message is the reason."""

    def __init__(self, reason: object) -> None:
        super().__init__(printable(masked(str(reason))))


class Expected(NamedTuple):
    """What is known about a file before its download.

    Attributes:
        size: bytes of the file; 0 if unknown.
        hashes: "sha256:..." or "md5:..."; each one identifies the file.
    """

    size: int = 0
    hashes: tuple[str, ...] = ()

    def most(self, folder: Path) -> int:
        """The maximum number of bytes to receive.

        It is slightly more than the known size; for an unknown size, 20 GB or most of the free space in `folder`.
        """
        if self.size:
            return self.size * 11 // 10 + 1_000_000
        free = shutil.disk_usage(folder).free
        return min(_MOST_UNKNOWN, free - min(_SPARE, free // 10))

    def is_published(self, path: Path) -> bool:
        """Whether the file at `path` has one of the hashes."""
        kinds = {known.partition(":")[0] for known in self.hashes}
        return not {f"{kind}:{digest(path, kind)}" for kind in kinds}.isdisjoint(self.hashes)


NOTHING = Expected()


def too_much(most: int, expected: Expected) -> str:
    """The reason for stopping a download that is larger than expected."""
    known = (
        f"published with {expected.size:,}"
        if expected.size
        else "the maximum for a file of unknown size here"
    )
    return f"it sends more than {most:,} bytes, {known}"


def masked(text: str) -> str:
    """Remove user names and passwords from addresses in a text."""
    return re.sub(r"""(?<=://)[^/\s]*@|[^/:@\s'"]+:[^/\s]*@""", "***@", text)


def why_unreachable(error: Exception) -> str:
    """A short reason for a failed connection."""
    found = re.search(r"\[(?:Errno|WinError) -?\d+\] ([^'\")]+)", str(error))
    return f"cannot connect ({found[1] if found else type(error).__name__})"


def refuse_web_page(head: bytes) -> None:
    """Raise `MirrorError`, with the page's title, if the beginning of a file is that of a web page."""
    if head[:512].lstrip().startswith(b"<"):
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", head.decode(errors="replace"), re.I | re.S)
        named = f" titled '{' '.join(html.unescape(title[1]).split())[:100]}'" if title else ""
        if title and "quota" in title[1].lower():
            raise MirrorError(_QUOTA)
        raise MirrorError(f"got a web page{named} instead of the file")


# ---- Google Drive --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drive:
    """A public file on Google Drive. gdown has no timeout, so it runs in a separate process."""

    id: str

    def __str__(self) -> str:
        return f"Google Drive file {self.id}"

    def fetch(self, target: Path, expected: Expected = NOTHING) -> Path:
        folder = _private_folder(target)
        out = folder / target.name
        self._run(out, expected)
        if not out.exists():
            raise MirrorError("gdown left no file")
        with out.open("rb") as file:
            refuse_web_page(file.read(1 << 16))
        return out

    def _run(self, out: Path, expected: Expected) -> None:
        code = (
            "import sys, gdown\n"
            "try: gdown.download(url=sys.argv[1], output=sys.argv[2], quiet=True, use_cookies=False)\n"
            "except Exception as error: sys.exit(' '.join(str(error).split()))"
        )
        url = f"https://drive.google.com/uc?id={self.id}"
        said = out.with_name(_LOG)
        with said.open("wb") as log:
            child = subprocess.Popen([sys.executable, "-c", code, url, str(out)], stdout=log, stderr=log)
            try:
                _watch(child, out.parent, f"downloading {out.name} from Google Drive", expected)
            finally:
                child.kill()
                child.wait()
        if child.returncode:
            raise MirrorError(_gdown_reason(said.read_text(errors="replace")))


def _watch(child: subprocess.Popen, folder: Path, title: str, expected: Expected = NOTHING) -> None:
    """Show the size of the download in `folder` until `child` ends; raise if it is too slow or too large."""
    from tqdm.auto import tqdm

    size, marked, since, bar, most = 0, 0, time.monotonic(), None, expected.most(folder)
    with contextlib.ExitStack() as stack:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.2)
                return
            grown = _size(folder) - size
            if grown > 0:
                sys.stdout.flush()  # and show no bar before, because tqdm also flushes it
                if bar is None:  # `not bar` fails for a bar without a total
                    bar = stack.enter_context(tqdm(desc=title, unit="B", unit_scale=True, delay=1))
                size += grown
                bar.update(grown)
            if size > most:
                raise MirrorError(too_much(most, expected))
            if size - marked >= LEAST:
                marked, since = size, time.monotonic()
            elif time.monotonic() - since > MINUTE:
                how = "silent" if size == marked else f"too slow (less than {LEAST:,} bytes)"
                raise MirrorError(f"Google Drive was {how} for {MINUTE:.0f} seconds")


def _size(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # gdown is renaming it
            total += path.stat().st_size if path.name != _LOG else 0
    return total


def _gdown_reason(said: str) -> str:
    said = said.strip().splitlines()[-1] if said.strip() else "gdown failed and gave no reason"
    if "too many users" in said.lower() or "quota" in said.lower():
        return _QUOTA
    if "Max retries exceeded" in said:
        return "cannot connect"
    return said if len(said) <= 200 else f"{said[:200]}..."


# ---- Kaggle --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kaggle:
    """Images in a folder of a Kaggle data set, packed to a zip. With a version, kagglehub can use its cache."""

    handle: str
    folder: str

    def __str__(self) -> str:
        return f"Kaggle data set {self.handle}"

    def fetch(self, target: Path, expected: Expected = NOTHING) -> Path:
        if importlib.util.find_spec("kagglehub") is None:
            raise MirrorError("needs kagglehub (pip install kagglehub)")
        try:
            import kagglehub

            place = Path(kagglehub.dataset_download(self.handle))
        except Exception as error:  # kagglehub raises many kinds of errors
            lost = "Max retries exceeded" in str(error)
            raise MirrorError(why_unreachable(error) if lost else first_line(error)) from None
        return _pack(place / self.folder, _private_folder(target) / target.name)


def _pack(folder: Path, out: Path) -> Path:
    from tqdm.auto import tqdm

    names = sorted(p.name for p in folder.glob("*.jpg"))
    if not names:
        raise MirrorError(f"no .jpg in {folder.name} of the data set")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for name in tqdm(names, desc=f"packing {out.name}", unit="img", delay=1):
            archive.write(folder / name, f"{folder.name}/{name}")
    return out


# ---- temporaries ---------------------------------------------------------------------------------


def leftovers(target: Path) -> list[Path]:
    """Temporary files and folders of unfinished downloads of `target`; only files can be resumed."""
    return list(target.parent.glob(f".{target.name}-*.part"))


def remove(paths: list[Path]) -> None:
    """Delete files and folders, if they exist."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _private_folder(target: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".part", dir=os.fspath(target.parent)))
