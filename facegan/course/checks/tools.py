"""Tools for checks: calling a student's function safely, and feedback on its result."""

from __future__ import annotations

import copy
import functools
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan.course.checks.errors import describe, kind_of, parameters


class CheckFailed(Exception):
    """The feedback on a wrong solution."""


def check(condition: Any, message: str) -> None:
    """Raise `CheckFailed` unless `condition` holds."""
    if not condition:
        raise CheckFailed(message)


_remarks: list[str] = []
_notes: list[str] = []


def remark(condition: Any, message: str) -> None:
    """If `condition` is true, the solution works but ignores the text; `message` completes "right, but"."""
    if condition:
        _remarks.append(message)


def note(condition: Any, message: str) -> None:
    """If `condition` is true, add the sentence `message` to the feedback on a correct solution."""
    if condition:
        _notes.append(message)


def taken_remarks() -> tuple[str, str]:
    """The first remark and the first note since the last call; empty strings if there is none."""
    said = (_remarks[0] if _remarks else ""), (_notes[0] if _notes else "")
    _remarks.clear()
    _notes.clear()
    return said


class NotDone(NotImplementedError):
    """A student's function raises NotImplementedError, so it is not implemented yet."""


def called_with(*names: str) -> Callable[[Callable[[Callable], None]], Callable[[Callable], None]]:
    """Decorator of a check: the student's function takes arguments of these names, by position, and nothing else.

    If a strange result causes an error in the check itself, this becomes a `CheckFailed`, too.
    """

    def decorate(verify: Callable[[Callable], None]) -> Callable[[Callable], None]:
        @functools.wraps(verify)
        def guarded(function: Callable) -> None:
            check(callable(function), f"it is {kind_of(function)}, expected a function.")
            wrong = parameters(function, names)
            check(not wrong, wrong)
            try:
                verify(function)
            except (CheckFailed, NotDone):
                raise
            except Exception as error:
                kind = type(error).__name__
                raise CheckFailed(f"its result cannot be used ({kind}). Is it of the right type?") from None

        return guarded

    return decorate


def call(function: Callable, *inputs: Any, changes: bool = False) -> Any:
    """The function's result. Raises `CheckFailed` if it raises, returns None, or changes its inputs."""
    given = copy.deepcopy(inputs) if not changes else inputs
    try:
        result = function(*given)
    except CheckFailed:
        raise
    except Exception as error:
        if isinstance(error, NotImplementedError) and _raised_by(error, function):
            raise NotDone from None  # torch raises NotImplementedError, too
        raise CheckFailed(describe(error)) from None
    if not changes:
        for before, after in zip(inputs, given, strict=True):
            check(
                _same(before, after),
                "it modifies its input in place; work on a copy.",
            )
        check(result is not None, "it returns nothing (None). Is a return missing?")
    return result


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, Tensor):
        return torch.equal(before, after)
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after, equal_nan=True)
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    return True


def tensor(
    function: Callable,
    *inputs: Any,
    shape: Sequence[int] | None = None,
    finite: bool = True,
    floats: bool = False,
) -> Tensor:
    """`call` with a check that the result is a tensor of that shape, and of a floating dtype if required."""
    result = call(function, *inputs)
    check(isinstance(result, Tensor), f"it returns {kind_of(result)}, expected a tensor.")
    usable(result, "its result", finite=finite)
    check(result.is_floating_point() or not floats, f"it returns {result.dtype}, expected floats.")
    if shape is not None:
        given, expected = tuple(result.shape), tuple(shape)
        check(
            given == expected, f"it returns shape {given}, expected {expected} for input {_shapes(inputs)}."
        )
    return result


def usable(result: Tensor, what: str, *, finite: bool = True) -> Tensor:
    """Return the tensor if it is an ordinary real one on the CPU."""
    plain = not (result.is_nested or result.is_quantized) and result.layout == torch.strided
    check(plain, f"{what} is sparse, nested or quantized, expected an ordinary tensor.")
    check(
        result.device.type == "cpu", f"{what} is on the device {result.device.type!r}. Leave it on the CPU."
    )
    check(not result.is_complex(), f"{what} has complex numbers ({result.dtype}), expected real ones.")
    check(
        not finite or bool(result.isfinite().all()),
        f"{what} contains NaN or infinity: something is divided by 0, or too large.",
    )
    return result


def _shapes(inputs: Sequence[Any]) -> str:
    return ", ".join(str(tuple(i.shape)) if isinstance(i, Tensor) else repr(i) for i in inputs)


def _raised_by(error: Exception, function: Callable) -> bool:
    """Whether a `raise` in the function's own file raised the error."""
    function = getattr(function, "func", function)  # of a partial
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return last.filename == file and (last.line or "raise").startswith("raise")


def close(a: Tensor, b: Any, tolerance: float = 1e-4) -> bool:
    """Whether all numbers agree."""
    a, b = a.detach().double(), torch.as_tensor(b).double()
    return torch.allclose(a, b, atol=tolerance, rtol=tolerance)


def refuse(got: Tensor, wrong: dict[str, Any]) -> None:
    """Raise `CheckFailed` with the first message whose value equals `got`."""
    for message, value in wrong.items():
        value = torch.as_tensor(value)
        check(got.shape != value.shape or not close(got, value), message)


__all__ = [
    "CheckFailed", "NotDone", "call", "called_with", "check", "close", "kind_of", "note", "refuse", "remark", "taken_remarks",
    "tensor", "usable",
]  # fmt: skip
