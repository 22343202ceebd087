"""The one writer thread of a process: takes everything queued, settles it as a group, commits once, delivers.

::

    take ─ place (read, rules, finish, seal) ─ lock head ─ [place again if the head moved] ─ append ─ COMMIT ─ deliver

Placing happens before the lock, so that several processes finish and seal side by side and only the append is serial.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import perf_counter

from contracts.errors import InternalFault, ScoregateError, UpstreamError
from gateway.ledger.chain import Anchor
from gateway.ledger.jobs import Job, Propose, Terms, place_all
from gateway.ledger.meter import CAUSES, Meter
from gateway.ledger.opened import Opened
from gateway.ledger.patience import passes, patiently, persistence
from gateway.ledger.store import Block, Store
from gateway.ledger.types import Sink

LARGEST_GROUP = 256
"""Jobs per commit: more gains nothing in rate and makes the first of them wait for the last."""
_RETRY_AFTER_S = 1
_UNKNOWN = -1
_STOP = None


class Writer:
    """Owns the queue and the thread. ``open_store`` makes a connection; it is called again after one failed."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        terms: Terms,
        anchor: Anchor,
        opened: Opened,
        bound: int,
        patience: float,
        committed: Callable[[int, Store], None],
        meter: Meter,
    ) -> None:
        self._open_store = open_store
        self._terms = terms
        self._anchor, self._opened = anchor, opened
        self._bound = bound
        self._patience = patience
        self._committed = committed
        self.meter = meter
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._store: Store | None = None
        self._head = _UNKNOWN
        self._again = False
        self._down = False
        self._retrying = persistence(patience, self._forget)
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        return self._queue.qsize()

    def put(self, job: Job) -> None:
        """Queue a job; raises UpstreamError when the queue is full or the ledger is closed."""
        self.require_room()
        self.queue([job])

    def require_room(self, further: int = 0) -> None:
        """Raises UpstreamError when a job may not be queued behind ``further`` others that are still to come."""
        if self._closed:
            raise _closing()
        if self._queue.qsize() + further >= self._bound:
            raise UpstreamError("too many submissions wait for the ledger; ask again later", retry_after=_RETRY_AFTER_S)

    def queue(self, jobs: Sequence[Job]) -> None:
        """Queue jobs for which there was room; those that come after the end are turned away."""
        self.meter.arrived(len(jobs))
        for job in jobs:
            self._queue.put(job)
        if self._closed and not self._thread.is_alive():
            self._abandon()

    def close(self) -> None:
        """Settle what is queued, then stop."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(_STOP)
        self._thread.join()
        self._abandon()

    def _abandon(self) -> None:
        """Turn away what was queued in the very moment of closing."""
        with suppress(Empty):
            while True:
                if (job := self._queue.get_nowait()) is not _STOP:
                    _deliver([job], [_closing()])

    def _work(self) -> None:
        while jobs := self._take():
            self.meter.taken(len(jobs))
            self._settle(jobs)
            self.meter.settled()
        self._drop_store()

    def _take(self) -> list[Job]:
        """Everything queued, at least one job; empty when the writer is to stop."""
        jobs: list[Job] = []
        job = self._queue.get()
        try:
            while job is not _STOP:
                jobs.append(job)
                if len(jobs) == LARGEST_GROUP:
                    return jobs
                job = self._queue.get_nowait()
        except Empty:
            return jobs
        if jobs:
            self._queue.put(_STOP)  # seen too early: settle these first, and what slipped in behind it
        return jobs

    def _settle(self, jobs: Sequence[Job]) -> None:
        try:
            for job in jobs:
                if type(job) is Propose:
                    job.mark(self._terms.marks)
            results = self._attempt(jobs)
            self._down = False
        except Exception as exc:  # noqa: BLE001 - the thread must outlive whatever happens to one group
            results = self._recover(jobs, exc)
        self._again = False
        _deliver(jobs, results)
        if self._store is not None:
            self._committed(len(jobs), self._store)

    def _attempt(self, jobs: Sequence[Job]) -> list[object]:
        """Settle a group in one transaction, or in none where everything was settled before."""
        self._opened.glance()
        store = self._store = self._store or patiently(self._open_store, self._patience)
        before = self._head
        again = self._again
        drafts, results = patiently(lambda: place_all(jobs, self._terms, store, again=again), self._patience)
        if not drafts:
            return results
        began = perf_counter()
        patiently(store.begin, self._patience)
        head = store.lock_head()
        self.meter.lock(perf_counter() - began)
        if head.number != before:
            drafts, results = place_all(jobs, self._terms, store, again=again)
        if not drafts:
            store.rollback()
            return results
        block = store.append(drafts, head)
        began = perf_counter()
        store.commit()
        self.meter.commit(perf_counter() - began)
        self.meter.committed(drafts)
        self._head = block.number
        self._export(block)
        return results

    def _export(self, block: Block) -> None:
        try:
            self._anchor.append(*block)
        except OSError:
            self.meter.anchor_failed(block.number)  # the decision is durable; a gap in the anchor is not fatal

    def _recover(self, jobs: Sequence[Job], cause: Exception) -> list[object]:
        """Give the connection up; ask again where that may help. A group with an entry that cannot be stored gets
        settled one by one. While the database is down, each group asks once: nobody waits for patience in vain.
        """
        store = self._forget()
        if passes(cause) and not self._down:
            try:
                return self._retrying(self._attempt, jobs)
            except Exception as exc:  # noqa: BLE001 - as above
                cause, store = exc, self._forget()
        if store is None or not store.blames_an_entry(cause):
            self._down = passes(cause)
            self.meter.failed(cause, short(cause), [job.correlation for job in jobs])
            return [_unavailable(cause) for _ in jobs]
        if len(jobs) == 1:
            return [_unfit(cause)]
        return [result for job in jobs for result in self._alone(job)]

    def _forget(self) -> Store | None:
        """Close the connection, of which it is unknown what it did; returns it, for what it knows of errors."""
        self._head = _UNKNOWN
        self._again = True
        store, self._store = self._store, None
        if store is not None:
            store.close()
        return store

    def _alone(self, job: Job) -> list[object]:
        try:
            return self._attempt([job])
        except Exception as exc:  # noqa: BLE001 - as above
            return self._recover([job], exc)

    def _drop_store(self) -> None:
        if self._store is not None:
            self._store.close()


def _deliver(jobs: Sequence[Job], results: Sequence[object]) -> None:
    by_sink: dict[Sink, list[tuple[object, object]]] = {}
    for job, result in zip(jobs, results, strict=True):
        by_sink.setdefault(job.sink, []).append((job.token, result))
    for sink, settled in by_sink.items():
        sink.deliver(settled)


def _closing() -> UpstreamError:
    return UpstreamError("the ledger is closing; ask again later", retry_after=_RETRY_AFTER_S)


def _unavailable(cause: Exception) -> ScoregateError:
    message = f"the ledger cannot be written now ({short(cause)}); ask again later"
    error = UpstreamError(message, retry_after=_RETRY_AFTER_S)
    error.__cause__ = cause
    return error


def _unfit(cause: Exception) -> ScoregateError:
    fault = InternalFault("the ledger does not take this entry; the fault is ours")
    fault.__cause__ = cause
    return fault


def short(cause: Exception) -> str:
    """A database's own words without what it was asked, which may hold values."""
    said = str(cause).lower()
    return next((sign for sign in CAUSES if sign.lower() in said), type(cause).__name__)
