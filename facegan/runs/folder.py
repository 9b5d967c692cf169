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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from facegan.runs import checkpoint
from facegan.files import remove_temporaries, write_atomic
from facegan.errors import CheckpointError, first_line
from facegan.images import gif_bytes, png_bytes, read_png

_MAX_GIF_FRAMES = 60


class RunFolder:
    """Writes one run's files. `path` is what the user named, `place` where writing happens now.

    `saved_step` is the step of the newest sound checkpoint, None when there is none. Raises
    `CheckpointError` when the folder cannot be made or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = self.place = Path(path)
        self.saved_step: int | None = None
        try:
            _make(self.path)
            for folder in (self.path, self.path / "checkpoints", self.path / "frames"):
                remove_temporaries(folder)
        except OSError as error:
            raise _unusable(path, error) from None

    def begin(self, config: dict[str, Any], *, data: str, device: str) -> None:
        """Write `config.json` and remove frames of steps that were lost with a crash."""
        try:
            text = json.dumps({"data": data, "device": device, **config}, indent=2) + "\n"
            write_atomic(self.place / "config.json", text.encode())
            for step, frame in self.frames().items():
                if step > (self.saved_step or 0):
                    frame.unlink()
        except OSError as error:
            raise _unusable(self.path, error) from None

    def latest(self) -> dict[str, Any] | None:
        """The newest sound checkpoint, or None."""
        state = checkpoint.load_latest(self.place / "checkpoints")
        self.saved_step = state and state["step"]
        return state

    def save(self, state: dict[str, Any], *, files: dict[str, bytes]) -> None:
        """Write `files` (bytes by relative path), then the checkpoint, wherever that works now."""
        self._somewhere(lambda: self._write(state, files))
        self.saved_step = state["step"]

    def finish(self, grid: Tensor, generator: bytes) -> None:
        """Write `progress.gif`, ending on `grid`, and `generator.safetensors`."""
        self._somewhere(lambda: self._write_summary(grid, generator))
        if self.place != self.path:
            warnings.warn(f"{self.path} did not come back; everything lies in {self.place}.", stacklevel=3)

    def frames(self) -> dict[int, Path]:
        """The sample frames so far, by step."""
        return checkpoint.numbered(self.place / "frames", ".png")

    def _write(self, state: dict[str, Any], files: dict[str, bytes]) -> None:
        """Pictures first, so that a checkpoint vouches for them; one that is in use is no reason to leave."""
        failed = []
        for name, data in files.items():
            try:
                write_atomic(self.place / name, data)
            except OSError as error:
                failed.append(f"{name} ({error.strerror or error})")
        checkpoint.save_step(state, self.place / "checkpoints", state["step"])
        if failed:
            warnings.warn(f"could not write {', '.join(failed)} in {self.place}.", stacklevel=5)

    def _write_summary(self, grid: Tensor, generator: bytes) -> None:
        write_atomic(self.place / "generator.safetensors", generator)
        frames = [read_png(path) for path in _thin(list(self.frames().values()))]
        rest = [grid] * 8  # the loop rests on the last faces
        write_atomic(self.place / "progress.gif", gif_bytes([*frames, *rest], fps=8))

    def _somewhere(self, write: Callable[[], None]) -> None:
        """Write to the run folder, or to a local one from the moment it cannot be written."""
        if self.place != self.path:
            self._return()
        try:
            write()
        except OSError as error:
            if self.place != self.path:
                raise _unusable(self.place, error) from None
            self._retreat(error)
            write()

    def _retreat(self, error: OSError) -> None:
        self.place = Path(tempfile.mkdtemp(prefix=f"facegan-{self.path.name}-"))
        _make(self.place)
        warnings.warn(
            f"{self.path} cannot be written ({error.strerror or error}); training goes on, saving to "
            f"{self.place} until it comes back.",
            stacklevel=5,
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


def history_csv(history: dict[str, list[float]], last_step: int) -> bytes:
    """The history as CSV: a row a step up to `last_step`, a column a quantity."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["step", *history])
    rows = list(zip(*history.values(), strict=True))
    writer.writerows([step, *row] for step, row in enumerate(rows, start=last_step - len(rows) + 1))
    return out.getvalue().encode()


def read_run(path: Path) -> tuple[dict[int, Path], dict[str, list[float]]]:
    """A finished or running run's frames by step, and its history. Raises `CheckpointError` without them."""
    frames = checkpoint.numbered(path / "frames", ".png") if (path / "frames").is_dir() else {}
    if not frames or not (path / "history.csv").is_file():
        raise CheckpointError(
            f"{path} holds no run with frames and history.csv; `fit(..., run_dir={str(path)!r})` makes one. "
            "'faces' is a training that comes with facegan."
        )
    return frames, read_history(path / "history.csv")


def read_history(path: Path) -> dict[str, list[float]]:
    """The history in a `history.csv`. Raises `CheckpointError` when it is damaged."""
    try:
        return _parsed(path.read_text())
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged ({first_line(error)}).") from None


def _parsed(text: str) -> dict[str, list[float]]:
    """The history in CSV text; the inverse of `history_csv`."""
    names, *rows = csv.reader(text.splitlines())
    columns = zip(*([float(x) for x in row] for row in rows), strict=True) if rows else [()] * len(names)
    history = {name: list(column) for name, column in zip(names, columns, strict=True)}
    del history["step"]
    return {name: history[name] for name in ("loss_d", "loss_g", "d_real", "d_fake")} | history


def curves_png(history: dict[str, list[float]]) -> bytes:
    """The loss and probability curves as PNG."""
    from facegan.plots import figure_png, plot_curves

    return figure_png(plot_curves(history))


def picture_files(
    history: dict[str, list[float]], grid: Tensor, step: int, *, frame: str | None
) -> dict[str, bytes]:
    """What is rewritten at every snapshot: samples, curves, history, and the frame if there is one."""
    picture = png_bytes(grid)
    files = {"samples.png": picture, "history.csv": history_csv(history, step)}
    if history["loss_d"]:
        files["curves.png"] = curves_png(history)
    return files | ({frame: picture} if frame else {})


def _make(folder: Path) -> None:
    for part in ("checkpoints", "frames"):
        (folder / part).mkdir(parents=True, exist_ok=True)


def _unusable(path: str | Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"the run folder {path} cannot be used ({error.strerror or error}). Choose another run_dir."
    )


def _thin(paths: list[Path]) -> list[Path]:
    stride = -(-len(paths) // _MAX_GIF_FRAMES) if paths else 1
    return paths[::stride]
