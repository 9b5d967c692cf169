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
# # 3 · Training: the game
#
# {badges}
#
# By the end you will be able to
#
# - write the two losses and say why the obvious one for G does not work,
# - take one training step by hand, and name the three classic mistakes by their curves,
# - train on faces while you watch, read the curves, stop, and go on where you stopped.
#
# It takes about 45 minutes to read and do. Running all cells takes about 5 minutes on two CPU cores at the budget
# below; with a GPU raise the budget instead.
#
# This is where you are going: what the recipe `modern` draws after 12,000 small steps on photographs from CelebA.
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
DATA = "synthetic"  # "celeba" for photographs
RECIPE = "tiny"  # faces on two CPU cores; "tutorial" or "modern" with a GPU
STEPS = 2400  # of the long run below; with a GPU, try 10,000
SMALL_STEPS = 200  # of the small experiments

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

faces = fg.load_faces(DATA)
_ = torch.manual_seed(0)

# %% [markdown]
# ## The game
#
# D sees real faces $x$ and fakes $G(z)$ and gives the probability $D(\cdot) = \sigma(\text{logit})$ that what it sees is real. Goodfellow et al.
# (2014) let the two play
#
# $$\min_G \max_D \; \mathbb{E}_x[\log D(x)] + \mathbb{E}_z[\log(1 - D(G(z)))].$$
#
# For D this is ordinary binary classification: real faces have label 1, fakes label 0.
#
# ### Exercise: discriminator_loss
#
# Write what D minimises, from logits. Mind large logits: $\log\sigma(x)$ computed in two steps is $-\infty$ for $x = -200$.


# %%
@fg.exercise("discriminator_loss")
def discriminator_loss(real_logits, fake_logits):
    """Two tensors (B,) of logits -> one number for D to minimise."""
    ...  # your code


# %% [markdown]
# ## Why the obvious loss for G saturates
#
# G could simply minimise D's gain, $\log(1 - D(G(z)))$. Early in training, D recognises every fake: its logits for fakes are far
# below 0. Look at the slopes there:

# %%
x = torch.linspace(-8, 8, 200)
_, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for loss, slope, label, color in (
    (-F.softplus(x), -x.sigmoid(), "log(1 - D): minimax", "#D55E00"),
    (F.softplus(-x), -(-x).sigmoid(), "-log D: non-saturating", "#0072B2"),
):
    left.plot(x, loss, color=color, label=label)
    right.plot(x, slope, color=color)
left.set(xlabel="logit of a fake", title="What G minimises", ylabel="loss")
right.set(xlabel="logit of a fake", title="Its slope", ylabel="d loss / d logit")
_ = left.legend(frameon=False)

# %% [markdown]
# *Both losses fall to the right, so both push fakes towards "real". But where D is sure (left), the slope of the minimax loss is
# almost 0: G learns nothing just when it has most to learn. The non-saturating loss has its full slope there.*
#
# ### Exercise: generator_loss


# %%
@fg.exercise("generator_loss")
def generator_loss(fake_logits):
    """Logits (B,) of fakes -> one number for G to minimise, the non-saturating loss."""
    ...  # your code


# %% [markdown]
# ## One step, tensor by tensor
#
# Small networks at 16 pixels keep this quick. `fg.GAN` holds the state of a run: two networks, two optimizers, random
# numbers, a step count and a history.

# %%
small_faces = fg.load_faces(DATA, 16)
config = fg.TrainConfig(image_size=16, width=16, batch_size=32, lr_d=1e-3, lr_g=1e-3, precision="fp32")
gan = fg.GAN(config, device="cpu")
real = next(iter(small_faces.batches(32)))
z = torch.randn(32, config.latent_dim)

# %%
fake = gan.generator(z)
print("z         ", tuple(z.shape))
print("fake      ", tuple(fake.shape), f"from {fake.min():.2f} to {fake.max():.2f}")
loss_d = discriminator_loss(gan.discriminator(real), gan.discriminator(fake.detach()))
print(f"loss of D  {loss_d:.3f}  (2 log 2 = 1.386 is a D that knows nothing)")
loss_d.backward()
print("gradient in D:", gan.discriminator.blocks[0][0].weight.grad.norm().item())
print("gradient in G:", gan.generator.blocks[0][0].weight.grad)

# %% [markdown]
# `detach` cuts the graph between the two: D's loss sends no gradient into G. Now D steps, and then G is judged by the D
# that has just learned:

# %%
gan.optimizer_d.step()
loss_g = generator_loss(gan.discriminator(fake))
loss_g.backward()
gan.optimizer_g.step()
print(f"loss of G  {loss_g:.3f}")
print("gradient in G:", gan.generator.blocks[0][0].weight.grad.norm().item())

# %% [markdown]
# ### Exercise: train_step
#
# Put it together. Remember that `backward` *adds* to gradients that are still there.


# %%
@fg.exercise("train_step")
def train_step(generator, discriminator, optimizer_g, optimizer_d, real, z):
    """D's step on real and G(z), then G's step through the new D. Returns (loss_d, loss_g), detached."""
    ...  # your code


# %% [markdown]
# ## The classic mistakes, and what they look like
#
# Three ways to get it wrong, each trained on the small faces, beside a right one.


# %%
def step_with(mistake, gan, real):
    g, d = gan.generator, gan.discriminator
    fake = g(torch.randn(len(real), 100))
    gan.optimizer_d.zero_grad()
    gan.optimizer_g.zero_grad()
    seen = fake if mistake == "no detach" else fake.detach()
    halves = (d(seen), d(real)) if mistake == "wrong labels" else (d(real), d(seen))
    fg.LOSSES["bce"].discriminator(*halves).backward(retain_graph=True)
    gan.optimizer_d.step()
    fg.LOSSES["bce"].generator(d(fake)).backward()
    gan.optimizer_g.step()
    if mistake == "wrong optimizer":
        gan.optimizer_d.step()
    return d(real).sigmoid().mean().item(), d(fake.detach()).sigmoid().mean().item()


# %%
def run(mistake):
    gan = fg.GAN(config, device="cpu")
    curve = []
    while len(curve) < SMALL_STEPS:
        for real in small_faces.batches(32):
            curve.append(step_with(mistake, gan, real))
            if len(curve) == SMALL_STEPS:
                break
    gan.generator.eval()
    return torch.tensor(curve), gan.generator.sample(8, seed=0)


outcomes = {name: run(name) for name in ("right", "no detach", "wrong labels", "wrong optimizer")}

# %%
_, axes = plt.subplots(1, 4, figsize=(11, 2.8), sharey=True, layout="constrained")
for ax, (name, (curve, _)) in zip(axes, outcomes.items()):
    ax.plot(curve[:, 0], color="#0072B2", label="D(x), real")
    ax.plot(curve[:, 1], color="#D55E00", label="D(G(z)), fake")
    ax.set(title=name, xlabel="step", ylim=(0, 1))
_ = axes[0].legend(frameon=False, fontsize=8)
# %%
pictures = torch.cat([samples for _, samples in outcomes.values()])
fg.show_images(pictures.repeat_interleave(3, 2).repeat_interleave(3, 3), columns=8)

# %% [markdown]
# *Curves above; below, eight samples each: right, no detach, wrong labels, wrong optimizer, from top to bottom. Without detach, G's gradient
# also holds D's wish to see worse fakes; it still learns, only less, so this mistake is easily overlooked. With wrong labels D(x) falls below D(G(z)): D praises fakes, and G is
# driven away from faces. When G's half moves D as well, D unlearns what it has just learned. None of them stops with an
# error: only curves and pictures tell.*
#
# ## An average that draws better: EMA
#
# G's weights jitter from step to step. Their exponential moving average, $\bar\theta \leftarrow \beta \bar\theta + (1 - \beta)\,\theta$,
# draws cleaner faces and costs nothing in training. BatchNorm's buffers must follow along.
#
# ### Exercise: update_average


# %%
@fg.exercise("update_average")
def update_average(average, model, decay):
    """Moves the module `average` towards `model`, in place; returns nothing."""
    ...  # your code


# %% [markdown]
# ## Training, live
#
# The library's `fit` does what you have written, with checkpoints, frames and curves in a run folder. The dashboard
# updates in place: 64 faces from the same latents, losses, what D believes, the rate and the time left. **Stop** ends after the step
# in progress and saves; run the cell again to go on.

# %%
gan = fg.GAN(fg.RECIPES[RECIPE])
every = max(1, STEPS // 12)
history = fg.fit(
    gan, faces, steps=STEPS, run_dir=RUNS / "first", snapshot_every=every, callbacks=[fg.widgets.live()]
)

# %%
fg.plot_curves(history)

# %% [markdown]
# *How to read it. Losses of a GAN do not fall to zero, and lower is not better: each measures one player against the
# other. D(x) and D(G(z)) near one half would be a tie; here D stays a little ahead, D(x) near two thirds. What you want is that
# neither curve runs away, while the faces get better. If D(G(z)) stays at 0 and faces stop changing, D has won; if all
# faces become alike, G has found one answer and collapsed.*

# %%
fg.show_images(gan.sample(32, seed=1), columns=8)

# %% [markdown]
# *New faces from the averaged generator, in eval mode.*
#
# ## A longer training to read
#
# This one is bundled: the recipe `modern`, on photographs. Slide through it, and say at each snapshot what the curves tell you and
# what only the faces do.

# %%
fg.widgets.timeline("faces")

# %% [markdown]
# *The last snapshot. From step 1,000 to step 9,000 the curves hardly move: D(x) stays near 0.59, D(G(z)) near 0.41, the losses near 1.1 and 1.3. The faces
# get better all the while; their distance to photographs falls by a third between steps 6,000 and 12,000. From step 9,000 on the learning rates
# fall to 0: the curves get calmer, and D is ahead a little more. A curve's level says how balanced the game is, not how good the players are. `fg.pretrained.GALLERY` names seven short trainings more, six of which go wrong in the classic ways;
# `timeline("mode_collapse")` shows one. Can you tell from its curves alone?*
#
# ## Stop, go on, and survive a disconnect
#
# Stop, or the notebook's own stop button (Kernel > Interrupt), ends after the step in progress and saves. The same cell then goes on, bit for
# bit as if nothing had happened. Everything lies in the run folder:

# %%
for path in sorted((RUNS / "first").iterdir()):
    print(path.name)

# %%
history = fg.fit(gan, faces, steps=STEPS + 20, run_dir=RUNS / "first")
print(f"{len(history['loss_d']):,} steps in all")

# %% [markdown]
# In Colab a session ends after some hours and takes its disk with it. Tick `KEEP_ON_DRIVE` in the set-up cell before
# training: runs then go to your Drive, and after a disconnect the same cells go on from there. Should Drive itself
# go away, training continues on the local disk and moves back.
#
# For TensorBoard, use `replace(fg.RECIPES[RECIPE], tensorboard=True)` and, in a cell of its own, `%load_ext tensorboard` and
# `%tensorboard --logdir runs`.
#
# ## Other recipes, other losses
#
# A recipe is a frozen dataclass; `replace` changes one thing. Hinge loss with spectral norm is a one-line change:

# %%
hinge = replace(fg.RECIPES[RECIPE], loss="hinge", norm="spectral")
print("changed:", fg.config.differing(fg.RECIPES[RECIPE], hinge))
print(", ".join(fg.RECIPES))

# %% [markdown]
# ## Summary
#
# - D minimises cross-entropy; G minimises $-\log D(G(z))$, since $\log(1 - D(G(z)))$ has no slope where G needs it.
# - One round: D on real and detached fakes; then G through the new D; then the average.
# - Mistakes in a GAN are silent. Watch D(x), D(G(z)) and the faces, not the losses alone.
# - A run can stop at any time and goes on exactly.

# %%
fg.progress()

# %% [markdown]
# ## Think about it
#
# **1. D's loss is near 0 and G's loss is 8. Is training finished?**
#
# <details><summary>An answer</summary>
#
# No: D has won. It tells real from fake with certainty, and although the non-saturating loss still has a slope, its direction says little
# about faces. A smaller learning rate for D, or regularising it, helps.
# </details>
#
# **2. Why does G use the fakes from before D's step, and not new ones?**
#
# <details><summary>An answer</summary>
#
# It saves a forward pass of G, and its gradient is the same: G has not changed in between. Only D has, and D judges the fakes anew.
# </details>
#
# **3. What would the average be with decay 0, and with decay 1?**
#
# <details><summary>An answer</summary>
#
# With 0 it is the current generator, with 1 it never leaves its untrained start. 0.99 averages over about a hundred steps.
# </details>
#
# **Next:** [4 · Visualization](04_visualization.ipynb), playing with what G has learned.
