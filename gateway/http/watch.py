"""A deadline for every exchange at the price of one set entry: overdue ones are looked for, not timed one by one.

``asyncio.timeout`` costs about 4 µs per use, which is a tenth of what the door may cost in all.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from gateway.http.journal import Visit

PERIOD = 0.25
"""Seconds between two looks; what is overdue is noticed this much late at most."""


class Watch:
    """Cancels the tasks of visits whose time is over, and marks them ``overdue``."""

    def __init__(self) -> None:
        self._visits: set[Visit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, visit: Visit, seconds: float) -> None:
        """From here the visit has ``seconds``; entering again sets a new deadline. The task is the current one."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PERIOD, self._look)
        visit.due = monotonic() + seconds
        visit.task = asyncio.current_task()
        self._visits.add(visit)

    def leave(self, visit: Visit) -> None:
        self._visits.discard(visit)

    def _look(self) -> None:
        now = monotonic()
        for visit in [visit for visit in self._visits if visit.due < now]:
            self._visits.discard(visit)
            visit.overdue = True
            if visit.task is not None:
                visit.task.cancel()
        self._timer = asyncio.get_running_loop().call_later(PERIOD, self._look) if self._visits else None
