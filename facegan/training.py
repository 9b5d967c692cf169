"""Training: the state of a GAN, one step of its game, and the loop around it.

Algorithm 1 of Goodfellow et al. 2014 (arXiv 1406.2661) with one discriminator step per generator step, as
DCGAN has it. All randomness of a run comes from `GAN.rng`, so a resumed run repeats what a straight
one does. Left out: several devices, and anything that draws or measures (`plots`, `metrics`).
"""

from __future__ import annotations

import copy
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from facegan.augment import augment
from facegan.config import TrainConfig, differing
from facegan.data import Batches, FaceDataset
from facegan.errors import CheckpointError, ConfigError, TrainingError
from facegan.images import make_grid, signed_to_unit
from facegan.latent import draw_latents
from facegan.losses import LOSSES, flip_labels, gradient_penalty, r1_penalty
from facegan.models import DISCRIMINATOR_FIELDS, GENERATOR_FIELDS, Discriminator, Generator
from facegan.run_folder import RunFolder, picture_files
from facegan.runtime import autocast, memory_format, pick_device, pick_precision

METRICS = ("loss_d", "loss_g", "d_real", "d_fake", "d_fake_after", "grad_norm_d", "grad_norm_g")
HISTORY = (*METRICS, "images_per_second")
FIXED = 64  # latents whose faces are drawn at every snapshot
STRUCTURE = tuple(dict.fromkeys((*GENERATOR_FIELDS, *DISCRIMINATOR_FIELDS, "optimizer_d", "seed")))

Hook = Callable[["GAN", Tensor], None]


class Watcher:
    """A hook for `fit` that also follows a run between its snapshots, and may end it."""

    shows_progress = False  # whether `fit` leaves its own progress bar out; looked at after `begin`

    def begin(self, gan: GAN, total: int) -> None:
        """Called before the first step; `total` is the step at which the run will end."""

    def __call__(self, gan: GAN, grid: Tensor) -> None:
        """Called at every snapshot, with a uint8 grid (3, H, W) of the fixed faces."""

    def wants_stop(self, gan: GAN) -> bool:
        """Called after every step, so it must be quick; true ends the run as Ctrl-C does, saved."""
        return False

    def end(self, gan: GAN) -> None:
        """Called when the run stands still, however that came about."""


class GAN:
    """The state of a run: networks, averaged generator, optimizers, random numbers, step, history.

    `history` maps each of `HISTORY` to a list with one float a step: the losses; D(x), D(G(z)) before
    and after D's update, as mean probabilities; gradient norms; images per second. Raises
    `ConfigError` for a device that is not there.

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
            **modules,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state from `state_dict`, on any device.

        Raises `CheckpointError`, and changes nothing, when its networks, optimizer or seed are not
        this GAN's. Learning rates and the like stay as in this GAN's config.
        """
        try:
            saved = TrainConfig.from_dict(state["config"])
            _check_fits(self, state, saved)
            history = {name: state["history"][name].tolist() for name in HISTORY}
            step, rng = int(state["step"]), state["rng"]
            remaining, epoch_size = state["remaining"].long(), int(state["epoch_size"])
        except (KeyError, TypeError, AttributeError, ConfigError) as error:
            raise CheckpointError(f"this is no state of a facegan run ({error}).") from None
        for name in ("generator", "discriminator", "ema"):
            getattr(self, name).load_state_dict(state[name])
        for optimizer, name in ((self.optimizer_d, "optimizer_d"), (self.optimizer_g, "optimizer_g")):
            _load_optimizer(optimizer, state[name])
        self.rng.set_state(rng)
        self.step, self.history = step, history
        self.remaining, self.epoch_size = remaining, epoch_size

    @classmethod
    def from_state(cls, state: dict[str, Any], *, device: str | torch.device = "auto") -> GAN:
        """The GAN of a checkpoint's state, with the config saved in it."""
        gan = cls(TrainConfig.from_dict(state["config"]), device=device)
        gan.load_state_dict(state)
        return gan


_STATEFUL = ("generator", "discriminator", "ema", "optimizer_d", "optimizer_g")


def train_step(gan: GAN, real: Tensor) -> dict[str, Tensor]:
    """One round of the game on real faces (B, 3, H, W) in [-1, 1]: D's step, G's step, the average.

    Both steps use the same fakes. Returns detached scalars by the names in `METRICS`.
    """
    _forget_gradients(gan)
    real = real.to(gan.device, memory_format=memory_format(gan.device))
    if gan.config.output == "sigmoid":
        real = signed_to_unit(real)
    z = torch.randn(len(real), gan.config.latent_dim, generator=gan.rng).to(gan.device)
    with autocast(gan.device, gan.precision):
        fake = gan.generator(z)
    metrics = _discriminator_step(gan, real, fake.detach())
    metrics |= _generator_step(gan, fake)
    _update_average(gan)
    gan.step += 1
    return metrics


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
    stream = chain.from_iterable(repeat(batches))
    with _interruptible() as interrupted, _Recorder(gan, folder, hooks, total) as recorder:
        while gan.step < total and not (interrupted() or recorder.stopped):
            recorder.add(train_step(gan, next(stream)))
            gan.remaining = batches.remaining
            if gan.step % every == 0:
                recorder.snapshot()
    return gan.history


# ---- one step ------------------------------------------------------------------------------------


def _forget_gradients(gan: GAN) -> None:
    """Also those of a step that was interrupted half-way."""
    gan.discriminator.requires_grad_(True)
    gan.optimizer_d.zero_grad()
    gan.optimizer_g.zero_grad()


def _discriminator_step(gan: GAN, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    config, network = gan.config, gan.discriminator
    real_logits, fake_logits = _judge(gan, real), _judge(gan, fake)
    seen = real_logits, fake_logits
    if config.label_flip:
        swap = torch.rand(len(real), generator=gan.rng) < config.label_flip
        seen = flip_labels(*seen, swap.to(gan.device))
    smoothing = {"smoothing": config.label_smoothing} if config.label_smoothing else {}
    loss = LOSSES[config.loss].discriminator(*seen, **smoothing)
    (loss + _penalties(gan, real, fake)).backward()
    norm = _apply(gan.optimizer_d, network)
    return {
        "loss_d": loss.detach(),
        "d_real": real_logits.detach().sigmoid().mean(),
        "d_fake": fake_logits.detach().sigmoid().mean(),
        "grad_norm_d": norm,
    }


def _generator_step(gan: GAN, fake: Tensor) -> dict[str, Tensor]:
    gan.discriminator.requires_grad_(False)  # its weight gradients are not needed here
    logits = _judge(gan, fake)
    loss = LOSSES[gan.config.loss].generator(logits)
    loss.backward()
    gan.discriminator.requires_grad_(True)
    norm = _apply(gan.optimizer_g, gan.generator)
    d_fake_after = logits.detach().sigmoid().mean()
    return {"loss_g": loss.detach(), "d_fake_after": d_fake_after, "grad_norm_g": norm}


def _judge(gan: GAN, images: Tensor) -> Tensor:
    """D's logits in fp32, of augmented images."""
    with autocast(gan.device, gan.precision):
        return gan.discriminator(augment(images, gan.config.augment, gan.rng)).float()


def _penalties(gan: GAN, real: Tensor, fake: Tensor) -> Tensor | float:
    """The weighted gradient penalties, in fp32, since they are differentiated twice."""
    config, penalty = gan.config, 0.0
    if config.gradient_penalty:
        mix = torch.rand(len(real), 1, 1, 1, generator=gan.rng).to(gan.device)
        penalty += config.gradient_penalty * gradient_penalty(gan.discriminator, real, fake.float(), mix)
    if config.r1:
        penalty += config.r1 * r1_penalty(gan.discriminator, real)
    return penalty


def _apply(optimizer: torch.optim.Optimizer, network: nn.Module) -> Tensor:
    """Step on the gradients and return their norm."""
    norm = get_total_norm([p.grad for p in network.parameters()])
    optimizer.step()
    return norm


@torch.no_grad()
def _update_average(gan: GAN) -> None:
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


# ---- around the loop -----------------------------------------------------------------------------


class _Recorder:
    """What stands between the hot loop and those who watch it: metrics, bar, run folder, hooks."""

    def __init__(self, gan: GAN, folder: RunFolder | None, hooks: Sequence[Hook], total: int) -> None:
        self.gan, self.folder, self.total = gan, folder, total
        self.hooks, self.stopped = list(hooks), False
        self.watchers = [hook for hook in hooks if isinstance(hook, Watcher)]
        if gan.config.tensorboard and folder:
            self.hooks.append(tensorboard_hook(folder.path / "tensorboard", start=gan.step))
        self.pending: list[dict[str, Tensor]] = []
        self.saved_at = folder.saved_step if folder else gan.step or None
        self.read_at = time.monotonic()
        if gan.step >= total:
            print(f"the run already stands at step {gan.step} of {total}; ask for more steps to go on.")

    def __enter__(self) -> _Recorder:
        with ExitStack() as stack:  # whatever has begun is ended, also when the rest of this fails
            for watcher in self.watchers:
                watcher.begin(self.gan, self.total)
                stack.callback(watcher.end, self.gan)
            self.bar = stack.enter_context(self._new_bar())
            if self.saved_at != self.gan.step:
                self.snapshot()
            self.closing = stack.pop_all()
        return self

    def _new_bar(self) -> Any:
        from tqdm.auto import tqdm

        hidden = any(watcher.shows_progress for watcher in self.watchers)
        return tqdm(total=self.total, initial=self.gan.step, unit="step", dynamic_ncols=True, disable=hidden)

    def add(self, metrics: dict[str, Tensor]) -> None:
        self.pending.append(metrics)
        self.bar.update()
        if time.monotonic() - self.read_at > 1:
            self.read()
        for watcher in self.watchers:
            self.stopped |= watcher.wants_stop(self.gan)

    def read(self) -> None:
        """Move pending metrics from the device into the history, all at once."""
        if not self.pending:
            return
        rows = torch.stack([torch.stack([m[name] for name in METRICS]) for m in self.pending]).tolist()
        elapsed = max(time.monotonic() - self.read_at, 1e-9)
        rate = len(rows) * self.gan.config.batch_size / elapsed
        self.pending.clear()
        for step, row in enumerate(rows, start=self.gan.step - len(rows) + 1):
            self._check_finite(step, row)
            for name, value in zip(HISTORY, (*row, rate), strict=True):
                self.gan.history[name].append(value)
        self.read_at = time.monotonic()
        self.bar.set_postfix_str(f"D {row[0]:.2f}, G {row[1]:.2f}, {rate:.0f} img/s", refresh=False)

    def snapshot(self, *, frame: bool = True) -> None:
        """Bring the history, the run folder and the hooks up to this step."""
        self.read()
        self._check_weights()
        gan, grid = self.gan, self.gan.snapshot()
        if self.folder:
            name = f"frames/step_{gan.step:06d}.png" if frame else None
            self.folder.save(gan.state_dict(), files=picture_files(gan.history, grid, gan.step, frame=name))
        self.saved_at = gan.step
        for hook in self.hooks:
            hook(gan, grid)
        self.read_at = time.monotonic()

    def __exit__(self, kind: type | None, error: BaseException | None, _) -> bool:
        with self.closing:
            if kind is None:
                self._finish()
            elif kind is KeyboardInterrupt:
                self._roll_back()
            elif _is_out_of_memory(error):
                raise TrainingError(_memory_advice(self.gan)) from error
        return kind is KeyboardInterrupt

    def _finish(self) -> None:
        if self.gan.step != self.saved_at:
            self.snapshot(frame=False)
        if self.folder:
            self.folder.finish(self.gan.snapshot(), self.gan.ema.to_safetensors())
        if self.gan.step < self.total:
            where = "saved; the same call goes on from here" if self.folder else "not saved without a run_dir"
            print(f"stopped at step {self.gan.step} of {self.total}: {where}.")

    def _roll_back(self) -> None:
        """After an interrupt within a step the networks may be half updated: take the last checkpoint."""
        state = self.folder.latest() if self.folder else None
        if state:
            self.gan.load_state_dict(state)
            print(f"interrupted; back at the checkpoint of step {self.gan.step}.")
        else:
            self.read()
            print(f"interrupted after step {self.gan.step}; nothing was saved without a run_dir.")

    def _check_finite(self, step: int, row: list[float]) -> None:
        bad = [name for name, value in zip(METRICS, row, strict=True) if not math.isfinite(value)]
        if bad:
            self._diverged(step, f"{bad[0]} is {row[METRICS.index(bad[0])]}")

    def _check_weights(self) -> None:
        networks = (self.gan.generator, self.gan.discriminator, self.gan.ema)
        if not all(t.isfinite().all() for network in networks for t in _tensors(network)):
            self._diverged(self.gan.step, "a weight is no longer finite")

    def _diverged(self, step: int, what: str) -> None:
        saved = self.folder.saved_step if self.folder else None
        kept = "" if saved is None else f" The checkpoint of step {saved} is kept."
        raise TrainingError(
            f"training diverged at step {step}: {what}.{kept} Try a lower learning rate "
            f"(lr_d={self.gan.config.lr_d:g}, lr_g={self.gan.config.lr_g:g} now) or precision='fp32'."
        )


def tensorboard_hook(log_dir: str | Path, *, start: int = 0) -> Hook:
    """A hook for `fit` that writes every step after `start`, and each grid, for TensorBoard.

    Raises `ConfigError` when tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ConfigError(
            "tensorboard=True needs the tensorboard package: pip install tensorboard, or set "
            "tensorboard=False (curves are also in curves.png and history.csv)."
        ) from None
    writer = SummaryWriter(str(log_dir), purge_step=start + 1)
    written = start

    def write(gan: GAN, grid: Tensor) -> None:
        nonlocal written
        for step in range(written + 1, gan.step + 1):
            for name in HISTORY:
                writer.add_scalar(name, gan.history[name][step - gan.step - 1], step)
        writer.add_image("faces", grid, gan.step)
        writer.flush()
        written = gan.step

    return write


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request that is answered after the step; the second acts at once."""
    asked = threading.Event()

    def on_interrupt(*_) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, previous or signal.default_int_handler)


# ---- building and checking -----------------------------------------------------------------------


def _build_networks(config: TrainConfig, device: torch.device) -> tuple[Generator, Discriminator]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        networks = Generator(config), Discriminator(config)
    return tuple(n.to(device, memory_format=memory_format(device)) for n in networks)


def _build_optimizers(gan: GAN) -> tuple[torch.optim.Optimizer, torch.optim.Adam]:
    config, fused = gan.config, gan.device.type in {"cpu", "cuda"}
    betas = (config.beta1, config.beta2)
    weights = gan.discriminator.parameters()
    if config.optimizer_d == "sgd":
        optimizer_d = torch.optim.SGD(weights, config.lr_d, momentum=config.momentum, fused=fused)
    else:
        optimizer_d = torch.optim.Adam(weights, config.lr_d, betas, fused=fused)
    return optimizer_d, torch.optim.Adam(gan.generator.parameters(), config.lr_g, betas, fused=fused)


def _batches(gan: GAN, faces: FaceDataset) -> Batches:
    if faces.shape[-1] != gan.config.image_size:
        raise ConfigError(
            f"the faces are {faces.shape[-1]} px, the networks {gan.config.image_size} px. Load them with "
            f"load_faces(..., size={gan.config.image_size}) or set image_size={faces.shape[-1]}."
        )
    return faces.batches(gan.config.batch_size, generator=gan.rng, device=gan.device, flip=gan.config.flip)


def _open_folder(gan: GAN, faces: FaceDataset, run_dir: str | Path | None) -> RunFolder | None:
    if run_dir is None:
        return None
    folder = RunFolder(run_dir)
    state = folder.latest()
    if state is not None:
        _resume(gan, state, run_dir)
    folder.begin(gan.config.to_dict(), data=faces.name)
    return folder


def _resume(gan: GAN, state: dict[str, Any], run_dir: str | Path) -> None:
    gan.load_state_dict(state)
    print(f"{run_dir}: going on from the checkpoint of step {gan.step}.")
    changed = differing(TrainConfig.from_dict(state["config"]), gan.config)
    for name, (old, new) in changed.items():
        print(f"  {name} changes from {old} to {new}.")


def _rest_of_epoch(gan: GAN, faces: FaceDataset) -> Tensor:
    """Indices of the faces the current epoch has yet to visit; none when the data are others."""
    if gan.epoch_size != len(faces):
        if gan.epoch_size:
            print(f"the data change from {gan.epoch_size} to {len(faces)} faces; a new epoch begins.")
        gan.epoch_size, gan.remaining = len(faces), gan.remaining[:0]
    return gan.remaining


def _check_fits(gan: GAN, state: dict[str, Any], saved: TrainConfig) -> None:
    changed = differing(saved, gan.config, STRUCTURE)
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


def _is_out_of_memory(error: BaseException | None) -> bool:
    words = ("out of memory", "can't allocate memory", "not enough memory")
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in words)


def _memory_advice(gan: GAN) -> str:
    size = gan.config.batch_size
    return (
        f"out of memory on {gan.device} at step {gan.step + 1} with batch_size={size}. "
        f"Try batch_size={max(size // 2, 2)} or a smaller width (now {gan.config.width})."
    )
