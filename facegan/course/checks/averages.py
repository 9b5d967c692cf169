"""Checks of notebook 3: averaged weights."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from facegan.course.checks.tools import CheckFailed, call, called_with, check, close, note, remark

State = dict[str, Tensor]


@called_with("average", "model", "decay")
def update_average(function: Callable) -> None:
    """Check for decay * average + (1 - decay) * model in parameters and float buffers; counters are copied."""
    average, model = _normalized(0).eval(), _normalized(1)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    start, target = _state(average), _state(model)
    weights = list(average.parameters())
    call(function, average, model, 0.9, changes=True)
    same = all(p is q for p, q in zip(weights, average.parameters(), strict=True))
    check(same, "it replaces the parameters with new ones; change their numbers (lerp_, copy_, mul_).")
    now = _state(average)
    for name, value in model.state_dict().items():
        check(close(value, target[name]), "it changes the model; only the average must change.")
    _check_parameters(now, start, target)
    for name in now:
        if "running" in name:
            _check_buffer(now[name], start[name], target[name])
    _check_left(average, model)
    _check_apart(average, model, now)
    start, target = _state(average), _state(model)
    call(function, average, model, 0.5, changes=True)
    for name, p in average.named_parameters():
        right = close(p, (start[name] + target[name]) / 2)
        check(right, "with decay 0.5, the parameters do not move halfway: is a decay hard-coded?")


def _state(network: nn.Module) -> State:
    return copy.deepcopy({name: value.detach() for name, value in network.state_dict().items()})


def _normalized(seed: int) -> nn.Sequential:
    """A small network with BatchNorm at the top level and in a nested module."""
    torch.manual_seed(seed)
    norms = nn.BatchNorm1d(4), nn.BatchNorm1d(2)
    inner = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(4, 2), norms[1]))
    network = nn.Sequential(nn.Linear(3, 4), norms[0], inner)
    for norm in norms:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        nn.init.normal_(norm.get_buffer("running_mean"))
        nn.init.uniform_(norm.get_buffer("running_var"), 0.5, 2)
    return network


def _check_left(average: nn.Module, model: nn.Module) -> None:
    """Check that modes, gradients, and trainable weights of both networks do not change."""
    trains = all(part.training for part in model.modules())
    check(
        trains,
        "it leaves the model in eval mode, in which training then continues. Do not change modes.",
    )
    still = not any(part.training for part in average.modules())
    check(still, "it puts the average into train mode. Do not change modes.")
    check(
        all(p.requires_grad for p in model.parameters()),
        "it freezes the model (requires_grad=False), which then cannot be trained. Use torch.no_grad().",
    )
    kept = all(p.grad is not None and bool((p.grad == 1).all()) for p in model.parameters())
    remark(not kept, "it changes the gradients of the model's weights; only the average should change.")
    note(
        not all(p.requires_grad for p in average.parameters()),
        "It freezes the average (requires_grad=False); this is harmless here.",
    )


def _check_apart(average: nn.Module, model: nn.Module, now: State) -> None:
    """Check that later changes to the model do not change the average."""
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    for name, value in average.state_dict().items():
        kind = "parameters share" if name in dict(average.named_parameters()) else "buffers share"
        check(
            close(value, now[name]),
            f"the average's {kind} memory with the model's and will change with them. Copy the values.",
        )
    graphs = any(p.grad_fn is not None for p in average.parameters())
    check(not graphs, "the average has an autograd graph: work without gradients.")


def _check_parameters(now: dict[str, Tensor], start: dict[str, Tensor], target: dict[str, Tensor]) -> None:
    names = [name for name in start if "running" not in name and "num_batches" not in name]
    right = [close(now[name], 0.9 * start[name] + 0.1 * target[name]) for name in names]
    if all(right):
        return
    at = names[right.index(False)]
    rest = f"of the average, such as {at}," if any(right) else "of the average"
    for wrong, message in (
        (start[at], f"the parameters {rest} do not move. The average must change in place."),
        (target[at], "the parameters are copied from the model; with decay 0.9 they move by only a tenth."),
        (0.1 * start[at] + 0.9 * target[at], "decay 0.9 keeps nine tenths of the average, not of the model."),
        (0.9 * start[at], "the parameters shrink by decay, but nothing of the model is added."),
        (0.9 * start[at] + target[at], "the whole model is added; its weight is 1 - decay."),
        (start[at] + 0.1 * target[at], "the average is not multiplied by decay before the model's part is added."),
        (start[at] + target[at], "the whole model is added, and the average is not multiplied by decay."),
        (start[at] + 0.9 * target[at], "the average is not multiplied by decay, and the model is multiplied by decay."),
        (0.9 * start[at] - 0.1 * target[at], "the model's part has the wrong sign."),
        (0.1 * target[at], "only the model's part is left; decay times the average is missing."),
        ((start[at] + target[at]) / 2, "the parameters move halfway: is decay used?"),
        (0.9 * (start[at] + target[at]), "both are multiplied by decay; the model's weight is 1 - decay."),
        (0.9 * (0.9 * start[at] + 0.1 * target[at]) + 0.1 * target[at], "the parameters move twice: are they updated in two loops?"),
        (1.1 * start[at] - 0.1 * target[at], "the parameters move away from the model: a sign is wrong."),
    ):  # fmt: skip
        check(not close(now[at], wrong), message)
    step, way = now[at] - target[at], start[at] - target[at]
    kept = ((step * way).sum() / way.square().sum()).item()
    check(
        not close(step, kept * way) or not 0 < kept < 1,
        f"with decay 0.9, the average keeps {kept:.3g} of itself, expected 0.9: is `decay` used unchanged?",
    )
    some = f"the parameter {at} does" if any(right) else "the parameters do"
    raise CheckFailed(f"{some} not become decay * average + (1 - decay) * model.")


def _check_buffer(now: Tensor, start: Tensor, target: Tensor) -> None:
    check(
        not close(now, start),
        "BatchNorm's running statistics do not change: they are buffers, not parameters, and must be averaged, too.",
    )
    swapped = close(now, 0.1 * start + 0.9 * target)
    check(
        not swapped,
        "for BatchNorm's running statistics, decay is the model's weight; it should be the average's.",
    )
    follows = close(now, 0.9 * start + 0.1 * target) or close(now, target)
    check(follows, "BatchNorm's running statistics are neither averaged nor copied.")
