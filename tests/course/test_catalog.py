"""The table of exercises: in step with the notebooks' stubs."""

import ast
import inspect
from pathlib import Path

import pytest

from facegan.course.catalog import exercises, find
from facegan.errors import ConfigError

SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "src").glob("*.py"))
TABLE = exercises()


def exercise_of(function):
    """The name in a stub's @fg.exercise("name"), if it has one."""
    calls = (d for d in function.decorator_list if isinstance(d, ast.Call))
    return next((c.args[0].value for c in calls if ast.unparse(c.func) == "fg.exercise"), None)


STUBS = {
    exercise_of(node): node
    for source in SOURCES
    for node in ast.parse(source.read_text()).body
    if isinstance(node, ast.FunctionDef) and exercise_of(node)
}


def test_every_exercise_has_a_stub_in_a_notebook():
    assert list(STUBS) == list(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_a_solution_has_the_parameters_of_its_stub(name):
    given = STUBS[name].args
    defaults = [ast.literal_eval(value) for value in given.defaults]
    parameters = inspect.signature(TABLE[name].solution).parameters.values()
    assert [p.name for p in parameters] == [argument.arg for argument in given.args]
    assert [p.default for p in parameters if p.default is not p.empty] == defaults


@pytest.mark.parametrize("name", TABLE)
def test_a_solution_that_is_written_for_the_course_has_the_name_of_its_stub(name):
    solution = TABLE[name].solution
    if solution.__module__ == "facegan.course.solutions":
        assert solution.__name__ == STUBS[name].name


@pytest.mark.parametrize("name", TABLE)
def test_an_exercise_has_three_hints(name):
    assert len(TABLE[name].hints) == 3


def test_a_changed_copy_of_the_table_changes_nothing():
    exercises().clear()
    assert exercises() == TABLE


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match="no exercise is called 'sclae'; choose one of scale, unscale"):
        find("sclae")
