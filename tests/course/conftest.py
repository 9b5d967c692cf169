"""A student's record in a folder of its own."""

import pytest

from facegan.course import facts, kept


@pytest.fixture
def answers(monkeypatch, tmp_path):
    """The folder of answers, `runs/answers`, empty; no faces are loaded."""
    monkeypatch.setattr(kept, "folder", tmp_path / "runs" / "answers")
    monkeypatch.setattr(kept, "given", {})
    monkeypatch.setattr(facts, "faces", None)
    return kept.folder
