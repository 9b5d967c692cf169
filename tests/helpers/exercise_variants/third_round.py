# fmt: off
"""Solutions of a third round: what an independent reader of the texts got accepted, or was told the wrong thing about."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from facegan.course import solutions as S

BUT, WRONG = {}, {}

# ---------------------------------------------------------------- notebook 1
WRONG["scale"] = [
    (lambda x: 2 * x / 255 - 1, "8-bit integers wrap around"),
    (lambda x: (x - 127) / 127.5, "8-bit integers wrap around"),
    (lambda x: x.to(torch.int8) / 127.5 - 1, "8-bit integers wrap around"),
    (lambda x: (x.half() / 127.5 - 1).float(), "half precision"),
    (lambda x: (x.bfloat16() / 127.5 - 1).float(), "off|became|straight"),
    (lambda x: 2 * (x.float() - x.min()) / (x.max() - x.min()) - 1, "the image's own minimum, maximum, or mean"),
    (lambda x: (x.float() - x.float().mean()) / x.float().std(), "mean 0 and its standard deviation 1"),
]
WRONG["unscale"] = [
    (lambda x: (x * 127.5 + 128).round().clamp(0, 255).byte(), "1 brighter"),
    (lambda x: (x * 127.5 + 127.5).clamp(-1, 1).round().byte(), "clipped to 1 after the multiplication"),
    (lambda x: (x * 127.5 + 127.5).clamp(0, 1).byte(), "clipped to 1 after the multiplication"),
]


def middle(image, size, share=2, float_=False):
    top, left = (image.shape[1] - size) // share, (image.shape[2] - size) // 2
    crop = image[:, top:top + size, left:left + size]
    return crop.float() if float_ else crop


def drawn(image, size):
    top, left = (int(torch.randint(0, side - size + 1, ())) for side in image.shape[1:])
    return image[:, top:top + size, left:left + size]


WRONG["center_crop"] = [
    (lambda image, size: middle(image, size, float_=True), "keep the type"),
    (lambda image, size: middle(image, size, 3), "The columns are right; of the rows left over"),
    (lambda image, size: middle(image.mT, size, 3).mT, "The rows are right; of the columns left over"),
    (lambda image, size: image[:, (image.shape[1] - size) // 2:][:, :size], "Only the rows are cut"),
    (lambda image, size: image[:, :, (image.shape[2] - size) // 2:][:, :, :size], "Only the columns are cut"),
    (lambda image, size: image[:, (64 - size) // 2:(64 + size) // 2, (64 - size) // 2:(64 + size) // 2], "works only for a side of 64"),
    (drawn, "a different part each time"),
]


def whitened(images, columns):
    sheet = S.contact_sheet(images, columns)
    return torch.where((sheet == 0).all(0) | (sheet == 0), 255, sheet).byte()


WRONG["contact_sheet"] = [
    (whitened, "black pixels of the images become white"),
    (lambda images, columns: S.contact_sheet(images.clamp_(1), columns), "modifies its input in place"),
    (lambda images, columns: S.contact_sheet(images, -(-len(images) // columns)), "Rows and columns are exchanged"),
]

# ---------------------------------------------------------------- notebook 3


def step(g, d, og, od, real, z, least=0.0, limit=None, scale=1.0):
    fake = g(z)
    od.zero_grad()
    loss_d = S.discriminator_loss(d(real), d(fake.detach()))
    (scale * loss_d).backward()
    if limit:
        nn.utils.clip_grad_norm_(d.parameters(), limit)
    if loss_d > least:
        od.step()
    og.zero_grad()
    loss_g = S.generator_loss(d(fake))
    loss_g.backward()
    if limit:
        nn.utils.clip_grad_norm_(g.parameters(), limit)
    og.step()
    return loss_d.detach(), loss_g.detach()


WRONG["train_step"] = [
    (lambda *a: step(*a, least=0.5), "where D's loss is small, the discriminator does not change"),
    (lambda *a: step(*a, limit=1.0), "where D's loss is (small|large), .* is it clipped"),
    (lambda *a: step(*a, limit=0.01), "D's gradient is 0.0.* is it clipped"),
    (lambda *a: step(*a, scale=3), "D's gradient is 3 times what it should be: is the loss multiplied"),
    (lambda *a: step(*a, scale=16), "is the loss a sum over the batch"),
]


def average(before=lambda a, m: None, decay=None):
    def update(a, m, d):
        before(a, m)
        S.update_average(a, m, decay or d)
    return update


def sharing(a, m, d):
    S.update_average(a, m, d)
    for x, y in zip(a.buffers(), m.buffers(), strict=True):
        x.data = y.data


@torch.no_grad()
def shallow(a, m, d):
    for x, y in zip(a.children(), m.children(), strict=True):
        for p, q in zip(x.parameters(recurse=False), y.parameters(recurse=False), strict=True):
            p.lerp_(q, 1 - d)
        for p, q in zip(x.buffers(recurse=False), y.buffers(recurse=False), strict=True):
            p.copy_(q)


WRONG["update_average"] = [
    (average(lambda a, m: m.requires_grad_(False)), "it freezes the model"),
    (average(lambda a, m: m.eval()), "it leaves the model in eval mode"),
    (average(lambda a, m: a.train()), "it puts the average into train mode"),
    (average(decay=0.99), "keeps 0.99 of itself, expected 0.9"),
    (sharing, "buffers share memory with the model's"),
    (shallow, r"such as 2\.1\.0\.weight, do not move"),
]
BUT["update_average"] = [(average(lambda a, m: m.zero_grad()), "it changes the gradients of the model's weights")]
BUT["discriminator_loss"] = [(lambda r, f: S.discriminator_loss(r, f)[None], r"a tensor of shape \(1,\)")]
BUT["generator_loss"] = [(lambda f: S.generator_loss(f)[None], r"a tensor of shape \(1,\)")]
WRONG["discriminator_loss"] = [
    (lambda r, f: -F.logsigmoid(r).mean() - F.logsigmoid(1 - f).mean(), "the sigmoid of 1 - logit"),
    (lambda r, f: F.softplus(f - r).mean(), "each real logit with a fake logit"),
    (lambda r, f: 2 * F.softplus(f.mean() - r.mean()), "mean logits of real images and fakes"),
]
WRONG["generator_loss"] = [
    (lambda f: -F.logsigmoid(1 - f).mean(), "the sigmoid of 1 - logit"),
    (lambda f: F.logsigmoid(1 - f).mean(), "the saturating loss, too"),
    (lambda f: F.relu(1 - f).mean(), "that is the hinge loss"),
]

# ---------------------------------------------------------------- notebook 4
WRONG["slerp"] = [
    (lambda a, b, t: S.slerp(a, b if a @ b > 0 else -b, t), "is the vector reversed|away"),
    (lambda a, b, t: S.slerp(a, b, t) / torch.dot(a / a.norm(), b / b.norm()).clamp(-1, 1).acos().sin().clamp_min(1e-3), "divided once too often"),
    (lambda a, b, t: 10 * F.normalize(S.slerp(a, b, t), dim=0), "is a length hard-coded"),
    (lambda a, b, t: S.slerp(a, b, t) if torch.equal(a, b) else (torch.sin((1 - t) * (w := (a @ b).clamp(-1, 1).acos())) * a + torch.sin(t * w) * b) / w.sin(), "computed from a @ b alone|not a number|halfway|leaves"),
]


def by_legs(anchors, counts):
    legs = [S.latent_walk(anchors[i:i + 2], n + 1)[bool(i):] for i, n in enumerate(counts)]
    return torch.cat(legs)


def rest_last(anchors, frames):
    each, legs = (frames - 1) // (len(anchors) - 1), len(anchors) - 1
    return by_legs(anchors, [each] * (legs - 1) + [frames - 1 - each * (legs - 1)])


def rest_copied(anchors, frames):
    each, legs = (frames - 1) // (len(anchors) - 1), len(anchors) - 1
    path = by_legs(anchors, [each] * legs)
    return torch.cat([path, anchors[-1:].expand(frames - len(path), -1)])


BUT["latent_walk"] = [(rest_last, r"its legs have \[3, 3, 3, 3, 7\] steps")]
WRONG["latent_walk"] = [(rest_copied, "the remaining frames are padded")]


def difference(z, h):
    return z[h].mean(0) - z[~h].mean(0)


WRONG["attribute_direction"] = [
    (lambda z, h: difference(z, h).sign(), "only the signs of the difference"),
    (lambda z, h: difference(z, h) * (difference(z, h).abs() >= difference(z, h).abs().topk(10).values[-1]), "only the largest numbers of the difference"),
    (lambda z, h: difference(z[:50], h[:50]), "the first 50 latents only"),
    (lambda z, h: z[:h.sum()].mean(0) - z[h.sum():].mean(0), "as many of the first rows"),
]

# ---------------------------------------------------------------- notebook 5


def removing(fakes, centers, radius, least):
    found = 0
    for center in centers:
        near = (fakes - center).norm(dim=1) <= radius
        found += int(near.sum() >= least)
        fakes = fakes[~near]
    return found


def nearest(fakes, centers, radius, least):
    distance, index = torch.cdist(fakes, centers).min(1)
    return int((torch.bincount(index[distance <= radius], minlength=len(centers)) >= least).sum())


def mean_distance(fakes, centers, radius, least):
    if len(fakes) < least:
        return 0
    return int((torch.cdist(fakes, centers).sort(0).values[:least].mean(0) <= radius).sum())


def near(f, c, r):
    return (torch.cdist(f, c) <= r).sum(0)


WRONG["modes_covered"] = [
    (removing, "count for both of them"),
    (nearest, "count for both of them"),
    (mean_distance, "compare each distance|counts"),
    (lambda f, c, r, n: len([*itertools.takewhile(lambda k: k >= n, near(f, c, r))]), "count all centers"),
    (lambda f, c, r, n: int((near(f, c, r).cumsum(0) >= n).sum()), "not reset to 0"),
]
WRONG["optimal_discriminator"] = [(lambda p, q: (p / (p + q)).clamp(0.01, 0.99), "is it clipped")]
WRONG["alternating_step"] = [
    (lambda field, a, b, r: S.alternating_step(S.dirac_gradients, a, b, r), "a field is hard-coded"),
    (lambda field, a, b, r: tuple(x.clamp(-2, 2) for x in S.alternating_step(field, a, b, r)), "do not clip"),
]


def columns_only(d, x):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(d(x).sum(), x, create_graph=True)[0].norm(dim=1).square().mean() / 2


WRONG["r1_penalty"] = [(columns_only, "over colors, rows, and columns")]

# ---------------------------------------------------------------- notebook 6


def last(c, name, part=slice(-200, None)):
    return c[name][part]


def quotient(c):
    return last(c, "grad_norm_g") / last(c, "grad_norm_d")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def won(change):
    return lambda c: ("D has won", *(change(last(c, name)) for name in ("d_real", "d_fake")))


def jumpy(measure):
    return lambda c, h: ("learning rate too high", measure(c["loss_d"][:1000]) / measure(h["loss_d"][:1000]))


WRONG["patient_1"] = [
    (won(lambda x: x[0]), "is a colon missing"),
    (won(lambda x: sigmoid(x).mean()), "it applies a sigmoid; D's"),
    (won(lambda x: sigmoid(x.mean())), "it applies a sigmoid"),
    (won(lambda x: x[::10].mean()), "every tenth"),
    (lambda c: ("D has won", last(c, "d_real").mean(), 1 - last(c, "d_fake").mean()), r"is taken as 1 - D\(G\(z\)\)"),
]
WRONG["patient_2"] = [
    (lambda c: ("no gradient reaches G", np.exp(np.log(quotient(c)).mean())), "geometric mean"),
    (lambda c: ("no gradient reaches G", (quotient(c) < 0.05).mean()), "counts the steps below a level"),
    (lambda c: ("no gradient reaches G", np.median(last(c, "grad_norm_g") / (last(c, "grad_norm_d") + 1e-3))), "adds 0.001 to D's norm"),
]


def fooled(judge):
    return lambda c: ("D is fooled", judge(last(c, "d_fake"), last(c, "d_real")))


WRONG["patient_3"] = [
    (fooled(lambda f, r: (f > r).sum() // 200), "truncate decimals"),
    (fooled(lambda f, r: (f > r).sum() / 199), "it divides by 199"),
    (fooled(lambda f, r: (f > r.mean()).mean()), r"with the mean of D\(x\)"),
    (fooled(lambda f, r: (f > r + 0.05).mean()), "larger by 0.05"),
]
WRONG["patient_4"] = [
    (jumpy(lambda x: np.abs(x - np.roll(x, 1)).mean()), "np.roll wraps around"),
    (jumpy(lambda x: np.abs(np.diff(x) / x[:-1]).mean()), "divides each change by the loss"),
    (jumpy(lambda x: np.abs(x[2:] - x[:-2]).mean()), "changes over two steps"),
    (jumpy(lambda x: np.abs(np.diff(x[:999])).mean()), "999 values, which have 998 changes"),
]


def pairs(x):
    return torch.pdist(x.flatten(1)) / x[0].numel() ** 0.5


def varied(measure):
    return lambda f, r: ("mode collapse", float(measure(f) / measure(r)))


def across(f, r):
    return torch.cdist(f.flatten(1), r.flatten(1)).mean() / f[0].numel() ** 0.5


WRONG["patient_5"] = [
    (lambda f, r: ("mode collapse", float(pairs(f).mean() / pairs(r[:len(f)]).mean())), "only as many real faces as fakes"),
    (lambda f, r: ("mode collapse", float(across(f, r) / pairs(r).mean())), "in the numerator"),
    (varied(lambda x: pairs(x)[pairs(x) > 0].mean()), "omits pairs of equal pictures"),
    (varied(lambda x: torch.stack([pairs(c).mean() for c in x.split(1, 1)]).mean()), "a root for each color"),
    (varied(lambda x: pairs(x[:10]).mean()), "first ten pictures"),
    (varied(lambda x: pairs(x[:20]).mean()), "made-up pictures: it gives .*, expected"),  # right for the first case
]


def overfit(formula):
    return lambda t, h, f: ("D overfits", float(formula(t.mean(), h.mean(), f.mean())))


WRONG["patient_6"] = [
    (overfit(lambda t, h, f: (t - h) / (t - f).abs()), "its denominator is an absolute value"),
    (overfit(lambda t, h, f: (h - t) / (h - f)), "are exchanged"),
    (overfit(lambda t, h, f: (t - f) / (h - f)), "is the denominator, not the numerator"),
    (overfit(lambda t, h, f: (t - h) / t), "divides by the mean of the training faces"),
    (lambda t, h, f: ("D overfits", float((lambda t, h, f: (t - h) / (t - f))(*(x[:24].mean() for x in (t, h, f))))), "truncates all three to the shortest"),
]
