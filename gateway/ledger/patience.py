"""Waiting for another process's turn at the database, and for a database that may be back in a moment.

Another process's turn: SQLite's busy handler sleeps 1, 2, 5, 10 … 100 ms for a lock that is held for one, and some
operations (switching to the write-ahead log, recovering it after a crash) do not use it at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

T = TypeVar("T")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _GROWTH = 0.000_1, 0.001, 1.3
_BUSY_CODES = frozenset({5, 6})  # SQLITE_BUSY, SQLITE_LOCKED
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.02, 0.5
_PASSING_STATES = ("08", "40001", "40P01", "57P01", "57P02", "57P03")
"""Connection lost, serialization failure, deadlock, shutting down, crashed, starting up: PostgreSQL appendix A."""

_FOR_GOOD = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "does not exist")
"""What a server says that it will say the next time too. While connecting, libpq passes on words, no SQLSTATE."""
_UNRESOLVED = "resolve host"


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


def _is_busy(exc: BaseException) -> bool:
    cause = getattr(exc, "orig", exc)  # SQLAlchemy wraps what happens while connecting
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _BUSY_CODES


def passes(exc: BaseException) -> bool:
    """Whether the same asking may succeed in a moment: the server was restarted, or chose us as a deadlock's victim."""
    cause = getattr(exc, "orig", exc)
    if not hasattr(cause, "sqlstate"):
        return False  # not from PostgreSQL's driver
    return cause.sqlstate.startswith(_PASSING_STATES) if cause.sqlstate else "connection" in str(cause).lower()


def may_open_later(exc: BaseException) -> bool:
    """Whether what kept a ledger from being opened may pass: a lock, a server that is down, starting, or full."""
    said = str(getattr(exc, "orig", exc))
    if any(sign in said for sign in _FOR_GOOD):
        return False
    return _is_busy(exc) or passes(exc) or _UNRESOLVED in said


def persistence(patience: float, before_retry: Callable[[], object]) -> Retrying:
    """Asks again while what went wrong may pass, with growing random pauses, for ``patience`` seconds in all."""

    def between(_state: RetryCallState) -> None:
        before_retry()

    return Retrying(
        retry=retry_if_exception(passes),
        stop=stop_after_delay(patience),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S),
        before_sleep=between,
        reraise=True,
    )
