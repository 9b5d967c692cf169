"""A run, read-only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from facegan.config import TrainConfig
from facegan.errors import CheckpointError, ConfigError, first_line
from facegan.models.dcgan import Generator
from facegan.runs import checkpoint, pretrained


def load_generator(source: str | Path, *, step: int | None = None) -> Generator:
    """A generator in eval mode on the CPU: of a run folder, a `.safetensors` file, or one that has a name.

    Of a run folder it is the newest checkpoint's average, or, where somebody shared no checkpoints, its
    `generator.safetensors`. "faces" and "embedded" come with facegan (`facegan.pretrained`), and `step` takes
    them from earlier in their training. Raises `CheckpointError` when the file is missing, damaged or not
    ours, or has no such step, `ConfigError` for a step of anything else.

    >>> generator = load_generator("faces")          # doctest: +SKIP
    >>> generator.sample(64, seed=0).shape           # doctest: +SKIP
    torch.Size([64, 3, 64, 64])
    """
    if pretrained.is_pretrained(source):
        return _read_generator(pretrained.generator_file(source, step))
    if step is not None:
        names = ", ".join(pretrained.ALL)
        raise ConfigError(f"step={step} is for those that come with facegan ({names}), not for {source}.")
    path = Path(source)
    return _of_run(path) if path.is_dir() else _read_generator(path)


def _of_run(path: Path) -> Generator:
    state = checkpoint.load_latest(path / "checkpoints")
    if state is None and (path / "generator.safetensors").exists():
        return _read_generator(path / "generator.safetensors")
    if state is None:
        raise CheckpointError(
            f"{path} holds neither checkpoints nor a generator.safetensors; "
            f"`fit(gan, faces, run_dir={str(path)!r})` writes both."
        )
    generator = Generator(saved_config(state))
    try:
        generator.load_state_dict(state["ema"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds no state of a facegan run ({first_line(error)}).") from None
    return generator.eval()


def saved_config(state: dict[str, Any]) -> TrainConfig:
    """The settings in a checkpoint's state. Raises `CheckpointError` when it holds none of ours."""
    try:
        return TrainConfig.from_dict(state["config"])
    except (KeyError, TypeError, ConfigError) as error:
        raise CheckpointError(f"this is no state of a facegan run ({error}).") from None


def _read_generator(path: Path) -> Generator:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            settings = json.loads((file.metadata() or {})["facegan"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        generator = Generator(TrainConfig(**settings))
        generator.load_state_dict(weights)
    except FileNotFoundError:
        raise CheckpointError(
            f"no generator at {path}. Export one with `gan.export(path)`, or use "
            f"{' or '.join(map(repr, pretrained.PRETRAINED))}, which come with facegan."
        ) from None
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a generator exported by facegan ({type(error).__name__}: {first_line(error)}). "
            "Fetch or export it again."
        ) from None
    return generator.eval()
