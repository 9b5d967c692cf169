"""What the README shows, run."""

import re
from pathlib import Path

import torch

from facegan import LOSSES, Run

README = Path(__file__).parents[1] / "README.md"


def test_the_example_with_own_parts_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"<!-- own parts.*?```python\n(.*?)```", README.read_text(), re.S)[1]
    names = {}
    try:
        exec(compile(code, "README.md", "exec"), names)
    finally:
        LOSSES.pop("relative", None)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:1].isdigit()] == [
        "10",
        "20",
        "30",
    ]
    assert Run.open("runs/discs").steps == [0]
    assert all(p.isfinite().all() for p in names["again"].parameters())
    assert torch.equal(names["again"][0].weight.cpu(), names["gan"].ema[0].weight.cpu())
