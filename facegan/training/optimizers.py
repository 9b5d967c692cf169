"""Builds, loads, and moves the two optimizers of a GAN."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer

from facegan.config import TrainConfig
from facegan.errors import CheckpointError, ConfigError


def build(
    config: TrainConfig, discriminator: nn.Module, generator: nn.Module, device: torch.device
) -> tuple[Optimizer, Optimizer]:
    """Build the optimizers of D and G. Raises `ConfigError` if a network has no weights to train."""
    for name, network in (("discriminator", discriminator), ("generator", generator)):
        if not any(weight.requires_grad for weight in network.parameters()):
            raise ConfigError(
                f"the {name} has no parameters that require gradients, so it cannot be trained. Call requires_grad_()."
            )
    fused = device.type in {"cpu", "cuda"}
    rates: list[Any] = [config.lr_d, config.lr_g]
    if config.lr_decay and device.type == "cuda":  # as tensors, because CUDA graphs read them at each step
        rates = [torch.tensor(rate, device=device) for rate in rates]
    adam: dict[str, Any] = {
        "betas": (config.beta1, config.beta2),
        "fused": fused,
        "capturable": device.type == "cuda",
    }
    optimizer_d: Optimizer
    if config.optimizer_d == "sgd":
        optimizer_d = SGD(discriminator.parameters(), rates[0], momentum=config.momentum, fused=fused)
        if config.momentum:  # torch does not create them if the first step overflows float16
            for weight in discriminator.parameters():
                optimizer_d.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    else:
        optimizer_d = Adam(discriminator.parameters(), rates[0], **adam)
    return optimizer_d, Adam(generator.parameters(), rates[1], **adam)


def decay_rates(optimizer_d: Optimizer, optimizer_g: Optimizer, config: TrainConfig, progress: float) -> None:
    """Set both learning rates, if the config has `lr_decay`.

    The rates are constant until the last fraction `lr_decay` of the run, and then decay to 0 along half a cosine
    (Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5, without restarts).

    Args:
        optimizer_d, optimizer_g: optimizers to change in place.
        config: settings of the run.
        progress: fraction of the run that is done, 0 to 1.
    """
    if config.lr_decay:
        done = max(0.0, 1 - (1 - progress) / config.lr_decay)
        factor = (1 + math.cos(math.pi * done)) / 2
        set_rate(optimizer_d, config.lr_d * factor)
        set_rate(optimizer_g, config.lr_g * factor)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set a learning rate; if it is a tensor, in place."""
    group = optimizer.param_groups[0]
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def load(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Load the moments of a state, in the memory layout of the weights; keep this optimizer's settings."""
    weights = optimizer.param_groups[0]["params"]
    moments = {
        index: {k: torch.empty_like(weights[index]).copy_(v) if v.ndim else v for k, v in values.items()}
        for index, values in state["state"].items()
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def move(old: Optimizer, new: Optimizer) -> Optimizer:
    """Copy the moments and the learning rate of `old` to `new`, which has the same weights, maybe on another device.

    Returns `new`.
    """
    load(new, old.state_dict())
    set_rate(new, float(old.param_groups[0]["lr"]))
    return new


def check_fits(optimizer: Optimizer, state: dict[str, Any], name: str) -> None:
    """Raise `CheckpointError` unless the moments in `state` have the weights' shapes."""
    weights = optimizer.param_groups[0]["params"]
    for index, moments in state["state"].items():
        for key, value in moments.items():
            if value.ndim and (index >= len(weights) or value.shape != weights[index].shape):
                raise CheckpointError(
                    f"the checkpoint's {name} does not fit: {key} of weight {index} is {tuple(value.shape)}. "
                    "Use an earlier checkpoint or another run_dir."
                )
