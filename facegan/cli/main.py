"""The command line: `facegan` or `python -m facegan`. Thin over the library; prints, never computes.

Exit codes: 0 done; 1 refused, with one line of why; 2 wrong usage; 130 interrupted (and saved).
"""

from __future__ import annotations

import inspect
import sys
import warnings
from dataclasses import replace
from glob import escape
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from facegan.config import RECIPES, TrainConfig, differing, field_help
from facegan.errors import ConfigError, DataError, DownloadError, FaceganError

app = typer.Typer(
    help="Grow human faces out of noise: train, sample and explore GANs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Fetch, check and look at faces to train on.", no_args_is_help=True)
app.add_typer(data_app, name="data")
bench_app = typer.Typer(help="Measure this machine.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")

Recipe = Literal[tuple(RECIPES)]
Source = Annotated[
    str, typer.Argument(help="a run folder, a .safetensors file, 'faces' or 'synthetic'", metavar="GENERATOR")
]
Seed = Annotated[int | None, typer.Option(help="same seed, same faces")]
Align = Literal["center", "face"]
Truncation = Annotated[
    float | None, typer.Option(help="cut latents off at this many standard deviations: more typical faces")
]


def train(
    recipe: Annotated[Recipe, typer.Option(help="the settings to start from")] = "tutorial",
    data: Annotated[
        str, typer.Option(help="'celeba', 'celeba-full', 'synthetic', a folder of images, a .zip or a .npy")
    ] = "synthetic",
    run_dir: Annotated[
        Path | None, typer.Option(help="where to save, and to go on from; runs/RECIPE when left out")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="train until this many steps in all")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")] = "auto",
    **overrides: Any,
) -> None:
    """Train a recipe on faces; run again to go on where it stopped.

    Every setting of the recipe can be overridden; see `facegan recipes` for their values. On several
    GPUs: torchrun --nproc-per-node 2 -m facegan train ..., with batch_size the faces of all together.
    """
    from facegan import GAN, fit, load_faces
    from facegan.runtime import distributed as parallel

    config = replace(RECIPES[recipe], **{k: v for k, v in overrides.items() if v is not None})
    run_dir = run_dir or Path("runs") / recipe
    with parallel.launched(device) as device:
        with parallel.first_goes_first():
            faces = load_faces(data, size=config.image_size)
        gan = GAN(config, device=device)
        parallel.say(f"{recipe} on {faces}, {_machine(gan)}, into {run_dir}")
        fit(gan, faces, steps=steps, epochs=overrides["epochs"] if steps else None, run_dir=run_dir)
        if parallel.rank() == 0:
            _report(run_dir)
    if not _finished(gan, faces, steps):
        raise typer.Exit(130)


def _machine(gan) -> str:
    from facegan.runtime.distributed import world_size

    several = f"{world_size()} processes, " if world_size() > 1 else ""
    return f"{several}{gan.device} in {str(gan.precision).removeprefix('torch.')}"


def _finished(gan, faces, steps: int | None) -> bool:
    return gan.step >= (steps or gan.config.epochs * (len(faces) // gan.config.batch_size))


def _report(run_dir: Path) -> None:
    for name in ("samples.png", "progress.gif", "curves.png", "generator.safetensors"):
        if (run_dir / name).exists():
            print(f"  {run_dir / name}")


@app.command()
def sample(
    source: Source,
    out: Annotated[
        Path, typer.Option(help="a .png grid, a .npy array (N, 3, H, W), or a folder for single files")
    ] = Path("samples.png"),
    n: Annotated[int, typer.Option(min=1, help="how many faces")] = 64,
    seed: Seed = None,
    truncation: Truncation = None,
) -> None:
    """Draw faces from a trained generator."""
    import numpy as np

    from facegan import load_generator
    from facegan.images import save_images, to_uint8

    faces = to_uint8(load_generator(source).sample(n, seed=seed, truncation=truncation))
    if out.suffix == ".npy":
        out.parent.mkdir(parents=True, exist_ok=True)
        np.save(out, faces.numpy())
    elif out.suffix == ".png":
        save_images(faces, out)
    elif out.suffix:
        raise ConfigError(f"cannot write faces to {out.name!r}; name a .png, a .npy or a folder.")
    else:
        for index, face in enumerate(faces):
            save_images(face[None], out / f"face_{index:05d}.png", columns=1)
    print(out)


@app.command()
def walk(
    source: Source,
    out: Annotated[Path, typer.Option(help="a .gif or .mp4 file")] = Path("walk.gif"),
    faces: Annotated[int, typer.Option(min=2, help="faces to walk between")] = 5,
    frames: Annotated[int, typer.Option(min=2, help="frames of the whole loop")] = 60,
    fps: Annotated[float, typer.Option(min=1, max=50, help="frames a second")] = 15,
    scale: Annotated[int, typer.Option(min=1, max=16, help="enlarge each pixel this many times")] = 4,
    seed: Seed = None,
    truncation: Truncation = None,
) -> None:
    """Walk through latent space, from face to face and back, as a GIF or MP4."""
    from facegan import load_generator
    from facegan.images import encoder_for, save_animation, to_uint8
    from facegan.latent import draw_latents, truncate
    from facegan.latent import walk as latent_walk

    encoder_for(out)
    generator = load_generator(source)
    anchors = draw_latents(faces, generator.config.latent_dim, seed=seed)
    z = latent_walk(anchors if truncation is None else truncate(anchors, truncation), frames)
    pictures = to_uint8(generator.images(z)).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    print(save_animation(list(pictures), out, fps=fps))


@app.command()
def info(
    source: Annotated[Path | None, typer.Argument(help="a run folder", metavar="[RUN]")] = None,
) -> None:
    """Describe this machine, or what a run folder holds."""
    from facegan import __version__
    from facegan.runtime.device import describe

    rows = {"facegan": __version__, **describe()} if source is None else _describe_run(source)
    for name, value in rows.items():
        print(f"{name:<12} {value}")


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="the submissions: notebooks, at any depth")],
    out: Annotated[Path, typer.Option(help="the table, a .csv")] = Path("grades.csv"),
    limit: Annotated[float, typer.Option(help="seconds for one notebook")] = 900,
    cell_limit: Annotated[float, typer.Option(help="seconds for one cell")] = 90,
) -> None:
    """Run handed-in notebooks and collect their exercises' results. Runs the students' code: see README."""
    from facegan.course import grading

    grades = grading.grade(folder, limit=limit, cell_limit=cell_limit)
    grading.write_csv(grades, out)
    for one in grades:
        print(f"{one.student:<30} {one.points(list(one.results)):>3} right  {one.trouble[:60]}")
    print(out)


@app.command()
def results(
    runs: Annotated[list[Path], typer.Argument(help="run folders")],
    data: Annotated[str, typer.Option(help="the real faces to compare with, as in train")] = "synthetic",
    n: Annotated[int, typer.Option(min=100, help="faces of each kind; more give steadier figures")] = 2500,
    grids: Annotated[Path | None, typer.Option(help="a folder for a grid of each run's faces")] = None,
) -> None:
    """Compare finished runs: a Markdown table of settings, time, and distance to real faces."""
    from tqdm.auto import tqdm

    from facegan import load_faces
    from facegan.evaluation.report import Judge, common_size, save_grids, table

    faces = load_faces(data, common_size(runs))
    pictures = save_grids(runs, grids) if grids else []
    judge = Judge(faces, n=n)
    found = [judge.measure(run) for run in tqdm(runs, unit="run", leave=False)]
    print(f"Distances to {n:,} faces of {faces.name}:\n", *table(found, judge.floor), sep="\n")
    for result in found:
        if result.data not in {None, faces.name}:
            print(f"Note: {result.name} was trained on {result.data}.", file=sys.stderr)
    for picture in pictures:
        print(picture)


@app.command()
def recipes() -> None:
    """List the recipes and what each changes from the default settings."""
    for name, config in RECIPES.items():
        changes = differing(TrainConfig(), config)
        listed = ", ".join(f"{field}={new}" for field, (_, new) in changes.items())
        print(f"{name:<18} {listed or 'the defaults'}")
    print("\ndefaults:")
    for name, (_, text) in field_help().items():
        print(f"  {name:<18} {getattr(TrainConfig(), name)!s:<8} {text}")


@data_app.command("list")
def list_data() -> None:
    """List the data sets that have names."""
    from facegan.data import SYNTHETIC_COUNT
    from facegan.data.registry import SOURCES, local_file

    print(f"{'synthetic':<12} {SYNTHETIC_COUNT:>7,} faces  drawn here, no download, no terms")
    for name, source in SOURCES.items():
        path = local_file(name)
        where = (
            f"in {path}"
            if path.exists()
            else f"{source.size / 1e6:,.0f} MB to fetch: facegan data get {name}"
        )
        print(f"{name:<12} {source.count:>7,} faces  {where}\n{'':<28}{source.title}\n{'':<28}{source.terms}")


@data_app.command("get")
def get_data(
    name: Annotated[str, typer.Argument(help="'celeba', 'celeba-full' or 'synthetic'")],
    size: Annotated[int, typer.Option(help="pixels a side to decode them to")] = 64,
    drive_id: Annotated[
        str | None, typer.Option(help="the class's own copy: the id of a file on Google Drive")
    ] = None,
) -> None:
    """Fetch a data set, verify it and decode it; run again to go on after an interruption."""
    from facegan import load_faces
    from facegan.data.registry import fetch

    try:
        if name != "synthetic":
            print(fetch(name, drive_id=drive_id))
        faces = load_faces(name, size)
    except KeyboardInterrupt:
        print("facegan: interrupted; run the same command to go on.", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"{faces}, ready: facegan train --data {name}")


@data_app.command("check")
def check_data(source: Annotated[str, typer.Argument(help="a data set's name, a folder or a .zip")]) -> None:
    """Read a data set whole: its hash, its images, its cache. Exit code 1 when something is wrong."""
    from facegan.data.decode import MAX_BAD_SHARE, Photos, survey
    from facegan.data.registry import SOURCES, local_file, verify
    from facegan.files import is_verified

    path = local_file(source) if source in SOURCES else Path(source)
    if not path.is_dir() and (path.suffix.lower() != ".zip" or not path.exists()):
        raise DataError(f"{path} is neither a folder nor a .zip that is there; there is nothing to check.")
    with Photos(path) as photos:
        found = survey(photos, title=f"checking {path.name}")
    _print_survey(path, found)
    if source in SOURCES:
        verify(path, SOURCES[source])
        print("the data set is the published one, or as good")
    caches = {p: is_verified(p, thorough=True) for p in _caches(path)}
    for cache, whole in caches.items():
        print(f"cache {cache}: {'whole' if whole else 'damaged; the next load builds it again'}")
    if not all(caches.values()) or len(found.skipped) > MAX_BAD_SHARE * (found.count + len(found.skipped)):
        raise typer.Exit(1)


@data_app.command("preview")
def preview_data(
    source: Annotated[str, typer.Argument(help="a data set's name, a folder, a .zip or a .npy")],
    out: Annotated[Path, typer.Option(help="the contact sheet, a .png")] = Path("preview.png"),
    n: Annotated[int, typer.Option(min=1, help="faces on it, evenly spread over the set")] = 64,
    size: Annotated[int, typer.Option(help="pixels a side")] = 64,
    align: Annotated[Align, typer.Option(help="keep the centre, or find the face")] = "center",
) -> None:
    """Make a contact sheet of what training would see, and say what was left out and why."""
    import numpy as np

    from facegan import load_faces
    from facegan.images import save_images

    faces = load_faces(source, size, align=align)
    shown = np.linspace(0, len(faces) - 1, min(n, len(faces))).astype(int)
    save_images(faces[shown], out)
    print(f"{out}: {len(shown)} of {len(faces):,} faces of {size} px")
    _print_skipped(faces.skipped)


@bench_app.callback()
def bench() -> None:
    """Measure this machine beside what people would use instead."""


@bench_app.command("data")
def bench_data(
    archive: Annotated[Path | None, typer.Argument(help="a .zip of faces; drawn ones when left out")] = None,
    size: Annotated[int, typer.Option(help="pixels a side")] = 64,
    rounds: Annotated[int, typer.Option(min=1, help="how often to measure each")] = 3,
    json: Annotated[Path | None, typer.Option(help="also write everything measured to this file")] = None,
) -> None:
    """From an archive to batches: facegan beside unzip, ImageFolder and a DataLoader."""
    from facegan.bench import data as bench

    result = bench.bench_data(archive, size=size, rounds=rounds)
    print(result["what"], *bench.table(result["seconds"]), sep="\n")
    if result["memory"]:
        array, growth = (f"{value / 1e6:,.0f} MB" for value in result["memory"].values())
        print(f"memory: the array takes {array}; decoding it into its cache took {growth}")
    if json:
        json.write_text(dumps(result, indent=2))


@bench_app.command("train")
def bench_train(
    archive: Annotated[Path | None, typer.Argument(help="a .zip of faces; drawn ones when left out")] = None,
    width: Annotated[int, typer.Option(help="feature maps at the finest hidden layer")] = 64,
    batch_size: Annotated[int, typer.Option(help="faces per step")] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="how often to measure each")] = 3,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="also by batch, width, image size, data set; and memory")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")] = "auto",
    json: Annotated[Path | None, typer.Option(help="also write everything measured to this file")] = None,
) -> None:
    """Training beside PyTorch's DCGAN example and the machine's limit; how long each recipe will take."""
    from facegan.bench import training as speed

    options = {"width": width, "batch_size": batch_size, "rounds": rounds, "sweep": sweep, "device": device}
    _print_speed(speed, speed.bench_train(archive, **options), json)


@bench_app.command("sample")
def bench_sample(
    width: Annotated[int, typer.Option(help="feature maps at the finest hidden layer")] = 64,
    rounds: Annotated[int, typer.Option(min=1, help="how often to measure each")] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")] = "auto",
    json: Annotated[Path | None, typer.Option(help="also write everything measured to this file")] = None,
) -> None:
    """Drawing faces from a generator, by how many at once, beside the example's generator."""
    from facegan.bench import training as speed

    _print_speed(speed, speed.bench_sample(width=width, rounds=rounds, device=device), json)


def _print_speed(speed, result: dict[str, Any], json: Path | None) -> None:
    print(*speed.table(result), sep="\n")
    if json:
        json.write_text(dumps(result, indent=2))


def _print_survey(path: Path, found) -> None:
    print(f"{path.name}: {found.count:,} images that can be read")
    for (width, height), count in found.sizes.most_common(5):
        print(f"  {count:,} of {width} x {height}")
    if len(found.sizes) > 5:
        print(f"  ... and {len(found.sizes) - 5:,} other sizes")
    _print_skipped(found.skipped)


def _print_skipped(skipped) -> None:
    if skipped:
        print(f"skipped {len(skipped):,}:", *skipped[:20], sep="\n  ")
        print("  ...\n" * (len(skipped) > 20), end="")


def _caches(path: Path) -> list[Path]:
    from facegan.data import DATA_FOLDER

    folders = dict.fromkeys((path.parent.absolute(), DATA_FOLDER.absolute()))
    return [cache for folder in folders for cache in sorted(folder.glob(f"{escape(path.name)}-*px-*.npy"))]


def main() -> None:
    """Run the command line; a refusal is one line on stderr, not a traceback."""
    warnings.showwarning = lambda message, *_: print(f"facegan: {message}", file=sys.stderr)
    try:
        app()
    except FaceganError as error:
        print(f"facegan: {error}", file=sys.stderr)
        if isinstance(error, DownloadError):
            print("Meanwhile, --data synthetic trains on drawn faces and downloads nothing.", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        print(f"facegan: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _describe_run(path: Path) -> dict[str, Any]:
    from facegan.evaluation.report import load_run
    from facegan.runs.checkpoint import steps

    gan = load_run(path)
    changes = differing(TrainConfig(), gan.config)
    last = {name: values[-1] for name, values in gan.history.items() if values}
    return {
        "step": gan.step,
        "checkpoints": ", ".join(map(str, steps(path / "checkpoints"))),
        "frames": len(list((path / "frames").glob("*.png"))),
        "settings": ", ".join(f"{k}={new}" for k, (_, new) in changes.items()) or "the defaults",
        **{name: f"{value:.3f}" for name, value in last.items()},
    }


def _with_settings(command):
    """The command with one option per `TrainConfig` field in place of **overrides."""
    signature = inspect.signature(command, eval_str=True)
    named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [_option(name, hint, text) for name, (hint, text) in field_help().items()]
    command.__signature__ = signature.replace(parameters=[*named, *options])
    command.__annotations__ = {p.name: p.annotation for p in [*named, *options]}
    return command


def _option(name: str, hint: Any, text: str) -> inspect.Parameter:
    annotation = Annotated[hint | None, typer.Option(help=text, show_default=False)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


app.command()(_with_settings(train))

if __name__ == "__main__":
    main()
