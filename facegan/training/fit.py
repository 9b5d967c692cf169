"""Training: the state of a GAN, one step of its game, and the loop around it.

Algorithm 1 of Goodfellow et al. 2014 (arXiv 1406.2661) with one discriminator step per generator step, as
DCGAN has it. All randomness of a run comes from `GAN.rng`, so a resumed run repeats what a straight
one does. What several processes need is in `parallel`, CUDA graphs in `graphs`. Left out: anything that draws
or measures (`plots`, `metrics`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from facegan.augment import augment, steps_of
from facegan.config import TrainConfig, differing
from facegan.data.load import Batches, FaceDataset
from facegan.errors import CheckpointError, ConfigError
from facegan.images import make_grid, signed_to_unit
from facegan.latent import draw_latents
from facegan.losses import LOSSES, flip_labels, gradient_penalty, r1_penalty
from facegan.models.dcgan import DISCRIMINATOR_FIELDS, GENERATOR_FIELDS, Discriminator, Generator
from facegan.runs.folder import RunFolder
from facegan.runs.run import saved_config
from facegan.runtime import distributed as parallel
from facegan.runtime.cuda_graph import GraphedStep
from facegan.runtime.device import (
    autocast,
    device_name,
    memory_format,
    pick_device,
    pick_precision,
    to_device,
)
from facegan.runtime.distributed import say
from facegan.training.monitor import HISTORY, METRICS, Hook, Recorder

FIXED = 64  # latents whose faces are drawn at every snapshot
STRUCTURE = tuple(dict.fromkeys((*GENERATOR_FIELDS, *DISCRIMINATOR_FIELDS, "optimizer_d", "seed")))

Play = Callable[[Tensor, Tensor, Tensor], Tensor]  # (real, z, uniform) to `METRICS`


class GAN:
    """The state of a run: networks, averaged generator, optimizers, random numbers, step, history.

    `history` maps each of `HISTORY` to a list with one float a step: the losses; D(x), D(G(z)) before
    and after D's update, as mean probabilities; gradient norms (0 where a step overflowed float16 and was
    left out); images per second. Raises `ConfigError` for a device that is not there.

    >>> gan = GAN(TrainConfig(image_size=16, width=8))
    >>> gan.sample(4, seed=0).shape
    torch.Size([4, 3, 16, 16])
    """

    def __init__(self, config: TrainConfig | None = None, *, device: str | torch.device = "auto") -> None:
        self.config = config or TrainConfig()
        self.device = pick_device(device)
        self.precision = pick_precision(self.config.precision, self.device)
        self.rng = torch.Generator().manual_seed(self.config.seed)
        self.generator, self.discriminator = _build_networks(self.config, self.device)
        self.ema = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizer_d, self.optimizer_g = _build_optimizers(self)
        self.scaler = _build_scaler(self)
        self._shared: dict[int, tuple[nn.Module, nn.Module]] = {}
        self.step = 0
        self.history: dict[str, list[float]] = {name: [] for name in HISTORY}
        self.remaining = torch.empty(0, dtype=torch.long)  # faces this epoch has yet to visit
        self.epoch_size = 0  # faces in the set that `remaining` indexes

    def sample(self, n: int, *, seed: int | None = None, truncation: float | None = None) -> Tensor:
        """n faces (n, 3, H, W) in [-1, 1] from the averaged generator in eval mode."""
        return self.ema.sample(n, seed=seed, truncation=truncation)

    def snapshot(self) -> Tensor:
        """The faces of the run's fixed latents as one uint8 grid (3, H, W)."""
        z = draw_latents(FIXED, self.config.latent_dim, seed=self.config.seed)
        return make_grid(self.ema.images(z))

    def export(self, path: str | Path) -> Path:
        """Share the averaged generator as one `.safetensors` file with its settings."""
        return self.ema.export(path)

    def state_dict(self) -> dict[str, Any]:
        """All of the state as CPU tensors, numbers and dicts, for `checkpoint.save`."""
        modules = {name: _on_cpu(getattr(self, name).state_dict()) for name in _STATEFUL}
        history = {name: torch.tensor(values, dtype=torch.float64) for name, values in self.history.items()}
        return {
            "config": self.config.to_dict(),
            "step": self.step,
            "rng": self.rng.get_state(),
            "remaining": self.remaining.clone(),
            "epoch_size": self.epoch_size,
            "history": history,
            "scaler": self.scaler.state_dict(),
            **modules,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state from `state_dict`, on any device.

        Raises `CheckpointError`, and changes nothing, when its networks, optimizer or seed are not
        this GAN's. Learning rates and the like stay as in this GAN's config.
        """
        saved = saved_config(state)
        try:
            _check_fits(self, state, saved)
            history = {name: state["history"][name].tolist() for name in HISTORY}
            step, rng = int(state["step"]), state["rng"]
            remaining, epoch_size = state["remaining"].long(), int(state["epoch_size"])
        except (KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"this is no state of a facegan run ({error}).") from None
        for name in ("generator", "discriminator", "ema"):
            getattr(self, name).load_state_dict(state[name])
        for optimizer, name in ((self.optimizer_d, "optimizer_d"), (self.optimizer_g, "optimizer_g")):
            _load_optimizer(optimizer, state[name])
        self.scaler = _build_scaler(self, state.get("scaler"))
        self.rng.set_state(rng)
        self.step, self.history = step, history
        self.remaining, self.epoch_size = remaining, epoch_size

    @classmethod
    def from_state(cls, state: dict[str, Any], *, device: str | torch.device = "auto") -> GAN:
        """The GAN of a checkpoint's state, with the config saved in it; raises as `load_state_dict`."""
        gan = cls(saved_config(state), device=device)
        gan.load_state_dict(state)
        return gan

    @property
    def shared(self) -> tuple[nn.Module, nn.Module]:
        """G and D as `train_step` calls them: with gradients averaged over all processes of a run."""
        size = parallel.world_size()
        if size not in self._shared:
            self._shared = {size: (parallel.shared(self.generator), parallel.shared(self.discriminator))}
        return self._shared[size]


_STATEFUL = ("generator", "discriminator", "ema", "optimizer_d", "optimizer_g")


def train_step(gan: GAN, real: Tensor) -> dict[str, Tensor]:
    """One round of the game on real faces (B, 3, H, W) in [-1, 1]: D's step, G's step, the average.

    Both steps use the same fakes. In a run of several processes each passes its part of the real faces.
    Returns detached scalars by the names in `METRICS`.
    """
    try:
        metrics = _step(gan, partial(_play, gan), real)
    except BaseException:  # an interrupt, or too little memory: the next call begins anew
        _forget(gan)
        raise
    return dict(zip(METRICS, metrics.unbind(), strict=True))


def stepper(gan: GAN) -> Callable[[Tensor], Tensor]:
    """`train_step` for many batches of one size: takes the real faces, returns `METRICS` as one tensor.

    On a CUDA device its work becomes a CUDA graph (`facegan.graphs`).
    """
    _forget(gan)
    play: Play = partial(_play, gan)
    if gan.device.type == "cuda" and parallel.world_size() == 1:
        drop, start_over = partial(_forget_gradients, gan), partial(_forget, gan)
        graphed = GraphedStep(play, key=partial(_fixed, gan), prepare=drop, recover=start_over)
        play = partial(_play_or_replay, gan, play, graphed)
    return partial(_step, gan, play)


def fit(
    gan: GAN,
    faces: FaceDataset,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    run_dir: str | Path | None = None,
    snapshot_every: int | None = None,
    hooks: Sequence[Hook] = (),
) -> dict[str, list[float]]:
    """Train until the run has seen `steps` steps, or `epochs` passes over the faces, in total.

    With a `run_dir` that holds a checkpoint, goes on from it. Every `snapshot_every` steps the run
    folder is brought up to date and each hook is called with the GAN and a uint8 grid (3, H, W) of its
    fixed faces. Ctrl-C, or the notebook's stop button, ends after the step in progress and saves; the
    same call then goes on. Returns the history (see `GAN`).

    A hook that is a `Watcher` also hears of every step, and can end the run.

    Where several processes run this together (`facegan.parallel`), the first one writes and calls hooks;
    the history holds means over all of them.

    Raises `DataError` when the faces do not suit, `CheckpointError` when the folder holds another
    run or cannot be written, `TrainingError` when a loss or weight is no longer finite or memory ends.
    """
    batches = _batches(gan, faces)
    total = _total_steps(gan.config, len(batches), epochs, steps)
    every = _positive(
        "snapshot_every", gan.config.snapshot_every if snapshot_every is None else snapshot_every
    )
    folder = _open_folder(gan, faces, run_dir)
    batches.remaining = _rest_of_epoch(gan, faces)
    stream, step = chain.from_iterable(repeat(batches)), stepper(gan)
    with Recorder(gan, folder, hooks, total) as recorder:
        while gan.step < total and not recorder.stopped:
            recorder.add(step(next(stream)))
            gan.remaining = batches.remaining
            if gan.step % every == 0:
                recorder.snapshot()
    return gan.history


# ---- one step ------------------------------------------------------------------------------------


def _step(gan: GAN, play: Play, real: Tensor) -> Tensor:
    """Draw a step's random numbers, play the round, average G; returns `METRICS`."""
    real = real.to(gan.device, memory_format=memory_format(gan.device))
    metrics = play(real, *_draw_noise(gan, len(real)))
    update_average(gan)
    gan.step += 1
    return metrics


def _play_or_replay(gan: GAN, play: Play, graphed: Play, *tensors: Tensor) -> Tensor:
    """A graph cannot branch, so the few steps with a lazy penalty run as they are."""
    lazy = gan.config.r1_every > 1 and _is_turn_of_r1(gan)
    return (play if lazy else graphed)(*tensors)


def _draw_noise(gan: GAN, size: int) -> tuple[Tensor, Tensor]:
    """z (B, latent_dim) and `uniform` (2 + 9 S, B) for labels, penalty and S steps of augmentation.

    Drawn for the joint batch of all processes, of which this one takes its part.
    """
    joint = size * parallel.world_size()
    part = parallel.part(joint)
    z = torch.randn(joint, gan.config.latent_dim, generator=gan.rng)
    rows = 2 + 9 * len(steps_of(gan.config.augment))
    uniform = torch.rand(rows, joint, generator=gan.rng)
    return to_device(z[part], gan.device), to_device(uniform[:, part], gan.device)


def _play(gan: GAN, real: Tensor, z: Tensor, uniform: Tensor) -> Tensor:
    """D's step and G's: only work of the device, which is not waited for. Returns `METRICS`."""
    _forget_gradients(gan)
    if gan.config.output == "sigmoid":
        real = signed_to_unit(real)
    with autocast(gan.device, gan.precision):
        fake = gan.shared[0](z)
    metrics = _discriminator_step(gan, real, fake.detach(), uniform)
    metrics |= _generator_step(gan, fake, uniform)
    if gan.scaler.is_enabled():
        gan.scaler.update()
    return torch.stack([metrics[name] for name in METRICS])


def _forget(gan: GAN) -> None:
    """Drop what a step that broke half-way, or another group of processes, has left."""
    gan._shared.clear()
    _forget_gradients(gan)
    gan.scaler = _build_scaler(gan, gan.scaler.state_dict())


def _fixed(gan: GAN) -> tuple:
    """What a graph of `_play` reads that is not among its inputs, and a hook may replace."""
    optimizers = gan.optimizer_d, gan.optimizer_g
    rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    moments = [
        v.data_ptr() for o in optimizers for s in o.state.values() for v in s.values() if v is not None
    ]
    return (*rates, *moments, id(gan.scaler))


def _forget_gradients(gan: GAN) -> None:
    gan.discriminator.requires_grad_(True)
    gan.optimizer_d.zero_grad()
    gan.optimizer_g.zero_grad()


def _discriminator_step(gan: GAN, real: Tensor, fake: Tensor, uniform: Tensor) -> dict[str, Tensor]:
    config, network = gan.config, gan.shared[1]
    labels, mix, *_ = uniform
    real_logits = _judge(gan, network, real, uniform, 0)
    fake_logits = _judge(gan, network, fake, uniform, 1)
    seen = real_logits, fake_logits
    if config.label_flip:
        seen = flip_labels(*seen, labels < config.label_flip)
    smoothing = {"smoothing": config.label_smoothing} if config.label_smoothing else {}
    loss = LOSSES[config.loss].discriminator(*seen, **smoothing)
    norm = _descend(gan, loss + _penalties(gan, real, fake, mix), gan.optimizer_d)
    return {
        "loss_d": loss.detach(),
        "d_real": real_logits.detach().sigmoid().mean(),
        "d_fake": fake_logits.detach().sigmoid().mean(),
        "grad_norm_d": norm,
    }


def _generator_step(gan: GAN, fake: Tensor, uniform: Tensor) -> dict[str, Tensor]:
    gan.discriminator.requires_grad_(False)  # its weight gradients are not needed here
    logits = _judge(gan, gan.discriminator, fake, uniform, 2)
    loss = LOSSES[gan.config.loss].generator(logits)
    norm = _descend(gan, loss, gan.optimizer_g)
    gan.discriminator.requires_grad_(True)
    d_fake_after = logits.detach().sigmoid().mean()
    return {"loss_g": loss.detach(), "d_fake_after": d_fake_after, "grad_norm_g": norm}


def _judge(gan: GAN, network: nn.Module, images: Tensor, uniform: Tensor, nth: int) -> Tensor:
    """D's logits in fp32, of images augmented with the nth third of the random numbers for that."""
    numbers = uniform[2:].unflatten(0, (3, -1, 3))[nth] if len(uniform) > 2 else uniform[2:]
    with autocast(gan.device, gan.precision):
        return network(augment(images, gan.config.augment, numbers[..., None, None, None])).float()


def _penalties(gan: GAN, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor | float:
    """The weighted gradient penalties, in fp32, since they are differentiated twice."""
    config, penalty = gan.config, 0.0
    if config.gradient_penalty:
        mix = mix[:, None, None, None]
        penalty += config.gradient_penalty * gradient_penalty(gan.discriminator, real, fake.float(), mix)
    if _is_turn_of_r1(gan):
        penalty += config.r1 * config.r1_every * r1_penalty(gan.discriminator, real)
    return penalty


def _is_turn_of_r1(gan: GAN) -> bool:
    """Lazy regularisation (StyleGAN2, Karras 2020, arXiv 1912.04958, section 3.1): R1 in some steps only."""
    return gan.config.r1 > 0 and gan.step % gan.config.r1_every == 0


def _descend(gan: GAN, loss: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
    """One step of the optimizer down the loss; returns the gradient's norm."""
    scaler = gan.scaler  # of float16's gradients, which would vanish else; does nothing for other types
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = get_total_norm([p.grad for p in optimizer.param_groups[0]["params"]])
    scaler.step(optimizer)
    return norm.nan_to_num(0.0, posinf=0.0) if scaler.is_enabled() else norm


@torch.no_grad()
def update_average(gan: GAN) -> None:
    """EMA of parameters and float buffers, faster at first: decay = min(ema_decay, (1 + t) / (10 + t))."""
    decay = min(gan.config.ema_decay, (1 + gan.step) / (10 + gan.step))
    pairs = zip(_tensors(gan.ema), _tensors(gan.generator), strict=True)
    averaged, counted = [], []
    for mean, raw in pairs:
        (averaged if mean.is_floating_point() else counted).append((mean, raw))
    torch._foreach_lerp_([m for m, _ in averaged], [r for _, r in averaged], 1 - decay)
    for mean, raw in counted:
        mean.copy_(raw)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    return chain(network.parameters(), network.buffers())


# ---- building and checking -----------------------------------------------------------------------


def _build_networks(config: TrainConfig, device: torch.device) -> tuple[Generator, Discriminator]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        networks = Generator(config), Discriminator(config)
    return tuple(n.to(device, memory_format=memory_format(device)) for n in networks)


def _build_optimizers(gan: GAN) -> tuple[torch.optim.Optimizer, torch.optim.Adam]:
    config, fused = gan.config, gan.device.type in {"cpu", "cuda"}
    adam = {"betas": (config.beta1, config.beta2), "fused": fused, "capturable": gan.device.type == "cuda"}
    weights = gan.discriminator.parameters()
    if config.optimizer_d == "sgd":
        optimizer_d = torch.optim.SGD(weights, config.lr_d, momentum=config.momentum, fused=fused)
        if config.momentum:  # torch makes them in the first step, unfilled when that overflows float16
            for weight in gan.discriminator.parameters():
                optimizer_d.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    else:
        optimizer_d = torch.optim.Adam(weights, config.lr_d, **adam)
    return optimizer_d, torch.optim.Adam(gan.generator.parameters(), config.lr_g, **adam)


def _build_scaler(gan: GAN, state: dict[str, Any] | None = None) -> torch.amp.GradScaler:
    scaler = torch.amp.GradScaler(gan.device.type, enabled=gan.precision == torch.float16)
    if state:
        scaler.load_state_dict(state)
    return scaler


def _batches(gan: GAN, faces: FaceDataset) -> Batches:
    if faces.shape[-1] != gan.config.image_size:
        raise ConfigError(
            f"the faces are {faces.shape[-1]} px, the networks {gan.config.image_size} px. Load them with "
            f"load_faces(..., size={gan.config.image_size}) or set image_size={faces.shape[-1]}."
        )
    config, part = gan.config, parallel.part(gan.config.batch_size)
    return faces.batches(config.batch_size, generator=gan.rng, device=gan.device, flip=config.flip, part=part)


def _open_folder(gan: GAN, faces: FaceDataset, run_dir: str | Path | None) -> RunFolder | None:
    if run_dir is None:
        return None
    folder = RunFolder(run_dir) if parallel.rank() == 0 else None
    state = parallel.from_first(folder and folder.latest())
    if state is not None:
        _resume(gan, state, run_dir)
    if folder:
        folder.begin(gan.config.to_dict(), data=faces.name, device=device_name(gan.device))
    return folder


def _resume(gan: GAN, state: dict[str, Any], run_dir: str | Path) -> None:
    gan.load_state_dict(state)
    say(f"{run_dir}: going on from the checkpoint of step {gan.step}.")
    changed = differing(TrainConfig.from_dict(state["config"]), gan.config)
    for name, (old, new) in changed.items():
        say(f"  {name} changes from {old} to {new}.")


def _rest_of_epoch(gan: GAN, faces: FaceDataset) -> Tensor:
    """Indices of the faces the current epoch has yet to visit; none when the data are others."""
    if gan.epoch_size != len(faces):
        if gan.epoch_size:
            say(f"the data change from {gan.epoch_size} to {len(faces)} faces; a new epoch begins.")
        gan.epoch_size, gan.remaining = len(faces), gan.remaining[:0]
    return gan.remaining


def _check_fits(gan: GAN, state: dict[str, Any], saved: TrainConfig) -> None:
    told = [saved, gan.config]
    if saved.width_d or gan.config.width_d:
        told = [replace(config, width_d=config.discriminator_width) for config in told]
    changed = differing(*told, STRUCTURE)
    if changed:
        listed = ", ".join(f"{name} {old!r} there and {new!r} here" for name, (old, new) in changed.items())
        raise CheckpointError(
            f"the checkpoint is of another run: {listed}. Use the same settings, or another run_dir."
        )
    for name in ("generator", "discriminator", "ema"):
        ours, theirs = getattr(gan, name).state_dict(), state[name]
        if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
            raise CheckpointError(f"the checkpoint's {name} has other layers than ours. Use another run_dir.")
    for name in ("optimizer_d", "optimizer_g"):
        _check_optimizer(getattr(gan, name), state[name], name)


def _check_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any], name: str) -> None:
    weights = optimizer.param_groups[0]["params"]
    for index, moments in state["state"].items():
        for key, value in moments.items():
            if value.ndim and (index >= len(weights) or value.shape != weights[index].shape):
                raise CheckpointError(
                    f"the checkpoint's {name} does not fit: {key} of weight {index} is {tuple(value.shape)}. "
                    "Use an earlier checkpoint or another run_dir."
                )


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take over moments, in the weights' own memory layout, but keep this optimizer's settings."""
    weights = optimizer.param_groups[0]["params"]
    moments = {
        index: {k: torch.empty_like(weights[index]).copy_(v) if v.ndim else v for k, v in values.items()}
        for index, values in state["state"].items()
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _on_cpu(tree: Any) -> Any:
    """A state dict with its tensors on the CPU, so that any machine can open the file."""
    if isinstance(tree, dict):
        return {key: _on_cpu(branch) for key, branch in tree.items()}
    return tree.cpu() if isinstance(tree, Tensor) else tree


def _total_steps(config: TrainConfig, per_epoch: int, epochs: int | None, steps: int | None) -> int:
    if epochs is not None and steps is not None:
        raise ConfigError(f"got both epochs={epochs} and steps={steps}; give one of them.")
    if steps is not None:
        return _positive("steps", steps)
    return _positive("epochs", config.epochs if epochs is None else epochs) * per_epoch


def _positive(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} is {value!r}, expected a whole number of 1 or more.")
    return value
