"""A disk that becomes full while an older file is written over: the older one stays."""

import pytest
import torch
from helpers import make_gan

from facegan import save_animation, save_images
from facegan.errors import DiskFullError
from facegan.export import export_generator

FRAMES = list(torch.randint(0, 256, (2, 3, 128, 128), generator=torch.Generator().manual_seed(0)).byte())
WRITERS = {
    "a.png": lambda path: save_images(torch.stack(FRAMES), path),
    "a.jpg": lambda path: save_images(torch.stack(FRAMES), path),
    "a.gif": lambda path: save_animation(FRAMES, path),
    "a.mp4": lambda path: save_animation(FRAMES, path),
    "a.safetensors": lambda path: make_gan(width=32).export(path),
    "a.ts": lambda path: export_generator(make_gan(width=32).ema, path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_older_file_stays(name, tmp_path, mount):
    mount("-t", "tmpfs", "-o", "size=16k", "tmpfs", at=tmp_path)
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(DiskFullError, match="Its previous contents are intact"):
        WRITERS[name](tmp_path / name)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
