"""Compares the name and numbers of a failure with the correct ones.

Names are compared by their letters only. The list of names is `facegan.doctor.VERDICTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from facegan.course.checks.tools import CheckFailed, call, check, close, kind_of
from facegan.doctor import VERDICTS

Numbers = dict[str, Any]  # by feedback

_FACES = "that describes the effect on the faces; the number shows the cause"
_END = "that describes the end, after step 1,200; the number is about the steps before it"
FITS: dict[int, tuple[str, dict[str, str]]] = {
    1: ("D has won", {
        "nothing changes": _FACES,
        "checkerboard": "the number is about D's outputs, not about the faces",
        "D pulls away": "D is further ahead than that: how certain is D in the last 200 steps?",
        "no gradient reaches G": "G's gradient is larger than D's here",
        "learning rate too high": "D's outputs hardly jump in the last 200 steps",
    }),
    2: ("no gradient reaches G", {
        "D has won": "D has won, but patient 1's D had won, too, while G's gradient was larger than D's. What is "
        "different here?",
        "nothing changes": _FACES,
        "noise": _FACES,
    }),
    3: ("D is fooled", {
        "noise": _FACES,
        "D has won": "which of the two curves is above the other?",
        "D pulls away": "which of the two curves is above the other?",
        "mode collapse": "the number is about D's outputs, not about how much the faces differ",
    }),
    4: ("learning rate too high", {
        "D has won": _END,
        "D pulls away": _END,
        "noise": _END,
        "numerical failure": "all numbers are finite",
    }),
    5: ("mode collapse", {
        "D is fooled": "D is fooled in some steps, but the number is about the faces: how much do they differ?",
        "noise": "the number is about how much the faces differ",
        "checkerboard": "the number is about how much the faces differ",
    }),
    6: ("D overfits", {
        "D pulls away": "the curves show that, but not the cause. The number compares faces that D was trained on with others",
        "D has won": "on which faces? The number compares faces that D was trained on with others",
        "learning rate too high": "the number compares faces that D was trained on with others",
    }),
}  # fmt: skip


class Case(NamedTuple):
    """A case for a check: the inputs, the correct numbers, and those of known mistakes."""

    where: str
    inputs: tuple[Any, ...]
    right: Sequence[float]
    wrong: Numbers
    within: Sequence[float] = ()  # bounds; a first number between them is right, too
    tolerance: float = 1e-4

    def fits(self, got: Sequence[float]) -> bool:
        inside = len(self.within) and self.within[0] * 0.9999 <= got[0] <= self.within[1] * 1.0001
        return bool(inside) or self.same(got, self.right)

    def same(self, got: Sequence[float], numbers: Any) -> bool:
        """Whether the numbers are equal, up to a tolerance relative to the correct ones."""
        size = min(1.0, max(abs(float(number)) for number in self.right))
        value = torch.as_tensor(numbers).double().reshape(-1)
        return value.shape == (len(got),) and close(torch.tensor(got).double(), value, self.tolerance * size)

    def rounded(self, got: Sequence[float]) -> bool:
        wanted = torch.tensor(self.right, dtype=torch.float64)
        values = [wanted.mul(10**digits).round() / 10**digits for digits in (1, 2, 3, 4)]
        return any(close(torch.tensor(got).double(), value, 1e-6) for value in values)


def compare(function: Callable, number: int, cases: Sequence[Case]) -> list[list[float]]:
    """Call the function for each case, compare its numbers, then its names, and return the numbers.

    A known mistake is named only if it explains the numbers of all cases.
    """
    given = [_answer(call(function, *case.inputs), len(case.right)) for case in cases]
    got = [numbers for _, numbers in given]
    pairs = list(zip(cases, got, strict=True))
    wrong = [(case, numbers) for case, numbers in pairs if not case.fits(numbers)]
    if wrong:
        near = all(case.fits(numbers) or case.rounded(numbers) for case, numbers in pairs)
        check(not near or not any(map(any, got)), "do not round the number.")
        first, numbers = wrong[0]
        constant = len(cases) > 1 and all(found == got[0] for found in got)
        check(
            not constant or not any(got[0]),
            "it gives the same value for every run: compute it from the arguments.",
        )
        shared = [said for said in first.wrong if all(said in case.wrong for case in cases)]
        for said in shared:
            explains = all(case.same(found, case.wrong[said]) for case, found in pairs)
            check(not explains, f"{first.where}: {said}")
        check(not constant, "it gives 0 for every run: compute it from the arguments.")
        raise CheckFailed(f"{first.where}: it gives {_listed(numbers)}, expected {_listed(first.right)}.")
    for name, _ in given:
        _check_name(name, number)
    return got


def _listed(numbers: Sequence[float]) -> str:
    return " and ".join(f"{number:.5g}" for number in numbers)


def _answer(result: Any, count: int) -> tuple[str, list[float]]:
    """A name and `count` numbers from a function's result."""
    many = "a number" if count == 1 else f"{count} numbers"
    expected = (
        f'expected the failure\'s name and {many}, such as: return "noise", {", ".join(["0.5"] * count)}'
    )
    check(isinstance(result, tuple | list) and len(result), f"it returns {kind_of(result)}, {expected}.")
    name, *rest = result
    check(isinstance(name, str), f"its first value is {kind_of(name)}, {expected}.")
    if len(rest) == 1 and isinstance(rest[0], tuple | list | np.ndarray | Tensor) and count > 1:
        rest = list(rest[0]) if getattr(rest[0], "ndim", 1) else rest
    check(len(rest) == count, f"it returns a name and {len(rest)} values, {expected}.")
    return name, [_number(value, expected) for value in rest]


def _number(value: Any, expected: str) -> float:
    if isinstance(value, Tensor | np.ndarray):
        count = value.numel() if isinstance(value, Tensor) else value.size
        check(count == 1, f"it returns {count} numbers where one is expected; {expected}.")
        check(
            isinstance(value, np.ndarray) or value.device.type == "cpu",
            f"its number is on the device {value.device}.",
        )
        value = value.reshape(-1).tolist()[0]
    number = isinstance(value, Real | np.floating) and not isinstance(value, bool)
    check(number, f"it returns {kind_of(value)} where a number is expected; {expected}.")
    value = float(value)
    check(
        np.isfinite(value),
        f"its number is {value}. Is something divided by 0, or is the mean of an empty array taken?",
    )
    return value


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold())


def _check_name(name: str, number: int) -> None:
    known = {_letters(key): key for key in VERDICTS}
    found = known.get(_letters(name))
    if found is None:
        raise CheckFailed(
            f"the numbers are right, but {name!r} is not in the list of names: {', '.join(VERDICTS)}."
        )
    right, said = FITS[number]
    why = said.get(found, "compare its row in the table of failures with your number and with the charts")
    check(
        found == right,
        f"the numbers are right, but the name {found!r} does not fit: {why.removesuffix('.')}{'' if why.endswith('?') else '.'}",
    )
