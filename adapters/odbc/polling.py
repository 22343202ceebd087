"""The loop: claim rows, have them decided, write the answers, until told to stop. It outlives the database.

Nothing is kept here that is not also in the database or in the ledger: whatever happens between two steps, the lease
runs out, the row is claimed again, and the ledger gives the answer it has stored. ``relay`` keeps the steps' order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from random import uniform
from time import monotonic
from typing import Any, Final

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_any,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.nap import sleep_using_event

from adapters.odbc.checking import check
from adapters.odbc.claiming import UNMET, UNREADABLE
from adapters.odbc.codec import OdbcCodec
from adapters.odbc.connecting import Link, open_link, placed
from adapters.odbc.delivery import Delivery, transacted
from adapters.odbc.exchange import Batch, Exchange
from adapters.odbc.faults import DatabaseFault, Verdict
from adapters.odbc.indexes import lacking
from adapters.odbc.outcomes import NOT_WRITTEN, Claimed, Outcome, OutcomeReader
from adapters.odbc.relay import Relay, Undecided
from contracts.errors import ConfigurationError, ScoregateError, SetupError, UpstreamError
from gateway.spi import Answer, Desk, Site

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 30.0
TRIES_ONCE: Final = 6
"""How often a run that is to end by itself tries what may pass."""
RESTED_S: Final = 15.0
"""How often it is looked whether a pause is over."""
RENEWED: Final = 0.25
"""A batch that has used up this share of its lease before it is decided gets another."""
PASSED_OVER: Final = {
    UNREADABLE: "the database cannot give the key of a row that waits: mend its text",
    UNMET: "no UPDATE by its key meets a row that waits: its key is NULL or no text, or a trigger undoes the change",
}
"""Why rows are passed over, and wait."""


def run(desk: Desk, site: Site) -> None:
    """Poll until ``site`` says to end; raises SetupError for what is wrong for good before the first row is claimed."""
    Poller(desk, site).run()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Poller:
    """One integration. ``now`` says when a pause is."""

    def __init__(self, desk: Desk, site: Site, now: Callable[[], datetime] = _utc_now) -> None:
        if not isinstance(desk.codec, OdbcCodec):
            raise TypeError(f"the odbc adapter was given a desk of {type(desk.codec).__name__}")
        self._desk, self._site, self._now, self._wire = desk, site, now, desk.codec.wire
        self._connection = site.connections(self._wire.connection)
        self._outcomes = OutcomeReader(desk.codec, desk.refusal)
        self._link: Link | None = None
        self._exchange: Exchange | None = None
        self._relay = Relay(self, self._decide, self._wire.batch)
        self._served = self._down = self._resting = False
        self._differing: Sequence[dict[str, Any]] = []
        self._passed_over: set[str] = set()

    def run(self) -> None:
        self._tell("polling")
        try:
            self._poll(self._persistently())
        except (DatabaseFault, ScoregateError) as exc:
            self._leave()
            if not (self._site.stop.is_set() and self._passes(exc)):
                raise placed(self._connection, exc) if isinstance(exc, DatabaseFault) else exc from None
        finally:
            self._relay.close()
            self._close()
            self._tell("polled")

    def _poll(self, again: Retrying) -> None:
        stop, once = self._site.stop, self._site.once
        while not stop.is_set():
            if self._rests(again):
                if once:
                    return
                stop.wait(RESTED_S)
            elif not again(self._relay.turn):
                if once:
                    return
                stop.wait(self._wire.every)
        again(self._relay.finish)

    def _persistently(self) -> Retrying:
        """Tries what may pass again, after pauses that grow and are never the same for two pollers."""
        ends = stop_when_event_set(self._site.stop)
        return Retrying(
            retry=retry_if_exception(self._passes),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S),
            stop=stop_any(ends, stop_after_attempt(TRIES_ONCE)) if self._site.once else ends,
            sleep=sleep_using_event(self._site.stop),
            before_sleep=self._interrupted,
            reraise=True,
        )

    # ---- the steps; all but deciding are done by the thread of the relay ---------------------------------------------

    def claim(self) -> Batch | None:
        exchange, began = self._opened(), monotonic()
        waits = exchange.look()
        batch = transacted(exchange.claim) if waits else None
        self._is_back()
        whole = batch is None or len(batch.rows) < self._wire.batch
        self._tell_passed_over(exchange.passed_over if waits else {}, whole)
        if batch is None:
            return None
        if not batch.rows:
            self._site.stop.wait(uniform(0.005, 0.05))  # noqa: S311 # others were faster; no secret depends on it
        return batch._replace(since=began)

    def _tell_passed_over(self, counts: Mapping[str, int], whole: bool) -> None:
        """Once of each kind, until none is met where ``whole``, all that wait, was seen; how many there are is known
        for one batch at a time only.
        """
        met = {kind: count for kind, count in counts.items() if count}
        for kind in met.keys() - self._passed_over:
            self._tell(kind, count=met[kind], cause=PASSED_OVER[kind])
        self._passed_over = {*met, *(() if whole else self._passed_over)}

    def further(self) -> bool:
        return not (self._site.stop.is_set() or self._paused())

    def keep(self, batch: Batch) -> None:
        if monotonic() - batch.since > self._wire.lease * RENEWED:
            exchange = self._opened()
            transacted(lambda: exchange.renew(batch))

    def _decide(self, batch: Batch) -> list[Outcome]:
        """Durable in the ledger when it returns."""
        principal = self._site.principal or self._desk.name
        results = self._desk.decide_many([claimed.asked(principal) for claimed in batch.rows])
        return [self._outcome(*pair) for pair in zip(batch.rows, results, strict=True)]

    def _outcome(self, claimed: Claimed, result: Answer | ScoregateError) -> Outcome:
        """What becomes of one row; a fault of ours in it spoils that row alone."""
        try:
            return self._outcomes.outcome(claimed, result)
        except Exception as exc:  # noqa: BLE001 # whatever it is, its neighbours are answered
            where = {"integration": self._desk.name, "correlation": claimed.name}
            self._site.log.error("fault", kind=type(exc).__name__, **where)
            return self._outcomes.failed(NOT_WRITTEN, "the fault is ours and is logged; set the row to wait again")

    def write(self, batch: Batch, outcomes: Sequence[Outcome]) -> bool:
        delivery = Delivery(self._opened(), self._outcomes, self._site.log, self._desk.name)
        happened = delivery.write(batch, outcomes)
        self._site.rounds.count(happened)
        self._is_back()
        for kind, event in (("lost", "claims_lost"), ("changed", "rows_changed")):
            if happened[kind]:
                self._tell(event, count=happened[kind])
        return happened["undecided"] < len(outcomes)

    def release(self, batch: Batch) -> None:
        exchange = self._opened()
        transacted(lambda: exchange.release(batch))

    def _leave(self) -> None:
        """Settle what is in hand where the connection still allows it."""
        if self._exchange is not None:
            with suppress(DatabaseFault, ScoregateError):
                self._relay.finish()

    # ---- the connection ----------------------------------------------------------------------------------------------

    def _opened(self) -> Exchange:
        """The exchange on an open connection, whose tables are as they are declared."""
        if self._exchange is None:
            self._link = open_link(self._connection)
            exchange = Exchange(self._wire, self._link)
            check(self._wire, self._link)
            exchange.rehearse()
            if not self._served and (told := lacking(self._wire, self._link)):
                self._tell("index_missing", cause=told)
            self._exchange, self._served = exchange, True
        return self._exchange

    def _close(self) -> None:
        link, self._link, self._exchange = self._link, None, None
        if link is not None:
            with suppress(Exception):  # one that is broken is gone either way
                link.close()

    def _paused(self) -> bool:
        return any(pause.covers(self._now()) for pause in self._wire.pauses)

    def _rests(self, again: Retrying) -> bool:
        resting = self._paused()
        if resting:
            self._site.rounds.turned()
            again(self._relay.finish)
        if resting != self._resting:
            self._resting = resting
            self._tell("legacy_rest" if resting else "legacy_rested")
        if resting:
            self._close()
        return resting

    # ---- what goes wrong ---------------------------------------------------------------------------------------------

    def _passes(self, exc: BaseException) -> bool:
        """Whether to try again: set-up that was right when we started may be mended while we wait."""
        if isinstance(exc, DatabaseFault):
            return self._served or exc.verdict in (Verdict.TRANSIENT, Verdict.LOST)
        return isinstance(exc, UpstreamError) or (isinstance(exc, SetupError) and self._served)

    def _interrupted(self, state: RetryCallState) -> None:
        exc = state.outcome.exception() if state.outcome else None
        if exc is None or isinstance(exc, Undecided):
            return
        self._close()
        self._site.rounds.reached(False)
        told = _told(exc)
        if not self._down:
            self._report("legacy_down", told)
        elif _is_lasting(exc) and told != self._differing:  # found when it was opened again
            self._report("legacy_differs", told)
        self._down, self._differing = True, told

    def _report(self, event: str, told: Sequence[dict[str, Any]]) -> None:
        for members in told:
            self._tell(event, **members)

    def _is_back(self) -> None:
        self._site.rounds.reached(True)
        if self._down:
            self._down, self._differing = False, []
            self._tell("legacy_back")

    def _tell(self, event: str, **members: Any) -> None:
        write = self._site.log.warning if members else self._site.log.info
        write(event, integration=self._desk.name, **members)


def _is_lasting(exc: BaseException) -> bool:
    """Whether somebody must mend it: tables that differ, a right that lacks, a database that is read-only."""
    return isinstance(exc, SetupError) or (isinstance(exc, DatabaseFault) and exc.verdict is Verdict.SETUP)


def _told(exc: BaseException) -> list[dict[str, Any]]:
    """What a log line may say of an error: codes, and names of tables and columns."""
    if isinstance(exc, DatabaseFault):
        return [{"code": exc.state, "cause": exc.text}]
    if isinstance(exc, ConfigurationError) and exc.faults:
        return [{"cause": fault.message, "file": fault.file, "line": fault.line} for fault in exc.faults]
    return [{"code": exc.detail_code, "cause": exc.message}] if isinstance(exc, ScoregateError) else [{}]
