"""The command line, `facegan` or `python -m facegan`.

Exit codes: 0 success; 1 error, with a one-line message; 2 wrong usage; 130 interrupted (and saved). `doctor` has other
exit codes.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Annotated

import typer

from facegan.cli import bench, course, data, doctor, grade, instructors, runs, train
from facegan.cli.wording import reword
from facegan.errors import DownloadError, FaceganError, printable
from facegan.version import __version__

app = typer.Typer(
    help="Train, sample, and explore GANs that generate faces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (
    train.with_settings(train.train), train.recipes,
    runs.sample, runs.walk, runs.export, runs.info, runs.results, runs.copies,
    doctor.doctor,
    course.course, course.submit, grade.grade, grade.autograder, instructors.solutions,
)  # fmt: skip


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"facegan {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None: ...


for command in COMMANDS:
    app.command()(command)
app.add_typer(data.app, name="data")
app.add_typer(bench.app, name="bench")
reword(app)


def main() -> None:
    """Run the command line; errors are one line on stderr, not a traceback."""
    _open_standard_files()
    warnings.showwarning = lambda message, *_: print(f"facegan: {message}", file=sys.stderr)
    try:
        _run()
    except SystemExit as end:
        if os.environ.get("WORLD_SIZE", "1") not in {"", "1"}:
            _leave(end)
        raise


def _open_standard_files() -> None:
    """Open standard streams that the caller has closed, so that no other file gets their descriptors and the output.

    Characters that a stream cannot encode are escaped.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for characters that its encoding does not support


def _leave(end: SystemExit) -> None:
    """Exit one of several processes immediately, because gloo's threads sometimes abort Python's shutdown."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))


def _run() -> None:
    try:
        app()
    except FaceganError as error:
        print(f"facegan: {error}", file=sys.stderr)
        if isinstance(error, DownloadError):
            print(
                "In the meantime, --data synthetic trains on drawn faces, without a download.",
                file=sys.stderr,
            )
        raise SystemExit(1) from None
    except OSError as error:
        print(printable(f"facegan: {error.strerror or error}: {error.filename or ''}"), file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
