"""What messages do with the text of others."""

import pickle

import pytest

from facegan.errors import DataError, DownloadError, FaceganError, first_line, printable, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ä 日本 \u202f😀", "ä 日本 \u202f😀"),
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("\u202egpj.exe\u2066\u200f", r"\u202egpj.exe\u2066\u200f"),
        ("a\nb\r\t\x9b\x7f\u2028", r"a\nb\r\t\x9b\x7f\u2028"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\xe9"),
        (b"\x80\xff".decode("utf-8", "surrogateescape"), r"\x80\xff"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_controls_a_terminal_is_escaped(text, expected):
    assert printable(text) == printable(expected) == expected
    assert first_line(ValueError(f"x{text}")).startswith("x" + expected.partition(r"\n")[0])


@pytest.mark.parametrize("kind", [FaceganError, DataError, DownloadError])
def test_messages_keep_their_lines_and_are_escaped(kind):
    error = pickle.loads(pickle.dumps(kind("one\x1b[2J\ntwo\u202e")))
    assert str(error) == "one\\x1b[2J\ntwo\\u202e"


def test_values_are_shown_escaped():
    class Hostile:
        def __repr__(self):
            return "\x1b[2J"

    assert shown(Hostile()) == r"\x1b[2J"
