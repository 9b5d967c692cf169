"""Answers that call the library's own solution, and code that changes the judge."""

import functools
import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from facegan import images, latent, losses, models
from facegan.course import checks, solutions
from facegan.course.catalog import exercises, find
from facegan.course.exercise import Result, run_check
from facegan.course.grading import guard

TABLE = exercises()


def judged(name, function):
    with guard.no_delegation(name, function) as corrected:
        result = run_check(find(name), function)
    return corrected(result)


def from_cell(source, **names):
    """A function as a notebook's cell defines it."""
    names |= {"torch": torch}
    exec(compile(source, "<01_data.ipynb, scale>", "exec"), names)
    return names["f"]


DELEGATING = {
    "scale": from_cell("def f(x): return images.to_float(x)", images=images),
    "unscale": from_cell("f = lambda x: list(map(images.to_uint8, [x]))[0]", images=images),
    "center_crop": functools.partial(images.center_crop),
    "contact_sheet": from_cell("def f(x, n): return images.make_grid(x, columns=n, padding=0)", images=images),
    "generator_block": from_cell("def f(i, o): return dcgan.generator_block(i, o)", dcgan=models.dcgan),
    "generator": from_cell("def f(z=100, w=64): return models.Generator(width=w, latent_dim=z)", models=models),
    "discriminator": from_cell("class f(Base):\n    def __init__(self, w=64): super().__init__(width=w)",
                               Base=models.Discriminator),
    "discriminator_loss": from_cell('def f(r, x): return losses.find_loss("bce").discriminator(r, x)', losses=losses),
    "slerp": latent.slerp,
    "latent_walk": from_cell("def f(a, n): return latent.walk(a, n, closed=False)", latent=latent),
    "r1_penalty": from_cell("f = lambda d, x: losses.r1_penalty(d, x)", losses=losses),
    "init_weights": from_cell("def f(m): return eval('s.init_weights(m)')", s=solutions),
}  # fmt: skip


@pytest.mark.parametrize("name", DELEGATING)
def test_the_librarys_own_solution_is_wrong(name):
    result = judged(name, DELEGATING[name])
    assert result.status == "wrong", result
    assert "own solution" in result.feedback


def copy_of(name):
    """The solution's code as a student would have written it."""
    import inspect

    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, **vars(solutions)}
    function = find(name).solution
    exec(compile(inspect.getsource(function), "<01_data.ipynb, x>", "exec"), names)
    return names[function.__name__]


@pytest.mark.parametrize("name", TABLE)
def test_the_same_code_written_by_a_student_is_right(name):
    result = judged(name, copy_of(name))
    assert result.status == "right", result


def test_another_exercises_solution_may_be_used():
    walk = from_cell(
        """def f(anchors, frames):
    t = torch.linspace(0, len(anchors) - 1, frames)
    legs = t.long().clamp(max=len(anchors) - 2)
    return torch.stack([slerp(anchors[i], anchors[i + 1], x - i) for i, x in zip(legs, t)])""",
        slerp=solutions.slerp,
    )
    assert judged("latent_walk", walk).status == "right"


def test_a_wrong_answer_keeps_its_own_feedback():
    wrong = from_cell("def f(x): return images.to_float(x) * 2", images=images)
    assert "own solution" not in judged("scale", wrong).feedback


def test_switching_the_trace_off_is_noticed():
    off = from_cell("import sys\ndef f(x):\n    sys.settrace(None)\n    return x.float() / 127.5 - 1")
    assert "settrace" in judged("scale", off).feedback


@pytest.mark.parametrize(
    ("owner", "attribute"),
    [
        (checks, "scale"),
        (checks.tools, "check"),
        (torch, "allclose"),
        (torch.nn.functional, "relu"),
        (torch.Tensor, "sum"),
        (checks.data, "torch"),
    ],
)
def test_a_replaced_function_is_noticed(monkeypatch, owner, attribute):
    clean = guard.fingerprint()
    monkeypatch.setattr(owner, attribute, lambda *_: None)
    assert attribute in guard.changed(clean)


def test_replaced_code_is_noticed():
    clean, before = guard.fingerprint(), checks.tools.close.__code__
    checks.tools.close.__code__ = (lambda a, b, tolerance=0: True).__code__
    try:
        assert "its code" in guard.changed(clean)
    finally:
        checks.tools.close.__code__ = before


def test_what_is_not_changed_is_not_noticed():
    assert guard.changed(guard.fingerprint()) == ""


@pytest.mark.parametrize(
    ("owner", "attribute"), [(checks.data, "abs"), (Result, "status"), (Result, "__getattribute__")]
)
def test_a_new_name_that_hides_another_is_noticed(monkeypatch, owner, attribute):
    clean, is_same = guard.fingerprint(), guard.snapshot()
    with monkeypatch.context() as patch:
        patch.setattr(owner, attribute, object.__getattribute__, raising=False)
        found = (attribute in guard.changed(clean), is_same())
    assert found == (True, False)


def test_a_tensor_that_lies_is_noticed():
    clean, is_same = guard.fingerprint(), guard.snapshot()
    lying = type("Lying", (torch.Tensor,), {})
    assert ("__subclasses__" in guard.changed(clean), is_same()) == (True, False), lying
    del lying
    gc.collect()


def test_the_judge_is_looked_at_whenever_an_answer_returns():
    seen = []
    with guard.no_delegation("scale", copy_of("scale"), lambda: seen.append(1)):
        run_check(find("scale"), copy_of("scale"))
    assert len(seen) >= 2


def test_a_thread_that_calls_the_librarys_solution_is_noticed():
    threaded = from_cell(
        "def f(x): return T(1).submit(to, x).result()", T=ThreadPoolExecutor, to=images.to_float
    )
    assert "own solution" in judged("scale", threaded).feedback


TRIES = """
import sys
from facegan.course.grading import refusals
refusals.install()
for code in sys.argv[1:]:
    try:
        exec(compile(code, "<01_data.ipynb, scale>", "exec"))
        print("allowed", code)
    except PermissionError as error:
        assert "is not allowed" in str(error)
"""


@pytest.mark.slow
def test_students_code_cannot_reach_frames_objects_and_programs():
    tries = ["import sys; sys._getframe()", "import inspect; inspect.currentframe()", "import gc; gc.get_objects()",
             "import sys; sys.settrace(None)", "import os; os.fork()", "import subprocess; subprocess.run('true')",
             "open('/proc/self/mem', 'rb')", "import sys; (lambda: 0).__code__.replace(co_filename=sys.prefix)",
             "import sys; compile('1', sys.prefix, 'eval')", "g = (i for i in ()); g.gi_frame", "print"]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", TRIES, *tries], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("allowed print", "")
