"""Grades a folder of submissions and writes tables for learning platforms.

    submissions   files of a folder -> one `Submission` per student
    cells         notebooks -> the exercise cells, and the definitions that they need from other cells
    worker        a process that runs and checks one student's cells; `sandbox` limits its access
    pool          grades all students, several in parallel; results are kept, so that an interrupted run resumes
    tables        grades as CSV, for Canvas, Moodle, and Gradescope; `roster` merges a list of students
    summary       the class as a picture and as Markdown; `report` writes one page per student

Results stored in a notebook's outputs are never read: the student's functions are checked again. For the limits of this
protection, see `docs/instructors.md`.
"""

from facegan.course.grading.kernel import inject, run_notebook
from facegan.course.grading.pool import Grade, grade, grade_all
from facegan.course.grading.submissions import collect
from facegan.course.grading.tables import write_csv

__all__ = ["Grade", "collect", "grade", "grade_all", "inject", "run_notebook", "write_csv"]
