"""Pages: how arrays travel in them, and what stands around them in a notebook."""

import base64
import json
import re

import numpy as np
import pytest
from helpers.recordings import unpack

from facegan.errors import ConfigError
from facegan.plane.page import MISSING, Page, pack, quantized


def page(**data):
    return Page("nothing", data, title="A & B", alt='says "hello"', still=b"PNG", height=300)


@pytest.mark.parametrize("kind", [np.uint8, np.int16])
def test_an_array_comes_back_as_it_was(kind):
    limits = np.iinfo(kind)
    values = np.random.default_rng(0).integers(limits.min, limits.max, (7, 5, 2), endpoint=True).astype(kind)
    assert np.array_equal(unpack(pack(values)), values)


def test_an_empty_array_comes_back_with_its_shape():
    assert unpack(pack(np.zeros((4, 0, 0, 2), np.int16))).shape == (4, 0, 0, 2)


def test_slow_change_is_stored_in_less_space_than_noise():
    rng = np.random.default_rng(0)
    start = rng.integers(-5000, 5000, 300)
    slow = (start + np.arange(50)[:, None]).astype(np.int16)
    noise = rng.integers(-5000, 5000, (50, 300)).astype(np.int16)
    assert len(pack(slow)["data"]) * 10 < len(pack(noise)["data"])


def test_other_kinds_of_numbers_are_not_packed():
    with pytest.raises(TypeError, match="float64"):
        pack(np.zeros(3))


def test_quantized_numbers_are_within_half_a_level():
    values = np.linspace(-2, 2, 101)
    assert np.abs(quantized(values, 2, 250) * (2 / 250) - values).max() <= 2 / 250 / 2 + 1e-12


def test_numbers_beyond_the_scale_are_cut():
    assert quantized(np.array([9, -9, np.inf, -np.inf]), 1, 100).tolist() == [100, -100, 100, -100]


def test_nan_is_quantized_as_missing():
    assert quantized(np.array([np.nan, 0.5]), 1, 100).tolist() == [MISSING, 50]


def test_a_string_in_the_data_cannot_end_the_script():
    text = "</script><script>alert(1)</script><!-- <script>"
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page(title=text).html)
    assert len(found) == 1
    assert json.loads(found[0])["title"] == text


def test_a_comment_in_the_data_cannot_open_one_in_the_page():
    assert "<!--" not in page(title="<!-- <script>").html


def test_the_title_is_escaped():
    assert "<title>A &amp; B</title>" in page().html


def test_nan_in_the_data_is_an_error_as_json_has_none():
    with pytest.raises(ValueError, match="JSON"):
        _ = page(value=float("nan")).html


def test_scripts_of_the_parts_come_before_that_of_the_page():
    made = Page("player", {}, title="", alt="", still=b"", height=1, parts=("planes", "curves")).html
    assert made.index("class Plane") < made.index("class Curves") < made.index("class Player")


def test_save_writes_the_document(tmp_path):
    made = page()
    assert made.save(tmp_path / "new" / "ring.html").read_text(encoding="utf-8") == made.html


def test_save_refuses_another_ending(tmp_path):
    with pytest.raises(ConfigError, match=r"'ring\.png' does not end in \.html"):
        page().save(tmp_path / "ring.png")


def test_a_notebook_gets_the_frame_and_the_picture():
    data, _ = page()._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"}
    assert base64.b64encode(b"PNG").decode() in data["text/html"]


def test_the_alternative_text_is_escaped_in_the_frame():
    assert 'alt="says &quot;hello&quot;"' in page().framed()


def test_the_document_cannot_end_the_frame():
    framed = page(title='"></iframe>').framed()
    assert framed.count("</iframe>") == 1
