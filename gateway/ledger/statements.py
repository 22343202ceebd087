"""The statements of the hot path: written in SQLAlchemy Core, compiled once per row count, run on the driver itself.

Whole groups go in as one multi-row INSERT: with SQLite every step of a statement gives up the interpreter lock and has
to win it back from the event loop, so the number of steps per group, not per row, decides the latency.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    ColumnElement,
    Dialect,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from gateway.ledger.schema import ENTRY, ENVELOPE, ENVELOPE_KEY, HEAD, SECRET
from gateway.ledger.types import Kind

MOST_ROWS = 64
"""Rows per statement; larger groups take several."""
PURGE_ROWS = 1000
"""Keys destroyed per asking: a few milliseconds, which the decisions of a group commit can wait."""
_DECISION: ColumnElement[int] = literal_column(str(int(Kind.DECISION)))
_HUMAN: ColumnElement[int] = literal_column(str(int(Kind.HUMAN)))
_SUBMISSIONS: list[ColumnElement[int]] = [
    literal_column(str(int(kind))) for kind in (Kind.DECISION, Kind.REFUSAL, Kind.FAULT)
]


class Statements:
    """SQL text by purpose and number of rows, for one dialect. Parameters go by position, row after row."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.begin = "BEGIN IMMEDIATE" if dialect.name == "sqlite" else "BEGIN"
        self.insert = cache(self._insert)
        self.requests = cache(self._requests)
        self.latest = cache(self._latest)
        self.payloads = cache(self._payloads)
        head = select(HEAD.c.number, HEAD.c.digest, HEAD.c.entries)
        self.head = self._text(head, [])
        # The master key's row as well: a key that is being retired is waited for, and seen as it is afterwards.
        held = head.add_columns(SECRET.c.wrapped).where(SECRET.c.id == bindparam("master"))
        self.lock_head = self._text(held.with_for_update(), ["master"])
        self.set_head = self._text(
            update(HEAD).values({column: bindparam(column.name) for column in HEAD.c if column is not HEAD.c.id}),
            ["number", "digest", "entries", "seal"],
        )
        self.past_retention = self._text(
            select(ENVELOPE_KEY.c.id)
            .where(ENVELOPE_KEY.c.retain_until < bindparam("now", type_=BigInteger))
            .order_by(ENVELOPE_KEY.c.retain_until)
            .suffix_with(f"LIMIT {PURGE_ROWS}"),
            ["now"],
        )
        self.purge = cache(self._purge)
        self.named = self._text(select(ENTRY.c.id).where(ENTRY.c.name == bindparam("a")), ["a"])
        self.decision = self._text(
            select(ENTRY.c.mode, ENTRY.c.integration, ENTRY.c.business).where(
                ENTRY.c.name == bindparam("a"), ENTRY.c.kind == _DECISION
            ),
            ["a"],
        )
        self.submission = self._text(
            select(ENTRY.c.mode, ENTRY.c.integration, ENTRY.c.business).where(
                ENTRY.c.name == bindparam("a"), ENTRY.c.kind.in_(_SUBMISSIONS)
            ),
            ["a"],
        )
        said_of = (ENTRY.c.about == bindparam("b")) & (ENTRY.c.kind == _HUMAN)
        of_it = select(ENTRY.c.id).where(
            or_(ENTRY.c.name == bindparam("a"), said_of), ENTRY.c.id < bindparam("c", type_=BigInteger)
        )
        self.erase = self._text(delete(ENVELOPE_KEY).where(ENVELOPE_KEY.c.id.in_(of_it)), ["a", "b", "c"])

    def _text(self, statement: ClauseElement, order: list[str]) -> str:
        """Compile; ``order`` names the parameters as the caller will give them, so a mistake shows at the start."""
        compiled: Any = statement.compile(dialect=self._dialect)
        if compiled.positiontup != order:
            raise AssertionError(f"parameters are {compiled.positiontup}, not {order}")
        return str(compiled)

    def _insert(self, table: Table, rows: int) -> str:
        """One row is compiled and repeated: to compile 64 rows takes as long as to settle as many decisions."""
        names = [column.name for column in table.c]
        one = insert(table).values({name: bindparam(name) for name in names})
        into, values, row = self._text(one, names).partition(" VALUES ")
        return into + values + ", ".join(_further(row, number * len(names)) for number in range(rows))

    def _purge(self, count: int) -> str:
        wanted = [f"i{i}" for i in range(count)]
        return self._text(delete(ENVELOPE_KEY).where(ENVELOPE_KEY.c.id.in_(map(bindparam, wanted))), wanted)

    def _requests(self, count: int) -> str:
        """(request, name, sent, valid_until) of the decisions under these request digests."""
        wanted = [f"r{i}" for i in range(count)]
        columns = ENTRY.c.request, ENTRY.c.name, ENTRY.c.sent, ENTRY.c.valid_until
        return self._text(select(*columns).where(ENTRY.c.request.in_(map(bindparam, wanted))), wanted)

    def _latest(self, count: int) -> str:
        """(business, name) of the newest decision under each of these business digests."""
        wanted = [f"b{i}" for i in range(count)]
        asked = ENTRY.c.business.in_(map(bindparam, wanted)), ENTRY.c.kind == _DECISION
        newest = select(func.max(ENTRY.c.id)).where(*asked).group_by(ENTRY.c.business)
        return self._text(select(ENTRY.c.business, ENTRY.c.name).where(ENTRY.c.id.in_(newest)), wanted)

    def _payloads(self, count: int) -> str:
        """(name, sealed, master, wrapped) of these entries; master and wrapped are null when erased."""
        wanted = [f"n{i}" for i in range(count)]
        joined = ENTRY.join(ENVELOPE, ENVELOPE.c.id == ENTRY.c.id).outerjoin(
            ENVELOPE_KEY, ENVELOPE_KEY.c.id == ENTRY.c.id
        )
        columns = ENTRY.c.name, ENVELOPE.c.sealed, ENVELOPE_KEY.c.master, ENVELOPE_KEY.c.wrapped
        return self._text(select(*columns).select_from(joined).where(ENTRY.c.name.in_(map(bindparam, wanted))), wanted)


def _further(row: str, before: int) -> str:
    """The placeholders of a row behind others; those with numbers count on."""
    return _NUMBERED.sub(lambda found: f"${int(found[1]) + before}", row)


_NUMBERED = re.compile(r"\$([0-9]+)")
