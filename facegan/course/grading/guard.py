"""What the judge refuses: an answer that calls the library's own solution, and code that changes the judge."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

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
}  # what of the library does the same as an exercise
_PACKAGE = Path(import_module("facegan").__file__ or "").parent
_JUDGE = (str(_PACKAGE / "course" / "checks"), str(_PACKAGE / "course" / "exercise.py"))
_INSTALLED = tuple({str(_PACKAGE), sys.prefix, sys.base_prefix, "<frozen"})
_WATCHED = (
    "torch",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.autograd",
    "torch.random",
    "math",
    "builtins",
)


def twins(name: str) -> dict[CodeType, str]:
    """Code of what solves an exercise by itself, with the name to call it by in feedback."""
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
def no_delegation(name: str, function: Any) -> Iterator[Callable[[Result], Result]]:
    """A context for a check of `function`; yields what turns its result into 'wrong' if a twin was called."""
    known, seen = twins(name), []
    seen += [known[code] for code in _codes(function) if code in known]

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in known and _is_from_student(frame.f_back):
            seen.append(known[frame.f_code])

    def corrected(result: Result) -> Result:
        if not (seen and result.passes):
            return result
        return Result(name, "wrong", f"it calls {seen[0]}. Write it yourself, with torch.")

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        yield corrected
    finally:
        if sys.gettrace() is not watch:
            seen.append("sys.settrace, which the grader uses")
        sys.settrace(before)


def _is_from_student(frame: FrameType | None) -> bool:
    """Whether a call comes out of a student's function, and not from the check itself."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_JUDGE):
            return False
        if not file.startswith(_INSTALLED):
            return True
        frame = frame.f_back
    return False


def fingerprint() -> dict[tuple[str, str], Any]:
    """What judging relies on: the functions and classes of facegan, and of the parts of torch that checks use."""
    found: dict[tuple[str, str], Any] = {}
    for name, module in list(sys.modules.items()):
        if module is not None and (name.split(".")[0] == "facegan" or name in _WATCHED):
            found |= _of_module(name, module)
    found |= {("exercise", name): vars(each).copy() for name, each in catalog.exercises().items()}
    for kind in (checks.CheckFailed, import_module("torch").Tensor):
        found |= {(kind.__name__, key): inspect.getattr_static(kind, key) for key in dir(kind)}
    return found


def _of_module(name: str, module: ModuleType) -> Iterator[tuple[tuple[str, str], Any]] | dict:
    found: dict[tuple[str, str], Any] = {}
    for key, value in list(vars(module).items()):
        if isinstance(value, ModuleType) or not callable(value):
            continue
        found[name, key] = value
        if code := getattr(value, "__code__", None):
            found[name, f"{key} (its code)"] = (code, value.__defaults__)
        if isinstance(value, type) and value.__module__.startswith("facegan"):
            found |= {
                (name, f"{key}.{each}"): member for each, member in vars(value).items() if callable(member)
            }
    return found


def changed(before: dict[tuple[str, str], Any]) -> str:
    """The first name that is not what it was in the fingerprint `before`; empty if all are."""
    now = fingerprint()
    for (module, key), value in before.items():
        other = now.get((module, key))
        if other is not value and other != value:
            return f"{module}.{key}"
    return ""
