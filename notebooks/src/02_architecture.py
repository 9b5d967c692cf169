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
# *In Colab, first choose File > Save a copy in Drive: your edits are lost otherwise.*
#
# By the end you will be able to
#
# - say what a transposed convolution does, number by number, and compute the size of its output,
# - build DCGAN's generator and discriminator, and look at what flows through them,
# - recognize checkerboards, BatchNorm in the wrong mode and bad initialization by their pictures.
#
# Plan about 60 minutes. Running all cells takes under a minute on a T4 and on a CPU. Your two networks are kept in the
# folder of runs: notebook 3 trains them. In Colab tick `KEEP_ON_DRIVE` below, because every notebook is a new machine there.
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
# The **generator** G turns a latent vector $z$ of 100 random numbers into a face. The **discriminator** D turns a face
# into one number, a *logit*: above 0 means "real". The two are mirror images of each other:
#
# $$z \in \mathbb{R}^{100} \to 4^2 \to 8^2 \to 16^2 \to 32^2 \to 64^2 \text{ pixels} \qquad
# 64^2 \to 32^2 \to 16^2 \to 8^2 \to 4^2 \to \text{logit}$$
#
# This is DCGAN (Radford, Metz and Chintala 2015): only convolutions, BatchNorm, ReLU in G, leaky ReLU in D. Convolutions use the same small
# kernel at every place, because an eye looks the same on the left and on the right; a linear layer would have to learn each place anew.
# BatchNorm rescales each channel to mean 0 and spread 1 over the batch (more below). The 100 numbers of $z$ are a habit: enough to tell faces apart.
#
# ## Going up: the transposed convolution
#
# An ordinary convolution gathers: each output pixel looks at a window of inputs. A transposed convolution *stamps*: each
# input pixel puts a copy of the kernel, times its value, onto the output; the stamps lie `stride` apart and add up
# where they overlap. Here are four numbers and a kernel of ones:

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
# *Each corner of the output has one stamp only (1, 2, 3, 4). In the middle all four overlap: 1 + 2 + 3 + 4 = 10.
# `padding=1` would cut the outer ring off and leave 4 x 4: the side has doubled.*
#
# ### Exercise: output_size
#
# How large is the output for an input of side `size`? Count stamps.


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
# **Predict, then run.** The next cell stamps a *constant* input with stride 2 and kernels of 3, 4 and 5 ones. For which kernels do all outputs have the same value, away from the border?

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
# *Stamps per pixel. A kernel that is not a multiple of the stride overlaps unevenly: some pixels get more stamps than others, before
# anything is learned (Odena, Dumoulin and Olah 2016). Kernel 4 is even inside. That is why
# DCGAN uses 4; it makes checkerboards unlikely, not impossible, because the weights inside a kernel can still differ.*
#
# ## The generator's block
#
# Three layers in this order, again and again: a transposed convolution that doubles the side (any kernel that does so will do), BatchNorm, ReLU.
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
# Stack them. $z$ arrives as `(B, latent_dim)`: give it a height and a width of 1 first (`nn.Unflatten`, or `view`). One transposed
# convolution with kernel 4, stride 1 and no padding makes that 4 x 4, also followed by BatchNorm and ReLU; then double four times (here, too, with any kernel that does so). DCGAN halves
# the channels as the side doubles: 8, 4, 2, 1 times `width`. The fourth doubling is the last layer: it goes to 3 channels, without BatchNorm, and ends in tanh.
#
# Notebook 3 runs the cells of these exercises again. Use only imports, and functions that are defined in cells of exercises.


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
# *The second has most: it goes from 8 to 4 times `width` channels, while the first starts from only 100. From there on each layer has a quarter
# of the parameters, and four times as many pixels to apply them to: the three middle layers do equal work.*
#
# ### What flows through it
#
# Feature maps are pictures too. First your generator, which has learned nothing, then one that has:

# %%
z = torch.randn(1, 100)
maps = [f for f in feature_maps(generator, z) if "ReLU" in f[0] or "Tanh" in f[0]]
fg.plot_features(maps, maps=6)

# %%
maps = [f for f in feature_maps(trained, z) if "ReLU" in f[0] or "Tanh" in f[0]]
fg.plot_features(maps, maps=6)

# %% [markdown]
# *The strongest maps after each activation, from 4 x 4 (top) to the image (bottom): above untrained, below trained. Untrained blocks turn noise into larger
# noise. The trained ones place a head first, then edges, hair and skin.*
#
# ## The discriminator
#
# The same in reverse: ordinary convolutions with kernel 4, stride 2 and padding 1 halve the side (no pooling) and double the channels: 1, 2, 4, 8
# times `width`. A last one with kernel 4 makes 4 x 4 one number. All but the first and the last are followed by BatchNorm; all but the last by leaky
# ReLU with slope 0.2, which lets some gradient through below 0, so that G always gets a signal. There is no sigmoid at the end: losses take
# logits, and $\sigma(\text{logit})$ is the probability.
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
# An untrained D knows nothing: any difference between the two averages is chance. Notebook 3 changes that.
#
# ## BatchNorm: two modes, one trap
#
# In training mode BatchNorm uses the mean and spread of *this batch*; in eval mode it uses running averages.
#
# **Predict, then run.** The same $z$ goes through G in two batches with different neighbors. Does its picture change?

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
# And running averages are worth something only after training has filled them. Their initial values, mean 0 and variance 1, match no
# layer of this network:

# %%
with torch.no_grad():
    z = torch.randn(8, 100)
    fresh = fg.Generator(width=32)
    pictures = torch.cat([fresh.eval()(z), fresh.train()(z)])
print(f"spread of pixels: eval mode {pictures[:8].std():.4f}, train mode {pictures[8:].std():.4f}")
fg.show_images(pictures / pictures.abs().max(), columns=8, rows=["eval mode", "train mode"])

# %% [markdown]
# *The same untrained generator and latents in both modes. In eval mode the signal has almost
# vanished layer by layer. So use eval mode only with statistics that training has filled. Notebook 3 averages
# weights, and must average these statistics, too.*
#
# ## Initialization
#
# DCGAN draws convolution weights from $\mathcal{N}(0, 0.02^2)$ and BatchNorm's scales from $\mathcal{N}(1, 0.02^2)$. BatchNorm's biases start at 0; DCGAN's convolutions have
# none.
#
# ### Exercise: init_weights


# %%
@fg.exercise("init_weights")
def init_weights(module):
    """Called for every layer by network.apply(init_weights): changes its weights in place."""
    ...  # your code


# %% [markdown]
# A common mistake is to give every weight mean 0, BatchNorm's scale included. Every block then ends in a
# multiplication by something close to zero.


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
# *With scales around 1 the signal keeps its size up to the last layer. With scales around 0 every activation is some
# fifty times smaller, so the last layer has next to nothing to draw with: the image is gray, and learning starts slowly.*
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
# Twice the width makes three to four times the parameters, and up to four times the work. The PyTorch tutorial uses 64; on two CPU cores 16 to 32
# show faces within minutes.
#
# ## Summary
#
# - A transposed convolution stamps its kernel; counting stamps gives the side of its output.
# - G doubles the side from 4 to 64; D halves it back; neither has pooling or large dense layers.
# - BatchNorm has two modes; draw samples in eval mode, after training.
# - Initialize convolutions around 0 and BatchNorm's scales around 1.
#
# ## In your own words
#
# Write 20 words or more between the quotes, and run the cell. It stores your answer beside your runs, and your instructor grades the text. Put a value
# in place of `None`, where there is one: the cell checks it.
#
# **parameters** (5 points). Which layer of your generator holds the most parameters, and why this one? What happens to this number when `width`
# doubles, and what to the work per image? Also pass `parameters`, the number of all parameters of `build_generator(100, 32)`.
#
# **decisions** (6 points). Choose two of these decisions: kernel 4 with stride 2, BatchNorm between the layers, leaky ReLU in D, no BatchNorm in G's
# last layer. For each: what would you see in the pictures or in the curves without it, and why?

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
# BatchNorm removes the batch's mean and spread of each channel. D would no longer see the overall color of a batch, and G could not
# choose it freely.
# </details>
#
# **2. What would an upsampling layer followed by an ordinary convolution change?**
#
# <details><summary>An answer</summary>
#
# Every output pixel then gets the same contributions as its neighbors, so no checkerboard is built in
# ([Odena et al. 2016](https://distill.pub/2016/deconv-checkerboard/)). Copying each pixel into 2 x 2 and then convolving by 3 x 3 is
# itself a transposed convolution, with a kernel of 4 x 4 that is the small one blurred; so it need not cost more. That is
# `upsampling="nearest"`. With it, the `modern` recipe gets closer to real faces in less time.
# </details>
#
# **3. Why leaky ReLU in D, although plain ReLU works for classifiers?**
#
# <details><summary>An answer</summary>
#
# G learns only from gradients that come through D. Where a ReLU is off, no gradient passes, and G is told nothing about
# those pixels.
# </details>
#
# ## Challenges
#
# - **Residual blocks.** Give D blocks with a skip connection (average pooling and a 1 x 1 convolution on the shortcut). Does `fg.GAN(config, discriminator=yours)` accept it?
# - **128 pixels.** Write `build_generator` and `build_discriminator` for 128 x 128. Which layer did you add, and where? `fg.TrainConfig(image_size=128)` trains them.
#
# **To hand in:** run all cells and save the notebook. Then set `HAND_IN` to `True` and run its cell: it makes a zip of your
# notebooks, your answers and your training. In Colab every notebook makes its own zip; hand in all of them.
#
# **Next:** [3 · Training](03_training.ipynb) ([in Colab]({colab}/03_training.ipynb)), where the two networks play against each other.
