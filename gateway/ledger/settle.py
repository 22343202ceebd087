"""The rules of repeats and conflicts, as functions from values to values.

=========================================  ===========================================================================
same request key, same record              the stored answer, byte for byte
… after ``valid_until``                    DecisionExpired; a derived key takes the expired id in, and is asked again
same request key, other record             Conflict
same business key, new request key         a new decision that supersedes the newest one, or Conflict, as declared
=========================================  ===========================================================================
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import NamedTuple

from contracts.errors import Conflict, DecisionExpired
from contracts.mapping.keys import DERIVED
from gateway.ledger.types import Proposal

MARK_BYTES = 16
"""Length of the digests that stand for keys: 128 bits, where 2**64 keys would have to meet for one chance collision."""


class Stored(NamedTuple):
    """The decision that stands under a request key: its id, its sent digest, its last valid microsecond."""

    name: str
    sent: bytes
    valid_until: int


class Repeat(NamedTuple):
    """The asking was settled before, by this decision."""

    name: str


class Fresh(NamedTuple):
    """The asking is new: the request key and mark it will stand under, and the decision it supersedes ('' for none)."""

    request_key: str
    request: bytes
    predecessor: str


class Marks:
    """Turns keys into marks: HMAC-SHA-256 under the ledger's index key, so a copied database does not tell whose."""

    def __init__(self, index_key: bytes) -> None:
        self._keyed = hmac.new(index_key, digestmod="sha256")

    def request(self, mode: str, integration: str, key: str) -> bytes:
        return self._mark("request", mode, integration, key)

    def business(self, mode: str, integration: str, key: str) -> bytes:
        return self._mark("business", mode, integration, key)

    def _mark(self, space: str, mode: str, integration: str, key: str) -> bytes:
        # Only the last part may hold a NUL: names of integrations cannot.
        # Copying a keyed state is half the price of hmac.digest, and does not give up the interpreter lock.
        mac = self._keyed.copy()
        mac.update(f"{space}\0{mode}\0{integration}\0{key}".encode(errors="surrogatepass"))
        return mac.digest()[:MARK_BYTES]


class Book:
    """What is known of the keys of one group: read from the ledger, then added to as the group is settled in order."""

    def __init__(
        self, requests: dict[bytes, Stored | None], latest: dict[bytes, str], look: Callable[[bytes], Stored | None]
    ) -> None:
        self.latest = latest
        self._requests = requests
        self._look = look

    def stored(self, request: bytes) -> Stored | None:
        if request not in self._requests:
            self._requests[request] = self._look(request)
        return self._requests[request]

    def add(self, request: bytes, business: bytes | None, stored: Stored) -> None:
        self._requests[request] = stored
        if business is not None:
            self.latest[business] = stored.name


def place(
    proposal: Proposal, request: bytes, business: bytes | None, now: int, book: Book, marks: Marks
) -> Repeat | Fresh:
    """Where a proposal stands; raises Conflict or DecisionExpired, both naming the earlier decision.

    ``request`` and ``business`` are the marks of its keys, ``now`` is in microseconds.
    """
    key, expired = proposal.request_key, ""
    while (stored := book.stored(request)) is not None:
        if stored.sent != proposal.sent_digest:
            raise _other_record(stored.name)
        if now <= stored.valid_until:
            return Repeat(stored.name)
        if not proposal.key_derived:
            raise _expired(stored.name)
        expired = stored.name
        key = renewed_key(key, expired)
        request = marks.request(proposal.mode, proposal.integration, key)
    predecessor = (book.latest.get(business, "") if business is not None else "") or expired
    if predecessor and predecessor != expired and proposal.resubmission == "conflict":
        raise _asked_before(predecessor)
    return Fresh(key, request, predecessor)


def renewed_key(key: str, expired: str) -> str:
    """The derived key of an application asked again after its decision expired."""
    return DERIVED + hashlib.sha256(f"{key}\0{expired}".encode()).hexdigest()


def _other_record(name: str) -> Conflict:
    return Conflict(
        f"this request key stands for another record, decided in {name}; send a new request key for a new asking",
        code="request_key_conflict",
        decision_id=name,
    )


def _asked_before(name: str) -> Conflict:
    return Conflict(
        f"this application was decided in {name} and this integration accepts no second asking",
        code="business_key_conflict",
        decision_id=name,
    )


def _expired(name: str) -> DecisionExpired:
    return DecisionExpired(f"decision {name} is past its validity; ask again with a new request key", decision_id=name)


def erased(name: str) -> Conflict:
    """What a repeat gets when its stored answer was erased."""
    return Conflict(
        f"this request key stands for decision {name}, whose contents were erased; ask again with a new request key",
        code="erased",
        decision_id=name,
    )
