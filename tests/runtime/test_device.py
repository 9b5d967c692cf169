import pytest
import torch

from facegan.errors import ConfigError
from facegan.runtime.device import (
    PRECISIONS,
    autocast,
    describe,
    device_name,
    memory_format,
    pick_device,
    pick_precision,
    tuned,
)

CPU = torch.device("cpu")


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"'cuda:99' cannot be used here.*Try 'cpu' or 'auto'"):
        pick_device("cuda:99")
    with pytest.raises(ConfigError, match="'toaster'"):
        pick_device("toaster")


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
@pytest.mark.parametrize("probe", ["_is_avx512_bf16_supported", "_is_amx_tile_supported"])
def test_a_cpu_takes_bf16_only_where_it_is_native(monkeypatch, probe, native, dtype):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: native and name == probe, raising=False)
    assert pick_precision("auto", CPU) == dtype


@pytest.mark.parametrize(
    ("gpu", "capability", "dtype"),
    [
        ("P100", (6, 0), torch.float32),
        ("V100", (7, 0), torch.float16),
        ("T4", (7, 5), torch.float16),
        ("A100", (8, 0), torch.bfloat16),
        ("H200", (9, 0), torch.bfloat16),
    ],
)
def test_a_gpu_takes_what_it_multiplies_natively(monkeypatch, gpu, capability, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert pick_precision("auto", torch.device("cuda")) == dtype


def test_mps_stays_in_fp32():
    assert pick_precision("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize(("name", "dtype"), PRECISIONS.items())
def test_a_named_precision_is_kept(name, dtype):
    assert pick_precision(name, CPU) == dtype


def test_fp16_is_refused_on_mps():
    with pytest.raises(ConfigError, match="does not work on Apple's MPS; use 'auto' or 'fp32'"):
        pick_precision("fp16", torch.device("mps"))


@pytest.mark.parametrize("deterministic", [False, True])
def test_cudnn_is_tuned_for_the_while_unless_results_shall_repeat(monkeypatch, deterministic):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", deterministic)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    with tuned():
        assert torch.backends.cudnn.benchmark is not deterministic
    assert not torch.backends.cudnn.benchmark


def test_batch_norm_on_mps_gets_the_layout_it_can_do():
    assert memory_format(torch.device("mps")) == torch.contiguous_format
    assert memory_format(CPU) == torch.channels_last


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_autocast_multiplies_in_the_dtype(dtype):
    with autocast(CPU, dtype):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize(("count", "text"), [(1, "1 thread)"), (2, "2 threads)")])
def test_a_cpu_is_named_with_its_threads(monkeypatch, count, text):
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    assert device_name(CPU).endswith(text)


def test_describe_names_device_and_versions():
    assert describe()["torch"] == torch.__version__
    assert describe()["precision"] in {"bfloat16", "float32"}
