"""The bookkeeping around a CUDA graph; recording itself needs a GPU, in the last test."""

from functools import partial

import pytest
import torch
from helpers import TINY, assert_same_state, random_faces

from facegan import GAN, TrainConfig
from facegan.runtime import cuda_graph as graphs
from facegan.runtime.cuda_graph import WARM_UP, GraphedStep
from facegan.training import fit as training


class OnTheCpu:
    """What a CUDA recorder does, on a CPU: its replay reads the inputs and overwrites the output."""

    recordings = replays = 0

    def __init__(self, device):
        self.run = lambda step, tensors: step(*tensors)

    def record(self, step, inputs):
        type(self).recordings += 1
        output = torch.empty(7)

        def replay():
            type(self).replays += 1
            output.copy_(step(*inputs))

        return replay, output


@pytest.fixture
def recorder():
    return type("Recorder", (OnTheCpu,), {})


def graphed_play(gan, recorder, **changes):
    options = {"key": partial(training._fixed, gan), "prepare": list, "recover": pytest.fail}
    return GraphedStep(partial(training._play, gan), recorder=recorder, **options | changes)


def run(gan, play, steps=6):
    stream = iter(random_faces(64).batches(8, generator=gan.rng))
    return [training._step(gan, play, next(stream)) for _ in range(steps)]


@pytest.mark.parametrize("changes", [{}, {"augment": "color,translation", "label_flip": 0.3, "r1": 1.0}])
def test_replaying_equals_ordinary_steps(changes, recorder):
    """All that changes from step to step goes through the inputs: nothing random lies inside."""
    plain, graphed = (GAN(TrainConfig(**TINY | changes), device="cpu") for _ in range(2))
    expected = run(plain, partial(training._play, plain))
    prepared = []
    play = graphed_play(graphed, recorder, prepare=lambda: prepared.append(graphed.step))
    metrics = run(graphed, play)
    assert all(torch.equal(a, b) for a, b in zip(metrics, expected, strict=True))
    assert_same_state(plain, graphed)
    assert prepared == [WARM_UP]
    assert recorder.recordings == 1


def test_steps_with_a_lazy_penalty_are_not_replayed(recorder):
    changes = {"r1": 1.0, "r1_every": 4, "norm": "none"}
    plain, graphed = (GAN(TrainConfig(**TINY | changes), device="cpu") for _ in range(2))
    own = partial(training._play, graphed)
    play = partial(training._play_or_replay, graphed, own, graphed_play(graphed, recorder))
    expected, metrics = run(plain, partial(training._play, plain), 7), run(graphed, play, 7)
    assert all(torch.equal(a, b) for a, b in zip(metrics, expected, strict=True))
    assert_same_state(plain, graphed)
    assert (recorder.recordings, recorder.replays) == (1, 2), "steps 5 and 6, after 1 to 3 to warm up"


def set_rate(gan):
    gan.optimizer_g.param_groups[0]["lr"] = 1e-3


def go_back(gan):
    gan.load_state_dict(gan.state_dict())


@pytest.mark.parametrize("change", [set_rate, go_back])
def test_what_a_hook_changes_gets_a_new_graph(change, recorder):
    plain, graphed = (GAN(TrainConfig(**TINY), device="cpu") for _ in range(2))
    play = graphed_play(graphed, recorder)
    for gan, own in ((plain, partial(training._play, plain)), (graphed, play)):
        run(gan, own)
        change(gan)
        run(gan, own)
    assert_same_state(plain, graphed)
    assert recorder.recordings == 2


def test_a_recording_that_fails_is_tried_once_said_and_done_without(recorder, monkeypatch):
    plain, graphed = (GAN(TrainConfig(**TINY), device="cpu") for _ in range(2))
    tried = []

    def fail(self, step, inputs):
        tried.append(step)
        try:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        except RuntimeError:
            raise RuntimeError("failed due to a previous error") from None

    monkeypatch.setattr(recorder, "record", fail)
    recovered = []
    play = graphed_play(graphed, recorder, recover=lambda: recovered.append(graphed.step))
    with pytest.warns(UserWarning, match=r"CUDA graph \(operation not permitted .* capturing\); training"):
        run(graphed, play)
    run(plain, partial(training._play, plain))
    assert_same_state(plain, graphed)
    assert len(tried) == len(recovered) == 1


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
@pytest.mark.parametrize("changes", [{}, {"r1": 1.0, "r1_every": 4, "norm": "none"}])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_on_a_gpu_a_graph_does_what_ordinary_steps_do(precision, changes):
    config = TrainConfig(**TINY | {"precision": precision} | changes)
    plain, graphed = (GAN(config, device="cuda") for _ in range(2))
    expected = run(plain, partial(training._play, plain), 8)
    step = training.stepper(graphed)
    stream = iter(random_faces(64).batches(8, generator=graphed.rng))
    metrics = [step(next(stream)) for _ in range(8)]
    torch.testing.assert_close(torch.stack(metrics), torch.stack(expected), atol=1e-2, rtol=1e-2)
    graph = step.args[1].args[2]
    assert isinstance(graph, graphs.GraphedStep)
    assert graph._replay is not None
