"""What tells a right solution of an exercise from a wrong one: by behaviour, never by source text.

Each check takes the student's function, tries it, and raises `Mistake` with one sentence that names the mistake
as a tutor would, without the answer. Whatever has the right behaviour passes, however it is written. Every
check is held by right and wrong variants in `tests/exercise_variants.py`.
"""

from __future__ import annotations

import copy
import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Mistake(Exception):
    """What is wrong with a student's solution, in words that help."""


def fail_unless(condition: Any, message: str) -> None:
    """Raise `Mistake` unless `condition` holds."""
    if not condition:
        raise Mistake(message)


def call(function: Callable, *inputs: Any, changes: bool = False) -> Any:
    """The function's result; a `Mistake` when it raises, returns nothing, or changes its inputs."""
    given = copy.deepcopy(inputs) if not changes else inputs
    try:
        result = function(*given)
    except (NotImplementedError, Mistake):
        raise
    except Exception as error:
        raise Mistake(_describe(error, function)) from None
    if not changes:
        for before, after in zip(inputs, given, strict=True):
            same = torch.equal(before, after) if isinstance(before, Tensor) else True
            fail_unless(
                same, "it changes its input in place; whoever gave it may still need it. Make a copy."
            )
        fail_unless(result is not None, "it returns nothing (None). Is a return missing?")
    return result


def tensor(function: Callable, *inputs: Any, shape: Sequence[int] | None = None) -> Tensor:
    """`call`, and the result must be a tensor of that shape."""
    result = call(function, *inputs)
    fail_unless(isinstance(result, Tensor), f"it returns a {type(result).__name__}, not a tensor.")
    if shape is not None:
        fail_unless(
            tuple(result.shape) == tuple(shape),
            f"it returns shape {tuple(result.shape)}, expected {tuple(shape)} for input {_shapes(inputs)}.",
        )
    return result


def _shapes(inputs: Sequence[Any]) -> str:
    return ", ".join(str(tuple(i.shape)) if isinstance(i, Tensor) else repr(i) for i in inputs)


def _describe(error: Exception, function: Callable) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f", at `{lines[-1].line}`" if lines and lines[-1].line else ""
    return f"it raised {type(error).__name__}: {first}{where}."


def close(a: Tensor, b: Any, tolerance: float = 1e-4) -> bool:
    """Whether all numbers agree."""
    return bool(
        torch.allclose(a.detach().double(), torch.as_tensor(b).double(), atol=tolerance, rtol=tolerance)
    )


# ---- 01: data ------------------------------------------------------------------------------------


def scale(function: Callable) -> None:
    """uint8 0..255 to float32 -1..1, by a straight line."""
    ramp = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(2, 3, 1, 1)
    out = tensor(function, ramp, shape=ramp.shape)
    fail_unless(
        out.dtype == torch.float32,
        f"it returns {out.dtype}, expected torch.float32, the type of a network's weights.",
    )
    low, high = out.min().item(), out.max().item()
    fail_unless(
        abs(low) > 0.01 or abs(high - 1) > 0.01,
        "its range is 0 to 1; the darkest pixel, 0, should become -1.",
    )
    first, last = out[0, 0, 0, 0].item(), out[0, 0, -1, -1].item()
    fail_unless(abs(first + 1) < 1e-3, f"the darkest pixel, 0, became {first:.3f}; it should become -1.")
    fail_unless(
        abs(last - 1) < 1e-3, f"the brightest pixel, 255, became {last:.3f}; it should become exactly 1."
    )
    line = torch.linspace(-1, 1, 256)
    fail_unless(
        close(out[0, 0].flatten(), line, 1e-3),
        "0 and 255 are right, but what lies between is not on a straight line. Does uint8 arithmetic wrap around?",
    )
    grey = torch.full((1, 3, 4, 4), 51, dtype=torch.uint8)
    fail_unless(
        close(tensor(function, grey), -0.6, 1e-3),
        "the same pixel value became another number in another image: the formula must not depend on the "
        "image's own minimum, maximum or mean.",
    )


def unscale(function: Callable) -> None:
    """float -1..1 to uint8, rounded and clipped; the inverse of scale."""
    levels = torch.arange(256, dtype=torch.float32)
    out = tensor(function, levels / 127.5 - 1, shape=(256,))
    fail_unless(out.dtype == torch.uint8, f"it returns {out.dtype}, expected torch.uint8.")
    off = (out.int() - levels.int()).abs()
    fail_unless(
        off.max() < 100,
        f"-1, 0 and 1 became {out[0]}, {out[128]} and {out[255]}; expected 0, about 128 and 255.",
    )
    fail_unless(
        off.max() == 0,
        f"{int((off > 0).sum())} of 256 levels do not come back as they were; changing to uint8 cuts decimals off.",
    )
    beyond = tensor(function, torch.tensor([-1.5, -1.01, 1.01, 1.5]))
    fail_unless(
        beyond.tolist() == [0, 0, 255, 255],
        f"-1.5 and 1.5, outside the range, became {beyond[0]} and {beyond[3]}; they should stop at 0 and 255, "
        "or they wrap around to the other end.",
    )


def center_crop(function: Callable) -> None:
    """The middle square; where the rest is odd, either side may have the extra pixel."""
    for height, width, size in ((12, 8, 4), (8, 12, 6), (9, 9, 9), (11, 8, 4), (20, 10, 10)):
        image = torch.arange(3 * height * width).reshape(3, height, width)
        out = tensor(function, image, size)
        fail_unless(
            tuple(out.shape) == (3, size, size),
            f"for an image {tuple(image.shape)} and size {size} it returns {tuple(out.shape)}, "
            f"expected (3, {size}, {size}).",
        )
        tops, lefts = ({(side - size) // 2, -((size - side) // 2)} for side in (height, width))
        wanted = [image[:, t : t + size, s : s + size] for t in tops for s in lefts]
        corner = int(out[0, 0, 0])
        fail_unless(
            any(torch.equal(out, w) for w in wanted),
            f"of an image of {height} rows and {width} columns it keeps a square that begins at row "
            f"{corner // width}, column {corner % width}; as much should be left over on each side.",
        )


def contact_sheet(function: Callable) -> None:
    """(N, 3, H, W) row by row to (3, rows * H, columns * W); empty places may have any one colour."""
    for count, columns in ((6, 3), (4, 2), (5, 3), (3, 1), (2, 4)):
        images = torch.arange(count, dtype=torch.uint8).add(1)[:, None, None, None] * torch.ones(
            1, 3, 4, 6, dtype=torch.uint8
        )
        images[:, 0, 0, :] = 200  # tells up from down
        images[:, 1, :, 0] = 100  # and left from right
        rows = math.ceil(count / columns)
        if count < columns:
            continue
        sheet = tensor(function, images, columns)
        expected = (3, rows * 4, columns * 6)
        fail_unless(
            tuple(sheet.shape) == expected,
            f"{count} images of 4 x 6 in {columns} columns make {tuple(sheet.shape)}, expected {expected}.",
        )
        fail_unless(sheet.dtype == torch.uint8, f"it returns {sheet.dtype}; the images are uint8.")
        _check_places(sheet, images, columns)


def _check_places(sheet: Tensor, images: Tensor, columns: int) -> None:
    height, width = images.shape[2:]
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        place = sheet[:, row * height : (row + 1) * height, column * width : (column + 1) * width]
        if torch.equal(place, image):
            continue
        there = [k for k, other in enumerate(images) if torch.equal(place, other)]
        what = f"image {there[0]} is there instead" if there else "what is there is no whole image"
        raise Mistake(
            f"image {index} should be in row {row}, column {column} (from 0), but {what}. Is the order right?"
        )


# ---- 02: architecture ----------------------------------------------------------------------------


def output_size(function: Callable) -> None:
    """Against PyTorch's own layer."""
    for size, kernel, stride, padding in (
        (1, 4, 1, 0), (4, 4, 2, 1), (8, 4, 2, 1), (5, 3, 1, 1), (7, 5, 3, 2), (3, 2, 2, 0), (6, 3, 2, 0),
    ):  # fmt: skip
        layer = nn.ConvTranspose2d(1, 1, kernel, stride, padding)
        actual = layer(torch.zeros(1, 1, size, size)).shape[-1]
        got = call(function, size, kernel, stride, padding)
        fail_unless(
            isinstance(got, int | float | Tensor), f"it returns a {type(got).__name__}, not a number."
        )
        convolution = (size + 2 * padding - kernel) // stride + 1
        case = f"size {size}, kernel {kernel}, stride {stride}, padding {padding}"
        forward = " That is the formula of an ordinary convolution." if got == convolution != actual else ""
        fail_unless(
            float(got) == actual,
            f"for {case} it gives {got}, but the layer's output has side {actual}.{forward}",
        )


def generator_block(function: Callable) -> None:
    """A module that doubles the side, normalises over the batch and is not linear."""
    block = _module(function, 6, 4)
    inputs = torch.randn(8, 6, 4, 4)
    out = _forward(block, inputs)
    fail_unless(
        out.ndim == 4, f"its output has shape {tuple(out.shape)}, expected (B, channels, height, width)."
    )
    fail_unless(out.shape[1] == 4, f"generator_block(6, 4) makes {out.shape[1]} channels, expected 4.")
    for side in (4, 8, 5):
        made = _forward(block, torch.randn(2, 6, side, side)).shape[-2:]
        fail_unless(
            tuple(made) == (2 * side, 2 * side),
            f"a side of {side} becomes {made[0]}, expected {2 * side}. Compare with output_size.",
        )
    block.train()
    with torch.no_grad():
        loud = copy.deepcopy(block)
        same = torch.allclose(loud(1000 * inputs), loud(7000 * inputs), atol=2e-2)
    fail_unless(
        same,
        "seven times larger inputs make larger outputs, also in training: nothing normalises over the batch.",
    )
    mean, spread = out.mean((0, 2, 3)), out.std((0, 2, 3))
    fail_unless(
        mean.abs().max() > 1e-3 or (spread - 1).abs().max() > 0.1,
        "every channel comes out with mean 0 and spread 1: the normalisation is the last thing that happens, or "
        "nothing follows it that is not linear.",
    )
    fail_unless(not _is_affine(block, torch.randn(4, 6, 4, 4)), "it is linear: an activation is missing.")
    fail_unless(
        not {id(p) for p in block.parameters()} & {id(p) for p in _module(function, 6, 4).parameters()},
        "two blocks share the same weights: make new layers at every call.",
    )


def generator(function: Callable) -> None:
    """Latents to images in [-1, 1] that depend on them, with every weight in reach of the gradient."""
    for latent_dim, width in ((16, 8), (10, 4)):
        network = _module(function, latent_dim, width)
        z = torch.randn(4, latent_dim)
        images = _forward(network, z)
        fail_unless(
            tuple(images.shape) == (4, 3, 64, 64),
            f"4 latents become {tuple(images.shape)}, expected (4, 3, 64, 64).",
        )
    _check_trains(network, lambda: network(torch.randn(4, latent_dim)).square().sum(), "generator")
    fresh, network = network, copy.deepcopy(network).eval()
    for p in network.parameters():
        p.data.mul_(4)  # large enough that only a squashing layer keeps the range
    images = _forward(network, 20 * torch.randn(16, latent_dim))
    low, high = images.min().item(), images.max().item()
    fail_unless(
        low >= -1 and high <= 1, f"large activations leave [-1, 1]: they reach {max(-low, high):.1f}."
    )
    fail_unless(
        low < -0.05, f"its images stay between {low:.2f} and {high:.2f}; where are the values below 0?"
    )
    fail_unless(
        (images[0] - images[1]).abs().max() > 1e-4, "different latents give the same image: is z used?"
    )
    squashed = fresh.double().eval()
    fail_unless(
        not _is_affine(
            lambda x: squashed(x).clamp(-0.999, 0.999).atanh(), 3 * torch.randn(4, latent_dim).double()
        ),
        "before its last layer it is linear: blocks need an activation.",
    )


def discriminator(function: Callable) -> None:
    """Images to one unbounded logit each, independent of the rest of the batch in eval mode."""
    network = _module(function, 8)
    images = torch.rand(6, 3, 64, 64) * 2 - 1
    logits = _forward(network, images)
    fail_unless(
        tuple(logits.shape) == (6,),
        f"6 images become {tuple(logits.shape)}, expected (6,): one number an image.",
    )
    network.eval()
    large = torch.cat(
        [_forward(network, amplitude * torch.randn(32, 3, 64, 64)) for amplitude in (1, 100, 1e4)]
    )
    fail_unless(
        large.min() < 0 or large.max() > 1,
        "its outputs stay between 0 and 1 even for huge inputs. The losses take logits, any real numbers.",
    )
    fail_unless(large.abs().max() > 1.0001, "its outputs stay between -1 and 1; logits are any real numbers.")
    alone = torch.cat([_forward(network, image[None]) for image in images])
    fail_unless(
        torch.allclose(alone, _forward(network, images), atol=1e-3),
        "in eval mode the logit of an image depends on the other images of the batch.",
    )
    fail_unless((alone - alone[0]).abs().max() > 1e-7, "all images get the same logit: are they used?")
    fail_unless(not _is_affine(network, images), "it is linear: an activation is missing.")
    network.train()
    _check_trains(network, lambda: network(images).square().sum(), "discriminator")


def init_weights(function: Callable) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm, zero biases, in place."""
    network = nn.Sequential(
        nn.Conv2d(32, 64, 4), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 32, 4), nn.LeakyReLU(0.2)
    )
    for p in network.parameters():
        p.data.fill_(0.7)
    for layer in network:
        call(function, layer, changes=True)
    for index, kind in ((0, "Conv2d"), (2, "ConvTranspose2d")):
        _check_normal(network[index].weight, 0, kind)
    _check_normal(network[1].weight, 1, "BatchNorm2d")
    for layer in (network[0], network[1], network[2]):
        fail_unless((layer.bias == 0).all(), f"the bias of {type(layer).__name__} is not 0 afterwards.")
    call(function, nn.Conv2d(3, 3, 4, bias=False), changes=True)


def _check_normal(weight: Tensor, mean: float, kind: str) -> None:
    got, spread = weight.mean().item(), weight.std().item()
    name = f"the weights of {kind}"
    fail_unless(not (weight == 0.7).all(), f"{name} are not touched (or a new tensor is made and dropped).")
    where = " (a scale of 0 erases what it multiplies)" if mean and abs(got) < 0.1 else ""
    fail_unless(abs(got - mean) < 0.01, f"{name} have mean {got:.3f}, expected {mean}{where}.")
    fail_unless(
        abs(spread - 0.02) < 0.002,
        f"{name} have standard deviation {spread:.3f}, expected 0.02"
        f"{' (0.02 is not the variance)' if abs(spread - math.sqrt(0.02)) < 0.01 else ''}.",
    )
    beyond = ((weight - mean).abs() > 0.04).float().mean().item()
    fail_unless(
        beyond > 0.02, f"{name} have no tails, as a uniform distribution has none; draw from a normal one."
    )


def _module(function: Callable, *arguments: Any) -> nn.Module:
    network = call(function, *arguments)
    fail_unless(
        isinstance(network, nn.Module),
        f"it returns {'the class ' + network.__name__ if isinstance(network, type) else 'a ' + type(network).__name__}"
        ", expected a module that is ready to be called.",
    )
    fail_unless(
        sum(p.numel() for p in network.parameters()),
        "the module has no parameters: there is nothing to learn.",
    )
    return network


def _forward(network: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        out = call(network, inputs, changes=True)
    fail_unless(isinstance(out, Tensor), f"the module returns a {type(out).__name__}, not a tensor.")
    return out


def _is_affine(network: Callable, x: Tensor, tolerance: float = 1e-3) -> bool:
    """Whether f(x) + f(-x) = 2 f(0), in eval mode."""
    was_training = getattr(network, "training", False)
    if isinstance(network, nn.Module):
        network.eval()
    with torch.no_grad():
        up, down, zero = network(x), network(-x), network(torch.zeros_like(x))
    if isinstance(network, nn.Module):
        network.train(was_training)
    size = (up - down).abs().max().clamp_min(1e-12)
    return bool(((up + down - 2 * zero).abs().max() / size) < tolerance)


def _check_trains(network: nn.Module, loss: Callable[[], Tensor], what: str) -> None:
    network.zero_grad()
    value = loss()
    fail_unless(value.requires_grad, f"no gradient reaches the {what}'s weights: is something detached?")
    value.backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None]
    fail_unless(
        not idle, f"{len(idle)} of its weights get no gradient, such as {idle[:1]}: are all layers used?"
    )


# ---- 03: training --------------------------------------------------------------------------------


def discriminator_loss(function: Callable) -> None:
    """Binary cross-entropy of both halves, added or averaged; a stable scalar with a gradient."""
    real, fake = torch.randn(7) * 2, torch.randn(7) * 2 - 1
    loss = tensor(function, real, fake)
    _check_scalar(loss)
    right = (F.softplus(-real) + F.softplus(fake)).mean()
    halves = {"real": F.softplus(-real).mean(), "fake": F.softplus(fake).mean()}
    swapped = (F.softplus(real) + F.softplus(-fake)).mean()
    double = F.softplus(-real.sigmoid()).mean() + F.softplus(fake.sigmoid()).mean()
    for wrong, message in (
        (swapped, "the labels are the wrong way round: it falls when D calls real images fake."),
        (halves["real"], "it looks at real images only; D must also learn what a fake is."),
        (halves["fake"], "it looks at fakes only; D must also learn what is real."),
        (double, "a sigmoid is applied twice: these functions take logits, or probabilities, not both."),
    ):
        fail_unless(not any(close(loss, factor * wrong) for factor in (1, 0.5)), message)
    _check_value(loss, right, (real, fake), function)
    extreme = torch.tensor([300.0, -300.0])
    _check_stable(function, extreme, -extreme, value=300.0)
    _check_gradient(function, real, fake)


def generator_loss(function: Callable) -> None:
    """-log D(G(z)): large slope where D is sure that fakes are fake."""
    fake = torch.randn(9) * 2
    loss = tensor(function, fake)
    _check_scalar(loss)
    for wrong, message in (
        (
            -F.softplus(fake).mean(),
            "this is log(1 - D(G(z))), the saturating loss: where D is sure, its slope is almost 0.",
        ),
        (F.softplus(fake).mean(), "it falls when D calls the fakes fake: that is what D wants, not G."),
        (-F.softplus(-fake).mean(), "its sign is wrong: minimising it makes D(G(z)) smaller."),
        (F.softplus(-fake.sigmoid()).mean(), "a sigmoid is applied twice: logits go in only once."),
    ):
        fail_unless(not close(loss, wrong), message)
    _check_value(loss, F.softplus(-fake).mean(), (fake,), function, halves=False)
    _check_stable(function, torch.tensor([-300.0, 300.0]), value=150.0)
    _check_gradient(function, fake)


def _check_scalar(loss: Tensor) -> None:
    fail_unless(
        loss.numel() == 1,
        f"it returns {loss.numel()} numbers, one an image; a loss is one number, their mean.",
    )


def _check_value(
    loss: Tensor, right: Tensor, logits: tuple, function: Callable, *, halves: bool = True
) -> None:
    factors = (1, 0.5) if halves else (1,)
    if any(close(loss, factor * right) for factor in factors):
        return
    twice = tensor(function, *(torch.cat([x, x]) for x in logits))
    fail_unless(
        not close(twice, 2 * loss),
        "it grows with the batch: twice the images make twice the loss. Take the mean.",
    )
    raise Mistake(f"for logits {[[round(v, 2) for v in x.tolist()[:2]] for x in logits]}... it gives "
                  f"{loss.item():.3f}, expected {right.item():.3f}.")  # fmt: skip


def _check_stable(function: Callable, *logits: Tensor, value: float) -> None:
    loss = tensor(function, *logits)
    fail_unless(
        loss.isfinite(),
        f"for logits of 300 it becomes {loss.item()}: the logarithm of a sigmoid underflows there.",
    )
    fail_unless(
        any(close(loss, factor * value, 0.05) for factor in (1, 0.5)),
        f"for logits of 300 it gives {loss.item():.1f}, expected {value:.0f}: something is clipped on the way.",
    )


def _check_gradient(function: Callable, *logits: Tensor) -> None:
    leaves = [x.clone().requires_grad_() for x in logits]
    loss = call(function, *leaves, changes=True)
    reaches = loss.requires_grad
    if reaches:
        loss.backward()
    fail_unless(
        reaches and all(x.grad is not None for x in leaves),
        "no gradient flows back to the logits: something is detached, or turned into a plain number.",
    )


class _Watch:
    """Two small networks, their optimizers, and what happens to them during a student's step."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.generator = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 6))
        self.discriminator = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))
        self.real, self.z = torch.randn(16, 6) + 1, torch.randn(16, 4)
        self.events: list[str] = []
        self.gradients: dict[str, list[Tensor]] = {}
        self.optimizer_g = self._optimizer("G", self.generator)
        self.optimizer_d = self._optimizer("D", self.discriminator)

    def _optimizer(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        step = optimizer.step

        def watched(*arguments: Any, **options: Any) -> Any:
            self.events.append(name)
            found = [p.grad for p in network.parameters()]
            fail_unless(
                all(g is not None for g in found),
                f"optimizer_{name.lower()} steps before any gradient has reached {name}: is backward() missing?",
            )
            self.gradients.setdefault(name, [g.clone() for g in found])
            return step(*arguments, **options)

        optimizer.step = watched
        return optimizer

    def run(self, function: Callable) -> Any:
        parts = self.generator, self.discriminator, self.optimizer_g, self.optimizer_d, self.real, self.z
        return call(function, *parts, changes=True)


def train_step(function: Callable) -> None:
    """D's gradient, then G's gradient through the new D, each applied once by its own optimizer."""
    watch, before = _Watch(), _Watch()
    _soil(watch)
    losses = watch.run(function)
    _check_events(watch.events)
    _diagnose_d(watch, before)
    moved = copy.deepcopy(before.discriminator)
    for p, g in zip(moved.parameters(), watch.gradients["D"], strict=True):
        p.data -= 0.1 * g
    for p, q in zip(watch.discriminator.parameters(), moved.parameters(), strict=True):
        fail_unless(
            close(p, q), "your generator step also moved the discriminator: only optimizer_g may step there."
        )
    _diagnose_g(watch, before, moved)
    _check_losses(losses, before, moved)


def _soil(watch: _Watch) -> None:
    """Gradients of an earlier step, which must be forgotten."""
    for network in (watch.generator, watch.discriminator):
        for p in network.parameters():
            p.grad = torch.full_like(p, 0.5)


def _check_events(events: list[str]) -> None:
    fail_unless("D" in events, "the discriminator does not move: optimizer_d never steps.")
    fail_unless("G" in events, "the generator does not move: optimizer_g never steps.")
    fail_unless(
        events.count("D") == 1,
        f"optimizer_d steps {events.count('D')} times in one round; in G's half it moves the discriminator, too.",
    )
    fail_unless(
        events.count("G") == 1, f"optimizer_g steps {events.count('G')} times in one round, expected once."
    )
    fail_unless(events == ["D", "G"], "G steps before D; here D learns first, and G faces the new D.")


def _loss_d(watch: _Watch, network: nn.Module, *, sign: int = 1) -> Tensor:
    with torch.no_grad():
        fake = watch.generator(watch.z)
    return F.softplus(-sign * network(watch.real)).mean() + F.softplus(sign * network(fake)).mean()


def _gradients(network: nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(network.parameters())))


def _ratio(got: list[Tensor], expected: list[Tensor]) -> float | None:
    """c when got = c * expected in every tensor, else None."""
    a, b = (torch.cat([g.flatten() for g in part]) for part in (got, expected))
    c = (a @ b / (b @ b)).item()
    return c if (a - c * b).norm() < 1e-3 * a.norm().clamp_min(1e-9) else None


def _same(got: list[Tensor], expected: list[Tensor], *factors: float) -> bool:
    """Whether got = factor * expected for one of the factors (1 when none is given)."""
    ratio = _ratio(got, expected)
    return ratio is not None and any(abs(ratio - factor) < 0.01 for factor in factors or (1,))


def _diagnose_d(watch: _Watch, before: _Watch) -> None:
    got, network = watch.gradients["D"], before.discriminator
    expected = _gradients(network, _loss_d(before, network))
    if _same(got, expected, 1, 0.5):
        return
    with torch.no_grad():
        fake = before.generator(before.z)
    on_real, on_fake = network(before.real), network(fake)
    for loss, message in (
        (_loss_d(before, network, sign=-1), "D learns the wrong way round: its labels are swapped, real images count as fake."),
        (F.softplus(-on_real).mean(), "D learns from real images only; its loss leaves the fakes out."),
        (F.softplus(on_fake).mean(), "D learns from fakes only; its loss leaves the real images out."),
        (F.softplus(-on_real).mean() + F.softplus(-on_fake).mean(),
         "D is told that fakes are real: the label of the fakes is wrong in D's loss."),
    ):  # fmt: skip
        wrong = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        fail_unless(not _same(got, list(wrong), 1, 0.5), message)
    ratio = _ratio(got, expected)
    fail_unless(
        ratio is None,
        f"D's gradient is {ratio or 0:.2f} times what it should be: is the loss a sum over the batch?",
    )
    fail_unless(
        not _same(_clean(got), expected, 1, 0.5),
        "D steps with gradients of the round before still in it: zero_grad is missing before its backward().",
    )
    raise Mistake(
        "the gradient that D steps with is not that of its loss on these real images and G's fakes from z."
    )


def _clean(gradients: list[Tensor]) -> list[Tensor]:
    """Without what `_soil` left in them."""
    return [g - 0.5 for g in gradients]


def _diagnose_g(watch: _Watch, before: _Watch, moved: nn.Module) -> None:
    got, network = watch.gradients["G"], before.generator

    def expected(judge: nn.Module, sign: int = 1) -> list[Tensor]:
        return _gradients(network, F.softplus(-sign * judge(network(before.z))).mean())

    right, fooled = expected(moved), expected(moved, -1)
    if _same(got, right):
        return
    for wrong, message in (
        (expected(before.discriminator), "G is judged by the D of before its step: let the new D look at the fakes again."),
        ([-g for g in fooled], "G minimises log(1 - D(G(z))), the saturating loss."),
        (fooled, "G learns to make D sure that its images are fake: its label is the wrong way round."),
    ):  # fmt: skip
        fail_unless(not _same(got, wrong), message)
    leaked = _gradients(network, F.softplus(before.discriminator(network(before.z))).mean())
    for factor in (1, 0.5):
        rest = [g - factor * leak for g, leak in zip(got, leaked, strict=True)]
        if _same(rest, right) or _same(_clean(rest), right):
            raise Mistake(
                "your discriminator loss also sent gradients into the generator, which then stepped with them: "
                "is detach missing?"
            )
    fail_unless(
        not _same(_clean(got), right),
        "G steps with gradients of the round before still in it: zero_grad is missing before its backward().",
    )
    raise Mistake(
        "the gradient that G steps with is not that of its loss on the fakes from z, as the new D sees them."
    )


def _check_losses(losses: Any, before: _Watch, moved: nn.Module) -> None:
    fail_unless(
        isinstance(losses, tuple | list) and len(losses) == 2,
        f"it returns {type(losses).__name__}, expected both losses: loss_d, loss_g.",
    )
    loss_d, loss_g = (float(x) for x in losses)
    right_d = _loss_d(before, before.discriminator).item()
    right_g = F.softplus(-moved(before.generator(before.z))).mean().item()
    ok = min(abs(loss_d - right_d), abs(loss_d - right_d / 2)) < 1e-3 and abs(loss_g - right_g) < 1e-3
    fail_unless(
        ok,
        f"it returns losses {loss_d:.3f} and {loss_g:.3f}, expected loss_d {right_d:.3f}, loss_g {right_g:.3f}.",
    )
    attached = [x for x in losses if isinstance(x, Tensor) and x.requires_grad]
    fail_unless(
        not attached,
        "the losses it returns still hold their graphs, so memory grows with every step: detach them.",
    )


def update_average(function: Callable) -> None:
    """decay * average + (1 - decay) * model, for parameters and float buffers; counters are copied."""
    average, model = _normalised(0), _normalised(1)
    start, target = copy.deepcopy(average.state_dict()), copy.deepcopy(model.state_dict())
    call(function, average, model, 0.9, changes=True)
    now = average.state_dict()
    for name, value in model.state_dict().items():
        fail_unless(close(value, target[name]), "it changes the model; only the average may move.")
    parameters = dict(average.named_parameters())
    for name in parameters:
        _check_moved(now[name], start[name], target[name], "the parameters")
    for name in ("1.running_mean", "1.running_var"):
        averaged = 0.9 * start[name] + 0.1 * target[name]
        fail_unless(
            not close(now[name], start[name]),
            "BatchNorm's running statistics stay where they were: buffers are no parameters, and must follow too.",
        )
        fail_unless(
            close(now[name], averaged) or close(now[name], target[name]),
            "BatchNorm's running statistics are neither averaged nor copied.",
        )
    with torch.no_grad():
        model[0].weight.add_(1)
    fail_unless(
        close(average[0].weight, now[name_of(average)]), "the average shares its memory with the model."
    )
    fail_unless(
        all(p.grad_fn is None for p in average.parameters()),
        "the average carries a graph: work without gradients.",
    )


def name_of(network: nn.Module) -> str:
    """The first parameter's name."""
    return next(name for name, _ in network.named_parameters())


def _normalised(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    network[1].running_mean.normal_()
    network[1].running_var.uniform_(0.5, 2)
    return network


def _check_moved(now: Tensor, start: Tensor, target: Tensor, what: str) -> None:
    if close(now, 0.9 * start + 0.1 * target):
        return
    fail_unless(not close(now, start), f"{what} of the average do not move. It must change in place.")
    fail_unless(
        not close(now, target),
        f"{what} are copied from the model at once; with decay 0.9 they move by a tenth.",
    )
    fail_unless(
        not close(now, 0.1 * start + 0.9 * target),
        "decay 0.9 keeps nine tenths of the average, not of the model.",
    )
    raise Mistake(f"{what} do not become decay * average + (1 - decay) * model.")


# ---- 04: visualization ---------------------------------------------------------------------------


def slerp(function: Callable) -> None:
    """Constant speed along the arc between vectors of one length."""
    a, b = torch.randn(50), torch.randn(50)
    b = b / b.norm() * a.norm()
    for t, end, name in ((0.0, a, "a"), (1.0, b, "b")):
        got = tensor(function, a, b, t, shape=(50,))
        other = b if name == "a" else a
        fail_unless(not close(got, other), f"at t = {t:.0f} it is at the other end: expected {name}.")
        fail_unless(close(got, end, 1e-3), f"at t = {t:.0f} it is not at {name}.")
    middle = tensor(function, a, b, 0.5)
    fail_unless(
        not close(middle, (a + b) / 2, 1e-3),
        "this is the straight line: half-way it cuts through the sphere's inside.",
    )
    fail_unless(
        close(middle.norm(), a.norm(), 1e-2),
        f"half-way its length is {middle.norm():.2f}, while a and b have {a.norm():.2f}: it leaves the sphere.",
    )
    quarter = tensor(function, a, b, 0.25)
    angle = _angle(a, b)
    fail_unless(
        abs(_angle(a, quarter) - angle / 4) < 1e-2,
        f"at t = 0.25 it has turned by {_angle(a, quarter) / angle:.2f} of the angle, expected a quarter.",
    )
    same = tensor(function, a, a.clone(), 0.5)
    fail_unless(same.isfinite().all(), "between two equal vectors it is not a number: the angle is 0 there.")
    fail_unless(close(same, a, 1e-2), "between two equal vectors it should stay where it is.")


def _angle(a: Tensor, b: Tensor) -> float:
    return torch.dot(a / a.norm(), b / b.norm()).clamp(-1, 1).acos().item()


def latent_walk(function: Callable) -> None:
    """From the first anchor through all others to the last, evenly."""
    anchors = F.normalize(torch.randn(4, 30), dim=1) * 5
    frames = 31
    path = tensor(function, anchors, frames)
    fail_unless(
        tuple(path.shape) == (frames, 30),
        f"it returns {tuple(path.shape)}, expected (frames, latent_dim): ({frames}, 30).",
    )
    fail_unless(path.isfinite().all(), "some of its numbers are not finite.")
    fail_unless(close(path[0], anchors[0], 1e-2), "it does not begin at the first anchor.")
    if not close(path[-1], anchors[-1], 1e-2):
        closed = (path[-1] - anchors[0]).norm() < (anchors[1] - anchors[0]).norm() / 2
        more = ": it comes back to the first." if closed else "."
        raise Mistake(f"it does not end at the last anchor{more}")
    for index, anchor in enumerate(anchors):
        nearest = (path - anchor).norm(dim=1).min()
        fail_unless(
            nearest < 0.2,
            f"it passes anchor {index} at a distance of {nearest:.1f}; it should go through it.",
        )
    steps = path.diff(dim=0).norm(dim=1)
    fail_unless(steps.min() > 1e-3, "it stands still somewhere: two frames are the same.")
    typical = steps.median()
    fail_unless(
        steps.max() < 2.5 * typical and steps.min() > typical / 2.5,
        f"its pace is uneven: its longest step is {steps.max() / typical:.1f} times the usual one.",
    )
    short = tensor(function, anchors[:2], 5)
    fail_unless(
        tuple(short.shape) == (5, 30), f"2 anchors and 5 frames give {tuple(short.shape)}, expected (5, 30)."
    )


def attribute_direction(function: Callable) -> None:
    """A planted direction is found, whatever the offset and however rare the attribute."""
    planted = F.normalize(torch.randn(40), dim=0)
    z = torch.randn(3000, 40) + 3 * F.normalize(torch.randn(40), dim=0)
    along = z @ planted
    has = along > along.mean() + 1
    direction = tensor(function, z, has)
    fail_unless(
        tuple(direction.shape) == (40,),
        f"it returns {tuple(direction.shape)}, expected one number per latent dimension, (40,).",
    )
    fail_unless(direction.isfinite().all(), "some of its numbers are not finite.")
    fail_unless(direction.norm() > 1e-6, "it is zero everywhere.")
    agreement = F.cosine_similarity(direction.float(), planted, dim=0).item()
    fail_unless(agreement > -0.5, "it points the wrong way: adding it takes the attribute away.")
    alone = F.normalize(z[has].mean(0), dim=0)
    only = F.cosine_similarity(direction.float(), alone, dim=0).item()
    fail_unless(
        agreement > 0.9 or only < 0.999,
        "it is the mean of the latents with the attribute; what they share with all others is not the attribute.",
    )
    fail_unless(
        agreement > 0.9, f"it agrees with the true direction only by {agreement:.2f} (cosine; 1 is perfect)."
    )


# ---- references that have no counterpart of the same shape in the library -----------------------


def reference_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer_g: Any,
    optimizer_d: Any,
    real: Tensor,
    z: Tensor,
) -> tuple[Tensor, Tensor]:
    """One round on plain networks, with the library's losses."""
    from facegan.losses import bce_discriminator, bce_generator

    fake = generator(z)
    optimizer_d.zero_grad()
    loss_d = bce_discriminator(discriminator(real), discriminator(fake.detach()))
    loss_d.backward()
    optimizer_d.step()
    optimizer_g.zero_grad()
    loss_g = bce_generator(discriminator(fake))
    loss_g.backward()
    optimizer_g.step()
    return loss_d.detach(), loss_g.detach()


@torch.no_grad()
def reference_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """EMA of all floats; counters are copied."""
    for mean, raw in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(raw, 1 - decay)
        else:
            mean.copy_(raw)


def reference_walk(anchors: Tensor, frames: int) -> Tensor:
    """The library's walk, open at its end."""
    from facegan.latent import walk

    return walk(anchors, frames, closed=False)
