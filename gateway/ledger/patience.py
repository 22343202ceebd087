"""Waiting for another process's turn at the database, without SQLite's own waiting.

SQLite's busy handler sleeps 1, 2, 5, 10 … 100 ms for a lock that is held for one, and some operations (switching to the
write-ahead log, recovering it after a crash) do not use it at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _GROWTH = 0.000_1, 0.005, 1.3
_BUSY_CODES = frozenset({5, 6})  # SQLITE_BUSY, SQLITE_LOCKED


def patiently(work: Callable[[], T], patience: float) -> T:
    """Do something that another process may hold up, again until it works or ``patience`` seconds have gone by."""
    end, pause = time.monotonic() + patience, _FIRST_PAUSE_S
    while True:
        try:
            return work()
        except Exception as exc:
            if not _is_busy(exc) or time.monotonic() > end:
                raise
        time.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE_S)


def _is_busy(exc: Exception) -> bool:
    cause = getattr(exc, "orig", exc)  # SQLAlchemy wraps what happens while connecting
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _BUSY_CODES
