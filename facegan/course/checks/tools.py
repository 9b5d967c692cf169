"""What all checks share: calling a student's function safely, and saying what is wrong with its result."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class CheckFailed(Exception):
    """What is wrong with a student's solution, in words that help."""


def check(condition: Any, message: str) -> None:
    """Raise `CheckFailed` unless `condition` holds."""
    if not condition:
        raise CheckFailed(message)


_remarks: list[str] = []
_notes: list[str] = []


def remark(condition: Any, message: str) -> None:
    """If `condition` holds, the solution works but ignores what the text asks: `message` completes "right, but"."""
    if condition:
        _remarks.append(message)


def note(condition: Any, message: str) -> None:
    """If `condition` holds, add the sentence `message` to the feedback of a solution that is right."""
    if condition:
        _notes.append(message)


def taken_remarks() -> tuple[str, str]:
    """The first remark and the first note since the last call; empty strings if there is none."""
    said = (_remarks[0] if _remarks else ""), (_notes[0] if _notes else "")
    _remarks.clear()
    _notes.clear()
    return said


def call(function: Callable, *inputs: Any, changes: bool = False) -> Any:
    """The function's result; a `CheckFailed` when it raises, returns nothing, or changes its inputs."""
    given = copy.deepcopy(inputs) if not changes else inputs
    try:
        result = function(*given)
    except CheckFailed:
        raise
    except Exception as error:
        if isinstance(error, NotImplementedError) and _raised_by(error, function):
            raise  # torch raises it, too
        raise CheckFailed(_describe(error, function)) from None
    if not changes:
        for before, after in zip(inputs, given, strict=True):
            same = torch.equal(before, after) if isinstance(before, Tensor) else True
            check(same, "it changes its input in place; whoever gave it may still need it. Make a copy.")
        check(result is not None, "it returns nothing (None). Is a return missing?")
    return result


def tensor(function: Callable, *inputs: Any, shape: Sequence[int] | None = None) -> Tensor:
    """`call`, and the result must be a tensor of that shape."""
    result = call(function, *inputs)
    check(isinstance(result, Tensor), f"it returns a {type(result).__name__}, not a tensor.")
    if shape is not None:
        check(
            tuple(result.shape) == tuple(shape),
            f"it returns shape {tuple(result.shape)}, expected {tuple(shape)} for input {_shapes(inputs)}.",
        )
    return result


def _shapes(inputs: Sequence[Any]) -> str:
    return ", ".join(str(tuple(i.shape)) if isinstance(i, Tensor) else repr(i) for i in inputs)


def _file_of(function: Callable) -> str | None:
    function = getattr(function, "func", function)  # of a partial
    return getattr(getattr(function, "__code__", None), "co_filename", None)


def _raised_by(error: Exception, function: Callable) -> bool:
    """Whether a `raise` in the function's own file raised the error."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return last.filename == _file_of(function) and (last.line or "raise").startswith("raise")


def _describe(error: Exception, function: Callable) -> str:
    if isinstance(error, RecursionError):
        return "it calls itself again and again and never ends."
    first = (str(error).strip().splitlines() or [""])[0]
    file = _file_of(function)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f", at `{lines[-1].line}`" if lines and lines[-1].line else ""
    return f"it raised {type(error).__name__}: {first}{where}."


def close(a: Tensor, b: Any, tolerance: float = 1e-4) -> bool:
    """Whether all numbers agree."""
    a, b = a.detach().double(), torch.as_tensor(b).double()
    return torch.allclose(a, b, atol=tolerance, rtol=tolerance)


def refuse(got: Tensor, wrong: dict[str, Any]) -> None:
    """Raise `CheckFailed` with the first message whose value is what we got."""
    for message, value in wrong.items():
        value = torch.as_tensor(value)
        check(got.shape != value.shape or not close(got, value), message)


def kind_of(result: Any) -> str:
    """What a function has returned, in words."""
    if isinstance(result, Tensor):
        return f"a tensor {tuple(result.shape)}"
    return f"{len(result)} values" if isinstance(result, tuple | list) else f"a {type(result).__name__}"
