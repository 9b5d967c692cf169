"""What a widget shows, as bytes and pictures."""

import io

import torch
from PIL import Image

from facegan.images import png_bytes


def pixels(panel, image=0):
    panel.wait()
    return bytes(panel.images[image].value)


def changes(panel, act, image=0):
    before = pixels(panel, image)
    act()
    assert pixels(panel, image) != before


def decoded(data):
    return torch.tensor(list(Image.open(io.BytesIO(data)).convert("RGB").tobytes()))


def same_picture(data, picture):
    return torch.equal(decoded(data), decoded(png_bytes(picture)))
