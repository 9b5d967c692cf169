"""Trains one GAN in several processes with torch.distributed.

`torchrun --nproc-per-node N -m facegan train ...` starts them. Your own program can also call
`torch.distributed.init_process_group("cpu:gloo,cuda:nccl")`. Every process draws the random numbers of the global batch
and uses its own slice, so results do not depend on the number of processes. The exception is BatchNorm, whose
statistics are those of each slice. torch's DistributedDataParallel averages gradients. Only process 0 writes files and
prints. In a single process, these functions have no effect.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from facegan.errors import ConfigError, FaceganError, TrainingError, first_line

_OPTIONS = inspect.signature(nn.parallel.DistributedDataParallel).parameters
_SYNC_BUFFERS = next(name for name in ("forward_sync_buffers", "broadcast_buffers") if name in _OPTIONS)
_PATIENCE = timedelta(hours=6)  # process 0 may download CelebA over a slow connection

_UNSET = "unset WORLD_SIZE RANK LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT"


def rank() -> int:
    """The number of this process, counted from 0."""
    return dist.get_rank() if _is_distributed() else 0


def world_size() -> int:
    """The number of processes."""
    return dist.get_world_size() if _is_distributed() else 1


@contextmanager
def launched(device: str = "auto") -> Iterator[str]:
    """A context that joins the other processes if torchrun started this one; yields this process's device.

    Args:
        device: the device that the user chose. In a single process, it is yielded unchanged.

    Raises:
        ConfigError: the device cannot be shared, there are more processes than GPUs, or the environment is not as
            torchrun sets it.
        TrainingError: another process ended.
    """
    if (count := _number_in_environment("WORLD_SIZE", 1)) == 1:
        yield device
        return
    if device not in {"auto", "cuda", "cpu"}:
        raise ConfigError(
            f"device={device!r} cannot be shared by several processes. Omit it, so that each process uses its own "
            "GPU, or use 'cpu'."
        )
    _check_environment(count)
    device = device if device == "cpu" else _own_device()
    dist.init_process_group("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl", timeout=_PATIENCE)
    try:
        yield device
        dist.barrier()  # waits without holding the GIL, which gloo's threads need to free tensors before Python exits
    except RuntimeError as error:
        if lost_peer(error):
            raise loss_of_peer(error, None) from None
        raise
    dist.destroy_process_group()  # not after an error, because it would wait for the other processes


def wrap_ddp(network: nn.Module) -> nn.Module:
    """Wrap a network so that gradients are averaged over all processes; in a single process, it is unchanged.

    Buffers are not broadcast: training does not use BatchNorm's running statistics, and those of process 0 are saved.
    """
    if world_size() == 1:
        return network
    options: dict[str, Any] = {_SYNC_BUFFERS: False}
    return nn.parallel.DistributedDataParallel(network, **options)


def local_slice(joint: int) -> slice:
    """This process's slice of a global batch. Raises `ConfigError` if the batch cannot be divided evenly."""
    size, rest = divmod(joint, world_size())
    if rest or not size:
        raise ConfigError(
            f"a batch of {joint} cannot be divided evenly among {world_size()} processes; batch_size is the global "
            f"batch size. Use a multiple of {world_size()}."
        )
    return slice(rank() * size, (rank() + 1) * size)


def any_of(flag: bool) -> bool:
    """Whether the flag is true in any process; the result is the same in all processes."""
    if world_size() == 1:
        return flag
    raised = torch.tensor(int(flag))
    dist.all_reduce(raised, dist.ReduceOp.MAX)
    return bool(raised)


def mean(values: Tensor) -> Tensor:
    """The mean of values over all processes; the result is the same in all processes."""
    if world_size() > 1:
        dist.all_reduce(values, dist.ReduceOp.SUM)
        values /= world_size()
    return values


def broadcast_object(value: Any) -> Any:
    """Return the value of process 0 in all processes."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]


@contextmanager
def rank0_first() -> Iterator[None]:
    """A context whose body runs first in process 0, so that the other processes find its files."""
    if rank() != 0:
        broadcast_object(None)
    yield
    if rank() == 0:
        broadcast_object(None)


def log_rank0(text: str) -> None:
    """Print a text, only in process 0."""
    if rank() == 0:
        print(text)


def lost_peer(error: BaseException | None) -> bool:
    """Whether an error means that another process of this run has ended."""
    if world_size() == 1 or not isinstance(error, RuntimeError) or isinstance(error, FaceganError):
        return False
    signs = ("gloo", "nccl", "connection", "socket", "process group", "timed out")
    return isinstance(error, dist.DistError) or any(sign in str(error).lower() for sign in signs)


def loss_of_peer(error: BaseException, saved: int | None) -> TrainingError:
    """The error that a process raises if another one has ended."""
    kept = "" if saved is None else f"; the checkpoint of step {saved} is intact"
    return TrainingError(
        f"process {rank()} of {world_size()} lost contact with another process, which ended or was killed; see that "
        f"process's output ({first_line(error)}). The run ends here{kept}. The same command resumes from "
        "the last checkpoint, with any number of processes."
    )


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()


def _number_in_environment(name: str, at_least: int) -> int:
    """The whole number in a variable; `at_least` if the variable is empty or not set."""
    text = os.environ.get(name) or str(at_least)
    if not text.isdecimal() or int(text) < at_least:
        raise _wrong_environment(f"{name} is {text!r}, expected a whole number of {at_least} or more")
    return int(text)


def _check_environment(count: int) -> None:
    """Raise `ConfigError` if torch would wait forever, or fail with an unclear message."""
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        if not os.environ.get(name):
            raise _wrong_environment(f"WORLD_SIZE is {count}, but {name} is not set")
    if (number := _number_in_environment("RANK", 0)) >= count:
        raise _wrong_environment(f"RANK is {number}, expected less than WORLD_SIZE, which is {count}")
    _number_in_environment("MASTER_PORT", 1)
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        print(f"waiting for the other processes: WORLD_SIZE is {count}. If there are none: {_UNSET}.")


def _wrong_environment(found: str) -> ConfigError:
    return ConfigError(
        f"in the environment, {found}. torchrun sets these variables for each process. To train in one process: "
        f"{_UNSET}."
    )


def _own_device() -> str:
    if not torch.cuda.is_available():
        return "cpu"
    for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        if not os.environ.get(name):
            raise _wrong_environment(f"{name} is not set")
    local_rank, local_world = (
        _number_in_environment(n, k) for n, k in (("LOCAL_RANK", 0), ("LOCAL_WORLD_SIZE", 1))
    )
    count = torch.cuda.device_count()
    if local_world > count:
        raise ConfigError(
            f"torchrun started {local_world} processes here, but this machine has {count} "
            f"GPU{'s' * (count > 1)}. Use --nproc-per-node {count}."
        )
    torch.cuda.set_device(local_rank)
    return f"cuda:{local_rank}"
