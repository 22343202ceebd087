"""The clock that training reads, to say how long something takes; nothing that is stored or decided depends on it."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes, by the wall clock."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
