"""The patients of notebook 6: they keep their names to themselves, and are runs like others."""

import numpy as np
import pytest
import torch

import facegan as fg
from facegan.course import individual, solutions
from facegan.course.checks.evidence import FITS
from facegan.course.clinic import charts, patient
from facegan.errors import ConfigError
from facegan.images import to_float

NUMBERS = range(1, 7)
PATIENTS = {number: patient(number) for number in NUMBERS}


@pytest.mark.parametrize("number", range(7))
def test_a_patient_does_not_tell_its_name(number):
    shown = f"{patient(number)!r} {patient(number)} {patient(number).name}"
    assert str(number) in shown
    assert not [name for name in fg.pretrained.GALLERY if name in shown]


def test_every_patient_is_another_failure_and_0_is_healthy():
    losses = {number: tuple(patient(number).history["loss_d"]) for number in range(7)}
    assert len(set(losses.values())) == 7
    assert losses[0] == tuple(fg.Run.open("healthy").history["loss_d"])


@pytest.mark.parametrize("number", NUMBERS)
def test_curves_are_arrays_of_all_steps_and_copies(number):
    run = PATIENTS[number]
    assert {"step", "loss_d", "loss_g", "d_real", "d_fake", "grad_norm_d", "grad_norm_g"} <= run.curves.keys()
    assert {array.shape for array in run.curves.values()} == {(len(run.history["step"]),)}
    run.curves["d_real"][:] = -1
    assert run.curves["d_real"].min() >= 0


def test_pictures_and_real_faces_have_one_form():
    run = PATIENTS[5]
    pictures = run.pictures(run.steps[-1])
    assert pictures.shape == run.faces.shape == (64, 3, 32, 32)
    assert pictures.dtype == run.faces.dtype == torch.uint8
    assert torch.equal(run.faces, run.faces)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_doctor_examines_a_patient(number):
    found = fg.diagnose(PATIENTS[number])
    assert found.answer == "ill"
    assert FITS[number][0] in {verdict.name for verdict in found}


@pytest.mark.parametrize("number", [-1, 7, True, "d_too_strong", 1.0])
def test_another_number_is_refused(number):
    with pytest.raises(ConfigError, match="expected a number from 1 to 6"):
        patient(number)


def evidence(number, of):
    """The reference solution's numbers for the run of another patient."""
    run = patient(of)
    if number == 5:
        given = to_float(run.pictures(run.steps[-1])), to_float(run.faces)
    else:
        given = (run.curves, patient(0).curves) if number == 4 else (run.curves,)
    return getattr(solutions, f"patient_{number}")(*given)[1:]


def test_each_number_tells_its_patient_from_a_healthy_run():
    assert evidence(1, 1)[0] > 0.99 > 0.7 > evidence(1, 0)[0]
    assert evidence(2, 2)[0] < 0.05 < 0.2 < evidence(2, 0)[0]
    assert evidence(3, 3)[0] > 0.9 > 0.1 > evidence(3, 0)[0]
    assert evidence(4, 4)[0] > 3 > evidence(4, 0)[0] == 1
    assert evidence(5, 5)[0] < 0.3 < 0.8 < evidence(5, 0)[0]


def test_numbers_tell_patients_with_similar_curves_apart():
    assert evidence(2, 1)[0] > 100  # D has won in both
    assert evidence(3, 5)[0] < 0.5  # D prefers fakes for a while in both
    assert evidence(5, 6)[0] > 0.8
    assert max(evidence(4, number)[0] for number in (1, 3, 5, 6)) < 3


@pytest.mark.parametrize("number", NUMBERS)
def test_the_names_of_the_exercises_are_the_doctors(number):
    name, near = FITS[number]
    assert {name, *near} <= fg.doctor.VERDICTS.keys()
    assert name not in near


@pytest.mark.usefixtures("answers")
def test_my_patient_is_one_of_the_six_and_does_not_tell_which():
    fg.student("ada")
    mine = patient("mine")
    losses = [tuple(PATIENTS[number].history["loss_d"]) for number in NUMBERS]
    assert losses.index(tuple(mine.history["loss_d"])) + 1 == individual.patient_number()
    assert mine.name == "patient mine"
    assert repr(mine).startswith("Patient mine: ")
    assert mine.plot().axes[0].get_ylabel() == "patient mine"


@pytest.mark.usefixtures("answers")
def test_there_is_a_patient_without_an_id():
    assert patient("mine").steps


def test_charts_have_a_row_for_each_run_and_say_so():
    figure = charts(patient=PATIENTS[2], dict_of_curves=PATIENTS[1].curves, other=patient(0).history)
    assert len(figure.axes) == 9
    assert [ax.get_ylabel() for ax in figure.axes[::3]] == ["patient", "dict of curves", "other"]
    _, metadata = figure._repr_mimebundle_()
    assert metadata["image/png"]["alt"].endswith("loss; rows: patient, dict of curves, other")


def test_charts_of_gans_have_fakes(small_gan):
    figure = charts(one=small_gan, two=small_gan)
    assert len(figure.axes) == 6
    assert [len(ax.images) for ax in figure.axes] == [0, 0, 1] * 2
    assert [len(ax.lines) for ax in figure.axes] == [2, 2, 0] * 2


@pytest.fixture
def small_gan():
    gan = fg.GAN(fg.TrainConfig(image_size=16, width=4, latent_dim=4, batch_size=4), device="cpu")
    fg.fit(gan, fg.synthetic_faces(8, 16)[0], steps=3)
    return gan


def test_a_gradient_of_zero_is_drawn():
    curves = PATIENTS[1].curves
    curves["grad_norm_g"][10] = 0
    line = charts(run=curves).axes[1].lines[-1]
    assert np.isfinite(line.get_ydata()).all()


def test_an_empty_history_is_refused():
    with pytest.raises(ConfigError, match="missing or empty"):
        charts(run={"loss_d": []})
    with pytest.raises(ConfigError, match="missing or empty"):
        charts()


def test_a_patients_figures_are_of_all_its_snapshots_but_the_first():
    _, metadata = PATIENTS[3].show()._repr_mimebundle_()
    rows = "; rows: step 200, step 500, step 700, step 1,200, real faces"
    assert metadata["image/png"]["alt"].endswith(rows)
    assert len(PATIENTS[3].plot(healthy=patient(0)).axes) == 6
