"""`facegan.widgets.explore` is the function, also after its module of the same name is imported."""

import importlib
import inspect
import subprocess
import sys

import pytest

from facegan import widgets

NAMES = ("arithmetic", "compare", "explore", "morph", "plane", "step", "timeline")


@pytest.mark.parametrize("name", NAMES)
def test_a_widgets_name_is_its_function(name):
    assert inspect.isfunction(getattr(widgets, name))


@pytest.mark.parametrize("name", NAMES)
def test_importing_the_module_leaves_the_function(name):
    module = importlib.import_module(f"facegan.widgets.{name}")
    assert inspect.ismodule(module)
    assert getattr(widgets, name) is getattr(module, name)


@pytest.mark.slow
def test_a_module_imported_first_of_all_leaves_the_function():
    code = "import facegan.widgets.explore as e, facegan as fg; print(e is fg.widgets.explore, callable(e))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"
