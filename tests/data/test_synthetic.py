"""The drawn faces: one seed, one sequence; stated distributions; attributes that drive pixels."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from facegan.data.synthetic import (
    DISTRIBUTIONS,
    DRAWING_VERSION,
    Choice,
    Uniform,
    draw_attributes,
    render,
    render_faces,
    synthetic_faces,
)
from facegan.errors import DataError

SIZE = 32
HAIR_STYLES = DISTRIBUTIONS["hair_style"].labels


def neutral(n=1, **changes):
    """A table of `n` equal, bare-headed faces in the middle of every range, with changes."""
    table = {}
    for name, distribution in DISTRIBUTIONS.items():
        first = distribution.labels[0] if isinstance(distribution, Choice) else None
        middle = (distribution.low + distribution.high) / 2 if first is None else first
        table[name] = np.repeat(np.asarray(changes.get(name, middle)), n)
    return table


def face(size=SIZE, **changes):
    return render_faces(neutral(**changes), size)[0].astype(int)


def difference(a, b):
    """Largest change of any channel, per pixel."""
    return np.abs(a - b).max(0)


def test_shapes_and_types():
    images, attributes = synthetic_faces(3, size=SIZE)
    assert images.shape == (3, 3, SIZE, SIZE)
    assert images.dtype == np.uint8
    assert list(attributes) == list(DISTRIBUTIONS)
    assert attributes["smile"].dtype == np.float64
    assert attributes["freckles"].dtype == bool
    assert attributes["hair_style"].dtype.kind == "U"
    assert {len(column) for column in attributes.values()} == {3}


@pytest.mark.parametrize("size", [16, 33, 256])
def test_any_size_shows_the_same_face(size):
    small, large = face(), face(size)
    assert large.shape == (3, size, size)
    assert np.abs(large.mean((1, 2)) - small.mean((1, 2))).max() < 6


def test_one_seed_one_sequence():
    images, attributes = synthetic_faces(12, size=SIZE, seed=3)
    again, _ = synthetic_faces(12, size=SIZE, seed=3)
    other, _ = synthetic_faces(12, size=SIZE, seed=4)
    beginning, first = synthetic_faces(5, size=SIZE, seed=3)
    assert np.array_equal(images, again)
    assert np.abs(images.astype(int) - other).mean() > 10
    assert np.abs(images[:5].astype(int) - beginning).max() <= 1
    assert all(np.array_equal(attributes[name][:5], first[name]) for name in DISTRIBUTIONS)


def test_chunks_do_not_show(monkeypatch):
    whole, attributes = synthetic_faces(20, size=SIZE)
    monkeypatch.setattr(render, "CHUNK_PIXELS", 3 * SIZE**2)
    assert np.abs(whole.astype(int) - render_faces(attributes, SIZE)).max() <= 1


def test_torch_keeps_its_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        synthetic_faces(2, size=16)
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(1) as pool:  # a new thread starts from the global count
            assert pool.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)


def test_a_changed_drawing_needs_a_new_version():
    """Faces are cached by DRAWING_VERSION: when a change is intended, raise it and pin the new means."""
    images, _ = synthetic_faces(24, size=32, seed=0)
    quarters = images.reshape(24, 3, 2, 16, 2, 16).mean((0, 3, 5)).reshape(3, 4)
    pinned = [
        [149.6, 147.26, 129.71, 130.46],
        [135.71, 134.74, 112.04, 113.88],
        [122.36, 121.78, 99.69, 102.04],
    ]
    assert DRAWING_VERSION == 2
    assert np.abs(quarters - pinned).max() < 0.1, "the drawing changed: raise DRAWING_VERSION"


def test_stream_is_pinned():
    table = draw_attributes(3, seed=0)
    assert table["skin_lightness"].tolist() == [0.5488135039273248, 0.5701967704178796, 0.6778165367962301]
    assert table["smile"].tolist() == [0.12199290998578538, -0.3219084215686339, -0.0648835891843339]
    assert table["hair_style"].tolist() == ["afro", "buzz", "mohawk"]
    assert table["freckles"].tolist() == [False, False, True]
    assert table["clothing_color"].tolist() == ["navy", "white", "sky"]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_documented_distribution_holds(name):
    n = 4000
    column, distribution = draw_attributes(n, seed=1)[name], DISTRIBUTIONS[name]
    if isinstance(distribution, Uniform):
        low, high = distribution.low, distribution.high
        assert low <= column.min()
        assert column.max() < high
        shares = np.histogram(column, 8, (low, high))[0] / n
        assert np.abs(shares - 1 / 8).max() < 0.03
        return
    assert sum(distribution.probabilities) == pytest.approx(1)
    for label, p in zip(distribution.labels, distribution.probabilities, strict=True):
        assert abs((column == label).mean() - p) < 4.5 * (p * (1 - p) / n) ** 0.5, label


def test_a_quarter_wears_glasses():
    worn = draw_attributes(8000)["glasses"] != "none"
    assert abs(worn.mean() - 0.25) < 4 * (0.25 * 0.75 / 8000) ** 0.5


def test_attributes_are_independent():
    table = draw_attributes(4000, seed=2)
    codes = [np.unique(column, return_inverse=True)[1] for column in table.values()]
    correlation = np.corrcoef(codes) - np.eye(len(codes))
    assert np.abs(correlation).max() < 0.08


def test_lighter_skin_has_a_brighter_cheek():
    cheeks = [face(skin_lightness=x)[:, 17:19, 10:12].mean() for x in (0.0, 0.3, 0.6, 1.0)]
    assert np.diff(cheeks).min() > 15


@pytest.mark.parametrize("shape", ["round", "rectangular"])
def test_glasses_change_the_eye_region_only(shape):
    change = difference(face(64), face(64, glasses=shape))
    assert change[24:40].max() > 60
    assert change[:22].max() == change[42:].max() == 0


def test_beards_stay_below_the_nose_and_on_the_jaw():
    for beard in DISTRIBUTIONS["beard"].labels[1:]:
        change = difference(face(64), face(64, beard=beard))
        assert change[40:54, 24:40].max() > 25, beard
        assert change[:26].max() == change[:, :12].max() == change[:, 52:].max() == 0, beard


@pytest.mark.parametrize("style", HAIR_STYLES[1:])
def test_every_hair_style_shows(style):
    change = difference(face(64), face(64, hair_style=style, hair_color="pink"))
    assert (change > 25).sum() > 100
    assert change[34:46, 26:38].max() <= 25  # nose and mouth stay free


def test_hair_styles_differ():
    images = render_faces(neutral(len(HAIR_STYLES)) | {"hair_style": np.array(HAIR_STYLES)}, SIZE).astype(int)
    apart = np.abs(images[:, None] - images[None]).mean((2, 3, 4)) + 99 * np.eye(len(images))
    assert apart.min() > 0.5


def test_smile_lifts_the_corners_of_the_mouth():
    def drop(smile):
        mouth = face(64, smile=smile, mouth_open=0.0)[:, 40:48].sum(0)
        corner, middle = mouth[:, 26:28].sum(1), mouth[:, 31:33].sum(1)
        return corner.argmin() - middle.argmin()

    assert drop(1.0) < 0 < drop(-0.5)


def test_yaw_moves_the_features_sideways():
    def center(yaw):
        change = difference(face(64, yaw=yaw), face(64, yaw=yaw, lip_color="plum")).sum(0)
        return (change * np.arange(64)).sum() / change.sum()

    assert center(-13) + 3 < center(0) < center(13) - 3
    assert center(0) == pytest.approx(31.5, abs=0.3)


def test_light_comes_from_its_side():
    lit = face(64, light_x=1.0).mean(0)
    assert lit[20:45, 36:46].mean() > lit[20:45, 18:28].mean() + 15


# Attributes that need another one to be seen.
SEEN_WITH = {
    "scarf_color": {"hair_style": "scarf"},
    "hair_volume": {"hair_style": "afro"},
    "hair_part": {"hair_style": "long"},
    "hairline": {"hair_style": "buzz"},
    "glasses_color": {"glasses": "round"},
    "background_hue": {"background_saturation": 0.4},
    "age": {"smile": 1.0},
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_attribute_drives_pixels(name):
    distribution, context = DISTRIBUTIONS[name], SEEN_WITH.get(name, {})
    uniform = isinstance(distribution, Uniform)
    values = distribution.transform(np.array([0.1, 0.9])) if uniform else distribution.labels[:2]
    change = difference(*(face(64, **context, **{name: value}) for value in values))
    assert (change > 8).sum() >= 3


def test_bad_input_is_explained():
    with pytest.raises(DataError, match=r"n is 0; expected an integer of at least 1"):
        synthetic_faces(0)
    with pytest.raises(DataError, match=r"n is 2\.5"):
        draw_attributes(2.5)
    with pytest.raises(DataError, match=r"seed is -1; expected an integer from 0"):
        synthetic_faces(1, seed=-1)
    for size in (15, 513, 64.0, True):
        with pytest.raises(DataError, match=r"expected an integer from 16 to 512"):
            synthetic_faces(1, size=size)
        with pytest.raises(DataError, match=r"expected an integer from 16 to 512"):
            render_faces(neutral(), size)


def test_bad_tables_are_explained():
    table = neutral(2)
    with pytest.raises(DataError, match=r"lacks \['yaw'\]"):
        render_faces({name: column for name, column in table.items() if name != "yaw"})
    with pytest.raises(DataError, match=r"lengths \[1, 2\]"):
        render_faces(table | {"yaw": np.zeros(1)})
    with pytest.raises(DataError, match=r"'beard' contains \['curly'\]; use one of"):
        render_faces(table | {"beard": np.array(["none", "curly"])})
    for bad in (np.array([0, np.nan]), np.array(["a", "b"])):
        with pytest.raises(DataError, match="not finite numbers"):
            render_faces(table | {"yaw": bad})
    with pytest.raises(DataError, match=r"lengths \[0\]"):
        render_faces(neutral(0))
