"""Exceptions. Each message states what was given, what was expected, and what to do next.

Every error that a user can cause derives from `FaceganError`, and also from the built-in exception that a
Python programmer would expect.
"""


class FaceganError(Exception):
    """Base class of all facegan errors; the command line prints it as one line."""


class ConfigError(FaceganError, ValueError):
    """A setting, shape or argument is invalid."""


class DataError(FaceganError, ValueError):
    """Images are missing, corrupt, unsafe, or too few."""


class DownloadError(DataError, OSError):
    """No mirror could deliver a data set, or its contents are not the published ones."""


class CheckpointError(FaceganError, RuntimeError):
    """A checkpoint or exported generator cannot be written, read or trusted."""


class DiskFullError(CheckpointError):
    """A file could not be written because the disk is full."""


class DamagedCheckpoint(CheckpointError):
    """A checkpoint is corrupt; an earlier one may be intact."""


class TrainingError(FaceganError, RuntimeError):
    """Training cannot continue: it diverged, or memory ran out."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type if the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
