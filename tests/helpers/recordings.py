"""Recordings of the plane without any training: eight modes on a ring, and fakes that move onto six of them.

And the inverse of `pack`, as the page has it.
"""

import base64
import zlib

import numpy as np

from facegan.config import TrainConfig
from facegan.plane.recording import Recording

EXTENT = 3.0


def recording(*, frames=200, every=10, count=500, modes=8, grid=15, seed=0, **changes):
    """A made-up recording of `count` fakes; `changes` replace its fields."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, frames)
    angles = 2 * np.pi * np.arange(max(modes, 1)) / max(modes, 1)
    centers = 2 * np.stack([np.cos(angles), np.sin(angles)], 1)
    goal = centers[rng.integers(0, max(modes * 3 // 4, 1), count)] + 0.1 * rng.normal(size=(count, 2))
    start = 0.5 * rng.normal(size=(count, 2))
    path = start + (goal - start) * time[:, None, None] + 0.02 * rng.normal(size=(frames, count, 2))
    curves = {
        "loss_d": 1.4 - 0.3 * time + 0.05 * rng.normal(size=frames),
        "loss_g": 0.7 + 0.5 * time + 0.08 * rng.normal(size=frames),
        "d_real": 0.5 + 0.12 * time + 0.01 * rng.normal(size=frames),
        "d_fake": 0.5 - 0.09 * time + 0.01 * rng.normal(size=frames),
        "grad_norm_d": 1 + rng.random(frames), "grad_norm_g": 1 + rng.random(frames),
        "modes": np.rint(time * modes * 3 / 4), "quality": 0.9 * time,
    }  # fmt: skip
    fields = {
        "title": "ring", "config": TrainConfig(), "data": "ring", "seed": seed, "extent": EXTENT,
        "steps": np.arange(frames) * every,
        "real": centers[rng.integers(0, len(centers), 500)] + 0.1 * rng.normal(size=(500, 2)),
        "centers": centers[:modes], "fakes": path, "output": _output(time, angles[0], rng),
        "arrows": 0.3 * (goal - path)[:, :60], "manifold": _manifold(time, grid), "curves": curves,
        "probabilities": True,
    }  # fmt: skip
    return Recording(**{**fields, **changes})


def unpack(packed):
    """The array that `pack` packed."""
    raw = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8)
    planes = raw.reshape(packed["bytes"], -1).astype(np.int64)
    folded = sum(plane << (8 * i) for i, plane in enumerate(planes))
    differences = ((folded >> 1) ^ -(folded & 1)).reshape(packed["shape"])
    return np.cumsum(differences, axis=0).astype({1: np.uint8, 2: np.int16}[packed["bytes"]])


def _output(time, turn, rng, side=40):
    """D's output: real on the ring, with ripples that turn, and a little noise."""
    x, y = np.meshgrid(*[(np.arange(side) + 0.5) / side * 2 * EXTENT - EXTENT] * 2)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    ring = 3 * np.exp(-4 * (radius - 2) ** 2) - 1.5
    ripple = np.cos(3 * angle + 9 * time[:, None, None] + turn)
    logits = (
        time[:, None, None] * ring + ripple * np.minimum(radius, 1) + 0.05 * rng.normal(size=ripple.shape)
    )
    return 1 / (1 + np.exp(-logits))


def _manifold(time, side):
    a, b = np.meshgrid(*[np.linspace(-2, 2, max(side, 1))] * 2)
    grid = np.stack([a, b], -1)
    bent = 2 * np.stack([np.sin(a + 0.3 * b), np.sin(b) * np.cos(0.5 * a)], -1)
    share = time[:, None, None, None]
    return ((1 - share) * 0.4 * grid + share * bent)[:, :side, :side]
