"""Feature maps, layer tables, and parameter counts of a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from facegan.errors import ConfigError, expect
from facegan.models.protocol import attribute, device_of, evaluating, sample_shape
from facegan.runtime.settings import usual_settings


@torch.no_grad()
def feature_maps(module: nn.Module, inputs: Tensor) -> list[tuple[str, Tensor]]:
    """Compute the output of every layer of a network, in eval mode.

    Args:
        module: a generator, a discriminator, or any module.
        inputs: latents (B, latent_dim) or images (B, 3, H, W).

    Returns:
        Pairs (name of the layer, output), in the order in which the layers are defined.
    """
    return [(_name(layer), output) for layer, output in _outputs(module, inputs)]


@usual_settings()
def summary(module: nn.Module, input_shape: Sequence[int] | None = None) -> None:
    """Print a table of a network's layers, output shapes (without the batch), and trainable parameters.

    Args:
        module: any network.
        input_shape: shape of one input, such as (100,); by default, from the module's `latent_dim`, `sample_shape`, or
            `image_size`.

    Raises:
        ConfigError: `module` is not a module, `input_shape` is not a shape, or it is not given and the module has none
            of these attributes.
    """
    expect(module, nn.Module, "module", "a torch.nn.Module, such as gan.generator")
    given = _input_shape(module) if input_shape is None else input_shape
    expect(given, Sequence, "input_shape", "the shape of one input without the batch, such as (100,)")
    shape = tuple(given)
    rows = [("input", shape, 0)]
    rows += [
        (_name(layer), tuple(out.shape[1:]), count_parameters(layer))
        for layer, out in _outputs(module, torch.zeros(1, *shape))
    ]
    lines = [f"{type(module).__name__}", f"{'layer':<26}{'output shape':<18}{'parameters':>12}", "-" * 56]
    lines += [f"{name:<26}{' x '.join(map(str, s)):<18}{count:>12,}" for name, s, count in rows]
    print("\n".join([*lines, "-" * 56, f"{'total':<44}{count_parameters(module):>12,}"]))


def count_parameters(module: nn.Module) -> int:
    """The number of trainable parameters in a module."""
    return sum(p.numel() for p in module.parameters())


def _input_shape(module: nn.Module) -> tuple[int, ...]:
    if hasattr(module, "latent_dim"):
        return (int(attribute(module, "latent_dim")),)
    if hasattr(module, "sample_shape"):
        return sample_shape(module)
    if hasattr(module, "image_size"):
        side = int(attribute(module, "image_size"))
        return (3, side, side)
    raise ConfigError(
        f"{type(module).__name__} has neither latent_dim nor image_size. Pass the shape of one input: "
        "summary(module, (100,)) for a generator, summary(module, (3, 64, 64)) for a discriminator."
    )


def _outputs(module: nn.Module, inputs: Tensor) -> list[tuple[nn.Module, Tensor]]:
    """Pairs (layer, output) for the layers that ran and returned a tensor."""
    seen: dict[nn.Module, Tensor] = {}

    def record(layer: nn.Module, _, output: Tensor) -> None:
        if isinstance(output, Tensor):
            seen[layer] = output.clone()  # before an in-place activation changes it

    handles = [layer.register_forward_hook(record) for layer in _layers(module)]
    try:
        with torch.no_grad(), evaluating(module):
            module(inputs.to(device_of(module)))
    finally:
        for handle in handles:
            handle.remove()
    return [(layer, seen[layer]) for layer in _layers(module) if layer in seen]


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """Yield modules without children, in order of definition; a parametrized layer or a norm counts as one module."""
    children = [child for name, child in module.named_children() if name != "parametrizations"]
    if not children or isinstance(module, _NormBase):
        yield module
        return
    for child in children:
        yield from _layers(child)


def _name(layer: nn.Module) -> str:
    return type(layer).__name__.removeprefix("Parametrized")
