import pytest
import torch
from torch import nn

from facegan import GAN, Discriminator, Generator, TrainConfig
from facegan.errors import ConfigError
from facegan.models.dcgan import SelfModulatedBatchNorm2d


def tiny_generator(**changes):
    return Generator(**{"image_size": 16, "width": 8, "latent_dim": 8} | changes)


def tiny_discriminator(**changes):
    return Discriminator(**{"image_size": 16, "width": 8} | changes)


def tutorial_generator():
    """netG of PyTorch's DCGAN tutorial: nz = 100, ngf = 64, nc = 3."""
    return nn.Sequential(
        nn.ConvTranspose2d(100, 512, 4, 1, 0, bias=False), nn.BatchNorm2d(512), nn.ReLU(True),
        nn.ConvTranspose2d(512, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU(True),
        nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(True),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
        nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip


def tutorial_discriminator():
    """netD of PyTorch's DCGAN tutorial, up to its sigmoid."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2, True),
        nn.Conv2d(128, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.LeakyReLU(0.2, True),
        nn.Conv2d(256, 512, 4, 2, 1, bias=False), nn.BatchNorm2d(512), nn.LeakyReLU(0.2, True),
        nn.Conv2d(512, 1, 4, 1, 0, bias=False),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (Generator, tutorial_generator, (2, 100, 1, 1)),
        (Discriminator, tutorial_discriminator, (2, 3, 64, 64)),
    ],
)
def test_tutorial_weights_load_and_give_the_same_outputs(ours, theirs, shape):
    ours, theirs = ours(), theirs()
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    theirs(torch.randn(shape))  # so that BatchNorm has seen something
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    for mode in (True, False):
        expected = theirs.train(mode)(inputs)
        outputs = ours.train(mode)(inputs)
        torch.testing.assert_close(outputs, expected.reshape(outputs.shape))


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_every_size_goes_out_and_in(size):
    faces = tiny_generator(image_size=size, width=2)(torch.randn(2, 8))
    assert faces.shape == (2, 3, size, size)
    assert tiny_discriminator(image_size=size, width=2)(faces).shape == (2,)


@pytest.mark.parametrize("size", [8, 48, 512, "64"])
def test_other_sizes_point_to_networks_of_ones_own(size):
    for network in (tiny_generator, tiny_discriminator):
        with pytest.raises(ConfigError, match=r"image_size is .*, these networks take 16.*generator="):
            network(image_size=size)


@pytest.mark.parametrize("setting", ["output", "activation", "upsampling"])
def test_a_setting_that_does_not_exist_lists_the_choices(setting):
    with pytest.raises(ConfigError, match=f"{setting} is 'tan'; choose one of '"):
        tiny_generator(**{setting: "tan"})


def test_the_discriminator_may_be_wider_than_the_generator():
    apart, alike = TrainConfig(width=4, width_d=12), TrainConfig(width=4)
    assert Discriminator.from_config(apart).blocks[0][0].out_channels == 12
    assert Generator.from_config(apart).blocks[-1][0].in_channels == 4
    assert Discriminator.from_config(alike).blocks[0][0].out_channels == 4


@pytest.mark.parametrize(("output", "low"), [("tanh", -1), ("sigmoid", 0)])
def test_outputs_have_their_range_and_images_always_minus_one_to_one(output, low):
    generator = tiny_generator(output=output)
    nn.init.normal_(generator.blocks[-1][0].weight, std=1e4)  # saturate the last activation
    raw = generator(torch.randn(64, 8)).detach()
    assert raw.min().item() == pytest.approx(low, abs=0.02)
    assert raw.max().item() == pytest.approx(1, abs=0.02)
    assert generator.sample(64, seed=0).min() < -0.9


@pytest.mark.parametrize(
    ("norm", "layers"),
    [("none", 0), ("spectral", 0), ("batch", nn.BatchNorm2d), ("instance", nn.InstanceNorm2d)],
)
def test_discriminator_norms(norm, layers):
    network = tiny_discriminator(norm=norm, image_size=32)
    modules = list(network.modules())
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d | nn.InstanceNorm2d)]
    assert len(norms) == (2 if layers else 0)
    assert all(isinstance(m, layers) for m in norms)
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d)]
    assert all((c.bias is None) == bool(layers) for c in convolutions)


def test_spectral_norm_bounds_every_layer():
    network = tiny_discriminator(norm="spectral").train()
    for _ in range(30):  # power iterations
        network(torch.randn(2, 3, 16, 16))
    weights = [m.weight.flatten(1) for m in network.eval().modules() if isinstance(m, nn.Conv2d)]
    assert all(torch.linalg.matrix_norm(w, 2).item() == pytest.approx(1, abs=0.05) for w in weights)


def test_initialization_follows_the_paper():
    for network in (tiny_generator(width=64), tiny_discriminator(width=64)):
        convolutions = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        for weight in convolutions:
            assert weight.std().item() == pytest.approx(0.02, rel=0.15)
        scales = torch.cat([m.weight for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
        assert scales.mean().item() == pytest.approx(1, abs=0.01)
        assert scales.std().item() == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize(("activation", "kind"), [("relu", nn.ReLU), ("leaky_relu", nn.LeakyReLU)])
def test_generator_activation(activation, kind):
    hidden = [b[2] for b in tiny_generator(activation=activation).blocks[:-1]]
    assert len(hidden) == 2
    assert all(isinstance(m, kind) for m in hidden)


def test_nearest_upsampling_learns_kernels_of_3_x_3_wherever_the_side_doubles():
    kernels = [w.shape[2:] for w in tiny_generator(upsampling="nearest").parameters() if w.ndim == 4]
    assert kernels == [(4, 4), (3, 3), (3, 3)]
    assert all(w.shape[2:] == (4, 4) for w in tiny_generator().parameters() if w.ndim == 4)


def test_sampling_is_seeded_in_eval_mode_and_leaves_no_trace():
    generator = tiny_generator().train()
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    faces = generator.sample(5, seed=1)
    assert torch.equal(faces, generator.sample(5, seed=1))
    assert not torch.equal(faces, generator.sample(5, seed=2))
    torch.testing.assert_close(faces[:2], generator.sample(2, seed=1))  # no batch statistics
    assert generator.training
    assert not faces.requires_grad
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())


def test_truncated_samples_vary_less():
    generator = tiny_generator()
    plain, typical = generator.sample(64, seed=0), generator.sample(64, seed=0, truncation=0.3)
    assert typical.std(0).mean() < 0.6 * plain.std(0).mean()


def test_latents_of_the_wrong_length_are_refused():
    with pytest.raises(ConfigError, match=r"\(2, 9\), but this generator takes \(N, 8\)"):
        tiny_generator().generate(torch.zeros(2, 9))


def test_the_leak_is_the_slope_below_zero_in_both_networks():
    config = TrainConfig(image_size=16, width=8, activation="leaky_relu", leak=0.15)
    for network in (Generator.from_config(config), Discriminator.from_config(config)):
        slopes = [m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)]
        assert slopes == [0.15, 0.15]


def test_a_generator_samples_from_its_own_latents():
    uniform = tiny_generator(latent="uniform").eval()
    z = torch.rand(4, uniform.latent_dim, generator=torch.Generator().manual_seed(3)) * 2 - 1
    assert torch.equal(uniform.sample(4, seed=3), uniform.generate(z))


class WithLatentLayer(Generator):
    def __init__(self):
        super().__init__(16, 8, 8)
        self.latent = nn.Linear(8, 8)


def test_a_subclass_may_have_a_layer_named_latent():
    gan = GAN(TrainConfig(image_size=16, width=8, latent_dim=8), generator=WithLatentLayer(), device="cpu")
    assert gan.sample(2, seed=0).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_a_leak_out_of_range_is_refused(network):
    with pytest.raises(ConfigError, match="leak is 2"):
        network(16, 8, leak=2)


def test_modulation_starts_as_plain_batchnorm():
    z = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = tiny_generator()
        torch.manual_seed(0)
        modulated = tiny_generator(modulation=4)
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    torch.testing.assert_close(modulated(z), plain(z))


def test_modulation_scales_and_shifts_each_image_by_its_latent():
    norm = SelfModulatedBatchNorm2d(2, latent_dim=3, hidden=4)
    nn.init.normal_(norm.modulate[2].weight)
    images, z = torch.randn(5, 2, 4, 4), torch.randn(5, 3)
    scale, shift = norm.modulate(z).chunk(2, dim=1)
    whitened = nn.BatchNorm2d(2, affine=False)(images)
    expected = whitened * (1 + scale[:, :, None, None]) + shift[:, :, None, None]
    torch.testing.assert_close(norm(images, z), expected)


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_a_modulated_generator_learns_from_every_weight(upsampling):
    generator = tiny_generator(modulation=4, upsampling=upsampling)
    for norm in (m for m in generator.modules() if isinstance(m, SelfModulatedBatchNorm2d)):
        nn.init.normal_(norm.modulate[2].weight)
    generator(torch.randn(4, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in generator.parameters())


@pytest.mark.parametrize("modulation", [-1, 2.5, True])
def test_wrong_modulation_is_refused(modulation):
    with pytest.raises(ConfigError, match="modulation"):
        tiny_generator(modulation=modulation)


@pytest.mark.parametrize(
    ("size", "widths"),
    [
        (16, [4, 8]),
        (32, [4, 8, 16]),
        (64, [4, 8, 16, 32]),
        (128, [4, 8, 16, 32, 32]),
        (256, [4, 8, 16, 32, 32, 32]),
    ],
)
def test_feature_maps_double_up_to_eight_times_the_width(size, widths):
    layers = [m for m in Discriminator(image_size=size, width=4).modules() if isinstance(m, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [*widths, 1]
    layers = [m for m in Generator(image_size=size, width=4).modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [layer.out_channels for layer in layers] == [*widths[::-1], 3]
