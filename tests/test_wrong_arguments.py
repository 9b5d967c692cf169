"""Another kind of thing than expected, most often two arguments swapped: what was given, and what is expected."""

import numpy as np
import pytest
import torch
from helpers import TINY, make_gan, random_faces
from PIL import Image

import facegan as fg

GAN, FACES, CONFIG = make_gan(), random_faces(40), fg.TrainConfig(**TINY)
REAL = torch.zeros(8, 3, 16, 16)
HISTORY = ("loss_d", "loss_g", "d_real", "d_fake")

CALLS = {
    "a discriminator of 10 px": (lambda: fg.Discriminator(10), "image_size is 10, these networks take 16, 32"),
    "a generator of 100 px": (lambda: fg.Generator(100), "image_size is 100, these networks take 16, 32"),
    "a size as text": (lambda: fg.Discriminator("64"), "image_size is '64', these networks take"),
    "a recipe as size": (lambda: fg.Generator("tiny"), "image_size is 'tiny', these networks take"),
    "a config as size": (lambda: fg.Discriminator(CONFIG), r"is a TrainConfig, .*from_config\(config\)"),
    "a size with a point": (lambda: fg.Generator(64.0), "image_size is 64.0, these networks take"),
    "a width as text": (lambda: fg.Generator(64, "8"), "width is '8', expected a whole number"),
    "no latents": (lambda: fg.Generator(64, 8, 0), "latent_dim is 0, expected a whole number of 1"),
    "a list as output": (lambda: fg.Generator(16, 8, output=["tanh"]), "output is .'tanh'.; choose one"),
    "a size as config": (lambda: fg.GAN(64), "expected a TrainConfig or a recipe's name"),
    "fit, swapped": (lambda: fg.fit(FACES, GAN), "first argument is a FaceDataset, expected a GAN"),
    "fit on a config": (lambda: fg.fit(GAN, CONFIG), "images are a TrainConfig, expected an array"),
    "train_step, swapped": (lambda: fg.train_step(REAL, GAN), "first argument is a Tensor, expected a GAN"),
    "train_step on faces": (lambda: fg.train_step(GAN, FACES), "real images are FaceDataset, expected floats"),
    "a GAN as faces": (lambda: fg.load_faces(GAN), r"images are a GAN, expected .*load_faces\('synthetic'\)"),
    "a GAN as images": (lambda: fg.show_images(GAN), r"is a GAN, expected images .*gan\.sample\(16\)"),
    "a data set as images": (lambda: fg.show_images(FACES), r"expected images .*faces\[:16\]"),
    "save_images, swapped": (lambda: fg.save_images("x.png", REAL), "what to show is 'x.png', expected images"),
    "a GAN as frames": (lambda: fg.save_animation(GAN, "x.gif"), "frames is a GAN, expected a list"),
    "numbers as frames": (lambda: fg.save_animation([1, 2], "x.gif"), "a frame is 1, expected a picture"),
    "gray frames": (lambda: fg.save_animation(list(REAL[:, :1]), "x.gif"), r"a frame is \(1, 16, 16\), expected a pic"),
    "batches as frames": (lambda: fg.save_animation([REAL], "x.gif"), r"a frame is \(8, 3, 16, 16\), expected a pic"),
    "fps as text": (lambda: fg.save_animation(REAL, "x.gif", fps="9"), "fps is '9', expected more than 0"),
    "fps that is no number": (lambda: fg.save_animation(REAL, "x.mp4", fps=float("nan")), "fps is nan, expected"),
    "no file name": (lambda: fg.save_images(REAL, None), "where to write is None, expected a file name"),
    "a folder as file": (lambda: fg.save_images(REAL, "."), "is a folder, expected a file name"),
    "columns as text": (lambda: fg.save_images(REAL, "x.png", columns="2"), "columns is '2', expected a whole"),
    "columns below 0": (lambda: fg.show_images(REAL, columns=-1), "columns is -1, expected a whole number"),
    "labels as images": (lambda: fg.show_images(REAL.long()), "of torch.int64, expected images"),
    "a mask as images": (lambda: fg.show_images(REAL > 0), "of torch.bool, expected images"),
    "frames as text": (lambda: fg.walk(torch.zeros(2, 8), "9"), "frames is '9', expected a whole number"),
    "whole numbers as latents": (lambda: fg.walk(REAL[0, 0].long(), 9), "end of the path is torch.int64"),
    "a list as t": (lambda: fg.slerp(REAL, REAL, [0, 1]), r"t is \[0, 1\], expected a number"),
    "t without a last side": (lambda: fg.slerp(REAL[0, 0, :2], REAL[0, 0, :2], torch.ones(5)), r"t is a tensor \(5,\)"),
    "a number as latents": (lambda: fg.slerp(REAL[0, 0, 0, 0], REAL[0, 0, 0, 0], 0.5), r"torch.float32 \(\), exp"),
    "truncation as text": (lambda: GAN.sample(2, truncation="1"), "truncation limit is '1', expected a positive"),
    "a yes as a number": (lambda: GAN.sample(True), "cannot draw True latents"),
    "columns that are missing": (lambda: fg.plot_curves({"loss_d": [1]}), "has no column 'd_fake', 'd_real'"),
    "a history of texts": (lambda: fg.plot_curves(dict.fromkeys(HISTORY, ("a",))), "loss_d is .'a',., expected one"),
    "a history of numbers": (lambda: fg.plot_curves(dict.fromkeys(HISTORY, 1.0)), "loss_d is 1.0, expected one"),
    "a run folder of 5": (lambda: fg.fit(GAN, FACES, run_dir=5), "run_dir is 5, expected a folder"),
    "no run folder": (lambda: fg.fit(GAN, FACES, run_dir=""), "run_dir is '', expected a folder"),
    "a run folder without end": (lambda: fg.fit(GAN, FACES, run_dir="x" * 999), "cannot be used .File name too long"),
    "a run folder with a zero": (lambda: fg.fit(GAN, FACES, run_dir="a\0b"), "run_dir is .*, expected a folder"),
    "no generator": (lambda: fg.load_generator(""), "got '', expected a run folder"),
    "save_animation, swapped": (lambda: fg.save_animation("x.gif", [REAL]), "expected a file name"),
    "a GAN as history": (lambda: fg.plot_curves(GAN), "history is a GAN, expected gan.history"),
    "a GAN as features": (lambda: fg.plot_features(GAN), "expected the list that facegan.models.feature_maps"),
    "a summary of settings": (lambda: fg.summary(CONFIG), "module is a TrainConfig, expected a torch.nn.Module"),
    "a GAN as run": (lambda: fg.Run.open(GAN), "the run is a GAN, expected a run folder"),
    "a generator of a GAN": (lambda: fg.load_generator(GAN), r"got a GAN, expected .*gan\.ema"),
    "an array as anchors": (lambda: fg.walk(np.zeros((3, 8)), 9), "anchors is .*, expected latents"),
    "numbers as ends": (lambda: fg.slerp(0.5, REAL, REAL), "end of the path is 0.5, expected latents"),
    "half a face": (lambda: GAN.sample(2.5), "number of latents is 2.5, expected a whole number"),
    "an array as latents": (lambda: GAN.ema.generate(np.zeros((4, 8))), "z is .*, expected latents"),
    "a loss without name": (lambda: fg.register_loss(len, len, len), "name is <built-in .*, expected a string"),
    "a recipe without name": (lambda: fg.register_recipe(CONFIG, "x"), "name is a TrainConfig, expected a str"),
    "a data set's name": (lambda: fg.register_dataset("x"), "data set is 'x', expected a facegan.data.Source"),
    "an evaluator of a GAN": (lambda: fg.evaluation.Evaluator(GAN), "faces is a GAN, expected a FaceDataset"),
    "a start from a GAN": (lambda: fg.GAN.start_from(GAN), "the run is a GAN, expected a run folder"),
    "copies of a GAN": (lambda: fg.evaluation.CopyDetector(GAN), "training is a GAN, expected a FaceDataset"),
    "step, swapped": (lambda: fg.widgets.step(FACES, GAN), "first argument is a FaceDataset, expected a GAN"),
    "a timeline of a GAN": (lambda: fg.widgets.timeline(GAN), "the run is a GAN, expected a run folder"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), CALLS.values(), ids=CALLS)
def test_a_wrong_argument_is_named_with_what_is_expected(call, message):
    with pytest.raises(fg.FaceganError, match=message):
        call()


@pytest.mark.parametrize("frames", [REAL, list(REAL), REAL.numpy(), list((REAL + 1).byte().numpy())])
def test_an_animation_takes_floats_and_arrays(frames, tmp_path):
    with Image.open(fg.save_animation(frames, tmp_path / "a.gif")) as animation:
        assert animation.size == (16, 16)


def test_curves_are_drawn_of_losses_that_kept_their_graph():
    losses = [torch.tensor(1.0, requires_grad=True) * 2 for _ in range(3)]
    fg.plot_curves(dict.fromkeys(HISTORY, losses))
