"""Checkpoints under attack: kills, full disks, flipped bits, hostile files (rows of the fault matrix)."""

import os
import pickle
import signal
import subprocess
import sys
import zipfile

import pytest
import torch

from facegan import files
from facegan.errors import CheckpointError
from facegan.runs import checkpoint
from facegan.runs.networks import discriminator_of, generator_of


def state(seed=0):
    return {"weights": torch.rand(300, generator=torch.Generator().manual_seed(seed)), "step": seed}


def test_round_trip_is_exact_and_opens_with_plain_torch(tmp_path):
    path = checkpoint.save(state(), tmp_path / "a.pt")
    assert torch.equal(checkpoint.load(path)["weights"], state()["weights"])
    assert torch.load(path, weights_only=True)["schema"] == checkpoint.SCHEMA


def test_the_last_three_are_kept_and_the_newest_is_by_step_not_by_date(tmp_path):
    for step in (9, 10, 999999, 1000000):
        checkpoint.save_step(state(step), tmp_path, step)
    assert list(checkpoint.numbered(tmp_path, ".pt")) == [10, 999999, 1000000]
    os.utime(tmp_path / "step_000010.pt", (2**31, 2**31))  # as after a clock that went backwards
    assert checkpoint.load_latest(tmp_path)["step"] == 1000000


def test_an_empty_folder_has_no_latest(tmp_path):
    assert checkpoint.load_latest(tmp_path) is None


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_after_sigkill_in_mid_save_there_is_always_one_that_loads(tmp_path):
    code = (
        "import sys, itertools, torch\nfrom facegan.runs import checkpoint\n"
        "for step in itertools.count(int(sys.argv[2])):\n"
        "    state = {'weights': torch.full((200_000,), float(step)), 'step': step}\n"
        "    checkpoint.save_step(state, sys.argv[1], step)\n"
        "    print(step, flush=True)\n"
    )
    last = 0
    for attempt in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path, str(last + 1)], stdout=subprocess.PIPE, text=True
        )
        saved = int(child.stdout.readline())
        sum(range(attempt * 100_000))  # some milliseconds into the next save
        child.send_signal(signal.SIGKILL)
        child.wait()
        newest = checkpoint.load_latest(tmp_path)
        assert newest["step"] >= saved
        assert (newest["weights"] == newest["step"]).all()
        last = newest["step"]
    files.remove_temporaries(tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".pt"}


@pytest.fixture
def small_disk(tmp_path, mount):
    """A disk of 5 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=5m", "tmpfs", at=folder)
    return folder


def test_a_full_disk_is_named_and_the_previous_checkpoint_survives(small_disk):
    checkpoint.save_step({"weights": torch.zeros(500_000)}, small_disk, 1)
    with pytest.raises(CheckpointError, match=r"disk full: could not write .*step_000002\.pt \(4\.0 MB\)"):
        checkpoint.save_step({"weights": torch.ones(1_000_000)}, small_disk, 2)
    assert (checkpoint.load_latest(small_disk)["weights"] == 0).all()
    assert [p.name for p in small_disk.iterdir()] == ["step_000001.pt"]


def test_no_flipped_bit_passes_unnoticed(tmp_path):
    path = checkpoint.save(state(), tmp_path / "a.pt")
    data = path.read_bytes()
    for position in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            loaded = checkpoint.load(path)
        except CheckpointError:
            continue
        assert torch.equal(loaded["weights"], state()["weights"]), f"byte {position} altered the weights"


@pytest.mark.parametrize("damage", [lambda d: d[:-100], lambda d: d[: len(d) // 2], lambda d: b""])
def test_a_cut_checkpoint_falls_back_to_the_one_before(tmp_path, damage):
    checkpoint.save_step(state(1), tmp_path, 1)
    newest = checkpoint.save_step(state(2), tmp_path, 2)
    newest.write_bytes(damage(newest.read_bytes()))
    with pytest.warns(UserWarning, match=r"step_000002\.pt.*Using the checkpoint before it"):
        assert checkpoint.load_latest(tmp_path)["step"] == 1


def test_when_none_loads_it_says_so(tmp_path):
    (tmp_path / "step_000001.pt").write_bytes(b"")
    message = r"no checkpoint in .* can be read"
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load_latest(tmp_path, set_aside=True)
    assert (tmp_path / "step_000001.pt").exists()


def test_a_newer_or_hostile_checkpoint_is_no_reason_to_go_back(tmp_path, monkeypatch):
    checkpoint.save_step(state(1), tmp_path, 1)
    monkeypatch.setattr(checkpoint, "SCHEMA", 3)
    checkpoint.save_step(state(2), tmp_path, 2)
    monkeypatch.setattr(checkpoint, "SCHEMA", 2)
    with pytest.raises(CheckpointError, match="newer facegan"):
        checkpoint.load_latest(tmp_path)


class Hostile:
    def __reduce__(self):
        return (os.mkdir, ("executed",))


def test_hostile_pickles_are_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"schema": 1, "x": Hostile()}, "zip.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps({"schema": 1, "x": Hostile()}))
    with pytest.raises(CheckpointError, match="refused: it contains Python code"):
        checkpoint.load("zip.pt")
    with pytest.raises(CheckpointError, match="not a facegan checkpoint"):
        checkpoint.load("raw.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html>", "is a web page"),
        (b"PK\x03\x04" + bytes(90), "damaged or truncated"),
    ],
)
def test_files_that_are_no_checkpoints(tmp_path, data, message):
    (tmp_path / "a.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        checkpoint.load(tmp_path / "b.pt")


def test_zips_and_tensors_of_others_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.pt", "w") as archive:
        archive.writestr("a.jpg", b"x")
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(tmp_path / "photos.pt")
    torch.save(torch.zeros(3), tmp_path / "tensor.pt")
    with pytest.raises(CheckpointError, match="no schema number"):
        checkpoint.load(tmp_path / "tensor.pt")


def test_a_checkpoint_from_a_gpu_loads_on_a_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.serialization.location_tag", lambda storage: "cuda:0")
    path = checkpoint.save(state(), tmp_path / "a.pt")
    assert b"cuda:0" in path.read_bytes()
    assert checkpoint.load(path)["weights"].device.type == "cpu"


def test_a_newer_schema_asks_for_an_upgrade(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SCHEMA", 3)
    path = checkpoint.save(state(), tmp_path / "a.pt")
    monkeypatch.setattr(checkpoint, "SCHEMA", 2)
    with pytest.raises(CheckpointError, match=r"newer facegan.*Upgrade facegan"):
        checkpoint.load(path)


def test_a_file_that_unpacks_to_more_is_refused_and_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data/0", bytes(10**7))
    with pytest.raises(CheckpointError, match=r"unpacks to 10,000,000"):
        checkpoint.load(tmp_path / "a.pt")


@pytest.mark.parametrize("held", [lambda giant: {"loss_d": giant}, lambda giant: [giant]])
def test_one_number_that_is_a_giant_tensor_is_refused(tmp_path, held):
    checkpoint.save({"history": held(torch.zeros(1).expand(10**10))}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="a tensor of 10,000,000,000 numbers"):
        checkpoint.load(tmp_path / "a.pt")


def test_a_checkpoint_whose_settings_ask_for_more_builds_nothing(gan, tmp_path):
    state = gan.state_dict()
    state["config"] |= {"width": 9000, "width_d": 9000}
    for network in (lambda: generator_of(state, None), lambda: discriminator_of(state, None)):
        with pytest.raises(CheckpointError, match="its settings need at least"):
            network()
