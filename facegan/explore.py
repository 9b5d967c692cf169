"""The functions and states behind the widgets, usable without widgets.

An `Exploration` is immutable: every action returns a new one, so a list of earlier ones provides undo. Pictures are
uint8 (3, H, W); latents are (N, latent_dim).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from facegan.errors import ConfigError
from facegan.images import make_grid, png_bytes, to_uint8
from facegan.latent import arithmetic, lerp, slerp, walk
from facegan.models.protocol import (
    attribute,
    copied,
    distribution_of,
    generate,
    latents_for,
    sample,
    sample_shape,
)
from facegan.runs.pretrained import PRETRAINED
from facegan.runs.run import Run, load_generator

DIRECTIONS = 5
MAX_SEED = 2**31
BLUE, ORANGE, GREEN = (0, 114, 178), (213, 94, 0), (0, 158, 115)  # palette of Okabe & Ito, as in `plots`
INK = 50  # gray level of signs
PADDING = 4  # white pixels between faces, used for frames
_SAMPLES = 512  # latents from which directions are computed
_COARSE = 8  # side of the images from which directions are computed


def open_generator(source: object) -> nn.Module:
    """Open the generator of a GAN, a run, or a file.

    Args:
        source: a `GAN` (its averaged generator is used), a `Run`, a run folder, a `.safetensors` file, a name such as
            "faces", or a generator.

    Returns:
        The generator in eval mode. For a GAN or a generator, it is a copy on the same device, so later training does
        not change it.

    Raises:
        CheckpointError: the source has no generator.
        ConfigError: the source is anything else, a network without `latent_dim` (`facegan.models.protocol`), or a
            generator of points.
    """
    source = getattr(source, "ema", source)
    if isinstance(source, nn.Module):
        attribute(source, "latent_dim")
        if hasattr(source, "sample_shape"):
            raise ConfigError(
                f"{type(source).__name__} makes samples {sample_shape(source)}, expected a generator of images. For "
                "points, use plane.record and plane.play."
            )
        return copied(source).eval().requires_grad_(False)
    if isinstance(source, Run):
        return source.generator()
    if not isinstance(source, str | Path):
        raise ConfigError(
            f"got {type(source).__name__}, expected a generator, a GAN, a run folder, a .safetensors file or "
            f"one of {', '.join(map(repr, PRETRAINED))}."
        )
    return load_generator(source)


def directions(generator: nn.Module, count: int = DIRECTIONS) -> tuple[Tensor, Tensor]:
    """The directions in latent space that change a generator's images most.

    A linear map from latents to coarse images is fitted by least squares to 512 generated faces. Its left singular
    vectors are the directions. Images become lighter along each of them. This is GANSpace (Härkönen 2020, arXiv
    2004.02546) with outputs instead of features.

    Args:
        generator: a generator of images.
        count: number of directions.

    Returns:
        The directions (count, latent_dim), orthonormal, and the fraction of the map's variance that each explains
        (count,), from the squared singular values.
    """
    z = latents_for(generator, _SAMPLES, seed=0)
    images = generate(generator, z).cpu()
    coarse = avg_pool2d(images, max(1, images.shape[-1] // _COARSE)).flatten(1)
    centered, changes = (z - z.mean(0)).double(), (coarse - coarse.mean(0)).double()
    linear = torch.linalg.lstsq(centered, changes).solution.float()
    left, strength, _ = torch.linalg.svd(linear, full_matrices=False)
    found = left.T[:count]
    lighter = (found @ linear).mean(1, keepdim=True)
    shares = strength.square() / strength.square().sum()
    return torch.where(lighter < 0, -found, found), shares[:count]


@dataclass(frozen=True)
class Face:
    """The origin of a face in an exploration: row `row` of the latents of `seed`, and its changes."""

    seed: int
    row: int
    truncation: float | None = None  # limit in standard deviations; None for no limit
    amounts: tuple[float, ...] = ()  # shift along each direction, in standard deviations of z


@dataclass(frozen=True)
class Exploration:
    """A grid of faces, some of which are kept. Actions change the others and return a new exploration.

    >>> state = Exploration.start(open_generator("faces"), n=4, seed=7).keep(2).resample()
    >>> [face.seed for face in state.faces]
    [8, 8, 7, 8]
    """

    generator: nn.Module
    faces: tuple[Face, ...]
    kept: frozenset[int] = frozenset()
    now: Face = Face(0, 0)  # settings of the faces that are not kept
    directions: Tensor | None = field(default=None, compare=False)  # (5 or latent_dim, latent_dim)

    @classmethod
    def start(cls, generator: nn.Module, *, n: int = 16, seed: int = 0) -> Exploration:
        """Start with the n faces of `generator.sample(n, seed=seed)`. Raises `ConfigError` for invalid arguments."""
        if n < 1:
            raise ConfigError(f"cannot explore {n} faces; ask for 1 or more.")
        found, _ = directions(generator)
        now = Face(checked_seed(seed), 0, amounts=(0.0,) * len(found))
        faces = tuple(replace(now, row=row) for row in range(n))
        return cls(generator, faces, now=now, directions=found)

    def change(self, **settings) -> Exploration:
        """Change the `seed`, `truncation`, or `amounts` of the faces that are not kept."""
        if "seed" in settings:
            checked_seed(settings["seed"])
        now = replace(self.now, **settings)
        faces = (
            old if index in self.kept else replace(now, row=index) for index, old in enumerate(self.faces)
        )
        return replace(self, faces=tuple(faces), now=now)

    def resample(self) -> Exploration:
        """Draw the faces that are not kept from the next seed."""
        return self.change(seed=next_seed(self.now.seed))

    def move(self, direction: int, amount: float) -> Exploration:
        """Set the shift of the faces that are not kept along a direction. Directions are counted from 0."""
        amounts = list(self.now.amounts)
        amounts[direction] = round(float(amount), 6)  # sliders send 0.30000000000000004
        return self.change(amounts=tuple(amounts))

    def keep(self, index: int) -> Exploration:
        """Keep face `index`, counted from 0, or release it if it was kept. Raises `ConfigError` if there is none."""
        if not 0 <= index < len(self.faces):
            raise ConfigError(f"there is no face {index}; faces are 0 to {len(self.faces) - 1}.")
        kept = self.kept ^ {index}
        return replace(self, kept=kept) if index in kept else replace(self, kept=kept).change()

    def latents(self) -> Tensor:
        """The latents (n, latent_dim) of all faces."""
        z = torch.empty(len(self.faces), attribute(self.generator, "latent_dim"))
        for face, rows in _alike(self.faces):
            z[rows] = latents_for(self.generator, len(z), seed=face.seed, truncation=face.truncation)[rows]
            for amount, direction in zip(
                face.amounts, self.directions if self.directions is not None else (), strict=True
            ):
                z[rows] += amount * direction
        return z

    def picture(self) -> Tensor:
        """The grid of faces, uint8 (3, H, W), with a blue frame around each kept face."""
        return framed_grid(generate(self.generator, self.latents()), dict.fromkeys(self.kept, BLUE))

    def code(self) -> str:
        """Python code that reproduces the latents and shows the faces, given a variable `generator`."""
        n, drawn = len(self.faces), _drawing(self.now, self.generator, len(self.faces))
        lines = ["import facegan as fg", f"z = {drawn}"]
        if any(any(face.amounts) for face in self.faces):
            lines.insert(1, "directions, _ = fg.explore.directions(generator)")
        for face, rows in _alike(self.faces):
            own = _drawing(face, self.generator, n)
            lines += _code_of(face, rows if len(rows) < n else [], "" if own == drawn else own)
        return "\n".join(
            [*lines, f"fg.show_images(fg.models.generate(generator, z), columns={columns_for(n)})"]
        )


def _alike(faces: Sequence[Face]) -> list[tuple[Face, list[int]]]:
    """Groups of faces that differ only in their row, with their rows."""
    groups: dict[Face, list[int]] = {}
    for face in faces:
        groups.setdefault(replace(face, row=0), []).append(face.row)
    return list(groups.items())


def _drawing(face: Face, generator: nn.Module, n: int) -> str:
    """The expression that draws n latents with the face's seed and truncation."""
    kind = distribution_of(generator)
    latent = "" if kind == "normal" else f", latent={kind!r}"
    drawn = f"fg.latent.draw_latents({n}, {attribute(generator, 'latent_dim')}, seed={face.seed}{latent})"
    return drawn if face.truncation is None else f"fg.latent.truncate({drawn}, {face.truncation!r}{latent})"


def _code_of(face: Face, rows: list[int], drawing: str) -> list[str]:
    """The code for similar faces in `rows`, or in all rows if it is empty. Without `drawing`, `z` has their latents."""
    part, some = ("z[rows]", "[rows]") if rows else ("z", "")
    lines = [f"{part} = {drawing}{some}"] if drawing else []
    lines += [f"{part} += {x!r} * directions[{index}]" for index, x in enumerate(face.amounts) if x]
    return [f"rows = {rows}", *lines] if rows and lines else lines


def checked_seed(seed: int) -> int:
    """Return the seed. Raises `ConfigError` unless it is a whole number from 0 to 2^31 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < MAX_SEED:
        raise ConfigError(f"seed is {seed!r}, expected a whole number from 0 to {MAX_SEED - 1}.")
    return int(seed)


def next_seed(seed: int) -> int:
    """The next seed; 0 after the last one."""
    return (seed + 1) % MAX_SEED


def framed_grid(images: Tensor, frames: dict[int, tuple[int, int, int]], *, columns: int = 0) -> Tensor:
    """Arrange images (N, 3, H, W) as one uint8 grid (3, H, W); 0 `columns` make it as square as possible.

    `frames` gives the color (r, g, b), 0 to 255, of the frame around an image, by index.
    """
    grid = make_grid(images, columns=columns or columns_for(len(images)), padding=PADDING)
    side = images.shape[-1] + PADDING
    for index, color in frames.items():
        row, column = divmod(index, columns or columns_for(len(images)))
        box = grid[:, row * side :, column * side :][:, : side + PADDING, : side + PADDING]
        inside = box[:, PADDING:-PADDING, PADDING:-PADDING].clone()
        box[:] = torch.tensor(color, dtype=torch.uint8)[:, None, None]
        box[:, PADDING:-PADDING, PADDING:-PADDING] = inside
    return grid


def face_png(image: Tensor) -> bytes:
    """One face (3, H, W), uint8 or float in [-1, 1], as PNG bytes."""
    return png_bytes(to_uint8(image).cpu())


def columns_for(n: int) -> int:
    """The number of columns for a grid of n faces that is square or slightly wider."""
    return next(c for c in range(1, n + 1) if c * c >= n)


def morph(generator: nn.Module, anchors: Tensor, t: float) -> tuple[Tensor, Tensor]:
    """Interpolate at `t`, from 0 to 1, along the path through the latents `anchors` (k, latent_dim), k >= 2.

    Returns:
        The latents (2, latent_dim) on the straight line and on the great arc, and one picture of both.
    """
    leg = min(int(t * (len(anchors) - 1)), len(anchors) - 2)
    rest = t * (len(anchors) - 1) - leg
    z = torch.stack([path(anchors[leg], anchors[leg + 1], rest) for path in (lerp, slerp)])
    return z, make_grid(generate(generator, z), columns=2, padding=PADDING)


def morph_frames(generator: nn.Module, anchors: Tensor, frames: int = 48) -> list[Tensor]:
    """Pictures of the straight line and the great arc side by side, forward and back, as a seamless loop.

    Arguments are as for `morph`; `frames` is the number of pictures.
    """
    there_and_back = torch.cat([anchors, anchors[1:-1].flip(0)])
    paths = [walk(there_and_back, frames, path=path) for path in (lerp, slerp)]
    line, arc = (generate(generator, z) for z in paths)
    return [make_grid(torch.stack(pair), columns=2, padding=PADDING) for pair in zip(line, arc, strict=True)]


def background_groups(images: Tensor, each: int = 3) -> tuple[list[int], list[int], list[int]]:
    """Choose images for A - B + C: A with the lightest backgrounds, B with the darkest, C with the next darkest.

    The background is measured in a strip at each side, a tenth of the width, in the upper half of the image. If
    A - B + C works, the result is a face like those in C with a light background.

    Args:
        images: (N, 3, S, S) in [-1, 1], N >= 3 * each.
        each: images per group.

    Returns:
        The rows of the images in A, B, and C.
    """
    order = background_lightness(images).argsort(stable=True).tolist()
    return order[::-1][:each], order[:each], order[each : 2 * each]


def background_lightness(images: Tensor) -> Tensor:
    """The mean brightness (N,) of the backgrounds of images (N, 3, S, S), in [-1, 1]; see `background_groups`."""
    side, half = max(1, round(images.shape[-1] * 0.1)), images.shape[-1] // 2
    return torch.cat([images[:, :, :half, :side], images[:, :, :half, -side:]], dim=3).mean((1, 2, 3)).cpu()


def equation(generator: nn.Module, z: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """A uint8 picture (3, H, W) of mean(A) - mean(B) + mean(C), as in figure 7 of DCGAN (2015).

    From left to right, it has the faces of the three means, and nine results: the exact one in the middle, surrounded
    by neighbors whose latents differ by up to 0.25 in each number. `groups` are the rows of the latents `z`
    (N, latent_dim) in A, B, and C. Raises `ConfigError` if a group is empty.
    """
    empty = [name for name, rows in zip("ABC", groups, strict=True) if not len(rows)]
    if empty:
        raise ConfigError(f"pick at least one face for {' and '.join(empty)}.")
    a, b, c = (z[list(rows)] for rows in groups)
    result = arithmetic(a, b, c)
    spread = torch.rand(9, len(result), generator=torch.Generator().manual_seed(0)) * 0.5 - 0.25
    spread[4] = 0
    means = torch.stack([group.mean(0) for group in (a, b, c)])
    faces = to_uint8(generate(generator, torch.cat([means, result + spread]))).cpu()
    return _equation_picture(faces[:3], faces[3:])


def _equation_picture(means: Tensor, results: Tensor) -> Tensor:
    """The picture of A - B + C = nine results, with signs. Each mean is as large as the block of results."""
    block = make_grid(results, columns=3, padding=PADDING)
    height = block.shape[1]
    large = interpolate(means.float(), size=(height, height), mode="bilinear").round().to(torch.uint8)
    width = height // 4
    parts = [large[0], _sign("-", height, width), large[1], _sign("+", height, width), large[2]]
    return torch.cat([*parts, _sign("=", height, width), block], dim=2)


def _sign(sign: str, height: int, width: int) -> Tensor:
    """A dark -, + or = on white, (3, height, width)."""
    picture = torch.full((3, height, width), 255, dtype=torch.uint8)
    y, x, arm, thick = height // 2, width // 2, width // 3, max(1, width // 20)
    for at in {"-": (y,), "+": (y,), "=": (y - 3 * thick, y + 3 * thick)}[sign]:
        picture[:, at - thick : at + thick, x - arm : x + arm] = INK
    if sign == "+":
        picture[:, y - arm : y + arm, x - thick : x + thick] = INK
    return picture


def compare(a: nn.Module, b: nn.Module, *, n: int = 16, seed: int = 0, truncation: float | None = None):
    """Generate faces from the same latents with two generators.

    Args:
        a, b: generators of images whose latents have the same length and distribution.
        n: number of faces.
        seed: seed of the latents.
        truncation: limit of the latents in standard deviations; None for no limit.

    Returns:
        Two grids, uint8 (3, H, W).

    Raises:
        ConfigError: the latents of a and b differ in length or distribution, or `seed` is invalid.
    """
    kinds = [f"{distribution_of(g)} latents of length {attribute(g, 'latent_dim')}" for g in (a, b)]
    if kinds[0] != kinds[1]:
        raise ConfigError(
            f"the generators take {kinds[0]} and {kinds[1]}; compare generators with the same latent and latent_dim."
        )
    return tuple(
        framed_grid(sample(g, n, seed=checked_seed(seed), truncation=truncation), {}) for g in (a, b)
    )
