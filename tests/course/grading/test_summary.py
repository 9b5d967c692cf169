"""The class as Markdown, similar answers, and the page of a student."""

from datetime import datetime, timezone

from helpers.made_up_class import COPIED, OWN, RIGHT, SETUP, notebook

from facegan.course.grading import report, similarity, summary
from facegan.course.grading.cells import code_cells, written
from facegan.course.grading.pool import Grade
from facegan.course.grading.submissions import Notebook, Submission


def graded(student, cells=(), **results):
    raw = notebook(cells)
    notebooks = [Notebook("a.ipynb", datetime.now(timezone.utc), code_cells(raw), raw)]
    return Grade(student, {name: (status, f"{name} is {status}") for name, status in results.items()},
                 submission=Submission(student, notebooks=notebooks))  # fmt: skip


CLASS = [
    graded("a", scale="right"),
    graded("b", scale="wrong"),
    graded("c", scale="missing"),
    graded("d", unscale="right"),
]


def test_the_failure_rate_is_of_those_who_handed_it_in():
    assert summary.failure_rate(CLASS, "scale") == 2 / 3
    assert summary.failure_rate(CLASS, "slerp") == 0


def test_frequent_feedback_is_counted():
    text = summary.markdown([*CLASS, graded("e", scale="wrong")], [])
    assert "scale, 2 x: scale is wrong" in text


def test_lists_appear_only_if_there_is_something_to_list():
    assert "## Late" not in summary.markdown(CLASS, [])
    assert "## Handed in nothing\n\n- zoe" in summary.markdown(CLASS, [], nothing=["zoe"])


def test_students_text_cannot_make_markdown():
    assert "\\[x\\]" in summary.markdown([graded("[x](javascript:1)", scale="right")], [(0.9, "[x]", "b")])


def test_a_copy_with_other_names_and_layout_is_similar():
    pairs = similarity.compare([graded("eve", [SETUP, OWN]), graded("vic", COPIED), graded("ada", RIGHT)])
    assert pairs[0][0] > 0.9
    assert {*pairs[0][1:]} == {"eve", "vic"}


def test_what_the_course_itself_shows_is_not_similar():
    import inspect

    from facegan.course import solutions

    cells = [f'@fg.exercise("generator")\n{inspect.getsource(solutions.build_generator)}']
    assert similarity.compare([graded("a", cells), graded("b", cells)]) == []


def test_the_page_escapes_what_a_student_wrote():
    grade = graded("<b>bob</b>", scale="wrong")
    grade.submission.record = {"written": {"curves": {"text": "<script>x</script>", "words": 1, "facts": {}}}}
    grade.submission.run = {"name": "<i>", "steps": 3, "grid": b"png"}
    page = report.page(grade, ["scale"])
    assert "<script>" not in page
    assert "<b>bob" not in page
    assert "&lt;i&gt;" in page


def test_the_page_has_the_rubric_beside_written_answers():
    grade = graded("bob", scale="wrong")
    grade.submission.record = {"written": {"curves": {"text": "D's loss rises.", "words": 3, "facts": {}}}}
    page = report.page(grade, ["scale"])
    assert "D&#x27;s loss rises." in page
    assert "a good answer" in page


def test_pages_of_students_with_special_names_are_written(tmp_path):
    report.write([graded("../Zoë/Ü"), graded("")], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_Zoë_Ü.html", "student.html"]


def test_written_answers_are_read_from_a_plain_notebook():
    cells = [
        'MY_ANSWER = """D must\nbe good first."""\nfg.answer("alternate", MY_ANSWER)',
        'fg.answer("curves", "  ")',
    ]
    assert written(cells) == {"alternate": {"text": "D must\nbe good first.", "words": 5, "facts": {}}}
