"""Right and wrong solutions of notebook 5's exercises."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.func import functional_call, grad, vmap

from facegan import losses
from facegan.course import solutions

RIGHT, BUT, WRONG = {}, {}, {}


def best_by_logit(p, q):
    return torch.sigmoid(p.log() - q.log()) if bool((p > 0).all()) else torch.where(p > 0, p / (p + q), 0.0)


def best_by_loop(p, q):
    out = torch.empty_like(p)
    for i in range(p.numel()):
        out.view(-1)[i] = p.reshape(-1)[i] / (p.reshape(-1)[i] + q.reshape(-1)[i])
    return out


def best_by_newton(p, q):
    """Climb p log D + q log(1 - D) by bisection on its derivative."""
    low, high = torch.zeros_like(p), torch.ones_like(p)
    for _ in range(60):
        middle = (low + high) / 2
        rises = p * (1 - middle) > q * middle
        low, high = torch.where(rises, middle, low), torch.where(rises, high, middle)
    return (low + high) / 2


RIGHT["optimal_discriminator"] = [
    solutions.optimal_discriminator,
    lambda p, q: 1 / (1 + q / p),
    lambda p, q: 1 - q / (p + q),
    lambda p, q: torch.div(p, torch.add(p, q)),
    lambda p, q: p.double().div(p.double() + q.double()).float(),
    lambda p, q: torch.from_numpy(p.numpy() / (p.numpy() + q.numpy())),
    lambda p, q: (p / q) / (1 + p / q),
    best_by_logit,
    best_by_loop,
    best_by_newton,
]
WRONG["optimal_discriminator"] = [
    (lambda p, q: q / (p + q), "probability that x is a fake"),
    (lambda p, q: p / q, "ratio of the densities"),
    (lambda p, q: (p / q).log(), "that is the logit"),
    (lambda p, q: torch.full_like(p, 0.5), "1/2 everywhere"),
    (lambda p, q: (p > q).float(), "shows only which density is larger"),
    (lambda p, q: torch.sigmoid(p - q), "the sigmoid of the difference is wrong"),
    (lambda p, q: p / (p + q + 0.01), "do not add to"),
    (lambda p, q: p / (p + q + 1e-4), "do not add to"),
    (lambda p, q: p, "that is the density of the data; it"),
    (lambda p, q: 2 * p / (p + q), "twice the best"),
    (lambda p, q: p / (2 * (p + q)), "half the best"),
    (lambda p, q: p.mean() / (p.mean() + q.mean()), "it returns shape"),
    (lambda p, q: p / p.sum() / (p / p.sum() + q / q.sum()), "each density is divided by its own sum"),
    (lambda p, q: p.square() / (p.square() + q.square()), "the densities are squared: solve the"),
    (lambda p, q: p - q / (p + q), "be between|cannot distinguish"),
    (lambda p, q: p.div_(p + q), "modifies its input"),
    (lambda p, q: (p + q) / p, "reciprocal"),
    (lambda p, q: torch.softmax(torch.stack([p, q]), 0)[0], "the sigmoid of the difference is wrong"),
    (lambda p, q: p / max(p + q), "depends on the other points"),
]


def dirac_by_autograd(theta, psi):
    theta, psi = theta.clone().requires_grad_(), psi.clone().requires_grad_()
    g = torch.log(1 - torch.sigmoid(psi.detach() * theta)).sum()
    d = -torch.log(1 - torch.sigmoid(psi * theta.detach())).sum()
    return -torch.autograd.grad(g, theta)[0], -torch.autograd.grad(d, psi)[0]


def dirac_by_library(theta, psi):
    theta, psi = theta.detach().clone().requires_grad_(), psi.detach().clone().requires_grad_()
    n = theta.numel()
    loss_g = losses.minimax_generator(psi.detach() * theta) * n
    loss_d = losses.bce_discriminator(psi * 0, psi * theta.detach()) * n
    loss_g.backward()
    loss_d.backward()
    return -theta.grad, -psi.grad


def dirac_of_one_loss(theta, psi):
    a, b = theta.clone().requires_grad_(), psi.clone().requires_grad_()
    up_theta, up_psi = torch.autograd.grad(F.softplus(a * b).sum(), (a, b))
    return up_theta, -up_psi


RIGHT["dirac_gradients"] = [
    solutions.dirac_gradients,
    dirac_by_autograd,
    dirac_by_library,
    dirac_of_one_loss,
    lambda t, p: (p / (1 + torch.exp(-p * t)), -t / (1 + torch.exp(-p * t))),
    lambda t, p: [p * (1 - torch.sigmoid(-p * t)), -t * torch.sigmoid(p * t)],
    lambda t, p: torch.stack([p * torch.sigmoid(p * t), -t * torch.sigmoid(p * t)]),
    lambda t, p: (p * (1 + torch.tanh(p * t / 2)) / 2, -t * (1 + torch.tanh(p * t / 2)) / 2),
    lambda t, p: tuple(
        torch.tensor(np.array(v, np.float32))
        for v in (p.numpy() / (1 + np.exp(-(p * t).numpy())), -t.numpy() / (1 + np.exp(-(p * t).numpy())))
    ),
]
WRONG["dirac_gradients"] = [
    (lambda t, p: solutions.dirac_gradients(t, p)[::-1], "wrong order"),
    (lambda t, p: tuple(-x for x in solutions.dirac_gradients(t, p)), "both have the wrong sign"),
    (lambda t, p: (-p * torch.sigmoid(p * t), -t * torch.sigmoid(p * t)), "theta moves the wrong way"),
    (lambda t, p: (p * torch.sigmoid(p * t), t * torch.sigmoid(p * t)), "psi moves the wrong way"),
    (lambda t, p: (p * torch.sigmoid(-p * t), -t * torch.sigmoid(p * t)), "non-saturating loss"),
    (lambda t, p: (p * torch.sigmoid(p * t), -t * torch.sigmoid(-p * t)), "sigmoid of minus the logit"),
    (lambda t, p: (torch.sigmoid(p * t), -t * torch.sigmoid(p * t)), "slope in the logit only"),
    (
        lambda t, p: (p * torch.sigmoid(p * t), -torch.sigmoid(p * t)),
        "psi's update is the slope in the logit only",
    ),
    (lambda t, p: (p * torch.sigmoid(p * t), -t * torch.sigmoid(p * t) / 2), "factor 1/2 too much"),
    (lambda t, p: (t * torch.sigmoid(p * t), -p * torch.sigmoid(p * t)), "slope that belongs to psi"),
    (lambda t, p: (p, -t), "game without sigmoid"),
    (
        lambda t, p: (p * torch.sigmoid(p * t), 0.5 - t * torch.sigmoid(p * t)),
        "psi's update has 1/2 from the real point; that",
    ),
    (lambda t, p: p * torch.sigmoid(p * t), "expected two|returns a tensor"),
    (lambda t, p: (p.mean() * 1, -t.mean()), r"returns a tensor \(\)"),
    (lambda t, p: (F.logsigmoid(-p * t), F.logsigmoid(-p * t)), "G's loss itself"),
    (
        lambda t, p: (p * torch.exp(p * t), -t * torch.sigmoid(p * t)),
        r"theta's update has exp instead of sigmoid\.",
    ),
    (lambda t, p: (math.nan * t, p), "its result contains NaN or infinity:"),
]


def round_by_parts(field, theta, psi, rate):
    _, up = field(theta, psi)
    new = psi.add(up, alpha=rate)
    right, _ = field(theta, new)
    return theta.add(right, alpha=rate), new


def round_in_a_list(field, theta, psi, rate):
    state = [theta, psi]
    state[1] = state[1] + field(*state)[1] * rate
    state[0] = state[0] + field(*state)[0] * rate
    return state


def round_on_copies(field, theta, psi, rate):
    theta, psi = theta.clone(), psi.clone()
    psi += rate * field(theta, psi)[1]
    theta += rate * field(theta, psi)[0]
    return theta, psi


def simultaneous(field, theta, psi, rate):
    d_theta, d_psi = field(theta, psi)
    return theta + rate * d_theta, psi + rate * d_psi


def g_first(field, theta, psi, rate):
    theta = theta + rate * field(theta, psi)[0]
    return theta, psi + rate * field(theta, psi)[1]


def backwards(field, theta, psi, rate):
    psi = psi - rate * field(theta, psi)[1]
    return theta - rate * field(theta, psi)[0], psi


def twice(field, theta, psi, rate):
    return solutions.alternating_step(field, *solutions.alternating_step(field, theta, psi, rate), rate)


def swapped_components(field, theta, psi, rate):
    psi = psi + rate * field(theta, psi)[0]
    return theta + rate * field(theta, psi)[1], psi


def with_psi_alone(field, theta, psi, rate):
    return theta, psi + rate * field(theta, psi)[1]


def in_place(field, theta, psi, rate):
    psi += rate * field(theta, psi)[1]
    theta += rate * field(theta, psi)[0]
    return theta, psi


def of_the_moves(field, theta, psi, rate):
    move = rate * field(theta, psi)[1]
    return rate * field(theta, psi + move)[0], move


def five_d_steps(field, theta, psi, rate):
    for _ in range(5):
        psi = psi + rate * field(theta, psi)[1]
    return theta + rate * field(theta, psi)[0], psi


RIGHT["alternating_step"] = [
    solutions.alternating_step,
    round_by_parts,
    round_in_a_list,
    round_on_copies,
    lambda f, t, p, r: (t + r * f(t, p + r * f(t, p)[1])[0], p + r * f(t, p)[1]),
    lambda f, t, p, r: torch.stack(solutions.alternating_step(f, t, p, r)),
]
WRONG["alternating_step"] = [
    (simultaneous, "that is the simultaneous step"),
    (g_first, "G moves first"),
    (backwards, "moves backward"),
    (lambda *a: solutions.alternating_step(*a)[::-1], "wrong order: theta first"),
    (lambda f, t, p, r: solutions.alternating_step(f, t, p, 1), "ignores the rate"),
    (with_psi_alone, "theta does not move"),
    (lambda f, t, p, r: (t + r * f(t, p)[0], p), "psi does not move"),
    (of_the_moves, "returns the moves"),
    (twice, "two rounds; take one"),
    (swapped_components, "in the other's direction"),
    (five_d_steps, "psi becomes"),
    (in_place, "modifies its input in place"),
    (lambda f, t, p, r: solutions.alternating_step(f, t, p, r)[0], "expected two|returns a tensor"),
    (lambda f, t, p, r: (*solutions.alternating_step(f, t, p, r), r), "3 values, expected two"),
    (lambda f, t, p, r: f(t, p) * r, "it raised TypeError|expected two"),
]


def penalty_by_func(discriminator, real):
    weights = dict(discriminator.named_parameters())

    def logit(x):
        return functional_call(discriminator, weights, (x[None],)).sum()

    return vmap(grad(logit))(real).flatten(1).norm(dim=1).square().mean() / 2


def penalty_by_ones(discriminator, real):
    x = real.clone().requires_grad_(True)
    out = discriminator(x)
    gradient = torch.autograd.grad(
        out, x, grad_outputs=torch.ones_like(out), create_graph=True, retain_graph=True
    )[0]
    return 0.5 * (gradient.reshape(len(x), -1) ** 2).sum(dim=1).mean()


def penalty_by_total(discriminator, real):
    x = real.detach().clone()
    x.requires_grad = True
    gradient = torch.autograd.grad(discriminator(x).sum(), [x], create_graph=True)[0]
    return gradient.pow(2).sum() / len(real) / 2


def penalty_by_loop(discriminator, real):
    total = 0
    for one in real:
        x = one[None].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
        total = total + gradient.square().sum() / 2
    return total / len(real)


def penalty_with_mean_of_logits(discriminator, real):
    x = real.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).mean(), x, create_graph=True)
    return (len(x) * gradient).square().flatten(1).sum(1).mean() / 2


def penalty_through(backward, reduce, scale=lambda n: 1.0, of="sum"):
    """Variants: how the gradient is taken, and what is made of it."""

    def penalty(discriminator, real):
        x = real.clone().requires_grad_()
        out = getattr(discriminator(x), of)()
        (gradient,) = torch.autograd.grad(out, x, create_graph=backward)
        return reduce(gradient) * scale(len(x))

    return penalty


def penalty_by_backward(discriminator, real):
    x = real.clone().requires_grad_()
    discriminator(x).sum().backward(create_graph=True)
    return x.grad.square().flatten(1).sum(1).mean() / 2


def rows(gradient):
    return gradient.square().flatten(1).sum(1)


RIGHT["r1_penalty"] = [
    solutions.r1_penalty,
    losses.r1_penalty,
    penalty_by_func,
    penalty_by_ones,
    penalty_by_total,
    penalty_by_loop,
    penalty_with_mean_of_logits,
    penalty_through(True, lambda g: g.flatten(1).norm(dim=1).pow(2).mean() / 2),
    lambda d, x: solutions.r1_penalty(d, x)[None],
]
WRONG["r1_penalty"] = [
    (penalty_through(True, lambda g: rows(g).mean()), "twice as large as"),
    (penalty_through(True, lambda g: rows(g).sum() / 2), "sum over the batch; it should be the mean"),
    (penalty_through(True, lambda g: rows(g).sum()), "sum over the batch, without the half"),
    (penalty_through(True, lambda g: rows(g).sqrt().mean() / 2), "norm, not its square"),
    (penalty_through(True, lambda g: g.norm()), "whole batch's gradient"),
    (penalty_through(True, lambda g: g.square().mean() / 2), "averages over the values of a sample"),
    (penalty_through(True, lambda g: g.square().mean()), "averages over the values of a sample"),
    (penalty_through(True, lambda g: (rows(g).sqrt() - 1).square().mean()), "WGAN-GP's penalty"),
    (
        penalty_through(True, lambda g: rows(g).mean() / 2, of="mean"),
        "every sample has its own gradient",
    ),
    (penalty_through(False, lambda g: rows(g).mean() / 2), "no gradient for D's weights"),
    (lambda d, x: solutions.r1_penalty(d, x).detach(), "no gradient for D's weights"),
    (lambda d, x: solutions.r1_penalty(d, x).item(), "returns a float"),
    (penalty_by_backward, "changes the gradients in D's weights"),
    (penalty_through(True, rows), r"shape \(7,\), expected one number"),
    (lambda d, x: solutions.r1_penalty(d, torch.randn_like(x)), "it gives"),
    (lambda d, x: solutions.r1_penalty(d, x[:1]), "one sample only|largest"),
    (lambda d, x: d(x).square().mean() / 2, "D's output squared"),
    (lambda d, x: solutions.r1_penalty(lambda y: d(y).sigmoid(), x), "gradient of sigmoid"),
    (lambda d, x: torch.autograd.grad(d(x).sum(), x)[0].square().sum() / 2, "raised RuntimeError"),
]


def covered_by_loop(fakes, centers, radius, least):
    found = 0
    for center in centers:
        found += (fakes - center).norm(dim=1).le(radius).sum() >= least
    return found


def covered_by_numpy(fakes, centers, radius, least):
    distance = np.linalg.norm(fakes.numpy()[:, None] - centers.numpy()[None], axis=-1)
    return int(((distance < radius).sum(0) >= least).sum())


def covered_by_squares(fakes, centers, radius, least):
    squares = (fakes[:, None] - centers).square().sum(-1)
    return ((squares < radius**2).sum(0) >= least).sum()


def covered_by_all_nearest(fakes, centers, radius, least):
    index = torch.cdist(fakes, centers).argmin(1)
    return int((torch.bincount(index, minlength=len(centers)) >= least).sum())


def near(fakes, centers, radius):
    return torch.cdist(fakes, centers) <= radius


RIGHT["modes_covered"] = [
    solutions.modes_covered,
    covered_by_loop,
    covered_by_numpy,
    covered_by_squares,
    lambda f, c, r, n: torch.count_nonzero(near(f, c, r).sum(0) >= n),
    lambda f, c, r, n: sum(int(((f - m) ** 2).sum(1).sqrt().lt(r).sum()) >= n for m in c),
    lambda f, c, r, n: float((near(f, c, r).float().sum(0) >= n).sum()),
    lambda f, c, r, n: np.count_nonzero(near(f, c, r).numpy().sum(0) >= n),
    lambda f, c, r, n: (near(f, c, r).numpy().sum(0) >= n).sum(),
]
WRONG["modes_covered"] = [
    (lambda f, c, r, n: int(near(f, c, r).sum()), "count the centers"),
    (lambda f, c, r, n: int((near(f, c, r).sum(0) > n).sum()), "is a minimum"),
    (lambda f, c, r, n: int(near(f, c, r).any(0).sum()), "ignores `least`"),
    (covered_by_all_nearest, "it ignores the radius: each fake counts for"),
    (lambda f, c, r, n: int((near(f, c, r).sum(1) >= n).sum()), "it adds up over the centers, which counts"),
    (lambda f, c, r, n: near(f, c, r).sum(0) >= n, "expected one whole number"),
    (lambda f, c, r, n: (near(f, c, r).sum(0) >= n).float().mean().item(), "expected one whole number"),
    (
        lambda f, c, r, n: int((near(f, c, r).sum(0) < n).sum()),
        r"it counts the centers that are not covered\.",
    ),
    (lambda f, c, r, n: int((((f[:, None] - c) ** 2).sum(-1) <= r).sum(0).ge(n).sum()), "expected|squared"),
    (
        lambda f, c, r, n: int(((f[:, None] - c).abs().sum(-1) <= r).sum(0).ge(n).sum()),
        "its distance is not the Euclidean one: add",
    ),
    (lambda f, c, r, n: int(((f[:, None] - c).abs().amax(-1) <= r).sum(0).ge(n).sum()), "Euclidean"),
    (lambda f, c, r, n: len(c), "counts all centers"),
    (lambda f, c, r, n: int((torch.cdist(f, c).min(0).values <= r).sum()), "ignores `least`"),
    (lambda f, c, r, n: int((torch.cdist(f, c) >= r).sum(0).ge(n).sum()), "expected|counts all centers"),
    (
        lambda f, c, r, n: int((near(f, c, 2 * r).sum(0) >= n).sum()),
        "the squared distance is compared with the",
    ),
    (lambda f, c, r, n: solutions.modes_covered(f[:100], c, r, n), "on each of 30 centers"),
    (lambda f, c, r, n: solutions.modes_covered(f, c[:8], r, n), "on each of 30 centers"),
    (lambda f, c, r, n: solutions.modes_covered(torch.unique(f, dim=0), c, r, n), "on each of 30 centers"),
]
