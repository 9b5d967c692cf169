"""Run by torchrun in test_distributed: process 0 saves the states that all processes reach."""

import os
import sys
from pathlib import Path

import torch

from facegan import GAN, TrainConfig, fit, train_step
from facegan.runtime import distributed
from helpers import TINY, random_faces

STEPS = 3
EVERYTHING = {"label_flip": 0.3, "augment": "color,translation", "r1": 1.0, "r1_every": 2}
ADAPTIVE = {"augment": "color,translation", "augment_target": 0.1, "steps": 5}  # p changes after four


def joint_steps(steps=STEPS, **changes):
    """A GAN after some steps; its G uses no batch statistics, so that parts equal the whole."""
    gan = GAN(TrainConfig(**TINY | {"norm": "none", "ema_decay": 0.9} | changes), device="cpu")
    gan.generator.eval()
    gan.augmentation.load(torch.tensor([0.5, 0.0]))
    size, part = gan.config.batch_size, distributed.local_slice(gan.config.batch_size)
    stream = iter(random_faces(40).batches(size, generator=gan.rng, part=part))
    metrics = [torch.stack(list(train_step(gan, next(stream)).values())) for _ in range(steps)]
    state = gan.state_dict()
    del state["history"]["images_per_second"]  # of the clock
    return {"metrics": torch.stack(metrics), "state": state}


def fitted(run_dir, *stops):
    """The state after runs in one folder, each by a GAN of its own, up to each of `stops`."""
    for steps in stops:
        gan = GAN(TrainConfig(**TINY), device="cpu")
        fit(gan, random_faces(40), steps=steps, snapshot_every=2, run_dir=run_dir)
    return gan.state_dict()


def main(path):
    with distributed.launched():
        states = {
            "asked of the other": distributed.any_of(distributed.rank() == 1),
            "joint": joint_steps(**EVERYTHING),
            "adaptive": joint_steps(**ADAPTIVE),
            "straight": fitted(path.with_name("straight"), 4),
            "resumed": fitted(path.with_name("resumed"), 2, 4),
        }
        if distributed.rank() == 0:
            torch.save(states, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # as `facegan.cli.main` does: gloo's threads sometimes abort an interpreter that shuts down
