"""Right and wrong solutions of notebook 3's exercises."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from facegan import losses
from facegan.course import solutions

RIGHT, BUT, WRONG = {}, {}, {}


bce = F.binary_cross_entropy_with_logits


def sigmoid_twice(real, fake):
    r, f = real.sigmoid(), fake.sigmoid()
    return bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))


def naive_log(real, fake):
    return -(torch.log(torch.sigmoid(real)) + torch.log(1 - torch.sigmoid(fake))).mean()


def by_probabilities(real, fake):
    probabilities = torch.cat([real, fake]).sigmoid()
    labels = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    return F.binary_cross_entropy(probabilities, labels)


RIGHT["discriminator_loss"] = [
    losses.bce_discriminator,
    lambda r, f: bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f)),
    lambda r, f: -(F.logsigmoid(r) + F.logsigmoid(-f)).mean(),
    lambda r, f: (
        torch.logaddexp(torch.zeros_like(r), -r).mean() + torch.logaddexp(torch.zeros_like(f), f).mean()
    ),
]
WRONG["discriminator_loss"] = [
    (lambda r, f: bce(r, torch.zeros_like(r)) + bce(f, torch.ones_like(f)), "labels are swapped"),
    (lambda r, f: bce(r, torch.ones_like(r)), "real images only"),
    (lambda r, f: bce(f, torch.zeros_like(f)), "fakes only"),
    (sigmoid_twice, "sigmoid is applied twice"),
    (naive_log, "a sigmoid underflows|clipped"),
    (by_probabilities, "intermediate value is clipped"),
    (lambda r, f: F.softplus(-r) + F.softplus(f), "returns 7 numbers"),
    (lambda r, f: (F.softplus(-r) + F.softplus(f)).sum(), "grows with the batch"),
    (
        lambda r, f: (bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))).item(),
        r"it returns a float, expected a tensor\.",
    ),
    (lambda r, f: losses.bce_discriminator(r.detach(), f), "no gradient reaches the logits"),
    (lambda r, f: losses.bce_discriminator(r, f).detach(), "no gradient reaches the logits"),
    (lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean(), "that is least squares of the logits; here D"),
    (lambda r, f: f.mean() - r.mean(), "that is the loss of a Wasserstein critic;"),
    (
        lambda r, f: losses.bce_discriminator(r.clamp(-20, 20), f.clamp(-20, 20)),
        "intermediate value is clipped",
    ),
]


RIGHT["generator_loss"] = [
    losses.bce_generator,
    lambda f: bce(f, torch.ones_like(f)),
    lambda f: F.softplus(-f).mean(),
    lambda f: -F.logsigmoid(f).mean(),
    lambda f: nn.BCEWithLogitsLoss()(f, torch.full_like(f, 1.0)),
    lambda f: torch.logaddexp(torch.zeros_like(f), -f).sum() / len(f),
]
WRONG["generator_loss"] = [
    (losses.minimax_generator, "the saturating loss"),
    (lambda f: bce(f, torch.zeros_like(f)), "is D's goal"),
    (lambda f: F.logsigmoid(f).mean(), "its sign is wrong"),
    (lambda f: bce(f.sigmoid(), torch.ones_like(f)), "applied twice"),
    (lambda f: F.softplus(-f), "returns 9 numbers"),
    (lambda f: F.softplus(-f).sum(), "grows with the batch"),
    (lambda f: -torch.log(torch.sigmoid(f)).mean(), "underflows"),
    (lambda f: F.binary_cross_entropy(f.sigmoid(), torch.ones_like(f)), "clipped on the way|expected"),
    (lambda f: F.softplus(-f.detach()).mean(), "no gradient reaches the logits"),
    (lambda f: -f.mean(), "that is the loss of a Wasserstein"),
    (lambda f: float(F.softplus(-f).mean()), "returns a float"),
    (lambda f: F.softplus(-f).mean() / 2, r"it is half of the loss\."),
]


def step(g, d, og, od, real, z, *, detach=True, zero_d=True, zero_g=True, old_d=False, swap=False,
         fake_label=0.0, real_part=True, fake_part=True, reduce="mean", extra_d=False, g_label=1.0,
         saturating=False, g_first=False, result="tuple", step_d=True, step_g=True, backward_g=True, half=1.0):  # fmt: skip
    def generator_part():
        if zero_g:
            og.zero_grad()
        logits = d_old(g(z)) if old_d else d(fake)
        loss = -F.softplus(logits).mean() if saturating else bce(logits, torch.full_like(logits, g_label))
        if backward_g:
            loss.backward()
        if step_g:
            og.step()
        if extra_d:
            od.step()
        return loss

    fake = g(z)
    d_old = copy.deepcopy(d)
    loss_g = generator_part() if g_first else None
    if g_first:
        fake = g(z)
    if zero_d:
        od.zero_grad()
    seen = fake.detach() if detach else fake
    real_label, other = (0.0, 1.0) if swap else (1.0, fake_label)
    real_logits, fake_logits = d(real), d(seen)
    loss_d = 0
    if real_part:
        loss_d = loss_d + bce(real_logits, torch.full_like(real_logits, real_label), reduction=reduce)
    if fake_part:
        loss_d = loss_d + bce(fake_logits, torch.full_like(fake_logits, other), reduction=reduce)
    loss_d = half * loss_d
    loss_d.backward(retain_graph=not detach)
    if step_d:
        od.step()
    if not g_first:
        loss_g = generator_part()
    if result == "graph":
        return loss_d, loss_g
    return {"tuple": (loss_d.item(), loss_g.item()), "none": None, "one": loss_d.item()}[result]


def with_options(**options):
    return lambda *arguments: step(*arguments, **options)


def step_with_new_fakes(g, d, og, od, real, z):
    od.zero_grad(set_to_none=True)
    with torch.no_grad():
        fake = g(z)
    loss_d = F.softplus(-d(real)).mean() + F.softplus(d(fake)).mean()
    loss_d.backward()
    od.step()
    g.zero_grad()
    d.requires_grad_(False)
    loss_g = F.softplus(-d(g(z))).mean()
    loss_g.backward()
    d.requires_grad_(True)
    og.step()
    return [loss_d.detach(), loss_g.detach()]


def step_with_two_backwards(g, d, og, od, real, z):
    d.zero_grad()
    fake = g(z)
    loss_real = bce(d(real), torch.ones(len(real)))
    loss_real.backward()
    loss_fake = bce(d(fake.detach()), torch.zeros(len(real)))
    loss_fake.backward()
    od.step()
    g.zero_grad()
    loss_g = bce(d(fake), torch.ones(len(real)))
    loss_g.backward()
    og.step()
    return (loss_real + loss_fake).item(), loss_g.item()


def step_in_one_batch(g, d, og, od, real, z):
    fake = g(z)
    labels = torch.cat([torch.ones(len(real)), torch.zeros(len(z))])
    loss_d = bce(d(torch.cat([real, fake.detach()])), labels)
    for optimizer, loss in ((od, loss_d),):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss_g = losses.bce_generator(d(fake))
    og.zero_grad()
    loss_g.backward()
    og.step()
    return loss_d.detach(), loss_g.detach()


def step_through_d_grad(g, d, og, od, real, z):
    """One optimizer steps both networks' gradients by hand."""
    result = solutions.train_step(g, d, og, od, real, z)
    with torch.no_grad():
        for p in d.parameters():
            p -= 0.1 * p.grad
    return result


def step_with_fresh_noise(g, d, og, od, real, z):
    return solutions.train_step(g, d, og, od, real, torch.randn_like(z))


RIGHT["train_step"] = [
    solutions.train_step,
    step,
    step_with_new_fakes,
    step_with_two_backwards,
    with_options(detach=False),  # wasteful, but G's gradients are cleared before its own backward
]
WRONG["train_step"] = [
    (with_options(detach=False, zero_g=False), "discriminator loss also sent gradients into the generator"),
    (with_options(zero_d=False), "zero_grad is missing"),
    (with_options(zero_g=False), "G steps with gradients of the previous step"),
    (with_options(swap=True), "labels are swapped"),
    (with_options(fake_label=1.0), "fakes are real"),
    (with_options(fake_part=False), "real images only"),
    (with_options(real_part=False), "fakes only"),
    (with_options(reduce="sum"), "sum over the batch"),
    (with_options(extra_d=True), "optimizer_d steps 2 times"),
    (with_options(g_label=0.0), "its label is wrong"),
    (with_options(saturating=True), "the saturating loss"),
    (with_options(old_d=True), "uses D from before its step"),
    (with_options(g_first=True), "G steps before D"),
    (with_options(step_d=False), "optimizer_d never steps"),
    (with_options(step_g=False), "optimizer_g never steps"),
    (with_options(backward_g=False), "G steps|G's gradient differs from|backward"),
    (with_options(result="none"), r"it returns nothing \(None\), expected both"),
    (with_options(result="one"), "it returns a float, expected both losses:"),
    (with_options(result="graph"), "still hold their graphs"),
    (step_through_d_grad, "also changed the discriminator"),
    (step_with_fresh_noise, "fakes from the given z"),
]


@torch.no_grad()
def average_by_parts(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_(m, alpha=1 - decay)
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(m)


def average_by_state(average, model, decay):
    new = model.state_dict()
    mixed = {
        k: (decay * v + (1 - decay) * new[k]) if v.is_floating_point() else new[k]
        for k, v in average.state_dict().items()
    }
    average.load_state_dict(mixed)


def average_by_data(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.data = decay * a.data + (1 - decay) * m.data
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.data.copy_(m.data)


def average_by_foreach(average, model, decay):
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        for a, m in zip(average.buffers(), model.buffers(), strict=True):
            a.lerp_(m, 1 - decay) if a.is_floating_point() else a.copy_(m)


@torch.no_grad()
def average_parameters_only(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(m, 1 - decay)


def average_with_graph(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_(m, alpha=1 - decay)


@torch.no_grad()
def average_buffers_only(average, model, decay):
    for a, m in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(m)


def average_the_model(average, model, decay):
    average_by_parts(model, average, decay)


def average_rebound(average, model, decay):
    for a, m in zip(average.parameters(), model.parameters(), strict=True):
        a = decay * a + (1 - decay) * m


def average_shared(average, model, decay):
    average_by_parts(average, model, decay)
    average[0].weight.data = model[0].weight.data


def average_both_in_sum(average, model, decay):
    with torch.no_grad():
        for a, m in zip(average.parameters(), model.parameters(), strict=True):
            a.add_(m)
    average_buffers_only(average, model, decay)


RIGHT["update_average"] = [
    solutions.update_average,
    average_by_parts,
    average_by_state,
    average_by_data,
    average_by_foreach,
]
WRONG["update_average"] = [
    (average_parameters_only, "buffers, not parameters"),
    (lambda a, m, d: average_by_parts(a, m, 1 - d), "keeps nine tenths of the average"),
    (lambda a, m, d: a.load_state_dict(m.state_dict()), "copied from the model"),
    (average_with_graph, "RuntimeError"),
    (average_buffers_only, "the parameters of the average do not move"),
    (average_the_model, "changes the model"),
    (average_rebound, "do not move"),
    (average_shared, "copied from the model|shares its memory|do not become"),
    (average_both_in_sum, "the whole model is added, and the average"),
    (lambda a, m, d: copy.deepcopy(a), "do not move"),
    (lambda a, m, d: average_by_parts(a, m, d / 2), "keeps 0.45 of itself"),
]


def step_leaving(g, d, og, od, real, z, *, spoil):
    losses = step(g, d, og, od, real, z)
    spoil(g, d)
    return losses


def step_with_d_in_eval_mode(g, d, og, od, real, z):
    od.zero_grad()
    fake = g(z)
    loss_d = losses.bce_discriminator(d(real), d(fake.detach()))
    loss_d.backward()
    od.step()
    d.eval()
    og.zero_grad()
    loss_g = losses.bce_generator(d(fake))
    loss_g.backward()
    og.step()
    d.train()
    return loss_d.detach(), loss_g.detach()


WRONG["train_step"] += [
    (lambda *a: step_leaving(*a, spoil=lambda g, d: g.eval()), "leaves G in eval mode"),
    (lambda *a: step_leaving(*a, spoil=lambda g, d: d.requires_grad_(False)), "leaves D frozen"),
    (step_with_d_in_eval_mode, "D runs in eval mode"),
]


def average_by_replacing(average, model, decay):
    for mean, new in zip(average.modules(), model.modules(), strict=True):
        for name, p in list(mean.named_parameters(recurse=False)):
            setattr(mean, name, nn.Parameter(decay * p.data + (1 - decay) * getattr(new, name).data))
    for mean, new in zip(average.buffers(), model.buffers(), strict=True):
        mean.copy_(new)


def average_with_a_decay_of_its_own(average, model, decay):
    solutions.update_average(average, model, 0.9)


WRONG["update_average"] += [
    (average_by_replacing, "replaces the parameters"),
    (average_with_a_decay_of_its_own, "is a decay hard-coded"),
]


BUT["discriminator_loss"] = [
    (
        lambda r, f: (F.softplus(-r).mean() + F.softplus(f).mean()) / 2,
        "it averages the two halves. The text adds",
    ),
    (
        lambda r, f: nn.BCEWithLogitsLoss()(
            torch.cat([r, f]), torch.cat([torch.ones_like(r), torch.zeros_like(f)])
        ),
        "it averages the two halves. The text adds",
    ),
]


BUT["train_step"] = [
    (step_in_one_batch, "D learns from half of its loss; the text"),
    (with_options(half=0.5), "D learns from half of its loss; the text"),
]
