"""What a poller tells: how its rows ended, that it is at work, and for how long its legacy system has not done what was
asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from time import monotonic
from typing import Final

from gateway.watching.catalog import LEGACY_DOWN, POLLED, POLLERS, POLLERS_LOST
from gateway.watching.lookout import Lookout
from gateway.watching.tally import Snapshot

RESULTS: Final = ("answered", "failed")
"""Those that are counted from nought; others are counted as they are told."""
STUCK_SECONDS: Final = 300.0
"""A poller that told nothing for so long is not at work: a round takes seconds, and a wait for a database ends."""


class PollWatch:
    """Counts of one integration that is polled, and two clocks; see ``gateway.spi.Rounds``. One that is to end by
    itself (``once``) is missed by nobody when it has gone.
    """

    def __init__(
        self, lookout: Lookout, integration: str, now: Callable[[], float] = monotonic, *, once: bool = False
    ) -> None:
        self._tally, self._integration, self._now = lookout.tally, integration, now
        self._since: float | None = None
        self._turned = now()
        for result in RESULTS:
            self._tally.begin(POLLED, integration, result)
        self._tally.gauge(LEGACY_DOWN, self._down_seconds)
        if not once:
            self._tally.begin(POLLERS_LOST, integration)
            self._tally.gauge(POLLERS, self._at_work, integration)

    def count(self, happened: Mapping[str, int]) -> None:
        for result, number in happened.items():
            for _ in range(number):
                self._tally.count((POLLED, self._integration, result))

    def turned(self) -> None:
        self._turned = self._now()

    def reached(self, reached: bool) -> None:
        self.turned()
        if reached:
            self._since = None
        elif self._since is None:
            self._since = self._now()

    def _at_work(self) -> float:
        return float(self._now() - self._turned < STUCK_SECONDS)

    def _down_seconds(self) -> float:
        since = self._since
        return 0.0 if since is None else self._now() - since


def missed(snapshot: Snapshot, integrations: Container[str]) -> Snapshot:
    """The same without the pollers of integrations that the home no longer has: nobody misses those."""
    gauges = {k: value for k, value in snapshot.gauges.items() if k[0] != POLLERS or k[1] in integrations}
    return snapshot._replace(gauges=gauges)
