"""Processes that judge students: limits, caches, interrupts."""

import json
import signal
import subprocess
import sys

import pytest
from helpers.made_up_class import DEAF, RIGHT, SCALE, SETUP, UNSCALE, body, notebook

from facegan.course.grading import grade, kernel, pool, sandbox
from facegan.course.grading.dry_run import dry_run
from facegan.course.grading.submissions import Submission

pytestmark = pytest.mark.slow


def handed_in(folder, **students):
    folder.mkdir(exist_ok=True)
    for name, cells in students.items():
        (folder / f"{name}.ipynb").write_bytes(notebook(cells))
    return folder


def test_a_second_call_uses_the_results_of_the_first(tmp_path, monkeypatch):
    folder = handed_in(tmp_path / "in", ada=[SETUP, SCALE])
    first = grade(folder, cache=tmp_path / "cache")
    monkeypatch.setattr(pool.subprocess, "Popen", None)  # no process can start
    assert grade(folder, cache=tmp_path / "cache") == first


def test_a_changed_notebook_is_graded_again(tmp_path):
    folder = handed_in(tmp_path / "in", ada=[SETUP, SCALE])
    grade(folder, cache=tmp_path / "cache")
    (ada,) = grade(handed_in(folder, ada=[SETUP, SCALE.replace("127.5", "255")]), cache=tmp_path / "cache")
    assert ada.results["scale"][0] == "wrong"


def test_a_student_who_takes_too_long_is_stopped_and_keeps_what_was_reached(tmp_path):
    folder = handed_in(tmp_path / "in", gus=[SETUP, SCALE, body(UNSCALE, DEAF)])
    (gus,) = grade(folder, limit=12)
    assert gus.results["scale"][0] == "right"
    assert gus.trouble.startswith("stopped after 12 seconds")


def test_a_cell_that_ignores_the_time_limit_is_killed(tmp_path):
    deaf = body(UNSCALE, "import time\n" + DEAF.replace("BaseException", "BaseException as e"))
    hard = deaf.replace("while True: pass", "time.sleep(1000)")
    folder = handed_in(tmp_path / "in", gus=[SETUP, hard, SCALE])
    (gus,) = grade(folder, cell_limit=6)
    assert "stopped after 6 seconds" in gus.results["unscale"][1]
    assert gus.results["scale"][0] == "right"


def test_run_all_reports_errors_of_other_cells(tmp_path):
    (fay,) = grade(handed_in(tmp_path / "in", fay=[SETUP, "1 / 0", SCALE]), run_all=True)
    assert "code cell 2: ZeroDivisionError" in fay.trouble
    assert fay.results["scale"][0] == "right"


def test_errors_of_other_cells_are_looked_for_though_exercises_are_in_the_cache(tmp_path):
    folder = handed_in(tmp_path / "in", fay=[SETUP, "1 / 0", SCALE])
    grade(folder, cache=tmp_path / "cache")
    (fay,) = grade(folder, cache=tmp_path / "cache", run_all=True)
    assert "ZeroDivisionError" in fay.trouble


def test_run_all_survives_a_kernel_that_dies(tmp_path):
    cells = [SETUP, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", SCALE]
    (dan,) = grade(handed_in(tmp_path / "in", dan=cells), run_all=True)
    assert "the kernel died" in dan.trouble
    assert dan.results["scale"][0] == "right"


def test_outputs_that_came_with_the_file_do_not_remain(tmp_path):
    (tmp_path / "in.ipynb").write_bytes(notebook(["1 + 1"]))
    kernel.run_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", cell_limit=60)
    outputs = [cell["outputs"] for cell in json.loads((tmp_path / "out.ipynb").read_text())["cells"]]
    assert [o["data"]["text/plain"] for o in outputs[1]] == [["2"]]


def test_an_interrupted_run_resumes(tmp_path):
    """Ctrl-C after the first student: the second call starts with what is stored."""
    folder = handed_in(tmp_path / "in", ada=[SETUP, SCALE], gus=[SETUP, body(SCALE, DEAF)])
    code = f"""import signal
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where this test runs in the background
from facegan.course.grading import grade
print("begin", flush=True)
grade(Path({str(folder)!r}), cache=Path({str(tmp_path / "cache")!r}))"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout.readline() == b"begin\n"
    while not list((tmp_path / "cache").glob("*.json")):
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=20) != 0
    assert len(list((tmp_path / "cache").glob("*.json"))) == 1


def test_the_handout_gets_nothing_and_the_key_everything():
    assert "the handout gets 0 of 27, the key 27." in dry_run(jobs=2)


@pytest.mark.skipif(sandbox.kind() != "bwrap", reason="needs bubblewrap")
def test_students_code_cannot_write_outside_or_read_other_submissions(tmp_path):
    spy = f"""import os
from pathlib import Path
found = os.listdir({str(tmp_path / "in")!r})
try: Path({str(tmp_path / "mark")!r}).write_text("x"); wrote = True
except OSError: wrote = False
raise RuntimeError(str((found, wrote)))"""
    (eve,) = grade(handed_in(tmp_path / "in", eve=[SETUP, body(SCALE, spy)]))
    assert "([], False)" in eve.results["scale"][1]
    assert not (tmp_path / "mark").exists()


def test_secrets_in_the_environment_are_not_passed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "secret")
    spy = body(SCALE, "import os; raise RuntimeError(os.environ.get('MY_TOKEN', 'none'))")
    (eve,) = grade(handed_in(tmp_path / "in", eve=[SETUP, spy]))
    assert "`: none" in eve.results["scale"][1]


def test_settings_of_torch_do_not_reach_the_next_exercise(tmp_path):
    (ada,) = grade(
        handed_in(tmp_path / "in", ada=[*RIGHT[:2], "", "torch.set_default_dtype(torch.float64)\n" + UNSCALE])
    )
    assert ada.points(["scale", "unscale"]) == 2


def test_one_students_broken_files_do_not_stop_the_rest(monkeypatch):
    def broken(self, submission):
        raise OSError("the disk is full")

    monkeypatch.setattr(pool._Running, "_graded", broken)
    ada, bob = pool.grade_all([Submission("ada"), Submission("bob")])
    assert (ada.student, bob.student) == ("ada", "bob")
    assert ada.trouble == "the grader failed: OSError: the disk is full"


def test_feedback_is_short_and_printable():
    assert pool._printable("a\n\ud800\x1b[31m" + "b" * 10_000)[:17] == r"a \ud800\x1b[31mb"
    assert len(pool._printable("b" * 10_000)) <= 2000


def test_a_process_that_never_stops_writing_is_ended(tmp_path):
    flood = "import os\nfor number in range(3, 9):\n    try:\n        while True: os.write(number, b'[' * 99999)\n"
    eve = [SETUP, body(SCALE, flood + "    except OSError: pass"), UNSCALE]
    (graded,) = grade(handed_in(tmp_path / "in", eve=eve))
    assert (graded.results["scale"][0], graded.results["unscale"][0]) == ("wrong", "right")
