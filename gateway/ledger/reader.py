"""Reading the ledger: single decisions by any of their keys, lists, opened payloads. From any thread."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, desc, select
from sqlalchemy.exc import DBAPIError

from contracts.errors import InternalFault, NotFound, UpstreamError
from gateway.ledger.schema import ENTRY, ENVELOPE, ENVELOPE_KEY, HEAD
from gateway.ledger.settle import Marks
from gateway.ledger.store import Keyring, open_envelope
from gateway.ledger.types import Entry, Filters, HumanDecision, Kept, Kind, Payload, microseconds, moment

_C = ENTRY.c
_COLUMNS = (
    _C.id,
    _C.kind,
    _C.name,
    _C.about,
    _C.mode,
    _C.integration,
    _C.principal,
    _C.outcome,
    _C.received,
    _C.valid_until,
)
_AT_ONCE = 512
"""Payloads read at a time: some megabytes."""


class Reader:
    """Raises UpstreamError when the database cannot be read now."""

    def __init__(self, engine: Engine, keyring: Keyring, marks: Marks) -> None:
        self._engine = engine
        self._keyring = keyring
        self._marks = marks

    def find(self, mode: str, integration: str, key: str) -> Entry | None:
        """The decision under a request key, a decision id, or the newest of a business key, in this order."""
        scope = _C.mode == mode, _C.integration == integration, _C.kind == int(Kind.DECISION)
        request = self._marks.request(mode, integration, key)
        business = self._marks.business(mode, integration, key)
        for condition in (_C.request == request, _C.name == key, _C.business == business):
            found = self._entries(select(*_COLUMNS).where(condition, *scope).order_by(desc(_C.id)).limit(1))
            if found:
                return found[0]
        return None

    def get(self, decision_id: str) -> Entry:
        """One entry by its id, of whatever integration; raises NotFound."""
        found = self._entries(select(*_COLUMNS).where(_C.name == decision_id))
        if not found:
            raise NotFound(f"nothing in this ledger has the id {decision_id}")
        return found[0]

    def entries(self, filters: Filters, limit: int) -> list[Entry]:
        """Entries, newest first."""
        query = select(*_COLUMNS).where(*self._conditions(filters))
        return self._entries(query.order_by(desc(_C.id)).limit(limit))

    def erasures(self, after: int) -> list[Entry]:
        """Every erasure after an entry of this number, oldest first."""
        erased = _C.kind == int(Kind.ERASURE), _C.id > after
        return self._entries(select(*_COLUMNS).where(*erased).order_by(_C.id))

    def _conditions(self, filters: Filters) -> Iterator[ColumnElement[bool]]:
        same = ((_C.mode, filters.mode), (_C.integration, filters.integration), (_C.outcome, filters.outcome))
        yield from (column == value for column, value in same if value is not None)
        if filters.kind is not None:
            yield _C.kind == int(filters.kind)
        if filters.business_key is not None:
            scope = filters.mode or "", filters.integration or ""
            yield _C.business == self._marks.business(*scope, filters.business_key)
        if filters.since is not None:
            yield _C.received >= microseconds(filters.since)

    def payload(self, decision_id: str) -> Payload:
        """The opened payload of an entry; NotFound, with code ``erased`` where its key was destroyed."""
        joined = ENTRY.join(ENVELOPE, ENVELOPE.c.id == _C.id).outerjoin(ENVELOPE_KEY, ENVELOPE_KEY.c.id == _C.id)
        columns = ENVELOPE.c.sealed, ENVELOPE_KEY.c.master, ENVELOPE_KEY.c.wrapped
        rows = self._rows(select(*columns).select_from(joined).where(_C.name == decision_id))
        if not rows:
            raise NotFound(f"nothing in this ledger has the id {decision_id}")
        sealed, master, wrapped = rows[0]
        if wrapped is None:
            raise NotFound(f"the contents of {decision_id} were erased", code="erased")
        return open_envelope(self._keyring, decision_id, sealed, master, wrapped)

    def kept(self, decision_id: str) -> Kept:
        """One decision whole; raises NotFound where there is none of that id."""
        found = self._kept(_C.name == decision_id, limit=1)
        if not found:
            raise NotFound(f"no decision in this ledger has the id {decision_id}")
        return found[0]

    def all_kept(self, filters: Filters) -> Iterator[Kept]:
        """Decisions whole, oldest first, up to where the ledger ends now; read some hundred at a time."""
        last, end = 0, self.head()[1]
        conditions = tuple(self._conditions(filters))
        while some := self._kept(_C.id > last, _C.id <= end, *conditions, limit=_AT_ONCE):
            yield from some
            last = some[-1].entry.number

    def _kept(self, *conditions: ColumnElement[bool], limit: int) -> list[Kept]:
        joined = ENTRY.outerjoin(ENVELOPE, ENVELOPE.c.id == _C.id).outerjoin(ENVELOPE_KEY, ENVELOPE_KEY.c.id == _C.id)
        columns = _C.sent, ENVELOPE.c.sealed, ENVELOPE_KEY.c.master, ENVELOPE_KEY.c.wrapped
        query = select(*_COLUMNS, *columns).select_from(joined).where(*conditions, _C.kind == int(Kind.DECISION))
        rows = self._rows(query.order_by(_C.id).limit(limit))
        return [self._whole(_entry(row[:-4]), *row[-4:]) for row in rows]

    def _whole(self, entry: Entry, sent: bytes, sealed: bytes | None, master: int, wrapped: bytes | None) -> Kept:
        if wrapped is None:
            return Kept(entry, bytes(sent), None)
        if sealed is None:
            message = f"the payload of {entry.decision_id} is missing; run verify --chain"
            return Kept(entry, bytes(sent), InternalFault(message, code="altered"))
        try:
            return Kept(entry, bytes(sent), open_envelope(self._keyring, entry.decision_id, sealed, master, wrapped))
        except InternalFault as fault:
            return Kept(entry, bytes(sent), fault)

    def human_decisions(self, decision_id: str) -> Sequence[HumanDecision]:
        """What people decided about a decision, oldest first; the last one stands. Erased ones are left out."""
        about = _C.about == decision_id, _C.kind == int(Kind.HUMAN)
        joined = ENTRY.join(ENVELOPE, ENVELOPE.c.id == _C.id).join(ENVELOPE_KEY, ENVELOPE_KEY.c.id == _C.id)
        columns = _C.name, _C.principal, _C.outcome, _C.received, ENVELOPE.c.sealed
        query = select(*columns, ENVELOPE_KEY.c.master, ENVELOPE_KEY.c.wrapped).select_from(joined)
        return [self._human(decision_id, row) for row in self._rows(query.where(*about).order_by(_C.id))]

    def superseded_by(self, decision_id: str) -> str:
        """The id of the newest decision that supersedes this one; '' if it stands."""
        about = _C.about == decision_id, _C.kind == int(Kind.DECISION)
        rows = self._rows(select(_C.name).where(*about).order_by(desc(_C.id)).limit(1))
        return str(rows[0][0]) if rows else ""

    def head(self) -> tuple[int, int]:
        """Number of the last block and number of entries."""
        row = self._rows(select(HEAD.c.number, HEAD.c.entries))[0]
        return row[0], row[1]

    def _human(self, decision_id: str, row: Row[*tuple[Any, ...]]) -> HumanDecision:
        name, by, outcome, received, sealed, master, wrapped = row
        content = json.loads(open_envelope(self._keyring, name, sealed, master, wrapped).decision)
        return HumanDecision(decision_id, outcome, content["reason"], by, moment(received))

    def _entries(self, query: Select[*tuple[Any, ...]]) -> list[Entry]:
        return [_entry(row) for row in self._rows(query)]

    def _rows(self, query: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except DBAPIError as exc:
            raise UpstreamError("the ledger cannot be read now; ask again later") from exc


def _entry(row: Sequence[Any]) -> Entry:
    number, kind, name, about, mode, integration, principal, outcome, received, valid_until = row
    until = None if valid_until is None else moment(valid_until)
    return Entry(number, Kind(kind), name, about or "", mode, integration, principal, outcome, moment(received), until)
