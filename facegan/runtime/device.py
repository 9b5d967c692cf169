"""Chooses and describes the device and the precision.

The module does not change global state permanently; callers pass the device to functions.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version

import torch

from facegan.errors import ConfigError, first_line
from facegan.runtime import openmp
from facegan.runtime.cpu import kept_memory


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """Choose the device for training.

    Args:
        name: name of a device, or 'auto' for CUDA if available, otherwise Apple's MPS, otherwise the CPU.

    Raises:
        ConfigError: the device does not exist or cannot be used.
    """
    if str(name) == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ConfigError(
            f"device {str(name)!r} cannot be used here ({first_line(error)}). Try 'cpu' or 'auto'."
        ) from None
    return device


def has_native_bf16(device: torch.device) -> bool:
    """Whether the hardware has native bfloat16 matrix units. Emulation is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return False


def has_native_fp16(device: torch.device) -> bool:
    """Whether a GPU has float16 matrix units (Volta and newer). On a T4, float16 is the only fast half precision."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (7, 0)


PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """Choose the dtype of matrix products. Losses, optimizers, and averages are always float32.

    Args:
        name: 'fp32', 'bf16', 'fp16', or 'auto'. 'auto' means bfloat16 if the hardware supports it (CPUs with
            AVX512-BF16 or AMX, GPUs since Ampere), otherwise float16 on GPUs that support it (T4, V100), otherwise
            float32: other CPUs would emulate half precision, and on Apple's MPS, it is hardly faster.
        device: device of the networks.

    Raises:
        ConfigError: `name` is 'fp16' on MPS, where loss scaling does not work.
    """
    if name == "fp16" and device.type == "mps":
        raise ConfigError("precision='fp16' does not work on Apple's MPS; use 'auto' or 'fp32' there.")
    if name != "auto":
        return PRECISIONS[name]
    if has_native_bf16(device):
        return torch.bfloat16
    return torch.float16 if has_native_fp16(device) else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager:
    """A context in which networks run in `dtype`."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype=dtype)


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a CPU tensor to a device, without waiting if it is a GPU."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@contextmanager
def tuned() -> Iterator[None]:
    """A context for many steps, in which cuDNN benchmarks algorithms for each new shape, and freed memory is kept."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or not torch.backends.cudnn.deterministic
    try:
        with kept_memory():
            yield
    finally:
        torch.backends.cudnn.benchmark = before


def memory_format(device: torch.device) -> torch.memory_format:
    """The memory format of images and weights. Channels last is faster, but BatchNorm gives wrong results on MPS."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def device_name(device: torch.device) -> str:
    """Describe a device, such as 'cuda (Tesla T4)'; for a CPU, with the number of threads in use."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"{device.type} ({platform.machine()}, {threads} thread{'s' * (threads > 1)})"


def describe() -> dict[str, str]:
    """Describe machine, device, precision, and versions, as short strings by name."""
    device = pick_device()
    precision = str(pick_precision("auto", device)).removeprefix("torch.")
    return {
        "machine": f"{platform.system()} {platform.release()}, {torch.get_num_threads()} CPU threads",
        "device": device_name(device),
        "precision": precision,
        "spinning": openmp.STATE,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        **{name: version(name) for name in ("torchvision", "numpy", "pillow", "ipywidgets")},
    }


def _has_mps() -> bool:
    return torch.backends.mps.is_available()
