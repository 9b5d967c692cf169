"""Docstrings of the public interface: every function says what it takes and raises."""

import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass

import pytest

import facegan
from facegan import errors, evaluation, models, plane, widgets


def public():
    """Functions, and public methods of classes, that users can import by a documented name."""
    for module in (facegan, evaluation, models, plane, widgets):
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isclass(found):
                yield f"{module.__name__}.{name}", found
                for part, method in vars(found).items():
                    if inspect.isfunction(method) and not part.startswith("_") and part != "forward":
                        yield f"{module.__name__}.{name}.{part}", method
            elif inspect.isfunction(found):
                yield f"{module.__name__}.{name}", found


PUBLIC = dict(public())


@pytest.mark.parametrize("name", PUBLIC)
def test_arguments_are_described_where_there_is_more_than_one(name):
    """The fields of a dataclass are described by their annotations or under Attributes."""
    found = PUBLIC[name]
    doc = inspect.getdoc(found)
    assert doc
    call = found.__init__ if inspect.isclass(found) else found
    arguments = [*inspect.signature(call).parameters] if inspect.isfunction(call) else []
    missing = [name for name in arguments if name != "self" and not re.search(rf"\b{name}\b", doc)]
    refers = re.search("see `|as for `", doc) or is_dataclass(found)
    assert refers or not missing or len({*arguments} - {"self"}) == 1


@pytest.mark.parametrize("name", [name for name, found in PUBLIC.items() if inspect.isfunction(found)])
def test_every_error_that_it_raises_is_described(name):
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(PUBLIC[name]))))
    calls = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
    raised = {
        call.func.id for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }
    for error in raised & set(vars(errors)):
        assert error in inspect.getdoc(PUBLIC[name])
