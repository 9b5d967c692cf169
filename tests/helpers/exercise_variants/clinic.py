"""Right and wrong solutions of notebook 6's exercises."""

import itertools
import math
import statistics

import numpy as np
import torch

from facegan.course import solutions

RIGHT, BUT, WRONG = {}, {}, {}
LAST = slice(-200, None)


def column(name, part=LAST):
    return lambda curves: curves[name][part]


D_REAL, D_FAKE, NORM_G, NORM_D = map(column, ("d_real", "d_fake", "grad_norm_g", "grad_norm_d"))


def won(real, fake, name="D has won"):
    return lambda curves: (name, real(curves), fake(curves))


def won_by_loop(curves):
    real = fake = 0.0
    steps = len(curves["step"])
    for i in range(steps - 200, steps):
        real += float(curves["d_real"][i])
        fake += float(curves["d_fake"][i])
    return ["d has won", real / 200, fake / 200]


def won_if_certain(curves):
    real, fake = D_REAL(curves).mean(), D_FAKE(curves).mean()
    name = "D has won" if real > 0.9 and fake < 0.1 else "dead game"
    return name, real, fake


def won_by_step(curves):
    late = curves["step"] > curves["step"][-1] - 200
    return "D has won", np.average(curves["d_real"][late]), np.average(curves["d_fake"][late])


def means_of(part):
    return won(lambda c: c["d_real"][part].mean(), lambda c: c["d_fake"][part].mean())


def mean_real(curves):
    return D_REAL(curves).mean()


def mean_fake(curves):
    return D_FAKE(curves).mean()


RIGHT["patient_1"] = [
    solutions.patient_1,
    won_by_loop,
    won_if_certain,
    won_by_step,
    lambda c: ("D has won", statistics.fmean(c["d_real"][-200:]), statistics.mean(map(float, c["d_fake"][-200:]))),
    lambda c: ("D_has_won.", torch.from_numpy(D_REAL(c)).mean(), torch.tensor(D_FAKE(c)).mean()),
    lambda c: ("d has WON ", *(float(np.mean(c[k][len(c[k]) - 200 :])) for k in ("d_real", "d_fake"))),
    lambda c: ("D has won", (mean_real(c), mean_fake(c))),
    lambda c: ("D has won", np.array([mean_real(c), mean_fake(c)])),
    lambda c: ("D has won", float(np.float32(mean_real(c))), D_FAKE(c).sum() / 200),
]  # fmt: skip
WRONG["patient_1"] = [
    (means_of(slice(None)), "uses all steps"),
    (means_of(slice(200)), "first 200 steps"),
    (means_of(slice(-201, None)), "uses 201 steps"),
    (means_of(slice(-199, None)), "uses 199 steps"),
    (means_of(slice(-200, -1)), "omits the last step"),
    (means_of(slice(-100, None)), "last 100 steps"),
    (means_of(slice(-1, None)), "last step only"),
    (won(mean_fake, mean_real), "swapped"),
    (
        won(lambda c: np.median(D_REAL(c)), lambda c: np.median(D_FAKE(c))),
        r"that is the median; it should be the mean\.",
    ),
    (won(mean_real, lambda c: c["d_fake_after"][LAST].mean()), "the column is d_fake"),
    (lambda c: ("D has won", 0.999, 0.001), "it gives the same value for every run:"),
    (lambda c: ("D has won", 0.9987, 0.0013), "it gives|do not round"),
    (lambda c: ("D has won", round(mean_real(c), 3), round(mean_fake(c), 3)), "do not round"),
    (won(mean_real, mean_fake, "no gradient reaches G"), "G's gradient is larger than D's"),
    (won(mean_real, mean_fake, "D is fooled"), "does not fit: compare its row"),
    (won(mean_real, mean_fake, "nothing changes"), "the effect on the faces"),
    (won(mean_real, mean_fake, "D pulls away"), "further ahead"),
    (won(mean_real, mean_fake, "D too strong"), "not in the list of names: numerical failure"),
    (lambda c: (mean_real(c), mean_fake(c), "D has won"), "its first value is"),
    (lambda c: mean_real(c), "it returns a float64, expected the failure's name and 2 numbers"),
    (lambda c: ("D has won", mean_real(c)), "a name and 1 values"),
    (lambda c: ("D has won", D_REAL(c), D_FAKE(c)), "200 numbers where one is expected"),
    (won(lambda c: D_REAL(c).sum(), lambda c: D_FAKE(c).sum()), r"that is the sum; it should be the mean\."),
    (lambda c: ("D has won", c.d_real[-200:].mean(), 0), "raised AttributeError"),
    (lambda c: "D has won", r"it returns a string \(str\), expected the"),
    (lambda c: print("D has won"), "returns nothing"),
    (lambda c: ("D has won", np.nan, 0.0), "its number is nan"),
    (lambda c: ("D has won", "0.999", "0.001"), r"it returns a string \(str\) where a number is"),
]


def ratio(curves, part=slice(None)):
    return curves["grad_norm_g"][part] / curves["grad_norm_d"][part]


def starved(reduce, name="no gradient reaches G"):
    return lambda curves: (name, reduce(curves))


def median_by_sorting(curves):
    found = sorted(
        g / d for g, d in zip(curves["grad_norm_g"][-200:], curves["grad_norm_d"][-200:], strict=True)
    )
    return "No gradient reaches G", (found[99] + found[100]) / 2


RIGHT["patient_2"] = [
    solutions.patient_2,
    median_by_sorting,
    starved(lambda c: statistics.median(ratio(c)[-200:])),
    starved(lambda c: statistics.median_low(ratio(c, LAST))),
    starved(lambda c: sorted(ratio(c, LAST))[100]),
    starved(lambda c: torch.from_numpy(ratio(c, LAST)).median()),
    starved(lambda c: np.quantile(ratio(c, LAST), 0.5), "no gradient reaches g"),
    starved(lambda c: float(np.percentile(NORM_G(c) / NORM_D(c), 50)), "no_gradient_reaches_G"),
    starved(lambda c: torch.quantile(torch.tensor(ratio(c, LAST)), 0.5)),
]  # fmt: skip
WRONG["patient_2"] = [
    (starved(lambda c: ratio(c, LAST).mean()), "it should be the median"),
    (starved(lambda c: np.median(1 / ratio(c, LAST))), "reciprocal"),
    (starved(lambda c: np.median(ratio(c))), "uses all steps"),
    (starved(lambda c: np.median(ratio(c, slice(200)))), "first 200 steps"),
    (starved(lambda c: np.median(ratio(c, slice(-199, None)))), "more or one fewer|199"),
    (starved(lambda c: np.median(ratio(c, slice(-201, None)))), "more or one fewer|201"),
    (starved(lambda c: np.median(ratio(c, slice(-100, None)))), "last 100"),
    (starved(lambda c: np.median(NORM_G(c)) / np.median(NORM_D(c))), "one median divided by another"),
    (starved(lambda c: NORM_G(c).mean() / NORM_D(c).mean()), "one mean divided by another"),
    (starved(lambda c: np.median(NORM_G(c))), "divide by D's"),
    (starved(lambda c: ratio(c)[-1]), "last step only"),
    (starved(lambda c: 0.0053), "it gives the same value for every run:"),
    (
        starved(lambda c: float(np.median(ratio(c, LAST)) < 0.05)),
        "it gives the same value for every run:",
    ),
    (starved(lambda c: bool(np.median(ratio(c, LAST)) < 0.05)), "returns a bool"),
    (starved(lambda c: np.median(ratio(c, LAST)), "D has won"), "patient 1's D had won, too"),
    (starved(lambda c: np.median(ratio(c, LAST)), "dead game"), "does not fit"),
    (starved(lambda c: np.median(ratio(c, LAST)), "noise"), "the effect on the faces"),
    (starved(lambda c: np.median(ratio(c, LAST)), "no_detach"), "not in the list"),
    (starved(lambda c: ratio(c, LAST)), "200 numbers where one"),
    (lambda c: np.median(ratio(c, LAST)), "returns a float64, expected the failure's name and a number"),
    (starved(lambda c: c["grad_g"]), "raised KeyError"),
]


def fooled(reduce, name="D is fooled"):
    return lambda curves: (name, reduce(curves))


def fooled_by_loop(curves):
    count = 0
    for real, fake in list(zip(curves["d_real"], curves["d_fake"], strict=True))[-200:]:
        if fake > real:
            count += 1
    return "D is fooled", count / 200


RIGHT["patient_3"] = [
    solutions.patient_3,
    fooled_by_loop,
    fooled(lambda c: np.count_nonzero(D_FAKE(c) > D_REAL(c)) / 200),
    fooled(lambda c: sum(f > r for f, r in zip(D_FAKE(c), D_REAL(c), strict=True)) / len(D_FAKE(c))),
    fooled(lambda c: (torch.tensor(D_FAKE(c)) > torch.tensor(D_REAL(c))).double().mean(), "D IS FOOLED"),
    fooled(lambda c: 1 - (D_REAL(c) >= D_FAKE(c)).mean()),
    fooled(lambda c: statistics.mean(int(x) for x in D_FAKE(c) - D_REAL(c) > 0), "d-is-fooled"),
    fooled(lambda c: np.where(D_FAKE(c) > D_REAL(c), 1.0, 0.0).mean().astype(np.float32)),
    fooled(lambda c: (torch.from_numpy(D_FAKE(c) - D_REAL(c)) > 0).float().mean().item()),
]
WRONG["patient_3"] = [
    (fooled(lambda c: (c["d_fake"] > c["d_real"]).mean()), "uses all steps"),
    (fooled(lambda c: (c["d_fake"] > c["d_real"])[:200].mean()), "first 200"),
    (fooled(lambda c: (c["d_fake"] > c["d_real"])[-199:].mean()), "199 steps"),
    (fooled(lambda c: (c["d_fake"] > c["d_real"])[-201:].mean()), "201 steps"),
    (fooled(lambda c: (c["d_fake"] > c["d_real"])[-100:].mean()), "last 100|it gives"),
    (fooled(lambda c: (D_FAKE(c) > D_REAL(c)).sum()), "number of steps"),
    (fooled(lambda c: 100 * (D_FAKE(c) > D_REAL(c)).mean()), "percentage"),
    (fooled(lambda c: (D_FAKE(c) >= D_REAL(c)).mean()), "equal do not count"),
    (fooled(lambda c: (D_REAL(c) > D_FAKE(c)).mean()), r"D\(x\) is larger"),
    (fooled(lambda c: (D_FAKE(c) > 0.5).mean()), "with 0.5"),
    (fooled(lambda c: (D_FAKE(c) - D_REAL(c)).mean()), "count steps"),
    (fooled(lambda c: (c["d_fake_after"][LAST] > D_REAL(c)).mean()), "the column is d_fake|it gives"),
    (fooled(lambda c: D_FAKE(c).mean() > D_REAL(c).mean()), "returns a bool|where a number"),
    (fooled(lambda c: 0.955), "it gives"),
    (fooled(lambda c: 0.95), "it gives the same value for every run:"),
    (fooled(lambda c: D_FAKE(c) > D_REAL(c)), "200 numbers"),
    (fooled(lambda c: (D_FAKE(c) > D_REAL(c)).mean(), "noise"), "the effect on the faces"),
    (fooled(lambda c: (D_FAKE(c) > D_REAL(c)).mean(), "D has won"), "which of the two curves"),
    (fooled(lambda c: (D_FAKE(c) > D_REAL(c)).mean(), "mode collapse"), "not about how much the faces differ"),
    (fooled(lambda c: (D_FAKE(c) > D_REAL(c)).mean(), "G has won"), "not in the list"),
    (lambda c: ((D_FAKE(c) > D_REAL(c)).mean(), "D is fooled"), "its first value"),
    (lambda c: {"D is fooled": 0.95}, "returns a dict"),
]  # fmt: skip


def jumpy(measure, name="learning rate too high"):
    """The measure of the patient over that of the healthy run."""
    return lambda curves, healthy: (name, measure(curves["loss_d"]) / measure(healthy["loss_d"]))


def changes(loss, steps=1000):
    return np.abs(np.diff(loss[:steps]))


def jumps_by_loop(curves, healthy):
    means = []
    for run in (curves, healthy):
        loss, total = run["loss_d"], 0.0
        for i in range(1, 1000):
            total += abs(loss[i] - loss[i - 1])
        means.append(total / 999)
    return "Learning rate too high", means[0] / means[1]


def jumps_by_step(curves, healthy):
    of = [
        statistics.fmean(abs(b - a) for a, b in itertools.pairwise(r["loss_d"][r["step"] <= 1000]))
        for r in (curves, healthy)
    ]
    return "learning_rate_too_high", of[0] / of[1]


RIGHT["patient_4"] = [
    solutions.patient_4,
    jumps_by_loop,
    jumps_by_step,
    jumpy(lambda x: torch.from_numpy(x[:1000]).diff().abs().mean()),
    jumpy(lambda x: np.abs(x[1:1000] - x[:999]).mean()),
    jumpy(lambda x: changes(x).sum()),
    jumpy(lambda x: np.abs(np.ediff1d(x[:1000])).mean(), "LEARNING RATE TOO HIGH"),
    jumpy(lambda x: np.linalg.norm(np.diff(x[:1000]), ord=1)),
    lambda c, h: ("learning rate too high", float(np.mean(changes(c["loss_d"])) / np.mean(changes(h["loss_d"])))),
]  # fmt: skip
WRONG["patient_4"] = [
    (lambda c, h: ("learning rate too high", changes(c["loss_d"]).mean()), "divide by the healthy run's"),
    (lambda c, h: jumpy(lambda x: changes(x).mean())(h, c), "reciprocal"),
    (jumpy(lambda x: changes(x, None).mean()), "uses all steps"),
    (jumpy(lambda x: np.abs(np.diff(x[-1000:])).mean()), "last 1,000"),
    (jumpy(lambda x: np.abs(np.diff(x[-200:])).mean()), "last 200"),
    (jumpy(lambda x: changes(x, 999).mean()), "it uses 999 values, which have 998 changes"),
    (jumpy(lambda x: changes(x, 1001).mean()), "1,001 values"),
    (jumpy(lambda x: np.diff(x[:1000]).mean()), "signs of the changes cancel"),
    (jumpy(lambda x: np.square(np.diff(x[:1000])).mean()), "squares the changes; take"),
    (jumpy(lambda x: np.square(np.diff(x[:1000])).mean() ** 0.5), "takes a root"),
    (jumpy(lambda x: np.median(changes(x))), "medians"),
    (jumpy(lambda x: x[:1000].std()), "standard deviations"),
    (jumpy(lambda x: np.diff(x[:1000]).std()), "it gives|takes a root"),
    (jumpy(lambda x: x[:1000].max()), "it gives"),
    (
        lambda c, h: ("learning rate too high", changes(c["loss_d"]).mean() / changes(h["loss_d"], None).mean()),
        "of both",
    ),
    (
        lambda c, h: ("learning rate too high", changes(c["loss_g"]).mean() / changes(h["loss_g"]).mean()),
        "take D's",
    ),
    (lambda c, h: ("learning rate too high", 4.36), "it gives|do not round"),
    (lambda c, h: ("learning rate too high", changes(c["loss_d"]).mean() - changes(h["loss_d"]).mean()), r"that is a difference; it should be a ratio\."),
    (jumpy(lambda x: changes(x).mean(), "D has won"), "describes the end, after"),
    (jumpy(lambda x: changes(x).mean(), "D pulls away"), "describes the end, after"),
    (jumpy(lambda x: changes(x).mean(), "numerical failure"), "all numbers are finite"),
    (jumpy(lambda x: changes(x).mean(), "high_learning_rate"), "not in the list"),
    (lambda c: ("learning rate too high", 1.0), "it is called with curves, healthy, in this"),
    (lambda c, h: ("learning rate too high", changes(c["loss_d"])), "999 numbers where one is expected"),
]  # fmt: skip


def collapsed(variety, name="mode collapse"):
    return lambda fakes, real: (name, variety(fakes) / variety(real))


def rms(a, b):
    return float(((a - b) ** 2).mean()) ** 0.5


def variety_by_pairs(images):
    return statistics.fmean(rms(a, b) for a, b in itertools.combinations(images, 2))


def variety_by_permutations(images):
    found = [rms(images[i], images[j]) for i in range(len(images)) for j in range(len(images)) if i != j]
    return sum(found) / len(found)


def variety_by_numpy(images):
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    square = ((flat[:, None] - flat[None]) ** 2).mean(-1)
    return np.sqrt(square)[np.triu_indices(len(flat), 1)].mean()


def variety_by_cdist(images):
    flat = images.flatten(1)
    return torch.cdist(flat, flat).sum() / (len(flat) * (len(flat) - 1)) / math.sqrt(flat[0].numel())


def variety_by_lists(images):
    flat = images.flatten(1).tolist()
    found = []
    for i in range(len(flat)):
        for j in range(i):
            total = sum((a - b) ** 2 for a, b in zip(flat[i], flat[j], strict=True))
            found.append(math.sqrt(total / len(flat[i])))
    return sum(found) / len(found)


def pairs(images):
    flat = images.double().flatten(1)
    return torch.pdist(flat) / flat.shape[1] ** 0.5


RIGHT["patient_5"] = [
    solutions.patient_5,
    collapsed(variety_by_pairs),
    collapsed(variety_by_permutations, "Mode Collapse"),
    collapsed(variety_by_numpy),
    collapsed(variety_by_cdist),
    collapsed(variety_by_lists),
    collapsed(lambda x: torch.pdist(x.flatten(1)).mean(), "mode_collapse"),
    collapsed(lambda x: variety_by_numpy(x.numpy() * 127.5)),
    collapsed(lambda x: float(np.mean(pairs(x).numpy())), "modecollapse"),
]
WRONG["patient_5"] = [
    (lambda f, r: ("mode collapse", variety_by_numpy(f)), "the fakes only"),
    (lambda f, r: ("mode collapse", variety_by_numpy(r) / variety_by_numpy(f)), "reciprocal"),
    (lambda f, r: ("mode collapse", variety_by_numpy(f) - variety_by_numpy(r)), "a difference"),
    (collapsed(lambda x: pairs(x).square().mean().sqrt()), "take the root for each pair"),
    (collapsed(lambda x: pairs(x).square().mean()), "root is missing"),
    (collapsed(lambda x: torch.pdist(x.double().flatten(1), p=1).mean() / x[0].numel()), "absolute differences"),
    (collapsed(lambda x: pairs(x).sum()), "take their mean"),
    (collapsed(lambda x: pairs(x).median()), "median of the pairs"),
    (collapsed(lambda x: torch.cdist(x.flatten(1), x.flatten(1)).mean()), "compared with itself"),
    (collapsed(lambda x: x.std()), "standard deviation of all pixels"),
    (collapsed(lambda x: x.std(0).mean()), "standard deviation of each pixel"),
    (collapsed(lambda x: (x[1:] - x[:-1]).flatten(1).square().mean(1).sqrt().mean()), "neighbors only"),
    (collapsed(lambda x: pairs(x).max()), "it takes the largest distance; it should be"),
    (collapsed(lambda x: rms(x[0], x[1])), "it compares the first two pictures only;"),
    (collapsed(lambda x: pairs(x[:5]).mean()), "it gives"),
    (collapsed(lambda x: pairs(x - x.mean((2, 3), keepdim=True)).mean()), "it gives"),
    (collapsed(lambda x: pairs(x.mean(1)).mean()), r"it averages the colors before comparing\."),
    (lambda f, r: ("mode collapse", 0.146), "it gives|do not round"),
    (lambda f, r: ("mode collapse", torch.pdist(torch.cat([f, r]).flatten(1)).mean()), "it gives|raised"),
    (collapsed(variety_by_numpy, "noise"), "how much the faces differ"),
    (collapsed(variety_by_numpy, "D is fooled"), "the number is about the faces"),
    (collapsed(variety_by_numpy, "nothing changes"), "does not fit"),
    (collapsed(variety_by_numpy, "collapse"), "not in the list"),
    (lambda f, r: ("mode collapse", pairs(f) / pairs(r).mean()), "where one is expected"),
    (lambda f, r: ("mode collapse", float(pairs(f.mul_(2)).mean() / pairs(r).mean() / 2)), "in place"),
]  # fmt: skip


def overfit(measure, name="D overfits"):
    return lambda train, held_out, fakes: (name, measure(train, held_out, fakes))


def r_v_by_lists(train, held_out, fakes):
    a, b, c = (sum(x.tolist()) / len(x) for x in (train, held_out, fakes))
    return "d overfits", (a - b) / (a - c)


def r_v_by_numpy(train, held_out, fakes):
    a, b, c = (np.mean(np.asarray(x, np.float64)) for x in (train, held_out, fakes))
    return "D overfits", (b - a) / (c - a)


def r_v(t, h, f):
    return (t.mean() - h.mean()) / (t.mean() - f.mean())


RIGHT["patient_6"] = [
    solutions.patient_6,
    r_v_by_lists,
    r_v_by_numpy,
    overfit(r_v),
    overfit(lambda t, h, f: 1 - (h.mean() - f.mean()) / (t.mean() - f.mean())),
    overfit(lambda t, h, f: statistics.fmean(t.tolist()) * 0 + r_v(t.double(), h.double(), f.double()).item()),
    overfit(lambda t, h, f: torch.sub(t.mean(), h.mean()).div(t.mean().sub(f.mean())), "D_OVERFITS"),
    overfit(lambda t, h, f: r_v(t.numpy(), h.numpy(), f.numpy())),
    overfit(lambda t, h, f: (t.sum() / len(t) - h.sum() / len(h)) / (t.sum() / len(t) - f.sum() / len(f))),
]  # fmt: skip
WRONG["patient_6"] = [
    (overfit(lambda t, h, f: 1 / r_v(t, h, f)), "reciprocal"),
    (overfit(lambda t, h, f: -r_v(t, h, f)), "sign is wrong"),
    (overfit(lambda t, h, f: 1 - r_v(t, h, f)), "1 - r_v"),
    (overfit(lambda t, h, f: (t.mean() - h.mean()) / (h.mean() - f.mean())), "denominator"),
    (overfit(lambda t, h, f: t.mean() - h.mean()), "numerator only"),
    (overfit(lambda t, h, f: (t.median() - h.median()) / (t.median() - f.median())), "medians"),
    (overfit(lambda t, h, f: r_v(t.sigmoid(), h.sigmoid(), f.sigmoid())), "probabilities"),
    (overfit(lambda t, h, f: t.sign().mean()), "that is r_t"),
    (overfit(lambda t, h, f: (t.sum() - h.sum()) / (t.sum() - f.sum())), "adds up"),
    (overfit(lambda t, h, f: (t[0] - h[0]) / (t[0] - f[0])), "first logit"),
    (overfit(lambda t, h, f: t.mean() - h.mean() / t.mean() - f.mean()), "parentheses are missing"),
    (overfit(lambda t, h, f: r_v(t, f, h)), "reciprocal"),
    (overfit(lambda t, h, f: r_v(h, t, f)), "held-out faces are exchanged"),
    (overfit(lambda t, h, f: h.mean() / t.mean()), "it divides two means; r_v divides"),
    (overfit(lambda t, h, f: 0.71), "it gives"),
    (overfit(lambda t, h, f: ((t - h) / (t - f)).mean()), "raised RuntimeError"),
    (overfit(lambda t, h, f: (t.mean() - h) / (t.mean() - f.mean())), "24 numbers where one"),
    (overfit(lambda t, h, f: round(float(r_v(t, h, f)), 2)), "do not round"),
    (overfit(r_v, "D pulls away"), "but not the cause"),
    (overfit(r_v, "D has won"), "on which faces"),
    (overfit(r_v, "overfitting"), "not in the list"),
    (lambda t, h, f: r_v(t, h, f), "returns a tensor"),
]
