"""What a network computes, layer by layer, however it is written: as modules or as calls of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_KINDS = {
    "conv2d": "conv", "conv_transpose2d": "conv", "linear": "linear", "batch_norm": "batch_norm",
    "instance_norm": "instance_norm", "group_norm": "group_norm", "layer_norm": "layer_norm", "relu": "relu",
    "relu_": "relu", "leaky_relu": "leaky_relu", "leaky_relu_": "leaky_relu", "tanh": "tanh", "sigmoid": "sigmoid",
    "hardtanh": "hardtanh", "hardtanh_": "hardtanh", "clamp": "clamp", "elu": "elu", "selu": "selu", "gelu": "gelu",
    "silu": "silu", "softplus": "softplus",
}  # fmt: skip
ACTIVATIONS = {"relu", "leaky_relu", "tanh", "sigmoid", "hardtanh", "elu", "selu", "gelu", "silu", "softplus"}


class Layer(NamedTuple):
    """One operation: its kind, its output's shape, and a leaky ReLU's slope."""

    kind: str
    shape: tuple[int, ...]
    slope: float | None = None


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.layers: list[Layer] = []

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        kind = _KINDS.get(getattr(func, "__name__", ""))
        if kind and isinstance(out, Tensor):
            slope = (kwargs or {}).get("negative_slope", args[1] if len(args) > 1 else 0.01)
            self.layers.append(Layer(kind, tuple(out.shape), slope if kind == "leaky_relu" else None))
        return out


def layers_of(network: nn.Module, inputs: Tensor) -> list[Layer]:
    """The known operations of a forward pass in train mode, in their order."""
    network.train()
    with torch.no_grad(), _Recorder() as recorder:
        network(inputs)
    return recorder.layers
