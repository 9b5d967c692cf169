"""How long OpenMP's idle threads spin, set before torch loads OpenMP. Imported first of all; imports no torch.

The threads of a parallel loop wait for each other. GNU OpenMP's wait in a busy loop for minutes, so on a machine
where another program runs they occupy the cores that the other threads need, and a training step takes
ten times as long. Spinning briefly, then sleeping, costs an idle machine little. Child processes inherit it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

SPIN = {
    "GOMP_SPINCOUNT": "1000",  # GNU's, in torch for Linux: loops before a thread sleeps
    "KMP_BLOCKTIME": "1",  # Intel's and LLVM's, on macOS and Windows: milliseconds (200 by default)
}
_BY_THE_USER = (*SPIN, "OMP_WAIT_POLICY")
_BEFORE = "import facegan before torch, or set GOMP_SPINCOUNT=1000 in the environment"


def limit_spin(environment: MutableMapping[str, str], *, torch_is_loaded: bool) -> str:
    """Set how long threads spin, unless the user has, or OpenMP has read the environment; say which case it is."""
    if given := [f"{name}={environment[name]}" for name in _BY_THE_USER if name in environment]:
        return f"{' '.join(given)}, as in the environment"
    if torch_is_loaded:
        return f"torch's default, because torch was imported first; on a busy machine {_BEFORE}"
    environment.update(SPIN)
    return f"{' '.join(f'{name}={value}' for name, value in SPIN.items())}, set by facegan"


def is_unlimited(state: str) -> bool:
    """Whether a state of `limit_spin` is that of threads that spin for minutes because torch came first."""
    return state.endswith(_BEFORE)


STATE = limit_spin(os.environ, torch_is_loaded="torch" in sys.modules)  # in words, for `facegan info`
