"""Detects whether code runs in a notebook's kernel or cell."""

from __future__ import annotations

import sys
import threading
from typing import Any


def running_kernel() -> Any:
    """The ipykernel of this process; None if the process is not a kernel."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None)


def in_cell() -> bool:
    """Whether the caller runs in a notebook's cell, which is in the main thread of a kernel."""
    return running_kernel() is not None and threading.current_thread() is threading.main_thread()
