"""Facts of written questions: the right values, and how a student's value is compared with them."""

import pytest
import torch

import facegan as fg
from facegan.course import facts, individual, kept, record
from facegan.course.checks.evidence import FITS
from facegan.course.facts import CannotCheck, Fact, compare
from facegan.course.questions import questions
from facegan.errors import ConfigError

pytestmark = pytest.mark.usefixtures("answers")
NUMBER = Fact("size", "the size", lambda: (10.0, "the run"), within=0.5, relative=0.1)
NAME = Fact("failure", "the name", lambda: ("mode collapse", "the patient"))


@pytest.mark.parametrize("value", [10, 9, 11.0, torch.tensor(10.2)])
def test_a_number_within_the_tolerance_agrees(value):
    assert compare(NUMBER, value).status == "agrees"


def test_a_number_beyond_the_tolerance_differs_and_the_right_one_is_not_told():
    found = compare(NUMBER, 8.9)
    assert found.status == "differs"
    assert "the run within 1" in found.said
    assert "10" not in found.said


@pytest.mark.parametrize("value", [None, ""])
def test_a_value_may_be_missing(value):
    assert compare(NUMBER, value).status == "missing"


@pytest.mark.parametrize("value", [torch.zeros(2), [1], "10", float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ConfigError, match="size is"):
        compare(NUMBER, value)


def test_a_name_is_compared_by_its_letters():
    assert compare(NAME, "Mode-Collapse").status == "agrees"
    assert compare(NAME, "noise").status == "differs"


def test_a_name_that_is_not_in_the_table_is_answered_with_the_table():
    assert "is not one of numerical failure" in compare(NAME, "broken").said


def test_a_number_in_place_of_a_name_is_refused():
    with pytest.raises(ConfigError, match="expected text"):
        compare(NAME, 3)


def test_every_fact_has_a_right_value_of_a_kind_that_can_be_stored(monkeypatch, faces):
    monkeypatch.setattr(facts, "faces", faces)
    found = [q.fact for q in questions().values() if q.fact and q.name != "curves"]
    assert len(found) == 6
    for fact in found:
        value, source = fact.find()
        assert type(value) in (float, str), fact.name
        assert compare(fact, value).status == "agrees"
        assert source


def test_brightness_is_of_the_faces_that_the_notebook_loaded(monkeypatch, faces):
    with pytest.raises(CannotCheck, match="no faces are loaded"):
        facts.brightness()
    monkeypatch.setattr(facts, "faces", faces)
    assert facts.brightness()[0] == pytest.approx(faces.images[:32].mean(), abs=1e-3)


def test_parameters_are_of_the_students_generator(monkeypatch):
    assert facts.parameters()[1].startswith("the library's generator")
    monkeypatch.setitem(kept.given, "generator", lambda latent_dim, width: torch.nn.Linear(latent_dim, width))
    assert facts.parameters() == (100 * 32 + 32, "your generator")


def test_the_loss_at_the_end_is_read_from_the_students_run(config):
    with pytest.raises(CannotCheck, match="no run yet"):
        facts.loss_at_end()
    gan = fg.GAN(config, device="cpu")
    fg.fit(gan, fg.synthetic_faces(16, 16)[0], steps=3, run_dir=kept.folder.parent / "first")
    value, source = facts.loss_at_end()
    assert value == pytest.approx(sum(gan.history["loss_d"]) / 3)
    assert source.endswith("first")


def test_without_a_folder_of_runs_the_loss_cannot_be_checked(monkeypatch):
    monkeypatch.setattr(kept, "folder", None)
    with pytest.raises(CannotCheck, match="no run yet"):
        facts.loss_at_end()


def test_the_difference_is_what_the_notebooks_cell_computes():
    record.put("student", "id", "ada")
    mine = individual.attribute()
    low = mine.faces[mine.values < mine.values.quantile(0.3)].float().mean(0)
    high = mine.faces[mine.values > mine.values.quantile(0.7)].float().mean(0)
    assert facts.difference()[0] == pytest.approx((high - low).mean().item(), abs=1e-3)


def test_the_failure_is_that_of_the_students_patient():
    record.put("student", "id", "ada")
    assert facts.failure()[0] == FITS[individual.patient_number()][0]


def test_half_way_is_as_in_the_notebook():
    assert 7.0 < facts.middle()[0] < 7.15


def test_the_modulus_is_that_of_two_imaginary_eigenvalues():
    assert facts.modulus()[0] == pytest.approx((1 + 0.4**2 / 4) ** 0.5)


def test_counting_parameters_leaves_random_numbers_as_they_are():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    facts.parameters()
    assert torch.rand(1) == expected
