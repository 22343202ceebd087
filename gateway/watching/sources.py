"""What one look-up tells: what became of each asking, and once each that its source is down and that it is back."""

from __future__ import annotations

from typing import Final

from gateway.watching.catalog import LOOKUPS
from gateway.watching.lookout import Lookout

RESULTS: Final = ("found", "nothing", "cached", "failed")


class SourceWatch:
    """Counts and log lines of the look-up of this name; a key or a value is in none of them."""

    def __init__(self, lookout: Lookout, integration: str, name: str) -> None:
        self._events, self._count = lookout.events, lookout.tally.count
        self._names = {"integration": integration, "lookup": name}
        self._keys = {result: (LOOKUPS, integration, name, result) for result in RESULTS}
        for key in self._keys.values():
            lookout.tally.begin(*key)

    def count(self, result: str) -> None:
        """One of ``RESULTS``."""
        self._count(self._keys[result])

    def down(self, code: str, cause: str, again_in_s: float) -> None:
        """It failed several times in a row and is left alone for a while; ``cause`` is the newest failure, in words."""
        self._events.error("lookup_down", **self._names, code=code, cause=cause, again_in_s=again_in_s)

    def back(self) -> None:
        self._events.info("lookup_back", **self._names)

    def fault(self, error: BaseException) -> None:
        """What was raised is none of our errors: a fault of the adapter's."""
        self._events.fault(error, integration=self._names["integration"])
