"""Summarizes the class as a picture and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from facegan.course.grading.pool import Grade
from facegan.course.grading.tables import scope

STATUSES = ("right", "right, but", "wrong", "missing", "absent")
_COLORS = (
    "#0072b2",
    "#56b4e9",
    "#d55e00",
    "#e8b68a",
    "#d9d9d9",
)  # distinguishable with color blindness (Okabe and Ito)
_IN_WORDS = {"missing": "empty", "absent": "not handed in"}
_ALIKE = 0.7  # similarity from which a pair is listed


def counts(grades: Sequence[Grade], name: str) -> dict[str, int]:
    """Return the number of students with each status in an exercise."""
    found = Counter(grade.results.get(name, ("absent",))[0] for grade in grades)
    return {status: found[status] for status in STATUSES}


def failure_rate(grades: Sequence[Grade], name: str) -> float:
    """Return the fraction of submitted answers to an exercise that are wrong or missing; 0 if there are none."""
    found = counts(grades, name)
    handed_in = len(grades) - found["absent"]
    return (found["wrong"] + found["missing"]) / handed_in if handed_in else 0.0


def draw(grades: Sequence[Grade], out: Path, *, notebooks: Sequence[int] = ()) -> None:
    """Save a picture with a bar for each exercise: the numbers of students with each status.

    Args:
        grades: grades of all students.
        out: file to write.
        notebooks: numbers of the notebooks to include; if empty, all that were handed in.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for each in scope(grades, notebooks).values() for name in each]
    figure = Figure(figsize=(8, 1.2 + 0.28 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes, left = figure.subplots(), [0] * len(names)
    for status, color in zip(STATUSES, _COLORS, strict=True):
        widths = [counts(grades, name)[status] for name in names]
        axes.barh(names, widths, left=left, color=color, label=_IN_WORDS.get(status, status), height=0.75)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("students")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(STATUSES), frameon=False
    )
    figure.savefig(
        out, dpi=120, metadata={"Description": f"Results of {len(grades)} students for each exercise"}
    )


def markdown(
    grades: Sequence[Grade], pairs: Sequence[tuple[float, str, str]], *, notebooks: Sequence[int] = (),
    picture: str = "", nothing: Sequence[str] = (), strangers: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return a summary of the class in Markdown.

    Args:
        grades: grades of all students.
        pairs: result of `similarity.compare`.
        notebooks: numbers of the notebooks to include; if empty, all that were handed in.
        picture: a file written by `draw`; empty for none.
        nothing: students in the roster who handed in nothing.
        strangers: students who are not in the roster.
    """
    names = [name for each in scope(grades, notebooks).values() for name in each]
    points = sorted(grade.points(names) for grade in grades)
    middle = points[len(points) // 2] if points else 0
    lines = [
        f"# {len(grades)} students, {len(names)} exercises",
        "",
        f"Median: {middle} of {len(names)} points.",
        "",
    ]
    lines += (
        [f"![Numbers of right, wrong, and missing answers for each exercise]({picture})", ""]
        if picture
        else []
    )
    lines += [
        "## Exercises",
        "",
        "| exercise | failure rate | right | right, but | wrong | empty | not handed in |",
    ]
    lines += ["|---|--:|--:|--:|--:|--:|--:|"]
    for name in names:
        row = " | ".join(str(count) for count in counts(grades, name).values())
        lines.append(f"| {name} | {failure_rate(grades, name):.0%} | {row} |")
    lines += ["", "## Most frequent feedback", "", *_feedback(grades, names)]
    for title, entries in _lists(grades, pairs, nothing, strangers).items():
        lines += ["", f"## {title}", "", *(f"- {entry}" for entry in entries)] if entries else []
    return "\n".join([*lines, ""])


def _feedback(grades: Sequence[Grade], names: Sequence[str], most: int = 3) -> list[str]:
    found = []
    for name in names:
        said = Counter(
            grade.results[name][1]
            for grade in grades
            if grade.results.get(name, ("",))[0] in {"wrong", "right, but"}
        )
        found += [f"- {name}, {count} x: {_escaped(text)}" for text, count in said.most_common(most)]
    return found or ["None."]


def _lists(grades: Sequence[Grade], pairs: Sequence[tuple[float, str, str]], nothing: Sequence[str],
           strangers: Sequence[str]) -> dict[str, list[str]]:  # fmt: skip
    handed = [(grade.student, grade.submission) for grade in grades if grade.submission]
    alike = [
        f"{share:.2f}: {_escaped(one)} and {_escaped(other)}"
        for share, one, other in pairs
        if share >= _ALIKE
    ]
    return {
        "Handed in nothing": [*map(_escaped, nothing)],
        "Not in the roster": [*map(_escaped, strangers)],
        "Late": [f"{_escaped(who)}, saved {each.saved:%Y-%m-%d %H:%M} UTC" for who, each in handed
                 if each.late and each.saved],
        "Older versions that were not graded": [
            f"{_escaped(who)}: {_escaped(', '.join(each.replaced))}" for who, each in handed if each.replaced
        ],
        "Trouble": [f"{_escaped(grade.student)}: {_escaped(grade.trouble)}" for grade in grades if grade.trouble],
        "Similar answers (a reason to check, not proof)": alike,
    }  # fmt: skip


def _escaped(text: str) -> str:
    """Students' text on one line, escaped for Markdown."""
    plain = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>|#" else c for c in plain)
