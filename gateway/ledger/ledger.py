"""The ledger as the rest of the gateway sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Engine

from contracts.errors import SetupError
from gateway.ledger.anchored import Anchored
from gateway.ledger.appended import Append, Erase, Purge
from gateway.ledger.chain import GENESIS, Anchor
from gateway.ledger.checkpoint import Checkpointer, Rhythm, cut_log
from gateway.ledger.connect import clearly, connect, place, require_durable
from gateway.ledger.end import read_end, was_cut
from gateway.ledger.jobs import Propose, Refuse, Terms
from gateway.ledger.keyring import first_secrets, open_keyring, rewrap
from gateway.ledger.meter import Meter
from gateway.ledger.migrate import prepare
from gateway.ledger.on_loop import LoopLedger
from gateway.ledger.opened import Opened
from gateway.ledger.overview import survey
from gateway.ledger.probe import Probe, Standing
from gateway.ledger.reader import Reader
from gateway.ledger.seal import read_key
from gateway.ledger.settle import Marks
from gateway.ledger.sinks import FutureSink
from gateway.ledger.statements import Statements
from gateway.ledger.store import Keyring, Store
from gateway.ledger.types import (
    Entry,
    Filters,
    Finding,
    HumanDecision,
    Kept,
    Kind,
    Payload,
    Proposal,
    Refusal,
    Settled,
    Status,
)
from gateway.ledger.verify import verify
from gateway.ledger.writer import Writer
from gateway.watching.catalog import QUEUE
from gateway.watching.lookout import Lookout


class Ledger:
    """Durable decisions, refusals and what people decided later. One per process; any number of processes per ledger.

    ``where`` is a file (SQLite) or a database URL; gateway/ledger/connect.py makes one of a setting. ``master_key`` and
    ``signing_key`` are references (``env:NAME``, ``file:PATH``), newest first where several are given: older ones still
    open and verify what was made under them. ``anchor`` defaults to the ledger's file with the suffix ``.anchor`` and
    must be given for a URL. ``bound`` is how many submissions may wait, ``patience`` how many seconds a group waits for
    the turn of another process before its callers are told to come back later. ``retention`` is in days by kind.
    ``now`` judges expiry; without it, a proposal's own ``received_at`` does. ``examine`` opens also a ledger whose end
    is missing, for those who want to know what happened to it. ``rhythm``: when SQLite's log is brought in.

    Raises SetupError with one line when the ledger cannot be opened, UpstreamError where it may be later: it is locked,
    or its server is down. Writing methods raise UpstreamError (retry_after in seconds) when the queue is full or the
    ledger closed; their futures do when the database cannot be written.
    """

    def __init__(
        self,
        where: Path | URL,
        *,
        master_key: str | Sequence[str],
        signing_key: str | Sequence[str],
        anchor: Path | None = None,
        bound: int = 4096,
        patience: float = 3.0,
        retention: Mapping[Kind, int] | None = None,
        now: Callable[[], datetime] | None = None,
        lookout: Lookout | None = None,
        examine: bool = False,
        rhythm: Rhythm | None = None,
    ) -> None:
        lookout = lookout or Lookout.silent()
        masters = [read_key(reference, "master key") for reference in _several(master_key)]
        signers = [read_key(reference, "signing key") for reference in _several(signing_key)]
        self._patience = patience
        self._engine = connect(where)
        with ExitStack() as opened:
            opened.callback(self._engine.dispose)
            self._look_up(masters, signers)
            self._anchor = Anchor(anchor or _beside(where))
            opened.callback(self._anchor.close)
            if not examine:
                self._check_end()
                with clearly(self._engine):
                    require_durable(self._engine)
            opened.pop_all()
        self._begin(lookout, bound, retention or {}, now, rhythm or Rhythm())

    def _look_up(self, masters: Sequence[bytes], signers: Sequence[bytes]) -> None:
        with clearly(self._engine):
            prepare(self._engine, first_secrets(masters[0], signers[0]), GENESIS, self._patience)
            self._keyring = open_keyring(self._engine, masters, signers, self._patience)
        self._marks = Marks(self._keyring.index_key)
        self._reader = Reader(self._engine, self._keyring, self._marks)

    def _begin(
        self,
        lookout: Lookout,
        bound: int,
        retention: Mapping[Kind, int],
        now: Callable[[], datetime] | None,
        rhythm: Rhythm,
    ) -> None:
        """Start the threads."""
        keyring, opened = self._keyring, Opened(self._engine)
        sqlite = self._engine.dialect.name == "sqlite"
        self._checkpointer = Checkpointer(self._engine, rhythm) if sqlite else None
        self._futures = FutureSink()
        self._meter, self._probe = Meter(lookout), Probe(self._engine, opened, keyring.master)
        self._writer = Writer(
            _stores(self._engine, keyring, self._patience),
            Terms(self._marks, keyring.masters[keyring.master], retention, now),
            self._anchor,
            opened,
            bound,
            self._patience,
            self._checkpointer.committed if self._checkpointer else _nothing,
            self._meter,
        )
        lookout.tally.gauge(QUEUE, lambda: self._writer.queued)

    def submit(self, proposal: Proposal) -> Future[Settled]:
        """Settle a proposal. The future raises Conflict or DecisionExpired by the rules of gateway/ledger/settle.py,
        InternalFault when ``finish`` failed, UpstreamError when the database cannot be written now."""
        future: Future[Settled] = Future()
        self._writer.put(Propose(proposal, self._futures, future))
        return future

    def refuse(self, refusal: Refusal) -> Future[str]:
        """Record a refusal or a fault of ours; the result is the id it can be found by."""
        future: Future[str] = Future()
        self._writer.put(Refuse(refusal, self._futures, future))
        return future

    def on_loop(self, loop: asyncio.AbstractEventLoop) -> LoopLedger:
        """The same two for one event loop, whose callers are settled together; see gateway/ledger/on_loop.py."""
        return LoopLedger(self._writer, loop)

    def human_decision(self, decision_id: str, outcome: str, reason: str, by: str, at: datetime) -> Future[str]:
        """Append what a person decided; the result is the id of the entry. NotFound if there is no such decision."""
        content = json.dumps({"outcome": outcome, "reason": reason, "by": by, "at": at.isoformat()}).encode()
        future: Future[str] = Future()
        self._writer.put(Append(decision_id, outcome, by, at, content, self._futures, future))
        return future

    def erase(self, submission: str, *, by: str, at: datetime) -> Future[str]:
        """Destroy the keys of a submission's payload and of what people said about it; recorded, and for good.

        ``submission`` is the id of a decision, a refusal or a fault; NotFound if there is none.
        """
        future: Future[str] = Future()
        self._writer.put(Erase(submission, by, at, self._futures, future))
        return future

    def purge(self, *, by: str, at: datetime) -> Future[int]:
        """Destroy the keys of payloads kept past their date, at most PURGE_ROWS at once; recorded, and for good.

        The result is how many; the chain keeps its commitments and still verifies.
        """
        future: Future[int] = Future()
        self._writer.put(Purge(by, at, self._futures, future))
        return future

    def rotate_keys(self) -> Iterator[int]:
        """Bring all data keys under the newest master key, in batches; see gateway/ledger/keyring.py."""
        yield from rewrap(self._engine, self._keyring, self._patience)

    def forget(self, patience: float) -> bool:
        """See to it that SQLite's log keeps no copy of keys that were destroyed or replaced; False where others still
        read it after ``patience`` seconds. What a server keeps is for its VACUUM and its own log to recycle.
        """
        return self._checkpointer is None or cut_log(self._engine, patience)

    def find(self, mode: str, integration: str, key: str) -> Entry | None:
        """The decision under a request key, a decision id, or the newest of a business key, in this order."""
        return self._reader.find(mode, integration, key)

    def get(self, decision_id: str) -> Entry:
        """Any entry by its id; raises NotFound."""
        return self._reader.get(decision_id)

    def list(self, filters: Filters | None = None, limit: int = 50) -> Sequence[Entry]:
        """Entries, newest first; without filters all of them."""
        return self._reader.entries(filters or Filters(), limit)

    def erasures(self, after: int = 0) -> Sequence[Entry]:
        """Every erasure on record from entry number ``after`` on (exclusive), oldest first; ``about`` what it is."""
        return self._reader.erasures(after)

    def open_payload(self, decision_id: str) -> Payload:
        """What an entry's envelope holds. Raises NotFound, with detail code ``erased`` once its key is destroyed."""
        return self._reader.payload(decision_id)

    def kept(self, decision_id: str) -> Kept:
        """One decision whole, also where its payload is erased or will not open; raises NotFound."""
        return self._reader.kept(decision_id)

    def all_kept(self, filters: Filters | None = None) -> Iterator[Kept]:
        """Decisions whole, oldest first, up to where the ledger ends now; memory does not grow with their number."""
        return self._reader.all_kept(filters or Filters())

    def human_decisions(self, decision_id: str) -> Sequence[HumanDecision]:
        """What people decided about a decision, oldest first; the last one stands."""
        return self._reader.human_decisions(decision_id)

    def superseded_by(self, decision_id: str) -> str:
        """The id of the decision that superseded this one; '' if it stands."""
        return self._reader.superseded_by(decision_id)

    def verify_chain(self) -> Sequence[Finding]:
        """Everything wrong with the chain; see gateway/ledger/verify.py for the codes."""
        return tuple(verify(self._engine, self._keyring, self._anchor))

    def status(self) -> Status:
        """Where the ledger stands; raises UpstreamError when it cannot be read."""
        return Status(*self._reader.head())

    def standing(self) -> Standing:
        """Where the chain ends; raises the driver's errors."""
        return self._probe.standing()

    def unwritable(self) -> str:
        """Why no decision can be made durable now, as a category; empty when one can. One commit, from one thread."""
        return self._probe.cause()

    def last_commit(self) -> tuple[float, float]:
        """When this process last made a group durable, and when it last could not: monotonic seconds, 0.0 for never."""
        return self._meter.committed_at, self._meter.failed_at

    def oldest_pending(self) -> float:
        """Seconds the submission that has waited longest has waited; 0 while none does."""
        return self._meter.oldest_pending()

    def survey(self, at: datetime) -> dict[str, object]:
        """The ledger at a glance; see gateway/ledger/overview.py."""
        return survey(self._engine, self._anchor, at)

    def close(self) -> None:
        """Settle what is queued, then let go of the database."""
        self._writer.close()
        self._probe.close()
        if self._checkpointer:
            self._checkpointer.close()
        self._anchor.close()
        self._engine.dispose()

    def _check_end(self) -> None:
        tail = self._anchor.tail()  # read before the head: others may be appending
        with clearly(self._engine), self._engine.connect() as connection:
            end = read_end(connection)
            cut = was_cut(connection, end, self._keyring.signing_keys)
            anchored = Anchored(connection, self._keyring, end.head)
            anchored.note(tail)
            last = anchored.last()
        seen = f"the ledger {place(self._engine)} ends at block {end.head.number}"
        if last:
            raise SetupError(
                f"{seen}, but {self._anchor.path} names {last}: "
                "its end was cut off or an older copy put in place; find out with: scoregate verify --chain "
                "(to go on all the same, move the anchor file away)"
            )
        if cut:
            raise SetupError(
                f"{seen}, but its head bears the seal of another: its end was cut off, or changed past the gateway; "
                "find out with: scoregate verify --chain, and restore a backup"
            )


def _stores(engine: Engine, keyring: Keyring, patience: float) -> Callable[[], Store]:
    """How the writer gets a connection to its kind of database."""
    if engine.dialect.name == "sqlite":
        statements = Statements(engine.dialect)
        return lambda: Store(engine, statements, keyring, patience)
    from gateway.ledger.postgres import PostgresStore, statements_for

    prepared = statements_for(engine)
    return lambda: PostgresStore(engine, prepared, keyring, patience)


def _several(references: str | Sequence[str]) -> Sequence[str]:
    return [references] if isinstance(references, str) else references


def _nothing(_jobs: int, _store: Store) -> None:
    """PostgreSQL check-points by itself."""


def _beside(where: Path | URL) -> Path:
    if isinstance(where, URL):
        raise SetupError("a ledger on a database server needs a path for its anchor file")
    return where.with_suffix(".anchor")
