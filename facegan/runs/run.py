"""Read access to a run: settings, history, frames, and generators."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from torch import Tensor, nn

from facegan.config import TrainConfig
from facegan.errors import CheckpointError, ConfigError, DamagedCheckpoint, expect, first_line
from facegan.images import make_grid, read_png, split_grid, to_uint8
from facegan.models.dcgan import Generator
from facegan.models.protocol import sample, set_attribute
from facegan.runs import checkpoint, generator_file, pretrained
from facegan.runs.folder import read_notes, read_segments
from facegan.runs.history import History
from facegan.runs.networks import config_of, discriminator_of, generator_of


class Run(ABC):
    """A training run, in a run folder or bundled with facegan. `Run.open` returns one.

    Attributes:
        name: the folder, or the bundled run's name.
        config: the `TrainConfig` of the last step.
        history: the `History` of metrics.
        steps: steps with a frame, ascending.
        checkpoints: steps with a checkpoint, ascending.
        generators: steps whose generator was kept, ascending.
        segments: the settings, data, and device used from each step on; see `RunFolder.begin`.
        data: `FaceDataset.record()` of the last training data, as far as known; with `started_from` if the run
            started from another run.
        device: name of the last training device; None if unknown.
    """

    name: str

    @property
    @abstractmethod
    def config(self) -> TrainConfig: ...

    @property
    @abstractmethod
    def history(self) -> History: ...

    @property
    @abstractmethod
    def steps(self) -> list[int]: ...

    @property
    @abstractmethod
    def data(self) -> dict[str, Any]: ...

    @property
    @abstractmethod
    def generators(self) -> list[int]: ...

    @property
    def checkpoints(self) -> list[int]:
        return []

    @property
    def segments(self) -> list[dict[str, Any]]:
        return []

    @property
    def device(self) -> str | None:
        return None

    @staticmethod
    def open(source: str | Path | Run) -> Run:
        """Open a run.

        Args:
            source: a run folder, or the name of a bundled run, such as "faces" or "mode_collapse". A `Run` is returned
                unchanged.

        Raises:
            CheckpointError: there is no such run.
            ConfigError: the source is anything else.

        >>> Run.open("healthy")
        BundledRun('healthy')
        >>> Run.open("healthy").steps
        [0, 200, 500, 1000, 2000]
        """
        if isinstance(source, Run):
            return source
        if pretrained.is_pretrained(source):
            return BundledRun(str(source))
        expect(source, str | Path, "the run", "a run folder or a bundled run's name, such as 'healthy'")
        return FolderRun(Path(source).expanduser())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @abstractmethod
    def frame(self, step: int | None = None) -> Tensor:
        """The images of the preview latents as one square uint8 grid (3, H, H); see `pictures`."""

    def pictures(self, step: int | None = None) -> Tensor:
        """The images of the preview latents, uint8 (N, 3, S, S).

        Args:
            step: one of `steps`; by default, the last images that were saved.

        Raises:
            CheckpointError: there are no images of that step, or they cannot be read.
            ConfigError: the run's frames are not grids of images.
        """
        return split_grid(self.frame(step), self.config.image_size)

    @overload
    def generator(self, step: int | None = None, *, network: None = None) -> Generator: ...
    @overload
    def generator(self, step: int | None = None, *, network: nn.Module | None) -> nn.Module: ...

    @abstractmethod
    def generator(self, step: int | None = None, *, network: nn.Module | None = None) -> Any:
        """The averaged generator, in eval mode on the CPU.

        Args:
            step: one of `generators`; by default, the last. Generators without a checkpoint are in half precision.
            network: your own network, if the run used one; the weights are loaded into a copy.

        Raises:
            CheckpointError: there is no generator of that step, or the network does not fit.
        """

    @abstractmethod
    def discriminator(self, *, network: nn.Module | None = None) -> nn.Module:
        """The discriminator after the last step, in train mode on the CPU; `network` is as for `generator`.

        Raises:
            CheckpointError: the run has no discriminator, or the network does not fit.
        """


class FolderRun(Run):
    """A run folder written by `fit(..., run_dir=...)`."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        parts = ("checkpoints", "frames", "generators", "generator.safetensors", "history.csv")
        if not path.is_dir() or not any((path / part).exists() for part in parts):
            raise CheckpointError(
                f"{path} is not a run folder written by training. Pass a run folder, or a bundled run: "
                f"{', '.join(pretrained.ALL)}."
            )

    @property
    def steps(self) -> list[int]:
        return list(checkpoint.numbered(self.path / "frames", ".png"))

    @property
    def checkpoints(self) -> list[int]:
        return list(checkpoint.numbered(self.path / "checkpoints", ".pt"))

    @property
    def generators(self) -> list[int]:
        return sorted({*self.checkpoints, *self._half_precision()})

    def _half_precision(self) -> dict[int, Path]:
        return checkpoint.numbered(self.path / "generators", ".safetensors")

    @property
    def segments(self) -> list[dict[str, Any]]:
        return read_segments(self.path)

    @cached_property
    def config(self) -> TrainConfig:
        segment = self._segment()
        return config_of({"config": segment["settings"]} if segment else self.state)

    @cached_property
    def history(self) -> History:
        if (self.path / "history.csv").is_file():
            try:
                return History.from_csv(self.path / "history.csv")
            except CheckpointError as error:
                if not self.checkpoints:
                    raise
                warnings.warn(f"{error} Using the history in the newest checkpoint.", stacklevel=2)
        return History.from_state(self.state["history"])

    @property
    def data(self) -> dict[str, Any]:
        segment = self._segment()
        return (segment["data"] if segment else self.state["data"]) or {}

    @property
    def device(self) -> str | None:
        return read_notes(self.path).get("device")

    @cached_property
    def state(self) -> dict[str, Any]:
        """The newest intact checkpoint. Raises `CheckpointError` if there is none."""
        state = checkpoint.load_latest(self.path / "checkpoints")
        if state is None:
            raise CheckpointError(
                f"{self.path} has no checkpoint. Pass a run folder with checkpoints, such as runs/demo."
            )
        return state

    def _segment(self) -> dict[str, Any]:
        """The segment of the newest checkpoint; empty if unknown. Segments without a checkpoint are ignored."""
        segments, newest = self.segments, max(self.checkpoints, default=float("inf"))
        kept = [segment for segment in segments if segment["from_step"] < newest] or segments[:1]
        return kept[-1] if kept else {}

    def frame(self, step: int | None = None) -> Tensor:
        frames = checkpoint.numbered(self.path / "frames", ".png")
        path = self.path / "samples.png" if step is None else frames.get(step)
        if path is None:
            raise CheckpointError(f"{self.path} has no frame of step {step}; choose one of {self.steps}.")
        try:
            picture = read_png(path)
            return picture[:, : picture.shape[2]]  # without the caption below
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({first_line(error)}).") from None

    def generator(self, step: int | None = None, *, network: nn.Module | None = None) -> Any:
        generator, step = (
            self._newest_generator(network) if step is None else (self._kept(step, network), step)
        )
        set_attribute(generator, "origin", _origin(self.path.resolve().name, step))
        return generator

    def _kept(self, step: int, network: nn.Module | None) -> nn.Module:
        half = self._half_precision().get(step)
        if path := checkpoint.numbered(self.path / "checkpoints", ".pt").get(step):
            try:
                return generator_of(checkpoint.load(path), network)
            except DamagedCheckpoint:
                if half is None:
                    raise
        if half:
            return generator_file.read(half, network)
        kept = ", ".join(map(str, self.generators)) or "none"
        raise CheckpointError(
            f"{self.path} has no generator of step {step}. Choose one of its steps: {kept}."
        )

    def _newest_generator(self, network: nn.Module | None) -> tuple[nn.Module, int | None]:
        """Generator and step: from the newest checkpoint, `generator.safetensors`, or the last half-precision file."""
        whole, half = self.path / "generator.safetensors", self._half_precision()
        try:
            if self.checkpoints:
                return generator_of(self.state, network), self.state["step"]
        except DamagedCheckpoint:
            if not whole.exists() and not half:
                raise
        if whole.exists() or not half:
            return generator_file.read(whole, network), None
        return generator_file.read(half[max(half)], network), max(half)

    def raw_generator(self, network: nn.Module | None = None) -> nn.Module:
        """The generator without averaging, after the last step."""
        return generator_of(self.state, network, part="generator")

    def discriminator(self, *, network: nn.Module | None = None) -> nn.Module:
        return discriminator_of(self.state, network)


class BundledRun(Run):
    """A run that is bundled with the package (`facegan.runs.pretrained`)."""

    def __init__(self, name: str) -> None:
        self.name, self._notes = name, pretrained.notes(name)
        self.about: str = self._notes["about"]

    @cached_property
    def config(self) -> TrainConfig:
        return TrainConfig.from_dict(self._notes["settings"])

    @property
    def data(self) -> dict[str, Any]:
        return self._notes["data"]

    @property
    def steps(self) -> list[int]:
        return pretrained.steps(self.name)

    @property
    def generators(self) -> list[int]:
        return self.steps

    @cached_property
    def history(self) -> History:
        return History.from_csv(pretrained.history_file(self.name))

    def frame(self, step: int | None = None) -> Tensor:
        return make_grid(sample(self.generator(step), 16, seed=0))

    def pictures(self, step: int | None = None) -> Tensor:
        return to_uint8(sample(self.generator(step), 64, seed=0))

    def generator(self, step: int | None = None, *, network: nn.Module | None = None) -> Any:
        generator = generator_file.read(pretrained.generator_file(self.name, step), network)
        set_attribute(generator, "trained_on", self.data)
        set_attribute(generator, "origin", _origin(self.name, self.steps[-1] if step is None else step))
        return generator

    def discriminator(self, *, network: nn.Module | None = None) -> nn.Module:
        return generator_file.read_discriminator(pretrained.discriminator_file(self.name))


def _origin(name: str, step: int | None) -> str:
    """A generator's run and step as text: "faces, step 12,000"."""
    return name if step is None else f"{name}, step {step:,}"


@overload
def load_generator(
    source: str | Path | Run, *, step: int | None = None, generator: None = None
) -> Generator: ...
@overload
def load_generator(
    source: str | Path | Run, *, step: int | None = None, generator: nn.Module | None
) -> nn.Module: ...


def load_generator(
    source: str | Path | Run, *, step: int | None = None, generator: nn.Module | None = None
) -> nn.Module:
    """Load a trained generator.

    Args:
        source: a `Run`, a run folder (its newest checkpoint, or its `generator.safetensors` if it has no checkpoints),
            a `.safetensors` file, a checkpoint (`.pt`), or a bundled run: "faces" (photographs), "synthetic"
            (drawn faces), or one of `facegan.pretrained.GALLERY`.
        step: a step of the run whose generator was kept; by default, the last. Only for runs.
        generator: your own network, if the run used one; it does not change.

    Returns:
        A `facegan.Generator`, or a copy of `generator` with the run's weights, in eval mode on the CPU. Its attribute
        `trained_on` is the record of its training data, if known. A run's generator also has `origin`, the run and the
        step as text.

    Raises:
        CheckpointError: the source is missing, damaged, or has no generator of that step.
        ConfigError: the source is anything else, or `step` was given for a file.

    >>> load_generator("faces").sample(64, seed=0).shape          # doctest: +SKIP
    torch.Size([64, 3, 64, 64])
    """
    if isinstance(source, Run):
        return source.generator(step, network=generator)
    if not isinstance(source, str | Path) or source == "":
        given = "''" if source == "" else f"a {type(source).__name__}"
        raise ConfigError(
            f"got {given}, expected a run folder, a file, a bundled run's name or a Run. For a GAN's "
            "averaged generator, use gan.ema."
        )
    path = Path(source).expanduser()
    if pretrained.is_pretrained(source) or path.is_dir():
        return Run.open(source).generator(step, network=generator)
    if step is not None:
        raise ConfigError(f"step={step} needs a run folder or a bundled run, got the file {source}.")
    if path.suffix == ".onnx":
        raise CheckpointError(f"{path} is an ONNX network; load it with onnxruntime.")
    if path.suffix != ".safetensors" and (path.parent / "config.json").exists():
        raise CheckpointError(f"{path} is a file of the run folder {path.parent}. Give that folder.")
    if path.suffix in {".pt", ".ts"}:
        return generator_of(checkpoint.load(path), generator)
    return generator_file.read(path, generator)
