"""Every control of `timeline`."""

from helpers.panels import pixels

from facegan import widgets


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
