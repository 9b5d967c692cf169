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
# *In Colab, first choose File > Save a copy in Drive: your edits are lost otherwise.*
#
# By the end you will be able to
#
# - draw faces by seed, and say why latents belong on a sphere,
# - find the directions in which a generator's faces differ most, and steer along them,
# - walk through latent space along great arcs, and make an animation of it,
# - add and remove a smile by vector arithmetic,
# - follow one face through training, and check whether G has merely memorized.
#
# Plan about 60 minutes. Running all cells takes about two minutes, on a CPU, too. You play with the generator that *you* trained in notebook 3. If it
# is missing or barely trained, the notebook uses one that is bundled with facegan. In Colab tick `KEEP_ON_DRIVE` in both notebooks.
#
# ![A grid of 64 generated faces, each of somebody who does not exist, drawn after 17 minutes of training on one CPU core](../../docs/faces.jpg)

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
# Faces come from latents $z \sim \mathcal{N}(0, I)$ in 100 dimensions. The same seed gives the same latents, and so the same faces, on
# any machine.

# %%
fg.show_images(sample(generator, 16, seed=4), columns=8)

# %% [markdown]
# *Sixteen faces. None of these people exists: each is a guess at what a face of this data set may look like.*
#
# The bundled generator `faces` has learned from 13,001 photographs from CelebA. Its
# [model card]({repository}/blob/main/facegan/weights/README.md) says who is missing from the data, and what the generator must not be used for.
#
# ## How long is a latent?
#
# BigGAN (Brock et al. 2019) draws cleaner faces with *truncation*: each number of $z$ is limited to a small range. BigGAN was trained for this; your generator was not.
#
# **Predict, then run.** What will the faces look like with a limit of 0.3 instead of none?

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
# *The same eight latents with three limits, and without one. At 0.3 there is no face, at 0.7 the faces are flat or dark, from 1.2 on they look normal.*
#
# The lengths tell why. In 100 dimensions nearly all latents have a length close to $\sqrt{100} = 10$: they lie near a sphere. G was trained there, and
# nowhere else. With the limit they lie deep inside. Stretch them back to length 10, and they are faces again:

# %%
z = latent.truncate(latent.draw_latents(8, 100, seed=4), 0.3)
on_sphere = 10 * z / z.norm(dim=1, keepdim=True)
fg.show_images(generate(generator, torch.cat([z, on_sphere])), columns=8, rows=["length 1.7", "length 10"])

# %% [markdown]
# *Latents inside the sphere, and the same directions on it. The direction of a latent decides who it is; its length has to be near 10 for G to draw it.*
#
# ## The lab: explore
#
# Each single number of $z$ changes a face a little. Some *directions* change it much more: the widget finds the directions that change coarse
# images most, as in PCA. Run the cell, then press faces to keep them, Resample the others, and
# move the sliders. (Keyboard: Tab, Enter, arrow keys.) Can you say in a word what each slider does?

# %%
fg.widgets.explore(generator, seed=4)

# %% [markdown]
# *Without a running kernel this page shows the faces only. "z as code" gives the Python that draws what you have found.*
#
# ## Between two faces
#
# **Predict, then run.** Take 400 pairs of faces, and the point half-way between each pair on the straight line. Are those faces as good as the ends?

# %%
MY_GUESS = ""  # @param ["", "as good", "worse", "better, because they are averages"]
print("your guess:", MY_GUESS or "none yet")
a, b = latent.draw_latents(800, 100, seed=12).split(400)
half = (a + b) / 2
judge = fg.evaluation.Evaluator(faces, n=min(1000, len(faces) // 2))
for name, z in (
    ("ends", a),
    ("half-way", half),
    ("half-way, on the sphere", 10 * half / half.norm(dim=1, keepdim=True)),
):
    distance = judge.score(generate(generator, z)).distance
    print(f"{name}: length {z.norm(dim=1).mean():.1f}, distance to real faces {distance:.1f}")
print(f"floor: {judge.floor.distance:.1f}")
fg.show_images(generate(generator, torch.cat([a[:8], half[:8]])), columns=8, rows=["ends", "half-way"])

# %% [markdown]
# *Eight ends and eight half-way points. The straight line cuts through the inside of the sphere. By eye the contrast is a little lower; the printed distance
# says it more clearly.*
#
# ### Exercise: slerp
#
# Go along the great arc instead (Shoemake 1985, White 2016), from a to b themselves, also if one is a little longer. Between two equal vectors the
# angle is 0: return the point itself there.


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
# *The ends agree. Half-way, the straight line has a little less contrast than the arc.*
#
# ## A walk, and its GIF
#
# ### Exercise: latent_walk
#
# Pass through several latents along arcs, by your `slerp`, with the same number of frames between each two (if `frames` does not divide evenly, one more or less).


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
# Choose two to four faces and slide between them. Watch the length of $z$ under the picture: it shrinks half-way on the straight line (left) and
# hardly changes on the arc (right).

# %%
fg.widgets.morph(generator, seed=12)

# %% [markdown]
# *The faces to choose from, and half-way between two of them: straight line left, arc right.*
#
# ## Arithmetic: adding a smile
#
# DCGAN's most famous figure is vector arithmetic: smiling woman - neutral woman + neutral man = smiling man. It needs to
# know which latents gave smiling faces. `fg.notebook.smiles` reads that from the pixels: on photographs it compares the brightness of mouth and cheeks, because
# teeth show in a smile; on drawn faces it is a linear fit to their attribute `smile`.

# %%
z = latent.draw_latents(2000, 100, seed=0)
images = torch.cat([generate(generator, part) for part in z.split(500)])
smile = fg.notebook.smiles(generator, images)
smiling = smile > smile.quantile(0.7)
order = smile.argsort()
fg.show_images(images[torch.cat([order[:8], order[-8:]])], columns=8, rows=["least smile", "most smile"])

# %% [markdown]
# *Of 2,000 generated faces, the eight with the least smile and with the most, by that measure. Does it measure only smiles?*
#
# ### Exercise: attribute_direction


# %%
@fg.exercise("attribute_direction")
def attribute_direction(z, has):
    """Latents (N, latent_dim) and bools (N,) -> a direction (latent_dim,), of any length, that adds the attribute."""
    ...  # your code


# %% [markdown]
# **Predict, then run.** The direction is added to three faces. What will change besides the mouth?

# %%
MY_GUESS = ""  # @param ["", "nothing", "hair", "skin and light", "several of these"]
print("your guess:", MY_GUESS or "none yet")
direction = attribute_direction(z, smiling)
direction = direction / direction.norm()
paths = [start + torch.linspace(-4, 4, 9)[:, None] * direction for start in z[~smiling][:3]]
paths = torch.cat([10 * path / path.norm(dim=1, keepdim=True) for path in paths])  # back on the sphere
fg.show_images(generate(generator, paths), columns=9, rows=["face 1", "face 2", "face 3"])

# %% [markdown]
# *Three faces, each moved against the direction (left) and along it (right); the middle column is where they started.
# A direction carries along whatever goes with the attribute in the data, in this generator, and in the measure.*
#
# ## The lab: arithmetic
#
# Do it by eye, as the paper did. Put faces with a feature into A, faces without it into B, and faces to change into C. The preset choice is rough: improve it.

# %%
fg.widgets.arithmetic(generator, seed=2)

# %% [markdown]
# *The result is the largest picture: mean of A - mean of B + mean of C, with neighbors around it. In code:
# `latent.attribute_direction(z, mask)` with a mask that is true for the faces with it.*
#
# ## The lab: a timeline
#
# The same latents' faces through the whole training. Slide through it, or press play, and watch the line in the curves.

# %%
fg.widgets.timeline(run, generator=network)

# %% [markdown]
# *The last snapshot. First there are blurred heads, then sharper eyes, mouths and hair. Faces still change late: G
# keeps following D. `fg.pretrained.GALLERY` names trainings that went wrong.*
#
# ## The lab: two generators
#
# The same latents in two generators, one of them barely trained. `compare` also takes run folders.

# %%
young = fg.load_generator("faces", step=fg.pretrained.steps("faces")[4])
fg.widgets.compare(young, "faces")

# %% [markdown]
# *Pose and background are often similar in both; identity is not. Compare two
# generators from separate trainings, `compare("synthetic", "faces")`: nothing agrees, because each training gives the latents meanings of its own.*
#
# ## Has it memorized?
#
# A generator could cheat by storing the data. For some fakes, find the nearest real faces, after blurring both a little
# so that noise does not count. If G has copied a face, the second picture of a row equals the first.


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
# *Each row: a fake (left) and its five nearest among 5,000 real faces. They share colors and pose, not identity. `!facegan copies RUN --data ...`
# measures the same for a whole training.*
#
# ## Export and share
#
# One `.safetensors` file holds weights and settings. Loading it runs no code from the file.

# %%
fg.export.export_generator(generator, RUNS / "my_generator.safetensors")
again = fg.load_generator(RUNS / "my_generator.safetensors", generator=network)
print("the same faces:", torch.allclose(sample(again, 4, seed=0), sample(generator, 4, seed=0), atol=1e-4))

# %% [markdown]
# A generator carries its data's terms with it, and can reproduce faces that it has seen. Keep both in mind before you share one.
#
# ## Summary
#
# - A latent is a direction and a length; G knows only lengths near 10, so stay on the sphere.
# - Arcs stay on it, straight lines and truncation do not.
# - A few directions in latent space account for most of what changes in images.
# - Differences of means are directions; they carry along what is correlated.
# - Nearest neighbors are the simplest check against memorizing.
#
# ## In your own words
#
# Write 20 words or more between the quotes, and run the cell. It stores your answer beside your runs, and your instructor grades the text. Put a value
# in place of `None`, where there is one: the cell checks it.
#
# **walk** (5 points). A friend's walk goes through three latents of length 10. Its lengths are 10.0, 8.1, 7.1, 8.0, 10.0, 8.2, 7.0, 8.1 and 10.0, and
# some frames are pale. What is wrong with this walk, and how do you repair it? How would you test the repair without looking at faces? Also pass
# `middle`, the mean length of `half` in the cell with the 400 pairs.
#
# **attribute** (6 points). The cell below draws 500 faces of your own. It shows the mean of those with little of your attribute, the mean of those with
# much, and four times their difference around mid-gray. Where do the means differ, and does anything differ that has nothing to do with the attribute?
# What does that say about a direction in latent space that comes from few faces? Also pass `difference`, the mean of `high - low` over all pixels and
# colors.

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
# If the latent is not stretched back to length 10, it leaves the sphere, where G was never trained: first a broad smile, then artifacts. If it is stretched
# back, it ends near the direction of the smile itself, and all faces become alike.
# </details>
#
# **3. The nearest neighbours look different from the fake. Is G certainly original?**
#
# <details><summary>An answer</summary>
#
# No. It may have copied a mirrored or shifted face, which this distance does not find, or parts of several. The check finds plain copies only.
# </details>
#
# ## Capstone
#
# Train a generator that you would show to a friend, and say how you know that it is good. Hand in a notebook with its run folder's `config.json` and
# `history.csv`, a grid, an animation, and one page of text.
#
# | points | for |
# |---|---|
# | 30 | the training: your own networks or recipe, at least one change that you can explain, and its curves |
# | 20 | the judgment: distance and floor, real faces beside fakes, and `facegan results` against `tiny` at equal minutes |
# | 20 | one failure on the way: what you saw first, what it was, what you changed |
# | 20 | one finding in latent space, with a figure that a stranger understands without its caption |
# | 10 | who is missing from your data, and what your generator must not be used for |
#
# **To hand in:** run all cells and save the notebook. Then set `HAND_IN` to `True` and run its cell: it makes a zip of your
# notebooks, your answers and your training. In Colab every notebook makes its own zip; hand in all of them.
#
# **Next:** [5 · Dynamics](05_dynamics.ipynb) ([in Colab]({colab}/05_dynamics.ipynb)) shows in two dimensions why GANs circle and lose modes. Or train longer in notebook 3, or on your own photographs: `fg.load_faces("my_photos", align="face")`. After that, read *StyleGAN* (Karras et al. 2019)
# for generators with a latent for every layer, and *Denoising Diffusion* (Ho et al. 2020) for images without a game.
