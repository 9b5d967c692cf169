import pytest
import torch

from facegan import GAN, fit, load_generator
from facegan.errors import CheckpointError
from facegan.runs import checkpoint


def test_a_run_folder_stands_for_its_newest_checkpoint(gan, faces, tmp_path):
    fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    fit(gan, faces, steps=4)
    checkpoint.save(gan.state_dict(), tmp_path / "run" / "checkpoints" / "step_000004.pt")  # no export yet
    assert torch.equal(load_generator(tmp_path / "run").sample(3, seed=1), gan.sample(3, seed=1))


def test_a_shared_folder_may_hold_the_exported_file_alone(gan, tmp_path):
    gan.export(tmp_path / "generator.safetensors")
    assert torch.equal(load_generator(tmp_path).sample(3, seed=1), gan.sample(3, seed=1))


@pytest.mark.parametrize(
    "spoil", [lambda s: s.pop("config"), lambda s: s.update(config=3), lambda s: s.pop("ema")]
)
def test_a_checkpoint_of_something_else_is_named(spoil, gan, tmp_path):
    state = gan.state_dict()
    spoil(state)
    (tmp_path / "checkpoints").mkdir()
    checkpoint.save(state, tmp_path / "checkpoints" / "step_000004.pt")
    with pytest.raises(CheckpointError, match="not a checkpoint of a facegan run"):
        GAN.from_state(state, device="cpu")
    with pytest.raises(CheckpointError, match="not a checkpoint of a facegan run"):
        load_generator(tmp_path)
