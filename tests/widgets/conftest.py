"""A generator and a run for widgets to show."""

import pytest

from facegan import fit


@pytest.fixture
def generator(gan):
    """An untrained generator in eval mode."""
    return gan.ema


@pytest.fixture
def run(gan, faces, tmp_path):
    fit(gan, faces, steps=4, run_dir=tmp_path / "run", snapshot_every=2)
    return tmp_path / "run"
