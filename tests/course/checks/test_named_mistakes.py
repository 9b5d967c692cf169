"""Every mistake that a table of the checks names is made by some wrong variant, so that a test sees its sentence."""

import importlib
import pkgutil

import pytest
from helpers.exercise_variants import WRONG

from facegan.course import checks
from facegan.course.catalog import exercises
from facegan.course.checks import tools
from facegan.course.exercise import run_check


@pytest.mark.slow
def test_every_sentence_of_the_tables_is_said_to_some_variant(monkeypatch):
    named, said, refuse = set(), set(), tools.refuse

    def noting(got, wrong):
        named.update(wrong)
        refuse(got, wrong)

    for found in pkgutil.iter_modules(checks.__path__):
        module = importlib.import_module(f"{checks.__name__}.{found.name}")
        if getattr(module, "refuse", None) is refuse:
            monkeypatch.setattr(module, "refuse", noting)
    for name, variants in WRONG.items():
        said |= {run_check(exercises()[name], function).feedback for function, _ in variants}
    assert named
    assert not named - said, "\n".join(sorted(named - said))
