"""What the writer tells of itself: how long a commit takes, what it made durable, what it could not."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from contracts.errors import SetupError
from gateway.ledger.store import Draft
from gateway.ledger.types import Kind
from gateway.watching import catalog
from gateway.watching.events import MOST_NAMED
from gateway.watching.lookout import Lookout

_COUNTER = {
    Kind.DECISION: catalog.DECISIONS,
    Kind.REFUSAL: catalog.REFUSALS,
    Kind.FAULT: catalog.FAULTS,
    Kind.HUMAN: catalog.HUMAN_DECISIONS,
}
_BY_NUMBER = {int(kind): name for kind, name in _COUNTER.items()}
CAUSES = (
    "master key retired", "ledger replaced",
    "disk is full", "No space left", "File too large", "locked", "lock timeout", "disk I/O error", "unable to open",
    "readonly", "does not answer", "connection", "fsync = off",
)  # fmt: skip
"""What a database says when it does not take a group: the words its causes are counted by, where they hold."""
_MODE, _INTEGRATION, _OUTCOME = 4, 5, 7
"""Where these stand in ``Draft.columns``."""


class Meter:
    """Called from the writer's thread, but for ``arrived``. Times are monotonic seconds; 0.0 means never.

    ``committed_at`` and ``failed_at`` say when the ledger last took a group and last did not.
    """

    def __init__(self, lookout: Lookout) -> None:
        tally = lookout.tally
        self._count, self._events = tally.count, lookout.events
        self.commit, self.lock = tally.timer(catalog.COMMIT_SECONDS), tally.timer(catalog.LOCK_SECONDS)
        self._size = tally.timer(catalog.GROUP_SIZE)
        self._waiting: deque[list[float]] = deque()  # since when, and how many of them still wait
        self._group_since = 0.0
        self.committed_at = self.failed_at = 0.0
        for cause in CAUSES:
            tally.begin(catalog.LEDGER_FAILURES, cause)
        tally.begin(catalog.PURGED)
        tally.gauge(catalog.OLDEST_PENDING, self.oldest_pending)

    def arrived(self, jobs: int) -> None:
        """Jobs are about to be queued."""
        if jobs:
            self._waiting.append([monotonic(), jobs])

    def taken(self, jobs: int) -> None:
        """Those that have waited longest are being settled now."""
        self._group_since = self._waiting[0][0]
        while jobs:
            first = self._waiting[0]
            some = min(jobs, int(first[1]))
            first[1] -= some
            jobs -= some
            if not first[1]:
                self._waiting.popleft()

    def settled(self) -> None:
        self._group_since = 0.0

    def oldest_pending(self) -> float:
        """Seconds the submission that has waited longest has waited; 0 while none does."""
        with suppress(IndexError):  # nobody waits
            return monotonic() - (self._group_since or self._waiting[0][0])
        return 0.0

    def committed(self, drafts: Sequence[Draft]) -> None:
        """A group is durable."""
        if self.failed_at > self.committed_at:
            self._events.info("ledger_recovered")
        self.committed_at = monotonic()
        self._size(float(len(drafts)))
        count = self._count
        for draft in drafts:
            columns = draft.columns
            if draft.durable is not None:
                draft.durable()
            if draft.kind in _BY_NUMBER:
                count((_BY_NUMBER[draft.kind], columns[_INTEGRATION], columns[_MODE], columns[_OUTCOME]))
            elif draft.erases:
                count((catalog.ERASURES, columns[_INTEGRATION], columns[_MODE]))
            for _ in draft.purges:
                count((catalog.PURGED,))

    def failed(self, error: Exception, cause: str, correlations: Sequence[str]) -> None:
        """A group could not be made durable, for an error whose kind ``cause`` names; its callers are told to come
        back.

        What is wrong with the installation is logged as it stands: it says the cure, and nothing of an application.
        """
        self.failed_at = monotonic()
        self._count((catalog.LEDGER_FAILURES, cause))
        named = [correlation for correlation in correlations if correlation][:MOST_NAMED]
        said = error.message if isinstance(error, SetupError) else ""
        self._events.error("ledger_failed", cause=cause, message=said, count=len(correlations), correlations=named)

    def anchor_failed(self, block: int) -> None:
        """The decision is durable, but the anchor file does not name its block."""
        self._count((catalog.ANCHOR_FAILURES,))
        self._events.error("anchor_failed", block=block)
