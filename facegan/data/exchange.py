"""A single request over https, with limits on time and redirects."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import time
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from facegan.data.transfer import LEAST, MINUTE, MirrorError, why_unreachable
from facegan.errors import DownloadError, first_line

TIMEOUT = (10, 30)  # seconds to connect, and between two bytes
CHUNK = LEAST  # bytes; when a connection breaks, at most this many are lost
_AHEAD = 8  # chunks that are read while others are written
_REDIRECTS = 10
_PACKINGS = ("gzip", "x-gzip", "deflate")  # other encodings are ignored


class Broken(MirrorError):
    """The connection broke; a retry may succeed."""


class Unreachable(MirrorError):
    """There is no connection; a retry may only succeed if there was a connection before."""


@dataclass(frozen=True)
class Answer:
    """A server's response.

    Attributes:
        status: status code, 200, 206, or 416.
        headers: the response's headers.
        encoding: compression of the body; '' if there is none.
        downgraded: whether the server redirected from https to http.
        body: chunks of the body, decompressed.
    """

    status: int
    headers: Mapping[str, str]
    encoding: str
    downgraded: bool
    body: Iterator[bytes]

    @property
    def validator(self) -> str:
        """The value of a header that changes if the file changes; '' if there is none."""
        etag = self.headers.get("ETag", "")
        return self.headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag

    @property
    def length(self) -> int | None:
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() and not self.encoding else None

    @property
    def total(self) -> int | None:
        """The size of the whole file in bytes; None if the server does not state it."""
        found = re.fullmatch(r"bytes \d+-\d+/(\d+)", self.headers.get("Content-Range", ""))
        return int(found[1]) if found else self.length


@contextlib.contextmanager
def request(url: str, headers: dict[str, str] | None = None) -> Iterator[Answer]:
    """A context with the response to a request, before its body is read.

    Args:
        url: web address.
        headers: request headers.

    Raises:
        Broken: the connection broke, or the server has a temporary error.
        Unreachable: there is no connection.
        MirrorError: the server does not offer the file, or is too slow.
    """
    import requests

    try:
        with closing(
            _in_time(_exchange(url, {"Accept-Encoding": "identity", **(headers or {})}))
        ) as exchange:
            response, downgraded = next(exchange)
            encoding = response.raw.headers.pop("Content-Encoding", "").strip().lower()
            encoding = encoding if encoding in _PACKINGS else ""
            said = f"the server answered {response.status_code} {response.reason}"
            if response.status_code >= 500 or response.status_code == 429:
                raise Broken(said)
            if response.status_code not in (200, 206, 416):
                raise MirrorError(said)
            body = _decoded(exchange, encoding)
            yield Answer(response.status_code, response.headers, encoding, downgraded, body)
    except DownloadError:  # a disk error
        raise
    except requests.ReadTimeout:
        raise Broken(f"the server was silent for {TIMEOUT[1]} seconds") from None
    except requests.ConnectTimeout:
        raise Unreachable(f"no connection within {TIMEOUT[0]} seconds") from None
    except requests.exceptions.ChunkedEncodingError:
        raise Broken("the connection broke off") from None
    except requests.ConnectionError as error:
        if "timed out" in str(error):  # between two chunks of a body
            raise Broken(f"the server was silent for {TIMEOUT[1]} seconds") from None
        if "aborted" in str(error):
            raise Broken("the connection broke off") from None
        raise Unreachable(why_unreachable(error)) from None
    except (requests.RequestException, ValueError) as error:  # ValueError: a redirect to a malformed address
        raise MirrorError(first_line(error)) from None


def _exchange(url: str, headers: dict[str, str]) -> Generator[Any, None, None]:
    """Yield the response, with whether it was redirected from https to http, and then the chunks of its body.

    If `requests` followed redirects itself, it would read their whole bodies, without a limit.
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
                    yield from response.iter_content(CHUNK)
                    return
            before, url = url, urljoin(url, place)
            downgraded |= before.lower().startswith("https:") and url.lower().startswith("http:")
    raise MirrorError(f"it redirects more than {_REDIRECTS} times")


def _in_time(items: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """Yield items as long as they have at least `LEAST` bytes per minute of waiting time.

    They are read in another thread, because a read that occasionally receives a byte never times out. The thread ends
    when its read ends; the process does not wait for it.
    """
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    made: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_make, args=(items, wanted, made), daemon=True).start()
    left, received, ahead = MINUTE, 0, False
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
            if isinstance(item, bytes) and not ahead:
                ahead = True
                for _ in range(_AHEAD):
                    wanted.put(True)
            yield item
    finally:
        with contextlib.suppress(queue.Empty):
            while True:
                wanted.get_nowait()
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
    """Yield the file's bytes in bounded chunks, also if the server compresses them although this was not requested."""
    if not encoding:
        yield from chunks
        return
    unpacker = zlib.decompressobj(32 + zlib.MAX_WBITS)
    for chunk in chunks:
        while chunk and not unpacker.eof:
            try:
                if found := unpacker.decompress(chunk, CHUNK):
                    yield found
            except zlib.error:
                raise MirrorError(f"the server's data is not {encoding}, as it claims") from None
            chunk = unpacker.unconsumed_tail
        if unpacker.eof:
            return
    raise Broken("the connection broke off")
