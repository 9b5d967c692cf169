"""The library's own exceptions: what was got, what was expected, what to do next.

Every error that a user can cause derives from `FaceganError`, and also from the built-in
exception that a Python programmer would expect there.
"""


class FaceganError(Exception):
    """Anything facegan refuses to do; the command line prints it as one line."""


class ConfigError(FaceganError, ValueError):
    """A setting, shape or argument that cannot work."""


class DataError(FaceganError, ValueError):
    """Images that are missing, broken, hostile or too few."""


class DownloadError(DataError, OSError):
    """A data set that no mirror could deliver, or that is not what it should be."""


class CheckpointError(FaceganError, RuntimeError):
    """A checkpoint or exported generator that cannot be written, read or trusted."""


class DamagedCheckpoint(CheckpointError):
    """A checkpoint whose bytes are wrong; an earlier one may be sound."""


class TrainingError(FaceganError, RuntimeError):
    """Training that cannot go on: diverged, or out of memory."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its kind when it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
