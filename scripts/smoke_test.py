"""Try an installed facegan, in a temporary folder: python -I scripts/smoke_test.py

Trains on drawn faces for four steps, samples, exports, and copies the course, by the commands that a user types.
With -I, Python does not see the checkout that this file lies in.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import facegan as fg

SMALL = "--image-size 16 --width 8 --batch-size 8 --steps 4 --device cpu"
COMMANDS = (
    f"train --recipe tiny --data faces.npy --run-dir run {SMALL}",
    "info run",
    "sample run --n 4 --seed 0 --out run.png",
    "sample faces --n 4 --seed 0 --out faces.png",
    "walk synthetic --frames 4 --faces 2 --out walk.gif",
    "export run --out run.pt --format torchscript",
    "course lessons",
)
RESULTS = ("run/generator.safetensors", "run.png", "faces.png", "walk.gif", "run.pt", "lessons/01_data.ipynb")


def set_up(notebook: Path) -> str:
    """The code of a notebook's first code cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code"))


def main() -> None:
    print(f"facegan {fg.__version__} in {Path(fg.__file__).parent}")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        np.save(place / "faces.npy", fg.synthetic_faces(32, size=16)[0])
        for command in COMMANDS:
            print(f"$ facegan {command}", flush=True)
            subprocess.run([sys.executable, "-I", "-m", "facegan", *command.split()], cwd=place, check=True)
        missing = [path for path in RESULTS if not (place / path).is_file()]
        assert not missing, f"not written: {missing}"
        for notebook in sorted((place / "lessons").iterdir()):
            subprocess.run([sys.executable, "-I", "-c", set_up(notebook)], cwd=place, check=True)
        assert fg.load_generator(place / "run").sample(2, seed=0).shape == (2, 3, 16, 16)
        script = Path(sys.executable).with_name("facegan")
        subprocess.run([script, "recipes"], check=True, stdout=subprocess.DEVNULL)
    print("all works")


if __name__ == "__main__":
    main()
