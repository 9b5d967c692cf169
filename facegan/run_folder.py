"""What a run leaves on disk, in one folder that explains itself.

    checkpoints/step_000060.pt   the last three states, for resuming
    frames/step_000060.png       the same latents through training
    samples.png  curves.png  progress.gif  history.csv  config.json  generator.safetensors

When the folder vanishes (a mounted drive that went away), writing goes on in a local rescue folder,
is tried again at every snapshot, and moves back when the drive does.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from torch import Tensor

from facegan import checkpoint
from facegan.errors import CheckpointError
from facegan.images import gif_bytes, png_bytes, read_png

_MAX_GIF_FRAMES = 120


class RunFolder:
    """Writes one run's files. `path` is what the user named, `place` where writing happens now."""

    def __init__(self, path: str | Path) -> None:
        self.path = self.place = Path(path)
        try:
            _make(self.path)
        except OSError as error:
            raise CheckpointError(
                f"cannot create the run folder {path} ({error.strerror or error}). Choose another run_dir."
            ) from None
        checkpoint.clean_temporaries(self.path)
        checkpoint.clean_temporaries(self.path / "checkpoints")

    def latest(self) -> dict[str, Any] | None:
        """The newest sound checkpoint, or None."""
        return checkpoint.load_latest(self.path / "checkpoints")

    def save(self, state: dict[str, Any], step: int, *, files: dict[str, bytes]) -> None:
        """Write `files` (bytes by relative path), then the checkpoint of `step`, wherever that works now.

        Raises `CheckpointError` when a disk is full.
        """
        if self.place != self.path:
            self._return()
        try:
            self._write(state, step, files)
        except OSError as error:
            if self.place != self.path:
                raise
            self._retreat(error)
            self._write(state, step, files)

    def write(self, name: str, data: bytes) -> None:
        """Write one file of the folder."""
        checkpoint.write_atomic(self.place / name, data)

    def frames(self) -> list[Path]:
        """The sample frames so far, by step."""
        return sorted((self.place / "frames").glob("step_*.png"))

    def drop_frames_after(self, step: int) -> None:
        """Remove frames of steps that were lost with a crash and will be made again."""
        for path in self.frames():
            if int(path.stem.removeprefix("step_")) > step:
                path.unlink()

    def finish(self, generator: bytes) -> None:
        """Write `progress.gif` and `generator.safetensors`, and say where a rescued run lies."""
        frames = [read_png(p) for p in _thin(self.frames())]
        files = {"generator.safetensors": generator}
        if frames:
            hold = [frames[-1]] * 8  # the loop rests on the last faces
            files["progress.gif"] = gif_bytes([*frames, *hold], fps=8)
        for name, data in files.items():
            self.write(name, data)
        if self.place != self.path:
            warnings.warn(f"{self.path} did not come back; everything lies in {self.place}.", stacklevel=3)

    def _write(self, state: dict[str, Any], step: int, files: dict[str, bytes]) -> None:
        for name, data in files.items():  # the checkpoint comes last: what it vouches for is there
            self.write(name, data)
        checkpoint.save_step(state, self.place / "checkpoints", step)

    def _retreat(self, error: OSError) -> None:
        self.place = Path(tempfile.mkdtemp(prefix=f"facegan-{self.path.name}-"))
        _make(self.place)
        warnings.warn(
            f"{self.path} cannot be written ({error.strerror or error}); training goes on, saving to "
            f"{self.place} until it comes back.",
            stacklevel=4,
        )

    def _return(self) -> None:
        if not (self.path / "checkpoints").is_dir():
            return
        try:
            shutil.copytree(self.place, self.path, dirs_exist_ok=True)
        except (OSError, shutil.Error):
            return
        shutil.rmtree(self.place)
        self.place = self.path


def history_csv(history: dict[str, list[float]]) -> bytes:
    """The history as CSV: a row a step, a column a quantity."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["step", *history])
    columns = history.values()
    writer.writerows([step, *row] for step, row in enumerate(zip(*columns, strict=True), start=1))
    return out.getvalue().encode()


def curves_png(history: dict[str, list[float]]) -> bytes:
    """The loss and probability curves as PNG."""
    from facegan.plots import figure_png, plot_curves

    return figure_png(plot_curves(history))


def config_json(config: dict[str, Any], *, data: str) -> bytes:
    """The settings of a run as JSON."""
    return (json.dumps({"data": data, **config}, indent=2) + "\n").encode()


def picture_files(history: dict[str, list[float]], grid: Tensor, *, frame: str | None) -> dict[str, bytes]:
    """What is rewritten at every snapshot: samples, curves, history, and the frame if there is one."""
    picture = png_bytes(grid)
    files = {"samples.png": picture, "history.csv": history_csv(history)}
    if history["loss_d"]:
        files["curves.png"] = curves_png(history)
    return files | ({frame: picture} if frame else {})


def _make(folder: Path) -> None:
    for part in ("checkpoints", "frames"):
        (folder / part).mkdir(parents=True, exist_ok=True)


def _thin(paths: list[Path]) -> list[Path]:
    stride = -(-len(paths) // _MAX_GIF_FRAMES) if paths else 1
    return paths[::-1][::stride][::-1]
