"""Finding faces in photographs and framing them as CelebA does."""

import os
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facegan import load_faces, synthetic_faces
from facegan.data import align, load
from facegan.data.align import MODEL, face_crop
from facegan.data.archives import Photos
from facegan.data.decode import NoFace, decode
from facegan.errors import DataError

REAL_FACES = os.environ.get("FACEGAN_TEST_FACES")
GRAY = (90, 110, 100)


@pytest.fixture(scope="module")
def crop():
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    return face_crop() or pytest.skip("this OpenCV has no FaceDetectorYN")


@pytest.fixture(scope="module")
def drawn():
    """Eight drawn faces, PIL images of 128 px that they fill."""
    images, _ = synthetic_faces(8, size=128, seed=0)
    return [Image.fromarray(image.transpose(1, 2, 0)) for image in images]


@pytest.fixture
def photographs(tmp_path, drawn):
    """Three photographs with a drawn face on the right, and one of a wall."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in (1, 2, 5):
        photograph(drawn[index], at=(380, 120)).save(folder / f"face{index}.png")
    Image.new("RGB", (640, 480), GRAY).save(folder / "wall.png")
    return folder


def photograph(face, at, side=200, size=(640, 480)):
    wall = Image.new("RGB", size, GRAY)
    wall.paste(face.resize((side, side), Image.Resampling.LANCZOS), at)
    return wall


def pixels(crop, photo):
    """The face of a photograph, (32, 32, 3)."""
    return np.asarray(crop.cut(photo, 32).resize((32, 32), Image.Resampling.LANCZOS)).astype(float)


def difference(a, b):
    """Mean absolute difference of the faces' middles, in gray levels."""
    return np.abs(a - b)[6:-6, 6:-6].mean()


def test_a_face_looks_alike_wherever_it_is_and_however_large(crop, drawn):
    near = pixels(crop, photograph(drawn[1], at=(300, 60), side=320))
    far = pixels(crop, photograph(drawn[1], at=(40, 200), side=160))
    other = pixels(crop, photograph(drawn[2], at=(40, 200), side=160))
    assert difference(near, far) < difference(near, other) / 2


def test_a_tilted_face_is_turned_upright(crop, drawn):
    photo = photograph(drawn[1], at=(220, 120))
    tilted = photo.rotate(25, Image.Resampling.BICUBIC, center=(320, 220), fillcolor=GRAY)
    upright = pixels(crop, photo)
    box = (220, 120, 420, 320)
    level = np.asarray(photo.crop(box).resize((32, 32))), np.asarray(tilted.crop(box).resize((32, 32)))
    unturned = difference(*(image.astype(float) for image in level))
    assert difference(pixels(crop, tilted), upright) < unturned / 2


def test_the_largest_of_several_faces_counts(crop, drawn):
    both = photograph(drawn[2], at=(20, 20), side=120)
    both.paste(drawn[1].resize((300, 300), Image.Resampling.LANCZOS), (320, 150))
    alone = photograph(drawn[1], at=(320, 150), side=300)
    assert difference(pixels(crop, both), pixels(crop, alone)) < 5


@pytest.mark.parametrize("index", range(8))
def test_a_face_that_fills_the_picture_is_found(crop, drawn, index):
    assert pixels(crop, drawn[index]).std() > 10


def test_beyond_the_edge_its_pixels_are_repeated(crop, drawn):
    whole = photograph(drawn[1], at=(420, 120))
    cut = whole.crop((0, 0, 565, 480))  # the frame reaches 16 of its 146 pixels further
    face = pixels(crop, cut)
    other = pixels(crop, photograph(drawn[2], at=(420, 120)))
    assert difference(face, pixels(crop, whole)) < difference(face, other) / 2  # the face is where it was
    assert np.abs(face[:, -1] - face[:, -2]).max() < 3  # its last columns are alike, and none is black
    assert face[:, -1].mean() > 50


@pytest.mark.parametrize("size", [(640, 480), (1, 1), (3, 2000), (31, 17)])
def test_a_wall_has_no_face(crop, size):
    with pytest.raises(NoFace, match="no face found"):
        crop.cut(Image.new("RGB", size, GRAY), 64)


@pytest.mark.parametrize(
    "part",
    [(0, 80, 128, 128), (40, 84, 88, 110), (0, 0, 128, 56), (0, 0, 58, 128), (0, 0, 128, 84)],
    ids=["chin and mouth", "mouth", "eyes and hair", "left half", "without mouth"],
)
@pytest.mark.parametrize("index", [1, 2, 5])
def test_a_part_of_a_face_is_refused(crop, drawn, index, part):
    closeup = drawn[index].crop(part)
    with pytest.raises(NoFace, match=r"no face found|cut off by the edge"):
        crop.cut(closeup.resize((closeup.width * 4, closeup.height * 4)), 64)


def test_a_face_that_would_be_a_blur_is_refused(crop, drawn):
    photo = photograph(drawn[1], at=(380, 120), side=100)
    assert crop.cut(photo, 128)
    with pytest.raises(NoFace, match="too small"):
        crop.cut(photo, 512)


def test_photographs_without_a_face_are_skipped_and_named_without_ending_the_load(crop, photographs):
    with pytest.warns(UserWarning, match=r"1 of 4 images .*wall\.png: no face"):
        faces = load_faces(photographs, 32, align="face")
    assert (len(faces), faces.skipped) == (3, ("wall.png: no face found",))
    assert faces.crop == "face"
    centers = load_faces(photographs, 32)
    assert len(centers) == 4  # the two kinds have caches of their own
    border = faces[:][:, :, 12:20, 12:20].float().std()
    assert border > centers[:][:, :, 12:20, 12:20].float().std()


def test_when_many_are_skipped_the_warning_says_why_and_what_to_do(crop, photographs, drawn):
    for index in range(4):
        drawn[index].crop((0, 0, 128, 84)).save(photographs / f"half{index}.png")
    with pytest.warns(UserWarning, match="were skipped") as caught:
        load_faces(photographs, 32, align="face")
    text = str(caught[0].message)
    assert "5 of 8 images" in text
    assert "4 the face is cut off by the edge, 1 no face found. The first: half0.png: the face" in text
    assert "align='center'" in text
    assert "facegan data preview" in text


def test_other_alignment_gets_caches_of_its_own_and_leaves_those_of_centers(crop, photographs, monkeypatch):
    for image in list(photographs.glob("wall*")):
        image.unlink()
    center, face = load_faces(photographs, 32).images, load_faces(photographs, 32, align="face").images
    names = {path.name for path in photographs.parent.glob("data/*.npy")}
    monkeypatch.setattr(load, "face_crop", lambda: replace(face_crop(), version=99))
    load_faces(photographs, 32, align="face")
    load_faces(photographs, 32)
    now = {path.name for path in photographs.parent.glob("data/*.npy")}
    assert len(names) == len(now) == 2
    assert {name for name in names & now if "-center-" in name}
    assert not {name for name in names & now if "-face-" in name}
    assert center.shape == face.shape


def test_without_a_detector_centers_are_kept_with_a_warning(photographs, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.warns(UserWarning, match=r"no face detector.*pip install 'facegan\[align\]'"):
        faces = load_faces(photographs, 32, align="face")
    assert np.array_equal(faces.images, load_faces(photographs, 32).images)
    assert faces.crop == "center"


def test_an_opencv_without_the_detector_is_as_good_as_none(monkeypatch):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    monkeypatch.delattr(cv2, "FaceDetectorYN")
    assert face_crop() is None


def test_a_changed_detector_file_is_refused(crop, tmp_path, monkeypatch):
    altered = bytearray(MODEL.read_bytes())
    altered[len(altered) // 2] ^= 1
    monkeypatch.setattr(align, "MODEL", tmp_path / "altered.onnx")
    align.MODEL.write_bytes(altered)
    with pytest.raises(DataError, match=r"altered\.onnx is missing or damaged"):
        face_crop()


def test_another_word_for_align_is_refused(photographs):
    with pytest.raises(DataError, match="align is 'faces', expected 'center' or 'face'"):
        load_faces(photographs, 32, align="faces")


@pytest.mark.skipif(not REAL_FACES, reason="FACEGAN_TEST_FACES names no zip of real faces")
def test_real_faces_are_framed_as_they_were(crop, tmp_path):
    """Of 65 CelebA faces that fill their picture nearly all are found, and cut as they were."""
    (tmp_path / "faces.zip").symlink_to(os.path.abspath(REAL_FACES))
    before, after = [], []
    with Photos(tmp_path / "faces.zip") as photos:
        for data in map(photos.read, photos.names[::200]):
            try:
                after.append(decode(data, 64, crop))
            except NoFace:
                continue
            before.append(decode(data, 64))
    assert len(after) >= 63
    mean, aligned = (np.mean(images, axis=0) for images in (before, after))
    assert np.abs(mean - aligned).mean() < 5  # eyes and mouth stay where they were


def test_a_folder_without_any_face_says_so(crop, tmp_path):
    for name in "ab":
        Image.new("RGB", (200, 200), GRAY).save(tmp_path / f"{name}.png")
    with (
        pytest.warns(UserWarning, match="no face found"),
        pytest.raises(DataError, match="no face was found in any"),
    ):
        load_faces(tmp_path, 32, align="face")


def test_broken_files_and_faceless_ones_are_named_as_what_they_are(crop, tmp_path):
    for name in "abc":
        Image.new("RGB", (200, 200), GRAY).save(tmp_path / f"{name}.png")
    (tmp_path / "z.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="skipped"), pytest.raises(DataError) as refused:
        load_faces(tmp_path, 32, align="face")
    said = str(refused.value)
    assert (
        "No face was found in 3 of 4 photographs (a.png: no face found; b.png: no face found; c.png: no"
        in said
    )
    assert "1 cannot be read (z.png: empty file)." in said


def test_faceless_photographs_are_counted_where_too_many_are_broken(crop, tmp_path):
    Image.new("RGB", (200, 200), GRAY).save(tmp_path / "wall.png")
    (tmp_path / "zcut.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"zcut\.png: empty file.*In 1 of the others, no face was found"):
        load_faces(tmp_path, 32, align="face")


def test_only_unreadable_files_are_named_when_there_are_too_many(crop, tmp_path):
    Image.new("RGB", (200, 200), GRAY).save(tmp_path / "wall.png")
    (tmp_path / "zcut.png").write_bytes((tmp_path / "wall.png").read_bytes()[:40])
    with pytest.raises(DataError, match=r"1 or more of 2 images.*: zcut\.png") as error:
        load_faces(tmp_path, 32, align="face")
    assert "wall.png" not in str(error.value)
