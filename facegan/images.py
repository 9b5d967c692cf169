"""Converts images, arranges them in grids, and writes PNG, GIF, and MP4 files.

Images on disk and on the host are uint8 (N, 3, H, W). In batches, they are floats in [-1, 1].
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facegan.errors import ConfigError, expect, first_line, shown
from facegan.files import write_atomic


def to_float(images: Tensor) -> Tensor:
    """Convert uint8 0..255 to float32 [-1, 1]: x / 127.5 - 1. Raises `ConfigError` for any other dtype."""
    if images.dtype != torch.uint8:
        raise ConfigError(
            f"to_float takes uint8 images, got {images.dtype}. Convert only uint8; floats need no conversion."
        )
    return images.float().div_(127.5).sub_(1)


def to_uint8(images: Tensor) -> Tensor:
    """Convert floats in [-1, 1] to uint8 0..255, with rounding and clipping. uint8 images are returned unchanged."""
    if images.dtype == torch.uint8:
        return images
    return images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def signed_to_unit(images: Tensor) -> Tensor:
    """Map [-1, 1] to [0, 1], the range of a sigmoid generator."""
    return (images + 1) / 2


def unit_to_signed(images: Tensor) -> Tensor:
    """Map [0, 1] to [-1, 1], the inverse of `signed_to_unit`."""
    return images * 2 - 1


def center_crop(images: Tensor, size: int) -> Tensor:
    """Crop images (..., H, W) to their central size x size square, as a view.

    Raises:
        ConfigError: `size` is below 1, or the images are smaller.
    """
    height, width = images.shape[-2:]
    if not 1 <= size <= min(height, width):
        raise ConfigError(
            f"cannot crop {size} x {size} out of images of {height} x {width}; use a smaller size."
        )
    top, left = (height - size) // 2, (width - size) // 2
    return images[..., top : top + size, left : left + size]


def make_grid(
    images: Tensor | np.ndarray, *, columns: int | None = None, padding: int = 2, scale: int = 1
) -> Tensor:
    """Arrange images as one picture, row by row on white.

    Args:
        images: (N, 3, h, w), uint8 or floats in [-1, 1].
        columns: images per row; by default, the grid is as square as possible.
        padding: pixels between images.
        scale: enlargement; every pixel becomes a square of that side. The padding does not change.

    Returns:
        The picture, uint8 (3, H, W).

    Raises:
        ConfigError: `images` are not images, there are none, or `columns` is below 1.
    """
    from torchvision.utils import make_grid as tile

    given, pictures = images, _picture(images)
    if pictures is None:
        kind = f" of {given.dtype}" if isinstance(given, Tensor | np.ndarray) else ""
        raise ConfigError(
            f"what to show is {shown(given)}{kind}, expected images (N, 3, H, W) in uint8 or floats in [-1, 1], such "
            "as gan.sample(16) or faces[:16]."
        )
    images = pictures.cpu()
    if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:
        raise ConfigError(f"a grid needs images (N, 3, H, W) with N >= 1, got {tuple(images.shape)}.")
    images = images.repeat_interleave(scale, 2).repeat_interleave(scale, 3) if scale > 1 else images
    if columns is not None and (
        isinstance(columns, bool) or not isinstance(columns, Integral) or columns < 1
    ):
        raise ConfigError(f"columns is {shown(columns)}, expected a whole number of 1 or more, such as 8.")
    columns = columns or int(np.ceil(np.sqrt(len(images))))
    return tile(images, nrow=columns, padding=padding, pad_value=255)


def _writable(images: Any) -> Any:
    """A copy of a read-only array, because torch warns about read-only arrays."""
    return images.copy() if isinstance(images, np.ndarray) and not images.flags.writeable else images


def split_grid(grid: Tensor, size: int, *, padding: int = 2) -> Tensor:
    """Split a grid (3, H, W) from `make_grid`, without scaling, into its images (N, 3, size, size).

    Raises:
        ConfigError: the picture is not a grid of images of this size.
    """
    if grid.shape[1:] == (size, size):  # a single image has no padding
        return grid[None]
    step = size + padding
    rows, columns = ((side - padding) // step for side in grid.shape[1:])
    if grid.shape[1:] != (rows * step + padding, columns * step + padding):
        raise ConfigError(
            f"a picture {tuple(grid.shape)} is not a grid of images of {size} px, {padding} px apart. Check the size."
        )
    cells = grid[:, padding:, padding:].reshape(3, rows, step, columns, step)
    return cells[:, :, :size, :, :size].permute(1, 3, 0, 2, 4).flatten(0, 1)


def picture_of(samples: Tensor) -> Tensor:
    """Draw samples of any generator as one uint8 picture (3, H, W).

    Images (N, 3, h, w) are drawn as a grid. Samples (N, D) are drawn as points at their first two numbers. Raises
    `ConfigError` for samples of another shape.
    """
    if samples.ndim != 2:
        return make_grid(samples)
    return draw_points(torch.nn.functional.pad(samples, (0, 1))[:, :2])


def draw_points(points: Tensor, *, extent: float = 2.0, size: int = 256) -> Tensor:
    """Draw points (N, 2) as black squares on white.

    Args:
        points: x and y of each point; points that are not finite are not drawn.
        extent: the window is [-extent, extent] in x and in y, with y upward.
        size: side of the picture in pixels.

    Returns:
        The picture, uint8 (3, size, size).
    """
    shown = points[points.isfinite().all(1)].float().cpu()
    columns, rows = (
        ((shown * torch.tensor([1.0, -1.0], device="cpu") / extent + 1) / 2 * size).round().long().unbind(1)
    )
    picture = torch.full((3, size + 4, size + 4), 255, dtype=torch.uint8, device="cpu")
    for dx in range(3):
        for dy in range(3):
            inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
            picture[:, rows[inside] + dy, columns[inside] + dx] = 0
    return picture[:, 1 : size + 1, 1 : size + 1]


def captioned(picture: Tensor, text: str) -> Tensor:
    """Add a line of text on white below a uint8 picture (3, H, W); returns (3, H + h, W)."""
    from PIL import Image, ImageDraw, ImageFont

    width = picture.shape[2]
    size = int(np.clip(width // 28, 10, 24))
    strip = Image.new("RGB", (width, size + 8), "white")
    ImageDraw.Draw(strip).text((4, 2), text, fill="black", font=ImageFont.load_default(size))
    line = torch.from_numpy(np.array(strip)).permute(2, 0, 1)
    return torch.cat([picture.cpu(), line], dim=1)


def png_bytes(picture: Tensor, *, level: int = 6) -> bytes:
    """Encode a uint8 picture (3, H, W) as PNG; `level` is zlib's compression level, 1 (fast) to 9 (small)."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(_to_rows(picture)).save(out, "PNG", compress_level=level)
    return out.getvalue()


def read_png(path: str | Path | io.BytesIO) -> Tensor:
    """Read a PNG file, or its bytes, as uint8 (3, H, W). Raises `OSError` if it cannot be read or is not a PNG."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except OSError:
        raise
    except Exception as error:  # Pillow raises many kinds of errors on damaged bytes
        raise OSError(first_line(error)) from None


def gif_bytes(frames: Sequence[Tensor], *, fps: float = 10) -> bytes:
    """Encode pictures (3, H, W) as a looping GIF with 256 colors per frame, without dithering.

    Args:
        frames: pictures of the same shape, uint8 or floats in [-1, 1].
        fps: frames per second, at most 50.

    Raises:
        ConfigError: a frame is not a picture, frames differ in shape, or `fps` is out of range.
    """
    from PIL import Image

    _check_fps(fps, 50, "the most that a GIF can show")
    stills = [
        Image.fromarray(_to_rows(f)).quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        for f in _checked_frames(frames)
    ]
    ends = [
        10 * round(100 * number / fps) for number in range(len(stills) + 1)
    ]  # durations in a GIF are multiples of 10 ms
    steps = [end - begin for begin, end in pairwise(ends)]
    out = io.BytesIO()
    stills[0].save(out, "GIF", save_all=True, append_images=stills[1:], duration=steps, loop=0)
    return out.getvalue()


def mp4_bytes(frames: Sequence[Tensor], *, fps: float = 10) -> bytes:
    """Encode pictures (3, H, W) as H.264 video for browsers; odd sides are padded with one white line.

    Args:
        frames: pictures of the same shape, uint8 or floats in [-1, 1].
        fps: frames per second, at most 240.

    Raises:
        ConfigError: ffmpeg is missing or cannot write H.264, a frame is not a picture, frames differ in shape, or
            `fps` is out of range.
    """
    import imageio.v2 as imageio

    _check_fps(fps, 240, "more than screens show")
    rows: list[Any] = [_to_rows(_even(f)) for f in _checked_frames(frames)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.mp4"
        try:
            imageio.mimwrite(
                path, rows, format="FFMPEG", fps=fps, codec="libx264", quality=8, macro_block_size=2,
                pixelformat="yuv420p",
            )  # fmt: skip
            return path.read_bytes()
        except (OSError, RuntimeError, ImportError, ValueError) as error:
            raise ConfigError(
                f"ffmpeg cannot write an .mp4 here ({first_line(error)}). Name the file .gif, or install an ffmpeg "
                "with libx264 and set IMAGEIO_FFMPEG_EXE to it."
            ) from None


def save_images(images: Tensor | np.ndarray, path: str | Path, *, columns: int | None = None) -> Path:
    """Write images as one grid.

    Args:
        images: (N, 3, H, W), uint8 or floats in [-1, 1].
        path: the file to write. Its suffix determines the format: .png, .jpg, .jpeg, or .webp; without a suffix, PNG.
        columns: images per row; by default, the grid is as square as possible.

    Returns:
        The path.

    Raises:
        ConfigError: the suffix is not one of these, `path` is a folder, or there are no images.
    """
    return save_picture(make_grid(images, columns=columns), path)


def save_picture(picture: Tensor, path: str | Path) -> Path:
    """Write one uint8 picture (3, H, W); path, result, and errors are as for `save_images`."""
    from PIL import Image

    expect(path, str | Path, "where to write", "a file name that ends in .png, .jpg or .webp")
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ConfigError(f"cannot write images to {Path(path).name!r}; name it .png, .jpg or .webp.")
    if _FORMATS[suffix] == "PNG":
        return _write(path, png_bytes(picture))
    out = io.BytesIO()
    Image.fromarray(_to_rows(picture)).save(out, _FORMATS[suffix], quality=95)
    return _write(path, out.getvalue())


def save_animation(frames: Sequence[Tensor], path: str | Path, *, fps: float = 10) -> Path:
    """Write pictures as a GIF or an MP4.

    Args:
        frames: pictures (3, H, W) of the same shape, uint8 or floats in [-1, 1].
        path: the file to write, which ends in .gif or .mp4.
        fps: frames per second, at most 50 for a GIF and 240 for an MP4.

    Returns:
        The path.

    Raises:
        ConfigError: the suffix is another one, a frame is not a picture, frames differ in shape, `fps` is out of
            range, or ffmpeg cannot write an MP4.
    """
    encode = encoder_for(path)
    return _write(path, encode(frames, fps=fps))


def encoder_for(path: str | Path) -> Callable[..., bytes]:
    """Return `gif_bytes` or `mp4_bytes`, depending on the path's suffix. Raises `ConfigError` for any other suffix."""
    expect(path, str | Path, "the second argument", "a file name that ends in .gif or .mp4")
    suffix = Path(path).suffix.lower()
    if suffix not in ENCODERS:
        raise ConfigError(f"cannot write an animation to {Path(path).name!r}; name it .gif or .mp4.")
    return ENCODERS[suffix]


_FORMATS = {"": "PNG", ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
ENCODERS: dict[str, Callable[..., bytes]] = {".gif": gif_bytes, ".mp4": mp4_bytes}


def _to_rows(picture: Tensor) -> np.ndarray:
    return picture.cpu().permute(1, 2, 0).contiguous().numpy()


def _even(picture: Tensor) -> Tensor:
    height, width = picture.shape[1:]
    return torch.nn.functional.pad(picture, (0, width % 2, 0, height % 2), value=255)


def _check_fps(fps: float, most: int, why: str) -> None:
    if isinstance(fps, bool) or not isinstance(fps, Real) or not 0 < fps <= most:
        raise ConfigError(f"fps is {shown(fps)}, expected more than 0 and at most {most}, {why}.")


def _checked_frames(frames: Sequence[Any]) -> list[Tensor]:
    """The frames as uint8 (3, H, W)."""
    expect(frames, Sequence | Tensor | np.ndarray, "frames", "a list: list(facegan.images.to_uint8(images))")
    pictures = []
    for frame in frames:
        picture = _picture(frame)
        if picture is None or picture.ndim != 3 or len(picture) != 3:
            given = shown(frame) if picture is None else tuple(picture.shape)
            raise ConfigError(
                f"a frame is {given}, expected a picture (3, H, W), uint8 or floats in [-1, 1]."
            )
        pictures.append(picture)
    shapes = {tuple(picture.shape) for picture in pictures}
    if len(shapes) != 1:
        raise ConfigError(f"an animation needs frames of one shape, got {sorted(shapes) or 'none'}.")
    return pictures


def _picture(given: Any) -> Tensor | None:
    """Convert a picture, a tensor or array of uint8 or of floats in [-1, 1], to uint8; None for anything else."""
    try:
        tensor = given if isinstance(given, Tensor) else torch.as_tensor(_writable(given), device="cpu")
    except (TypeError, ValueError, RuntimeError):
        return None
    return to_uint8(tensor.detach()) if tensor.dtype == torch.uint8 or tensor.is_floating_point() else None


def _write(path: str | Path, data: bytes) -> Path:
    path = Path(path).expanduser()
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, expected a file name, such as {path / 'faces.png'}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_atomic(path, data)
