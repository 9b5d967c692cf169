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
# # 4 · Visualization: exploring what G has learned
#
# {badges}
#
# *In Colab, first choose File > Save a copy in Drive. Otherwise, your edits are lost.*
#
# By the end you will be able to
#
# - draw faces by seed, and explain why latents should be near a sphere,
# - find the directions that change a generator's faces most, and move along them,
# - interpolate between latents along great arcs, and animate the result,
# - add and remove a smile by vector arithmetic,
# - follow one face through training, and check whether G has only memorized faces.
#
# Allow about 60 minutes. Running all cells takes about two minutes, even on a CPU. This notebook uses the generator
# that *you* trained in notebook 3. If it is missing or barely trained, the notebook uses a generator bundled with
# facegan. In Colab, select `KEEP_ON_DRIVE` in both notebooks.
#
# ![A grid of 64 generated faces, none of a real person, after 17 minutes of training on one CPU core](../../docs/faces.jpg)

# %% cellView="form"
# @title Set-up: run this cell first. It installs facegan if needed.
KEEP_ON_DRIVE = False  # @param {type:"boolean"}
STUDENT = ""  # @param {type:"string"}
import importlib.util, os, subprocess, sys

if getattr(importlib.util.find_spec("facegan"), "origin", None) is None:  # missing, or a folder
    address = os.environ.get("FACEGAN_SOURCE", "{source}")
    if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address]).returncode:
        sys.exit(f"""facegan could not be installed from {address}. Is this machine online (on Kaggle: Settings > Internet)?
Is the address correct and public? To install a wheel, zip, or folder: %env FACEGAN_SOURCE=PATH, then this cell again.""")
    sys.modules.pop("facegan", None)
    importlib.invalidate_caches()
import facegan as fg

RUNS = fg.notebook.start(keep_on_drive=KEEP_ON_DRIVE, student=STUDENT)

# %% tags=["parameters"]
DATA = "celeba"  # what notebook 3 trained on; "synthetic" for drawn faces
PLAY_WITH = "auto"  # @param ["auto", "mine", "bundled"]

# %%
import torch
import torch.nn.functional as F
from facegan import latent
from facegan.images import to_uint8
from facegan.models import generate, sample

faces = fg.notebook.load_faces(DATA)
bundled = "synthetic" if faces.attributes else "faces"
run, network = fg.notebook.player(RUNS / "first", bundled, use=PLAY_WITH)
generator = run.generator(network=network)

# %% [markdown]
# ## A seed is a face
#
# G generates faces from latents $z \sim \mathcal{N}(0, I)$ in 100 dimensions. The same seed gives the same latents,
# and therefore the same faces, on any machine.

# %%
fg.show_images(sample(generator, 16, seed=4), columns=8)

# %% [markdown]
# *Sixteen faces. None of these people exists. G learned from the data set what faces can look like.*
#
# The bundled generator `faces` was trained on 13,001 photographs from CelebA. Its [model
# card]({repository}/blob/main/facegan/weights/README.md) says who is missing from the data and what the generator
# must not be used for.
#
# ## How long is a latent?
#
# BigGAN (Brock et al. 2019) generates cleaner images with *truncation*, which limits each number of $z$ to a small
# range. BigGAN was trained for this; your generator was not.
#
# **Predict, then run.** What will the faces look like with a limit of 0.3 instead of no limit?

# %%
MY_GUESS = ""  # @param ["", "cleaner, more typical", "all the same", "not like faces at all", "unchanged"]
print("your guess:", MY_GUESS or "none yet")
limits = (0.3, 0.7, 1.2, None)
rows = [sample(generator, 8, seed=4, truncation=limit) for limit in limits]
for limit in limits:
    z = latent.draw_latents(1000, 100, seed=4)
    z = z if limit is None else latent.truncate(z, limit)
    print(f"limit {limit}: mean length of z {z.norm(dim=1).mean():.1f}")
fg.show_images(torch.cat(rows), columns=8, rows=[f"limit {limit}" for limit in limits])

# %% [markdown]
# *The same eight latents with three limits and with no limit. At 0.3, the images are not faces. At 0.7, the faces are
# flat or dark. From 1.2 on, they look normal.*
#
# The lengths explain this. In 100 dimensions, nearly all latents have a length close to $\sqrt{100} = 10$, so they
# are near a sphere. G was trained only there. Truncated latents are far inside the sphere. If you scale them back to
# length 10, G draws faces again:

# %%
z = latent.truncate(latent.draw_latents(8, 100, seed=4), 0.3)
on_sphere = 10 * z / z.norm(dim=1, keepdim=True)
fg.show_images(generate(generator, torch.cat([z, on_sphere])), columns=8, rows=["length 1.7", "length 10"])

# %% [markdown]
# *Latents inside the sphere, and the same directions on the sphere. The direction of a latent determines the face.
# Its length must be near 10.*
#
# ## The lab: explore
#
# Each number of $z$ changes a face slightly. Some *directions* change it much more. The widget finds the directions
# that change coarse images most, as in PCA. Run the cell, click faces to keep them, press **Resample** to replace the
# others, and move the sliders. (Keyboard: Tab, Enter, arrow keys.) Can you describe in one word what each slider
# does?

# %%
fg.widgets.explore(generator, seed=4)

# %% [markdown]
# *Without a running kernel, this page shows only the faces. **z as code** gives the Python code that draws the
# current face.*
#
# ## Between two faces
#
# **Predict, then run.** Take 400 pairs of latents, and for each pair the midpoint of the straight line between them.
# Are the faces at the midpoints as good as those at the ends?

# %%
MY_GUESS = ""  # @param ["", "as good", "worse", "better, because they are averages"]
print("your guess:", MY_GUESS or "none yet")
a, b = latent.draw_latents(800, 100, seed=12).split(400)
half = (a + b) / 2
judge = fg.evaluation.Evaluator(faces, n=min(1000, len(faces) // 2))
for name, z in (
    ("ends", a),
    ("halfway", half),
    ("halfway, on the sphere", 10 * half / half.norm(dim=1, keepdim=True)),
):
    distance = judge.score(generate(generator, z)).distance
    print(f"{name}: length {z.norm(dim=1).mean():.1f}, distance to real faces {distance:.1f}")
print(f"floor: {judge.floor.distance:.1f}")
fg.show_images(generate(generator, torch.cat([a[:8], half[:8]])), columns=8, rows=["ends", "halfway"])

# %% [markdown]
# *Eight ends and eight midpoints. The straight line passes through the inside of the sphere. By eye, the midpoints
# have slightly less contrast; the printed distances show the difference more clearly.*
#
# ### Exercise: slerp
#
# Interpolate along the great arc instead (Shoemake 1985, White 2016). The ends must be exactly a and b, even if their
# lengths differ slightly. For two equal vectors, the angle is 0: return that vector.


# %%
@fg.exercise("slerp")
def slerp(a, b, t):
    """Latents (100,) and a number t from 0 to 1 -> the point at that share of the arc from a to b."""
    ...  # your code


# %%
times = torch.linspace(0, 1, 10).tolist()
line = torch.stack([latent.lerp(a[0], b[0], t) for t in times])
arc = torch.stack([slerp(a[0], b[0], t) for t in times])
fg.show_images(generate(generator, torch.cat([line, arc])), columns=10, rows=["straight", "arc"])

# %% [markdown]
# *The ends are the same. Halfway, the straight line has slightly less contrast than the arc.*
#
# ## A walk, and its GIF
#
# ### Exercise: latent_walk
#
# Walk through several latents along arcs, using your `slerp`, with the same number of frames between each pair of
# neighbors (or one more or less, if `frames` does not divide evenly).


# %%
@fg.exercise("latent_walk")
def latent_walk(anchors, frames):
    """Latents (k, latent_dim) -> (frames, latent_dim), from the first anchor through all to the last."""
    ...  # your code


# %%
anchors = latent.draw_latents(4, 100, seed=3)
path = latent_walk(torch.cat([anchors, anchors[:1]]), 21)
fg.save_animation(list(to_uint8(generate(generator, path))), RUNS / "walk.gif", fps=8)

# %%
from IPython.display import Image

alt = {"alt": "A face that turns into three others and back"}
Image(filename=str(RUNS / "walk.gif"), width=192, metadata=alt)

# %% [markdown]
# *A loop through four faces. `!facegan walk faces --out walk.mp4` makes a video.*
#
# ## The lab: morph
#
# Choose two to four faces, and move the slider between them. Watch the length of $z$ under the picture: halfway, it
# is smaller on the straight line (left) and hardly changes on the arc (right).

# %%
fg.widgets.morph(generator, seed=12)

# %% [markdown]
# *The faces to choose from, and the point halfway between two of them: straight line on the left, arc on the right.*
#
# ## Arithmetic: adding a smile
#
# DCGAN's most famous figure is vector arithmetic: smiling woman - neutral woman + neutral man = smiling man. For
# this, you must know which latents give smiling faces. `fg.notebook.smiles` estimates this from the pixels. On
# photographs, it compares the brightness of mouth and cheeks, because teeth show in a smile. On drawn faces, it uses
# a linear fit to their attribute `smile`.

# %%
z = latent.draw_latents(2000, 100, seed=0)
images = torch.cat([generate(generator, part) for part in z.split(500)])
smile = fg.notebook.smiles(generator, images)
smiling = smile > smile.quantile(0.7)
order = smile.argsort()
fg.show_images(images[torch.cat([order[:8], order[-8:]])], columns=8, rows=["least smile", "most smile"])

# %% [markdown]
# *The eight faces with the lowest and the highest smile measure, of 2,000 generated faces. Does the measure depend
# only on smiles?*
#
# ### Exercise: attribute_direction


# %%
@fg.exercise("attribute_direction")
def attribute_direction(z, has):
    """Latents (N, latent_dim) and bools (N,) -> a direction (latent_dim,), of any length, that adds the attribute."""
    ...  # your code


# %% [markdown]
# **Predict, then run.** The next cell adds the direction to the latents of three faces. What will change besides the
# mouth?

# %%
MY_GUESS = ""  # @param ["", "nothing", "hair", "skin and light", "several of these"]
print("your guess:", MY_GUESS or "none yet")
direction = attribute_direction(z, smiling)
direction = direction / direction.norm()
paths = [start + torch.linspace(-4, 4, 9)[:, None] * direction for start in z[~smiling][:3]]
paths = torch.cat([10 * path / path.norm(dim=1, keepdim=True) for path in paths])  # back on the sphere
fg.show_images(generate(generator, paths), columns=9, rows=["face 1", "face 2", "face 3"])

# %% [markdown]
# *Three faces, each moved against the direction (left) and along it (right); the middle column shows the start. A
# direction also changes everything that is correlated with the attribute in the data, in this generator, and in the
# measure.*
#
# ## The lab: arithmetic
#
# Choose the faces by eye, as the paper did. Put faces with a feature into A, faces without it into B, and faces to
# change into C. The initial choice is rough; improve it.

# %%
fg.widgets.arithmetic(generator, seed=2)

# %% [markdown]
# *The result is the largest picture: mean of A - mean of B + mean of C, surrounded by its neighbors. In code, use
# `latent.attribute_direction(z, mask)`, with a mask that is true for the faces with the feature.*
#
# ## The lab: a timeline
#
# The timeline shows the faces of the same latents throughout training. Move the slider or press play, and watch the
# line in the curves.

# %%
fg.widgets.timeline(run, generator=network)

# %% [markdown]
# *The last snapshot. Early snapshots show blurred heads; later ones show sharper eyes, mouths, and hair. Faces still
# change late in training, because G keeps following D. `fg.pretrained.GALLERY` lists runs that failed.*
#
# ## The lab: two generators
#
# Compare the same latents in two generators, one of them barely trained. `compare` also takes run folders.

# %%
young = fg.load_generator("faces", step=fg.pretrained.steps("faces")[4])
fg.widgets.compare(young, "faces")

# %% [markdown]
# *Pose and background are often similar in both; identity is not. In two generators from separate training runs, such
# as `compare("synthetic", "faces")`, nothing matches, because each run assigns different meanings to the latents.*
#
# ## Has it memorized?
#
# A generator could memorize the training data. For some fakes, find the nearest real faces, after blurring both
# slightly so that noise does not count. If G has copied a face, the first two pictures of a row are the same.


# %%
def features(images):
    return F.avg_pool2d(fg.images.to_float(images) if images.dtype == torch.uint8 else images, 4).flatten(1)


fg.evaluation.warn_if_not_comparable(generator, faces)
fakes = sample(generator, 5, seed=21)
distances = torch.cdist(features(fakes), features(faces[:5000]))
nearest = distances.argsort(1)[:, :5]
shown = [torch.cat([to_uint8(fake[None]), faces[index.tolist()]]) for fake, index in zip(fakes, nearest)]
fg.show_images(torch.cat(shown), columns=6, rows=["fake, then real"] * 5)

# %% [markdown]
# *Each row: a fake (left) and the five nearest of 5,000 real faces. They share colors and pose, but not identity.
# `!facegan copies RUN --data ...` measures this for a whole run.*
#
# ## Export and share
#
# One `.safetensors` file contains the weights and settings. Loading it runs no code from the file.

# %%
fg.export.export_generator(generator, RUNS / "my_generator.safetensors")
again = fg.load_generator(RUNS / "my_generator.safetensors", generator=network)
print("the same faces:", torch.allclose(sample(again, 4, seed=0), sample(generator, 4, seed=0), atol=1e-4))

# %% [markdown]
# The terms of the training data also apply to a generator, and a generator can reproduce faces from its training
# data. Consider both before you share one.
#
# ## Summary
#
# - A latent has a direction and a length. G was trained only on lengths near 10, so stay near the sphere.
# - Arcs stay on the sphere; straight lines and truncation do not.
# - A few directions in latent space account for most of the variation in images.
# - Differences of means are directions. They also change whatever is correlated with the attribute.
# - Nearest neighbors are the simplest check for memorization.
#
# ## In your own words
#
# Write at least 20 words between the quotes, and run the cell. The cell stores your answer in the runs folder, and
# your instructor grades the text. If a call contains `None`, replace it with your value; the cell checks the value.
#
# **walk** (5 points). A friend's walk passes through three latents of length 10. The lengths of its latents are 10.0,
# 8.1, 7.1, 8.0, 10.0, 8.2, 7.0, 8.1, and 10.0, and some frames are pale. What is wrong with this walk, and how do you
# fix it? How would you test the fix without looking at faces? Also pass `middle`, the mean length of `half` in the cell
# with the 400 pairs.
#
# **attribute** (6 points). The cell below draws your 500 faces. It shows the mean of the faces with little of your
# attribute, the mean of those with much of it, and four times their difference around mid-gray. Where do the means
# differ, and does anything differ that is unrelated to the attribute? What does that say about a direction in latent
# space that was computed from few faces? Also pass `difference`, the mean of `high - low` over all pixels and colors.

# %%
mine = fg.notebook.attribute()
print("your attribute:", mine.name)
low = mine.faces[mine.values < mine.values.quantile(0.3)].float().mean(0)
high = mine.faces[mine.values > mine.values.quantile(0.7)].float().mean(0)
shown = torch.stack([low, high, 128 + 4 * (high - low)]).clamp(0, 255).to(torch.uint8)
fg.show_images(shown, columns=3, scale=3)

# %%
MY_ANSWER = """

"""
fg.answer("walk", MY_ANSWER, middle=None)

# %%
MY_ANSWER = """

"""
fg.answer("attribute", MY_ANSWER, difference=None)

# %%
HAND_IN = False  # @param {type:"boolean"}
if HAND_IN:
    fg.notebook.submit(runs=RUNS)
fg.progress()

# %% [markdown]
# ## Think about it
#
# **1. Two latents are at right angles. What is the length of the midpoint of the straight line between them?**
#
# <details><summary>An answer</summary>
#
# By the Pythagorean theorem, $10 / \sqrt{2} \approx 7.1$ for latents of length 10. Random latents in 100 dimensions
# are nearly at right angles, so this is the usual case.
# </details>
#
# **2. You add three times as much of the smile direction. What do you expect?**
#
# <details><summary>An answer</summary>
#
# If you do not scale the latent back to length 10, it leaves the sphere, and G was never trained there: first you see
# a broad smile, then artifacts. If you scale it back, it ends near the smile direction itself, and all faces become
# alike.
# </details>
#
# **3. The nearest neighbors look different from the fake. Does this prove that G has not copied?**
#
# <details><summary>An answer</summary>
#
# No. G may have copied a mirrored or shifted face, or parts of several faces; this distance does not detect them. The
# check finds only direct copies.
# </details>
#
# ## Capstone
#
# Train a generator that you would show to a friend, and explain how you know that it is good. Hand in a notebook, the
# `config.json` and `history.csv` of its run folder, a grid, an animation, and one page of text.
#
# | points | for |
# |---|---|
# | 30 | training: your own networks or recipe, at least one change that you can explain, and its curves |
# | 20 | evaluation: distance, floor, real faces next to fakes, and `facegan results` against `tiny` at equal minutes |
# | 20 | one failure during your work: what you saw first, what it was, what you changed |
# | 20 | one finding in latent space, with a figure that is clear without its caption |
# | 10 | who is missing from your data, and what your generator must not be used for |
#
# **To hand in:** run all cells and save the notebook. Then set `HAND_IN` to `True` and run its cell. The cell creates
# a zip file of your notebooks, answers, and training. In Colab, each notebook creates its own zip file; hand in all
# of them.
#
# **Next:** [5 · Dynamics](05_dynamics.ipynb) ([in Colab]({colab}/05_dynamics.ipynb)) shows in two dimensions why GANs
# circle and lose modes. You can also train longer in notebook 3, or train on your own photographs:
# `fg.load_faces("my_photos", align="face")`. After that, read *StyleGAN* (Karras et al. 2019) for generators with a
# latent for every layer, and *Denoising Diffusion* (Ho et al. 2020) for image generation without a discriminator.
