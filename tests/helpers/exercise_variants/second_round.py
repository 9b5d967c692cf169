# fmt: off
"""Solutions of a second round, written from the notebooks' texts after the checks: how well these judge what they were not made for."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from facegan.course import solutions as S

RIGHT, BUT, WRONG = {}, {}, {}

RIGHT.setdefault("scale", []).extend([
    lambda x: x.float().mul(2).sub(255).div(255),
    lambda x: torch.sub(torch.div(x, torch.tensor(127.5)), 1),
    lambda im: (im / 255 * 2 - 1).to(torch.float32),
    lambda x: F.hardtanh(x.float() / 127.5 - 1),
    lambda x: x.numpy().astype(np.float32) / 127.5 - 1 if 0 else torch.asarray(x.numpy().astype(np.float32) / 127.5 - 1),
])

WRONG.setdefault("scale", []).extend([
    (lambda x: (x - 127.5) / 255, r"its range is -0\.5 to 0\.5, half as wide"),
    (lambda x: x.float() / 127.5 - 1.0 if x.ndim == 4 else x.float(), "it is right for a batch and wrong for a"),
    (lambda x: x / 256 * 2 - 1, r"the brightest pixel, 255, became 0\.992; it"),
    (lambda x: (x.float() / 127.5 - 1).mean(0), r"it returns shape \(3, 16, 16\), expected \(2, 3,"),
    (lambda x: (x.float() - 127) / 127, r"the brightest pixel, 255, became 1\.008; it"),
    (lambda x: (x.float() - 128) / 127, r"the darkest pixel, 0, became -1\.008; it"),
    (lambda x: x.float().sub_(x.float().mean()).div_(127.5), "the same pixel value became another number in"),
    (lambda x: torch.nn.functional.normalize(x.float()), r"it is not a straight line: 0 became 0\.000 and"),
    (lambda x: x.float().clamp(-1, 1), r"it is not a straight line: 0 became 0\.000 and"),
    (lambda x: 1 - 2 * x / 255.0, r"the darkest pixel, 0, became 1\.000; it should"),
    (lambda x: x.byte() * 2 / 255 - 1, "8-bit integers wrap around"),
    (lambda x: x.float() / 127.5 - 2, "its range has the correct width, but"),
    (lambda x: torch.tensor([v / 127.5 - 1 for v in x.flatten().tolist()]), r"it returns shape \(1536,\), expected \(2, 3, 16,"),
])

RIGHT.setdefault("unscale", []).extend([
    lambda x: torch.floor((x + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8),
    lambda x: (x.clamp(-1, 1) * 127.5 + 127.5).round().to(torch.uint8),
])

RIGHT.setdefault("unscale", []).extend([
    lambda x: (x * 127.5 + 128).clamp(0, 255).byte(),
])

WRONG.setdefault("unscale", []).extend([
    (lambda x: ((x + 1) * 127.5).abs().round().byte(), r"outside the range, -1\.5 became 64"),
    (lambda x: ((x + 1) * 127.5).round().clamp(0, 255).to(torch.int16), r"it returns torch\.int16, expected torch\.uint8\."),
    (lambda x: ((x + 1) * 127.5 + 1).clamp(0, 255).byte(), "198 of 256 levels are not restored"),
    (lambda x: ((x + 1) * 127.5).round().to(torch.uint8) % 256, "divided by 0"),
    (lambda x: ((x.tanh() + 1) * 127.5).round().byte(), "198 of 256 levels are not restored"),
    (lambda x: (x.sigmoid() * 255).round().byte(), "254 of 256 levels are not restored"),
    (lambda x: ((x + 1) / 2 * 256).clamp(0, 255).byte(), r"10\.3, 10\.7, 200\.4, and 200\.6 became \[10, 10,"),
    (lambda x: (((x + 1) * 127.5).round().clamp(0, 255) / 255).byte(), "-1, 0, and 1 became 0, 0, and 1; expected 0,"),
    (lambda x: ((x + 1) * 127.5).round().clamp(0, 255).bool(), r"it returns torch\.bool, expected torch\.uint8\."),
    (lambda x: ((x + 1) * 127.5).round().clamp(-255, 255).int().byte(), r"1\.5 stops at 255, but -1\.5 became 192: values"),
])

RIGHT.setdefault("center_crop", []).extend([
    lambda i, s: i[..., (i.shape[-2] - s) // 2:(i.shape[-2] - s) // 2 + s, (i.shape[-1] - s) // 2:(i.shape[-1] - s) // 2 + s],
    lambda i, s: (lambda t, k: torch.stack([c[t:t + s, k:k + s] for c in i]))((i.size(1) - s) // 2, (i.size(2) - s) // 2),
])

WRONG.setdefault("center_crop", []).extend([
    (lambda i, s: i[:, (i.shape[1] - s) // 2:(i.shape[1] + s) // 2, (i.shape[1] - s) // 2:(i.shape[1] + s) // 2], "of an image of 12 rows and 8 columns, it keeps"),
    (lambda i, s: i[:, (i.shape[1] - s) // 2:(i.shape[1] - s) // 2 + s], r"for an image \(3, 12, 8\) and size 4, it returns"),
    (lambda i, s: i[:, i.shape[1] // 4:i.shape[1] // 4 + s, i.shape[2] // 4:i.shape[2] // 4 + s], "of an image of 12 rows and 8 columns, it keeps"),
    (lambda i, s: i[0, (i.shape[1] - s) // 2:, (i.shape[2] - s) // 2:][:s, :s], r"for an image \(3, 12, 8\) and size 4, it returns"),
    (lambda i, s: i[None, :, (i.shape[1] - s) // 2:, (i.shape[2] - s) // 2:][:, :, :s, :s], r"for an image \(3, 12, 8\) and size 4, it returns"),
    (lambda i, s: i[:, s // 2:s // 2 + s, s // 2:s // 2 + s], "of an image of 12 rows and 8 columns, it keeps"),
    (lambda i, s: i[:, i.shape[1] - s // 2:i.shape[1] + s // 2], r"for an image \(3, 12, 8\) and size 4, it returns"),
    (lambda i, s: i[:, (i.shape[1] - s) // 2:-((i.shape[1] - s) // 2), (i.shape[2] - s) // 2:-((i.shape[2] - s) // 2)], r"for an image \(3, 9, 9\) and size 9, it returns"),
    (lambda i, s: i.resize_(3, s, s), "it modifies its input in place"),
    (lambda i, s: i[:, ::2, ::2][:, :s, :s], "its result is not a square of the image: pixels"),
])

WRONG.setdefault("contact_sheet", []).extend([
    (lambda x, c: torch.cat([torch.cat([*x[i * c:(i + 1) * c]], 2) for i in range(len(x) // c)], 1), r"5 images of 4 x 5 in 3 columns make \(3, 4,"),
    (lambda x, c: x.permute(1, 2, 0, 3).reshape(3, x.shape[2], -1), r"6 images of 4 x 5 in 3 columns make \(3, 4,"),
    (lambda x, c: x.reshape(3, -1, c * x.shape[3]), r"image 0 should be in row 0, column 0 \(from"),
    (lambda x, c: torch.zeros(3, -(-len(x) // c) * x.shape[2], c * x.shape[3]), r"it returns torch\.float32; the images are"),
    (lambda x, c: x[0], r"6 images of 4 x 5 in 3 columns make \(3, 4,"),
    (lambda x, c: torch.full((3, -(-len(x) // c) * x.shape[2], c * x.shape[3]), 255, dtype=torch.uint8), r"image 0 should be in row 0, column 0 \(from"),
    (lambda x, c: torch.stack(list(x)), r"6 images of 4 x 5 in 3 columns make \(6, 3, 4,"),
])

def cs(x, c):
    n, _, h, w = x.shape
    r = math.ceil(n / c)
    s = np.ones((3, r * h, c * w), dtype='uint8') * 255
    for k in range(n):
        i, j = (k // c, k % c)
        s[:, i * h:i * h + h, j * w:j * w + w] = x[k]
    return torch.from_numpy(s)

RIGHT.setdefault("contact_sheet", []).extend([
    cs,
])

WRONG.setdefault("output_size", []).extend([
    (lambda n, k, s, p: (n - 1) * s + k - 2 * p if p else n * s, "for size 1, kernel 4, stride 1, padding 0, it"),
    (lambda n, k, s, p: n * s + k - p, "for size 1, kernel 4, stride 1, padding 0, it"),
    (lambda n, k, s, p: (n - 1) * (s + k) - 2 * p, "for size 1, kernel 4, stride 1, padding 0, it"),
    (lambda n, k, s, p: (n - 1) * s + k - 2 ** p, "for size 1, kernel 4, stride 1, padding 0, it"),
    (lambda n, k, s, p: int((n - 1) * s + k / 2 - p), "for size 1, kernel 4, stride 1, padding 0, it"),
    (lambda n, k, s, p: max(n * s, k), "for size 7, kernel 5, stride 3, padding 2, it"),
    (lambda n, k, s, p: (n - 1) * s + k - 2 * p * s, "for size 4, kernel 4, stride 2, padding 1, it"),
])

RIGHT.setdefault("output_size", []).extend([
    lambda size, kernel, stride, padding: np.int64((size - 1) * stride + kernel - 2 * padding),
])

def blk(*layers):
    return nn.Sequential(*layers)

CT, BN = (nn.ConvTranspose2d, nn.BatchNorm2d)

BUT.setdefault("generator_block", []).extend([
    (lambda a, b: blk(CT(a, b, 4, 2, 1), BN(b), nn.ReLU(), nn.Dropout2d(0.5)), "it has dropout"),
    (lambda a, b: blk(CT(a, b, 4, 2, 1), BN(b), nn.Softmax(1)), "its last step is not ReLU; the text's block"),
])

WRONG.setdefault("generator_block", []).extend([
    (lambda a, b: blk(CT(a, b, 4, 2, 1), BN(b), nn.ReLU()).eval(), "it is in eval mode"),
    (lambda a, b: blk(CT(a, b, 4, 2, 1), BN(b), nn.ReLU()).requires_grad_(False), "of its weights are frozen"),
    (lambda a, b: blk(CT(a, b, 4, 2, 1), BN(b), nn.ReLU(), nn.Dropout(0.5), BN(b)), "mean 0 and standard deviation 1"),
    (lambda a, b: blk(CT(a, b, 4, 2, 1), BN(b, track_running_stats=False), nn.ReLU()), "an image's result depends on the"),
    (lambda a, b: blk(CT(a, b, 4, 2, 1), nn.ReLU()), "seven times larger give larger"),
    (lambda a, b: blk(CT(a, a, 4, 2, 1), BN(a), nn.ReLU()), r"generator_block\(6, 4\) makes 6 channels,"),
    (lambda a, b: blk(nn.Upsample(scale_factor=2), BN(a), nn.ReLU()), r"generator_block\(6, 4\) makes 6 channels,"),
    (lambda a, b: blk(CT(a, b, 4, 2), BN(b), nn.ReLU()), r"a side of 4 becomes 10, expected 8\. Compare"),
    (lambda a, b: blk(CT(a, b, 2, 2, 1), BN(b), nn.ReLU()), r"a side of 4 becomes 6, expected 8\. Compare"),
    (lambda a, b: blk(CT(a, b, 4, 4, 1), BN(b), nn.ReLU()), r"a side of 4 becomes 14, expected 8\. Compare"),
    (lambda a, b: blk(nn.Linear(a, b), BN(b), nn.ReLU()), r"a matrix product \(or nn\.Linear\) needs a last dimension of 6"),
    (lambda a, b: blk(CT(a, b, 4, 2, 1), BN(b), nn.ReLU), "a layer's class is passed instead"),
])

RIGHT.setdefault("generator_block", []).extend([
    lambda a, b: blk(CT(a, b, 4, 2, 1), BN(b), nn.Threshold(0, 0)),
    lambda a, b: blk(CT(a, b, 4, 2, 1), nn.SyncBatchNorm(b) if 0 else BN(b), nn.ReLU6()) if 0 else blk(CT(a, b, 4, 2, 1), BN(b), nn.ReLU()),
])

WRONG.setdefault("init_weights", []).extend([
    (lambda m: nn.init.normal_(m.weight, 0, 0.02) if 'Conv' in type(m).__name__ else None, "the weights of BatchNorm2d are not changed"),
    (lambda m: [nn.init.normal_(p, 0, 0.02) for p in m.parameters()], r"the weights of BatchNorm2d have mean 0\.000,"),
    (lambda m: m.apply(lambda x: x), r"the weights of Conv2d are not changed \(or a"),
    (lambda m: (nn.init.normal_(m.weight, 0, 0.02), nn.init.zeros_(m.bias)) if hasattr(m, 'weight') else 0, r"the weights of BatchNorm2d have mean -0\.000,"),
    (lambda m: setattr(m, 'weight', nn.Parameter(torch.zeros_like(m.weight))) if hasattr(m, 'weight') else None, r"the weights of Conv2d are all 0\.00: draw"),
    (lambda m: nn.init.kaiming_normal_(m.weight) if isinstance(m, (nn.Conv2d, CT)) else None, "the weights of Conv2d have standard deviation"),
])

def lg(x):
    return F.softplus(x)

WRONG.setdefault("discriminator_loss", []).extend([
    (lambda r, f: -(torch.log(torch.sigmoid(r)).mean() + torch.log(1 - torch.sigmoid(f)).mean()), "for logits of 300 and -300 it becomes inf: a sigmoid"),
    (lambda r, f: (lg(-r).mean() + lg(f).mean()) / len(r), "right for one image and wrong for a batch"),
    (lambda r, f: lg(-r.mean()) + lg(f.mean()), "right for one image and wrong for a batch"),
    (lambda r, f: lg(f - r).mean(), "each real logit with a fake logit"),
    (lambda r, f: nn.BCELoss()(r.sigmoid(), torch.ones_like(r)) + nn.BCELoss()(f.sigmoid(), torch.zeros_like(f)), r"for logits of 300 and -300 it gives 100\.0, expected"),
    (lambda r, f: lg(-r).max() + lg(f).max(), "right for one image and wrong for a batch"),
    (lambda r, f: F.cross_entropy(torch.stack([r, f]), torch.tensor([1, 0])), "cross_entropy takes class numbers below the"),
    (lambda r, f: torch.stack([lg(-r).mean(), lg(f).mean()]), "it returns 2 numbers, one per image; a loss is"),
    (lambda r, f: lg(r).mean() + lg(f).mean(), "it gives real images the label 0, as fakes;"),
    (lambda r, f: lg(-r).sum() + lg(f).mean(), "one of the two halves is a sum"),
    (lambda r, f: (lg(-r) + lg(f)).mean() - 2 * math.log(2), r"for logits \[\[3\.08, -0\.59\], \[0\.68, -2\.44\]\]\.\.\."),
    (lambda r, f: abs(lg(-r).mean() - lg(f).mean()), "the halves are subtracted"),
])

RIGHT.setdefault("discriminator_loss", []).extend([
    lambda r, f: lg(-r).mean(0) + lg(f).mean(0),
    lambda r, f: F.binary_cross_entropy_with_logits(torch.stack([r, f]), torch.stack([torch.ones(len(r)), torch.zeros(len(f))])) * 2,
])

WRONG.setdefault("generator_loss", []).extend([
    (lambda f: lg(-f.mean()), "right for one image and wrong for a batch"),
    (lambda f: torch.exp(-f).mean(), r"for logits \[\[3\.08, -0\.59\]\]\.\.\. it gives"),
    (lambda f: (1 - f).relu().mean(), "that is the hinge loss"),
    (lambda f: -torch.log(1 - f.sigmoid()).mean(), "it decreases if D classifies fakes as fake"),
    (lambda f: lg(-f).mean() + lg(f).mean(), r"it does not fall as logits grow \(2\.25 at -2,"),
    (lambda f: F.binary_cross_entropy_with_logits(f, torch.full_like(f, 0.5)), "it takes the label 1/2; G's fakes should"),
    (lambda f: lg(-f).max(), "right for one image and wrong for a batch"),
    (lambda f: lg(-2 * f).mean(), r"for logits \[\[3\.08, -0\.59\]\]\.\.\. it gives 2\.595,"),
    (lambda f: -f.sigmoid().log().mean() * 0.5, r"it is half of the loss\."),
    (lambda f: F.mse_loss(f, torch.zeros_like(f)), r"it does not fall as logits grow \(4\.00 at -2,"),
    (lambda f: torch.log(1 + torch.exp(-f)).mean(), "for logits of 300 and -300 it becomes inf: a sigmoid"),
])

WRONG.setdefault("slerp", []).extend([
    (lambda a, b, t: a * np.cos(t) + b * np.sin(t), "at t = 1 it is not at b: the other vector's"),
    (lambda a, b, t: a + (b - a) * t / (b - a).norm(), "at t = 1 it is not at b: the other vector's"),
    (lambda a, b, t: a ** (1 - t) * b ** t, "its result contains NaN or infinity:"),
    (lambda a, b, t: F.normalize(a + (b - a) * t, dim=0) * 10, r"at t = 0 it is 0\.976 times a\. Its length is 10"),
    (lambda a, b, t: (1 - t) * a / a.norm() + t * b / b.norm(), "at t = 0 its length is 1, not a's: it must"),
    (lambda a, b, t: torch.lerp(a, b, math.sin(t * math.pi / 2)), r"halfway, its length is 7\.49, while a and b"),
    (lambda a, b, t: (lambda w: (torch.sin((1 - t) * w) * a + torch.sin(t * w) * b) / torch.sin(w))(torch.acos(torch.dot(a, b) / (a.norm() * b.norm()))), "between two equal vectors it is not a number:"),
])

def sl(a, b, t):
    w = torch.acos((a / a.norm() * b / b.norm()).sum().clamp(-1, 1))
    return torch.where(w < 0.001, a, (torch.sin((1 - t) * w) * a + torch.sin(t * w) * b) / torch.sin(w + 1e-12))

def sl2(a, b, t):
    om = np.arccos(np.clip(np.dot(a / np.linalg.norm(a), b / np.linalg.norm(b)), -1, 1))
    so = np.sin(om)
    if so < 1e-06:
        return a
    return np.sin((1 - t) * om) / so * a + np.sin(t * om) / so * b

RIGHT.setdefault("slerp", []).extend([
    sl,
    sl2,
])

def lw1(a, n):
    out = []
    k = len(a) - 1
    for i in range(k):
        for j in range(n // k):
            out.append(S.slerp(a[i], a[i + 1], j / (n // k)))
    while len(out) < n:
        out.append(a[-1])
    return torch.stack(out)

def lw2(a, n):
    t = np.linspace(0, 1, n)
    return torch.stack([S.slerp(a[0], a[-1], x) for x in t])

WRONG.setdefault("latent_walk", []).extend([
    (lw1, "the last of 5 frames is not the last anchor:"),
    (lw2, r"it passes anchor 1 at a distance of 5\.5; it"),
    (lambda a, n: torch.cat([a, a])[:n], r"4 anchors and 31 frames give \(8, 30\),"),
    (lambda a, n: torch.randn(n, a.shape[1]), r"it does not begin at the first anchor\."),
    (lambda a, n: a.repeat_interleave(n // len(a) + 1, 0)[:n], "stops somewhere: two frames"),
    (lambda a, n: torch.stack([a.mean(0)] * n), r"it does not begin at the first anchor\."),
    (lambda a, n: torch.stack([S.slerp(a[i], a[i + 1], 0.5) for i in range(len(a) - 1)]), r"4 anchors and 31 frames give \(3, 30\),"),
])

WRONG.setdefault("attribute_direction", []).extend([
    (lambda z, h: z[h].mean(0) - z.mean(), "its cosine with the true direction is only"),
    (lambda z, h: z.T @ h.float(), "sum of the latents with the attribute"),
    (lambda z, h: z[h].mean(0) * 0.5 + z[~h].mean(0) * 0.5, "it adds the two means; the direction is their"),
    (lambda z, h: z[0] - z[1], r"the mask is used as indices 0 and 1\. A mask"),
    (lambda z, h: z[h].mean(0) - z[:len(z[h])].mean(0) if 0 else z[h].var(0), "its cosine with the true direction is only"),
    (lambda z, h: (z[h] - z[h].mean(0)).mean(0), r"it is zero everywhere\."),
    (lambda z, h: torch.linalg.svd(z)[2][0] if 0 else z.std(0), "its cosine with the true direction is only"),
])

WRONG.setdefault("optimal_discriminator", []).extend([
    (lambda p, q: p / (p * q), r"it gives 1\.20, but D\(x\) must be between 0 and 1\."),
    (lambda p, q: p / (2 * p + q), r"where p = q it gives 0\.33; D cannot distinguish"),
    (lambda p, q: 1 / (1 + p / q), "that is the probability that x is a fake; D"),
    (lambda p, q: p / (p + q) ** 2, r"it gives 1\.25, but D\(x\) must be between 0 and 1\."),
    (lambda p, q: (p - q) / (p + q), r"it gives -0\.48, but D\(x\) must be between 0 and"),
    (lambda p, q: torch.softmax(torch.stack([p, q]), -1)[0], "its value at a point depends on the other"),
    (lambda p, q: p / (p + q) * (p > q), r"where p = q it gives 0\.00; D cannot distinguish"),
    (lambda p, q: (p / (p + q)).log(), r"it gives -1\.34, but D\(x\) must be between 0 and"),
    (lambda p, q: p.clamp(0, 1), r"where p = q it gives 0\.60; D cannot distinguish"),
    (lambda p, q: torch.maximum(p, q) / (p + q), r"for p = 0\.13 and q = 2\.92 it gives 0\.96\. Set"),
    (lambda p, q: p / (p + q) + 0.5, r"it gives 1\.01, but D\(x\) must be between 0 and 1\."),
])

sg = torch.sigmoid

WRONG.setdefault("dirac_gradients", []).extend([
    (lambda t, p: (p * sg(p * t), t * sg(p * t)), "psi moves the wrong way: D wants the logit of"),
    (lambda t, p: (-p * sg(p * t) * (1 - sg(p * t)), t * sg(p * t) * (1 - sg(p * t))), r"theta's update is that of D itself, not of log\(1 -"),
    (lambda t, p: (p * sg(t), -t * sg(p)), "theta's update takes sigmoid of theta alone; the"),
    (lambda t, p: (p * sg(p * t) ** 2, -t * sg(p * t) ** 2), r"theta's update has the sigmoid squared\."),
    (lambda t, p: (p / (1 - sg(p * t)), -t * sg(p * t)), "theta's update divides by 1 - D, the derivative"),
    (lambda t, p: (p * sg(p * t), -t * sg(p * t) + 0.5), "psi's update has 1/2 from the real point; that point"),
    (lambda t, p: (p * torch.log(sg(p * t)), -t * torch.log(sg(p * t))), r"theta's update has log\(sigmoid\), a loss, instead of"),
    (lambda t, p: (p * sg(p * t), p * sg(p * t)), "psi's update is the same as theta's; each player has"),
    (lambda t, p: (p * sg(p + t), -t * sg(p + t)), "theta's update adds psi and theta; the logit is"),
    (lambda t, p: (2 * p * sg(p * t), -2 * t * sg(p * t)), r"theta's update has a factor 2 too much\."),
])

WRONG.setdefault("alternating_step", []).extend([
    (lambda f, t, p, r: (lambda a: (t + r * a[0], p + r * f(t + r * a[0], p)[1]))(f(t, p)), "G moves first; here D moves first, and then"),
    (lambda f, t, p, r: (t + r * f(t, p + f(t, p)[1])[0], p + r * f(t, p)[1]), "theta moves with a psi that took a step"),
    (lambda f, t, p, r: (t + r * r * f(t, p + r * f(t, p)[1])[0], p + r * f(t, p)[1]), r"G's step is multiplied by the rate twice\."),
    (lambda f, t, p, r: (t * (1 - r) + r * f(t, p)[0], p * (1 - r) + r * f(t, p)[1]), r"psi becomes -2\.560, expected -2\.935 with"),
    (lambda f, t, p, r: (lambda n: (t + r * f(t, n)[0], p + r * f(t + r * f(t, n)[0], n)[1]))(p + r * f(t, p)[1]), r"psi becomes -2\.869, expected -2\.935 with"),
    (lambda f, t, p, r: (t + r * f(t, p + r * f(t, p)[1])[0]).item(), "a tensor with many numbers is converted to a"),
])

def rr(red, **k):

    def f(d, x):
        x = x.clone().requires_grad_()
        g, = torch.autograd.grad(d(x).sum(), x, create_graph=True)
        return red(g, x)
    return f

WRONG.setdefault("r1_penalty", []).extend([
    (rr(lambda g, x: g.flatten(1).norm(dim=1).pow(2).sum() / 2), "that is the sum over the batch; it should be"),
    (rr(lambda g, x: (g * x).flatten(1).sum(1).pow(2).mean() / 2), r"it gives 0\.0126, expected 0\.0376 for samples"),
    (rr(lambda g, x: g.pow(2).mean() * 0.5), "it averages over the values of a sample; add"),
    (rr(lambda g, x: g.norm(2, dim=0).pow(2).mean() / 2), r"it gives 0\.0014, expected 0\.0376 for samples"),
    (rr(lambda g, x: 2 * g.flatten(1).pow(2).sum(1).mean()), r"it is 4 times R1\."),
    (rr(lambda g, x: g.flatten(1).pow(2).sum(1).sqrt().mean().pow(2)), r"it gives 0\.0745, expected 0\.0376 for samples"),
    (rr(lambda g, x: g.pow(2).sum() / 2 / x.numel()), "it averages over the values of a sample; add"),
    (rr(lambda g, x: g.flatten(1).pow(4).sum(1).mean() / 2), "a D with gradients twice as large makes it 16"),
    (rr(lambda g, x: g.flatten(1).norm(dim=1).pow(3).mean() / 2), "a D with gradients twice as large makes it 8"),
    (rr(lambda g, x: g.flatten(1).pow(2).sum(1).max() / 2), "it uses the largest gradient only; take the"),
])

def nr(f, c, r):
    return torch.cdist(f, c) <= r

WRONG.setdefault("modes_covered", []).extend([
    (lambda f, c, r, n: int((nr(f, c, r).float().mean(0) >= n).sum()), r"it finds no covered center\. Is the radius"),
    (lambda f, c, r, n: int((nr(f, c, r).sum(0) >= n).sum()) + 1, r"it counts one center too many\."),
    (lambda f, c, r, n: int((nr(f, c, r).sum(0) >= n).all()), r"it finds no covered center\. Is the radius"),
    (lambda f, c, r, n: int((nr(f, c, r).sum(0) >= len(f) / len(c)).sum()), "it compares with an equal share of the fakes;"),
    (lambda f, c, r, n: int((((f[:, None] - c).abs() <= r).any(-1).sum(0) >= n).sum()), "it ignores"),
    (lambda f, c, r, n: int((((f[:, None] - c).sum(-1).abs() <= r).sum(0) >= n).sum()), "five centers have 12, 5, 4, 1, 0 fakes within"),
    (lambda f, c, r, n: int(nr(f, c, r).sum(0).max() >= n), "it returns whether the best center is covered;"),
    (lambda f, c, r, n: int((nr(f, c, n).sum(0) >= r).sum()), r"radius and least are exchanged\."),
    (lambda f, c, r, n: int(nr(f, c, r).sum() >= n), "it returns whether enough fakes are near any"),
    (lambda f, c, r, n: int(((f[:, None, 0] - c[:, 0]).abs() <= r).sum(0).ge(n).sum()), "it ignores"),
])
