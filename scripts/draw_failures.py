"""Draw the gallery for docs/failures.md: python scripts/draw_failures.py (into docs/failures/NAME.png)."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import facegan as fg
from facegan.images import to_uint8
from facegan.latent import draw_latents
from facegan.runs.pretrained import FOLDER, GALLERY

BLUE, ORANGE = "#0072B2", "#D55E00"
OUT = Path(__file__).parents[1] / "docs" / "failures"


def filmstrip(run: fg.Run) -> torch.Tensor:
    """Ten latents' faces, a row a snapshot, uint8 (H, W, 3)."""
    z = draw_latents(10, run.config.latent_dim, seed=3)
    rows = [torch.cat([*to_uint8(run.generator(step).generate(z))], 2) for step in run.steps[1:]]
    return torch.cat(rows, 1).permute(1, 2, 0)


def smooth(values: list[float], window: int = 20) -> np.ndarray:
    padded = np.concatenate([np.full(window - 1, values[0]), values])
    return np.convolve(padded, np.full(window, 1 / window), "valid")


def draw(name: str) -> None:
    run, steps = fg.Run.open(name), fg.Run.open(name).steps[1:]
    _, (faces, opinions, losses) = plt.subplots(
        1, 3, figsize=(13, 3.7), width_ratios=(2.3, 1, 1), layout="constrained"
    )
    faces.imshow(filmstrip(run), interpolation="nearest")
    size = run.config.image_size
    faces.set_yticks([size * (row + 0.5) for row in range(len(steps))], [f"{step:,}" for step in steps])
    faces.set(xticks=[], ylabel="step")
    for ax, title, columns in (
        (opinions, "what D says", {"d_real": "D(x), real", "d_fake": "D(G(z)), fake"}),
        (losses, "losses", {"loss_d": "D", "loss_g": "G"}),
    ):
        for (column, label), color in zip(columns.items(), (BLUE, ORANGE), strict=True):
            ax.plot(run.history["step"], smooth(run.history[column]), color=color, label=label)
        ax.set(title=title, xlabel="step")
    if unseen := json.loads((FOLDER / name / "config.json").read_text()).get("d_unseen"):
        at = [int(step) for step in unseen]
        opinions.plot(at, [*unseen.values()], "ks--", label="real, never seen")
    for ax in (opinions, losses):
        ax.legend(
            frameon=False,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.08),
            ncols=3,
            fontsize=8,
            columnspacing=1,
        )
    opinions.set_ylim(0, 1)
    losses.set_ylim(min(-0.1, max(-2, losses.get_ylim()[0])), min(12, losses.get_ylim()[1]))
    plt.savefig(OUT / f"{name}.png", dpi=75)
    plt.close()


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for each in GALLERY:
        draw(each)
