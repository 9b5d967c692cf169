"""The commands `facegan train` and `facegan recipes`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facegan.cli.options import Align, Crop, Device, given
from facegan.config import RECIPES, TrainConfig, differing, field_help
from facegan.errors import ConfigError
from facegan.losses import LOSSES
from facegan.runtime.output import forgiving

if TYPE_CHECKING:
    from facegan.runs.run import Run
    from facegan.training.gan import GAN

RecipeName = str
if not TYPE_CHECKING:
    RecipeName = Literal[tuple(RECIPES)]
Recipe = Annotated[
    RecipeName | None, typer.Option(help="recipe to use; default: tutorial", show_default=False)
]
StartFrom = Annotated[
    str | None,
    typer.Option(
        help="instead of a recipe: use the networks and settings of a run folder, 'faces', or 'synthetic'"
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        help="instead of a recipe: use the settings of a JSON file, such as a run folder's config.json"
    ),
]
Data = Annotated[
    str, typer.Option(help="'celeba', 'celeba-full', 'synthetic', a folder of images, a .zip, or a .npy")
]
RunDir = Annotated[
    Path | None,
    typer.Option(
        help="folder to save to and resume from; default: runs/RECIPE, runs/RUN-on-DATA, or runs/config-of-RUN"
    ),
]
ResumeAnyway = Annotated[
    bool, typer.Option("--resume-anyway", help="resume a run with other settings or data, using the new ones")
]
HeldOut = Annotated[
    int | None,
    typer.Option(help="exclude this many faces from training to measure whether D overfits; 64 are enough"),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="start over, and move an existing run folder aside")]
Steps = Annotated[int | None, typer.Option(help="total number of steps")]
OUTPUTS = ("samples.png", "progress.gif", "curves.png", "generator.safetensors")


@forgiving()
def train(
    recipe: Recipe = None,
    start_from: StartFrom = None,
    config: ConfigFile = None,
    data: Data = "synthetic",
    crop: Crop = None,
    align: Align = "center",
    held_out: HeldOut = None,
    run_dir: RunDir = None,
    resume_anyway: ResumeAnyway = False,
    fresh: Fresh = False,
    steps: Steps = None,
    device: Device = "auto",
    **overrides: Any,
) -> None:
    """Train a GAN on faces with a recipe, a settings file, or the networks of a run; rerun the command to resume.

    Every setting can be overridden, except those of networks that are already trained; `facegan recipes` lists all
    values. On several GPUs: torchrun --nproc-per-node 2 -m facegan train ...; batch_size is the global batch size.
    """
    from facegan.data.load import load_faces
    from facegan.runtime import distributed
    from facegan.training.fit import fit, total_steps

    _check_start(recipe, start_from, config)
    name = start_from or recipe or str(config or "tutorial")
    run_dir = (
        run_dir or (_folder_of(config) if config else _default_folder(name, data if start_from else None))
    ).expanduser()
    options = given(resume="anyway" if resume_anyway else None, fresh=fresh or None)
    with distributed.launched(device) as device:
        # refuses bad settings before anything is downloaded
        changes, starts = given(**overrides), start_from is not None
        gan = _gan(name, changes, run_dir, device, starts=starts, fresh=fresh, config=config)
        with distributed.rank0_first():
            faces = load_faces(data, size=gan.config.image_size, crop=crop, align=align)
        faces, others = (faces, None) if held_out is None else faces.split(held_out)
        distributed.log_rank0(f"{name} on {faces}, {_machine(gan)}, into {run_dir}")
        epochs = overrides["epochs"] if steps else None
        fit(gan, faces, steps=steps, epochs=epochs, run_dir=run_dir, held_out=others, **options)
        if distributed.rank() == 0:
            for path in (run_dir / name for name in OUTPUTS if (run_dir / name).exists()):
                print(f"  {path}")
    if gan.step < total_steps(gan.config, len(faces), epochs=epochs, steps=steps):
        raise typer.Exit(130)


def _check_start(recipe: str | None, start_from: str | None, config: Path | None) -> None:
    if start_from == "":
        raise ConfigError("start_from is empty; use a run folder, or the bundled run 'faces' or 'synthetic'.")
    if recipe and start_from:
        raise ConfigError(
            f"got recipe={recipe!r} and start_from={start_from!r}, which has its own settings. Use one of them; "
            "single settings can be added to either."
        )
    other = f"recipe={recipe!r}" if recipe else f"start_from={start_from!r}"
    if config and (recipe or start_from):
        raise ConfigError(
            f"got {other} and config={str(config)!r}, which has its own settings. Use one of them; "
            "single settings can be added to either."
        )


def _gan(
    name: str,
    changes: dict[str, Any],
    run_dir: Path,
    device: str,
    *,
    starts: bool,
    fresh: bool,
    config: Path | None,
) -> GAN:
    """The GAN of a recipe, a file, or a run; the run is not needed if the run folder already started from it."""
    from facegan.runs.run import FolderRun
    from facegan.runs.settings_file import read_settings
    from facegan.training.gan import GAN

    if not starts:
        settings = read_settings(config) if config else RECIPES[name]
        return GAN(settings.replace(**changes), device=device)
    run = FolderRun(run_dir) if (run_dir / "checkpoints").is_dir() and not fresh else None
    if run and run.checkpoints and _started_from(run, name):
        return GAN(run.config.replace(**changes), device=device)
    return GAN.start_from(name, device=device, **changes)


def _started_from(run: Run, name: str) -> bool:
    """Whether a run started from the run `name`, as far as this is recorded."""
    from facegan.runs.data_record import STARTED_FROM
    from facegan.runs.pretrained import is_pretrained
    from facegan.runs.run import Run

    start = run.data.get(STARTED_FROM) or {}
    exists = is_pretrained(name) or Path(name).exists()
    return start.get("run") == Path(name).resolve().name and (
        not exists or Run.open(name).data == start["data"]
    )


def _default_folder(name: str, data: str | None) -> Path:
    path = Path(name).resolve()
    return Path("runs") / (f"{path.name}-on-{Path(data).resolve().stem}" if data else name)


def _folder_of(config: Path) -> Path:
    """The run folder for a settings file; it is not the folder of the run to which the file belongs."""
    path = config.expanduser().resolve()
    return Path("runs") / (f"config-of-{path.parent.name}" if path.stem == "config" else path.stem)


def _machine(gan) -> str:
    from facegan.runtime.distributed import world_size

    several = f"{world_size()} processes, " if world_size() > 1 else ""
    return f"{several}{gan.device} in {str(gan.precision).removeprefix('torch.')}"


def recipes() -> None:
    """List the recipes, with the settings that differ from the defaults."""
    for name, config in RECIPES.items():
        changes = differing(TrainConfig(), config)
        listed = ", ".join(f"{field}={new}" for field, (_, new) in changes.items())
        print(f"{name:<18} {listed or 'the defaults'}")
    print("\ndefaults:")
    for name, (_, text) in field_help().items():
        print(f"  {name:<18} {getattr(TrainConfig(), name)!s:<8} {text}")


def with_settings(command):
    """Give a command one option per field of `TrainConfig`, instead of **overrides."""
    signature = inspect.signature(command, eval_str=True)
    named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [_option(name, hint, text) for name, (hint, text) in field_help().items()]
    command.__signature__ = signature.replace(parameters=[*named, *options])
    command.__annotations__ = {p.name: p.annotation for p in [*named, *options]}
    return command


def _option(name: str, hint: Any, text: str) -> inspect.Parameter:
    hint = Literal[tuple(LOSSES)] if name == "loss" else hint  # other losses can only be registered in Python
    annotation = Annotated[hint | None, typer.Option(help=text, show_default=False)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
