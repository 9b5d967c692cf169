"""Upgrades checkpoints and run folders of earlier versions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_CROPS = {"celeba": "celeba-108", "celeba-full": "celeba-178", "synthetic": "drawn"}


def upgrade_state(state: dict[str, Any]) -> dict[str, Any]:
    """Add the entries that 0.1 to 0.3 did not store, and rename weights. Current checkpoints do not change."""
    if "config" not in state or state["schema"] > 3:
        return state
    state = {"augmentation": torch.zeros(2), **state}
    if state["schema"] == 3:
        return state
    state = _of_0_1(state) if state["schema"] == 1 else state
    per_epoch = (state["data"].get("count") or 0) // state["config"]["batch_size"]
    return {"epoch": math.ceil(state["step"] / per_epoch) if per_epoch else 0, **state}


def _of_0_1(state: dict[str, Any]) -> dict[str, Any]:
    state = {"data": {"count": state["epoch_size"]} if state.get("epoch_size") else {}, **state}
    for name in {"generator", "ema"} & state.keys():
        state[name] = upgrade_weights(state[name])
    if "history" in state:
        rows, step = len(state["history"]["loss_d"]), state["step"]
        state["history"] = {"step": torch.arange(step - rows + 1, step + 1), **state["history"]}
    return state


def upgrade_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a generator's weights: 0.1 stored 3 x 3 kernels under the names of torch's parametrizations."""
    return {name.replace(".parametrizations.weight.original", ".weight"): w for name, w in weights.items()}


def upgrade_notes(notes: dict[str, Any]) -> list[dict[str, Any]]:
    """The segments for a `config.json` of 0.1: one segment from step 0, with the crop of that version's data set."""
    name, device = notes.pop("data", None), notes.pop("device", None)
    data = {"name": name} | ({"crop": _CROPS[name]} if name in _CROPS else {})
    return [{"from_step": 0, "data": data, "device": device, "settings": notes}]
