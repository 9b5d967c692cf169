# ---
# jupyter:
#   accelerator: GPU
#   colab:
#     gpuType: T4
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · Data: faces as numbers
#
# {badges}
#
# *In Colab, first choose File > Save a copy in Drive: your edits are lost otherwise.*
#
# By the end you will be able to
#
# - say in your own words what a GAN is, and what its two networks want,
# - load tens of thousands of faces, and say who is in them and who is missing,
# - read an image as an array, and bring its numbers into the range that a GAN needs,
# - crop, flip and lay out images, and see what is typical and what varies in a data set,
# - feed a network with batches so fast that it never waits.
#
# Plan about 35 minutes. Running all cells takes under a minute, plus the download of the photographs.
#
# If your instructor asks for an id, type it into `STUDENT` below: some faces and tasks are then your own. Later
# notebooks find it in the folder of runs. In Colab every notebook is a new machine, so type it in each.
#
# ## The game
#
# A **generator** G is a forger: it turns random numbers into pictures of faces. A **discriminator** D is an inspector: it
# looks at one picture and says how likely it is to be a real face. D trains by comparing real faces with G's fakes. G
# never sees a real face; it trains only on D's opinion of its fakes. Both start knowing nothing, and each gets better because the
# other does: that is a *generative adversarial network* (Goodfellow et al. 2014).
#
# ![A diagram. Random numbers z go into the generator, the forger, which makes a fake face. Fake and real faces go into the discriminator, the inspector, which answers real or fake. Its answer changes both networks](../../docs/game.png)
#
# | notebook | what it adds |
# |---|---|
# | 1 · Data | the real faces, as numbers |
# | 2 · Architecture | the two networks, which you build |
# | 3 · Training | the game itself: your networks learn to make faces |
# | 4 · Visualization | what your generator has learned, and what it has not |

# %% cellView="form"
# @title Set-up: run this cell first. It installs facegan only where it is missing.
KEEP_ON_DRIVE = False  # @param {type:"boolean"}
STUDENT = ""  # @param {type:"string"}
import importlib.util, os, subprocess, sys

if getattr(importlib.util.find_spec("facegan"), "origin", None) is None:  # missing, or a folder
    address = os.environ.get("FACEGAN_SOURCE", "{source}")
    if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address]).returncode:
        sys.exit(f"""facegan could not be installed from {address}. Is there internet (on Kaggle: Settings > Internet)?
Is that address public, and not moved? To install a wheel, zip or folder: %env FACEGAN_SOURCE=PATH, then this cell.""")
    sys.modules.pop("facegan", None)
    importlib.invalidate_caches()
import facegan as fg

RUNS = fg.notebook.start(keep_on_drive=KEEP_ON_DRIVE, student=STUDENT)

# %% tags=["parameters"]
DATA = "celeba"  # 32,600 photographs (248 MB, fetched once); "synthetic" for drawn faces, without a download

# %%
import time

import matplotlib.pyplot as plt
import torch

# %% [markdown]
# ## Faces forming
#
# Before you build anything, look at a finished game. This generator is bundled with facegan. It was trained on
# 13,001 photographs for a quarter of an hour on one CPU core.

# %%
moments = [0, 120, 600, 2400, 12_000]  # steps of training
rows = [fg.load_generator("faces", step=step).sample(8, seed=1) for step in moments]
fg.show_images(torch.cat(rows), columns=8, rows=[f"step {step:,}" for step in moments])

# %% [markdown]
# *The same eight sets of random numbers at five moments of training. At step 120 there are blurred heads;
# later rows get sharper eyes, mouths and hair. Nobody told G what an eye is. It only learned what D can tell from a real one.*
#
# Now play with the last one. Press a face to keep it, press **Resample** to draw the others again, and move the sliders.

# %%
fg.widgets.explore("faces", seed=4)

# %% [markdown]
# *Without a running kernel this page shows the faces only. The buttons and sliders appear when you run the cell.*
#
# ## Get the real faces
#
# `load_faces` fetches the photographs once, verifies them, and decodes them to one array. The next time they open in
# milliseconds. Without a connection the cell says so and continues with 10,000 drawn portraits, which come with facegan. Everything in
# this course works with both.

# %%
faces = fg.notebook.load_faces(DATA)
PHOTOS = not faces.attributes  # only the drawn faces have attributes
print(faces)
fg.show_images(faces[:32], columns=8)

# %% [markdown]
# *Thirty-two faces of the set. Look for what they share (a face in the middle, eyes on one line) and for what varies
# (light, hair, direction, mood). A GAN has to learn both.*
#
# ### Who is in the data, and who is not
#
# A generator can only draw the kinds of people it has seen. **CelebA** holds celebrities, photographed by professionals: by its
# own labels 77% are "young", half are smiling, and most are light-skinned and western. Children, old people and most
# of the world's faces are rare. Nobody in it gave consent, and the images may be used for non-commercial research and
# education only. The **drawn faces** belong to nobody, and each of their attributes is drawn independently from a
# known distribution, so you can measure what a GAN has picked up.
#
# ### Be the inspector
#
# **Predict, then run.** The next cell mixes five real faces with five fakes and numbers them from 1. Run it, then set `MY_GUESS` to
# the numbers that you take for real, and run it again.

# %%
MY_GUESS = []  # such as [2, 3, 5, 8, 9]
forger = fg.load_generator("faces" if PHOTOS else "synthetic")
fakes = fg.images.to_uint8(forger.sample(5, seed=7))
order = torch.randperm(10, generator=torch.Generator().manual_seed(3))
real = [place + 1 for place, which in enumerate(order.tolist()) if which < 5]
if MY_GUESS:
    print(f"{len({*MY_GUESS} & {*real})} of your {len(MY_GUESS)} are real. The real ones are {real}.")
fg.show_images(torch.cat([faces[200:205], fakes])[order], columns=5, scale=2)

# %% [markdown]
# What gave the fakes away? D looks for the same things: first for wrong colors and blur, then for eyes that do not
# match. When D uses a clue, G's training reduces it.
#
# ## One image is a block of numbers
#
# A face is an array of shape `(3, height, width)`: red, green and blue planes of whole numbers from 0 (dark) to 255
# (bright), one byte each (`uint8`). PyTorch puts channels first.

# %%
face = faces[7]
print(face.shape, face.dtype, "from", face.min().item(), "to", face.max().item())
print("the red plane around the middle:\n", face[0, 30:34, 30:36])

# %%
_, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
for ax, plane, name in zip(axes, [None, 0, 1, 2], ["the face", "red", "green", "blue"]):
    ax.imshow(face.permute(1, 2, 0) if plane is None else face[plane], cmap="gray", vmin=0, vmax=255)
    ax.set_title(name)
    ax.set_axis_off()

# %% [markdown]
# *The same face in color and as its three planes. Skin is brightest in the red plane.*
#
# **Predict, then run.** One byte holds 0 to 255. What is `200 + 100` in `uint8`?

# %%
MY_GUESS = ""  # @param ["", "255, it stops there", "300, in a larger type", "44, it wraps around"]
print("your guess:", MY_GUESS or "none yet")
print("it is     :", (torch.tensor(200, dtype=torch.uint8) + torch.tensor(100, dtype=torch.uint8)).item())

# %% [markdown]
# It wraps around, without any error: $300 - 256 = 44$. This is a common bug in image code. Change the type before you compute.
#
# ## Ranges: why a GAN wants [-1, 1]
#
# The generator's last layer is a $\tanh$, whose values lie between -1 and 1. Real images must come in the same range.
# With bytes up to 255, G could never reach them; with [0, 1], it would learn the wrong range. So bytes are mapped by a straight line:
#
# $$x_{\text{float}} = \frac{x_{\text{byte}}}{127.5} - 1, \qquad 0 \mapsto -1, \quad 255 \mapsto 1.$$
#
# An untrained G outputs values near 0, so it starts at mid-gray.
#
# ### Exercise: scale
#
# Write the map from bytes to floats. The cell checks itself. If your answer is not right yet, the message says why, and the
# rest of the notebook uses the library's version. "Right, but" means: it works, and ignores something that the text asks for. `fg.hint("scale")` helps.


# %%
@fg.exercise("scale")
def scale(images):
    """uint8 tensor, any shape, 0 to 255 -> float32 tensor of that shape, -1 to 1."""
    ...  # your code


# %% [markdown]
# ### Exercise: unscale
#
# And back, to look at what a generator made: round to the nearest byte, and clip what lies outside the range.


# %%
@fg.exercise("unscale")
def unscale(images):
    """float tensor, -1 to 1 -> uint8 tensor, 0 to 255; values outside are clipped."""
    ...  # your code


# %%
some = faces[:500]
print("there and back changes", (unscale(scale(some)) != some).sum().item(), "of", some.numel(), "bytes")
print("bytes    ", torch.tensor([0, 64, 128, 255]).tolist())
print("floats   ", [round(x, 3) for x in scale(torch.tensor([0, 64, 128, 255], dtype=torch.uint8)).tolist()])

# %% [markdown]
# ## Crops and flips
#
# Photographs are rarely square; networks want squares. The simplest way is to keep the middle.
#
# ### Exercise: center_crop


# %%
@fg.exercise("center_crop")
def center_crop(image, size):
    """(3, H, W) -> its central (3, size, size), with as much left over on either side, give or take a pixel."""
    ...  # your code


# %%
tight = torch.stack([center_crop(f, 40) for f in faces[:8]])
fg.show_images(tight, columns=8, scale=2)

# %% [markdown]
# *The central 40 x 40 pixels of eight faces. A tighter crop leaves less background to learn, and less hair to see.*
#
# A face seen in a mirror is still a face, so showing each image mirrored half of the time adds variety at almost no cost.
# An augmentation must keep the data plausible: G learns to draw whatever D is shown.

# %%
pairs = torch.stack([g for f in faces[40:44] for g in (f, f.flip(-1))])
fg.show_images(pairs, columns=8)

# %% [markdown]
# *Four faces, each followed by its mirror image. Only the light and the hair's part give it away.*
#
# ### Exercise: contact_sheet
#
# To watch a GAN learn you will look at grids again and again. Build one yourself. The sheet is always `columns` images wide; leave empty
# places white (255).


# %%
@fg.exercise("contact_sheet")
def contact_sheet(images, columns):
    """uint8 (N, 3, H, W) -> one uint8 picture (3, rows * H, columns * W), row by row; empty places are white."""
    ...  # your code


# %%
sheet = contact_sheet(faces[100:114], 5)
print(sheet.shape)
fg.show_images(sheet[None])

# %% [markdown]
# ## What is typical, and what varies
#
# **Predict, then run.** You take 2,000 faces and average them, pixel by pixel. What will the picture look like?

# %%
MY_GUESS = ""  # @param ["", "gray, everything cancels out", "a soft face", "one face of the set", "noise"]
print("your guess:", MY_GUESS or "none yet")
some = faces[:2000].float()
mean, spread = some.mean(0), some.std(0).mean(0, keepdim=True).expand(3, -1, -1)
spread = 255 * spread / spread.max()
fg.show_images(torch.stack([mean, spread]).to(torch.uint8), columns=1, scale=3, rows=["mean", "spread"])

# %% [markdown]
# *Above, the average: a soft face, because eyes and mouths lie in the same places. Below, how much each pixel varies (bright varies more): in photographs
# hair and background most; in drawn faces hair and eyes. The average has the smallest squared error at every pixel, and still
# nobody takes it for a real face. D learns that real faces differ.*
#
# ## Batches, fast
#
# A GAN sees each face many times, in random order, in batches. The average gradient of a batch is less noisy
# than that of one face. Reading and decoding files every time is what makes
# first GANs slow. facegan decodes once to one array; a batch then is an index, a flip and a cast:

# %%
begin, count = time.perf_counter(), 0
for batch in faces.batches(128):
    count += len(batch)
seconds = time.perf_counter() - begin
print(f"{count:,} faces in {seconds:.2f} s: {count / seconds:,.0f} a second")
print("a batch:", tuple(batch.shape), batch.dtype, f"from {batch.min():.2f} to {batch.max():.2f}")

# %% [markdown]
# The networks of this course train on a few hundred faces per second on a CPU, on a few thousand on a T4. As long as batches come faster than that, the
# network never waits. `!facegan bench data` compares this with unzipping the images for torchvision's ImageFolder.
#
# ## Summary
#
# - A forger and an inspector train against each other; G learns only from D's opinion.
# - A face is `(3, H, W)` bytes; a GAN gets floats in [-1, 1], the range of its generator's $\tanh$.
# - Crop to what should be learned; flip, because a mirrored face is a face.
# - The average face and the spread say what is easy and what is hard to draw.
# - Decode once, then only index.
#
# ## In your own words
#
# Write 20 words or more between the quotes, and run the cell. It stores your answer beside your runs, and your instructor grades the text. Put a value
# in place of `None`, where there is one: the cell checks it.
#
# **missing** (6 points). Which people does your data set lack, or show rarely? What will a generator that is trained on it do with them, and whom could
# that harm? Also pass `brightness`, the mean of all bytes of `faces[:32]`, and say why such a number does not show who is missing.
#
# **augment** (4 points). Mirroring adds variety at almost no cost. Name one more change of the images that you would use for faces, and one that you
# would not use. What would the generator learn from each?

# %%
MY_ANSWER = """

"""
fg.answer("missing", MY_ANSWER, brightness=None)

# %%
MY_ANSWER = """

"""
fg.answer("augment", MY_ANSWER)

# %%
HAND_IN = False  # @param {type:"boolean"}
if HAND_IN:
    fg.notebook.submit(runs=RUNS)
fg.progress()

# %% [markdown]
# ## Think about it
#
# **1. What would happen with real images in [0, 1] and a $\tanh$ generator?**
#
# <details><summary>An answer</summary>
#
# G learns to avoid negative numbers, because D takes them as a sign of a fake. The fakes are
# pale: shown as if they were in [-1, 1], they have no dark pixels.
# </details>
#
# **2. The average face looks young, smiling and light-skinned for CelebA. Does the generator have to be like that, too?**
#
# <details><summary>An answer</summary>
#
# It should have the same distribution, so rare faces should be as rare as in the data, not absent. In practice GANs
# drop what is rare, so a bias of the data comes out stronger.
# </details>
#
# **3. Why not flip images upside down as well, to have four times the data?**
#
# <details><summary>An answer</summary>
#
# The generator learns the distribution that the discriminator sees. It would spend half of its weights on drawing
# upside-down faces.
# </details>
#
# ## Challenge
#
# Load your own photographs with `fg.load_faces("my_photos", align="face")`, look at what `faces.skipped` names, and repeat
# the mean and the spread. How do they differ from the set above, and why?
#
# **To hand in:** run all cells and save the notebook. Then set `HAND_IN` to `True` and run its cell: it makes a zip of your
# notebooks, your answers and your training. In Colab every notebook makes its own zip; hand in all of them.
#
# **Next:** [2 · Architecture](02_architecture.ipynb) ([in Colab]({colab}/02_architecture.ipynb)), where you build the two networks.
