"""Arrays, tensors, lists and torch datasets of images, in all their ranges and shapes."""

import warnings

import numpy as np
import pytest
import torch
from helpers import random_faces
from helpers.published import picture
from PIL import Image
from torch.utils.data import Dataset, Subset, TensorDataset

from facegan.data.arrays import read_images, resized
from facegan.errors import DataError

IMAGES = random_faces(6).images


class Items(Dataset):
    """A map-style data set of the given items, which counts how often each is read."""

    def __init__(self, items):
        self.items, self.read = list(items), []

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.read.append(index)
        return self.items[index]


@pytest.mark.parametrize(
    "given",
    [
        IMAGES,
        IMAGES.transpose(0, 2, 3, 1),
        torch.from_numpy(IMAGES),
        list(torch.from_numpy(IMAGES)),
        tuple(IMAGES),
        [Image.fromarray(image.transpose(1, 2, 0)) for image in IMAGES],
        TensorDataset(torch.from_numpy(IMAGES)),
        Items({"image": image} for image in IMAGES),
    ],
    ids=["array", "channels last", "tensor", "list", "tuple", "PIL", "TensorDataset", "dicts"],
)
def test_all_that_holds_images_gives_the_same_array(given):
    found = read_images(given)
    assert found.images.dtype == np.uint8
    assert np.array_equal(found.images, IMAGES)
    assert found.labels is None


def test_gray_pil_images_become_rgb():
    assert read_images([Image.new("L", (16, 16), 7)] * 2).images.mean() == 7


def test_pil_images_of_16_bits_are_scaled():
    image = Image.fromarray(np.full((16, 16), 257 * 100, np.uint16))
    assert set(read_images([image, image]).images.flat) == {100}


def test_an_array_that_fits_is_not_copied():
    assert np.shares_memory(read_images(IMAGES).images, IMAGES)


@pytest.mark.parametrize(
    "view", [IMAGES[..., ::-1], IMAGES[:, ::-1], np.frombuffer(IMAGES.tobytes(), np.uint8)]
)
def test_mirrored_and_read_only_arrays_become_tensors_without_a_warning(view):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.from_numpy(read_images(view.reshape(6, 3, 16, 16)).images)


# ---- floats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floats_from_0_to_1_are_read_as_such(dtype, capsys):
    given = torch.from_numpy(IMAGES).to(dtype) / 255
    assert np.array_equal(read_images(given).images, IMAGES)
    assert "read as [0, 1]" in capsys.readouterr().out


def test_floats_with_negatives_are_read_as_minus_1_to_1(capsys):
    given = torch.from_numpy(IMAGES).float() / 255 * 2 - 1
    assert np.array_equal(read_images(given).images, IMAGES)
    assert "read as [-1, 1]" in capsys.readouterr().out


def test_the_range_is_decided_over_the_whole_set():
    first, last = np.full((3, 16, 16), 0.5, np.float32), np.full((3, 16, 16), -1, np.float32)
    assert read_images([first, last, first]).images[:, 0, 0, 0].tolist() == [191, 0, 191]
    assert read_images([first, first]).images[:, 0, 0, 0].tolist() == [128, 128]


@pytest.mark.parametrize(("value", "said"), [(255.0, "to 255"), (np.nan, "nan"), (-1.5, "-1.5")])
def test_other_floats_are_refused_with_their_range(value, said):
    given = np.zeros((4, 3, 16, 16), np.float32)
    given[2, 1, 5, 5] = value
    with pytest.raises(DataError, match=rf"floats range from .*{said}.*, expected \[-1, 1\] or \[0, 1\]"):
        read_images(given)


def test_bfloat16_tensors_are_read():
    assert read_images(torch.ones(4, 3, 16, 16, dtype=torch.bfloat16)).images.min() == 255


def test_tensors_with_gradients_are_read():
    given = torch.ones(4, 3, 16, 16, requires_grad=True)
    assert read_images(given).images.min() == read_images(list(given)).images.min() == 255


# ---- torch datasets -----------------------------------------------------------------------------------


def test_int_labels_are_kept():
    found = read_images(TensorDataset(torch.from_numpy(IMAGES), torch.arange(6)))
    assert (found.labels.tolist(), found.labels.dtype) == ([0, 1, 2, 3, 4, 5], np.int64)


def test_labels_of_dicts_are_kept():
    assert read_images([{"image": i, "label": 7} for i in IMAGES]).labels.tolist() == [7] * 6


@pytest.mark.parametrize("label", [0.5, True, None, torch.zeros(2)])
def test_other_labels_are_dropped(label):
    assert read_images([(image, label) for image in IMAGES]).labels is None


def test_an_image_folder_keeps_its_classes(tmp_path):
    from torchvision.datasets import ImageFolder

    for index, name in enumerate("aabb"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{index}.png").write_bytes(picture((index, 0, 0)))
    found = read_images(Subset(ImageFolder(tmp_path), [1, 2, 3]))
    assert (found.classes, found.labels.tolist()) == (("a", "b"), [0, 1, 1])
    assert found.images[:, 0, 0, 0].tolist() == [1, 2, 3]


def test_each_item_is_read_once():
    given = Items(IMAGES)
    read_images(given)
    assert given.read == [0, 1, 2, 3, 4, 5]


# ---- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (IMAGES.astype(np.int64), r"int64 \(6, 3, 16, 16\), expected uint8 or float.*astype"),
        (IMAGES[..., :0], r"uint8 \(6, 3, 16, 0\), expected"),
        ([IMAGES[0, :, :0]] * 2, r"image 0 is uint8 \(1, 3, 0, 16\), expected"),
        (IMAGES[:, :1], r"uint8 \(6, 1, 16, 16\), expected .*gray"),
        (IMAGES[0], r"uint8 \(3, 16, 16\), expected"),
        (IMAGES[:1], "usable images: 1,"),
        ([], "usable images: 0,"),
        (["a.png", "b.png"], "image 0 is a str, expected an array"),
        ([IMAGES[0], IMAGES[1][:, :8]], r"image 1 is uint8 \(3, 8, 16\), expected uint8 \(3, 16, 16\)"),
        ([IMAGES[0], IMAGES[1].astype(np.float32)], "image 1 is float32"),
        ([IMAGES[0, 0], IMAGES[1, 0]], r"image 0 is uint8 \(16, 16\), expected \(3, H, W\)"),
        (torch.zeros(2, 3, 16, 16).to_sparse(), "sparse_coo torch.float32 tensor .* dense"),
        (Items, "the images are a type, expected an array"),
        ([{"picture": 1}, {"picture": 2}], "a dict with 'picture', expected a key 'image'"),
    ],
)  # fmt: skip
def test_what_are_no_images_is_refused(given, message):
    with pytest.raises(DataError, match=message):
        read_images(given)


def test_an_item_that_cannot_be_read_is_named():
    class Broken(torch.utils.data.Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            if index == 2:
                raise OSError("no such file")
            return torch.zeros(3, 4, 4)

    with pytest.raises(DataError, match=r"item 2 of .* \(OSError: no such file\)"):
        read_images(Broken())


def test_more_than_a_chunk_of_images_keep_their_order_when_converted_and_resized():
    bytes_ = np.random.default_rng(0).integers(0, 256, (1001, 3, 8, 8), dtype=np.uint8)
    assert np.array_equal(read_images((bytes_ / 127.5 - 1).astype(np.float32)).images, bytes_)
    small = np.concatenate(list(resized(bytes_, 4)))
    assert np.array_equal(small[[0, 500, 1000]], np.concatenate(list(resized(bytes_[[0, 500, 1000]], 4))))
    assert len(small) == 1001
