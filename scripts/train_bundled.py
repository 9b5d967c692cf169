"""Train the bundled runs: python scripts/train_bundled.py NAME ... [--data ZIP --crop CROP]

Each name becomes a folder in facegan/weights: averaged generators at several steps, history.csv, config.json, and for
"faces" and "synthetic" the discriminator, from which a training can start. digests.json is updated. "faces" needs
--data (and --crop, or --cut if the photographs are cut already); the other runs learn from drawn faces.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

import facegan as fg
from facegan.files import digest
from facegan.runs import generator_file
from facegan.runs.history import HELD_OUT, METRICS
from facegan.runs.pretrained import ALL, FOLDER, GALLERY
from facegan.training.held_out import HeldOut
from facegan.training.step import update_average

Step = Callable[[fg.GAN, Tensor], dict[str, Tensor]]

SMALL = fg.TrainConfig(
    image_size=32,
    width=16,
    latent_dim=32,
    batch_size=16,
    lr_d=1e-3,
    lr_g=1e-3,
    beta1=0.0,
    beta2=0.99,
    r1=0.3,
    r1_every=16,
    ema_decay=0.98,
    flip=True,
    seed=1,
    precision="fp32",
)
BARE = SMALL.replace(r1=0.0, r1_every=1, ema_decay=0.5)  # nothing that steadies it
DCGAN_ADAM = {"beta1": 0.5, "beta2": 0.999}
GROWN = {
    "faces": (fg.RECIPES["modern"], (0, 120, 600, 1200, 2400, 4800, 8400, 12_000)),
    "synthetic": (
        fg.RECIPES["tiny"].replace(width=16, batch_size=16, lr_decay=0.7, ema_decay=0.998),
        (0, 100, 400, 1000, 2000, 4000, 8000, 12_000),
    ),
}


def make_step(*, detach: bool = True, g_steps: int = 1) -> Step:
    """A step that errs: D's loss may reach G (no detach), or G may take several steps for one of D."""

    def step(gan: fg.GAN, real: Tensor) -> dict[str, Tensor]:
        fake = gan.generator(_latents(gan, len(real)))
        metrics = _discriminator_step(gan, real, fake.detach() if detach else fake)
        for _ in range(g_steps):
            metrics |= _generator_step(gan, fake)
            fake = gan.generator(_latents(gan, len(real)))
        update_average(gan.ema, gan.generator, gan.ema_decay)
        gan.step += 1
        gan.history.append(gan.step, torch.stack([metrics[name] for name in METRICS]), images=len(real))
        return metrics

    return step


def _discriminator_step(gan: fg.GAN, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    gan.optimizer_d.zero_grad()
    gan.optimizer_g.zero_grad()
    logits = gan.discriminator(real), gan.discriminator(fake)
    loss = fg.LOSSES[gan.config.loss].discriminator(*logits)
    loss.backward(retain_graph=True)
    gan.optimizer_d.step()
    outputs = {
        name: x.detach().sigmoid().mean() for name, x in zip(("d_real", "d_fake"), logits, strict=True)
    }
    return {"loss_d": loss.detach(), "grad_norm_d": _norm(gan.discriminator), **outputs}


def _generator_step(gan: fg.GAN, fake: Tensor) -> dict[str, Tensor]:
    logits = gan.discriminator(fake)
    loss = fg.LOSSES[gan.config.loss].generator(logits)
    loss.backward()
    metrics = {"loss_g": loss.detach(), "d_fake_after": logits.detach().sigmoid().mean()}
    metrics["grad_norm_g"] = _norm(gan.generator)
    gan.optimizer_g.step()
    gan.optimizer_g.zero_grad()
    return metrics


def _norm(network: nn.Module) -> Tensor:
    return nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])


def _latents(gan: fg.GAN, count: int) -> Tensor:
    return torch.randn(count, gan.config.latent_dim, generator=gan.rng)


def without_batchnorm(gan: fg.GAN) -> None:
    """Turn G's BatchNorm off: with its first statistics and scale, and in eval mode, it changes nothing."""
    for module in gan.generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight).requires_grad_(False)
            module.bias.requires_grad_(False)
            module.eval()


def from_step(at: int, later: Step, *, lr_d: float | None = None, lr_g: float | None = None) -> Step:
    """The library's step, and from step `at` on another one, or other learning rates."""

    def step(gan: fg.GAN, real: Tensor) -> dict[str, Tensor]:
        for optimizer, rate in ((gan.optimizer_d, lr_d), (gan.optimizer_g, lr_g)):
            if gan.step == at and rate is not None:
                optimizer.param_groups[0]["lr"] = rate
        return (later if gan.step >= at else fg.train_step)(gan, real)

    return step


@dataclass(frozen=True)
class Exhibit:
    """A short run of the gallery: `steps` are its snapshots, `faces` how many it learns from."""

    config: fg.TrainConfig
    step: Step = fg.train_step
    steps: tuple[int, ...] = (0, 200, 500, 1000, 2000)
    faces: int | None = None


RUNS = {
    "healthy": Exhibit(SMALL),
    "d_too_strong": Exhibit(
        BARE, from_step(500, fg.train_step, lr_d=3e-3, lr_g=1e-6), (0, 200, 500, 900, 1300)
    ),
    "g_too_strong": Exhibit(
        BARE, from_step(500, fg.train_step, lr_d=2e-5, lr_g=3e-3), (0, 200, 500, 700, 1200)
    ),
    "no_batchnorm": Exhibit(BARE.replace(norm="none", lr_d=2e-4, lr_g=2e-4, ema_decay=0.98, **DCGAN_ADAM)),
    "high_learning_rate": Exhibit(
        BARE.replace(lr_d=3e-2, lr_g=3e-2, **DCGAN_ADAM), steps=(0, 200, 500, 1000, 1500)
    ),
    "mode_collapse": Exhibit(BARE, from_step(1000, make_step(g_steps=20)), (0, 500, 1000, 1060, 1090)),
    "no_detach": Exhibit(BARE.replace(loss="minimax"), make_step(detach=False), (0, 200, 400, 700, 1000)),
    "overfitting": Exhibit(
        BARE.replace(norm="none", width_d=32, flip=False, ema_decay=0.98),
        steps=(0, 500, 1000, 2000, 3500),
        faces=300,
    ),
}


def train(name: str, faces: fg.FaceDataset, folder: Path) -> None:
    """One run of the gallery, its snapshots in `folder`."""
    exhibit, unseen = RUNS[name], {}
    if exhibit.faces:
        others = fg.FaceDataset(faces.images[exhibit.faces : 2 * exhibit.faces], faces.name)
        faces = fg.FaceDataset(faces.images[: exhibit.faces], faces.name, crop=faces.crop)
        held_out = HeldOut(faces, others)
    gan = fg.GAN(exhibit.config, device="cpu")
    if name == "no_batchnorm":
        without_batchnorm(gan)
    size, flip = exhibit.config.batch_size, exhibit.config.flip
    stream = chain.from_iterable(repeat(faces.batches(size, generator=gan.rng, flip=flip)))
    for at in tqdm(range(exhibit.steps[-1] + 1), desc=name):
        if at in exhibit.steps:
            write_generator(gan, at, folder)
            if exhibit.faces:
                unseen[at] = _opinion(gan, fg.images.to_float(others[:]))
        if exhibit.faces and at % 100 == 0:
            held_out.on_snapshot(gan, None)
        if at < exhibit.steps[-1]:
            exhibit.step(gan, next(stream))
    more = {"d_unseen": unseen} if unseen else {}  # D(x) of real faces that it never sees
    write_notes(name, gan, faces.record(), folder, **more)


@torch.no_grad()
def _opinion(gan: fg.GAN, images: Tensor) -> float:
    return round(gan.discriminator(images).sigmoid().mean().item(), 3)


def grow(name: str, faces: fg.FaceDataset, folder: Path, cut: str | None) -> None:
    """Train one of `PRETRAINED` in runs/NAME, which resumes, and take some of its snapshots into `folder`.

    `cut` is the crop by which the photographs were cut before they were loaded, for the record.
    """
    config, steps = GROWN[name]
    record = faces.record() | ({"crop": cut, "fingerprint": None} if cut else {})
    gan, run = fg.GAN(config), Path("runs") / name
    fg.fit(gan, faces, steps=steps[-1], snapshot_every=math.gcd(*steps), run_dir=run)
    for step in steps:
        file = f"step_{step:06d}.safetensors"
        generator = fg.load_generator(run / "generators" / file)
        (folder / file).write_bytes(generator_file.to_bytes(generator, data=record, half=True))
    weights = generator_file.to_bytes(gan.discriminator, data={}, half=True)
    (folder / "discriminator.safetensors").write_bytes(weights)
    write_notes(name, gan, record, folder)


def write_generator(gan: fg.GAN, step: int, folder: Path) -> None:
    (folder / f"step_{step:06d}.safetensors").write_bytes(generator_file.to_bytes(gan.ema, half=True))


def write_notes(name: str, gan: fg.GAN, record: dict[str, Any], folder: Path, **more: Any) -> None:
    kept = [name for name in (*METRICS, *HELD_OUT) if name in gan.history]
    columns = {name: [float(f"{v:.3g}") for v in gan.history[name]] for name in kept}
    with (folder / "history.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", *columns])
        writer.writerows(zip(gan.history["step"], *columns.values(), strict=True))
    notes = {"about": ALL[name], "data": record, "settings": gan.config.to_dict()} | more
    (folder / "config.json").write_text(json.dumps(notes, indent=2) + "\n")


def make(name: str, data: str, crop: str | None, cut: str | None) -> None:
    """Train one, and only then replace the old one."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as new:
        if name in GALLERY:
            train(name, fg.load_faces(data, SMALL.image_size), Path(new))
        else:
            grow(name, fg.load_faces(data, crop=crop), Path(new), cut)
        shutil.rmtree(FOLDER / name, ignore_errors=True)
        shutil.copytree(new, FOLDER / name)
        (FOLDER / name).chmod(0o755)  # a temporary folder is private
    write_digests()


def write_digests() -> None:
    files = [p for p in sorted(FOLDER.glob("*/*")) if p.suffix in {".safetensors", ".csv", ".json"}]
    digests = {p.relative_to(FOLDER).as_posix(): digest(p) for p in files}
    (FOLDER / "digests.json").write_text(json.dumps(digests, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="+", choices=[*ALL])
    parser.add_argument("--data", default="synthetic", help="what 'faces' learns from, as in facegan train")
    parser.add_argument("--crop", help="how 'faces' cuts its photographs, as in facegan train")
    parser.add_argument("--cut", help="the crop that cut the photographs of 'faces', if they are cut already")
    options = parser.parse_args()
    if "faces" in options.names and options.data == "synthetic":
        parser.error("'faces' learns from photographs; name them with --data.")
    for name in options.names:
        photographs = options.data, options.crop, options.cut
        make(name, *(photographs if name == "faces" else ("synthetic", None, None)))


if __name__ == "__main__":
    main()
