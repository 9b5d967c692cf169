"""The exercises of the course: catalog, checks, reference solutions, and grading."""

from importlib import import_module

_MODULES = (
    "answers",
    "catalog",
    "checks",
    "copies",
    "exercise",
    "grading",
    "individual",
    "kept",
    "notebook",
    "plan",
    "questions",
    "solutions",
    "solved",
    "written",
)  # imported on first use


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"facegan.course.{name}")
    raise AttributeError(f"module 'facegan.course' has no attribute {name!r}")
