"""Downloading one file over https: with resume, and limits to how long and how much a server may send.

Why not pooch: it cannot resume interrupted downloads, and discards files with an unexpected digest.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import queue
import re
import sys
import threading
import time
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from facegan.data.transfer import (
    LEAST,
    MINUTE,
    NOTHING,
    Expected,
    MirrorError,
    masked,
    refuse_web_page,
    remove,
    too_much,
    why_unreachable,
)
from facegan.errors import DownloadError, first_line
from facegan.files import continued, is_plain

TIMEOUT = (10, 30)  # seconds to connect, and between two bytes
ATTEMPTS = 5  # on one mirror, when the connection breaks
PAUSE = 1.0  # seconds before the second attempt; twice that before the third, and so on
_CHUNK = LEAST  # bytes; at most so many are lost when a connection breaks
_REDIRECTS = 10


class _Broken(MirrorError):
    """The connection broke; trying again may help."""


class _Unusable(_Broken):
    """What was received cannot be continued."""


class _Unreachable(MirrorError):
    """No connection; trying again helps only when there was one before."""


@dataclass(frozen=True, repr=False)
class Https:
    """A file at a web address. An interrupted download resumes, also in a later process."""

    url: str

    def __str__(self) -> str:
        return masked(self.url)

    def __repr__(self) -> str:
        return f"Https({str(self)!r})"

    def ask(self) -> None:
        """Raise `MirrorError` if the server does not offer the file; nothing is downloaded."""
        with _request(self.url):
            pass

    def fetch(self, target: Path, expected: Expected = NOTHING) -> Path:
        before = most = self._received(target)
        failures = 0
        while True:
            try:
                return self._attempt(target, expected)
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

    def _attempt(self, target: Path, expected: Expected) -> Path:
        with _request(self.url) as answer:
            part, validator = self._part(target, answer), answer.validator
            have = part.stat().st_size if part in self._parts(target) else 0
            if have and have == answer.length and validator:
                return _checked(part, answer, expected)
            if not 0 < have < (answer.length or have + 1) or not validator:
                return self._receive(answer, target, expected)
        headers = {"Range": f"bytes={have}-", "If-Range": validator}
        downgraded = answer.downgraded
        with _request(self.url, headers) as answer:
            try:
                if answer.downgraded != downgraded:
                    raise _Unusable("it leads to other places each time")
                offset = _offset(answer, have, validator)
            except _Unusable:
                part.unlink()  # the next attempt fetches the whole file
                raise
            return self._receive(answer, target, expected, part=part, offset=offset)

    def _receive(
        self, answer: _Answer, target: Path, expected: Expected, *, part: Path | None = None, offset: int = 0
    ) -> Path:
        """Write the body of the answer after `offset` bytes of `part`, or into a new part."""
        if not part or offset == 0:
            part = self._part(target, answer)
        most = expected.most(target.parent)
        if (answer.total or 0) > most:
            raise MirrorError(too_much(most, expected))
        head = next(answer.body, b"")
        if not head:
            raise _Broken("the server sent nothing")
        if offset == 0:
            refuse_web_page(head)
            remove([old for old in self._parts(target) if old != part])
        received = _write(chain((head,), answer.body), part, offset=offset, total=answer.total, most=most)
        if received > most:
            part.unlink()
            raise MirrorError(too_much(most, expected))
        return _checked(part, answer, expected)

    def _part(self, target: Path, answer: _Answer) -> Path:
        """The temporary of this version of the file at this address."""
        version = f"{answer.validator}\n{answer.total}" + "\nhttp" * answer.downgraded
        return target.with_name(f".{target.name}-{_short_hash(self.url)}-{_short_hash(version)}.part")

    def _parts(self, target: Path) -> list[Path]:
        found = target.parent.glob(f".{target.name}-{_short_hash(self.url)}-*.part")
        return [path for path in found if is_plain(path)]

    def _received(self, target: Path) -> int:
        return max((part.stat().st_size for part in self._parts(target)), default=0)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _checked(part: Path, answer: _Answer, expected: Expected) -> Path:
    """A complete part; what came over http, though https was asked, must be the published file."""
    if answer.downgraded and not expected.is_published(part):
        part.unlink()
        raise MirrorError(
            "it leads from https to http, where anyone may alter a file, and it was another one"
        )
    return part


# ---- one request ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Answer:
    """What a server answered; `downgraded` when it redirected from https to http."""

    status: int
    said: str
    headers: Mapping[str, str]
    encoding: str
    downgraded: bool
    body: Iterator[bytes]

    @property
    def validator(self) -> str:
        """A header value that changes whenever the file does, or ''."""
        etag = self.headers.get("ETag", "")
        return self.headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag

    @property
    def length(self) -> int | None:
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() and not self.encoding else None

    @property
    def total(self) -> int | None:
        """Bytes of the whole file, when the server says."""
        found = re.fullmatch(r"bytes \d+-\d+/(\d+)", self.headers.get("Content-Range", ""))
        return int(found[1]) if found else self.length


@contextlib.contextmanager
def _request(url: str, headers: dict[str, str] | None = None) -> Iterator[_Answer]:
    """An answer with status 200, 206 or 416, before its body is read."""
    import requests

    try:
        with closing(
            _in_time(_exchange(url, {"Accept-Encoding": "identity", **(headers or {})}))
        ) as exchange:
            response, downgraded = next(exchange)
            encoding = response.raw.headers.pop("Content-Encoding", "").lower().replace("identity", "")
            said = f"the server answered {response.status_code} {response.reason}"
            if response.status_code >= 500 or response.status_code == 429:
                raise _Broken(said)
            if response.status_code not in (200, 206, 416):
                raise MirrorError(said)
            yield _Answer(
                response.status_code,
                said,
                response.headers,
                encoding,
                downgraded,
                _decoded(exchange, encoding),
            )
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
        raise _Unreachable(why_unreachable(error)) from None
    except (requests.RequestException, ValueError) as error:  # ValueError: a redirect to a malformed address
        raise MirrorError(first_line(error)) from None


def _exchange(url: str, headers: dict[str, str]) -> Generator[Any, None, None]:
    """The response, and whether it was redirected from https to http; then the chunks of its body.

    `requests` itself would read the whole body of a redirect, however long.
    """
    import requests

    downgraded = False
    with requests.Session() as session:
        for _ in range(_REDIRECTS):
            with session.get(
                url, stream=True, timeout=TIMEOUT, headers=headers, allow_redirects=False
            ) as response:
                place = session.get_redirect_target(response)
                if place is None:
                    yield response, downgraded
                    yield from response.iter_content(_CHUNK)
                    return
            before, url = url, urljoin(url, place)
            downgraded |= before.lower().startswith("https:") and url.lower().startswith("http:")
    raise MirrorError(f"it redirects more than {_REDIRECTS} times")


def _in_time(items: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """The items, as long as they bring `LEAST` bytes in every minute that is spent waiting for them.

    They are made in another thread, since a read that gets a byte now and then never times out. It ends with its
    read; the process does not wait for it.
    """
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    made: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_make, args=(items, wanted, made), daemon=True).start()
    left, received = MINUTE, 0
    try:
        while True:
            wanted.put(True)
            start = time.monotonic()
            try:
                item, error = made.get(timeout=max(left, 0))
            except queue.Empty:
                raise MirrorError(f"too slow: less than {LEAST:,} bytes in {MINUTE:.0f} seconds") from None
            if isinstance(error, StopIteration):
                return
            if error:
                raise error
            left -= time.monotonic() - start
            received += len(item) if isinstance(item, bytes) else LEAST
            if received >= LEAST:
                left, received = MINUTE, 0
            yield item
    finally:
        wanted.put(False)


def _make(
    items: Generator[Any, None, None], wanted: queue.SimpleQueue[bool], made: queue.SimpleQueue[Any]
) -> None:
    with closing(items):
        while wanted.get():
            try:
                made.put((next(items), None))
            except BaseException as error:
                made.put((None, error))
                return


def _decoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The file's bytes, in bounded chunks, also where a server packs them, which it was asked not to do."""
    if encoding not in ("", "gzip", "x-gzip", "deflate"):
        raise MirrorError(f"the server sends the file in the encoding {encoding!r}")
    if not encoding:
        yield from chunks
        return
    unpacker = zlib.decompressobj(32 + zlib.MAX_WBITS)
    for chunk in chunks:
        while chunk and not unpacker.eof:
            try:
                if found := unpacker.decompress(chunk, _CHUNK):
                    yield found
            except zlib.error:
                raise MirrorError(f"what the server sends is not {encoding}") from None
            chunk = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise _Broken("the connection broke off")


def _offset(answer: _Answer, have: int, validator: str) -> int:
    """Where the body begins in the file: at `have` if the server resumes there, otherwise at 0."""
    if answer.status == 416:  # the part is complete, or the file is shorter now
        raise _Unusable("the server has nothing after what was received")
    if answer.status == 200:
        return 0
    begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if answer.encoding or not begins or int(begins[1]) != have:
        raise _Unusable("the server sent another part of the file than the requested one")
    if answer.validator not in ("", validator):
        raise _Broken("the file changed during the download")
    return have


def _write(
    chunks: Iterable[bytes], part: Path, *, offset: int, total: int | None, most: float = float("inf")
) -> int:
    """Append chunks after `offset` bytes of a part, until there are more than `most`; returns its size."""
    from tqdm.auto import tqdm

    title = f"downloading {part.name[1:].rsplit('-', 2)[0]}"
    sys.stdout.flush()  # bytes are here: show what was said about the file, before its bar
    bar = tqdm(total=total, initial=offset, desc=title, unit="B", unit_scale=True, delay=1)
    received = offset
    with bar, continued(part, offset) as file:
        try:
            for chunk in chunks:
                file.write(chunk)
                received += len(chunk)
                bar.update(len(chunk))
                if received > most:
                    break
            file.flush()
        except OSError as error:
            raise _disk_error(error, part) from None
    if total is not None and received < total:
        raise _Broken("the connection broke off")
    return received


def _disk_error(error: OSError, part: Path) -> Exception:
    """Translate a full disk only: the errors of requests are OSErrors too."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return error
    full = f"disk full: could not write to {part.parent}."
    return DownloadError(f"{full} Free some space, then run this again to resume.")
