"""The catalog of the course's exercises: tasks, hints, solutions, and checks.

Solutions are in `facegan.course.solutions`, except `output_size`, which is a function of the library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facegan.course import checks, solutions
from facegan.errors import ConfigError
from facegan.models import dcgan


@dataclass(frozen=True)
class Exercise:
    """An exercise: a task, a reference solution, a check, and hints of increasing detail."""

    name: str
    notebook: int
    task: str
    solution: Callable  # the notebook continues with it, and `reveal` shows it
    verify: Callable[[Callable], None]  # raises `CheckFailed`
    hints: tuple[str, ...]


def exercises() -> dict[str, Exercise]:
    """All exercises by name, in the order of the notebooks."""
    return dict(_TABLE)


def find(name: str) -> Exercise:
    """Return the exercise with that name.

    Raises:
        ConfigError: there is no such exercise.
    """
    if name not in _TABLE:
        raise ConfigError(f"no exercise is called {name!r}; choose one of {', '.join(_TABLE)}.")
    return _TABLE[name]


def _exercise(
    name: str, notebook: int, task: str, solution: Callable, verify: Callable, *hints: str
) -> Exercise:
    return Exercise(name, notebook, task, solution, verify, hints)


_EXERCISES = (
    _exercise(
        "scale", 1, "turn uint8 images (0 to 255) into float32 between -1 and 1",
        solutions.scale, checks.scale,
        "Two things change: the type and the range. Change the type first; uint8 arithmetic wraps around.",
        "A linear function maps 0 to -1 and 255 to 1. What does it map 127.5 to?",
        "Dividing by half the range gives 0 to 2. One subtraction remains.",
    ),
    _exercise(
        "unscale", 1, "turn floats between -1 and 1 back into uint8 images",
        solutions.unscale, checks.unscale,
        "It is the inverse of scale: undo its steps in reverse order.",
        "Converting to uint8 truncates decimals, and wraps values outside 0 to 255.",
        "Before the conversion to uint8: round, then clamp.",
    ),
    _exercise(
        "center_crop", 1, "cut the central size x size square out of an image (3, H, W)",
        solutions.center_crop, checks.center_crop,
        "How many rows are left over in total? Half of them are above the square.",
        "Compute the first row and the first column separately: an image need not be square.",
        "Use slicing: image[:, top : top + size, ...].",
    ),
    _exercise(
        "contact_sheet", 1, "lay images (N, 3, H, W) side by side, row by row, into one picture",
        solutions.contact_sheet, checks.contact_sheet,
        "How many rows are needed for N images in that many columns? Round up.",
        "Start from a white picture (3, rows * H, columns * W) with the images' dtype, and write each image into it.",
        "Image i belongs in row i // columns and column i % columns.",
    ),
    _exercise(
        "output_size", 2, "compute the side length of a transposed convolution's output",
        dcgan.output_size, checks.output_size,
        "Without padding, one input pixel produces `kernel` output pixels. How many does each further input pixel add?",
        "Each further input pixel moves the stamp by `stride`. There are size - 1 further pixels.",
        "Padding is cut off at both ends.",
    ),
    _exercise(
        "generator_block", 2, "build the module that doubles the side length: upsample, normalize, activate",
        solutions.generator_block, checks.generator_block,
        "Three layers in an nn.Sequential: nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU.",
        "Use your size formula: which kernel, stride, and padding turn 4 into 8 and 8 into 16?",
        "Kernel 4, stride 2, padding 1. The argument of BatchNorm is the number of output channels.",
    ),
    _exercise(
        "generator", 2, "build the generator: latents (B, latent_dim) to images (B, 3, 64, 64) in [-1, 1]",
        solutions.build_generator, checks.generator,
        "z becomes (B, latent_dim, 1, 1) first: nn.Unflatten(1, (latent_dim, 1, 1)) in an nn.Sequential, or a view in "
        "forward. A transposed convolution with kernel 4 makes that 4 x 4.",
        "From 4 to 64 the side doubles four times; the last doubling ends with 3 channels.",
        "The last layer has no BatchNorm and no ReLU; which function maps any number to [-1, 1]?",
    ),
    _exercise(
        "discriminator", 2, "build the discriminator: images (B, 3, 64, 64) to one logit each, (B,)",
        solutions.build_discriminator, checks.discriminator,
        "It is the generator in reverse: nn.Conv2d with stride 2 halves the side until it is 4.",
        "A last convolution with kernel 4 and one output channel turns 4 x 4 into one number per image.",
        "Logits can be any real numbers, so use no activation. flatten() turns (B, 1, 1, 1) into (B,).",
    ),
    _exercise(
        "init_weights", 2, "set a module's weights in place, as the DCGAN paper does",
        solutions.init_weights, checks.init_weights,
        "module.apply(f) calls f on every layer; use isinstance to find its type.",
        "nn.init.normal_ changes a tensor in place; its last argument is the standard deviation.",
        "Convolutions: mean 0. BatchNorm multiplies by its weight, so weights with mean 0 would make its outputs nearly 0.",
    ),
    _exercise(
        "discriminator_loss", 3, "compute the discriminator's loss from real and fake logits",
        solutions.discriminator_loss, checks.discriminator_loss,
        "D is a classifier: real images have label 1, fakes label 0. Add the two cross-entropies.",
        "-log(sigmoid(x)) is infinite for very negative x. torch.nn.functional has a function that takes logits.",
        "binary_cross_entropy_with_logits(real, torch.ones_like(real)), and the same for fake with zeros.",
    ),
    _exercise(
        "generator_loss", 3, "compute the generator's non-saturating loss from fake logits",
        solutions.generator_loss, checks.generator_loss,
        "G is trained so that D classifies its fakes as real. Which label is that?",
        "Minimize -log D(G(z)), not log(1 - D(G(z))): compare the slopes where D is certain.",
        "It is the cross-entropy of the fake logits again, with the other label.",
    ),
    _exercise(
        "train_step", 3, "take one training step: update D, then G; return both losses",
        solutions.train_step, checks.train_step,
        "Use the same order twice: zero the gradients, compute a loss, call backward(), call step().",
        "D is trained on real images and on fakes. D's loss must not send gradients into G.",
        "G's loss uses the updated D on the fakes; then only optimizer_g takes a step.",
    ),
    _exercise(
        "update_average", 3, "move an averaged generator toward the trained one, in place",
        solutions.update_average, checks.update_average,
        "Compute average = decay * average + (1 - decay) * model for every parameter, without gradients.",
        "zip(average.parameters(), model.parameters()) pairs them; lerp_ or mul_ and add_ work in place.",
        "BatchNorm's running statistics are buffers, not parameters. Average the float ones, too, and copy the counters.",
    ),
    _exercise(
        "slerp", 4, "move from a to b along the great arc",
        solutions.slerp, checks.slerp,
        "Compute the angle between a and b from its cosine: their dot product divided by both lengths.",
        "The weights are sin((1 - t) * angle) and sin(t * angle), both divided by sin(angle).",
        "If a and b have the same direction, sin(angle) is 0: use the straight line.",
    ),
    _exercise(
        "latent_walk", 4, "make `frames` latents that pass through all anchors at a constant speed",
        solutions.latent_walk, checks.latent_walk,
        "k anchors have k - 1 legs. At which position along all legs is frame i?",
        "Use torch.linspace(0, k - 1, frames): the integer part of a position is the leg, the fraction is t.",
        "The integer part of the last position is k - 1, but no leg begins there: limit it to k - 2.",
    ),
    _exercise(
        "attribute_direction", 4, "find the direction in latent space that adds an attribute",
        solutions.attribute_direction, checks.attribute_direction,
        "Which latents gave faces with the attribute, and which without? Index both with a bool mask.",
        "The direction has one number per latent dimension: average the latents of each group.",
        "The direction points from the group without the attribute to the group with it: subtract one mean from the other.",
    ),
    _exercise(
        "optimal_discriminator", 5, "compute the best D(x) from the densities of data and fakes",
        solutions.optimal_discriminator, checks.optimal_discriminator,
        "At one point x, D chooses a single number D. Which D makes p log D + q log(1 - D) largest?",
        "The derivative is p / D - q / (1 - D). Where is it 0?",
        "p (1 - D) = q D. Solve for D.",
    ),
    _exercise(
        "dirac_gradients", 5, "compute the direction in which each player of the Dirac-GAN moves",
        solutions.dirac_gradients, checks.dirac_gradients,
        "Write both losses with the logit s = psi * theta: log(1 - sigmoid(s)) for G, minus that for D.",
        "The derivative of log(1 - sigmoid(s)) with respect to s is -sigmoid(s).",
        "Use the chain rule: the logit's derivative is psi with respect to theta, and theta with respect to psi. Descent adds a minus.",
    ),
    _exercise(
        "alternating_step", 5, "take one alternating step: D first, then G against the new D",
        solutions.alternating_step, checks.alternating_step,
        "field(theta, psi) gives both directions; use one at a time.",
        "The new psi is psi + rate times the second direction.",
        "Call field again with the new psi before theta moves.",
    ),
    _exercise(
        "r1_penalty", 5, "compute the R1 penalty of a discriminator on real samples",
        solutions.r1_penalty, checks.r1_penalty,
        "torch.autograd.grad(outputs, inputs) gives gradients with respect to inputs, which must require gradients.",
        "The gradient of the sum of all logits with respect to a sample is the gradient of that sample's logit.",
        "D is trained on this number, so use create_graph=True. Then square, sum per sample, average, and halve.",
    ),
    _exercise(
        "modes_covered", 5, "count the modes of the data that fakes cover",
        solutions.modes_covered, checks.modes_covered,
        "torch.cdist(fakes, centers) gives all distances at once, (N, M).",
        "Compare the distances with the radius, and sum over the fakes: how many are near each center?",
        "Count the centers with at least `least` fakes nearby.",
    ),
    _exercise(
        "patient_1", 6, "name the failure by D's outputs at the end",
        solutions.patient_1, checks.patient_1,
        'curves["d_real"] is an array; [-200:] takes its last 200 values.',
        "Return three values: return NAME, MEAN_OF_D_REAL, MEAN_OF_D_FAKE.",
        "One mean is nearly 1, the other nearly 0. Which row of the table begins with these two?",
    ),
    _exercise(
        "patient_2", 6, "name the failure by the ratio of the gradient norms",
        solutions.patient_2, checks.patient_2,
        'The columns are "grad_norm_g" and "grad_norm_d". Divide the arrays: that is one ratio for each step.',
        "np.median gives the median of an array. Use only the last 200 ratios.",
        "D is certain, and the ratio is far below 1. Which row of the table has both?",
    ),
    _exercise(
        "patient_3", 6, "name the failure by how often D prefers fakes",
        solutions.patient_3, checks.patient_3,
        "Comparing two arrays gives an array of True and False.",
        "The mean of an array of True and False is the fraction of True.",
        "In most steps, D's output is higher for fakes than for real faces. Which network is fooled?",
    ),
    _exercise(
        "patient_4", 6, "name the failure by how much D's loss jumps, compared with a healthy run",
        solutions.patient_4, checks.patient_4,
        "np.diff gives the changes from one value to the next. Before that, take the first 1,000 values.",
        "Changes are positive and negative: take np.abs before the mean.",
        "Do the same with the healthy curves and divide. D's loss jumps several times as much: each step is too large.",
    ),
    _exercise(
        "patient_5", 6, "name the failure by how much fakes differ, compared with real faces",
        solutions.patient_5, checks.patient_5,
        "images.flatten(1) makes each image a row. Write a helper for one set of images, and call it twice.",
        "For two rows a and b: ((a - b) ** 2).mean() ** 0.5. Average it over all pairs of different rows.",
        "torch.pdist(rows) gives all Euclidean distances; divide by the root of the row length. Then take the ratio.",
    ),
    _exercise(
        "patient_6", 6, "name the failure by D's logits of faces that D was not trained on",
        solutions.patient_6, checks.patient_6,
        "You need three means: of D's logits of training faces, of held-out faces, and of fakes.",
        "How far are held-out faces below training faces? Divide by how far fakes are below training faces.",
        "0: D treats held-out faces as training faces. 1: D treats them as fakes. Which row of the table describes this?",
    ),
)  # fmt: skip

_TABLE = {found.name: found for found in _EXERCISES}
