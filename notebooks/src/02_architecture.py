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
# # 2 · Architecture: two networks, block by block
#
# {badges}
#
# *In Colab, first choose File > Save a copy in Drive. Otherwise, your edits are lost.*
#
# By the end you will be able to
#
# - explain what a transposed convolution computes, number by number, and compute the size of its output,
# - build DCGAN's generator and discriminator, and inspect their feature maps,
# - recognize checkerboard artifacts, BatchNorm in the wrong mode, and bad initialization in pictures and plots.
#
# Allow about 60 minutes. Running all cells takes less than a minute on a T4 or a CPU. Your two networks are saved in
# the runs folder, and notebook 3 trains them. In Colab, select `KEEP_ON_DRIVE` below, because each notebook runs on a
# new machine.
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
DATA = "celeba"  # 32,600 photographs (248 MB, fetched once); "synthetic" for drawn faces, without a download

# %%
import matplotlib.pyplot as plt
import torch
from facegan.models import feature_maps
from torch import nn

faces = fg.notebook.load_faces(DATA)
trained = fg.load_generator("synthetic" if faces.attributes else "faces")
_ = torch.manual_seed(0)
# %% [markdown]
# ## The plan
#
# The **generator** G turns a latent vector $z$ of 100 random numbers into a face. The **discriminator** D turns a
# face into one number, a *logit*; a logit above 0 means "real". The two networks mirror each other:
#
# $$z \in \mathbb{R}^{100} \to 4^2 \to 8^2 \to 16^2 \to 32^2 \to 64^2 \text{ pixels} \qquad
# 64^2 \to 32^2 \to 16^2 \to 8^2 \to 4^2 \to \text{logit}$$
#
# This is DCGAN (Radford, Metz, and Chintala 2015). It uses only convolutions, BatchNorm, ReLU in G, and leaky ReLU in
# D. A convolution applies the same small kernel at every position, because an eye looks the same on the left and on
# the right; a linear layer would have to learn each position separately. BatchNorm normalizes each channel to mean 0
# and standard deviation 1 over the batch (see below). The latent size of 100 is a convention; it is large enough to
# represent many different faces.
#
# ## Going up: the transposed convolution
#
# In an ordinary convolution, each output pixel depends on a window of inputs. A transposed convolution *stamps*: each
# input pixel adds a copy of the kernel, multiplied by its value, to the output. The stamps are `stride` pixels apart
# and add up where they overlap. The next cell stamps four numbers with a kernel of ones:

# %%
up = nn.ConvTranspose2d(1, 1, kernel_size=4, stride=2, padding=0, bias=False)
nn.init.ones_(up.weight)
x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 1, 2, 2)
stamped = up(x).detach()[0, 0]
print(stamped.int())


# %%
def draw_numbers(ax, values, title):
    ax.imshow(values, cmap="cividis")
    for (row, column), value in zip(torch.cartesian_prod(*map(torch.arange, values.shape)), values.flatten()):
        shade = "black" if value > values.mean() else "white"
        ax.text(column, row, f"{value:g}", ha="center", va="center", color=shade)
    ax.set(title=title, xticks=[], yticks=[])


_, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
draw_numbers(axes[0], x[0, 0], "input, 2 x 2")
draw_numbers(axes[1], stamped, "output, 6 x 6: four stamps that overlap")

# %% [markdown]
# *Each corner of the output gets only one stamp (1, 2, 3, 4). In the middle, all four overlap: 1 + 2 + 3 + 4 = 10.
# `padding=1` would cut off the outer ring and leave 4 x 4 pixels, twice the side of the input.*
#
# ### Exercise: output_size
#
# How large is the output for an input of side `size`? Count the stamps.


# %%
@fg.exercise("output_size")
def output_size(size, kernel, stride, padding):
    """The side of a transposed convolution's output, a whole number."""
    ...  # your code


# %%
side = output_size(1, 4, 1, 0)  # kernel 4, stride 1, no padding
sides = [side]
while side < 64:
    side = output_size(side, 4, 2, 1)  # kernel 4, stride 2, padding 1
    sides.append(side)
print("from one latent pixel:", " -> ".join(map(str, sides)))

# %% [markdown]
# ## Checkerboards, and where they come from
#
# **Predict, then run.** The next cell applies kernels of ones with sizes 3, 4, and 5, at stride 2, to a *constant*
# input. For which kernels do all outputs away from the border have the same value?

# %%
MY_GUESS = ""  # @param ["", "all, because the input is constant", "kernel 4 only", "kernels 3 and 5", "none"]
print("your guess:", MY_GUESS or "none yet")
_, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for ax, kernel in zip(axes, (3, 4, 5)):
    layer = nn.ConvTranspose2d(1, 1, kernel, stride=2, padding=1, bias=False)
    nn.init.ones_(layer.weight)
    picture = layer(torch.ones(1, 1, 8, 8)).detach()[0, 0]
    ax.imshow(picture, cmap="cividis", vmin=1, vmax=9)
    ax.set(title=f"kernel {kernel}, stride 2", xticks=[], yticks=[])

# %% [markdown]
# *The number of stamps on each pixel. If the kernel size is not a multiple of the stride, stamps overlap unevenly:
# some pixels get more stamps than others, even before training (Odena, Dumoulin, and Olah 2016). With kernel 4, all
# inner pixels get the same number of stamps. This is why this course uses kernel 4. It makes checkerboards unlikely
# but not impossible, because the weights within a kernel can still differ.*
#
# ## The generator block
#
# A block has three layers, in this order: a transposed convolution that doubles the side (any kernel that does so is
# accepted), BatchNorm, and ReLU.
#
# ### Exercise: generator_block


# %%
@fg.exercise("generator_block")
def generator_block(in_channels, out_channels):
    """A module: (B, in_channels, H, W) -> (B, out_channels, 2 H, 2 W), normalized and activated."""
    ...  # your code


# %%
print("(2, 8, 4, 4) ->", tuple(generator_block(8, 4)(torch.randn(2, 8, 4, 4)).shape))

# %% [markdown]
# ### Exercise: generator
#
# Stack the blocks. The input $z$ has the shape `(B, latent_dim)`: first give it a height and a width of 1
# (`nn.Unflatten` or `view`). A transposed convolution with kernel 4, stride 1, and no padding, followed by BatchNorm
# and ReLU, turns it into 4 x 4. Then double the side four times (again, with any kernel that does so). DCGAN halves
# the channels as the side doubles: 8, 4, 2, 1 times `width`. The fourth doubling is the last layer: it outputs 3
# channels, has no BatchNorm, and ends in tanh.
#
# Notebook 3 runs the cells of these exercises again. In these cells, use only imported modules and functions that are
# defined in exercise cells.


# %%
@fg.exercise("generator")
def build_generator(latent_dim=100, width=64):
    """A module: latents (B, latent_dim) -> images (B, 3, 64, 64) between -1 and 1."""
    ...  # your code


# %% [markdown]
# **Predict, then run.** Which layer of your generator has the most parameters?

# %%
MY_GUESS = ""  # @param ["", "1st, to 4 x 4", "2nd, to 8 x 8", "3rd, to 16 x 16", "4th, to 32 x 32", "5th, to 64 x 64"]
print("your guess:", MY_GUESS or "none yet")
generator = build_generator(100, 32)
sizes = [p.numel() for p in generator.parameters() if p.ndim == 4]
_, ax = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
ax.bar(range(1, len(sizes) + 1), sizes, color="#0072B2")
ax.set(xlabel="convolution, from z to the image", ylabel="parameters", title="Where the parameters are")
print(f"{sum(sizes):,} numbers in kernels; the PyTorch tutorial's width of 64 has about three times as many")

# %% [markdown]
# *The second layer has the most: it maps 8 times `width` channels to 4 times `width`, whereas the first layer starts
# from only 100. After the second layer, each middle layer has a quarter of the parameters of the previous one and
# applies them to four times as many pixels, so the three middle layers require the same amount of computation.*
#
# ### Feature maps
#
# Feature maps can be displayed as images. The first plot shows your untrained generator, the second a trained one:

# %%
z = torch.randn(1, 100)
maps = [f for f in feature_maps(generator, z) if "ReLU" in f[0] or "Tanh" in f[0]]
fg.plot_features(maps, maps=6)

# %%
maps = [f for f in feature_maps(trained, z) if "ReLU" in f[0] or "Tanh" in f[0]]
fg.plot_features(maps, maps=6)

# %% [markdown]
# *The strongest maps after each activation, from 4 x 4 (top) to the image (bottom). The first plot shows the
# untrained generator, the second the trained one. Untrained blocks only turn noise into larger images of noise.
# Trained blocks first place a head, then add edges, hair, and skin.*
#
# ## The discriminator
#
# D reverses this structure: ordinary convolutions with kernel 4, stride 2, and padding 1 halve the side (no pooling)
# and double the channels: 1, 2, 4, 8 times `width`. The last convolution, with kernel 4, turns 4 x 4 into one number.
# All but the first and the last are followed by BatchNorm. All but the last are followed by leaky ReLU with slope
# 0.2, which passes a small gradient for inputs below 0, so that G always gets a gradient. There is no sigmoid at the
# end: the losses take logits, and $\sigma(\text{logit})$ is the probability.
#
# ### Exercise: discriminator


# %%
@fg.exercise("discriminator")
def build_discriminator(width=64):
    """A module: images (B, 3, 64, 64) -> logits (B,), any real numbers; `width` channels after the first layer."""
    ...  # your code


# %%
discriminator = build_discriminator(32)
real = next(iter(faces.batches(16)))
fake = generator(torch.randn(16, 100))
for name, images in (("real", real), ("fake", fake)):
    opinion = discriminator(images).detach().sigmoid()
    print(f"D of {name} faces: {opinion.mean():.2f}, from {opinion.min():.2f} to {opinion.max():.2f}")

# %% [markdown]
# D is untrained, so any difference between the two averages is due to chance. Notebook 3 trains D.
#
# ## BatchNorm: two modes, one trap
#
# In training mode, BatchNorm uses the mean and the variance of *this batch*. In eval mode, it uses running averages.
#
# **Predict, then run.** The same $z$ goes through G in two batches whose other latents differ. Does the image for
# this $z$ change?

# %%
MY_GUESS = ""  # @param ["", "in train mode only", "in eval mode only", "in both", "in neither"]
print("your guess:", MY_GUESS or "none yet")


def same_face_in_two_batches(network):
    z = torch.randn(1, 100)
    a = network(torch.cat([z, torch.randn(7, 100)]))[0]
    b = network(torch.cat([z, 3 * torch.randn(7, 100)]))[0]
    return (a - b).abs().max().item()


print(f"train mode: the same z differs by {same_face_in_two_batches(generator.train()):.4f}")
print(f"eval mode:  the same z differs by {same_face_in_two_batches(generator.eval()):.4f}")

# %% [markdown]
# Running averages are useful only after training has updated them. Their initial values, mean 0 and variance 1, do
# not match any layer of this network:

# %%
with torch.no_grad():
    z = torch.randn(8, 100)
    fresh = fg.Generator(width=32)
    pictures = torch.cat([fresh.eval()(z), fresh.train()(z)])
print(f"spread of pixels: eval mode {pictures[:8].std():.4f}, train mode {pictures[8:].std():.4f}")
fg.show_images(pictures / pictures.abs().max(), columns=8, rows=["eval mode", "train mode"])

# %% [markdown]
# *The same untrained generator and latents in both modes. In eval mode, the signal shrinks from layer to layer until
# it almost vanishes. Use eval mode only after training has updated the statistics. Notebook 3 averages G's weights;
# it must also average or copy these statistics.*
#
# ## Initialization
#
# DCGAN draws convolution weights from $\mathcal{N}(0, 0.02^2)$ and BatchNorm's scales from $\mathcal{N}(1, 0.02^2)$.
# BatchNorm's biases start at 0; DCGAN's convolutions have no biases.
#
# ### Exercise: init_weights


# %%
@fg.exercise("init_weights")
def init_weights(module):
    """Called for every layer by network.apply(init_weights): changes its weights in place."""
    ...  # your code


# %% [markdown]
# A common mistake is to initialize all weights with mean 0, including BatchNorm's scales. Each block then multiplies
# its output by values close to zero.


# %%
def wrong_init(module):
    if getattr(module, "weight", None) is not None:
        nn.init.normal_(module.weight, 0.0, 0.02)


def spread_by_layer(init):
    network = fg.Generator(width=32).apply(init).train()
    out, spreads = torch.randn(64, 100, 1, 1), []
    with torch.no_grad():
        for part in network.blocks:
            out = part(out)
            spreads.append(out.std().item())
    return spreads


# %%
_, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
sides = ["4", "8", "16", "32", "64"]
ax.semilogy(sides, spread_by_layer(init_weights), "o-", color="#0072B2", label="mean 1 for BatchNorm")
ax.semilogy(sides, spread_by_layer(wrong_init), "o-", color="#D55E00", label="mean 0 for all")
ax.set(xlabel="side of the feature map", ylabel="spread of activations", title="Signal on its way through G")
_ = ax.legend(frameon=False)
# %% [markdown]
# *With scales around 1, the signal keeps its size up to the last layer. With scales around 0, every activation is
# about fifty times smaller, so the last layer receives almost no signal: the image is gray, and learning starts
# slowly.*
#
# ## How wide?

# %%
for width in (16, 32, 64, 128):
    config = fg.TrainConfig(width=width)
    sizes = [
        sum(p.numel() for p in n.parameters())
        for n in (fg.Generator.from_config(config), fg.Discriminator.from_config(config))
    ]
    print(f"width {width:>3}: generator {sizes[0]:>11,}, discriminator {sizes[1]:>11,}")

# %% [markdown]
# Doubling the width multiplies the number of parameters by three to four, and the amount of computation by up to four.
# The PyTorch tutorial uses width 64. On two CPU cores, networks of width 16 to 32 generate faces after a few minutes
# of training.
#
# ## Summary
#
# - A transposed convolution stamps its kernel. You can compute the side of its output by counting stamps.
# - G doubles the side step by step from 4 to 64, and D halves it back to 4. Neither has pooling or large dense
#   layers.
# - BatchNorm has two modes. Generate samples in eval mode, after training.
# - Initialize convolutions around 0 and BatchNorm's scales around 1.
#
# ## In your own words
#
# Write at least 20 words between the quotes, and run the cell. The cell stores your answer in the runs folder, and
# your instructor grades the text. If a call contains `None`, replace it with your value; the cell checks the value.
#
# **parameters** (5 points). Which layer of your generator has the most parameters, and why? If `width` doubles, how do
# this number and the work per image change? Also pass `parameters`, the total number of parameters of
# `build_generator(100, 32)`.
#
# **decisions** (6 points). Choose two of these decisions: kernel 4 with stride 2, BatchNorm between the layers, leaky
# ReLU in D, no BatchNorm in G's last layer. For each: what would you see in the images or in the curves without it, and
# why?

# %%
MY_ANSWER = """

"""
fg.answer("parameters", MY_ANSWER, parameters=None)

# %%
MY_ANSWER = """

"""
fg.answer("decisions", MY_ANSWER)

# %%
HAND_IN = False  # @param {type:"boolean"}
if HAND_IN:
    fg.notebook.submit(runs=RUNS)
fg.progress()

# %% [markdown]
# ## Think about it
#
# **1. Why does D have no BatchNorm on its first layer, and G none on its last?**
#
# <details><summary>An answer</summary>
#
# BatchNorm removes the batch's mean and spread in each channel. With it, D could not see the overall color of a
# batch, and G could not choose that color freely.
# </details>
#
# **2. What would an upsampling layer followed by an ordinary convolution change?**
#
# <details><summary>An answer</summary>
#
# Every output pixel then gets as many contributions as its neighbors, so the layer itself causes no checkerboard
# ([Odena et al. 2016](https://distill.pub/2016/deconv-checkerboard/)). Copying each pixel to 2 x 2 pixels and then
# convolving with a 3 x 3 kernel is itself a transposed convolution, whose 4 x 4 kernel is the 3 x 3 kernel blurred,
# so it does not have to cost more. In facegan, this is `upsampling="nearest"`. With it, the `modern` recipe gets
# closer to real faces in less time.
# </details>
#
# **3. Why does D use leaky ReLU, although plain ReLU works for classifiers?**
#
# <details><summary>An answer</summary>
#
# G learns only from gradients that pass through D. Where a ReLU outputs 0, no gradient passes, and G gets no gradient
# for those pixels.
# </details>
#
# ## Challenges
#
# - **Residual blocks.** Build D from blocks with a skip connection (average pooling and a 1 x 1 convolution on the
#   shortcut). Does `fg.GAN(config, discriminator=yours)` accept your D?
# - **128 pixels.** Write `build_generator` and `build_discriminator` for 128 x 128. Which layer did you add, and
#   where? `fg.TrainConfig(image_size=128)` trains them.
#
# **To hand in:** run all cells and save the notebook. Then set `HAND_IN` to `True` and run its cell. The cell creates
# a zip file of your notebooks, answers, and training. In Colab, each notebook creates its own zip file; hand in all
# of them.
#
# **Next:** [3 · Training](03_training.ipynb) ([in Colab]({colab}/03_training.ipynb)): train the two networks against
# each other.
