"""Writes the files of a run to one folder.

    checkpoints/step_000060.pt            the last three states, or all, for resuming
    frames/step_000060.png                images of the same latents during training
    generators/step_000060.safetensors    the generator of each frame, in half precision
    samples.png  curves.png  progress.gif  history.csv  config.json  generator.safetensors

If the folder becomes unavailable (for example, because a mounted drive disconnects), files are written to a local
fallback folder. Every snapshot tries the folder again, and moves the files back when it is available.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from facegan import files
from facegan.errors import CheckpointError, first_line
from facegan.images import gif_bytes, png_bytes, read_png
from facegan.plots import plot_curves
from facegan.runs import checkpoint, rescued
from facegan.runs.history import History
from facegan.runs.upgrade import upgrade_notes

_MAX_GIF_FRAMES = 60
_SEGMENT = {"from_step", "data", "device", "settings"}  # keys of each segment in config.json
_LAST_FRAMES = 8  # number of times that the animation repeats the final samples


class RunFolder:
    """Write the files of one run.

    Attributes:
        path: the run folder.
        active_path: the folder to which files are currently written: `path`, or the fallback folder.
        saved_step: step of the newest intact checkpoint; None if there is none.
        has_steps: whether the run has taken a step since this object was created.

    Raises:
        CheckpointError: the folder cannot be created or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = self.active_path = Path(path)
        self.saved_step: int | None = None
        self.has_steps = False
        try:
            _make(self.path)
            for part in ("", "checkpoints", "frames", "generators"):
                files.remove_temporaries(self.path / part)
        except OSError as error:
            raise unusable(path, error) from None

    def latest(self) -> dict[str, Any] | None:
        """Load the newest intact checkpoint, or None; newer damaged checkpoints are renamed.

        Raises:
            CheckpointError: as for `checkpoint.load_latest`.
        """
        state = checkpoint.load_latest(self.active_path / "checkpoints", set_aside=True)
        self.saved_step = state["step"] if state else None
        return state

    def begin(self, step: int, settings: dict[str, Any], *, data: dict[str, Any], device: str) -> None:
        """Write `config.json`, and remove frames and generators of steps after `step`, which were lost in a crash.

        `config.json` has the current settings, and `segments`: the settings, data, and device used from each step on.

        Args:
            step: the step at which training begins or resumes.
            settings: the run's settings.
            data: record of the training data.
            device: name of the device.

        Raises:
            CheckpointError: the folder cannot be written.
        """
        segment = {"from_step": step, "data": data, "device": device, "settings": settings}
        segments = _with_segment(read_segments(self.active_path), segment)
        config = self.active_path / "config.json"
        notes = {"data": data["name"], "device": device, **settings, "segments": segments}
        try:
            if config.exists() and not read_notes(self.active_path):
                config.replace(config.with_name("config-damaged.json"))
            files.write_atomic(config, (json.dumps(notes, indent=2) + "\n").encode())
            for kept in (self.frames(), checkpoint.numbered(self.active_path / "generators", ".safetensors")):
                for path in (path for at, path in kept.items() if at > step):
                    path.unlink()
        except OSError as error:
            raise unusable(self.path, error) from None

    def save(
        self,
        state: dict[str, Any],
        history: History,
        grid: Tensor,
        *,
        frame: Tensor | None = None,
        generator: bytes | None = None,
    ) -> None:
        """Write the files of a snapshot: samples, curves, history, and then the checkpoint.

        Args:
            state: state of the GAN.
            history: metrics of the run.
            grid: images of the preview latents, uint8 (3, H, W).
            frame: the grid with a caption, to keep for this step.
            generator: the contents of a generator file, to keep for this step.

        Raises:
            CheckpointError: neither the run folder nor the fallback folder can be written, or the disk is full.
        """
        parts = {"samples.png": png_bytes(grid), "history.csv": history.to_csv()}
        if history["loss_d"] and (curves := _drawn(history)):
            parts["curves.png"] = curves
        if frame is not None:
            parts[f"frames/step_{state['step']:06d}.png"] = png_bytes(frame)
        if generator is not None:
            parts[f"generators/step_{state['step']:06d}.safetensors"] = generator
        self._write_with_fallback(lambda: self._write(state, parts))
        self.saved_step = state["step"]

    def finish(self, frame: Tensor, generator: bytes) -> None:
        """Write `progress.gif`, which ends with `frame`, and `generator.safetensors`. Errors are those of `save`."""
        self._write_with_fallback(lambda: self._write_summary(frame, generator))
        if self.active_path != self.path:
            warnings.warn(
                f"{self.path} is still unavailable; the run was saved to {self.active_path}.", stacklevel=3
            )

    def frames(self) -> dict[int, Path]:
        """The paths of the sample frames in the folder, by step."""
        return checkpoint.numbered(self.active_path / "frames", ".png")

    def _write(self, state: dict[str, Any], parts: dict[str, bytes]) -> None:
        """Write the parts, then the checkpoint, so that a checkpoint implies its parts. If a part fails, only warn."""
        failed = []
        for name, data in parts.items():
            path = self.active_path / name
            try:
                if path.parent != self.active_path:
                    # the run folder may be unavailable and must not be created again
                    path.parent.mkdir(exist_ok=True)
                files.write_atomic(path, data)
            except OSError as error:
                failed.append(f"{name} ({error.strerror or error})")
        checkpoint.save_step(state, self.active_path / "checkpoints", state["step"])
        if failed:
            warnings.warn(f"could not write {', '.join(failed)} in {self.active_path}.", stacklevel=5)

    def _write_summary(self, frame: Tensor, generator: bytes) -> None:
        files.write_atomic(self.active_path / "generator.safetensors", generator)
        frames = self._readable_frames(frame.shape[2])
        animation = gif_bytes(_of_one_height([*frames, *[frame] * _LAST_FRAMES]), fps=8)
        files.write_atomic(self.active_path / "progress.gif", animation)

    def _readable_frames(self, width: int) -> list[Tensor]:
        """The frames of this width, at most 60. Others are skipped, with a warning that names the first one."""
        found, bad = [], []
        for path in _thin(list(self.frames().values())):
            try:
                picture = read_png(path)
            except OSError as error:
                bad.append(f"{path} cannot be read ({error.strerror or first_line(error)})")
                continue
            if picture.shape[2] == width:
                found.append(picture)
            else:
                bad.append(f"{path} is {picture.shape[2]} pixels wide, but the run's frames are {width}")
        if bad:
            more = f", and {len(bad) - 1} more frames have such a problem" if bad[1:] else ""
            warnings.warn(f"{bad[0]}{more}; progress.gif was written without them.", stacklevel=5)
        return found

    def _write_with_fallback(self, write: Callable[[], None]) -> None:
        """Write to the run folder, or to a local folder if that fails."""
        if self.active_path != self.path:
            self._restore()
        try:
            write()
        except OSError as error:
            if self.active_path != self.path:
                raise unusable(self.active_path, error) from None
            self._use_fallback(error)
            write()

    def _use_fallback(self, error: OSError) -> None:
        self.active_path = Path(tempfile.mkdtemp(prefix=f"facegan-{self.path.name}-"))
        _make(self.active_path)
        rescued.remember(self.path, self.active_path)
        warnings.warn(
            f"{self.path} cannot be written ({error.strerror or error}); training continues and saves to "
            f"{self.active_path} until it is available again.",
            stacklevel=5,
        )

    def _restore(self) -> None:
        """Move the fallback folder's files back if the run folder is available again."""
        if not (self.path / "checkpoints").is_dir():
            return
        try:
            shutil.copytree(self.active_path, self.path, dirs_exist_ok=True)
        except (OSError, shutil.Error):
            return
        shutil.rmtree(self.active_path)
        rescued.forget(self.path)
        self.active_path = self.path


def read_notes(path: Path) -> dict[str, Any]:
    """The contents of a run folder's `config.json`; empty if it is missing or, with a warning, if it is damaged."""
    try:
        notes = dict(json.loads((path / "config.json").read_text("utf-8-sig")))
        if not all(segment.keys() >= _SEGMENT for segment in notes.get("segments", ())):
            raise ValueError("a segment is incomplete")
        return notes
    except OSError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        warnings.warn(
            f"{path / 'config.json'} is damaged ({first_line(error)}) and is ignored.", stacklevel=3
        )
        return {}


def read_segments(path: Path) -> list[dict[str, Any]]:
    """The run's segments: dicts with `from_step`, `data`, `device`, and `settings`, in order."""
    notes = read_notes(path)
    return notes["segments"] if "segments" in notes else upgrade_notes(notes) if notes else []


def _with_segment(segments: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    kept = [segment for segment in segments if segment["from_step"] < new["from_step"]]
    last = kept[-1] if kept else {}
    same = all(last.get(name) == new[name] for name in ("data", "device", "settings"))
    return kept if same else [*kept, new]


def _make(folder: Path) -> None:
    for part in ("checkpoints", "frames"):
        (folder / part).mkdir(parents=True, exist_ok=True)


def _drawn(history: History) -> bytes | None:
    """Draw the curves as PNG. If this fails, warn and return None, so that training continues."""
    try:
        return plot_curves(history).png()
    except Exception as error:  # for example, from the user's matplotlib settings
        warnings.warn(
            f"curves.png could not be drawn: {first_line(error)}. Training continues.", stacklevel=4
        )
        return None


def unusable(path: str | Path, error: OSError) -> CheckpointError:
    """The error for a run folder that cannot be read or written."""
    return CheckpointError(
        f"the run folder {path} cannot be used ({error.strerror or error}). Choose another run_dir."
    )


def _of_one_height(frames: list[Tensor]) -> list[Tensor]:
    """Pad frames to the same height with white, because frames of facegan 0.2 have no caption."""
    height = max(frame.shape[1] for frame in frames)
    return [pad(frame, (0, 0, 0, height - frame.shape[1]), value=255) for frame in frames]


def _thin(paths: list[Path]) -> list[Path]:
    stride = -(-len(paths) // _MAX_GIF_FRAMES) if paths else 1
    return paths[::stride]
