"""Limits how long idle OpenMP threads spin; this module must be imported before torch.

The threads of a parallel loop wait for each other. GNU OpenMP's threads wait in a busy loop for minutes. If another
program runs, waiting threads occupy the cores that other threads need, and a training step takes ten times as long.
With this setting, threads spin briefly and then sleep, which costs little on an idle machine. Child processes inherit
the setting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

SPIN = {
    "GOMP_SPINCOUNT": "1000",  # GNU OpenMP (torch for Linux): iterations before a thread sleeps
    "KMP_BLOCKTIME": "1",  # Intel and LLVM OpenMP (macOS, Windows): milliseconds (200 by default)
}
_BY_THE_USER = (*SPIN, "OMP_WAIT_POLICY")
_BEFORE = "import facegan before torch, or set GOMP_SPINCOUNT=1000 in the environment"


def limit_spin(environment: MutableMapping[str, str], *, torch_is_loaded: bool) -> str:
    """Limit spinning, unless the user has set it or OpenMP has already read the environment.

    Args:
        environment: environment variables to change in place.
        torch_is_loaded: whether torch was imported, so that OpenMP has read the environment.

    Returns:
        The state as text.
    """
    if given := [f"{name}={environment[name]}" for name in _BY_THE_USER if name in environment]:
        return f"{' '.join(given)}, from the environment"
    if torch_is_loaded:
        return f"torch's default, because torch was imported first; on a busy machine, {_BEFORE}"
    environment.update(SPIN)
    return f"{' '.join(f'{name}={value}' for name, value in SPIN.items())}, set by facegan"


def is_unlimited(state: str) -> bool:
    """Whether a state of `limit_spin` means that threads spin for minutes because torch was imported first."""
    return state.endswith(_BEFORE)


STATE = limit_spin(os.environ, torch_is_loaded="torch" in sys.modules)  # text for `facegan info`
