"""Starting a run over: where the old one goes, and that the new one is as if it were the first."""

import pytest
from filelock import FileLock
from helpers import TINY, assert_same_state, make_gan, same, weights

from facegan import GAN, Discriminator, Generator, Run, TrainConfig, fit
from facegan.errors import CheckpointError, ConfigError

pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.mark.parametrize("changes", [{}, {"optimizer_d": "sgd", "lr_decay": 0.5}, {"seed": 7}])
def test_a_trained_gan_starts_over_as_a_new_one(faces, tmp_path, capsys, changes):
    straight, again = make_gan(**changes), make_gan(**changes)
    fit(straight, faces, steps=4)
    fit(again, faces, steps=6, run_dir=tmp_path / "run")
    fit(again, faces, steps=4, run_dir=tmp_path / "run", fresh=True)
    assert_same_state(straight, again)
    assert Run.open(tmp_path / "run").steps[0] == 0
    assert Run.open(tmp_path / "run-1").checkpoints[-1] == 6
    assert f"moved the run in {tmp_path / 'run'} to {tmp_path / 'run-1'}" in capsys.readouterr().out


def test_old_runs_go_to_the_next_free_number(faces, tmp_path):
    (tmp_path / "run-2").mkdir()
    for steps in (1, 2, 3):
        fit(make_gan(), faces, steps=steps, run_dir=tmp_path / "run", fresh=True)
    found = {name: Run.open(tmp_path / name).checkpoints[-1] for name in ("run", "run-1", "run-3")}
    assert found == {"run": 3, "run-1": 1, "run-3": 2}


def test_a_folder_without_a_run_stays(gan, faces, tmp_path):
    (tmp_path / "notes.txt").write_text("keep")
    fit(gan, faces, steps=1, run_dir=tmp_path, fresh=True)
    assert (tmp_path / "notes.txt").exists()


def test_without_a_folder_a_trained_gan_starts_over(gan, faces):
    fit(gan, faces, steps=3)
    assert fit(gan, faces, steps=2, fresh=True)["step"] == [1, 2]


def own_gan():
    config = TrainConfig(**TINY)
    size = {"image_size": 16, "width": 8}
    return GAN(
        config, generator=Generator(latent_dim=8, **size), discriminator=Discriminator(**size), device="cpu"
    )


def test_own_networks_go_back_to_the_folders_step_0(faces, tmp_path):
    gan = own_gan()
    first = weights(gan.generator)
    fit(gan, faces, steps=2, run_dir=tmp_path / "run")
    seen = []
    look = lambda gan, _: seen.append((gan.step, weights(gan.generator)))  # noqa: E731
    fit(gan, faces, steps=1, run_dir=tmp_path / "run", fresh=True, callbacks=[look])
    assert seen[0][0] == 0
    assert same(seen[0][1], first)


def test_own_networks_without_a_step_0_are_refused_and_nothing_moves(faces, tmp_path):
    gan = own_gan()
    fit(gan, faces, steps=5, snapshot_every=1, run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 0.*Rebuild the networks and the GAN"):
        fit(gan, faces, steps=5, run_dir=tmp_path / "run", fresh=True)
    assert gan.step == 5
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_in_use_is_not_moved(gan, faces, tmp_path):
    fit(gan, faces, steps=1, run_dir=tmp_path / "run")
    with FileLock(tmp_path / "run" / ".run.lock"), pytest.raises(CheckpointError, match="still training"):
        fit(gan, faces, steps=1, run_dir=tmp_path / "run", fresh=True)
    assert gan.step == 1


def test_fresh_is_true_or_false(gan, faces):
    with pytest.raises(ConfigError, match="fresh is 'yes', expected True"):
        fit(gan, faces, steps=1, fresh="yes")
