"""The notebooks: in step with their sources, linked, running to the end with exercises empty or filled."""

import importlib.util
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

import facegan as fg
from facegan.course import solved
from facegan.course.exercise import MIME, exercises
from facegan.course.grading import inject, run_notebook

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks" / "src").glob("*.py"))
PAGES = [
    *(
        ROOT / name
        for name in ("README.md", "RESULTS.md", "CONTRIBUTING.md", "data/README.md", "docs/instructors.md")
    ),
    ROOT / "facegan" / "weights" / "README.md",
    *SOURCES,
]

spec = importlib.util.spec_from_file_location("build_notebooks", ROOT / "scripts" / "build_notebooks.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)


def shipped(source):
    return nbformat.read(ROOT / "notebooks" / f"{source.stem}.ipynb", as_version=4)


def plain(text):
    return re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", "picture", text)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_source_and_notebook_are_in_step(source):
    built, notebook = make.build(source), shipped(source)
    for a, b in zip(built.cells, notebook.cells, strict=True):
        assert (a.id, a.cell_type, plain(a.source)) == (b.id, b.cell_type, plain(b.source)), (
            "run make notebooks"
        )
    assert notebook.metadata["language_info"]["file_extension"] == ".py"  # nbconvert --to script
    assert notebook.metadata["accelerator"] == "GPU"
    assert notebook.metadata["colab"]["gpuType"] == "T4"


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_notebooks_have_the_promised_form(source):
    notebook, path = shipped(source), ROOT / "notebooks" / f"{source.stem}.ipynb"
    assert 25 <= len(notebook.cells) <= 45
    assert path.stat().st_size <= 1_000_000
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert max(len(c.source.splitlines()) for c in code) <= 15
    assert code[0].source.startswith("# @title")
    assert any("parameters" in c.metadata.get("tags", []) for c in code)
    text = "\n".join(c.source for c in notebook.cells)
    assert text.count("<details>") == 3
    assert "By the end you will be able to" in text
    assert "## Summary" in text
    assert all(c.execution_count for c in code), "run make notebooks"
    assert not [o for c in code for o in c.outputs if o.output_type == "error"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_colab_finds_every_form_field_on_the_line_of_its_variable(source):
    for line in source.read_text().splitlines():
        assert "# @param" not in line or re.match(r"[A-Z_]+ = .*# @param", line), line


def test_every_exercise_is_in_its_notebook():
    for name, found in exercises().items():
        assert f'@fg.exercise("{name}")' in SOURCES[found.notebook - 1].read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_resolve_inside_the_repository(page):
    folder = ROOT / "notebooks" if page.suffix == ".py" else page.parent
    for image, target in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http", "#", "{")):
            continue
        place = page.parent if image and page.suffix == ".py" else folder
        assert (place / target.partition("#")[0]).exists(), target


def test_pictures_have_alt_text():
    for page in PAGES:
        assert not re.search(r"!\[\s*\]\(", page.read_text())


def test_one_repository_address():
    repo = make.repository()
    for path in [ROOT / "README.md", *(ROOT / "notebooks" / f"{s.stem}.ipynb" for s in SOURCES)]:
        for found in re.findall(r"github(?:\.com)?/([\w.-]+/[\w.-]+)/blob", path.read_text()):
            assert found == repo


@pytest.mark.slow
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_run_all_reaches_the_end(source, filled, tmp_path, monkeypatch):
    """With 300 faces and a few steps; every exercise is empty, or every one has the library's solution."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    notebook = solved.filled(shipped(source)) if filled else shipped(source)
    small = "fg.data.SYNTHETIC_COUNT = 300"
    inject(notebook, {"DATA": "synthetic", "RECIPE": "tiny", "STEPS": 12, "YOUR_STEPS": 6, "SMALL_STEPS": 6})
    at = next(i for i, c in enumerate(notebook.cells) if c.source.startswith("# @title"))
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell(small))
    nbformat.write(notebook, "given.ipynb")
    run_notebook(Path("given.ipynb"), Path("done.ipynb"), cell_limit=240, budget={})
    outputs = [o for c in nbformat.read("done.ipynb", 4).cells if c.cell_type == "code" for o in c.outputs]
    errors = ["\n".join(o.traceback) for o in outputs if o.output_type == "error"]
    assert not errors, errors[0]
    notes = [o.data[MIME] for o in outputs if MIME in o.get("data", {})]
    assert {n["name"] for n in notes} == {
        n for n, e in exercises().items() if e.notebook == int(source.stem[:2])
    }
    assert {n["status"] for n in notes} == {"right" if filled else "missing"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_in_the_exhibit_of_mistakes_right_beats_wrong(seed):
    """The cells of notebook 3 as they are: the right step comes nearer than every mistake that breaks."""
    cells = [c.source for c in shipped(SOURCES[2]).cells if c.cell_type == "code"]
    imports, step, trial = (
        next(source for source in cells if words in source)
        for words in ("from tqdm.auto", "def step_with", "outcomes = {}")
    )
    lines = [line for line in imports.splitlines() if line.startswith(("import", "from"))]
    small = fg.load_faces("synthetic", 32)
    known = {"fg": fg, "small_faces": small, "SMALL_STEPS": 400}
    known |= {name: exercises()[name].solution for name in ("discriminator_loss", "generator_loss")}
    trial = trial.replace(', "no detach")', ")").replace("manual_seed(0)", f"manual_seed({seed})")
    exec("\n".join([*lines, step, trial]), known)
    distances = {name: distance for name, (_, _, distance) in known["outcomes"].items()}
    assert set(distances) == {"right", "no zero_grad", "real in [0, 1]", "swapped labels"}
    right = distances.pop("right")
    assert all(distance > 1.25 * right for distance in distances.values()), (right, distances)


def test_neighboring_texts_are_one_output():
    texts = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in
             (("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n"))]  # fmt: skip
    assert [(o.name, o.text) for o in make._joined(texts)] == [
        ("stdout", "a\nb\n"),
        ("stderr", "c\n"),
        ("stdout", "d\n"),
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_no_notebook_has_neighboring_texts(source):
    for cell in shipped(source).cells:
        kinds = [(o.output_type, o.get("name")) for o in cell.get("outputs", [])]
        assert not [a for a, b in pairwise(kinds) if a == b and a[0] == "stream"]
