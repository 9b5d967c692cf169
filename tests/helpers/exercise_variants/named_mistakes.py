# fmt: off
"""Mistakes that the checks name and no other variant makes: at least one for each sentence of their tables."""

import torch
import torch.nn.functional as F

WRONG = {}
bce = F.binary_cross_entropy_with_logits

# ---------------------------------------------------------------- notebook 1
WRONG["scale"] = [
    (lambda x: x.float() // 127 - 1, "divided without a remainder"),
    (lambda x: x.float(), "bytes themselves come back"),
]
WRONG["unscale"] = [
    (lambda x: (x.clamp(0, 1) * 127.5 + 127.5).round().byte(), "negative values are lost"),
    (lambda x: ((x.round() + 1) * 127.5).round().clamp(0, 255).byte(), r"too early: only 0, 128 and 255"),
    (lambda x: (x + 1).clamp(0, 255).byte(), "multiplication is missing, and decimals"),
    (lambda x: ((x + 1) * 127.5).clamp(0, 1).byte(), "clipped to 1 after the multiplication.*cut off"),
]

# ---------------------------------------------------------------- notebook 3
WRONG["discriminator_loss"] = [
    (lambda r, f: (bce(r, torch.zeros_like(r)) + bce(f, torch.ones_like(f))) / 2, r"wrong way round.*\(Here halved"),
    (lambda r, f: bce(r, torch.ones_like(r)) / 2, r"real images only.*\(Here halved"),
    (lambda r, f: bce(f, torch.zeros_like(f)) / 2, r"fakes only.*\(Here halved"),
    (lambda r, f: (bce(r.sigmoid(), torch.ones_like(r)) + bce(f.sigmoid(), torch.zeros_like(f))) / 2, r"applied twice.*\(Here halved"),
    (lambda r, f: bce(torch.cat([r, f]), torch.ones(len(r) + len(f))), r"fakes have label 1.*\(Here halved"),
    (lambda r, f: bce(f, torch.zeros_like(f)) - bce(r, torch.ones_like(r)), "halves are subtracted"),
    (lambda r, f: -F.logsigmoid(r).mean() + F.logsigmoid(f).mean(), "takes log D of fakes"),
    (lambda r, f: bce(r - f.mean(), torch.ones_like(r)) + bce(f - r.mean(), torch.zeros_like(f)), "with the fakes' mean"),
    (lambda r, f: r.sigmoid().mean() + (1 - f.sigmoid()).mean(), "logarithms are missing, and the sign"),
]
WRONG["generator_loss"] = [
    (lambda f: bce(f.sigmoid(), torch.zeros_like(f)), "applied twice, and the label"),
    (lambda f: f.sigmoid().mean(), r"is D\(G\(z\)\) itself"),
    (lambda f: 2 * bce(f, torch.ones_like(f)), "twice the loss"),
]


# ---------------------------------------------------------------- notebook 4
def by_mask(z, has):
    with_it, without = z * has[:, None], z * ~has[:, None]
    return with_it.mean(0) - without.mean(0)


def by_one_group(z, has):
    return z[has].mean(0) - z[has == 1].mean(0)


WRONG["attribute_direction"] = [
    (by_mask, "multiplying by the mask leaves zeros"),
    (by_one_group, "zero everywhere"),
    (lambda z, has: z[has].std(0) - z[~has].std(0), "spreads, too"),
    (lambda z, has: (z[has].mean(0) - z[~has].mean(0)) ** 2, "squares the difference"),
    (lambda z, has: z[:100][has[:100]].mean(0) - z[:100][~has[:100]].mean(0), "first 100 latents only"),
    (lambda z, has: z[has].mean(0) * z[~has].mean(0), "multiplies the two means"),
]

# ---------------------------------------------------------------- notebook 5
WRONG["optimal_discriminator"] = [
    (lambda p, q: torch.log(q / p), "minus the logit of the best D"),
    (lambda p, q: q, "density of the fakes itself"),
]


def directions(theta, psi, d_theta=None, d_psi=None):
    """The right ones, with one that is given in its place."""
    fooled = torch.sigmoid(psi * theta)
    return psi * fooled if d_theta is None else d_theta, -theta * fooled if d_psi is None else d_psi


WRONG["dirac_gradients"] = [
    (lambda t, p: directions(t, p, d_theta=-p * torch.sigmoid(-p * t)), "non-saturating loss -log D, and with the wrong sign"),
    (lambda t, p: directions(t, p, d_theta=p), "theta's has no sigmoid"),
    (lambda t, p: directions(t, p, d_psi=t * torch.sigmoid(-p * t)), "as if the fake were real"),
    (lambda t, p: directions(t, p, d_psi=-(t * torch.sigmoid(p * t)) / len(t)), "psi's is a mean over all points"),
    (lambda t, p: directions(t, p, d_psi=-t * torch.sigmoid(p * t) ** 2), "psi's has the sigmoid squared"),
    (lambda t, p: directions(t, p, d_psi=-t), "psi's has no sigmoid"),
    (lambda t, p: directions(t, p, d_psi=-torch.log(1 - torch.sigmoid(p * t))), "psi's is D's loss itself"),
    (lambda t, p: directions(t, p, d_psi=-t * torch.sigmoid(p)), "psi's takes sigmoid of psi alone"),
    (lambda t, p: directions(t, p, d_psi=t / (1 - torch.sigmoid(p * t))), "psi's divides by 1 - D"),
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
    (twice_the_rate, "D's step is multiplied by the rate twice"),
    (psi_again, "psi moves twice"),
    (at_once_and_swapped, "simultaneous step, and in the wrong order"),
    (asked_in_the_wrong_order, "exchanged when the field is asked"),
    (old_psi, "returned psi is the old one"),
    (only_directions, "directions, not the new positions"),
]


def penalty(of_gradients):
    def r1(discriminator, real):
        real = real.detach().requires_grad_()
        (g,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
        return of_gradients(g.flatten(1))
    return r1


WRONG["r1_penalty"] = [
    (penalty(lambda g: ((g.norm(dim=1) - 1) ** 2).mean() / 2), "half of WGAN-GP"),
    (penalty(lambda g: (g.sum(1) ** 2).mean()), "before it squares them, and the half is missing"),
    (penalty(lambda g: g.sum(1).mean() / 2), "without squaring"),
    (penalty(lambda g: (g.mean(0) ** 2).sum() / 2), "averages the gradients before it squares"),
    (penalty(lambda g: g.norm(dim=1).mean() ** 2 / 2), "averages the gradients' norms before"),
    (penalty(lambda g: g.norm(dim=1).mean()), "uses the norm, not its square, and no half"),
]
