"""Refuses actions of students' code: access to the grader's frames, new threads, and other programs.

An audit hook (https://docs.python.org/3/library/audit_events.html) cannot be removed. It raises an error in the
student's code, so the feedback says what is not allowed.
"""

from __future__ import annotations

import concurrent.futures.thread
import inspect
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from facegan.course.grading.guard import INSTALLED

_REFUSED = {
    "sys._getframe", "sys._current_frames", "sys._current_exceptions", "sys.settrace", "sys.setprofile",
    "sys.monitoring.register_callback", "gc.get_objects", "gc.get_referrers", "gc.get_referents", "marshal.loads",
    "_thread.start_new_thread", "_thread.start_joinable_thread", "ctypes.dlsym", "ctypes.dlsym/handle",
    "ctypes.PyObj_FromPtr", "ctypes.string_at", "ctypes.addressof", "ctypes.cdata", "ctypes.cdata/buffer",
    "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen", "pty.spawn",
}  # fmt: skip
_FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}
_HELPERS = (
    inspect.__file__, threading.__file__, concurrent.futures.thread.__file__, subprocess.__file__, os.__file__,
    "<frozen os>", str(Path(multiprocessing.__file__).parent),
)  # fmt: skip
# code in these files acts on behalf of its caller


def install() -> None:
    """Refuse the events in `_REFUSED`, and others that reach the grader, in this process from now on."""
    inside = set[int]()

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if not _concerns(event, arguments) or (thread := threading.get_ident()) in inside:
            return
        inside.add(thread)
        try:
            from_student = _is_students(sys._getframe(1))
        finally:
            inside.discard(thread)
        if from_student:
            raise PermissionError(f"{event} is not allowed in an answer that is graded")

    sys.addaudithook(refuse)


def _concerns(event: str, arguments: tuple[Any, ...]) -> bool:
    if event in {"compile", "code.__new__"}:  # code that claims to be from an installed file
        return any(isinstance(each, str) and each.startswith(INSTALLED) for each in arguments[1:3])
    if event == "object.__getattr__":
        return arguments[1] in _FRAMES
    if event == "object.__setattr__":
        return arguments[1] in {"__code__", "__defaults__", "__kwdefaults__"}
    if event == "open":
        return str(arguments[0]).startswith("/proc/")
    return event in _REFUSED


def _is_students(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename.startswith(_HELPERS):
        frame = frame.f_back
    return frame is not None and not frame.f_code.co_filename.startswith(INSTALLED)
