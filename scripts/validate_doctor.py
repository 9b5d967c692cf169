"""Validate the doctor: python scripts/validate_doctor.py train FOLDER --photographs ZIP [--seed N], then ... report.

`train` makes the runs of `scripts/doctor_cases.py` in FOLDER; a run that is complete is not made again. `report`
diagnoses them and writes docs/doctor.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from doctor_cases import HEALTHY, UNSURE, Case, cases
from tqdm.auto import tqdm

import facegan as fg
from facegan.doctor import VERDICTS
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


def answer(case: Case, folder: Path) -> str:
    """The doctor's first sure verdict, "healthy" or "not sure"."""
    diagnosis = fg.diagnose(folder / case.name)
    return diagnosis[0].name if diagnosis.answer == "ill" else diagnosis.answer


def matrix(found: list[tuple[Case, str]]) -> Iterator[str]:
    """Rows of a Markdown table: what was wrong, and how often the doctor said what."""
    names = [HEALTHY, *VERDICTS, UNSURE]
    truths = [name for name in names if any(case.truth[0] == name for case, _ in found)]
    yield "| | what was wrong | runs | right | " + " | ".join(f"{k}" for k in range(1, len(names) + 1)) + " |"
    yield "|---:|---|" + "---:|" * (len(names) + 2)
    for name in truths:
        row = [(case, said) for case, said in found if case.truth[0] == name]
        counts = [sum(said == column for _, said in row) for column in names]
        right = sum(said in case.truth for case, said in row)
        cells = " | ".join(str(count) if count else "" for count in counts)
        yield f"| {names.index(name) + 1} | {name} | {len(row)} | {right} | {cells} |"
    yield f'\nColumns are numbered as the rows; {len(names)} is "{UNSURE}".'


def listed(found: list[tuple[Case, str]]) -> Iterator[str]:
    """Rows of a Markdown table: every run."""
    yield "| run | what was done | right answers | the doctor |"
    yield "| --- | --- | --- | --- |"
    for case, said in found:
        mark = "" if said in case.truth else " (**missed**)"
        yield f"| {case.name} | {case.cause} | {', '.join(case.truth)} | {said}{mark} |"


def report(chosen: list[Case], folder: Path) -> None:
    """Diagnose all runs, and write the tables of docs/doctor.md."""
    found = [(case, answer(case, folder)) for case in tqdm(chosen)]
    missed = [f"`{case.name}` ({said})" for case, said in found if said not in case.truth]
    right, listed_misses = len(found) - len(missed), ", ".join(missed) or "none"
    summary = f"{right} of {len(found)} first verdicts are right. Missed: {listed_misses}."
    tables = {"matrix": [*matrix(found), "", summary], "runs": listed(found)}
    page = Path(__file__).parents[1] / "docs" / "doctor.md"
    text = page.read_text()
    for name, lines in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    page.write_text(text)
    print(summary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["train", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photographs", required=True, help="a zip of photographs of faces, 64 px")
    parser.add_argument("--seed", type=int, default=0, help="added to all seeds")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    options = parser.parse_args()
    chosen = [case for case in cases(options.photographs, options.seed) if options.only in case.name]
    if options.command == "report":
        report(chosen, options.folder)
        return
    for case in chosen:
        if not (options.folder / case.name / "generator.safetensors").exists():
            print(case.name, flush=True)
            train(case, options.folder)


if __name__ == "__main__":
    main()
