"""Output streams that cannot fail, so that an error in `print` does not end a run."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from facegan.runtime.kernel import running_kernel


class Forgiving:
    """A text stream that ignores write errors, such as a full disk, a closed pipe, or a missing stream.

    Characters that the encoding does not support are written as escapes, such as `\\xfc`.
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
    """A stream that writes each update of a progress bar as a separate line, for log files."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if line := text.strip("\r\n "):
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        self._stream.flush()


def writes_lines() -> bool:
    """Whether stderr is a file or a pipe, not a terminal or a notebook."""
    isatty = getattr(sys.stderr, "isatty", None)
    return running_kernel() is None and not (isatty and isatty())


@contextmanager
def forgiving() -> Iterator[None]:
    """A context in which `print` cannot fail. A stream that failed stays replaced, so that Python can exit cleanly.

    Streams that are not text files, such as a notebook's, are not replaced.
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
