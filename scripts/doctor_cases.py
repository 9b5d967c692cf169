"""Runs whose diagnosis is known, for `scripts/validate_doctor.py`: healthy ones, and failures caused in several ways.

A case names the verdicts that are right for it; a failure may show in two of them, such as static that D calls real.
Cases of "fitted" causes are those of the gallery, on which the rules were fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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

HEALTHY = "healthy"


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
                next(gan.generator.parameters()).flatten()[0] = torch.inf
        return fg.train_step(gan, real)

    return step


class Deaf(fg.Generator):
    """A generator that hardly listens to its latents."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(0.02 * z + 1)


def deaf(config: fg.TrainConfig) -> dict[str, nn.Module]:
    return {"generator": Deaf(config.image_size, config.width, config.latent_dim)}


class Uneven(nn.Module):
    """A generator whose last transposed convolution overlaps unevenly: kernel 3, stride 2 (Odena et al. 2016)."""

    def __init__(self, config: fg.TrainConfig, kernel: int = 3) -> None:
        super().__init__()
        self.latent_dim, self.image_size = config.latent_dim, config.image_size
        whole = fg.Generator(config.image_size, config.width, config.latent_dim)
        *blocks, last = whole.blocks
        channels = last[0].in_channels
        up = nn.ConvTranspose2d(channels, 3, kernel, 2, (kernel - 1) // 2, output_padding=1)
        nn.init.normal_(up.weight, 0, 0.02)
        self.blocks = nn.Sequential(*blocks, up, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.blocks(z[:, :, None, None])


def zero_last(gan: fg.GAN) -> None:
    """D's last layer starts at zero, and its rate keeps it there."""
    *_, last = [m for m in gan.discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    nn.init.zeros_(last.weight)


SMALL64 = SMALL.replace(image_size=64)
SMALL16 = SMALL.replace(image_size=16)
BARE64, BARE16 = BARE.replace(image_size=64), BARE.replace(image_size=16)
WASSERSTEIN = {
    "loss": "wasserstein",
    "gradient_penalty": 10.0,
    "r1": 0.0,
    "r1_every": 1,
    "norm": "none",
    "n_critic": 2,
}
NUMERICAL, NO_GRADIENT, WON, DEAD = "numerical failure", "no gradient reaches G", "D has won", "dead game"
FOOLED, FAST, AWAY = "D is fooled", "learning rate too high", "D pulls away"
COLLAPSE, NOISE, GRID, STILL, OVERFIT = (
    "mode collapse",
    "noise",
    "checkerboard",
    "nothing changes",
    "D overfits",
)


def cases(photographs: str | None) -> Iterator[Case]:
    """All cases; those on photographs only if there are some."""
    yield from _healthy(photographs)
    yield from _failures(photographs)


def _healthy(photographs: str | None) -> Iterator[Case]:
    def case(name: str, cause: str, config: fg.TrainConfig, **more: Any) -> Case:
        return Case(f"healthy_{name}", (HEALTHY,), cause, config, **more)

    yield case("seed2", "drawn faces, 32 px", SMALL.replace(seed=2), steps=2000)
    yield case("seed3", "drawn faces, 32 px", SMALL.replace(seed=3), steps=2000)
    yield case("16px", "drawn faces, 16 px", SMALL16.replace(seed=4), steps=2000)
    yield case("64px", "drawn faces, 64 px", SMALL64.replace(seed=5), steps=1000)
    for seed, (name, recipe) in enumerate(fg.RECIPES.items(), start=60):
        small = recipe.replace(
            image_size=32, width=16, width_d=0, batch_size=16, latent_dim=32, seed=seed, precision="fp32"
        )
        steps = 6000 if name == "sgd_discriminator" else 1500  # by SGD it takes longer to faces
        yield case(f"recipe_{name}", f"recipe {name}, narrower, batches of 16, 32 px", small, steps=steps)
        if photographs:
            yield case(
                f"recipe_{name}_photos", f"recipe {name}, narrower, batches of 16, photographs, 32 px",
                small.replace(seed=seed + 20), data=photographs, steps=steps,
            )  # fmt: skip
    for loss in ("minimax", "least_squares", "hinge"):
        for size in (16, 32):
            yield case(
                f"{loss}_{size}", f"loss {loss}, {size} px", SMALL.replace(loss=loss, seed=8, image_size=size)
            )
    for size in (16, 32):
        yield case(
            f"wasserstein_{size}",
            f"loss wasserstein, {size} px",
            SMALL.replace(image_size=size, seed=9, **WASSERSTEIN),
        )
    if photographs:
        yield case("photos_16", "photographs, 16 px", SMALL16.replace(seed=10), data=photographs)
        yield case("photos_64", "photographs, 64 px", SMALL64.replace(seed=11), data=photographs, steps=1000)
        yield case(
            "photos_hinge",
            "photographs, loss hinge, 32 px",
            SMALL.replace(loss="hinge", seed=12),
            data=photographs,
        )


def _failures(photographs: str | None) -> Iterator[Case]:
    real = photographs or "synthetic"
    slow_g, slow_d = fg.train_step, fg.train_step
    strong_d = from_step(500, slow_g, lr_d=3e-3, lr_g=1e-6)
    strong_g = from_step(500, slow_d, lr_d=2e-5, lr_g=3e-3)
    adam9 = {"beta1": 0.9, "beta2": 0.999}

    for seed, size in ((21, 32), (22, 16)):
        config = BARE.replace(seed=seed, image_size=size)
        yield Case(
            f"won_rates_{size}",
            (WON, STILL),
            "from step 500 on D 3 x as fast, G 1,000 x as slow",
            config,
            step=strong_d,
            fitted=True,
        )
        yield Case(
            f"won_rare_g_{size}",
            (WON, AWAY),
            "G moves in one of 50 steps, D at 4 x its rate",
            config.replace(lr_d=4e-3),
            step=g_every(50),
        )
        yield Case(
            f"no_gradient_detach_{size}",
            (NO_GRADIENT, WON),
            "minimax, fakes not detached",
            config.replace(loss="minimax"),
            step=make_step(detach=False),
            steps=1000,
            fitted=True,
        )
        yield Case(
            f"no_gradient_minimax_{size}",
            (NO_GRADIENT, WON, STILL),
            "minimax: from step 500 on D 3 x as fast, G 1,000 x as slow",
            config.replace(loss="minimax"),
            step=strong_d,
        )
        yield Case(
            f"dead_flip_{size}",
            (DEAD,),
            "half of D's labels are swapped",
            SMALL.replace(seed=seed, image_size=size, label_flip=0.5),
            steps=1000,
        )
        yield Case(
            f"dead_clip_{size}",
            (DEAD,),
            "D's weights are clipped to 0.0001",
            config,
            step=clipped(1e-4),
            steps=1000,
        )
        yield Case(
            f"fooled_rates_{size}",
            (FOOLED, NOISE),
            "from step 500 on G 3 x as fast, D 50 x as slow",
            config,
            step=strong_g,
            fitted=True,
        )
        yield Case(
            f"fooled_labels_{size}",
            (FOOLED,),
            "D's labels are the wrong way around",
            config,
            step=swapped_labels,
            steps=1000,
        )
        yield Case(
            f"fast_dcgan_{size}",
            (FAST, WON, AWAY, NOISE),
            "both rates 30 x as high",
            config.replace(lr_d=3e-2, lr_g=3e-2, **DCGAN_ADAM),
            fitted=True,
        )
        yield Case(
            f"fast_adam_{size}",
            (FAST, WON, AWAY, NOISE),
            "rates 0.02, Adam's usual beta1 0.9",
            SMALL.replace(seed=seed, image_size=size, lr_d=2e-2, lr_g=2e-2, r1=0.0, r1_every=1, **adam9),
        )
        yield Case(
            f"collapse_g_steps_{size}",
            (COLLAPSE, FOOLED),
            "from step 1,000 on G takes 20 steps for each of D",
            config,
            step=from_step(1000, make_step(g_steps=20)),
            steps=1090,
            fitted=True,
        )
        yield Case(
            f"collapse_deaf_{size}",
            (COLLAPSE,),
            "G hardly listens to its latents",
            SMALL.replace(seed=seed, image_size=size),
            networks=deaf,
            steps=1000,
        )
        yield Case(
            f"noise_no_norm_{size}",
            (NOISE, COLLAPSE),
            "neither network normalizes",
            BARE.replace(
                seed=seed, image_size=size, norm="none", lr_d=2e-4, lr_g=2e-4, ema_decay=0.98, **DCGAN_ADAM
            ),
            prepare=without_batchnorm,
            fitted=True,
        )
        yield Case(
            f"noise_rate_{size}", (NOISE, FAST, WON, AWAY, FOOLED), "G's rate 0.1", config.replace(lr_g=0.1)
        )
        yield Case(
            f"still_frozen_{size}",
            (STILL, WON, AWAY),
            "G's optimizer takes no step",
            config,
            step=no_update_of_g,
            steps=1000,
        )
        yield Case(
            f"still_rate_{size}", (STILL, WON, AWAY), "G's rate 1e-9", config.replace(lr_g=1e-9), steps=1000
        )
        yield Case(
            f"overfit_300_{size}",
            (OVERFIT, AWAY),
            "300 faces, D wide and without normalization",
            BARE.replace(seed=seed, image_size=size, norm="none", width_d=32, flip=False, ema_decay=0.98),
            faces=300,
            steps=3000,
            fitted=True,
        )
        yield Case(
            f"overfit_100_{size}",
            (OVERFIT, AWAY),
            "100 faces, nothing else",
            BARE.replace(seed=seed, image_size=size, ema_decay=0.98),
            faces=100,
            steps=2000,
            data=real,
        )
        yield Case(
            f"numerical_weight_{size}",
            (NUMERICAL,),
            "a weight overflows at step 600",
            SMALL.replace(seed=seed, image_size=size),
            step=overflow_at(600),
            steps=800,
        )
        yield Case(
            f"numerical_rate_{size}",
            (NUMERICAL, FAST, WON),
            "least squares, D by SGD at rate 10",
            config.replace(loss="least_squares", optimizer_d="sgd", lr_d=10.0),
            steps=600,
        )
        yield Case(
            f"away_lazy_{size}", (AWAY, WON), "D at 5 x G's rate, no R1", config.replace(lr_d=1e-3, lr_g=2e-4)
        )
        yield Case(
            f"away_critic_{size}",
            (AWAY, WON),
            "five steps of D for each of G, no R1, wide D",
            config.replace(n_critic=5, width_d=32),
            steps=1000,
        )
    for size in (32, 64):
        grid = SMALL.replace(seed=30 + size, image_size=size)
        yield Case(
            f"grid_kernel_{size}",
            (GRID,),
            "transposed convolution, kernel 3, stride 2",
            grid,
            networks=lambda c: {"generator": Uneven(c)},
            steps=600,
        )
        yield Case(
            f"grid_kernel5_{size}",
            (GRID,),
            "transposed convolution, kernel 5, stride 2, photographs",
            grid,
            networks=lambda c: {"generator": Uneven(c, 5)},
            steps=600,
            data=real,
        )
    for loss in ("least_squares", "hinge"):
        yield Case(
            f"won_{loss}",
            (WON, AWAY, STILL),
            f"loss {loss}: from step 500 on D 3 x as fast, G 1,000 x as slow",
            BARE.replace(loss=loss, seed=41),
            step=strong_d,
        )
        yield Case(
            f"fooled_{loss}",
            (FOOLED, NOISE),
            f"loss {loss}: D's labels are the wrong way around",
            BARE.replace(loss=loss, seed=42),
            step=swapped_labels,
            steps=1000,
        )
        yield Case(
            f"dead_{loss}",
            (DEAD,),
            f"loss {loss}: D's weights are clipped to 0.0001",
            BARE.replace(loss=loss, seed=43),
            step=clipped(1e-4),
            steps=1000,
        )
        yield Case(
            f"fast_{loss}",
            (FAST, WON, AWAY, NOISE),
            f"loss {loss}: both rates 30 x as high",
            BARE.replace(loss=loss, seed=44, lr_d=3e-2, lr_g=3e-2, **DCGAN_ADAM),
        )
    free = WASSERSTEIN | {"gradient_penalty": 0.0}
    yield Case(
        "away_wasserstein", (AWAY, FAST), "loss wasserstein without a penalty", SMALL.replace(seed=45, **free)
    )
    yield Case(
        "dead_wasserstein",
        (DEAD,),
        "loss wasserstein: D's weights are clipped to 0.0001",
        SMALL.replace(seed=46, **free),
        step=clipped(1e-4),
        steps=1000,
    )
    yield Case(
        "won_photos",
        (WON, STILL),
        "photographs: from step 500 on D 3 x as fast, G 1,000 x as slow",
        BARE.replace(seed=47),
        step=strong_d,
        data=real,
    )
    yield Case(
        "won_photos_64",
        (WON, STILL),
        "photographs, 64 px: the same",
        BARE64.replace(seed=48),
        step=strong_d,
        data=real,
        steps=1000,
    )
    yield Case(
        "fooled_photos_64",
        (FOOLED, NOISE),
        "photographs, 64 px: from step 500 on G 3 x as fast, D 50 x as slow",
        BARE64.replace(seed=49),
        step=strong_g,
        data=real,
        steps=1000,
    )
    yield Case(
        "collapse_photos",
        (COLLAPSE, FOOLED),
        "photographs: from step 1,000 on G takes 20 steps",
        BARE.replace(seed=50),
        step=from_step(1000, make_step(g_steps=20)),
        steps=1090,
        data=real,
    )
    yield Case(
        "double_sigmoid",
        ("not sure", DEAD, FAST),
        "losses take sigmoids of sigmoids",
        BARE.replace(seed=51),
        step=double_sigmoid,
    )
