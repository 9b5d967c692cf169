"""A user's script, for the type checker only: `make lint` checks it here, `make package` against the wheel."""

import torch

import facegan as fg

gan: fg.GAN = fg.GAN("tiny")
config: fg.TrainConfig = fg.RECIPES["modern"].replace(loss="hinge")
faces: fg.FaceDataset = fg.load_faces("synthetic", 64)
history: fg.History = fg.fit(gan, faces, steps=10, run_dir="runs/first", callbacks=[fg.widgets.live()])
losses: list[float] = history["loss_d"]
images: torch.Tensor = fg.load_generator("faces").sample(16, seed=0)
fg.show_images(images)
fg.widgets.explore("faces")
fg.export.export_generator(gan.ema, "g.onnx")
z: torch.Tensor = fg.walk(fg.latent.draw_latents(4, 100, seed=0), frames=60)
run: fg.Run = fg.Run.open("runs/first")
steps: list[int] = fg.pretrained.steps("faces")
folder = fg.notebook.start()
fg.evaluation.warn_if_not_comparable(fg.load_generator("faces"), faces)
version: str = fg.__version__

# Wrong arguments are found: that an ignore is not needed is an error, too.
fg.load_faces("photos", crop=5)  # type: ignore[arg-type]
fg.widgets.explore("faces", n="many")  # type: ignore[arg-type]
fg.pretrained.steps(5)  # type: ignore[arg-type]
fg.notebook.start(keep_on_drive="yes")  # type: ignore[arg-type]
fg.export.export_generator(gan.ema, 5)  # type: ignore[arg-type]
