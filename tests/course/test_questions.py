"""The table of written questions, in step with the notebooks and with the model answers."""

import re
from pathlib import Path

import pytest

from facegan.course.catalog import exercises
from facegan.course.model_answers import MODEL_ANSWERS
from facegan.course.questions import questions

FOLDER = Path(__file__).parents[2] / "notebooks" / "src"
SOURCES = {int(path.stem[:2]): path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}
TABLE = questions()


def plain(source):
    """The text of comments in one line."""
    return " ".join(re.sub(r"(?m)^# ?", "", source).split())


@pytest.mark.parametrize("name", TABLE)
def test_a_notebook_asks_the_question_in_its_words_and_has_a_cell_for_it(name):
    found, source = TABLE[name], SOURCES[TABLE[name].notebook]
    assert f"**{name}** ({found.points} points). {found.text}" in plain(source)
    ending = f", {found.fact.name}=None)" if found.fact else ")"
    assert f'fg.answer("{name}", MY_ANSWER{ending}' in source


def test_every_cell_for_an_answer_asks_a_question_of_the_table():
    asked = re.findall(r'fg\.answer\("(\w+)"', "".join(SOURCES.values()))
    assert sorted(asked) == sorted(TABLE)


def test_every_notebook_has_two_or_three_questions():
    counts = [sum(q.notebook == number for q in TABLE.values()) for number in SOURCES]
    assert set(counts) <= {2, 3}


def test_every_question_has_a_model_answer_that_no_notebook_shows():
    assert MODEL_ANSWERS.keys() == TABLE.keys()
    everything = plain("".join(SOURCES.values()))
    assert not [name for name, text in MODEL_ANSWERS.items() if text[:60] in everything]


def test_the_page_for_instructors_has_every_question_and_every_exercise():
    page = (FOLDER.parents[1] / "docs" / "instructors.md").read_text(encoding="utf-8")
    assert all(f"`{name}` ({found.points})" in page for name, found in TABLE.items())
    assert all(f"\n| `{found.fact.name}` |" in page for found in TABLE.values() if found.fact)
    assert all(f"\n- `{name}`: " in page for name in exercises())


def test_every_set_up_cell_takes_a_students_id():
    assert all("student=STUDENT)" in source for source in SOURCES.values())
