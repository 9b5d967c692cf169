"""Exported generators are plain networks that give the same images."""

import copy
import io
import pickle

import pytest
import torch
from helpers import TINY
from torch import nn

from facegan import Generator, load_generator
from facegan.errors import CheckpointError, ConfigError
from facegan.export import export_generator, plain
from facegan.models import conv, generate

KINDS = [{}, {"upsampling": "nearest"}, {"output": "sigmoid", "activation": "leaky_relu"}]


@pytest.fixture(params=KINDS, ids=["tanh", "nearest", "sigmoid"])
def generator(request):
    made = Generator(16, 8, TINY["latent_dim"], **request.param)
    made(torch.randn(16, 8))  # so that BatchNorm has seen something
    return made.eval()


@pytest.fixture
def z():
    return torch.randn(5, 8, generator=torch.Generator().manual_seed(0))


def onnx_images(path, z):
    reference = pytest.importorskip("onnx.reference")
    return torch.from_numpy(reference.ReferenceEvaluator(str(path)).run(["images"], {"z": z.numpy()})[0])


READ = {
    "safetensors": lambda path, z: load_generator(path).generate(z),
    "torchscript": lambda path, z: torch.jit.load(path)(z),
    "onnx": onnx_images,
}


@pytest.mark.parametrize(
    "format", ["safetensors", "torchscript", pytest.param("onnx", marks=pytest.mark.slow)]
)
def test_each_format_gives_the_same_images(generator, z, format, tmp_path):
    if format == "onnx":
        pytest.importorskip("onnxscript")
    path = export_generator(generator, tmp_path / "deep" / f"g.{format}", format=format)
    torch.testing.assert_close(READ[format](path, z), generate(generator, z), atol=1e-5, rtol=0)


def test_a_plain_network_has_torchs_own_layers_only(generator):
    layers = [m for m in plain(generator).modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert {type(m) for m in layers} == {nn.ConvTranspose2d}
    assert {m.weight.shape[2:] for m in layers} == {(4, 4)}
    assert isinstance(generator.blocks[0][0], conv.ConvTranspose2d), "the generator itself is unchanged"


def test_parametrizations_are_applied(z):
    own = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(8, 12)), nn.Unflatten(1, (3, 2, 2)))
    own.latent_dim, own.image_size, own.output_range = 8, 2, (-1, 1)
    network = plain(own).network
    assert not nn.utils.parametrize.is_parametrized(network[0])
    torch.testing.assert_close(network(z), own.eval()(z), atol=1e-6, rtol=0)


def save_and_load(generator):
    buffer = io.BytesIO()
    torch.save(generator, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.parametrize(
    "copied",
    [save_and_load, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))],
    ids=["torch.save", "copy", "pickle"],
)
def test_whole_generators_can_be_saved_and_copied(generator, z, copied):
    assert torch.equal(copied(generator).generate(z), generator.generate(z))


@pytest.mark.filterwarnings("ignore")
def test_a_generator_can_be_traced_and_exported_by_torch(generator, z):
    with torch.no_grad():
        traced = torch.jit.trace(generator, z[:2])
        exported = torch.export.export(generator, (z,)).module()
        torch.testing.assert_close(traced(z), generator(z), atol=1e-5, rtol=0)
        torch.testing.assert_close(exported(z), generator(z), atol=1e-5, rtol=0)


class Normalized(Generator):
    """A generator of its own, with the weights of facegan's."""

    def forward(self, z):
        return super().forward(z / z.norm(dim=1, keepdim=True))


def test_a_subclass_is_not_loaded_as_its_base_class(tmp_path, z):
    own = Normalized(16, 8, 8).eval()
    path = export_generator(own, tmp_path / "own.safetensors")
    with pytest.raises(CheckpointError, match="its network is Normalized"):
        load_generator(path)
    loaded = load_generator(path, generator=Normalized(16, 8, 8))
    torch.testing.assert_close(loaded(z), own(z))


def test_the_format_follows_from_the_ending(generator, tmp_path, z):
    path = export_generator(generator, tmp_path / "g.ts")
    torch.testing.assert_close(torch.jit.load(path)(z), generate(generator, z), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("g.onnx", "safetensors", "has the suffix of onnx"),
        ("g", None, "does not name a file"),
        ("", "onnx", "not name a"),
    ],
)
def test_a_path_that_contradicts_the_format_is_refused(generator, tmp_path, name, format, message):
    with pytest.raises(ConfigError, match=message):
        export_generator(generator, tmp_path / name, format=format)


def test_what_is_no_generator_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"got a str, expected a generator, such as gan\.ema"):
        export_generator("runs/first", tmp_path / "g.onnx")


def test_an_unknown_format_lists_the_others(generator, tmp_path):
    with pytest.raises(ConfigError, match="format is 'h5'; choose one of 'safetensors'"):
        export_generator(generator, tmp_path / "g.h5", format="h5")


@pytest.mark.parametrize(
    ("name", "message"), [("g.pt", "load it with torch.jit.load"), ("g.onnx", "onnxruntime")]
)
def test_a_network_for_other_programs_is_named_as_such(generator, tmp_path, name, message):
    (tmp_path / "g.onnx").write_bytes(b"")
    export_generator(generator, tmp_path / "g.pt")
    with pytest.raises(CheckpointError, match=message):
        load_generator(tmp_path / name)


@pytest.mark.slow
def test_an_onnx_file_takes_any_number_of_latents(generator, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    (z,) = onnx.load(export_generator(generator, tmp_path / "g.onnx")).graph.input
    count, latent_dim = z.type.tensor_type.shape.dim
    assert (count.dim_value, latent_dim.dim_value) == (0, 8)
