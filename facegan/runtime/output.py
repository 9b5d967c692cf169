"""Printing that cannot fail: a training does not end because nobody can read what it prints."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from facegan.runtime.kernel import running_kernel


class Forgiving:
    """A text stream that drops what cannot be written: its disk is full, its reader is gone, or there is no stream.

    Characters that its encoding lacks are written as escapes, such as `\\xfc`.
    """

    def __init__(self, stream: io.TextIOWrapper | None) -> None:
        self._stream, self.failed = stream, stream is None

    def write(self, text: str) -> int:
        if self._stream is not None:
            encoding = self._stream.encoding
            self._try(self._stream.write, text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            self._try(self._stream.flush)

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def _try(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            function(*arguments)
        except (OSError, ValueError):  # ValueError: it was closed
            self.failed = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Lines:
    """A stream on which each new state of a progress bar is a line of its own, for log files."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if line := text.strip("\r\n "):
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        self._stream.flush()


def writes_lines() -> bool:
    """Whether what is printed to stderr goes to a file or another program: neither a terminal nor a notebook."""
    isatty = getattr(sys.stderr, "isatty", None)
    return running_kernel() is None and not (isatty and isatty())


@contextmanager
def forgiving() -> Iterator[None]:
    """A context in which `print` cannot fail; a stream that failed stays forgiving, so that Python's end does not fail.

    Other streams, such as a notebook's, are left as they are.
    """
    names = [name for name in ("stdout", "stderr") if isinstance(getattr(sys, name), io.TextIOWrapper | None)]
    before = {name: getattr(sys, name) for name in names}
    streams = {name: Forgiving(stream) for name, stream in before.items()}
    vars(sys).update(streams)
    try:
        yield
    finally:
        for name, stream in streams.items():
            stream.flush()
            if getattr(sys, name) is stream and not stream.failed:
                setattr(sys, name, before[name])
