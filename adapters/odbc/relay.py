"""Which batch is where: while one is decided, the one before it is written and the one after it is claimed.

::

    decided here                       1               2                    3
    in the legacy database   claim 1   claim 2         write 1, claim 3     write 2, claim 4

The database is another machine or another process, and mostly what is waited for. What is done there is done by one
thread, one step after the other. A batch that is not full is the last for now: nothing is claimed beside it, and it is
written as soon as it is decided.

What is decided is durable, and stays in hand until it is written. What is claimed and not decided yet is decided in the
next turn, or given back by ``finish``; lost with this process, its lease runs out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from adapters.odbc.exchange import Batch
from adapters.odbc.outcomes import Outcome
from contracts.errors import UpstreamError

T = TypeVar("T")


class Undecided(UpstreamError):
    """Nothing could be decided for now; the rows wait again."""


class Hands(Protocol):
    """What is done with batches in the legacy database. Whatever raises is done again in another turn."""

    def claim(self) -> Batch | None:
        """Rows that are ours from now on: None where none can be claimed, no rows where others were faster."""

    def further(self) -> bool:
        """Whether to claim a batch while another is in hand."""

    def keep(self, batch: Batch) -> None:
        """It is about to be decided, which takes a while: see that it stays ours."""

    def write(self, batch: Batch, outcomes: Sequence[Outcome]) -> bool:
        """Write what became of a batch; whether anything could be decided."""

    def release(self, batch: Batch) -> None:
        """Let all rows of a batch wait again."""


class Relay:
    """The batches in hand. ``decide`` is durable when it returns; ``full`` is how many rows a batch has at most."""

    def __init__(self, hands: Hands, decide: Callable[[Batch], Sequence[Outcome]], full: int) -> None:
        self.claimed: deque[Batch] = deque()
        self.decided: deque[tuple[Batch, Sequence[Outcome]]] = deque()
        self._hands, self._decide, self._full = hands, decide, full
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="odbc-legacy")

    def turn(self) -> bool:
        """Bring a batch further; whether there was any. Raises what ``Hands`` raises, and Undecided."""
        if not self.claimed and not self._there(self._begin):
            return False
        if not self.claimed:
            return True
        beside = self._thread.submit(self._beside, self.claimed[0])
        try:
            outcomes = self._decide(self.claimed[0])
        finally:
            wait((beside,))
        self.decided.append((self.claimed.popleft(), outcomes))
        beside.result()
        if not self.claimed:
            self._there(self._write)
        return True

    def finish(self) -> None:
        """Write what is decided, give back what is claimed; raises as ``turn`` does."""
        if self.claimed or self.decided:
            self._there(self._finish)

    def close(self) -> None:
        """End the thread; what is still in hand is left to its lease."""
        self._thread.shutdown()

    # ---- in the thread of the legacy database ------------------------------------------------------------------------

    def _there(self, step: Callable[[], T]) -> T:
        return self._thread.submit(step).result()

    def _begin(self) -> bool:
        self._write()
        return self._claim()

    def _beside(self, batch: Batch) -> None:
        self._hands.keep(batch)
        self._write()
        if len(batch.rows) >= self._full and self._hands.further():
            self._claim()

    def _finish(self) -> None:
        while self.claimed:
            self._hands.release(self.claimed[0])
            self.claimed.popleft()
        self._write()

    def _claim(self) -> bool:
        batch = self._hands.claim()
        if batch is not None and batch.rows:
            self.claimed.append(batch)
        return batch is not None

    def _write(self) -> None:
        """What a fault left here may be two batches, which are written in their order."""
        while self.decided:
            any_decided = self._hands.write(*self.decided[0])
            self.decided.popleft()
            if not any_decided:
                raise Undecided("nothing could be decided; the rows wait again", code="undecided")
