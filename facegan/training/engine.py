"""Runs networks on a device: precision, loss scaling, several processes, and CUDA graphs.

The training step itself is in `facegan.training.step`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from facegan.models.dcgan import treats_images_independently
from facegan.runtime import distributed
from facegan.runtime.cuda_graph import GraphedStep
from facegan.runtime.device import autocast

Update = Callable[..., Tensor]  # (gan, real, noise) to metrics


class Engine:
    """Runs a GAN's forward passes and optimizer steps.

    Args:
        generator, discriminator: the networks, on `device`.
        device: device of the networks.
        precision: dtype of matrix products; losses, optimizers, and averages are float32.
        memory_format: memory format of the images.

    Attributes:
        scaler: scales losses in float16, where gradients would underflow otherwise; does nothing in other dtypes.
        in_step: true during a step; if it is still true after an error, the networks may be partly updated.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, device: torch.device, precision: torch.dtype,
        memory_format: torch.memory_format,
    ) -> None:  # fmt: skip
        self.device, self.precision = device, precision
        self._contiguous = memory_format == torch.contiguous_format
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
        self._networks = generator, discriminator
        self._independent = treats_images_independently(discriminator)
        self._wrapped: dict[int, tuple[nn.Module, nn.Module]] = {}
        self._capture, self.in_step = False, False
        self._graph: GraphedStep | None = None
        self._stepped: set[torch.optim.Optimizer] = set()  # since the last update of the scale

    def generate(self, generator: nn.Module, z: Tensor) -> Tensor:
        """Generate images for latents z (B, latent_dim)."""
        with autocast(self.device, self.precision):
            images = generator(z)
        return images.contiguous() if self._contiguous else images

    def classify(self, discriminator: nn.Module, images: Tensor) -> Tensor:
        """Compute D's logits (B,) of images, in float32."""
        with autocast(self.device, self.precision):
            return discriminator(images).float().flatten()

    def classify_both(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Compute D's logits of real and of fake images, in one pass if D treats images independently."""
        if self._independent:
            both = self.classify(discriminator, torch.cat([real, fake.to(real)]))
            return both[: len(real)], both[len(real) :]
        return self.classify(discriminator, real), self.classify(discriminator, fake)

    def step(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
        """Take one optimizer step that minimizes the loss.

        Args:
            optimizer: optimizer of G or D.
            loss: a scalar with gradients.

        Returns:
            The gradient's norm, a scalar; 0 if it overflowed float16 and the step was skipped.
        """
        if optimizer in self._stepped:  # torch's scaler takes one step per update of the scale
            self._update_scale()
        self._stepped.add(optimizer)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(optimizer)
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        norm = get_total_norm([w.grad for w in weights if w.grad is not None])
        self.scaler.step(optimizer)
        return norm.nan_to_num(0.0, posinf=0.0) if self.scaler.is_enabled() else norm

    def run(self, update: Update, gan: Any, real: Tensor, noise: Any, *, replayable: bool = True) -> Tensor:
        """Run `update(gan, real, noise)`, eagerly or as a CUDA graph.

        If a step fails or is interrupted, its gradients and temporary state are dropped, so that the next step works.

        Args:
            update: function that updates the networks and returns metrics.
            gan, real, noise: its arguments.
            replayable: whether the step may run as a graph. A graph cannot branch, so pass False for a step that
                differs from the others.

        Returns:
            The metrics, averaged over all processes.
        """
        try:
            if self._capture and replayable:
                self._graph = self._graph or self._graphed(update, gan, type(noise))
                return self._graph(real, *noise)
            return distributed.mean(self._update(update, gan, real, noise))
        except BaseException:
            self.reset(gan)
            raise

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """A context in which `run` captures a CUDA graph and replays it; use it for many steps of the same kind.

        It has no effect on other devices, or with several processes, which exchange gradients between kernels.
        """
        self._wrapped.clear()
        self._capture = self.device.type == "cuda" and distributed.world_size() == 1
        try:
            yield
        finally:
            self._capture, self._graph = False, None

    def reset(self, gan: Any) -> None:
        """Reset gradients, DDP wrappers, and the scaler after an interrupted step."""
        self._wrapped.clear()
        gan.zero_grad()
        self.load_scaler(self.scaler.state_dict())

    def load_scaler(self, state: dict[str, Any] | None) -> None:
        """Create a new scaler with this state; None or an empty state means the initial scale."""
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.scaler.is_enabled())
        self._stepped.clear()
        if state:
            self.scaler.load_state_dict(state)

    @property
    def ddp_modules(self) -> tuple[nn.Module, nn.Module]:
        """G and D, wrapped so that gradients are averaged over all processes."""
        size = distributed.world_size()
        if size not in self._wrapped:
            generator, discriminator = map(distributed.wrap_ddp, self._networks)
            self._wrapped = {size: (generator, discriminator)}
        return self._wrapped[size]

    def _update(self, update: Update, gan: Any, real: Tensor, noise: Any) -> Tensor:
        metrics = update(gan, real, noise)
        self._update_scale()
        return metrics

    def _update_scale(self) -> None:
        self._stepped.clear()
        if self.scaler.is_enabled():
            self.scaler.update()

    def _graphed(self, update: Update, gan: Any, noise: type) -> GraphedStep:
        return GraphedStep(
            lambda real, *numbers: self._update(update, gan, real, noise(*numbers)),
            key=lambda: (*_fixed_by_a_graph(gan.optimizer_d, gan.optimizer_g), self.scaler),
            prepare=gan.zero_grad,
            recover=partial(self.reset, gan),
        )


def _fixed_by_a_graph(*optimizers: torch.optim.Optimizer) -> tuple:
    """Values that a captured step reads, besides its inputs, and that a callback may replace."""
    rates = [
        rate.data_ptr() if isinstance(rate := o.param_groups[0]["lr"], Tensor) else rate for o in optimizers
    ]
    moments = [
        v.data_ptr() for o in optimizers for s in o.state.values() for v in s.values() if v is not None
    ]
    return (*rates, *moments)
