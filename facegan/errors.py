"""Exceptions. Each message states what was given, what was expected, and what to do next.

Every error that a user can cause derives from `FaceganError`, and also from the built-in exception that a
Python programmer would expect.
"""

import unicodedata
from typing import Any

REINSTALL = (
    "Install facegan again: pip install --force-reinstall --no-deps and the source you installed it from."
)


class FaceganError(Exception):
    """Base class of all facegan errors; the command line prints it as one line.

    Its text may contain names from files or the network, so characters that control a terminal are escaped.
    """

    def __str__(self) -> str:
        return "\n".join(map(printable, super().__str__().split("\n")))


class ConfigError(FaceganError, ValueError):
    """A setting, shape, or argument is invalid."""


class DataError(FaceganError, ValueError):
    """Images are missing, corrupt, unsafe, or too few."""


class DownloadError(DataError, OSError):
    """No mirror provided the data set, or the downloaded file is not the published one."""


class CheckpointError(FaceganError, RuntimeError):
    """A checkpoint or exported generator cannot be written, read, or trusted."""


class DiskFullError(CheckpointError):
    """A file could not be written because the disk is full."""


class DamagedCheckpoint(CheckpointError):
    """A checkpoint is corrupt; an earlier one may be intact."""


class TrainingError(FaceganError, RuntimeError):
    """Training cannot continue: it diverged, or memory ran out."""


class TrainingStopped(KeyboardInterrupt):
    """The user stopped training in a notebook, so the cells below must not run.

    `fit` raises it after saving. Like Ctrl-C, it is not caught by `except Exception`. Notebooks show its message
    without a traceback.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def expect(value: object, kind: Any, what: str, expected: str) -> None:
    """Raise `ConfigError` unless a value has the expected type.

    Args:
        value: the value to check.
        kind: types, as for `isinstance`.
        what: name of the argument for the message, such as "history".
        expected: description of the expected value, with an example.

    Raises:
        ConfigError: the value is not an instance of `kind`.
    """
    if not isinstance(value, kind):
        raise ConfigError(f"{what} is {shown(value)}, expected {expected}.")


def printable(text: str) -> str:
    """Text from outside for a message, with escapes for characters that are invisible or control the terminal.

    Also escapes line breaks, and bytes of a file name that are not UTF-8.

    >>> printable("a\\x1b[2Jb\\n")
    'a\\\\x1b[2Jb\\\\n'
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":  # spaces of any width
        return character
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else ascii(character)[1:-1]


def shown(value: object) -> str:
    """A value for a message: its repr if that is short, otherwise its type, such as "a GAN"."""
    if len(text := printable(repr(value))) <= 30:
        return text
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type if the message is empty."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])
