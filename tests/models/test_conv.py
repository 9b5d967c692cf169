import pytest
import torch
import torch.nn.functional as F
from torch import nn

from facegan.models import conv as layers
from facegan.models.conv import (
    Conv2d,
    ConvTranspose2d,
    FromImage,
    NearestConvTranspose2d,
    Patches,
    Spread,
    ToImage,
)
from facegan.models.dcgan import Discriminator, Generator

COARSE = {"stride": 2, "padding": 1}
# (layer, torch's own, input): the shapes that do not run as torch's convolutions
SHAPES = {
    "coarse Conv2d": (Conv2d, nn.Conv2d, (2, 6, 8, 8), COARSE),
    "coarse ConvTranspose2d": (
        ConvTranspose2d,
        nn.ConvTranspose2d,
        (2, 6, 4, 4),
        {"stride": 2, "padding": 1},
    ),
    "image Conv2d": (Conv2d, nn.Conv2d, (2, 3, 16, 16), COARSE),
    "image ConvTranspose2d": (ConvTranspose2d, nn.ConvTranspose2d, (2, 3, 16, 16), COARSE),
    "last Conv2d": (Conv2d, nn.Conv2d, (2, 6, 4, 4), {}),
    "first ConvTranspose2d": (ConvTranspose2d, nn.ConvTranspose2d, (2, 6, 1, 1), {}),
}


def seen(monkeypatch):
    """The kinds of all layers that run from now on."""
    kinds, kind = [], layers._kind
    monkeypatch.setattr(layers, "_kind", lambda *a, **k: kinds.append(kind(*a, **k)) or kinds[-1])
    return kinds


def results(layer, images):
    """Output, and gradients of image and weight, in float32."""
    layer.zero_grad()
    images = images.clone().requires_grad_(True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(images)
    out.float().square().sum().backward()
    return out.detach().float(), images.grad, layer.weight.grad


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_a_matrix_product_gives_what_the_convolution_gives(name, bias, monkeypatch):
    ours, torchs, shape, options = SHAPES[name]
    layer = ours(shape[1], 5, 4, bias=bias, **options)
    theirs = torchs(shape[1], 5, 4, bias=bias, **options)
    theirs.load_state_dict(layer.state_dict())
    images, kinds = torch.randn(shape), seen(monkeypatch)
    for got, expected in zip(results(layer, images), results(theirs, images), strict=True):
        assert got.shape == expected.shape
        torch.testing.assert_close(got, expected, atol=0.05, rtol=0.02)
    assert kinds == [name.split()[0] if options else "end"]


def test_to_and_from_an_image_are_torchs_convolutions_and_differentiable_twice():
    images, features, kernel, bias = (
        torch.randn(shape, dtype=torch.double, requires_grad=True)
        for shape in ((2, 3, 8, 6), (2, 5, 4, 3), (5, 3, 4, 4), (5,))
    )
    for function, theirs, given in (
        (FromImage.apply, F.conv2d, (images, kernel, bias)),
        (ToImage.apply, F.conv_transpose2d, (features, kernel, None)),
    ):
        torch.testing.assert_close(function(*given[: 3 if bias is given[2] else 2]), theirs(*given, 2, 1))
        inputs = tuple(x for x in given if x is not None)
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


def test_patches_and_spread_are_adjoint_and_differentiable_twice():
    images = torch.randn(1, 2, 4, 6, dtype=torch.double, requires_grad=True)
    patches = torch.randn(1, 2, 3, 4, 4, 2, dtype=torch.double, requires_grad=True)
    torch.testing.assert_close(
        (Patches.apply(images) * patches).sum(), (images * Spread.apply(patches)).sum()
    )
    for function, given in ((Patches.apply, images), (Spread.apply, patches)):
        assert torch.autograd.gradcheck(function, given)
        assert torch.autograd.gradgradcheck(lambda x, f=function: f(x).square(), given)


def test_spread_sums_what_a_transposed_convolution_sums():
    patches = torch.randn(2, 3, 5, 4, 4, 6)
    rows = patches.permute(0, 5, 3, 4, 1, 2).reshape(2, 96, 15)
    torch.testing.assert_close(Spread.apply(patches), F.fold(rows, (6, 10), 4, padding=1, stride=2))


def test_float32_keeps_torchs_convolutions_but_at_the_ends_and_at_the_image(monkeypatch):
    kinds = seen(monkeypatch)
    fakes = Generator(32, 8, 8)(torch.randn(2, 8))
    Discriminator(32, 8)(fakes)
    assert kinds == ["end", "", "", "image", "image", "", "", "end"]


def test_bfloat16_takes_matrix_products_at_the_coarsest_layers(monkeypatch):
    kinds = seen(monkeypatch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        Discriminator(32, 8)(Generator(32, 8, 8)(torch.randn(2, 8)))
    assert kinds == ["end", "coarse", "", "image", "image", "", "coarse", "end"]


def test_other_kernels_and_odd_sizes_are_left_to_torch(monkeypatch):
    kinds = seen(monkeypatch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        Conv2d(3, 4, 3, 2, 1)(torch.randn(1, 3, 8, 8))
        Conv2d(3, 4, 4, 2, 1)(torch.randn(1, 3, 7, 7))
        Conv2d(3, 4, 4, 2, 1, dilation=2)(torch.randn(1, 3, 8, 8))
        ConvTranspose2d(3, 4, 4, 2, 1)(torch.randn(1, 3, 4, 5))
        ConvTranspose2d(3, 4, 4, 2, 1, output_padding=1)(torch.randn(1, 3, 4, 4))
    assert kinds == ["", "", "", "", ""]


def test_a_traced_layer_has_operations_of_torch_alone():
    layer, features = ConvTranspose2d(6, 3, 4, 2, 1, bias=False), torch.randn(2, 6, 16, 16)
    traced = torch.jit.trace(layer, features)
    assert "ToImage" not in str(traced.graph)
    torch.testing.assert_close(traced(features), layer(features))


@pytest.fixture
def nearest():
    return NearestConvTranspose2d(ConvTranspose2d(6, 5, 4, 2, 1, bias=False))


def test_a_nearest_kernel_upsamples_and_then_convolves(nearest):
    kernel, images = nearest.weight, torch.randn(2, 6, 7, 7)
    copied = F.interpolate(images, scale_factor=2, mode="nearest")
    expected = F.conv2d(copied, kernel.transpose(0, 1).flip(2, 3), padding=1)
    torch.testing.assert_close(nearest(images), expected, atol=1e-5, rtol=1e-5)
    assert kernel.shape == (6, 5, 3, 3)


def test_a_nearest_kernel_draws_no_checkerboard(nearest):
    flat = torch.ones(1, 6, 8, 8)
    transposed = ConvTranspose2d(6, 5, 4, 2, 1, bias=False)
    inside = [layer(flat)[..., 2:-2, 2:-2].std((2, 3)).max() for layer in (nearest, transposed)]
    assert inside[0] < 1e-5 < 0.01 < inside[1]


def test_in_bfloat16_a_nearest_kernel_is_a_matrix_product_at_the_coarsest_layer(nearest, monkeypatch):
    images, kinds = torch.randn(2, 6, 4, 4), seen(monkeypatch)
    plain = nearest(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        product = nearest(images).float()
    torch.testing.assert_close(product, plain, atol=0.05, rtol=0.02)
    assert kinds == ["", "coarse"]
