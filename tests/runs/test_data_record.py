"""Records of data sets: which are the same, and which compare."""

import pytest

from facegan.runs.data_record import comparison_warning, differences

CELEBA = {"name": "celeba", "count": 32600, "crop": "celeba-108", "fingerprint": "a" * 16}


@pytest.mark.parametrize("change", [{"count": 3}, {"crop": "celeba-178"}, {"fingerprint": "b" * 16}])
def test_other_contents_are_other_data(change):
    old, new = differences(CELEBA, CELEBA | change)["data"]
    assert old == "celeba, 32,600 faces, crop celeba-108, fingerprint aaaaaaaaaaaaaaaa"
    assert old != new


@pytest.mark.parametrize("change", [{"name": "moved"}, {"crop": None}, {"fingerprint": None}])
def test_a_name_and_what_is_unknown_make_no_difference(change):
    assert not differences(CELEBA, CELEBA | change)


@pytest.mark.parametrize(
    ("a", "b", "warning"),
    [
        ("celeba-108", "celeba-178", "The crops differ"),
        ("celeba-128", "face", ""),
        ("celeba-108", "face", "The crops differ"),
        ("celeba-108", None, ""),
    ],
)
def test_faces_that_were_found_compare_with_the_crop_that_they_are_framed_like(a, b, warning):
    said = comparison_warning(CELEBA | {"crop": a}, CELEBA | {"crop": b})
    assert said.startswith(warning)
    assert bool(said) == bool(warning)


def test_found_faces_are_still_other_data_for_a_resumed_run():
    assert differences(CELEBA | {"crop": "celeba-128"}, CELEBA | {"crop": "face"})
