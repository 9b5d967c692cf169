"""Every control of `timeline`."""

import torch
from helpers.panels import pixels

from facegan import load_generator, widgets
from facegan.images import make_grid


def test_a_timeline_moves_faces_and_marker_together(run):
    timeline = widgets.timeline(run)
    faces, curves = pixels(timeline, 0), pixels(timeline, 1)
    timeline.position.value = 0
    assert pixels(timeline, 0) != faces
    assert pixels(timeline, 1) != curves
    assert timeline.sentence == "Step 0, snapshot 1 of 3."
    timeline.play.value = 2
    assert (pixels(timeline, 0), pixels(timeline, 1)) == (faces, curves)
    assert "Step 4, snapshot 3 of 3. Losses: D" in timeline.sentence


def test_a_frame_that_is_gone_is_named(run):
    timeline = widgets.timeline(run)
    (run / "frames" / "step_000002.png").unlink()
    timeline.position.value = 1
    timeline.wait()
    assert "no frame of step 2" in timeline.status.value


def test_new_faces_are_drawn_from_the_same_latents_at_every_snapshot(run):
    timeline = widgets.timeline(run)
    first = pixels(timeline, 0)
    timeline.resample.click()
    last = pixels(timeline, 0)
    assert last != first
    timeline.position.value = 0
    timeline.wait()
    assert torch.equal(timeline.pictures[0], make_grid(load_generator(run, step=0).sample(16, seed=1)))
    timeline.position.value = 2
    assert pixels(timeline, 0) == last


def test_without_generators_of_the_snapshots_there_are_no_new_faces(run):
    (run / "generators" / "step_000002.safetensors").unlink()
    (run / "checkpoints" / "step_000002.pt").unlink()
    assert widgets.timeline(run).resample.disabled
