"""Downloads a file over https, with resuming and a size limit.

pooch is not used, because it cannot resume interrupted downloads and discards files with an unexpected digest.
"""

from __future__ import annotations

import errno
import hashlib
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from facegan.data.exchange import Answer, Broken, Unreachable, request
from facegan.data.transfer import NOTHING, Expected, MirrorError, masked, refuse_web_page, remove, too_much
from facegan.errors import DownloadError
from facegan.files import continued, is_plain

ATTEMPTS = 5  # per mirror, if the connection breaks
PAUSE = 1.0  # seconds before the second attempt; twice that before the third, and so on


class _Unusable(Broken):
    """The partial download cannot be resumed."""


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
        with request(self.url):
            pass

    def fetch(self, target: Path, expected: Expected = NOTHING) -> Path:
        before = most = self._received(target)
        failures = 0
        while True:
            try:
                return self._attempt(target, expected)
            except (Unreachable, Broken) as error:
                if isinstance(error, Unreachable) and most == before:
                    raise
                reason = error
            received = self._received(target)
            failures = 1 if received > most else failures + 1
            most = max(most, received)
            if failures == ATTEMPTS:
                raise MirrorError(f"{reason} (gave up after {ATTEMPTS} attempts)") from None
            time.sleep(PAUSE * 2 ** (failures - 1))

    def _attempt(self, target: Path, expected: Expected) -> Path:
        with request(self.url) as answer:
            part, validator = self._part(target, answer), answer.validator
            have = part.stat().st_size if part in self._parts(target) else 0
            if have and have == answer.length and validator:
                return _checked(part, answer, expected)
            if not 0 < have < (answer.length or have + 1) or not validator:
                return self._receive(answer, target, expected)
        headers = {"Range": f"bytes={have}-", "If-Range": validator}
        downgraded = answer.downgraded
        with request(self.url, headers) as answer:
            try:
                if answer.downgraded != downgraded:
                    raise _Unusable("it redirects to a different address each time")
                offset = _offset(answer, have, validator)
            except _Unusable:
                part.unlink()  # the next attempt fetches the whole file
                raise
            return self._receive(answer, target, expected, part=part, offset=offset)

    def _receive(
        self, answer: Answer, target: Path, expected: Expected, *, part: Path | None = None, offset: int = 0
    ) -> Path:
        """Write the response's body after `offset` bytes of `part`, or to a new part."""
        if not part or offset == 0:
            part = self._part(target, answer)
        most = expected.most(target.parent)
        if (answer.total or 0) > most:
            raise MirrorError(too_much(most, expected))
        head = next(answer.body, b"")
        if not head:
            raise Broken("the server sent nothing")
        if offset == 0:
            refuse_web_page(head)
            remove([old for old in self._parts(target) if old != part])
        received = _write(chain((head,), answer.body), part, offset=offset, total=answer.total, most=most)
        if received > most:
            part.unlink()
            raise MirrorError(too_much(most, expected))
        return _checked(part, answer, expected)

    def _part(self, target: Path, answer: Answer) -> Path:
        """The path of the temporary file for this version of the file at this address."""
        version = f"{answer.validator}\n{answer.total}" + "\nhttp" * answer.downgraded
        return target.with_name(f".{target.name}-{_short_hash(self.url)}-{_short_hash(version)}.part")

    def _parts(self, target: Path) -> list[Path]:
        found = target.parent.glob(f".{target.name}-{_short_hash(self.url)}-*.part")
        return [path for path in found if is_plain(path)]

    def _received(self, target: Path) -> int:
        return max((part.stat().st_size for part in self._parts(target)), default=0)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _checked(part: Path, answer: Answer, expected: Expected) -> Path:
    """Return a complete part. If the server redirected to http, it must be the published file."""
    if answer.downgraded and not expected.is_published(part):
        part.unlink()
        raise MirrorError(
            "it redirects from https to http, which is not secure, and the file is not the published one"
        )
    return part


def _offset(answer: Answer, have: int, validator: str) -> int:
    """The position in the file at which the body begins: `have` if the server resumes there, otherwise 0."""
    if answer.status == 416:  # the part is complete, or the file is shorter now
        raise _Unusable("the server has nothing after what was received")
    if answer.status == 200:
        return 0
    begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if answer.encoding or not begins or int(begins[1]) != have:
        raise _Unusable("the server sent another part of the file than the requested one")
    if answer.validator not in ("", validator):
        raise Broken("the file changed during the download")
    return have


def _write(
    chunks: Iterable[bytes], part: Path, *, offset: int, total: int | None, most: float = float("inf")
) -> int:
    """Write chunks after `offset` bytes of a part, until it has more than `most` bytes; returns its size."""
    from tqdm.auto import tqdm

    title = f"downloading {part.name[1:].rsplit('-', 2)[0]}"
    sys.stdout.flush()  # print earlier messages before the progress bar
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
        raise Broken("the connection broke off")
    return received


def _disk_error(error: OSError, part: Path) -> Exception:
    """Convert only errors of a full disk, because errors of `requests` are also `OSError`s."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return error
    full = f"disk full: could not write to {part.parent}."
    return DownloadError(f"{full} Free some space, then run this again to resume.")
