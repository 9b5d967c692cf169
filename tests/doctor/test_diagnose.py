"""`fg.diagnose`: runs, GANs and histories."""

import shutil

import pytest
from helpers import make_gan, random_faces
from helpers.curves import with_held_out

import facegan as fg
from facegan.doctor import VERDICTS, Diagnosis, Verdict, diagnose, in_brief
from facegan.errors import CheckpointError, ConfigError, DataError
from facegan.plane.data import load
from facegan.runs.pretrained import ALL, GALLERY
from facegan.runs.run import Run
from facegan.training.fit import fit

pytestmark = pytest.mark.usefixtures("no_curves")


FOUND = {
    "d_too_strong": "D has won",
    "g_too_strong": "D is fooled",
    "high_learning_rate": "learning rate too high",
    "mode_collapse": "mode collapse",
    "no_batchnorm": "checkerboard",
    "no_detach": "no gradient reaches G",
    "overfitting": "D overfits",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of 210 steps with two snapshots and held-out faces."""
    folder = tmp_path_factory.mktemp("doctor") / "run"
    faces, held_out = random_faces(104).split(64)
    gan = make_gan(width=8)
    fit(gan, faces, steps=210, run_dir=folder, snapshot_every=105, held_out=held_out)
    return folder, gan


@pytest.mark.parametrize("name", FOUND)
def test_the_gallery_is_found(name):
    diagnosis = diagnose(name)
    assert diagnosis.answer == "ill"
    assert diagnosis[0].name == FOUND[name]
    assert diagnosis[0].alike in {*ALL, ""}


@pytest.mark.parametrize("name", ["faces", "synthetic", "healthy"])
def test_healthy_runs_are_healthy(name):
    diagnosis = diagnose(name)
    assert diagnosis.answer == "healthy"
    assert not diagnosis


@pytest.mark.slow
def test_a_run_folder_is_examined_with_its_pictures_and_held_out_faces(finished):
    diagnosis = diagnose(finished[0])
    assert diagnosis.steps == 210
    assert not any("pictures" in note or "held_out" in note for note in diagnosis.notes)


def test_a_history_says_what_it_does_not_show(finished):
    notes = " ".join(diagnose(finished[1].history).notes)
    assert "pictures" in notes


def test_a_run_without_held_out_faces_says_so():
    assert any("held_out" in note for note in diagnose("healthy").notes)


def test_photographs_are_compared_with_drawn_faces_and_that_is_said():
    assert any("faces=" in note for note in diagnose("faces").notes)


def test_faces_that_are_given_are_compared(finished):
    diagnosis = diagnose(finished[0], faces=random_faces(64))
    assert not any("faces=" in note for note in diagnosis.notes)
    assert "noise" not in [verdict.name for verdict in diagnosis]  # such are the faces themselves


def test_a_gan_is_examined_as_it_is(finished):
    assert diagnose(finished[1]).steps == 210


def test_a_gan_of_points_has_no_pictures():
    recording = fg.plane.gan(fg.plane.CONFIG)
    fit(recording, load("ring")[0], steps=200)
    assert any("no images" in note for note in diagnose(recording).notes)


def test_a_short_run_says_how_many_steps_are_needed(gan, faces):
    fit(gan, faces, steps=3)
    with pytest.raises(ConfigError, match="3 steps, expected 200"):
        diagnose(gan)


def test_a_loss_without_probabilities_is_named(finished):
    assert any("'hinge'" in note for note in diagnose(finished[1].history, loss="hinge").notes)


@pytest.mark.parametrize("wrong", [3, None, [1.0]])
def test_what_is_no_run_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected a run folder"):
        diagnose(wrong)


@pytest.mark.parametrize(("library", "kind"), [("numpy", "array"), ("torch", "tensor"), ("pandas", "Series")])
def test_columns_of_other_libraries_are_read(library, kind):
    convert = getattr(pytest.importorskip(library), kind)
    columns = with_held_out([0.6] * 6)
    assert str(diagnose({name: convert(column) for name, column in columns.items()})) == str(
        diagnose(columns)
    )


def test_r_v_alone_is_not_read():
    columns = with_held_out([0.6] * 6)
    del columns["r_t"]
    assert any("held_out" in note for note in diagnose(columns).notes)


def test_r_v_of_another_length_is_refused():
    with pytest.raises(ConfigError, match="1,500 rows of 'step' and 3 of 'r_v'"):
        diagnose(with_held_out([0.6] * 6) | {"r_v": [0.6] * 3})


@pytest.mark.parametrize("loss", [None, 3, ["bce"]])
def test_a_loss_that_is_no_name_is_refused(loss):
    with pytest.raises(ConfigError, match="expected the name of a loss"):
        diagnose(with_held_out([0.1] * 6), loss=loss)


def test_a_missing_run_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="not a run folder"):
        diagnose(tmp_path / "nothing")


def test_faces_of_another_size_are_refused(finished):
    with pytest.raises(DataError, match="32 px"):
        diagnose(finished[0], faces=random_faces(64, size=32))


def test_sure_verdicts_come_first():
    sure, unsure = Verdict("noise", "", 1), Verdict("D has won", "", 1, sure=False)
    assert Diagnosis((sure, unsure), 300).answer == "ill"
    assert Diagnosis((unsure,), 300).answer == "not sure"
    assert Diagnosis((), 300).answer == "healthy"


def test_a_verdict_says_its_step_as_all_numbers_are_written():
    assert str(Verdict("noise", "0.5", 12_000)) == "noise since step 12,000 (0.5)"


def test_a_diagnosis_says_what_to_change_and_where_to_read():
    text = str(diagnose("d_too_strong"))
    assert "lower lr_d" in text
    assert "timeline('d_too_strong')" in text
    assert "notebook 3" in text
    assert "&#x27;" in diagnose("d_too_strong")._repr_html_()


def test_in_brief_is_one_line(finished):
    assert in_brief("healthy") == "healthy"
    assert in_brief("g_too_strong").startswith("D is fooled since step")


@pytest.mark.parametrize("name", VERDICTS)
def test_lessons_and_galleries_exist(name):
    advice = VERDICTS[name]
    assert not advice.alike or advice.alike in GALLERY
    book, heading = advice.lesson.removeprefix("notebook ").split(", ", 1)
    source = next(notebook_source(book))
    assert f"## {heading}" in source


def notebook_source(number):
    from pathlib import Path

    for path in (Path(__file__).parents[2] / "notebooks" / "src").glob(f"0{number}_*.py"):
        yield path.read_text()


@pytest.mark.parametrize(("r_v", "answer"), [
    ([0.1, 0.0, -0.2, 0.1, 0.2, 0.1], "healthy"),
    ([0.1, 0.3, 0.5, 0.6, 0.6, 0.7], "ill"),
    ([0.0, 0.1, 0.0, 0.1, 0.0, 0.9], "healthy"),
])  # fmt: skip
def test_overfitting_is_read_from_several_snapshots(r_v, answer):
    assert diagnose(with_held_out(r_v)).answer == answer


def test_overfitting_is_dated():
    (verdict,) = diagnose(with_held_out([0.0, 0.0, 0.6, 0.6, 0.6, 0.6]))
    assert verdict.name == "D overfits"
    assert 750 <= verdict.since <= 1250


def test_overfitting_beyond_one_is_overfitting():
    assert diagnose(with_held_out([0.6, 1.4, 2.0, 2.3, 2.3, 2.3])).answer == "ill"


def test_an_unknown_loss_is_refused(finished):
    with pytest.raises(ConfigError, match="no loss is named 'BCE'"):
        diagnose(finished[1].history, loss="BCE")


def test_a_d_that_knows_no_training_face_does_not_overfit():
    assert not diagnose(with_held_out([0.7] * 6, r_t=0.0))


def test_a_snapshot_without_overfitting_counts():
    assert diagnose(with_held_out([0.75, 0.75, 0.75, -1.0])).answer == "healthy"


def test_an_outlier_of_r_v_counts_little():
    assert diagnose(with_held_out([0.9, 0.9, 0.9, -50.0])).answer == "ill"


def run_that_shows(pictures, since=0, **settings):
    """The healthy run, with other pictures from a step on, and other settings."""
    run, own = Run.open("healthy"), Run.open("healthy")
    run.pictures = lambda step=None: pictures if (step or 2000) >= since else own.pictures(step)
    run.__dict__["config"] = run.config.replace(**settings)
    return run


def test_pictures_may_stay_where_learning_rates_fall():
    still = Run.open("healthy").pictures(2000)
    assert [verdict.name for verdict in diagnose(run_that_shows(still))] == ["nothing changes"]
    assert [verdict.name for verdict in diagnose(run_that_shows(still, lr_decay=0.5))] == ["nothing changes"]
    assert not diagnose(run_that_shows(still, since=500, lr_decay=0.5))


def test_high_rates_are_named_where_only_pictures_are_ill():
    static = random_faces(64, size=32)[:]
    assert diagnose(run_that_shows(static, since=500, lr_decay=0.5))[0].name == "noise"
    found = diagnose(run_that_shows(static, since=500, lr_decay=0.5, lr_g=0.02))
    assert [verdict.name for verdict in found] == ["learning rate too high", "noise"]
    assert "0.02; noise" in found[0].evidence
    assert found[0].since == 500


def test_a_run_without_its_last_pictures_is_examined(finished, tmp_path):
    """As one that was interrupted; those of step 105 are too early."""
    folder = shutil.copytree(finished[0], tmp_path / "run")
    (folder / "samples.png").unlink()
    (folder / "frames" / "step_000210.png").unlink()
    assert "pictures: the run has no snapshots of faces." in diagnose(folder).notes


def test_a_damaged_frame_is_noted_and_the_others_are_examined(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    frames = sorted((tmp_path / "run" / "frames").iterdir())
    frames[-1].write_bytes(b"")
    assert f"{frames[-1].name} cannot be read" in str(diagnose(tmp_path / "run", faces=random_faces(64)))
