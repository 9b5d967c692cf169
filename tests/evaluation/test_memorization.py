"""Does a generator copy its training faces?"""

import pytest
import torch
from helpers import make_gan, random_faces

from facegan import FaceDataset, Run, fit, synthetic_faces
from facegan.errors import ConfigError
from facegan.evaluation import CopyDetector, CopyScore, copies_picture, copy_scores, first_copies

SCORE = CopyScore(share=0.9, expected=0.5, limit=0.6, distance=0.4, reference=1.0)


@pytest.fixture(scope="module")
def drawn():
    """Training, held-out and new faces, of one kind."""
    images = synthetic_faces(500, size=16, seed=0)[0]
    return FaceDataset(images[:150], "a"), FaceDataset(images[150:300], "b"), torch.from_numpy(images[300:])


@pytest.fixture(scope="module", params=[True, False], ids=["held out", "alone"])
def detector(request, drawn):
    return CopyDetector(drawn[0], drawn[1] if request.param else None)


def copies(drawn, noise=10):
    """Training faces, each with a little noise."""
    noisy = drawn[0][:].float() + noise * torch.randn(150, 3, 16, 16)
    return noisy.clamp(0, 255).to(torch.uint8)


def test_new_faces_are_no_copies(detector, drawn):
    score = detector.score(drawn[2])
    assert not score.copies
    assert score.share == pytest.approx(score.expected, abs=0.12)
    assert score.distance == pytest.approx(score.reference, rel=0.2)


def test_copies_are_found(detector, drawn):
    score = detector.score(copies(drawn))
    assert score.copies
    assert score.share > 0.9
    assert score.distance < 0.5 * score.reference


def test_some_copies_are_enough(detector, drawn):
    assert detector.score(torch.cat([drawn[2], copies(drawn)])).copies


def test_photographs_that_are_there_twice_hide_no_copies(drawn):
    twice = FaceDataset(drawn[0].images.repeat(2, axis=0), "twice")
    assert CopyDetector(twice).score(copies(drawn)).copies


def test_many_fakes_near_one_face_are_chance_and_not_copies(drawn):
    """Which of two sets has the face that a collapsed generator is nearest to is one toss of a coin."""
    detector = CopyDetector(*drawn[:2])
    score = detector.score(copies(drawn)[:1].expand(150, -1, -1, -1))
    assert score.share == 1
    assert score.limit == 1
    assert not score.copies


def test_held_out_faces_seen_as_training_faces_score_below_one_half(drawn):
    assert CopyDetector(drawn[1], drawn[0]).score(copies(drawn)).share < 0.1


@pytest.mark.parametrize("held_out", [True, False])
def test_mirrored_copies_count_where_flips_were_on(drawn, held_out):
    others = drawn[1] if held_out else None
    mirrored = copies(drawn).flip(-1)
    with_flips, without = (CopyDetector(drawn[0], others, flip=f).score(mirrored) for f in (True, False))
    assert with_flips.copies
    assert with_flips.distance < without.distance


def test_sets_of_different_sizes_are_compared_at_the_smaller_one(drawn):
    few = FaceDataset(drawn[1].images[:60], "few")
    for sets in ((drawn[0], few), (few, drawn[0])):
        detector = CopyDetector(*sets)
        assert detector.count == 60
        assert not detector.score(drawn[2]).copies


def test_the_nearest_training_face_is_found_as_it_was_seen(drawn):
    detector = CopyDetector(drawn[0], flip=True)
    faces, distances = detector.nearest(copies(drawn, noise=0).flip(-1)[:10])
    assert torch.equal(faces, drawn[0][:10].flip(-1))
    assert distances.max() < 1e-3


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((60,), "got 60 training faces, expected 100 .* hold some out: 50 of each"),
        ((60, 20), "got 60 training and 20 held-out faces, expected 50 of each kind.* Add photographs"),
    ],
)
def test_too_few_faces_are_refused(drawn, sizes, message):
    sets = [FaceDataset(faces.images[:n], "few") for faces, n in zip(drawn[:2], sizes, strict=False)]
    with pytest.raises(ConfigError, match=message):
        CopyDetector(*sets)


def test_faces_in_both_sets_are_refused(drawn):
    with pytest.raises(ConfigError, match="150 of 150 held-out faces are also training faces"):
        CopyDetector(drawn[0], drawn[0])


def test_other_arguments_are_named(drawn):
    with pytest.raises(ConfigError, match="held_out is a Tensor, expected a FaceDataset"):
        CopyDetector(drawn[0], drawn[2])
    with pytest.raises(ConfigError, match="different sizes"):
        CopyDetector(drawn[0], random_faces(150, size=32))
    with pytest.raises(ConfigError, match="the run is 'run', expected what Run"):
        copy_scores("run", CopyDetector(drawn[0]))


def test_every_kept_generator_of_a_run_is_scored(faces, drawn, tmp_path):
    fit(make_gan(), faces, steps=4, snapshot_every=2, run_dir=tmp_path)
    seen = []
    scores = copy_scores(Run.open(tmp_path), CopyDetector(drawn[0]), n=100, on_step=seen.append)
    assert list(scores) == seen == [0, 2, 4]
    with pytest.raises(ConfigError, match="n is 50, expected 100 fakes or more"):
        copy_scores(Run.open(tmp_path), CopyDetector(drawn[0]), n=50)


def test_copying_begins_at_the_first_step_over_the_limit():
    fine = CopyScore(0.55, 0.5, 0.6, 1.0, 1.0)
    assert first_copies({0: fine, 500: SCORE, 1000: fine, 1500: SCORE}) == 500
    assert first_copies({0: fine}) is None


def test_the_picture_shows_pairs_the_nearest_first(drawn):
    fakes = torch.cat([drawn[2], drawn[0][:2]])
    picture = copies_picture(fakes, CopyDetector(drawn[0]), pairs=4, columns=2)
    assert picture.dtype == torch.uint8
    fake, face = picture[:, 4:68, 4:68], picture[:, 4:68, 70:134]  # 16 px, shown at 64
    assert torch.equal(fake, face), "a copy of a training face comes first"


def test_a_score_whose_limit_is_near_one_decides_nothing():
    assert not CopyScore(share=1.0, expected=0.5, limit=1.0, distance=0.1, reference=0.9).decides
    assert CopyScore(share=0.5, expected=0.5, limit=0.6, distance=0.9, reference=0.9).decides
