"""The time of a decision, in a process whose clock may be set back under it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Whole seconds: an answer carries no more."""
    return datetime.now(UTC).replace(microsecond=0)


def never_back(clock: Clock) -> Clock:
    """The same clock, standing still while the one below has been set back: of two decisions of one process the later
    one never claims the earlier time. A restart takes the clock as it then is.
    """
    gate, latest = threading.Lock(), clock()

    def now() -> datetime:
        nonlocal latest
        with gate:
            latest = max(latest, clock())
            return latest

    return now
