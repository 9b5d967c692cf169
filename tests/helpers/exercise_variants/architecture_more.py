"""More solutions of notebook 2's exercises, in other styles: classes, functional calls, loops, nested modules."""

import functools
import itertools
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

RIGHT, BUT, WRONG = {}, {}, {}


def size_by_loop(size, kernel, stride, padding):
    side = kernel
    for _ in range(size - 1):
        side += stride
    return side - padding - padding


def size_by_stamps(size, kernel, stride, padding):
    places = {start * stride + offset for start in range(size) for offset in range(kernel)}
    return max(places) + 1 - 2 * padding


def size_by_layer(size: int, kernel: int, stride: int = 2, padding: int = 1) -> int:
    layer = nn.ConvTranspose2d(1, 1, kernel, stride=stride, padding=padding)
    with torch.no_grad():
        *_, side = layer(torch.empty(1, 1, size, size)).size()
    return side


def size_by_function(size, kernel, stride, padding):
    return F.conv_transpose1d(
        torch.ones(1, 1, size), torch.ones(1, 1, kernel), stride=stride, padding=padding
    ).numel()


def size_without_padding_first(size, kernel, stride, padding):
    full = stride * (size - 1) + kernel
    return full if not padding else full - 2 * padding


RIGHT["output_size"] = [
    size_by_loop, size_by_stamps, size_by_layer, size_by_function, size_without_padding_first,
    lambda size, kernel, stride, padding: torch.tensor((size - 1) * stride - 2 * padding + kernel),
    lambda input_size, k, s, p: -2 * p + s * input_size - s + k,
    lambda *sizes: (sizes[0] - 1) * sizes[2] + sizes[1] - 2 * sizes[3],
    functools.partial(lambda n, k, s, p, dilation: (n - 1) * s - 2 * p + dilation * (k - 1) + 1, dilation=1),
    lambda size, kernel, stride, padding: len(range(0, (size - 1) * stride + kernel - 2 * padding)),
]  # fmt: skip
WRONG["output_size"] = [
    (lambda n, k, s, p: (n - 1) * s + k, "Padding is not taken"),
    (lambda n, k, s, p: (n - 1) * s - 2 * p, "width, kernel, is missing"),
    (lambda n, k, s, p: (n - 1) * k + s - 2 * p, "Stride and kernel are exchanged"),
    (lambda n, k, s, p: n - 1 * s + k - 2 * p, "parentheses missing"),
    (lambda n, k, s, p: (n - 1) * s + 2 * (k - p), "parentheses missing"),
    (lambda n, k, s, p: (n - 1) * s + k - 2 * p + 1, "off by one"),
    (lambda n, k, s, p: (n - 1) * s + k - 2 * p - 1, "too small by one"),
    (lambda n, k, s, p: (n - 1) * s + max(k, s) - 2 * p, "smaller than the stride"),
    (lambda n, k, s, p: (n - 1) + k - 2 * p, "stride has no effect"),
    (lambda n, k, s, p: (n - 1) * s + 4 - 2 * p, "always uses kernel 4"),
    (lambda n, k, s, p: (n - 1) * 2 + k - 2 * p, "always uses stride 2"),
    (lambda n, k, s, p: n * s + k - 2 * p, "moves between size stamps"),
    (lambda n, k, s, p: (n + 1) * s + k - 2 * p, "not size"),
    (lambda n, k, s, p: (n + 2 * p - k) / s + 1, "ordinary convolution"),
    (lambda n, k, s, p: ((n - 1) * s + k - 2 * p,) * 2, "2 values"),
    (lambda n, k, s, p: nn.ConvTranspose2d(1, 1, k, s, p), "expected one whole number"),
    (
        lambda n, k, s, p: nn.ConvTranspose2d(1, 1, k, s, p)(torch.zeros(1, 1, n, n)).shape,
        "expected one whole number|returns",
    ),
    (lambda n, k, s, p: 2 * n, "hard-coded|equals stride"),
    (lambda n, k, s, p: print((n - 1) * s + k - 2 * p), "Is a return missing"),
    (lambda n, k, p, s: (n - 1) * s + k - 2 * p, "padding|stride"),
    (lambda n: n * 2, "it is called with size, kernel, stride, padding"),
    (lambda n, k, s, p: (n - 1) * s + k - 2 * P, "P is not defined"),  # noqa: F821
]


class Up(nn.Module):
    """A class in the style of a tutorial, functional where it can be."""

    def __init__(self, in_channels: int, out_channels: int):
        super(Up, self).__init__()  # noqa: UP008
        self.weight = nn.Parameter(0.02 * torch.randn(in_channels, out_channels, 4, 4))
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        return F.relu(self.norm(F.conv_transpose2d(x, self.weight, stride=2, padding=1)))


class UpInParts(nn.Module):
    def __init__(self, ci, co):
        super().__init__()
        parts = [nn.ConvTranspose2d(ci, co, (4, 4), (2, 2), (1, 1)), nn.BatchNorm2d(co), nn.ReLU(True)]
        self.parts = nn.ModuleList(parts)

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x


class UpWithClamp(UpInParts):
    def forward(self, x):
        up, norm, _ = self.parts
        return norm(up(x)).clamp(min=0)


class UpInDict(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.layers = nn.ModuleDict(
            {"up": nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), "norm": nn.BatchNorm2d(b)}
        )

    def forward(self, x):
        return torch.relu_(self.layers["norm"](self.layers["up"](x)))


class UpByMaximum(UpInDict):
    def forward(self, x):
        x = self.layers["norm"](self.layers["up"](x))
        return x * (x > 0)


def up(
    a,
    b,
    *more,
    kernel=4,
    stride=2,
    padding=1,
    layer=nn.ConvTranspose2d,
    norm=nn.BatchNorm2d,
    act=nn.ReLU,
    bias=False,
):
    layers = [layer(a, b, kernel, stride, padding, bias=bias), norm and norm(b), act and act(), *more]
    return nn.Sequential(*filter(None, layers))


RIGHT["generator_block"] = [
    Up, UpInParts, UpWithClamp, UpInDict, UpByMaximum, up,
    lambda i, o: nn.Sequential(OrderedDict(up=nn.ConvTranspose2d(i, o, 4, 2, 1), norm=nn.BatchNorm2d(o), act=nn.ReLU())),
    lambda a, b: up(a, b, kernel=6, padding=2),
    lambda a, b: up(a, b, kernel=2, padding=0),
    lambda a, b: nn.Sequential(nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1), nn.BatchNorm2d(b, eps=1e-3), nn.ReLU()),
    lambda in_channels, out_channels=64: nn.Sequential(up(in_channels, out_channels)),
]  # fmt: skip
BUT["generator_block"] = [
    (lambda a, b: up(a, b, act=nn.LeakyReLU), "leaky_relu"),
    (lambda a, b: up(a, b, act=nn.Tanh), "tanh"),
    (lambda a, b: up(a, b, act=nn.Sigmoid), "sigmoid"),
    (lambda a, b: up(a, b, act=nn.GELU), "gelu"),
    (lambda a, b: up(a, b, norm=nn.InstanceNorm2d), "each image separately"),
    (lambda a, b: up(a, b, norm=lambda c: nn.GroupNorm(2, c)), "each image separately"),
    (
        lambda a, b: nn.Sequential(nn.BatchNorm2d(a), nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU()),
        "before the convolution",
    ),
    (
        lambda a, b: nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, 1, 1), nn.BatchNorm2d(b), nn.ReLU()
        ),
        "no transposed convolution",
    ),
]


class UpHidden(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.layers = [nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class UpWithoutSuper(nn.Module):
    def __init__(self, a, b):
        self.up = nn.ConvTranspose2d(a, b, 4, 2, 1)


class UpWithoutReturn(Up):
    def forward(self, x):
        x = F.relu(self.norm(F.conv_transpose2d(x, self.weight, stride=2, padding=1)))


class UpWithoutForward(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.up = nn.ConvTranspose2d(a, b, 4, 2, 1)

    def foward(self, x):
        return self.up(x)


class UpByHand(nn.Module):
    """Normalizes by the batch in eval mode, too."""

    def __init__(self, a, b):
        super().__init__()
        self.up = nn.ConvTranspose2d(a, b, 4, 2, 1)

    def forward(self, x):
        x = self.up(x)
        return F.relu((x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True))


ONE = UpInParts(6, 4)
WRONG["generator_block"] = [
    (UpHidden, "plain list"),
    (UpWithoutSuper, r"super\(\).__init__"),
    (UpWithoutReturn, "return missing in its forward"),
    (UpWithoutForward, "no forward"),
    (UpByHand, "an image's result depends"),
    (lambda a, b: up(a, b, kernel=3), "4 becomes 7"),
    (lambda a, b: up(a, b, padding=2), "4 becomes 6"),
    (lambda a, b: up(a, b, kernel=5), "4 becomes 9"),
    (lambda a, b: up(a, b, stride=1), "4 becomes 5"),
    (lambda a, b: up(a, b, layer=nn.Conv2d), "4 becomes 2"),
    (lambda a, b: up(a, b, norm=None), "normalization over the batch is missing"),
    (lambda a, b: up(a, b, act=None), "only linear operations follow it"),
    (lambda a, b: up(b, a), "expects 4 channels, but gets 6"),
    (lambda a, b: up(a, b, norm=lambda c: nn.BatchNorm2d(a)), "BatchNorm expects"),
    (lambda a, b: up(a, b, norm=lambda c: nn.BatchNorm1d(c)), "raised"),
    (lambda a, b: up(a, 4 * b), "16 channels, expected 4"),
    (lambda a, b: up(128, 64), "expects 128 channels"),
    (lambda a, b: ONE, "share the same weights"),
    (lambda a, b: (nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU()), "3 values"),
    (lambda a, b: up, "not called"),
    (lambda a, b: nn.Sequential([nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b)]), "raised TypeError"),
    (lambda a, b: nn.Upsample(scale_factor=2), "no parameters"),
    (lambda a, b: up(a, b, nn.BatchNorm2d(b), norm=None), "mean 0 and standard deviation 1"),
    (lambda a, b: up(a, b, nn.Flatten()), "expected .B, channels"),
    (lambda a: up(a, a), "it is called with in_channels, out_channels"),
]


class G(nn.Module):
    """The generator in the style of PyTorch's tutorial, with everything that can be wrong as an option."""

    def __init__(self, nz=100, ngf=64, *, nc=3, norm=nn.BatchNorm2d, act=nn.ReLU, last=nn.Tanh, widths=(8, 4, 2, 1), first=4,
                 last_norm=False, skip_norm=(), reshape=lambda z: z[:, :, None, None], after=lambda x: x, extra=0):  # fmt: skip
        super().__init__()
        self.reshape, self.after = reshape, after
        channels = [nz, *(w * ngf for w in widths), nc]
        layers = []
        for i, (a, b) in enumerate(itertools.pairwise(channels)):
            stride, padding, kernel = (1, 0, first) if i == 0 else (2, 1, 4)
            layers.append(nn.ConvTranspose2d(a, b, kernel, stride, padding, bias=False))
            if i < len(widths):
                layers += [
                    m for m in ((norm(b) if norm and i not in skip_norm else None), act and act()) if m
                ]
        layers += [nn.BatchNorm2d(nc)] * last_norm + ([last()] if last else [])
        layers += [nn.ConvTranspose2d(nc, nc, 4, 2, 1) for _ in range(extra)]
        self.main = nn.Sequential(*layers)

    def forward(self, input):
        return self.after(self.main(self.reshape(input)))


class GStepwise(nn.Module):
    def __init__(self, latent_dim=100, width=64):
        super().__init__()
        self.project = nn.Linear(latent_dim, 8 * width * 4 * 4)
        self.norm = nn.BatchNorm2d(8 * width)
        self.blocks = nn.ModuleList(up(c * width, c * width // 2) for c in (8, 4, 2))
        self.to_rgb = nn.ConvTranspose2d(width, 3, 4, 2, 1)

    def forward(self, z):
        x = F.relu(self.norm(self.project(z).view(z.shape[0], -1, 4, 4)))
        for block in self.blocks:
            x = block(x)
        return self.to_rgb(x).tanh()


class GReshaping(nn.Module):
    def __init__(self, d, w):
        super().__init__()
        self.d, self.net = d, up(d, 8 * w, kernel=4, stride=1, padding=0)
        self.rest = nn.Sequential(up(8 * w, 4 * w), up(4 * w, 2 * w), up(2 * w, w))
        self.last = nn.ConvTranspose2d(w, 3, kernel_size=4, stride=2, padding=1)

    def forward(self, z):
        return torch.tanh(self.last(self.rest(self.net(z.reshape(-1, self.d, 1, 1)))))


def g_by_loop(latent_dim=100, width=64):
    net = nn.Sequential()
    net.add_module("reshape", nn.Unflatten(1, (latent_dim, 1, 1)))
    channels = latent_dim
    for i in range(4):
        following = width * 2 ** (3 - i)
        net.add_module(
            f"up{i}", nn.ConvTranspose2d(channels, following, 4, 1 if i == 0 else 2, 0 if i == 0 else 1)
        )
        net.add_module(f"norm{i}", nn.BatchNorm2d(following))
        net.add_module(f"relu{i}", nn.ReLU(inplace=True))
        channels = following
    net.add_module("last", nn.ConvTranspose2d(channels, 3, 4, 2, 1))
    net.add_module("tanh", nn.Tanh())
    return net


def g_recursively(latent_dim=100, width=64, *, top=8):
    def grow(c):
        return [] if c == 1 else [up(c * width, c // 2 * width), *grow(c // 2)]

    first = nn.Sequential(nn.Unflatten(1, (-1, 1, 1)), up(latent_dim, top * width, stride=1, padding=0))
    return nn.Sequential(first, *grow(top), nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())


def g_with_weights(latent_dim, width):
    def init(layer):
        if isinstance(layer, nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.02)

    return G(latent_dim, width).apply(init)


RIGHT["generator"] = [
    G, GReshaping, g_by_loop, g_recursively, g_with_weights,
    lambda d, w: nn.Sequential(nn.Unflatten(-1, (d, 1, 1)), G(d, w, reshape=lambda x: x)),
    lambda d=100, w=64, channels=3: G(d, w, nc=channels, reshape=lambda z: z.view(*z.shape, 1, 1)),
]  # fmt: skip
BUT["generator"] = [
    (GStepwise, "it has a linear layer"),
    (lambda d, w: G(d, w, act=lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.3))), "it has dropout"),
    (
        lambda d, w: G(d, w, act=lambda: nn.Sequential(nn.ReLU(), nn.ReLU())),
        "two consecutive activations",
    ),
    (lambda d, w: G(d, w, norm=None), "no normalization over the batch"),
    (lambda d, w: G(d, w, last_norm=True), "BatchNorm in its last layer"),
    (lambda d, w: G(d, w, widths=(8, 8, 8, 8)), "the text halves them"),
    (lambda d, w: G(d, w, widths=(1, 2, 4, 8)), "the text halves them"),
    (lambda d, w: G(d, w, act=lambda: nn.LeakyReLU(0.2)), "leaky_relu"),
    (lambda d, w: G(d, w, last=nn.Hardtanh), "hardtanh|does not end in tanh"),
    (lambda d, w: G(d, w, last=None, after=lambda x: x.clamp(-1, 1)), "does not end in tanh"),
    (lambda d, w: G(d, w, skip_norm=(0,)), "have no BatchNorm"),
    (lambda d, w: G(d, w, norm=nn.InstanceNorm2d, skip_norm=(0,)), "each image separately"),
    (lambda d, w: G(d, w, act=nn.Tanh), "tanh between its layers"),
]


class GBlind(G):
    def forward(self, z):
        return super().forward(torch.randn_like(z))


class GPlain(G):
    def __init__(self, d, w):
        super().__init__(d, w)
        self.layers = [*self.main]
        del self.main

    def forward(self, z):
        x = z[:, :, None, None]
        for layer in self.layers:
            x = layer(x)
        return x


WRONG["generator"] = [
    (lambda d, w: G(d, w).eval(), "it is in eval mode"),
    (lambda d, w: G(d, w).requires_grad_(False), "of its weights are frozen"),
    (lambda d, w: G(d, w, after=lambda x: x.tanh() / 2), "Is tanh scaled, or applied twice"),
    (lambda d, w: G(d, w, after=torch.tanh), "Is tanh scaled, or applied twice"),
    (lambda d, w: G(d, w, last=nn.Sigmoid), "values below 0"),
    (lambda d, w: G(d, w, last=nn.ReLU), r"leave \[-1, 1\]"),
    (lambda d, w: G(d, w, last=None), r"leave \[-1, 1\]"),
    (lambda d, w: G(d, w, after=lambda x: (x + 1) / 2), "values below 0"),
    (lambda d, w: G(d, w, after=lambda x: 127.5 * (x + 1)), r"leave \[-1, 1\]"),
    (lambda d, w: G(d, w, widths=(8, 4, 2)), "One doubling is missing"),
    (lambda d, w: G(d, w, widths=(8, 4, 2, 1, 1)), "one doubling too many"),
    (lambda d, w: G(d, w, nc=1), r"\(4, 1, 64, 64\)"),
    (lambda d, w: G(d, w, nc=1, after=lambda x: x.expand(-1, 3, -1, -1)), "always equal"),
    (lambda d, w: G(d, w, first=3), "compare each layer|expected"),
    (lambda d, w: G(d, w, reshape=lambda z: z), "height and width"),
    (lambda d, w: G(d, w, reshape=lambda z: z.view(d, -1, 1, 1)), "works only for a batch of 16"),
    (lambda d, w: G(d, w, reshape=lambda z: z.view(64, d, 1, 1)), "works only for a batch of 64"),
    (lambda d, w: G(100, w), "works only for latents of 100 numbers"),
    (lambda d, w: G(d, 64), "`width` has no effect"),
    (lambda d, w: G(w, d), "the layer expects"),
    (lambda d, w: G(d, w, act=None), "linear"),
    (lambda d, w: G(d, w, after=lambda x: x.squeeze()), "batch of one"),
    (lambda d, w: G(d, w, after=lambda x: x.detach()), "no gradient reaches"),
    (lambda d, w: G(d, w, after=lambda x: x.permute(0, 2, 3, 1)), r"expected \(4, 3, 64, 64\)"),
    (lambda d, w: G(d, w, after=lambda x: x[0]), "latents become"),
    (GBlind, "random numbers|numbers of z do not change|z is used"),
    (GPlain, "plain list"),
    (lambda d, w: G, "the class G"),
    (lambda d, w: G(d, w)(torch.randn(4, d)), "a tensor"),
    (
        lambda d, w: G(d, w, reshape=lambda z: z[:, :1].expand(-1, d)[:, :, None, None]),
        "numbers of z do not change",
    ),
]


class D(nn.Module):
    def __init__(self, ndf=64, *, nc=3, norm=nn.BatchNorm2d, first_norm=False, act=lambda: nn.LeakyReLU(0.2, inplace=True),
                 last=None, widths=(1, 2, 4, 8), kernel=4, out=lambda x: x.view(-1), before=lambda x: x, last_norm=False):  # fmt: skip
        super().__init__()
        self.out, self.before = out, before
        channels = [nc, *(w * ndf for w in widths)]
        layers = []
        for i, (a, b) in enumerate(itertools.pairwise(channels)):
            layers.append(nn.Conv2d(a, b, kernel, 2, (kernel - 1) // 2, bias=False))
            layers += [m for m in ((norm(b) if norm and (i or first_norm) else None), act and act()) if m]
        layers += (
            [nn.Conv2d(channels[-1], 1, 4, bias=False)]
            + [nn.BatchNorm2d(1)] * last_norm
            + ([last()] if last else [])
        )
        self.main = nn.Sequential(*layers)

    def forward(self, x):
        return self.out(self.main(self.before(x)))


class DWithLinear(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.first = nn.Conv2d(3, width, 4, 2, 1)
        self.convs = nn.ModuleList([nn.Conv2d(c * width, 2 * c * width, 4, 2, 1) for c in (1, 2, 4)])
        self.norms = nn.ModuleList(nn.BatchNorm2d(2 * c * width) for c in (1, 2, 4))
        self.head = nn.Linear(8 * width * 4 * 4, 1)

    def forward(self, x):
        x = F.leaky_relu(self.first(x), negative_slope=0.2)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        return self.head(x.flatten(1)).squeeze(1)


class DByMaximum(D):
    def __init__(self, width):
        super().__init__(width, act=None)

    def forward(self, x):
        for layer in self.main[:-1]:
            x = layer(x)
            if isinstance(layer, nn.BatchNorm2d) or layer is self.main[0]:
                x = torch.maximum(x, 0.2 * x)
        return self.main[-1](x)[:, 0, 0, 0]


def d_by_loop(width=64, slope=0.2):
    layers, channels = [], 3
    for i in range(4):
        layers += [nn.Conv2d(channels, width << i, kernel_size=4, stride=2, padding=1)]
        layers += [nn.BatchNorm2d(width << i)] if i > 0 else []
        layers += [nn.LeakyReLU(slope)]
        channels = width << i
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4), nn.Flatten(start_dim=0))


def without(network, index):
    """The network without its activation of that index."""
    found = [(part, name) for part in network.modules() for name, child in part.named_children()
             if isinstance(child, nn.LeakyReLU)]  # fmt: skip
    setattr(*found[index], nn.Identity())
    return network


def activation_first(width):
    layers = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for k in (1, 2, 4):
        layers += [
            nn.Conv2d(k * width, 2 * k * width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.BatchNorm2d(2 * k * width),
        ]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4), nn.Flatten(0))


RIGHT["discriminator"] = [
    D, DWithLinear, DByMaximum, d_by_loop,
    lambda width: D(width, out=lambda x: x.reshape(len(x))),
    lambda width: D(width, out=lambda x: x[..., 0, 0].squeeze(-1)),
    lambda w=64: nn.Sequential(D(w, out=lambda x: x), nn.Flatten(), nn.Flatten(0)),
    lambda ndf=64: D(ndf, out=lambda x: x.mean((1, 2, 3))),
    lambda w: D(w, out=torch.flatten),
]  # fmt: skip
BUT["discriminator"] = [
    *((lambda w, at=at: without(D(w), at), "without an activation in between") for at in range(4)),
    (lambda w: nn.Sequential(D(w), nn.LeakyReLU(0.2)), "an activation after its last layer"),
    (
        lambda w: D(w, act=lambda: nn.Sequential(nn.LeakyReLU(0.2), nn.LeakyReLU(0.2))),
        "two consecutive activations",
    ),
    (lambda w: D(w, act=lambda: nn.Sequential(nn.LeakyReLU(0.2), nn.Dropout2d(0.3))), "it has dropout"),
    (lambda w: activation_first(w), "leaky_relu comes before BatchNorm"),
    (lambda w: D(w, norm=None), "no normalization over the batch"),
    (lambda w: D(w, first_norm=True), "BatchNorm in its first layer"),
    (lambda w: D(w, last_norm=True), "BatchNorm in its last layer"),
    (lambda w: D(w, act=nn.ReLU), "it uses relu"),
    (lambda w: D(w, act=nn.LeakyReLU), "slope 0.01"),
    (lambda w: D(w, widths=(8, 8, 8, 8)), "the text doubles them"),
    (lambda w: D(w, widths=(8, 4, 2, 1)), "the text doubles them"),
    (lambda w: D(w, act=nn.Tanh), "it uses tanh"),
    (lambda w: D(w, norm=nn.InstanceNorm2d), "each image separately"),
    (
        lambda w: nn.Sequential(
            nn.Flatten(), nn.Linear(12288, w), nn.LeakyReLU(0.2), nn.Linear(w, 1), nn.Flatten(0)
        ),
        "no convolutions",
    ),
    (lambda w: D(w, widths=(1, 2, 4), before=nn.MaxPool2d(2)), "pooling"),
]


class DPlain(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.first, self.rest = (
            nn.Conv2d(3, w, 4, 2, 1),
            [nn.Conv2d(w, w, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(w, 1, 16)],
        )

    def forward(self, x):
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return x.flatten()


WRONG["discriminator"] = [
    (lambda w: D(w).eval(), "it is in eval mode"),
    (lambda w: D(w, last=nn.Sigmoid), "between 0 and 1"),
    (lambda w: D(w, out=lambda x: x.flatten().sigmoid()), "between 0 and 1"),
    (lambda w: D(w, last=nn.Tanh), "between -1 and 1"),
    (lambda w: D(w, last=nn.ReLU), "same sign|same logit"),
    (lambda w: D(w, out=lambda x: x.flatten() ** 2), "same sign"),
    (lambda w: D(w, out=lambda x: -F.softplus(x.flatten())), "same sign"),
    (lambda w: D(w, out=lambda x: x), r"\(6, 1, 1, 1\)"),
    (lambda w: D(w, out=lambda x: x.flatten(1)), r"\(6, 1\)"),
    (lambda w: D(w, out=lambda x: x.squeeze()), "batch of one"),
    (lambda w: D(w, out=lambda x: x.mean()), "expected .6,."),
    (lambda w: D(w, out=lambda x: x.flatten().detach()), "no gradient reaches"),
    (lambda w: D(w, before=lambda x: x.detach()), "no gradient reaches the images"),
    (lambda w: D(w, before=lambda x: x[:, :1].expand(-1, 3, -1, -1)), "ignores green and blue"),
    (lambda w: D(w, before=lambda x: x[:, :1]), "expects 3 channels, but gets 1"),
    (lambda w: D(w, nc=1), "expects 1 channels, but gets 3"),
    (lambda w: D(w, widths=(1, 2, 4)), "expected .6,."),
    (lambda w: D(w, widths=(1, 2, 4, 8, 16)), "only 2 x 2"),
    (lambda w: D(64), "`width` has no effect"),
    (lambda w: D(w, act=None, norm=None), "it is linear"),
    (lambda w: D(w, act=None), "it is linear"),
    (lambda w: D(w, before=lambda x: torch.randn_like(x)), "each time"),
    (lambda w: D(w, out=lambda x: (x - x.mean(0)).flatten()), "depends on the other images"),
    (DPlain, "plain list"),
    (lambda w: D, "the class D"),
    (lambda w: D(w, out=lambda x: F.softmax(x.flatten(), 0)), "between 0 and 1|depends"),
    (lambda w: D(w, before=lambda x: torch.zeros_like(x) + 0 * x), "same logit|between"),
]


def weights_by_match(module):
    match module:
        case nn.Conv2d() | nn.ConvTranspose2d():
            torch.nn.init.normal_(module.weight, mean=0, std=0.02)
        case nn.BatchNorm2d():
            torch.nn.init.normal_(module.weight, mean=1, std=0.02)
            torch.nn.init.zeros_(module.bias)


@torch.no_grad()
def weights_in_place(module):
    if hasattr(module, "weight") and module.weight is not None:
        module.weight.normal_().mul_(0.02)
        if "Norm" in module.__class__.__name__:
            module.weight.add_(1)
            module.bias.zero_()


def weights_by_parameters(module):
    for name, p in module.named_parameters(recurse=False):
        if name == "bias":
            nn.init.constant_(p, 0.0)
        else:
            nn.init.normal_(p, 1.0 if p.ndim == 1 else 0.0, 0.02)


def weights_by_table(module):
    means = {nn.Conv2d: 0.0, nn.ConvTranspose2d: 0.0, nn.BatchNorm2d: 1.0}
    if type(module) in means:
        module.weight.data = torch.normal(means[type(module)], 0.02, module.weight.shape)
    if isinstance(module, nn.BatchNorm2d):
        module.bias.data = torch.zeros_like(module.bias.data)


def weights_by_copy(m, std=0.02):
    with torch.no_grad():
        if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
            m.weight.copy_(std * torch.randn(m.weight.size()))
        elif isinstance(m, nn.BatchNorm2d):
            m.weight.copy_(1 + std * torch.randn(m.num_features))
            m.bias.fill_(0)


def weights_with_return(module):
    weights_by_copy(module)
    return module


def weights_by_new_parameters(m):
    if isinstance(m, nn.modules.conv._ConvNd):
        m.weight = nn.Parameter(torch.randn_like(m.weight) * 0.02)
    if isinstance(m, nn.modules.batchnorm._BatchNorm):
        m.weight, m.bias = (
            nn.Parameter(1 + 0.02 * torch.randn_like(m.weight)),
            nn.Parameter(torch.zeros_like(m.bias)),
        )


RIGHT["init_weights"] = [
    weights_by_match, weights_in_place, weights_by_parameters, weights_by_table, weights_by_copy, weights_with_return,
    functools.partial(lambda layer, std: weights_by_copy(layer, std), std=0.02),
]  # fmt: skip


def weights(
    mean=0.0,
    std=0.02,
    norm_mean=1.0,
    norm_std=0.02,
    bias=0.0,
    draw=nn.init.normal_,
    conv=(nn.Conv2d, nn.ConvTranspose2d),
):
    def init(m):
        if isinstance(m, conv):
            draw(m.weight, mean, std)
        if isinstance(m, nn.BatchNorm2d):
            draw(m.weight, norm_mean, norm_std)
            nn.init.constant_(m.bias, bias)

    return init


def weights_by_assignment(m):
    if isinstance(m, nn.Conv2d):
        m.weight = torch.randn_like(m.weight) * 0.02


def weights_of_all(m):
    m.weight.data.normal_(0, 0.02)


def seeded(m):
    torch.manual_seed(3)
    weights_by_copy(m)


def one_filter(m):
    weights_by_copy(m)
    if isinstance(m, nn.Conv2d):
        m.weight.data[:] = m.weight.data[:1].clone()


def drawn_statistics(m):
    weights_by_copy(m)
    if isinstance(m, nn.BatchNorm2d):
        nn.init.normal_(m.running_mean, 0, 0.02)


def drawn_biases(m):
    weights_by_copy(m)
    if getattr(m, "bias", None) is not None and not isinstance(m, nn.BatchNorm2d):
        nn.init.normal_(m.bias, 1, 0.02)


BUT["init_weights"] = [
    (drawn_statistics, "BatchNorm's running statistics"),
    (drawn_biases, "biases of Conv2d to about 1.00"),
]
WRONG["init_weights"] = [
    (weights_by_new_parameters, "replaces the parameters"),
    (seeded, "layers of the same shape get equal weights"),
    (one_filter, "the weights of Conv2d repeat"),
    (
        lambda m: weights_by_copy(m) if m == nn.Conv2d or m == nn.BatchNorm2d else None,
        "isinstance test cover",
    ),
    (weights(norm_mean=0.0), "scale of 0"),
    (weights(std=0.02**0.5), "not the variance"),
    (weights(std=0.02**2), "not squared"),
    (weights(std=1.0), "standard deviation 1"),
    (weights(std=0.2), "standard deviation 0.2"),
    (weights(mean=0.02, std=1.0), "mean|standard deviation"),
    (weights(bias=1.0), "bias of BatchNorm2d is 1"),
    (weights(bias=0.7), "bias of BatchNorm2d is 0.7"),
    (weights(norm_std=1e-9), "draw each"),
    (weights(conv=nn.Conv2d), "ConvTranspose2d are not changed"),
    (weights(conv=nn.ConvTranspose2d), "Conv2d are not changed"),
    (weights(conv=nn.Linear), "Conv2d are not changed"),
    (weights(draw=nn.init.uniform_), "mean|tails|deviation"),
    (weights(draw=lambda w, m, s: torch.normal(m, s, w.shape)), "are not changed"),
    (weights(draw=lambda w, m, s: w.data.add_(m + s * torch.randn_like(w))), "added to the old"),
    (weights(draw=lambda w, m, s: nn.init.constant_(w, m)), "draw each"),
    (weights(draw=lambda w, m, s: nn.init.trunc_normal_(w, m, 0.0228, m - 0.04, m + 0.04)), "no tails"),
    (weights(draw=lambda w, m, s: w.normal_(m, s)), "no_grad"),
    (weights_by_assignment, "raised TypeError"),
    (weights_of_all, "has no weight|mean"),
    (lambda m: m.bias.data.zero_(), "not changed|no attribute"),
    (lambda m: nn.init.xavier_normal_(m.weight), "raised|deviation|mean"),
    (lambda: 1, "it is called with module"),
]
