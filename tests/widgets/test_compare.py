"""Every control of `compare`."""

from helpers.panels import changes, pixels, same_picture

from facegan import explore as lab
from facegan import widgets


def test_compare_draws_the_same_latents_for_both(generator, run):
    compare = widgets.compare(generator, run, n=4)
    start = pixels(compare, 0), pixels(compare, 1)
    changes(compare, compare.resample.click, 0)
    changes(compare, lambda: setattr(compare.seed, "value", 9), 1)
    changes(compare, lambda: setattr(compare.truncation, "value", 0.5), 1)
    expected = lab.compare(generator, lab.open_generator(run), n=4, seed=9, truncation=0.5)
    assert all(same_picture(pixels(compare, i), expected[i]) for i in (0, 1))
    for _ in range(3):
        compare.undo_button.click()
    assert (pixels(compare, 0), pixels(compare, 1)) == start
