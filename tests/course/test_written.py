"""Written questions: what is said, what is stored, and the page for the grader."""

import json
from html.parser import HTMLParser

import pytest

import facegan as fg
from facegan.course import kept, questions, record, written
from facegan.course.exercise import MIME
from facegan.errors import ConfigError

pytestmark = pytest.mark.usefixtures("answers")
LONG = "D and G take turns because each changes what the other must answer. " * 3


def stored(name):
    return json.loads((kept.folder / "record.json").read_text(encoding="utf-8"))["written"][name]


def test_an_empty_answer_is_no_error_and_is_not_stored(capsys):
    fg.answer("alternate", " \n ")
    assert capsys.readouterr().out == "○ alternate: not answered yet.\n"
    assert not kept.folder.exists()


def test_an_answer_is_stored_with_its_words(capsys):
    fg.answer("alternate", f"\n{LONG}\n")
    assert stored("alternate") == {"text": LONG.strip(), "words": 39, "facts": {}}
    said = capsys.readouterr().out
    assert "39 words" in said
    assert str(kept.folder / "record.json") in said


def test_a_short_answer_is_stored_and_counts_as_open(capsys):
    fg.answer("alternate", "They just do.")
    assert "3 words" in capsys.readouterr().out
    assert stored("alternate")["words"] == 3
    assert written.summary().startswith("0 of")


def test_an_empty_cell_does_not_erase_an_answer(capsys):
    fg.answer("alternate", LONG)
    capsys.readouterr()
    fg.answer("alternate", "")
    assert "Your earlier answer of 39 words is kept" in capsys.readouterr().out
    assert stored("alternate")["words"] == 39


def test_a_new_answer_replaces_the_old_one():
    fg.answer("alternate", LONG)
    fg.answer("alternate", f"{LONG} indeed")
    assert stored("alternate")["words"] == 40


def test_without_a_folder_the_answer_stays_in_the_session(monkeypatch, capsys):
    monkeypatch.setattr(kept, "folder", None)
    monkeypatch.setattr(record, "_memory", {})
    fg.answer("alternate", LONG)
    assert "in this session only" in capsys.readouterr().out
    assert written.summary().startswith("1 of")


def test_an_unknown_question_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="choose one of missing, augment"):
        fg.answer("curve", LONG)


def test_a_text_that_is_no_text_is_refused():
    with pytest.raises(ConfigError, match="expected text in quotes"):
        fg.answer("curves", 12)


def test_a_fact_is_compared_and_stored_with_its_result(capsys):
    fg.answer("circle", LONG, modulus=1.02)
    assert "✓ modulus = 1.02 agrees" in capsys.readouterr().out
    assert stored("circle")["facts"]["modulus"][:2] == [1.02, "agrees"]


def test_a_fact_that_differs_is_stored_as_such():
    fg.answer("circle", LONG, modulus=2)
    assert stored("circle")["facts"]["modulus"][1] == "differs"


def test_a_fact_without_a_run_cannot_be_checked(capsys):
    fg.answer("curves", LONG, d_loss_at_end=1.2)
    assert "cannot check: no run yet" in capsys.readouterr().out
    assert stored("curves")["facts"]["d_loss_at_end"][:2] == [1.2, "cannot check"]


@pytest.mark.parametrize(("name", "said"), [("circle", "only modulus"), ("modes", "no fact")])
def test_an_unknown_fact_is_refused(name, said):
    with pytest.raises(ConfigError, match=said):
        fg.answer(name, LONG, speed=1)


def test_a_result_is_plain_text(capsys, monkeypatch):
    fg.answer("alternate", LONG)
    assert MIME not in capsys.readouterr().out


def test_the_summary_counts_answers_that_are_long_enough():
    assert written.summary() == f"0 of {len(questions.questions())} written questions answered"
    fg.answer("alternate", LONG)
    assert written.summary().startswith("1 of")


# ---- the page ------------------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen |= {tag, *(name for name, _ in attrs)}


def page(rubric=False, **sections):
    return written.page(sections, rubric=rubric)


def sections(text, **facts_stored):
    return {
        "written": {"circle": {"text": text, "words": 3, "facts": facts_stored}},
        "student": {"id": "ada"},
    }


def test_a_page_has_the_student_every_question_and_the_answer():
    shown = page(**sections("round and round", modulus=[1.02, "agrees", ""]))
    assert "Written answers of ada" in shown
    assert all(f": {name}, " in shown for name in questions.questions())
    assert "round and round" in shown
    assert "✓ <code>modulus</code> = 1.02" in shown
    assert shown.count("No answer.") == len(questions.questions()) - 1


def test_a_page_escapes_what_students_wrote_and_loads_nothing():
    bad = '<script src="https://x">"&</script>'
    shown = page(written=sections(bad, **{bad: [bad, bad, bad]})["written"], student={"id": bad})
    tags = Tags()
    tags.feed(shown)
    assert not tags.seen & {"script", "img", "link", "src", "href"}
    assert "&lt;script" in shown


def test_a_rubric_is_for_graders_only():
    content = questions.find("circle").rubric[0][1].split("'")[0]
    assert content not in page(**sections("x"))
    assert content in page(True, **sections("x"))


@pytest.mark.parametrize(
    "damaged",
    [{}, {"written": 3}, {"written": {"circle": "x"}}, {"written": {"circle": {"text": 1, "words": "a"}}},
     {"written": {"circle": {"text": "x", "words": 1, "facts": [1]}}, "student": []}],
)  # fmt: skip
def test_a_damaged_record_still_gives_a_page(damaged):
    assert page(**damaged).endswith("</html>\n")
