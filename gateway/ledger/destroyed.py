"""Data keys looked over: each opens under its master key, or it is gone and the chain says who destroyed it.

A payload whose key is gone can be read by nobody ever again, so a key is destroyed on the record only: an erasure names
the submission it is about, a purge lists its entries in its own payload. The chain commits to both records, not to the
keys, which must be able to go; whoever deletes one past the gateway would leave no trace otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from contracts.errors import InternalFault
from gateway.ledger.appended import purged
from gateway.ledger.schema import ENTRY, ENVELOPE, ENVELOPE_KEY
from gateway.ledger.seal import InvalidTag
from gateway.ledger.store import Keyring, open_envelope
from gateway.ledger.types import Finding, Kind

_RECORDS_AT_ONCE = 64
_PAGE = 1 << 15
_CURE = "a backup from before still holds it; if it was meant, put it on record: scoregate ledger erase"


class Numbers:
    """A set of entry numbers at one bit each: of a hundred million entries, most may have been purged."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, number: int) -> None:
        page, place = divmod(number, _PAGE)
        self._pages.setdefault(page, bytearray(_PAGE >> 3))[place >> 3] |= 1 << (place & 7)

    def discard_all(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            page, place = divmod(number, _PAGE)
            if page in self._pages:
                self._pages[page][place >> 3] &= ~(1 << (place & 7))

    def __iter__(self) -> Iterator[int]:
        """In their order."""
        for page in sorted(self._pages):
            for byte, bits in enumerate(self._pages[page]):
                if bits:
                    yield from (page * _PAGE + (byte << 3) + bit for bit in range(8) if bits >> bit & 1)


class Keys:
    """What one walk over the chain saw of its keys."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection, self._keyring = connection, keyring
        self._gone = Numbers()
        self._locked: Counter[int] = Counter()

    def look(self, block: int, row: Row[*tuple[Any, ...]]) -> Iterator[Finding]:
        """At the key of one entry: its columns ``id``, ``name``, ``master`` and ``wrapped``."""
        if row.wrapped is None:
            self._gone.add(row.id)
        elif row.master not in self._keyring.masters:
            self._locked[row.master] += 1
        elif not _opens(self._keyring, row.name, row.master, row.wrapped):
            message = f"the key of entry {row.id} ({row.name}) was altered, so its payload cannot be opened; {_CURE}"
            yield Finding("key_altered", block, row.id, message)

    def check_end(self) -> Iterator[Finding]:
        """After the walk: keys that are gone without a record, and master keys that would be needed to tell more.

        The records are read now and not before: a key that was seen gone was destroyed together with its record.
        """
        for master, count in sorted(self._locked.items()):
            message = f"master key {master} was not given: {count} payload(s) sealed under it could not be looked at"
            yield Finding("key_unknown", -1, -1, message)
        for numbers in self._recorded():
            self._gone.discard_all(numbers)
        for number in self._gone:
            name = self._connection.execute(select(ENTRY.c.name).where(ENTRY.c.id == number)).scalar()
            message = f"the key of entry {number} ({name}) was destroyed, and no erasure or purge says so; {_CURE}"
            yield Finding("key_destroyed", -1, number, message)

    def _recorded(self) -> Iterator[Sequence[int]]:
        """The entries whose keys were destroyed on the record, some at a time."""
        last = 0
        while records := self._records(last):
            yield from (purged(content) for content in map(self._content, records) if content)
            yield self._erased(last, records[-1].id)
            last = records[-1].id

    def _records(self, after: int) -> Sequence[Row[*tuple[Any, ...]]]:
        kinds = int(Kind.ERASURE), int(Kind.PURGE)
        key = ENVELOPE_KEY.c
        joined = ENTRY.outerjoin(ENVELOPE, ENVELOPE.c.id == ENTRY.c.id).outerjoin(ENVELOPE_KEY, key.id == ENTRY.c.id)
        columns = ENTRY.c.id, ENTRY.c.kind, ENTRY.c.name, ENVELOPE.c.sealed, key.master, key.wrapped
        query = select(*columns).select_from(joined)
        wanted = query.where(ENTRY.c.kind.in_(kinds), ENTRY.c.id > after).order_by(ENTRY.c.id)
        return self._connection.execute(wanted.limit(_RECORDS_AT_ONCE)).all()

    def _content(self, record: Row[*tuple[Any, ...]]) -> bytes:
        """What a purge says of itself; empty for an erasure, and for a purge that cannot be read: it says nothing."""
        if record.kind != int(Kind.PURGE) or record.sealed is None or record.wrapped is None:
            return b""
        try:
            return open_envelope(self._keyring, record.name, record.sealed, record.master, record.wrapped).decision
        except InternalFault:
            return b""

    def _erased(self, after: int, last: int) -> Sequence[int]:
        """What the erasures among these entries are about: submissions, and what people had said of them by then."""
        erasure = ENTRY.alias("erasure")
        said = and_(ENTRY.c.about == erasure.c.about, ENTRY.c.kind == int(Kind.HUMAN))
        query = select(ENTRY.c.id).join_from(erasure, ENTRY, or_(ENTRY.c.name == erasure.c.about, said))
        within = erasure.c.kind == int(Kind.ERASURE), erasure.c.id > after, erasure.c.id <= last
        return self._connection.execute(query.where(*within, ENTRY.c.id < erasure.c.id)).scalars().all()


def _opens(keyring: Keyring, name: str, master: int, wrapped: bytes) -> bool:
    try:
        keyring.masters[master].unwrap(name.encode(), bytes(wrapped))
    except InvalidTag:
        return False
    return True
