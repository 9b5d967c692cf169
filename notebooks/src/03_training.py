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
# *In Colab, first choose File > Save a copy in Drive. Otherwise, your edits are lost.*
#
# By the end you will be able to
#
# - write both losses, and choose between two losses for G,
# - write one training step yourself, and train your own networks with it,
# - recognize the classic mistakes by their curves and faces,
# - watch a training run on faces, read its curves, stop it, and resume it.
#
# Allow about 75 minutes. Running all cells takes three to eight minutes on two CPU cores. Your networks and their
# training are saved in the runs folder. In Colab, select `KEEP_ON_DRIVE` before you train: a session and its disk are
# deleted after some hours, and notebook 4 runs on a new machine.

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
DATA = "celeba"  # 32,600 photographs (248 MB, fetched once); "synthetic" for drawn faces, without a download
RECIPE = "auto"  # by device: "modern" on a GPU, "tiny" on a CPU; or a recipe's name
STEPS = "auto"  # steps of the long run; or a number
YOUR_STEPS = 300  # steps of your own loop
SMALL_STEPS = 400  # steps for each of the classic mistakes

# %%
import copy
from itertools import chain, islice, repeat

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from facegan.images import to_uint8
from tqdm.auto import tqdm

faces = fg.notebook.load_faces(DATA)
small_faces = fg.notebook.load_faces(DATA, 32)
_ = torch.manual_seed(0)
BLUE, ORANGE = "#0072B2", "#D55E00"


# %% [markdown]
# ## The game
#
# D takes real faces $x$ and fakes $G(z)$, and outputs the probability $D(\cdot) = \sigma(\text{logit})$ that its
# input is real. Goodfellow et al. (2014) define the game
#
# $$\min_G \max_D \; \mathbb{E}_x[\log D(x)] + \mathbb{E}_z[\log(1 - D(G(z)))].$$
#
# $\mathbb{E}$ is the average over many faces or latents. D maximizes the sum, and G minimizes it. Algorithm 1 of the
# paper repeats two steps:
#
# 1. **D's step.** Draw real faces and latents. Update D to increase $\log D(x) + \log(1 - D(G(z)))$.
# 2. **G's step.** Update G to increase $D(G(z))$. The paper draws new latents for this step; here, as in most code, G
#    uses those of D's step.
#
# For D, this is ordinary binary classification: real faces have label 1, fakes label 0.
#
# ### Exercise: discriminator_loss
#
# From logits, compute the loss that D minimizes: the mean over the batch of real faces plus the mean over the batch
# of fakes. Be careful with large logits: computed in two steps, $\log\sigma(x)$ is $-\infty$ for $x = -200$.


# %%
@fg.exercise("discriminator_loss")
def discriminator_loss(real_logits, fake_logits):
    """Two tensors (B,) of logits -> one number for D to minimize: the means of both halves, added."""
    ...  # your code


# %% [markdown]
# ## Two losses for G
#
# G could minimize $\log(1 - D(G(z)))$, which D maximizes, or it could minimize $-\log D(G(z))$. Early in training, D
# recognizes every fake: its logits for fakes are far below 0.
#
# **Predict, then run.** If D is sure that a fake is a fake, which loss still gives G a useful gradient?

# %%
MY_GUESS = ""  # @param ["", "log(1 - D)", "-log D", "both", "neither"]
print("your guess:", MY_GUESS or "none yet")
x = torch.linspace(-8, 8, 200)
_, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for loss, slope, label, color in (
    (-F.softplus(x), -x.sigmoid(), "log(1 - D): minimax", ORANGE),
    (F.softplus(-x), -(-x).sigmoid(), "-log D: non-saturating", BLUE),
):
    left.plot(x, loss, color=color, label=label)
    right.plot(x, slope, color=color)
left.set(xlabel="logit of a fake", title="What G minimizes", ylabel="loss")
right.set(xlabel="logit of a fake", title="Its slope", ylabel="d loss / d logit")
_ = left.legend(frameon=False)

# %% [markdown]
# *Both losses decrease to the right, so both push fakes toward "real". However, where D is sure (left), the slope of
# the minimax loss is almost 0: G learns nothing when it has the most to learn. There, the non-saturating loss has its
# full slope.*
#
# ### Exercise: generator_loss


# %%
@fg.exercise("generator_loss")
def generator_loss(fake_logits):
    """Logits (B,) of fakes -> one number for G to minimize, the mean of the non-saturating loss."""
    ...  # your code


# %% [markdown]
# ## One step, tensor by tensor
#
# Small networks for 32-pixel images keep this section fast. `fg.GAN` contains the state of a run: two networks, two
# optimizers, a random number generator, a step count, and a history.

# %%
config = fg.TrainConfig(image_size=32, width=24, batch_size=32, lr_d=5e-4, lr_g=5e-4, precision="fp32")
gan = fg.GAN(config, device="cpu")
real = next(iter(small_faces.batches(32)))
z = torch.randn(32, config.latent_dim)

fake = gan.generator(z)
print("z         ", tuple(z.shape))
print("fake      ", tuple(fake.shape), f"from {fake.min():.2f} to {fake.max():.2f}")
loss_d = discriminator_loss(gan.discriminator(real), gan.discriminator(fake.detach()))
print(f"loss of D  {loss_d:.3f}  (a D that guesses 50:50 scores 2 log 2 = 1.386)")
loss_d.backward()
print("gradient in D:", gan.discriminator.blocks[0][0].weight.grad.norm().item())
print("gradient in G:", gan.generator.blocks[0][0].weight.grad)

# %% [markdown]
# `detach` cuts the graph between the two networks: D's loss sends no gradient into G. Now D takes its step, and then
# G's loss uses the updated D:

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
# Write the complete step, with your two losses. Remember that `backward` *adds* to existing gradients. Keep both
# networks in train mode.


# %%
@fg.exercise("train_step")
def train_step(generator, discriminator, optimizer_g, optimizer_d, real, z):
    """D's step on real and G(z), then G's step through the new D. Returns (loss_d, loss_g), detached."""
    ...  # your code


# %% [markdown]
# ## A better generator by averaging: EMA
#
# G's weights fluctuate from step to step. A generator with the exponential moving average of its weights, $\bar\theta
# \leftarrow \beta \bar\theta + (1 - \beta)\,\theta$, generates cleaner faces at almost no cost. Also average or copy
# BatchNorm's buffers.
#
# ### Exercise: update_average


# %%
@fg.exercise("update_average")
def update_average(average, model, decay):
    """Moves the module `average` toward `model`, in place; returns nothing."""
    ...  # your code


# %% [markdown]
# ## The knobs
#
# | hyperparameter | what it does | DCGAN paper | your loop below |
# |---|---|---|---|
# | learning rate | how far one step moves the weights; too large breaks training, too small is slow | 2e-4 | 5e-4 |
# | Adam | scales each weight's step by its recent gradients, so that all layers learn | yes | yes |
# | β1 | how long Adam keeps a direction; as the opponent changes, old directions become wrong | 0.5 | 0 |
# | batch size | faces per step; larger batches are less noisy and cost more | 128 | 16 |
# | epoch | one pass over all faces; this course counts steps instead | | |
#
# ## Train your networks
#
# Now train everything that you have written: your networks from notebook 2, your losses, your step, and your average.

# %%
build_generator = fg.notebook.answer("generator")
build_discriminator = fg.notebook.answer("discriminator")
init_weights = fg.notebook.answer("init_weights")
fg.notebook.authors("discriminator_loss", "generator_loss", "train_step", "update_average")


def build_networks(width, width_d):
    """Your two networks, with your initialization."""
    networks = build_generator(100, width), build_discriminator(width_d)
    return {"generator": networks[0].apply(init_weights), "discriminator": networks[1].apply(init_weights)}


# %% [markdown]
# First, compare the numbers: five steps of your `train_step` and five of the library's, from the same weights, faces,
# and latents.

# %%
config = fg.TrainConfig(width=16, batch_size=16, lr_d=1e-4, lr_g=1e-4, precision="fp32")
theirs = fg.GAN(config, **build_networks(16, 16), device="cpu")
g, d = copy.deepcopy(theirs.generator), copy.deepcopy(theirs.discriminator)
optimizer_g, optimizer_d = (torch.optim.Adam(n.parameters(), 1e-4, betas=(0.5, 0.999)) for n in (g, d))
print("step | loss of D: yours, fg.train_step | loss of G: yours, fg.train_step")
for step, real in zip(range(1, 6), faces.batches(16)):
    before = theirs.rng.get_state()
    z = theirs.draw_noise(16).z[0]  # the latents that fg.train_step will draw
    theirs.rng.set_state(before)
    yours = train_step(g, d, optimizer_g, optimizer_d, real, z)
    ours = fg.train_step(theirs, real)
    print(f"{step:4} | {yours[0]:.4f}  {ours['loss_d']:.4f} | {yours[1]:.4f}  {ours['loss_g']:.4f}")

# %% [markdown]
# The numbers agree: `fg.train_step` computes what your step computes. (The last digits may differ, because sums are
# computed in a different order.)
#
# Now train for a few hundred steps with your loop, and for the same number with the library's `fit`. The two start
# from different weights and latents, so compare the shape of the curves, not their level.


# %%
def smooth(values, steps=20):
    return torch.as_tensor(values).float().unfold(0, min(steps, len(values)), 1).mean(1)


def play(steps):
    torch.manual_seed(0)
    g, d = (network.to(gan.device) for network in build_networks(16, 16).values())
    optimizer_g, optimizer_d = (torch.optim.Adam(n.parameters(), 5e-4, betas=(0.0, 0.99)) for n in (g, d))
    average, losses = copy.deepcopy(g), []
    stream = chain.from_iterable(repeat(faces.batches(16, device=gan.device)))
    for step, real in enumerate(tqdm(islice(stream, steps), total=steps, desc="your loop")):
        z = torch.randn(16, 100, device=gan.device)
        losses.append([float(loss) for loss in train_step(g, d, optimizer_g, optimizer_d, real, z)])
        update_average(average, g, min(0.99, (1 + step) / (10 + step)))  # forgets the random start
    return torch.tensor(losses), average.eval()


# %%
config = config.replace(lr_d=5e-4, lr_g=5e-4, beta1=0.0, beta2=0.99, ema_decay=0.99)
gan = fg.GAN(config)  # on the GPU, if there is one
your_losses, your_generator = play(YOUR_STEPS)
history = fg.fit(gan, faces, steps=YOUR_STEPS)
_, axes = plt.subplots(1, 2, figsize=(10, 3), sharey=True, layout="constrained")
for ax, name, column in zip(axes, ("loss_d", "loss_g"), your_losses.T):
    ax.plot(smooth(column), color=ORANGE, label="yours")
    ax.plot(smooth(history[name]), color=BLUE, label="the library's")
    ax.set(title=name, xlabel="step")
axes[0].legend(frameon=False)
with torch.no_grad():
    your_faces = your_generator(torch.randn(8, 100, device=gan.device)).cpu()
plt.show()  # show the curves before the faces
fg.show_images(torch.cat([your_faces, gan.sample(8, seed=1)]), columns=8, rows=["your loop", "the library"])

# %% [markdown]
# *Both runs have just begun: you can see a head, hair, and the positions of the eyes.*
#
# If your code does not draw a face after this many steps, look for a bug before you train longer: print the mean and
# the standard deviation of every parameter and gradient.
#
# ## The classic mistakes, and what they look like
#
# None of these mistakes raises an error. The next cells train with the correct step and with each mistake, on the
# small faces. In a healthy run, D is slightly ahead of G: D(x) is above one half, D(G(z)) is below, and both stay
# there.
#
# **Predict, then run.** One of the mistakes has curves that are *closer* together than those of the right step,
# although its faces are wrong. Which one?


# %%
def step_with(mistake, gan, real):
    g, d = gan.generator, gan.discriminator
    real = (real + 1) / 2 if mistake == "real in [0, 1]" else real
    fake = g(torch.randn(len(real), 100))
    if mistake != "no zero_grad":
        gan.optimizer_d.zero_grad()
        gan.optimizer_g.zero_grad()
    opinions = [d(real), d(fake if mistake == "no detach" else fake.detach())]
    discriminator_loss(*opinions[:: -1 if mistake == "swapped labels" else 1]).backward(retain_graph=True)
    gan.optimizer_d.step()
    generator_loss(d(fake)).backward()
    gan.optimizer_g.step()
    return [logits.sigmoid().mean().item() for logits in opinions]


# %%
MY_GUESS = ""  # @param ["", "no zero_grad", "real in [0, 1]", "swapped labels", "no detach"]
small = fg.TrainConfig(image_size=32, width=24, batch_size=32, lr_d=5e-4, lr_g=5e-4, precision="fp32")
judge = fg.evaluation.Evaluator(small_faces, n=min(1000, len(small_faces) // 2))
outcomes = {}
for mistake in ("right", "no zero_grad", "real in [0, 1]", "swapped labels", "no detach"):
    torch.manual_seed(0)
    pupil = fg.GAN(small, device="cpu")
    stream = chain.from_iterable(repeat(small_faces.batches(32)))
    progress = tqdm(islice(stream, SMALL_STEPS), total=SMALL_STEPS, desc=mistake)
    curve = torch.tensor([step_with(mistake, pupil, real) for real in progress])
    samples = pupil.generator.eval().sample(1000, seed=0)
    outcomes[mistake] = curve, samples[:8], judge.score(samples).distance

# %%
print("your guess:", MY_GUESS or "none yet")
_, axes = plt.subplots(5, 2, figsize=(10, 9.5), width_ratios=(3, 1), sharex="col", layout="constrained")
for (left, right), (name, (curve, samples, distance)) in zip(axes, outcomes.items()):
    left.imshow(torch.cat([*to_uint8(samples)], 2).permute(1, 2, 0))
    left.set_title(f"{name}: distance to real faces {distance:.0f}", loc="left")
    left.set_axis_off()
    right.plot(smooth(curve[:, 0]), color=BLUE, label="D(x), real")
    right.plot(smooth(curve[:, 1]), color=ORANGE, label="D(G(z)), fake")
    right.set(ylim=(-0.03, 1.03))
axes[0, 1].legend(frameon=False, fontsize=8)
_ = axes[-1, 1].set_xlabel("step")

# %% [markdown]
# *From top to bottom: **Right**: a face begins to appear. **No zero_grad**: old gradients accumulate, and G draws
# colored patterns. **Real in [0, 1]**: the curves are closer together than those of the right step, but every face is
# pale, because D and G agree on the wrong range. **Swapped labels**: D learns to call fakes real, and G learns to
# avoid faces. **No detach**: G also receives the gradient of D's loss, which pushes in the opposite direction. Here
# the difference is too small to see, but with G's other loss the same mistake stops G completely. The number is a
# Fréchet distance: each image is compressed to a few numbers (PCA), and the means and covariances of real and fake
# images are compared. Smaller is closer to real faces. Curves alone can mislead: look at the faces, and measure.*
#
# ## Training, live
#
# The long run trains *your* networks: `fg.fit` does what your loop does, and saves checkpoints, frames, and curves in
# a run folder. The recipe and the number of steps depend on your device. The recipe's optimizer, average, and penalty
# on D (R1, explained below) apply to your networks.
#
# The dashboard updates in place: losses, D's outputs, images per second, the time left, and 64 faces from the same
# latents. **Stop** finishes the current step, saves the run, and ends "Run all". Run the cell again to resume.
# `fg.fit(..., fresh=True)` starts over and moves the old run aside. `run_folder` also moves the old run aside if your
# networks, the faces, or the recipe have changed since then.

# %%
plan = fg.notebook.plan(faces, recipe=RECIPE, steps=STEPS)
config, every = plan.config, max(1, plan.steps // 12)
torch.manual_seed(0)
networks = build_networks(config.width, config.width_d or config.width)
gan, live = fg.GAN(config, **networks), fg.widgets.live()
answers = "generator", "discriminator", "init_weights"
folder = fg.notebook.run_folder(RUNS / "first", *answers, faces=faces.name, recipe=plan.recipe)
fg.fit(gan, faces, steps=plan.steps, run_dir=folder, snapshot_every=every, callbacks=[live])
fg.plot_curves(gan.history)

# %% [markdown]
# *How to read the curves: The losses of a GAN do not fall to zero, and lower is not better, because each loss
# measures one network against the other. D(x) and D(G(z)) near one half would be a tie; normally, D is slightly
# ahead. Training goes well if both curves stay level while the faces get better. If D(G(z)) stays at 0 and the faces
# stop changing, D is too strong. If all faces become alike, G has collapsed.*
#
# ### How good are they?
#
# Compare real and generated faces, and compute one number. The floor is the distance of other real faces. This
# measure cannot distinguish a generator near the floor from real faces.

# %%
judge = fg.evaluation.Evaluator(faces, n=min(2000, len(faces) // 2))
score = judge.score(gan.sample(2000, seed=0)).distance
print(f"distance after {gan.step:,} steps: {score:.1f}; floor: {judge.floor.distance:.1f}")
with torch.no_grad():
    yours = [your_generator(torch.randn(100, 100, device=gan.device)).cpu() for _ in range(20)]
print(f"distance of your own loop after {YOUR_STEPS:,} steps: {judge.score(torch.cat(yours)).distance:.1f}")
fg.show_images(torch.cat([faces[:12], to_uint8(gan.sample(12, seed=1))]), columns=12, rows=["real", "fake"])

# %% [markdown]
# *Real faces, and fakes from the averaged generator. Always give two numbers with such a comparison: the distance and
# its floor.*
#
# ## What D wants changed
#
# G learns only from the gradient of D's output with respect to each pixel of a fake. This gradient can be displayed
# as an image.

# %%
fake = gan.generator(torch.randn(8, 100, device=gan.device)).detach().float().requires_grad_()
gan.discriminator(fake).sum().backward()
wanted = fake.grad / fake.grad.abs().amax((1, 2, 3), keepdim=True)
where = F.avg_pool2d(wanted.abs().mean(1, keepdim=True), 5, 1, 2).expand(-1, 3, -1, -1)
where = 2 * where / where.amax((1, 2, 3), keepdim=True) - 1
fg.show_images(
    torch.cat([fake.detach(), wanted, where]).cpu(), columns=8, rows=["fake", "change wanted", "where"]
)

# %% [markdown]
# *Top: eight fakes. Middle: the change of each pixel's color that would increase D's logit fastest (gray: no change).
# Bottom: where that change is strongest. This gradient is the only information that G gets about faces. G cannot
# change pixels independently: the gradient updates G's weights, which all faces share.*
#
# ## The curves of a longer run
#
# This run is bundled with facegan: the recipe `modern`, trained on photographs. Move the slider, and say for each
# snapshot what the curves show and what only the faces show.

# %%
fg.widgets.timeline("faces")

# %% [markdown]
# *The last snapshot. From step 1,000 to step 9,000, the curves hardly change, but the faces keep getting better. From
# step 9,000 on, the learning rates fall to 0: the curves fluctuate less, and D gets slightly farther ahead. The level
# of a curve shows how balanced the game is, not how good the networks are.*
#
# **Predict, then run.** Here is a short run that failed. Move the slider before you continue reading. What happened?

# %%
MY_GUESS = ""  # @param ["", "D is too strong", "the learning rate is too high", "mode collapse", "no detach"]
print("your guess:", MY_GUESS or "none yet")
fg.widgets.timeline([*fg.pretrained.GALLERY][5])

# %% [markdown]
# *Mode collapse. Up to step 1,000, the faces differ. After that, G takes twenty steps for each step of D, finds the
# one face that D scores highest, and draws it for every latent. D learns to reject this face, and G moves to the
# next. `fg.pretrained.GALLERY` lists six other failures, and [the failures
# page]({repository}/blob/main/docs/failures.md) says what to look for in each. In [notebook 6, the
# clinic](06_clinic.ipynb) ([in Colab]({colab}/06_clinic.ipynb)), you name six of them from their curves, and treat
# them.*
#
# ## Stop, resume, and survive a disconnect
#
# The **Stop** button and the notebook's stop button (Kernel > Interrupt) finish the current step and save the run.
# Run the same cell again to resume. The result is bit-identical to that of an uninterrupted run. The run folder
# contains everything:

# %%
print(*sorted(path.name for path in (RUNS / "first").iterdir()), sep="\n")
fg.fit(gan, faces, steps=gan.step + 20, run_dir=RUNS / "first")
print(f"{len(gan.history['loss_d']):,} steps in all")

# %% [markdown]
# If Drive becomes unavailable, training continues on the local disk, and the run is copied back later.
#
# For TensorBoard, use `config.replace(tensorboard=True)` and, in a separate cell, `%load_ext tensorboard` and
# `%tensorboard --logdir runs`.
#
# ## What `modern` changes, and why
#
# | | DCGAN paper | `modern` | why |
# |---|---|---|---|
# | upsampling in G | transposed convolution | copy pixels, then convolve | the layer causes no checkerboard |
# | D | BatchNorm | no normalization; R1 in every 16th step | R1, a penalty on D's gradient at real faces, keeps D from becoming too sure |
# | Adam's β1, β2 | 0.5, 0.999 | 0, 0.99 | the other network changes, so old directions are misleading |
# | learning rates | constant | fall to 0 over the last quarter | G changes less and less |
# | average of G | none | decay 0.998 | cleaner faces |
# | batch | 128 | 16 | more steps in the same time |
#
# `tiny` makes the same choices, with a narrower D, batches of 8, other learning rates, and latents that scale every
# layer of G. A recipe is a frozen dataclass; `replace` returns a copy with other settings. For example,
# `fg.RECIPES["tutorial"].replace(loss="hinge", norm="spectral")` has hinge loss and spectral normalization.
# `print(*fg.RECIPES)` lists all recipes.
#
# ## Summary
#
# - D minimizes cross-entropy; G minimizes $-\log D(G(z))$, because $\log(1 - D(G(z)))$ has almost no slope where G
#   needs one.
# - One step: update D on real faces and detached fakes, then G through the updated D, then the average.
# - Mistakes in a GAN raise no errors. Watch D(x), D(G(z)), and the faces, and measure a distance.
# - You can stop a run at any time and resume it exactly.
#
# ## In your own words
#
# Write at least 20 words between the quotes, and run the cell. The cell stores your answer in the runs folder, and
# your instructor grades the text. If a call contains `None`, replace it with your value; the cell checks the value.
#
# **curves** (8 points). Describe D(x), D(G(z)), and both losses of your long run, from beginning to end. Do they look
# as you expected, and how did the faces change at the same time? Why do the losses not fall to 0? Also pass
# `d_loss_at_end`, the mean of `gan.history["loss_d"]` over the last 200 steps.
#
# **alternate** (5 points). Why are D and G trained in turns, and not D to the end first and then G? What would G's
# gradient be in that case, for each of G's two losses?
#
# **change** (6 points). You train once more and may change one thing: a learning rate, the loss, the width, the batch
# size, the number of D's steps, or the data. What do you change, and how do you expect the curves, the faces, and the
# distance to change? Which result would show that you were wrong?

# %%
MY_ANSWER = """

"""
fg.answer("curves", MY_ANSWER, d_loss_at_end=None)

# %%
MY_ANSWER = """

"""
fg.answer("alternate", MY_ANSWER)
MY_ANSWER = """

"""
fg.answer("change", MY_ANSWER)
HAND_IN = False  # @param {type:"boolean"}
if HAND_IN:
    fg.notebook.submit(runs=RUNS, faces=faces)
fg.progress()

# %% [markdown]
# ## Think about it
#
# **1. D's loss is near 0 and G's loss is 8. Is training finished?**
#
# <details><summary>An answer</summary>
#
# No: D is too strong. It distinguishes real from fake with certainty. The non-saturating loss still has a slope, but
# its direction says little about faces. A smaller learning rate for D, or regularization of D, helps.
# </details>
#
# **2. Why does G use the fakes from before D's step, and not new ones?**
#
# <details><summary>An answer</summary>
#
# This saves a forward pass of G, and G's gradient is just as correct, because only D has changed in between. D's
# outputs for the fakes are computed again.
# </details>
#
# **3. What would the average be with decay 0, and with decay 1?**
#
# <details><summary>An answer</summary>
#
# With decay 0, it is the current generator. With decay 1, it stays at its untrained start. A decay of 0.99 averages
# over about a hundred steps.
# </details>
#
# ## Challenges
#
# - **WGAN-GP in ten lines.** Replace the two losses with the critic's $\mathbb{E}[D(G(z))] - \mathbb{E}[D(x)]$ and
#   G's $-\mathbb{E}[D(G(z))]$. Add a gradient penalty on interpolations between real and fake faces
#   (`torch.autograd.grad(..., create_graph=True)`), and take five steps of D for each step of G.
#   `fg.RECIPES["wgan_gp"]` is the library's version.
# - **Beat `tiny`.** Change one thing at a time, and train for the same number of minutes. Compare the distances that
#   `facegan results RUN RUN` prints.
# - **Diagnose.** Open three runs of `fg.pretrained.GALLERY` with `timeline`. For each, write what you see, what went
#   wrong, and what you would change.
#
# **To hand in:** run all cells and save the notebook. Then set `HAND_IN` to `True` and run its cell. The cell creates
# a zip file of your notebooks, answers, and training. In Colab, each notebook creates its own zip file; hand in all
# of them.
#
# **Next:** [4 · Visualization](04_visualization.ipynb) ([in Colab]({colab}/04_visualization.ipynb)): explore what
# your generator has learned. You can also open [5 · Dynamics](05_dynamics.ipynb) ([in
# Colab]({colab}/05_dynamics.ipynb)) now: see in two dimensions why the curves move as they do.
