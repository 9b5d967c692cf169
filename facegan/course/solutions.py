"""Reference solutions of exercises in plain PyTorch, with the notebooks' names.

A notebook continues with these if a student's function is missing or wrong, and `fg.reveal` shows them. The catalog
(`facegan.course.catalog`) names the exercises that a function of the library solves directly.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def scale(images):
    """uint8 tensor, any shape, 0 to 255 -> float32 tensor of that shape, -1 to 1."""
    return images.float() / 127.5 - 1


def unscale(images):
    """float tensor, -1 to 1 -> uint8 tensor, 0 to 255; values outside are clipped."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def center_crop(image, size):
    """(3, H, W) -> its central (3, size, size); opposite margins are equal or differ by one pixel."""
    top, left = (image.shape[1] - size) // 2, (image.shape[2] - size) // 2
    return image[:, top : top + size, left : left + size]


def contact_sheet(images, columns):
    """uint8 (N, 3, H, W) -> one uint8 picture (3, rows * H, columns * W), row by row; empty places are white."""
    count, channels, height, width = images.shape
    rows = -(-count // columns)  # rounded up
    sheet = images.new_full((channels, rows * height, columns * width), 255)
    for index, image in enumerate(images):
        top, left = index // columns * height, index % columns * width
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def generator_block(in_channels, out_channels):
    """A module: (B, in_channels, H, W) -> (B, out_channels, 2 H, 2 W), normalized and activated."""
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def build_generator(latent_dim=100, width=64):
    """A module: latents (B, latent_dim) -> images (B, 3, 64, 64) between -1 and 1."""
    network = nn.Sequential(
        nn.Unflatten(1, (latent_dim, 1, 1)),
        nn.ConvTranspose2d(latent_dim, 8 * width, kernel_size=4, bias=False),  # 1 x 1 -> 4 x 4
        nn.BatchNorm2d(8 * width),
        nn.ReLU(inplace=True),
        generator_block(8 * width, 4 * width),  # 8 x 8
        generator_block(4 * width, 2 * width),  # 16 x 16
        generator_block(2 * width, width),  # 32 x 32
        nn.ConvTranspose2d(width, 3, kernel_size=4, stride=2, padding=1, bias=False),  # 64 x 64
        nn.Tanh(),
    )
    return network.apply(init_weights)  # DCGAN's initialization, a separate exercise


def build_discriminator(width=64):
    """A module: images (B, 3, 64, 64) -> logits (B,), any real numbers; `width` channels after the first layer."""
    network = nn.Sequential(
        nn.Conv2d(3, width, kernel_size=4, stride=2, padding=1, bias=False),  # 64 x 64 -> 32 x 32
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1, bias=False),  # 16 x 16
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(2 * width, 4 * width, kernel_size=4, stride=2, padding=1, bias=False),  # 8 x 8
        nn.BatchNorm2d(4 * width),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(4 * width, 8 * width, kernel_size=4, stride=2, padding=1, bias=False),  # 4 x 4
        nn.BatchNorm2d(8 * width),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8 * width, 1, kernel_size=4, bias=False),  # 1 x 1
        nn.Flatten(0),  # (B, 1, 1, 1) -> (B,)
    )
    return network.apply(init_weights)


def init_weights(module):
    """Called for every layer by network.apply(init_weights): changes its weights in place."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)


def discriminator_loss(real_logits, fake_logits):
    """Two tensors (B,) of logits -> one number for D to minimize: the means of both halves, added."""
    loss_real = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    loss_fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return loss_real + loss_fake


def generator_loss(fake_logits):
    """Logits (B,) of fakes -> one number for G to minimize, the mean of the non-saturating loss."""
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def train_step(generator, discriminator, optimizer_g, optimizer_d, real, z):
    """D's step on real and G(z), then G's step through the new D. Returns (loss_d, loss_g), detached."""
    fake = generator(z)
    # (1) Update D: maximize log D(x) + log(1 - D(G(z)))
    optimizer_d.zero_grad()
    loss_d = discriminator_loss(discriminator(real), discriminator(fake.detach()))
    loss_d.backward()
    optimizer_d.step()
    # (2) Update G through the new D: maximize log D(G(z))
    optimizer_g.zero_grad()
    loss_g = generator_loss(discriminator(fake))
    loss_g.backward()
    optimizer_g.step()
    return loss_d.detach(), loss_g.detach()


@torch.no_grad()
def update_average(average, model, decay):
    """Moves the module `average` toward `model`, in place; returns nothing."""
    for mean, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():  # parameters, and BatchNorm's running statistics
            mean.lerp_(new, 1 - decay)
        else:  # BatchNorm's count of batches
            mean.copy_(new)


def slerp(a, b, t):
    """Latents (100,) and a number t from 0 to 1 -> the point at that share of the arc from a to b."""
    angle = torch.dot(a / a.norm(), b / b.norm()).clamp(-1, 1).acos()
    if angle.sin() < 1e-4:  # the same direction: there the arc is a straight line
        return a + (b - a) * t
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def latent_walk(anchors, frames):
    """Latents (k, latent_dim) -> (frames, latent_dim), from the first anchor through all to the last."""
    path = []
    for position in torch.linspace(0, len(anchors) - 1, frames).tolist():
        leg = min(int(position), len(anchors) - 2)  # no leg begins at the last anchor
        path.append(slerp(anchors[leg], anchors[leg + 1], position - leg))
    return torch.stack(path)


def attribute_direction(z, has):
    """Latents (N, latent_dim) and bools (N,) -> a direction (latent_dim,), of any length, that adds the attribute."""
    return z[has].mean(0) - z[~has].mean(0)


def optimal_discriminator(p, q):
    """Densities of the data, p, and of the fakes, q, two tensors of one shape -> the best D(x) there."""
    return p / (p + q)


def dirac_gradients(theta, psi):
    """Two tensors of one shape -> (d_theta, d_psi): where G moves theta and D moves psi."""
    fooled = torch.sigmoid(psi * theta)  # D(theta), and the slope of -log(1 - D) in the logit psi * theta
    return psi * fooled, -theta * fooled  # G moves up that loss and D down; D(0) = 1/2 adds nothing


def alternating_step(field, theta, psi, rate):
    """One alternating step: D moves psi, then G moves theta against the new psi. Returns (theta, psi)."""
    psi = psi + rate * field(theta, psi)[1]
    theta = theta + rate * field(theta, psi)[0]
    return theta, psi


def r1_penalty(discriminator, real):
    """A module and real samples (B, ...) -> half the mean squared norm of D's gradient there, one number."""
    real = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean() / 2


def modes_covered(fakes, centers, radius, least):
    """Fakes (N, 2), centers (M, 2) -> how many centers have at least `least` fakes within the radius."""
    near = torch.cdist(fakes, centers) <= radius  # (N, M)
    return int((near.sum(0) >= least).sum())


def patient_1(curves):
    """Curves, a dict of arrays (steps,) -> (name, D(x), D(G(z))).

    The name is one of the table's. D(x) and D(G(z)) are means over the last 200 steps: over the last 200 values of
    curves["d_real"] and of curves["d_fake"].
    """
    return "D has won", curves["d_real"][-200:].mean(), curves["d_fake"][-200:].mean()


def patient_2(curves):
    """Curves, a dict of arrays (steps,) -> (name, ratio).

    In each of the last 200 steps, divide G's gradient norm by D's. The ratio is the median of these 200 quotients.
    The columns are "grad_norm_g" and "grad_norm_d".
    """
    ratio = curves["grad_norm_g"][-200:] / curves["grad_norm_d"][-200:]
    return "no gradient reaches G", np.median(ratio)


def patient_3(curves):
    """Curves, a dict of arrays (steps,) -> (name, share).

    The share of the last 200 steps in which D(G(z)), "d_fake", is larger than D(x), "d_real": a number from 0 to 1.
    If the two are equal, D(G(z)) is not larger. Divide by all 200 steps.
    """
    fooled = curves["d_fake"][-200:] > curves["d_real"][-200:]
    return "D is fooled", fooled.mean()


def patient_4(curves, healthy):
    """Curves of the patient and of a healthy run, dicts of arrays (steps,) -> (name, ratio).

    Jumpiness: take the first 1,000 values of "loss_d", the 999 changes from one value to the next, and the mean of
    their absolute values. The ratio is the patient's jumpiness over the healthy run's.
    """

    def jumpiness(of):
        return np.abs(np.diff(of["loss_d"][:1000])).mean()

    return "learning rate too high", jumpiness(curves) / jumpiness(healthy)


def patient_5(fakes, real):
    """Fakes (N, 3, S, S) and real faces (M, 3, S, S), tensors from -1 to 1 -> (name, ratio).

    Distance of two pictures: subtract them, square, take the mean over all pixels and colors, take the root.
    Variety: the mean distance of all pairs in a set, each picture with every other one, also if the two are equal. The
    ratio is the variety of the fakes over that of the real faces.
    """

    def variety(images):
        flat = images.flatten(1)
        return (torch.pdist(flat) / flat.shape[1] ** 0.5).mean()  # root of the mean square, for all pairs

    return "mode collapse", float(variety(fakes) / variety(real))


def patient_6(train, held_out, fakes):
    """D's logits (N,) of faces that it trains on, of held-out faces, and of fakes, three tensors -> (name, r_v).

    Held-out faces are real faces that D does not train on. With means of logits (not of probabilities),
    r_v = (mean of train - mean of held_out) / (mean of train - mean of fakes).
    """
    return "D overfits", float((train.mean() - held_out.mean()) / (train.mean() - fakes.mean()))
