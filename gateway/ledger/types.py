"""What goes into the ledger and what comes out of it. Times are aware datetimes and always given by the caller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Literal, NamedTuple, Protocol

from contracts.errors import InternalFault

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Resubmission = Literal["supersede", "conflict"]


class Kind(IntEnum):
    """What an entry of the ledger is. The numbers are part of every entry digest and never change."""

    DECISION = 1
    REFUSAL = 2
    FAULT = 3
    HUMAN = 4
    ERASURE = 5
    PURGE = 6

    @property
    def word(self) -> str:
        return self.name.lower()


class Finished(NamedTuple):
    """A decision made final: what ``Proposal.finish`` returns. ``decision_json`` is the decision in contract terms.
    ``durable`` is called in the writer's thread once the decision is, and never where it could not be stored; it may
    not raise.
    """

    decision_id: str
    record: bytes
    answer: bytes
    valid_until: datetime
    as_of: datetime
    outcome: str
    decision_json: bytes
    durable: Callable[[], None] | None = None


class Proposal(NamedTuple):
    """One scored submission that asks to become a decision.

    ``finish(predecessor, request_key)`` is called in the writer thread once the place in the ledger is known: with the
    id of the decision it supersedes ('' for none) and the request key as finally used. It must be a function of its two
    arguments; it may be called again with others when another process was faster. An exception fails this one only.
    ``business_key`` may be empty. ``key_derived`` says that the request key is a digest of business key and record.
    ``correlation`` is what the log calls the exchange.
    """

    integration: str
    mode: str
    request_key: str
    key_derived: bool
    business_key: str
    sent_digest: bytes
    raw: bytes
    principal: str
    received_at: datetime
    resubmission: Resubmission
    finish: Callable[[str, str], Finished]
    correlation: str = ""


class Refusal(NamedTuple):
    """One submission refused, or lost to a fault of ours (``fault=True``). It never occupies a request key."""

    integration: str
    mode: str
    principal: str
    code: str
    problems: bytes
    raw: bytes
    answer: bytes
    received_at: datetime
    business_key: str = ""
    fault: bool = False
    correlation: str = ""


class Settled(NamedTuple):
    """A durable decision. ``answer`` is the stored one, byte for byte, if ``repeated``."""

    decision_id: str
    answer: bytes
    repeated: bool


class Payload(NamedTuple):
    """What one envelope holds. Decisions: raw, record, answer and decision in contract terms (JSON).

    Refusals: raw, problems (JSON) as ``record``, answer. Human decisions: what was decided (JSON) as ``decision``.
    """

    raw: bytes
    record: bytes
    answer: bytes
    decision: bytes


class Entry(NamedTuple):
    """One row of the ledger without its payload.

    ``decision_id`` is the id of a decision; refusals and appended entries have ids of their own there. ``about`` is the
    decision a decision supersedes, or the one that a human decision or an erasure speaks of. ``outcome`` is the outcome
    of a decision, the code of a refusal or fault. ``valid_until`` is None unless the entry is a decision.
    """

    number: int
    kind: Kind
    decision_id: str
    about: str
    mode: str
    integration: str
    principal: str
    outcome: str
    received_at: datetime
    valid_until: datetime | None


class Kept(NamedTuple):
    """A decision whole, as it lies in the ledger: its row, the digest of what was sent, its payload.

    The payload is None where its key was destroyed, and a fault where it will not open.
    """

    entry: Entry
    sent: bytes
    payload: Payload | InternalFault | None


class Filters(NamedTuple):
    """Which entries to list; None means any. ``since`` is of the receipt, inclusive.

    A business key needs mode and integration beside it.
    """

    mode: str | None = None
    integration: str | None = None
    kind: Kind | None = None
    outcome: str | None = None
    business_key: str | None = None
    since: datetime | None = None


class HumanDecision(NamedTuple):
    """What a person decided about a decision; appended, never overwriting it or an earlier human decision."""

    decision_id: str
    outcome: str
    reason: str
    by: str
    at: datetime


class Finding(NamedTuple):
    """One thing wrong with the chain. ``block`` and ``entry`` are -1 where the finding is not about one."""

    code: str
    block: int
    entry: int
    message: str


class Status(NamedTuple):
    """Where the ledger stands: last block, number of entries."""

    block: int
    entries: int


class Sink(Protocol):
    """Takes what a group commit settled: (token, result or exception) pairs, one call per group."""

    def deliver(self, results: list[tuple[object, object]]) -> None: ...


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 in UTC; raises TypeError for a naive datetime."""
    return (moment - EPOCH) // _MICROSECOND


def moment(microseconds_: int) -> datetime:
    """The aware UTC datetime of ``microseconds``."""
    return EPOCH + timedelta(microseconds=microseconds_)
