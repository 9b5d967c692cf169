import time
from contextlib import suppress
from types import SimpleNamespace

import pytest
import torch

from facegan.runtime import cpu
from facegan.runtime.cpu import fastest_threads, fitting_threads, kept_memory

CPU = torch.device("cpu")


@pytest.fixture
def four_threads(monkeypatch):
    """A machine of four CPUs whose user has chosen nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    monkeypatch.setattr(cpu, "_AT_IMPORT", 4)
    monkeypatch.setattr(cpu.os, "sched_getaffinity", lambda _: range(4), raising=False)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    yield
    torch.set_num_threads(before)


def busy():
    """Work that takes the longer the more threads there are."""
    time.sleep(0.002 * torch.get_num_threads())


@pytest.mark.slow
def test_fewer_threads_are_taken_where_all_are_slower_by_more_than_noise(four_threads):
    assert fastest_threads(4, busy) == 1
    assert fastest_threads(4, lambda: time.sleep(0.006 + 0.001 * torch.get_num_threads())) == 1
    assert fastest_threads(4, lambda: time.sleep(0.004 + 0.0001 * torch.get_num_threads())) == 4
    assert fastest_threads(4, lambda: time.sleep(0.008 / torch.get_num_threads())) == 4
    assert torch.get_num_threads() == 4


def test_a_run_says_that_it_takes_fewer_threads_and_gives_them_back(four_threads, monkeypatch, capsys):
    monkeypatch.setattr(cpu, "_trial", busy)
    with suppress(KeyboardInterrupt), fitting_threads(CPU, 100):
        assert torch.get_num_threads() == 1
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 4
    assert "training on 1 of 4 CPU threads" in capsys.readouterr().out


def test_a_run_takes_the_number_of_threads_that_was_fastest(four_threads, monkeypatch):
    monkeypatch.setattr(cpu, "_trial", lambda: time.sleep(abs(torch.get_num_threads() - 2) * 0.004))
    with fitting_threads(CPU, 100):
        assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    "why", ["device", "steps", "OMP_NUM_THREADS", "set_num_threads", "affinity", "processes"]
)
def test_nothing_is_tried(why, four_threads, monkeypatch):
    monkeypatch.setattr(cpu, "_trial", lambda: pytest.fail("tried"))
    if why == "OMP_NUM_THREADS":
        monkeypatch.setenv(why, "4")
    elif why == "set_num_threads":
        monkeypatch.setattr(cpu, "_AT_IMPORT", 2)
    elif why == "affinity":
        monkeypatch.setattr(cpu.os, "sched_getaffinity", lambda _: range(16), raising=False)
    elif why == "processes":
        monkeypatch.setattr(cpu.distributed, "world_size", lambda: 2)
    device = torch.device("meta") if why == "device" else CPU
    with fitting_threads(device, 99 if why == "steps" else 100):
        assert torch.get_num_threads() == 4


def test_a_trial_draws_no_random_numbers():
    before = torch.get_rng_state()
    with torch.no_grad():
        cpu._trial()
    assert torch.equal(torch.get_rng_state(), before)


def test_glibc_keeps_memory_during_a_run(monkeypatch):
    asked = []
    libc = SimpleNamespace(
        mallopt=lambda *given: asked.append(given) or given[1] <= 2**25,  # as an older glibc
        malloc_trim=lambda pad: asked.append("trim"),
    )
    monkeypatch.setattr(cpu.platform, "libc_ver", lambda: ("glibc", "2.31"))
    monkeypatch.setattr(cpu.ctypes, "CDLL", lambda _: libc)
    with kept_memory():
        assert asked == [(-3, 2**30), (-3, 2**25), (-1, 2**30)]
        asked.clear()
    assert asked == [(-3, 2**25), (-1, 2**26), "trim"]


@pytest.mark.parametrize("why", ["other libc", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_elsewhere_memory_is_left_alone(why, monkeypatch):
    monkeypatch.setattr(cpu.platform, "libc_ver", lambda: ("" if why == "other libc" else "glibc", ""))
    monkeypatch.setattr(cpu.ctypes, "CDLL", lambda _: pytest.fail("loaded"))
    if why != "other libc":
        monkeypatch.setenv(why, "1")
    with kept_memory():
        pass
