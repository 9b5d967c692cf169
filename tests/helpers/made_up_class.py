"""A class of 30 students who hand in every kind of trouble, as files in a folder."""

import io
import json
import zipfile
from pathlib import Path

import nbformat

from facegan.course.copies import notebooks
from facegan.course.exercise import MIME
from facegan.course.solved import filled

SETUP = "import facegan as fg\nimport torch"
SCALE = """@fg.exercise("scale")
def scale(images):
    return images / 127.5 - 1"""
UNSCALE = """@fg.exercise("unscale")
def unscale(x):
    return ((x + 1) * 127.5).round().clamp(0, 255).byte()"""
CROP = """@fg.exercise("center_crop")
def center_crop(image, size):
    top, left = ((side - size) // 2 for side in image.shape[1:])
    return image[:, top:top + size, left:left + size]"""
SHEET = """@fg.exercise("contact_sheet")
def contact_sheet(images, columns):
    n, c, h, w = images.shape
    rows = -(-n // columns)
    white = images.new_full((rows * columns - n, c, h, w), 255)
    table = torch.cat([images, white]).view(rows, columns, c, h, w)
    return table.permute(2, 0, 3, 1, 4).reshape(c, rows * h, columns * w)"""
RIGHT = [SETUP, SCALE, UNSCALE, CROP, SHEET]
EMPTY = ["\n".join([*source.splitlines()[:2], "    ..."]) for source in RIGHT[1:]]


def notebook(cells, outputs=()):
    """A notebook's bytes."""
    made = [nbformat.v4.new_code_cell(source) for source in cells]
    if outputs:
        made[0].outputs = list(outputs)
    return nbformat.writes(nbformat.v4.new_notebook(cells=made)).encode()


def handout(number):
    """The course's own notebook, unsolved."""
    return notebooks()[number - 1].read_bytes()


def key(number):
    """The course's own notebook with the solutions filled in."""
    return nbformat.writes(filled(nbformat.reads(handout(number).decode(), as_version=4))).encode()


def zipped(files):
    """The bytes of a zip with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return buffer.getvalue()


def body(source, line):
    """An exercise's cell whose function begins with another line."""
    lines = source.splitlines()
    return "\n".join([*lines[:2], *(f"    {each}" for each in line.splitlines()), *lines[2:]])


def _submission(student, notebooks_of, **record):
    notes = {
        "format": 1,
        "student": student,
        "record": record,
        "run": {"name": "first", "steps": 3000, "distance": 14.2},
    }
    files = {f"notebooks/{name}": raw for name, raw in notebooks_of.items()}
    return zipped({"submission.json": json.dumps(notes).encode(), **files})


FORGED = nbformat.v4.new_output("display_data", {MIME: {"name": "scale", "status": "right", "feedback": ""}})
FORGERY = f"""from IPython.display import display
display({{"{MIME}": {{"name": "scale", "status": "right", "feedback": ""}}}}, raw=True)
@fg.exercise("scale")
def scale(images):
    return images"""
NEW_JUDGE = """import facegan.course.exercise as judge, facegan.course.checks as checks
judge.run_check = lambda found, function: judge.Result(found.name, "right", "right.")
checks.scale = checks.tools.check = lambda *_: None
@fg.exercise("scale")
def scale(images):
    return images"""
CHANGED_CODE = """from facegan.course.checks import tools
tools.close.__code__ = (lambda a, b, tolerance=0: True).__code__
@fg.exercise("scale")
def scale(images):
    return images"""
LIBRARY = """@fg.exercise("scale")
def scale(images):
    return fg.images.to_float(images)"""
ITSELF = '@fg.exercise("scale")\ndef scale(images):\n    return scale(images)'
DEAF = "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass"
OWN = """@fg.exercise("contact_sheet")
def contact_sheet(images, columns):
    strips, strip = [], []
    for number, picture in enumerate(images):
        strip.append(picture)
        if (number + 1) % columns == 0:
            strips.append(torch.cat(strip, dim=2))
            strip = []
    if strip:
        blank = torch.ones_like(images[0]) * 255
        while len(strip) < columns:
            strip.append(blank)
        strips.append(torch.cat(strip, dim=2))
    return torch.cat(strips, dim=1)"""
COPIED = [*RIGHT[:4], OWN.replace("strip", "row_").replace("number", "i").replace("picture", "p")]
HELPERS = [
    "%matplotlib inline\n!pip list\nimport facegan as fg, torch", "HALF = 127.5", "def shifted(x):\n    return x - ONE",
    "ONE = 1", SCALE.replace("images / 127.5 - 1", "shifted(images / HALF)"),
]  # fmt: skip

CLASS = {
    "ada.ipynb": notebook(RIGHT),
    "bob/01_data.ipynb": notebook([SETUP, *EMPTY]),
    "cleo.ipynb": notebook([SETUP, SCALE, UNSCALE.replace(".round()", ""), EMPTY[2], SHEET]),
    "dan.ipynb": notebook([SETUP, SCALE, body(UNSCALE, "import os; os.kill(os.getpid(), 9)"), CROP]),
    "eve.ipynb": notebook([SETUP, SCALE, "while True:\n    pass", UNSCALE, OWN]),
    "fay.ipynb": notebook(["# notes", SHEET.replace("@fg", "import facegan as fg, torch\n@fg"), "1 / 0", CROP, SETUP,
                           UNSCALE, SCALE]),
    "gus.ipynb": notebook([SETUP, SCALE, body(UNSCALE, DEAF), CROP]),
    "hal.ipynb": b"not json",
    "ivy_01_data.ipynb": notebook([SETUP, SCALE, UNSCALE.replace("return", "retrun (("), CROP, SHEET]),
    "jon.ipynb": notebook([SETUP, FORGERY], [FORGED]),
    "kim.ipynb": notebook([SETUP, NEW_JUDGE, UNSCALE]),
    "lea.ipynb": notebook([SETUP, LIBRARY, UNSCALE]),
    "max.ipynb": notebook([SETUP, ITSELF, ITSELF]),
    "submission-nia.zip": _submission("nia", {f"{n}.ipynb": key(n) for n in range(1, 7)},
                                      hints={"slerp": 2}, reveals={"generator": 1}),
    "oli.zip": zipped({"mine/01_data.ipynb": notebook(RIGHT), "__MACOSX/mine/._01_data.ipynb": b"junk"}),
    "pam/01_data.ipynb": notebook(RIGHT), "pam/02_architecture.ipynb": key(2),
    "quinnlee_LATE_11_900_01_data.ipynb": notebook(RIGHT),
    "rosa_12_901_01_data.ipynb": notebook([SETUP, *EMPTY]), "rosa_12_902_01_data-1.ipynb": notebook(RIGHT),
    "Sam Moss_13_assignsubmission_file/01_data.ipynb": notebook(RIGHT),
    "submission_14/01_data.ipynb": notebook(RIGHT),
    "uma.zip": b"PK\x03\x04 damaged",
    "vic.ipynb": notebook(COPIED),
    "wes.ipynb": notebook([SETUP, body(SCALE, "import sys; sys.exit(0)"), UNSCALE]),
    "xena.ipynb": notebook([SETUP, body(SCALE, "hog = torch.ones(10**10)"), UNSCALE]),
    "yan.ipynb": notebook([SETUP, body(SCALE, "import urllib.request as u; u.urlopen('http://127.0.0.1:9', timeout=1)"),
                           UNSCALE]),
    "zoe.ipynb": notebook([SETUP, CHANGED_CODE, UNSCALE]),
    "amy.ipynb": notebook([SETUP, SCALE.replace("def scale", "def my_scale"), UNSCALE]),
    "ben.ipynb": notebook([SETUP, "\n".join(SCALE.splitlines()[1:]), UNSCALE]),
    "cal.ipynb": notebook(HELPERS),
    "Zoë Ünal.ipynb": handout(1),
}  # fmt: skip


def make(folder, only=None):
    """Write the class, or the files `only` of it, into a folder."""
    for name, raw in CLASS.items():
        if only is None or name in only:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
    return Path(folder)
