"""Every control of `compare`."""

from helpers.panels import changes, pixels, same_picture

from facegan import GAN, load_generator, widgets
from facegan import explore as lab


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


def test_generators_are_named_by_run_and_step(gan, run):
    older = load_generator(run, step=2)
    assert widgets.compare(older, run, n=4).names == ["run, step 2", "run, step 4"]
    assert widgets.compare(gan, gan.ema, n=4).names == ["run, step 4", "B"]
    assert "run, step 2 (first) and run, step 4." in widgets.compare(older, run, n=4).sentence


def test_a_generator_that_is_trained_on_does_not_keep_its_step(config, run):
    gan = GAN(config, generator=load_generator(run), device="cpu")
    assert widgets.compare(gan.ema, run, n=4).names == ["A", "run, step 4"]
