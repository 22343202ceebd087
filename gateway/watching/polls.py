"""What a poller tells: how its rows ended, and for how long its legacy system has not done what was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from gateway.watching.catalog import LEGACY_DOWN, POLLED
from gateway.watching.lookout import Lookout

RESULTS: Final = ("answered", "failed")
"""Those that are counted from nought; others are counted as they are told."""


class PollWatch:
    """Counts of one integration that is polled, and one clock; see ``gateway.spi.Rounds``."""

    def __init__(self, lookout: Lookout, integration: str, now: Callable[[], float] = monotonic) -> None:
        self._tally, self._integration, self._now = lookout.tally, integration, now
        self._since: float | None = None
        for result in RESULTS:
            self._tally.begin(POLLED, integration, result)
        self._tally.gauge(LEGACY_DOWN, self._down_seconds)

    def count(self, happened: Mapping[str, int]) -> None:
        for result, number in happened.items():
            for _ in range(number):
                self._tally.count((POLLED, self._integration, result))

    def reached(self, reached: bool) -> None:
        if reached:
            self._since = None
        elif self._since is None:
            self._since = self._now()

    def _down_seconds(self) -> float:
        since = self._since
        return 0.0 if since is None else self._now() - since
