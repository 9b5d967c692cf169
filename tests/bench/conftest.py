"""Benchmarks work in a folder that goes away, with their caches."""

import pytest


@pytest.fixture(autouse=True)
def _work_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
