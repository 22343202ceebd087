"""What can be asked of the writer, and how each asking becomes a draft of an entry or an answer from the ledger.

Submissions are here; gateway/ledger/appended.py has what is added about them later.

A job may be placed twice: once before the lock on what was read then, and again under it when another process was
faster. What it costs to make (the finished decision, the sealed envelope) is kept for the second time if it still fits.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from contracts.errors import InternalFault, ScoregateError
from gateway.ledger.seal import RANDOM_BYTES, Sealer
from gateway.ledger.settle import Book, Fresh, Marks, Repeat, Stored, erased, place
from gateway.ledger.store import Draft, Store
from gateway.ledger.types import Kind, Payload, Proposal, Refusal, Settled, Sink, microseconds

SALT_BYTES = 16
_RANDOM = RANDOM_BYTES + SALT_BYTES
_PIECE, _LARGE = 2047, 64 << 10
_DAY = 86_400_000_000


class Terms(NamedTuple):
    """What every job of a ledger shares. ``retention`` is in days by kind; a kind that is missing is kept for good."""

    marks: Marks
    sealer: Sealer
    retention: Mapping[Kind, int]
    now: Callable[[], datetime] | None

    def retain_until(self, kind: Kind, received: int) -> int | None:
        days = self.retention.get(kind)
        return None if days is None else received + days * _DAY


class Round:
    """One attempt at settling a group of ``size`` jobs: what is known, and the drafts so far.

    ``again`` says that an attempt before this one ended without an answer from the database: it may have succeeded.
    """

    def __init__(self, terms: Terms, store: Store, book: Book, again: bool, size: int) -> None:
        self.again = again
        self._size, self._random = size, b""
        self.terms = terms
        self.store = store
        self.book = book
        self.drafts: list[Draft] = []
        self.answers: dict[str, bytes] = {}

    def now(self, received: int) -> int:
        """The moment at which expiry is judged, in microseconds."""
        return received if self.terms.now is None else microseconds(self.terms.now())

    def is_done(self, name: str) -> bool:
        """Whether an entry whose id is ours alone was written by the attempt before."""
        return self.again and self.store.holds(name)

    def draft(
        self,
        kind: Kind,
        name: str,
        payload: Payload,
        columns: tuple[object, ...],
        *,
        received: int,
        durable: Callable[[], None] | None = None,
    ) -> Draft:
        """Seal a payload; ``columns`` are those of ``entry`` from about to sent."""
        random = self._fresh()
        sealed, wrapped = self.terms.sealer.seal(name, payload, random[:RANDOM_BYTES])
        whole = (name, *columns, random[RANDOM_BYTES:], digest_of(sealed))
        return Draft(int(kind), whole, sealed, wrapped, self.terms.retain_until(kind, received), durable=durable)

    def _fresh(self) -> bytes:
        """Random bytes for one draft. The system is asked once for a group: each asking gives the interpreter away."""
        if not self._random:
            self._random = os.urandom(_RANDOM * self._size)
        random, self._random = self._random[:_RANDOM], self._random[_RANDOM:]
        return random


def digest_of(sealed: bytes) -> bytes:
    """SHA-256 of an envelope. Python gives the interpreter away for pieces of 2,048 bytes and more; getting it back
    from a busy event loop takes longer than hashing an envelope of the usual size.
    """
    if len(sealed) > _LARGE:
        return hashlib.sha256(sealed).digest()
    hasher = hashlib.sha256()
    for start in range(0, len(sealed), _PIECE):
        hasher.update(sealed[start : start + _PIECE])
    return hasher.digest()


class Job(Protocol):
    """One asking. ``place`` returns the result (or a Repeat still to be read) and adds drafts to the round."""

    sink: Sink
    token: object

    @property
    def correlation(self) -> str:
        """What the log calls the exchange it came in; '' for none."""

    def place(self, round_: Round) -> object: ...


class Propose:
    """A proposal; its result is Settled."""

    __slots__ = ("_made", "business", "proposal", "request", "sink", "token")

    def __init__(self, proposal: Proposal, sink: Sink, token: object) -> None:
        self.proposal = proposal
        self.sink = sink
        self.token = token
        self.request = b""
        self.business: bytes | None = None
        self._made: tuple[Fresh, Draft, Settled, Stored] | None = None

    @property
    def correlation(self) -> str:
        return self.proposal.correlation

    def mark(self, marks: Marks) -> None:
        """Turn the keys into marks, before anything is read."""
        proposal = self.proposal
        self.request = marks.request(proposal.mode, proposal.integration, proposal.request_key)
        if proposal.business_key:
            self.business = marks.business(proposal.mode, proposal.integration, proposal.business_key)

    def place(self, round_: Round) -> Settled | Repeat:
        received = microseconds(self.proposal.received_at)
        placed = place(
            self.proposal, self.request, self.business, round_.now(received), round_.book, round_.terms.marks
        )
        if isinstance(placed, Repeat):
            answer = round_.answers.get(placed.name)
            return placed if answer is None else Settled(placed.name, answer, True)
        if self._made is None or self._made[0] != placed:
            self._made = (placed, *self._finish(placed, received, round_))
        _, draft, settled, stored = self._made
        round_.drafts.append(draft)
        round_.answers[settled.decision_id] = settled.answer
        round_.book.add(placed.request, self.business, stored)
        return settled

    def _finish(self, placed: Fresh, received: int, round_: Round) -> tuple[Draft, Settled, Stored]:
        proposal = self.proposal
        finished = proposal.finish(placed.predecessor, placed.request_key)
        name, valid_until = finished.decision_id, microseconds(finished.valid_until)
        columns = (
            placed.predecessor or None,
            placed.request,
            self.business,
            proposal.mode,
            proposal.integration,
            proposal.principal,
            finished.outcome,
            received,
            valid_until,
            proposal.sent_digest,
        )
        payload = Payload(proposal.raw, finished.record, finished.answer, finished.decision_json)
        draft = round_.draft(Kind.DECISION, name, payload, columns, received=received, durable=finished.durable)
        return draft, Settled(name, finished.answer, False), Stored(name, proposal.sent_digest, valid_until)


class Refuse:
    """A refusal or a fault of ours; its result is the id of the entry."""

    __slots__ = ("_draft", "refusal", "sink", "token")

    def __init__(self, refusal: Refusal, sink: Sink, token: object) -> None:
        self.refusal = refusal
        self.sink = sink
        self.token = token
        self._draft: Draft | None = None

    @property
    def correlation(self) -> str:
        return self.refusal.correlation

    def place(self, round_: Round) -> str:
        if self._draft is None:
            self._draft = self._make(round_)
        name: str = self._draft.columns[0]
        if not round_.is_done(name):
            round_.drafts.append(self._draft)
        return name

    def _make(self, round_: Round) -> Draft:
        refusal, received = self.refusal, microseconds(self.refusal.received_at)
        kind = Kind.FAULT if refusal.fault else Kind.REFUSAL
        marks, scope = round_.terms.marks, (refusal.mode, refusal.integration)
        business = marks.business(*scope, refusal.business_key) if refusal.business_key else None
        columns = (None, None, business, *scope, refusal.principal, refusal.code, received, None, None)
        payload = Payload(refusal.raw, refusal.problems, refusal.answer, b"")
        return round_.draft(kind, new_name(kind), payload, columns, received=received)


def new_name(kind: Kind) -> str:
    """An id for an entry that is no decision."""
    return f"{kind.word}-{os.urandom(12).hex()}"


def place_all(
    jobs: Sequence[Job], terms: Terms, store: Store, *, again: bool = False
) -> tuple[list[Draft], list[object]]:
    """Place a group on what the ledger holds now: drafts to append, and per job its result or exception."""
    round_ = Round(terms, store, _open_book(jobs, store), again, len(jobs))
    results: list[object] = []
    for job in jobs:
        try:
            results.append(job.place(round_))
        except ScoregateError as exc:
            results.append(exc)
        except store.errors:
            raise
        except Exception as exc:  # noqa: BLE001 - one job's fault must stay its own
            results.append(_fault(exc))
    return round_.drafts, _resolve(results, store)


def _open_book(jobs: Sequence[Job], store: Store) -> Book:
    proposals = [job for job in jobs if type(job) is Propose]
    if not proposals:
        return Book({}, {}, _none)
    requests = list({job.request for job in proposals})
    businesses = list({job.business for job in proposals if job.business is not None})
    stored, latest = store.known(requests, businesses)
    return Book(stored, latest, lambda request: store.stored([request])[request])


def _none(_request: bytes) -> None:
    """A group without proposals asks for no request key."""


def _resolve(results: list[object], store: Store) -> list[object]:
    """Read the stored answers of repeats."""
    names = list({result.name for result in results if type(result) is Repeat})
    if not names:
        return results
    payloads = store.payloads(names)
    return [_repeated(it.name, payloads.get(it.name)) if type(it) is Repeat else it for it in results]


def _repeated(name: str, payload: Payload | InternalFault | None) -> object:
    if payload is None:
        return erased(name)
    return payload if isinstance(payload, InternalFault) else Settled(name, payload.answer, True)


def _fault(cause: Exception) -> InternalFault:
    fault = InternalFault("the decision could not be made final; the fault is ours, ask again or call us")
    fault.__cause__ = cause
    return fault
