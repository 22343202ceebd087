"""Keeps what workers share about callers: a few exchanges a second with the ledger, off the event loop.

A request costs no database access; only a nonce does, which every worker has to know before its message is taken, and
nonces that come together are settled together. Where the ledger cannot be had, counts wait, locks hold as they were,
and what needs a nonce is answered with "later".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from contracts.errors import UpstreamError
from gateway.access.audit import OVERRIDDEN, RELOADED, Audit, Line, Tally, Written
from gateway.access.lockout import Count, Lockout, network
from gateway.access.roster import Roster
from gateway.access.store import SharedAccess

PERIOD = 0.25
"""Seconds between two exchanges: how long a lock made by one worker may be unknown to another."""
PARTING_SECONDS = 4.0
"""How long the end waits for the database: longer than it may take over a statement."""
CLEAN_SECONDS = 60.0
AGAIN_SECONDS = 5.0
"""After how long a principals.yaml that could not be read is read again, though it looks as it did."""
KNOWN_SECONDS = 86400.0
"""How long a network a caller logged in from is held to be its own."""
MOST_KNOWN = 100_000
MOST_NONCES = 1000
"""Nonces that may wait for one exchange."""


class _Sent(NamedTuple):
    """What one exchange takes along."""

    failures: dict[bytes, int]
    lines: list[tuple[Tally, Written]]
    claims: list[tuple[bytes, float, asyncio.Future[bool]]]
    clean: bool


class _Brought(NamedTuple):
    """What it brings back; ``counts`` and ``known`` are None where nobody looked, or ``error`` kept them from it."""

    unused: list[bool]
    rows: list[int]
    counts: dict[bytes, Count] | None = None
    known: set[tuple[str, str]] | None = None
    error: Exception | None = None


class Keeper:
    """The one that exchanges. Without a ``store`` counts stay in this process and no nonce can be known.

    ``report`` is told what went wrong, once per spell, and no error ends the exchanging. ``unread`` says what keeps
    principals.yaml from being read; what was read before is in force then. ``changed`` is called when a new one is.
    Only the store is used off the event loop.
    """

    def __init__(
        self,
        roster: Roster,
        store: SharedAccess | None = None,
        clock: Callable[[], float] = time.time,
        report: Callable[[Exception], None] = lambda _error: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.roster, self.clock, self._changed = roster, clock, changed
        self.lockout, self.audit = Lockout(clock), Audit(clock)
        self._logged_in: set[tuple[str, str]] = set()
        self._store, self._report = store, report
        self._claims: list[tuple[bytes, float, asyncio.Future[bool]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(1, "access") if store else None
        self._clean_at = 0.0
        self._faulty: set[str] = set()
        self.unread = ""
        self._read_again = 0.0

    def start(self) -> None:
        """Begin exchanging, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Write what is left, then let go of the database; of one that does not answer, with nothing written."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._store is not None and self._executor is not None:
            try:
                async with asyncio.timeout(PARTING_SECONDS):
                    await self._exchange(last=True)
                    await asyncio.get_running_loop().run_in_executor(self._executor, self._store.close)
            except TimeoutError:
                self._store.cut()
            self._executor.shutdown(wait=False, cancel_futures=True)

    def logged_in(self, principal: str, address: str) -> None:
        """A caller came in from here."""
        if len(self._logged_in) < MOST_KNOWN:
            self._logged_in.add((principal, network(address)))

    def overridden(self, integration: str, principal: str) -> None:
        """A demonstration bundle decided live by an override; from any thread."""
        self.audit.note(Line(OVERRIDDEN, principal, "", "", "", integration))

    def is_own(self, principal: str, address: str) -> bool:
        """Whether this caller came in from this network within the last day."""
        return (principal, network(address)) in self._logged_in

    async def unused(self, nonce: bytes, expires: float) -> bool:
        """Whether no worker has seen this nonce before; from now on all have.

        Raises UpstreamError when that cannot be known now.
        """
        if self._store is None or len(self._claims) >= MOST_NONCES:
            raise UpstreamError("signed messages cannot be taken now", code="busy")
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._claims.append((nonce, expires, future))
        self._wake.set()
        return await future

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._exchange()
            except Exception as error:  # noqa: BLE001 # nobody would learn of a change to principals.yaml any more
                self._tell(error)
            self._reread()
            try:
                async with asyncio.timeout(PERIOD):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _reread(self) -> None:
        """Take a changed principals.yaml in; one that is faulty or cannot be read changes nothing and is reported."""
        try:
            if self.roster.read_if_changed(again=bool(self.unread) and time.monotonic() >= self._read_again):
                self.unread = ""
                self.audit.note(Line(RELOADED, "", "", "", "", ""))
                self._changed()
        except Exception as error:  # noqa: BLE001 # as above
            self._read_again = time.monotonic() + AGAIN_SECONDS
            if str(error) != self.unread:
                self._report(error)
            self.unread = str(error) or type(error).__name__

    async def _exchange(self, *, last: bool = False) -> None:
        if self._store is None:
            return
        now = self.clock()
        claims, self._claims = [claim for claim in self._claims if not claim[2].done()], []
        clean = not now < self._clean_at <= now + CLEAN_SECONDS  # also where the clock was set back
        sent = _Sent({}, [], claims, clean)
        try:
            sent = sent._replace(failures=self.lockout.unsent(), lines=self.audit.pending(last=last))
            loop = asyncio.get_running_loop()
            brought = await loop.run_in_executor(self._executor, _exchange, self._store, sent, now)
        except Exception as error:  # noqa: BLE001 # whatever it is, it is tried again, and nobody waits for ever
            self._failed(sent, error)
            return
        self._take(sent, brought, now)
        if brought.error is None:
            self._faulty.clear()
        else:
            self._tell(brought.error)

    def _take(self, sent: _Sent, brought: _Brought, now: float) -> None:
        for (_, _, future), unused in zip(sent.claims, brought.unused, strict=True):
            if not future.done():
                future.set_result(unused)
        for (tally, written), row in zip(sent.lines, brought.rows, strict=True):
            self.audit.wrote(tally, written, row)
        if brought.counts is not None:
            self.lockout.share(brought.counts)
        if brought.known is not None:
            self._logged_in = {(principal, network(address)) for principal, address in brought.known}
            self._clean_at = now + CLEAN_SECONDS

    def _failed(self, sent: _Sent, error: Exception) -> None:
        self.lockout.unsend(sent.failures)
        for _, _, future in sent.claims:
            if not future.done():
                future.set_exception(UpstreamError("signed messages cannot be taken now", code="busy"))
        self._tell(error)

    def _tell(self, error: Exception) -> None:
        if type(error).__name__ not in self._faulty:
            self._faulty.add(type(error).__name__)
            self._report(error)


def _exchange(store: SharedAccess, sent: _Sent, now: float) -> _Brought:
    """One exchange with the database. What is sent is written as one, so whatever fails can be sent again; once it is
    written, nothing takes that back.
    """
    brought = _put(store, sent, now)
    try:
        if sent.clean:
            store.forget(now)
        known = store.logged_in(now - KNOWN_SECONDS) if sent.clean else None
        return brought._replace(counts=store.counts(now), known=known)
    except Exception as error:  # noqa: BLE001 # it is looked at again a moment later
        return brought._replace(error=error)


def _put(store: SharedAccess, sent: _Sent, now: float) -> _Brought:
    if not (sent.claims or sent.failures or sent.lines):
        return _Brought([], [])
    with store.together():
        unused = store.use([(nonce, expires) for nonce, expires, _ in sent.claims])
        store.count(sent.failures, now)
        return _Brought(unused, store.write([(tally.row, written) for tally, written in sent.lines]))
