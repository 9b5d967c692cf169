"""The animation of a run: how many frames it has, and where they are from."""

import torch
from PIL import Image

from facegan.images import png_bytes
from facegan.runs.folder import RunFolder


def shade(value):
    return torch.full((3, 8, 8), value, dtype=torch.uint8)


def test_a_long_run_is_thinned_evenly_to_its_end(tmp_path):
    run = RunFolder(tmp_path / "run")
    for step in range(1, 131):
        (run.path / f"frames/step_{step:06d}.png").write_bytes(png_bytes(shade(step)))
    run.finish(shade(250), b"")
    with Image.open(run.path / "progress.gif") as animation:
        shown = []
        for frame in range(animation.n_frames):
            animation.seek(frame)
            shown.append((animation.convert("RGB").getpixel((0, 0))[0], animation.info["duration"]))
    steps = [value for value, _ in shown[:-1]]
    assert len(steps) == 44  # every third of 130: at most 60
    assert steps[0] < 5
    assert steps[-1] > 125
    assert shown[-1][1] >= 900  # the last frame stays for a second
