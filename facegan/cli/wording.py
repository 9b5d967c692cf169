"""Rewrites the library's messages for the command line: `batch_size=8` becomes `--batch-size 8`.

Messages name settings and arguments as in Python. In the errors and warnings of every command, they are replaced with
the command's options, so that a message only needs to be written once.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

import typer

from facegan.errors import FaceganError

# Not inside a path, a quoted string, a call, or another word.
_NAME = r"(?<![\w/\\.'\"=-])([a-z][a-z0-9_]*)"
_SETTING = re.compile(_NAME + r"=('[^']*'|[\w+:-]+(?:\.[\w+-]+)*)(?![\w/\\(])")
_PLAIN = re.compile(r"[\w.+:-]+")  # needs no quotes in a shell
_BARE = re.compile(_NAME + r"(?![\w/\\'\"(=-]|\.\w)")


def in_options(message: str, names: Collection[str]) -> str:
    """Rewrite a message, with settings as command-line options.

    Args:
        message: message of an error or a warning.
        names: names of the options in Python.

    >>> in_options("set flip=False or width_d=8, or resume='anyway'", {"flip", "width_d", "resume_anyway"})
    'set --no-flip or --width-d 8, or --resume-anyway'
    """

    def setting(found: re.Match[str]) -> str:
        name, value = found[1], found[2].strip("'")
        if f"{name}_{value}" in names:
            return _option(f"{name}_{value}")
        if name not in names:
            return found[0]
        if value in {"True", "False"}:
            return _option(name if value == "True" else f"no_{name}")
        return f"{_option(name)} {value if _PLAIN.fullmatch(value) else found[2]}"

    def bare(found: re.Match[str]) -> str:
        return _option(found[1]) if "_" in found[1] and found[1] in names else found[0]

    return _BARE.sub(bare, _SETTING.sub(setting, message))


def reword(app: typer.Typer) -> None:
    """Rewrite the messages of every command of an app and of its groups."""
    for command in app.registered_commands:
        if command.callback:
            command.callback = _worded(command.callback)
    for group in app.registered_groups:
        if group.typer_instance:
            reword(group.typer_instance)


def _worded(command: Callable[..., Any]) -> Callable[..., Any]:
    names = frozenset(inspect.signature(command).parameters)

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        show = warnings.showwarning
        warnings.showwarning = lambda message, *rest: show(in_options(str(message), names), *rest)
        try:
            return command(*arguments, **options)
        except FaceganError as error:
            error.args = (in_options(str(error), names),)
            raise
        finally:
            warnings.showwarning = show

    return run


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
