"""Leaving a source alone that fails, so that a dead one costs one time limit now and then and not one per submission.

After ``FAILURES`` failures in a row it is left alone for ``FIRST_PAUSE_S``; then one asking goes through, and where
that fails, too, the pause doubles, up to ``LONGEST_PAUSE_S``. The first asking that works ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

FAILURES: Final = 3
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0


class Breaker:
    """The state of one source, shared by all who ask it; ``clock`` gives seconds and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = 0.0
        self._since = self._until = float("-inf")

    def admit(self) -> float | None:
        """When this asking began, for ``failed``; None where the source is being left alone."""
        with self._lock:
            now = self._clock()
            if self._pause:
                if now < self._until:
                    return None
                self._until = now + self._pause  # this one is the trial; the others wait for what comes of it
            return now

    def worked(self) -> bool:
        """An asking worked; whether the source had been down."""
        with self._lock:
            was_down, self._failures, self._pause = bool(self._pause), 0, 0.0
            return was_down

    def failed(self, began: float) -> float:
        """An asking failed that began then. The pause in seconds where the source is taken to be down from now on, else
        0: it may be, and was before.
        """
        with self._lock:
            self._failures += 1
            if self._failures < FAILURES or (self._pause and began <= self._since):
                return 0.0
            was_down = bool(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_S) if was_down else FIRST_PAUSE_S
            self._since = self._clock()
            self._until = self._since + self._pause
            return 0.0 if was_down else self._pause
