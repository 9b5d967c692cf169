"""More solutions of notebook 5's exercises, in other styles: functional derivatives, NumPy, loops, comprehensions."""

import functools
import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import autograd

from facegan.course import solutions

RIGHT, BUT, WRONG = {}, {}, {}


def best_in_steps(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    total = torch.stack((p, q)).sum(dim=0)
    return torch.div(p, total)


def best_by_comprehension(p, q):
    flat = [a / (a + b) for a, b in zip(p.flatten().tolist(), q.flatten().tolist(), strict=True)]
    return torch.tensor(flat).reshape(p.shape)


RIGHT["optimal_discriminator"] = [
    best_in_steps, best_by_comprehension,
    lambda p, q: F.normalize(torch.stack([p, q]), p=1, dim=0)[0],
    lambda p, q: p.mul((p + q).reciprocal()),
    lambda p, q: torch.from_numpy(np.divide(p.numpy(), np.add(p.numpy(), q.numpy()))),
    lambda data, fakes: (1 + fakes.double() / data.double().clamp_min(1e-300)).pow(-1).float(),
    lambda p, q: torch.where(q == 0, torch.ones_like(p), p / (q + p)),
    functools.partial(lambda p, q, weight: weight * p / (weight * p + q), weight=1.0),
    lambda p, q: torch.exp(p.log() - torch.logaddexp(p.log(), q.log())),
]  # fmt: skip
WRONG["optimal_discriminator"] = [
    (lambda p, q: 1 - p / (p + q), "that x is a fake"),
    (lambda p, q: p / q, "ratio of the densities"),
    (lambda p, q: q / p, "reciprocal"),
    (lambda p, q: p / p + q, "is between|parentheses"),
    (lambda p, q: torch.log(p) - torch.log(q), "that is the logit"),
    (lambda p, q: torch.sigmoid(p / q), "sigmoid"),
    (lambda p, q: torch.sigmoid(p - q), "sigmoid"),
    (lambda p, q: p / (p - q), "between 0 and 1|minus|difference"),
    (lambda p, q: p / (1 + q), "densities are not probabilities"),
    (lambda p, q: p / (p + q).sum(), "each point is independent"),
    (lambda p, q: p / (p + q + 1e-3), "do not add to"),
    (lambda p, q: (p / (p + q)).round(), "which density is larger|rounded"),
    (lambda p, q: 0.5 * p / (p + q), "half the best"),
    (lambda p, q: (p + q) / 2, "mean of the two densities"),
    (lambda p, q: p * q / (p + q), "product"),
    (lambda p, q: p.sqrt() / (p.sqrt() + q.sqrt()), "root|for p ="),
    (lambda p, q: torch.exp(p) / (torch.exp(p) + torch.exp(q)), "sigmoid of the difference"),
    (lambda p, q: p.max() / (p.max() + q.max()), "returns shape"),
    (lambda p, q: p, "that is the density of the data;"),
    (lambda p, q: p - q, "is between|difference"),
    (lambda p: p, "it is called with p, q"),
    (lambda p, q: (p / (p + q), q / (p + q)), "2 values"),
    (lambda p, q: p.div_(p + q), "in place"),
    (lambda p, q: p**2 / (p**2 + q**2), "square|for p ="),
]


def dirac_by_func(theta, psi):
    def loss_g(t, s):
        return -F.softplus(s * t).sum()

    def loss_d(s, t):
        return F.softplus(s * t).sum()

    return -torch.func.grad(loss_g)(theta, psi), -torch.func.grad(loss_d)(psi, theta)


def dirac_by_backward(theta, psi):
    theta, psi = (x.detach().clone().requires_grad_(True) for x in (theta, psi))
    F.softplus(theta * psi).sum().backward()
    return theta.grad, psi.grad.neg()


def dirac_by_loop(theta, psi):
    moves = torch.stack(
        [
            torch.stack([p / (1 + math.exp(-p * t)), -t / (1 + math.exp(-p * t))])
            for t, p in zip(theta.flatten(), psi.flatten(), strict=True)
        ]
    )
    return tuple(m.reshape(theta.shape) for m in moves.T)


def dirac_named(theta, psi):
    logit = torch.einsum("...,...->...", theta, psi)
    d_of_fake = logit.sigmoid()
    slope_g = -d_of_fake  # of log(1 - D) in the logit
    slope_d = d_of_fake
    return -(slope_g * psi), -(slope_d * theta)


RIGHT["dirac_gradients"] = [
    dirac_by_func, dirac_by_backward, dirac_by_loop, dirac_named,
    lambda t, p: (p.mul(torch.sigmoid(t * p)), t.neg().mul(torch.sigmoid(t * p))),
    lambda t, p: (p - p * torch.sigmoid(-t * p), t * torch.sigmoid(-t * p) - t),
    lambda t, p: tuple(sign * other * F.sigmoid(p * t) for sign, other in ((1, p), (-1, t))),
    lambda t, p: (p * torch.special.expit(t * p), -t * torch.special.expit(t * p)),
    lambda t, p: (p * (-F.softplus(-t * p)).exp(), -(t * (-F.softplus(-t * p)).exp())),
]  # fmt: skip


def moves(d_theta, d_psi):
    return lambda t, p: (d_theta(t, p, torch.sigmoid(t * p)), d_psi(t, p, torch.sigmoid(t * p)))


def up(t, p, s):
    return p * s


def down(t, p, s):
    return -t * s


WRONG["dirac_gradients"] = [
    (moves(lambda t, p, s: -p * s, down), "theta moves the wrong way"),
    (moves(up, lambda t, p, s: t * s), "psi moves the wrong way"),
    (moves(lambda t, p, s: -p * s, lambda t, p, s: t * s), "both have the wrong sign"),
    (moves(down, up), "wrong order"),
    (moves(lambda t, p, s: p * (1 - s), down), "non-saturating"),
    (moves(up, lambda t, p, s: -t * (1 - s)), "minus the logit"),
    (moves(lambda t, p, s: t * s, down), "belongs to psi"),
    (moves(up, lambda t, p, s: -p * s), "belongs to theta"),
    (moves(lambda t, p, s: s, lambda t, p, s: -s), "slope in the logit only"),
    (moves(lambda t, p, s: p * s * (1 - s), down), "of D itself"),
    (moves(up, lambda t, p, s: -t * s * (1 - s)), "of D itself"),
    (moves(lambda t, p, s: p, lambda t, p, s: -t), "without sigmoid"),
    (moves(lambda t, p, s: t + p * s, lambda t, p, s: p - t * s), "new positions"),
    (moves(lambda t, p, s: p * s / len(t), lambda t, p, s: -t * s / len(t)), "mean over all points"),
    (moves(lambda t, p, s: (p * s).sum(), lambda t, p, s: -(t * s).sum()), "expected"),
    (
        moves(lambda t, p, s: -p / (1 - s), lambda t, p, s: t / (1 - s)),
        "derivative of sigmoid|chain|logarithm",
    ),
    (moves(up, lambda t, p, s: 0.5 - t * s), "adds nothing"),
    (moves(lambda t, p, s: p * torch.tanh(t * p), down), "theta's"),
    (moves(lambda t, p, s: torch.log(1 - s), down), "G's loss itself"),
    (moves(lambda t, p, s: p * torch.sigmoid(p), down), "sigmoid of|theta's"),
    (moves(up, lambda t, p, s: -t * torch.sigmoid(t)), "sigmoid of|psi's"),
    (moves(up, lambda t, p, s: torch.log(1 - s)), "psi's update is D's loss|psi's"),
    (lambda t, p: p * torch.sigmoid(t * p) - t * torch.sigmoid(t * p), "expected two"),
    (lambda t, p: {"theta": p, "psi": t}, "expected two"),
    (lambda t, p: (p * math.sigmoid(t * p), t), "raised AttributeError"),
    (lambda x: (x, x), "it is called with theta, psi"),
]


def round_named(field, theta, psi, rate):
    slope_of_d = field(theta, psi)[-1]
    psi_new = torch.add(psi, slope_of_d, alpha=rate)
    slope_of_g, _ = field(theta, psi_new)
    return theta + slope_of_g.mul(rate), psi_new


def round_lerp(field, theta, psi, rate):
    psi = torch.lerp(psi, psi + field(theta, psi)[1], rate)
    return torch.lerp(theta, theta + field(theta, psi)[0], rate), psi


def round_in_loop(field, theta, psi, rate):
    state = {"theta": theta, "psi": psi}
    for index, player in ((1, "psi"), (0, "theta")):
        state[player] = state[player] + rate * field(state["theta"], state["psi"])[index]
    return state["theta"], state["psi"]


def round_with_helper(field, theta, psi, rate):
    def move(value, which):
        return value + rate * field(theta, psi)[which]

    psi = move(psi, 1)
    return move(theta, 0), psi


def round_detached(field, theta, psi, rate):
    theta, psi = theta.detach().clone(), psi.detach().clone()
    psi.add_(field(theta, psi)[1] * rate)
    theta.add_(field(theta, psi)[0] * rate)
    return [theta, psi]


RIGHT["alternating_step"] = [
    round_named, round_lerp, round_in_loop, round_with_helper, round_detached,
    lambda field, theta, psi, rate, *, steps=1: solutions.alternating_step(field, theta, psi, rate),
    lambda f, t, p, h: (lambda new: (t + h * f(t, new)[0], new))(p + h * f(t, p)[1]),
    lambda f, t, p, lr: functools.reduce(lambda s, i: (s[0] + (i == 0) * lr * f(*s)[0], s[1] + (i == 1) * lr * f(*s)[1]), (1, 0), (t, p)),
]  # fmt: skip


def rounds(
    first=1,
    theta_of=lambda f, t, p, new, h: t + h * f(t, new)[0],
    psi_of=lambda f, t, p, h: p + h * f(t, p)[1],
    out=lambda t, p: (t, p),
):
    def play(field, theta, psi, rate):
        new = psi_of(field, theta, psi, rate)
        return out(theta_of(field, theta, psi, new, rate), new)

    return play


def g_moves_first(field, theta, psi, rate):
    theta = theta + rate * field(theta, psi)[0]
    psi = psi + rate * field(theta, psi)[1]
    return theta, psi


WRONG["alternating_step"] = [
    (rounds(theta_of=lambda f, t, p, new, h: t + h * f(t, p)[0]), "simultaneous step"),
    (g_moves_first, "G moves first"),
    (rounds(psi_of=lambda f, t, p, h: p - h * f(t, p)[1]), "psi"),
    (rounds(theta_of=lambda f, t, p, new, h: t - h * f(t, new)[0]), "theta"),
    (
        rounds(
            theta_of=lambda f, t, p, new, h: t - h * f(t, new)[0],
            psi_of=lambda f, t, p, h: p - h * f(t, p)[1],
        ),
        "moves backward",
    ),
    (rounds(out=lambda t, p: (p, t)), "wrong order"),
    (rounds(psi_of=lambda f, t, p, h: p + f(t, p)[1]), "rate"),
    (rounds(theta_of=lambda f, t, p, new, h: t + f(t, new)[0]), "rate"),
    (rounds(psi_of=lambda f, t, p, h: p + h * f(t, p)[0]), "psi|other"),
    (rounds(theta_of=lambda f, t, p, new, h: t + h * f(t, new)[1]), "theta|other"),
    (rounds(psi_of=lambda f, t, p, h: h * f(t, p)[1]), "psi"),
    (
        rounds(
            theta_of=lambda f, t, p, new, h: h * f(t, new)[0], psi_of=lambda f, t, p, h: p + h * f(t, p)[1]
        ),
        "theta",
    ),
    (rounds(theta_of=lambda f, t, p, new, h: t), "theta does not move"),
    (
        lambda f, t, p, h: solutions.alternating_step(f, *solutions.alternating_step(f, t, p, h), h),
        "two rounds",
    ),
    (lambda f, t, p, h: solutions.alternating_step(f, t, p, 0.2), "rate"),
    (lambda f, t, p, h: solutions.alternating_step(f, t, p, h / 2), "rate|expected"),
    (lambda f, t, p, h: solutions.alternating_step(f, p, t, h), "expected|exchanged|other"),
    (lambda f, t, p, h: (t + h * f(p, t)[0], p + h * f(t, p)[1]), "field|expected"),
    (lambda f, t, p, h: solutions.alternating_step(f, t, p, h)[1], "expected two"),
    (lambda f, t, p, h: torch.cat(solutions.alternating_step(f, t, p, h)), "expected two"),
    (lambda f, t, p, h: f(t, p, h), "raised TypeError"),
    (lambda f, t, p, h: (t.add_(h * f(t, p)[0]), p), "in place"),
    (lambda t, p, h: (t, p), "it is called with field"),
    (lambda f, t, p, h: (t + h * f(t, p)[0].mean(), p + h * f(t, p)[1]), "expected"),
]


def r1_named(discriminator, real):
    x = real.detach().clone().requires_grad_(True)
    logits = discriminator(x)
    gradients = autograd.grad(
        outputs=logits, inputs=x, grad_outputs=torch.ones_like(logits), create_graph=True, only_inputs=True
    )
    squared = gradients[0].view(x.size(0), -1).norm(2, dim=1) ** 2
    return 0.5 * squared.mean()


def r1_einsum(d, real):
    x = real.clone().requires_grad_()
    g = autograd.grad(d(x).sum(), x, create_graph=True)[0].flatten(1)
    return torch.einsum("bi,bi->b", g, g).mean().div(2)


def r1_per_sample(d, real):
    parts = []
    for sample in real.split(1):
        leaf = sample.detach().requires_grad_()
        (g,) = autograd.grad(d(leaf).squeeze(), leaf, create_graph=True)
        parts.append((g**2).sum())
    return torch.stack(parts).mean() * 0.5


def r1_jvp(d, real):
    x = real.clone().requires_grad_()
    g = torch.autograd.grad(d(x), x, torch.ones_like(d(x)), create_graph=True)[0]
    return F.mse_loss(g, torch.zeros_like(g), reduction="sum") / (2 * x.shape[0])


@torch.enable_grad()
def r1_in_context(discriminator, real, gamma=1.0):
    real = torch.autograd.Variable(real.clone(), requires_grad=True)
    grad_real = autograd.grad([discriminator(real).sum()], [real], create_graph=True)[0]
    return gamma / 2 * grad_real.pow(2).reshape(grad_real.shape[0], -1).sum(1).mean()


RIGHT["r1_penalty"] = [
    r1_named, r1_einsum, r1_per_sample, r1_jvp, r1_in_context,
    lambda d, x: (lambda y: autograd.grad(d(y).sum(), y, create_graph=True)[0].square().sum() / (2 * len(y)))(x.clone().requires_grad_()),
    lambda d, x: torch.linalg.vector_norm(autograd.grad(d(y := x.detach().clone().requires_grad_()).sum(), y, create_graph=True)[0].flatten(1), dim=1).pow(2).mean() / 2,
    lambda d, x: torch.func.vmap(torch.func.grad(lambda s: d(s[None]).sum()))(x).square().flatten(1).sum(1).mean() / 2,
]  # fmt: skip


def r1(
    reduce=lambda g: g.flatten(1).square().sum(1).mean() / 2,
    of=lambda d, x: d(x).sum(),
    graph=True,
    leaf=lambda x: x.clone().requires_grad_(),
):
    def penalty(d, real):
        x = leaf(real)
        (g,) = autograd.grad(of(d, x), x, create_graph=graph)
        return reduce(g)

    return penalty


def r1_backward(d, real):
    x = real.clone().requires_grad_()
    d(x).sum().backward(create_graph=True)
    return x.grad.flatten(1).square().sum(1).mean() / 2


def r1_eval(d, real):
    d.eval()
    return r1_named(d, real)


WRONG["r1_penalty"] = [
    (r1(lambda g: g.flatten(1).square().sum(1).mean()), "twice as large as"),
    (r1(lambda g: g.flatten(1).norm(dim=1).mean() / 2), "norm, not its square"),
    (r1(lambda g: g.square().mean() / 2), "averages over the values"),
    (r1(lambda g: g.square().sum() / 2), "sum over the batch"),
    (r1(lambda g: (g.flatten(1).norm(dim=1) - 1).square().mean()), "WGAN-GP"),
    (r1(lambda g: g.flatten(1).square().sum(1) / 2), "expected one number"),
    (r1(lambda g: -g.flatten(1).square().sum(1).mean() / 2), "sign is wrong"),
    (r1(lambda g: g.norm() / 2), "whole batch"),
    (r1(lambda g: g.norm()), "whole batch"),
    (r1(lambda g: g.abs().flatten(1).sum(1).mean() / 2), "absolute values"),
    (r1(lambda g: g.flatten(1).square().sum(1).mean() / 4), "halved twice"),
    (r1(lambda g: g.flatten(1).sum(1).square().mean() / 2), "sums? .*before|adds up the gradient"),
    (r1(of=lambda d, x: d(x).mean()), "its own gradient"),
    (r1(of=lambda d, x: d(x).sigmoid().sum()), "sigmoid"),
    (r1(of=lambda d, x: F.softplus(-d(x)).sum()), "D's loss"),
    (r1(graph=False), "no gradient for D's weights"),
    (r1(leaf=lambda x: torch.randn_like(x).requires_grad_()), "gives"),
    (r1(leaf=lambda x: x), "require"),
    (r1(of=lambda d, x: d(x)), "many numbers"),
    (r1(of=lambda d, x: d(x.detach()).sum()), "not computed from|no graph|not"),
    (r1_backward, "changes the gradients in D's weights"),
    (r1_eval, "eval mode"),
    (lambda d, x: r1_named(d, x).item(), "a float"),
    (lambda d, x: r1_named(d, x).detach(), "no gradient for D's"),
    (lambda d, x: r1_named(d, x[:1]), "one sample only"),
    (lambda d, x: r1()(d, x)[0], "raised"),
    (lambda d, x: sum(p.square().sum() for p in d.parameters()) / 2, "weights"),
    (lambda d, x: d(x).square().mean() / 2, "D's output squared"),
    (lambda real: real, "it is called with discriminator, real"),
    (lambda d, x: r1()(d, x.reshape(len(x), 3, 64, 64)), "do not fill"),
]


def modes_by_counter(fakes, centers, radius, least):
    counts = Counter()
    for fake in fakes:
        for index, center in enumerate(centers):
            if math.dist(fake.tolist(), center.tolist()) <= radius:
                counts[index] += 1
    return sum(count >= least for count in counts.values()) if least > 0 else len(centers)


def modes_by_broadcast(fakes, centers, radius, least):
    difference = fakes.unsqueeze(1) - centers.unsqueeze(0)
    near = torch.linalg.norm(difference, dim=2) < radius
    return (near.long().sum(dim=0) >= least).long().sum().item()


def modes_by_einsum(fakes, centers, radius, least):
    squares = torch.einsum("nd,nd->n", fakes, fakes)[:, None] + (centers**2).sum(1) - 2 * fakes @ centers.T
    return int(torch.sum(torch.sum(squares.clamp(min=0).sqrt() <= radius, 0) >= least))


def modes_by_hypot(fakes, centers, radius, least):
    covered = 0
    for x, y in centers.tolist():
        inside = torch.hypot(fakes[:, 0] - x, fakes[:, 1] - y) <= radius
        covered += bool(inside.count_nonzero() >= least)
    return covered


def modes_by_sort(fakes, centers, radius, least):
    distance = torch.cdist(centers, fakes).sort(1).values
    return int((distance[:, least - 1] <= radius).sum()) if least <= len(fakes) else 0


RIGHT["modes_covered"] = [
    modes_by_counter, modes_by_broadcast, modes_by_einsum, modes_by_hypot, modes_by_sort,
    lambda fakes, centers, radius, least: len([c for c in centers if (((fakes - c) ** 2).sum(1) <= radius**2).sum() >= least]),
    lambda fakes, centers, radius, least: torch.cdist(centers, fakes).le(radius).sum(1).ge(least).sum(),
    lambda f, c, r, n: np.sum([np.sum(np.linalg.norm(f.numpy() - m, axis=1) <= r) >= n for m in c.numpy()]),
    lambda f, c, r, n: sum(int((f - m).norm(dim=-1).le(r).sum() >= n) for m in c),
]  # fmt: skip


def covered(
    distance=torch.cdist,
    near=lambda d, r: d <= r,
    enough=lambda k, n: k >= n,
    dim=0,
    count=lambda x: int(x.sum()),
):
    return lambda f, c, r, n: count(enough(near(distance(f, c), r).sum(dim), n))


WRONG["modes_covered"] = [
    (covered(enough=lambda k, n: k > n), "is a minimum"),
    (covered(enough=lambda k, n: k > 0), "ignores `least`"),
    (covered(enough=lambda k, n: k), "count the centers"),
    (covered(enough=lambda k, n: k == n), "exactly"),
    (covered(enough=lambda k, n: k < n), "not covered"),
    (covered(near=lambda d, r: d >= r), "outside|all centers"),
    (covered(near=lambda d, r: d**2 <= r), "squared"),
    (covered(near=lambda d, r: d <= r**2), "squared"),
    (covered(near=lambda d, r: d <= r / 2), "diameter|half|radius"),
    (covered(near=lambda d, r: d <= 2 * r), "twice|radius"),
    (covered(near=lambda d, r: d <= 0.15), "radius"),
    (covered(dim=1), "over the centers"),
    (covered(distance=lambda f, c: torch.cdist(f, c, p=1)), "Euclidean"),
    (covered(distance=lambda f, c: torch.cdist(f, c, p=float("inf"))), "Euclidean"),
    (covered(distance=lambda f, c: (f[:, None] - c).square().sum(-1)), "squared"),
    (covered(distance=lambda f, c: (f[:, None] - c).norm(dim=1)), "no covered center"),
    (covered(distance=lambda f, c: f - c), "incompatible shapes"),
    (covered(count=lambda x: x), "expected one whole number"),
    (covered(count=lambda x: x.float().mean()), "share|expected one whole number|expected"),
    (covered(count=lambda x: x.nonzero()), "expected one whole number"),
    (covered(count=lambda x: bool(x.any())), "expected one whole number"),
    (covered(count=lambda x: int(x[:4].sum())), "expected"),
    (lambda f, c, r, n: len(c), "counts all centers"),
    (lambda f, c, r, n: len({int(i) for i in torch.cdist(f, c).argmin(1)}), "`least`"),
    (lambda f, c, r, n: int((torch.cdist(f, c).min(1).values <= r).sum() >= n), "expected|count the centers"),
    (lambda f, c, r: 1, "it is called with fakes, centers, radius, least"),
    (
        lambda f, c, r, n: sum(torch.cdist(f, c) <= r).sum() >= n,
        "expected one whole number|count the centers",
    ),
]
