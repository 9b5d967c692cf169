"""Reads and writes a network as one `.safetensors` file: weights, settings, and data record.

The network is any generator, or a discriminator of facegan, from which training can start. The file's metadata contains
a digest, which is verified when the file is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facegan.config import DISCRIMINATOR_SETTINGS
from facegan.errors import CheckpointError, FaceganError, first_line
from facegan.models.dcgan import Discriminator, Generator, check_holds
from facegan.models.protocol import check_finite_weights, copied, distribution_of, set_missing, unwrapped
from facegan.runs.upgrade import upgrade_weights
from facegan.runtime.settings import usual_settings

_KEY = "facegan"  # the only key of the file's metadata, because the order of several keys is not fixed
# Attributes of custom networks. Networks for images have no sample_shape; others have no image_size.
_OWN = ("latent_dim", "image_size", "sample_shape", "output_range")
_DISTRIBUTION = "latent_distribution"  # optional
_DIGEST = "sha256"  # digest of settings and weights; missing in older files
_ROLE = "role"  # "discriminator"; missing in files of generators


def to_bytes(generator: nn.Module, *, data: dict[str, Any] | None = None, half: bool = False) -> bytes:
    """The contents of the file that stores a network.

    Args:
        generator: any generator (`facegan.models.protocol`), or a `facegan.Discriminator`.
        data: `FaceDataset.record()` of the faces that it was trained on.
        half: whether to store filters and matrices in float16, which halves the size; colors change by about one of
            255 levels.

    Returns:
        The contents.
    """
    from safetensors.torch import save

    weights = {  # copies, because safetensors does not accept weights that share memory
        k: v.detach().cpu().clone(memory_format=torch.contiguous_format)
        for k, v in unwrapped(generator).state_dict().items()
        if isinstance(v, torch.Tensor)
    }
    if half:
        # BatchNorm's vectors stay in float32: they need little space, and small variances would lose digits
        weights = {k: v.half() if v.ndim > 1 and _fits_float16(v) else v for k, v in weights.items()}
    network = unwrapped(generator)
    if isinstance(network, Generator) and type(network) is Generator:
        settings = network.settings
    elif type(network) is Discriminator:
        names = [name.removeprefix("discriminator_") for name in DISCRIMINATOR_SETTINGS]
        settings = {_ROLE: "discriminator"} | {name: getattr(network, name) for name in names}
    else:
        settings = {name: getattr(generator, name) for name in _OWN if hasattr(generator, name)}
        settings[_DISTRIBUTION] = distribution_of(generator)
        settings["network"] = type(network).__name__
    record = getattr(generator, "trained_on", None) if data is None else data
    settings |= {"data": record} if record else {}
    settings[_DIGEST] = _digest(settings, weights)
    return save(weights, metadata={_KEY: json.dumps(settings)})


def _digest(settings: dict[str, Any], weights: dict[str, torch.Tensor]) -> str:
    """The SHA-256 of a file's contents, independent of the order of its tensors."""
    found = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, weight in sorted(weights.items()):
        found.update(f"{name} {weight.dtype} {list(weight.shape)}".encode())
        found.update(weight.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


@usual_settings()
def read(path: Path, generator: nn.Module | None = None) -> nn.Module:
    """Read the generator in a file.

    Args:
        path: a `.safetensors` file.
        generator: your own network, if the file's network is not facegan's; the weights are loaded into a copy.

    Returns:
        The generator, in eval mode on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, or has no generator; or its network is not facegan's
            and `generator` is None.
    """
    with _readable(path, "generator"):
        settings, weights = _contents(path, role=None)
        data, network = settings.pop("data", None), settings.pop("network", None)
        if network is None and generator is None:
            check_holds(weights, settings)
        generator = _empty(settings, network, generator)
        weights = upgrade_weights(weights) if network is None else weights
        unwrapped(generator).load_state_dict(_extra_state(generator) | weights)
        check_finite_weights(generator)
    generator.trained_on = data
    return generator.eval()


@usual_settings()
def read_discriminator(path: Path) -> Discriminator:
    """Read the discriminator in a file, in train mode on the CPU. Raises `CheckpointError` as `read` does."""
    with _readable(path, "discriminator"):
        settings, weights = _contents(path, role="discriminator")
        settings.pop("data", None)
        check_holds(weights, settings)
        discriminator = Discriminator(**settings)
        discriminator.load_state_dict(weights)
        check_finite_weights(discriminator)
    return discriminator


def _contents(path: Path, *, role: str | None) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        settings = json.loads((file.metadata() or {})[_KEY])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    written = settings.pop(_DIGEST, None)
    if written not in {None, _digest(settings, weights)}:
        raise CheckpointError(
            "it is damaged: its contents do not match their digest. Fetch or export it again."
        )
    if (found := settings.pop(_ROLE, None)) != role:
        raise ValueError(f"it contains a {found or 'generator'}")
    return settings, weights


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """A context that converts any error from reading a file to a `CheckpointError`."""
    from safetensors import SafetensorError

    try:
        yield
    except FileNotFoundError:
        raise CheckpointError(
            f"no {kind} at {path}. Export one with gan.export or `facegan export`, or use 'faces' or "
            "'synthetic', which are bundled."
        ) from None
    except FaceganError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a {kind} exported by facegan ({type(error).__name__}: {first_line(error)}). "
            "Fetch or export it again."
        ) from None


def _empty(settings: dict[str, Any], network: str | None, given: nn.Module | None) -> nn.Module:
    """The network for the weights: facegan's, or a copy of the given network with the file's attributes."""
    if network is None and given is None:
        return Generator(**settings)
    if given is None:
        raise CheckpointError(
            f"its network is {network}, which the file does not describe. In Python, build that network and pass it: "
            "load_generator(path, generator=network)."
        )
    wanted = {name: settings[name] for name in _OWN if name in settings} | {
        _DISTRIBUTION: settings.get(_DISTRIBUTION, "normal")
    }
    return set_missing(copied(given), wanted, "file")


def _fits_float16(weight: torch.Tensor) -> bool:
    return weight.is_floating_point() and bool(weight.half().isfinite().all())


def _extra_state(network: nn.Module) -> dict[str, Any]:
    """The entries of the state dict from `get_extra_state`, because a `.safetensors` file can only store tensors."""
    state = unwrapped(network).state_dict()
    return {name: value for name, value in state.items() if not isinstance(value, torch.Tensor)}
