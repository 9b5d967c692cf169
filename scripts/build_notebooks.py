"""Build notebooks/*.ipynb from notebooks/src/*.py: python scripts/build_notebooks.py [--execute] [NAME ...]

The sources are jupytext's percent scripts. Here they get the repository's address (from pyproject.toml),
badges, pictures and stable cell ids; with --execute they are run and their outputs kept, else the outputs
of unchanged cells stay as they were.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import os
import re
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from PIL import Image

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
SOURCES = sorted((FOLDER / "src").glob("*.py"))
COLAB = "https://colab.research.google.com/github"
COLAB_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
KAGGLE_BADGE = "https://kaggle.com/static/images/open-in-kaggle.svg"
VIEW = "application/vnd.jupyter.widget-view+json"
_LANGUAGE = {"name": "python", "file_extension": ".py"}  # nbconvert --to script needs it
_LARGE = 30_000  # bytes of a figure
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^):]+)\)")


def repository() -> str:
    """owner/name, as pyproject.toml has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["urls"]["Repository"].removeprefix("https://github.com/")


def badges(path: str, repo: str) -> str:
    """Markdown that opens a notebook in Colab or on Kaggle."""
    return (
        f"[![Open in Colab]({COLAB_BADGE})]({COLAB}/{repo}/blob/main/{path}) "
        f"[![Open in Kaggle]({KAGGLE_BADGE})]({kaggle_address(path, repo)})"
    )


def kaggle_address(path: str, repo: str) -> str:
    return f"https://kaggle.com/kernels/welcome?src=https://github.com/{repo}/blob/main/{path}"


def build(source: Path) -> NotebookNode:
    """The notebook of a source, without outputs."""
    notebook = jupytext.read(source, fmt="py:percent")
    repo = repository()
    path = f"notebooks/{source.stem}.ipynb"
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        # of the template, so that ids and outputs stay the same for another repository
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:10]
        cell.source = cell.source.replace("{badges}", badges(path, repo))
        cell.source = cell.source.replace("{source}", f"git+https://github.com/{repo}")
        cell.source = cell.source.replace("{repository}", f"https://github.com/{repo}")
        cell.source = cell.source.replace("{colab}", f"{COLAB}/{repo}/blob/main/notebooks")
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata.pop("lines_to_next_cell", None)
        cell.source = _PICTURE.sub(lambda found: _inlined(found, source.parent), cell.source)
    wanted = {"kernelspec", "accelerator", "colab"}
    notebook.metadata = NotebookNode({k: v for k, v in notebook.metadata.items() if k in wanted})
    notebook.metadata.language_info = NotebookNode(_LANGUAGE)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: NotebookNode, place: Path) -> NotebookNode:
    """Run it in the folder `place`, and keep what belongs into a published notebook."""
    from nbclient import NotebookClient

    os.environ["FACEGAN_DATA"] = "synthetic"  # published pages show no photographs of people
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(place)}}
    )
    client.execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = NotebookNode(_LANGUAGE)  # not of this Python
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _joined([_lighter(output) for output in cell.outputs if _lasting(output)])
    return notebook


def keep_outputs(notebook: NotebookNode, old: NotebookNode) -> NotebookNode:
    """Outputs of cells whose id, and so whose source, is still there."""
    outputs = {c.id: (c.outputs, c.execution_count) for c in old.cells if c.cell_type == "code"}
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.id in outputs:
            found, cell.execution_count = outputs[cell.id]
            cell.outputs = _joined(found)
    return notebook


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs with neighboring texts as one: JupyterLab joins them when it loads a notebook, and shows some twice."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if (
            joined
            and output.output_type == "stream" == joined[-1].output_type
            and output.name == joined[-1].name
        ):
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _inlined(found: re.Match, folder: Path) -> str:
    """A picture, made small, as a data URI: notebooks travel alone."""
    alt, path = found.groups()
    out = io.BytesIO()
    with Image.open(folder / path) as image:
        image.thumbnail((480, 480))
        image.convert("RGB").save(out, "JPEG", quality=80)
    return f"![{alt}](data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()})"


def _lasting(output: NotebookNode) -> bool:
    """Neither progress bars nor log lines."""
    if output.output_type == "stream":
        return output.name == "stdout"
    data = output.get("data", {})
    return data.pop(VIEW, None) is None or "image/png" in data  # of a panel, its picture stays


def _lighter(output: NotebookNode) -> NotebookNode:
    """Figures with 256 colors; large ones, which hold faces, as JPEG: a quarter of the bytes in all."""
    data = output.get("data", {})
    if "image/png" in data:
        out, kind = io.BytesIO(), "image/png"
        with Image.open(io.BytesIO(base64.b64decode(data.pop("image/png")))) as image:
            picture = image.convert("RGB")
            picture.quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
            photo = io.BytesIO()
            picture.save(photo, "JPEG", quality=72)
            if out.tell() > _LARGE and photo.tell() < out.tell():
                out, kind = photo, "image/jpeg"
        data[kind] = base64.b64encode(out.getvalue()).decode()
        if "image/png" in output.metadata:  # its alt text
            output.metadata[kind] = output.metadata.pop("image/png")
        data["text/plain"] = "A figure; the text below it says what to see."
    return output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="such as 01_data; default: all")
    parser.add_argument("--execute", action="store_true", help="run them and keep their outputs")
    asked = parser.parse_args()
    _make(asked)
    list_in_readme()


def list_in_readme() -> None:
    """Rewrite README's list of notebooks, with their badges."""
    repo, page = repository(), ROOT / "README.md"
    rows, links = ["| notebook | open |", "|---|---|"], [f"[c]: {COLAB_BADGE}", f"[k]: {KAGGLE_BADGE}"]
    for n, source in enumerate(SOURCES, 1):
        title = re.search(r"^# # (.+)$", source.read_text(), re.M)[1]
        path = f"notebooks/{source.stem}.ipynb"
        rows.append(f"| [{title}][n{n}] | [![Open in Colab][c]][c{n}] [![Open in Kaggle][k]][k{n}] |")
        addresses = {"n": path, "c": f"{COLAB}/{repo}/blob/main/{path}", "k": kaggle_address(path, repo)}
        links += [
            f"[{kind}{n}]:{' ' if len(address) < 114 else chr(10)}{address}"
            for kind, address in addresses.items()
        ]
    rows += ["", *links]
    marked = re.compile(r"(<!-- notebooks: .*? -->\n).*?(<!-- end of notebooks -->)", re.S)
    page.write_text(marked.sub(lambda m: m[1] + "\n".join(rows) + "\n" + m[2], page.read_text()))


def _make(asked: argparse.Namespace) -> None:
    for source in SOURCES:
        if asked.names and source.stem not in asked.names:
            continue
        out = FOLDER / f"{source.stem}.ipynb"
        notebook = build(source)
        if asked.execute:
            with tempfile.TemporaryDirectory() as place:  # of its own: no notebook finds another's runs
                (Path(place) / "data").symlink_to(ROOT / "data")
                notebook = execute(notebook, Path(place))
        elif out.exists():
            notebook = keep_outputs(notebook, nbformat.read(out, as_version=4))
        nbformat.write(notebook, out)
        print(f"{out.relative_to(ROOT)}: {len(notebook.cells)} cells, {out.stat().st_size / 1e3:,.0f} kB")


if __name__ == "__main__":
    main()
