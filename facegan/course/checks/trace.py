"""Records the operations of a network, both modules and function calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_KINDS = {
    "conv2d": "conv", "conv_transpose2d": "conv", "relu_": "relu", "leaky_relu_": "leaky_relu",
    "hardtanh_": "hardtanh", "elu_": "elu", "tanh_": "tanh", "sigmoid_": "sigmoid", "clamp_": "clamp", "clip": "clamp",
    "upsample": "interpolate", "max_pool2d": "pool", "avg_pool2d": "pool", "adaptive_avg_pool2d": "pool",
    "adaptive_max_pool2d": "pool", "_max_pool2d": "pool", "fn": "pool",
}  # fmt: skip
ACTIVATIONS = {
    "relu", "leaky_relu", "tanh", "sigmoid", "hardtanh", "elu", "selu", "gelu", "silu", "softplus", "relu6", "prelu",
    "celu", "mish", "hardswish", "softsign", "logsigmoid", "rrelu",
}  # fmt: skip
NORMS = {"batch_norm", "instance_norm", "group_norm", "layer_norm"}
PRODUCTS = {"matmul", "__matmul__", "mm", "addmm", "bmm", "einsum", "mv", "inner", "tensordot"}
_LINEAR = NORMS | {
    "view", "reshape", "flatten", "unflatten", "dropout", "dropout2d", "__get__", "size", "dim", "contiguous", "pad",
    "interpolate", "squeeze", "unsqueeze", "to", "float", "pixel_shuffle", "permute", "__getitem__", "expand",
    "view_as", "__len__", "numel", "expand_as", "reshape_as", "clone",
}  # fmt: skip


class Step(NamedTuple):
    """One operation: its kind, its output's shape, a leaky ReLU's slope, and a convolution's kernel."""

    kind: str
    shape: tuple[int, ...]
    slope: float | None = None
    kernel: int | None = None
    upward: bool = False  # a transposed convolution


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        given = kwargs or {}
        out = func(*args, **given)
        name = getattr(func, "__name__", "")
        kind = _KINDS.get(name, name)
        slope = kernel = None
        if kind == "leaky_relu":
            slope = given.get("negative_slope", args[1] if len(args) > 1 else 0.01)
        if kind == "conv":
            kernel = given.get("weight", args[1] if len(args) > 1 else torch.zeros(1)).shape[-1]
        if isinstance(out, Tensor):
            self.steps.append(Step(kind, tuple(out.shape), slope, kernel, name == "conv_transpose2d"))
        return out


def steps_of(network: nn.Module, inputs: Tensor) -> list[Step]:
    """Return the operations of a forward pass in train mode, in order; empty if it raises an error."""
    network.train()
    try:
        with torch.no_grad(), _Recorder() as recorder:
            network(inputs)
    except Exception:  # other checks report this error
        return []
    return recorder.steps


def between_layers(steps: Sequence[Step], layers: tuple[str, ...] = ("conv", "linear")) -> list[list[str]]:
    """Return the kinds of operations after each convolution or linear layer, up to the next one."""
    found: list[list[str]] = []
    for step in steps:
        if step.kind in layers:
            found.append([])
        elif found and step.shape:  # a single number is BatchNorm's counter
            found[-1].append(step.kind)
    return found


def without_activation(steps: Sequence[Step]) -> int:
    """Count the convolutions that are followed by another one without an activation in between."""
    return sum(all(kind in _LINEAR for kind in kinds) for kinds in between_layers(steps, ("conv",))[:-1])
