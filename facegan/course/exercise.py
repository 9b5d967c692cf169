"""Exercises that check themselves where they are defined: a decorator, hints, and a table of what is done.

    @fg.exercise("scale")
    def scale(images):
        ...            # your code

The student's function is tried by its behaviour (`facegan.checks`). When it is right it is kept; when it is
missing or wrong, one line says so and names the mistake, and the name is bound to the library's own function, so
that the notebook goes on. Nothing of the answer is printed. Leaves out grading (`facegan.grading`).
"""

from __future__ import annotations

import ctypes
import dis
import html
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from facegan import images, latent, losses
from facegan.course import checks
from facegan.course.checks import Mistake
from facegan.errors import ConfigError, first_line
from facegan.models import dcgan as models
from facegan.training import step as training

TIME_LIMIT = 20.0  # seconds that a student's function may take in all its checks
MIME = "application/vnd.facegan.exercise+json"  # how a result is noted in a notebook's outputs
MARKS = {"right": "✓", "wrong": "✗", "missing": "○"}


@dataclass(frozen=True)
class Exercise:
    """A task, how to tell whether it is done, and help."""

    name: str
    notebook: int
    task: str
    reference: Callable  # what the notebook goes on with
    source: Callable  # the library code that `reveal` shows
    check: Callable[[Callable], None]  # raises `Mistake`
    hints: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """How an exercise stands: 'right', 'wrong' or 'missing', and what was said about it."""

    name: str
    status: str
    feedback: str


_results: dict[str, Result] = {}


def exercise(name: str) -> Callable[[Callable], Callable]:
    """Check the decorated function as the exercise `name`, say how it went, and return what to go on with.

    Returns the student's function when it is right, else the library's own. Never raises because of the
    student's code; raises `ConfigError` for a name that is no exercise.
    """
    found = _find(name)

    def decorate(function: Callable) -> Callable:
        result = judge(found, function)
        _results[name] = result
        _tell(result)
        return function if result.status == "right" else found.reference

    return decorate


def judge(found: Exercise, function: Callable) -> Result:
    """Try `function` in a time limit, without disturbing anybody's random numbers."""
    if _is_empty(function):
        return Result(found.name, "missing", f"not done yet: {found.task}")
    try:
        with torch.random.fork_rng(devices=[]), _time_limit(TIME_LIMIT):
            torch.manual_seed(0)
            found.check(function)
    except Mistake as mistake:
        return Result(found.name, "wrong", str(mistake))
    except NotImplementedError:
        return Result(found.name, "missing", f"not done yet: {found.task}")
    except _TimeUp:
        return Result(
            found.name,
            "wrong",
            f"it was still running after {TIME_LIMIT:.0f} seconds; does a loop never end?",
        )
    except Exception as error:  # what a student's object does when it is looked at
        return Result(found.name, "wrong", f"{type(error).__name__}: {first_line(error)}")
    return Result(found.name, "right", "right.")


def hint(name: str) -> None:
    """Print the next hint for an exercise; there are up to three, each says more than the one before."""
    hints = _find(name).hints
    given = _hints_given[name] = min(_hints_given.get(name, 0) + 1, len(hints))
    print(f"Hint {given} of {len(hints)} for {name}: {hints[given - 1]}")
    if given == len(hints):
        print(f'That was the last one. fg.reveal("{name}") shows how the library does it.')


_hints_given: dict[str, int] = {}


def reveal(name: str) -> None:
    """Print the library's own source for an exercise."""
    source = _find(name).source
    print(f"# {source.__module__}.{source.__qualname__}\n{inspect.getsource(source)}")


def results() -> dict[str, Result]:
    """Every exercise tried so far, by name."""
    return dict(_results)


class progress:
    """A table of all exercises and how they stand; shows itself as a cell's last value, or when printed."""

    def __init__(self) -> None:
        self.rows = [
            (found.notebook, name, MARKS[_results[name].status] if name in _results else " ", found.task)
            for name, found in exercises().items()
        ]
        self.done = sum(mark == MARKS["right"] for *_, mark, _ in self.rows)

    def __str__(self) -> str:
        lines = [f"{mark} {notebook:02d} {name:<22} {task}" for notebook, name, mark, task in self.rows]
        return "\n".join([*lines, f"{self.done} of {len(self.rows)} done"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        words = {
            MARKS["right"]: "right",
            MARKS["wrong"]: "not right yet",
            MARKS["missing"]: "empty",
            " ": "not run",
        }
        rows = "".join(
            f"<tr><td>{notebook:02d}</td><td><code>{name}</code></td>"
            f"<td style='text-align:left'>{mark} {words[mark]}</td>"
            f"<td style='text-align:left'>{html.escape(task)}</td></tr>"
            for notebook, name, mark, task in self.rows
        )
        return f"<table><caption>{self.done} of {len(self.rows)} exercises done</caption>{rows}</table>"


# ---- telling -------------------------------------------------------------------------------------


class _Shown:
    """A line of text that also carries its result as JSON, for whoever reads the notebook later."""

    def __init__(self, result: Result) -> None:
        self.result = result

    def __repr__(self) -> str:
        status, name, feedback = self.result.status, self.result.name, self.result.feedback
        line = f"{MARKS[status]} {name}: {feedback}"
        if status == "right":
            return line
        help_ = f'fg.hint("{name}") helps.'
        return f"{line}\n  The notebook goes on with the library's own {name}. {help_}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), MIME: vars(self.result)}


def _tell(result: Result) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return print(repr(_Shown(result)))
    return display(_Shown(result)) if get_ipython() else print(repr(_Shown(result)))


def _is_empty(function: Callable) -> bool:
    """Whether a function's body holds nothing but a docstring, `...` or `pass`."""
    code = getattr(function, "__code__", None)
    steps = [step for step in dis.get_instructions(code) if step.opname not in _IDLE] if code else []
    return bool(steps) and all(step.opname in _RETURNS and step.argval is None for step in steps)


_IDLE = {"RESUME", "NOP", "COPY_FREE_VARS"}
_RETURNS = {"LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "LOAD_COMMON_CONSTANT"}


class _TimeUp(BaseException):
    """Raised inside a student's function; not an Exception, so that `except Exception` does not keep it."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TimeUp` in this thread when the body takes longer; works for any Python loop, on any system."""
    thread, lock, over = threading.get_ident(), threading.Lock(), threading.Event()

    def interrupt() -> None:
        with lock:
            if not over.is_set():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_TimeUp))

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over.set()
        timer.cancel()


# ---- the exercises -------------------------------------------------------------------------------


def _find(name: str) -> Exercise:
    table = exercises()
    if name not in table:
        raise ConfigError(f"no exercise is called {name!r}; there are {', '.join(table)}.")
    return table[name]


def exercises() -> dict[str, Exercise]:
    """All exercises by name, in the order of the notebooks."""
    return {found.name: found for found in _TABLE}


def _sheet(faces: torch.Tensor, columns: int) -> torch.Tensor:
    return images.make_grid(faces, columns=columns, padding=0)


_TABLE = (
    Exercise(
        "scale", 1, "turn uint8 images (0 to 255) into float32 between -1 and 1",
        images.to_float, images.to_float, checks.scale,
        (
            "Two things change: the type and the range. Change the type first; uint8 arithmetic wraps around.",
            "A straight line maps 0 to -1 and 255 to 1. What does it map 127.5 to?",
            "Dividing by half the range gives 0 to 2. One subtraction remains.",
        ),
    ),
    Exercise(
        "unscale", 1, "turn floats between -1 and 1 back into uint8 images",
        images.to_uint8, images.to_uint8, checks.unscale,
        (
            "It is the way back of scale: undo its steps in reverse order.",
            "Going to uint8 cuts decimals off, and wraps what lies outside 0 to 255.",
            "Before the last change of type: round, then clamp.",
        ),
    ),
    Exercise(
        "center_crop", 1, "cut the central size x size square out of an image (3, H, W)",
        images.center_crop, images.center_crop, checks.center_crop,
        (
            "How many rows are left over in all? Half of them stay above the square.",
            "Compute the first row and the first column apart: an image need not be square.",
            "Slicing does it: image[:, top : top + size, ...].",
        ),
    ),
    Exercise(
        "contact_sheet", 1, "lay images (N, 3, H, W) side by side, row by row, into one picture",
        _sheet, images.make_grid, checks.contact_sheet,
        (
            "How many rows are needed for N images in so many columns? Round up.",
            "Start from a white picture (3, rows * H, columns * W) of the images' type, and write into it.",
            "Image i belongs in row i // columns and column i % columns.",
        ),
    ),
    Exercise(
        "output_size", 2, "give the side of a transposed convolution's output",
        models.output_size, models.output_size, checks.output_size,
        (
            "Without padding, one input pixel makes an output of kernel pixels. What does each further one add?",
            "Each further input pixel moves the stamp by stride. There are size - 1 further ones.",
            "Padding is cut off at both ends.",
        ),
    ),
    Exercise(
        "generator_block", 2, "build the module that doubles the side: upsample, normalise, activate",
        models.generator_block, models.generator_block, checks.generator_block,
        (
            "Three layers in an nn.Sequential: nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU.",
            "Use your size formula: which kernel, stride and padding turn 4 into 8 and 8 into 16?",
            "Kernel 4, stride 2, padding 1. BatchNorm counts the channels that come out of the convolution.",
        ),
    ),
    Exercise(
        "generator", 2, "build the generator: latents (B, latent_dim) to images (B, 3, 64, 64) in [-1, 1]",
        models.Generator, models.Generator, checks.generator,
        (
            "z becomes (B, latent_dim, 1, 1) first. A transposed convolution with kernel 4 makes that 4 x 4.",
            "From 4 to 64 the side doubles four times; the last doubling ends with 3 channels.",
            "The last layer has no BatchNorm and no ReLU; what squashes any number into [-1, 1]?",
        ),
    ),
    Exercise(
        "discriminator", 2, "build the discriminator: images (B, 3, 64, 64) to one logit each, (B,)",
        models.Discriminator, models.Discriminator, checks.discriminator,
        (
            "It is the generator backwards: nn.Conv2d with stride 2 halves the side until it is 4.",
            "A last convolution with kernel 4 and one output channel turns 4 x 4 into one number an image.",
            "Logits are any real numbers: nothing squashes them. flatten() makes (B, 1, 1, 1) into (B,).",
        ),
    ),
    Exercise(
        "init_weights", 2, "set a module's weights in place, as the DCGAN paper does",
        models.init_weights, models.init_weights, checks.init_weights,
        (
            "module.apply(f) calls f on every layer; isinstance tells what kind it is.",
            "nn.init.normal_ changes a tensor in place; its last argument is the standard deviation.",
            "Convolutions: mean 0. BatchNorm multiplies by its weight: a mean of 0 there would erase everything.",
        ),
    ),
    Exercise(
        "discriminator_loss", 3, "the discriminator's loss from real and fake logits",
        losses.bce_discriminator, losses.bce_discriminator, checks.discriminator_loss,
        (
            "D is a classifier: real images have label 1, fakes label 0. Cross-entropy of both, added.",
            "-log(sigmoid(x)) overflows for large x. torch.nn.functional has what takes logits directly.",
            "binary_cross_entropy_with_logits(real, torch.ones_like(real)), and the same for fake with zeros.",
        ),
    ),
    Exercise(
        "generator_loss", 3, "the generator's non-saturating loss from fake logits",
        losses.bce_generator, losses.bce_generator, checks.generator_loss,
        (
            "G wants D to call its fakes real. Which label does it hope for?",
            "Minimise -log D(G(z)), not log(1 - D(G(z))): look at the slopes where D is sure.",
            "It is cross-entropy on the fake logits again, with the other label.",
        ),
    ),
    Exercise(
        "train_step", 3, "one round of the game: step D, then G; return both losses",
        checks.reference_step, training.train_step, checks.train_step,
        (
            "The same order twice: forget old gradients, compute a loss, backward, step.",
            "D learns from real images and from fakes that carry no gradient back to G.",
            "G's loss judges the fakes with the D that has just stepped; only optimizer_g steps then.",
        ),
    ),
    Exercise(
        "update_average", 3, "move an averaged generator towards the trained one, in place",
        checks.reference_average, training.update_average, checks.update_average,
        (
            "average = decay * average + (1 - decay) * model, for every parameter, without gradients.",
            "zip(average.parameters(), model.parameters()) pairs them; lerp_ or mul_ and add_ work in place.",
            "BatchNorm's running statistics are buffers, not parameters: they must follow too.",
        ),
    ),
    Exercise(
        "slerp", 4, "go from a to b along the great arc",
        latent.slerp, latent.slerp, checks.slerp,
        (
            "The angle between a and b comes from their cosine: their dot product over their lengths.",
            "Weights sin((1 - t) angle) and sin(t angle), both over sin(angle).",
            "When a and b point the same way sin(angle) is 0: take the straight line there.",
        ),
    ),
    Exercise(
        "latent_walk", 4, "make frames latents that pass through all anchors at an even pace",
        checks.reference_walk, latent.walk, checks.latent_walk,
        (
            "k anchors have k - 1 legs. Where along all legs is frame i?",
            "torch.linspace(0, k - 1, frames): the whole part is the leg, the rest is t.",
            "The last frame has whole part k - 1, which begins no leg: clamp it.",
        ),
    ),
    Exercise(
        "attribute_direction", 4, "find the direction in latent space that adds an attribute",
        latent.attribute_direction, latent.attribute_direction, checks.attribute_direction,
        (
            "Which latents gave faces with the attribute, and which without? A bool mask indexes both.",
            "One number per latent dimension: average each group.",
            "From without to with: one mean minus the other.",
        ),
    ),
)  # fmt: skip
