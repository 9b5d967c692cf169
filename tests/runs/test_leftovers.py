"""What a killed process, or a drive that was away, leaves behind is cleaned."""

import tempfile

import pytest
from helpers import make_gan

from facegan import fit
from facegan.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.mark.parametrize("part", [".", "checkpoints", "frames", "generators"])
def test_half_written_files_of_a_killed_run_are_removed(tmp_path, part):
    left = tmp_path / "run" / part / ".writing-0123456789abcdef"
    left.parent.mkdir(parents=True)
    left.touch()
    RunFolder(tmp_path / "run")
    assert not left.exists()


def test_the_fallback_folder_is_removed_once_the_drive_is_back(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "local"))
    (tmp_path / "local").mkdir()
    run, seen = tmp_path / "drive" / "run", []

    def unmount(gan, grid):
        if gan.step == 2:
            (tmp_path / "drive").rename(tmp_path / "away")
        if gan.step == 4:
            seen.extend((tmp_path / "local").glob("facegan-*"))
            (tmp_path / "away").rename(tmp_path / "drive")

    with pytest.warns(UserWarning, match="cannot be written"):
        fit(make_gan(), faces, steps=8, snapshot_every=2, run_dir=run, callbacks=[unmount])
    assert len(seen) == 1
    assert not seen[0].exists()
