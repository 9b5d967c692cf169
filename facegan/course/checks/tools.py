"""Tools for checks: safe calls of a student's function, and feedback on its result."""

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
    """If `condition` is true, add a remark: the solution works but differs from the text; `message` follows "right, but"."""
    if condition:
        _remarks.append(message)


def note(condition: Any, message: str) -> None:
    """If `condition` is true, add the sentence `message` to the feedback on a correct solution."""
    if condition:
        _notes.append(message)


def taken_remarks() -> tuple[str, str]:
    """Return and clear the first remark and the first note since the last call; '' for each that is missing."""
    said = (_remarks[0] if _remarks else ""), (_notes[0] if _notes else "")
    _remarks.clear()
    _notes.clear()
    return said


class NotDone(NotImplementedError):
    """Raised for a student's function that raises NotImplementedError, so it is not implemented yet."""


def called_with(*names: str) -> Callable[[Callable[[Callable], None]], Callable[[Callable], None]]:
    """Decorator of a check whose student's function takes exactly these arguments, by position.

    An error in the check itself, caused by an unusable result, also becomes a `CheckFailed`.

    Args:
        names: the names of the arguments.
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
                raise CheckFailed(
                    f"its result cannot be used ({kind}). Does it have the right type?"
                ) from None

        return guarded

    return decorate


def call(function: Callable, *inputs: Any, changes: bool = False) -> Any:
    """Return the function's result.

    Args:
        function: the student's function.
        inputs: its arguments; the function gets copies of them unless `changes`.
        changes: whether the function may change its inputs and return None.

    Raises:
        CheckFailed: the function raises an error, returns None, or changes its inputs.
        NotDone: the function raises NotImplementedError.
    """
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
    """Return the result of `call`, checked to be a tensor.

    Args:
        function: the student's function.
        inputs: its arguments.
        shape: the expected shape; None accepts any.
        finite: whether the result must be finite.
        floats: whether the result must have a floating dtype.

    Raises:
        CheckFailed: the result is wrong in one of these ways, or `call` raises it.
        NotDone: the function raises NotImplementedError.
    """
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
    """Return the tensor if it is dense, real, and on the CPU (and finite if required); else raise `CheckFailed`."""
    plain = not (result.is_nested or result.is_quantized) and result.layout == torch.strided
    check(plain, f"{what} is sparse, nested, or quantized, expected an ordinary tensor.")
    check(
        result.device.type == "cpu", f"{what} is on the device {result.device.type!r}. Leave it on the CPU."
    )
    check(not result.is_complex(), f"{what} has complex numbers ({result.dtype}), expected real ones.")
    check(
        not finite or bool(result.isfinite().all()),
        f"{what} contains NaN or infinity: something is divided by 0 or is too large.",
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
    """Whether all numbers agree, up to the same absolute and relative tolerance."""
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
