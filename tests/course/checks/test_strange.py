"""Whatever a student's function is or returns, the feedback is about it, and never the checker's own exception."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from facegan.course.catalog import exercises
from facegan.course.exercise import run_check

TABLE = exercises()


class Odd(nn.Module):
    """A module with a parameter whose forward gives what it is told to."""

    def __init__(self, give=None):
        super().__init__()
        self.part, self.give = nn.Linear(2, 2), give

    def forward(self, x):
        return self.give(x)


class TwoInputs(Odd):
    def forward(self, x, y):
        return x


def some_tensor(arguments):
    for argument in arguments:
        if isinstance(argument, torch.Tensor):
            return argument
        if isinstance(argument, dict):
            return torch.from_numpy(argument["d_real"])
    return torch.zeros(4, 3)


CHANGES = {
    "bool": lambda x: x.bool(), "long": lambda x: x.long(), "half": lambda x: x.half(), "complex": lambda x: x + 0j,
    "empty": lambda x: torch.empty(0), "no rows": lambda x: x[:0], "nan": lambda x: x * torch.nan,
    "number": lambda x: torch.tensor(3.0), "meta": lambda x: x.to("meta"), "sparse": lambda x: x.float().to_sparse(),
    "with gradient": lambda x: x.float().clone().requires_grad_() * 2,
    "huge": lambda x: torch.full_like(x.float(), 1e30),
    "many dimensions": lambda x: x[(None,) * 8], "zeros": lambda x: torch.zeros_like(x),
    "nested": lambda x: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
}  # fmt: skip
RESULTS = {
    "None": None, "text": "text", "int": 3, "nan": float("nan"), "bool": True, "complex": 1j, "empty tuple": (),
    "three": (1, 2, 3), "texts": ("a", "b"), "Nones": (None, None), "dict": {"a": 1}, "array": np.zeros(3),
    "objects": np.array([None]), "class": dict, "error": ValueError("x"), "function": len, "module": Odd(),
    "two inputs": TwoInputs(), "no forward": nn.ModuleList([nn.Linear(2, 2)]), "lazy": nn.LazyConv2d(4, 3),
    "name": ("noise", 0.5), "name, None": ("noise", None), "name, complex": ("noise", torch.tensor(1j)),
    "name, meta": ("noise", torch.zeros(2, device="meta"), 1.0), "name, empty": ("noise", np.array([]), 0.0),
}  # fmt: skip


def yields(*arguments):
    yield 1


def keyword_only(*, a):
    return a


FUNCTIONS = {
    "yield": yields, "keyword only": keyword_only, "no arguments": lambda: 1, "class": dict, "len": len,
    "layer": nn.Linear,
    "text": "hello", "number": 3, "eight": lambda a, b, c, d, e, f, g, h: 1, "itself": lambda *a: a[0],
}  # fmt: skip


def candidates():
    yield from FUNCTIONS.items()
    for name, result in RESULTS.items():
        yield f"returns {name}", lambda *a, result=result: result
        yield f"module of {name}", lambda *a, result=result: Odd(lambda x: result)
    for name, change in CHANGES.items():
        yield f"tensor, {name}", lambda *a, change=change: change(some_tensor(a))
        yield f"pair, {name}", lambda *a, change=change: (change(some_tensor(a)),) * 2
        yield f"module of tensor, {name}", lambda *a, change=change: Odd(change)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_strange_functions_and_results_are_told_apart_from_right_ones(name):
    for kind, function in candidates():
        result = run_check(TABLE[name], function)
        told = f"{kind}: {result.feedback}"
        assert not result.passes, told
        assert result.status == "wrong" or kind == "returns None", told
        assert not re.match(r"(?!it raised)\w+(Error|Exception)\b", result.feedback), told
        assert "facegan" not in result.feedback, told
        assert "cannot be used" not in result.feedback, told
