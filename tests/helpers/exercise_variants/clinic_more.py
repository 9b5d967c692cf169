"""More solutions of notebook 6's exercises, in other styles: torch, cumulative sums, sorting, generators, helpers."""

import functools
import itertools
import math
import statistics
from operator import gt

import numpy as np
import torch

RIGHT, BUT, WRONG = {}, {}, {}
LAST = slice(-200, None)


def said(name, *measures):
    """A function that returns the name and the measures of what it is given."""
    return lambda *given: (name, *(measure(*given) for measure in measures))


def won_by_cumsum(curves):
    totals = {key: np.cumsum(curves[key]) for key in ("d_real", "d_fake")}
    return "D has won", *((t[-1] - t[-201]) / 200 if len(t) > 200 else t[-1] / 200 for t in totals.values())


def won_by_torch(curves):
    both = torch.stack([torch.from_numpy(curves[k][-200:].copy()) for k in ("d_real", "d_fake")])
    real, fake = both.mean(dim=1)
    return "D has won", real, fake


def won_with_helper(curves):
    def last(key, n=200):
        return float(sum(curves[key][-n:]) / n)

    return ("D has won", last("d_real"), last("d_fake"))


def won_by_while(curves):
    i, sums = len(curves["d_real"]) - 1, [0.0, 0.0]
    while i >= len(curves["d_real"]) - 200:
        sums[0] += curves["d_real"][i]
        sums[1] += curves["d_fake"][i]
        i -= 1
    return "D Has Won", sums[0] / 200, sums[1] / 200


RIGHT["patient_1"] = [
    won_by_cumsum, won_by_torch, won_with_helper, won_by_while,
    lambda curves: ["D has won", *(np.array([curves["d_real"], curves["d_fake"]])[:, -200:].mean(axis=1))],
    lambda c: ("D has won", np.average(c["d_real"][-200:]), np.average(c["d_fake"][-200:])),
    lambda c: ("D has won", c["d_real"][np.arange(-200, 0)].mean(), c["d_fake"][np.arange(-200, 0)].mean()),
    lambda curves, last=200: ("D has won", np.nanmean(curves["d_real"][-last:]), np.nanmean(curves["d_fake"][-last:])),
    lambda c: ("D has won", *map(statistics.fmean, (c["d_real"][::-1][:200], c["d_fake"][::-1][:200]))),
]  # fmt: skip


def one(part=LAST, reduce=np.mean, real="d_real", fake="d_fake", name="D has won", change=lambda x: x):
    return lambda c: (name, change(reduce(c[real][part])), change(reduce(c[fake][part])))


WRONG["patient_1"] = [
    (one(slice(None)), "all steps"), (one(slice(200)), "first 200"), (one(slice(-200, -1)), "omits the last step"),
    (one(slice(200, None)), "mean of an empty array"), (one(slice(-20, None)), "last 20"),
    (one(slice(-1000, None)), "last 1,000|all steps"), (one(reduce=np.median), "the median"), (one(reduce=np.max), "largest|it gives"),
    (one(reduce=np.sum), "the sum"), (one(reduce=lambda x: x[-1]), "last step only"), (one(reduce=np.std), "standard deviation|it gives"),
    (one(real="d_fake", fake="d_real"), "swapped"), (one(fake="d_fake_after"), "column is d_fake"),
    (one(real="loss_d", fake="loss_g"), "losses"), (one(change=lambda x: round(x, 2)), "do not round"),
    (one(change=lambda x: 100 * x), "percentages"), (one(change=lambda x: 1 - x), "1 - D"),
    (one(change=lambda x: f"{x:.3f}"), "where a number is expected"), (one(change=lambda x: x > 0.5), "where a number is expected"),
    (one(name="D overfits"), "does not fit"), (one(name="D is fooled"), "does not fit"), (one(name="won"), "not in the list"),
    (one(name="D pulls away"), "further ahead"), (one(name="no gradient reaches G"), "larger than D's"),
    (lambda c: ("D has won", np.mean(c["d_real"][-200:] - c["d_fake"][-200:])), "a name and 1"),
    (lambda c: ("D has won", np.mean([c["d_real"][-200:], c["d_fake"][-200:]]), 0.0), "it gives|both"),
    (lambda c: np.mean(c["d_real"][-200:]), "expected the failure's name"), (lambda c: ("D has won",), "a name and 0"),
    (lambda c: ("D has won", c["real"][-200:].mean(), 0.0), "no 'real'"), (lambda: 1, "it is called with curves"),
    (lambda c: ("D has won", c["d_real"].mean, c["d_fake"].mean), "not called"),
]  # fmt: skip


def starved_by_loop(curves):
    ratios = []
    for g, d in list(zip(curves["grad_norm_g"], curves["grad_norm_d"], strict=True))[-200:]:
        ratios.append(g / d)
    ratios.sort()
    return "no gradient reaches G", 0.5 * (ratios[99] + ratios[100])


def starved_by_torch(curves):
    g, d = (torch.as_tensor(curves[f"grad_norm_{who}"][-200:]) for who in "gd")
    return "no gradient reaches G", torch.quantile(g / d, 0.5).item()


def starved_by_partition(curves):
    quotients = np.divide(curves["grad_norm_g"], curves["grad_norm_d"])[-200:]
    return "No gradient reaches G", np.partition(quotients, [99, 100])[99:101].mean()


RIGHT["patient_2"] = [
    starved_by_loop, starved_by_torch, starved_by_partition,
    lambda c: ("no gradient reaches G", statistics.median(g / d for g, d in zip(c["grad_norm_g"][-200:], c["grad_norm_d"][-200:], strict=True))),
    lambda c: ("no gradient reaches G", np.percentile(c["grad_norm_g"][-200:] / c["grad_norm_d"][-200:], 50)),
    lambda c: ("no gradient reaches G", np.sort(c["grad_norm_g"][-200:] / c["grad_norm_d"][-200:])[[99, 100]].mean()),
    lambda curves: ("no gradient reaches g", torch.median(torch.tensor(curves["grad_norm_g"][-200:] / curves["grad_norm_d"][-200:]))),
    lambda c, n=200: ["no gradient reaches G", np.nanmedian((c["grad_norm_g"] / c["grad_norm_d"])[len(c["step"]) - n :])],
    lambda c: ("no gradient reaches G", statistics.median_high((c["grad_norm_g"][-200:] / c["grad_norm_d"][-200:]).tolist())),
]  # fmt: skip


def two(
    part=LAST,
    reduce=np.median,
    g="grad_norm_g",
    d="grad_norm_d",
    name="no gradient reaches G",
    of=lambda g, d: g / d,
):
    return lambda c: (name, reduce(of(c[g][part], c[d][part])))


WRONG["patient_2"] = [
    (two(slice(None)), "all steps"), (two(slice(200)), "first 200"), (two(slice(-200, -1)), "omits the last|more or one fewer"),
    (two(slice(-50, None)), "last 50|it gives"), (two(slice(-1, None)), "last step only"), (two(reduce=np.mean), "should be the median"),
    (two(of=lambda g, d: d / g), "reciprocal"), (two(of=lambda g, d: g - d), "difference|it gives"),
    (two(of=lambda g, d: g * d), "product|it gives"), (two(of=lambda g, d: g), "divide by D's"), (two(of=lambda g, d: d), "median of D's|it gives"),
    (lambda c: ("no gradient reaches G", np.median(c["grad_norm_g"][-200:]) / np.median(c["grad_norm_d"][-200:])), "one median divided by another"),
    (two(reduce=np.max), "largest|it gives"), (two(reduce=np.min), "smallest|it gives"), (two(reduce=lambda x: x), "where one is expected"),
    (two(g="loss_g", d="loss_d"), "losses|it gives"), (two(reduce=lambda x: round(np.median(x), 3)), "do not round"),
    (two(reduce=lambda x: 100 * np.median(x)), "percentage"), (two(name="D has won"), "patient 1's D had won"),
    (two(name="nothing changes"), "the effect on the faces"), (two(name="no gradient"), "not in the list"), (two(name="dead game"), "does not fit"),
    (two(of=lambda g, d: g / (g + d)), "sum|it gives"), (two(of=lambda g, d: (g / d) ** 2), "square|it gives"),
    (lambda c: "no gradient reaches G", "expected the failure's name and a number"), (lambda c: (np.median(c["grad_norm_g"]), "noise"), "first value"),
    (lambda c: c.curves, "raised AttributeError"),
]  # fmt: skip


def fooled_by_sign(curves):
    late = curves["d_fake"][-200:] - curves["d_real"][-200:]
    return "D is fooled", np.maximum(np.sign(late), 0).mean()


def fooled_by_where(curves):
    indices = np.where(curves["d_fake"][-200:] > curves["d_real"][-200:])[0]
    return "D is fooled", len(indices) / 200


RIGHT["patient_3"] = [
    fooled_by_sign, fooled_by_where,
    lambda c: ("D is fooled", sum(map(gt, c["d_fake"][-200:], c["d_real"][-200:])) / 200),
    lambda c: ("D is fooled", torch.gt(torch.tensor(c["d_fake"][-200:]), torch.tensor(c["d_real"][-200:])).float().mean()),
    lambda c: ("d is fooled", functools.reduce(lambda n, pair: n + (pair[1] > pair[0]), zip(c["d_real"][-200:], c["d_fake"][-200:], strict=True), 0) / 200),
    lambda c: ("D is fooled", np.average(np.greater(c["d_fake"], c["d_real"])[-200:])),
    lambda c: ("D is fooled", np.heaviside((c["d_fake"] - c["d_real"])[-200:], 0.0).mean()),
    lambda c: ("D is fooled", 1 - np.count_nonzero(c["d_real"][-200:] >= c["d_fake"][-200:]) / 200),
    lambda c: ("D is fooled", float(np.clip(np.ceil((c["d_fake"] - c["d_real"])[-200:]), 0, 1).mean())),
]  # fmt: skip


def three(part=LAST, reduce=np.mean, fake="d_fake", real="d_real", name="D is fooled", of=lambda f, r: f > r):
    return lambda c: (name, reduce(of(c[fake][part], c[real][part])))


WRONG["patient_3"] = [
    (three(slice(None)), "all steps"), (three(slice(200)), "first 200"), (three(slice(-200, -1)), "199 steps"),
    (three(slice(-199, None)), "199 steps"), (three(of=lambda f, r: f >= r), "equal do not count"), (three(of=lambda f, r: f < r), r"D\(x\) is larger"),
    (three(of=lambda f, r: r >= f), r"D\(x\) is larger|it gives"), (three(reduce=np.sum), "number of steps"), (three(of=lambda f, r: f > 0.5), "with 0.5"),
    (three(of=lambda f, r: f - r), "how far"), (three(of=lambda f, r: f), r"mean of D\(G\(z\)\)"), (three(of=lambda f, r: r), r"mean of D\(x\)|it gives"),
    (three(of=lambda f, r: f / r), "quotient|it gives"), (three(fake="d_fake_after"), "column is d_fake"), (three(reduce=lambda x: 100 * np.mean(x)), "percentage"),
    (three(reduce=lambda x: round(np.mean(x), 2)), "do not round|it gives"), (three(reduce=np.any), "where a number"), (three(reduce=lambda x: x), "where one is expected"),
    (three(reduce=np.median), "median|it gives"), (three(name="D has won"), "which of the two curves"), (three(name="noise"), "the effect on the faces"),
    (three(name="G has won"), "not in the list"), (three(name="mode collapse"), "how much the faces differ"), (three(fake="loss_g", real="loss_d"), "losses|it gives"),
    (lambda c: ("D is fooled", (c["d_fake"] > c["d_real"]).sum() / 200), "all steps|number|it gives"), (lambda c, h: ("D is fooled", 1.0), "it is called with curves"),
    (lambda c: ("D is fooled", c["d_fake"][-200:].mean() > c["d_real"][-200:].mean()), "where a number"),
]  # fmt: skip


def jumps_by_torch(curves, healthy):
    a, b = (torch.from_numpy(run["loss_d"][:1000].copy()).diff().abs().mean() for run in (curves, healthy))
    return "learning rate too high", (a / b).item()


def jumps_by_pairs(curves, healthy):
    def jumpiness(values):
        return sum(abs(b - a) for a, b in itertools.pairwise(values)) / (len(values) - 1)

    return "learning rate too high", jumpiness(curves["loss_d"][:1000].tolist()) / jumpiness(
        healthy["loss_d"][:1000].tolist()
    )


def jumps_by_roll(curves, healthy):
    def of(run):
        first = run["loss_d"][0:1000]
        return np.abs(first - np.roll(first, 1))[1:].mean()

    return ("Learning Rate Too High", of(curves) / of(healthy))


RIGHT["patient_4"] = [
    jumps_by_torch, jumps_by_pairs, jumps_by_roll,
    lambda patient, healthy: ("learning rate too high", np.abs(patient["loss_d"][1:1000] - patient["loss_d"][:999]).mean() / np.abs(healthy["loss_d"][1:1000] - healthy["loss_d"][:999]).mean()),
    lambda c, h: ("learning rate too high", np.divide(*(np.mean(np.fabs(np.diff(run["loss_d"][:1000]))) for run in (c, h)))),
    lambda c, h: ("learning rate too high", statistics.fmean(map(abs, np.diff(c["loss_d"][:1000]))) / statistics.fmean(map(abs, np.diff(h["loss_d"][:1000])))),
    lambda c, h: ("learning rate too high", np.sqrt(np.diff(c["loss_d"][:1000]) ** 2).mean() / np.sqrt(np.diff(h["loss_d"][:1000]) ** 2).mean()),
    lambda c, h, n=1000: ("learning rate too high", (lambda f: f(c) / f(h))(lambda run: np.convolve(run["loss_d"][:n], [1, -1], "valid").__abs__().sum())),
    lambda c, h: ("learning rate too high", np.abs(np.diff(c["loss_d"])[:999]).mean() / np.abs(np.diff(h["loss_d"])[:999]).mean()),
]  # fmt: skip


def four(
    part=slice(1000),
    measure=lambda x: np.abs(np.diff(x)).mean(),
    key="loss_d",
    name="learning rate too high",
    over=lambda a, b: a / b,
):
    return lambda c, h: (name, over(measure(c[key][part]), measure(h[key][part])))


WRONG["patient_4"] = [
    (four(slice(None)), "all steps"), (four(slice(-1000, None)), "last 1,000"), (four(slice(200)), "first 200|it gives"), (four(slice(100)), "first 100|it gives"),
    (four(slice(1001)), "1,001 values"), (four(slice(1, 1000)), "first value|it gives"), (four(slice(-200, None)), "last 200"),
    (four(measure=lambda x: np.diff(x).mean()), "signs of the changes cancel"), (four(measure=lambda x: abs(np.diff(x).mean())), "signs of the changes cancel"),
    (four(measure=np.std), "standard deviations"), (four(measure=np.mean), "losses themselves"), (four(measure=lambda x: np.square(np.diff(x)).mean()), "squares"),
    (four(measure=lambda x: np.median(np.abs(np.diff(x)))), "medians"), (four(measure=lambda x: np.abs(np.diff(x)).max()), "largest|it gives"),
    (four(measure=lambda x: np.abs(x).mean()), "losses themselves"), (four(measure=np.var), "variance|it gives"), (four(measure=lambda x: np.ptp(x)), "range|it gives"),
    (four(key="loss_g"), "take D's"), (four(key="d_real"), "loss_d|it gives"), (four(over=lambda a, b: b / a), "reciprocal"), (four(over=lambda a, b: a), "patient's number alone"),
    (four(over=lambda a, b: a - b), "difference|it gives"), (four(over=lambda a, b: round(a / b, 2)), "do not round"), (four(name="D has won"), "describes the end, after"),
    (four(name="learning rate"), "not in the list"), (four(name="D is fooled"), "does not fit"), (lambda c, h: four()(h, c), "reciprocal"),
    (lambda c: ("learning rate too high", 1.0), "it is called with curves, healthy"), (lambda c, h: ("learning rate too high", np.abs(np.diff(c["loss_d"][:1000])) / np.abs(np.diff(h["loss_d"][:1000]))), "999 numbers"),
    (lambda c, h: ("learning rate too high", np.abs(np.diff(c["loss_d"][:1000])).mean() / np.abs(np.diff(h["loss_d"])).mean()), "of both"),
    (lambda c, h: ("learning rate too high", np.abs(np.diff(c["loss_d"][:1000])).mean() / h["loss_d"].mean()), "its mean loss"),
]  # fmt: skip


def spread_by_loops(images):
    total, count = 0.0, 0
    for i, a in enumerate(images):
        for b in images[:i]:
            total += math.sqrt(torch.mean(torch.square(a - b)).item())
            count += 1
    return total / count


def spread_by_broadcast(images):
    rows = images.reshape(len(images), -1).double()
    distance = (rows[:, None] - rows[None]).pow(2).mean(-1).sqrt()
    return distance[~torch.eye(len(rows), dtype=torch.bool)].mean()


def spread_by_gram(images):
    x = images.double().flatten(1)
    gram = x @ x.T
    squares = gram.diagonal()[:, None] + gram.diagonal() - 2 * gram
    i, j = torch.triu_indices(len(x), len(x), 1)
    return (squares[i, j].clamp(min=0) / x.shape[1]).sqrt().mean()


def spread_by_combinations(images):
    pairs = torch.combinations(torch.arange(len(images)))
    a, b = images[pairs[:, 0]], images[pairs[:, 1]]
    return float((a - b).square().mean(dim=(1, 2, 3)).sqrt().mean())


def spread_recursively(images):
    def total(rest):
        if len(rest) < 2:
            return 0.0
        return float((rest[1:] - rest[0]).pow(2).flatten(1).mean(1).sqrt().sum()) + total(rest[1:])

    return total(images) / math.comb(len(images), 2)


def five(measure, name="mode collapse", over=lambda a, b: a / b):
    return lambda fakes, real: (name, over(measure(fakes), measure(real)))


RIGHT["patient_5"] = [
    *map(five, (spread_by_loops, spread_by_broadcast, spread_by_gram, spread_by_combinations, spread_recursively)),
    five(lambda x: np.mean([np.sqrt(np.mean((a - b) ** 2)) for a, b in itertools.combinations(x.numpy(), 2)])),
    five(lambda x: torch.nn.functional.pdist(x.flatten(1).double()).mean(), "Mode collapse"),
    five(lambda x: torch.linalg.norm((x[:, None] - x).flatten(2), dim=-1).sum() / (len(x) ** 2 - len(x)) / x[0].numel() ** 0.5),
]  # fmt: skip


def pairs(x):
    flat = x.double().flatten(1)
    return torch.pdist(flat) / flat.shape[1] ** 0.5


WRONG["patient_5"] = [
    (five(lambda x: pairs(x).square().mean()), "root is missing"), (five(lambda x: pairs(x).square().mean().sqrt()), "take the root for each pair"),
    (five(lambda x: pairs(x).sum()), "take their mean"), (five(lambda x: pairs(x).median()), "median"), (five(lambda x: pairs(x).max()), "largest|it gives"),
    (five(lambda x: pairs(x).min()), "smallest|it gives"), (five(lambda x: pairs(x).std()), "standard deviation|it gives"),
    (five(lambda x: torch.cdist(x.flatten(1), x.flatten(1)).mean()), "with itself"), (five(lambda x: torch.pdist(x.double().flatten(1), p=1).mean()), "absolute differences"),
    (five(lambda x: x.std()), "standard deviation of all pixels"), (five(lambda x: x.std(0).mean()), "standard deviation of each pixel"), (five(lambda x: x.var(0).mean()), "root is missing"),
    (five(lambda x: (x - x.mean(0)).square().flatten(1).mean(1).sqrt().mean()), "mean picture|from the mean|it gives"),
    (five(lambda x: (x[0] - x[1]).square().mean().sqrt()), "two pictures|first|it gives"), (five(lambda x: (x[1:] - x[:-1]).flatten(1).square().mean(1).sqrt().mean()), "neighbors only"),
    (five(lambda x: (x[1:] - x[0]).flatten(1).square().mean(1).sqrt().mean()), "first picture|it gives"), (five(lambda x: x.mean()), "mean brightness"),
    (five(lambda x: pairs(x).mean(), over=lambda a, b: b / a), "reciprocal"), (five(lambda x: pairs(x).mean(), over=lambda a, b: a), "the fakes only"),
    (five(lambda x: pairs(x).mean(), over=lambda a, b: a - b), "a difference"), (five(lambda x: pairs(x).mean(), over=lambda a, b: round(float(a / b), 2)), "do not round"),
    (five(lambda x: pairs(x).mean(), "noise"), "how much the faces differ"), (five(lambda x: pairs(x).mean(), "collapse"), "not in the list"),
    (lambda f, r: ("mode collapse", torch.cdist(f.flatten(1), r.flatten(1)).mean()), "fakes with real|it gives"), (lambda f, r: ("mode collapse", (f - r).square().mean().sqrt()), "incompatible shapes|it gives"),
    (five(lambda x: pairs(x[:, :1]).mean()), "red|one color|it gives"), (five(lambda x: pairs(x.mean(1)).mean()), "gray|colors|it gives"), (lambda f: f, "it is called with fakes, real"),
]  # fmt: skip


def six(measure, name="D overfits"):
    return lambda train, held_out, fakes: (name, measure(train, held_out, fakes))


def r_v_by_stack(train, held_out, fakes):
    a, b, c = torch.stack([x.mean() for x in (train, held_out, fakes)])
    return "D overfits", ((a - b) / (a - c)).item()


def r_v_stepwise(train, held_out, fakes):
    numerator = torch.sub(torch.mean(train), torch.mean(held_out))
    denominator = torch.sub(torch.mean(train), torch.mean(fakes))
    return "D overfits", numerator.div(denominator)


RIGHT["patient_6"] = [
    r_v_by_stack, r_v_stepwise,
    six(lambda t, h, f: np.divide(*(t.numpy().mean() - x.numpy().mean() for x in (h, f)))),
    six(lambda t, h, f: (h.mean() - t.mean()) / (f.mean() - t.mean())),
    six(lambda t, h, f: (lambda m: (m(t) - m(h)) / (m(t) - m(f)))(lambda x: statistics.fmean(x.tolist()))),
    six(lambda t, h, f: 1 + (f.mean() - h.mean()) / (t.mean() - f.mean())),
    six(lambda t, h, f: float(t.double().mean() - h.double().mean()) / float(t.double().mean() - f.double().mean()), "d_overfits"),
    six(lambda t, h, f: functools.reduce(lambda a, b: a / b, [t.mean() - x.mean() for x in (h, f)])),
]  # fmt: skip


def m(top, bottom, of=torch.mean):
    return lambda t, h, f: top(of(t), of(h), of(f)) / bottom(of(t), of(h), of(f))


def gap(a, b):
    return lambda t, h, f: {"t": t, "h": h, "f": f}[a] - {"t": t, "h": h, "f": f}[b]


WRONG["patient_6"] = [
    (six(m(gap("t", "f"), gap("t", "h"))), "reciprocal"), (six(m(gap("h", "t"), gap("t", "f"))), "sign is wrong"), (six(m(gap("h", "f"), gap("t", "f"))), "1 - r_v"),
    (six(m(gap("t", "h"), gap("h", "f"))), "denominator"), (six(lambda t, h, f: t.mean() - h.mean()), "numerator only"), (six(lambda t, h, f: t.mean() - f.mean()), "denominator only|it gives"),
    (six(lambda t, h, f: t.mean() - h.mean() / t.mean() - f.mean()), "parentheses"), (six(lambda t, h, f: (t.mean() - h.mean()) / t.mean() - f.mean()), "brackets|parentheses|it gives"),
    (six(m(gap("t", "h"), gap("t", "f"), torch.median)), "medians"), (six(m(gap("t", "h"), gap("t", "f"), torch.sum)), "adds up"),
    (six(m(gap("t", "h"), gap("t", "f"), lambda x: x.sigmoid().mean())), "probabilities"), (six(m(gap("t", "h"), gap("t", "f"), lambda x: x.mean().sigmoid())), "probabilities|it gives"),
    (six(m(gap("t", "h"), gap("t", "f"), torch.max)), "largest|it gives"), (six(m(gap("t", "h"), gap("t", "f"), torch.std)), "standard deviation|it gives"), (six(m(gap("t", "h"), gap("t", "f"), lambda x: x[-1])), "last|it gives"),
    (six(lambda t, h, f: ((t[:24] - h) / (t[:24] - f[:24])).mean()), "it gives|means first"), (six(lambda t, h, f: (t - h) / (t - f)), "incompatible shapes"),
    (six(lambda t, h, f: h.mean() / t.mean()), "it gives|differences"), (six(lambda t, h, f: abs((t.mean() - h.mean()) / (t.mean() - f.mean()))), "absolute|it gives"),
    (six(lambda t, h, f: ((t.mean() - h.mean()) / (t.mean() - f.mean())).clamp(0, 1)), "clip|it gives"), (six(lambda t, h, f: round(float((t.mean() - h.mean()) / (t.mean() - f.mean())), 1)), "do not round"),
    (six(lambda t, h, f: 100 * (t.mean() - h.mean()) / (t.mean() - f.mean())), "percentage"), (six(m(gap("t", "h"), gap("t", "f")), "D pulls away"), "not the cause"),
    (six(m(gap("t", "h"), gap("t", "f")), "overfitting"), "not in the list"), (six(m(gap("t", "h"), gap("t", "f")), "mode collapse"), "does not fit"),
    (lambda t, f, h: ("D overfits", (t.mean() - h.mean()) / (t.mean() - f.mean())), "reciprocal"), (lambda t, h: ("D overfits", 0.5), "it is called with train, held_out, fakes"),
    (six(lambda t, h, f: (t - h.mean()) / (t.mean() - f.mean())), "numbers where one"), (six(m(gap("t", "h"), lambda t, h, f: t + f)), "plus|it gives"),
]  # fmt: skip
