"""A context with torch's default settings, whatever the process has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def usual_settings() -> Iterator[None]:
    """A context or decorator with torch's default settings: float32, the CPU, and gradients enabled."""
    dtype = torch.get_default_dtype()
    recording = torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    if dtype == torch.float32 and recording and _on_cpu():
        yield
        return
    with ExitStack() as stack:
        stack.callback(torch.set_default_dtype, dtype)
        torch.set_default_dtype(torch.float32)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.device("cpu"))
        yield


def _on_cpu() -> bool:
    try:
        return torch.get_default_device().type == "cpu"
    except (RuntimeError, AssertionError):  # a device that this machine does not have
        return False
