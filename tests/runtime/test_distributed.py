"""Several processes of one run, really started by torchrun, that talk through gloo."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import TINY, assert_same_state, flatten, random_faces
from helpers.parallel_steps import ADAPTIVE, EVERYTHING, joint_steps

from facegan import GAN, TrainConfig, fit
from facegan.errors import CheckpointError, ConfigError
from facegan.runs import checkpoint
from facegan.runtime import distributed

pytestmark = pytest.mark.slow
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def command(tmp_path):
    """Arguments of `facegan train` on forty faces, into tmp_path/run."""
    np.save(tmp_path / "faces.npy", random_faces(40).images)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    place = [f"--data={tmp_path / 'faces.npy'}", f"--run-dir={tmp_path / 'run'}", "--snapshot-every=2"]
    return ["-m", "facegan", "train", *options, *place]


def together(*arguments):
    """Run in two processes; returns what they printed."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*TORCHRUN, *map(str, arguments)], capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def begin(command, steps):
    """Start a run of two processes and wait until it stands at step 5 or later."""
    run = subprocess.Popen(
        [*TORCHRUN, *command, f"--steps={steps}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    seen = b""
    while not any(int(step) >= 5 for step in re.findall(rb"(\d+)/%d" % steps, seen)):
        some = run.stderr.read1()
        assert some, seen.decode()
        seen += some
    return run


def rank_1_of(launcher):
    """The process id of the launcher's second worker."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == launcher.pid and b"\0RANK=1\0" in (folder / "environ").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError("no worker of rank 1")


def newest(tmp_path):
    return checkpoint.load_latest(tmp_path / "run" / "checkpoints")


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """What parallel_steps.py came to in two processes."""
    path = tmp_path_factory.mktemp("states") / "states.pt"
    together(Path(__file__).parents[1] / "helpers" / "parallel_steps.py", path)
    return torch.load(path, weights_only=True)


def test_two_processes_do_what_one_does_with_the_joint_batch(states):
    """Labels, augmentation, penalty, both optimizers, the average and the random numbers included."""
    two, one = flatten(states["joint"]), flatten(joint_steps(**EVERYTHING))
    assert two.keys() == one.keys()
    assert min(one["/metrics"][0]) > 0
    for name, value in one.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(two[name], value, atol=1e-5, rtol=1e-3, msg=name)


def test_two_processes_adapt_augmentation_as_one_does(states):
    two, one = flatten(states["adaptive"]), flatten(joint_steps(**ADAPTIVE))
    assert two["/state/augmentation"][0] == one["/state/augmentation"][0] != 0.5, (
        "p has changed by all images"
    )
    for name in ("/metrics", "/state/augmentation"):
        torch.testing.assert_close(two[name], one[name], atol=1e-5, rtol=1e-3)


def test_what_one_process_is_asked_all_hear(states):
    assert states["asked of the other"] is True


def test_a_run_resumed_in_two_processes_equals_an_uninterrupted_one(states):
    straight, resumed = (GAN.from_state(states[name], device="cpu") for name in ("straight", "resumed"))
    assert straight.step == 4
    assert_same_state(resumed, straight)


def test_a_run_changes_its_number_of_processes_and_has_one_writer(command, tmp_path):
    out = together(*command, "--steps=4")
    assert out.count("2 processes, cpu in float32") == 1
    assert out.count("samples.png") == 1
    after_four = newest(tmp_path)
    assert after_four["step"] == 4
    assert len(after_four["history"]["loss_d"]) == 4

    config = TrainConfig.from_dict(after_four["config"])
    alone = GAN.from_state(after_four, device="cpu")
    fit(alone, random_faces(40), steps=6)

    resumed = GAN(config, device="cpu")
    fit(resumed, random_faces(40), steps=6, run_dir=tmp_path / "run")
    assert_same_state(resumed, alone)


TWO = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds a worker in /proc")
def test_a_killed_process_ends_the_run_and_leaves_its_checkpoint(command, tmp_path):
    run = begin(command, steps=100_000)
    os.kill(rank_1_of(run), signal.SIGKILL)
    _, errors = run.communicate(timeout=60)
    assert run.returncode != 0
    said = errors.decode()
    assert "facegan: process 0 of 2 lost contact with another" in said
    saved = newest(tmp_path)["step"]
    assert f"the checkpoint of step {saved} is intact" in said
    assert saved >= 4
    assert GAN.from_state(newest(tmp_path), device="cpu").step == saved


def test_ctrl_c_ends_all_processes_after_the_same_step_and_saves(command, tmp_path):
    run = begin(command, steps=100_000)
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=60)
    stopped = re.search(r"stopped at step (\d+) of 100000: saved", out.decode())
    assert stopped
    assert newest(tmp_path)["step"] == int(stopped[1])


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    with pytest.raises(ConfigError, match="8 cannot be divided evenly among 3"):
        distributed.local_slice(8)


@pytest.mark.parametrize(("rank", "part"), [(0, slice(0, 3)), (1, slice(3, 6))])
def test_parts_follow_one_another(monkeypatch, rank, part):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: rank)
    assert distributed.local_slice(6) == part


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for name, value in {
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "2",
        **TWO,
        "RANK": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(ConfigError, match="started 2 processes here, but this machine has 1 GPU"),
        distributed.launched(),
    ):
        pass


def test_one_gpu_is_not_shared(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="device='cuda:0' cannot be shared"), distributed.launched("cuda:0"):
        pass


def test_only_lost_contact_is_called_that(monkeypatch):
    error = RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed by peer")
    assert not distributed.lost_peer(error)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    assert distributed.lost_peer(error)
    assert not distributed.lost_peer(CheckpointError("runs/igloo cannot be used (Connection timed out)"))
    assert not distributed.lost_peer(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_alone_everything_is_this_process():
    assert (distributed.rank(), distributed.world_size(), distributed.local_slice(7)) == (0, 1, slice(0, 7))
    assert distributed.any_of(True)
    assert not distributed.any_of(False)
    network = torch.nn.Linear(1, 1)
    assert distributed.wrap_ddp(network) is network


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two', expected a whole number of 1"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2, but RANK is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "but MASTER_ADDR is not set"),
        (TWO | {"RANK": "x"}, "RANK is 'x', expected a whole number of 0"),
        (TWO | {"RANK": "2"}, "RANK is 2, expected less than WORLD_SIZE"),
        (TWO | {"MASTER_PORT": "-1"}, "MASTER_PORT is '-1'"),
    ],
)
def test_a_left_over_environment_is_named_with_how_to_unset_it(environment, message, monkeypatch):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"{message}.*unset WORLD_SIZE RANK"), distributed.launched("cpu"):
        pass


def test_an_empty_world_size_is_one_process(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "")
    with distributed.launched("cpu") as device:
        assert device == "cpu"
