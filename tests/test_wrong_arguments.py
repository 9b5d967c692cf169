"""Another kind of thing than expected, most often two arguments swapped: what was given, and what is expected."""

import numpy as np
import pytest
import torch
from helpers import TINY, make_gan, random_faces

import facegan as fg

GAN, FACES, CONFIG = make_gan(), random_faces(40), fg.TrainConfig(**TINY)
REAL = torch.zeros(8, 3, 16, 16)

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
    "floats as frames": (lambda: fg.save_animation(REAL, "x.gif"), "a frame is torch.float32, expected uint8"),
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
