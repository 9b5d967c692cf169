"""Training state of a GAN: networks, averaged generator, optimizers, and history.

The training step is in `facegan.training.step`, the training loop in `facegan.training.fit`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facegan.config import TrainConfig
from facegan.errors import CheckpointError, ConfigError
from facegan.files import write_atomic
from facegan.images import picture_of
from facegan.losses import LOSSES, Loss
from facegan.models import protocol
from facegan.runs import generator_file
from facegan.runs.checkpoint import contents_of_a_run, on_cpu
from facegan.runs.data_record import STARTED_FROM
from facegan.runs.history import History
from facegan.runs.networks import config_of
from facegan.runs.run import Run
from facegan.runtime.device import memory_format, pick_device, pick_precision
from facegan.runtime.settings import usual_settings
from facegan.training import noise, optimizers, placing
from facegan.training.adaptive import AdaptiveAugmentation
from facegan.training.build import as_config, networks_of, with_loss
from facegan.training.compatibility import NETWORKS, check_same_networks, loss_name, structure_of
from facegan.training.engine import Engine
from facegan.training.memory import check_networks_fit
from facegan.training.start import start_of
from facegan.version import __version__

NUM_PREVIEW_LATENTS = 64  # latents whose images are drawn at every snapshot


class GAN:
    """A GAN and its training state: networks, averaged generator, optimizers, and history.

    Args:
        config: settings, or the name of a recipe; by default, the settings of PyTorch's DCGAN tutorial.
        generator: your own network, which maps latents (B, latent_dim) to images (B, 3, S, S); see
            `facegan.models.protocol`. It is moved to `device` and trained in place. If it is in eval mode, it is
            switched to train mode.
        discriminator: your own network, which maps images (B, 3, S, S) to logits (B,) or (B, 1). Both networks can
            also be for other samples, such as points, if they have the attribute `sample_shape`.
        loss: your own `Loss`, a pair of functions (discriminator's, generator's), or the name of a loss.
        device: "auto" (CUDA, then Apple's MPS, then the CPU), "cpu", "cuda", "cuda:1", or "mps".

    Attributes:
        generator, discriminator: the networks in training. If you assign another network, it is trained from the next
            step on, with a new optimizer; with a new generator, the average also starts again.
        ema: the averaged generator, in eval mode; used for sampling.
        history: `History`, one row per step.
        step: number of steps taken.
        epoch: the current pass over the faces, counted from 1; 0 before the first.
        run_dir: the run folder of the last `fit`; None if there was none.
        data: `FaceDataset.record()` of the faces of the last `fit`, and `started_from`; empty before training.

    Raises:
        ConfigError: there is no such recipe, loss, or device, the networks' shapes do not match, or the networks
            need more memory than is available.

    >>> gan = GAN(TrainConfig(image_size=16, width=8))
    >>> gan.sample(4, seed=0).shape
    torch.Size([4, 3, 16, 16])
    """

    @usual_settings()
    def __init__(
        self,
        config: TrainConfig | str | None = None,
        *,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        loss: Loss | tuple | str | None = None,
        device: str | torch.device = "auto",
    ) -> None:
        self.config, self.loss = with_loss(as_config(config), loss)
        self.device = pick_device(device)
        self.precision = pick_precision(self.config.precision, self.device)
        self.rng = torch.Generator().manual_seed(self.config.seed)
        self.has_own_networks = generator is not None or discriminator is not None
        if not self.has_own_networks:
            check_networks_fit(self.config, self.device)
        networks = networks_of(self.config, generator, discriminator)
        if self.has_own_networks:
            placing.check(*networks, self.config)
        tried_with = self.loss if self.has_own_networks else None
        layout = placing.place(*networks, self.config, self.device, self.precision, tried_with=tried_with)
        self.channels_last = layout == torch.channels_last
        self.networks = dict(zip(("generator", "discriminator"), networks, strict=True))
        if hasattr(self.generator, "origin"):  # it describes the loaded weights
            protocol.set_attribute(self.generator, "origin", None)
        self.ema = protocol.copied(self.generator).eval().requires_grad_(False)
        self.optimizer_d, self.optimizer_g = optimizers.build(
            self.config, self.discriminator, self.generator, self.device
        )
        self.start_engine()
        self.augmentation = AdaptiveAugmentation(self.config.augment_target, self.device)
        self.step = self.epoch = 0
        self.history = History()
        self.data = {}
        self.remaining = torch.empty(0, dtype=torch.long)  # indices of the faces that remain in this epoch
        self.run_dir: Path | None = None
        self.stop_requested = self.stopped_by_user = False

    @classmethod
    def start_from(
        cls,
        source: str | Path | Run,
        *,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        loss: Loss | tuple | str | None = None,
        device: str | torch.device = "auto",
        **changes: Any,
    ) -> GAN:
        """Create a GAN at step 0 with the averaged generator and the discriminator of a finished run.

        Args:
            source: a run folder with checkpoints, a bundled run's name, or a `Run`.
            generator, discriminator, loss: as for `GAN`; required if the run used your own.
            device: as for `GAN`.
            changes: settings that differ from the run's; settings of the networks cannot be changed.

        Raises:
            CheckpointError: there is no such run, or it has no discriminator.
            ConfigError: a setting is invalid, or is a setting of the networks that differs from the run's.
        """
        start = start_of(source, changes, generator=generator, discriminator=discriminator)
        gan = cls(start.config, **start.networks, loss=loss, device=device)
        gan.data = start.record
        return gan

    @property
    def generator(self) -> nn.Module:
        return self.networks["generator"]

    @generator.setter
    def generator(self, network: nn.Module) -> None:
        placing.replace(self, "generator", network)

    @property
    def discriminator(self) -> nn.Module:
        return self.networks["discriminator"]

    @discriminator.setter
    def discriminator(self, network: nn.Module) -> None:
        placing.replace(self, "discriminator", network)

    @property
    def memory_format(self) -> torch.memory_format:
        """Memory format of images and filters; a property because torch cannot pickle memory formats."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def start_engine(self) -> None:
        """Create the engine for the current networks; the loss scale is kept."""
        before: Engine | None = vars(self).get("engine")
        made = Engine(self.generator, self.discriminator, self.device, self.precision, self.memory_format)
        if before:
            made.load_scaler(before.scaler.state_dict())
        self.engine = made

    @property
    def data(self) -> dict[str, Any]:
        return getattr(self.ema, "trained_on", {})

    @data.setter
    def data(self, record: dict[str, Any]) -> None:
        for generator in (self.generator, self.ema):
            protocol.set_attribute(generator, "trained_on", record)

    def sample(self, n: int, *, seed: int | None = None, truncation: float | None = None) -> Tensor:
        """Generate images (n, 3, H, W) in [-1, 1], or samples (n, *sample_shape), with the averaged generator.

        Args:
            n: number of samples.
            seed: seed of the latents; by default, they are different in each call.
            truncation: limit of the latents in standard deviations; see `facegan.latent.truncate`.
        """
        return protocol.sample(self.ema, n, seed=seed, truncation=truncation)

    def preview_grid(self) -> Tensor:
        """The images of the preview latents as one uint8 grid (3, H, W); for points, a plot of them."""
        return picture_of(self.sample(NUM_PREVIEW_LATENTS, seed=self.config.seed))

    def export(self, path: str | Path) -> Path:
        """Write the averaged generator and its settings to a `.safetensors` file, for `load_generator`.

        Raises:
            ConfigError: the path does not end in .safetensors.
            CheckpointError: a weight is NaN or infinite, or the disk is full.
        """
        path = Path(path).expanduser()
        if path.suffix != ".safetensors":
            raise ConfigError(
                f"{path.name!r} does not end in .safetensors. For other formats, use "
                "facegan.export.export_generator(gan.ema, path)."
            )
        protocol.check_finite_weights(self.ema)
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_atomic(path, self.generator_bytes())

    def generator_bytes(self, *, half: bool = False) -> bytes:
        """The contents of the file that `export` writes; if `half` is true, weights are float16."""
        return generator_file.to_bytes(self.ema, data=self.data, half=half)

    def request_stop(self, *, by_user: bool = False) -> None:
        """Make `fit` save the run and return after the current step; for callbacks and other threads.

        If `by_user` is true, `fit` raises `TrainingStopped` in a notebook, so that the cells below do not run.
        """
        self.stop_requested = True
        self.stopped_by_user |= by_user

    @usual_settings()
    def to(self, device: str | torch.device) -> GAN:
        """Move networks and optimizers to a device in place, as `torch.nn.Module.to` does; returns the GAN itself."""
        self.device = pick_device(device)
        self.precision = pick_precision(self.config.precision, self.device)
        if self.channels_last:
            self.channels_last = memory_format(self.device) == torch.channels_last
        for network in (self.generator, self.discriminator, self.ema):
            protocol.move(network, self.device, self.memory_format)
        old = self.optimizer_d, self.optimizer_g
        new = optimizers.build(self.config, self.discriminator, self.generator, self.device)
        self.optimizer_d, self.optimizer_g = (optimizers.move(*pair) for pair in zip(old, new, strict=True))
        self.start_engine()
        self.augmentation.to(self.device)
        return self

    def __repr__(self) -> str:
        sizes = [f"{sum(p.numel() for p in n.parameters()):,}" for n in (self.generator, self.discriminator)]
        precision = str(self.precision).removeprefix("torch.")
        return (
            f"GAN({self._samples_in_words()}, G {type(self.generator).__name__} with {sizes[0]} parameters, "
            f"D {type(self.discriminator).__name__} with {sizes[1]}, loss {loss_name(self)}, "
            f"step {self.step:,}, {self.device}, {precision})"
        )

    def _samples_in_words(self) -> str:
        shape = self.sample_shape
        return f"{shape[1]} px" if len(shape) == 3 else f"samples {shape}"

    # ---- used by a step -------------------------------------------------------------------------

    def prepare(self, real: Tensor) -> Tensor:
        """Move real images (K * B, 3, S, S) to the GAN's device, as float32 (K, B, 3, S, S), with K = n_critic.

        Other samples are handled in the same way. Raises `ConfigError` if the shape or type is wrong.
        """
        shape = self.sample_shape
        kind = "images" if len(shape) == 3 else "samples"
        if not isinstance(real, Tensor) or not real.is_floating_point() or real.shape[1:] != shape:
            given = f"{real.dtype} {tuple(real.shape)}" if isinstance(real, Tensor) else type(real).__name__
            advice = " in [-1, 1]. facegan.images.to_float converts uint8." if kind == "images" else "."
            raise ConfigError(
                f"real {kind} are {given}, expected floats (B, {', '.join(map(str, shape))}){advice}"
            )
        if not len(real) or len(real) % self.config.n_critic:
            raise ConfigError(
                f"got {len(real)} real {kind}, expected a multiple of n_critic={self.config.n_critic}: each "
                "step of D uses its own batch. Concatenate n_critic batches."
            )
        real = real.to(self.device, torch.float32)
        real = real.clone() if real.is_inference() else real  # autograd cannot save inference tensors
        if real.ndim == 4:
            real = real.to(memory_format=self.memory_format)
        return real.unflatten(0, (self.config.n_critic, -1))

    def draw_noise(self, batch_size: int) -> noise.Noise:
        """Random numbers for the next step; see `facegan.training.noise`."""
        return noise.draw_noise(self.config, self.sample_shape, batch_size, self.rng, self.device)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample: (3, S, S) for images."""
        return protocol.sample_shape(self.generator)

    @property
    def smoothing(self) -> dict[str, float]:
        """The loss's keyword argument for label smoothing; empty if it is off."""
        return {"smoothing": self.config.label_smoothing} if self.config.label_smoothing else {}

    @property
    def ema_decay(self) -> float:
        """EMA decay in step t: min(ema_decay, (1 + t) / (10 + t)), or `ema_decay` if the GAN started from a run."""
        limit = 1 if STARTED_FROM in self.data else (1 + self.step) / (10 + self.step)
        return min(self.config.ema_decay, limit)

    def zero_grad(self) -> None:
        """Set the gradients of both networks to None."""
        self.optimizer_d.zero_grad()
        self.optimizer_g.zero_grad()

    # ---- saving and loading ----------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The complete state, for a checkpoint, as CPU tensors, numbers, strings, and dicts."""
        return {
            "facegan": __version__,
            "config": self.config.to_dict(),
            "loss": loss_name(self),
            "structure": structure_of(self),
            "data": self.data,
            "step": self.step,
            "epoch": self.epoch,
            "rng": self.rng.get_state(),
            "remaining": self.remaining.clone(),
            "history": self.history.state_dict(),
            "scaler": self.engine.scaler.state_dict(),
            "augmentation": self.augmentation.state.to("cpu", copy=True),
            **{name: on_cpu(part.state_dict()) for name, part in self._parts().items()},
        }

    @usual_settings()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load a state of `state_dict` from any device. Learning rates remain those of this GAN's config.

        Raises:
            CheckpointError: the networks, optimizer, or seed differ from this GAN's; nothing is changed.
        """
        check_same_networks(self, state)
        with contents_of_a_run():
            history = History.from_state(state["history"])
            step, epoch = int(state["step"]), int(state["epoch"])
            torch.Generator().set_state(state["rng"])  # raises before anything is changed
            remaining, data = state["remaining"].long(), dict(state["data"])
            augmentation = state["augmentation"].expand(2)
        for name, part in self._parts().items():
            load = optimizers.load if name.startswith("optimizer") else nn.Module.load_state_dict
            load(part, state[name])
        self.engine.load_scaler(state.get("scaler"))
        self.engine.in_step = False
        self.rng.set_state(state["rng"])
        self.step, self.epoch, self.history = step, epoch, history
        self.data, self.remaining = data, remaining
        self.augmentation.load(augmentation)

    @classmethod
    def from_state(cls, state: dict[str, Any], **networks: Any) -> GAN:
        """Create a GAN from a checkpoint's state, with the config saved in it.

        Args:
            state: from `state_dict`, or `facegan.runs.checkpoint.load(path)`.
            networks: `generator`, `discriminator`, `loss`, and `device`, as for `GAN`; your own networks must be
                passed again.

        Raises:
            CheckpointError: as for `load_state_dict`; or the run's loss is your own and was not passed or registered.
        """
        loss = state.get("loss")
        if loss is not None and loss not in LOSSES and "loss" not in networks:
            raise CheckpointError(
                f"the run was trained with the loss {loss!r}. Pass it as loss=..., or register it with "
                "fg.register_loss."
            )
        gan = cls(config_of(state), **networks)
        gan.load_state_dict(state)
        return gan

    def _parts(self) -> dict[str, Any]:
        """The objects that have a state dict, by their names in a checkpoint."""
        networks = {name: protocol.unwrapped(getattr(self, name)) for name in NETWORKS}
        return networks | {"optimizer_d": self.optimizer_d, "optimizer_g": self.optimizer_g}
