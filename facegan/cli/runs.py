"""The commands for finished runs: `sample`, `walk`, `export`, `info`, `results`, `copies`."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
import typer
from torch import Tensor

from facegan.cli.options import Crop, Seed, Source, Step, Truncation
from facegan.config import TrainConfig, differing
from facegan.errors import ConfigError
from facegan.runs.data_record import STARTED_FROM, start_in_words

if TYPE_CHECKING:
    from facegan.evaluation import CopyScore
    from facegan.models.dcgan import Generator

Format = Literal["safetensors", "onnx", "torchscript"]
Framing = Annotated[
    Literal["center", "face"] | None,
    typer.Option(help="as in train; default: face for photographs if all runs used it, otherwise center"),
]


def sample(
    source: Source,
    step: Step = None,
    out: Annotated[
        Path, typer.Option(help="a .png grid, a .npy array (N, 3, H, W), or a folder for separate files")
    ] = Path("samples.png"),
    n: Annotated[int, typer.Option(min=1, help="number of faces")] = 64,
    seed: Seed = None,
    truncation: Truncation = None,
) -> None:
    """Draw faces from a trained generator."""
    from facegan.images import save_images
    from facegan.models.protocol import sample_shape
    from facegan.runs.run import load_generator

    ending = "" if out.is_dir() else out.suffix.lower()
    if ending not in {"", ".npy", ".png"}:
        raise ConfigError(f"cannot write faces to {out.name!r}; use a .png, a .npy, or a folder.")
    generator = load_generator(source, step=step)
    parts = _in_parts(generator, n, ending, seed=seed, truncation=truncation)
    if ending == ".npy":
        _save_array(parts, (n, *sample_shape(generator)), out)
    elif ending == ".png":
        save_images(torch.cat(list(parts)), out)
    else:
        for index, face in enumerate(face for part in parts for face in part):
            save_images(face[None], out / f"face_{index:05d}.png", columns=1)
    print(out)


_PART = 1024  # faces in memory at once for separate files; a multiple of the batch size of `generate`


def _in_parts(generator: Generator, n: int, ending: str, **options: Any) -> Iterator[Tensor]:
    """Yield the faces of `generator.sample(n, ...)` as uint8. Raises `ConfigError` if they do not fit into memory."""
    from facegan.images import to_uint8
    from facegan.models.protocol import generate, latents_for, sample_shape
    from facegan.runtime.memory import check_fits

    advice = "Use a folder, with one file per face, or draw fewer."
    what = f"{n:,} faces in one file" if ending else f"{n:,} latents"
    count = n * math.prod(sample_shape(generator)) if ending else 4 * n * generator.latent_dim
    check_fits(count, torch.device("cpu"), what, advice if ending else "Draw fewer.")
    for z in latents_for(generator, n, **options).split(_PART):
        yield to_uint8(generate(generator, z))


def _save_array(parts: Iterator[Tensor], shape: tuple[int, ...], out: Path) -> None:
    from numpy.lib import format

    from facegan.files import write_atomic

    file = io.BytesIO()
    format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    for part in parts:
        file.write(part.contiguous().numpy().data)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, file.getbuffer())


def walk(
    source: Source,
    step: Step = None,
    out: Annotated[Path, typer.Option(help="a .gif or .mp4 file")] = Path("walk.gif"),
    faces: Annotated[int, typer.Option(min=2, help="number of faces on the path")] = 5,
    frames: Annotated[int, typer.Option(min=2, help="frames of the whole loop")] = 60,
    fps: Annotated[float, typer.Option(min=1, max=50, help="frames per second")] = 15,
    scale: Annotated[int, typer.Option(min=1, max=16, help="enlarge each pixel this many times")] = 4,
    seed: Seed = None,
    truncation: Truncation = None,
) -> None:
    """Write a GIF or an MP4 of a closed walk through latent space."""
    from facegan.images import encoder_for, save_animation, to_uint8
    from facegan.latent import walk as latent_walk
    from facegan.models.protocol import generate, latents_for
    from facegan.runs.run import load_generator

    encoder_for(out)  # refuses other suffixes before the generator is loaded
    generator = load_generator(source, step=step)
    z = latent_walk(latents_for(generator, faces, seed=seed, truncation=truncation), frames)
    pictures = to_uint8(generate(generator, z)).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    print(save_animation(list(pictures), out, fps=fps))


def export(
    source: Source,
    step: Step = None,
    out: Annotated[
        Path | None, typer.Option(help="the file to write; default: generator, with the format's suffix")
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(help="default: from the file's suffix, or safetensors; onnx needs facegan[onnx]"),
    ] = None,
) -> None:
    """Export a trained generator to a file, for facegan or other programs."""
    from facegan.export import ENDINGS, export_generator
    from facegan.runs.run import load_generator

    if out is None:
        ending = next(end for end, named in ENDINGS.items() if named == (format or "safetensors"))
        out = Path(f"generator{ending}")
    export_generator(load_generator(source, step=step), out, format=format)
    print(out)


def info(
    source: Annotated[Path | None, typer.Argument(help="a run folder", metavar="[RUN]")] = None,
) -> None:
    """Describe this machine, or a run folder."""
    for name, value in (_describe_machine() if source is None else _describe_run(source)).items():
        print(f"{name:<12} {value}")


def _describe_machine() -> dict[str, str]:
    from facegan.runtime.device import describe
    from facegan.version import __version__

    return {"facegan": __version__, **describe()}


def _describe_run(path: Path) -> dict[str, Any]:
    from facegan.runs.run import Run

    run = Run.open(str(path))
    changes = differing(TrainConfig(), run.config)
    last = {name: values[-1] for name, values in run.history.items() if values and values[-1] == values[-1]}
    return {
        **_describe_data(run.data),
        "device": run.device or "not recorded",
        "checkpoints": ", ".join(map(str, run.checkpoints)) or "none",
        "generators": ", ".join(map(str, run.generators)) or "none",
        "frames": len(run.steps),
        "settings": ", ".join(f"{k}={new}" for k, (_, new) in changes.items()) or "the defaults",
        **{name: f"{value:,}" if name == "step" else f"{value:.3f}" for name, value in last.items()},
    }


def _describe_data(record: dict[str, Any]) -> dict[str, str]:
    plain = {name: value for name, value in record.items() if value is not None and name != STARTED_FROM}
    found = {"data": ", ".join(f"{name} {value}" for name, value in plain.items())}
    if STARTED_FROM in record:
        found["started from"] = start_in_words(record)
    return found


def results(
    runs: Annotated[list[Path], typer.Argument(help="run folders")],
    data: Annotated[
        str, typer.Option(help="the real faces with which to compare, as in train")
    ] = "synthetic",
    crop: Crop = None,
    align: Framing = None,
    n: Annotated[
        int | None,
        typer.Option(
            min=100, help="number of real and of fake faces; default: 2500, or half of the real faces"
        ),
    ] = None,
    grids: Annotated[Path | None, typer.Option(help="a folder for a grid of each run's faces")] = None,
) -> None:
    """Compare finished runs: a Markdown table of settings, time, and distance to real faces."""
    from tqdm.auto import tqdm

    from facegan.data.load import load_faces
    from facegan.doctor import in_brief
    from facegan.evaluation.results import Evaluator, common_size, save_grids, table

    size = common_size(runs)
    faces = load_faces(data, size, crop=crop, align=align or _framing(runs, data, crop))
    pictures = save_grids(runs, grids) if grids else []
    n = n or max(min(2500, len(faces) // 2), 100)
    evaluator = Evaluator(faces, n=n)
    found = [evaluator.measure(run) for run in tqdm(runs, unit="run", leave=False)]
    print(f"Distances to {n:,} faces of {faces.name}:\n", *table(found, evaluator.floor), sep="\n")
    print(
        "\nDiagnosis (facegan doctor RUN):",
        *(f"{run}: {in_brief(run, faces)}" for run in runs),
        sep="\n",
    )
    for picture in pictures:
        print(picture)


def copies(
    run: Annotated[str, typer.Argument(help="a run folder or a bundled run's name", metavar="RUN")],
    data: Annotated[str, typer.Option(help="the faces on which the run was trained, as in train")],
    held_out: Annotated[
        str | None,
        typer.Option(help="faces of the same kind that were not used in training; ideally as many"),
    ] = None,
    crop: Crop = None,
    align: Framing = None,
    n: Annotated[int, typer.Option(min=100, help="number of fakes per snapshot")] = 500,
    grid: Annotated[Path | None, typer.Option(help="a .png: the last fakes and their nearest faces")] = None,
) -> None:
    """Find the step from which a run copies its training faces, and show the closest fakes."""
    from tqdm.auto import tqdm

    from facegan.data.load import load_faces
    from facegan.evaluation import CopyDetector, copies_picture, copy_scores, warn_if_not_comparable
    from facegan.images import save_picture
    from facegan.models.protocol import sample
    from facegan.runs.run import Run

    if grid and (grid.suffix.lower() != ".png" or grid.is_dir()):
        raise ConfigError(f"--grid is {grid}, expected a file that ends in .png.")
    if grid:
        grid.parent.mkdir(parents=True, exist_ok=True)
    opened = Run.open(run)
    sources = [data, held_out] if held_out else [data]
    sets = [
        load_faces(each, opened.config.image_size, crop=crop, align=align or _framing([run], each, crop))
        for each in sources
    ]
    warn_if_not_comparable(opened, sets[0])
    detector = CopyDetector(*sets, flip=opened.config.flip)
    with tqdm(total=len(opened.generators), unit="generator", leave=False) as bar:
        scores = copy_scores(opened, detector, n=n, on_step=lambda step: bar.update())
    print(*_copy_table(scores, detector.count, n, held_out=held_out is not None), sep="\n")
    if grid:
        picture = copies_picture(sample(opened.generator(), n, seed=0), detector)
        save_picture(picture, grid)
        print(grid)


def _copy_table(scores: dict[int, CopyScore], count: int, n: int, *, held_out: bool) -> list[str]:
    from facegan.evaluation import first_copies

    last = scores[max(scores)]
    if held_out:
        what = f"that are closer to one of {count:,} training faces than to all of {count:,} held-out faces"
        other = "to held-out"
    else:
        what = f"that are closer to a training face than 95% of {count:,} training faces are to their nearest other one"
        other = "among training faces"
    lines = [
        f"Share of {n:,} fakes {what} ({last.expected:.0%} means no copying), and median distances:",
        f"{'step':>8}  {'share':>5}  {'by chance up to':>15}  {'to training':>11}  {other:>{len(other)}}",
    ]
    for step, score in scores.items():
        mark = "  copies" if score.copies else "" if score.decides else "  cannot tell"
        lines.append(
            f"{step:>8}  {score.share:>5.0%}  {score.limit:>15.0%}  {score.distance:>11.2f}  "
            f"{score.reference:>{len(other)}.2f}{mark}"
        )
    first = first_copies(scores)
    if first is not None:
        return [*lines, f"Copying begins at step {first:,}."]
    if not last.decides:
        return [
            *lines,
            f"Cannot tell at step {max(scores):,}: its fakes are too similar, or there are too few photographs.",
        ]
    return [*lines, f"No copying found up to step {max(scores):,}."]


def _framing(runs: Sequence[str | Path], data: str, crop: str | None) -> str:
    """The framing for photographs, so that it is that of the runs; named data sets are already framed."""
    from facegan.data.registry import SOURCES
    from facegan.runs.run import Run

    photographs = data not in SOURCES and (Path(data).is_dir() or Path(data).suffix.lower() == ".zip")
    trained_on_faces = all(Run.open(run).data.get("crop") == "face" for run in runs)
    return "face" if photographs and trained_on_faces and not crop else "center"
