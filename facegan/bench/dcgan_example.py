"""A reimplementation of PyTorch's DCGAN example, as a baseline for benchmarks.

The example is github.com/pytorch/examples, dcgan/main.py. This module has the same networks, losses, optimizers,
labels, `.item()` calls, and printed line, in the same order, in float32. Arguments, checkpoints, and sample images,
which are not part of a step, are omitted. For training, use `facegan.training`.
"""

from __future__ import annotations

from typing import TextIO

import torch
from torch import Tensor, nn, optim

NZ, LR, BETA1, WORKERS = 100, 2e-4, 0.5, 2  # the example's defaults
REAL_LABEL, FAKE_LABEL = 1, 0


def weights_init(m: nn.Module) -> None:
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        torch.nn.init.normal_(m.get_parameter("weight"), 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        torch.nn.init.normal_(m.get_parameter("weight"), 1.0, 0.02)
        torch.nn.init.zeros_(m.get_parameter("bias"))


class NetG(nn.Module):
    """Maps z (B, 100, 1, 1) to images (B, 3, 64, 64) in [-1, 1]."""

    def __init__(self, ngf: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(NZ, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.main(input)


class NetD(nn.Module):
    """Maps images (B, 3, 64, 64) to probabilities (B,)."""

    def __init__(self, ndf: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 4, ndf * 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.main(input).view(-1, 1).squeeze(1)


class Example:
    """The example's networks and optimizers, and the body of its loop as `step`."""

    def __init__(self, *, width: int, device: torch.device, log: TextIO) -> None:
        self.device, self.log = device, log
        self.netG, self.netD = NetG(width).to(device), NetD(width).to(device)
        self.netG.apply(weights_init)
        self.netD.apply(weights_init)
        self.criterion = nn.BCELoss()
        self.optimizerD = optim.Adam(self.netD.parameters(), lr=LR, betas=(BETA1, 0.999))
        self.optimizerG = optim.Adam(self.netG.parameters(), lr=LR, betas=(BETA1, 0.999))

    def step(self, data: Tensor) -> dict[str, float]:
        """Run one iteration on images (B, 3, 64, 64) in [-1, 1]; returns the printed values."""
        netD, netG, criterion = self.netD, self.netG, self.criterion
        netD.zero_grad()
        real_cpu = data.to(self.device)
        batch_size = real_cpu.size(0)
        label = torch.full((batch_size,), REAL_LABEL, dtype=real_cpu.dtype, device=self.device)
        output = netD(real_cpu)
        errD_real = criterion(output, label)
        errD_real.backward()
        D_x = output.mean().item()

        noise = torch.randn(batch_size, NZ, 1, 1, device=self.device)
        fake = netG(noise)
        label.fill_(FAKE_LABEL)
        output = netD(fake.detach())
        errD_fake = criterion(output, label)
        errD_fake.backward()
        D_G_z1 = output.mean().item()
        errD = errD_real + errD_fake
        self.optimizerD.step()

        netG.zero_grad()
        label.fill_(REAL_LABEL)
        output = netD(fake)
        errG = criterion(output, label)
        errG.backward()
        D_G_z2 = output.mean().item()
        self.optimizerG.step()
        printed = {"Loss_D": errD.item(), "Loss_G": errG.item(), "D(x)": D_x, "D(G(z))": D_G_z1}
        print(" ".join(f"{k}: {v:.4f}" for k, v in printed.items()), f"/ {D_G_z2:.4f}", file=self.log)
        return printed | {"after": D_G_z2}


def image_folder(folder: str, *, size: int, batch_size: int):
    """The example's loader for the images in `folder`, with two workers."""
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    steps = [
        transforms.Resize(size),
        transforms.CenterCrop(size),
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ]
    images = ImageFolder(folder, transforms.Compose(steps))
    return DataLoader(images, batch_size=batch_size, shuffle=True, num_workers=WORKERS, drop_last=True)
