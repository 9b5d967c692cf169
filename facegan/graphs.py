"""A training step as one CUDA graph: the device gets all its kernels with a single launch.

At batch 128 a step has about a thousand small kernels, and launching them takes a Python process
longer than a large GPU needs to run them (PyTorch documentation, "CUDA Graphs"). A step must draw no
random numbers and must not read from the device. Left out: several processes, whose gradients
are exchanged between kernels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from facegan.errors import first_line

WARM_UP = 3  # ordinary steps on a side stream before the recording, as PyTorch's documentation asks

Step = Callable[..., Tensor]


class GraphedStep:
    """Call it as `step(*tensors)`; shapes may not change. The first calls run as they are, then a graph does.

    `prepare` is called before the recording: it drops gradients, so that the graph has its own. When
    recording fails, `recover` is called, a warning says why, and `step` goes on as it is.
    """

    def __init__(
        self,
        step: Step,
        *,
        prepare: Callable[[], Any],
        recover: Callable[[], Any],
        record: Callable | None = None,
    ) -> None:
        self._step, self._prepare, self._recover = step, prepare, recover
        self._record = record or record_cuda_graph
        self._calls, self._replay = 0, None
        self._inputs: tuple[Tensor, ...] = ()
        self._output = torch.empty(0)

    def __call__(self, *tensors: Tensor) -> Tensor:
        self._calls += 1
        if self._calls <= WARM_UP:
            return _on_side_stream(self._step, tensors)
        if self._calls == WARM_UP + 1:
            self._try_to_record(tensors)
        if self._replay is None:
            return self._step(*tensors)
        for ours, given in zip(self._inputs, tensors, strict=True):
            ours.copy_(given, non_blocking=True)
        self._replay()
        return self._output.clone()

    def _try_to_record(self, tensors: tuple[Tensor, ...]) -> None:
        self._inputs = tuple(t.clone() for t in tensors)
        self._prepare()
        try:
            self._replay, self._output = self._record(self._step, self._inputs)
        except RuntimeError as error:
            self._recover()
            warnings.warn(
                f"the step could not be recorded as a CUDA graph ({first_line(error)}); training goes on "
                "without, more slowly when batches are small.",
                stacklevel=4,
            )


def record_cuda_graph(step: Step, inputs: tuple[Tensor, ...]) -> tuple[Callable[[], None], Tensor]:
    """(replay, output) of `step(*inputs)`, which is recorded and not run."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = step(*inputs)
    return graph.replay, output


def _on_side_stream(step: Step, tensors: tuple[Tensor, ...]) -> Tensor:
    if tensors[0].device.type != "cuda":
        return step(*tensors)
    side, main = torch.cuda.Stream(), torch.cuda.current_stream()
    side.wait_stream(main)
    with torch.cuda.stream(side):
        output = step(*tensors)
    main.wait_stream(side)
    return output
