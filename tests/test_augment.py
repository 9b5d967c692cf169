import pytest
import torch

from facegan.augment import AUGMENTATIONS, augment


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.rand(4, 3, 16, 16, generator=rng()) * 2 - 1


def uniform(value, n=4):
    return torch.full((3, n, 1, 1, 1), value)


def test_none_changes_nothing(images):
    assert augment(images, "none", torch.empty(0)) is images


def test_each_step_takes_its_own_numbers(images):
    numbers = torch.rand(2, 3, 4, 1, 1, 1, generator=rng())
    expected = AUGMENTATIONS["translation"](AUGMENTATIONS["color"](images, numbers[0]), numbers[1])
    assert torch.equal(augment(images, "color,translation", numbers), expected)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_flow_back_to_the_images(images, name):
    images.requires_grad_(True)
    out = augment(images, name, torch.rand(1, 3, len(images), 1, 1, 1, generator=rng()))
    assert out.shape == images.shape
    assert not torch.equal(out, images)
    out.square().sum().backward()
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["color", "translation"])
def test_the_middle_of_the_range_changes_nothing(images, name):
    torch.testing.assert_close(AUGMENTATIONS[name](images, uniform(0.5)), images)


def test_translation_moves_whole_pixels(images):
    moved = AUGMENTATIONS["translation"](images, uniform(0.999))  # by 2 of 16 pixels, up and left
    torch.testing.assert_close(moved[..., :14, :14], images[..., 2:, 2:])
    assert moved[..., 14:, :].abs().sum() == 0


def test_cutout_clears_a_square_of_half_the_side(images):
    cut = AUGMENTATIONS["cutout"](images, uniform(0.5))
    assert (cut == 0).sum() == 4 * 3 * 8 * 8
    assert cut[..., 4:12, 4:12].abs().sum() == 0


def test_each_image_draws_its_own(images):
    same = images[:1].expand(4, -1, -1, -1)
    out = augment(same, "color", torch.rand(1, 3, len(same), 1, 1, 1, generator=rng()))
    assert not torch.allclose(out[0], out[1])


def test_with_a_probability_the_fourth_number_decides_for_each_image_and_step(images):
    numbers = torch.rand(2, 4, 4, 1, 1, 1, generator=rng())
    numbers[0, 3, :, 0, 0, 0] = torch.tensor([0.1, 0.9, 0.9, 0.1])
    numbers[1, 3, :, 0, 0, 0] = torch.tensor([0.1, 0.9, 0.1, 0.9])
    out = augment(images, "color,translation", numbers, torch.tensor(0.5))
    both = augment(images, "color,translation", numbers[:, :3])
    color, translation = (
        AUGMENTATIONS[name](images, numbers[i, :3]) for i, name in enumerate(("color", "translation"))
    )
    assert torch.equal(out, torch.stack([both[0], images[1], translation[2], color[3]]))


def test_probability_zero_changes_nothing_and_one_everything(images):
    numbers = torch.rand(1, 4, 4, 1, 1, 1, generator=rng())
    assert torch.equal(augment(images, "color", numbers, torch.tensor(0.0)), images)
    assert torch.equal(
        augment(images, "color", numbers, torch.tensor(1.0)), augment(images, "color", numbers[:, :3])
    )


def three(a, b, c, n=4):
    return torch.tensor([a, b, c]).view(3, 1, 1, 1, 1).expand(3, n, 1, 1, 1)


def gray_of(images):
    return images.mean(1, keepdim=True)


def mean_of(images):
    return images.mean((1, 2, 3), keepdim=True)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0.0, 0.5, 0.5), lambda x: x - 0.5),
        ((1.0, 0.5, 0.5), lambda x: x + 0.5),
        ((0.5, 0.0, 0.5), lambda x: gray_of(x).expand_as(x)),
        ((0.5, 1.0, 0.5), lambda x: gray_of(x) + 2 * (x - gray_of(x))),
        ((0.5, 0.5, 0.0), lambda x: mean_of(x) + 0.5 * (x - mean_of(x))),
        ((0.5, 0.5, 1.0), lambda x: mean_of(x) + 1.5 * (x - mean_of(x))),
    ],
    ids=["darkest", "brightest", "gray", "most saturated", "least contrast", "most contrast"],
)
def test_color_reaches_the_ends_of_its_ranges(images, numbers, expected):
    torch.testing.assert_close(AUGMENTATIONS["color"](images, three(*numbers)), expected(images))


def test_translation_takes_rows_from_the_first_number_and_columns_from_the_second(images):
    moved = AUGMENTATIONS["translation"](images, three(0.999, 0.5, 0.5))
    torch.testing.assert_close(moved[..., :14, :], images[..., 2:, :])
    moved = AUGMENTATIONS["translation"](images, three(0.5, 0.0, 0.5))
    torch.testing.assert_close(moved[..., 2:], images[..., :14])


def test_cutout_takes_its_row_from_the_first_number_and_reaches_the_border(images):
    cut = AUGMENTATIONS["cutout"](images, three(0.0, 0.75, 0.5)) == 0
    assert cut[..., :4, 8:].all()
    assert cut.sum() == 4 * 3 * 4 * 8


def test_the_reach_of_translation_is_rounded():
    images = torch.rand(4, 3, 20, 20, generator=rng())  # an eighth of 20 is 2.5
    moved = AUGMENTATIONS["translation"](images, uniform(0.0))
    torch.testing.assert_close(moved[..., 3:, 3:], images[..., :17, :17])
