"""The patients of notebook 6: bundled runs with a failure, by number instead of name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from facegan.course import individual
from facegan.data.synthetic import synthetic_faces
from facegan.errors import ConfigError
from facegan.plots import plot_runs, show_images
from facegan.runs.history import History
from facegan.runs.run import Run
from facegan.training.gan import GAN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from facegan.config import TrainConfig

_FILES = (
    "healthy", "d_too_strong", "no_detach", "g_too_strong", "high_learning_rate", "mode_collapse", "overfitting",
)  # fmt: skip


class Patient(Run):
    """A bundled run that is named by a number; `patient` returns one.

    Attributes:
        curves: the history as arrays (steps,) by column, such as "loss_d" and "d_fake".
        faces: real faces of the same kind, uint8 (64, 3, S, S) in the size of the run.
    """

    def __init__(self, number: int | str, run: Run) -> None:
        self.number, self.name, self._run = number, f"patient {number}", run

    def __repr__(self) -> str:
        at = ", ".join(f"{step:,}" for step in self.steps)
        return f"Patient {self.number}: {len(self.history['step']):,} steps; faces of the steps {at}"

    @property
    def curves(self) -> dict[str, np.ndarray]:
        return {name: np.array(values, np.float64) for name, values in self.history.items()}

    @property
    def faces(self) -> Tensor:
        return torch.from_numpy(synthetic_faces(64, self.config.image_size, seed=0)[0])

    def plot(self, **others: Any) -> Figure:
        """Plot the patient's curves and, below them, those of other runs or histories.

        Args:
            others: runs, GANs, histories, or dicts of curves, by name.
        """
        return charts(**{f"patient_{self.number}": self, **others})

    def show(self, columns: int = 5) -> Figure:
        """Show fakes of the same latents at each saved step except step 0, and real faces below them.

        Args:
            columns: number of faces in a row.
        """
        later = self.steps[1:]
        shown = [self.pictures(step)[:columns] for step in later] + [self.faces[:columns]]
        rows = [f"step {step:,}" for step in later] + ["real faces"]
        return show_images(torch.cat(shown), columns=columns, rows=rows)

    @property
    def config(self) -> TrainConfig:
        return self._run.config

    @property
    def history(self) -> History:
        return self._run.history

    @property
    def steps(self) -> list[int]:
        return self._run.steps

    @property
    def data(self) -> dict[str, Any]:
        return self._run.data

    @property
    def generators(self) -> list[int]:
        return self._run.generators

    def frame(self, step: int | None = None) -> Tensor:
        return self._run.frame(step)

    def pictures(self, step: int | None = None) -> Tensor:
        return self._run.pictures(step)

    def generator(self, step: int | None = None, *, network: nn.Module | None = None) -> Any:
        return self._run.generator(step, network=network)

    def discriminator(self, *, network: nn.Module | None = None) -> nn.Module:
        return self._run.discriminator(network=network)


def patient(number: int | str) -> Patient:
    """Return a patient of notebook 6: a bundled run, which can be passed to `fg.diagnose` and `fg.widgets.timeline`.

    Args:
        number: 1 to 6; 0 for a healthy run of the same networks; or "mine" for one of the six that depends on the
            student's id (`fg.student`).

    Raises:
        ConfigError: there is no such patient.

    >>> patient(1)
    Patient 1: 1,300 steps; faces of the steps 0, 200, 500, 900, 1,300
    """
    if number == "mine":
        return Patient("mine", Run.open(_FILES[individual.patient_number()]))
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(_FILES):
        raise ConfigError(
            f"the patient is {number!r}, expected a number from 1 to {len(_FILES) - 1}, 0 for a healthy run, or "
            '"mine".'
        )
    return Patient(number, Run.open(_FILES[number]))


def charts(**runs: Any) -> Figure:
    """Plot D's outputs, gradient norms, and losses, with one row per run.

    If all are GANs, four fakes of each are shown instead of the losses.

    Args:
        runs: runs, GANs, histories, or dicts of curves, by name. Underscores in names are shown as spaces.

    >>> charts(sick=gan, healthy=patient(0))                              # doctest: +SKIP
    """
    named = {name.replace("_", " "): run for name, run in runs.items()}
    gans = {name: run for name, run in named.items() if isinstance(run, GAN)}
    pictures = {n: gan.sample(4, seed=0).cpu() for n, gan in gans.items()} if len(gans) == len(named) else {}
    return plot_runs({name: _history(run) for name, run in named.items()}, pictures)


def _history(run: Any) -> Mapping[str, Sequence[float]]:
    return run if isinstance(run, Mapping) else run.history
