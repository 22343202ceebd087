# ruff: noqa: S608 # names come from the DDL, values are parameters
"""Cobalt's tables in a real database, its rows as its clerks would write them, and a poller beside them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from odbc_databases import Database

from adapters.odbc import rows
from adapters.odbc.codec import OdbcCodec
from adapters.odbc.connecting import open_link
from adapters.odbc.polling import Poller
from adapters.odbc.tables import read_tables
from contracts.errors import ScoregateError
from gateway.ledger import Filters, Kind, Ledger
from gateway.service import ServingDesk
from gateway.spi import Answer, Asked, Desk, Site
from gateway.watching.lookout import Lookout

FOLDER = Path(__file__).parents[1] / "fixtures" / "integrations" / "cobalt-core"
TABLES = read_tables(FOLDER / "tables.yaml").found
EXAMPLES = sorted(path.parent for path in (FOLDER / "examples").glob("*/request.json"))
APPROVED: dict[str, Any] = json.loads((EXAMPLES[0] / "request.json").read_text())
DECLINED: dict[str, Any] = json.loads((EXAMPLES[1] / "request.json").read_text())
ANSWERS = ("CREDIT_DECISION", "CREDIT_REASON", "CREDIT_CAUSE", "CREDIT_ESTIMATE")
PATIENCE_S = 120
LISTS = {"REASONS": "CREDIT_REASON", "CAUSES": "CREDIT_CAUSE", "ESTIMATES": "CREDIT_ESTIMATE"}
Meddle = Callable[[Sequence[Asked]], None]


def statements(kind: str) -> list[str]:
    """The statements of Cobalt's DDL for a kind of database."""
    lines = (FOLDER / "ddl" / f"{kind}.sql").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    return [statement for part in text.split(";") if (statement := part.strip())]


class Meddling:
    """A desk in whose time something happens: ``before`` and ``after`` it decides."""

    def __init__(self, desk: ServingDesk, before: Meddle | None = None, after: Meddle | None = None) -> None:
        self._desk, self._before, self._after = desk, before, after
        self.name, self.codec, self.refusal = desk.name, desk.codec, desk.refusal

    def decide_many(self, asked: Sequence[Asked]) -> list[Answer | ScoregateError]:
        if self._before:
            self._before(asked)
        found = self._desk.decide_many(asked)
        if self._after:
            self._after(asked)
        return found


@dataclass
class Cobalt:
    """One database with Cobalt's tables. ``log`` is what pollers said."""

    database: Database
    desk: ServingDesk
    log: BytesIO = field(default_factory=BytesIO)

    def make(self, *ddl: str) -> None:
        """Its tables; ``ddl`` in place of its own."""
        self.database.run(*(ddl or statements(self.database.kind)))

    def quote(self, name: str) -> str:
        return f"`{name}`" if self.database.kind == "mariadb" else f'"{name}"'

    def insert(self, *submitted: Mapping[str, Any], **changed: Any) -> None:
        """Rows that wait, as texts like those of an example."""
        table = TABLES["CREDIT_REQUEST"]
        link = open_link(self.database.connection())
        try:
            for row in submitted:
                values = {name: rows.bound(column, value) for name, value in {**row, **changed}.items()
                          if (column := table.column(name))}  # fmt: skip
                names = ", ".join(map(self.quote, values))
                marks = ", ".join("?" * len(values))
                into = f"INSERT INTO {self.quote('CREDIT_REQUEST')} ({names})"
                link.execute(f"{into} VALUES ({marks})", [*values.values()])
            link.commit()
        finally:
            link.close()

    def change(self, changes: str, where: str = "1 = 1") -> None:
        """An UPDATE of requests, written with double quotes around names."""
        self.database.run(self.own(f'UPDATE "CREDIT_REQUEST" SET {changes} WHERE {where}'))

    def own(self, sql: str) -> str:
        return sql.replace('"', "`") if self.database.kind == "mariadb" else sql

    def requests(self, *names: str) -> dict[str, tuple[str | None, ...]]:
        """Columns of every request by its id; blanks at the end are left out."""
        columns = ", ".join(map(self.quote, ("REQUEST_ID", *names)))
        found = self.database.rows(f"SELECT {columns} FROM {self.quote('CREDIT_REQUEST')} ORDER BY 1")
        return {row[0]: tuple(v.rstrip() if v else v for v in row[1:]) for row in found}

    @property
    def states(self) -> dict[str, str | None]:
        return {key: values[0] for key, values in self.requests("STATUS").items()}

    def answers(self, table: str = "CREDIT_DECISION") -> dict[str, list[dict[str, Any]]]:
        """What stands in a table of answers, by request, in the terms of an example's answer."""
        columns = TABLES[table].columns
        names = ", ".join(self.quote(column.name) for column in columns)
        order = ", ".join(map(self.quote, TABLES[table].key))
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.database.rows(f"SELECT {names} FROM {self.quote(table)} ORDER BY {order}"):
            read = {c.name: rows.native(c, value) for c, value in zip(columns, row, strict=True)}
            found.setdefault(str(read.pop("REQUEST_ID")), []).append(read)
        return found

    def site(self, *, once: bool = True, stop: threading.Event | None = None) -> Site:
        lookout = Lookout.to(self.log)
        site = Site(lambda _: self.database.connection(), lookout.events, stop or threading.Event(), once, "cobalt")
        self._lookout = lookout
        return site

    def poll(self, desk: Desk | Meddling | None = None, **given: Any) -> None:
        """Poll until nothing waits."""
        poller = Poller(desk or self.desk, self.site(), **given)  # type: ignore[arg-type]
        try:
            poller.run()
        finally:
            self._lookout.flush()

    def await_event(self, event: str) -> None:
        """Until a poller said so."""
        end = time.monotonic() + PATIENCE_S
        while event not in self.events:
            self._lookout.flush()
            assert time.monotonic() < end, self.lines
            time.sleep(0.02)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


def with_wire(desk: ServingDesk, codec: OdbcCodec) -> ServingDesk:
    """The same desk with another codec."""
    import copy

    other = copy.copy(desk)
    other.codec = codec
    return other


def numbered(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The same application as another one."""
    return {**row, "REQUEST_ID": str(number), "APPLICATION_NO": f"CB-2027-{number:06d}"}


def assert_one_answer_each(cobalt: Cobalt, ledger: Ledger, submitted: int) -> None:
    """Rows in = answers out = decisions in the ledger; what stands in the tables is what the ledger has."""
    decisions = [entry.decision_id for entry in ledger.list(Filters(kind=Kind.DECISION), 10_000)]
    found = {table: cobalt.answers(table) for table in ANSWERS}
    answered = found["CREDIT_DECISION"]
    assert set(cobalt.states.values()) == {"D"}
    assert len(cobalt.states) == len(answered) == len(decisions) == len(set(decisions)) == submitted
    assert sorted(str(row["DECISION_NO"]) for (row,) in answered.values()) == sorted(decisions)
    for key, (row,) in answered.items():
        stored = json.loads(ledger.open_payload(str(row["DECISION_NO"])).answer)
        assert row == _as_written("CREDIT_DECISION", stored["columns"])
        assert row["APPLICATION_NO"] == f"CB-2027-{int(key):06d}"
        for name, table in LISTS.items():
            listed = [{**one, "LINE_NO": number} for number, one in enumerate(stored["lists"][name], 1)]
            assert found[table].get(key, []) == [_as_written(table, one) for one in listed]


def _as_written(table: str, told: dict[str, Any]) -> dict[str, Any]:
    """Columns of a stored answer as they are read back from the database."""
    columns = [column for column in TABLES[table].columns if column.name != "REQUEST_ID"]
    return {column.name: rows.native(column, rows.bound(column, told.get(column.name))) for column in columns}
