"""Stores answers to written questions, checks their facts, and shows them as a page.

    fg.answer("curves", MY_ANSWER, d_loss_at_end=1.2)

Texts and facts are stored in the student's record (`facegan.course.record`). Texts are not graded automatically; `page`
with `rubric=True` is for graders.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from facegan.course import facts, kept, record
from facegan.course.questions import Question, find, questions
from facegan.errors import ConfigError, expect

SHORTEST = 20  # words
_MARKS = {"agrees": "✓", "differs": "✗"}
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#222;"
    "background:#fff}h2{margin:2em 0 .3em;border-top:1px solid #ccc;padding-top:1em}.task{color:#444}"
    ".text{white-space:pre-wrap;overflow-wrap:anywhere;border-left:4px solid #0072b2;padding:.2em 0 .2em 1em}"
    ".none{border-color:#d55e00}table{border-collapse:collapse;margin:.5em 0}td{padding:.2em .6em;"
    "border:1px solid #ccc;vertical-align:top}"
)


def answer(name: str, text: str = "", **facts_given: Any) -> None:
    """Store your answer to a written question, and print the number of words and where it is stored.

    An empty text changes nothing. Another text replaces the stored answer.

    Args:
        name: name of the question.
        text: your answer, in sentences.
        **facts_given: the fact that the question asks for, by name, such as `d_loss_at_end=1.2`. It is compared with
            the correct value, for example from your own run, and stored with the result.

    Raises:
        ConfigError: there is no such question, the text is not a string, the question asks for no such fact, or the
            fact has the wrong type.
    """
    found = find(name)
    expect(text, str, "the answer", f'text in quotes: fg.answer("{name}", """...""")')
    checked = _facts(found, facts_given)
    words, before = len(text.split()), _stored(record.section("written")).get(name)
    if words:
        noted = {fact: [each.value, each.status, each.said] for fact, each in checked.items()}
        record.put("written", name, {"text": text.strip(), "words": words, "facts": noted})
        print(_line(name, words))
    elif before:
        print(f"○ {name}: empty here. Your earlier answer of {before['words']} words is kept.")
    else:
        print(f"○ {name}: not answered yet.")
    for each in checked.values() if words else ():
        print(f"  {each.said}")


def summary() -> str:
    """Return the number of questions with a long enough answer, as "2 of 13 written questions answered"."""
    stored = _stored(record.section("written"))
    done = sum(found["words"] >= SHORTEST for found in stored.values())
    return f"{done} of {len(questions())} written questions answered"


def page(record_sections: Mapping[str, Any], *, rubric: bool = False) -> str:
    """Return a student's answers as one HTML page without external files.

    Args:
        record_sections: parts of a record by name; "written" and "student" are used. Because they may come from a
            student's file, all contents are escaped, and entries of another form are ignored.
        rubric: whether to add the rubric below each answer.
    """
    who = str(_sections(record_sections).get("student", {}).get("id") or "no id")
    title = f"Written answers of {html.escape(who)}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n"
        f"{body(record_sections, rubric=rubric)}\n</body></html>\n"
    )


def body(record_sections: Mapping[str, Any], *, rubric: bool = False) -> str:
    """Return the contents of `page` below its title, as HTML for another page, which must include `STYLE`."""
    written = _stored(_sections(record_sections).get("written", {}))
    count = f"<p>{len(written)} of {len(questions())} questions have an answer.</p>"
    return "\n".join(
        [count, *(_section(found, written.get(name), rubric) for name, found in questions().items())]
    )


def _sections(record_sections: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {key: part for key, part in record_sections.items() if isinstance(part, Mapping)}


def _facts(found: Question, given: Mapping[str, Any]) -> dict[str, facts.Checked]:
    """The question's fact, compared; empty if it asks for none."""
    wanted = [found.fact.name] if found.fact else []
    if unknown := [name for name in given if name not in wanted]:
        asked = f"only {wanted[0]}" if wanted else "no fact"
        raise ConfigError(f"{unknown[0]} is not part of {found.name!r}, which asks for {asked}. Remove it.")
    return {fact.name: facts.compare(fact, given.get(fact.name)) for fact in [found.fact] if fact}


def _line(name: str, words: int) -> str:
    where = f"stored in {kept.folder / 'record.json'}" if kept.folder else "kept in this session only"
    if words < SHORTEST:
        count = f"{words} word{'s' if words > 1 else ''}"
        return f"○ {name}: {count}, {where}. Write {SHORTEST} words or more."
    return f"● {name}: {words} words, {where}. Your instructor grades the text."


def _stored(written: Any) -> dict[str, dict[str, Any]]:
    """Entries of known questions in the form that `answer` writes."""
    table = written if isinstance(written, Mapping) else {}
    return {
        name: found
        for name in questions()
        if isinstance(found := table.get(name), dict)
        and isinstance(found.get("text"), str)
        and isinstance(found.get("words"), int)
    }


def _section(found: Question, stored: Mapping[str, Any] | None, rubric: bool) -> str:
    heading = f"<h2>Notebook {found.notebook}: {html.escape(found.name)}, {found.points} points</h2>"
    code = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(found.text))
    task = f'<p class="task">{code}</p>'
    if stored is None:
        answered = '<p class="text none">No answer.</p>'
    else:
        answered = (
            f'<div class="text">{html.escape(stored["text"])}</div><p>{len(stored["text"].split())} words</p>'
        )
    lines = [heading, task, answered, *_facts_in_html(stored)]
    if rubric:
        rows = "".join(f"<tr><td>{n}</td><td>{html.escape(what)}</td></tr>" for n, what in found.rubric)
        lines.append(f"<table><tr><td>points</td><td>a good answer</td></tr>{rows}</table>")
    return "\n".join(lines)


def _facts_in_html(stored: Mapping[str, Any] | None) -> list[str]:
    """A line for each stored fact: its value, and the result of the check at the time the answer was stored."""
    table = (stored or {}).get("facts")
    entries = table.items() if isinstance(table, Mapping) else ()
    return [
        f"<p>{_MARKS.get(str(noted[1]), '○')} <code>{html.escape(str(name))}</code>"
        + ("" if noted[0] is None else f" = {html.escape(_short(noted[0]))}")
        + f": {html.escape(str(noted[1]))}</p>"
        for name, noted in entries
        if isinstance(noted, list) and len(noted) >= 2
    ]


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
