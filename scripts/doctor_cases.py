"""Runs whose diagnosis is known, for `scripts/validate_doctor.py`: healthy ones, and failures caused in several ways.

A case names the verdicts that are right for it; a failure may show in two of them, such as static that D calls real.
Cases of "fitted" causes are those of the gallery, on which the rules were fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from train_bundled import (
    BARE,
    DCGAN_ADAM,
    SMALL,
    Step,
    from_step,
    make_step,
    without_batchnorm,
)

import facegan as fg

HEALTHY, UNSURE = "healthy", "not sure"


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        name: of its folder.
        truth: the verdicts that are right; the first is the failure, or "healthy".
        cause: what makes it fail, in words.
        data: "synthetic", or a zip of photographs.
        faces: how many it learns from; None for all.
        fitted: whether the rules were fitted on a run of this cause.
    """

    name: str
    truth: tuple[str, ...]
    cause: str
    config: fg.TrainConfig
    steps: int = 1500
    step: Step = fg.train_step
    data: str = "synthetic"
    faces: int | None = None
    networks: Callable[[fg.TrainConfig], dict[str, nn.Module]] = field(default=lambda config: {})
    prepare: Callable[[fg.GAN], Any] = field(default=lambda gan: None)
    fitted: bool = False


def no_update_of_g(gan: fg.GAN, real: Tensor) -> dict[str, Tensor]:
    """A step that forgets G's optimizer."""
    weights = [weight.detach().clone() for weight in gan.generator.parameters()]
    metrics = fg.train_step(gan, real)
    with torch.no_grad():
        for weight, old in zip(gan.generator.parameters(), weights, strict=True):
            weight.copy_(old)
        for average, old in zip(gan.ema.parameters(), weights, strict=True):
            average.copy_(old)
    return metrics


def swapped_labels(gan: fg.GAN, real: Tensor) -> dict[str, Tensor]:
    """A step that tells D that fakes are real, and real faces fake."""
    loss = gan.loss
    gan.loss = fg.Loss(lambda real, fake: loss.discriminator(fake, real), loss.generator)
    try:
        return fg.train_step(gan, real)
    finally:
        gan.loss = loss


def g_every(count: int) -> Step:
    """A step in which G moves only every `count` steps."""

    def step(gan: fg.GAN, real: Tensor) -> dict[str, Tensor]:
        return (fg.train_step if gan.step % count == 0 else no_update_of_g)(gan, real)

    return step


def clipped(limit: float) -> Step:
    """A step that clips D's weights, as WGAN does, but to almost nothing."""

    def step(gan: fg.GAN, real: Tensor) -> dict[str, Tensor]:
        metrics = fg.train_step(gan, real)
        with torch.no_grad():
            for weight in gan.discriminator.parameters():
                weight.clamp_(-limit, limit)
        return metrics

    return step


def double_sigmoid(gan: fg.GAN, real: Tensor) -> dict[str, Tensor]:
    """A step whose losses take sigmoids of sigmoids, as with BCEWithLogits on a D that ends in a sigmoid."""
    loss = gan.loss
    gan.loss = fg.Loss(
        lambda real, fake: loss.discriminator(real.sigmoid(), fake.sigmoid()),
        lambda fake: loss.generator(fake.sigmoid()),
    )
    try:
        return fg.train_step(gan, real)
    finally:
        gan.loss = loss


def overflow_at(at: int) -> Step:
    """A step after which, at step `at`, a weight of G is infinite."""

    def step(gan: fg.GAN, real: Tensor) -> dict[str, Tensor]:
        if gan.step == at:
            with torch.no_grad():
                next(gan.generator.parameters())[0, 0] = torch.inf
        return fg.train_step(gan, real)

    return step


class Deaf(fg.Generator):
    """A generator that hardly listens to its latents."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(0.02 * z + 1)


def deaf(config: fg.TrainConfig) -> dict[str, nn.Module]:
    return {"generator": Deaf(config.image_size, config.width, config.latent_dim)}


class Uneven(nn.Module):
    """A generator whose last transposed convolution, of stride 2, overlaps unevenly (Odena et al. 2016)."""

    def __init__(self, config: fg.TrainConfig, kernel: int) -> None:
        super().__init__()
        self.latent_dim, self.image_size = config.latent_dim, config.image_size
        *blocks, last = fg.Generator(config.image_size, config.width, config.latent_dim).blocks
        up = nn.ConvTranspose2d(last[0].in_channels, 3, kernel, 2, (kernel - 1) // 2, output_padding=1)
        nn.init.normal_(up.weight, 0, 0.02)
        self.blocks = nn.Sequential(*blocks, up, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.blocks(z[:, :, None, None])


class Nails(nn.Module):
    """A generator that doubles the side with zeros between pixels (a "bed of nails") and does not smooth it."""

    def __init__(self, config: fg.TrainConfig) -> None:
        super().__init__()
        self.latent_dim, self.image_size = config.latent_dim, config.image_size
        *blocks, last = fg.Generator(config.image_size, config.width, config.latent_dim).blocks
        self.blocks = nn.Sequential(*blocks, nn.Conv2d(last[0].in_channels, 3, 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        small = self.blocks(z[:, :, None, None])
        return nn.functional.pad(small[..., None, :, None], (0, 1, 0, 0, 0, 1)).flatten(4).flatten(2, 3)


class Nearsighted(nn.Module):
    """A discriminator that sees means of 2 x 2 pixels, so that nothing alternating concerns it."""

    def __init__(self, config: fg.TrainConfig) -> None:
        super().__init__()
        self.image_size = config.image_size
        self.inner = fg.Discriminator(config.image_size // 2, config.width)

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(nn.functional.avg_pool2d(images, 2))


def uneven(kernel: int) -> Callable[[fg.TrainConfig], dict[str, nn.Module]]:
    return lambda config: {"generator": Uneven(config, kernel)}


def nearsighted(config: fg.TrainConfig) -> dict[str, nn.Module]:
    return {"generator": Uneven(config, 3), "discriminator": Nearsighted(config)}


NUMERICAL, FAST, NO_GRADIENT, WON = (
    "numerical failure",
    "learning rate too high",
    "no gradient reaches G",
    "D has won",
)
DEAD, FOOLED, OVERFIT, AWAY = "dead game", "D is fooled", "D overfits", "D pulls away"
COLLAPSE, NOISE, GRID, STILL = "mode collapse", "noise", "checkerboard", "nothing changes"

STRONG_D = from_step(500, fg.train_step, lr_d=3e-3, lr_g=1e-6)
SLOW_G = from_step(500, fg.train_step, lr_d=1e-3, lr_g=2e-5)
STRONG_G = from_step(500, fg.train_step, lr_d=2e-5, lr_g=3e-3)
TWENTY = from_step(1000, make_step(g_steps=20))
HIGH = DCGAN_ADAM | {"lr_d": 3e-2, "lr_g": 3e-2}
PENALIZED = {
    "loss": "wasserstein",
    "gradient_penalty": 10.0,
    "r1": 0.0,
    "r1_every": 1,
    "norm": "none",
    "n_critic": 2,
}
FREE = PENALIZED | {"gradient_penalty": 0.0}
NARROW = {
    "image_size": 32,
    "width": 16,
    "width_d": 0,
    "batch_size": 16,
    "latent_dim": 32,
    "precision": "fp32",
}


def cases(photographs: str, seed: int = 0) -> list[Case]:
    """All cases, on drawn faces and on a zip of photographs; `seed` is added to every seed."""
    found = [*_healthy(photographs), *_failures(photographs), *_in_two_sizes(photographs)]
    return [replace(case, config=case.config.replace(seed=case.config.seed + seed)) for case in found]


def _healthy(photographs: str) -> Iterator[Case]:
    def case(name: str, cause: str, config: fg.TrainConfig, **more: Any) -> Case:
        return Case(f"healthy_{name}", (HEALTHY,), cause, config, **more)

    # fmt: off
    yield case("seed2", "drawn faces, 32 px", SMALL.replace(seed=2), steps=2000)
    yield case("seed3", "drawn faces, 32 px", SMALL.replace(seed=3), steps=2000)
    yield case("16px", "drawn faces, 16 px", SMALL.replace(seed=4, image_size=16), steps=2000)
    yield case("64px", "drawn faces, 64 px", SMALL.replace(seed=5, image_size=64), steps=1000)
    yield case("photos_16", "photographs, 16 px", SMALL.replace(seed=10, image_size=16), data=photographs)
    yield case("photos_64", "photographs, 64 px", SMALL.replace(seed=11, image_size=64), data=photographs, steps=1000)
    yield case("photos_hinge", "photographs, loss hinge, 32 px", SMALL.replace(seed=12, loss="hinge"), data=photographs)
    for size in (16, 32):
        for loss in ("minimax", "least_squares", "hinge"):
            yield case(f"{loss}_{size}", f"loss {loss}, {size} px", SMALL.replace(seed=8, loss=loss, image_size=size))
        yield case(f"wasserstein_{size}", f"loss wasserstein with its penalty, {size} px",
                   SMALL.replace(seed=9, image_size=size, **PENALIZED))
    for number, (name, recipe) in enumerate(fg.RECIPES.items()):
        what, small, steps = f"recipe {name}, narrow, batch 16, 32 px", recipe.replace(**NARROW), 1500
        if name == "sgd_discriminator":  # whose D falls behind if it is narrow, as the doctor says
            what, small, steps = f"recipe {name}, narrow G, 32 px", small.replace(width_d=64), 3000
        yield case(f"recipe_{name}", what, small.replace(seed=60 + number), steps=steps)
        yield case(f"recipe_{name}_photos", f"{what}, photographs", small.replace(seed=80 + number), steps=steps,
                   data=photographs)
    # fmt: on


def _in_two_sizes(photographs: str) -> Iterator[Case]:
    """Each failure caused in two ways, at 32 and at 16 px."""
    for seed, size in ((21, 32), (22, 16)):
        bare, small = (config.replace(seed=seed, image_size=size) for config in (BARE, SMALL))
        unsteady = small.replace(r1=0.0, r1_every=1, lr_d=2e-2, lr_g=2e-2, beta1=0.9, beta2=0.999)
        plain = bare.replace(norm="none", ema_decay=0.98)
        dcgan = plain.replace(lr_d=2e-4, lr_g=2e-4, **DCGAN_ADAM)
        squares = bare.replace(loss="least_squares", optimizer_d="sgd", lr_d=10.0)
        minimax = bare.replace(loss="minimax")
        # fmt: off
        rows: list[tuple[str, tuple[str, ...], str, fg.TrainConfig, dict[str, Any]]] = [
            ("won_rates", (WON, STILL), "from step 500 on D 3 x as fast, G 1,000 x as slow", bare,
             {"step": STRONG_D, "fitted": True}),
            ("won_rare_g", (WON, AWAY), "G moves in one of 50 steps, D at 4 x its rate", bare.replace(lr_d=4e-3),
             {"step": g_every(50)}),
            ("no_gradient_detach", (NO_GRADIENT, WON), "minimax, fakes not detached", minimax,
             {"step": make_step(detach=False), "steps": 1000, "fitted": True}),
            ("no_gradient_minimax", (NO_GRADIENT, WON, STILL), "minimax: as won_rates", minimax, {"step": STRONG_D}),
            ("dead_flip", (DEAD, FOOLED), "half of D's labels are swapped", small.replace(label_flip=0.5),
             {"steps": 1000}),
            ("dead_clip", (DEAD,), "D's weights are clipped to 0.0001", bare, {"step": clipped(1e-4), "steps": 1000}),
            ("fooled_rates", (FOOLED,), "from step 500 on G 3 x as fast, D 50 x as slow", bare,
             {"step": STRONG_G, "fitted": True}),
            ("fooled_labels", (FOOLED,), "D's labels are the wrong way around", bare,
             {"step": swapped_labels, "steps": 1000}),
            ("fast_dcgan", (FAST,), "both rates 30 x as high", bare.replace(**HIGH), {"fitted": True}),
            ("fast_adam", (FAST,), "rates 0.02, Adam's usual beta1 0.9", unsteady, {}),
            ("collapse_g_steps", (COLLAPSE, FOOLED), "from step 1,000 on G takes 20 steps for each of D", bare,
             {"step": TWENTY, "steps": 1090 if size == 32 else 1400, "fitted": True}),
            ("collapse_deaf", (COLLAPSE,), "G hardly listens to its latents", small,
             {"networks": deaf, "steps": 1000}),
            ("noise_no_norm", (NOISE, COLLAPSE, GRID), "neither network normalizes", dcgan,
             {"prepare": without_batchnorm, "fitted": True}),
            ("noise_rate", (NOISE, FAST), "G's rate is 0.1", bare.replace(lr_g=0.1), {}),
            ("still_frozen", (STILL, WON), "G's optimizer takes no step", bare,
             {"step": no_update_of_g, "steps": 1000}),
            ("still_rate", (STILL, WON), "G's rate is 1e-9", bare.replace(lr_g=1e-9), {"steps": 1000}),
            ("overfit_300", (OVERFIT, AWAY), "300 faces, D wide and without normalization",
             plain.replace(width_d=32, flip=False), {"faces": 300, "steps": 3000, "fitted": True}),
            ("overfit_100", (OVERFIT, AWAY), "100 photographs", bare.replace(ema_decay=0.98),
             {"faces": 100, "steps": 2000, "data": photographs}),
            ("numerical_weight", (NUMERICAL,), "a weight overflows at step 600", small,
             {"step": overflow_at(600), "steps": 800}),
            ("numerical_rate", (NUMERICAL,), "least squares, D by SGD at rate 10", squares, {"steps": 600}),
            ("away_slow_g", (AWAY, WON), "from step 500 on G 50 x as slow", bare, {"step": SLOW_G}),
            ("away_narrow_g", (AWAY, WON), "G too narrow, D wide, no R1",
             bare.replace(width=2, width_d=32, lr_d=2e-3), {}),
            ("away_lazy", (HEALTHY,), "D at 5 x G's rate, no R1: faces come slowly", bare.replace(lr_g=2e-4), {}),
            ("away_critic", (HEALTHY,), "five D steps per G step, no R1, wide D: D far ahead, good faces",
             bare.replace(n_critic=5, width_d=32), {"steps": 1000}),
        ]
        # fmt: on
        for name, truth, cause, config, more in rows:
            yield Case(f"{name}_{size}", truth, cause, config, **more)


def _failures(photographs: str) -> Iterator[Case]:
    """Failures on other losses, on photographs, at 64 px."""
    rates, slow = "as won_rates", "as fooled_rates"
    photo = {"data": photographs}
    # fmt: off
    for size in (32, 64):
        small = SMALL.replace(seed=30 + size, image_size=size)
        yield Case(f"grid_nails_{size}", (GRID, NOISE, WON), "zeros between the pixels, not smoothed", small,
                   networks=lambda config: {"generator": Nails(config)}, steps=600)
        yield Case(f"grid_blind_{size}", (GRID, NOISE), "kernel 3, stride 2, and D sees means of 2 x 2 pixels",
                   small, networks=nearsighted, steps=600, **photo)
        yield Case(f"grid_kernel_{size}", (HEALTHY,), "kernel 3, stride 2: G learns to avoid the checkerboard", small,
                   networks=uneven(3), steps=600)
        yield Case(f"grid_kernel5_{size}", (HEALTHY,), "kernel 5, stride 2, photographs: the same", small,
                   networks=uneven(5), steps=600, **photo)
    for loss in ("least_squares", "hinge"):
        bare = BARE.replace(loss=loss)
        yield Case(f"won_{loss}", (WON, AWAY, STILL), f"loss {loss}: {rates}", bare.replace(seed=41), step=STRONG_D)
        yield Case(f"fooled_{loss}", (FOOLED,), f"loss {loss}: D's labels are the wrong way around",
                   bare.replace(seed=42), step=swapped_labels, steps=1000)
        yield Case(f"dead_{loss}", (DEAD,), f"loss {loss}: D's weights are clipped to 0.0001",
                   bare.replace(seed=43), step=clipped(1e-4), steps=1000)
        yield Case(f"fast_{loss}", (FAST,), f"loss {loss}: both rates 30 x as high", bare.replace(seed=44, **HIGH))
    yield Case("away_wasserstein", (AWAY,), "loss wasserstein without a penalty", SMALL.replace(seed=45, **FREE))
    yield Case("dead_wasserstein", (DEAD,), "loss wasserstein: D's weights are clipped to 0.0001",
               SMALL.replace(seed=46, **FREE), step=clipped(1e-4), steps=1000)
    yield Case("double_sigmoid", (WON, DEAD, UNSURE), "losses take sigmoids of sigmoids; worse faces",
               BARE.replace(seed=51),
               step=double_sigmoid)
    large = BARE.replace(image_size=64)
    yield Case("won_photos", (WON, STILL), f"photographs: {rates}", BARE.replace(seed=47), step=STRONG_D, **photo)
    yield Case("won_photos_64", (WON, STILL), f"photographs, 64 px: {rates}", large.replace(seed=48), step=STRONG_D,
               steps=1000, **photo)
    yield Case("fooled_photos_64", (FOOLED,), f"photographs, 64 px: {slow}", large.replace(seed=49), step=STRONG_G,
               steps=1000, **photo)
    yield Case("collapse_photos", (COLLAPSE,), "photographs: from step 1,000 on G takes 20 steps",
               BARE.replace(seed=50), step=TWENTY, steps=1090, **photo)
    # fmt: on
