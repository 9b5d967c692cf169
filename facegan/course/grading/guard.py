"""Detects answers that call the library's own solutions, and code that changes the grader."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import torch

from facegan.course import catalog, checks
from facegan.course.exercise import Result

_TWINS = {
    "scale": "images.to_float",
    "unscale": "images.to_uint8",
    "center_crop": "images.center_crop",
    "contact_sheet": "images.make_grid",
    "output_size": "models.dcgan.output_size",
    "generator_block": "models.dcgan.generator_block models.dcgan.ModulatedBlock models.dcgan.Generator",
    "generator": "models.dcgan.Generator",
    "discriminator": "models.dcgan.Discriminator",
    "init_weights": "models.dcgan.init_weights",
    "discriminator_loss": "losses.bce_discriminator",
    "generator_loss": "losses.bce_generator",
    "train_step": "training.step.train_step training.step.update_networks training.step.update_discriminator "
    "training.step.update_generator training.single.step_discriminator training.single.step_generator",
    "update_average": "training.step.update_average",
    "slerp": "latent.slerp",
    "latent_walk": "latent.walk",
    "attribute_direction": "latent.attribute_direction",
    "dirac_gradients": "plane.dirac_gan.field",
    "alternating_step": "plane.dirac_gan.trajectory",
    "r1_penalty": "losses.r1_penalty losses.gradient_penalty",
    "modes_covered": "plane.data.covered",
}  # functions of the library that solve an exercise
_PACKAGE = Path(import_module("facegan").__file__ or "").parent
_JUDGE = (str(_PACKAGE / "course" / "checks"), str(_PACKAGE / "course" / "exercise.py"))
INSTALLED = tuple({str(_PACKAGE), sys.prefix, sys.base_prefix, "<frozen"})
_LAZY = {"__doc__", "__dict__", "__weakref__", "_abc_impl", "__annotations__"}  # lazy attributes of a class
_WATCHED = (
    "__main__",
    "copy",
    "json",
    "torch",
    "torch.nn",
    "torch.nn.modules.module",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.autograd",
    "torch.random",
    "math",
    "builtins",
)


_gettrace = sys.gettrace


def twins(name: str) -> dict[CodeType, str]:
    """Return the code objects that solve an exercise, with their names for feedback."""
    solution = catalog.find(name).solution
    found = dict.fromkeys(_codes(solution), f"the course's own solution of {name}")
    for path in _TWINS.get(name, "").split():
        module, _, attribute = path.rpartition(".")
        value = getattr(import_module(f"facegan.{module}"), attribute)
        found |= dict.fromkeys(_codes(value), f"facegan.{path}, which is the library's own solution")
    return found


def _codes(value: Any) -> Iterator[CodeType]:
    for member in vars(value).values() if isinstance(value, type) else [value]:
        function = getattr(member, "__func__", getattr(member, "func", member))
        code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
        if isinstance(code, CodeType):
            yield code


@contextmanager
def no_delegation(
    name: str, function: Any, leave: Callable[[], None] | None = None
) -> Iterator[Callable[[Result], Result]]:
    """A context for a check of `function`; yields a function that makes its result 'wrong' if a twin was called.

    Args:
        name: the name of the exercise.
        function: the student's function.
        leave: called each time the student's code returns to the check.
    """
    known = twins(name)
    seen = [known[code] for code in _codes(function) if code in known]

    def returned(frame: FrameType, event: str, _: Any) -> Any:
        if event == "return" and leave is not None:
            leave()
        return returned

    def watch(frame: FrameType, event: str, _: Any) -> Any:
        if event == "call" and frame.f_code in known and _is_from_student(frame.f_back):
            seen.append(known[frame.f_code])
        if _is_students(frame) and not (frame.f_back and _is_students(frame.f_back)):
            frame.f_trace_lines = False
            return returned
        return None

    def corrected(result: Result) -> Result:
        if not (seen and result.passes):
            return result
        return Result(name, "wrong", f"it calls {seen[0]}. Write it yourself, with torch.")

    before = _gettrace()
    threading.settrace(watch)
    sys.settrace(watch)
    try:
        yield corrected
    finally:
        if _gettrace() is not watch:
            seen.append("sys.settrace, which the grader uses")
        sys.settrace(before)
        threading.settrace(before)


def _is_students(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith(INSTALLED)


def _is_from_student(frame: FrameType | None) -> bool:
    """Whether a call comes from a student's function, not from the check itself."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_JUDGE):
            return False
        if not file.startswith(INSTALLED):
            return True
        frame = frame.f_back
    return True  # the call is the first frame of a thread that a student's function started


def fingerprint() -> dict[tuple[str, str], Any]:
    """Return the objects that checks rely on: those of facegan's modules, and parts of torch and Python."""
    found: dict[tuple[str, str], Any] = {}
    for name, module in list(sys.modules.items()):
        if module is not None and (name.split(".")[0] == "facegan" or name in _WATCHED):
            found |= _of_module(name, module)
    found |= {("exercise", name): vars(each).copy() for name, each in catalog.exercises().items()}
    for kind in (checks.CheckFailed, torch.Tensor):
        found |= {(kind.__name__, key): inspect.getattr_static(kind, key) for key in dir(kind)}
    found["Tensor", "__subclasses__"] = tuple(_foreign_subclasses(torch.Tensor))
    found["torch.overrides", "TorchFunctionMode"] = torch._C._len_torch_function_stack()
    return found


def _foreign_subclasses(kind: type) -> Iterator[type]:
    """Subclasses that are not in their module, which means that a student's code defined them."""
    made: type
    for made in kind.__subclasses__():
        if getattr(sys.modules.get(made.__module__), made.__qualname__, None) is not made:
            yield made
        yield from _foreign_subclasses(made)


def snapshot() -> Callable[[], bool]:
    """Return a function that checks, 100 times as fast as `changed`, whether all objects are still the same."""
    modules = [m for name, m in sys.modules.items() if name.split(".")[0] == "facegan" or name in _WATCHED]
    owners = [*filter(None, modules), checks.CheckFailed, Result, torch.Tensor]
    before = [(owner, dict(vars(owner))) for owner in owners]
    subclasses = len(torch.Tensor.__subclasses__())

    def is_same() -> bool:
        with suppress(Exception):  # values that cannot be compared are not the same
            return (
                not torch._C._len_torch_function_stack()
                and len(torch.Tensor.__subclasses__()) == subclasses
                and all(dict(vars(owner)) == names for owner, names in before)
            )
        return False

    return is_same


def _of_module(name: str, module: ModuleType) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for key, value in list(vars(module).items()):
        if key == "exercise" or sys.modules.get(f"{name}.{key}") is value:
            continue  # the grader's own decorator, and modules that are imported when first used
        if callable(value) or isinstance(value, (ModuleType, int, float, str, tuple)):
            found[name, key] = value
        if code := getattr(value, "__code__", None):
            found[name, f"{key} (its code)"] = (code, value.__defaults__)
        if isinstance(value, type) and value.__module__.startswith("facegan"):
            found |= {
                (name, f"{key}.{each}"): member for each, member in vars(value).items() if each not in _LAZY
            }
    return found


def changed(before: dict[tuple[str, str], Any]) -> str:
    """Return the first name that differs from the fingerprint `before` or is new; empty if there is none."""
    now = fingerprint()
    for (module, key), value in before.items():
        other = now.get((module, key))
        if other is not value and (type(other) is not type(value) or other != value):
            return f"{module}.{key}"
    ours = {module for module, _ in before if module.startswith(("facegan", "__main__"))}
    new = (f"{module}.{key}" for module, key in now.keys() - before.keys() if module in ours)
    return next(new, "")
