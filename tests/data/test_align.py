"""Finding faces in photographs and framing them as CelebA does."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from facegan import load_faces, synthetic_faces
from facegan.data.align import face_crop, square_around
from facegan.data.archives import Photos
from facegan.data.decode import NoFace, decode
from facegan.errors import DataError

REAL_FACES = os.environ.get("FACEGAN_TEST_FACES")
GRAY = (90, 110, 100)


@pytest.fixture(scope="module")
def crop():
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    return (face_crop() or pytest.skip("this OpenCV has no cascade")).box


@pytest.fixture
def photographs(tmp_path):
    """Three photographs with a drawn face on the right, and one of a wall."""
    folder = tmp_path / "photos"
    folder.mkdir()
    images, _ = synthetic_faces(8, size=128, seed=0)
    for index in (1, 2, 5):  # faces that the detector finds
        photograph(images[index], at=(380, 120)).save(folder / f"face{index}.png")
    Image.new("RGB", (640, 480), GRAY).save(folder / "wall.png")
    return folder


def photograph(face, at, side=200):
    wall = Image.new("RGB", (640, 480), GRAY)
    wall.paste(Image.fromarray(face.transpose(1, 2, 0)).resize((side, side), Image.Resampling.LANCZOS), at)
    return wall


def test_the_crop_surrounds_the_face(crop):
    images, _ = synthetic_faces(8, size=128, seed=0)
    left, top, right, bottom = crop(photograph(images[1], at=(380, 120)))
    assert right - left == bottom - top
    assert left < 480 - 30 < 480 + 30 < right  # the face's middle and what is around it
    assert top < 220 - 30 < 220 + 30 < bottom


def test_the_largest_of_several_faces_counts(crop):
    images, _ = synthetic_faces(8, size=128, seed=0)
    wall = photograph(images[2], at=(20, 20), side=120)
    wall.paste(photograph(images[1], at=(0, 0), side=300).crop((0, 0, 300, 300)), (320, 150))
    left, *_ = crop(wall)
    assert left > 300


def test_a_wall_has_no_face(crop):
    with pytest.raises(NoFace, match="no face found"):
        crop(Image.new("RGB", (640, 480), GRAY))


def test_photographs_without_a_face_are_skipped_and_named_without_ending_the_load(crop, photographs):
    with pytest.warns(UserWarning, match=r"1 images of photos skipped: wall\.png: no face found"):
        faces = load_faces(photographs, 32, align="face")
    assert (len(faces), faces.skipped) == (3, ("wall.png: no face found",))
    assert faces.crop == "face"
    centers = load_faces(photographs, 32)
    assert len(centers) == 4  # the two kinds have caches of their own
    border = faces[:][:, :, 12:20, 12:20].float().std()
    assert border > centers[:][:, :, 12:20, 12:20].float().std()


def test_without_a_detector_centers_are_kept_with_a_warning(photographs, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.warns(UserWarning, match=r"no face detector.*pip install 'facegan\[align\]'"):
        faces = load_faces(photographs, 32, align="face")
    assert np.array_equal(faces.images, load_faces(photographs, 32).images)
    assert faces.crop == "center"


def test_an_opencv_without_cascades_is_as_good_as_none(monkeypatch):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    monkeypatch.delattr(cv2, "CascadeClassifier", raising=False)  # as in OpenCV 5
    assert face_crop() is None


def test_another_word_for_align_is_refused(photographs):
    with pytest.raises(DataError, match="align is 'faces', expected 'center' or 'face'"):
        load_faces(photographs, 32, align="faces")


@pytest.mark.parametrize(
    ("box", "size", "square"),
    [
        ((100, 100, 79.3), (400, 300), (89, 87, 189, 187)),  # 100 wide, the face a little above its middle
        ((0, 0, 79.3), (400, 300), (0, 0, 100, 100)),  # moved inside
        ((320, 220, 79.3), (400, 300), (300, 200, 400, 300)),
        ((20, 10, 79.3), (400, 90), (14, 0, 104, 90)),  # cut to what there is
    ],
)
def test_squares_stay_inside_the_image(box, size, square):
    assert square_around(*box, size) == square


@pytest.mark.skipif(not REAL_FACES, reason="FACEGAN_TEST_FACES names no zip of real faces")
def test_real_faces_are_framed_as_they_were(crop, tmp_path):
    """A CelebA face pasted into a photograph is cut out again within a tenth of its side."""
    (tmp_path / "faces.zip").symlink_to(os.path.abspath(REAL_FACES))
    off = []
    with Photos(tmp_path / "faces.zip") as photos:
        for name in photos.names[::1000]:
            wall = photograph(decode(photos.read(name), 64), at=(300, 150), side=256)
            try:
                off.append(np.subtract(crop(wall), (300, 150, 556, 406)))
            except NoFace:
                continue
    assert len(off) >= 10
    assert np.abs(np.median(off, axis=0)).max() < 26
