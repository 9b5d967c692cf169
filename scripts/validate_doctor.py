"""Validate the doctor: python scripts/validate_doctor.py train FOLDER [--photographs ZIP]; ... report FOLDER.

`train` makes the runs of `scripts/doctor_cases.py` in FOLDER; a run that is complete is not made again. `report`
diagnoses them and writes docs/doctor.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest import mock

from doctor_cases import Case, cases

import facegan as fg
from facegan.training import callbacks, fit


def train(case: Case, folder: Path) -> None:
    """Make one run, with 64 held-out faces and a snapshot every 250 steps; numbers that overflow do not end it."""
    faces, held_out = fg.load_faces(case.data, case.config.image_size).split(64)
    if case.faces:
        faces = fg.FaceDataset(faces.images[: case.faces], faces.name, crop=faces.crop)
    gan = fg.GAN(case.config, device="cpu", **case.networks(case.config))
    case.prepare(gan)
    unchecked = {name: lambda *_: None for name in ("on_step_end", "on_snapshot")}
    with (
        mock.patch.object(fit, "train_step", case.step),
        mock.patch.multiple(callbacks.FiniteCheck, **unchecked),
    ):
        fg.fit(
            gan, faces, steps=case.steps, run_dir=folder / case.name, snapshot_every=250, held_out=held_out
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["train", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photographs", required=True, help="a zip of photographs of faces, 64 px")
    parser.add_argument("--seed", type=int, default=0, help="added to all seeds")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    options = parser.parse_args()
    chosen = [case for case in cases(options.photographs, options.seed) if options.only in case.name]
    for case in chosen:
        if not (options.folder / case.name / "generator.safetensors").exists():
            print(case.name, flush=True)
            train(case, options.folder)


if __name__ == "__main__":
    main()
