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
# # 6 · The clinic: training runs that fail
#
# {badges}
#
# *In Colab, first choose File > Save a copy in Drive. Otherwise, your edits are lost.*
#
# By the end you will be able to
#
# - run training one step at a time, and say what each step changed,
# - recognize six failures by their curves and faces, and support each diagnosis with a number,
# - distinguish a treatment of the cause from one that does not help,
# - use `fg.diagnose`, and explain why you still check its result.
#
# Allow about 45 minutes. Running all cells takes about a minute and a half on two CPU cores. You need no GPU and no
# photographs: all runs are small and train on drawn faces of 32 pixels.

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
STEPS = 400  # steps of each small training
import copy
from itertools import chain, islice, repeat

import matplotlib.pyplot as plt
import numpy as np
import torch
from facegan.images import to_float
from facegan.training.game import Game
from facegan.training.held_out import logits
from facegan.training.single import step_discriminator, step_generator

faces = fg.load_faces("synthetic", 32)
healthy = fg.notebook.patient(0)  # a training without a failure, for comparison
BLUE, ORANGE = "#0072B2", "#D55E00"


# %%
def train(settings, steps=STEPS, data=faces, **changes):
    """A new GAN with the settings of a patient, trained from the start."""
    gan = fg.GAN(settings.replace(**changes), device="cpu")
    fg.fit(gan, data, steps=steps)
    return gan


# %% [markdown]
# ## The debugger: one step at a time
#
# A debugger runs a program line by line. `Game` runs training step by step: "D" is one step of D, "G" is one step of
# G, and you can undo every step exactly. The latents and the real faces that you look at stay the same, so the step
# causes every change.
#
# The next cell trains a small GAN for a short time. **Predict, then run:** D takes one step, and G takes none. What
# happens to D(G(z)), D's mean output for the same 64 fakes? Then, from the same start: what does one step of G do to
# D(G(z)) and to D(x)?

# %%
GUESS_D = ""  # @param ["", "D's step lowers D(G(z))", "it does not change D(G(z))", "it raises D(G(z))"]
GUESS_G = ""  # @param ["", "G's step raises D(G(z)) only", "it raises both", "it lowers D(x), too"]
print("your guess:", GUESS_D or "none yet", "|", GUESS_G or "none yet")
gan = train(healthy.config, r1=0.0, batch_size=32)
game = Game(gan, faces)
print("moves         D(x)   D(G(z))   logit of real faces - logit of fakes")
for moves in ("", "D", "DDD", "D" * 10, "", "G", "GGG", "G" * 10):
    game.go_to(tuple(moves))  # plays the new moves, and undoes the others
    seen = game.look(64, seed=0)
    gap = seen.real_logits.mean() - seen.fake_logits.mean()
    outputs = [x.sigmoid().mean() for x in (seen.real_logits, seen.fake_logits)]
    print(f"{moves or 'start':12}  {outputs[0]:.3f}  {outputs[1]:.3f}     {gap:.2f}")

# %% [markdown]
# *One step of D lowers D(G(z)). It may also change D(x), in either direction, because in a single step, D's output
# shifts for all pictures together. In every row, the gap between the logits of real faces and of fakes grows; this is
# all that D's loss requires. A step of G does not change D(x) at all, because neither D nor the real faces have
# changed. It raises D(G(z)): after three steps of G without a step of D, fakes already score higher than real faces.*
#
# ## What does D want changed?
#
# G learns only from the gradient of D's logit with respect to the pixels of its fakes. The debugger shows this
# gradient below each fake. **Orange: a brighter pixel would look more real to D. Blue: a darker pixel would look more
# real.** Gray: the pixel does not affect D's output now.
#
# **Predict, then run:** where are the colors? Then G takes 20 steps, and D takes none. Will the same pixels keep
# their colors?

# %%
MY_GUESS = ""  # @param ["", "on the faces, unchanged", "on the faces, changed", "all over, unchanged", "all over, changed"]
from facegan.widgets.step_picture import heat_map

print("your guess:", MY_GUESS or "none yet")
pictures, rows = [], []
for name, moves in (("at the start", ""), ("after 20 steps of G", "G" * 20)):
    game.go_to(tuple(moves))
    seen = game.look(6, seed=0)
    pictures += [fg.images.to_uint8(seen.fakes), heat_map(seen.fakes, seen.pull)]
    rows += [f"fakes {name}", "what D wants changed"]
game.go_to(())
fg.show_images(torch.cat(pictures), columns=6, rows=rows)

# %% [markdown]
# *The colors are all over the image. The gradient does not say "move the eye to the left". It is a pattern of single
# pixels, on the background as much as on the face. After 20 steps of G, the pattern has changed: G has followed it,
# and D has a different gradient for the new pictures. G cannot follow the pattern pixel by pixel, because each weight
# changes many pixels of all faces together, so the changes in the fakes are smoother than the pattern.*
#
# The next widget shows the same pictures and histograms of D's logits. Press **Step D** and **Step G** in turn, then
# **x10**, and undo all steps with **Undo**. After which kind of step does G's gradient norm grow?

# %%
fg.widgets.step(gan, faces)

# %% [markdown]
# *It grows after D's steps, because D gets steeper at the fakes. After G's steps, the norm falls. Without a running
# kernel, this page shows only the start.*
#
# ## The clinic
#
# Six training runs have failed, and the names of their failures are hidden. `fg.notebook.patient(1)` has
#
# - `.curves`, a dict of arrays with one value per step: `"step"`, `"loss_d"`, `"loss_g"`, `"d_real"` (D(x), the mean
#   over the batch of real faces), `"d_fake"` (D(G(z)), before D's step), `"d_fake_after"` (after it),
#   `"grad_norm_d"`, `"grad_norm_g"`,
# - `.plot()`, which draws the curves, and `.show()`, which shows the same latents at several steps, with real faces
#   below,
# - `.steps`, `.pictures(step)` (64 fakes at each of these steps), and `.faces` (64 real faces).
#
# For each patient, run the cell with the curves, choose your guess, run the cell again, and then look at the faces.
# **Write a function that returns the failure's name and a number that shows the failure**, such as `return "noise",
# 0.5`. The check also calls your function with artificial runs that show the same failure. Do not round the number.
# The names are:
#
# | name | what shows it |
# |---|---|
# | numerical failure | a loss or a gradient is NaN or infinite |
# | no gradient reaches G | D(x) is nearly 1 and D(G(z)) nearly 0, **and** G's gradient is less than a twentieth of D's |
# | D has won | D(x) is nearly 1 and D(G(z)) nearly 0, with only short interruptions; G's gradient is *larger* than D's |
# | dead game | D(x) and D(G(z)) are both 1/2, and D's loss stays at 1.39 |
# | D is fooled | D(G(z)) is above D(x) in most steps |
# | learning rate too high | D's loss jumps from step to step, several times as much as in a healthy run |
# | D pulls away | D(x) rises and D(G(z)) falls slowly, over thousands of steps; the curves do not show why |
# | mode collapse | fakes of different latents are alike |
# | noise | fakes are static: neighboring pixels are unrelated |
# | checkerboard | fakes have a grid of single pixels |
# | nothing changes | the same latents give the same fakes from snapshot to snapshot |
# | D overfits | D's logits of real faces that it does not train on fall toward its logits of fakes |
#
# Two rows can be true at the same time: static is always *noise*, whatever its cause. Return the name that your
# number shows.
#
# After your diagnosis, the doctor (`fg.diagnose`) prints its diagnosis, and you try treatments.
#
# ## Patient 1
#
# Up to step 500, this run went well. **Predict from the curves:** what happens to the faces after step 500?

# %%
MY_GUESS = ""  # @param ["", "get better", "stop changing", "become alike", "turn into static"]
print("your guess:", MY_GUESS or "none yet")
one = fg.notebook.patient(1)
one.plot(healthy=healthy)

# %%
one.show()


# %%
@fg.exercise("patient_1")
def patient_1(curves):
    """Curves, a dict of arrays (steps,) -> (name, D(x), D(G(z))).

    The name is one of the table's. D(x) and D(G(z)) are means over the last 200 steps: over the last 200 values of
    curves["d_real"] and of curves["d_fake"].
    """
    ...  # your code


# %%
MY_TREATMENT = ""  # @param ["", "R1", "a tenfold slower D", "a faster G", "any of the three"]
print("your treatment:", MY_TREATMENT or "none yet", "| evidence:", *patient_1(one.curves))
print(fg.diagnose(one))
sick = {"lr_d": 3e-3, "lr_g": 1e-6}  # the change at step 500; here from the first step on
treated = {
    "R1": train(one.config, **sick, r1=0.3, r1_every=4),
    "slower_D": train(one.config, lr_d=3e-4, lr_g=1e-6),
    "faster_G": train(one.config, lr_d=3e-3, lr_g=1e-3),
}
fg.notebook.charts(as_found=train(one.config, **sick), **treated)

# %% [markdown]
# *D has won: its outputs are 1 and 0, and its loss and its gradient are nearly 0. G's gradient is large, but G hardly
# changes, so the faces stop changing. The cause is G's learning rate, which is a thousand times too small. R1 and a
# slower D do not help: with them, D still wins, because G still does not change. Only the faster G draws faces. When
# D has won, ask what prevents G from improving.*
#
# *The doctor lists every rule that matches: first the sure ones, then those that match in too few steps to be sure.
# Several can be true, and not every one is the cause. Use your number to decide.*
#
# ## Patient 2
#
# **Predict from the curves:** D is also certain here. What is different from patient 1?

# %%
MY_GUESS = ""  # @param ["", "nothing", "G's gradient", "D's gradient", "it took longer"]
print("your guess:", MY_GUESS or "none yet")
two = fg.notebook.patient(2)
two.plot()

# %%
two.show()


# %%
@fg.exercise("patient_2")
def patient_2(curves):
    """Curves, a dict of arrays (steps,) -> (name, ratio).

    In each of the last 200 steps, divide G's gradient norm by D's. The ratio is the median of these 200 quotients.
    The columns are "grad_norm_g" and "grad_norm_d".
    """
    ...  # your code


# %%
def step_with(gan, real, detach):
    """A training step as in notebook 3. Without detach, D's loss also changes G's gradient."""
    fake = gan.generator(torch.randn(len(real), gan.config.latent_dim, generator=gan.rng))
    gan.zero_grad()
    outputs = gan.discriminator(real), gan.discriminator(fake.detach() if detach else fake)
    loss_d = gan.loss.discriminator(*outputs)
    loss_d.backward(retain_graph=True)
    norm_d = torch.nn.utils.get_total_norm([p.grad for p in gan.discriminator.parameters()])
    gan.optimizer_d.step()
    loss_g = gan.loss.generator(after := gan.discriminator(fake))
    loss_g.backward()
    norm_g = torch.nn.utils.get_total_norm([p.grad for p in gan.generator.parameters()])
    gan.optimizer_g.step()
    d_real, d_fake, d_after = (x.sigmoid().mean() for x in (*outputs, after))
    return torch.stack([loss_d, loss_g, d_real, d_fake, d_after, norm_d, norm_g]).detach()


# %%
MY_TREATMENT = ""  # @param ["", "detach", "the other loss", "either of the two", "only both together"]
print("your treatment:", MY_TREATMENT or "none yet", "| evidence:", *patient_2(two.curves))
print(fg.diagnose(two))
treated = {}
cases = {"as_found": ("minimax", 0), "detach": ("minimax", 1), "bce": ("bce", 0), "both": ("bce", 1)}
for name, (loss, detach) in cases.items():
    gan = fg.GAN(two.config.replace(loss=loss), device="cpu")
    batches = faces.batches(16, generator=torch.Generator().manual_seed(0))
    stream = chain.from_iterable(repeat(batches))
    for step, real in enumerate(islice(stream, STEPS), start=1):
        gan.history.append(step, step_with(gan, real, detach), images=16)
    gan.ema.load_state_dict(gan.generator.state_dict())  # what `sample` draws with
    treated[name] = gan
fg.notebook.charts(**treated)

# %% [markdown]
# *No gradient reaches G: G's gradient is about 200 times smaller than D's, whereas patient 1's was more than a
# thousand times larger. The cause is in the code. The fakes were not detached, so G also receives the gradient of D's
# loss. With the minimax loss, the two gradients of G are opposite and nearly cancel. Either change helps: detach, or
# the other loss. Make both changes: with `bce` and without detach, G still receives the gradient of D's loss, and the
# curves do not show it.*
#
# ## Patient 3
#
# **Predict from the curves:** which network fools the other after step 500? What do the faces look like?

# %%
MY_GUESS = ""  # @param ["", "G deceives D, good faces", "G deceives D, bad faces", "D sees through G"]
print("your guess:", MY_GUESS or "none yet")
three = fg.notebook.patient(3)
three.plot()

# %%
three.show()


# %%
@fg.exercise("patient_3")
def patient_3(curves):
    """Curves, a dict of arrays (steps,) -> (name, share).

    The share of the last 200 steps in which D(G(z)), "d_fake", is larger than D(x), "d_real": a number from 0 to 1.
    If the two are equal, D(G(z)) is not larger. Divide by all 200 steps.
    """
    ...  # your code


# %%
MY_TREATMENT = ""  # @param ["", "five D steps", "a slower G", "a faster D", "any of the three"]
print("your treatment:", MY_TREATMENT or "none yet", "| evidence:", *patient_3(three.curves))
print(fg.diagnose(three))
sick = {"lr_d": 2e-5, "lr_g": 3e-3}  # the change at step 500; here from the first step on
treated = {
    "five_D_steps": train(three.config, **sick, n_critic=5),
    "slower_G": train(three.config, lr_d=2e-5, lr_g=2e-5),
    "faster_D": train(three.config, lr_d=1e-3, lr_g=3e-3),
}
fg.notebook.charts(as_found=train(three.config, **sick), **treated)

# %% [markdown]
# *D is fooled: it scores static higher than real faces. D(G(z)) is high, but there are no faces. The fakes are also
# alike, but your number measures D's outputs. A high D(G(z)) is not a success if D cannot recognize fakes. From step
# 500 on, D learned fifty times more slowly and G three times as fast. With five D steps, D catches up slowly: the
# curves meet, but the fakes are still nearly one picture. A slower G only makes both networks slow. The faster D
# helps, because G needs a D that keeps up.*
#
# ## Patient 4
#
# **Predict from the curves:** look at the thin lines of D's output, which show single steps. Training broke down near
# step 1,200. Did it go well before?

# %%
MY_GUESS = ""  # @param ["", "yes", "no: D was already too strong", "no: every step went too far"]
print("your guess:", MY_GUESS or "none yet")
four = fg.notebook.patient(4)
four.plot(healthy=healthy)

# %%
four.show()


# %%
@fg.exercise("patient_4")
def patient_4(curves, healthy):
    """Curves of the patient and of a healthy run, dicts of arrays (steps,) -> (name, ratio).

    Jumpiness: take the first 1,000 values of "loss_d", the 999 changes from one value to the next, and the mean of
    their absolute values. The ratio is the patient's jumpiness over the healthy run's.
    """
    ...  # your code


# %%
MY_TREATMENT = ""  # @param ["", "lower rates, train on", "lower rates, start over", "either of the two"]
print("your treatment:", MY_TREATMENT or "none yet", "| evidence:", *patient_4(four.curves, healthy.curves))
print(fg.diagnose(four))
sick = train(four.config, 2 * STEPS)
trained_on = copy.deepcopy(sick)
for optimizer in (trained_on.optimizer_d, trained_on.optimizer_g):
    optimizer.param_groups[0]["lr"] = four.config.lr_d / 30
fg.fit(trained_on, faces, steps=3 * STEPS)
started_over = train(four.config, lr_d=four.config.lr_d / 30, lr_g=four.config.lr_g / 30)
treated = {"as_found": sick, "trained_on": trained_on, "started_over": started_over}
for name, gan in treated.items():
    jumps = [np.abs(np.diff(run.history["loss_d"][-STEPS:])).mean() for run in (gan, healthy)]
    print(f"{name:12} jumpiness in the last {STEPS} steps {jumps[0] / jumps[1]:.2f}")
fg.notebook.charts(**treated)

# %% [markdown]
# *Every step went too far, from the first one on: D's loss jumps more than four times as much as in the healthy run,
# and the colors are garish. D's win at the end is a consequence. Lower rates in the middle of the run reduce the
# jumps, but the colors stay: the large steps have moved the weights to a region that small steps do not leave. Start
# over: faces appear after half as many steps. The jumpiness falls with both treatments, so it does not show which one
# helped. Look at the faces.*
#
# *The doctor also reads a run's settings, including the learning rates. From the end of its curves alone, this run
# looks like patient 1. You looked at the steps before the end, and needed no settings.*
#
# ## Patient 5
#
# **Predict from the curves:** the curves change at step 1,000. It could be patient 3's failure. What would
# distinguish the two?

# %%
MY_GUESS = ""  # @param ["", "it is patient 3's failure", "only faces can tell", "the gradient norms tell"]
print("your guess:", MY_GUESS or "none yet")
five = fg.notebook.patient(5)
five.plot()

# %%
five.show()


# %%
@fg.exercise("patient_5")
def patient_5(fakes, real):
    """Fakes (N, 3, S, S) and real faces (M, 3, S, S), tensors from -1 to 1 -> (name, ratio).

    Distance of two pictures: subtract them, square, take the mean over all pixels and colors, take the root.
    Variety: the mean distance of all pairs in a set, each picture with every other one, also if the two are equal. The
    ratio is the variety of the fakes over that of the real faces.
    """
    ...  # your code


# %%
real_faces = to_float(five.faces)
print("evidence:", *patient_5(to_float(five.pictures(five.steps[-1])), real_faces))
print(fg.diagnose(five))


def play(gan, rounds, g_steps):
    """Repeats one D step and `g_steps` G steps; returns the variety of 24 fakes after every fourth round."""
    found, batches = [], faces.batches(16, generator=torch.Generator().manual_seed(0))
    for count, real in enumerate(islice(chain.from_iterable(repeat(batches)), rounds), start=1):
        step_discriminator(gan, real)
        for _ in range(g_steps):
            step_generator(gan)
        if count % 4 == 0:
            found.append(patient_5(gan.sample(24, seed=0), real_faces[:24])[1])
    return found


# %%
MY_TREATMENT = ""  # @param ["", "stays collapsed", "recovers within 50 rounds", "recovers more slowly"]
print("your guess for going back to one G step per D step:", MY_TREATMENT or "none yet")
gan = train(five.config)
shown = [gan.sample(6, seed=0)]
collapsing = play(gan, 40, g_steps=20)
shown.append(gan.sample(6, seed=0))
treated = play(gan, max(2, STEPS // 2), g_steps=1)
shown.append(gan.sample(6, seed=0))
_, (left, right) = plt.subplots(1, 2, figsize=(8, 2.2), width_ratios=(1, 1.1), layout="constrained")
left.plot(range(4, 41, 4), collapsing, color=ORANGE, label="20 G steps per round")
left.plot(range(44, 44 + 4 * len(treated), 4), treated, color=BLUE, label="1 G step per round")
left.set(xlabel="round", ylabel="variety, fakes / real", ylim=(0, None))
left.legend(frameon=False)
_ = fg.show_images(torch.cat(shown), columns=6, rows=["before", "collapsed", "treated"], ax=right)

# %% [markdown]
# *Mode collapse: all latents give the same picture, and in the next snapshot it is a different one. The fakes vary
# about 0.15 times as much as real faces. The curves look like those of patient 3, whose fakes are pure static; here,
# all fakes are one grainy face. Patient 3's ratio is also low (0.22), so look at the faces before you name the
# failure. The cause is 20 steps of G for each step of D. With one step of each again, the variety recovers to about
# 0.6 after 30 to 60 rounds.*
#
# ## Patient 6
#
# Most failures are visible within minutes. This one is slow. **Predict from the curves:** D gets better and better.
# Does it get better at distinguishing *real faces* from fakes?

# %%
MY_GUESS = ""  # @param ["", "yes", "only at telling the faces it trains on", "the curves do not show it"]
print("your guess:", MY_GUESS or "none yet")
six = fg.notebook.patient(6)
six.plot()

# %%
six.show()


# %%
@fg.exercise("patient_6")
def patient_6(train, held_out, fakes):
    """D's logits (N,) of faces that it trains on, of held-out faces, and of fakes, three tensors -> (name, r_v).

    Held-out faces are real faces that D does not train on. With means of logits (not of probabilities),
    r_v = (mean of train - mean of held_out) / (mean of train - mean of fakes).
    """
    ...  # your code


# %%
MY_TREATMENT = ""  # @param ["", "mirrored faces", "augmentation", "more faces", "all three equally"]
print("your treatment:", MY_TREATMENT or "none yet")
print(fg.diagnose(six))
many, held_out = faces.split(64)
few = fg.FaceDataset(many.images[:64], "64 drawn faces")
treated = {
    "as_found": (few, train(six.config, data=few)),
    "mirrored": (few, train(six.config, data=few, flip=True)),
    "augmented": (few, train(six.config, data=few, augment="color,translation")),
    "more_faces": (many, train(six.config, data=many)),
}
for name, (data, gan) in treated.items():
    seen = logits(gan, data[:64], held_out[:], gan.sample(64, seed=0))
    print(f"{name:10}  {len(data):5} faces  r_v {float(patient_6(*seen)[1]):.2f}")
fg.notebook.charts(**{name: gan for name, (_, gan) in treated.items()})

# %% [markdown]
# *D overfits: it has memorized its faces, and its logits of other real faces are about halfway down to its logits of
# fakes. The curves cannot show this. The doctor read r_v from the run's history, because patient 6 was trained with
# held-out faces. (Its r_t is the mean sign of D's logits of training faces: 1 if D calls all of them real.) With 64
# faces, r_v comes close to that of patient 6 after a few hundred steps. Mirrored faces change little. Augmentation,
# which shifts D's inputs and changes their colors, helps more. With many faces, r_v is about 0. These numbers come
# from 64 faces and differ by 0.1 or 0.2 between machines. In such a short run, the other curves differ little; only
# held-out faces show the overfitting. If you have your own photographs, hold some out: `faces.split(64)` and
# `fg.fit(..., held_out=...)`.*
#
# ## Summary
#
# - One step at a time: D's step widens the gap between its logits, and G's step moves fakes toward higher logits.
# - Look first at the curves, then at the faces, then at one number. A name without a number is a guess.
# - If D is certain, compare the gradient norms. If G's is large, D has won. If G's is tiny, no gradient reaches G.
# - If D(G(z)) is above D(x), look at the faces. Pure static is *D is fooled*; one face for all latents is *mode
#   collapse*.
# - Only held-out faces show that D overfits.
# - Treat the cause. A treatment for another failure helps little. Mode collapse can recover; a run whose steps were
#   too large does not: start over.
#
# ## In your own words
#
# Write at least 20 words between the quotes, and run the cell. The cell stores your answer in the runs folder, and
# your instructor grades the text. If a call contains `None`, replace it with your value; the cell checks the value.
#
# **mine** (8 points). `fg.notebook.patient("mine")` is a training run that failed; your id determines which one.
# Examine it as you examined the six patients: curves, faces, one number. Name the failure, give your number and that of
# the healthy run, and rule out the most similar failure. Also pass `failure`, the name from the table.
#
# **treatment** (6 points). Choose one patient whose treatments you have run. Which treatment sounded right but did not
# help, and why? What would you try next, and what do you expect to see first if it works?

# %%
mine = fg.notebook.patient("mine")  # to see the faces, run mine.show() in a new cell
MY_ANSWER = """

"""
fg.answer("mine", MY_ANSWER, failure=None)
MY_ANSWER = """

"""
fg.answer("treatment", MY_ANSWER)
HAND_IN = False  # @param {type:"boolean"}
if HAND_IN:
    fg.notebook.submit(runs=RUNS)
print(fg.progress())
mine.plot()

# %% [markdown]
# ## Think about it
#
# **1. Patient 1 and patient 6 both end with D(x) near 1 and D(G(z)) near 0. Why do they need different treatments?**
#
# <details><summary>An answer</summary>
#
# In patient 1, the two learning rates are far apart: change them. In patient 6, they are equal, but D has memorized
# its few faces: it needs more faces, or augmented ones. Held-out faces show the difference: patient 6's D gives them
# much lower logits.
# </details>
#
# **2. Patient 2's networks and learning rates are fine. How would you find the bug in code that you did not write?**
#
# <details><summary>An answer</summary>
#
# Take one step, as with the debugger. After the backward pass of D's loss, G's weights must have no gradient. Here
# they have one, because the fakes are not detached.
# </details>
#
# **3. The doctor sometimes names a failure that is not the cause. Why can a rule about curves be wrong?**
#
# <details><summary>An answer</summary>
#
# A rule compares numbers with thresholds, which were set by experiments. Different causes can give similar numbers: a
# strong D makes G's gradient grow, and so does a high learning rate. A rule does not know which of your changes
# caused the failure. You can undo a change and see.
# </details>
#
# ## Go further
#
# - Examine the remaining failed run of `fg.pretrained.GALLERY`: `fg.widgets.timeline("no_batchnorm")`. Which names in
#   the table fit? Which number shows this?
# - Make a training run fail so that only one row of the table is true, and let a friend diagnose it. Use
#   `fg.diagnose(gan)` as a second opinion.
# - Train on `fg.FaceDataset(many.images[:n], "some faces")` for several n, with `fg.fit(gan, ...,
#   held_out=held_out)`, and read `gan.history["r_v"]`. From which n on does `r_v` stay below 0.3?
# - [The failures page]({repository}/blob/main/docs/failures.md) shows all bundled failures with their causes.
#
# **To hand in:** run all cells and save the notebook. Then set `HAND_IN` to `True` and run its cell. The cell creates
# a zip file of your notebooks, answers, and training. In Colab, each notebook creates its own zip file; hand in all
# of them.
