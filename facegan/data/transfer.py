"""Downloading one file from one place: https with resume, Google Drive with gdown, Kaggle with kagglehub.

Each mirror has `fetch(target)`, which downloads to a temporary beside `target` and returns its path, or
raises `MirrorError` with the reason; `str(mirror)` is its address. Does not verify (`facegan.data.registry`).

Why not pooch: it cannot resume interrupted downloads, and discards files with an unexpected digest.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from facegan.errors import DownloadError, first_line

TIMEOUT = (10, 30)  # seconds to connect, and between two bytes
ATTEMPTS = 5  # on one mirror, when the connection breaks
PAUSE = 1.0  # seconds before the second attempt; twice that before the third, and so on
STALL = 60.0  # seconds without a byte from Google Drive
_CHUNK = 1 << 15  # bytes; at most so many are lost when a connection breaks
_LOG = "gdown.log"  # beside the file that gdown downloads
_QUOTA = "its download quota on Google Drive is used up; it is renewed within a day"


class MirrorError(Exception):
    """This mirror cannot deliver the file; the message is the reason."""


class _Broken(MirrorError):
    """The connection broke; trying again may help."""


class _Unreachable(MirrorError):
    """No connection; trying again helps only when there was one before."""


# ---- https ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Https:
    """A file at a web address. An interrupted download resumes, also in a later process."""

    url: str

    def __str__(self) -> str:
        return self.url

    def ask(self) -> None:
        """Raise `MirrorError` if the server does not offer the file; nothing is downloaded."""
        with _request(self.url):
            pass

    def fetch(self, target: Path) -> Path:
        before = most = self._received(target)
        failures = 0
        while True:
            try:
                return self._attempt(target)
            except (_Unreachable, _Broken) as error:
                if isinstance(error, _Unreachable) and most == before:
                    raise
                reason = error
            received = self._received(target)
            failures = 1 if received > most else failures + 1
            most = max(most, received)
            if failures == ATTEMPTS:
                raise MirrorError(f"{reason} (gave up after {ATTEMPTS} attempts)") from None
            time.sleep(PAUSE * 2 ** (failures - 1))

    def _attempt(self, target: Path) -> Path:
        with _request(self.url) as response:
            part, length, validator = self._part(target, response), _length(response), _validator(response)
            have = part.stat().st_size if part.exists() else 0
            if have and have == length and validator:
                return part
            if not 0 < have < (length or have + 1) or not validator:
                return self._receive(response, target)
        headers = {"Range": f"bytes={have}-", "If-Range": validator}
        with _request(self.url, headers) as response:
            if response.status_code == 416:  # the part is complete, or the file is shorter now
                part.unlink()
                raise _Broken("the server has nothing after what was received")
            return self._receive(response, target, part=part, offset=_offset(response, have, validator))

    def _receive(self, response, target: Path, *, part: Path | None = None, offset: int = 0) -> Path:
        """Write the body of the response after `offset` bytes of `part`, or into a new part."""
        if not part or offset == 0:
            part = self._part(target, response)
        body = response.iter_content(_CHUNK)
        head = next(body, b"")
        if not head:
            raise _Broken("the server sent nothing")
        if offset == 0:
            _refuse_web_page(head)
            remove([old for old in self._parts(target) if old != part])
        _write(chain((head,), body), part, offset=offset, total=_total(response))
        return part

    def _part(self, target: Path, response) -> Path:
        """The temporary of this version of the file at this address."""
        version = _short_hash(f"{_validator(response)}\n{_total(response)}")
        return target.with_name(f".{target.name}-{_short_hash(self.url)}-{version}.part")

    def _parts(self, target: Path) -> list[Path]:
        return list(target.parent.glob(f".{target.name}-{_short_hash(self.url)}-*.part"))

    def _received(self, target: Path) -> int:
        return max((part.stat().st_size for part in self._parts(target)), default=0)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


@contextlib.contextmanager
def _request(url: str, headers: dict[str, str] | None = None) -> Iterator:
    """An open response with status 200, 206 or 416, before its body is read."""
    import requests

    headers = {"Accept-Encoding": "identity", **(headers or {})}
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
            said = f"the server answered {response.status_code} {response.reason}"
            if response.status_code >= 500 or response.status_code == 429:
                raise _Broken(said)
            if response.status_code not in (200, 206, 416):
                raise MirrorError(said)
            yield response
    except DownloadError:  # of the disk
        raise
    except requests.ReadTimeout:
        raise _Broken(f"the server was silent for {TIMEOUT[1]} seconds") from None
    except requests.ConnectTimeout:
        raise _Unreachable(f"no connection within {TIMEOUT[0]} seconds") from None
    except requests.exceptions.ChunkedEncodingError:
        raise _Broken("the connection broke off") from None
    except requests.ConnectionError as error:
        if "timed out" in str(error):  # between two chunks of a body
            raise _Broken(f"the server was silent for {TIMEOUT[1]} seconds") from None
        if "aborted" in str(error):
            raise _Broken("the connection broke off") from None
        raise _Unreachable(_why_unreachable(error)) from None
    except (requests.RequestException, ValueError) as error:  # ValueError: a redirect to a malformed address
        raise MirrorError(first_line(error)) from None


def _why_unreachable(error: Exception) -> str:
    found = re.search(r"\[(?:Errno|WinError) -?\d+\] ([^'\")]+)", str(error))
    return f"cannot connect ({found[1] if found else type(error).__name__})"


def _validator(response) -> str:
    """A header value that changes whenever the file does, or ''."""
    etag = response.headers.get("ETag", "")
    return response.headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag


def _length(response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _total(response) -> int | None:
    """Bytes of the whole file, when the server says."""
    found = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else _length(response)


def _offset(response, have: int, validator: str) -> int:
    """Where the body begins in the file: at `have` if the server resumes there, otherwise at 0."""
    if response.status_code == 200:
        return 0
    begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not begins or int(begins[1]) != have:
        raise MirrorError("the server sent another part of the file than the requested one")
    if _validator(response) not in ("", validator):
        raise _Broken("the file changed during the download")
    return have


def _write(chunks: Iterable[bytes], part: Path, *, offset: int, total: int | None) -> None:
    from tqdm.auto import tqdm

    title = f"downloading {part.name[1:].rsplit('-', 2)[0]}"
    sys.stdout.flush()  # bytes are here: show what was said about the file, before its bar
    bar = tqdm(total=total, initial=offset, desc=title, unit="B", unit_scale=True, delay=1)
    with bar, part.open("ab") as file:
        file.truncate(offset)
        try:
            for chunk in chunks:
                file.write(chunk)
                bar.update(len(chunk))
        except OSError as error:
            raise _disk_error(error, part) from None
        received = file.tell()
    if total is not None and received < total:
        raise _Broken("the connection broke off")


def _disk_error(error: OSError, part: Path) -> Exception:
    """Translate a full disk only: the errors of requests are OSErrors too."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return error
    full = f"disk full: could not write to {part.parent}."
    return DownloadError(f"{full} Free some space, then run this again to resume.")


def _refuse_web_page(head: bytes) -> None:
    if head[:512].lstrip().startswith(b"<"):
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", head.decode(errors="replace"), re.I | re.S)
        named = f" titled '{html.unescape(title[1])}'" if title else ""
        if title and "quota" in title[1].lower():
            raise MirrorError(_QUOTA)
        raise MirrorError(f"got a web page{named} instead of the file")


# ---- Google Drive --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drive:
    """A file on Google Drive that anyone with the link may read. gdown has no timeout, so it runs in a process."""

    id: str

    def __str__(self) -> str:
        return f"Google Drive file {self.id}"

    def fetch(self, target: Path) -> Path:
        folder = _private_folder(target)
        out = folder / target.name
        self._run(out)
        if not out.exists():
            raise MirrorError("gdown left no file")
        with out.open("rb") as file:
            _refuse_web_page(file.read(1 << 16))
        return out

    def _run(self, out: Path) -> None:
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
                _watch(child, out.parent, f"downloading {out.name} from Google Drive")
            finally:
                child.kill()
                child.wait()
        if child.returncode:
            raise MirrorError(_gdown_reason(said.read_text(errors="replace")))


def _watch(child: subprocess.Popen, folder: Path, title: str) -> None:
    """Show the size of the download in `folder` until `child` ends; raise when it stops growing."""
    from tqdm.auto import tqdm

    size, since, bar = 0, time.monotonic(), None
    with contextlib.ExitStack() as stack:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.2)
                return
            grown = _size(folder) - size
            if grown > 0:
                sys.stdout.flush()  # and no bar before: tqdm flushes it, too
                if bar is None:  # a bar without a total has no truth value
                    bar = stack.enter_context(tqdm(desc=title, unit="B", unit_scale=True, delay=1))
                size, since = size + grown, time.monotonic()
                bar.update(grown)
            elif time.monotonic() - since > STALL:
                raise MirrorError(f"Google Drive was silent for {STALL:.0f} seconds")


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
    """Images in a folder of a Kaggle data set, as one zip; with a version, kagglehub needs no network again."""

    handle: str
    folder: str

    def __str__(self) -> str:
        return f"Kaggle data set {self.handle}"

    def fetch(self, target: Path) -> Path:
        if importlib.util.find_spec("kagglehub") is None:
            raise MirrorError("needs kagglehub (pip install kagglehub)")
        try:
            import kagglehub

            place = Path(kagglehub.dataset_download(self.handle))
        except Exception as error:  # kagglehub raises many kinds
            lost = "Max retries exceeded" in str(error)
            raise MirrorError(_why_unreachable(error) if lost else first_line(error)) from None
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
    """Temporaries of earlier or running downloads of `target`: files can be resumed, folders cannot."""
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
