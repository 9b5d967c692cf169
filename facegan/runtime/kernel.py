"""Is this process a notebook's kernel, and is this code its cell?"""

from __future__ import annotations

import sys
import threading
from typing import Any


def running_kernel() -> Any:
    """The ipykernel that this process is, if it is one."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None)


def in_cell() -> bool:
    """Whether the caller runs in a notebook's cell: in a kernel's main thread."""
    return running_kernel() is not None and threading.current_thread() is threading.main_thread()
