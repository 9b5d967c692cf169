"""More solutions of notebook 3's exercises, in other styles: labels in one batch, helpers, contexts, hand-written steps."""

import contextlib
import copy
import functools

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parameters_to_vector

from facegan.course import solutions

RIGHT, BUT, WRONG = {}, {}, {}
bce = F.binary_cross_entropy_with_logits


def d_with_criterion(real_logits, fake_logits):
    criterion = nn.BCEWithLogitsLoss()
    real_loss = criterion(real_logits, torch.ones(real_logits.size(0)))
    fake_loss = criterion(fake_logits, torch.zeros(fake_logits.size(0)))
    return real_loss + fake_loss


def d_by_label(real_logits, fake_logits):
    return sum(bce(x, torch.full_like(x, label)) for x, label in ((real_logits, 1.0), (fake_logits, 0.0)))


def d_by_sum(real: torch.Tensor, fake: torch.Tensor, reduction: str = "sum") -> torch.Tensor:
    total = bce(real, torch.ones_like(real), reduction=reduction) + bce(
        fake, torch.zeros_like(fake), reduction=reduction
    )
    return total / real.numel()


def d_by_logsumexp(r, f):
    zero = torch.zeros_like(r)
    return (
        torch.logsumexp(torch.stack([zero, -r]), 0).mean() + torch.logsumexp(torch.stack([zero, f]), 0).mean()
    )


def d_by_relu(r, f):
    def softplus(x):
        return x.relu() + torch.log1p(torch.exp(-x.abs()))

    return torch.mean(softplus(-r) + softplus(f))


def d_by_cross_entropy(r, f):
    two = torch.stack([torch.zeros(len(r) + len(f)), torch.cat([r, f])], 1)
    return 2 * F.cross_entropy(two, torch.cat([torch.ones(len(r)), torch.zeros(len(f))]).long())


RIGHT["discriminator_loss"] = [
    d_with_criterion, d_by_label, d_by_sum, d_by_logsumexp, d_by_relu, d_by_cross_entropy,
    lambda r, f: -torch.mean(F.logsigmoid(r)) - torch.mean(F.logsigmoid(-f)),
    lambda r, f: -(F.logsigmoid(r).mean() + (F.logsigmoid(f) - f).mean()),
    functools.partial(lambda r, f, beta: F.softplus(-r, beta).mean().add(F.softplus(f, beta).mean()), beta=1),
    lambda r, f: torch.cat([F.softplus(-r), F.softplus(f)]).mean() * 2,
]  # fmt: skip
BUT["discriminator_loss"] = [
    (lambda r, f: (F.softplus(-r) + F.softplus(f)).mean() / 2, "averages the two halves"),
    (
        lambda r, f: 0.5 * bce(r, torch.ones_like(r)) + 0.5 * bce(f, torch.zeros_like(f)),
        "averages the two halves",
    ),
    (lambda r, f: bce(torch.cat([r, f]), torch.cat([torch.ones(len(r)), torch.zeros(len(f))])), "2 log 2"),
]
WRONG["discriminator_loss"] = [
    (lambda r, f: bce(r, torch.zeros_like(r)) + bce(f, torch.ones_like(f)), "labels are swapped"),
    (lambda r, f: bce(r, torch.ones_like(r)) + bce(f, torch.ones_like(f)), "it gives fakes the label 1"),
    (lambda r, f: bce(r, torch.zeros_like(r)) + bce(f, torch.zeros_like(f)), "real images the label 0"),
    (lambda r, f: bce(r, torch.ones_like(r)) - bce(f, torch.zeros_like(f)), "subtracted"),
    (lambda r, f: F.logsigmoid(r).mean() + F.logsigmoid(-f).mean(), "sign is wrong"),
    (lambda r, f: -(torch.log(r.sigmoid()) + torch.log(1 - f.sigmoid())).mean(), "underflows"),
    (lambda r, f: -(torch.log(r.sigmoid() + 1e-8) + torch.log(1 - f.sigmoid() + 1e-8)).mean(), "clipped"),
    (
        lambda r, f: (
            bce(r, torch.ones_like(r), reduction="sum") + bce(f, torch.zeros_like(f), reduction="sum")
        ),
        "grows with the batch",
    ),
    (
        lambda r, f: (
            bce(r, torch.ones_like(r), reduction="none") + bce(f, torch.zeros_like(f), reduction="none")
        ),
        "one per image",
    ),
    (lambda r, f: bce(r, 0.9 * torch.ones_like(r)) + bce(f, torch.zeros_like(f)), "smoothed"),
    (lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean(), "hinge"),
    (
        lambda r, f: (
            F.mse_loss(r.sigmoid(), torch.ones_like(r)) + F.mse_loss(f.sigmoid(), torch.zeros_like(f))
        ),
        "least squares of probabilities",
    ),
    (
        lambda r, f: bce(r.sigmoid(), torch.ones_like(r)) + bce(f.sigmoid(), torch.zeros_like(f)),
        "applied twice",
    ),
    (
        lambda r, f: (
            F.binary_cross_entropy(r, torch.ones_like(r)) + F.binary_cross_entropy(f, torch.zeros_like(f))
        ),
        "takes probabilities",
    ),
    (lambda r, f: bce(r, 1) + bce(f, 0), "raised"),
    (lambda r, f: bce(r, torch.ones(len(r), 1)) + bce(f, torch.zeros(len(f), 1)), "must be the same"),
    (lambda r, f: (bce(r, torch.ones_like(r)), bce(f, torch.zeros_like(f))), "2 values"),
    (lambda r, f: 2 * (F.softplus(-r).mean() + F.softplus(f).mean()), "twice as large as"),
    (
        lambda r, f: -torch.log(r.sigmoid().mean()) - torch.log(1 - f.sigmoid().mean()),
        "logarithm of the means",
    ),
    (
        lambda r, f: torch.tensor(float(F.softplus(-r).mean() + F.softplus(f).mean())),
        "no gradient reaches the logits",
    ),
    (lambda r, f: F.softplus(-r).mean() + F.softplus(f.detach()).mean(), "no gradient reaches the logits"),
    (lambda r, f: (1 - r.sigmoid()).mean() + f.sigmoid().mean(), "logarithms are missing"),
    (lambda r, f: F.softplus(-r).mean() * F.softplus(f).mean(), "multiplied"),
    (lambda r, f: -torch.log(r).mean() - torch.log(1 - f).mean(), "logarithm|NaN"),
    (lambda logits: logits.mean(), "it is called with real_logits, fake_logits"),
]
RIGHT["generator_loss"] = [
    lambda logits: nn.functional.binary_cross_entropy_with_logits(
        input=logits, target=torch.ones(len(logits))
    ),
    lambda x: bce(x, torch.ones_like(x), reduction="none").mean(),
    lambda x: torch.logsumexp(torch.stack([torch.zeros_like(x), -x]), 0).mean(),
    lambda f: torch.mean(-f * (f < 0) + torch.log1p(torch.exp(-f.abs()))),
    lambda f: torch.stack([F.softplus(-v) for v in f]).mean(),
    lambda f, target=1.0: bce(f, torch.full(f.shape, target)),
    lambda f: torch.einsum("i->", F.softplus(-f)) / f.numel(),
    lambda f: F.cross_entropy(torch.stack([torch.zeros_like(f), f], 1), torch.ones(len(f), dtype=torch.long)),
]
WRONG["generator_loss"] = [
    (lambda f: -bce(f, torch.zeros_like(f)), "saturating loss"),
    (lambda f: torch.log(1 - f.sigmoid()).mean(), "saturating loss"),
    (lambda f: bce(f, torch.zeros_like(f)), "is D's goal"),
    (lambda f: -bce(f, torch.ones_like(f)), "sign is wrong"),
    (lambda f: bce(f.sigmoid(), torch.ones_like(f)), "applied twice"),
    (lambda f: -f.mean(), "Wasserstein"),
    (lambda f: f.mean(), "mean logit"),
    (lambda f: (f - 1).square().mean(), "least squares"),
    (lambda f: F.mse_loss(f.sigmoid(), torch.ones_like(f)), "least squares of prob"),
    (lambda f: (1 - f.sigmoid()).mean(), "logarithm is missing"),
    (lambda f: -f.sigmoid().mean(), "logarithm is missing"),
    (lambda f: -torch.log(f.sigmoid().mean()), "logarithm of the mean"),
    (lambda f: -torch.log(f.sigmoid()).sum(), "grows with the batch"),
    (lambda f: -torch.log(f.sigmoid()).mean(), "underflows"),
    (lambda f: -torch.log(f.sigmoid().clamp(1e-7, 1)).mean(), "clipped"),
    (lambda f: bce(f, 0.9 * torch.ones_like(f)), "smoothed"),
    (lambda f: bce(f, torch.rand_like(f)), "random|expected"),
    (lambda f: -torch.log2(f.sigmoid()).mean(), "base 2"),
    (lambda f: F.softplus(-f), "9 numbers"),
    (lambda f: F.softplus(-f).mean().detach(), "no gradient reaches the logits"),
    (lambda f: F.softplus(-f).mean().item(), "a float, expected a tensor"),
    (lambda f: F.binary_cross_entropy(f, torch.ones_like(f)), "takes probabilities"),
    (lambda f: -torch.log(f).mean(), "logarithm of a negative|NaN"),
    (lambda r, f: F.softplus(-f).mean(), "it is called with fake_logits"),
    (lambda f: F.softplus(-f).mean() / 2, "half of the loss"),
    (lambda f: F.softplus(-f.squeeze(1)).mean(), "does not exist"),
]


def freeze(network):
    @contextlib.contextmanager
    def frozen():
        for p in network.parameters():
            p.requires_grad_(False)
        try:
            yield
        finally:
            for p in network.parameters():
                p.requires_grad_(True)

    return frozen()


def step_with_frozen_networks(generator, discriminator, optimizer_g, optimizer_d, real, z):
    with freeze(generator):
        optimizer_d.zero_grad()
        loss_d = d_with_criterion(discriminator(real), discriminator(generator(z)))
        loss_d.backward()
        optimizer_d.step()
    with freeze(discriminator):
        optimizer_g.zero_grad()
        loss_g = bce(discriminator(generator(z)), torch.ones(len(z)))
        loss_g.backward()
        optimizer_g.step()
    return loss_d.detach(), loss_g.detach()


def step_by_autograd(g, d, og, od, real, z):
    fake = g(z)
    loss_d = d_by_label(d(real), d(fake.detach()))
    for p, grad in zip(d.parameters(), torch.autograd.grad(loss_d, list(d.parameters())), strict=True):
        p.grad = grad
    od.step()
    loss_g = F.softplus(-d(fake)).mean()
    for p, grad in zip(g.parameters(), torch.autograd.grad(loss_g, list(g.parameters())), strict=True):
        p.grad = grad
    og.step()
    return loss_d.item(), loss_g.item()


def step_with_helper(g, d, og, od, real, z):
    def update(optimizer, loss):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = None
        loss().backward()
        optimizer.step()
        return loss().detach()

    fake = g(z)
    before = d_by_label(d(real), d(fake.detach())).detach(), None
    update(od, lambda: d_by_label(d(real), d(fake.detach())))
    loss_g = F.softplus(-d(g(z))).mean().item()
    update(og, lambda: F.softplus(-d(g(z))).mean())
    return before[0], loss_g


def step_inference(g, d, og, od, real, z):
    for network in (g, d):
        network.train()
        network.zero_grad(set_to_none=False)
    with torch.no_grad():
        fake = g(z)
    real_logits, fake_logits = d(torch.cat([real, fake])).split([len(real), len(fake)])
    loss_d = solutions.discriminator_loss(real_logits, fake_logits)
    loss_d.backward()
    od.step()
    for p in d.parameters():
        p.requires_grad = False
    loss_g = solutions.generator_loss(d(g(z)))
    loss_g.backward()
    for p in d.parameters():
        p.requires_grad = True
    og.step()
    return torch.stack([loss_d, loss_g]).detach().unbind()


def step_one_loop(g, d, og, od, real, z):
    losses = []
    for optimizer, loss in (
        (od, lambda: d_by_label(d(real), d(g(z).detach()))),
        (og, lambda: bce(d(g(z)), torch.ones(len(z)))),
    ):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        losses.append(float(value))
    return losses


def step_with_grads(g, d, og, od, real, z):
    with torch.enable_grad():
        od.zero_grad(set_to_none=True)
        fake = g(z)
        l_real, l_fake = F.softplus(-d(real)).mean(), F.softplus(d(fake.detach())).mean()
        (l_real + l_fake).backward()
        od.step()
        og.zero_grad(set_to_none=True)
        l_g = F.softplus(-d(fake)).mean()
        l_g.backward(inputs=list(g.parameters()))
        og.step()
    return (l_real + l_fake).detach().clone(), l_g.detach().clone()


def step_closure(g, d, og, od, real, z):
    def d_closure():
        od.zero_grad()
        loss = d_by_label(d(real), d(g(z).detach()))
        loss.backward()
        return loss

    def g_closure():
        og.zero_grad()
        loss = bce(d(g(z)), torch.ones(len(z)))
        loss.backward()
        return loss

    loss_d = d_closure()
    od.step()
    loss_g = g_closure()
    og.step()
    return loss_d.detach(), loss_g.detach()


def step_detached_copy(g, d, og, od, real, z):
    fake = g(z)
    fixed = fake.clone().detach()
    d.zero_grad()
    d_loss = F.softplus(-d(real)).mean() + F.softplus(d(fixed)).mean()
    d_loss.backward()
    od.step()
    g.zero_grad()
    leaf = fake.detach().requires_grad_()
    g_loss = F.softplus(-d(leaf)).mean()
    g_loss.backward()
    fake.backward(leaf.grad)
    og.step()
    return d_loss.data, g_loss.data


RIGHT["train_step"] = [
    step_with_frozen_networks, step_by_autograd, step_with_helper, step_inference, step_one_loop, step_with_grads, step_closure,
    step_detached_copy,
]  # fmt: skip


def step(d_loss=d_by_label, g_loss=lambda x: F.softplus(-x).mean(), order="zbs zbs", detach=True, fresh=False, swap=False,
         returns=lambda a, b: (a.detach(), b.detach()), before=None, between=None, after=None, times=1, grad=True,
         judge=None, noise=None, part=lambda real: real, optimizers=lambda g, d: (g, d), together=False):  # fmt: skip
    """A training step with everything that can be wrong as an option; `order` is z(ero), b(ackward), s(tep) for D and G."""

    def play(g, d, og, od, real, z):
        og, od = optimizers(og, od)
        moves_d, moves_g = order.split(" ") if " " in order else (order, order)
        z = noise(z) if noise else z
        if before:
            before(g, d)
        with torch.set_grad_enabled(grad):
            fake = g(z)
        for _ in range(times):
            loss_d = d_loss(d(part(real)), d(fake.detach() if detach else fake))
            for move in moves_d:
                {"z": od.zero_grad, "b": lambda: loss_d.backward(retain_graph=True), "s": od.step}[move]()  # noqa: B023
        if between:
            between(g, d)
        if fresh:
            fake = g(torch.randn_like(z))
        loss_g = g_loss((judge or d)(fake))
        for move in moves_g:
            {
                "z": og.zero_grad,
                "b": lambda: loss_g.backward(),
                "s": og.step,
                "d": od.step,
                "Z": od.zero_grad,
            }[move]()
        if after:
            after(g, d)
        return returns(loss_d, loss_g)

    return play


def step_both_losses_first(g, d, og, od, real, z):
    fake = g(z)
    loss_d, loss_g = d_by_label(d(real), d(fake.detach())), F.softplus(-d(fake)).mean()
    od.zero_grad()
    loss_d.backward(retain_graph=True)
    od.step()
    og.zero_grad()
    loss_g.backward()
    og.step()
    return loss_d.detach(), loss_g.detach()


def step_old_judge(g, d, og, od, real, z):
    return step(judge=copy.deepcopy(d))(g, d, og, od, real, z)


def step_twice_d(g, d, og, od, real, z):
    for logits, label in ((real, 1.0), (g(z).detach(), 0.0)):
        od.zero_grad()
        x = d(logits)
        loss_d = bce(x, torch.full_like(x, label))
        loss_d.backward()
        od.step()
    og.zero_grad()
    loss_g = F.softplus(-d(g(z))).mean()
    loss_g.backward()
    og.step()
    return loss_d.item(), loss_g.item()


def step_one_sum(g, d, og, od, real, z):
    fake = g(z)
    loss_d, loss_g = d_by_label(d(real), d(fake)), F.softplus(-d(fake)).mean()
    od.zero_grad()
    og.zero_grad()
    (loss_d + loss_g).backward()
    od.step()
    og.step()
    return loss_d.item(), loss_g.item()


BUT["train_step"] = [(step(d_loss=lambda r, f: d_by_label(r, f) / 2), "half of its loss")]
WRONG["train_step"] = [
    (step_both_losses_first, "changed in place|before its step"),
    (step_old_judge, "uses D from before its step"),
    (step_twice_d, "add its two losses"),
    (step_one_sum, "gradient"),
    (step(order="bs zbs"), "zero_grad is missing before its backward"),
    (step(order="zbs bs"), "previous step|detach"),
    (step(order="bzs zbs"), "zero_grad (?:come|after)"),
    (step(order="zbs bzs"), "zero_grad (?:come|after)|before any gradient"),
    (step(order="zs zbs"), "backward"),
    (step(order="zbs zs"), "backward"),
    (step(order="zb zbs"), "optimizer_d never steps"),
    (step(order="zbs zb"), "optimizer_g never steps"),
    (step(order="zbs zbsd"), "also changes the discriminator"),
    (step(order="zbs zbss"), "optimizer_g steps 2 times"),
    (step(order="zbs zbss "[:-1], detach=False, times=1, fresh=False), "optimizer_g steps 2 times"),
    (step(order="zbs bs", detach=False), "detach missing"),
    (step(grad=False), "detached|does not|no graph|before any gradient"),
    (step(fresh=True), "fakes from the given z"),
    (step(noise=torch.randn_like), "fakes from the given z"),
    (step(times=2), "add its two losses|times"),
    (step(d_loss=lambda r, f: d_by_label(f, r)), "labels are swapped"),
    (step(d_loss=lambda r, f: d_by_sum(r, f) * len(r)), "sum over the batch"),
    (step(d_loss=lambda r, f: bce(r, torch.ones_like(r))), "real images only"),
    (step(d_loss=lambda r, f: bce(f, torch.zeros_like(f))), "fakes only"),
    (step(g_loss=lambda x: -F.softplus(x).mean()), "saturating"),
    (step(g_loss=lambda x: F.softplus(x).mean()), "its label is wrong"),
    (step(g_loss=lambda x: F.softplus(-x).sum()), "sum over the batch|times"),
    (step(returns=lambda a, b: (a, b)), "still hold their graphs"),
    (step(returns=lambda a, b: (b.detach(), a.detach())), "wrong order"),
    (step(returns=lambda a, b: a.detach() + b.detach()), "expected both losses"),
    (step(returns=lambda a, b: None), "nothing"),
    (step(returns=lambda a, b: {"loss_d": a, "loss_g": b}), "expected both losses"),
    (step(before=lambda g, d: g.eval(), after=lambda g, d: g.train()), "G runs in eval mode"),
    (step(between=lambda g, d: d.eval(), after=lambda g, d: d.train()), "D runs in eval mode"),
    (step(after=lambda g, d: d.eval()), "leaves D in eval mode"),
    (step(after=lambda g, d: g.requires_grad_(False)), "leaves G frozen"),
    (step(optimizers=lambda og, od: (od, og)), "exchanged"),
    (step(part=lambda real: real[:4]), "D's gradient differs from"),
    (step(part=lambda real: (real + 1) / 2), "D's gradient differs from"),
    (lambda g, d, real, z: (1, 2), "it is called with generator"),
]


@torch.no_grad()
def average_named(average, model, decay):
    params = dict(model.named_parameters())
    for name, p in average.named_parameters():
        p.sub_((1 - decay) * (p - params[name]))
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


def average_recursively(average, model, decay):
    for a, b in zip(average.children(), model.children(), strict=True):
        average_recursively(a, b, decay)
    with torch.no_grad():
        for a, b in zip(average.parameters(recurse=False), model.parameters(recurse=False), strict=True):
            a.copy_(torch.lerp(b, a, decay))
        for a, b in zip(average.buffers(recurse=False), model.buffers(recurse=False), strict=True):
            a.copy_(a * decay + b * (1 - decay) if a.dtype.is_floating_point else b)


def average_vector(average, model, decay):
    mixed = decay * parameters_to_vector(average.parameters()) + (1 - decay) * parameters_to_vector(
        model.parameters()
    )
    buffers = [b.clone() for b in model.buffers()]
    start = 0
    for p in average.parameters():
        p.data.copy_(mixed[start : start + p.numel()].view_as(p).detach())
        start += p.numel()
    for a, b in zip(average.buffers(), buffers, strict=True):
        a.data = b


def average_by_state(average, model, decay):
    target = average.state_dict()
    for key, value in model.state_dict().items():
        if torch.is_floating_point(value):
            target[key].mul_(decay).add_(value.detach(), alpha=1 - decay)
        else:
            target[key].fill_(value)


def average_by_data(average, model, decay):
    for a, b in zip(average.parameters(), model.parameters(), strict=True):
        a.data.mul_(decay).add_(b.data * (1 - decay))
    for (_, a), (_, b) in zip(average.named_buffers(), model.named_buffers(), strict=True):
        a.data.copy_(b.data)


def average_inference(average, model, decay=0.999):
    old = {k: v.clone() for k, v in average.state_dict().items()}
    average.load_state_dict(
        {
            k: torch.as_tensor(decay * old[k] + (1 - decay) * v).to(v.dtype)
            for k, v in model.state_dict().items()
        }
    )


def average_floats_only(average, model, decay):
    with torch.no_grad():
        for a, b in zip(
            [*average.parameters(), *average.buffers()], [*model.parameters(), *model.buffers()], strict=True
        ):
            if a.is_floating_point():
                a.lerp_(b, 1 - decay)


def average_optimizer(average, model, decay):
    for p in average.parameters():
        p.grad = None
    optimizer = torch.optim.SGD(average.parameters(), lr=1 - decay)
    for p, q in zip(average.parameters(), model.parameters(), strict=True):
        p.grad = (p - q).detach()
    optimizer.step()
    optimizer.zero_grad()
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


RIGHT["update_average"] = [
    average_named, average_recursively, average_vector, average_by_state, average_by_data, average_inference,
    average_floats_only, average_optimizer,
]  # fmt: skip


def average(
    rule=lambda a, m, k: k * a + (1 - k) * m,
    buffers=lambda a, m, k: m,
    parameters=lambda net: net.parameters(),
    grad=False,
):
    def move(average, model, decay):
        with torch.set_grad_enabled(grad):
            for a, m in zip(parameters(average), parameters(model), strict=True):
                a.copy_(rule(a, m, decay))
            for a, m in zip(average.buffers(), model.buffers(), strict=True):
                a.copy_(buffers(a, m, decay))

    return move


def average_rebinding(average, model, decay):
    for (_, a), (_, m) in zip(average.named_parameters(), model.named_parameters(), strict=True):
        a = a * decay + m * (1 - decay)


def average_returning(average, model, decay):
    new = copy.deepcopy(average)
    average_by_state(new, model, decay)
    return new


def average_module(average, model, decay):
    average = decay * average + (1 - decay) * model


def average_state(average, model, decay):
    for key in average.state_dict():
        average.state_dict()[key] = decay * average.state_dict()[key] + (1 - decay) * model.state_dict()[key]


WRONG["update_average"] = [
    (average(rule=lambda a, m, k: (1 - k) * a + k * m), "nine tenths of the average"),
    (average(rule=lambda a, m, k: m), "copied from the model"),
    (average(rule=lambda a, m, k: k * a), "nothing of the model"),
    (average(rule=lambda a, m, k: k * a + m), "the whole model is added"),
    (average(rule=lambda a, m, k: a + (1 - k) * m), "not multiplied by decay"),
    (average(rule=lambda a, m, k: (a + m) / 2), "halfway"),
    (average(rule=lambda a, m, k: k * (a + m)), "both are multiplied"),
    (average(rule=lambda a, m, k: k * a - (1 - k) * m), "wrong sign"),
    (average(rule=lambda a, m, k: (1 - k) * m), "only the model's part"),
    (average(rule=lambda a, m, k: a + (1 - k) * (a - m)), "away from the model"),
    (average(rule=lambda a, m, k: 0.999 * a + 0.001 * m), "do not become|decay"),
    (average(rule=lambda a, m, k: 0.9 * a + 0.1 * m), "is a decay hard-coded"),
    (average(buffers=lambda a, m, k: a), "buffers, not parameters"),
    (average(buffers=lambda a, m, k: (1 - k) * a + k * m), "decay is the model's weight"),
    (average(buffers=lambda a, m, k: a + m), "neither averaged nor copied"),
    (average(parameters=lambda net: [p for p in net.parameters() if p.ndim > 1]), "such as 0.bias"),
    (average(parameters=lambda net: list(net.parameters())[:-1]), "such as 2.1.1.bias"),
    (average(grad=True), "no_grad"),
    (average_rebinding, "do not move"),
    (average_returning, "do not move"),
    (average_module, "raised TypeError"),
    (average_state, "do not move"),
    (lambda a, m, k: average_by_state(m, a, k), "changes the model"),
    (lambda a, m, k: m.load_state_dict(a.state_dict()), "changes the model"),
    (lambda a, m: a, "it is called with average, model, decay"),
]
