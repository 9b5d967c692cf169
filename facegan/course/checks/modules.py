"""Checks of a student's module: whether it is usable, its output, and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from facegan.course.checks.tools import call, check, kind_of, note, remark, usable
from facegan.course.checks.trace import ACTIVATIONS, NORMS, Step, between_layers, without_activation

_LARGE = 10  # ratio to DCGAN's number of parameters


def module(function: Callable, *arguments: Any) -> nn.Module:
    """Return the module that a function builds; raise `CheckFailed` if it is unusable, for example without parameters."""
    network = call(function, *arguments)
    expected = "expected a module instance"
    check(isinstance(network, nn.Module), f"it returns {kind_of(network)}, {expected}.")
    weights = [*network.parameters()]
    lazy = any(isinstance(p, nn.parameter.UninitializedParameter) for p in weights)
    check(
        not lazy,
        "its lazy layers have no weights yet, which the next cells need. Pass the number of channels.",
    )
    hidden = any(_has_plain_list(part) for part in network.modules())
    said = (
        "layers are in a plain list, so PyTorch does not register them. Use nn.Sequential or nn.ModuleList."
    )
    check(weights or not hidden, f"the module has no parameters: its {said}")
    check(weights, "the module has no parameters, so there is nothing to train.")
    check(not hidden, f"some of its {said}")
    empty = any(p.device.type == "meta" for p in weights)
    check(not empty, "its weights are on the device 'meta', which has no data. Build it without a device.")
    network = network.to("cpu")
    kinds = {p.dtype for p in weights} - {torch.float32}
    check(not kinds, f"its weights are {', '.join(map(str, kinds))}, expected torch.float32.")
    frozen = [name for name, p in network.named_parameters() if not p.requires_grad]
    check(not frozen, f"{len(frozen)} of its weights are frozen (requires_grad=False), such as {frozen[:1]}.")
    finite = all(bool(p.isfinite().all()) for p in weights)
    check(finite, "its weights contain NaN or infinity before any training. Check their initialization.")
    return network


def new_module(function: Callable, *arguments: Any, what: str) -> nn.Module:
    """Return a module in train mode whose weights no other module shares; layers without state may be shared."""
    network, other = module(function, *arguments), module(function, *arguments)
    parts = [part for part in network.modules() if part is network or [*part.parameters(recurse=False)]]
    trains = all(part.training for part in parts)
    check(trains, "it is in eval mode. Leave it in train mode, because it is trained next.")
    shared = {id(p) for p in network.parameters()} & {id(p) for p in other.parameters()}
    check(not shared, f"two {what} share the same weights: create new layers in every call.")
    return network


def _has_plain_list(part: nn.Module) -> bool:
    kept = [
        item
        for value in vars(part).values()
        if isinstance(value, list | tuple | dict)
        for item in (value.values() if isinstance(value, dict) else value)
    ]
    known = {id(child) for child in part.modules()}
    return any(
        isinstance(item, nn.Module) and id(item) not in known and [*item.parameters()] for item in kept
    )


def forward(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the module's output, without gradients; raise `CheckFailed` if it is not a tensor."""
    with torch.no_grad():
        out = call(network, inputs, changes=True)
    what = "the module returns"
    check(out is not None, f"{what} nothing (None). Is a return missing in its forward?")
    check(isinstance(out, Tensor), f"{what} {kind_of(out)}, expected a tensor.")
    return usable(out, "the module's output")


def always(test: Callable[[], bool]) -> bool:
    """Whether a test is true three times, because a single draw of weights or inputs may be an exception."""
    return all(test() for _ in range(3))


def is_affine(network: Callable, x: Tensor, tolerance: float = 1e-3) -> bool:
    """Whether f(x) + f(y) = f(x + y) + f(0), in eval mode."""
    was_training = getattr(network, "training", False)
    if isinstance(network, nn.Module):
        network.eval()
    y = x.flip(0)
    with torch.no_grad():
        first, second, both, zero = (
            call(network, part, changes=True) for part in (x, y, x + y, torch.zeros_like(x))
        )
    if isinstance(network, nn.Module):
        network.train(was_training)
    size = (first - second).abs().max().clamp_min(1e-12)
    return bool(((first + second - both - zero).abs().max() / size) < tolerance)


def check_trains(network: nn.Module, inputs: Tensor, what: str) -> Tensor:
    """Check that all weights get a gradient; return that of the inputs (zeros if there is none)."""
    network.zero_grad()
    leaf = inputs.clone().requires_grad_()

    def backward() -> Tensor:
        value = network(leaf).square().sum()
        check(value.requires_grad, f"no gradient reaches the {what}: is something detached?")
        value.backward()
        return value

    call(backward, changes=True)
    idle = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    check(
        len(idle) < sum(1 for _ in network.parameters()),
        f"no gradient reaches the {what}'s weights: is something detached?",
    )
    check(not idle, f"{len(idle)} of its weights get no gradient, such as {idle[:1]}: are all layers used?")
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def check_width(build: Callable[[int], nn.Module]) -> None:
    """Check that a larger width gives more parameters."""
    small, large = (sum(p.numel() for p in build(width).parameters()) for width in (4, 8))
    check(large != small, "`width` has no effect: with 4 and with 8, it has the same number of parameters.")
    check(large > small, "a larger `width` gives it fewer parameters.")


def normalizes(network: nn.Module, inputs: Tensor) -> bool:
    """Whether, in train mode, inputs that are three times larger give nearly the same outputs."""
    network.train()
    outputs = []
    for size in (1, 3):
        torch.manual_seed(0)  # for dropout
        outputs.append(forward(network, size * inputs))
    once, thrice = outputs
    return bool((once - thrice).abs().mean() < 0.15 * once.abs().mean())


def warm_up(network: nn.Module, draw: Callable[[], Tensor]) -> nn.Module:
    """Return the module in eval mode, after some batches in train mode, so that BatchNorm's averages are meaningful."""
    network.train()
    norms = [part for part in network.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.5
    for _ in range(8):
        forward(network, draw())
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    return network.eval()


def amplified(network: nn.Module) -> nn.Module:
    """Return the module in eval mode with large weights, so that only a bounded activation limits its range."""
    for p in network.parameters():
        p.data.mul_(4)
    return network.eval()


def remark_on_size(network: nn.Module, reference: nn.Module) -> None:
    """Add a remark if a network is far too large."""
    size, usual = (sum(p.numel() for p in n.parameters()) for n in (network, reference))
    note(
        size > _LARGE * usual,
        f"It has {size / usual:,.0f} times as many parameters as DCGAN's at the same width, so training will be slow.",
    )


def remark_on_activations(steps: Sequence[Step], wanted: set[str], text: str) -> None:
    """Add remarks on activations that differ from the text, and on missing activations between convolutions."""
    others = sorted({step.kind for step in steps} & ACTIVATIONS - wanted)
    remark(others, f"it uses {', '.join(others)}. {text}")
    missing = without_activation([*steps])
    remark(missing, f"{missing} of its convolutions follow another without an activation in between.")
    for between in between_layers(steps):
        active = [index for index, kind in enumerate(between) if kind in ACTIVATIONS]
        late = active and "batch_norm" in between[active[0] :]
        remark(late, f"{between[active[0]] if late else ''} comes before BatchNorm; the text has it after.")
        remark(len(active) > 1, "it has two consecutive activations; the text has one.")
    dropped = any("dropout" in step.kind for step in steps)
    remark(dropped, "it has dropout, which is not in the text.")


def remark_on_norms(steps: Sequence[Step]) -> None:
    """Add a remark on a normalization that differs from the text."""
    alone = sorted({step.kind for step in steps} & NORMS - {"batch_norm"})
    remark(
        alone,
        f"it normalizes each image separately ({', '.join(alone)}). The text asks for BatchNorm, which uses the batch.",
    )
