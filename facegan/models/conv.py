"""Conv2d and ConvTranspose2d, computed as matrix products where this is faster on a CPU.

They are subclasses of torch's layers, with the same names and weights, and the same results up to rounding. On a CPU,
two kinds of layers of DCGAN are faster as a matrix product (Chellapilla et al. 2006, "High performance convolutional
neural networks for document processing"): layers between 1 x 1 and 4 x 4, where a convolution is a linear map; and, in
bfloat16, layers between 4 x 4 and 8 x 8. A third kind, the transposed convolution to an image's three channels, is
faster as a convolution to the pixels of 2 x 2 squares (`ToImage`). For all other shapes, kernels, and strides, torch's
convolutions are used.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_HALVES = ((4, 4), (2, 2), (1, 1))  # kernel, stride, padding
SHAPES = {"end": ((4, 4), (1, 1), (0, 0)), "coarse": _HALVES, "image": _HALVES}


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`, computed as a matrix product where this is faster."""

    def forward(self, images: Tensor) -> Tensor:
        kind = _kind(self, images, {4: "end", 8: "coarse"})
        if not kind or (kind == "image" and not images.requires_grad):
            return super().forward(images)
        weight, images = _in_autocast_type(self.weight, images)
        if kind == "image":
            return FromImage.apply(images, weight, self.bias if self.bias is None else self.bias.to(images))
        if kind == "end":
            logits = images.permute(0, 2, 3, 1).flatten(1) @ _rows(weight).T
            out = logits[:, :, None, None]
        else:
            patches = Patches.apply(images)  # (B, h, w, 4, 4, C)
            out = (patches.flatten(3) @ _rows(weight).T).permute(0, 3, 1, 2)
        return out if self.bias is None else out + self.bias[:, None, None].to(out)


class ConvTranspose2d(nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d`, computed as a matrix product where this is faster."""

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        kind = _kind(self, images, {1: "end", 4: "coarse"})
        if not kind or output_size or self.bias is not None:
            return super().forward(images, output_size)
        return _transposed(images, self.weight, kind)


class NearestConvTranspose2d(ConvTranspose2d):
    """Nearest-neighbor upsampling by 2 and a 3 x 3 convolution, as one transposed convolution.

    This is the "resize-convolution" of Odena et al. 2016 (distill.pub/2016/deconv-checkerboard): every output pixel
    gets the same number of contributions, so there are no checkerboard artifacts. A transposed convolution with stride
    2, padding 1, and the sum of four shifts of the 3 x 3 kernel gives the same images, with 4 multiplications per pixel
    instead of 9. `weight` is the 3 x 3 kernel (I, O, 3, 3).

    Args:
        layer: an initialized 4 x 4 transposed convolution; a 3 x 3 corner of its weight becomes the kernel.
    """

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__(layer.in_channels, layer.out_channels, 4, 2, 1, bias=False, device="meta")
        self.weight = nn.Parameter(layer.weight.detach()[..., :3, :3].contiguous())

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        weight, kind = self.transposed_weight(), _kind(self, images, {4: "coarse"})
        if kind:
            return _transposed(images, weight, kind)
        return F.conv_transpose2d(images, weight, None, self.stride, 1)

    def transposed_weight(self) -> Tensor:
        """The kernel (I, O, 4, 4) of the equivalent transposed convolution."""
        return F.avg_pool2d(F.pad(self.weight, (1, 1, 1, 1)), 2, stride=1, divisor_override=1)


class Patches(torch.autograd.Function):
    """Extract 4 x 4 patches, stride 2, padding 1: (B, C, 2 h, 2 w) to (B, h, w, 4, 4, C). The adjoint of `Spread`."""

    @staticmethod
    def forward(ctx, images: Tensor) -> Tensor:
        padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        return padded.unfold(1, 4, 2).unfold(2, 4, 2).permute(0, 1, 2, 4, 5, 3).contiguous()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return Spread.apply(gradient)


class Spread(torch.autograd.Function):
    """Sum overlapping patches: (B, h, w, 4, 4, C) to (B, C, 2 h, 2 w). The adjoint of `Patches`."""

    @staticmethod
    def forward(ctx, patches: Tensor) -> Tensor:
        size, height, width, _, _, channels = patches.shape
        # Row 2 i + k of the padded result, with k = 2 a + b from 0 to 3, is row b of pair i + a.
        pairs = patches.new_zeros(size, height + 1, 2, width + 1, 2, channels)
        quarters = patches.reshape(size, height, width, 2, 2, 2, 2, channels)
        for a in range(2):
            for b in range(2):
                quarter = quarters[:, :, :, a, :, b].transpose(2, 3)
                pairs[:, a : a + height, :, b : b + width] += quarter
        padded = pairs.view(size, 2 * height + 2, 2 * width + 2, channels)
        return padded[:, 1:-1, 1:-1].permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return Patches.apply(gradient)


class FromImage(torch.autograd.Function):
    """The convolution of images with a kernel (O, C, 4, 4), stride 2, padding 1. Its input gradient is `ToImage`."""

    @staticmethod
    def forward(ctx, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(images, weight)
        return F.conv2d(images, weight, bias, 2, 1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        to_images, *to_weights = ctx.needs_input_grad
        image = ToImage.apply(gradient, weight) if to_images else None
        return image, *_gradients(gradient, images, weight, *to_weights)


class ToImage(torch.autograd.Function):
    """The transposed convolution with a kernel (I, C, 4, 4), stride 2, padding 1. The adjoint of `FromImage`.

    A feature contributes to 4 x 4 pixels, which are 2 x 2 squares of 2 x 2 pixels. Therefore, one convolution with a
    2 x 2 kernel gives the 4 C numbers of each square ("sub-pixel convolution", Shi et al. 2016, arXiv 1609.05158).
    """

    @staticmethod
    def forward(ctx, features: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        size, _, height, width = features.shape
        rows = weight.permute(0, 2, 3, 1).unflatten(1, (2, 2)).unflatten(3, (2, 2))  # (I, 2, 2, 2, 2, C)
        kernel = rows.transpose(2, 3).flatten(3).permute(0, 3, 1, 2)  # (I, 4 C, 2, 2)
        squares = F.conv_transpose2d(features, kernel).permute(0, 2, 3, 1).unflatten(3, (2, -1))
        pixels = squares.transpose(2, 3).reshape(size, 2 * height + 2, 2 * width + 2, -1)
        return pixels[:, 1:-1, 1:-1].permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        to_features, to_weight = ctx.needs_input_grad
        feature = FromImage.apply(gradient, weight, None) if to_features else None
        return feature, _gradients(features, gradient, weight, to_weight, False)[0]


def _gradients(features: Tensor, images: Tensor, weight: Tensor, *wanted: bool) -> tuple[Tensor | None, ...]:
    """The gradients of a convolution's weight and bias, given the gradient of its features."""
    convolution = [weight.shape[0]], (2, 2), (1, 1), (1, 1), False, (0, 0), 1
    return torch.ops.aten.convolution_backward(features, images, weight, *convolution, (False, *wanted))[1:]


def _transposed(images: Tensor, weight: Tensor, kind: str) -> Tensor:
    """The transposed convolution with `weight` (I, O, 4, 4), for a `kind` of layer."""
    weight, images = _in_autocast_type(weight, images)
    if kind == "image":
        return ToImage.apply(images, weight)
    patches = images.permute(0, 2, 3, 1) @ _rows(weight)  # (B, h, w, 16 C)
    patches = patches.unflatten(3, (4, 4, -1))
    return patches[:, 0, 0].permute(0, 3, 1, 2) if kind == "end" else Spread.apply(patches)


def _kind(layer: nn.Conv2d | nn.ConvTranspose2d, images: Tensor, kinds: dict[int, str]) -> str:
    """The fastest method for an input: 'end', 'coarse', or 'image' (see `SHAPES`), or '' for torch's convolution."""
    side = images.shape[-1]
    few = not torch.jit.is_tracing() and min(layer.in_channels, layer.out_channels) <= 3 and side % 2 == 0
    square = images.ndim == 4 and images.shape[-2] == side
    kind = kinds.get(side, "image" if few else "") if square and images.device.type == "cpu" else ""
    plain = (layer.groups, layer.dilation, layer.padding_mode) == (1, (1, 1), "zeros")
    plain = plain and layer.output_padding == (0, 0)
    fits = plain and (layer.kernel_size, layer.stride, layer.padding) == SHAPES.get(kind)
    bf16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return kind if fits and (kind != "coarse" or bf16) else ""


def _rows(weight: Tensor) -> Tensor:
    """A kernel (O, C, 4, 4) as a matrix (O, 16 C), in the order of `Patches`; a view if it is in channels-last."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _in_autocast_type(*tensors: Tensor) -> tuple[Tensor, ...]:
    on = torch.is_autocast_enabled("cpu")
    return tuple(t.to(torch.get_autocast_dtype("cpu")) if on else t for t in tensors)
