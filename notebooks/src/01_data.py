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
# By the end you will be able to
#
# - load tens of thousands of faces by name, and say who is in them and who is missing,
# - read an image as an array, and bring its numbers into the range that a GAN needs,
# - crop, flip and lay out images, and look at what is typical and what varies in a data set,
# - feed a network with batches fast enough that it never waits.
#
# It takes about 20 minutes to read and do; running all cells takes under a minute on a T4 and on a CPU.
#
# This is where you are going: faces like the drawn ones in the next picture are what your GAN will learn from.
#
# ![Ninety-six drawn portraits with many skin tones, hair styles, glasses, beards and moods](../../docs/synthetic.jpg)

# %% cellView="form"
# @title Set-up: run this cell first. It installs facegan only where it is missing.
KEEP_ON_DRIVE = False  # @param {type:"boolean"}
import importlib.util, os, subprocess, sys

if getattr(importlib.util.find_spec("facegan"), "origin", None) is None:  # missing, or a folder
    address = os.environ.get("FACEGAN_SOURCE", "{source}")
    if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address]).returncode:
        sys.exit(f"""facegan could not be installed from {address}. Is there internet (on Kaggle: Settings > Internet)?
Is that address public, and not moved? To install a wheel, zip or folder: %env FACEGAN_SOURCE=PATH, then this cell.""")
    sys.modules.pop("facegan", None)
    importlib.invalidate_caches()
import facegan as fg

RUNS = fg.notebook.start(keep_on_drive=KEEP_ON_DRIVE)

# %% tags=["parameters"]
DATA = "synthetic"  # "celeba" fetches 32,600 photographs (248 MB); "synthetic" needs no download

# %% [markdown]
# ## Get the faces
#
# `load_faces` takes a name, a folder, a zip or an array. `"celeba"` is fetched, verified and decoded once; the next
# time it opens in milliseconds. `"synthetic"` is a set of 10,000 drawn portraits that comes with facegan. Change
# `DATA` above to train on photographs. If a download fails, the message says what to do; meanwhile everything in
# this course works with the drawn faces.

# %%
faces = fg.load_faces(DATA)
faces

# %%
fg.show_images(faces[:32], columns=8)

# %% [markdown]
# *Thirty-two faces of the set. Look for what they share (a face in the middle, eyes on one line) and for what varies
# (light, hair, direction, mood). A GAN has to learn both.*
#
# ### Who is in the data, and who is not
#
# A generator can only draw whom it has seen. **CelebA** holds celebrities, photographed by professionals: by its
# own labels 77 % are "young", half are smiling, and most are light-skinned and western. Children, old people and most
# of the world's faces are rare. None of them was asked, and the images may be used for non-commercial research and
# education only. The **drawn faces** belong to nobody, and each of their attributes is drawn independently from a
# known distribution, so you can measure what a GAN has picked up:

# %%
for name in list(faces.attributes)[:6]:
    first = [str(value)[:5] for value in faces.attributes[name][:5].tolist()]
    print(f"{name:<15} of the first five: {', '.join(first)}")

# %% [markdown]
# ## One image is a block of numbers
#
# A face is an array of shape `(3, height, width)`: red, green and blue planes of whole numbers from 0 (dark) to 255
# (bright), one byte each (`uint8`). PyTorch puts channels first.

# %%
face = faces[7]
print(face.shape, face.dtype, "from", face.min().item(), "to", face.max().item())
print("the red plane around the middle:\n", face[0, 30:34, 30:36])

# %%
import matplotlib.pyplot as plt

_, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
for ax, plane, name in zip(axes, [None, 0, 1, 2], ["the face", "red", "green", "blue"]):
    ax.imshow(face.permute(1, 2, 0) if plane is None else face[plane], cmap="gray", vmin=0, vmax=255)
    ax.set_title(name)
    ax.set_axis_off()

# %% [markdown]
# *The same face in colour and as its three planes. Skin is brightest in the red plane.*
#
# ## Ranges: why a GAN wants [-1, 1]
#
# The generator's last layer is a $\tanh$, whose values lie between -1 and 1. Real images must come in the same range,
# or the discriminator could tell real from fake by brightness alone. So bytes are mapped by a straight line:
#
# $$x_{\text{float}} = \frac{x_{\text{byte}}}{127.5} - 1, \qquad 0 \mapsto -1, \quad 255 \mapsto 1.$$
#
# Zero then is mid-grey, which also suits weights that start around zero.
#
# ### Exercise: scale
#
# Write the map from bytes to floats. Mind the type: `uint8` arithmetic wraps around, so `200 + 100` is `44`.
# The cell checks itself. When your function is not right yet, it says why, and the notebook continues with the
# reference solution. `fg.hint("scale")` helps.


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
import torch

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
    """(3, H, W) -> its central (3, size, size), with as much left over on either side."""
    ...  # your code


# %%
tight = torch.stack([center_crop(f, 40) for f in faces[:8]])
fg.show_images(tight, columns=8)

# %% [markdown]
# *The central 40 x 40 pixels of eight faces. A tighter crop leaves less background to learn, and less hair to see.*
#
# A face seen in a mirror is still a face, so showing each image mirrored half of the time doubles the data for free.
# Upside-down faces would teach the generator to draw upside-down faces: an augmentation must keep the data plausible.

# %%
pairs = torch.stack([g for f in faces[40:44] for g in (f, f.flip(-1))])
fg.show_images(pairs, columns=8)

# %% [markdown]
# *Four faces, each followed by its mirror image. Only the light and the parting give it away.*
#
# ### Exercise: contact_sheet
#
# To watch a GAN learn you will look at grids again and again. Build one yourself.


# %%
@fg.exercise("contact_sheet")
def contact_sheet(images, columns):
    """uint8 (N, 3, H, W) -> one picture (3, rows * H, columns * W), row by row."""
    ...  # your code


# %%
sheet = contact_sheet(faces[100:115], 5)
print(sheet.shape)
fg.show_images(sheet[None])

# %% [markdown]
# ## What is typical, and what varies
#
# The mean over all faces shows what they share; the standard deviation shows where they differ.

# %%
some = faces[:2000].float()
mean, spread = some.mean(0), some.std(0)
spread = 255 * spread / spread.max()
both = torch.stack([mean, spread]).to(torch.uint8)
fg.show_images(both.repeat_interleave(3, 2).repeat_interleave(3, 3))

# %% [markdown]
# *Left, the average of 2,000 faces: nobody, yet clearly a face. Right, how much each pixel varies (bright varies more):
# hair and the outline of the head most, the middle of the face less. A GAN that has collapsed draws something like the left
# picture every time; a good one has both.*
#
# ## Batches, fast
#
# A GAN sees each face many times, in random order, in batches. Reading and decoding files every time is what makes
# first GANs slow. facegan decodes once to one array; a batch then is an index, a flip and a cast:

# %%
import time

begin, count = time.perf_counter(), 0
for batch in faces.batches(128):
    count += len(batch)
seconds = time.perf_counter() - begin
print(f"{count:,} faces in {seconds:.2f} s: {count / seconds:,.0f} a second")
print("a batch:", tuple(batch.shape), batch.dtype, f"from {batch.min():.2f} to {batch.max():.2f}")

# %% [markdown]
# A DCGAN on a CPU takes in some hundred faces a second, on a T4 some thousand. As long as batches come faster than that, the
# network never waits. `facegan bench data` compares this with unzipping the images for torchvision's ImageFolder.
#
# ## Summary
#
# - A face is `(3, H, W)` bytes; a GAN gets floats in [-1, 1], the range of its generator's $\tanh$.
# - Crop to what should be learned; flip, since a mirrored face is a face.
# - The average face and the spread say what is easy and what is hard to draw.
# - Decode once, index ever after.

# %%
fg.progress()

# %% [markdown]
# ## Think about it
#
# **1. What would happen with real images in [0, 1] and a $\tanh$ generator?**
#
# <details><summary>An answer</summary>
#
# The discriminator would find that only fakes have negative numbers, and would win by that alone. Its gradient would
# first teach the generator to avoid them, which it must learn before anything about faces.
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
# The generator learns the distribution that the discriminator sees. It would spend half of its strength on drawing
# upside-down faces.
# </details>
#
# **Next:** [2 · Architecture](02_architecture.ipynb), two networks, block by block.
