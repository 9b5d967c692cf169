"""Which generator notebook 4 plays with."""

import pytest
from helpers import TINY, random_faces

from facegan import GAN, TrainConfig, fit
from facegan.course import kept, player
from facegan.course.notebook import player as choose
from facegan.errors import ConfigError
from facegan.runs.run import BundledRun, FolderRun

WIDTH = TINY["width"]


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A run folder in which a student's generator has taken two steps."""
    from facegan.models import Generator

    config = TrainConfig(**TINY)

    def build_generator(nz, ngf):  # names of the student's own
        return Generator.from_config(config)

    monkeypatch.setattr(kept, "given", {"generator": build_generator})
    gan = GAN(config, generator=build_generator(config.latent_dim, WIDTH), device="cpu")
    fit(gan, random_faces(40), steps=2, run_dir=tmp_path / "first")
    return tmp_path / "first"


def test_a_trained_generator_is_played_with(trained, monkeypatch, capsys):
    monkeypatch.setattr(player, "YOUNG", 2)
    run, network = choose(trained, "faces")
    assert isinstance(run, FolderRun)
    assert run.generator(network=network).sample(1, seed=0).shape == (1, 3, 16, 16)
    assert "your generator from notebook 3, after 2 steps" in capsys.readouterr().out


def test_a_young_one_gives_way_to_a_bundled_one(trained, capsys):
    run, network = choose(trained, "faces")
    assert (run.name, network) == ("faces", None)
    assert "trained for 2 steps" in capsys.readouterr().out


def test_a_young_one_can_be_asked_for(trained):
    assert isinstance(choose(trained, "faces", use="mine")[0], FolderRun)


def test_without_a_run_the_bundled_one_is_used(tmp_path, capsys):
    assert isinstance(choose(tmp_path / "none", "synthetic")[0], BundledRun)
    assert "notebook 3 has trained none here" in capsys.readouterr().out


def test_a_generator_that_has_changed_since_is_named(trained, monkeypatch, capsys):
    monkeypatch.setattr(player, "YOUNG", 1)
    monkeypatch.setattr(
        kept, "given", {"generator": lambda *_: GAN(TrainConfig(**TINY | {"width": 12})).generator}
    )
    assert isinstance(choose(trained, "faces")[0], BundledRun)
    assert "Playing with the bundled generator 'faces': " in capsys.readouterr().out


def test_another_choice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected one of 'auto', 'mine', 'bundled'"):
        choose(tmp_path, "faces", use="yours")
