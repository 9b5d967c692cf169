"""More solutions of notebook 4's exercises, in other styles: einsum, NumPy, complex numbers, rotations, masks."""

import functools
import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F

from facegan.course import solutions

RIGHT, BUT, WRONG = {}, {}, {}


def arc(a, b, t):
    theta = torch.acos((torch.sum(a * b) / (torch.norm(a) * torch.norm(b))).clamp(-1.0, 1.0))
    s = torch.sin(theta)
    return a.clone() if s < 1e-5 else (torch.sin((1 - t) * theta) / s) * a + (torch.sin(t * theta) / s) * b


def arc_by_math(a, b, t):
    cosine = float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if angle < 1e-3:
        return a * (1 - t) + b * t
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)


def arc_in_double(a, b, t):
    x, y = a.double(), b.double()
    omega = torch.atan2((x / x.norm() - y / y.norm()).norm(), (x / x.norm() + y / y.norm()).norm()) * 2
    if torch.isclose(omega, torch.zeros_like(omega), atol=1e-6):
        return a
    w = torch.stack([torch.sin((1 - t) * omega), torch.sin(t * omega)]) / omega.sin()
    return (w @ torch.stack([x, y])).to(a.dtype)


def arc_by_similarity(a, b, t):
    angle = F.cosine_similarity(a, b, dim=0).clamp(-1, 1).arccos()
    line = torch.lerp(a, b, float(t))
    return torch.where(
        angle < 1e-3,
        line,
        (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin().clamp_min(1e-8),
    )


def arc_by_length_and_direction(a, b, t):
    """The direction turns evenly, the length changes evenly."""
    u, v = F.normalize(a, dim=0), F.normalize(b, dim=0)
    length = (1 - t) * a.norm() + t * b.norm()
    return length * F.normalize(arc(u, v, t), dim=0)


def arc_by_gram_schmidt(a, b, t, *, eps=1e-6):
    u = a / torch.linalg.norm(a)
    cos = torch.dot(u, b / torch.linalg.norm(b))
    side = b / torch.linalg.norm(b) - cos * u
    if torch.linalg.norm(side) < eps:
        return (1 - t) * a + t * b
    theta = torch.acos(cos.clip(-1, 1)) * t
    direction = theta.cos() * u + theta.sin() * side / torch.linalg.norm(side)
    return direction * (torch.linalg.norm(a) * (1 - t) + torch.linalg.norm(b) * t)


@torch.no_grad()
def arc_by_einsum(start, end, share):
    u, v = (x / torch.einsum("i,i->", x, x).sqrt() for x in (start, end))
    angle = torch.arccos(torch.einsum("i,i->", u, v).clamp(-0.9999999, 0.9999999))
    if angle < 1e-3:
        return start
    first, second = torch.sin(angle * (1 - share)), torch.sin(angle * share)
    return torch.einsum("k,ki->i", torch.stack([first, second]) / torch.sin(angle), torch.stack([start, end]))


def arc_by_try(a, b, t):
    cosine = (a.numpy() @ b.numpy()) / np.linalg.norm(a.numpy()) / np.linalg.norm(b.numpy())
    angle = float(np.arccos(np.clip(cosine, -1, 1)))
    if not angle or math.isclose(math.sin(angle), 0, abs_tol=1e-3):
        return a
    return sum(math.sin(s * angle) / math.sin(angle) * x for s, x in ((1 - t, a), (t, b)))


RIGHT["slerp"] = [
    arc, arc_by_math, arc_in_double, arc_by_similarity, arc_by_length_and_direction, arc_by_gram_schmidt, arc_by_einsum, arc_by_try,
]  # fmt: skip


def slerp(
    cosine=lambda a, b: a @ b / a.norm() / b.norm(),
    low=1e-4,
    weights=None,
    top=lambda x: x,
    same=lambda a, b, t: a,
):
    """A slerp with everything that can be wrong as an option."""
    weights = weights or (
        lambda w, t: (torch.sin((1 - t) * w) / torch.sin(w), torch.sin(t * w) / torch.sin(w))
    )

    def make(a, b, t):
        w = top(cosine(a, b).clamp(-1, 1).acos())
        if w < low:
            return same(a, b, t)
        first, second = weights(w, t)
        return first * a + second * b

    return make


WRONG["slerp"] = [
    (slerp(cosine=lambda a, b: a @ b), "angle is wrong|not at|weight|length"),
    (slerp(weights=lambda w, t: (torch.sin(t * w) / w.sin(), torch.sin((1 - t) * w) / w.sin())), "other end"),
    (
        slerp(weights=lambda w, t: (torch.cos((1 - t) * w) / w.sin(), torch.sin(t * w) / w.sin())),
        "weight is not 0|times",
    ),
    (
        slerp(weights=lambda w, t: (torch.sin(1 - t * w) / w.sin(), torch.sin(t * w) / w.sin())),
        "weight is not 0|times|not at",
    ),
    (slerp(weights=lambda w, t: (torch.sin((1 - t) * w) / w, torch.sin(t * w) / w)), "times a"),
    (slerp(weights=lambda w, t: (torch.sin((1 - t) * w), torch.sin(t * w))), "division missing|times a"),
    (slerp(weights=lambda w, t: (1 - t, t)), "straight line"),
    (slerp(low=-1), "not a number"),
    (slerp(same=lambda a, b, t: torch.zeros_like(a)), "should be the point itself"),
    (slerp(same=lambda a, b, t: a + b), "stay where it is"),
    (slerp(low=0.5, same=lambda a, b, t: (1 - t) * a + t * b), "11 degrees"),
    (slerp(top=torch.rad2deg), "in degrees"),
    (slerp(top=lambda w: w / 2), "times|not at|length"),
    (lambda a, b, t: F.normalize((1 - t) * a + t * b, dim=0), "length is 1"),
    (lambda a, b, t: F.normalize((1 - t) * a + t * b, dim=0) * a.norm(), "expected a quarter"),
    (lambda a, b, t: arc(a / a.norm(), b / b.norm(), t), "length is 1"),
    (lambda a, b, t: arc(a, b, t) / arc(a, b, t).norm() * a.norm(), "end at b"),
    (lambda a, b, t: arc(a, b, t) if t > 0 else b, "other end"),
    (lambda a, b, t: arc(a, b, 1 - t), "other end"),
    (lambda a, b, t: arc(a, b, t * t), "turned by"),
    (lambda a, b, t: arc(a[None], b[None], t), "returns shape|raised"),
    (lambda a, b, t: torch.cos(t * torch.pi / 2) * a, "raised TypeError"),
    (
        lambda a, b, t: math.cos(t * math.pi / 2) * a + math.sin(t * math.pi / 2) * b,
        "leaves the sphere|length|quarter|turned",
    ),
]


def walk_by_cat(anchors, frames):
    """Whole legs, and what does not divide goes to the first ones."""
    legs = len(anchors) - 1
    counts = [(frames - 1) // legs + (i < (frames - 1) % legs) for i in range(legs)]
    parts = [
        arc(a, b, k / n)[None] for (a, b), n in zip(pairwise(anchors), counts, strict=True) for k in range(n)
    ]
    return torch.cat([*parts, anchors[-1:]])


def walk_by_frames(anchors, frames):
    out = torch.zeros(frames, anchors.shape[1])
    for i in range(frames):
        place = i * (len(anchors) - 1) / (frames - 1)
        leg = min(math.floor(place), len(anchors) - 2)
        out[i] = arc(anchors[leg], anchors[leg + 1], place - leg)
    return out


def walk_by_divmod(anchors, frames):
    path = []
    for i in range(frames - 1):
        leg, rest = divmod(i * (len(anchors) - 1), frames - 1)
        path.append(solutions.slerp(anchors[leg], anchors[leg + 1], rest / (frames - 1)))
    return torch.stack([*path, anchors[-1]])


def walk_by_numpy(anchors, frames):
    places = np.linspace(0, len(anchors) - 1, frames)
    legs = np.minimum(places.astype(int), len(anchors) - 2)
    return torch.stack(
        [arc_by_math(anchors[i], anchors[i + 1], float(p - i)) for i, p in zip(legs, places, strict=True)]
    )


def walk_by_vmap(anchors, frames):
    places = torch.linspace(0, len(anchors) - 1, frames)
    legs = places.floor().long().clamp(max=len(anchors) - 2)
    a, b, t = anchors[legs], anchors[legs + 1], (places - legs)[:, None]
    w = F.cosine_similarity(a, b).clamp(-1, 1).acos()[:, None]
    return (torch.sin((1 - t) * w) * a + torch.sin(t * w) * b) / torch.sin(w)


def walk_in_double(anchors, frames):
    return walk_by_divmod(anchors.double(), frames)


def walk_by_modf(anchors, frames):
    def at(place):
        t, leg = math.modf(place)
        return anchors[-1] if leg == len(anchors) - 1 else arc(anchors[int(leg)], anchors[int(leg) + 1], t)

    return torch.stack(
        list(map(at, torch.linspace(0, len(anchors) - 1, frames, dtype=torch.float64).tolist()))
    )


def walk_by_generator(anchors, frames):
    def points():
        for i in range(frames):
            place = (len(anchors) - 1) * i / max(1, frames - 1)
            leg = max(0, math.ceil(place) - 1)
            yield arc_by_try(anchors[leg], anchors[leg + 1], place - leg)

    return torch.stack(tuple(points()))


RIGHT["latent_walk"] = [
    walk_by_cat, walk_by_frames, walk_by_divmod, walk_by_numpy, walk_by_vmap, walk_in_double, walk_by_modf, walk_by_generator,
]  # fmt: skip


def walk(
    path=arc, places=lambda k, n: torch.linspace(0, k - 1, n).tolist(), last=2, shift=1, out=torch.stack
):
    def make(anchors, frames):
        found = []
        for place in places(len(anchors), frames):
            leg = min(int(place), len(anchors) - last)
            found.append(path(anchors[leg], anchors[(leg + shift) % len(anchors)], place - leg))
        return out(found)

    return make


def walk_by_angle(anchors, frames):
    angles = [float(F.cosine_similarity(a, b, dim=0).clamp(-1, 1).acos()) for a, b in pairwise(anchors)]
    ends = np.concatenate([[0], np.cumsum(angles)])
    return walk(places=lambda k, n: np.interp(np.linspace(0, ends[-1], n), ends, np.arange(k)).tolist())(
        anchors, frames
    )


BUT["latent_walk"] = [
    (walk(lambda a, b, t: torch.lerp(a, b, float(t))), "straight lines"),
    (walk_by_angle, "same number of frames"),
    (lambda a, n: F.interpolate(a.T[None], n, mode="linear", align_corners=True)[0].T, "straight lines"),
]
WRONG["latent_walk"] = [
    (walk(places=lambda k, n: torch.linspace(0, k, n).tolist()), "beyond|last anchor|first"),
    (walk(places=lambda k, n: [(k - 1) * i / n for i in range(n)]), "does not end at the last"),
    (walk(places=lambda k, n: torch.linspace(0, 1, n).tolist()), "does not end at the last"),
    (walk(places=lambda k, n: [leg + i / n for leg in range(k - 1) for i in range(n)]), "not for each leg"),
    (
        walk(
            places=lambda k, n: [
                leg + i / (n // (k - 1)) for leg in range(k - 1) for i in range(n // (k - 1))
            ]
        ),
        r"expected \(",
    ),
    (
        walk(
            places=lambda k, n: (
                [leg + i / (n // (k - 1) - 1) for leg in range(k - 1) for i in range(n // (k - 1))]
                + [k - 1.0] * (n % (k - 1))
            )
        ),
        "stops somewhere|uneven|anchor",
    ),
    (walk(lambda a, b, t: arc(b, a, t)), "begin at the first"),
    (walk(shift=2), "passes anchor|end at the last|first"),
    (walk(out=torch.cat), "returns|give"),
    (walk(out=lambda p: torch.stack(p, 1)), "dimensions are exchanged"),
    (walk(out=list), "a list"),
    (walk(lambda a, b, t: arc(a, b, round(t))), "stops somewhere"),
    (walk(lambda a, b, t: arc(a, b, t * t * t)), "uneven"),
    (
        lambda a, n: torch.stack([arc(a[0], a[-1], t) for t in torch.linspace(0, 1, n).tolist()]),
        "passes anchor",
    ),
    (lambda a, n: walk()(torch.cat([a, a[:1]]), n), "returns to the first"),
    (lambda a, n: walk()(a, n)[:-1], "One is missing"),
    (lambda a, n: walk()(a, n + 1), "One is too many"),
    (lambda a, n: walk()(a[:4], n), "last anchor|leaves out"),
    (
        lambda a, n: torch.stack(
            [arc(x, y, t) for x, y in pairwise(a) for t in torch.linspace(0, 1, n // 3).tolist()]
        ),
        "expected",
    ),
    (lambda a, n: a[torch.linspace(0, len(a) - 1, n).long()], "stops somewhere"),
    (lambda a, n: (yield a), "generator"),
]


def direction_by_mask(z, has):
    weight = has.float()[:, None]
    return (weight * z).sum(0) / weight.sum() - ((1 - weight) * z).sum(0) / (1 - weight).sum()


def direction_by_einsum(z, has):
    signs = torch.where(has, 1 / has.sum(), -1 / (~has).sum())
    return torch.einsum("n,nd->d", signs, z)


def direction_by_numpy(z, has):
    values, mask = z.numpy(), has.numpy()
    return torch.as_tensor(values[mask].mean(axis=0) - values[np.logical_not(mask)].mean(axis=0))


def direction_by_groups(z, has):
    groups = {True: [], False: []}
    for latent, flag in zip(z, has.tolist(), strict=True):
        groups[flag].append(latent)
    yes, no = (torch.stack(groups[flag]).mean(dim=0) for flag in (True, False))
    return yes - no


def direction_by_index(z, has):
    yes, no = has.nonzero().squeeze(1), torch.nonzero(~has, as_tuple=True)[0]
    return torch.index_select(z, 0, yes).mean(0).sub(z.index_select(0, no).mean(0))


def direction_by_fit(z, has):
    ones = torch.cat([z, torch.ones(len(z), 1)], 1)
    return torch.linalg.lstsq(ones, has.float()[:, None]).solution[:-1, 0]


RIGHT["attribute_direction"] = [
    direction_by_mask, direction_by_einsum, direction_by_numpy, direction_by_groups, direction_by_index, direction_by_fit,
    lambda z, has: torch.mean(z[has == True], dim=0) - torch.mean(z[has == False], dim=0),  # noqa: E712
    lambda latents, flags: functools.reduce(torch.sub, [latents[flags].mean(0), latents[flags.logical_not()].mean(0)]),
    lambda z, has: 5 * F.normalize(z[has].mean(0) - z[~has].mean(0), dim=0),
    lambda z, has: z.double()[has].mean(0) - z.double()[~has].mean(0),
    lambda z, has: z[torch.where(has)[0]].mean(0) - z[torch.where(has == 0)[0]].mean(0),
]  # fmt: skip
WRONG["attribute_direction"] = [
    (lambda z, has: z[has].mean(0) + z[~has].mean(0), "adds the two means"),
    (lambda z, has: z[~has].mean(0), "without the attribute"),
    (lambda z, has: (z * has[:, None]).mean(0), "leaves zeros|what all latents have|mean of"),
    (lambda z, has: (z * has[:, None]).mean(0) - (z * ~has[:, None]).mean(0), "sums|zeros"),
    (lambda z, has: z[has].mean(1) - z[~has].mean(1), "do not fit|raised"),
    (lambda z, has: z[has].mean() - z[~has].mean(), "one number per latent dimension"),
    (lambda z, has: z[has].mean(0, keepdim=True) - z[~has].mean(0, keepdim=True), "one number per latent"),
    (lambda z, has: z[has].mean(0) - z[has].mean(0), "zero everywhere"),
    (lambda z, has: z[has].mean(0) - z[-has].mean(0), "bool"),
    (lambda z, has: z[has.int()].mean(0) - z[1 - has.int()].mean(0), "indices 0 and 1|mask"),
    (lambda z, has: (z[has].mean(0) - z[~has].mean(0)).abs(), "signs are lost"),
    (lambda z, has: z[has] - z[~has].mean(0), "one number per latent|expected"),
    (lambda z, has: z[has].sum(0) / len(z) - z[~has].sum(0) / len(z), "over all latents|zeros|sums"),
    (lambda z, has: F.normalize(z[has].mean(0), dim=0), "what all latents have"),
    (lambda z, has: z[has].max(0) - z[~has].max(0), "raised TypeError"),
    (lambda z, has: z[has].median(0).values.sign(), "cosine with the true direction|share"),
    (lambda z, has: (z[has].mean(0), z[~has].mean(0)), "2 values"),
    (lambda z, has: z[not has].mean(0), "`if`|bool|True"),
    (
        lambda z, has: z[has][:10].mean(0) - z[has][10:20].mean(0),
        "its cosine with the true direction is only",
    ),
    (lambda z, has: np.mean(z[has].numpy()), "expected a tensor"),
    (lambda z, has: z[has].mean(0) / z[~has].mean(0), "divides"),
]
