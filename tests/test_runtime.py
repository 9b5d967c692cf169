import pytest
import torch

from facegan.errors import ConfigError
from facegan.runtime import autocast, describe, memory_format, pick_device, pick_precision

CPU = torch.device("cpu")


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"'cuda:99' cannot be used here.*Try 'cpu' or 'auto'"):
        pick_device("cuda:99")
    with pytest.raises(ConfigError, match="'toaster'"):
        pick_device("toaster")


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bf16_only_where_it_is_native(monkeypatch, native, dtype):
    monkeypatch.setattr("facegan.runtime.multiplies_bf16", lambda device: native)
    assert pick_precision("auto", CPU) == dtype


def test_a_named_precision_is_kept(monkeypatch):
    monkeypatch.setattr("facegan.runtime.multiplies_bf16", lambda device: True)
    assert pick_precision("fp32", CPU) == torch.float32
    assert pick_precision("bf16", CPU) == torch.bfloat16


def test_batch_norm_on_mps_gets_the_layout_it_can_do():
    assert memory_format(torch.device("mps")) == torch.contiguous_format
    assert memory_format(CPU) == torch.channels_last


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_autocast_multiplies_in_the_dtype(dtype):
    with autocast(CPU, dtype):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_describe_names_device_and_versions():
    assert describe()["torch"] == torch.__version__
    assert describe()["precision"] in {"bfloat16", "float32"}
