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
# # 4 · Visualization: playing with what G has learned
#
# {badges}
#
# By the end you will be able to
#
# - draw faces by seed, and trade variety for typicality,
# - find the directions in which a generator's faces differ most, and steer along them,
# - walk through latent space along great arcs, and make an animation of it,
# - add and remove an attribute by vector arithmetic,
# - follow one face through training, and check whether G has merely memorized.
#
# It takes about 40 minutes to read and do. Running all cells takes about a minute, on a CPU, too.
#
# This is where you are going: the faces of one generator, each a point in the same space.
#
# ![A grid of 64 generated faces, each of somebody who does not exist, drawn after 17 minutes of training on one CPU core](../../docs/faces.jpg)

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
DATA = "synthetic"  # what the generator was trained on
PRETRAINED = "synthetic"  # opened while notebook 3 has trained none; "faces" was trained on photographs

# %%
import torch
from facegan import latent
from facegan.images import to_uint8

faces = fg.load_faces(DATA)
mine = RUNS / "first"
source = mine if (mine / "generator.safetensors").exists() else PRETRAINED
generator = fg.explore.open_generator(source)
print("playing with", source)

# %% [markdown]
# If notebook 3 has trained a generator, this opens it; else one that comes with facegan and was trained on the same drawn faces.
# Another one has learned from photographs of people:

# %%
fg.show_images(fg.load_generator("faces").sample(24, seed=1), columns=8)

# %% [markdown]
# *Nobody: 24 draws from a generator trained on 13,001 photographs from CelebA. Who is missing from them, and what such a generator must not be
# used for, stands in its [model card]({repository}/blob/main/facegan/weights/README.md). To play with it below, set `PRETRAINED = "faces"`, and `DATA` to photographs
# such as `"celeba"`.*
#
# ## A seed is a face
#
# Faces come from latents $z \sim \mathcal{N}(0, I)$ in 100 dimensions. The same seed gives the same latents, and so the same faces, on
# any machine.

# %%
fg.show_images(generator.sample(16, seed=4), columns=8)

# %% [markdown]
# *Sixteen faces. Note that none of them is anybody: each is a guess at what a face of this data set may look like.*
#
# ## Truncation: typical or varied
#
# Latents far out in $\mathcal{N}(0, I)$ are rare, and their faces are the strangest. Cutting each number off at a limit trades variety for typicality.

# %%
rows = [generator.sample(8, seed=4, truncation=limit) for limit in (0.3, 0.7, 1.2, 3.0)]
fg.show_images(torch.cat(rows), columns=8)

# %% [markdown]
# *The same eight latents with limits 0.3, 0.7, 1.2 and 3 standard deviations, from top to bottom. Above, everybody melts into one blurred average;
# below, faces differ more, and more of them fail.*
#
# ## The lab: explore
#
# Most single numbers of $z$ do next to nothing. But some *directions* change much: they are found by fitting a linear map from
# latents to coarse images, and taking its principal directions. Run the cell, then press faces to keep them, Resample the others, and
# move the sliders. (Keyboard: Tab, Enter, arrow keys.) Can you say in a word what each slider does?

# %%
fg.widgets.explore(generator, seed=4)

# %% [markdown]
# *On the page you see the faces only; the controls come when you run the cell. "z as code" gives the Python that draws what you have found.*
#
# ## Between two faces: why not the straight line
#
# In 100 dimensions nearly all latents have a length close to $\sqrt{100} = 10$: they lie near a sphere. The straight line between two of
# them cuts through its inside, where G has never been trained:

# %%
a, b = latent.draw_latents(2, 100, seed=12)
half = (a + b) / 2
print(f"lengths: a {a.norm():.1f}, b {b.norm():.1f}, half-way on the straight line {half.norm():.1f}")

# %% [markdown]
# ### Exercise: slerp
#
# Go along the great arc instead (Shoemake 1985, White 2016).


# %%
@fg.exercise("slerp")
def slerp(a, b, t):
    """Latents (100,), t from 0 to 1 -> the point at that share of the arc from a to b."""
    ...  # your code


# %%
times = torch.linspace(0, 1, 10).tolist()
line = torch.stack([latent.lerp(a, b, t) for t in times])
arc = torch.stack([slerp(a, b, t) for t in times])
fg.show_images(generator.generate(torch.cat([line, arc])), columns=10)

# %% [markdown]
# *Above the straight line, below the arc. The ends agree. In the middle the straight line tends towards the average face; the arc
# keeps its character.*
#
# ## A walk, and its GIF
#
# ### Exercise: latent_walk
#
# Pass through several latents at an even pace.


# %%
@fg.exercise("latent_walk")
def latent_walk(anchors, frames):
    """Latents (k, latent_dim) -> (frames, latent_dim), from the first anchor through all to the last."""
    ...  # your code


# %%
anchors = latent.draw_latents(4, 100, seed=3)
path = latent_walk(torch.cat([anchors, anchors[:1]]), 28)
fg.save_animation(list(to_uint8(generator.generate(path))), RUNS / "walk.gif", fps=8)

# %%
from IPython.display import Image

alt = {"alt": "A face that turns into three others and back"}
Image(filename=str(RUNS / "walk.gif"), width=192, metadata=alt)

# %% [markdown]
# *A loop through four faces. `facegan walk faces --out walk.mp4` makes a video from the command line.*
#
# ## The lab: morph
#
# Choose two to four faces and slide between them. Watch the length of $z$ under the picture: it shrinks half-way on the straight line (left) and
# hardly changes on the arc (right).

# %%
fg.widgets.morph(generator, seed=12)

# %% [markdown]
# *The faces to choose from, and half-way between two of them: straight line left, arc right.*
#
# ## Arithmetic: adding an attribute
#
# DCGAN's most famous figure is vector arithmetic: smiling woman - neutral woman + neutral man = smiling man. It needs to
# know which latents gave faces with the attribute. The drawn faces come with their attributes, so a straight-line fit from
# coarse pixels to one of them can read it off generated faces, too. (Photographs have none: there the brightness of the
# middle of the face serves, or your own eye.)

# %%
import torch.nn.functional as F


def coarse(images):
    return F.avg_pool2d(images, 4).flatten(1)


# %%
def read_off(attribute, images):
    if attribute not in faces.attributes:
        return images[:, :, 24:44, 22:42].mean((1, 2, 3))
    x = coarse(fg.images.to_float(faces[:4000]))
    y = torch.tensor(faces.attributes[attribute][:4000]).float()
    penalty = 10 * torch.eye(x.shape[1])
    rows, targets = torch.cat([x - x.mean(0), penalty]), torch.cat([y - y.mean(), penalty[0] * 0])
    weights = torch.linalg.lstsq(rows, targets[:, None]).solution[:, 0]
    return (coarse(images) - x.mean(0)) @ weights + y.mean()


# %%
z = latent.draw_latents(2000, 100, seed=0)
lightness = read_off("skin_lightness", generator.generate(z))
light = lightness > lightness.quantile(0.7)
print(f"{light.sum()} of {len(z):,} faces count as light-skinned")

# %% [markdown]
# ### Exercise: attribute_direction


# %%
@fg.exercise("attribute_direction")
def attribute_direction(z, has):
    """Latents (N, latent_dim) and bools (N,) -> the direction (latent_dim,) that adds the attribute."""
    ...  # your code


# %%
direction = attribute_direction(z, light)
direction = direction / direction.norm()
starts = z[~light][:3]
steps = torch.linspace(-4, 4, 9)
grid = torch.cat([start + steps[:, None] * direction for start in starts])
fg.show_images(generator.generate(grid), columns=9)

# %% [markdown]
# *Three faces, each moved against the direction (left) and along it (right); the middle column is where they started. What changes besides
# skin? A direction carries along whatever goes with the attribute in the data, and in this generator.*
#
# ## The lab: arithmetic
#
# Do it by eye, as the paper did. Pick faces that share something for A, the same without it for B, and others to add it to for C.

# %%
fg.widgets.arithmetic(generator, seed=2)

# %% [markdown]
# *The means of A, B and C, and mean of A - mean of B + mean of C in the middle of the block on the right, with neighbours around it. In code:
# `latent.attribute_direction(z, mask)` with a mask that is true for the faces with it.*
#
# ## The lab: a timeline
#
# The same latents' faces through the whole training. Slide through it, or press play, and watch the line in the curves.

# %%
fg.widgets.timeline(source)

# %% [markdown]
# *The last snapshot. First there is a blob in the middle, then skin and hair, then eyes and mouth. Faces still change late: G does not
# settle, it follows D. `fg.widgets.timeline("faces")` shows the photographs' training, and `fg.pretrained.GALLERY` names some that went wrong:
# try `"mode_collapse"`.*
#
# ## The lab: two generators
#
# The same latents in two generators, one of them young: `load_generator("faces", step=...)` is that training's generator as it was then. `compare` also takes
# run folders.

# %%
young = fg.load_generator("faces", step=fg.pretrained.steps("faces")[4])
fg.widgets.compare(young, "faces")

# %% [markdown]
# *A is the young one. Where a face will look, and whether its hair is dark, is settled early; the person is not. Compare two
# generators that were trained apart, `compare("synthetic", "faces")`: there nothing agrees, since each training gives the latents meanings of its own.*
#
# ## Has it memorized?
#
# A generator could cheat by storing the data. For some fakes, find the nearest real faces, after blurring both a little
# so that noise does not count:


# %%
def features(images):
    return F.avg_pool2d(fg.images.to_float(images) if images.dtype == torch.uint8 else images, 4).flatten(1)


fg.evaluation.warn_if_not_comparable(generator, faces)
fakes = generator.sample(6, seed=21)
distances = torch.cdist(features(fakes), features(faces[:5000]))
nearest = distances.argsort(1)[:, :5]
shown = [torch.cat([to_uint8(fake[None]), faces[index.tolist()]]) for fake, index in zip(fakes, nearest)]
fg.show_images(torch.cat(shown), columns=6)

# %% [markdown]
# *Each row: a fake (left) and its five nearest among 5,000 real faces. They share colors and pose, not identity: had G
# memorized, the second picture of a row would equal the first.*
#
# ## Export and share
#
# One `.safetensors` file holds weights and settings, no code; whoever loads it cannot be harmed by it.

# %%
fg.export.export_generator(generator, RUNS / "my_generator.safetensors")
again = fg.load_generator(RUNS / "my_generator.safetensors")
print("the same faces:", torch.allclose(again.sample(4, seed=0), generator.sample(4, seed=0), atol=1e-4))

# %% [markdown]
# A generator carries its data's terms with it, and can reproduce faces that it has seen: mind both before you share one.
#
# ## Summary
#
# - A latent is a point near a sphere; arcs stay on it, straight lines do not.
# - A few directions in latent space account for most of what changes in images.
# - Truncation trades variety for typicality; a seed names a face for good.
# - Differences of means are directions; they carry along what is correlated.
# - Nearest neighbours are the simplest check against memorising.

# %%
fg.progress()

# %% [markdown]
# ## Think about it
#
# **1. Two latents at right angles: how long is the middle of the straight line between them?**
#
# <details><summary>An answer</summary>
#
# By Pythagoras $10 / \sqrt{2} \approx 7.1$ for length 10. Random latents in 100 dimensions are nearly at right angles, so this is the usual case.
# </details>
#
# **2. You add the smile direction three times as strongly. What do you expect?**
#
# <details><summary>An answer</summary>
#
# The latent leaves the sphere, where G was never trained: first a broad smile, then artefacts, and all faces become alike.
# </details>
#
# **3. The nearest neighbours look different from the fake. Is G certainly original?**
#
# <details><summary>An answer</summary>
#
# No. It may have copied a mirrored or shifted face, which this distance does not find, or parts of several. The check finds plain copies only.
# </details>
#
# **Next:** train longer, on CelebA (`DATA = "celeba"` in notebook 3), or on your own photographs: `fg.load_faces("my_photos", align="face")`.
