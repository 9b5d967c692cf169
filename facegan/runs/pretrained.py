"""The bundled runs: generators at several training steps, histories, and settings.

    weights/faces/step_000000.safetensors ...   averaged generators, half precision, by step
    weights/faces/discriminator.safetensors     D at the last step, half precision; only if training can start from it
    weights/faces/history.csv                   as in a run folder
    weights/faces/config.json                   settings, data, and what goes wrong in the run
    weights/digests.json                        SHA-256 of every file, verified before the file is read

`facegan/weights/README.md` is the model card: data, terms, metrics, and limits. `scripts/train_bundled.py` trains the
runs. This module makes no network connections, and reads files only when they are requested.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from facegan.errors import REINSTALL, CheckpointError
from facegan.files import digest
from facegan.runs.checkpoint import numbered

FOLDER = Path(__file__).parents[1] / "weights"

# Complete runs.
PRETRAINED = {
    "faces": "photographs of faces, 64 px, recipe modern",
    "synthetic": "drawn faces, 64 px, recipe modern with narrower networks",
}
# Short runs on drawn faces of 32 px with common failures, and one without failure, for comparison.
GALLERY = {
    "healthy": "the same networks, nothing wrong",
    "d_too_strong": "from step 500 on D learns 3 times as fast and G 1,000 times as slowly",
    "g_too_strong": "from step 500 on G learns 3 times as fast and D 50 times as slowly",
    "no_batchnorm": "neither network normalizes",
    "high_learning_rate": "both learn 30 times as fast",
    "mode_collapse": "from step 1,000 on G takes twenty steps for each of D",
    "no_detach": "D's loss reaches G as well, and takes back what G's minimax loss gives it",
    "overfitting": "D sees the same 300 faces again and again, until it knows them by heart",
}
ALL = {**PRETRAINED, **GALLERY}


def is_pretrained(name: object) -> bool:
    """Whether `name` is the name of a bundled run."""
    return isinstance(name, str) and name in ALL


def steps(name: str) -> list[int]:
    """The steps whose generators were kept, ascending from 0. Raises `CheckpointError` if there is no such run."""
    return list(_kept(name))


def generator_file(name: str, step: int | None = None) -> Path:
    """The path of a run's generator file, after verification.

    Args:
        name: name of a bundled run.
        step: one of `steps(name)`; by default, the last.

    Raises:
        CheckpointError: there is no generator of that step, or the file is not the published one.
    """
    if Path(name).exists():
        warnings.warn(
            f"{name!r} is a bundled generator; to load the local directory, use './{name}'.", stacklevel=3
        )
    kept = _kept(name)
    step = max(kept) if step is None else step
    if step not in kept:
        raise CheckpointError(
            f"{name!r} has no generator of step {step!r}; its steps are {', '.join(map(str, kept))}."
        )
    return verified(kept[step])


def discriminator_file(name: str) -> Path:
    """The path of a run's discriminator file, after verification. It has the last step.

    Raises:
        CheckpointError: the run has no discriminator, or the file is not the published one.
    """
    path = _folder(name) / "discriminator.safetensors"
    if not path.exists() and path.relative_to(FOLDER).as_posix() not in _digests():
        raise CheckpointError(
            f"the bundled run {name!r} has no discriminator. Use your own run folder, whose checkpoints have one."
        )
    return verified(path)


def history_file(name: str) -> Path:
    """The path of a run's `history.csv`, after verification. Raises `CheckpointError` as `generator_file` does."""
    return verified(_folder(name) / "history.csv")


def notes(name: str) -> dict[str, Any]:
    """A run's `about`, `data` (a record), and `settings`. Raises `CheckpointError` as `generator_file` does."""
    return json.loads(verified(_folder(name) / "config.json").read_text())


def verified(path: Path) -> Path:
    """Return the path if the file is the published one. Raises `CheckpointError` otherwise."""
    try:
        intact = digest(path) == _digests()[path.relative_to(FOLDER).as_posix()]
    except (OSError, KeyError, TypeError):
        intact = False
    if not intact:
        raise _broken(path)
    return path


def _digests() -> dict[str, str]:
    """The published digests by file; empty if `digests.json` is missing or damaged."""
    try:
        return dict(json.loads((FOLDER / "digests.json").read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _kept(name: str) -> dict[int, Path]:
    kept = numbered(_folder(name), ".safetensors")
    if not kept:
        raise _broken(FOLDER / name)
    return kept


def _folder(name: str) -> Path:
    if not is_pretrained(name):
        raise CheckpointError(f"{name!r} is not a bundled run; choose one of {', '.join(ALL)}.")
    return FOLDER / name


def _broken(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} is missing or damaged. {REINSTALL}")
