"""One training at a time in a run folder."""

import json
import os
import platform
import subprocess
import sys

import pytest
from helpers import make_gan

from facegan import fit
from facegan.errors import CheckpointError
from facegan.training.lock import only_training

pytestmark = pytest.mark.usefixtures("no_curves")


HOLD = """
import sys
from pathlib import Path
from facegan.training.lock import only_training
with only_training(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_second_process_is_refused_with_the_firsts_host_and_number(faces, tmp_path):
    """Until the first one is killed."""
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert first.stdout.readline() == b"held\n"
    for fresh in (False, True):
        with pytest.raises(
            CheckpointError, match=f"process {first.pid} on {platform.node()} is still training"
        ):
            fit(make_gan(), faces, steps=1, run_dir=tmp_path, fresh=fresh)
    first.kill()
    first.communicate()
    assert (tmp_path / ".run.owner").exists()
    assert fit(make_gan(), faces, steps=1, run_dir=tmp_path)["step"] == [1]


def test_a_second_gan_of_one_process_is_refused(gan, faces, tmp_path):
    def train_another(gan, grid):
        with pytest.raises(CheckpointError, match=rf"this process \({os.getpid()} on .* is still training"):
            fit(make_gan(), faces, steps=1, run_dir=tmp_path)

    assert fit(gan, faces, steps=1, run_dir=tmp_path, callbacks=[train_another])["step"] == [1]
    assert not (tmp_path / ".run.owner").exists()


@pytest.mark.parametrize("note", ["", "[]", '{"host": 1, "pid": null}'])
def test_a_damaged_note_is_no_reason_to_train(note, tmp_path):
    with only_training(tmp_path):
        (tmp_path / ".run.owner").write_text(note)
        with (
            pytest.raises(CheckpointError, match="another process is still training"),
            only_training(tmp_path),
        ):
            pass


def test_a_process_of_the_same_number_on_another_host_is_named(tmp_path):
    with only_training(tmp_path):
        (tmp_path / ".run.owner").write_text(json.dumps({"host": "elsewhere", "pid": os.getpid()}))
        with (
            pytest.raises(CheckpointError, match=f"^process {os.getpid()} on elsewhere is still training"),
            only_training(tmp_path),
        ):
            pass
