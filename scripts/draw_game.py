"""Draw the picture of the game that notebook 1 opens with: python scripts/draw_game.py (into docs/game.png)."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import facegan as fg
from facegan.images import to_uint8

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"


def box(ax, x, y, text, color):
    style = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": color, "linewidth": 2}
    ax.text(x, y, text, ha="center", va="center", fontsize=13, bbox=style)


def arrow(ax, start, end, color=GREY, bend=0.0, style="-"):
    shape = {
        "arrowstyle": "-|>",
        "color": color,
        "lw": 1.8,
        "ls": style,
        "connectionstyle": f"arc3,rad={bend}",
    }
    ax.annotate("", end, start, arrowprops=shape)


def face(ax, image, x, y, color, caption):
    ax.imshow(np.moveaxis(np.asarray(image), 0, -1), extent=(x - 0.6, x + 0.6, y - 0.6, y + 0.6), zorder=2)
    ax.add_patch(plt.Rectangle((x - 0.6, y - 0.6), 1.2, 1.2, fill=False, edgecolor=color, lw=3, zorder=3))
    ax.text(x, y - 0.95, caption, ha="center", fontsize=11, color=color)


def main() -> None:
    fake = to_uint8(fg.load_generator("synthetic", step=1000).sample(8, seed=2))[3]
    real = fg.synthetic_faces(12)[0][7]
    _, ax = plt.subplots(figsize=(10, 5), layout="constrained")
    box(ax, 0.7, 1.2, "z\n100 random\nnumbers", GREY)
    box(ax, 3.3, 1.2, "generator G\nthe forger", ORANGE)
    face(ax, fake, 5.6, 1.2, ORANGE, "a fake, G(z)")
    face(ax, real, 5.6, 3.9, BLUE, "a real face, x")
    box(ax, 8.3, 2.6, "discriminator D\nthe inspector", BLUE)
    box(ax, 11.1, 2.6, "real\nor fake?", GREY)
    for start, end in (((1.55, 1.2), (2.35, 1.2)), ((4.3, 1.2), (4.9, 1.2)), ((6.3, 1.5), (7.3, 2.2))):
        arrow(ax, start, end)
    arrow(ax, (6.3, 3.6), (7.3, 3.0))
    arrow(ax, (9.4, 2.6), (10.4, 2.6))
    arrow(ax, (11.1, 1.9), (3.3, 0.55), ORANGE, -0.33, "--")
    arrow(ax, (11.1, 3.3), (8.4, 3.3), BLUE, 0.5, "--")
    ax.text(8.9, -0.5, "G changes so that D says “real”", color=ORANGE, ha="center", fontsize=11)
    ax.text(9.9, 4.35, "D changes to judge better", color=BLUE, ha="center", fontsize=11)
    ax.set(xlim=(-0.3, 12), ylim=(-1.1, 4.8), aspect="equal")
    ax.set_axis_off()
    plt.savefig(Path(__file__).parents[1] / "docs" / "game.png", dpi=110)


if __name__ == "__main__":
    main()
