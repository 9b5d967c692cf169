"""The bookkeeping around a CUDA graph; capturing itself needs a GPU, in the last test."""

import pytest
import torch
from helpers import TINY, assert_same_state, make_gan, random_faces

from facegan import GAN, TrainConfig, train_step
from facegan.runtime import cuda_graph
from facegan.training.step import update_networks


class OnTheCpu:
    """What a CUDA recorder does, on a CPU: its replay reads the inputs and overwrites the output."""

    recordings = replays = 0

    def __init__(self, device):
        self.run = lambda step, tensors: step(*tensors)

    def record(self, step, inputs):
        type(self).recordings += 1
        output = torch.empty(0)

        def replay():
            type(self).replays += 1
            metrics = step(*inputs)
            output.resize_(metrics.shape).copy_(metrics)

        return replay, output


@pytest.fixture
def recorder(monkeypatch):
    found = type("Recorder", (OnTheCpu,), {})
    monkeypatch.setattr(cuda_graph, "CudaRecorder", found)
    return found


def capturing(**changes):
    """A GAN on the CPU that captures its steps as it would on a GPU."""
    gan = make_gan(**changes)
    gan.engine._capture = True
    return gan


def run(gan, steps=6, size=8):
    stream = iter(random_faces(64).batches(size, generator=gan.rng))
    return [torch.stack(list(train_step(gan, next(stream)).values())) for _ in range(steps)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"augment": "color,translation", "label_flip": 0.3, "r1": 1.0},
        {"augment": "color", "augment_target": 0.1},
    ],
)
def test_replaying_equals_ordinary_steps(changes, recorder):
    """All that changes from step to step goes through the inputs: nothing random lies inside."""
    plain, graphed = make_gan(**changes), capturing(**changes)
    expected, metrics = run(plain), run(graphed)
    assert all(torch.equal(a, b) for a, b in zip(metrics, expected, strict=True))
    assert_same_state(plain, graphed)
    assert (recorder.recordings, recorder.replays) == (1, 3), "steps 4 to 6, after 1 to 3 to warm up"


def test_steps_with_a_lazy_penalty_are_not_replayed(recorder):
    changes = {"r1": 1.0, "r1_every": 4, "norm": "none"}
    plain, graphed = make_gan(**changes), capturing(**changes)
    expected, metrics = run(plain, 7), run(graphed, 7)
    assert all(torch.equal(a, b) for a, b in zip(metrics, expected, strict=True))
    assert_same_state(plain, graphed)
    assert (recorder.recordings, recorder.replays) == (1, 2)


def set_rate(gan):
    gan.optimizer_g.param_groups[0]["lr"] = 1e-3


def go_back(gan):
    gan.load_state_dict(gan.state_dict())


@pytest.mark.parametrize("change", [set_rate, go_back])
def test_what_a_callback_changes_gets_a_new_graph(change, recorder):
    plain, graphed = make_gan(), capturing()
    for gan in (plain, graphed):
        run(gan)
        change(gan)
        run(gan)
    assert_same_state(plain, graphed)
    assert recorder.recordings == 2


def test_another_batch_size_gets_a_new_graph(recorder):
    plain, graphed = make_gan(), capturing()
    for gan in (plain, graphed):
        run(gan)
        run(gan, 5, size=4)
    assert_same_state(plain, graphed)
    assert recorder.recordings == 2


def test_a_capture_that_fails_is_tried_once_said_and_done_without(recorder, monkeypatch):
    plain, graphed = make_gan(), capturing()
    tried = []

    def fail(self, step, inputs):
        tried.append(step)
        try:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        except RuntimeError:
            raise RuntimeError("failed due to a previous error") from None

    monkeypatch.setattr(recorder, "record", fail)
    with pytest.warns(UserWarning, match=r"CUDA graph \(operation not permitted"):
        run(graphed)
    run(plain)
    assert_same_state(plain, graphed)
    assert len(tried) == 1


def test_after_a_failure_half_way_a_float16_step_can_begin_again(real):
    gan = make_gan(precision="fp16")
    train_step(gan, real)
    gan.engine.scaler.unscale_(gan.optimizer_d)  # as far as a capture came
    gan.engine.reset(gan)
    train_step(gan, real)
    assert gan.step == 2


def test_a_step_on_the_device_draws_no_random_numbers(gan, real):
    real = gan.prepare(real)
    noise = gan.draw_noise(real.shape[1])
    before = torch.get_rng_state(), gan.rng.get_state()
    update_networks(gan, real, noise)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(gan.rng.get_state(), before[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    "changes",
    [{}, {"r1": 1.0, "r1_every": 4, "norm": "none"}, {"augment": "color", "augment_target": 0.1}],
)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_on_a_gpu_a_graph_does_what_ordinary_steps_do(precision, changes):
    config = TrainConfig(**TINY | {"precision": precision} | changes)
    plain, graphed = (GAN(config, device="cuda") for _ in range(2))
    expected = run(plain, 8)
    with graphed.engine.capturing():
        metrics = run(graphed, 8)
        assert graphed.engine._graph._replay is not None
    torch.testing.assert_close(torch.stack(metrics), torch.stack(expected), atol=1e-2, rtol=1e-2)
