"""Captures a training step as one CUDA graph, which launches all its kernels at once.

At batch size 128, a step has about a thousand small kernels. On a large GPU, launching them takes longer than running
them (PyTorch documentation, "CUDA Graphs"). A step must not draw random numbers or read from the device. Graphs are not
used with several processes, which exchange gradients between kernels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from facegan.errors import first_line

WARM_UP = 3  # ordinary steps on a side stream before the capture, as PyTorch's documentation requires

Step = Callable[..., Tensor]


class GraphedStep:
    """A callable `step(*tensors)`. The first calls run `step` eagerly; later calls replay a graph of it.

    The graph contains all values other than the tensors as constants.

    Args:
        step: function of tensors.
        key: function that returns the constants that may change between calls. If they or the tensors' shapes change,
            a new graph is captured.
        prepare: function to call before a capture. It drops gradients, so that the graph allocates its own.
        recover: function to call if a capture fails. A warning then gives the reason, and `step` runs without a graph.
    """

    def __init__(
        self,
        step: Step,
        *,
        key: Callable[[], Any],
        prepare: Callable[[], Any],
        recover: Callable[[], Any],
    ) -> None:
        self._step, self._key, self._prepare, self._recover = step, key, prepare, recover
        self._recorder: CudaRecorder | None = None
        self._calls, self._seen = 0, None
        self._replay: Callable[[], None] | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._output = torch.empty(0)

    def __call__(self, *tensors: Tensor) -> Tensor:
        recorder = self._recorder = self._recorder or CudaRecorder(tensors[0].device)
        shapes = [tensor.shape for tensor in tensors]
        if self._replay and (self._seen != self._key() or shapes != [t.shape for t in self._inputs]):
            self._calls, self._replay = 0, None
        self._calls += 1
        if self._calls <= WARM_UP:
            return recorder.run(self._step, tensors)
        if self._calls == WARM_UP + 1:
            self._try_to_record(recorder, tensors)
        if self._replay is None:
            return self._step(*tensors)
        for ours, given in zip(self._inputs, tensors, strict=True):
            ours.copy_(given, non_blocking=True)
        self._replay()
        return self._output.clone()

    def _try_to_record(self, recorder: CudaRecorder, tensors: tuple[Tensor, ...]) -> None:
        self._inputs, self._seen = tuple(t.clone() for t in tensors), self._key()
        self._prepare()
        try:
            self._replay, self._output = recorder.record(self._step, self._inputs)
        except RuntimeError as error:
            self._recover()
            cause = error.__context__ or error  # ending a failed capture raises a second error
            warnings.warn(
                f"the step could not be captured as a CUDA graph ({first_line(cause)}); training continues "
                "without it, which is slower for small batches.",
                stacklevel=4,
            )


class CudaRecorder:
    """Runs steps on a side stream of a CUDA device, and records a step as a graph."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._side = device, torch.cuda.Stream(device)

    def run(self, step: Step, tensors: tuple[Tensor, ...]) -> Tensor:
        """Run `step(*tensors)` after all earlier work of the device, and before all later work."""
        main = torch.cuda.current_stream(self._device)
        self._side.wait_stream(main)
        with torch.cuda.stream(self._side):
            output = step(*tensors)
        main.wait_stream(self._side)
        return output

    def record(self, step: Step, inputs: tuple[Tensor, ...]) -> tuple[Callable[[], None], Tensor]:
        """Record `step(*inputs)` without running it.

        Other threads, such as a widget's, may use the device at the same time.

        Returns:
            A function that replays the graph, and the graph's output.
        """
        graph = torch.cuda.CUDAGraph()
        recording = torch.cuda.graph(graph, stream=self._side, capture_error_mode="thread_local")
        with torch.cuda.device(self._device), torch.cuda.stream(self._side), recording:
            output = step(*inputs)
        return partial(self._replay, graph), output

    def _replay(self, graph: torch.cuda.CUDAGraph) -> None:
        with torch.cuda.device(self._device):
            graph.replay()
