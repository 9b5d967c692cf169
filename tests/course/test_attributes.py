"""Smiles, read from generated faces."""

import pytest
import torch

from facegan import data, load_faces, load_generator
from facegan.course.attributes import smiles
from facegan.errors import ConfigError
from facegan.images import to_float


def photograph(mouth):
    """Grey images of 64 pixels whose mouth, as `celeba-128` frames it, has this brightness."""
    image = torch.zeros(1, 3, 64, 64)
    image[:, :, 46:51, 27:38] = mouth
    return image


class Photographer(torch.nn.Module):
    def __init__(self, crop):
        super().__init__()
        self.trained_on = {"crop": crop}


def test_bright_teeth_are_a_smile_in_photographs():
    generator = Photographer("celeba-128")
    assert smiles(generator, photograph(0.8)) > smiles(generator, photograph(0.1))


def test_the_crop_says_where_the_mouth_is():
    image = photograph(0.8)  # where celeba-108 has the cheeks
    assert smiles(Photographer("celeba-128"), image) > 0 > smiles(Photographer("celeba-108"), image)


def test_drawn_smiles_are_read_by_their_attribute(monkeypatch):
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 600)
    faces = load_faces("synthetic")
    read = smiles(load_generator("synthetic"), to_float(faces[:300]))
    truth = torch.tensor(faces.attributes["smile"][:300]).float()
    assert torch.corrcoef(torch.stack([read, truth]))[0, 1] > 0.5


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 1, 64, 64), (2, 3, 16, 16), (2, 3, 64, 32)])
def test_other_images_are_refused(shape):
    with pytest.raises(ConfigError, match=r"expected \(N, 3, S, S\)"):
        smiles(Photographer("celeba-128"), torch.zeros(shape))
