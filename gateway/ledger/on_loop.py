"""The ledger for one event loop: what the loop's callers ask goes to the writer when the loop has nothing else to do.

The writer and the loop share the interpreter lock. A writer that starts at the first submission takes it alone, and
from then on each waits for the other; one that starts when every caller who was ready has asked gets them all as one
group, and works while the loop sleeps. On eight connections that is half as many decisions again per second.
"""

from __future__ import annotations

import asyncio

from gateway.ledger.jobs import Job, Propose, Refuse
from gateway.ledger.sinks import LoopSink
from gateway.ledger.types import Proposal, Refusal, Settled, Sink
from gateway.ledger.writer import Writer

MOST_GATHERED = 64
"""Jobs that are handed over at once, even if the loop is busy all the time."""


class LoopLedger:
    """Submitting from one event loop; its futures belong to that loop and may be cancelled without harm."""

    def __init__(self, writer: Writer, loop: asyncio.AbstractEventLoop) -> None:
        self._writer = writer
        self.loop = loop
        self._sink: Sink = LoopSink(loop)
        self._gathered: list[Job] = []

    def submit(self, proposal: Proposal) -> asyncio.Future[Settled]:
        """As ``Ledger.submit``; call it in the loop's thread."""
        future: asyncio.Future[Settled] = self.loop.create_future()
        self._gather(Propose(proposal, self._sink, future))
        return future

    def refuse(self, refusal: Refusal) -> asyncio.Future[str]:
        """As ``Ledger.refuse``; call it in the loop's thread."""
        future: asyncio.Future[str] = self.loop.create_future()
        self._gather(Refuse(refusal, self._sink, future))
        return future

    def _gather(self, job: Job) -> None:
        self._writer.require_room(len(self._gathered))
        self._gathered.append(job)
        if len(self._gathered) == 1:
            self.loop.call_soon(self._hand_over, 0)

    def _hand_over(self, before: int) -> None:
        """Hand over once a whole turn of the loop, which ran whatever was ready, has brought no further job."""
        count = len(self._gathered)
        if before < count < MOST_GATHERED:
            self.loop.call_soon(self._hand_over, count)
            return
        jobs, self._gathered = self._gathered, []
        self._writer.queue(jobs)
