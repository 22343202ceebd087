"""A request table as small as can be, and a poller on it whose desk refuses, or breaks on, whatever it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from odbc_databases import Database

from adapters.odbc.codec import OdbcCodec
from adapters.odbc.exchange import Exchange
from adapters.odbc.polling import Poller
from adapters.odbc.section import read_wire
from contracts.errors import MalformedPayload, ScoregateError
from gateway.spi import Answer, Asked, Refusal, Site

TABLES = """\
asked:
  columns:
    id: varchar(9) not null
    note: varchar(40)
    state: char(1) not null
    token: char(32)
    claimed_until: timestamp
    code: varchar(40)
    score: smallint
"""
DDL = (
    "CREATE TABLE asked (id varchar(9), note varchar(40), state char(1) DEFAULT 'N' NOT NULL, token char(32),"
    " claimed_until {moment}, code varchar(40), score smallint)"
)
INDEX = "CREATE INDEX asked_state ON asked (state, id)"
WIRE: dict[str, Any] = {
    "connection": "legacy",
    "request": {
        "table": "asked",
        "key": ["id"],
        "status": "state",
        "states": {"waiting": "N", "claimed": "P", "done": "D", "failed": "E"},
        "claim": {"token": "token", "until": "claimed_until"},
        "error": {"code": "code"},
    },
    "answer": {"columns": ["score"]},
    "batch": 5,
    "every": "50ms",
}
Decide = Callable[[Sequence[Asked]], list[Answer | ScoregateError]]


def refused(asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
    return [MalformedPayload("is refused", code="refused") for _ in asked]


@dataclass
class Log:
    """What a poller said."""

    events: list[str] = field(default_factory=list)

    def info(self, event: str, **_: Any) -> None:
        self.events.append(event)

    warning = error = info


@dataclass
class StubDesk:
    """A desk that says what it is told to."""

    codec: OdbcCodec
    decide: Decide
    name: str = "queue"

    def decide_many(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        return self.decide(asked)

    def refusal(self, error: ScoregateError) -> Refusal:
        return Refusal(error, [])


class Queue:
    """The table in a database; ``answer`` and ``request`` are other keys of the section's."""

    def __init__(
        self, database: Database, tables: str = TABLES, answer: Mapping[str, Any] | None = None, **request: Any
    ) -> None:
        self.database, self.log = database, Log()
        (database.folder / "tables.yaml").write_text(tables)
        section = WIRE | {"request": {**WIRE["request"], **request}, "answer": answer or WIRE["answer"]}
        self.codec = OdbcCodec(read_wire(section, database.folder))
        moment = "datetime(6)" if database.kind == "mariadb" else "timestamp"
        database.run(DDL.format(moment=moment), INDEX)

    def run(self, *statements: str) -> None:
        self.database.run(*statements)

    def insert(self, *keys: str) -> None:
        """Rows that wait under these keys, in SQL's words; their notes are 00, 01 and so on."""
        values = ", ".join(f"({key}, '{number:02}')" for number, key in enumerate(keys))
        self.run(f"INSERT INTO asked (id, note) VALUES {values}")  # noqa: S608 # literals of the tests

    @property
    def states(self) -> list[tuple[Any, ...]]:
        """State and code of each row, in the order of their keys."""
        return self.database.rows("SELECT state, code FROM asked ORDER BY id")

    def exchange(self) -> Exchange:
        return Exchange(self.codec.wire, self.database.open())

    def poll(self, decide: Decide = refused, *, stop: threading.Event | None = None) -> None:
        """Until nothing waits, or it is told to stop."""
        site = Site(lambda _: self.database.connection(), self.log, stop or threading.Event(), stop is None)
        Poller(StubDesk(self.codec, decide), site).run()  # type: ignore[arg-type]
