"""Exports a generator for use without facegan: safetensors, TorchScript, or ONNX.

The exported network consists of torch's own layers with fixed weights; its images are in [-1, 1].
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from facegan.errors import ConfigError
from facegan.files import write_atomic
from facegan.images import unit_to_signed
from facegan.models.conv import Conv2d, ConvTranspose2d, NearestConvTranspose2d
from facegan.models.dcgan import Generator
from facegan.models.protocol import attribute, check_finite_weights, copied, unwrapped
from facegan.runs import generator_file
from facegan.runtime.settings import usual_settings

_OPSET = 18  # of ONNX


class PlainGenerator(nn.Module):
    """Maps z (B, latent_dim) to images (B, 3, S, S) in [-1, 1]; `network` is the generator in torch's own layers."""

    def __init__(self, network: nn.Module, *, signed: bool) -> None:
        super().__init__()
        self.network, self.signed = network, signed

    def forward(self, z: Tensor) -> Tensor:
        images = self.network(z)
        return images if self.signed else unit_to_signed(images)


def plain(generator: nn.Module) -> PlainGenerator:
    """Copy any generator to torch's own layers, on the CPU, in eval mode and float32.

    The copy's images are the same up to rounding.
    """
    holder = (
        copied(nn.ModuleDict({"network": unwrapped(generator)})).cpu().float().eval().requires_grad_(False)
    )
    _replace_layers(holder)
    network = holder.get_submodule("network")
    if isinstance(network, Generator):
        network.upsampling = "transposed"
    signed = tuple(getattr(generator, "output_range", (-1, 1))) == (-1, 1)
    return PlainGenerator(network, signed=signed).eval()


@usual_settings()
def export_generator(generator: nn.Module, path: str | Path, *, format: str | None = None) -> Path:
    """Write a generator as a plain network, from latents z (B, latent_dim) to images in [-1, 1].

    Args:
        generator: any generator (`facegan.models.protocol`), such as `gan.ema`.
        path: the file to write; missing folders are created.
        format: "safetensors" (weights; `load_generator` reads those of facegan's networks), "torchscript" (for
            `torch.jit.load`), or "onnx" (input "z", output "images"; needs `pip install 'facegan[onnx]'`). By
            default, the path's suffix determines it: .safetensors, .pt or .ts, .onnx.

    Returns:
        The path.

    Raises:
        ConfigError: `generator` is not a module, the format is unknown or contradicts the path, or a package is
            missing.
        CheckpointError: a weight is NaN or infinite, or the file cannot be written.
    """
    path = Path(path).expanduser()
    if not isinstance(generator, nn.Module):
        raise ConfigError(
            f"got a {type(generator).__name__}, expected a generator, such as gan.ema or fg.load_generator(run)."
        )
    check_finite_weights(generator)
    write = FORMATS[_format_of(path, format)]
    data = write(plain(generator), attribute(generator, "latent_dim"))
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_atomic(path, data)


def _format_of(path: Path, format: str | None) -> str:
    named = ENDINGS.get(path.suffix)
    if format not in {None, *FORMATS}:
        raise ConfigError(f"format is {format!r}; choose one of {', '.join(map(repr, FORMATS))}.")
    chosen = format or named
    if path.is_dir() or chosen is None:
        raise ConfigError(f"{path} does not name a file of a known format; end it in {', '.join(ENDINGS)}.")
    if format and named and format != named:
        raise ConfigError(
            f"format is {format!r}, but {path.name!r} has the suffix of {named}. Change one of them."
        )
    return chosen


def _safetensors(model: PlainGenerator, latent_dim: int) -> bytes:
    return generator_file.to_bytes(model.network)


def _torchscript(model: PlainGenerator, latent_dim: int) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch recommends torch.export instead
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.trace(model, torch.zeros(2, latent_dim)), buffer)
    return buffer.getvalue()


def _onnx(model: PlainGenerator, latent_dim: int) -> bytes:
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ConfigError("exporting to ONNX needs two packages: pip install 'facegan[onnx]'.") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model, (torch.zeros(2, latent_dim),), input_names=["z"], output_names=["images"],
            dynamic_shapes={"z": {0: torch.export.Dim("batch")}}, opset_version=_OPSET, dynamo=True,
            verbose=False,
        )  # fmt: skip
    if program is None:
        raise ConfigError(
            "torch.onnx.export returned nothing. Install its packages: pip install 'facegan[onnx]'."
        )
    return program.model_proto.SerializeToString()


FORMATS: dict[str, Callable[[PlainGenerator, int], bytes]] = {
    "safetensors": _safetensors,
    "torchscript": _torchscript,
    "onnx": _onnx,
}
ENDINGS = {".safetensors": "safetensors", ".pt": "torchscript", ".ts": "torchscript", ".onnx": "onnx"}


def _replace_layers(network: nn.Module) -> None:
    """Replace facegan's layers, and parametrized layers, with torch's own, in place."""
    for name, layer in network.named_children():
        if parametrize.is_parametrized(layer):
            setattr(network, name, _without_parametrizations(layer))
        elif isinstance(layer, Conv2d | ConvTranspose2d):
            setattr(network, name, _own_layer_of_torch(layer))
        else:
            _replace_layers(layer)


def _without_parametrizations(layer: nn.Module) -> nn.Module:
    """A copy without parametrizations; torch's `remove_parametrizations` would change the class that copies share."""
    kind: Any = parametrize.type_before_parametrizations(layer)
    names = [name for name, _ in layer.get_submodule("parametrizations").named_children()]
    fixed = {name: nn.Parameter(getattr(layer, name), requires_grad=False) for name in names}
    made = kind.__new__(kind)
    made.__dict__.update(layer.__dict__)
    made._modules = {name: child for name, child in layer._modules.items() if name != "parametrizations"}
    made._parameters = layer._parameters | fixed
    return made


def _own_layer_of_torch(layer: Conv2d | ConvTranspose2d) -> nn.Module:
    kind: Any = nn.Conv2d if isinstance(layer, Conv2d) else nn.ConvTranspose2d
    weight: Tensor = layer.weight
    if isinstance(layer, NearestConvTranspose2d):
        weight = layer.transposed_weight()
    made = kind(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding,
        bias=layer.bias is not None, device="meta",
    )  # fmt: skip
    made.weight = nn.Parameter(weight.detach(), requires_grad=False)
    if layer.bias is not None:
        made.bias = nn.Parameter(layer.bias.detach(), requires_grad=False)
    return made.eval()
