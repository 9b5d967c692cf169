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
# # 5 · Dynamics: why GANs circle, converge, and lose modes
#
# {badges}
#
# *In Colab, first choose File > Save a copy in Drive. Otherwise, your edits are lost.*
#
# By the end you will be able to
#
# - derive the best possible D, and check it against a trained one,
# - explain why an unregularized game circles, what alternating updates change, and why R1 makes it converge,
# - make a GAN lose modes on purpose, and recover them,
# - read the balance of a game from D(x), D(G(z)), and the gradient norms.
#
# Allow about 45 minutes. Running all cells takes about a minute and a half on two CPU cores. You need no GPU and no
# photographs: the data are points in the plane, and each run takes a few seconds.

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
STEPS = 2000  # steps of each training in the plane

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from facegan import plane
from facegan.plane import dirac_gan

BLUE, ORANGE = "#0072B2", "#D55E00"
EVERY = max(1, STEPS // 50)  # steps between two frames of a recording

# %% [markdown]
# ## Two dimensions instead of 12,288
#
# A face of 64 x 64 pixels is a point in 12,288 dimensions, so the game cannot be drawn. In this notebook, a "face" is
# a point in the plane, and G and D are small networks of linear layers. Everything else is the same as for faces:
# `GAN`, `train_step`, `fit`, losses, and optimizers. In two dimensions, you can see the whole game.
#
# The data are eight small clusters on a ring. **Predict, then run:** how will G's points get to the clusters?

# %%
MY_GUESS = ""  # @param ["", "one cluster after another", "all eight at once", "around the ring"]
print("your guess:", MY_GUESS or "none yet")
fair = plane.record(plane.CONFIG, data="ring", steps=STEPS, every=EVERY, fakes=200)
plane.play(fair)

# %% [markdown]
# *Press play, or drag the slider. Crosses are real points, and circles are fakes. The background shows D's output:
# blue where D(x) is high, orange where it is low. All eight clusters fill slowly and together. Turn on **gradients of
# G's loss**: the arrows show how each fake would have to move to lower the loss. Turn on the **grid of z** to see a
# grid of latents and the points that G maps it to. G is continuous, so the grid stays in one piece, and some fakes
# are always between the clusters; here, about a third.*
#
# ## The best D
#
# Which output is best for D? At a point $x$, the data have density $p(x)$ and the fakes have density $q(x)$. D
# outputs one number $D(x)$, and the term that D maximizes there is
#
# $$p(x) \log D(x) + q(x) \log(1 - D(x)).$$
#
# ### Exercise: optimal_discriminator
#
# Set the derivative with respect to $D(x)$ to zero, solve for $D(x)$, and write the result as a function of the two
# densities.


# %%
@fg.exercise("optimal_discriminator")
def optimal_discriminator(p, q):
    """Densities of the data, p, and of the fakes, q, two tensors of one shape -> the best D(x) there."""
    ...  # your code


# %% [markdown]
# Does a trained D find this optimum? Here G is fixed: its points always come from a Gaussian around -0.5, and the
# data come from a Gaussian around 0.5. Only D learns, with the same trainer as before. **Predict, then run:** what
# does D output halfway between the two, and does it reach 0 and 1 farther out?


# %%
class Fixed(torch.nn.Module):
    """A generator of a Gaussian around (-0.5, 0); its learning rate is almost 0."""

    sample_shape = (2,)

    def __init__(self):
        super().__init__()
        self.center = torch.nn.Parameter(torch.tensor([-0.5, 0.0]))

    def forward(self, z):
        return self.center + 0.5 * z


# %%
data = torch.randn(4096, 2, generator=torch.Generator().manual_seed(0)) * 0.5 + torch.tensor([0.5, 0.0])
gan = plane.gan(plane.CONFIG.replace(lr_g=1e-12), generator=Fixed())
fg.fit(gan, data, steps=STEPS)
x = torch.linspace(-2, 2, 200)
line = torch.stack([x, torch.zeros(200)], 1)
p, q = (torch.exp(-((x - mean) ** 2) / (2 * 0.5**2)) for mean in (0.5, -0.5))
plt.figure(figsize=(8.5, 3), layout="constrained")
plt.plot(x, optimal_discriminator(p, q), color=BLUE, linewidth=5, alpha=0.4, label="your formula")
plt.plot(x, gan.discriminator(line).sigmoid().detach(), color=ORANGE, label="D, trained")
plt.plot(x, p, "--", color="gray", label="p, the data (not to scale)")
plt.plot(x, q, ":", color="gray", label="q, the fakes")
plt.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
_ = plt.gca().set(xlabel="x", ylabel="D(x)")

# %% [markdown]
# *The trained D follows the formula where there are points to learn from: 1/2 in the middle, nearly 0 and 1 farther
# out. At the end of a perfect game, $p = q$, and the best D is 1/2 everywhere, because it cannot distinguish real
# from fake. So D(x) and D(G(z)) near one half can mean a tie; they do not necessarily mean that D is broken.*
#
# With the best D, G's loss becomes $2 \, \mathrm{JSD}(p, q) - \log 4$. JSD is the Jensen-Shannon divergence, a
# distance between the two densities that is 0 for $p = q$. If the densities do not overlap, it is constant and gives
# G no gradient. This is another reason for the non-saturating loss, which the runs in this notebook use.
#
# ## The smallest GAN: one point, one slope
#
# The smallest example, the *Dirac-GAN* (Mescheder et al. 2018), shows why GANs circle or converge. All real data are
# the single point 0, G is a single point $\theta$, and D is a line through the origin with slope $\psi$, so its logit
# is $\psi x$. The state of the whole game is a point $(\theta, \psi)$ in the plane, and the solution is $(0, 0)$.
#
# In the original (minimax) game, G minimizes $\log(1 - D(\theta))$, and D minimizes the opposite,
# $-\log(1 - D(\theta))$. The real point adds only a constant, because $D(0)$ is always 1/2.
#
# ### Exercise: dirac_gradients
#
# For each network, return the negative derivative of its own loss with respect to its own parameter. `torch.sigmoid`
# is $\sigma$.


# %%
@fg.exercise("dirac_gradients")
def dirac_gradients(theta, psi):
    """Two tensors of one shape -> (d_theta, d_psi): where G moves theta and D moves psi."""
    ...  # your code


# %% [markdown]
# ### Exercise: alternating_step
#
# The two networks can move at the same time (*simultaneous*), or D can move first and G then moves against the new D
# (*alternating*). The simultaneous step is given. Write the alternating step.


# %%
def simultaneous_step(field, theta, psi, rate):
    d_theta, d_psi = field(theta, psi)
    return theta + rate * d_theta, psi + rate * d_psi


# %%
@fg.exercise("alternating_step")
def alternating_step(field, theta, psi, rate):
    """One alternating step: D moves psi, then G moves theta against the new psi. Returns (theta, psi)."""
    ...  # your code


# %% [markdown]
# **Predict, then run.** Both games start at (0.5, 0.5). Where are they after 200 rounds with a learning rate of 0.2?

# %%
MY_GUESS = ""  # @param ["", "both at (0, 0)", "both far away", "both circle", "one circles, one moves away"]
print("your guess:", MY_GUESS or "none yet")
theta, psi = torch.meshgrid(torch.linspace(-2, 2, 9), torch.linspace(-2, 2, 9), indexing="ij")
_, axes = plt.subplots(1, 2, figsize=(7.6, 3.8), layout="constrained")
for ax, step, name in zip(axes, (simultaneous_step, alternating_step), ("simultaneous", "alternating")):
    path = [torch.tensor([0.5, 0.5])]
    for _ in range(200):
        path.append(torch.cat(list(step(dirac_gradients, *path[-1][:, None], 0.2))))
    ax.quiver(theta, psi, *dirac_gradients(theta, psi), color="lightgray")
    ax.plot(*torch.stack(path).T, color=BLUE, linewidth=0.8)
    ax.plot(*path[-1], "o", color=ORANGE)
    title = f"{name}: distance 0.71 to {path[-1].norm():.2f}"
    ax.set(title=title, xlabel="θ", ylabel="ψ", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal")

# %% [markdown]
# *The arrows point around the center: where θ is positive, ψ decreases; where ψ is negative, θ decreases; where θ is
# negative, ψ increases; and so on. Simultaneous steps spiral outward from the circle; alternating steps stay on it.
# Neither converges, although each network always lowers its own loss: each such step moves the game around the
# center.*
#
# The eigenvalues confirm this. Near (0, 0), the field is a 2 x 2 matrix $J$, and a simultaneous step with rate $h$
# multiplies the position by $I + hJ$. Here $J$ has the eigenvalues $\pm 0.5i$, and $|1 + 0.2 \cdot 0.5i| = 1.005$:
# each round moves half a percent farther out. With a modulus above 1, the game moves away from the solution; below 1,
# it converges; a modulus of exactly 1 is inconclusive.

# %%
for game in ("gan", "r1"):
    values = ", ".join(f"{value:.2f}" for value in dirac_gan.eigenvalues(game))
    print(f"{game}: eigenvalues of the field {values}")
    for updates in ("simultaneous", "alternating"):
        modulus = abs(dirac_gan.update_eigenvalues(game, updates, rate=0.2)).max()
        print(f"    {updates:12} updates: modulus {modulus:.4f}")

# %% [markdown]
# The second game has one more term, R1 (Mescheder et al. 2018), a penalty on the slope of D at the *real* data:
#
# $$R_1 = \tfrac{1}{2} \, \mathbb{E}_x \lVert \nabla_x D(x) \rVert^2, \quad \text{with } D(x) \text{ the logit.}$$
#
# For the Dirac-GAN, the slope is $\psi$, so R1 pulls $\psi$ back to 0. The imaginary eigenvalues get a negative real
# part, and the game spirals inward.
#
# ## The lab: nine games
#
# Choose a game, drag the start, and change the strength and the updates (also five D steps for each G step). Which
# games converge with simultaneous steps? Which games converge with none of the updates? At which γ does R1 stop
# spiraling and converge directly?

# %%
plane.dirac("gan", rate=0.15, start=(0.5, 0.5))

# %% [markdown]
# *The original game with simultaneous steps spirals outward. From this start and with their default strengths, both
# R1 games, instance noise, and consensus optimization converge with all updates. The original game, WGAN, WGAN-GP,
# and DRAGAN converge with none: the penalties of the last two require a slope of 1 even where real and fake points
# agree. The non-saturating game has the same modulus as the original game, but with alternating updates it approaches
# the solution, more and more slowly. For R1 with simultaneous steps, the spiral ends at γ = 1, where both eigenvalues
# become real.*
#
# ### Exercise: r1_penalty
#
# Write R1 for any D and any samples, points or images. D must be able to learn from the penalty.


# %%
@fg.exercise("r1_penalty")
def r1_penalty(discriminator, real):
    """A module and real samples (B, ...) -> half the mean squared norm of D's gradient there, one number."""
    ...  # your code


# %% [markdown]
# Does R1 also work for networks? The data are now one Gaussian, and Adam uses momentum β1 = 0.9, which keeps the game
# circling. **Predict, then run:** what does R1 change?

# %%
MY_GUESS = ""  # @param ["", "nothing", "G arrives sooner", "G circles without it, and arrives with it"]
print("your guess:", MY_GUESS or "none yet")
wild = plane.CONFIG.replace(beta1=0.9)
without = plane.record(wild, "gaussian", steps=STEPS, every=EVERY, fakes=200)
with_r1 = plane.record(wild.replace(r1=3.0), "gaussian", steps=STEPS, every=EVERY, fakes=200)
for name, recording in (("without R1", without), ("with R1", with_r1)):
    off = np.linalg.norm(recording.fakes.mean(1) - recording.centers, axis=1)[-20:].mean()
    print(f"{name}: the fakes' center is {off:.2f} away from the data's, on average over the last 20 frames")
plane.play(without, with_r1)

# %% [markdown]
# *Left: the fakes circle around the data, as θ did. Right: they come to rest. This is one seed: try `seed=1`, and
# values of γ below 3. `TrainConfig(r1=...)` adds this penalty to D's loss.*
#
# ## Modes, lost and found
#
# A GAN *covers* a mode of the data if it generates enough points there. *Mode collapse* means that it covers only a
# few modes, or one.
#
# ### Exercise: modes_covered


# %%
@fg.exercise("modes_covered")
def modes_covered(fakes, centers, radius, least):
    """Fakes (N, 2), centers (M, 2) -> how many centers have at least `least` fakes within the radius."""
    ...  # your code


# %%
def modes(recording):
    """Modes covered, on average over the last 10 frames: within 0.15, by a fifth of the fair share of fakes."""
    centers = torch.from_numpy(recording.centers)
    least = len(recording.fakes[0]) // len(centers) // 5
    frames = torch.from_numpy(recording.fakes[-10:])
    return sum(modes_covered(fakes, centers, 0.15, least) for fakes in frames) / len(frames)


slow = plane.CONFIG.replace(lr_d=2e-4)  # D learns five times as slowly as G
collapsed = plane.record(slow, "ring", steps=STEPS, every=EVERY, fakes=200)
print(f"fair: {modes(fair):.1f} of 8 modes; slow D: {modes(collapsed):.1f} of 8")
plane.play(fair, collapsed)

# %% [markdown]
# *Both have the same seed and the same data; on the right, D learns five times as slowly. Press play: all fakes
# gather in one place, D slowly lowers D(x) there, and all fakes move to the next cluster. Over time, G visits all
# eight clusters, but most of the time it covers one or none. This is the same circling as in the Dirac-GAN, but
# around a ring.*
#
# **Predict, then run.** Which changes recover the modes? D learns as slowly as before in all of them.

# %%
MY_GUESS = ""  # @param ["", "five D steps", "R1", "instance noise", "no momentum", "several"]
print("your guess:", MY_GUESS or "none yet")
cures = {
    "slow D": {},
    "five D steps": {"n_critic": 5},
    "R1, γ = 1": {"r1": 1.0},
    "instance noise": {"instance_noise": 0.3},
    "no momentum": {"beta1": 0.0},
    "G as slow as D": {"lr_g": 2e-4},
}
found = {}
for name, change in cures.items():
    config = slow.replace(**change)
    runs = [plane.record(config, steps=STEPS, every=EVERY, seed=seed) for seed in (1, 2)]
    found[name] = [modes(run) for run in runs]

# %%
_, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for row, counts in enumerate(found.values()):
    ax.plot(counts, [row] * len(counts), "o", color=BLUE, markersize=9)
ax.set(
    xlim=(-0.3, 8.3), xlabel="modes covered, of 8 (two seeds)", yticks=range(len(found)), yticklabels=found
)
ax.invert_yaxis()
ax.grid(axis="x", alpha=0.4)

# %% [markdown]
# *The two changes that helped in both runs let D keep up with G: more D steps, which take longer, or a slower G. R1
# and no momentum each helped in one of these two runs; with other seeds, they also help only sometimes. Instance
# noise of this size helped in neither run. Two seeds are few: try more before you trust a cure. Different rates for
# the two networks are also called two time-scale updates (Heusel et al. 2017); there, D gets the larger rate.*
#
# ## Momentum
#
# DCGAN uses β1 = 0.5 instead of Adam's usual 0.9. **Predict, then run** on the ring with equal learning rates: which
# β1 covers the most modes after the same number of steps?

# %%
MY_GUESS = ""  # @param ["", "0", "0.5", "0.9", "all the same"]
print("your guess:", MY_GUESS or "none yet")
for beta1 in (0.0, 0.5, 0.9):
    runs = [
        plane.record(plane.CONFIG.replace(beta1=beta1), "ring", steps=STEPS, every=EVERY, seed=s)
        for s in (0, 1)
    ]
    near = np.mean([run.curves["quality"][-10:].mean() for run in runs])
    print(
        f"β1 = {beta1}: {np.mean([modes(run) for run in runs]):.1f} modes, {near:.0%} of the fakes near one"
    )

# %% [markdown]
# *Here 0.5 is best; 0 and 0.9 both cover fewer modes after the same number of steps. With much momentum, updates keep
# following directions that the other network's updates have made wrong.*
#
# ## Reading the balance
#
# In high dimensions, you cannot see the game, only its curves. Learn to read the curves here, where you can check
# them: for the fair game, the slow D, and a D that learns fifty times as fast as G. **Predict:** in which of the
# three is D(x) closest to D(G(z))?

# %%
MY_GUESS = ""  # @param ["", "fair", "slow D", "strong D"]
print("your guess:", MY_GUESS or "none yet")
strong = plane.record(plane.CONFIG.replace(lr_d=5e-3, lr_g=1e-4), "ring", steps=STEPS, every=EVERY)
_, axes = plt.subplots(2, 3, figsize=(9, 4.4), sharex=True, sharey="row", layout="constrained")
for column, (name, run) in zip(axes.T, {"fair": fair, "slow D": collapsed, "strong D": strong}.items()):
    column[0].plot(run.steps, run.curves["d_real"], color=BLUE, label="D(x)")
    column[0].plot(run.steps, run.curves["d_fake"], color=ORANGE, label="D(G(z))")
    column[1].semilogy(run.steps, run.curves["grad_norm_d"], color=BLUE, label="gradient norm of D")
    column[1].semilogy(run.steps, run.curves["grad_norm_g"], color=ORANGE, label="gradient norm of G")
    column[0].set(title=f"{name}: {modes(run):.0f} of 8", ylim=(0, 1))
    column[1].set(xlabel="step")
for ax in axes[:, 0]:
    ax.legend(frameon=False)

# %% [markdown]
# *Fair: D is slightly ahead, and both gradients have the same order of magnitude. Slow D: judging by D(x) and D(G(z))
# alone, it is the fairest of the three, but D's gradient is several times G's. In every step, D has much to correct,
# and it never catches up. Strong D: the curves stay far apart, and at first G's gradient is many times D's. D has
# nothing left to learn, and G hardly moves. No single curve is enough; read all three together.*
#
# ## The lab: your own games
#
# When you change a control, the widget trains again and plays the result. Make the ring collapse without changing D's
# learning rate. Which data set is the hardest?

# %%
fg.widgets.plane(steps=STEPS, every=EVERY)

# %% [markdown]
# *Without a running kernel, this page shows only the last frame.*
#
# ## Summary
#
# - The best D at a point is p / (p + q). At the end of a perfect game, it is 1/2.
# - In the minimax game, each step moves the game around its solution: simultaneous steps spiral outward, and
#   alternating steps circle. Much momentum (0.9) keeps the game circling.
# - R1 penalizes D's slope at the real data. Games that circle without R1 converge with it.
# - A GAN loses modes when G moves too fast for D. More D steps or a slower G recover them.
# - If D(x) and D(G(z)) are far apart, D has won. If they are close, the game may be balanced or circling: compare the
#   gradient norms, and look at samples.
#
# ## In your own words
#
# Write at least 20 words between the quotes, and run the cell. The cell stores your answer in the runs folder, and
# your instructor grades the text. If a call contains `None`, replace it with your value; the cell checks the value.
#
# **circle** (5 points). In the Dirac-GAN, each step of a player lowers its own loss, but the players never reach the
# solution. Use the arrows to explain why. How does R1 change the arrows and the eigenvalues? Also pass `modulus`, the
# modulus of the original game for simultaneous updates with a rate of 0.4.
#
# **modes** (5 points). D learns too slowly, and modes are lost. Explain step by step how this happens. A friend says
# that R1 fixes it, and shows one run. What do you answer, and which experiment would settle the question?

# %%
MY_ANSWER = """

"""
fg.answer("circle", MY_ANSWER, modulus=None)

# %%
MY_ANSWER = """

"""
fg.answer("modes", MY_ANSWER)

# %%
HAND_IN = False  # @param {type:"boolean"}
if HAND_IN:
    fg.notebook.submit(runs=RUNS)
fg.progress()

# %% [markdown]
# ## Think about it
#
# **1. On the ring, why are some fakes always between two clusters, even in a fair game?**
#
# <details><summary>An answer</summary>
#
# G is continuous, and z comes from a connected set. A continuous image of a connected set is connected, so G cannot
# split it into eight pieces; it can only stretch it thin between them.
# </details>
#
# **2. R1 is computed at real data only. Why not also at the fakes?**
#
# <details><summary>An answer</summary>
#
# At the solution, real and fake samples are the same, so near the solution, a penalty on one of them is enough to
# make D flat. (A penalty on fakes is called R2, and also converges.) Away from the solution, D needs its slope to
# pull the fakes toward the data.
# </details>
#
# **3. A friend's face GAN shows D(x) = 0.55 and D(G(z)) = 0.45, and all faces are alike. How can that be?**
#
# <details><summary>An answer</summary>
#
# Balance is not quality. With the slow D above, both values are also near one half, but G covers one mode or none.
# Look at the faces, count modes, and measure a distance.
# </details>
#
# ## Go further
#
# - The grid of 25 clusters needs more steps: `plane.record(data="grid", steps=10_000, every=100)`. How many modes do
#   you reach? What helps most?
# - Draw your own points: `plane.record(data=[[0, 0], [1, 0.2], ...])`. Which shapes are hard for G?
# - The average of a circle is its center. Compare `ema_decay=0.99` with 0 in a game that circles, and in the slow-D
#   game. Why does it help in only one of them?
# - Write a loss, pass it as `plane.record(loss=(my_d_loss, my_g_loss))`, and find out whether it circles.
# - In unrolled GANs (Metz et al. 2017), G's loss uses D's future steps. For the Dirac-GAN, write an
#   `alternating_step` whose G differentiates through D's next step.
# - Check a finding on faces: in notebook 3, train with `lr_d` divided by five, and look at the faces.
#
# **To hand in:** run all cells and save the notebook. Then set `HAND_IN` to `True` and run its cell. The cell creates
# a zip file of your notebooks, answers, and training. In Colab, each notebook creates its own zip file; hand in all
# of them.
#
# **Next:** [6 · The clinic](06_clinic.ipynb) ([in Colab]({colab}/06_clinic.ipynb)): name and treat six failed
# training runs on faces.
