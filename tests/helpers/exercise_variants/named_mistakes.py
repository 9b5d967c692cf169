# fmt: off
"""Mistakes that the checks name and no other variant makes: for each sentence of their tables, and for single checks."""

import functools
import itertools
import time

import torch
import torch.nn.functional as F
from torch import nn

from facegan.course import solutions as S

BUT, WRONG = {}, {}
bce = F.binary_cross_entropy_with_logits

# ---------------------------------------------------------------- notebook 1
WRONG["scale"] = [
    (lambda x: x.float() // 127 - 1, "divided with //"),
    (lambda x: x.float(), "the bytes themselves"),
    (lambda x: x / 255 - 1, "range is -1 to 0: dividing by 255"),
    (lambda x: (x.float() - 127.5) / 200, r"-0\.637 to 0\.637, is 1\.2\d wide"),
]
WRONG["unscale"] = [
    (lambda x: ((torch.where(x.abs() > 2, x, x.clamp(-1, 1)) + 1) * 127.5).round().long().to(torch.uint8), "wrap around"),
    (lambda x: (x.clamp(0, 1) * 127.5 + 127.5).round().byte(), "negative values are lost"),
    (lambda x: ((x.round() + 1) * 127.5).round().clamp(0, 255).byte(), r"too early: only 0, 128, and 255"),
    (lambda x: (x + 1).clamp(0, 255).byte(), "multiplication is missing, and decimals"),
    (lambda x: ((x + 1) * 127.5).clamp(0, 1).byte(), "clipped to 1 after the multiplication.*not rounded"),
    (lambda x: S.unscale(x).movedim(0, -1).reshape(x.shape), "right for a row of values and wrong"),
    (lambda x: (((x + 1) / 2).clamp(0, 1).sqrt() * 255).round().byte(), "not on a straight line"),
]


def around(side):
    """A crop that knows the images' side."""
    def crop(image, size):
        low, high = (side - size) // 2, (side + size) // 2
        return image[:, low:high, low:high]
    return crop


def by_rows(image, size):
    top = (image.shape[1] - size) // 2
    return image[:, top:top + size, top:top + size]


def end_is_size(image, size):
    top, left = (image.shape[1] - size) // 2, (image.shape[2] - size) // 2
    return image[:, top:size, left:size]


WRONG["center_crop"] = [
    (lambda image, size: S.center_crop(image, size).squeeze(), r"expected \(3, 1, 1\)"),
    (by_rows, "first row and the first column must be"),
    (end_is_size, "slice is empty"),
    (lambda image, size: image, "Nothing is cut off"),
    (lambda image, size: S.center_crop(image, size).permute(1, 2, 0), "Channels come first"),
    (around(32), "only for a side of 32"),
    (around(128), "only for a side of 128"),
    (around(178), "only for a side of 178"),
]


def whole_rows(images, columns):
    return S.contact_sheet(images[:max(1, len(images) // columns) * columns], columns)


WRONG["contact_sheet"] = [
    (whole_rows, "last row is lost"),
    (lambda images, columns: S.contact_sheet(images, columns).mT, "Height and width of the sheet are exchanged"),
    (lambda images, columns: S.contact_sheet(images.mT, columns), "Height and width of the images are exchanged"),
]

# ---------------------------------------------------------------- notebook 2
class Changed(nn.Module):
    """The reference's block, and something done to what it gives."""

    def __init__(self, a, b, then):
        super().__init__()
        self.block, self.then = S.generator_block(a, b), then

    def forward(self, x):
        return self.then(self.block(x))


WRONG["generator_block"] = [
    (lambda a, b: nn.Sequential(nn.BatchNorm2d(a), nn.ConvTranspose2d(a, b, 4, 2, 1)), "it is linear: an activation"),
    (lambda a, b: Changed(a, b, lambda y: y.mean(0, keepdim=True)), "for 8 images, it returns 1"),
    (lambda a, b: Changed(a, b, lambda y: (y, y.mean())), "expected a tensor"),
]
WRONG["generator"] = [
    (functools.cache(S.build_generator), "share the same weights"),
    (lambda n, w: nn.Sequential(nn.Unflatten(1, (n, 1, 1)), nn.LazyConvTranspose2d(3, 64), nn.Tanh()), "lazy layers"),
    (lambda n, w: nn.Sequential(nn.Unflatten(1, (n, 1, 1)), nn.Upsample(64), nn.Tanh()), "no parameters, so there is nothing"),
    (lambda n, w: S.build_generator(n, w).to("meta"), "device 'meta'"),
    (lambda n, w: S.build_generator(n, w).half(), "torch.float16, expected"),
    (lambda n, w: S.build_generator(n, w).requires_grad_(False), "weights are frozen"),
    (lambda n, w: S.build_generator(n, w).apply(lambda m: [p.data.log_() for p in m.parameters()]), "NaN or infinity before any"),
]

def resized(n, w):
    """Enlarges by nearest neighbors, then convolves."""
    def block(a, b):
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())
    return nn.Sequential(
        nn.Unflatten(1, (n, 1, 1)), nn.ConvTranspose2d(n, 8 * w, 4), nn.BatchNorm2d(8 * w), nn.ReLU(),
        block(8 * w, 4 * w), block(4 * w, 2 * w), block(2 * w, w), nn.Upsample(scale_factor=2), nn.Conv2d(w, 3, 3, padding=1), nn.Tanh(),
    )


def without(build, kind, index):
    """A network of the reference without one of its layers of a kind, counted from 0."""
    def changed(*arguments):
        network = build(*arguments)
        at = [(part, name) for part in network.modules() for name, child in part.named_children() if isinstance(child, kind)]
        setattr(*at[index], nn.Identity())
        return network
    return changed


def odd_kernels(w):
    network = S.build_discriminator(w)
    network[2] = nn.Conv2d(w, 2 * w, 5, 2, 2)
    return network


def with_an_unused_layer(w):
    network = S.build_discriminator(w)
    network.classes = nn.Linear(8 * w, 10)
    network.forward = lambda x: functools.reduce(lambda x, layer: layer(x), [*network][:-1], x)
    return network


BUT["generator"] = [
    (resized, "without a transposed convolution"),
    (without(S.build_generator, nn.ReLU, 1), "without an activation in between"),
]
BUT["discriminator"] = [
    (odd_kernels, "kernels of 5"),
    (without(S.build_discriminator, nn.BatchNorm2d, 1), "between the first and the last have no BatchNorm"),
]
class UpperHalf(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = S.build_discriminator(width)

    def forward(self, x):
        return self.net(torch.cat([x[:, :, :32]] * 2, 2))


WRONG["discriminator"] = [
    (UpperHalf, "depend on only 32 of the image"),
    (functools.cache(S.build_discriminator), "share the same weights"),
    (with_an_unused_layer, "2 of its weights get no gradient"),
]


def all_but(*kinds, scale=0.02):
    """Layers of these kinds have no weights, all others are taken to have some."""
    def init(module):
        if isinstance(module, kinds):
            return
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, scale)
            nn.init.zeros_(module.bias)
        else:
            nn.init.normal_(module.weight, 0.0, scale)
    return init


def with_bias(module):
    S.init_weights(module)
    if isinstance(module, nn.Conv2d):
        nn.init.zeros_(module.bias)


def after(then):
    """The reference, and something done to each layer with weights."""
    def init(module):
        S.init_weights(module)
        if hasattr(module, "weight"):
            then(module)
    return init


def seeded_by_the_clock(module):
    torch.manual_seed(time.perf_counter_ns() % 2**32)
    S.init_weights(module)


def bias_of_the_transposed(module):
    S.init_weights(module)
    if isinstance(module, nn.ConvTranspose2d):
        nn.init.constant_(module.bias, 0.5)


WRONG["init_weights"] = [
    (all_but(nn.LeakyReLU, nn.Sequential, nn.Flatten), "layers such as Tanh"),
    (all_but(nn.LeakyReLU, nn.Sequential, nn.Tanh), "layers such as Flatten"),
    (all_but(nn.LeakyReLU, nn.Tanh, nn.Flatten), "layers such as Sequential"),
    (all_but(nn.LeakyReLU, nn.Sequential, nn.Tanh, nn.Flatten, scale=1.0), "randn's standard deviation is 1"),
    (with_bias, "convolutions without bias"),
    (after(lambda module: module.to("meta")), "expected floats on the CPU"),
    (after(lambda module: module.weight.requires_grad_(False)), "are frozen afterward"),
    (after(lambda module: module.weight.data.sqrt_()), "contain NaN or infinity"),
    (seeded_by_the_clock, "sets torch's (global )?seed"),
]
BUT["init_weights"] = [(bias_of_the_transposed, "biases of ConvTranspose2d")]

# ---------------------------------------------------------------- notebook 3
WRONG["discriminator_loss"] = [
    (lambda r, f: (bce(r, torch.zeros_like(r)) + bce(f, torch.ones_like(f))) / 2, r"labels are swapped.*\(It is also halved"),
    (lambda r, f: bce(r, torch.ones_like(r)) / 2, r"real images only.*\(It is also halved"),
    (lambda r, f: bce(f, torch.zeros_like(f)) / 2, r"fakes only.*\(It is also halved"),
    (lambda r, f: (bce(r.sigmoid(), torch.ones_like(r)) + bce(f.sigmoid(), torch.zeros_like(f))) / 2, r"applied twice.*\(It is also halved"),
    (lambda r, f: bce(torch.cat([r, f]), torch.ones(len(r) + len(f))), r"it gives fakes the label 1.*\(It is also halved"),
    (lambda r, f: bce(f, torch.zeros_like(f)) - bce(r, torch.ones_like(r)), "halves are subtracted"),
    (lambda r, f: -F.logsigmoid(r).mean() + F.logsigmoid(f).mean(), "takes log D of fakes"),
    (lambda r, f: bce(r - f.mean(), torch.ones_like(r)) + bce(f - r.mean(), torch.zeros_like(f)), "with the mean of the other kind"),
    (lambda r, f: r.sigmoid().mean() + (1 - f.sigmoid()).mean(), "logarithms are missing, and the sign"),
]
WRONG["generator_loss"] = [
    (lambda f: bce(f.sigmoid(), torch.zeros_like(f)), "applied twice, and the label"),
    (lambda f: f.sigmoid().mean(), r"is D\(G\(z\)\) itself"),
    (lambda f: 2 * bce(f, torch.ones_like(f)), "twice the loss"),
]


def step(order="zbs", exchanged=False, least=0.0, most=1e9, detach=True, part=1.0, returns=lambda a, b: (a, b), every=1):
    """A step whose optimizers' gradients become 0 and not None, with what can be wrong as an option."""
    rounds = itertools.count()

    def play(g, d, og, od, real, z):
        if exchanged:
            og, od = od, og
        fake = g(z)
        loss_d = S.discriminator_loss(d(real), d(fake.detach() if detach else fake))
        for move in order:
            if move == "z":
                od.zero_grad(set_to_none=False)
            elif move == "b":
                (part * loss_d).backward(retain_graph=True)
            elif least <= loss_d <= most and next(rounds) % every == 0:
                od.step()
        if detach:
            og.zero_grad(set_to_none=False)
        loss_g = S.generator_loss(d(g(z)))
        loss_g.backward()
        og.step()
        return returns(loss_d.detach(), loss_g.detach())
    return play


WRONG["train_step"] = [
    (step(exchanged=True), "steps before its network has a gradient"),
    (step(order="s"), "steps with old gradients only"),
    (step(order="bzs"), "steps with gradients of 0"),
    (step(every=2), "^the discriminator does not"),
    (step(most=5), "where D's loss is large, the discriminator"),
    (step(part=0.5, detach=False), "is detach missing"),
    (step(returns=lambda a, b: (a / 3, b)), "loss_d is returned as"),
    (step(returns=lambda a, b: (a, -b)), "loss_g is returned as"),
    (step(part=8.0), "is the loss a sum over the batch"),
    (step(returns=lambda a, b: (a, b + 0.02)), "loss_g is returned as"),
    (step(returns=lambda a, b: (None, None)), "returns a pair that contains nothing"),
]


def average(of_parameters, before=lambda a, m: None):
    def update(average, model, decay):
        before(average, model)
        for a, b in zip(average.parameters(), model.parameters(), strict=True):
            a.data.copy_(of_parameters(a.data, b.data, decay))
        for a, b in zip(average.buffers(), model.buffers(), strict=True):
            a.copy_(b)
    return update


def with_graph(average, model, decay):
    average.requires_grad_(False)
    for a, b in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_((1 - decay) * b)
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


def first_layer_only(a, b, decay):
    return a.lerp(b, 1 - decay) if a.shape == (4, 3) else torch.maximum(a, b)


WRONG["update_average"] = [
    (average(lambda a, b, decay: a + decay * b), "the model is multiplied by decay"),
    (average(lambda a, b, decay: a.lerp(b, 1 - decay).lerp(b, 1 - decay)), "the parameters move twice"),
    (average(lambda a, b, decay: torch.maximum(a, b)), r"the parameters do not become decay \* average"),
    (average(first_layer_only), r"the parameter 0\.bias does not become"),
    (with_graph, "the average has an autograd graph"),
]


# ---------------------------------------------------------------- notebook 4
def unclamped(a, b, t):
    angle = torch.acos(a @ b)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def by_one_length(a, b, t):
    angle = (a @ b / a.norm() ** 2).clamp(-1, 1).acos()
    if angle < 1e-3:
        return a
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def of_equal_ones(give):
    return lambda a, b, t: give(a) if torch.allclose(a, b) else S.slerp(a, b, t)


WRONG["slerp"] = [
    (unclamped, "Is the cosine outside -1 to 1"),
    (lambda a, b, t: S.slerp(a, b, t) * (1 + t * (1 - t) * (0.5 - t)), r"at t = 0\.25 its length is 1\.05"),
    (lambda a, b, t: S.slerp(a, b, round(4 * t) / 4), "expected nine tenths"),
    (lambda a, b, t: S.slerp(a, b, t) / S.slerp(a, b, t).norm() * b.norm(), "does not begin at a"),
    (by_one_length, "does not end at b"),
    (of_equal_ones(lambda a: a[:1]), r"between two equal vectors it returns shape \(1,\)"),
]


def by_mask(z, has):
    with_it, without = z * has[:, None], z * ~has[:, None]
    return with_it.mean(0) - without.mean(0)


def by_one_group(z, has):
    return z[has].mean(0) - z[has == 1].mean(0)


WRONG["attribute_direction"] = [
    (lambda z, h: z[h].mean(0) - z[~h].mean(0) if h.float().mean() > 0.05 else z[h][0] - z[~h].mean(0), "where only .* latents have the attribute"),
    (by_mask, "multiplying by the mask leaves zeros"),
    (by_one_group, "zero everywhere"),
    (lambda z, has: z[has].std(0) - z[~has].std(0), "standard deviations, too"),
    (lambda z, has: (z[has].mean(0) - z[~has].mean(0)) ** 2, "squares the difference"),
    (lambda z, has: z[:100][has[:100]].mean(0) - z[:100][~has[:100]].mean(0), "first 100 latents only"),
    (lambda z, has: z[has].mean(0) * z[~has].mean(0), "multiplies the two means"),
]

# ---------------------------------------------------------------- notebook 5
WRONG["optimal_discriminator"] = [
    (lambda p, q: torch.log(q / p), "minus the logit of the best D"),
    (lambda p, q: q, "is the density of the fakes"),
]


def directions(theta, psi, d_theta=None, d_psi=None):
    """The right ones, with one that is given in its place."""
    fooled = torch.sigmoid(psi * theta)
    return psi * fooled if d_theta is None else d_theta, -theta * fooled if d_psi is None else d_psi


WRONG["dirac_gradients"] = [
    (lambda t, p: directions(t, p) if t.ndim == 1 else directions(t.mT, p.mT), r"expected \(3, 4\)"),
    (lambda t, p: directions(t, p, d_theta=-p * torch.sigmoid(-p * t)), "non-saturating loss -log D, and with the wrong sign"),
    (lambda t, p: directions(t, p, d_theta=p), "theta's update has no sigmoid"),
    (lambda t, p: directions(t, p, d_psi=t * torch.sigmoid(-p * t)), "as if the fake were real"),
    (lambda t, p: directions(t, p, d_psi=-(t * torch.sigmoid(p * t)) / len(t)), "psi's update is a mean over all points"),
    (lambda t, p: directions(t, p, d_psi=-t * torch.sigmoid(p * t) ** 2), "psi's update has the sigmoid squared"),
    (lambda t, p: directions(t, p, d_psi=-t), "psi's update has no sigmoid"),
    (lambda t, p: directions(t, p, d_psi=-torch.log(1 - torch.sigmoid(p * t))), "psi's update is D's loss itself"),
    (lambda t, p: directions(t, p, d_psi=-t * torch.sigmoid(p)), "psi's update takes sigmoid of psi alone"),
    (lambda t, p: directions(t, p, d_psi=t / (1 - torch.sigmoid(p * t))), "psi's update divides by 1 - D"),
]


def twice_the_rate(field, theta, psi, rate):
    psi = psi + rate * rate * field(theta, psi)[1]
    return theta + rate * field(theta, psi)[0], psi


def psi_again(field, theta, psi, rate):
    for player in (1, 0, 1):
        move = rate * field(theta, psi)[player]
        theta, psi = (theta, psi + move) if player else (theta + move, psi)
    return theta, psi


def at_once_and_swapped(field, theta, psi, rate):
    d_theta, d_psi = field(theta, psi)
    return psi + rate * d_psi, theta + rate * d_theta


def asked_in_the_wrong_order(field, theta, psi, rate):
    psi_new = psi + rate * field(psi, theta)[1]
    return theta + rate * field(psi_new, theta)[0], psi_new


def old_psi(field, theta, psi, rate):
    new = psi + rate * field(theta, psi)[1]
    theta = theta + rate * field(theta, new)[0]
    return theta, psi


def only_directions(field, theta, psi, rate):
    d_psi = field(theta, psi)[1]
    d_theta = field(theta, psi + rate * d_psi)[0]
    return d_theta, d_psi


WRONG["alternating_step"] = [
    (lambda field, theta, psi, rate: (theta + rate * (psi - rate * theta), psi - rate * theta), "a field is hard-coded"),
    (twice_the_rate, "D's step is multiplied by the rate twice"),
    (psi_again, "psi moves twice"),
    (at_once_and_swapped, "simultaneous step, and in the wrong order"),
    (asked_in_the_wrong_order, "theta and psi are exchanged"),
    (old_psi, "returned psi is the old one"),
    (only_directions, "directions, not the new positions"),
]


def penalty(of_gradients):
    def r1(discriminator, real):
        real = real.detach().requires_grad_()
        (g,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
        return of_gradients(g.flatten(1))
    return r1


def with_a_gradient_of_the_last_weight(d, x):
    last = [*d.parameters()][-2].sum()
    return S.r1_penalty(d, x) + last - last.detach()


WRONG["r1_penalty"] = [
    (with_a_gradient_of_the_last_weight, "its gradient for D's weights is not"),
    (penalty(lambda g: ((g.norm(dim=1) - 1) ** 2).mean() / 2), "half of WGAN-GP"),
    (penalty(lambda g: (g.sum(1) ** 2).mean()), "before squaring them, and the half is missing"),
    (penalty(lambda g: g.sum(1).mean() / 2), "without squaring"),
    (penalty(lambda g: (g.mean(0) ** 2).sum() / 2), "averages the gradients before squaring"),
    (penalty(lambda g: g.norm(dim=1).mean() ** 2 / 2), "averages the gradients' norms before"),
    (penalty(lambda g: g.norm(dim=1).mean()), "uses the norm, not its square, and no half"),
]
