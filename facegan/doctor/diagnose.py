"""Diagnoses a run or its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan.config import TrainConfig
from facegan.data.dataset import FaceDataset, as_dataset
from facegan.data.synthetic import synthetic_faces
from facegan.doctor import curves, pictures
from facegan.doctor.verdicts import VERDICTS, Diagnosis, Verdict
from facegan.errors import CheckpointError, ConfigError, FaceganError, expect
from facegan.images import to_float
from facegan.losses import find_loss
from facegan.runs.run import Run
from facegan.runtime.settings import usual_settings
from facegan.training.gan import GAN

_EARLY = 200  # step before which pictures and r_v are not informative
_OVERFITS = 0.35  # mean r_v above which D overfits
_SNAPSHOTS = 4  # number of snapshots in this mean
_FAST = "learning rate too high"
_OVERFITTING = "overfitting of D"
_NO_ZERO = "the logits of a Wasserstein critic have no meaningful zero, which r_t needs."


@usual_settings()
def diagnose(run_or_history: Any, *, faces: Any = None, loss: str = "bce") -> Diagnosis:
    """Find what is wrong with a run.

    Rules on curves read windows of 200 steps. Rules on pictures read up to 64 fakes of each snapshot. The rule on
    overfitting reads r_v (Karras et al. 2020, arXiv 2006.06676) if `fit` had held-out faces. The rules are empirical;
    `docs/doctor.md` lists the runs on which they were tested, and what they missed.

    Args:
        run_or_history: a run folder, a bundled run's name, a `Run`, a `GAN`, or a `History` or another mapping with
            its columns.
        faces: real faces, as for `fit`, with which to compare the fakes; by default, drawn faces, whose measured values
            differ little from those of photographs.
        loss: name of the loss, only for a history; runs record their loss.

    Returns:
        A sequence of `Verdict`, the most certain first; empty if nothing is wrong. Its `answer` is "healthy", "ill", or
        "not sure", and its `notes` list what was not examined.

    Raises:
        CheckpointError: there is no such run.
        ConfigError: the history is too short or not a history, or there is no such loss.
        DataError: the faces are not images of the run's size.

    >>> diagnose("d_too_strong")[0].name
    'D has won'
    >>> diagnose("healthy").answer
    'healthy'
    """
    expect(loss, str, "loss", "the name of a loss, such as 'hinge'")
    if isinstance(run_or_history, GAN):
        return _diagnose_gan(run_or_history, faces)
    if isinstance(run_or_history, Mapping):
        find_loss(loss)
        return _gathered(
            run_or_history, loss, {}, None, ["pictures: a history has none; pass a run or a GAN."]
        )
    if not isinstance(run_or_history, str | Path | Run):
        raise ConfigError(
            f"got a {type(run_or_history).__name__}, expected a run folder, a bundled run's name, a Run, a GAN, a "
            "History, or another mapping with its columns; for a DataFrame, df.reset_index().to_dict('list')."
        )
    run = Run.open(run_or_history)
    notes: list[str] = []
    shown = _pictures(run, notes) if _of_images(run.data) else {}
    notes += [] if shown else ["pictures: the run has no snapshots of faces."]
    real = _real(faces, run.config.image_size, run.data, notes) if shown else None
    return _gathered(run.history, run.config.loss, shown, real, notes, config=run.config)


def in_brief(run: str | Path | Run, faces: FaceDataset | None = None) -> str:
    """A run's first verdict, "healthy", or the reason why it cannot be diagnosed, on one line.

    Arguments are as for `diagnose`.
    """
    try:
        diagnosis = diagnose(run, faces=faces)
    except FaceganError as error:
        return str(error)
    return str(diagnosis[0]) if diagnosis else diagnosis.answer


def _diagnose_gan(gan: GAN, faces: Any) -> Diagnosis:
    notes: list[str] = []
    if len(gan.sample_shape) != 3:
        return _gathered(gan.history, gan.config.loss, {}, None, ["pictures: the GAN makes no images."])
    real = _real(faces, gan.config.image_size, gan.data, notes)
    notes.append("whether the pictures change: a GAN only has its last ones; pass its run folder.")
    shown = {gan.step: gan.sample(pictures.COUNT, seed=gan.config.seed)} if gan.step >= _EARLY else {}
    return _gathered(gan.history, gan.config.loss, shown, real, notes, config=gan.config)


def _pictures(run: Run, notes: list[str]) -> dict[int, Tensor]:
    """The fakes of each snapshot and, if it is not a snapshot, of the last step; damaged pictures are noted."""
    shown = {}
    for step in (step for step in run.steps if step >= _EARLY):
        try:
            shown[step] = run.pictures(step)
        except (CheckpointError, ConfigError) as error:
            notes.append(f"the pictures of step {step:,}: {error}")
    last = int(run.history["step"][-1]) if run.history["step"] else 0
    if last >= _EARLY and last not in shown:
        with suppress(CheckpointError):  # an older or interrupted run
            shown[last] = run.pictures()
    return shown


def _of_images(data: Mapping[str, Any]) -> bool:
    return not data.get("sample_shape")


def _real(faces: Any, size: int, data: Mapping[str, Any], notes: list[str]) -> Tensor:
    if faces is not None:
        given: FaceDataset = as_dataset(faces, size)
        return to_float(given[: pictures.COUNT])
    if not str(data.get("name", "synthetic")).startswith("synthetic"):
        notes.append(
            "your own data: the fakes were compared with drawn faces; pass faces= (on the command line, --data)."
        )
    return to_float(torch.as_tensor(synthetic_faces(pictures.COUNT, size, seed=0)[0]))


def _gathered(
    history: Mapping[str, Sequence[float]],
    loss: str,
    shown: Mapping[int, Tensor],
    real: Tensor | None,
    notes: list[str],
    *,
    config: TrainConfig | None = None,
) -> Diagnosis:
    settling = config is not None and config.lr_decay > 0
    rates = curves.rates_of(config) if config else None
    seen = pictures.examine(shown, real, settling=settling) if shown and real is not None else []
    read = curves.examine(history, loss, rates=rates)
    found = [*read, *seen, *_overfitting(history, loss, notes)]
    if rates and max(rates) >= curves.HIGH_RATE and seen and not any(v.name == _FAST for v in read):
        evidence = f"the rates of D and G are {rates[0]:g} and {rates[1]:g}; {seen[0].name}"
        found.append(Verdict(_FAST, evidence, seen[0].since, sure=seen[0].sure))
    if note := curves.what_loss_hides(loss):
        notes.append(note)
    snapshots = f"pictures of {len(shown)} snapshot{'s' if len(shown) > 1 else ''}" if shown else ""
    held_out = "" if any(note.startswith(_OVERFITTING) for note in notes) else "D on held-out faces"
    examined = ", ".join(filter(None, ("curves", snapshots, held_out)))
    order = list(VERDICTS)
    ranked = sorted(found, key=lambda v: (not v.sure, order.index(v.name)))
    return Diagnosis(tuple(ranked), int(np.asarray(history["step"])[-1]), tuple(notes), examined)


def _overfitting(history: Mapping[str, Sequence[float]], loss: str, notes: list[str]) -> list[Verdict]:
    """A verdict if the mean r_v of the last snapshots is high and D recognizes its training faces."""
    named = ("step", "r_v", "r_t")
    steps, r_v, r_t = curves.numbers(history, named) if {*named} <= {*history} else np.zeros((3, 0))
    known = np.isfinite(r_v) & (steps >= _EARLY)
    if not known.any() or loss == "wasserstein":
        reason = (
            _NO_ZERO
            if known.any()
            else "the run had no held-out faces. Train with held_out= (in a shell, --held-out 64)."
        )
        notes.append(f"{_OVERFITTING}: {reason}")
        return []
    steps, r_v, r_t = steps[known], _recent_means(r_v[known].clip(-1, 2)), _recent_means(r_t[known])
    high = (r_v > _OVERFITS) & (r_t > 0.3)
    if not high[-1]:
        return []
    begin = len(high) - int(np.argmin(np.append(high[::-1], False)))
    evidence = f"r_v is {r_v[-1]:.2f}, r_t {r_t[-1]:.2f}; 0 is no overfitting, 1 is complete overfitting"
    return [Verdict("D overfits", evidence, int(steps[begin]), sure=len(high) >= _SNAPSHOTS)]


def _recent_means(values: np.ndarray) -> np.ndarray:
    """The mean of each value and the `_SNAPSHOTS` - 1 values before it, because snapshots of 64 faces are noisy."""
    return np.array([values[max(0, k - _SNAPSHOTS + 1) : k + 1].mean() for k in range(len(values))])
