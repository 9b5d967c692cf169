"""The bookkeeping around a CUDA graph; recording itself needs a GPU, in the last test."""

from functools import partial

import pytest
import torch
from conftest import TINY, assert_same_state, random_faces

from facegan import GAN, TrainConfig, graphs, training
from facegan.graphs import WARM_UP, GraphedStep


def replay_on_the_cpu(step, inputs):
    """What recording gives, on a CPU: a replay that reads the inputs and overwrites the output."""
    output = torch.empty(7)
    return lambda: output.copy_(step(*inputs)), output


def run(gan, play, steps=6):
    stream = iter(random_faces(64).batches(8, generator=gan.rng))
    return [training._step(gan, play, next(stream)) for _ in range(steps)]


@pytest.mark.parametrize("changes", [{}, {"augment": "color,translation", "label_flip": 0.3, "r1": 1.0}])
def test_replaying_equals_ordinary_steps(changes):
    """All that changes from step to step goes through the inputs: nothing random lies inside."""
    plain, graphed = (GAN(TrainConfig(**TINY | changes), device="cpu") for _ in range(2))
    expected = run(plain, partial(training._play, plain))
    prepared = []
    play = GraphedStep(
        partial(training._play, graphed),
        prepare=lambda: prepared.append(graphed.step),
        recover=pytest.fail,
        record=replay_on_the_cpu,
    )
    metrics = run(graphed, play)
    assert all(torch.equal(a, b) for a, b in zip(metrics, expected, strict=True))
    assert_same_state(plain, graphed)
    assert prepared == [WARM_UP]


def test_a_recording_that_fails_is_tried_once_said_and_done_without():
    plain, graphed = (GAN(TrainConfig(**TINY), device="cpu") for _ in range(2))
    tried = []

    def fail(step, inputs):
        tried.append(step)
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    recover = partial(training._forget, graphed)
    play = GraphedStep(partial(training._play, graphed), prepare=list, recover=recover, record=fail)
    with pytest.warns(UserWarning, match=r"CUDA graph \(operation not permitted .* capturing\); training"):
        run(graphed, play)
    run(plain, partial(training._play, plain))
    assert_same_state(plain, graphed)
    assert len(tried) == 1


def test_after_a_failure_half_way_a_float16_step_can_begin_again(real):
    gan = GAN(TrainConfig(**TINY | {"precision": "fp16"}), device="cpu")
    training.train_step(gan, real)
    gan.scaler.unscale_(gan.optimizer_d)  # as far as a recording came
    training._forget(gan)
    training.train_step(gan, real)
    assert gan.step == 2


def test_a_step_on_the_device_draws_no_random_numbers(gan, real):
    z, uniform = training._draw_noise(gan, len(real))
    before = torch.get_rng_state(), gan.rng.get_state()
    training._play(gan, real, z, uniform)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(gan.rng.get_state(), before[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_on_a_gpu_a_graph_does_what_ordinary_steps_do(precision):
    plain, graphed = (GAN(TrainConfig(**TINY | {"precision": precision}), device="cuda") for _ in range(2))
    expected = run(plain, partial(training._play, plain))
    step = training.stepper(graphed)
    stream = iter(random_faces(64).batches(8, generator=graphed.rng))
    metrics = [step(next(stream)) for _ in range(6)]
    torch.testing.assert_close(torch.stack(metrics), torch.stack(expected), atol=1e-2, rtol=1e-2)
    assert isinstance(step.args[1], graphs.GraphedStep)
    assert step.args[1]._replay is not None
