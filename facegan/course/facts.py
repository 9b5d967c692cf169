"""Facts for written questions: values of the student's own run, networks, and faces.

Each function computes the correct value and returns it with its source.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from facegan.course import individual, kept
from facegan.course.catalog import find
from facegan.course.checks.evidence import FITS
from facegan.data.dataset import FaceDataset
from facegan.doctor import VERDICTS
from facegan.errors import CheckpointError, ConfigError, shown
from facegan.latent import draw_latents
from facegan.runs.run import Run

LAST = 200  # steps
RUN = "first"  # the folder of notebook 3's long run, inside the folder of all runs

faces: FaceDataset | None = None  # the faces last loaded by `facegan.notebook.load_faces`


class CannotCheck(Exception):
    """Raised when a fact cannot be compared yet; the message says what is missing."""


@dataclass(frozen=True)
class Fact:
    """A value that is part of an answer.

    Attributes:
        name: keyword argument of `facegan.answer`.
        what: description of the value.
        find: function that returns the correct value and its source, or raises `CannotCheck`.
        within: absolute tolerance of a number.
        relative: tolerance as a fraction of the correct value; the larger of the two tolerances applies.
    """

    name: str
    what: str
    find: Callable[[], tuple[Any, str]]
    within: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True)
class Checked:
    """The result of comparing a student's value.

    Attributes:
        value: the student's value; None if it is missing.
        status: "agrees", "differs", "missing", or "cannot check".
        said: the feedback.
    """

    value: float | str | None
    status: str
    said: str


def compare(fact: Fact, given: Any) -> Checked:
    """Compare a student's value with the correct one.

    Args:
        fact: the fact that the question asks for.
        given: the student's value; None or "" if it is missing.

    Raises:
        ConfigError: the value is not a number (or, for a name, not text).
    """
    if given is None or given == "":
        return Checked(None, "missing", f"○ {fact.name} is not given: {fact.what}.")
    try:
        right, source = fact.find()
    except CannotCheck as missing:
        return Checked(_plain(fact, given, None), "cannot check", f"○ {fact.name}: cannot check: {missing}")
    value = _plain(fact, given, right)
    if isinstance(value, str):
        agrees, known = _letters(value) == _letters(right), [_letters(name) for name in VERDICTS]
        if _letters(value) not in known:
            return Checked(value, "differs", f"✗ {fact.name}: {value!r} is not one of {', '.join(VERDICTS)}.")
        tolerance = ""
    else:
        allowed = max(fact.within, fact.relative * abs(right))
        agrees, tolerance = abs(value - right) <= allowed, f" within {allowed:.3g}" if allowed else ""
    if agrees:
        return Checked(value, "agrees", f"✓ {fact.name} = {_short(value)} agrees with {source}{tolerance}.")
    return Checked(
        value,
        "differs",
        f"✗ {fact.name} = {_short(value)} does not agree with {source}{tolerance}. It should be {fact.what}.",
    )


def _plain(fact: Fact, given: Any, right: Any) -> float | str:
    """The value as a plain number or text, as the correct one is; `right` is None if that is unknown."""
    if isinstance(given, str):
        if right is None or isinstance(right, str):
            return given
        raise ConfigError(f"{fact.name} is {given!r}, expected a number: {fact.what}.")
    if isinstance(right, str):
        raise ConfigError(f"{fact.name} is {shown(given)}, expected text: {fact.what}.")
    try:
        number = float(given)
    except (TypeError, ValueError, RuntimeError):
        raise ConfigError(f"{fact.name} is {shown(given)}, expected one number: {fact.what}.") from None
    if not np.isfinite(number):
        raise ConfigError(f"{fact.name} is {number}, expected a finite number: {fact.what}.")
    return number


def _short(value: float | str) -> str:
    return repr(value) if isinstance(value, str) else f"{value:.6g}"


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold())


# ---- the correct values --------------------------------------------------------------------------


def brightness() -> tuple[float, str]:
    """The mean of all bytes of the first 32 faces that the notebook loaded."""
    if faces is None:
        raise CannotCheck("no faces are loaded. Run the cell with fg.notebook.load_faces first.")
    return faces[:32].float().mean().item(), f"your {len(faces):,} {faces.name} faces"


def parameters() -> tuple[float, str]:
    """The number of parameters of the generator with which notebook 2 continues."""
    mine = kept.given.get("generator")
    build = mine or find("generator").solution
    with torch.random.fork_rng(devices=[]):
        count = sum(parameter.numel() for parameter in build(100, 32).parameters())
    return float(count), "your generator" if mine else "the library's generator, which the notebook uses"


def loss_at_end() -> tuple[float, str]:
    """The mean loss of D at the end of notebook 3's long run."""
    folder = kept.folder.parent / RUN if kept.folder else None
    try:
        losses = Run.open(folder).history["loss_d"] if folder and folder.is_dir() else []
    except CheckpointError:
        losses = []
    if not len(losses):
        raise CannotCheck(
            f"no run yet in {folder or 'a folder of runs'}. Train in notebook 3, then run this cell again."
        )
    return float(np.mean(losses[-LAST:])), f"the run in {folder}"


def middle() -> tuple[float, str]:
    """The mean length of points halfway between latents, as notebook 4 computes it."""
    a, b = draw_latents(800, 100, seed=12).split(400)
    return ((a + b) / 2).norm(dim=1).mean().item(), "the notebook's 400 pairs"


def difference() -> tuple[float, str]:
    """The mean brightness of faces with much of the student's attribute minus that of faces with little of it."""
    mine = individual.attribute()
    high, low = mine.values.quantile(0.7), mine.values.quantile(0.3)
    found = mine.faces[mine.values > high].float().mean() - mine.faces[mine.values < low].float().mean()
    return found.item(), f"your faces, by {mine.name}"


def modulus() -> tuple[float, str]:
    """The modulus of the eigenvalues of simultaneous updates of the Dirac-GAN."""
    from facegan.plane import dirac_gan

    return float(abs(dirac_gan.update_eigenvalues("gan", "simultaneous", rate=0.4)).max()), "the eigenvalues"


def failure() -> tuple[str, str]:
    """The failure of the student's own patient."""
    return FITS[individual.patient_number()][0], 'the patient "mine"'
