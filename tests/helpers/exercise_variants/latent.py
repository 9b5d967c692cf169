"""Right and wrong solutions of notebook 4's exercises."""

import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F

from facegan import latent
from facegan.course import solutions

RIGHT, BUT, WRONG = {}, {}, {}


def slerp_by_norms(a, b, t):
    cosine = torch.dot(a / a.norm(), b / b.norm()).clamp(-1, 1)
    omega = torch.acos(cosine)
    if omega.abs() < 1e-3:
        return a + (b - a) * t
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


def slerp_by_basis(a, b, t):
    u, v = a / a.norm(), b / b.norm()
    side = v - (u @ v) * u
    if side.norm() < 1e-5:
        return (1 - t) * a + t * b
    angle = torch.atan2(side.norm(), u @ v) * t
    return a.norm() ** (1 - t) * b.norm() ** t * (angle.cos() * u + angle.sin() * side / side.norm())


def slerp_by_numpy(a, b, t):
    x, y = a.numpy(), b.numpy()
    omega = np.arccos(np.clip(x @ y / np.linalg.norm(x) / np.linalg.norm(y), -1, 1))
    so = np.sin(omega)
    if so < 1e-3:
        return torch.from_numpy((1 - t) * x + t * y)
    return torch.from_numpy(np.sin((1 - t) * omega) / so * x + np.sin(t * omega) / so * y)


def slerp_by_halving(a, b, t):
    """Halve the arc again and again: slow, but an arc."""
    low, high, left, right = 0.0, 1.0, a, b
    if t in (0, 1):
        return a if t == 0 else b
    for _ in range(20):
        middle = left + right
        middle = middle / middle.norm() * a.norm()
        if t < (low + high) / 2:
            high, right = (low + high) / 2, middle
        else:
            low, left = (low + high) / 2, middle
    return left


def slerp_unsafe(a, b, t):
    omega = torch.acos((a @ b) / (a.norm() * b.norm()))
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


def slerp_unnormalized(a, b, t):
    omega = torch.acos(torch.dot(a, b).clamp(-1, 1))
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


def nlerp(a, b, t):
    middle = (1 - t) ** 2 * a + t**2 * b
    return middle / middle.norm() * a.norm()


def unit_slerp(a, b, t):
    return slerp_by_norms(a / a.norm(), b / b.norm(), t)


def slerp_without_division(a, b, t):
    omega = torch.acos((a @ b / a.norm() / b.norm()).clamp(-1, 1))
    return torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b


RIGHT["slerp"] = [latent.slerp, slerp_by_norms, slerp_by_basis, slerp_by_numpy, slerp_by_halving]
WRONG["slerp"] = [
    (lambda a, b, t: (1 - t) * a + t * b, "this is the straight line"),
    (lambda a, b, t: latent.slerp(b, a, t), "at the other end"),
    (slerp_unsafe, "between two equal vectors"),
    (slerp_unnormalized, "computed from a @ b alone"),
    (nlerp, "has turned by"),
    (unit_slerp, "at t = 0 its length is 1, not a's: it"),
    (slerp_without_division, r"times a\. Is a division missing"),
    (lambda a, b, t: latent.slerp(a, b, t**2), "expected a quarter|its length"),
    (lambda a, b, t: a.norm(), "returns shape"),
    (lambda a, b, t: a, "at the other end|not at b"),
    (
        lambda a, b, t: math.sqrt(1 - t) * a + math.sqrt(t) * b,
        "its length|a quarter|between two equal|straight",
    ),
]


def walk_by(path, *, closed=False, legs=None):
    def make(anchors, frames):
        if closed:
            anchors = torch.cat([anchors, anchors[:1]])
        anchors = anchors[:legs]
        places = torch.linspace(0, len(anchors) - 1, frames).tolist()
        out = []
        for place in places:
            leg = min(int(place), len(anchors) - 2)
            out.append(path(anchors[leg], anchors[leg + 1], place - leg))
        return torch.stack(out)

    return make


def walk_by_interpolate(anchors, frames):
    return F.interpolate(anchors.T[None], frames, mode="linear", align_corners=True)[0].T


def walk_by_numpy(anchors, frames):
    places = np.linspace(0, len(anchors) - 1, frames)
    columns = [np.interp(places, np.arange(len(anchors)), c) for c in anchors.T.numpy()]
    return torch.from_numpy(np.stack(columns, 1))


def walk_in_legs(anchors, frames):
    per = frames // (len(anchors) - 1)
    parts = [latent.lerp(a, b, torch.linspace(0, 1, per)[:, None]) for a, b in pairwise(anchors)]
    return torch.cat([*parts, anchors[-1:].expand(frames - per * (len(anchors) - 1), -1)])


def walk_that_stops_short(anchors, frames):
    places = torch.arange(frames) * (len(anchors) - 1) / frames
    legs = places.long()
    return latent.lerp(anchors[legs], anchors[legs + 1], (places - legs)[:, None])


RIGHT["latent_walk"] = [
    solutions.latent_walk,
    walk_by(latent.slerp),
]
WRONG["latent_walk"] = [
    (lambda a, n: latent.walk(a, n), "does not end at the last anchor"),
    (walk_by(latent.slerp, closed=True), "returns to the first"),
    (walk_by(latent.slerp, legs=2), "does not end at the last"),
    (lambda a, n: walk_by(latent.slerp)(a[[0, -1]], n), "passes anchor 1 at a distance"),
    (lambda a, n: a[torch.linspace(0, len(a) - 1, n).round().long()], "stops somewhere|uneven"),
    (walk_in_legs, "stops somewhere"),
    (walk_that_stops_short, "does not end at the last"),
    (lambda a, n: walk_by(latent.slerp)(a, n - 1), r"\(30, 30\), expected"),
    (lambda a, n: walk_by(latent.slerp)(a, n).T, "expected|passes|\\(30, 31\\)"),
    (lambda a, n: walk_by(latent.slerp)(a, n).flip(0), "does not begin at the first"),
    (walk_by(lambda a, b, t: latent.slerp(a, b, t**3)), "pace is uneven|stops somewhere"),
    (lambda a, n: list(walk_by(latent.slerp)(a, n)), "returns a list"),
]


def direction_by_regression(z, has):
    centred = z - z.mean(0)
    labels = has.float() - has.float().mean()
    return torch.linalg.lstsq(centred, labels[:, None]).solution[:, 0]


def direction_by_loop(z, has):
    yes = [v for v, h in zip(z, has, strict=True) if h]
    no = [v for v, h in zip(z, has, strict=True) if not h]
    return sum(yes) / len(yes) - sum(no) / len(no)


def direction_by_covariance(z, has):
    return ((z - z.mean(0)) * (has.float() - has.float().mean())[:, None]).mean(0)


RIGHT["attribute_direction"] = [
    latent.attribute_direction,
    lambda z, h: z[h].mean(0) - z[~h].mean(0),
    lambda z, h: F.normalize(z[h].mean(0) - z[~h].mean(0), dim=0),
    lambda z, h: z[h].mean(0) - z.mean(0),
    direction_by_regression,
    direction_by_loop,
    direction_by_covariance,
]
WRONG["attribute_direction"] = [
    (lambda z, h: z[~h].mean(0) - z[h].mean(0), "points the wrong way"),
    (lambda z, h: z[h].mean(0), "what all latents have in common"),
    (lambda z, h: z[h].sum(0) - z[~h].sum(0), "it takes sums, so the larger group counts"),
    (lambda z, h: z[h].mean() - z[~h].mean(), "expected one number per latent dimension"),
    (lambda z, h: z[h].mean(1), "expected one number per latent dimension"),
    (lambda z, h: z[h][0] - z[~h][0], "it compares single latents; take the means"),
    (lambda z, h: z.mean(0), "it is the mean of all latents"),
    (lambda z, h: torch.zeros(z.shape[1]), "zero everywhere"),
    (lambda z, h: z[h] - z[~h], "RuntimeError"),
    (
        lambda z, h: z[h.long()].mean(0) - z[(~h).long()].mean(0),
        r"the mask is used as indices 0 and 1\. A mask",
    ),
    (lambda z, h: z[h].std(0), "those are standard deviations; the direction is a"),
    (lambda z, h: z[h].mean(0) / 0 * 0, "its result contains NaN or infinity:"),
]


def slerp_with_threshold(a, b, t, limit=0.9995):
    """As many programs have it: nearly parallel vectors go along the line."""
    cosine = torch.dot(a, b) / (a.norm() * b.norm())
    if cosine > limit:
        return a + t * (b - a)
    angle = cosine.clamp(-1, 1).acos()
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def walk_by_legs(anchors, frames):
    """Loses the frames that do not divide."""
    legs = len(anchors) - 1
    each = (frames - 1) // legs
    path = [solutions.slerp(a, b, k / each) for a, b in pairwise(anchors) for k in range(each)]
    return torch.stack([*path, anchors[-1]])


RIGHT["slerp"] += [slerp_with_threshold]
WRONG["slerp"] += [(lambda a, b, t: slerp_with_threshold(a, b, t, 0.9), "11 degrees apart")]
WRONG["latent_walk"] += [(walk_by_legs, r"4 anchors and 30 frames give \(28, 30\),")]


BUT["latent_walk"] = [
    (walk_by(latent.lerp), "it goes along straight lines; the text asks"),
    (walk_by_interpolate, "it goes along straight lines; the text asks"),
    (walk_by_numpy, "it goes along straight lines; the text asks"),
    (
        lambda a, n: latent.walk(a, n, path=latent.lerp, closed=False),
        "it goes along straight lines; the text asks",
    ),
]
